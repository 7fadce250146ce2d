"""How httpd reads a time: whole seconds with the rest thrown away, or number and unit."""

from __future__ import annotations

import math
import re
from typing import Final

from auditor.model.value import Duration, NoLimit, Value

_ATOI: Final = re.compile(r"[ \t\n\v\f\r]*([+-]?\d+)")
_DIGITS: Final = re.compile(r"[+-]?\d+")
_INT_LIMIT: Final = 2**31 - 1


def atoi(text: str) -> int:
    """What C's ``atoi`` takes a text for: leading digits, 0 where there are none."""
    found = _ATOI.match(text)
    if found is None:
        return 0
    return max(-_INT_LIMIT - 1, min(_INT_LIMIT, int(found[1][:15])))


def is_plain(text: str) -> bool:
    """Whether nothing is thrown away: digits alone."""
    return _DIGITS.fullmatch(text.strip()) is not None


_SECONDS: Final = frozenset({"s", "sec", "secs", "second", "seconds"})


def drops_unit(text: str) -> bool:
    """Whether ``atoi`` throws away what changes the meaning: ``500ms``, ``2min``, ``0.5``; not so ``60s``."""
    found = _ATOI.match(text)
    return found is not None and (rest := text[found.end() :].strip().lower()) != "" and rest not in _SECONDS


def parse_interval(text: str, unit: str = "s") -> float | None:
    """Seconds of a time with an honoured unit (``s``, ``ms``, ``mi``, ``h``), or None where httpd refuses it.

    Source: ``ap_timeout_parameter_parse``: only the unit's first letters are looked at.
    """
    found = re.match(r"\s*([+-]?\d{1,18})", text)
    number = int(found[1]) if found else 0
    rest = (text[found.end() :] if found else text) or unit
    for letters, scale in (("ms", 0.001), ("mi", 60.0), ("s", 1.0), ("h", 3600.0)):
        if rest.startswith(letters):
            return number * scale
    return None


def seconds_value(seconds: float) -> Value:
    """The value of a time: negative and infinite mean no limit."""
    if seconds < 0 or math.isinf(seconds):
        return NoLimit()
    return Duration(float(seconds))
