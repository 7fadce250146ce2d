"""Agreed and wanted values: read as written, compared, and put the way an expression sees them."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Any, Final

from auditor.model.resource import AttributeType
from auditor.model.value import (
    Boolean,
    Duration,
    Many,
    NoLimit,
    Number,
    Raw,
    Secret,
    Text,
    Undetermined,
    Value,
    Version,
    show,
)
from auditor.policy.document import Item
from auditor.policy.versions import compare_versions

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(us|ms|s|min|m|h|d)")
_UNITS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_TRUE: Final = frozenset({"true", "on", "yes"})
_FALSE: Final = frozenset({"false", "off", "no"})
NO_LIMIT: Final = "no limit"


def read_duration(text: str) -> Duration | NoLimit | None:
    """A duration as people write it (``60s``, ``1m30s``, ``500 ms``, ``no limit``), or None."""
    text = text.strip()
    if text.casefold() == NO_LIMIT:
        return NoLimit()
    parts = _DURATION.findall(text)
    if not parts or "".join(_DURATION.split(text)[::3]).strip():
        return None
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return Duration(round(seconds, 9)) if math.isfinite(seconds) else None


def read_value(item: Item, type_: AttributeType) -> Value:
    """A value as written for an attribute of this type.

    Errors:
        ValueError: it is not of that type; the message is a sentence that says what was expected.
    """
    if item.members is not None:
        raise ValueError("a single value or a list is expected, not a mapping")
    if item.items is not None:
        if type_ not in ("list", "any"):
            raise ValueError(f"{_expected(type_)} is expected, not a list")
        return Many(tuple(read_value(one, "any") for one in item.items))
    if type_ == "list":
        raise ValueError("a list is expected: [a, b], or [] for none")
    if item.scalar is None:
        raise ValueError("a value is missing")
    return read_text(item.text or "", type_, plain=item.plain)


def read_text(text: str, type_: AttributeType, *, plain: bool = True) -> Value:
    """A value from text alone, as on a command line; see :func:`read_value`."""
    found: Value | None = None
    match type_:
        case "text":
            found = Text(text)
        case "version":
            found = Version(text)
        case "duration":
            found = read_duration(text)
        case "number":
            found = _number(text)
        case "boolean":
            word = text.strip().casefold()
            found = Boolean(True) if word in _TRUE else Boolean(False) if word in _FALSE else None
        case "secret":
            raise ValueError("a secret's value is never written down; use unmanaged")
        case "list":
            raise ValueError("a list is expected")
        case "any":
            found = _untyped(text) if plain else Text(text)
    if found is None:
        raise ValueError(f"{_expected(type_)} is expected, not {text!r}")
    return found


def _number(text: str) -> Number | NoLimit | None:
    if text.strip().casefold() == NO_LIMIT:
        return NoLimit()
    try:
        return Number(int(text))
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return Number(number) if math.isfinite(number) else None


def _untyped(text: str) -> Value:
    if text in ("true", "false"):
        return Boolean(text == "true")
    if re.fullmatch(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?", text):
        return _number(text) or Text(text)
    return Text(text)


def _expected(type_: str) -> str:
    return {
        "duration": "a duration such as 60s, 500ms or `no limit`",
        "number": "a number",
        "boolean": "true or false",
        "version": "a version",
        "text": "text",
        "list": "a list",
    }.get(type_, "a value")


def undetermined_in(value: Value) -> str:
    """Why a value, or one in a list of values, is not known; empty where all is."""
    match value:
        case Undetermined(cause):
            return cause or "its value could not be determined"
        case Many(items):
            return next((cause for item in items if (cause := undetermined_in(item))), "")
        case _:
            return ""


def same(left: Value, right: Value) -> bool:
    """Whether two known values are the same: 60 and 60.0 are, and versions that differ only in a build date."""
    match left, right:
        case Number(ours), Number(theirs):
            return ours == theirs
        case Version(ours), Version(theirs):
            return compare_versions(ours, theirs) == 0
        case Many(ours_), Many(theirs_):
            return len(ours_) == len(theirs_) and all(map(same, ours_, theirs_))
        case _:
            return left == right


def compare(left: Value, right: Value) -> int | None:
    """-1, 0 or 1 by size; None where the two have no common order."""
    match left, right:
        case NoLimit(), NoLimit():
            return 0
        case NoLimit(), Number() | Duration():
            return 1
        case Number() | Duration(), NoLimit():
            return -1
        case Number(ours), Number(theirs):
            return (ours > theirs) - (ours < theirs)
        case Duration(ours), Duration(theirs):
            return (ours > theirs) - (ours < theirs)
        case Version(older), Version(newer):
            return compare_versions(older, newer)
        case _:
            return None


_TYPES: Final[dict[type, str]] = {
    Text: "text",
    Raw: "text",
    Number: "number",
    Boolean: "boolean",
    Duration: "duration",
    Version: "version",
    Secret: "secret",
    Many: "list",
}


def for_expression(value: Value, type_: str) -> Any:
    """The value as an expression sees it. ``no limit`` is longer than any duration, larger than any number.

    Errors:
        TypeError: the value is not of the type its kind promises, so no expression may judge it.
    """
    if isinstance(value, NoLimit):
        if type_ == "duration":
            return timedelta.max
        if type_ in ("number", "any"):
            return math.inf
        raise TypeError(f"it is {show(value)}, not {_expected(type_)}")
    if type_ not in ("any", _TYPES.get(type(value))):
        raise TypeError(f"it is {_TYPES.get(type(value), 'unknown')}, not {_expected(type_)}")
    match value:
        case Text(text) | Version(text):
            return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
        case Number(number):
            return number if -_INT_END <= number < _INT_END else _as_float(number)
        case Boolean(flag):
            return flag
        case Duration(seconds):
            return _span(seconds)
        case Secret(digest):
            return digest
        case Many(items):
            return [for_expression(item, "any") for item in items]
        case _:
            return show(value)


_INT_END: Final = 2**63
"""CEL's integers have 64 bits; what is larger is judged as a floating-point number."""


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _span(seconds: float) -> timedelta:
    try:
        return min(timedelta(seconds=seconds), _LONGEST)
    except OverflowError:
        return _LONGEST


_LONGEST: Final = timedelta(days=36_500)
"""A century: longer durations count as one, shorter still than no limit."""
