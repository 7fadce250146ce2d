"""The process that holds a plan's deadlines on this controller and takes back what nobody has confirmed.

    python -m auditor.services.changes.holding FLEET PLAN [CAFILE]

It ends with 0 once its child holds them. The child reads fleet and plan before that, so that nothing that is missing
shows only when the time is over, and goes on with what it has read.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from auditor.errors import AuditorError, CollectError, RefusedError, StoreError
from auditor.plan.build import cohort_of
from auditor.plan.folder import StoredPlan, read_plan
from auditor.plan.held import HeldDeadline, deadlines_below, hold_deadlines
from auditor.plan.journal import JournalBusyError
from auditor.plan.machine import Reach
from auditor.services.changes.desk import Desk, open_desk
from auditor.services.changes.reaching import holder_of, journal_of, reach_of
from auditor.services.fleet import load_fleet
from auditor.surfaces.interface import Confirmable

TRIED_FOR_S: Final = 3600.0
"""How long an iLO that cannot be reached is tried again; the next command goes on after that."""
_AT_ONCE: Final = 16
_LONGEST_PAUSE_S: Final = 60.0
_NEVER_AGAIN: Final = ("refused", "not trusted")


@dataclass
class Holder:
    """Watches the deadlines of one plan; ``pause_s`` is how often it looks."""

    desk: Desk
    stored: StoredPlan
    pause_s: float = 0.5
    tried_for_s: float = TRIED_FOR_S
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def load(self) -> None:
        """Loads all that taking back needs, so that an update of the auditor in between changes nothing.

        Errors:
            AuditorError: a target of the plan cannot be changed from here.
        """
        for cohort in self.stored.plan.cohorts:
            for name in cohort.targets:
                journal = journal_of(self.desk, self.stored.id, name, "forward")
                if self.desk.target(name).surface != "httpd":
                    self._reach(name).begin(cohort.steps, "forward", journal)

    def _reach(self, target: str) -> Reach:
        return reach_of(self.desk, self.stored.id, self.stored.plan, self.desk.target(target), "forward")

    async def watch(self, let_go: Callable[[Callable[[], bool]], bool]) -> None:
        """Takes back whatever is not confirmed in time; returns once nothing waits any more."""
        room = asyncio.Semaphore(_AT_ONCE)
        while True:
            with contextlib.suppress(OSError, StoreError):  # a full disk ends no waiting; it is tried again
                self._begin(room)
                if all(task.done() for task in self._tasks.values()) and let_go(self._waits):
                    return
            await asyncio.sleep(self.pause_s)

    def _begin(self, room: asyncio.Semaphore) -> None:
        """Decides of all whose time is over that they are taken back, and begins that."""
        for held in self._deadlines():
            if held.is_over and held.begin():
                self._forget_ended(held.target)
            if held.state == "reverting" and held.target not in self._tasks:
                self._tasks[held.target] = asyncio.ensure_future(self._taken_back(held, room))

    def _forget_ended(self, target: str) -> None:
        """A plan may be applied again, and be armed again, while this process still holds others of its targets."""
        if (task := self._tasks.get(target)) is not None and task.done():
            del self._tasks[target]

    def _deadlines(self) -> tuple[HeldDeadline, ...]:
        folder = self.desk.deadlines / self.stored.id
        return deadlines_below(folder, self.desk.acts, self.desk.clock, holder_of(self.desk, self.stored.id))

    def _waits(self) -> bool:
        return any(held.state == "pending" for held in self._deadlines())

    async def _taken_back(self, held: HeldDeadline, room: asyncio.Semaphore) -> None:
        """Takes one target back; what cannot be reached is tried again, a refused password never."""
        until, pause = time.monotonic() + self.tried_for_s, self.pause_s
        while held.state == "reverting":
            try:
                async with room:
                    await self._take_back(held)
            except JournalBusyError:  # the apply itself is still at it
                until = time.monotonic() + self.tried_for_s
            except (CollectError, RefusedError, StoreError) as error:
                held.note(str(error), failed=True)
                if getattr(error, "cause", "") in _NEVER_AGAIN or time.monotonic() >= until:
                    return
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            except Exception as error:  # whatever it is, the next command tries again and shows it
                held.note(f"{type(error).__name__}: {error}", failed=True)
                return
            await asyncio.sleep(pause)

    async def _take_back(self, held: HeldDeadline) -> None:
        """The outcome stays open in the journal: the next command looks at the target, and tells the ledger."""
        target, plan = held.target, self.stored.plan
        journal = journal_of(self.desk, self.stored.id, target, "forward").open()
        try:
            runs = journal.runs()
            if not runs or not (runs[-1].awaits or runs[-1].unfinished):
                held.close()
                return
            transaction = self._reach(target).begin(cohort_of(plan, target).steps, "forward", journal)
            try:
                if isinstance(transaction, Confirmable):
                    await transaction.deadline("finish")
            finally:
                await transaction.finish()
        finally:
            journal.close()


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Holds the deadlines of a plan in a child process; gives the exit code, 0 once that is ready."""
    folder, plan_id, *cafile = arguments
    try:
        desk = open_desk(load_fleet(Path(folder)), environment, cafile="".join(cafile))
        holder = Holder(desk, read_plan(desk.fleet.plans_path, plan_id))
        holder.load()
    except AuditorError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    let_go = hold_deadlines(desk.deadlines / plan_id)
    if let_go is None:
        return 0
    if os.fork():
        os._exit(0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    asyncio.run(holder.watch(let_go))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], dict(os.environ)))
