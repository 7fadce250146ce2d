"""Steps that fulfil wishes on an iLO: a PATCH of settings, or BIOS attributes through a reboot. Pure.

Every effect is found by interpreting the machine as it would be: what a wish changes beside what it names (a BIOS
attribute driven by the workload profile, a way for alerts that opens) is listed too. What cannot be done is refused
in a sentence; nothing is planned then that would be half of it.
"""

from __future__ import annotations

import copy
import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Final, cast

import msgspec

from auditor.model.plan import (
    DISRUPTIONS,
    AttributeIs,
    BiosAttributes,
    Condition,
    Disruption,
    Effect,
    NoUndo,
    Proposal,
    RedfishPatch,
    Step,
    Undo,
    Wish,
)
from auditor.model.resource import Address, KindSpec, Resource
from auditor.model.secret import SEALED
from auditor.model.snapshot import Collected, Gap
from auditor.model.source import RedfishSource
from auditor.model.value import Boolean, Many, Number, Text, Value, show
from auditor.surfaces.ilo.bios import settings
from auditor.surfaces.ilo.bodies import Bodies, licensed
from auditor.surfaces.ilo.body import Body, Json, at, nest
from auditor.surfaces.ilo.kinds import KINDS, STATE_OF_BIOS
from auditor.surfaces.ilo.links import Found
from auditor.surfaces.ilo.members import Member, member
from auditor.surfaces.ilo.recognised import unverified
from auditor.surfaces.ilo.registry import Registry, Setting, in_order, settle
from auditor.surfaces.ilo.resources import ntp_from_dhcp, resources_of
from auditor.surfaces.ilo.values import UnfitError, write_value
from auditor.surfaces.interface import InterpretOptions

_PERMANENT: Final = "NoDowngrade"
_COLLECTIONS: Final = frozenset({"ilo.snmp_destination", "ilo.event_subscription"})


class _Refused(Exception):  # noqa: N818 - caught here: it becomes a sentence of the proposal
    """A wish cannot be fulfilled; the text is a sentence."""


class _Setting(msgspec.Struct, frozen=True):
    """One member to set: where, what stands there, what shall, and what the wish says of it."""

    address: Address
    uri: str
    pointer: str
    before: Json
    after: Json
    disruption: Disruption
    old: Value
    new: Value


def propose(
    wishes: tuple[Wish, ...],
    collected: Collected,
    options: InterpretOptions,  # noqa: ARG001 - the surface's face
) -> Proposal:
    """The least steps that fulfil the wishes, with every effect."""
    bodies = Bodies(collected)
    gaps = (*collected.gaps, *bodies.gaps)
    if doubt := next(iter(unverified(bodies)), None):
        untried = f"{doubt.detail.partition(':')[0]} is read and not changed: no change has been tried on one."
        return Proposal(collected.target, (), (), (f"{untried} Do it at the iLO, then take a snapshot.",))
    before = {(one.kind, one.name): one for one in resources_of(bodies, gaps)}
    refusals: list[str] = []
    patches: list[_Setting] = []
    bios: dict[str, dict[str, Wish]] = {}
    for wish in wishes:
        try:
            if wish.address.kind == "ilo.bios":
                bios.setdefault(wish.address.name, {})[wish.address.attribute] = wish
            elif (setting := _setting(wish, bodies, before, gaps)) is not None:
                patches.append(setting)
        except _Refused as refused:
            refusals.append(str(refused))
    steps = [*_patch_steps(patches)]
    for name, named in sorted(bios.items()):
        found, why = _bios_steps(name, tuple(named.values()), bodies, before, gaps)
        steps += found
        refusals += why
    asked = {wish.address.on("") for wish in wishes}
    effects = _effects(bodies, steps, before, gaps, asked)
    return Proposal(collected.target, tuple(steps), effects, tuple(refusals), _notes(wishes, before))


def _notes(wishes: tuple[Wish, ...], before: Mapping[tuple[str, str], Resource]) -> tuple[str, ...]:
    """The wishes that are fulfilled already: they need no step, and that is said."""
    found: list[str] = []
    for wish in wishes:
        resource = before.get((wish.address.kind, wish.address.name))
        if wish.value is not None and resource is not None and resource.value(wish.address.attribute) == wish.value:
            found.append(f"already so: {wish.address.on('')} is {show(wish.value)}")
    return tuple(found)


# -- what stands there ------------------------------------------------------------------------------------------------


def _resource(wish: Wish, before: Mapping[tuple[str, str], Resource], gaps: tuple[Gap, ...]) -> Resource:
    """The resource that a wish is about."""
    address = wish.address
    if address.kind not in {kind.name for kind in KINDS}:
        raise _Refused(f"{address}: there is no kind {address.kind} on an iLO.")
    if wish.value is None or (address.kind in _COLLECTIONS and (address.kind, address.name) not in before):
        raise _Refused(
            f"{address}: adding and removing is not planned yet, only settings are. Do it at the iLO, then "
            "take a snapshot."
        )
    resource = before.get((address.kind, address.name))
    if resource is None:
        unseen = [gap for gap in gaps if not gap.complete and (not gap.kinds or address.kind in gap.kinds)]
        if unseen:
            raise _Refused(f"{address}: could not be read ({unseen[0].what}: {unseen[0].cause}).")
        names = sorted(name for kind, name in before if kind == address.kind)
        raise _Refused(f"{address}: there is none; there are {', '.join(names) or 'none of this kind'}.")
    return resource


def _known(kind: str) -> KindSpec:
    return next(one for one in KINDS if one.name == kind)


def _near(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(names), 1, 0.6)
    return f"; did you mean {near[0]}?" if near else "."


# -- settings of the iLO ----------------------------------------------------------------------------------------------


def _setting(
    wish: Wish, bodies: Bodies, before: Mapping[tuple[str, str], Resource], gaps: tuple[Gap, ...]
) -> _Setting | None:
    """The member behind a wish, or None where it is as wished already."""
    address = wish.address.on("")
    resource = _resource(wish, before, gaps)
    spec = _known(address.kind).get(address.attribute)
    if spec is None:
        names = [one.name for one in _known(address.kind).attributes]
        raise _Refused(f"{address}: {address.kind} has no such attribute{_near(address.attribute, names)}")
    where = member(address.kind, address.attribute)
    if where is None or not where.settable:
        raise _Refused(f"{address}: is read-only: {spec.meaning}")
    current = resource.get(address.attribute)
    if current is None or not isinstance(current.source, RedfishSource):
        raise _Refused(f"{address}: this iLO has no such setting.")
    if wish.value == current.value:
        return None
    _allowed(address, where, bodies, cast(Value, wish.value), current.value)
    uri, pointer = current.source.uri, current.source.pointer
    raw = at(bodies.get(uri), pointer)
    if SEALED.search(json.dumps(raw).encode()):
        raise _Refused(f"{address}: its present value holds a secret, so it could not be taken back.")
    try:
        after = write_value(where, cast(Value, wish.value), raw)
    except UnfitError as error:
        raise _Refused(f"{address}: {error}; asked for was {show(cast(Value, wish.value))}.") from error
    return _Setting(address, uri, pointer, raw, after, where.disruption, current.value, cast(Value, wish.value))


def _allowed(address: Address, where: Member, bodies: Bodies, new: Value, old: Value) -> None:
    owner = address.name
    said = licensed(bodies, owner, where.licence) if where.licence else None
    if said is not None and not said[0]:
        raise _Refused(f"{address}: this iLO's licence lacks {where.licence} ({said[1]}).")
    if address.attribute == "downgrade_policy" and Text(_PERMANENT) in (new, old):
        raise _Refused(f"{address}: {_PERMANENT} is permanent; it is never planned and cannot be taken back.")
    if address.kind == "ilo.time" and address.attribute == "ntp_servers" and ntp_from_dhcp(bodies, owner):
        raise _Refused(f"{address}: DHCP names the time servers; they are read-only while it does.")


def _patch_steps(patches: list[_Setting]) -> Iterable[Step]:
    """One step a resource and disruption: what disturbs nothing must not wait for what does."""
    groups: dict[tuple[int, str], list[_Setting]] = {}
    for one in patches:
        groups.setdefault((DISRUPTIONS.index(one.disruption), one.uri), []).append(one)
    for number, ((rank, uri), group) in enumerate(sorted(groups.items(), key=lambda item: item[0]), start=1):
        ordered = sorted(group, key=lambda one: one.pointer)
        name = uri.rstrip("/").rsplit("/", 1)[-1].lower()
        yield Step(
            id=f"ilo-{number}-{name}",
            why="; ".join(f"{one.address}: {show(one.old)} → {show(one.new)}" for one in ordered),
            change=RedfishPatch(uri, tuple((one.pointer, _encode(one.after)) for one in ordered)),
            undo=RedfishPatch(uri, tuple((one.pointer, _encode(one.before)) for one in ordered)),
            disruption=DISRUPTIONS[rank],
            preconditions=tuple(AttributeIs(one.address, one.old) for one in ordered),
            postconditions=tuple(AttributeIs(one.address, one.new) for one in ordered),
        )


def _encode(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


# -- BIOS -------------------------------------------------------------------------------------------------------------


def _bios_steps(
    name: str,
    wishes: tuple[Wish, ...],
    bodies: Bodies,
    before: Mapping[tuple[str, str], Resource],
    gaps: tuple[Gap, ...],
) -> tuple[list[Step], list[str]]:
    """One step for all attributes of one BIOS, since one reboot serves them; or why there is none."""
    try:
        resource = _resource(wishes[0], before, gaps)
        bios, waiting, registry = _bios_parts(name, wishes[0].address.on(""), bodies)
        _nothing_waits(wishes[0].address.on(""), resource)
    except _Refused as refused:
        return [], [str(refused)]
    current, refusals = settings(bios.body), list[str]()
    asked: dict[str, Setting] = {}
    for wish in wishes:
        try:
            asked[wish.address.attribute] = _bios_value(wish, registry, current)
        except _Refused as refused:
            refusals.append(str(refused))
    asked = {one: value for one, value in asked.items() if current.get(one) != value}
    settled = settle(registry, current, asked)
    refusals += [f"{_at(name, one)}: {why}." for one, why in sorted(settled.refused.items())]
    if refusals or not asked:
        return [], refusals
    return [_bios_step(name, bios, waiting, registry, asked, current, settled.values)], []


def _bios_parts(name: str, address: Address, bodies: Bodies) -> tuple[Found, Found, Registry]:
    bios = next((one for one in bodies.of("bios") if one.owner == name), None)
    waiting = next((one for one in bodies.of("bios_settings") if one.owner == name), None)
    if bios is None or waiting is None:
        raise _Refused(f"{address}: the pending settings could not be read, so none can be planned.")
    identity = str(bios.body.get("AttributeRegistry", ""))
    registry = bodies.registry(identity)
    if registry is None:
        raise _Refused(f"{address}: the attribute registry {identity} was not read, so its bounds are not known.")
    return _spelled(bodies, bios), _spelled(bodies, waiting), registry


def _spelled(bodies: Bodies, found: Found) -> Found:
    """The resource under the URI by which the service itself calls it."""
    return msgspec.structs.replace(found, uri=bodies.name(found.uri))


def _nothing_waits(address: Address, resource: Resource) -> None:
    waits = resource.value("pending")
    if not isinstance(waits, Many):
        raise _Refused(f"{address}: whether other settings wait for the next boot is not known.")
    if waits.items:
        raise _Refused(
            f"{address}: settings of somebody else wait for the next boot ({show(waits)}); they would take effect "
            "with this plan. Let them take effect or take them back first."
        )


def _at(name: str, attribute: str) -> Address:
    return Address("", "ilo.bios", name, attribute)


def _bios_value(wish: Wish, registry: Registry, current: Mapping[str, Setting]) -> Setting:
    address = wish.address.on("")
    name = address.attribute
    if name in STATE_OF_BIOS:
        raise _Refused(f"{address}: is what the iLO says of its settings, and none itself.")
    if name not in registry.rules:
        raise _Refused(f"{address}: {registry.id} has no such attribute{_near(name, registry.rules)}")
    if name not in current and not registry.rules[name].write_only:
        raise _Refused(f"{address}: this machine has no such setting.")
    if isinstance(current.get(name), str) and SEALED.search(str(current[name]).encode()):
        raise _Refused(f"{address}: its present value is a secret, so it could not be taken back.")
    match wish.value:
        case Text(text):
            value: Setting = text
        case Boolean(flag):
            value = flag
        case Number(number):
            value = int(number) if float(number).is_integer() else number
        case None:
            raise _Refused(f"{address}: a BIOS attribute cannot be removed.")
        case other:
            raise _Refused(f"{address}: {show(other)} is no value of a BIOS attribute.")
    if registry.rules[name].write_only:
        raise _Refused(f"{address}: is an order to the BIOS, not a setting: it cannot be read back.")
    return value


def _bios_step(
    name: str,
    bios: Found,
    waiting: Found,
    registry: Registry,
    asked: Mapping[str, Setting],
    current: Mapping[str, Setting],
    after: Mapping[str, Setting],
) -> Step:
    changed = [one for one in after if current.get(one) != after[one]]
    visible = [one for one in sorted(changed) if one not in registry.rules or registry.rules[one].comparable]
    no_pending = AttributeIs(_at(name, "pending"), Many(()))
    applied: tuple[Condition, ...] = (no_pending, AttributeIs(_at(name, "verdict"), Text("applied")))
    return Step(
        id=f"ilo-bios-{name}",
        why="; ".join(f"{_at(name, one)}: {current[one]} → {asked[one]}" for one in in_order(registry, asked)),
        change=_change(bios, waiting, registry, asked),
        undo=_undo(bios, waiting, registry, {one: current[one] for one in changed}, after, current),
        disruption="reboot",
        preconditions=(no_pending, *(AttributeIs(_at(name, one), _value(current[one])) for one in visible)),
        postconditions=(*applied, *(AttributeIs(_at(name, one), _value(after[one])) for one in visible)),
    )


def _change(bios: Found, waiting: Found, registry: Registry, values: Mapping[str, Setting]) -> BiosAttributes:
    ordered = tuple((one, _encode(values[one])) for one in in_order(registry, values))
    return BiosAttributes(bios.uri, waiting.uri, ordered)


def _undo(
    bios: Found,
    waiting: Found,
    registry: Registry,
    old: Mapping[str, Setting],
    after: Mapping[str, Setting],
    current: Mapping[str, Setting],
) -> Undo:
    """The old values, those of dependents included; none where the registry says that they do not lead back."""
    back = settle(registry, after, old)
    left = sorted(one for one in back.values if back.values[one] != current.get(one))
    if left:
        return NoUndo(f"the old values of {', '.join(left)} cannot be set again in one boot, as the registry has it")
    return _change(bios, waiting, registry, old)


def _value(value: Setting) -> Value:
    if isinstance(value, bool):
        return Boolean(value)
    return Number(value) if isinstance(value, int | float) else Text(str(value))


# -- effects ----------------------------------------------------------------------------------------------------------


def _effects(
    bodies: Bodies,
    steps: list[Step],
    before: Mapping[tuple[str, str], Resource],
    gaps: tuple[Gap, ...],
    asked: set[Address],
) -> tuple[Effect, ...]:
    """Every attribute that differs once the steps are done: the machine as it would be, interpreted."""
    for step in steps:
        _foresee(bodies, step)
    after = {(one.kind, one.name): one for one in resources_of(bodies, gaps)}
    effects: list[Effect] = []
    for key in sorted({*before, *after}):
        was, will = _values(before.get(key)), _values(after.get(key))
        for name in sorted({*was, *will}):
            if was.get(name) != will.get(name):
                address = Address("", *key, name)
                effects.append(Effect(address, was.get(name), will.get(name), address in asked))
    return tuple(effects)


def _values(resource: Resource | None) -> dict[str, Value]:
    return {one.name: one.value for one in resource.attributes} if resource else {}


def _foresee(bodies: Bodies, step: Step) -> None:
    """Puts the bodies in place that would be there after the step."""
    change = step.change
    if isinstance(change, RedfishPatch):
        body = copy.deepcopy(bodies.get(change.uri) or {})
        _merge(body, nest(tuple((pointer, msgspec.json.decode(value)) for pointer, value in change.members)))
        bodies.replace(change.uri, body)
    elif isinstance(change, BiosAttributes):
        bios = bodies.get(change.uri) or {}
        registry = bodies.registry(str(bios.get("AttributeRegistry", "")))
        asked = {name: msgspec.json.decode(value) for name, value in change.attributes}
        if registry is not None:
            after = cast(Body, settle(registry, settings(bios), asked).values)
            bodies.replace(change.uri, {**bios, "Attributes": after})
            waiting = bodies.get(change.settings_uri) or {}
            bodies.replace(change.settings_uri, {**waiting, "Attributes": dict(after)})


def _merge(body: Body, patch: Body) -> None:
    for name, value in patch.items():
        inner = body.get(name)
        if isinstance(value, dict) and isinstance(inner, dict):
            _merge(inner, value)
        else:
            body[name] = value
