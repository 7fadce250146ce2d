"""Steps that make and remove members of collections: alert destinations, event subscriptions, SNMP users. Pure.

A secret (a community, a pass phrase) stands in no plan: a step says where it comes from. What holds one can be made
again where it is said where that one comes from; else its removal needs a consent of its own, as does that of what
holds HTTP headers.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from auditor.model.plan import (
    AttributeIs,
    Condition,
    NoUndo,
    RedfishCreate,
    RedfishDelete,
    SecretFrom,
    Step,
    Undo,
    Wish,
)
from auditor.model.resource import PRESENT, Address, Resource
from auditor.model.secret import SEALED
from auditor.model.snapshot import Gap, hides
from auditor.model.source import RedfishSource
from auditor.model.value import Boolean, Text, Undetermined, Value, show
from auditor.surfaces.ilo.bodies import Bodies, text_at
from auditor.surfaces.ilo.body import Body, Json, find, link, nest, same_path
from auditor.surfaces.ilo.links import Found, member_uris
from auditor.surfaces.ilo.members import Member, members_of
from auditor.surfaces.ilo.propose_fit import fit
from auditor.surfaces.ilo.propose_secrets import HIDDEN, SPELLED, Before, back, placed, secrets_of
from auditor.surfaces.ilo.values import UnfitError, write_value
from auditor.surfaces.ilo.wishes import RefusedWish, encode, kind_of, near

NEW: Final = "as-planned"
"""Where a member that is to be made stands while the machine is looked at as it would be."""
_MOST: Final = 8
_NO_WORD: Final = re.compile(r"[^\w.]+")


class _Collection(msgspec.Struct, frozen=True):
    """What is known of a kind's collection.

    ``named`` is the attribute that the name stands for, ``needed`` are those without which none is made; ``always`` is
    what each new member says besides. ``hidden`` are members of the body whose value an iLO takes and does not show.
    """

    role: str
    what: str
    named: str
    needed: tuple[str, ...] = ()
    always: tuple[tuple[str, Json], ...] = ()
    hidden: tuple[str, ...] = ()


_COLLECTIONS: Final[dict[str, _Collection]] = {
    "ilo.snmp_destination": _Collection("snmp_destinations", "SNMP destination", "address", ("protocol",)),
    "ilo.event_subscription": _Collection(
        "event_subscriptions",
        "event subscription",
        "destination",
        ("context",),
        (("/Protocol", "Redfish"),),
        ("HttpHeaders", "HTTPHeaders"),
    ),
    "ilo.snmp_user": _Collection(
        "snmp_users",
        "SNMP user",
        "security_name",
        ("auth_protocol", "auth_passphrase", "privacy_protocol", "privacy_passphrase"),
    ),
}


class Wanted(msgspec.Struct, frozen=True):
    """What is wanted of one member: whether it is there, and what it says."""

    present: bool
    attributes: tuple[Wish, ...]


def wanted_of(wishes: tuple[Wish, ...], resource: Resource | None) -> Wanted:
    """What wishes about one member amount to.

    Errors:
        RefusedWish: they contradict each other, or nothing says that it is to be made.
    """
    presence = [one for one in wishes if one.address.attribute in ("", PRESENT.name)]
    attributes = tuple(one for one in wishes if one not in presence)
    for one in presence:
        if one.value not in (None, Boolean(True), Boolean(False)):
            raise RefusedWish(f"{one.address.on('')}: must be true, false or null.")
    removed = any(one.value in (None, Boolean(False)) for one in presence)
    if removed and attributes:
        raise RefusedWish(f"{attributes[0].address.on('')}: it is to be removed, so nothing can be set of it.")
    for one in attributes:
        if one.value is None:
            raise RefusedWish(f"{one.address.on('')}: what a member says cannot be taken from it; remove it whole.")
    if resource is None and not presence:
        place = msgspec.structs.replace(wishes[0].address.on(""), attribute=PRESENT.name)
        raise RefusedWish(f"{wishes[0].address.on('')}: there is no such member. Make it:  --set '{place}=true'")
    return Wanted(not removed, attributes)


def creation(address: Address, wishes: tuple[Wish, ...], bodies: Bodies, gaps: tuple[Gap, ...]) -> Step:
    """The step that makes a member. Its conditions are those of :func:`with_conditions`.

    Errors:
        RefusedWish: it would need a secret, something is missing or unfit, or members could not be read.
    """
    about = _COLLECTIONS[address.kind]
    if hidden := hides(gaps, address.kind):
        raise RefusedWish(f"{address}: whether it is there could not be read ({hidden[0].what}: {hidden[0].cause}).")
    given: dict[str, Value] = {about.named: Text(address.name)}
    given.update((one.address.attribute, one.value) for one in wishes if one.value is not None)
    missing = [name for name in about.needed if name not in given]
    if missing:
        raise RefusedWish(f"{address}: a new {about.what} needs {', '.join(missing)} too.")
    fit(address, given)
    content = dict(about.always)
    secrets: list[SecretFrom] = []
    for name, value in given.items():
        member = _member(address, name)
        if member.type == "secret":
            secrets.append(placed(next(one for one in wishes if one.address.attribute == name), member))
            continue
        try:
            content[member.pointer] = write_value(member, value, None)
        except UnfitError as error:
            raise RefusedWish(f"{address}.{name}: {error}; asked for was {show(value)}.") from error
    members = tuple((pointer, encode(value)) for pointer, value in sorted(content.items()))
    collection = _collection(address, about, bodies)
    _room(address, about, bodies)
    said = ", ".join(f"{name} {_told(name, value, wishes)}" for name, value in sorted(given.items()))
    return Step(
        id=_step_id("make", address.kind, address.name),
        why=f"a new {about.what}: {said}",
        change=RedfishCreate(collection, members, tuple(sorted(secrets, key=lambda one: one.pointer))),
        undo=RedfishDelete(collection, members),
        disruption="none",
        preconditions=(),
        postconditions=(),
    )


def _told(name: str, value: Value, wishes: Iterable[Wish]) -> str:
    """A value for people; of a secret, where it comes from."""
    places = [one.secret.place for one in wishes if one.secret and one.address.attribute == name]
    return f"from {places[0]}" if places else show(value)


def removal(resource: Resource, bodies: Bodies, before: Before) -> Step:
    """The step that removes a member; without a way back where it holds what nobody says."""
    source = resource.source
    if not isinstance(source, RedfishSource):
        raise RefusedWish(f"{resource.kind} {resource.name}: where it stands is not known.")
    about = _COLLECTIONS[resource.kind]
    body = bodies.get(source.uri) or {}
    content: dict[str, Json] = {}
    for member in members_of(resource.kind):
        there, value = find(body, member.pointer)
        if there and value is not None and member.type != "secret" and not SEALED.search(json.dumps(value).encode()):
            content[member.pointer] = value
    made = [one.pointer for one in members_of(resource.kind) if one.made]
    kept = {pointer: value for pointer, value in content.items() if pointer in made}
    address = Address("", resource.kind, resource.name)
    collection = _collection(address, about, bodies, source.uri)
    secrets, why = back(resource, _secrets_in(resource, body), before, "made again")
    why = _never_shown(resource.kind, body, about) or why
    members = tuple((pointer, encode(value)) for pointer, value in sorted((content if why else kept).items()))
    undo: Undo = NoUndo(why) if why else RedfishCreate(collection, members, secrets)
    return Step(
        id=_step_id("remove", resource.kind, resource.name),
        why=f"the {about.what} {resource.name} is to go",
        change=RedfishDelete(collection, members, bodies.name(source.uri)),
        undo=undo,
        disruption="none",
        preconditions=tuple(
            AttributeIs(Address("", resource.kind, resource.name, one.name), one.value)
            for one in resource.attributes
            if not isinstance(one.value, Undetermined)
            and any(one.name == member.name for member in members_of(resource.kind))
        ),
        postconditions=(AttributeIs(address, None),),
    )


def _step_id(verb: str, kind: str, name: str) -> str:
    """A step's id as a person can type it."""
    return f"ilo-{verb}-{kind.removeprefix('ilo.')}-{_NO_WORD.sub('-', name).strip('-')[:80]}"


def with_conditions(step: Step, before: Collection[tuple[str, str]], after: Mapping[tuple[str, str], Resource]) -> Step:
    """The step that makes a member, with what must be so before and after it: nothing of its name, then all it says.

    What takes the place of another of its name has what must be so of that one at the step that removes it.
    """
    change = step.change
    if isinstance(change, RedfishDelete):
        gone = [one for one in step.postconditions if not _stands(one, after)]
        return msgspec.structs.replace(step, postconditions=tuple(gone))
    if not isinstance(change, RedfishCreate):
        return step
    here = [one for one in after.values() if isinstance(one.source, RedfishSource) and one.source.uri == place(change)]
    conditions: tuple[Condition, ...] = ()
    absent: tuple[Condition, ...] = ()
    said = {pointer for pointer, _ in change.members}
    said |= {one.pointer for one in change.secrets if one.digest and one.pointer not in HIDDEN}
    for resource in here:
        if (resource.kind, resource.name) not in before:
            absent = (AttributeIs(Address("", resource.kind, resource.name), None),)
        conditions = tuple(
            AttributeIs(Address("", resource.kind, resource.name, member.name), value)
            for member in members_of(resource.kind)
            if member.pointer in said and (value := resource.value(member.name)) is not None
        )
    return msgspec.structs.replace(step, preconditions=absent, postconditions=conditions)


def _stands(condition: Condition, after: Collection[tuple[str, str]]) -> bool:
    """Whether a condition is about a resource whose name another has afterwards."""
    return isinstance(condition, AttributeIs) and (condition.address.kind, condition.address.name) in after


def replacement(resource: Resource, wishes: Sequence[Wish], bodies: Bodies, gaps: tuple[Gap, ...]) -> tuple[Step, ...]:
    """The steps that make another member with what is wished, then remove this one; none where it is so already.

    The new one comes first, so that there is no moment without either.

    Errors:
        RefusedWish: another like it cannot be made, or could not be told from it.
    """
    if all(resource.value(one.address.attribute) == one.value for one in wishes):
        return ()
    address = Address("", resource.kind, resource.name)
    old = removal(resource, bodies, {})
    if isinstance(old.undo, NoUndo):
        raise RefusedWish(f"{address}: what it says is said when it is made, and {old.undo.reason}.")
    about = _COLLECTIONS[resource.kind]
    said = {one.name: value for one in members_of(resource.kind) if one.made and (value := resource.value(one.name))}
    said.update((one.address.attribute, one.value) for one in wishes if one.value is not None)
    name = show(said.pop(about.named, Text(resource.name)))
    wanted = [Wish(msgspec.structs.replace(address, attribute=key), value) for key, value in said.items()]
    new = creation(msgspec.structs.replace(address, name=name), tuple(wanted), bodies, gaps)
    if set(_said(old)) <= set(_said(new)):
        raise RefusedWish(f"{address}: another could not be told from it; remove it, and plan the other afterwards.")
    why = "; ".join(f"{one.address.on('')}: {show(one.value)}" for one in wishes if one.value is not None)
    return (
        msgspec.structs.replace(new, why=f"takes the place of the one that is there: {why}"),
        msgspec.structs.replace(old, why=f"another {about.what} takes its place"),
    )


def _said(step: Step) -> tuple[tuple[str, str], ...]:
    return step.change.members if isinstance(step.change, RedfishCreate | RedfishDelete) else ()


def place(change: RedfishCreate) -> str:
    """Where the new member stands while the machine is looked at as it would be."""
    return f"{change.collection.rstrip('/')}/{NEW}-{zlib.crc32(msgspec.json.encode(change.members)):08x}"


def foresee_made(bodies: Bodies, change: RedfishCreate) -> None:
    """Puts the new member in place, as far as it is known what it will say."""
    uri = place(change)
    shown: list[tuple[str, Json]] = [(pointer, msgspec.json.decode(value)) for pointer, value in change.members]
    shown += [
        (one.pointer, one.digest) for one in change.secrets if one.digest and _is_shown(bodies, change, one.pointer)
    ]
    bodies.replace(uri, nest(tuple(shown)))
    collection = bodies.get(change.collection) or {}
    listed = collection.get("Members")
    members: list[Json] = [*(listed if isinstance(listed, list) else []), {"@odata.id": uri}]
    bodies.replace(change.collection, {**collection, "Members": members})


def _is_shown(bodies: Bodies, change: RedfishCreate, pointer: str) -> bool:
    """Whether this iLO is known to show such a secret, as it was given: it shows another member's."""
    others = (bodies.get(uri) or {} for uri in member_uris(bodies.get(change.collection) or {}))
    return pointer not in HIDDEN | SPELLED and any(text_at(one, pointer) for one in others)


def foresee_removed(bodies: Bodies, change: RedfishDelete) -> None:
    """Takes the member out of its collection."""
    collection = bodies.get(change.collection) or {}
    listed = collection.get("Members")
    left = [
        one for one in (listed if isinstance(listed, list) else []) if not same_path(link(one, "") or "", change.uri)
    ]
    bodies.replace(change.collection, {**collection, "Members": left})


def _member(address: Address, name: str) -> Member:
    found = next((one for one in members_of(address.kind) if one.name == name), None)
    spec = kind_of(address.kind).get(name)
    if spec is None:
        names = [one.name for one in kind_of(address.kind).attributes]
        raise RefusedWish(f"{address}: {address.kind} has no such attribute {name}{near(name, names)}")
    if found is None or not found.made:
        raise RefusedWish(f"{address}.{name}: is not said when one is made: {spec.meaning}")
    return found


def _collection(address: Address, about: _Collection, bodies: Bodies, uri: str = "") -> str:
    """The collection's URI; of several the one that has the member at ``uri``."""
    found: tuple[Found, ...] = bodies.of(about.role)
    if uri:
        head = uri.rstrip("/").rsplit("/", 1)[0].casefold()
        found = tuple(one for one in found if one.uri.rstrip("/").casefold() == head) or found
    if len(found) != 1:
        why = "this iLO has no place for one" if not found else "this iLO has several places for one"
        raise RefusedWish(f"{address}: {why}.")
    return bodies.name(found[0].uri)


def _secrets_in(resource: Resource, body: Body) -> list[Member]:
    """The members of a resource without whose secret it could not be made again as it was."""
    is_v1 = not text_at(body, "/SNMPAlertProtocol").startswith("SNMPv3")
    return [
        one
        for one in secrets_of(resource.kind)
        if one.pointer in HIDDEN or resource.value(one.name) is not None or (one.name == "community" and is_v1)
    ]


def _never_shown(kind: str, body: Body, about: _Collection) -> str:
    """Why a member could not be made again, whatever is said of it; nothing: it could."""
    hidden = [name for name in about.hidden if name in body]
    if hidden:
        return f"the iLO does not show its {' and '.join(hidden)}, so it could not be made again as it was"
    known = {one.pointer for one in secrets_of(kind)}
    rest = {name: value for name, value in body.items() if f"/{name}" not in known}
    if SEALED.search(json.dumps(rest).encode()):
        return "it holds a secret that stands in no plan, so it could not be made again as it was"
    return ""


def _room(address: Address, about: _Collection, bodies: Bodies) -> None:
    """An iLO takes eight destinations and eight users.

    Errors:
        RefusedWish: it has as many.
    """
    listed = [one for found in bodies.of(about.role) for one in member_uris(found.body)]
    if about.role != "event_subscriptions" and len(listed) >= _MOST:
        raise RefusedWish(f"{address}: this iLO has {len(listed)} of them, and takes {_MOST}. Remove one first.")
