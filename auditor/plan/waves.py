"""In which order, and how many at a time, a plan changes its targets. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from msgspec import UNSET

from auditor.errors import InputError
from auditor.model.plan import Wave

_SIZE: Final = re.compile(r"([1-9]\d{0,5})(%?)")
USUAL: Final = ("1", "100%")
"""One target first, then all others."""


def check_size(text: str) -> str:
    """Why a text is no size of a wave; nothing: it is one."""
    found = _SIZE.fullmatch(text.strip())
    if found is None or (found[2] and int(found[1]) > 100):
        return f"{text!r} is neither a number of targets nor a share up to 100%"
    return ""


@dataclass(frozen=True)
class Waves:
    """How targets are split: a wave's size is a number of targets, or a share of all of them (``25%``, rounded up).

    The last size is repeated until every target has a wave. ``stop_after`` failures a wave may have, ``pause_s``
    seconds pass after it, ``at_once`` of its targets are changed at the same time.
    """

    sizes: tuple[str, ...] = USUAL
    stop_after: int = 0
    pause_s: int = 0
    at_once: int = 1

    def of(self, targets: Sequence[str]) -> tuple[Wave, ...]:
        """The targets in waves, in the order given.

        Errors:
            InputError: a size is none.
        """
        mistakes = [problem for size in self.sizes if (problem := check_size(size))]
        if mistakes or not self.sizes:
            raise InputError(
                mistakes[0] if mistakes else "no size of a wave is given",
                next_step="Say how many at a time:  --waves 1,10%,100%",
            )
        waves: list[tuple[str, ...]] = []
        rest = list(targets)
        while rest:
            count = _count(self.sizes[min(len(waves), len(self.sizes) - 1)], len(targets))
            waves.append(tuple(rest[:count]))
            rest = rest[count:]
        names = ["all"] if len(waves) == 1 else [_name(number, len(waves)) for number in range(1, len(waves) + 1)]
        at_once = self.at_once if self.at_once > 1 else UNSET
        return tuple(
            Wave(name, one, self.stop_after, self.pause_s, at_once) for name, one in zip(names, waves, strict=True)
        )


def _count(size: str, all_targets: int) -> int:
    found = _SIZE.fullmatch(size.strip())
    assert found is not None  # noqa: S101 - checked above
    number = int(found[1])
    return math.ceil(all_targets * number / 100) if found[2] else number


def _name(number: int, count: int) -> str:
    if count == 2:
        return "canary" if number == 1 else "all"
    return "canary" if number == 1 else f"wave {number} of {count}"
