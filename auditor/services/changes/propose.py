"""The use case "plan": what is wanted becomes a plan beside which signatures can stand."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from auditor.errors import AuditorError, InputError, RefusedError
from auditor.model.event import Event
from auditor.model.plan import FindingRef, Origin, Plan, Proposal, Wish
from auditor.model.resource import KindSpec
from auditor.model.target import StoredSnapshot, Target
from auditor.plan.approvals import Bad
from auditor.plan.build import PlanRequest, build_plan, certain, with_unseen
from auditor.plan.disruption import DisruptionSum, disruption_sum
from auditor.plan.document import plan_id
from auditor.plan.folder import read_plan, write_author_signature, write_plan
from auditor.plan.foreseen import foreseen
from auditor.plan.waits import waiting_notes
from auditor.plan.waves import Waves
from auditor.services.catalogue import fleet_catalogue
from auditor.services.changes.by_baseline import wishes_of_baselines
from auditor.services.changes.by_rule import notes_on_what_stays, wishes_by_rule
from auditor.services.changes.desk import Desk, moment, plan_event, told
from auditor.services.changes.gone import last_held
from auditor.services.changes.judging import Judged, judgement_of
from auditor.services.changes.restore import restore_files, restore_values
from auditor.services.changes.secrets import at_hand, with_places
from auditor.services.changes.ways import BaselineWay, DiffWay, RuleWay, SetWay, ToWay, Way
from auditor.services.changes.wishes import (
    by_target,
    findings_of,
    parse_secret_before,
    parse_setting,
    rule_named,
    unknown_of,
)
from auditor.services.inventory import resolve_targets
from auditor.services.observe import Observed, interpret_options_for, interpreted
from auditor.surfaces.interface import InterpretOptions, WholeFiles
from auditor.surfaces.registry import surface

if TYPE_CHECKING:
    from auditor.model.policy import Baseline
    from auditor.store import Store


class Proposed(msgspec.Struct, frozen=True):
    """A plan that was written: its id, where it stands, whether its author has signed, what it disrupts in sum."""

    id: str
    plan: Plan
    folder: str
    signed: bool
    in_sum: DisruptionSum
    warnings: tuple[str, ...] = ()


async def propose_plan(
    desk: Desk,
    way: Way,
    *,
    reason: str,
    author: str,
    judged_by: Judged,
    key: Path | None = None,
    consents: tuple[str, ...] = (),
    waves: Waves | None = None,
) -> Proposed:
    """Writes a plan below ``plans/`` and, with a key, the author's signature beside it.

    ``judged_by`` are the rules that say which findings the plan is expected to fix, and which to introduce. ``waves``
    are used instead of the fleet's.

    Errors:
        InputError: what is wanted cannot be understood, or a target is not in the inventory.
        RefusedError: nothing is to be changed, or nothing of it can be; no plan was written.
        CollectError: a target cannot be read.
        StoreError: a revision cannot be read, or the ledger cannot be written to.
    """
    made = await _make(desk, way, judged_by)
    origin = msgspec.structs.replace(made.origin, key_id=desk.sealer.key_id, policy=judged_by.policy.digest)
    fixes, introduces = _expected(desk, made, judged_by)
    planned = [seen for seen, proposal in made.proposals if proposal.steps]
    if planned:
        origin = msgspec.structs.replace(origin, snapshot=_recorded(desk, planned))
    request = PlanRequest(
        reason=reason,
        author=author,
        origin=origin,
        created=desk.clock(),
        expiry_hours=desk.fleet.expiry_hours,
        fixes=fixes,
        introduces=introduces,
        consents=consents,
        notes=(*notes_on_what_stays(made.asked, fixes), *made.notes),
        waves=waves or _waves_of(desk),
        commands=desk.fleet.apply.commands,
        probes=desk.fleet.apply.probes,
    )
    plan = build_plan([with_unseen(proposal, seen.interpretation.gaps) for seen, proposal in made.proposals], request)
    identity = plan_id(plan)
    signature = desk.keygen.sign(identity, key) if key else None
    warnings = _author_warnings(desk, identity, author, signature)
    write_plan(desk.fleet.plans_path, plan, desk.acts)
    folder = desk.fleet.plans_path / identity
    if signature is not None:
        write_author_signature(folder, signature, desk.acts)
    desk.append(_planned(desk, identity, plan, author))
    in_sum = disruption_sum(plan, dict(desk.fleet.apply.lasts))
    return Proposed(identity, plan, str(folder), signature is not None, in_sum, warnings)


def _planned(desk: Desk, identity: str, plan: Plan, author: str) -> Event:
    """The ledger's entry of a new plan, with each step that its author consented to although nothing takes it back."""
    consents = ", ".join(plan.irreversible_consents)
    text = f"{plan.reason}; consented that this cannot be taken back: {consents}" if consents else plan.reason
    event = plan_event("planned", identity, plan, moment(desk), actor=author, text=text)
    return msgspec.structs.replace(event, detail=(("consents", consents),) if consents else ())


def _waves_of(desk: Desk) -> Waves:
    settings = desk.fleet.apply
    return Waves(settings.waves, settings.stop_after, settings.pause_s, settings.at_once)


@dataclass(frozen=True)
class _Made:
    """What was proposed, each with the look at its target that it rests on; ``asked`` are findings that are to go."""

    origin: Origin
    proposals: tuple[tuple[Observed, Proposal], ...]
    asked: tuple[FindingRef, ...] = ()
    notes: tuple[str, ...] = ()


async def _make(desk: Desk, way: Way, judged_by: Judged) -> _Made:
    match way:
        case SetWay():
            kinds = tuple(kind for name in ("httpd", "ilo") for kind in surface(name).kinds)
            wishes = at_hand(_parsed(way, kinds), desk.environment, desk.sealer)
            return _Made(Origin("set", way.words), await _proposals(desk, wishes))
        case RuleWay():
            return await _by_rule(desk, way, judged_by)
        case BaselineWay():
            return await _by_baseline(desk, way)
        case ToWay():
            return await _as_it_was(desk, way)
        case DiffWay():
            return await _by_difference(desk, way)


def _parsed(way: SetWay, kinds: Sequence[KindSpec]) -> tuple[Wish, ...]:
    """Every setting as a wish; all mistakes at once."""
    wishes: list[Wish] = []
    mistakes: list[InputError] = []
    read = [*((one, parse_setting) for one in way.settings), *((one, parse_secret_before) for one in way.before)]
    for text, parse in read:
        try:
            wishes.append(parse(text, kinds))
        except InputError as error:
            mistakes.append(error)
    if mistakes:
        raise InputError.gather(mistakes)
    if not wishes:
        raise InputError("nothing is asked for", next_step="auditor plan --set ADDRESS=VALUE, --rule RULE or --to REV")
    return tuple(wishes)


def _recorded(desk: Desk, seen: Sequence[Observed]) -> str:
    """The revision of the store that holds what the plan is made against: its history tells later what it met."""
    from auditor.services.snapshot import record

    return record(desk.fleet, seen, agree=False, now=desk.clock(), key_id=desk.sealer.key_id).revision


def _expected(desk: Desk, made: _Made, judged_by: Judged) -> tuple[tuple[FindingRef, ...], tuple[FindingRef, ...]]:
    """The findings that the plan is expected to fix, and those it is expected to introduce.

    The rules are put to what is there and to what the effects say will be there.
    """
    fixes: list[FindingRef] = []
    introduces: list[FindingRef] = []
    for seen, proposal in made.proposals:
        if not proposal.steps:
            continue
        later = foreseen(seen.interpretation, proposal.effects)
        now, then = (
            judgement_of(desk, replace(seen, interpretation=one), judged_by) for one in (seen.interpretation, later)
        )
        gone = [ref for fingerprint, ref in now.findings.items() if fingerprint not in then.findings]
        fixes += [ref for ref in gone if not then.is_open(ref)]
        introduces += [ref for fingerprint, ref in then.findings.items() if fingerprint not in now.findings]
    return tuple(fixes), tuple(introduces)


async def _proposals(desk: Desk, wishes: Sequence[Wish]) -> tuple[tuple[Observed, Proposal], ...]:
    """What each target's surface proposes for the wishes about it."""
    asked = by_target(wishes)
    targets = {name: desk.target(name) for name in asked}
    found: list[tuple[Observed, Proposal]] = []
    for name, target in targets.items():
        seen = await desk.observed(target)
        found.append((seen, _proposed(desk, seen, asked[name])))
    return tuple(found)


def _proposed(desk: Desk, seen: Observed, wishes: tuple[Wish, ...]) -> Proposal:
    options = interpret_options_for(seen.target, InterpretOptions(), desk.fleet)
    if any(wish.address.kind == "ilo.firmware" for wish in wishes):
        options = msgspec.structs.replace(options, catalogue=fleet_catalogue(desk.fleet))
    if seen.target.surface == "httpd":
        gone = last_held(desk, wishes, seen.collected)
        options = WholeFiles(**msgspec.structs.asdict(options), sealer=desk.sealer, gone=gone)
    made = certain(surface(seen.target.surface).propose(wishes, seen.collected, options))
    notes = (*made.notes, *waiting_notes(seen.interpretation.waiting, made.steps)) if made.steps else made.notes
    return msgspec.structs.replace(made, notes=notes)


async def _by_rule(desk: Desk, way: RuleWay, judged_by: Judged) -> _Made:
    from auditor.services.check import run_check

    seen = [await desk.observed(target) for target in _targets(desk, way.targets)]

    async def each() -> AsyncIterator[Observed]:
        for one in seen:
            yield one

    rule = rule_named(way.rule, judged_by.policy.rules)
    report = await run_check(each(), judged_by.policy, judged_by.waivers, desk.clock().date())
    findings = findings_of(rule, report)
    proposals: list[tuple[Observed, Proposal]] = []
    for one in seen:
        found = [finding for finding in findings if finding.address.target == one.target.name]
        if found:
            kinds = surface(one.target.surface).kinds
            proposals.append(_agreed(desk, one, *wishes_by_rule(rule, found, one, way.baselines, kinds)))
    asked = tuple(FindingRef(finding.rule, finding.address) for finding in findings)
    digest = _digest(way.baselines) if rule.remedy_agreed else ""
    origin = Origin("rule", (way.rule, *way.targets), baseline=digest)
    return _Made(origin, tuple(proposals), asked, unknown_of(rule, report))


def _agreed(
    desk: Desk, seen: Observed, wishes: tuple[Wish, ...], refusals: tuple[str, ...]
) -> tuple[Observed, Proposal]:
    """What is proposed for wishes that baselines, rules or a state lead to, and what of that no plan can do."""
    placed = at_hand(with_places(wishes, desk.fleet.alerts), desk.environment, desk.sealer)
    made = _proposed(desk, seen, placed) if wishes else Proposal(seen.target.name, (), ())
    return seen, msgspec.structs.replace(made, refusals=(*made.refusals, *refusals))


def _digest(baselines: Sequence[Baseline]) -> str:
    return hashlib.sha256("".join(one.digest for one in baselines).encode()).hexdigest()


async def _by_baseline(desk: Desk, way: BaselineWay) -> _Made:
    from auditor.policy.baselines import applies

    targets = _targets(desk, way.targets)
    concerned = [target for target in targets if any(applies(one, target) for one in way.baselines)]
    if not concerned:
        raise RefusedError(
            "no baseline counts for any of these targets.",
            untouched="No plan was written.",
            next_step="A baseline counts for the groups and hosts that it names.",
        )
    proposals: list[tuple[Observed, Proposal]] = []
    for target in concerned:
        seen = await desk.observed(target)
        wishes, refusals = wishes_of_baselines(way.baselines, seen, surface(target.surface).kinds)
        proposals.append(_agreed(desk, seen, wishes, refusals))
    return _Made(Origin("baseline", (*way.names, *way.targets), baseline=_digest(way.baselines)), tuple(proposals))


async def _as_it_was(desk: Desk, way: ToWay) -> _Made:
    from auditor.store import Store

    with Store.open(desk.fleet.store_path) as store:
        revision, of_plan = _revision(desk, store, way.revision)
        targets = _targets(desk, way.targets or of_plan or ("all",))
        states = {target.name: store.read(revision, target.name) for target in targets}
    proposals: list[tuple[Observed, Proposal]] = []
    for target in targets:
        seen = await desk.observed(target)
        options = interpret_options_for(target, InterpretOptions(), desk.fleet)
        then = interpreted(target, states[target.name], options)
        if not then.seen:
            raise RefusedError(f"{target.name} was not seen at {way.revision}.", untouched="No plan was written.")
        if target.surface == "httpd":
            proposals.append((seen, _restored(desk, seen, then, options, packages=way.packages)))
            continue
        if way.packages:
            proposals.append((seen, Proposal(target.name, (), (), (f"{target.name} has no packages",))))
            continue
        kinds = surface(target.surface).kinds
        wishes, refusals = restore_values(then.interpretation, seen.interpretation, kinds)
        proposals.append(_agreed(desk, seen, wishes, refusals))
    return _Made(Origin("to", way.words(revision, way.targets or of_plan)), tuple(proposals))


def _restored(desk: Desk, seen: Observed, then: Observed, options: InterpretOptions, *, packages: bool) -> Proposal:
    """Files as they were; or packages, which are a plan of their own."""
    from auditor.surfaces.httpd.package_steps import package_note, packages_as_they_were

    name = seen.target.name
    if packages:
        made = packages_as_they_were(then.collected, seen.collected)
        return made or Proposal(name, (), (), (), (f"{name}: no package is known to have another version now",))
    files = restore_files(then.collected, seen.collected, surface("httpd"), options, desk.sealer)
    notes = package_note(then.collected, seen.collected)
    if files.steps:
        return msgspec.structs.replace(files, notes=(*files.notes, *notes))
    return msgspec.structs.replace(files, refusals=(*files.refusals, *(f"{name}: {one}" for one in notes)))


def _revision(desk: Desk, store: Store, words: str) -> tuple[str, tuple[str, ...]]:
    """The revision that words mean; for a plan's id that which holds what it found, and the plan's targets.

    Errors:
        InputError: they mean neither.
    """
    try:
        return store.resolve_revision(words, now=desk.clock()), ()
    except InputError as error:
        try:
            plan = read_plan(desk.fleet.plans_path, words).plan
        except InputError:
            raise error from None
        if not plan.origin.snapshot:
            raise
        targets = tuple(sorted(target for cohort in plan.cohorts for target in cohort.targets))
        return store.resolve_revision(plan.origin.snapshot), targets


async def _by_difference(desk: Desk, way: DiffWay) -> _Made:
    from auditor.services.changes.by_difference import steps_of_difference
    from auditor.store.difference import read_difference

    targets = _targets(desk, way.targets)
    others = [one.name for one in targets if one.surface != "httpd"]
    if others:
        raise InputError(f"{', '.join(others)} has no tree of files, so no difference can be brought to it")
    difference = read_difference(way.folder, way.revisions)
    proposals: list[tuple[Observed, Proposal]] = []
    for target in targets:
        seen = await desk.observed(target)
        options = interpret_options_for(target, InterpretOptions(), desk.fleet)
        made = steps_of_difference(difference, seen.collected, surface("httpd"), options, desk.sealer)
        proposals.append((seen, made))
    words = (f"{difference.old}..{difference.new}", str(way.folder.absolute()), *way.targets)
    return _Made(Origin("diff", words), tuple(proposals))


def _targets(desk: Desk, words: Sequence[str]) -> tuple[Target, ...]:
    """The inventory's targets that words mean.

    Errors:
        InputError: a word means nothing, or something that is not in the inventory.
    """
    named = resolve_targets(words, desk.fleet)
    strange = [one.name for one in named if isinstance(one.location, StoredSnapshot) or one.name not in desk.targets]
    if strange or not named:
        raise InputError(
            f"{', '.join(strange) or 'nothing'} is in the inventory under no name, so nothing can be applied to it",
            where=str(desk.fleet.file),
        )
    return tuple(desk.targets[one.name] for one in named)


def _author_warnings(desk: Desk, identity: str, author: str, signature: bytes | None) -> tuple[str, ...]:
    """What will keep the plan from being applied as far as its author goes.

    Errors:
        RefusedError: it is signed by somebody else than it names; no approver could put that right.
    """
    if signature is None:
        return ("the author has not signed it: plan again with --key, or it cannot be applied",)
    try:
        signers = desk.signers()
        found = desk.keygen.verify(identity, signature, signers)
    except AuditorError as error:
        return (f"who may sign cannot be read: {told(error)}",)
    bad = tuple(str(line) for line in signers.bad_lines)
    if isinstance(found, Bad):
        return (*bad, f"the author's key is no allowed signer's ({signers.read_from}), so it cannot be applied")
    if author.casefold() not in {name.casefold() for name in found.principals}:
        raise RefusedError(
            f'the key is "{found.name}"\'s, and the plan would name "{author}" as its author.',
            untouched="No plan was written.",
            next_step=f"Name whom the key belongs to:  --author {found.name}",
        )
    return bad
