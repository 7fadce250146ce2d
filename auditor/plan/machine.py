"""The apply machine: carries a plan out target by target, or back, and takes back what fails.

It decides nothing: what is changed stands in the plan, how a target is changed is its surface's, whether the change may
begin was the guard's. It orders the calls, writes the journal, looks again, and believes only what it sees.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from auditor.errors import AuditorError, RefusedError, StoreError
from auditor.model.plan import ApplyReport, Condition, Direction, OutcomeOf, Plan, Step, TargetOutcome, Wave
from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected
from auditor.model.value import show
from auditor.plan.around import RunCommand, run_after, run_before
from auditor.plan.build import cohort_of
from auditor.plan.conditions import Held, Seen, as_far_as_seen, as_found, changed, examine, unlisted, values_of
from auditor.plan.confirming import seen_again, settled
from auditor.plan.halt import Halt
from auditor.plan.in_words import in_words, refusal
from auditor.plan.journal import FileJournal
from auditor.plan.promises import missed, outdated, uncompared, unkept
from auditor.plan.verification import NothingMore, Verification
from auditor.plan.whole import awaited, whole
from auditor.surfaces.interface import Caveat, DeadlineAct, Journal, Observe, Transaction, ignore
from auditor.transport.executor import run_bounded

Checks = tuple[tuple[str, bool], ...]

_FAILURES: Final[Mapping[Direction, tuple[TargetOutcome, ...]]] = {
    "forward": ("refused", "taken back", "incomplete"),
    "back": ("taken back", "incomplete"),
}
"""What counts against a wave: one target that cannot be gone back on keeps no other from it."""


@dataclass(frozen=True)
class Reach:
    """How the machine reaches one target.

    ``begin`` makes a transaction of steps; ``look`` collects and interprets anew. ``traces`` are (kind, name,
    attribute) that every change leaves by itself (a file's digest, the verdict of the last POST); an empty name means
    every resource of the kind. ``command`` runs the site's own commands around the change, where the plan has any.
    ``planned`` gives the target as the plan found it, where that is known.
    """

    begin: Callable[[tuple[Step, ...], Direction, Journal], Transaction]
    look: Callable[[], Awaitable[Seen]]
    traces: frozenset[tuple[str, str, str]] = frozenset()
    command: RunCommand | None = None
    planned: Callable[[], Collected | None] = lambda: None
    verification: Verification = field(default_factory=NothingMore)


@dataclass
class Machine:
    """One run of a plan. ``ended`` is told each target's outcome as soon as it is in the journal.

    ``skip`` are targets that this run leaves alone, with the outcome to report for them. ``halt`` is asked before
    each target is begun.
    """

    plan: Plan
    plan_id: str
    direction: Direction
    sealer: Sealer
    reach: Mapping[str, Reach]
    journal: Callable[[str, Direction], FileJournal]
    ended: Callable[[OutcomeOf], None] = lambda _: None
    observe: Observe = ignore
    skip: Mapping[str, OutcomeOf] = field(default_factory=dict)
    halt: Halt = field(default_factory=Halt)
    _interrupted: bool = False
    _begun: bool = False
    _stopped: str = ""
    _failing: int = 0

    async def run(self) -> ApplyReport:
        """Carries the plan out, wave by wave.

        Errors:
            RefusedError: a precondition does not hold on some target; nothing was changed on any.
        """
        already = await self._examine_all() if self.direction == "forward" else {}
        settled = {**already, **self.skip}
        outcomes: list[OutcomeOf] = []
        for number, wave in enumerate(self.plan.waves):
            outcomes += await self._wave(wave, settled)
            if not self._stopped and wave.pause_s and number + 1 < len(self.plan.waves):
                self.observe(f"waiting {wave.pause_s} s before the next wave")
                self._stopped = await self._pause(wave.pause_s)
        return ApplyReport(self.plan_id, self.direction, tuple(outcomes))

    async def _wave(self, wave: Wave, settled: Mapping[str, OutcomeOf]) -> list[OutcomeOf]:
        """The outcomes of a wave, in its order. What was begun is ended; once the run is stopped, nothing is begun."""
        found: dict[str, OutcomeOf] = {}
        failed = self._failing = 0
        todo = [target for target in wave.targets if target not in settled]
        async for outcome in self._in_turn(todo, wave):
            found[outcome.target] = outcome
            self.ended(outcome)
            failed += outcome.outcome in _FAILURES[self.direction]
            if self._interrupted:
                self._stopped = "the run was interrupted"
            elif outcome.outcome == "incomplete" or outcome.left or failed > wave.stop_after:
                self._stopped = self._stopped or f"stopped after {outcome.target}"
        return [
            settled.get(target) or found.get(target) or OutcomeOf(target, "not started", self._stopped)
            for target in wave.targets
        ]

    async def _in_turn(self, targets: Sequence[str], wave: Wave) -> AsyncIterator[OutcomeOf]:
        """Each target's outcome as it is there. While too many are being taken back, no other is begun."""
        if wave.many == 1:
            for target in targets:
                if not await self._may_begin():
                    return
                yield await self._one(target)
            return
        waiting = list(targets)
        running: set[asyncio.Task[OutcomeOf]] = set()
        while running or (waiting and await self._may_begin()):
            while self._has_room(waiting, running, wave):
                running.add(asyncio.ensure_future(self._one(waiting.pop(0))))
            try:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError as error:
                self._note_interruption(error)
                self._stopped = "the run was interrupted"
                for task in running:
                    task.cancel()  # each takes back what it has begun, and says so
                continue
            try:
                for task in done:
                    yield task.result()
            except AuditorError:  # of one whose journal cannot be written: the others are not left half done by it
                await asyncio.gather(*running, return_exceptions=True)
                raise

    async def _may_begin(self) -> bool:
        """Whether another target is begun; a person who is being asked is waited for."""
        try:
            self._stopped = self._stopped or await self.halt.decided()
        except asyncio.CancelledError as error:
            self._note_interruption(error)
            self._stopped = "the run was interrupted"
        return not self._stopped

    def _has_room(self, waiting: Sequence[str], running: Sized, wave: Wave) -> bool:
        if not waiting or self._stopped or self.halt.stops or self._failing > wave.stop_after:
            return False
        return len(running) < wave.many

    async def recover(self, target: str) -> OutcomeOf | None:
        """Takes back what an ended run left on a target; None where its last run is complete.

        Errors:
            StoreError: the journal is damaged.
        """
        journal = self.journal(target, self.direction).open()
        try:
            runs = journal.runs()
            if not runs or not runs[-1].unfinished:
                return None
            journal.direction = runs[-1].direction
            self.observe(f"{target}: an earlier run was ended midway; taking back")
            reach, steps = self.reach[target], cohort_of(self.plan, target).steps
            transaction = reach.begin(steps, runs[-1].direction, journal)
            try:
                outcome = await self._take_back(
                    target, transaction, journal, None, "an earlier run was ended midway", runs[-1].direction
                )
            finally:
                await whole(transaction.finish())
        finally:
            journal.close()
        self.ended(outcome)
        return outcome

    async def settle(self, target: str, act: DeadlineAct, until: str) -> OutcomeOf:
        """What became of a change that had to be confirmed; see :func:`auditor.plan.confirming.settled`.

        Of one that the target took back by itself the outcome is then in the journal.
        """
        reach, steps = self.reach[target], cohort_of(self.plan, target).steps
        journal = self.journal(target, "forward").open()
        try:
            transaction = reach.begin(steps, "forward", journal)
            outcome = await whole(settled(target, transaction, act, until))
            if outcome.outcome == "taken back":
                outcome = await whole(seen_again(outcome, reach.look, steps, self.sealer))
            if outcome.outcome not in ("taken back", "incomplete"):
                return outcome
            journal.end(outcome.outcome, outcome.text[:2000])
        finally:
            journal.close()
        self.ended(outcome)
        return outcome

    async def _examine_all(self) -> dict[str, OutcomeOf]:
        """The targets that are as wanted already.

        Errors:
            RefusedError: a target is neither as the plan found it nor as it wants it.
        """
        already: dict[str, OutcomeOf] = {}
        stale: list[str] = []
        targets = [target for wave in self.plan.waves for target in wave.targets if target not in self.skip]
        many = max((wave.many for wave in self.plan.waves), default=1)

        async def look(target: str) -> OutcomeOf | tuple[str, ...]:
            return self._stale(target, await self.reach[target].look())

        async for done in run_bounded(targets, look, at_once=many):
            if done.error is not None:
                if isinstance(done.error, AuditorError):
                    done.error.untouched = done.error.untouched or "Nothing was changed."
                raise done.error
            if isinstance(done.result, OutcomeOf):
                already[done.item] = done.result
            elif done.result:
                stale.append(f"{done.item} changed since the plan was made: {'; '.join(done.result[:5])}")
        stale.sort()
        if stale:
            short = self.plan_id[:8]
            raise RefusedError(
                "; ".join(stale[:10]) + ".",
                untouched="Nothing was changed.",
                next_step=f"Look:  auditor show {short} --look      Plan again:  auditor plan --refresh {short}",
            )
        return already

    def _stale(self, target: str, seen: Seen) -> OutcomeOf | tuple[str, ...]:
        """Why the target is not as the plan found it (nothing: it is), or that it is as wanted already."""
        reach, cohort = self.reach[target], cohort_of(self.plan, target)
        found = outdated(cohort, seen, self.sealer, reach.traces, reach.planned)
        if not found:
            return ()
        after = self._examine(_postconditions(cohort.steps), seen)
        told = all(step.postconditions for step in cohort.steps)  # of a step without any nobody can say that it is done
        if told and all(held.holds for held in after) and not unkept(cohort.effects, seen, reach.traces):
            return OutcomeOf(target, "already", "it is so already; nothing was changed", _checks(after))
        return found

    def _uncompared(self, target: str, before: Seen | None) -> Checks:
        why = uncompared(cohort_of(self.plan, target), before, self.reach[target].planned) if before else ""
        return ((why, False),) if why else ()

    async def _one(self, target: str) -> OutcomeOf:
        """One target, from its journal's first line to its outcome."""
        reach, cohort = self.reach[target], cohort_of(self.plan, target)
        journal = self.journal(target, self.direction)
        try:
            journal.open().begin()
        except BaseException as error:
            journal.close()
            if not self._begun or not isinstance(error, AuditorError):
                raise
            return OutcomeOf(target, "refused", refusal(error))  # what became of the others is told all the same
        self._begun = True
        try:
            before: Seen | None = None
            try:
                if self.direction == "forward":
                    before = await reach.look()
                    stale = self._stale(target, before)
                    if stale:
                        text = stale.text if isinstance(stale, OutcomeOf) else "; ".join(stale)
                        return await self._end(journal, OutcomeOf(target, "refused", f"changed meanwhile: {text}"))
                transaction = reach.begin(cohort.steps, self.direction, journal)
            except (Exception, asyncio.CancelledError, KeyboardInterrupt) as error:
                self._note_interruption(error)
                return await self._end(journal, OutcomeOf(target, "refused", refusal(error)))
            try:
                return await self._carry_out(target, transaction, journal, before)
            finally:
                await whole(transaction.finish())
        finally:
            journal.close()

    async def _carry_out(
        self, target: str, transaction: Transaction, journal: FileJournal, before: Seen | None
    ) -> OutcomeOf:
        checks = self._uncompared(target, before)
        try:
            checks += _said(await run_before(self.reach[target].command, journal))
            checks += _said(await self.reach[target].verification.begin(before))
            checks += _said(await transaction.prepare())
        except (Exception, asyncio.CancelledError, KeyboardInterrupt) as error:
            self._note_interruption(error)
            return await self._end(journal, OutcomeOf(target, "refused", refusal(error)))
        for text, _ in checks:
            self.observe(f"{target}: {text}")
        try:
            done = await transaction.perform()
            checks += _said(done)
            checks += await self._verify(target, before)
        except (Exception, asyncio.CancelledError, KeyboardInterrupt) as error:
            self._note_interruption(error)
            self._failing += 1
            self.observe(f"{target}: failed, taking back: {in_words(error)}")
            return await self._take_back(target, transaction, journal, before, in_words(error), self.direction)
        outcome: TargetOutcome = "applied" if self.direction == "forward" else "rolled back"
        return await self._end(journal, OutcomeOf(target, outcome, "; ".join(done), checks))

    async def _verify(self, target: str, before: Seen | None) -> Checks:
        """Looks again. Going forward, everything must be as the plan says and nothing else may differ.

        Going back the transaction has compared bytes and values; here it is only said what is seen now, since other
        files may have changed since, or not parse.

        Errors:
            ApplyError: it is not as planned.
        """
        reach, cohort = self.reach[target], cohort_of(self.plan, target)
        if self.direction == "back":
            try:
                seen = await reach.look()
            except AuditorError as error:
                return ((f"read back: {in_words(error)}", False),)
            worse = await reach.verification.wrong(seen)
            return _checks(as_found(cohort.steps, seen, self.sealer)) + tuple((one, False) for one in worse)
        after = await reach.look()
        held = self._examine(_postconditions(cohort.steps), after)
        wrong = [one.sentence for one in held if not one.holds]
        wrong += unkept(cohort.effects, after, reach.traces)
        if before is not None:
            found = changed(values_of(before.interpretation), values_of(after.interpretation), reach.traces)
            wrong += [
                f"{effect.address} changed from {_shown(effect.before)} to {_shown(effect.after)}, "
                "which the plan does not list"
                for effect in unlisted(found, cohort.effects)
            ]
        wrong += await reach.verification.wrong(after)
        if wrong:
            raise StoppedError("; ".join(wrong[:10]))
        told = missed(cohort.effects, after) or ((as_far_as_seen("nothing else changed", after), True),)
        return _checks(held) + told + _said(reach.verification.told())

    async def _take_back(
        self,
        target: str,
        transaction: Transaction,
        journal: FileJournal,
        before: Seen | None,
        why: str,
        direction: Direction,
    ) -> OutcomeOf:
        """Takes back, looks again, and says whether everything is as before."""
        try:
            done = await whole(transaction.take_back())
        except Exception as error:
            text = f"{why}; and taking back failed: {in_words(error)}"
            return await self._end(journal, OutcomeOf(target, "incomplete", text))
        checks = _said(done)
        try:
            seen = await whole(awaited(self.reach[target].look()))
        except Exception as error:
            text = f"{why}; taken back, but it cannot be read to verify that: {in_words(error)}"
            return await self._end(journal, OutcomeOf(target, "incomplete", text, checks))
        wrong = self._not_as_before(target, before, seen, direction)
        wrong += await whole(self.reach[target].verification.lost())
        if wrong:
            text = f"{why}; taken back, yet not as before: {'; '.join(wrong[:10])}"
            return await self._end(journal, OutcomeOf(target, "incomplete", text, checks))
        checks += self._seen_back(target, before, seen, direction)
        return await self._end(journal, OutcomeOf(target, "taken back", why, checks))

    def _seen_back(self, target: str, before: Seen | None, seen: Seen, direction: Direction) -> Checks:
        """What was verified of what is taken back. Of a way back without a look from before: that the plan stands."""
        if before is None and direction == "back":
            return _checks(self._examine(_postconditions(cohort_of(self.plan, target).steps), seen))
        return ((as_far_as_seen("as before", seen), True),)

    def _not_as_before(self, target: str, before: Seen | None, seen: Seen, direction: Direction) -> list[str]:
        reach, cohort = self.reach[target], cohort_of(self.plan, target)
        if before is not None:
            found = changed(values_of(before.interpretation), values_of(seen.interpretation), reach.traces)
            return [f"{effect.address} was {_shown(effect.before)} and is {_shown(effect.after)}" for effect in found]
        # Without a look from before, the plan says how it was; going back, other edits since are not ours to judge.
        if direction == "back":
            return []
        return [held.sentence for held in as_found(cohort.steps, seen, self.sealer) if not held.holds]

    def _examine(self, conditions: Sequence[Condition], seen: Seen) -> tuple[Held, ...]:
        return examine(conditions, seen, self.sealer)

    async def _end(self, journal: FileJournal, outcome: OutcomeOf) -> OutcomeOf:
        """Puts the target back into service, then writes the outcome, on disk before anybody is told.

        A target that is neither as planned nor as before stays out of service: a person decides.
        """
        text = outcome.text
        if outcome.outcome != "incomplete":
            done, left = await whole(run_after(self.reach[outcome.target].command, journal))
            checks = ((done or left, not left),) if done or left else ()
            outcome = msgspec.structs.replace(outcome, checks=(*outcome.checks, *checks), left=left)
            text = f"{text}; {left}" if left else text
        try:
            journal.end(outcome.outcome, text[:2000])
        except StoreError as error:
            text = f"{outcome.text}; and the journal could not be ended: {error.what}"
            return OutcomeOf(outcome.target, "incomplete", text, outcome.checks)
        return outcome

    def _note_interruption(self, error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError | KeyboardInterrupt):
            self._interrupted = True
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()

    async def _pause(self, seconds: int) -> str:
        try:
            await self.halt.pause(seconds)
        except asyncio.CancelledError as error:
            self._note_interruption(error)
            return "the run was interrupted between two waves"
        return ""


class StoppedError(AuditorError):
    """What was seen after the change is not what the plan says; taking back comes next."""


def _postconditions(steps: Sequence[Step]) -> tuple[Condition, ...]:
    return tuple(dict.fromkeys(condition for step in steps for condition in step.postconditions))


def _checks(held: Sequence[Held]) -> Checks:
    return tuple((one.sentence, one.holds) for one in held)


def _said(texts: Sequence[str]) -> Checks:
    return tuple((str(text), not isinstance(text, Caveat)) for text in texts)


def _shown(value: Any) -> str:
    return "absent" if value is None else show(value)
