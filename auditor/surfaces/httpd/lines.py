"""Logical lines of an httpd configuration file, by httpd's own rules.

A line ends at LF and nowhere else. A backslash right before LF or CRLF continues it; a backslash with a blank behind
it does not. ``#`` starts a comment only as the first character that is not blank, and a comment is continued like any
line. A NUL byte hides the rest of its line. Source: ``ap_cfg_getline_core`` and ``ap_build_config_sub`` of 2.4.

The text is latin-1, so that every byte survives the way to ``str`` and back.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from threading import Lock
from typing import Final, TypeAlias

import msgspec

from auditor.surfaces.httpd.words import BLANKS, next_word

MAX_LINE: Final = 16 * 1024 * 1024
"""Bytes of a logical line at which httpd 2.4 refuses the file."""

_REMEMBERED: Final = 160 * 1024 * 1024
"""Bytes that remembered lines may take, files included; a line of one byte takes as much as a longer one."""
_LINE_SIZE: Final = 160

_MARKS: Final = frozenset("\"'<")
_NO_ARGUMENT: Final = frozenset(("", *BLANKS))
_CONTINUED: Final = re.compile(rb"\\\r?\n")

_Splitter: TypeAlias = Callable[[str], tuple[str, str]]

# What str.split() takes for a blank and httpd does not.
_FOREIGN_BLANKS: Final = re.compile(r"[\x1c-\x1f\x85\xa0]")


class LogicalLine(msgspec.Struct, frozen=True, gc=False):
    """One logical line; blank lines and comments included, with an empty ``name``.

    ``text`` is what httpd sees: continuations joined, outer blanks removed. ``name`` is the first word, a section's
    with its ``<`` or ``</`` and without ``>``; ``arguments`` the rest, a section's with its ``>``. ``line`` and
    ``last_line`` are the first and last physical line, one-based; ``start`` and ``end`` its bytes in the file, line
    end included.
    """

    text: str
    name: str
    arguments: str
    line: int
    last_line: int
    start: int
    end: int

    @property
    def comment(self) -> bool:
        """Whether the line is a comment."""
        return self.text.startswith("#")


def read_lines(content: bytes) -> tuple[LogicalLine, ...]:
    """All logical lines of a file in order; together their spans cover every byte."""
    return _MEMORY.lines(content)


def joined(content: bytes) -> bytes:
    """A file with its continued lines joined, so that no word is split; the very same bytes where none is continued."""
    if b"\\" not in content or (b"\\\n" not in content and b"\\\r\n" not in content):
        return content
    return _CONTINUED.sub(b"", content)


class _Memory:
    """The lines of the contents that were read last: alike on many hosts, and read again after each edit of another."""

    def __init__(self) -> None:
        # The longest unused first.
        self._known: dict[bytes, tuple[LogicalLine, ...]] = {}
        self._size = 0
        self._lock = Lock()

    def lines(self, content: bytes) -> tuple[LogicalLine, ...]:
        """The lines, read if they are not remembered."""
        with self._lock:
            found = self._known.pop(content, None)
            if found is not None:
                self._known[content] = found
                return found
        lines = _read_lines(content)
        if _size(content, lines) <= _REMEMBERED // 4:
            self._keep(content, lines)
        return lines

    def _keep(self, content: bytes, lines: tuple[LogicalLine, ...]) -> None:
        with self._lock:
            if content not in self._known:
                self._size += _size(content, lines)
            self._known[content] = lines
            while self._size > _REMEMBERED:
                oldest = next(iter(self._known))
                self._size -= _size(oldest, self._known.pop(oldest))


def _size(content: bytes, lines: tuple[LogicalLine, ...]) -> int:
    """About how many bytes a file and its lines take."""
    return 4 * len(content) + _LINE_SIZE * (len(lines) + 1)


_MEMORY: Final = _Memory()


def _read_lines(content: bytes) -> tuple[LogicalLine, ...]:
    text = content.decode("latin-1")
    pieces = text.split("\n")
    if not pieces[-1]:
        pieces.pop()
    split = split_line if _FOREIGN_BLANKS.search(text) else _split
    if "\\\n" in text or "\\\r\n" in text or "\0" in text:
        return _joined(pieces, split, text.endswith("\n"), len(text))
    found: list[LogicalLine] = []
    append = found.append
    start = 0
    odd = split is not _split or "\\" in text
    for number, piece in enumerate(pieces, 1):
        end = start + len(piece) + 1
        stripped = piece.strip(BLANKS)
        if not stripped or stripped[0] == "#":
            append(LogicalLine(stripped, "", "", number, number, start, end))
        elif odd or stripped[0] in _MARKS:
            name, arguments = split(stripped)
            append(LogicalLine(stripped, name, arguments, number, number, start, end))
        else:  # as _split() does it, for most lines
            name, _, arguments = stripped.partition(" ")
            if not name.isalnum() or arguments[:1] in _NO_ARGUMENT:
                name, arguments = split(stripped)
            append(LogicalLine(stripped, name, arguments, number, number, start, end))
        start = end
    return _ended(found, len(text))


def _joined(pieces: list[str], split: _Splitter, ended: bool, size: int) -> tuple[LogicalLine, ...]:
    """The same for files that hold continued lines or NUL bytes."""
    found: list[LogicalLine] = []
    start = end = 0
    first = 1
    gathered = bytearray()  # text that grew by each of a million lines would be copied a million times
    last = len(pieces)
    for number, piece in enumerate(pieces, 1):
        end += len(piece) + 1
        nul = piece.find("\0")
        gathered += piece[: nul if nul >= 0 else None].encode("latin-1")
        if nul < 0 and (number < last or ended):
            # Of two backslashes the first is found at the end again where the next line is empty: httpd looks at all
            # that it has gathered.
            cut = len(gathered) - gathered.endswith(b"\r")
            if gathered.endswith(b"\\", 0, cut):
                del gathered[cut - 1 :]
                if number < last:
                    continue
                number += 1  # httpd counts the line that it looked for in vain
        text = gathered.decode("latin-1").strip(BLANKS)
        name, arguments = ("", "") if not text or text[0] == "#" else split(text)
        found.append(LogicalLine(text, name, arguments, first, number, start, end))
        start, first = end, number + 1
        gathered.clear()
    return _ended(found, size)


def _ended(found: list[LogicalLine], size: int) -> tuple[LogicalLine, ...]:
    """The lines, the last one ending where the file does: it may lack its line end."""
    if found and found[-1].end > size:
        found[-1] = msgspec.structs.replace(found[-1], end=size)
    return tuple(found)


def _split(text: str) -> tuple[str, str]:
    """Name and arguments of a line that is neither blank nor a comment."""
    parts = text.split(None, 1)
    name = parts[0]
    if name[0] in "\"'" or "\\" in name:
        return split_line(text)
    if name[-1] == ">" and name[1:2] != "/":
        return name[:-1], parts[1] if len(parts) > 1 else ">" if name[0] == "<" else ""
    return name, parts[1] if len(parts) > 1 else ""


def split_line(text: str) -> tuple[str, str]:
    """Name and arguments of a logical line's text, for any text; both are empty for a blank line or a comment."""
    text = text.strip(BLANKS)
    if not text or text[0] == "#":
        return "", ""
    name, arguments = next_word(text)
    if name[1:2] != "/":
        name = name.removesuffix(">")
        if not arguments and name[:1] == "<":
            arguments = ">"
    return name, arguments


def tag_arguments(arguments: str) -> str | None:
    """A section's arguments up to the last ``>``, outer blanks removed; None where there is no ``>``."""
    end = arguments.rfind(">")
    return None if end < 0 else arguments[:end].strip(BLANKS)
