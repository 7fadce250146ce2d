"""Steps that set members of a resource where it stands, their secrets included. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, cast

import msgspec

from auditor.model.plan import (
    DISRUPTIONS,
    AttributeIs,
    Disruption,
    NoUndo,
    RedfishCreate,
    RedfishDelete,
    RedfishPatch,
    SecretFrom,
    Step,
    Undo,
    Wish,
)
from auditor.model.resource import Address, Resource
from auditor.model.secret import SEALED
from auditor.model.snapshot import Gap
from auditor.model.source import RedfishSource
from auditor.model.value import Secret, Text, Value, show
from auditor.surfaces.ilo.bodies import Bodies, licensed
from auditor.surfaces.ilo.body import Json, at
from auditor.surfaces.ilo.members import Member, member
from auditor.surfaces.ilo.propose_fit import fit_destination, fit_user
from auditor.surfaces.ilo.propose_secrets import HIDDEN, SPELLED, Before, back, placed
from auditor.surfaces.ilo.resources import ntp_from_dhcp
from auditor.surfaces.ilo.values import UnfitError, write_value
from auditor.surfaces.ilo.wishes import RefusedWish, encode, kind_of, near, wished_resource

PERMANENT: Final = "NoDowngrade"
_NAMED: Final = {"ilo.snmp_user": "/SecurityName", "ilo.snmp_destination": "/AlertDestination"}
"""What says which member is meant, where a secret of it is set that nobody can compare."""
_KEYS: Final = {"auth_protocol": "auth_passphrase", "privacy_protocol": "privacy_passphrase"}
"""A key is made from a protocol and a pass phrase, so both are set together."""


class Setting(msgspec.Struct, frozen=True):
    """One member to set: where, what stands there, what shall, and what the wish says of it.

    Of a secret, ``secret`` says where it comes from, and ``previous`` where the one comes from that stands there now
    (None: ``before`` does, which holds none). ``final`` says why it cannot be taken back; empty: it can.
    """

    address: Address
    uri: str
    pointer: str
    before: Json
    after: Json
    disruption: Disruption
    old: Value | None
    new: Value
    secret: SecretFrom | None = None
    previous: SecretFrom | None = None
    final: str = ""


def setting_of(
    wish: Wish,
    bodies: Bodies,
    before: Mapping[tuple[str, str], Resource],
    gaps: tuple[Gap, ...],
    known: Before,
) -> Setting | None:
    """The member behind a wish, or None where it is as wished already.

    Errors:
        RefusedWish: it cannot be set.
    """
    address = wish.address.on("")
    resource = wished_resource(wish, before, gaps)
    spec = kind_of(address.kind).get(address.attribute)
    if spec is None:
        names = [one.name for one in kind_of(address.kind).attributes]
        raise RefusedWish(f"{address}: {address.kind} has no such attribute{near(address.attribute, names)}")
    where = member(address.kind, address.attribute)
    if where is not None and where.made and not where.settable:
        if resource.value(address.attribute) == wish.value:
            return None
        raise RefusedWish(f"{address}: is said when it is made; remove it, and make another.")
    if where is None or not where.settable:
        raise RefusedWish(f"{address}: is read-only: {spec.meaning}")
    if where.type == "secret":
        return _secret(wish, resource, where, bodies, known)
    current = resource.get(address.attribute)
    if current is None or not isinstance(current.source, RedfishSource):
        raise RefusedWish(f"{address}: this iLO has no such setting.")
    if wish.value == current.value:
        return None
    _allowed(address, where, bodies, cast(Value, wish.value), current.value)
    if _renames(address) and (address.kind, show(cast(Value, wish.value))) in before:
        raise RefusedWish(f"{address}: there is a destination {show(cast(Value, wish.value))} already.")
    uri, pointer = current.source.uri, current.source.pointer
    raw = at(bodies.get(uri), pointer)
    if SEALED.search(json.dumps(raw).encode()):
        raise RefusedWish(f"{address}: its present value holds a secret, so it could not be taken back.")
    try:
        after = write_value(where, cast(Value, wish.value), raw)
    except UnfitError as error:
        raise RefusedWish(f"{address}: {error}; asked for was {show(cast(Value, wish.value))}.") from error
    return Setting(address, uri, pointer, raw, after, where.disruption, current.value, cast(Value, wish.value))


def _secret(wish: Wish, resource: Resource, where: Member, bodies: Bodies, known: Before) -> Setting | None:
    """The secret behind a wish, or None where the iLO shows that it is the one already."""
    address = wish.address.on("")
    secret, now = placed(wish, where), resource.value(where.name)
    if not isinstance(resource.source, RedfishSource):
        raise RefusedWish(f"{address}: where it stands is not known.")
    if where.pointer not in HIDDEN and isinstance(now, Secret) and now == wish.value:
        return None
    uri = bodies.name(resource.source.uri)
    asked = Setting(
        address,
        uri,
        where.pointer,
        at(bodies.get(uri), where.pointer),
        None,
        "none",
        now,
        cast(Value, wish.value),
        secret,
    )
    if where.pointer not in HIDDEN and now is None:
        if where.name == "engine_id":
            raise RefusedWish(
                f"{address}: has none now, which it cannot be set back to; remove the user, and make it anew."
            )
        return asked
    previous, why = back(resource, [where], known, "set back")
    old = None if where.pointer in HIDDEN else now
    return msgspec.structs.replace(asked, old=old, previous=previous[0] if previous else None, final=why)


def _allowed(address: Address, where: Member, bodies: Bodies, new: Value, old: Value) -> None:
    owner = address.name
    said = licensed(bodies, owner, where.licence) if where.licence else None
    if said is not None and not said[0]:
        raise RefusedWish(f"{address}: this iLO's licence lacks {where.licence} ({said[1]}).")
    if address.attribute == "downgrade_policy" and Text(PERMANENT) in (new, old):
        raise RefusedWish(f"{address}: {PERMANENT} is permanent; it is never planned and cannot be taken back.")
    if address.kind == "ilo.time" and address.attribute == "ntp_servers" and ntp_from_dhcp(bodies, owner):
        raise RefusedWish(f"{address}: DHCP names the time servers; they are read-only while it does.")


# -- what has to be set together --------------------------------------------------------------------------------------


def coherent(
    settings: Sequence[Setting], before: Mapping[tuple[str, str], Resource], refusals: list[str]
) -> list[Setting]:
    """The settings without those of members that would be half of something; why is added to refusals."""
    groups: dict[tuple[str, str], list[Setting]] = {}
    for one in settings:
        groups.setdefault((one.address.kind, one.address.name), []).append(one)
    kept: list[Setting] = []
    for key, group in groups.items():
        try:
            if key in before:
                _check(before[key], {one.address.attribute: one.new for one in group})
            kept += group
        except RefusedWish as refused:
            refusals.append(str(refused))
    return kept


def _check(resource: Resource, new: Mapping[str, Value]) -> None:
    address = Address("", resource.kind, resource.name)
    if resource.kind == "ilo.snmp_user":
        fit_user(address, new)
        for algorithm, phrase in _KEYS.items():
            if algorithm in new and phrase not in new:
                raise RefusedWish(
                    f"{address}.{algorithm}: its key is made from the pass phrase too, so ask for {phrase} with it, "
                    "which may stay what it is."
                )
    if resource.kind == "ilo.snmp_destination" and {"protocol", "community", "security_name"} & new.keys():
        there = {one.name: one.value for one in resource.attributes if one.value != Text("")}
        asked = new.get("protocol")
        protocol = there.get("protocol") if asked is None else asked
        if "community" in new and protocol != Text("SNMPv1Trap"):
            raise RefusedWish(f"{address}.community: an SNMP v3 trap carries none.")
        if "protocol" in new:
            fit_destination(address, protocol, frozenset({*there, *new}))


def patch_steps(settings: Sequence[Setting], bodies: Bodies) -> Iterable[Step]:
    """One step a resource and disruption: what disturbs nothing must not wait for what does."""
    groups: dict[tuple[int, str], list[Setting]] = {}
    for one in settings:
        groups.setdefault((DISRUPTIONS.index(one.disruption), one.uri), []).append(one)
    for number, ((rank, uri), group) in enumerate(sorted(groups.items(), key=lambda item: item[0]), start=1):
        ordered = sorted(group, key=lambda one: one.pointer)
        name = uri.rstrip("/").rsplit("/", 1)[-1].lower()
        change, undo = _both_ways(uri, ordered, bodies)
        moved = [one for one in ordered if _renames(one.address)]
        names = {msgspec.structs.replace(one.address, attribute=""): show(one.new) for one in moved}
        yield Step(
            id=f"ilo-{number}-{name}",
            why="; ".join(f"{one.address}: {_told(one)}" for one in ordered),
            change=change,
            undo=undo,
            disruption=DISRUPTIONS[rank],
            preconditions=(
                *(AttributeIs(one.address, one.old) for one in ordered if one.pointer not in HIDDEN),
                *(AttributeIs(_under(place, names), None) for place in names),
            ),
            postconditions=tuple(
                AttributeIs(_under(one.address, names), one.new)
                for one in ordered
                if one.secret is None or (one.secret.digest and one.pointer not in HIDDEN | SPELLED)
            ),
        )


def _both_ways(uri: str, group: Sequence[Setting], bodies: Bodies) -> tuple[RedfishPatch, Undo]:
    plain = [one for one in group if one.secret is None]
    after = {one.pointer: encode(one.after) for one in plain}
    before = {one.pointer: encode(one.before) for one in group if one.secret is None or one.previous is None}
    hidden = [one for one in group if one.secret is not None]
    if hidden and (named := _NAMED.get(hidden[0].address.kind, "")) not in before:
        same = encode(at(bodies.get(uri), named))
        after[named], before[named] = same, same
    secrets = tuple(one.secret for one in hidden if one.secret is not None)
    previous = tuple(one.previous for one in hidden if one.previous is not None)
    whys = [one.final for one in group if one.final]
    change = RedfishPatch(uri, tuple(sorted(after.items())), secrets)
    undo = (
        NoUndo("; ".join(dict.fromkeys(whys))) if whys else RedfishPatch(uri, tuple(sorted(before.items())), previous)
    )
    return change, undo


def _renames(address: Address) -> bool:
    """Whether another value of it is another name of the resource."""
    return (address.kind, address.attribute) == ("ilo.snmp_destination", "address")


def _under(address: Address, names: Mapping[Address, str]) -> Address:
    """The address under the name that its resource has once the step is done."""
    place = msgspec.structs.replace(address, attribute="")
    return msgspec.structs.replace(address, name=names.get(place, address.name))


def _told(one: Setting) -> str:
    if one.secret is None:
        return f"{show(one.old) if one.old is not None else 'absent'} → {show(one.new)}"
    return f"from {one.secret.place}"


def in_order(steps: Iterable[Step]) -> list[Step]:
    """What disturbs nothing first, then members that are made, then those that go, then what resets the iLO.

    Users come before all that may name them, and go after it.
    """

    def rank(step: Step) -> tuple[bool, int]:
        match step.change:
            case RedfishCreate(collection=place):
                order = -1 if _is_of_users(place) else 1
            case RedfishDelete(collection=place):
                order = 3 if _is_of_users(place) else 2
            case _:
                order = 0
        return step.disruption != "none", order

    return sorted(steps, key=rank)


def _is_of_users(collection: str) -> bool:
    return collection.rstrip("/").casefold().endswith("/snmpusers")
