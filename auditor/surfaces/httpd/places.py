"""The words of one directive with the bytes that they stand in, continued lines included. Pure.

Text is latin-1, a character a byte; offsets are into the directive's physical lines.
"""

from __future__ import annotations

from typing import NamedTuple

from auditor.surfaces.httpd.words import BLANKS, next_word


class Place(NamedTuple):
    """One word: as httpd reads it, where its bytes stand (quotes included), and its quote (empty where none).

    ``inner`` and ``inner_end`` are the bytes between the quotes; they are ``start`` and ``end`` for a bare word.
    """

    text: str
    start: int
    end: int
    quote: str
    inner: int
    inner_end: int


def places(raw: str) -> tuple[Place, ...]:
    """The directive's name and its arguments, in order. A section's start ends before its last ``>``."""
    text, offsets = joined(raw)
    end = len(text.rstrip(BLANKS))
    if text.lstrip(BLANKS).startswith("<"):
        end = max(text.rfind(">"), 0) or end
    found: list[Place] = []
    position = 0
    while True:
        while position < end and text[position] in BLANKS:
            position += 1
        if position >= end:
            return tuple(found)
        word, rest = next_word(text[position:end])
        # What follows starts behind the blanks; the word ends where they begin, at its closing quote.
        behind = end - len(rest)
        quote = text[position] if text[position] in "\"'" else ""
        stop = position + len(text[position:behind].rstrip(BLANKS)) if not quote else _closing(text, position, behind)
        found.append(_place(word, text, offsets, position, stop, quote))
        position = behind


def joined(raw: str) -> tuple[str, list[int]]:
    """A directive's text as httpd joins its physical lines, and where each character of it stands in ``raw``."""
    text = ""
    offsets: list[int] = []
    start = 0
    pieces = raw.split("\n")
    for number, piece in enumerate(pieces):
        nul = piece.find("\0")
        piece_end = len(piece) if nul < 0 else nul
        text += piece[:piece_end]
        offsets += range(start, start + piece_end)
        start += len(piece) + 1
        cut = text.removesuffix("\r")
        if nul >= 0 or number == len(pieces) - 1 or not cut.endswith("\\"):
            break
        text = cut[:-1]
        del offsets[len(text) :]
    return text, offsets


def encoded(value: str, quote: str = "") -> str:
    """A word as httpd reads it back, in the given quotes, or bare where that is possible.

    A word that ends in a backslash is quoted: at a line's end httpd would take the next line in.
    """
    if not quote and not value.endswith("\\"):
        bare = value.replace("\\\\", "\\\\\\\\")
        if value and next_word(bare) == (value, ""):
            return bare
    quote = quote or '"'
    out = []
    for here, behind in zip(value, f"{value[1:]}{quote}", strict=True) if value else ():
        protect = here == quote or (here == "\\" and behind in ("\\", quote))
        out.append(f"\\{here}" if protect else here)
    return f"{quote}{''.join(out)}{quote}"


def _closing(text: str, position: int, behind: int) -> int:
    """The end of a quoted word: behind its closing quote, or where the text ends without one."""
    quote, at = text[position], position + 1
    while at < behind and text[at] != quote:
        at += 2 if text[at] == "\\" and text[at + 1 : at + 2] in ("\\", quote) else 1
    return min(at + 1, behind)


def _place(word: str, text: str, offsets: list[int], start: int, stop: int, quote: str) -> Place:
    closed = bool(quote) and stop - start > 1 and text[stop - 1] == quote and _ends_there(text, start, stop)
    inner, inner_stop = start + len(quote), stop - closed
    begins = offsets[start]
    ends = offsets[stop - 1] + 1
    first = offsets[inner] if inner < inner_stop else begins + len(quote)
    last = offsets[inner_stop - 1] + 1 if inner < inner_stop else first
    return Place(word, begins, ends, quote, first, last)


def _ends_there(text: str, start: int, stop: int) -> bool:
    """Whether the quote at the end closes the word and is not protected."""
    at = start + 1
    while at < stop - 1:
        at += 2 if text[at] == "\\" and text[at + 1 : at + 2] in ("\\", text[start]) else 1
    return at == stop - 1
