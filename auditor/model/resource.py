"""Resources, their attributes and addresses: the language of everything downstream of interpreting."""

from __future__ import annotations

import json
import re
from typing import Literal

import msgspec

from auditor.errors import InputError
from auditor.model.source import Source
from auditor.model.value import Value


class Attribute(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One typed value of a resource, with the place that decides it.

    ``source`` is None for a compiled-in default and for what was computed from several places.
    ``note`` says, for people, how the value came about where that is not plain ("falls back to the read time-out").
    """

    name: str
    value: Value
    source: Source | None = None
    note: str = ""


class Resource(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One thing that can be agreed about.

    ``kind`` and ``name`` identify it within its target; ``attributes`` are sorted by name and unique.
    An attribute that the machine does not have is absent, never empty.
    """

    kind: str
    name: str
    attributes: tuple[Attribute, ...]
    source: Source | None = None

    def get(self, name: str) -> Attribute | None:
        """The attribute of that name, or None where the resource has none."""
        for attribute in self.attributes:
            if attribute.name == name:
                return attribute
        return None

    def value(self, name: str) -> Value | None:
        """The attribute's value, or None where the resource has no such attribute."""
        found = self.get(name)
        return None if found is None else found.value


def make_resource(kind: str, name: str, attributes: list[Attribute], source: Source | None = None) -> Resource:
    """A resource with its attributes in order.

    Errors:
        ValueError: an attribute stands twice.
    """
    ordered = tuple(sorted(attributes, key=lambda attribute: attribute.name))
    if len({attribute.name for attribute in ordered}) != len(ordered):
        raise ValueError(f"{kind} {name!r} names an attribute twice")
    return Resource(kind, name, ordered, source)


class Address(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, order=True):
    """``TARGET:KIND["NAME"].ATTRIBUTE``, as Terraform writes it; the attribute may be left out.

    The name is a JSON string, so any text fits. ``target`` may be empty in a plan's cohort, where several
    targets share a step.
    """

    target: str
    kind: str
    name: str
    attribute: str = ""

    def __str__(self) -> str:
        head = f"{self.target}:" if self.target else ""
        tail = f".{self.attribute}" if self.attribute else ""
        return f"{head}{self.kind}[{json.dumps(self.name, ensure_ascii=False)}]{tail}"

    def on(self, target: str) -> Address:
        """The same place on another target."""
        return msgspec.structs.replace(self, target=target)


_ADDRESS = re.compile(
    r"(?:(?P<target>[^\[\]\"]+?):)?(?P<kind>[a-z]\w*\.[a-z]\w*)"
    r"\[(?P<name>\"(?:[^\"\\]|\\.)*\")\](?:\.(?P<attribute>[^\[\]=\s]+))?",
)


def parse_address(text: str) -> Address:
    """Reads an address.

    Errors:
        InputError: the text is not one.
    """
    match = _ADDRESS.fullmatch(text.strip())
    name = None
    if match:
        try:
            name = json.loads(match["name"], strict=False)
        except ValueError:
            name = None
    if match is None or name is None:
        raise InputError(
            f"{text!r} is not an address",
            next_step='An address looks like  web1/httpd:httpd.route["shop.example:443 /api"].read_timeout',
        )
    return Address(match["target"] or "", match["kind"], name, match["attribute"] or "")


AttributeType = Literal["text", "number", "boolean", "duration", "version", "list", "secret", "any"]


class AttributeSpec(msgspec.Struct, frozen=True):
    """What an attribute of a kind is: its type and a sentence that says what it means.

    ``settable`` says that a plan may ask for another value. ``licensed_by`` names the boolean attribute of the same
    resource that says whether the licence has the feature; where it is false, a rule on this attribute does not apply.
    """

    name: str
    type: AttributeType
    meaning: str
    settable: bool = False
    licensed_by: str = ""


PRESENT = AttributeSpec(
    "present", "boolean", "It is there. A plan makes it by true, and removes it by false or null.", True
)
"""Of kinds whose resources a plan may make: no resource shows it."""


class KindSpec(msgspec.Struct, frozen=True):
    """A kind of resource: which attributes it may have.

    ``open`` kinds (a BIOS, whose attributes the machine's registry names) may have others too. ``made`` says that a
    plan may make and remove such resources: :data:`PRESENT` stands for that in a wish.
    """

    name: str
    meaning: str
    attributes: tuple[AttributeSpec, ...]
    open: bool = False
    made: bool = False

    def get(self, name: str) -> AttributeSpec | None:
        """The attribute's description, or None."""
        return next((spec for spec in self.attributes if spec.name == name), None)
