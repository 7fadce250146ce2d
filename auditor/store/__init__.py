"""Snapshots, the agreed state and the ledger of events, in a bare git repository that only the auditor writes."""

from auditor.store.reader import Snapshot
from auditor.store.repository import Store, tree_of_collected
from auditor.store.writer import Session, TargetWritten, WriteResult

__all__ = ["Session", "Snapshot", "Store", "TargetWritten", "WriteResult", "tree_of_collected"]
