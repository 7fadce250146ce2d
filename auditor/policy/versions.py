"""Versions compared as their vendors order them, and only where that order is plain."""

from __future__ import annotations

import re
from datetime import date
from itertools import zip_longest
from typing import Final, Literal

import msgspec

MAX_LENGTH: Final = 200
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WORD_DATE: Final = re.compile(rf"({'|'.join(_MONTHS)}) ([0-9]{{1,2}}),? ([0-9]{{4}})")
_US_DATE: Final = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_ISO_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_LAST_DATE: Final = re.compile(
    rf"(?:^| )(?:\((?P<inside>[^()]*)\)|(?P<bare>{_WORD_DATE.pattern}|{_US_DATE.pattern}|{_ISO_DATE.pattern}))$"
)
_NUMBERED: Final = re.compile(
    r"(?:(?P<family>[A-Za-z][A-Za-z0-9]*(?: [0-9]+)?)[ _]+)?[vV]?(?P<numbers>[0-9]{1,18}(?:\.[0-9]{1,18}){0,15})"
)
_FAMILY: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(?: [0-9]+)?")
_BUILD: Final = re.compile(r"(?:-| Build )([0-9]{1,18})")
_RELEASE: Final = re.compile(r"-[A-Za-z0-9._+~-]+")
_AFTER: Final = re.compile(r"-[0-9][^~]*")
"""A package release, which is newer than the bare version; ``-rc1`` and ``-1~beta`` may come before it."""
_TWO_DIGITS: Final = re.compile(r"ilo [0-9]+|[a-z][0-9]{2}")
"""Families whose second of two numbers always has two digits: iLO and HPE's system ROMs (``U46``)."""

Difference = Literal["families", "form", "family unsaid"]
_SAID: Final[dict[Difference, str]] = {
    "families": "they are of different families",
    "family unsaid": "one names its family and the other does not",
    "form": "their form has no known order",
}


class Parsed(msgspec.Struct, frozen=True):
    """A version that has an order: family (case folded), then numbers, a build or package release, and a date.

    ``fraction`` is the second of just two numbers as it is written, which some vendors read as decimals.
    """

    family: str
    numbers: tuple[int, ...] = ()
    day: date | None = None
    build: int | None = None
    release: str = ""
    fraction: str = ""


def compare_versions(left: str, right: str) -> int | None:
    """-1, 0 or 1 as ``left`` is older than, equal to or newer than ``right``; None where that is not plain.

    Read are a family and dotted numbers (``U46 v2.34``, ``iLO 5 v2.78``, ``4.4.4.62``), a build number
    (``13.3.0 Build 37``, ``52.28.3-5681``) or package release (``2.4.6-99.el7``) where all before it is equal, a build
    date (``1.14.00 May 28 2025``) where both have one and all else is equal, a family and a date
    (``P89 (10/16/2020)``), and dates alone. Families must agree. What is written otherwise (``HPG7``, ``0x15``,
    ``96.00.AF.00.02``) is equal to itself alone. Equal versions need not be written alike: ``2.4`` is ``2.4.0``; but
    ``1.2`` beside ``1.02`` or ``1.10`` may be a decimal number, and has no plain order.
    """
    left, right = " ".join(left.split()), " ".join(right.split())
    if left == right:
        return 0
    one, other = parse_version(left), parse_version(right)
    return None if one is None or other is None else _compare(one, other)


def same_version(left: str, right: str) -> bool | None:
    """Whether two versions are the same; None where one names its family, the other does not, and all else agrees.

    Versions without an order are the same only where they are written alike.
    """
    order = compare_versions(left, right)
    if order is not None or difference(left, right) != "family unsaid":
        return order == 0
    one, other = parse_version(left), parse_version(right)
    if one is None or other is None:
        return False
    order = _compare(msgspec.structs.replace(one, family=""), msgspec.structs.replace(other, family=""))
    return None if order == 0 else False


def difference(left: str, right: str) -> Difference:
    """Why two versions have no common order."""
    one, other = parse_version(left), parse_version(right)
    if one is None or other is None or one.family == other.family:
        return "form"
    return "families" if one.family and other.family else "family unsaid"


def why_no_order(left: str, right: str) -> str:
    """A sentence that says that two versions cannot be put in order, and why."""
    return f"the versions {left!r} and {right!r} have no plain order: {_SAID[difference(left, right)]}"


def parse_version(text: str) -> Parsed | None:
    """The parts of a version by which it is ordered, or None where its form has no known order."""
    text = " ".join(text.split())
    if not text or len(text) > MAX_LENGTH:
        return None
    day, bare = _split_date(text)
    found = _NUMBERED.match(bare)
    if found is None:
        return Parsed(bare.casefold(), day=day) if day and (not bare or _FAMILY.fullmatch(bare)) else None
    family, rest = (found["family"] or "").casefold(), bare[found.end() :]
    written = found["numbers"].split(".")
    if len(written) == 2 and len(written[1]) == 1 and _TWO_DIGITS.fullmatch(family):
        return None  # 2.4 may be 2.40 or 2.04
    numbers, fraction = tuple(int(number) for number in written), written[1] if len(written) == 2 else ""
    if build := _BUILD.fullmatch(rest):
        return Parsed(family, numbers, day, int(build[1]), fraction=fraction)
    return (
        Parsed(family, numbers, day, release=rest, fraction=fraction) if not rest or _RELEASE.fullmatch(rest) else None
    )


def _compare(one: Parsed, other: Parsed) -> int | None:
    if one.family != other.family or bool(one.numbers) != bool(other.numbers):
        return None
    if one.fraction and other.fraction and one.numbers[0] == other.numbers[0] and _may_be_decimal(one, other):
        return None
    for ours, theirs in zip_longest(one.numbers, other.numbers, fillvalue=0):
        if ours != theirs:
            return 1 if ours > theirs else -1
    order = _compare_builds(one, other)
    if order == 0 and one.day and other.day:  # one version, built twice
        return (one.day > other.day) - (one.day < other.day)
    return order


def _may_be_decimal(one: Parsed, other: Parsed) -> bool:
    """Whether two versions of one family and first number have another order when read as decimal numbers."""
    places = max(len(one.fraction), len(other.fraction))
    ours, theirs = int(one.fraction.ljust(places, "0")), int(other.fraction.ljust(places, "0"))
    as_decimals = (ours > theirs) - (ours < theirs)
    return as_decimals != (one.numbers[1] > other.numbers[1]) - (one.numbers[1] < other.numbers[1])


def _compare_builds(one: Parsed, other: Parsed) -> int | None:
    if one.build is not None and other.build is not None:
        return (one.build > other.build) - (one.build < other.build)
    ours, theirs = one.build is not None or bool(one.release), other.build is not None or bool(other.release)
    if ours and theirs:
        return 0 if one.release == other.release and one.build == other.build else None
    if any(each.release and not _AFTER.fullmatch(each.release) for each in (one, other)):
        return None
    return ours - theirs


def _split_date(text: str) -> tuple[date | None, str]:
    """The date at the end of a version, and what stands before it; no date where what stands there is none."""
    found = _LAST_DATE.search(text)
    day = _date(found["inside"] or found["bare"] or "") if found else None
    return (day, text[: found.start()].strip()) if found and day else (None, text)


def _date(text: str) -> date | None:
    try:
        if word := _WORD_DATE.fullmatch(text):
            return date(int(word[3]), _MONTHS.index(word[1]) + 1, int(word[2]))
        if us := _US_DATE.fullmatch(text):
            return date(int(us[3]), int(us[1]), int(us[2]))
        return date.fromisoformat(text) if _ISO_DATE.fullmatch(text) else None
    except ValueError:
        return None
