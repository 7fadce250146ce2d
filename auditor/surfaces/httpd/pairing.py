"""Which starts and ends of sections belong together in one file, as far as the file alone says. Pure.

httpd accepts files whose sections do not match by themselves: a conditional that is true may be left open at the end
of the file, a macro's body may hold one half of a section, and a ``Use`` may open what the file closes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from auditor.surfaces.httpd.lines import LogicalLine
from auditor.surfaces.httpd.words import BLANKS

_Pair = tuple[LogicalLine, LogicalLine]
_Opened = list[tuple[str, LogicalLine]]


class Pairing(NamedTuple):
    """The sections of one file: ``ends`` by their first line, and the lines of ``halves`` without another half.

    ``left_open`` is the line of the outermost section inside of which the file's end stands; 0 where in none.
    """

    ends: dict[int, LogicalLine]
    halves: frozenset[int]
    left_open: int


def pair(lines: Sequence[LogicalLine], text: str) -> Pairing:
    """The pairs of starts and ends; a macro's body is looked at by itself.

    ``text`` is the file that the lines are of, as latin-1. A tag whose name is quoted or continued, which httpd takes
    for a tag all the same, counts as a half, and so does its other half: the grammar does not know it.
    """
    tags = [one for one in lines if one.name[:1] == "<" and "\0" not in text[one.start : one.end]]
    scopes: list[_Opened] = [[]]
    found = [(start, end) for start, end in _pairs(tags, scopes) if _plain(start, text) and _plain(end, text)]
    paired = {one.line for both in found for one in both}
    halves = frozenset(one.line for one in tags if one.line not in paired)
    return Pairing(
        {start.line: end for start, end in found}, halves, left_open=scopes[0][0][1].line if scopes[0] else 0
    )


def _pairs(tags: Sequence[LogicalLine], scopes: list[_Opened]) -> Iterator[_Pair]:
    """Starts with their ends; what stays in ``scopes`` has none (the file's own first, macros' behind it)."""
    for line in tags:
        if line.name[1:2] != "/":
            name = line.name[1:].lower()
            scopes[-1].append((name, line))
            if name == "macro":
                scopes.append([])
            continue
        name = line.name[2:].removesuffix(">").lower()
        if name == "macro" and len(scopes) > 1:
            scopes.pop()
        opened = scopes[-1]
        if opened and opened[-1][0] == name:
            yield opened.pop()[1], line


def _plain(line: LogicalLine, text: str) -> bool:
    """Whether the tag's name stands in the file as httpd reads it, and its bracket too."""
    raw = text[line.start : line.end].lstrip(BLANKS)
    return raw.startswith(line.name) and ">" in raw
