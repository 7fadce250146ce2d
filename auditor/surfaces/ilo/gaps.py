"""Gaps as people want to read them: one for one thing that went wrong. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Final, get_args

from auditor.errors import CollectError
from auditor.model.snapshot import Cause, Gap
from auditor.surfaces.ilo.failures import LOAD

WHOLE: Final = "whole target"
UNUSABLE: Final = "the link cannot be followed"
_NAMED: Final = 8


def together(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """The gaps, those of several links of one resource as one, and those that say the same of one resource as one."""
    found: dict[tuple[str, str, str, str, bool], list[Gap]] = {}
    for gap in gaps:
        what = gap.what.partition("#")[0] if gap.detail == UNUSABLE else gap.what
        found.setdefault((what, gap.cause, gap.detail, gap.next_step, gap.complete), []).append(gap)
    return tuple(_one(what, alike) for (what, *_), alike in found.items())


def _one(what: str, alike: list[Gap]) -> Gap:
    first = alike[0]
    hidden = () if any(not gap.kinds for gap in alike) else tuple(sorted({*chain(*(gap.kinds for gap in alike))}))
    pointers = sorted({gap.what.partition("#")[2] for gap in alike if gap.what != what})
    if len(alike) == 1:
        return first
    detail = first.detail
    if pointers:
        more = f" and {len(pointers) - _NAMED} more" if len(pointers) > _NAMED else ""
        detail = f"{len(pointers)} links cannot be followed: {', '.join(pointers[:_NAMED])}{more}"
    return Gap(what, first.cause, detail, first.next_step, hidden, first.complete)


def late(what: str, deadline_s: float, read: int) -> Gap:
    """The gap of a target whose time is over after ``read`` resources."""
    return Gap(
        what,
        "timed out",
        f"not read within {deadline_s:g} s; {read} resources were",
        LOAD,
    )


def no_turn(what: str, deadline_s: float) -> Gap:
    """The gap of a target whose time is over before it was its turn to log in."""
    return Gap(
        what,
        "timed out",
        f"not tried to log in within {deadline_s:g} s: iLOs that were asked first with the same name and password gave "
        "no answer, and a wrong password is tried once only",
        "Look at those iLOs, then run it again for this one.",
    )


def gap_of(what: str, error: CollectError, kinds: tuple[str, ...], *, complete: bool = False) -> Gap:
    """The gap that an error is. It hides nothing where it is ``complete``: what cannot be there without a licence."""
    cause: Cause = next((one for one in get_args(Cause) if one == error.cause), "unreachable")
    return Gap(what, cause, error.what, error.next_step or "", kinds, complete)
