"""Lines that httpd never sees, because the line before ends in a backslash that nobody meant. Pure.

httpd continues a comment like any line, and looks at bytes: in Shift_JIS the second byte of 表, ソ and others is 5C, a
backslash. Source: ``ap_cfg_getline_core`` of 2.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from auditor.surfaces.httpd.lines import LogicalLine, read_lines
from auditor.surfaces.httpd.vocabulary import brought_by
from auditor.surfaces.httpd.words import BLANKS, readable

_DIRECTIVE: Final = re.compile(r"(?:</?[A-Za-z][\w:-]*|[A-Za-z][\w.:-]*)(?=[\s>]|\Z)", re.ASCII)


class Swallowed(msgspec.Struct, frozen=True):
    """A physical line that httpd takes into the one before.

    ``line`` is its number, ``text`` what stands there, for people (empty: it is blank); ``by`` the line in front of it.
    ``comment`` says that it is taken into a comment, and so lost; else it becomes part of a directive. ``character``
    is the letter of Shift_JIS that ``by`` ends in; empty where it ends in a backslash.
    """

    line: int
    text: str
    by: int
    comment: bool
    character: str


def swallowed_lines(content: bytes) -> tuple[Swallowed, ...]:
    """What a file's comments, and the letters at its lines' ends, take in.

    Of comments that end in a backslash only directives count, known by their names: text may well be continued, and
    so may a directive that was commented out. What is blank or a comment itself is no loss there. Behind a letter
    that is half a backslash, all counts that looks like a directive, and a directive that loses half of its last
    letter counts whatever follows.
    """
    if b"\\\n" not in content and b"\\\r\n" not in content:
        return ()
    found: list[Swallowed] = []
    letters = _in_shift_jis(content)
    for one in read_lines(content):
        if one.last_line > one.line:
            found += _of(one, content[one.start : one.end], letters=letters)
    return tuple(found)


def _of(one: LogicalLine, raw: bytes, *, letters: bool) -> Iterator[Swallowed]:
    pieces = raw.split(b"\n")
    if b"\0" in raw:
        return
    for number, (piece, behind) in enumerate(zip(pieces, [*pieces[1:], b""], strict=True), one.line):
        if not piece.removesuffix(b"\r").endswith(b"\\") or number >= one.last_line:
            continue
        character = _last_letter(piece.removesuffix(b"\r")) if letters else ""
        text = behind.decode("latin-1").strip(BLANKS)
        if one.comment:
            counts = _is_directive(text) if not character else _DIRECTIVE.match(text) is not None
        else:
            counts = bool(character)
        if counts:
            shown = behind.decode("cp932", "backslashreplace") if letters else readable(text)
            yield Swallowed(number + 1, shown.strip(BLANKS), number, one.comment, character)


def _is_directive(text: str) -> bool:
    """Whether a line starts with a directive, or a section's start or end, that a module of httpd brings."""
    name = _DIRECTIVE.match(text)
    return name is not None and name[0].lower().replace("</", "<") in brought_by()


def _in_shift_jis(content: bytes) -> bool:
    """Whether a file is in Shift_JIS, as far as its bytes tell: in that it is proper, and in UTF-8 and EUC-JP not."""
    return not content.isascii() and not _is(content, "utf-8") and _is(content, "cp932") and not _is(content, "euc_jp")


def _is(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _last_letter(line: bytes) -> str:
    """The letter whose second byte the line's last one is; empty where that is a backslash by itself."""
    last = line.decode("cp932", "replace")[-1:]
    return last if len(last.encode("cp932", "replace")) == 2 else ""
