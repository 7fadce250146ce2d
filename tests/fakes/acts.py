"""Acts that end, fail or fill up at a chosen call: a crash without a crash.

From the chosen call on, every further act is refused with :class:`Killed`, as if the process were gone: whatever
``finally`` and ``except`` would still do to the disk does not happen.
"""

from __future__ import annotations

import os
from pathlib import Path

from auditor.transport.acts import Acts


class Killed(BaseException):
    """The process has ended here."""


class CountingActs(Acts):
    """Counts acts and remembers their names."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def reached(self, act: str, path: str) -> None:
        self.names.append(act)


class KilledAt(Acts):
    """Ends the process just before act number ``at`` (zero-based); a write is cut in half first where ``torn``."""

    def __init__(self, at: int, *, torn: bool = False) -> None:
        self.at, self.torn, self.count = at, torn, 0

    def reached(self, act: str, path: str) -> None:
        if self.count >= self.at and not (self.torn and self.count == self.at and act == "write"):
            self.count += 1
            raise Killed(f"{act} {path}")
        self.count += 1

    def write(self, descriptor: int, data: bytes, path: Path, offset: int) -> None:
        if self.torn and self.count == self.at:
            self.count += 1
            os.pwrite(descriptor, data[: len(data) // 2], offset)
            raise Killed(f"write {path}")
        super().write(descriptor, data, path, offset)


class FailingAt(Acts):
    """Fails act number ``at`` with an error number; with ``ever`` every later act that needs space, too."""

    NEED_SPACE = frozenset({"create", "write", "allocate", "mkdir", "symlink"})

    def __init__(self, at: int, number: int, *, only: frozenset[str] = frozenset(), ever: bool = False) -> None:
        self.at, self.number, self.only, self.ever, self.count = at, number, only, ever, 0

    def reached(self, act: str, path: str) -> None:
        counted = not self.only or act in self.only
        hit = counted and (self.count == self.at or (self.ever and self.count >= self.at and act in self.NEED_SPACE))
        self.count += counted
        if hit:
            raise OSError(self.number, os.strerror(self.number), path)
