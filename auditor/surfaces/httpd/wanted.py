"""Wanted values as httpd takes them. Pure."""

from __future__ import annotations

import re

from auditor.model.value import Boolean, Duration, NoLimit, Number, Text, Value, Version, show
from auditor.surfaces.httpd.durations import parse_interval


class RefusedWish(Exception):  # noqa: N818 - an answer, caught in propose
    """A wish that cannot be fulfilled; holds a sentence. It never leaves this package."""


def seconds_of(value: Value | None, what: str) -> float:
    """A wanted time in seconds."""
    match value:
        case Duration(seconds):
            return float(seconds)
        case Number(number):
            return float(number)
        case Text(text):
            interval = parse_interval(text)
            if interval is not None:
                return interval
        case NoLimit():
            raise RefusedWish(f"{what}: httpd has no way to write 'no limit' here")
        case None:
            raise RefusedWish(f"{what}: say which time is wanted; its absence cannot be asked for here")
    raise RefusedWish(f"{what}: {show(value)!r} is no time")


def whole_seconds(value: Value | None, what: str) -> str:
    """A wanted time as ``timeout=`` takes it: whole seconds, at least one."""
    seconds = seconds_of(value, what)
    if seconds != int(seconds) or seconds < 1:
        raise RefusedWish(f"{what}: httpd takes whole seconds here, at least 1; {seconds:g} s cannot be written")
    return str(int(seconds))


def fine_time(value: Value | None, what: str) -> str:
    """A wanted time where httpd honours units: whole seconds, or milliseconds with ``ms``."""
    seconds = seconds_of(value, what)
    if seconds == int(seconds) and seconds >= 1:
        return str(int(seconds))
    milliseconds = round(seconds * 1000)
    if milliseconds < 1:
        raise RefusedWish(f"{what}: httpd takes a millisecond at least")
    return f"{milliseconds}ms"


def configured_text(value: Value | None, what: str, *, ends_line: bool = True) -> str:
    """A wanted text as the configuration holds it (bytes as latin-1), on one line.

    ``ends_line``: it may stand at the line's end without quotes, where a backslash would continue the line.
    """
    if not isinstance(value, Text | Version | Number | Boolean):
        raise RefusedWish(f"{what}: a text is wanted")
    text = show(value)
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text):
        raise RefusedWish(f"{what}: a directive stands on one line and holds no control characters")
    if ends_line and text.endswith("\\"):
        raise RefusedWish(f"{what}: a backslash at the end would take the next line into the directive")
    return text.encode("utf-8").decode("latin-1")
