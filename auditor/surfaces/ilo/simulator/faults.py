"""Faults on demand: what a virtual iLO does wrong, where, and how often."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from auditor.errors import InputError

FaultKind = Literal[
    "latency", "hang", "drip", "cut", "drop", "lost reply", "busy", "expired", "refused", "absent", "licence",
    "redirect", "moved", "empty", "page", "wrong type", "malformed", "deep", "huge", "bomb", "cycle", "dots",
    "slashes", "names",
]  # fmt: skip
"""What goes wrong with one request:

- ``latency``: the answer comes ``seconds`` late (1); ``hang``: it never comes; ``drip``: it comes a byte at a time,
  with ``seconds`` between (0.05).
- ``cut``: the connection ends in mid-body; ``drop``: it is closed without an answer; ``lost reply``: the request is
  carried out, and its answer never comes.
- ``busy``: 503, with ``Retry-After`` of ``seconds`` (0); ``expired``: every session is forgotten; ``refused``: 403;
  ``absent``: 404; ``licence``: 403 for want of a licence.
- ``redirect`` and ``moved``: 307 and 308 to another origin.
- ``empty``: 200 without a body; ``page``: 200 with a page of HTML; ``wrong type``: the true body, called text/plain.
- ``malformed``: JSON that breaks off; ``deep``: JSON nested a thousandfold; ``huge``: 100 MB; ``bomb``: 100 MB that
  travel as 100 kB of gzip.
- ``cycle``: every link of the body leads back to its own resource; ``dots``: out of the service by ``..``;
  ``slashes``: the same with encoded slashes; ``names``: the body has members whose names climb out of a folder.
"""

KINDS: Final[tuple[str, ...]] = get_args(FaultKind)
_DEFAULT_S: Final = {"latency": 1.0, "drip": 0.05, "busy": 0.0}
_FORM: Final = "KIND[:PATH[:TIMES[:SECONDS]]]"


@dataclass
class Fault:
    """One fault for requests whose path contains ``path`` (any case), ``times`` times (None: always)."""

    kind: FaultKind
    path: str = ""
    times: int | None = None
    seconds: float | None = None
    method: str = ""

    @property
    def lasts_s(self) -> float:
        """Seconds that it is about, the kind's own where none were given."""
        return self.seconds if self.seconds is not None else _DEFAULT_S.get(self.kind, 0.0)


class Faults:
    """The faults that are switched on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(
        self,
        kind: FaultKind,
        path: str = "",
        *,
        times: int | None = None,
        seconds: float | None = None,
        method: str = "",
    ) -> None:
        """Switches a fault on."""
        with self._lock:
            self._faults.append(Fault(kind, path.casefold(), times, seconds, method))

    def clear(self) -> None:
        """Switches every fault off."""
        with self._lock:
            self._faults.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault for a request, counted as used; None where it is to be served well."""
        with self._lock:
            for fault in self._faults:
                if fault.path in path.casefold() and fault.method in ("", method) and fault.times != 0:
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None


def parse_fault(text: str) -> Fault:
    """A fault as it is written on the command line: ``KIND[:PATH[:TIMES[:SECONDS]]]``, a kind's space as ``-``.

    Errors:
        InputError: there is no such kind, or times or seconds are no number of theirs.
    """
    fields = text.split(":")
    kind, path, times, seconds = (*fields[:4], "", "", "")[:4]
    kind = kind.strip().casefold().replace("-", " ")
    if kind not in KINDS:
        names = ", ".join(one.replace(" ", "-") for one in KINDS)
        raise InputError(f"{text!r}: {kind.replace(' ', '-')!r} is no fault", next_step=f"The faults are {names}.")
    if len(fields) > 4:
        raise InputError(f"{text!r} has too many parts for a fault", next_step=f"Write it as {_FORM}.")
    return Fault(cast(FaultKind, kind), path.casefold(), _count(text, times), _seconds(text, seconds))


def _count(text: str, times: str) -> int | None:
    if not times:
        return None
    if not (times.isascii() and times.isdigit() and 0 < int(times[:9]) < 10**6):
        raise InputError(f"{text!r}: {times!r} is no number of times", next_step=f"Write it as {_FORM}.")
    return int(times)


def _seconds(text: str, seconds: str) -> float | None:
    if not seconds:
        return None
    try:
        number = float(seconds)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 3600:
        raise InputError(
            f"{text!r}: {seconds!r} is no number of seconds from 0 to 3600", next_step=f"Write it as {_FORM}."
        )
    return number
