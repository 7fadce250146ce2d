"""Deadlines that this controller holds, for targets that have no timer of their own.

Below a plan's folder each target has one of the files pending, confirmed, disarmed, reverting and reverted, which says
how its change stands. Each becomes the next by one rename, which only one of two can win.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

import msgspec

from auditor.errors import AuditorError, RefusedError, StoreError
from auditor.plan.journal import Clock
from auditor.surfaces.interface import DeadlineAct
from auditor.transport.acts import Acts

_STATES: Final = ("pending", "reverting", "confirmed", "disarmed", "reverted")
"""In the order in which they follow each other, so that looking for them in turn misses none."""

_HOLDER, _DOOR = "holder.lock", "door.lock"
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_LIMIT: Final = 64 * 1024


class Due(msgspec.Struct, frozen=True):
    """When a change is taken back: ``seconds`` after ``armed`` (UTC), or at ``at`` of the clock of that ``boot``."""

    seconds: int
    armed: str
    boot: str
    at: float


class Moment(msgspec.Struct, frozen=True):
    """A moment by the wall, and in seconds of a clock that nobody sets and that runs on while the machine sleeps."""

    wall: datetime
    boot: str
    since_boot: float


class Became(msgspec.Struct, frozen=True):
    """What became of taking back: when, and what was done; or why it failed."""

    time: str
    text: str
    failed: bool = False


def present(clock: Clock) -> Moment:
    """The present moment. Without a name for the boot (another system than Linux) the wall alone counts."""
    try:
        boot = _BOOT.read_text("ascii").strip()
        return Moment(clock(), boot, time.clock_gettime(time.CLOCK_BOOTTIME))
    except (OSError, AttributeError):
        return Moment(clock(), "", 0.0)


def is_over(due: Due, now: Moment) -> bool:
    """Whether the time is over. In the same boot no clock that was set counts; after one the wall has to do.

    A wall before the moment of arming tells nothing, and what nobody can tell any more is not waited for.
    """
    if due.boot and due.boot == now.boot:
        return now.since_boot >= due.at
    armed = datetime.fromisoformat(due.armed)
    return not armed <= now.wall < armed + timedelta(seconds=due.seconds)


@dataclass(frozen=True)
class HeldDeadline:
    """The deadline of one target. ``start`` starts the plan's holder and says what keeps it alive."""

    folder: Path
    acts: Acts
    clock: Clock
    start: Callable[[], str]

    @property
    def target(self) -> str:
        """The target's name."""
        return unquote(self.folder.name)

    @property
    def state(self) -> str:
        """How it stands; ``none`` where it was never armed."""
        return next((one for one in _STATES if (self.folder / one).exists()), "none")

    @property
    def is_over(self) -> bool:
        """Whether it waits, and its time is over. One whose time cannot be read is over."""
        try:
            content = (self.folder / "pending").read_bytes()[:_LIMIT]
        except FileNotFoundError:
            return False
        except OSError:
            return True
        try:
            return is_over(msgspec.json.decode(content, type=Due), present(self.clock))
        except (msgspec.MsgspecError, ValueError, OverflowError):
            return True

    @property
    def became(self) -> Became | None:
        """What became of taking back, as far as it was tried."""
        try:
            return msgspec.json.decode((self.folder / "became").read_bytes()[:_LIMIT], type=Became)
        except (OSError, msgspec.MsgspecError):
            return None

    def arm(self, seconds: int) -> str:
        """Lets the time begin, with a living process that holds it; gives what that is.

        Errors:
            RefusedError: it cannot be held here.
        """
        now = present(self.clock)
        due = Due(seconds, now.wall.isoformat(), now.boot, now.since_boot + seconds)
        try:
            self.acts.make_directory(self.folder)
            for name in (*_STATES, "became"):
                self.acts.unlink(self.folder / name)
            with _locked(self.folder.parent / _DOOR):  # a holder that finds nothing to do ends behind this door alone
                self.acts.store(self.folder / "pending", msgspec.json.encode(due))
                return self.start()
        except OSError as error:
            self.close()
            raise RefusedError(f"its deadline cannot be kept: {error.strerror or error}.") from error
        except RefusedError:
            self.close()
            raise

    def decide(self, act: DeadlineAct) -> str:
        """Confirms or disarms where that is still possible; gives how it then stands.

        Whoever asks or confirms when the time is over begins to take back instead: the holder may be gone.

        Errors:
            StoreError: the decision cannot be written.
        """
        if act in ("ask", "confirm") and self.is_over:
            self.begin()
        elif act == "confirm":
            self._become("pending", "confirmed")
        elif act == "disarm":
            self._become("pending", "disarmed")
        return self.state

    def begin(self) -> bool:
        """Decides that it is taken back; False where something else was decided before."""
        return self._become("pending", "reverting")

    def end(self, text: str) -> None:
        """Says that it was taken back."""
        self.note(text)
        self._become("reverting", "reverted")

    def note(self, text: str, *, failed: bool = False) -> None:
        """Writes down what was done, or why taking back failed."""
        when = self.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
        with contextlib.suppress(OSError):  # a full disk does not keep a target from being as before
            self.acts.store(self.folder / "became", msgspec.json.encode(Became(when, text[:2000], failed)))

    def close(self) -> None:
        """Ends it: nothing is taken back any more, since that was done, or nothing was changed."""
        for state in ("pending", "reverting"):
            self._become(state, "disarmed")

    def revive(self) -> None:
        """Starts the holder again where it is gone and this still waits."""
        if not holder_lives(self.folder.parent):
            with contextlib.suppress(AuditorError, OSError):  # the next command takes back then
                self.start()

    def _become(self, before: str, after: str) -> bool:
        try:
            self.acts.replace(self.folder / before, self.folder / after)
        except FileNotFoundError:
            return False
        except OSError as error:
            why = f"it cannot be written that a change is {after}: {error.strerror or error}."
            raise StoreError(why, where=str(self.folder)) from error
        return True


def deadlines_below(folder: Path, acts: Acts, clock: Clock, start: Callable[[], str]) -> tuple[HeldDeadline, ...]:
    """Every deadline of a plan's folder, sorted."""
    found = sorted(one for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else []
    return tuple(HeldDeadline(one, acts, clock, start) for one in found)


def deadline_path(folder: Path, plan_id: str, target: str) -> Path:
    """Where the deadline of a plan on a target stands below the fleet's folder of deadlines."""
    return folder / plan_id / quote(target, safe="")


def holder_lives(folder: Path) -> bool:
    """Whether a process holds the deadlines of a plan's folder."""
    try:
        descriptor = os.open(folder / _HOLDER, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def hold_deadlines(folder: Path) -> Callable[[Callable[[], bool]], bool] | None:
    """Makes this process the holder of a plan's deadlines, until it ends or is let go; None where another one is.

    What it gives lets go, unless its argument, asked while nothing can be armed, says that something waits; it gives
    whether it let go.
    """
    descriptor = os.open(folder / _HOLDER, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None

    def let_go(waits: Callable[[], bool]) -> bool:
        with _locked(folder / _DOOR):
            if waits():
                return False
            os.close(descriptor)
            return True

    return let_go


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
