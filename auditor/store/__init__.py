"""Snapshots, the agreed state and the ledger of events, in a bare git repository that only the auditor writes."""

from auditor.store.ledger_chain import Chain, Link, may_lack_seal
from auditor.store.reader import WHOLE_FLEET, Snapshot
from auditor.store.repository import Store, tree_of_collected
from auditor.store.writer import Session, TargetWritten, WriteResult

__all__ = [
    "WHOLE_FLEET",
    "Chain",
    "Link",
    "Session",
    "Snapshot",
    "Store",
    "TargetWritten",
    "WriteResult",
    "may_lack_seal",
    "tree_of_collected",
]
