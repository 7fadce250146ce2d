"""What differs inside one changed document: lines of text, or members of a JSON body."""

from __future__ import annotations

import contextlib
import difflib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from auditor.model.drift import TextChange
from auditor.model.snapshot import Document

ABSENT: Final = object()
"""Stands for a member that one side does not have."""

Member: TypeAlias = tuple[str, Any, Any]
"""JSON pointer, value before and value after of a member that differs."""

Members: TypeAlias = Callable[[Any, Any], Iterable[Member]]
"""Finds the members in which two JSON values differ."""

_LARGEST_JSON: Final = 1 << 20
"""Bytes up to which a JSON body is compared member by member."""

_LARGEST_PRODUCT: Final = 4_000_000
"""Lines before times lines after, equal head and tail left out, up to which lines are matched."""

_REDFISH: Final = "/redfish/"
_IDENTITIES: Final = ("@odata.id", "Id", "MemberId", "Name")
"""Members that name an entry of a list, the most certain first."""


def document_changes(
    before: Document, after: Document, said: frozenset[str], members: Members
) -> tuple[TextChange, ...]:
    """The differences of two documents of one name, whose contents differ.

    ``members`` compares JSON values. ``said`` are JSON pointers that need no word here, because a resource's change
    already names them. A JSON body's differences are lines ``POINTER: VALUE`` numbered 0.
    """
    if after.store_path.endswith(".json"):
        one, other = _body(before.content), _body(after.content)
        if one is not None and other is not None:
            with contextlib.suppress(RecursionError):  # a body as deep as that is compared as text
                return _json_changes(after.name, members(keyed(one), keyed(other)), said)
    return _line_changes(after.name, before.content, after.content)


def _line_changes(name: str, before: bytes, after: bytes) -> tuple[TextChange, ...]:
    old, new = _lines(before), _lines(after)
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    middle_old, middle_new = old[head : len(old) - tail], new[head : len(new) - tail]
    if len(middle_old) * len(middle_new) > _LARGEST_PRODUCT:
        spans = [[0, len(middle_old), 0, len(middle_new)]]
    else:
        matcher = difflib.SequenceMatcher(None, middle_old, middle_new, autojunk=False)
        spans = [span for tag, *span in matcher.get_opcodes() if tag != "equal"]
    return tuple(
        TextChange(name, head + i1 + 1, _shown(middle_old[i1:i2]), head + j1 + 1, _shown(middle_new[j1:j2]))
        for i1, i2, j1, j2 in spans
    )


def _lines(content: bytes) -> list[bytes]:
    """The lines with their ends; only a line feed ends one, as httpd counts."""
    *whole, rest = content.split(b"\n")
    return [line + b"\n" for line in whole] + ([rest] if rest else [])


def _common(one: list[bytes], other: list[bytes]) -> int:
    """How many items both begin with."""
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))


def _shown(lines: list[bytes]) -> tuple[str, ...]:
    return tuple(line.rstrip(b"\n").decode("utf-8", "backslashreplace") for line in lines)


def _body(content: bytes) -> Any | None:
    """The JSON body, an absent one as empty; None where it is too large or no JSON."""
    if not content:
        return {}
    if len(content) > _LARGEST_JSON:
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _json_changes(name: str, members: Iterable[Member], said: frozenset[str]) -> tuple[TextChange, ...]:
    old: dict[str, str] = {}
    new: dict[str, str] = {}
    for pointer, one, other in members:
        if isinstance(one, str) and isinstance(other, str) and _plain(one) == _plain(other):
            continue
        if any(pointer == known or pointer.startswith(f"{known}/") for known in said if known):
            continue
        if one is not ABSENT:
            old[pointer] = f"{pointer or '/'}: {json.dumps(one, ensure_ascii=False)}"
        if other is not ABSENT:
            new[pointer] = f"{pointer or '/'}: {json.dumps(other, ensure_ascii=False)}"
    return tuple(
        TextChange(name, 0, (old[pointer],) if pointer in old else (), 0, (new[pointer],) if pointer in new else ())
        for pointer in sorted(old.keys() | new.keys())
    )


def _plain(text: str) -> str:
    """A Redfish path without what tells no two apart: case and a slash at the end; any other text as it is."""
    return text.casefold().rstrip("/") if text.casefold().startswith(_REDFISH) else text


def keyed(value: Any) -> Any:
    """The value with each list of named entries turned into a mapping by name, at every depth.

    The entries' order and position are then none of the comparison's business.
    """
    match value:
        case dict():
            return {key: keyed(one) for key, one in value.items()}
        case list():
            entries = [keyed(one) for one in value]
            for identity in _IDENTITIES:
                names = _names(value, identity)
                if names is not None:
                    return dict(zip(names, entries, strict=True))
            return entries
    return value


def _names(entries: list[Any], identity: str) -> list[str] | None:
    """The entries' names, where every one has one and no two are alike."""
    names: list[str] = []
    for one in entries:
        name = one.get(identity) if isinstance(one, Mapping) else None
        if not isinstance(name, str):
            return None
        names.append(_plain(name))
    return names if names and len(set(names)) == len(names) else None
