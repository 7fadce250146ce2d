"""One target's rehearsal, in a process of its own: forward, back and forward again on what stands for the target.

It reads a :class:`Task` on standard input and writes a :class:`RehearsedTarget` as the last line of standard output. It
runs under the command that the copy names, so nothing of it can reach the target itself.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from auditor.errors import AuditorError
from auditor.model.plan import Cohort, Direction, Plan, Step, Wave
from auditor.model.rehearsal import RehearsalOutcome, RehearsedTarget
from auditor.model.secret import Sealer
from auditor.model.target import Target
from auditor.model.value import Value, show
from auditor.plan.build import cohort_of
from auditor.plan.conditions import Seen, changed, values_of
from auditor.plan.journal import FileJournal, journal_path
from auditor.plan.machine import Machine, Reach
from auditor.services.changes.desk import traces_of
from auditor.services.observe import WHOLE
from auditor.surfaces.interface import (
    ActOptions,
    CollectOptions,
    InterpretOptions,
    Journal,
    StandIn,
    Surface,
    Transaction,
)
from auditor.surfaces.registry import surface

Checks = list[tuple[str, bool]]


class Task(msgspec.Struct, frozen=True):
    """What is to be rehearsed: a plan on one target, whose copy stands below ``folder``."""

    plan: Plan
    plan_id: str
    target: Target
    folder: str
    key: bytes
    options: InterpretOptions
    ran_on: str


class _FailedError(Exception):
    """The rehearsal showed something that forbids the plan."""


@dataclass
class _Rehearsal:
    task: Task
    stand_in: StandIn
    checks: Checks

    @property
    def _surface(self) -> Surface:
        return surface(self.task.target.surface)

    @property
    def _sealer(self) -> Sealer:
        return Sealer(self.task.key)

    @property
    def _environment(self) -> Mapping[str, str]:
        return {**os.environ, **self.stand_in.environment}

    async def run(self) -> None:
        """Forward, back, forward; each check that held is noted, the first that does not ends it."""
        traces = traces_of(self.task.plan, self.stand_in.target)
        before, state = await self._look(), await self.stand_in.state()
        await self._go("forward", "1", "applied")
        once, once_state = await self._look(), await self.stand_in.state()
        await self._go("back", "1", "rolled back")
        again, again_state = await self._look(), await self.stand_in.state()
        self._same("taken back: every value and byte is as before", before, again, traces, state, again_state)
        await self._go("forward", "2", "applied")
        twice, twice_state = await self._look(), await self.stand_in.state()
        self._same("applied again: the same as the first time", once, twice, traces, once_state, twice_state)

    async def _look(self) -> Seen:
        options = CollectOptions(self._sealer, self._environment)
        collected = await self._surface.collect(self.stand_in.target, options)
        if any(gap.what == WHOLE for gap in collected.gaps):
            raise _FailedError(f"the copy cannot be read: {collected.gaps[0].detail or collected.gaps[0].cause}")
        return Seen(collected, self._surface.interpret(collected, self.task.options))

    async def _go(self, direction: Direction, attempt: str, wanted: str) -> None:
        report = await self._machine(direction, attempt).run()
        outcome = report.outcomes[0]
        self.checks += [(f"{_WORDS[direction]}: {text}", held) for text, held in outcome.checks]
        if outcome.outcome != wanted:
            raise _FailedError(f"{_WORDS[direction]}: {outcome.text or outcome.outcome}")
        missing = [text for text, held in outcome.checks if not held]
        if missing:
            raise _FailedError(f"{_WORDS[direction]}: {'; '.join(missing[:5])}")

    def _machine(self, direction: Direction, attempt: str) -> Machine:
        name = self.task.target.name
        cohort = cohort_of(self.task.plan, name)
        plan = msgspec.structs.replace(
            self.task.plan,
            waves=(Wave("rehearsal", (name,)),),
            cohorts=(Cohort((name,), cohort.steps, cohort.effects),),
        )

        def begin(steps: tuple[Step, ...], way: Direction, journal: Journal) -> Transaction:
            options = ActOptions(plan, self.task.plan_id, journal, self._sealer, self._environment, rehearsal=True)
            return self._surface.begin(self.stand_in.target, steps, way, options)

        return Machine(
            plan=plan,
            plan_id=self.task.plan_id,
            direction=direction,
            sealer=self._sealer,
            reach={name: Reach(begin, self._look, traces_of(plan, self.stand_in.target))},
            journal=partial(self._journal, Path(self.task.folder, f"journal-{attempt}")),
        )

    def _journal(self, folder: Path, target: str, direction: Direction) -> FileJournal:
        return FileJournal(journal_path(folder, self.task.plan_id, target), self.task.plan_id, target, direction)

    def _same(
        self,
        text: str,
        old: Seen,
        new: Seen,
        traces: frozenset[tuple[str, str, str]],
        old_state: Mapping[str, str],
        new_state: Mapping[str, str],
    ) -> None:
        found = changed(values_of(old.interpretation), values_of(new.interpretation), traces)
        wrong = [f"{one.address} was {_shown(one.before)} and is {_shown(one.after)}" for one in found]
        names = sorted({*old_state, *new_state})
        wrong += [f"{name} differs" for name in names if old_state.get(name) != new_state.get(name)]
        self.checks.append((text, not wrong))
        if wrong:
            raise _FailedError(f"not {text.partition(': ')[2]}: {'; '.join(wrong[:5])}")


_WORDS: dict[Direction, str] = {"forward": "forward", "back": "back"}


def _shown(value: Value | None) -> str:
    return "absent" if value is None else show(value)


async def rehearse(task: Task) -> RehearsedTarget:
    """What the rehearsal of one target showed. It raises nothing: a failure is what it shows."""
    checks: Checks = []

    def ended(outcome: RehearsalOutcome, text: str) -> RehearsedTarget:
        return RehearsedTarget(task.target.name, outcome, text, task.ran_on, tuple(checks))

    try:
        async with surface(task.target.surface).stand_in(task.target, Path(task.folder)) as stand_in:
            await _Rehearsal(task, stand_in, checks).run()
    except _FailedError as error:
        return ended("failed", str(error)[:2000])
    except AuditorError as error:
        return ended("failed", error.what[:2000])
    except OSError as error:
        return ended("not rehearsed", f"{error.filename or task.folder}: {error.strerror or error}")
    return ended("passed", "")


def main() -> None:
    """Rehearses the task on standard input."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    result = asyncio.run(rehearse(task))
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")


if __name__ == "__main__":
    main()
