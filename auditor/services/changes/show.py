"""The use case "show": a plan as it stands, whether it is stale or not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from auditor.errors import AuditorError
from auditor.model.event import Event
from auditor.model.plan import Disruption, Plan
from auditor.model.rehearsal import Rehearsal
from auditor.model.snapshot import Waiting
from auditor.plan.approvals import Verdict
from auditor.plan.build import check_plan, cohort_of, disruption_of, moment_of
from auditor.plan.consents import irreversible
from auditor.plan.disruption import DisruptionSum, disruption_sum
from auditor.plan.folder import StoredPlan, read_plan
from auditor.plan.guard import other_key
from auditor.plan.journal import journal_path, outcomes_of, read_entries, runs_of
from auditor.plan.promises import outdated
from auditor.plan.rehearsal import objections, read_rehearsal
from auditor.services.changes.desk import Desk, told, traces_of
from auditor.services.changes.reaching import planned_state, unless_confirmed

_ENDED: Final = ("applied", "rolled back", "taken back")
_USED: Final = {"applied", "rolled back"}
"""Outcomes after which a plan is not applied again; one that was taken back may be."""
_UNDER_WAY: Final = "under way, or ended midway: then the next apply or rollback sees to that first"


class SignerOf(msgspec.Struct, frozen=True):
    """Who signed, proven: principal and key."""

    name: str
    key: str


class ShownPlan(msgspec.Struct, frozen=True):
    """A plan with all that is known of it now.

    ``author`` is None where the author's signature is missing or bad. ``groups`` are (name, approvals, approvals
    needed); ``emergency`` is who approved it in an emergency, and ``reviewed`` whether enough others have since.
    ``reasons`` are sentences why it could not be applied now; none: it could, as far as was looked. ``stale`` are those
    that come from the targets themselves; ``looked`` says whether they were looked at; ``waiting`` is what was seen
    there that is set and not yet effective. ``disruption`` is the heaviest by target, ``in_sum`` that of all;
    ``irreversible`` are steps that cannot be taken back. ``rehearsal`` is its record, None where there is none that
    counts. ``outcomes`` are what became of targets, ``events`` what the ledger says.
    """

    id: str
    plan: Plan
    author: SignerOf | None
    approvers: tuple[SignerOf, ...]
    required: int
    groups: tuple[tuple[str, int, int], ...]
    emergency: SignerOf | None
    reviewed: bool
    reasons: tuple[str, ...]
    set_aside: tuple[str, ...]
    stale: tuple[str, ...]
    looked: bool
    waiting: tuple[Waiting, ...]
    disruption: tuple[tuple[str, Disruption], ...]
    in_sum: DisruptionSum
    irreversible: tuple[str, ...]
    rehearsal: Rehearsal | None
    outcomes: tuple[tuple[str, str], ...]
    events: tuple[Event, ...]
    folder: str


async def show_plan(desk: Desk, words: str, *, look: bool = False) -> ShownPlan:
    """The plan that the words name. With ``look`` its preconditions are read again on every target.

    It opens whatever has become stale; what cannot be verified here is said as a reason.

    Errors:
        InputError: there is no such plan, or its bytes were changed.
    """
    stored = read_plan(desk.fleet.plans_path, words)
    plan = stored.plan
    if look:
        await _settle(desk, stored)
    reasons: list[str] = []
    verdict = _verdict(desk, stored, reasons)
    needed = verdict is not None and verdict.emergency is None and desk.rules().rehearsal
    reasons += [*_own_reasons(desk, plan), *objections(stored, required=needed)]
    stale, waiting = await _stale(desk, plan) if look else ((), ())
    events = _events(desk, stored, reasons)
    outcomes = _outcomes(desk, stored, events, reasons)
    return ShownPlan(
        id=stored.id,
        plan=plan,
        author=SignerOf(verdict.author.name, verdict.author.key) if verdict and verdict.author else None,
        approvers=tuple(SignerOf(one.name, one.key) for one in verdict.approvers) if verdict else (),
        required=verdict.required if verdict else 0,
        groups=tuple((one.name, have, one.required) for one, have in verdict.groups) if verdict else (),
        emergency=_emergency(verdict),
        reviewed=verdict is None or verdict.reviewed,
        reasons=(*reasons, *(f"stale: {one}" for one in stale)),
        set_aside=verdict.set_aside if verdict else (),
        stale=stale,
        looked=look,
        waiting=waiting,
        disruption=tuple((target, disruption_of(cohort.steps)) for cohort in plan.cohorts for target in cohort.targets),
        in_sum=disruption_sum(plan, dict(desk.fleet.apply.lasts)),
        irreversible=tuple(name for name, _ in irreversible(plan.cohorts)),
        rehearsal=_rehearsal(stored),
        outcomes=outcomes,
        events=events,
        folder=str(stored.folder),
    )


async def _settle(desk: Desk, stored: StoredPlan) -> None:
    """Learns what became of changes that had to be confirmed, unless a run is under way, which does that itself."""
    from auditor.services.changes.run import PlanRun

    try:
        await PlanRun(desk, "forward").settle(stored)
    except AuditorError as error:
        desk.tell(f"whether a change was taken back is not asked now: {told(error)}")


def _verdict(desk: Desk, stored: StoredPlan, reasons: list[str]) -> Verdict | None:
    try:
        verdict = desk.verdict(stored)
    except AuditorError as error:
        reasons.append(f"its signatures cannot be verified here: {told(error)}")
        return None
    reasons.extend(verdict.reasons)
    return verdict


def _emergency(verdict: Verdict | None) -> SignerOf | None:
    found = verdict.emergency if verdict else None
    return SignerOf(found.name, found.key) if found else None


def _rehearsal(stored: StoredPlan) -> Rehearsal | None:
    try:
        return read_rehearsal(stored)
    except AuditorError:  # the reasons say so
        return None


def _own_reasons(desk: Desk, plan: Plan) -> list[str]:
    reasons: list[str] = []
    try:
        check_plan(plan)
        if moment_of(plan.expires) <= desk.clock():
            reasons.append(f"it expired on {plan.expires}")
    except AuditorError as error:
        reasons.append(told(error))
    reasons += other_key(plan, desk.sealer.key_id)
    names = {target for cohort in plan.cohorts for target in cohort.targets}
    return reasons + [f"{name} is not in the inventory" for name in sorted(names - desk.targets.keys())]


async def _stale(desk: Desk, plan: Plan) -> tuple[tuple[str, ...], tuple[Waiting, ...]]:
    """The preconditions that do not hold any more, target by target, and what waits there."""
    found: list[str] = []
    waiting: list[Waiting] = []
    for name in sorted({target for cohort in plan.cohorts for target in cohort.targets} & desk.targets.keys()):
        try:
            seen = await desk.look(desk.target(name))
        except AuditorError as error:
            found.append(told(error))
            continue
        then, traces = partial(planned_state, desk, plan, name), traces_of(plan, desk.target(name))
        found += [f"{name}: {one}" for one in outdated(cohort_of(plan, name), seen, desk.sealer, traces, then)]
        waiting += seen.interpretation.waiting
    return tuple(found), tuple(waiting)


def _outcomes(
    desk: Desk, stored: StoredPlan, events: Sequence[Event], reasons: list[str]
) -> tuple[tuple[str, str], ...]:
    """What became of each target; that the plan was used already is a reason."""
    found: list[tuple[str, str]] = []
    used: list[str] = []
    for target in sorted({one for cohort in stored.plan.cohorts for one in cohort.targets}):
        try:
            became, text = _became(desk, stored, target, events)
        except AuditorError as error:
            reasons.append(told(error))
            continue
        if text:
            found.append((target, text))
        if _USED & set(became) or tuple(became[-1:]) == ("incomplete",):
            used.append(f"{target} {text}")
    if used:
        reasons.append("it was carried out already: " + ", ".join(used))
    return tuple(found)


def _became(desk: Desk, stored: StoredPlan, target: str, events: Sequence[Event]) -> tuple[Sequence[str], str]:
    """What ended runs made of a target, and what is to be said of it: by its journal, else by the ledger.

    Errors:
        StoreError: the journal is damaged or cannot be read.
    """
    path = journal_path(desk.journals, stored.id, target)
    if not path.exists():
        became = [event.kind for event in events if event.kind in _ENDED and target in event.targets]
        return became, became[-1] if became else ""
    runs = runs_of(read_entries(path))
    outcomes = outcomes_of(runs)
    if runs and not runs[-1].outcome:
        return outcomes[:-1], _UNDER_WAY
    until = runs[-1].awaits if runs else ""
    waits = f", and {unless_confirmed(desk, stored.id, target, until)}" if until else ""
    return outcomes, f"{outcomes[-1]}{waits}" if outcomes else ""


def _events(desk: Desk, stored: StoredPlan, reasons: list[str]) -> tuple[Event, ...]:
    try:
        return desk.events(stored.id)
    except AuditorError as error:
        reasons.append(f"the ledger cannot be read: {told(error)}")
        return ()
