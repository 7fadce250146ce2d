r"""Patterns in names, scopes and rule ids: ``*`` stands for anything, ``\\*`` for a star; nothing else is special.

Brackets, question marks and backslashes are part of addresses and of regular expressions in routes' names.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_PART: Final = re.compile(r"\\\*|\*")


@lru_cache(maxsize=4096)
def _compiled(glob: str) -> re.Pattern[str]:
    parts: list[str] = []
    end = 0
    for found in _PART.finditer(glob):
        parts += (re.escape(glob[end : found.start()]), ".*" if found[0] == "*" else r"\*")
        end = found.end()
    return re.compile("".join((*parts, re.escape(glob[end:]))), re.DOTALL)


def glob_matches(glob: str, text: str) -> bool:
    """Whether the whole text fits the pattern."""
    return glob == text or ("*" in glob and _compiled(glob).fullmatch(text) is not None)


def is_pattern(glob: str) -> bool:
    """Whether it may fit more than one text."""
    return any(found[0] == "*" for found in _PART.finditer(glob))


def exact(text: str) -> str:
    """The pattern that fits this text alone."""
    return text.replace("*", r"\*")


def literal(glob: str) -> str:
    """The one text that fits a pattern without a star that stands for anything."""
    return glob.replace(r"\*", "*")
