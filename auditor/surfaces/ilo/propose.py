"""Steps that fulfil wishes on an iLO: settings, members of collections, BIOS attributes through a reboot. Pure.

Every effect is found by interpreting the machine as it would be: what a wish changes beside what it names (a BIOS
attribute driven by the workload profile, a way for alerts that opens) is listed too. What cannot be done is refused
in a sentence; nothing is planned then that would be half of it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Final, cast

import msgspec

from auditor.model.plan import (
    AttributeIs,
    BiosAttributes,
    Effect,
    FirmwareUpdate,
    ManagerReset,
    NoUndo,
    Proposal,
    RedfishCreate,
    RedfishDelete,
    RedfishPatch,
    SecretFrom,
    Step,
    Wish,
)
from auditor.model.resource import PRESENT, Address, Resource
from auditor.model.snapshot import Collected, Gap
from auditor.model.source import RedfishSource
from auditor.model.value import Boolean, Value, show
from auditor.surfaces.ilo.bios import settings
from auditor.surfaces.ilo.bodies import Bodies
from auditor.surfaces.ilo.body import Body, at, nest
from auditor.surfaces.ilo.dependencies import settle
from auditor.surfaces.ilo.kinds import MADE
from auditor.surfaces.ilo.propose_bios import propose_bios
from auditor.surfaces.ilo.propose_firmware import KIND as FIRMWARE
from auditor.surfaces.ilo.propose_firmware import foresee_firmware, propose_firmware, with_rom_note
from auditor.surfaces.ilo.propose_members import (
    creation,
    foresee_made,
    foresee_removed,
    removal,
    replacement,
    wanted_of,
    with_conditions,
)
from auditor.surfaces.ilo.propose_secrets import HIDDEN, SPELLED, Before, before_of, notes_on, secrets_of, unneeded
from auditor.surfaces.ilo.propose_settings import Setting, coherent, in_order, patch_steps, setting_of
from auditor.surfaces.ilo.recognised import unverified
from auditor.surfaces.ilo.resources import resources_of
from auditor.surfaces.ilo.wishes import RefusedWish, wished_resource
from auditor.surfaces.interface import InterpretOptions

_REPLACED: Final = "ilo.event_subscription"
"""Nothing of it can be set where it stands: another takes its place."""
_RESET: Final = ("ilo.manager", "some_pending_reset")


def propose(
    wishes: tuple[Wish, ...],
    collected: Collected,
    options: InterpretOptions,
) -> Proposal:
    """The least steps that fulfil the wishes, with every effect."""
    bodies = Bodies(collected)
    gaps = (*collected.gaps, *bodies.gaps)
    if doubt := next(iter(unverified(bodies)), None):
        untried = f"{doubt.detail.partition(':')[0]} is read and not changed: no change has been tried on one."
        return Proposal(collected.target, (), (), (f"{untried} Do it at the iLO, then take a snapshot.",))
    before = {(one.kind, one.name): one for one in resources_of(bodies, gaps)}
    known = before_of(wishes)
    wishes = tuple(one for one in wishes if not (one.secret and one.secret.before))
    refusals: list[str] = list(unneeded(known, _of_secrets(wishes, before)))
    patches: list[Setting] = []
    bios: dict[str, dict[str, Wish]] = {}
    made = _memberships(wishes, bodies, before, gaps, refusals, known)
    updates, refused_updates = propose_firmware(
        tuple(one for one in wishes if one.address.kind == FIRMWARE), bodies, before, gaps, options.catalogue
    )
    refusals += refused_updates
    resets: list[Step] = []
    for wish in (one for one in wishes if _is_setting(one, wishes, before)):
        try:
            if (wish.address.kind, wish.address.attribute) == _RESET:
                resets += _reset(wish, before, gaps)
            elif wish.address.kind == "ilo.bios":
                bios.setdefault(wish.address.name, {})[wish.address.attribute] = wish
            elif (setting := setting_of(wish, bodies, before, gaps, known)) is not None:
                patches.append(setting)
        except RefusedWish as refused:
            refusals.append(str(refused))
    patches = coherent(patches, before, refusals)
    steps = [*in_order([*patch_steps(patches, bodies), *made]), *updates, *resets]
    found = [propose_bios(name, tuple(named.values()), bodies, before, gaps) for name, named in sorted(bios.items())]
    if any(one.step for one in found) and any(with_rom_note(one) for one in updates):
        refusals.append("another system ROM may bring other BIOS attributes: plan it and BIOS settings one by one.")
        steps = [one for one in steps if one not in updates]
    steps += [one.step for one in found if one.step is not None]
    refusals += [why for one in found for why in one.refusals]
    asked = {wish.address.on("") for wish in wishes}
    effects = _effects(bodies, steps, before, gaps, asked)
    after = {(one.kind, one.name): one for one in resources_of(bodies, gaps)}
    steps = [with_conditions(one, before, after) for one in steps]
    return Proposal(
        collected.target,
        tuple(steps),
        effects,
        tuple(refusals),
        (
            *_notes(wishes, before),
            *dict.fromkeys(note for one in steps if (note := with_rom_note(one))),
            *_notes_on_secrets(steps),
        ),
        limits=tuple(limit for one in found for limit in one.limits),
        allowed=tuple(allowed for one in found for allowed in one.allowed),
        undecided=tuple(undecided for one in found for undecided in one.undecided),
    )


def _notes(wishes: tuple[Wish, ...], before: Mapping[tuple[str, str], Resource]) -> tuple[str, ...]:
    """The wishes that are fulfilled already: they need no step, and that is said."""
    found: list[str] = []
    for wish in wishes:
        resource = before.get((wish.address.kind, wish.address.name))
        if wish.value is not None and resource is not None and resource.value(wish.address.attribute) == wish.value:
            found.append(f"already so: {wish.address.on('')} is {show(wish.value)}")
    return tuple(found)


def _of_secrets(wishes: Iterable[Wish], before: Mapping[tuple[str, str], Resource]) -> Iterable[Address]:
    """The secrets that the wishes change: those named, and all of a member that is to go."""
    for wish in wishes:
        address = wish.address.on("")
        yield address
        if _asks_to_go(wish) and (address.kind, address.name) in before:
            yield from (msgspec.structs.replace(address, attribute=one.name) for one in secrets_of(address.kind))


def _notes_on_secrets(steps: Iterable[Step]) -> tuple[str, ...]:
    """What people have to know of the secrets of these steps, and of their way back."""

    def secrets(part: object) -> tuple[SecretFrom, ...]:
        return part.secrets if isinstance(part, RedfishPatch | RedfishCreate) else ()

    made = list(steps)
    return notes_on(
        (one for step in made for one in secrets(step.change)), (one for step in made for one in secrets(step.undo))
    )


def _reset(wish: Wish, before: Mapping[tuple[str, str], Resource], gaps: tuple[Gap, ...]) -> Iterable[Step]:
    """The step that resets the iLO for what was stored before; none where nothing waits for that."""
    address = wish.address.on("")
    resource = wished_resource(wish, before, gaps)
    waits = resource.value(address.attribute)
    if wish.value != Boolean(False):
        raise RefusedWish(f"{address}: can only be asked to be false, which resets the iLO.")
    if waits == wish.value:
        return
    if waits != Boolean(True) or not isinstance(resource.source, RedfishSource):
        raise RefusedWish(f"{address}: whether anything waits for a reset of the iLO is not known.")
    yield Step(
        id=f"ilo-reset-{address.name}",
        why="settings that were stored before take effect",
        change=ManagerReset(resource.source.uri),
        undo=NoUndo("the settings that wait take effect, and what they were before is not shown"),
        disruption="iLO reset",
        preconditions=(AttributeIs(address, Boolean(True)),),
        postconditions=(AttributeIs(address, Boolean(False)),),
    )


# -- members of collections -------------------------------------------------------------------------------------------


def _memberships(
    wishes: tuple[Wish, ...],
    bodies: Bodies,
    before: Mapping[tuple[str, str], Resource],
    gaps: tuple[Gap, ...],
    refusals: list[str],
    known: Before,
) -> list[Step]:
    """The steps that make and remove members, in the order of the wishes; what cannot be done is added to refusals."""
    named: dict[tuple[str, str], list[Wish]] = {}
    for wish in wishes:
        if wish.address.kind in MADE:
            named.setdefault((wish.address.kind, wish.address.name), []).append(wish)
    steps: list[Step] = []
    for key, group in named.items():
        resource = before.get(key)
        try:
            wanted = wanted_of(tuple(group), resource)
            if not wanted.present and resource is not None:
                steps.append(removal(resource, bodies, known))
            elif wanted.present and resource is None:
                steps.append(creation(Address("", *key), wanted.attributes, bodies, gaps))
            elif wanted.present and resource is not None and key[0] == _REPLACED:
                steps += replacement(resource, wanted.attributes, bodies, gaps)
        except RefusedWish as refused:
            refusals.append(str(refused))
    return steps


def _asks_to_go(wish: Wish) -> bool:
    """Whether a wish is that a member is not there."""
    return wish.address.attribute in ("", PRESENT.name) and wish.value != Boolean(True)


def _is_setting(wish: Wish, wishes: tuple[Wish, ...], before: Mapping[tuple[str, str], Resource]) -> bool:
    """Whether a wish sets something, of a member only where that is there and stays."""
    if wish.address.kind not in MADE:
        return wish.address.kind != FIRMWARE
    if wish.address.kind == _REPLACED:
        return False
    key = (wish.address.kind, wish.address.name)
    alike = [one for one in wishes if (one.address.kind, one.address.name) == key]
    gone = any(_asks_to_go(one) for one in alike)
    return key in before and not gone and wish.value is not None and wish.address.attribute not in ("", PRESENT.name)


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
    if isinstance(change, ManagerReset):
        for found in bodies.found:
            for pointer in ("/Oem/Hpe/ConfigurationSettings", "/ConfigurationSettings"):
                if at(found.body, pointer) == "SomePendingReset":
                    _merge(found.body, nest(((pointer, "Current"),)))
    elif isinstance(change, FirmwareUpdate):
        foresee_firmware(bodies, change)
    elif isinstance(change, RedfishCreate):
        foresee_made(bodies, change)
    elif isinstance(change, RedfishDelete):
        foresee_removed(bodies, change)
    elif isinstance(change, RedfishPatch):
        body = copy.deepcopy(bodies.get(change.uri) or {})
        shown = [one for one in change.secrets if one.digest and one.pointer not in HIDDEN | SPELLED]
        _merge(body, nest(tuple((pointer, msgspec.json.decode(value)) for pointer, value in change.members)))
        _merge(body, nest(tuple((one.pointer, one.digest) for one in shown)))
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
