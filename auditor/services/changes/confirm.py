"""The use case "confirm": a change that its targets would take back by themselves stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import RefusedError
from auditor.model.plan import ApplyReport
from auditor.plan.folder import StoredPlan

if TYPE_CHECKING:
    from auditor.services.changes.desk import Desk


async def confirm_plan(desk: Desk, words: str) -> ApplyReport:
    """Confirms the plan that the words name on every target that waits for it.

    A target that has taken the change back already is reported as that: one rename there decides.

    Errors:
        InputError: there is no such plan, or it was damaged.
        RefusedError: nothing of it waits to be confirmed, or the fleet is locked.
        StoreError: all was confirmed, but the store could not be told.
    """
    from auditor.services.changes.run import PlanRun

    return await PlanRun(desk, "forward", confirming=True).confirm(words)


def refuse_unconfirmable(desk: Desk, stored: StoredPlan) -> None:
    """Only a machine with files of its own can take a change back without this one.

    Errors:
        RefusedError: the plan changes another kind of target.
    """
    names = sorted({target for cohort in stored.plan.cohorts for target in cohort.targets})
    other = [name for name in names if name in desk.targets and desk.target(name).surface != "httpd"]
    if other:
        raise RefusedError(
            f"{other[0]} cannot take a change back by itself: that is for trees of httpd.",
            untouched="Nothing was changed.",
            next_step=f"Without it:  auditor apply {stored.id[:8]}",
        )
