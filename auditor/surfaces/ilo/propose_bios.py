"""The step that fulfils wishes on one BIOS, what else it changes, and what may be set then. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from auditor.model.plan import (
    Allowed,
    AttributeIs,
    BiosAttributes,
    Condition,
    Limit,
    NoUndo,
    Step,
    Undecided,
    Undo,
    Wish,
)
from auditor.model.resource import Address, Resource
from auditor.model.secret import SEALED
from auditor.model.snapshot import Gap
from auditor.model.value import Boolean, Many, Number, Text, Undetermined, Value, show
from auditor.surfaces.ilo.bios import settings
from auditor.surfaces.ilo.bodies import Bodies
from auditor.surfaces.ilo.dependencies import Dependencies, Doubt, in_order
from auditor.surfaces.ilo.kinds import STATE_OF_BIOS
from auditor.surfaces.ilo.limits import allowed_of, changed_limits
from auditor.surfaces.ilo.links import Found
from auditor.surfaces.ilo.registry import Registry, Setting, alike
from auditor.surfaces.ilo.secrets import is_secret_name
from auditor.surfaces.ilo.wishes import RefusedWish, encode, near, wished_resource


class ProposedBios(msgspec.Struct, frozen=True):
    """One step for all attributes of one BIOS, since one reboot serves them, with all that it changes; or refusals."""

    step: Step | None = None
    refusals: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    allowed: tuple[Allowed, ...] = ()
    undecided: tuple[Undecided, ...] = ()


def propose_bios(
    name: str,
    wishes: tuple[Wish, ...],
    bodies: Bodies,
    before: Mapping[tuple[str, str], Resource],
    gaps: tuple[Gap, ...],
) -> ProposedBios:
    """The step for wishes on the BIOS of that name; none where nothing is to be changed, or something is refused."""
    try:
        resource = wished_resource(wishes[0], before, gaps)
        bios, waiting, registry = _bios_parts(name, wishes[0].address.on(""), bodies)
        _nothing_waits(wishes[0].address.on(""), resource)
    except RefusedWish as refused:
        return ProposedBios(refusals=(str(refused),))
    current, refusals = settings(bios.body), list[str]()
    asked: dict[str, Setting] = {}
    for wish in wishes:
        try:
            asked[wish.address.attribute] = _bios_value(wish, registry, current)
        except RefusedWish as refused:
            refusals.append(str(refused))
    dependencies = Dependencies(registry)
    allowed = tuple(Allowed(_at(name, one), allowed_of(registry, dependencies, one, current)) for one in sorted(asked))
    standing = {one: value for one, value in asked.items() if alike(current.get(one), value)}
    asked = {one: value for one, value in asked.items() if one not in standing}
    settled = dependencies.settle(current, asked)
    refusals += [
        f"{_at(name, one)}: is {value} now, and becomes {settled.values[one]} by what else is asked for."
        for one, value in sorted(standing.items())
        if one in settled.values and not alike(settled.values[one], value)
    ]
    refusals += [f"{_at(name, one)}: {why}." for one, why in sorted(settled.refused.items())]
    refusals += [
        f"{_at(name, one)}: the iLO does not say what it is now (null), so it could not be taken back."
        for one, value in sorted(settled.values.items())
        if one in current and current[one] is None and value is not None
    ]
    if refusals or not asked:
        return ProposedBios(refusals=tuple(refusals), allowed=allowed)
    limits, unsure = changed_limits(dependencies, current, settled.values)
    return ProposedBios(
        _bios_step(name, bios, waiting, registry, asked, current, settled.values),
        (),
        tuple(msgspec.structs.replace(one, address=_at(name, one.address.attribute)) for one in limits),
        allowed,
        tuple(_undecided(name, one) for one in dict.fromkeys((*settled.doubts, *unsure))),
    )


def _undecided(name: str, doubt: Doubt) -> Undecided:
    return Undecided(_at(name, doubt.attribute), doubt.about, doubt.why)


def _bios_parts(name: str, address: Address, bodies: Bodies) -> tuple[Found, Found, Registry]:
    bios = next((one for one in bodies.of("bios") if one.owner == name), None)
    waiting = next((one for one in bodies.of("bios_settings") if one.owner == name), None)
    if bios is None or waiting is None:
        raise RefusedWish(f"{address}: the pending settings could not be read, so none can be planned.")
    identity = str(bios.body.get("AttributeRegistry", ""))
    registry = bodies.registry(identity)
    if registry is None:
        raise RefusedWish(f"{address}: the attribute registry {identity} was not read, so its bounds are not known.")
    return _spelled(bodies, bios), _spelled(bodies, waiting), registry


def _spelled(bodies: Bodies, found: Found) -> Found:
    """The resource under the URI by which the service itself calls it."""
    return msgspec.structs.replace(found, uri=bodies.name(found.uri))


def _nothing_waits(address: Address, resource: Resource) -> None:
    waits = resource.value("pending")
    if not isinstance(waits, Many):
        why = f": {waits.cause}" if isinstance(waits, Undetermined) else ""
        raise RefusedWish(f"{address}: whether other settings wait for the next boot is not known{why}.")
    if waits.items:
        raise RefusedWish(
            f"{address}: settings of somebody else wait for the next boot ({show(waits)}); they would take effect "
            "with this plan. Let them take effect or take them back first."
        )


def _at(name: str, attribute: str) -> Address:
    return Address("", "ilo.bios", name, attribute)


def _bios_value(wish: Wish, registry: Registry, current: Mapping[str, Setting]) -> Setting:
    address = wish.address.on("")
    name = address.attribute
    if name in STATE_OF_BIOS:
        raise RefusedWish(f"{address}: is what the iLO says of its settings, and none itself.")
    if name not in registry.rules:
        raise RefusedWish(f"{address}: {registry.id} has no such attribute{near(name, registry.rules)}")
    rule = registry.rules[name]
    if name not in current and not rule.write_only:
        raise RefusedWish(f"{address}: this machine has no such setting.")
    if rule.values is None and rule.type not in ("Integer", "Boolean") and is_secret_name(name):
        raise RefusedWish(f"{address}: is kept as a secret, which a plan can neither hold nor compare.")
    if isinstance(current.get(name), str) and SEALED.search(str(current[name]).encode()):
        raise RefusedWish(f"{address}: its present value is a secret, so it could not be taken back.")
    match wish.value:
        case Text(text):
            value: Setting = text
        case Boolean(flag):
            value = flag
        case Number(number):
            value = int(number) if float(number).is_integer() else number
        case None:
            raise RefusedWish(f"{address}: a BIOS attribute cannot be removed.")
        case other:
            raise RefusedWish(f"{address}: {show(other)} is no value of a BIOS attribute.")
    if rule.write_only:
        raise RefusedWish(f"{address}: is an order to the BIOS, not a setting: it cannot be read back.")
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
    changed = [one for one in after if not alike(current.get(one), after[one])]
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
    ordered = tuple((one, encode(values[one])) for one in in_order(registry, values))
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
    back = Dependencies(registry).settle(after, old)
    left = sorted(one for one in back.values if not alike(back.values[one], current.get(one)))
    left += sorted({one.attribute for one in back.doubts if one.about == "value" and one.attribute not in left})
    if left:
        return NoUndo(f"the old values of {', '.join(left)} cannot be set again in one boot, as the registry has it")
    return _change(bios, waiting, registry, old)


def _value(value: Setting) -> Value:
    if isinstance(value, bool):
        return Boolean(value)
    return Number(value) if isinstance(value, int | float) else Text(str(value))
