"""Text in columns: width as a terminal shows it, wrapping, and colour as an aid."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

from auditor.report.escape import one_line, visible
from auditor.report.interface import WIDTH

LABEL: Final = 22
"""Columns that a label (mostly a source) takes in front of its text."""

_COLOURS: Final = {"critical": "1;31", "high": "31", "medium": "33", "bold": "1", "good": "32", "faint": "2"}


def width_of(text: str) -> int:
    """The columns the text takes: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def pad(text: str, columns: int) -> str:
    """The text filled with blanks up to that many columns."""
    return text + " " * max(0, columns - width_of(text))


def wrap(text: str, columns: int) -> list[str]:
    """The text in lines of at most that many columns.

    Lines break at blanks and between wide characters; a longer word (a path, an address) stays whole, so that it
    can be copied. At least one line.
    """
    lines: list[str] = []
    line, used = "", 0
    for piece, wide in _pieces(text):
        size = width_of(piece)
        if line and used + size > columns and not (wide and piece in "。、）」』，．"):
            lines.append(line.rstrip())
            line, used = "", 0
            piece = piece.lstrip()
            size = width_of(piece)
        line += piece
        used += size
    lines.append(line.rstrip())
    return lines


def paragraph(text: str, indent: int = 0, hanging: int | None = None) -> str:
    """Wrapped text: the first line indented by ``indent`` columns, the others by ``hanging``; no final line feed."""
    hanging = indent if hanging is None else hanging
    first, *rest = wrap(text, WIDTH - max(indent, hanging))
    return "\n".join([" " * indent + first, *(" " * hanging + line for line in rest)])


def entry(label: str, text: str, indent: int = 2, label_columns: int = LABEL) -> str:
    """A label with its text beside it where that fits in the columns, else below it; no final line feed."""
    start = indent + label_columns
    if width_of(label) < label_columns:
        head = " " * indent + pad(label, label_columns)
        if not text:
            return head.rstrip()
        return head + paragraph(text, start).lstrip(" ")
    if indent + width_of(label) + 2 + width_of(text) <= WIDTH:
        return f"{' ' * indent}{label}  {text}".rstrip()
    head = " " * indent + label
    return f"{head}\n{paragraph(text, indent + 4)}" if text else head


def in_short(names: Sequence[str], *, whole: bool = False) -> str:
    """The names, safe to show; of more than six the first, the last and how many, unless ``whole``."""
    shown = [visible(name) for name in names]
    return ", ".join(shown) if whole or len(shown) <= 6 else f"{shown[0]} … {shown[-1]} ({len(shown)})"


def paint(text: str, colour: str, *, on: bool) -> str:
    """The text in a colour, or as it is."""
    code = _COLOURS.get(colour)
    return f"\x1b[{code}m{text}\x1b[0m" if on and code else text


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Unbreakable pieces in order; a word carries the blanks in front of it; a wide character stands alone."""
    piece = ""
    for character in text:
        wide = not character.isascii() and _columns(character) == 2
        if wide or (character == " " and piece.strip(" ")):
            if piece:
                yield piece, False
            piece = ""
        if wide:
            yield character, True
        else:
            piece += character
    if piece:
        yield piece, False


def advice(text: str, indent: int) -> Iterator[str]:
    """What to do, line by line; a command stays on one line, so that it can be copied."""
    for line in filter(None, text.split("\n")):
        yield " " * indent + one_line(line) if "auditor " in line else paragraph(one_line(line), indent)
