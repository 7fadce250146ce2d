"""What became of a plan is told by the journals here and by the ledger of what another controller did."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from auditor.model.event import Event, EventKind
from auditor.plan.folder import StoredPlan
from auditor.plan.journal import FileJournal, journal_path
from auditor.services.changes.desk import Desk
from auditor.services.changes.reaching import outcomes_so_far

PLAN, TARGET = "ab" * 32, "web1/httpd"


@pytest.mark.parametrize(
    ("here", "ledger", "became"),
    [
        ((("forward", "taken back", 8),), (("applied", 9),), ("taken back", "applied")),
        ((("forward", "applied", 8),), (("applied", 8), ("rolled back", 9)), ("applied", "rolled back")),
        ((("forward", "applied", 8), ("back", "rolled back", 9)), (("applied", 8),), ("applied", "rolled back")),
        ((("forward", "refused", 9),), (("applied", 8),), ("applied",)),
        ((), (("applied", 8),), ("applied",)),
        ((("forward", "taken back", 8),), (), ("taken back",)),
    ],
)
def test_a_plan_that_another_controller_applied_later_is_applied(
    here: tuple[tuple[str, str, int], ...],
    ledger: tuple[tuple[EventKind, int], ...],
    became: tuple[str, ...],
    tmp_path: Path,
) -> None:
    for direction, outcome, hour in here:
        at = datetime(2026, 11, 22, hour, tzinfo=UTC)
        path = journal_path(tmp_path, PLAN, TARGET)
        journal = FileJournal(path, PLAN, TARGET, direction, clock=lambda at=at: at)  # type: ignore[arg-type, misc]
        journal.open().begin()
        journal.end(outcome)
        journal.close()
    told = tuple(Event(kind, f"2026-11-22T{hour:02}:00:00Z", plan=PLAN, targets=(TARGET,)) for kind, hour in ledger)
    desk = cast(Desk, SimpleNamespace(events=lambda _: told, journals=tmp_path))
    assert outcomes_so_far(desk, cast(StoredPlan, SimpleNamespace(id=PLAN))) == {TARGET: became}
