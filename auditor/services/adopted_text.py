"""A first baseline as text: what was adopted, by how many of those that can tell, and who differs."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import msgspec

from auditor.errors import InputError
from auditor.model.resource import Address, KindSpec
from auditor.model.source import Source
from auditor.model.value import (
    Boolean,
    Duration,
    Many,
    NoLimit,
    Number,
    Raw,
    Secret,
    Text,
    Undetermined,
    Value,
    Version,
    show,
)


class Outlier(msgspec.Struct, frozen=True):
    """One target that differs from what was adopted; ``value`` None: it has none, ``agreed`` None: others have none."""

    address: Address
    value: Value | None
    agreed: Value | None
    source: Source | None = None


class NotAdopted(msgspec.Struct, frozen=True):
    """An attribute that was not adopted, and why; ``votes`` are the values with the targets that have them."""

    kind: str
    name: str
    attribute: str
    reason: str
    votes: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Agreed(msgspec.Struct, frozen=True):
    """What was adopted of one attribute: its value, by how many of those that can tell, who differs, who cannot."""

    value: Value
    votes: int
    voters: int
    outliers: tuple[Outlier, ...]
    silent: tuple[str, ...] = ()


class Adopted(msgspec.Struct, frozen=True):
    """What goes into a baseline: agreed values by (kind, name), agreed sets of names by kind.

    ``targets`` counts those that were seen.
    """

    values: Mapping[tuple[str, str], Mapping[str, Agreed]]
    names: Mapping[str, tuple[str, ...]]
    not_adopted: tuple[NotAdopted, ...]
    targets: int
    not_seen: tuple[tuple[str, str], ...]


def cannot_tell(targets: tuple[str, ...]) -> str:
    """Who could not tell, as the end of a sentence; empty where everybody could."""
    if not targets:
        return ""
    more = f" and {len(targets) - 5} more" if len(targets) > 5 else ""
    return f"; {', '.join(sorted(targets)[:5])}{more} cannot"


def writable(value: Value, spec: KindSpec, attribute: str) -> bool:
    """Whether the value, written down, reads back as itself."""
    from auditor.policy.document import Item, Place
    from auditor.policy.values import read_value

    def item(one: Value) -> Item | None:
        place = Place("", 1, 1)
        match one:
            case Many(items):
                inner = [item(each) for each in items]
                return None if None in inner else Item(place, items=tuple(each for each in inner if each))
            case Secret() | Raw() | Undetermined():
                return None
            case _:
                text, plain = _scalar(one)
                return Item(place, text=text, plain=plain)

    written = item(value)
    found = spec.get(attribute)
    try:
        return written is not None and read_value(written, found.type if found else "any") == value
    except ValueError:
        return False


def _scalar(value: Value) -> tuple[str, bool]:
    """A single value's text, and whether it stands without quotes."""
    match value:
        case Duration(seconds):
            return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s", True
        case NoLimit():
            return "no limit", True
        case Number(number):
            return str(number), True
        case Boolean(flag):
            return ("true" if flag else "false"), True
        case Text(text) | Version(text):
            return text, False
        case _:
            return show(value), False


def write_baseline(group: str, adopted: Adopted) -> str:
    """The baseline's YAML, each value with its votes and who differs as a comment.

    Errors:
        InputError: there is nothing to agree on.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    from auditor.policy.globs import exact

    resources = CommentedSeq()
    by_kind = sorted({*(kind for kind, _ in adopted.values), *adopted.names})
    for kind in by_kind:
        if kind in adopted.names:
            names = CommentedSeq(_quoted(name) for name in adopted.names[kind])
            resources.append(CommentedMap(kind=kind, names=CommentedMap(exactly=names)))
        for (of_kind, name), values in sorted(adopted.values.items()):
            if of_kind == kind:
                resources.append(CommentedMap(kind=kind, name=_quoted(exact(name)), values=_values(values)))
    if not resources:
        raise InputError(
            f"the targets of the group {group!r} have nothing in common that a baseline could agree on",
            untouched="No baseline was written.",
        )
    document = CommentedMap(
        format="auditor.baseline/v1",
        name=_quoted(group),
        description=_quoted(f"Adopted from {_counted(adopted.targets)}."),
        groups=CommentedSeq([_quoted(exact(group))]),
        resources=resources,
    )
    document.yaml_set_start_comment(_head(adopted))
    yaml = YAML()
    yaml.width = 4096
    yaml.allow_unicode = True
    stream = io.StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


def _head(adopted: Adopted) -> str:
    lines = [
        "A first baseline: what more than half of the targets that can tell have. Read it before you agree to it:",
        "change a value, write at_least or one_of in place of exactly, or remove a line that nobody manages.",
    ]
    lines += (f"Not seen: {target} ({_comment(reason)})" for target, reason in adopted.not_seen)
    lines += (
        f"Not adopted: {_comment(str(Address('', one.kind, one.name, one.attribute)))}: {one.reason}"
        for one in adopted.not_adopted[:50]
    )
    if len(adopted.not_adopted) > 50:
        lines.append(f"… and {len(adopted.not_adopted) - 50} more that were not adopted")
    return "\n".join(lines)


def _values(values: Mapping[str, Agreed]) -> Any:
    from ruamel.yaml.comments import CommentedMap

    mapping = CommentedMap()
    for attribute, agreed in values.items():
        inner = CommentedMap(exactly=_yaml(agreed.value))
        inner.fa.set_flow_style()
        mapping[_quoted(attribute) if not attribute.isidentifier() else attribute] = inner
        if agreed.outliers or agreed.silent:
            mapping.yaml_add_eol_comment(_votes(agreed), attribute, column=0)
    return mapping


def _votes(agreed: Agreed) -> str:
    """``3 of 4; web4/httpd: 300 s``, and who could not tell."""
    parts = [f"{agreed.votes} of {agreed.voters}{' that can tell' if agreed.silent else ''}"]
    parts += [
        f"{one.address.target}: {_comment('not set' if one.value is None else show(one.value))}"
        for one in agreed.outliers[:5]
    ]
    if len(agreed.outliers) > 5:
        parts.append(f"and {len(agreed.outliers) - 5} more")
    return "; ".join(parts) + _comment(cannot_tell(agreed.silent))


def _yaml(value: Value) -> Any:
    from ruamel.yaml.comments import CommentedSeq
    from ruamel.yaml.scalarstring import PlainScalarString

    if isinstance(value, Many):
        items = CommentedSeq(_yaml(item) for item in value.items)
        items.fa.set_flow_style()
        return items
    if isinstance(value, Boolean):
        return value.value
    if isinstance(value, Number):
        return value.value
    text, plain = _scalar(value)
    return PlainScalarString(text) if plain else _quoted(text)


def _quoted(text: str) -> Any:
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    return DoubleQuotedScalarString(text)


def _counted(targets: int) -> str:
    return "one target as it was" if targets == 1 else f"{targets} targets as they were"


def _comment(text: str) -> str:
    """Foreign text made fit for a comment: one line, nothing unprintable, not long."""
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return line if len(line) <= 120 else f"{line[:119]}…"
