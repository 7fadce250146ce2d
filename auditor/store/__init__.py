"""The git store: snapshots by object ids and fast-import, history, ledger."""
