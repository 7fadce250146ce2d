"""The verification of one target's change by the plan's rules and probes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from auditor.model.plan import Direction, Plan, Probe
from auditor.model.target import Target
from auditor.plan.conditions import Seen
from auditor.plan.verification import Answer, Traces, asked, objection, unforeseen, with_traces_of
from auditor.services.changes.desk import Desk
from auditor.services.changes.judging import Judged, judgement_of
from auditor.services.observe import Observed
from auditor.surfaces.interface import Caveat
from auditor.transport.probing import status_of


@dataclass
class Verifying:
    """A :class:`auditor.plan.verification.Verification`; ``judged_by`` None: no rules are at hand."""

    desk: Desk
    plan: Plan
    target: Target
    direction: Direction
    traces: Traces
    judged_by: Judged | None = None
    _before: Seen | None = None
    _answers: list[Answer] = field(default_factory=list)

    @property
    def _probes(self) -> list[Probe]:
        return [one.on(self.target.host) for one in self.plan.asked]

    @property
    def _judged(self) -> Judged | None:
        """The rules, where they are those that the plan was made with: others foresee other findings."""
        rules = self.judged_by
        return rules if rules and self._before and rules.policy.digest == self.plan.origin.policy else None

    async def begin(self, before: Seen | None) -> Sequence[str]:
        """Asks every probe once; says which rules cannot be put."""
        self._before = before if self.direction == "forward" else None
        self._answers = await self._ask()
        said = [_beforehand(one, got) for one, got in zip(self._probes, self._answers, strict=True)]
        if self._before and self.judged_by and self._judged is None and self.plan.origin.policy:
            said.append(Caveat("the rules are others than those that the plan was made with; no finding is compared"))
        return said

    async def wrong(self, after: Seen) -> list[str]:
        """Findings that the plan does not foresee, and probes that fail; going back, probes that answer otherwise."""
        found = self._unforeseen(after)
        return [*found, *await self._objections(expected=self.direction == "forward")]

    def told(self) -> tuple[str, ...]:
        """Of the probes, and of the rules where they were put."""
        shown = (one for one, got in zip(self._probes, self._answers, strict=True) if one.status or got.status)
        probes = [f"{asked(one)} answers as it must" for one in shown]
        return (*probes, *(("the rules find what the plan foresees",) if self._judged else ()))

    async def lost(self) -> list[str]:
        """Probes that answer otherwise than before."""
        return await self._objections(expected=False) if self._answers else []

    async def _objections(self, *, expected: bool) -> list[str]:
        now = await self._ask()
        probes = [one if expected else Probe(one.url, one.host) for one in self._probes]
        found = (objection(*each) for each in zip(probes, self._answers, now, strict=True))
        return [one for one in found if one]

    async def _ask(self) -> list[Answer]:
        answers = await asyncio.gather(*(status_of(one.url, one.host) for one in self._probes))
        return [Answer(*one) for one in answers]

    def _unforeseen(self, after: Seen) -> list[str]:
        rules, before = self._judged, self._before
        if rules is None or before is None:
            return []
        then = with_traces_of(after.interpretation, before.interpretation, self.traces)
        looks = Seen(before.collected, before.interpretation), Seen(after.collected, then)
        old, new = (
            judgement_of(self.desk, Observed(self.target, one.collected, one.interpretation), rules) for one in looks
        )
        return unforeseen(self.plan, self.target.name, old, new)


def _beforehand(probe: Probe, answer: Answer) -> str:
    """How a probe is answered before the change; one that is not, and need not be, can show nothing afterwards."""
    said = f"{asked(probe)}: {answer}"
    return said if probe.status or answer.status else Caveat(f"{said}, so it shows nothing of this change")
