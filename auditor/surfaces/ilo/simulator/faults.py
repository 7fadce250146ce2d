"""Faults on demand: what a virtual iLO does wrong, where, and how often."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

FaultKind = Literal[
    "latency", "hang", "cut", "busy", "malformed", "huge", "bomb", "redirect", "expired", "refused", "absent",
    "licence", "drop", "deep", "lost reply",
]  # fmt: skip
"""``cut``: the connection ends in mid-body; ``busy``: 503 with Retry-After; ``huge``: a body beyond any bound;
``bomb``: the same, gzipped; ``redirect``: to another origin; ``expired``: the session is forgotten; ``refused``: 403;
``drop``: the connection is closed without an answer; ``deep``: JSON nested a thousandfold; ``lost reply``: the
request is carried out, and its answer never comes."""


@dataclass
class Fault:
    """One fault for requests whose path contains ``path`` (any case), ``times`` times (None: always)."""

    kind: FaultKind
    path: str = ""
    times: int | None = None
    seconds: float = 0.0
    method: str = ""


class Faults:
    """The faults that are switched on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(
        self, kind: FaultKind, path: str = "", *, times: int | None = None, seconds: float = 0.0, method: str = ""
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
