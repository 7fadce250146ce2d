"""The write-ahead journal: one file of JSON lines a plan and target, each line on disk before the act it announces."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, Final, Literal
from urllib.parse import quote, unquote

import msgspec

from auditor.errors import EXIT_PERSON_NEEDED, RefusedError, StoreError
from auditor.model.plan import Direction, JournalEntry
from auditor.transport.acts import Acts

_AHEAD: Final = 64 * 1024
"""Bytes that are always reserved for lines to come, so that a full disk does not end a taking back."""

_LIMIT: Final = 64 * 1024 * 1024
_LEAST_AHEAD: Final = 16 * 1024

RUN: Final = "run"
OUTCOME: Final = "outcome"
RECORDED: Final = "recorded"
"""Stands behind an outcome that ledger, snapshot and agreed state know of."""

ARM: Final = "arm"
"""Stands before a change that the target takes back by itself, with the seconds after which it does."""
CONFIRM: Final = "confirm"
"""Says that this was decided, one way or the other."""

Mark = Literal["intent", "done", "failed"]
Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


class JournalBusyError(RefusedError):
    """Another process writes the journal; what it says is not final."""


def is_busy(path: Path) -> bool:
    """Whether a process has a journal open."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def journal_path(folder: Path, plan_id: str, target: str) -> Path:
    """Where the journal of a plan on a target stands below the fleet's journal folder."""
    return folder / plan_id / f"{quote(target, safe='')}.jsonl"


class DamagedJournalError(StoreError):
    """What a run did cannot be told any more, so that a person has to look (exit 6)."""

    exit_code: ClassVar[int] = EXIT_PERSON_NEEDED


@dataclass(frozen=True)
class Run:
    """One attempt in a journal: its direction, its entries, and how it ended (empty: it did not)."""

    direction: Direction
    entries: tuple[JournalEntry, ...]
    outcome: str

    @property
    def unfinished(self) -> bool:
        """Whether something may be half done: the run was ended, or could not take back."""
        return self.outcome in ("", "incomplete")

    @property
    def ended(self) -> JournalEntry | None:
        """The line that says how it ended."""
        return next((entry for entry in reversed(self.entries) if entry.act == OUTCOME), None)

    @property
    def awaits(self) -> str:
        """Until when the target waits for its confirmation, in UTC; empty where it does not."""
        if self.outcome != "applied" or any(entry.act == CONFIRM for entry in self.entries):
            return ""
        armed = [entry for entry in self.entries if entry.act == ARM and entry.mark == "done"]
        if not armed:
            return ""
        seconds = dict(armed[-1].detail).get("seconds", "0")
        until = datetime.fromisoformat(armed[-1].time) + timedelta(seconds=int(seconds))
        return until.strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def given_up(self) -> bool:
        """Whether it was not to wait for its confirmation any more, since it was to be rolled back."""
        how = [dict(entry.detail).get("how", "") for entry in self.entries if entry.act == CONFIRM]
        return self.outcome == "applied" and how[-1:] == ["rolled back"]

    @property
    def recorded(self) -> bool:
        """Whether its outcome was recorded in the store."""
        return any(entry.act == RECORDED for entry in self.entries)


def read_entries(path: Path) -> tuple[JournalEntry, ...]:
    """The entries of a journal, in order; a last line that was not written to its end announces nothing.

    Errors:
        DamagedJournalError: a line in the middle is damaged, the numbers have a gap, or lines of another journal stand
            in it.
    """
    return _parse(_content(path), path)[0]


def runs_of(entries: tuple[JournalEntry, ...]) -> tuple[Run, ...]:
    """The attempts that a journal holds, oldest first."""
    runs: list[list[JournalEntry]] = []
    for entry in entries:
        if entry.act == RUN and entry.mark == "intent":
            runs.append([])
        if runs:
            runs[-1].append(entry)
    return tuple(Run(run[0].direction, tuple(run), _outcome(run)) for run in runs)


def journals_below(folder: Path) -> Iterator[tuple[str, str, Path]]:
    """Every journal of a fleet: (plan id, target, path), sorted.

    Errors:
        StoreError: a folder of journals cannot be looked into, so what they say is not known.
    """
    for plan in _within(folder):
        for path in _within(plan):
            if path.suffix == ".jsonl":
                yield plan.name, unquote(path.stem), path


def _within(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        why = f"the journals cannot be looked for: {error.strerror or error}."
        raise StoreError(why, where=str(folder), untouched="Nothing was changed.") from error


@dataclass
class FileJournal:
    """The journal of one plan on one target, as a surface's transaction is given it.

    The detail of each of :meth:`entries` also says ``direction`` and ``run`` (the number of the attempt, from 1).
    """

    path: Path
    plan_id: str
    target: str
    direction: Direction
    acts: Acts = field(default_factory=Acts)
    clock: Clock = _now
    _descriptor: int = -1
    _end: int = 0
    _reserved: int = 0
    _dirty: int = 0
    _entries: list[JournalEntry] = field(default_factory=list)

    def open(self) -> FileJournal:
        """Opens the journal, made where there is none; a torn last line is blanked.

        Errors:
            StoreError: it is damaged, belongs to another plan, or cannot be written.
            JournalBusyError: another process has it open.
        """
        try:
            self._open()
        except BaseException as error:
            self._let_go()
            if isinstance(error, OSError):
                raise _cannot("write", self.path, error) from error
            raise
        return self

    def close(self) -> None:
        """Closes the file; of an attempt that has ended, gives the reserved space back."""
        if self._descriptor < 0:
            return
        try:
            runs = runs_of(tuple(self._entries))
            if runs and not runs[-1].unfinished:
                self.acts.truncate(self._descriptor, self._end, self.path)
        except OSError:  # the space stays reserved; every line is on disk already
            pass
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def begin(self) -> None:
        """Begins an attempt."""
        self._append("", RUN, "intent", {})

    def settle(self, how: str) -> None:
        """Says what was decided of an attempt that had to be confirmed."""
        self._append("", CONFIRM, "done", {"how": how})

    def record(self) -> None:
        """Says that the last attempt's outcome was recorded in the store."""
        self._append("", RECORDED, "done", {})

    def end(self, outcome: str, text: str = "") -> None:
        """Says how the attempt ended: ``applied``, ``taken back``, ``rolled back``, ``refused``, ``incomplete``."""
        self._append("", OUTCOME, "done", {"outcome": outcome, "text": text})

    def intent(self, step: str, act: str, **detail: str) -> None:
        """Announces an act; returns once the line is on disk."""
        self._append(step, act, "intent", detail)

    def done(self, step: str, act: str, **detail: str) -> None:
        """Says that the announced act took place."""
        self._append(step, act, "done", detail)

    def failed(self, step: str, act: str, **detail: str) -> None:
        """Says that the announced act failed."""
        self._append(step, act, "failed", detail)

    def entries(self) -> tuple[tuple[str, str, str, Mapping[str, str]], ...]:
        """What was written so far, earlier runs included."""
        listed: list[tuple[str, str, str, Mapping[str, str]]] = []
        run = 0
        for entry in self._entries:
            run += entry.act == RUN and entry.mark == "intent"
            detail = {**dict(entry.detail), "direction": entry.direction, "run": str(run)}
            listed.append((entry.step, entry.act, entry.mark, detail))
        return tuple(listed)

    def runs(self) -> tuple[Run, ...]:
        """The attempts so far, oldest first."""
        return runs_of(tuple(self._entries))

    def _open(self) -> None:
        if not self.path.exists():
            self.acts.make_directory(self.path.parent)
            os.close(self.acts.create(self.path))
        # Also where a run that was ended made it: what is announced below must be found after a power cut.
        self.acts.sync_directory(self.path.parent)
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalBusyError(f"{self.target} is being changed or taken back at this moment.") from error
        content = _content(self.path)
        entries, self._end = _parse(content, self.path)
        for entry in entries:
            if (entry.plan, entry.target) != (self.plan_id, self.target):
                raise _damaged(self.path, entry.sequence, "it belongs to another plan or target")
        self._entries = list(entries)
        self._reserved = len(content)
        torn = content[self._end :]
        if torn.strip(b"\0"):
            self.acts.write(self._descriptor, bytes(len(torn)), self.path, self._end)
            self.acts.sync(self._descriptor, self.path)
        self._reserve(self._end + _AHEAD)

    def _reserve(self, size: int) -> None:
        if size > self._reserved:
            self.acts.allocate(self._descriptor, size, self.path)
            self.acts.sync(self._descriptor, self.path)
            self._reserved = size

    def _append(self, step: str, act: str, mark: Mark, detail: Mapping[str, str]) -> None:
        if self._descriptor < 0:
            raise StoreError("the journal is not open", where=str(self.path))
        entry = JournalEntry(
            len(self._entries) + 1,
            self.clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            self.plan_id,
            self.target,
            self.direction,
            step,
            act,
            mark,
            tuple(sorted(detail.items())),
        )
        line = msgspec.json.encode(entry) + b"\n"
        try:
            if mark == "intent" and self._end + len(line) + _LEAST_AHEAD > self._reserved:
                self._reserve(self._end + len(line) + _AHEAD)
            # Bytes of a line whose writing failed are blanked by the next one.
            padded, self._dirty = line.ljust(self._dirty, b"\0"), max(self._dirty, len(line))
            self.acts.write(self._descriptor, padded, self.path, self._end)
            self.acts.sync(self._descriptor, self.path)
        except OSError as error:
            with contextlib.suppress(OSError):  # what was not announced for certain must not be read as announced
                os.pwrite(self._descriptor, bytes(self._dirty), self._end)
            raise _cannot("write", self.path, error) from error
        self._end += len(line)
        self._dirty = max(0, self._dirty - len(line))
        self._entries.append(entry)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_LIMIT + 1)
    except OSError as error:
        raise _cannot("read", path, error) from error
    if len(content) > _LIMIT:
        raise _damaged(path, 1, f"it is larger than {_LIMIT} bytes")
    return content


def _parse(content: bytes, path: Path) -> tuple[tuple[JournalEntry, ...], int]:
    """The entries, and where the last whole line ends."""
    used = content.split(b"\0", 1)[0]  # what follows was reserved, never written, or torn
    whole = used[: used.rfind(b"\n") + 1]
    entries: list[JournalEntry] = []
    for number, line in enumerate(whole.split(b"\n")[:-1], 1):
        try:
            entry = msgspec.json.decode(line, type=JournalEntry)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise _damaged(path, number, str(error)) from error
        if entry.sequence != number:
            raise _damaged(path, number, f"line {number} has the number {entry.sequence}")
        entries.append(entry)
    for line in filter(None, content[len(used) :].strip(b"\0").replace(b"\0", b"\n").split(b"\n")):
        # Lines are synced in turn, so a whole one behind a hole is no torn one: what stood in the hole was lost.
        with contextlib.suppress(msgspec.MsgspecError, UnicodeError):
            lost = msgspec.json.decode(line, type=JournalEntry)
            raise _damaged(path, len(entries) + 1, f"line {lost.sequence} stands behind a hole")
    return tuple(entries), len(whole)


def outcomes_of(runs: tuple[Run, ...]) -> tuple[str, ...]:
    """What became of the target, oldest first. A rolling back that was itself taken back leaves the plan applied."""
    return tuple(
        run.outcome or "incomplete"
        for run in runs
        if run.outcome != "refused" and not (run.direction == "back" and run.outcome == "taken back")
    )


def _outcome(run: list[JournalEntry]) -> str:
    last = next((entry for entry in reversed(run) if entry.act == OUTCOME), None)
    return dict(last.detail).get("outcome", "") if last else ""


def _damaged(path: Path, line: int, why: str) -> DamagedJournalError:
    target, plan = unquote(path.stem), path.parent.name[:8]
    return DamagedJournalError(
        f"the journal of a change to {target} is damaged: {why}.",
        where=f"{path}:{line}",
        untouched="Nothing was changed.",
        next_step=f"Compare {target} with its plan by hand (auditor show {plan}), then move this file away.",
    )


def _cannot(verb: str, path: Path, error: OSError) -> StoreError:
    return StoreError(f"cannot {verb} the journal: {error.strerror or error}.", where=str(path))
