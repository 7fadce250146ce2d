"""The use case "rollback"."""

from __future__ import annotations

from auditor.errors import RefusedError
from auditor.model.plan import ApplyReport
from auditor.plan.folder import read_plan
from auditor.plan.halt import Halt
from auditor.plan.rehearsal import objections
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


def lacking(desk: Desk, plan_id: str) -> RefusedError | None:
    """Why a plan that was just written cannot be applied at once; None where it can.

    Errors:
        InputError, RefusedError, StoreError: who may approve cannot be read.
    """
    stored = read_plan(desk.fleet.plans_path, plan_id)
    verdict = desk.verdict(stored)
    needed = desk.rules().rehearsal and verdict.emergency is None
    reasons = (*verdict.reasons, *objections(stored, required=needed))
    if not reasons:
        return None
    short = plan_id[:8]
    rehearse = f"auditor rehearse {short}      then:  " if needed else ""
    return RefusedError(
        f"plan {short} is written and waits: {'; '.join(reasons)}.",
        untouched="Nothing was changed.",
        next_step=f"{rehearse}auditor approve {short} --key FILE      then:  auditor apply {short}",
    )
