"""The bodies of a collected iLO, and how members of them become attributes. Pure."""

from __future__ import annotations

from typing import Final

from auditor.model.resource import Attribute, Resource, make_resource
from auditor.model.snapshot import Collected, Gap
from auditor.model.source import RedfishSource
from auditor.model.value import Undetermined
from auditor.surfaces.ilo.body import Body, Json, MalformedError, at, decode, escape, find, key_of
from auditor.surfaces.ilo.links import Found, follow
from auditor.surfaces.ilo.members import MEMBERS, Member
from auditor.surfaces.ilo.registry import Registry, read_registry
from auditor.surfaces.ilo.values import read_value

ROOT: Final = "/redfish/v1"


class Bodies:
    """The bodies of a collection, found by path without case and trailing slash."""

    def __init__(self, collected: Collected) -> None:
        self.gaps: list[Gap] = []
        self.names: dict[str, str] = {}
        self._bodies: dict[str, Body] = {}
        for document in collected.documents:
            try:
                self._bodies[key_of(document.name)] = decode(document.content)
                self.names[key_of(document.name)] = document.name
            except MalformedError as error:
                self.gaps.append(Gap(document.name, "malformed", str(error)))
        self.found = follow(ROOT, self.get)

    def get(self, uri: str) -> Body | None:
        """The body at a URI, or None."""
        return self._bodies.get(key_of(uri))

    def replace(self, uri: str, body: Body) -> None:
        """Puts another body in its place, for looking at what would be."""
        self._bodies[key_of(uri)] = body
        self.found = follow(ROOT, self.get)

    def of(self, role: str, owner: str | None = None) -> tuple[Found, ...]:
        """The resources of a role, of one owner where one is given."""
        return tuple(one for one in self.found if one.role == role and owner in (None, one.owner))

    def name(self, uri: str) -> str:
        """A URI as its document is called."""
        return self.names.get(key_of(uri), uri)

    def registry(self, identity: str) -> Registry | None:
        """The attribute registry of that name, or None where it was not collected."""
        for key, body in self._bodies.items():
            if "RegistryEntries" in body and (body.get("Id") == identity or key.endswith(f"/{identity.casefold()}")):
                return read_registry(body)
        return None


def attributes_of(bodies: Bodies, kind: str, role: str, found: Found | None, base: str = "") -> list[Attribute]:
    """The attributes that a resource's members are; ``base`` is the pointer of the object that holds them."""
    if found is None:
        return []
    made: list[Attribute] = []
    for member in MEMBERS:
        if member.kind != kind or member.role != role:
            continue
        pointer, raw = locate(member, found.body, base)
        value = read_value(member, raw)
        needed = member.type == "boolean" or (member.settable and not member.made)  # a v1 destination has no user
        if raw is None and needed and not is_absent(found.body, pointer):
            value = Undetermined("the iLO does not say at the moment (null)")  # else a rule would pass it by as absent
        if value is not None:
            made.append(Attribute(member.name, value, RedfishSource(bodies.name(found.uri), pointer)))
    return made


def is_absent(body: Body, pointer: str) -> bool:
    """Whether a body has no such member at all: neither is it ``null``, nor is something else where it would stand."""
    value: Json = body
    for name in pointer.split("/")[1:]:
        if not isinstance(value, dict):
            return False
        if name not in value:
            return True
        value = value[name]
    return False


def locate(member: Member, body: Body, base: str = "") -> tuple[str, Json]:
    """Where a member stands in a body, and its JSON; iLO 4's ``Oem.Hp`` is looked at too."""
    for pointer in (base + member.pointer, base + member.pointer.replace("/Oem/Hpe/", "/Oem/Hp/")):
        there, raw = find(body, pointer)
        if there:
            return pointer, raw
    return base + member.pointer, None


def licensed(bodies: Bodies, owner: str, feature: str) -> tuple[bool, RedfishSource] | None:
    """Whether the owner's licence has a feature, and where it says so; None where it does not say."""
    for licence in bodies.of("licence", owner):
        pointer = f"/LicenseFeatures/{escape(feature)}"
        flag = at(licence.body, pointer)
        if isinstance(flag, bool):
            return flag, RedfishSource(bodies.name(licence.uri), pointer)
    return None


def resource_of(kind: str, name: str, attributes: list[Attribute], source: RedfishSource | None) -> list[Resource]:
    """The resource, or none where nothing of it was read."""
    return [make_resource(kind, name, attributes, source)] if attributes else []


def place_of(bodies: Bodies, found: Found | None, pointer: str = "") -> RedfishSource | None:
    """Where a value stands, under its document's name; None where there is no resource."""
    return RedfishSource(bodies.name(found.uri), pointer) if found else None


def first(found: tuple[Found, ...]) -> Found | None:
    """The first resource, or None where there is none."""
    return found[0] if found else None


def unique(taken: set[str], name: str, *further: str) -> str:
    """The name, made unique by what tells the things apart, at last by a number."""
    for one in (name, *(f"{name} ({more})" for more in further if more)):
        if one not in taken:
            taken.add(one)
            return one
    number = 2
    while f"{name} #{number}" in taken:
        number += 1
    taken.add(f"{name} #{number}")
    return f"{name} #{number}"


def text_at(body: Body, pointer: str) -> str:
    """The text at a pointer without blanks around it; empty where there is none."""
    value = at(body, pointer)
    return value.strip() if isinstance(value, str) else ""


def listed(value: Json) -> list[Json]:
    """The list that a value is; an empty one where it is none."""
    return value if isinstance(value, list) else []
