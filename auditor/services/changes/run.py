"""One run of a plan, forward or back: locks, recovery of ended runs, guard, machine, ledger, agreed state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from msgspec.structs import replace

from auditor.errors import AuditorError, IncompleteError, InputError, RefusedError, StoreError
from auditor.model.event import EventKind
from auditor.model.plan import ApplyReport, Direction, OutcomeOf, Plan, TargetOutcome
from auditor.plan.approvals import Verdict
from auditor.plan.build import check_plan, cohort_of
from auditor.plan.conditions import Seen, changed, unlisted, values_of
from auditor.plan.folder import StoredPlan, read_plan
from auditor.plan.guard import Known, refuse
from auditor.plan.halt import Halt
from auditor.plan.journal import (
    FileJournal,
    JournalBusyError,
    Run,
    journal_path,
    journals_below,
    read_entries,
    runs_of,
)
from auditor.plan.machine import Machine, Reach
from auditor.plan.outcome import cannot_be_taken_back, recovered_text
from auditor.plan.rehearsal import objections
from auditor.services.changes.approve import record_found
from auditor.services.changes.confirm import as_asked, refuse_unconfirmable
from auditor.services.changes.desk import Desk, moment, plan_event, target_event, told, traces_of
from auditor.services.changes.judging import Judged
from auditor.services.changes.reaching import freed, journal_of, outcomes_so_far, reach_of, remembering_last
from auditor.services.changes.secrets import refuse_without_secrets
from auditor.services.observe import Observed
from auditor.surfaces.interface import DeadlineAct
from auditor.transport.lock import hold

_KINDS: Mapping[str, EventKind] = {
    "applied": "applied",
    "rolled back": "rolled back",
    "taken back": "taken back",
    "refused": "refused",
    "incomplete": "incomplete",
}
_STAYING: Mapping[str, TargetOutcome] = {"applied": "applied", "rolled back": "rolled back", "taken back": "taken back"}
"""Outcomes that the ledger is told of by the next run, where this one could not tell it any more."""


@dataclass
class PlanRun:
    """A run of one plan. Nothing is changed before the fleet's lock is held and the guard has agreed.

    ``confirm_within_s`` are the seconds after which a target takes the change back by itself; 0: it does not.
    ``confirming`` says that the plan is not carried out, but confirmed. ``halt`` ends the run before the next target.
    """

    desk: Desk
    direction: Direction
    confirm_within_s: int = 0
    confirming: bool = False
    halt: Halt = field(default_factory=Halt)
    judged_by: Judged | None = None
    _unwritten: list[AuditorError] = field(default_factory=list)
    _last: dict[str, Seen] = field(default_factory=dict)

    async def run(self, words: str) -> ApplyReport:
        """Carries out the plan that the words name; see :func:`auditor.services.changes.apply_plan`."""
        stored = read_plan(self.desk.fleet.plans_path, words)
        check_plan(stored.plan)
        if self.confirm_within_s:
            refuse_unconfirmable(self.desk, stored, self.confirm_within_s)
        with hold(self.desk.fleet.state_path / "lock", "the fleet", f"plan {stored.id[:8]}, {self.direction}"):
            recovered, stuck = await self._recover_all(stored)
            outcomes = outcomes_so_far(self.desk, stored)
            if self.direction == "back" and (recovered or stuck) and not _standing(outcomes):
                return self._ended(ApplyReport(stored.id, "back", (*recovered, *stuck.values())))
            try:
                verdict = self._guard(stored, outcomes)
                refuse_without_secrets(stored.plan, self.direction, self.desk.environment, self.desk.sealer)
                if verdict is not None:
                    record_found(self.desk, stored, verdict)
                names = [target for cohort in stored.plan.cohorts for target in cohort.targets]
                skipped = {**self._skipped(stored, outcomes), **stuck}
                report = await self._machine(stored.id, stored.plan, self.direction, skipped, names).run()
            except RefusedError as error:
                self._refused(stored, error)
                raise
            if not self.confirm_within_s:
                await self._agree(stored, report, self._last)
        return self._ended(replace(report, confirm_within_s=self.confirm_within_s))

    async def confirm(self, words: str) -> ApplyReport:
        """Confirms what waits for it; see :func:`auditor.services.changes.confirm_plan`."""
        stored = read_plan(self.desk.fleet.plans_path, words)
        with hold(self.desk.fleet.state_path / "lock", "the fleet", f"plan {stored.id[:8]}, confirmed"):
            settled, _ = await self._recover_all(stored)
        if not settled:
            raise RefusedError(
                f"nothing of plan {stored.id[:8]} waits to be confirmed.",
                untouched="Nothing was changed.",
                next_step=f"Look:  auditor show {stored.id[:8]}",
            )
        return self._ended(ApplyReport(stored.id, "forward", tuple(map(as_asked, settled))))

    async def settle(self, stored: StoredPlan) -> None:
        """Learns what became of every change that had to be confirmed; nothing else is done."""
        with hold(self.desk.fleet.state_path / "lock", "the fleet", f"plan {stored.id[:8]}, shown"):
            for plan_id, target, path in journals_below(self.desk.journals):
                runs = runs_of(read_entries(path))
                if runs and runs[-1].awaits:
                    await self._settle(stored, plan_id, target, runs[-1])

    # -- before -----------------------------------------------------------------------------------------------------

    async def _recover_all(self, asked: StoredPlan) -> tuple[tuple[OutcomeOf, ...], dict[str, OutcomeOf]]:
        """Takes back what ended runs left, of any plan.

        Gives the outcomes of the plan asked for, and its targets that cannot be taken back: going back, the others
        do not wait for them.

        Errors:
            IncompleteError: a target that the plan is to change cannot be taken back from an earlier run.
        """
        recovered: list[OutcomeOf] = []
        stuck: dict[str, OutcomeOf] = {}
        concerned = {target for cohort in asked.plan.cohorts for target in cohort.targets}
        for plan_id, target, path in journals_below(self.desk.journals):
            if plan_id == asked.id:
                await freed(path, target, self.desk)
            runs = runs_of(read_entries(path))
            if runs and runs[-1].awaits:
                settled = await self._settle(asked, plan_id, target, runs[-1])
                self._refuse_waiting(settled, plan_id, runs[-1], concerned)
                if settled.outcome == "incomplete" and target in concerned and self._carries_out:
                    raise cannot_be_taken_back(plan_id, settled, path)
                if plan_id == asked.id and (self.confirming or settled.outcome != "applied"):
                    recovered.append(settled)
                continue
            if not runs or not runs[-1].unfinished:
                if runs and runs[-1].given_up:
                    self._refuse_given_up(plan_id, target, concerned)
                    continue
                await self._reconcile(plan_id, target, runs)
                continue
            stored = asked if plan_id == asked.id else self._plan_of(plan_id, target)
            machine = self._machine(plan_id, stored.plan, runs[-1].direction, {}, [target])
            try:
                outcome = await machine.recover(target)
            except JournalBusyError as busy:
                if target in concerned:
                    raise
                self.desk.tell(told(busy))
                continue
            if outcome is None:
                continue
            if outcome.outcome == "incomplete":
                error = cannot_be_taken_back(plan_id, outcome, path)
                if target in concerned and self.direction == "forward":
                    raise error
                if target in concerned:
                    stuck[target] = outcome
                else:
                    self.desk.tell(f"a person is needed on {target}, which this plan does not concern: {error.what}")
                continue
            self.desk.tell(recovered_text(plan_id, outcome, runs[-1].direction))
            if plan_id == asked.id:
                recovered.append(outcome)
        return tuple(recovered), stuck

    async def _settle(self, asked: StoredPlan, plan_id: str, target: str, run: Run) -> OutcomeOf:
        """What became of a change that had to be confirmed, recorded; ``applied`` where it still waits."""
        stored = asked if plan_id == asked.id else self._plan_of(plan_id, target)
        machine = self._machine(plan_id, stored.plan, "forward", {}, [target])
        act: DeadlineAct = "ask"
        if plan_id == asked.id:
            act = "confirm" if self.confirming else "disarm" if self.direction == "back" else "ask"
        try:
            outcome = await machine.settle(target, act, run.awaits)
        except JournalBusyError as error:
            return OutcomeOf(target, "applied", told(error))
        if outcome.outcome == "confirmed":
            event = target_event("confirmed", plan_id, stored.plan, moment(self.desk), outcome, self.desk.login)
            self._write(lambda: self.desk.append(event))
            self._decided(plan_id, target, "confirmed")
            await self._agree(stored, ApplyReport(plan_id, "forward", (OutcomeOf(target, "applied", outcome.text),)))
        elif outcome.outcome == "already":
            self._decided(plan_id, target, "rolled back")
        elif outcome.outcome != "applied":
            self.desk.tell(f"{target}: plan {plan_id[:8]}: {outcome.text}")
        return outcome

    def _decided(self, plan_id: str, target: str, how: str) -> None:
        journal = self._journal(plan_id, target, "forward").open()
        try:
            journal.settle(how)
        finally:
            journal.close()

    def _refuse_waiting(self, settled: OutcomeOf, plan_id: str, run: Run, concerned: set[str]) -> None:
        """A target is not changed again while it may take an earlier change back at any moment."""
        if settled.outcome == "applied" and settled.target in concerned and not self.confirming:
            raise RefusedError(
                f"{settled.target} waits until {run.awaits} for plan {plan_id[:8]} to be confirmed; {settled.text}.",
                untouched="Nothing was changed.",
                next_step=f"Confirm it:  auditor confirm {plan_id[:8]}      Or:  auditor rollback {plan_id[:8]}",
            )

    @property
    def _carries_out(self) -> bool:
        """Whether the plan is to be carried out, rather than confirmed or taken back."""
        return self.direction == "forward" and not self.confirming

    def _refuse_given_up(self, plan_id: str, target: str, concerned: set[str]) -> None:
        """A rollback that was ended before it began is not forgotten: nobody confirmed what it was to take back."""
        why = f"plan {plan_id[:8]} on {target} was to be rolled back, and that was ended before it began."
        if target not in concerned or not self._carries_out:
            self.desk.tell(why)
            return
        raise RefusedError(
            why, untouched="Nothing was changed.", next_step=f"Roll it back:  auditor rollback {plan_id[:8]}"
        )

    def _plan_of(self, plan_id: str, target: str) -> StoredPlan:
        try:
            return read_plan(self.desk.fleet.plans_path, plan_id)
        except InputError as error:
            raise IncompleteError(
                f"an earlier run on {target} was ended midway; its plan {plan_id[:8]} cannot be read: {error.what}.",
                untouched="Nothing else was changed.",
                next_step=f"Restore {self.desk.fleet.plans_path / plan_id}, then run this again.",
            ) from error

    def _guard(self, stored: StoredPlan, outcomes: Mapping[str, Sequence[str]]) -> Verdict | None:
        verdict = self.desk.verdict(stored) if self.direction == "forward" else None
        refuse(
            Known(
                stored.plan,
                stored.id,
                self.direction,
                self.desk.clock(),
                self.desk.sealer.key_id,
                verdict,
                outcomes,
                frozenset(self.desk.targets),
                objections(stored, required=self._needs_rehearsal(verdict)),
            )
        )
        for line in verdict.set_aside if verdict else ():
            self.desk.tell(line)
        return verdict

    def _needs_rehearsal(self, verdict: Verdict | None) -> bool:
        """Whether the rules ask for a rehearsal; in an emergency a missing one hinders nobody."""
        return verdict is not None and verdict.emergency is None and self.desk.rules().rehearsal

    def _refused(self, stored: StoredPlan, error: RefusedError) -> None:
        """Records that somebody tried."""
        text, actor = error.what[:1000], self.desk.login
        event = plan_event("refused", stored.id, stored.plan, moment(self.desk), actor=actor, text=text)
        self._write(lambda: self.desk.append(event))

    def _skipped(self, stored: StoredPlan, outcomes: Mapping[str, Sequence[str]]) -> dict[str, OutcomeOf]:
        """Going back: the targets on which the plan does not stand."""
        if self.direction == "forward":
            return {}
        names = (target for cohort in stored.plan.cohorts for target in cohort.targets)
        return {
            name: OutcomeOf(name, "already", "the plan does not stand here")
            for name in names
            if tuple(outcomes.get(name, ()))[-1:] != ("applied",)
        }

    # -- the machine ------------------------------------------------------------------------------------------------

    def _machine(
        self,
        plan_id: str,
        plan: Plan,
        direction: Direction,
        skip: Mapping[str, OutcomeOf],
        names: Sequence[str],
    ) -> Machine:
        return Machine(
            plan=plan,
            plan_id=plan_id,
            direction=direction,
            sealer=self.desk.sealer,
            reach={name: self._reach(plan_id, plan, name) for name in names},
            journal=partial(self._journal, plan_id),
            ended=partial(self._ledger, plan_id, plan),
            observe=self.desk.observe,
            skip=skip,
            halt=self.halt,
        )

    def _reach(self, plan_id: str, plan: Plan, name: str) -> Reach:
        how = self.direction, self.confirm_within_s, self.judged_by
        return remembering_last(reach_of(self.desk, plan_id, plan, self.desk.target(name), *how), name, self._last)

    def _journal(self, plan_id: str, target: str, direction: Direction) -> FileJournal:
        return journal_of(self.desk, plan_id, target, direction)

    # -- afterwards -------------------------------------------------------------------------------------------------

    def _ledger(self, plan_id: str, plan: Plan, outcome: OutcomeOf) -> None:
        """Records an outcome with the time that the journal has for it, so that recording it twice is once."""
        runs = runs_of(read_entries(journal_path(self.desk.journals, plan_id, outcome.target)))
        if runs and not (runs[-1].direction == "back" and outcome.outcome == "taken back"):
            ended = runs[-1].ended or runs[-1].entries[-1]
            time = _time(ended.time)
            event = target_event(_KINDS[outcome.outcome], plan_id, plan, time, outcome, self.desk.login)
            self._write(lambda: self.desk.append(event))
            if outcome.outcome == "taken back" and not self._unwritten:
                self._recorded(plan_id, outcome.target, "forward")

    async def _reconcile(self, plan_id: str, target: str, runs: Sequence[Run]) -> None:
        """Records an outcome that a run had no more time to record: ledger first, then snapshot and agreed state."""
        last = runs[-1] if runs else None
        if last is None or last.ended is None or last.outcome not in _STAYING or last.recorded:
            return
        if (last.direction, last.outcome) == ("back", "taken back"):  # it stands, as the ledger says
            return
        outcome = OutcomeOf(target, _STAYING[last.outcome], dict(last.ended.detail).get("text", ""))
        try:
            stored = self._plan_of(plan_id, target)
        except IncompleteError as error:
            self.desk.tell(told(error))
            return
        events = [event for event in self.desk.events(plan_id) if target in event.targets and event.kind in _STAYING]
        if last.outcome == "taken back":  # which may happen more than once
            events = [event for event in events if event.time == _time(last.ended.time)]
        if [event.kind for event in events][-1:] != [last.outcome]:
            self._ledger(plan_id, stored.plan, outcome)
        elif last.outcome == "taken back":
            self._recorded(plan_id, target, "forward")
        if target in self.desk.targets and last.outcome != "taken back":
            await self._agree(stored, ApplyReport(plan_id, last.direction, (outcome,)))

    async def _agree(self, stored: StoredPlan, report: ApplyReport, last: Mapping[str, Seen] = {}) -> None:
        """Snapshots what was changed. It becomes the agreed state where nothing but the plan differs from that.

        ``last`` are looks that verified the change; a target without one is looked at anew.
        """
        from auditor.services.snapshot import record

        changed_targets = [one.target for one in report.outcomes if one.outcome in ("applied", "rolled back")]
        agreed: list[Observed] = []
        other: list[Observed] = []
        for name in changed_targets:
            try:
                target = self.desk.target(name)
                look = last.get(name)
                seen = (
                    Observed(target, look.collected, look.interpretation) if look else await self.desk.observed(target)
                )
                (agreed if self._only_ours(stored.plan, report.direction, seen) else other).append(seen)
            except AuditorError as error:
                self.desk.tell(f"{name}: changed and verified, but no snapshot was taken: {told(error)}")
        for observed, agree in ((agreed, True), (other, False)):
            if observed:
                self._write(
                    partial(
                        record,
                        self.desk.fleet,
                        observed,
                        agree=agree,
                        now=self.desk.clock(),
                        key_id=self.desk.sealer.key_id,
                        plan=stored.id,
                    )
                )
        for one in other:
            self.desk.tell(
                f"{one.target.name} had drifted otherwise too: the agreed state was left as it is "
                f"(auditor drift {one.target.name})"
            )
        for one in (*agreed, *other) if not self._unwritten else ():
            self._recorded(stored.id, one.target.name, report.direction)

    def _recorded(self, plan_id: str, target: str, direction: Direction) -> None:
        journal = self._journal(plan_id, target, direction).open()
        try:
            journal.record()
        finally:
            journal.close()

    def _only_ours(self, plan: Plan, direction: Direction, seen: Observed) -> bool:
        """Whether the target differs from its agreed state in nothing but what the plan brought."""
        from auditor.services.observe import interpret_options_for, interpreted
        from auditor.store import Store
        from auditor.surfaces.interface import InterpretOptions

        name = seen.target.name
        with Store.open(self.desk.fleet.store_path) as store:
            if name not in store.targets("agreed"):
                return True
            before = store.read("agreed", name)
        options = interpret_options_for(seen.target, InterpretOptions(), self.desk.fleet)
        old = interpreted(seen.target, before, options)
        if not old.seen:
            return False
        found = changed(values_of(old.interpretation), values_of(seen.interpretation), traces_of(plan, seen.target))
        effects = cohort_of(plan, name).effects
        if direction == "back":
            effects = tuple(replace(one, before=one.after, after=one.before) for one in effects)
        return not unlisted(found, effects)

    def _write(self, act: Callable[[], object]) -> None:
        try:
            act()
        except (StoreError, RefusedError) as error:
            self.desk.tell(f"not recorded: {told(error)}")
            self._unwritten.append(error)

    def _ended(self, report: ApplyReport) -> ApplyReport:
        """The report; or an error where the targets are well and the store could not be told so."""
        well = all(one.outcome in ("applied", "already", "confirmed", "rolled back") for one in report.outcomes)
        if self._unwritten and well:
            raise StoreError(
                f"plan {report.plan[:8]}: {', '.join(f'{one.target} {one.outcome}' for one in report.outcomes)} "
                f"and verified, but the store could not be written to: {self._unwritten[0].what}",
                next_step="The next apply or rollback records it; the journals hold it until then.",
            )
        return report


def _standing(outcomes: Mapping[str, Sequence[str]]) -> bool:
    return any(kinds and kinds[-1] == "applied" for kinds in outcomes.values())


def _time(text: str) -> str:
    """A journal's time in whole seconds."""
    return f"{text[:19]}Z"
