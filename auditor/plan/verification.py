"""What verifies a change beside the values that its plan names: findings that it foresees, and probes of its services.

Pure but for the protocol, which whoever reaches the target implements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from auditor.errors import InputError
from auditor.model.plan import FindingRef, Plan, Probe
from auditor.model.resource import Attribute, Resource, make_resource
from auditor.model.snapshot import Interpretation
from auditor.plan.conditions import Seen

Traces = frozenset[tuple[str, str, str]]


class Judgement(NamedTuple):
    """What rules say of one target: findings by fingerprint, and where a rule, or which, could not be evaluated."""

    findings: Mapping[str, FindingRef]
    places: frozenset[FindingRef] = frozenset()
    rules: frozenset[str] = frozenset()

    def is_open(self, one: FindingRef) -> bool:
        """Whether it cannot be told if there is such a finding."""
        return one in self.places or one.rule in self.rules


class Verification(Protocol):
    """Looks at a target before and after its change."""

    async def begin(self, before: Seen | None) -> Sequence[str]:
        """Learns how things stand before; gives what is to be said. None: nothing was looked at."""
        ...

    async def wrong(self, after: Seen) -> list[str]:
        """What is not as the plan foresees, a sentence each; going back, what is worse than before that."""
        ...

    def told(self) -> tuple[str, ...]:
        """What was verified, for the report."""
        ...

    async def lost(self) -> list[str]:
        """What was there before the change and is not after it was taken back."""
        ...


class NothingMore:
    """A :class:`Verification` of nothing."""

    async def begin(self, before: Seen | None) -> Sequence[str]:
        """Nothing to say."""
        del before
        return ()

    async def wrong(self, after: Seen) -> list[str]:
        """Nothing can be wrong."""
        del after
        return []

    def told(self) -> tuple[str, ...]:
        """Nothing was verified."""
        return ()

    async def lost(self) -> list[str]:
        """Nothing can be lost."""
        return []


def unforeseen(plan: Plan, target: str, before: Judgement, after: Judgement) -> list[str]:
    """The findings that the plan does not foresee: still there although it was to fix them, or new.

    One that was to go and of which nothing can be told any more is not known to be gone.
    """
    introduced = frozenset(plan.introduces)
    fixed = frozenset(one for one in plan.fixes if one.address.target == target) - introduced
    still = sorted(fixed & frozenset(after.findings.values()), key=lambda one: (one.rule, one.address))
    untold = sorted((one for one in fixed - {*still} if after.is_open(one)), key=lambda one: (one.rule, one.address))
    new = {ref for mark, ref in after.findings.items() if mark not in before.findings and ref not in introduced}
    return [
        *(f"{one.rule} is still found at {one.address}, which the plan was to fix" for one in still),
        *(f"{one.rule} cannot be evaluated at {one.address} any more, which the plan was to fix" for one in untold),
        *(
            f"{one.rule} is found at {one.address} now, which the plan does not foresee"
            for one in sorted(new, key=lambda one: (one.rule, one.address))
        ),
    ]


def with_traces_of(after: Interpretation, before: Interpretation, traces: Traces) -> Interpretation:
    """What is there after a change, but for what every change leaves by itself: that is as before it.

    A plan cannot foresee the findings that rest on those.
    """
    old = {(one.kind, one.name): one for one in before.resources}
    kinds = {kind for kind, _, _ in traces}
    resources = tuple(
        _as_before(one, old.get((one.kind, one.name)), traces) if one.kind in kinds else one for one in after.resources
    )
    return msgspec.structs.replace(after, resources=resources)


def _as_before(resource: Resource, old: Resource | None, traces: Traces) -> Resource:
    def left(attribute: str) -> bool:
        kind = resource.kind
        return not traces.isdisjoint(
            {(kind, resource.name, attribute), (kind, "", attribute), (kind, "", ""), (kind, resource.name, "")}
        )

    kept: list[Attribute] = [one for one in resource.attributes if not left(one.name)]
    kept += [one for one in (old.attributes if old else ()) if left(one.name)]
    return make_resource(resource.kind, resource.name, kept, resource.source)


class Answer(NamedTuple):
    """What a probe got: a status, or why there is none (then 0)."""

    status: int
    why: str = ""

    def __str__(self) -> str:
        return str(self.status) if self.status else f"no answer ({self.why})"


def check_probe(probe: Probe) -> None:
    """Refuses a probe that no settings of ours make.

    Errors:
        InputError: it is no request over HTTP, or its host or status is none.
    """
    control = any(ord(one) < 33 or ord(one) > 126 for one in probe.url + probe.host)
    if control or not probe.url.startswith(("http://", "https://")) or probe.status not in (0, *range(100, 600)):
        raise InputError(f"a probe of the plan is no request over HTTP: {probe.url!r} as {probe.host!r}")


def objection(probe: Probe, before: Answer, after: Answer) -> str:
    """Why a probe counts as failed after a change; empty where it does not.

    With a status of its own it must have that; else what it had before.
    """
    if probe.status:
        return "" if after.status == probe.status else f"{asked(probe)}: {after}, not {probe.status}"
    if before.status == after.status:
        return ""
    return f"{asked(probe)}: {after}, and {before} before"


def wanted(probe: Probe) -> str:
    """A probe with what it must answer, for people."""
    return f"{asked(probe)} → {probe.status or 'as before'}"


def asked(probe: Probe) -> str:
    """A probe in words: ``probe https://10.0.0.1/health as shop.example``."""
    return f"probe {probe.url}" + (f" as {probe.host}" if probe.host else "")
