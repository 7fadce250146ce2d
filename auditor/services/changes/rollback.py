"""The use case "rollback"."""

from __future__ import annotations

from auditor.model.plan import ApplyReport
from auditor.plan.halt import Halt
from auditor.services.changes.desk import Desk
from auditor.services.changes.run import PlanRun


async def rollback_plan(desk: Desk, words: str, *, halt: Halt | None = None) -> ApplyReport:
    """Takes an applied plan back on every target where it stands; it can never be applied again.

    Needs no approval (the way back is part of what was approved) and no configuration that parses. A run of the plan
    that was ended midway is taken back the same way. ``halt`` can end the run before the next target.

    Errors:
        InputError: there is no such plan, or it was damaged.
        RefusedError: it does not stand anywhere, or somebody has changed what it changed; nothing was changed.
        IncompleteError: an earlier run cannot be taken back; a person is needed.
        StoreError: all was taken back and verified, but the store could not be told.
    """
    return await PlanRun(desk, "back", halt=halt or Halt()).run(words)
