"""A far side's machine that loses its power while a tree on it is changed; the controller keeps its journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from auditor.transport.acts import Acts
from tests.crashes import trace
from tests.crashes.disk import Disk, State
from tests.fakes.far_trees import FarWorld

HERE = frozenset({"far", "journal.jsonl", "trace"})
"""What is no part of the far side's disk."""


class NotedActs(Acts):
    """The controller's acts on its journal, each with its time and what the journal held then."""

    def __init__(self) -> None:
        self.held: list[tuple[float, bytes]] = []

    def write(self, descriptor: int, data: bytes, path: Path, offset: int) -> None:
        super().write(descriptor, data, path, offset)
        self.held.append((time.time(), path.read_bytes()))


class FarCut:
    """A run on a far side, traced over there; then every state in which a power cut may leave its disk.

    ``run`` is given the acts for the controller's journal; what it runs over there by itself, behind ``tracer``.
    """

    def __init__(self, world: FarWorld, run: Callable[[FarCut], None]) -> None:
        self.world, self.acts = world, NotedActs()
        self.disk = Disk(world.folder, HERE)
        journal = world.folder / "journal.jsonl"
        self.first = journal.read_bytes() if journal.exists() else b""
        ssh, written = world.folder / "far/here/ssh", world.folder / "trace"
        script = ssh.read_text()
        self.tracer = [trace.strace(), "--seccomp-bpf", *trace.options(written)]
        ssh.write_text(script.replace("\nexec ", f"\nexec {' '.join(self.tracer)} "))
        try:
            run(self)
        finally:
            ssh.write_text(script)
        if written.exists():  # else nothing was asked over there
            trace.read(written, self.disk)
        assert Disk(world.folder, HERE).whole().listed() == self.disk.whole().listed(), "the trace missed something"

    def states(self, seed: int = 1, many: int = 2) -> Iterator[tuple[str, State, bytes]]:
        """Each different state of the disk, with a word for it and what the journal may hold then."""
        seen: set[tuple[str, bytes]] = set()
        for at in range(len(self.disk.acts) + 1):
            for number, (word, state) in enumerate(self.disk.states(at, seed, many)):
                journal = self._journal(at, late=number % 2 == 0)
                key = (repr(state.listed()), journal)
                if key not in seen:
                    seen.add(key)
                    yield f"{word} at act {at}", state, journal

    def leave(self, state: State, journal: bytes) -> None:
        """The machine comes up again with this state, and the server with it."""
        state.write(self.world.folder, HERE)
        (self.world.folder / "journal.jsonl").write_bytes(journal)
        self.world.server.boot()

    def _journal(self, at: int, *, late: bool) -> bytes:
        """What it held just before the next act, or just after the one before."""
        times = self.disk.times
        until = (times[at] if at < len(times) else float("inf")) if late else (times[at - 1] if at else 0.0)
        return next((held for moment, held in reversed(self.acts.held) if moment <= until), self.first)
