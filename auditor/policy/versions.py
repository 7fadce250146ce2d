"""Versions compared as their vendors order them, and only where that order is plain."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import Final

_DATE_WORDS: Final = re.compile(r"\(?\b(?:[A-Z][a-z]{2} \d{1,2},? \d{4}|\d{1,2}/\d{1,2}/\d{4}|\d{4}-\d{2}-\d{2})\b\)?")
_NUMBERED: Final = re.compile(r"(?:(?P<family>[A-Za-z][A-Za-z0-9]*(?: [0-9]+)?)[ _]+)?[vV]?(?P<numbers>\d+(?:\.\d+)*)")
_US_DATE: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_ISO_DATE: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


def compare_versions(left: str, right: str) -> int | None:
    """-1, 0 or 1 as ``left`` is older than, equal to or newer than ``right``; None where that is not plain.

    Read are a family and dotted numbers (``U46 v2.34``, ``iLO 5 v2.78``, ``2.4.62``), with a build date after them
    that does not count (``1.14.00 May 28 2025``), a package release where all before it is equal
    (``2.4.6-99.el7``), and dates alone. Families must agree. Letters in between (``HPG7``) have no plain order.
    """
    left, right = " ".join(left.split()), " ".join(right.split())
    if left == right:
        return 0
    ours, theirs = _date(left), _date(right)
    if ours and theirs:
        return (ours > theirs) - (ours < theirs)
    return _compare_numbered(left, right)


def _compare_numbered(left: str, right: str) -> int | None:
    one, other = _parts(left), _parts(right)
    if one is None or other is None or one[0] != other[0]:
        return None
    for ours, theirs in zip_longest(one[1], other[1], fillvalue=0):
        if ours != theirs:
            return 1 if ours > theirs else -1
    if one[2] == other[2]:
        return 0
    return None if one[2] and other[2] else 1 if one[2] else -1


def _parts(text: str) -> tuple[str, tuple[int, ...], str] | None:
    """Family, numbers and package release of a version, or None where it is none of the known forms."""
    bare = _DATE_WORDS.sub("", text).strip()
    found = _NUMBERED.match(bare)
    if found is None:
        return None
    rest = bare[found.end() :]
    if rest and not re.fullmatch(r"-[A-Za-z0-9._+~-]+", rest):
        return None
    return (found["family"] or "").casefold(), tuple(int(number) for number in found["numbers"].split(".")), rest


def _date(text: str) -> tuple[int, int, int] | None:
    us, iso = _US_DATE.fullmatch(text), _ISO_DATE.fullmatch(text)
    if us:
        return int(us[3]), int(us[1]), int(us[2])
    return (int(iso[1]), int(iso[2]), int(iso[3])) if iso else None
