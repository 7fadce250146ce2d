"""Builds a plan from what the surfaces propose. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from auditor.errors import InputError, RefusedError
from auditor.model.plan import (
    DISRUPTIONS,
    AttributeIs,
    Cohort,
    Commands,
    Condition,
    Disruption,
    Effect,
    FindingRef,
    Origin,
    Plan,
    Probe,
    Proposal,
    Step,
)
from auditor.model.snapshot import Gap, hides
from auditor.plan.claims import check_claims
from auditor.plan.consents import check_consents, one_way
from auditor.plan.verification import check_probe
from auditor.plan.waves import Waves

_GAPS_NAMED: Final = 8


@dataclass(frozen=True)
class PlanRequest:
    """Who wants what and why. ``author`` is the principal that will sign; ``expiry_hours`` comes from the fleet."""

    reason: str
    author: str
    origin: Origin
    created: datetime
    expiry_hours: int = 72
    fixes: tuple[FindingRef, ...] = ()
    introduces: tuple[FindingRef, ...] = ()
    consents: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    waves: Waves = Waves()  # noqa: RUF009 - it holds no state
    commands: Commands = Commands()  # noqa: RUF009 - it holds no state
    probes: tuple[Probe, ...] = ()


def build_plan(proposals: Sequence[Proposal], request: PlanRequest) -> Plan:
    """One plan of what was proposed for each target. Targets whose steps and effects are the same share a cohort.

    Unless asked otherwise the plan changes one target first, then the others; any failure stops it.

    Errors:
        RefusedError: nothing to do, or a step that cannot be taken back without a consent to it.
        InputError: the reason or author is empty, steps share an id, a size of a wave is none, a consent is to no step.
    """
    _check_request(request)
    with_steps = [one for one in proposals if one.steps]
    refusals = [f"{one.target}: {refusal}" for one in proposals for refusal in one.refusals]
    if not with_steps:
        raise RefusedError(
            "nothing can be planned: " + "; ".join(refusals)
            if refusals
            else f"nothing is to be changed: {_already(proposals)}.",
            untouched="No plan was written.",
        )
    cohorts = _cohorts([one_way(one, request.consents) for one in with_steps])
    _check_steps(cohorts, request.consents)
    targets = tuple(sorted(one.target for one in with_steps))
    notes = (
        *request.notes,
        *(f"not part of this plan: {refusal}" for refusal in refusals),
        *dict.fromkeys(f"{one.target}: {note}" for one in proposals for note in one.notes),
    )
    created = request.created.astimezone(UTC).replace(microsecond=0)
    return Plan(
        reason=request.reason.strip(),
        author=request.author,
        created=stamp(created),
        expires=stamp(created + timedelta(hours=request.expiry_hours)),
        origin=request.origin,
        waves=request.waves.of(targets),
        commands=request.commands if request.commands != Commands() else msgspec.UNSET,
        probes=request.probes or msgspec.UNSET,
        cohorts=cohorts,
        fixes=tuple(sorted(request.fixes, key=lambda ref: (ref.rule, ref.address))),
        introduces=tuple(sorted(request.introduces, key=lambda ref: (ref.rule, ref.address))),
        irreversible_consents=tuple(sorted(request.consents)),
        notes=notes,
    )


def certain(proposal: Proposal) -> Proposal:
    """The proposal as a plan may rest on it: without steps where an effect could be missing, else with what is open."""
    unknown = [one for one in proposal.undecided if one.about == "value"]
    if proposal.steps and unknown:
        whys = tuple(f"{one.address}: what becomes of it could not be decided: {one.why}." for one in unknown)
        return msgspec.structs.replace(proposal, steps=(), effects=(), refusals=(*proposal.refusals, *whys))
    notes = tuple(f"not decided: {one.address}: {one.about}: {one.why}" for one in proposal.undecided)
    return msgspec.structs.replace(proposal, notes=(*proposal.notes, *notes))


def with_unseen(proposal: Proposal, gaps: tuple[Gap, ...]) -> Proposal:
    """The proposal with a note on what was not seen of its target, where that may hide an effect of its kinds."""
    kinds = sorted({effect.address.kind for effect in proposal.effects})
    hiding = list(dict.fromkeys(gap for kind in kinds for gap in hides(gaps, kind)))
    if not proposal.steps or not hiding:
        return proposal
    named = [f"{gap.what} ({gap.detail or gap.cause})"[:200] for gap in hiding[:_GAPS_NAMED]]
    if len(hiding) > _GAPS_NAMED:
        named.append(f"and {len(hiding) - _GAPS_NAMED} more")
    note = f"not all of it was seen, so not every effect may be listed: {', '.join(named)}"
    return msgspec.structs.replace(proposal, notes=(*proposal.notes, note))


def _already(proposals: Sequence[Proposal]) -> str:
    """What the surfaces say of wishes that are fulfilled, each with its target."""
    notes = dict.fromkeys(f"{one.target}: {note}" for one in proposals for note in one.notes)
    return "; ".join(list(notes)[:8]) or "it is so already"


def stamp(moment: datetime) -> str:
    """A time as plans write it: UTC, whole seconds, ``Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def moment_of(text: str) -> datetime:
    """The time that a plan wrote.

    Errors:
        InputError: the text is no such time.
    """
    try:
        if not _STAMP.fullmatch(text):
            raise ValueError("not YYYY-MM-DDThh:mm:ssZ")
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is not a time in UTC: {error}") from error


def cohort_of(plan: Plan, target: str) -> Cohort:
    """The cohort that a target of the plan belongs to.

    Errors:
        InputError: the plan does not name the target.
    """
    for cohort in plan.cohorts:
        if target in cohort.targets:
            return cohort
    raise InputError(f"the plan does not name {target}")


def disruption_of(steps: Sequence[Step]) -> Disruption:
    """The heaviest disruption among the steps: one reload or reset serves them all."""
    return max((step.disruption for step in steps), key=DISRUPTIONS.index, default="none")


def check_plan(plan: Plan) -> None:
    """Refuses a plan that no builder of ours makes, whoever signed it.

    Errors:
        InputError: waves and cohorts name other targets, a target stands twice, steps share an id, times are no times,
            a step says of itself what its change is not, a consent is to no step, a probe is no request.
        RefusedError: a step that cannot be taken back, without a consent to it.
    """
    moment_of(plan.created)
    moment_of(plan.expires)
    in_cohorts = [target for cohort in plan.cohorts for target in cohort.targets]
    in_waves = [target for wave in plan.waves for target in wave.targets]
    if sorted(in_cohorts) != sorted(in_waves) or len(set(in_cohorts)) != len(in_cohorts) or not in_cohorts:
        raise InputError("the plan's waves and cohorts do not name the same targets, each once")
    if any(wave.stop_after < 0 or wave.pause_s < 0 or wave.many < 1 for wave in plan.waves):
        raise InputError("a wave of the plan has a negative number")
    for probe in plan.asked:
        check_probe(probe)
    for step in (step for cohort in plan.cohorts for step in cohort.steps):
        check_claims(step)
    _check_steps(plan.cohorts, plan.irreversible_consents)


def _check_request(request: PlanRequest) -> None:
    if not request.reason.strip():
        raise InputError("a plan needs a reason", next_step='Say why:  auditor plan … --reason "…"')
    if not request.author.strip():
        raise InputError("a plan needs an author", next_step="Say who you are, as the file  approvers  names you.")
    if request.expiry_hours <= 0:
        raise InputError("a plan must be valid for at least an hour")


def _cohorts(proposals: Sequence[Proposal]) -> tuple[Cohort, ...]:
    """Groups the proposals by what they do, in the order of their first target."""
    groups: dict[bytes, tuple[list[str], tuple[Step, ...], tuple[Effect, ...]]] = {}
    for proposal in sorted(proposals, key=lambda one: one.target):
        steps = tuple(_for_any_target(step) for step in proposal.steps)
        effects = tuple(
            msgspec.structs.replace(effect, address=msgspec.structs.replace(effect.address, target=""))
            for effect in proposal.effects
        )
        key = msgspec.json.encode((steps, effects), order="sorted")
        groups.setdefault(key, ([], steps, effects))[0].append(proposal.target)
    return tuple(Cohort(tuple(targets), steps, effects) for targets, steps, effects in groups.values())


def _for_any_target(step: Step) -> Step:
    """The step without the name of the target it was proposed for."""

    def free(condition: Condition) -> Condition:
        if isinstance(condition, AttributeIs):
            return msgspec.structs.replace(condition, address=msgspec.structs.replace(condition.address, target=""))
        return condition

    return msgspec.structs.replace(
        step,
        preconditions=tuple(free(one) for one in step.preconditions),
        postconditions=tuple(free(one) for one in step.postconditions),
    )


def _check_steps(cohorts: Sequence[Cohort], consents: Sequence[str]) -> None:
    for cohort in cohorts:
        ids = [step.id for step in cohort.steps]
        if len(set(ids)) != len(ids) or not all(ids):
            raise InputError(f"the steps for {cohort.targets[0]} do not have ids of their own: {', '.join(ids)}")
    check_consents(cohorts, consents)
