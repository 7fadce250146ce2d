"""How a run reaches its targets: transactions, looks, commands, and the journal of each."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from auditor.errors import AuditorError
from auditor.model.plan import Direction, Plan, Step
from auditor.model.snapshot import Collected
from auditor.model.target import Target
from auditor.plan.build import cohort_of
from auditor.plan.conditions import Seen
from auditor.plan.disruption import disruptions_of
from auditor.plan.held import HeldDeadline, deadline_path, holder_lives
from auditor.plan.holding import HeldTransaction
from auditor.plan.journal import (
    FileJournal,
    is_busy,
    journal_path,
    journals_below,
    outcomes_of,
    read_entries,
    runs_of,
)
from auditor.plan.machine import Reach
from auditor.services.catalogue import artefacts_of
from auditor.services.changes.around import command_for
from auditor.services.changes.desk import traces_of
from auditor.services.changes.judging import Judged
from auditor.services.changes.verifying import Verifying
from auditor.surfaces.interface import ActOptions, Confirmable, Journal, Transaction
from auditor.surfaces.registry import surface
from auditor.transport.outliving import start_outliving

if TYPE_CHECKING:
    from auditor.model.event import Event
    from auditor.plan.folder import StoredPlan
    from auditor.services.changes.desk import Desk

BUSY_WITHIN_S: Final = 1200.0
_COSTS: Final = (("iLO reset", "another reset of the iLO"), ("reboot", "another reboot"))


def reach_of(
    desk: Desk,
    plan_id: str,
    plan: Plan,
    target: Target,
    direction: Direction,
    confirm_within_s: int = 0,
    judged_by: Judged | None = None,
) -> Reach:
    """How a run of a plan reaches one target. A target without a timer of its own gets this controller's."""

    def begin(steps: tuple[Step, ...], way: Direction, journal: Journal) -> Transaction:
        _forget(desk, target)
        options = ActOptions(
            plan,
            plan_id,
            journal,
            desk.sealer,
            desk.environment,
            desk.observe,
            log_ins=desk.log_ins,
            holder=desk.holder,
            confirm_within_s=confirm_within_s,
            artefacts=artefacts_of(desk.fleet, steps),
        )
        made = surface(target.surface).begin(target, steps, way, options)
        if isinstance(made, Confirmable):
            return made
        held = held_deadline(desk, plan_id, target.name)
        return HeldTransaction(made, held, journal, way, confirm_within_s, _costs(plan, target.name))

    command = command_for(desk, plan, plan_id, target, direction)
    look, planned = partial(desk.look, target), partial(planned_state, desk, plan, target.name)
    traces = traces_of(plan, target)
    verifying = Verifying(desk, plan, target, direction, traces, judged_by)
    return Reach(begin, look, traces, command, planned, verification=verifying)


def remembering_last(reach: Reach, target: str, last: dict[str, Seen]) -> Reach:
    """The same reach, which keeps the last look at the target in ``last``; none, where that look failed."""

    async def look() -> Seen:
        last.pop(target, None)
        last[target] = seen = await reach.look()
        return seen

    return replace(reach, look=look)


def planned_state(desk: Desk, plan: Plan, target: str) -> Collected | None:
    """A target as the plan found it; None where the store does not hold that any more."""
    from auditor.store import Store

    if not plan.origin.snapshot:
        return None
    try:
        with Store.open(desk.fleet.store_path) as store:
            return store.read(plan.origin.snapshot, target)
    except AuditorError:
        return None


def journal_of(desk: Desk, plan_id: str, target: str, direction: Direction) -> FileJournal:
    """The journal of a plan on a target."""
    return FileJournal(journal_path(desk.journals, plan_id, target), plan_id, target, direction, desk.acts, desk.clock)


def outcomes_so_far(desk: Desk, stored: StoredPlan) -> dict[str, tuple[str, ...]]:
    """What became of each target of a plan, by the journals, and by the ledger of what another controller did."""
    told: dict[str, list[Event]] = {}
    for event in desk.events(stored.id):
        if event.plan == stored.id and event.kind in ("applied", "rolled back"):
            for target in event.targets:
                told.setdefault(target, []).append(event)
    outcomes: dict[str, tuple[str, ...]] = {}
    outcomes.update((target, tuple(one.kind for one in events)) for target, events in told.items())
    for plan_id, target, path in journals_below(desk.journals):
        if plan_id == stored.id and (became := outcomes_of(runs := runs_of(read_entries(path)))):
            last = max((run.ended or run.entries[-1]).time for run in runs)
            later = (event.kind for event in told.get(target, ()) if event.time > f"{last[:19]}Z")
            outcomes[target] = (*became, *later)
    return outcomes


async def freed(path: Path, target: str, desk: Desk) -> None:
    """Waits, within a bound, until no other process writes a journal: one takes back what was not confirmed."""
    deadline = time.monotonic() + BUSY_WITHIN_S
    told = False
    while is_busy(path) and time.monotonic() < deadline:
        if not told:
            desk.observe(f"{target} is being taken back by this controller; waiting for that to end")
            told = True
        await asyncio.sleep(0.2)


def held_deadline(desk: Desk, plan_id: str, target: str) -> HeldDeadline:
    """The deadline that this controller holds for a plan on a target."""
    path = deadline_path(desk.deadlines, plan_id, target)
    return HeldDeadline(path, desk.acts, desk.clock, holder_of(desk, plan_id))


def holder_of(desk: Desk, plan_id: str) -> Callable[[], str]:
    """Starts the process that holds a plan's deadlines, where none does, and says what keeps it alive."""

    def start() -> str:
        if holder_lives(desk.deadlines / plan_id):
            return "by the process of this run"
        holder = [sys.executable, "-P", "-X", "utf8", "-m", "auditor.services.changes.holding"]
        words = [*holder, str(desk.fleet.root.resolve()), plan_id, *([desk.cafile] if desk.cafile else [])]
        return start_outliving(words, desk.environment, f"auditor-hold-{plan_id[:16]}")

    return start


def unless_confirmed(desk: Desk, plan_id: str, target: str, until: str) -> str:
    """What happens to a change at that time unless it is confirmed, and by whom."""
    held = held_deadline(desk, plan_id, target)
    if held.state == "reverting":
        return f"not confirmed by {until}, so this controller takes it back"
    if held.state == "reverted":
        return f"not confirmed by {until}, so this controller took it back; the next command looks and records it"
    by = "itself"
    if held.state == "pending":
        by = "this controller" if holder_lives(held.folder.parent) else "the next command"
    gone = ", since the process that was to do it has ended," if by == "the next command" else ""
    return f"taken back by {by} at {until}{gone} unless it is confirmed"


def _costs(plan: Plan, target: str) -> str:
    again = disruptions_of(cohort_of(plan, target).steps)
    named = [text for disruption, text in _COSTS if disruption in again]
    return f"; taking back costs {' and '.join(named)}" if named else ""


def _forget(desk: Desk, target: Target) -> None:
    """What is remembered of a target ends with a change of it: the next look is a whole one."""
    from auditor.surfaces.ilo.remembered import forget

    try:
        forget(desk.fleet.state_path, target.name)
    except OSError as error:  # no reason to leave a change half done
        desk.tell(f"what is remembered of {target.name} cannot be removed: {error.strerror or error}")
