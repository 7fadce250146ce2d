"""Foreign text made harmless before a person or a program reads it."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_JSON_UNSAFE: Final = re.compile(r"[^\n -~]")


def visible(text: str) -> str:
    r"""The text on one line, with every character that has no picture of its own shown as its escape.

    Control characters (escape sequences of terminals among them), bidirectional and other format controls, line and
    paragraph separators, surrogates and unassigned characters become ``\n``, ``\x1b``, ``\u202e``; spaces of other
    scripts stay.
    """
    if text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def safe_json(text: str) -> str:
    """JSON text with the same characters, inside strings, as JSON escapes: the value read back is the same.

    The text must have come from a JSON encoder, so that outside strings only line feeds and ASCII occur.
    """
    return _JSON_UNSAFE.sub(lambda found: _json_shown(found[0]), text)


def one_line(text: str, limit: int = 400) -> str:
    """The text on one line: white space collapsed, unprintable characters visible, cut to ``limit`` characters."""
    joined = visible(" ".join(text.split()))
    return joined if len(joined) <= limit else joined[: limit - 1] + "…"


def _shown(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    if named:
        return named
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_shown(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
