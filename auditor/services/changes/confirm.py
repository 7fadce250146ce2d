"""The use case "confirm": a change that its targets would take back by themselves stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from auditor.errors import RefusedError
from auditor.model.plan import ApplyReport, FirmwareUpdate, NoUndo, OutcomeOf
from auditor.plan.disruption import USUAL_S, disruptions_of
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


def as_asked(settled: OutcomeOf) -> OutcomeOf:
    """What became of a target, for whoever asked that its change stays: it does only where it is confirmed."""
    if settled.outcome == "already":
        return replace(settled, outcome="refused", text="it was to be rolled back, so that it is not confirmed")
    return replace(settled, outcome="refused") if settled.outcome == "applied" else settled


def refuse_unconfirmable(desk: Desk, stored: StoredPlan, seconds: int) -> None:
    """Refuses what could not be taken back by itself, or could not be confirmed before it is.

    Errors:
        RefusedError: with the target and the reason.
    """
    lasts = {**USUAL_S, **dict(desk.fleet.apply.lasts)}
    for cohort in stored.plan.cohorts:
        others = [name for name in cohort.targets if name in desk.targets and desk.target(name).surface != "httpd"]
        if not others:
            continue
        name, why = others[0], ""
        if final := [step.id for step in cohort.steps if isinstance(step.undo, NoUndo)]:
            why = f"step {final[0]} on {name} cannot be taken back, so it cannot wait to be confirmed."
        elif any(isinstance(step.change, FirmwareUpdate) for step in cohort.steps):
            why = f"firmware of {name} is not taken back unattended."
        elif seconds <= (needed := sum(lasts[one] for one in disruptions_of(cohort.steps))):
            why = f"{name} is changed for about {needed} s, so that nobody could confirm it within {seconds} s."
        if why:
            raise RefusedError(
                why, untouched="Nothing was changed.", next_step=f"Without it:  auditor apply {stored.id[:8]}"
            )
