"""Words of a directive's arguments, as httpd's ``ap_getword_conf`` takes them apart."""

from __future__ import annotations

import re
from typing import Final

BLANKS: Final = " \t\n\v\f\r"
"""What httpd counts as blank (C's isspace); Python's own notion is wider."""

_PLAIN: Final = re.compile(r"[^ \t\n\v\f\r]+")


def split_words(arguments: str) -> tuple[str, ...]:
    """The words, in order, without their quotes.

    A quoted word may hold blanks; inside it a backslash protects the quote and the backslash, outside only the
    backslash. A closing quote ends the word even where no blank follows; a missing one is no error.
    """
    if "\\" not in arguments and '"' not in arguments and "'" not in arguments:
        return tuple(_PLAIN.findall(arguments))
    words = []
    rest = arguments.strip(BLANKS)
    while rest:
        word, rest = next_word(rest)
        words.append(word)
    return tuple(words)


def next_word(text: str) -> tuple[str, str]:
    """The first word and what follows it, blanks in between removed; both are empty where there is no word."""
    text = text.lstrip(BLANKS)
    if not text:
        return "", ""
    quote = text[0]
    if quote in "\"'":
        return _quoted(text, quote)
    match = _PLAIN.match(text)
    end = match.end() if match else len(text)
    return text[:end].replace("\\\\", "\\"), text[end:].lstrip(BLANKS)


def _quoted(text: str, quote: str) -> tuple[str, str]:
    """The word that starts with ``quote``, and the rest."""
    out = []
    position, length = 1, len(text)
    while position < length and text[position] != quote:
        if text[position] == "\\" and text[position + 1 : position + 2] in ("\\", quote):
            position += 1
        out.append(text[position])
        position += 1
    return "".join(out), text[position + 1 :].lstrip(BLANKS)


def as_latin(text: str) -> str:
    """Any text as httpd's files are held here: its UTF-8 bytes, a character each."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


def as_path(text: str) -> str:
    """A path that stands in a file (latin-1 text), as ``os.fsdecode`` would give it."""
    return text if text.isascii() else text.encode("latin-1", "replace").decode("utf-8", "surrogateescape")


def readable(text: str) -> str:
    """Text of a file (latin-1) for people: UTF-8 where it is, else each odd byte escaped."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # it was proper text already
        return text
