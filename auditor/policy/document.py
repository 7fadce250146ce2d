"""YAML as people write it, with the line and column of everything in it.

PyYAML's safe machinery reads; no tag makes an object. Scalars keep their text as written beside YAML's reading of it,
because ``2.10`` is a version to us and a number to YAML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Final

import msgspec
import yaml

from auditor.errors import InputError

MAX_BYTES: Final = 2_000_000
MAX_DEPTH: Final = 30
MAX_EVENTS: Final = 200_000
MAX_VISITS: Final = 200_000
"""Nodes visited once aliases are followed: what bounds a file whose anchors multiply each other."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NUMBER: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_BOOLEANS: Final = {"true": True, "false": False, "True": True, "False": False}
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})

Scalar = str | int | float | bool | None


class Place(msgspec.Struct, frozen=True):
    """A one-based line and column of a file; ``path`` says where in the document (``rules[2].assert``)."""

    file: str
    line: int
    column: int
    path: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Item(msgspec.Struct, frozen=True):
    """A scalar, a list or a mapping of a document.

    Exactly one of ``text`` (a scalar as written, quotes removed), ``items`` and ``members`` is not None. ``plain``
    says that a scalar stands without quotes, so that it may mean a number or a truth value.
    """

    place: Place
    text: str | None = None
    plain: bool = False
    items: tuple[Item, ...] | None = None
    members: tuple[tuple[str, Item], ...] | None = None
    key_places: tuple[Place, ...] = ()
    raw: str = ""

    @property
    def scalar(self) -> Scalar:
        """The scalar as YAML 1.2 reads it: ``yes`` and ``on`` are text, not truth."""
        text = self.text or ""
        if not self.plain:
            return text
        if text in _NULLS:
            return None
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        number = _NUMBER.fullmatch(text)
        if number:
            return float(text) if number[2] or number[3] else int(text)
        return text

    def get(self, key: str) -> Item | None:
        """A mapping's member, or None."""
        return next((item for name, item in self.members or () if name == key), None)

    def what(self) -> str:
        """What it is, in a word, for errors."""
        if self.items is not None:
            return "a list"
        if self.members is not None:
            return "a mapping"
        match self.scalar:
            case None:
                return "empty"
            case bool():
                return "a truth value"
            case int() | float():
                return "a number"
            case _:
                return "text"

    def inside(self, offset: int) -> Place:
        """Where the character at ``offset`` of a scalar's text stands in the file.

        Folding and quoting move characters about: the word at the offset is looked up in the text as written, the
        n-th occurrence for the n-th; where it cannot be found, the scalar's own place is given.
        """
        text = self.text or ""
        word = re.match(r"\w+|\S", text[offset:])
        if word is None or not self.raw:
            return self.place
        pattern = re.compile(rf"(?<!\w){re.escape(word[0])}(?!\w)" if word[0][0].isalnum() else re.escape(word[0]))
        nth = sum(1 for found in pattern.finditer(text) if found.start() < offset)
        found = next((one for count, one in enumerate(pattern.finditer(self.raw)) if count == nth), None)
        if found is None:
            return self.place
        before = self.raw[: found.start()]
        lines = before.count("\n")
        column = len(before) - before.rfind("\n") if lines else self.place.column + len(before)
        return Place(self.place.file, self.place.line + lines, column, self.place.path)


def mistake(place: Place, what: str, next_step: str | None = None) -> InputError:
    """An error that names file, line, column and the path inside the document."""
    return InputError(f"{place.path}: {what}" if place.path else what, where=str(place), next_step=next_step)


def suggestion(word: str, known: Iterator[str] | tuple[str, ...] | list[str]) -> str:
    """``; did you mean X?`` where a known word is close, else nothing."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def load_document(file: str, content: bytes) -> Item:
    """The one document of a YAML file.

    Errors:
        InputError: not UTF-8, not YAML, too large or too deep, a key twice, a tag that makes objects; all duplicate
            keys are gathered.
    """
    text = _decode(file, content)
    try:
        _bound(file, text)
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
        context = f" ({error.context})" if error.context else ""
        raise InputError(f"not valid YAML: {error.problem or error}{context}", where=where) from error
    except yaml.YAMLError as error:
        raise InputError(f"not valid YAML: {error}", where=file) from error
    if node is None:
        raise InputError("the file is empty", where=file)
    builder = _Builder(file, text)
    root = builder.build(node, "", 0)
    if builder.mistakes:
        raise InputError.gather(builder.mistakes)
    return root


def _decode(file: str, content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise InputError(f"the file has {len(content):,} bytes; at most {MAX_BYTES:,} are read", where=file)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError("the file is not UTF-8", where=f"{file}:{line}", next_step="Save it as UTF-8.") from error


def _bound(file: str, text: str) -> None:
    """Refuses what is too deep or too large before anything recursive looks at it."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_LOADER)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise InputError(f"nested deeper than {MAX_DEPTH}", where=_line(file, event))
        if count > MAX_EVENTS:
            raise InputError(f"more than {MAX_EVENTS:,} elements", where=_line(file, event))


def _line(file: str, event: yaml.Event) -> str:
    return f"{file}:{event.start_mark.line + 1}" if event.start_mark else file


class _Builder:
    """Turns YAML's nodes into items, following aliases within bounds."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.lines = text.splitlines(keepends=True)
        self.mistakes: list[InputError] = []
        self.visits = 0

    def build(self, node: yaml.Node, path: str, depth: int) -> Item:
        place = self._place(node, path)
        self.visits += 1
        if self.visits > MAX_VISITS or depth > MAX_DEPTH:  # an alias may also contain itself
            raise mistake(place, "its aliases make the document too large", "Write the values out.")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, place)
        self._plain_tag(node, place)
        if isinstance(node, yaml.SequenceNode):
            items = tuple(self.build(child, f"{path}[{n}]", depth + 1) for n, child in enumerate(node.value))
            return Item(place, items=items)
        return self._mapping(node, place, depth)

    def _mapping(self, node: yaml.Node, place: Place, depth: int) -> Item:
        members: dict[str, Item] = {}
        places: list[Place] = []
        for key_node, value_node in node.value:
            key_place = self._place(key_node, place.path)
            if not isinstance(key_node, yaml.ScalarNode):
                self.mistakes.append(mistake(key_place, "a key must be text"))
                continue
            key = str(key_node.value)
            if key in members:
                self.mistakes.append(mistake(key_place, f"{key!r} stands twice", "Remove one of the two."))
                continue
            members[key] = self.build(value_node, f"{place.path}.{key}" if place.path else key, depth + 1)
            places.append(key_place)
        return Item(place, members=tuple(members.items()), key_places=tuple(places))

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> Item:
        self._plain_tag(node, place)
        return Item(place, text=str(node.value), plain=not node.style, raw=self._raw(node))

    def _plain_tag(self, node: yaml.Node, place: Place) -> None:
        if not node.tag.startswith("tag:yaml.org,2002:") or "python/" in node.tag:
            self.mistakes.append(mistake(place, f"the tag {node.tag!r} is not known", "Remove it."))

    def _place(self, node: yaml.Node, path: str) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1, path)

    def _raw(self, node: yaml.Node) -> str:
        """The scalar as it stands in the file, for finding places inside it."""
        start, end = node.start_mark, node.end_mark
        lines = self.lines[start.line : end.line + 1]
        if not lines:
            return ""
        if end.line - start.line + 1 == len(lines):
            lines[-1] = lines[-1][: end.column]
        lines[0] = lines[0][start.column :]
        return "".join(lines)
