"""Who may write to the store, and what killed writers leave behind.

Two locks, both by ``flock`` on files that are never deleted (a deleted lock file can be held twice): the writer's
lock, held for the moments in which references move, and the importers' lock, shared by all whose objects are on
their way into the store, so that nobody sweeps away what another is still writing.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from auditor.errors import RefusedError
from auditor.store.failures import cannot_write

WRITER: Final = "auditor.lock"
IMPORTERS: Final = "auditor-import.lock"
_POLL_S: Final = 0.02


def _take(file: int, how: int, wait_s: float) -> bool:
    end = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(_POLL_S)
        else:
            return True


@contextmanager
def _open(store: Path, name: str) -> Iterator[int]:
    try:
        file = os.open(store / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise cannot_write(store, error) from error
    try:
        yield file
    finally:
        os.close(file)


@contextmanager
def writing(store: Path, wait_s: float) -> Iterator[None]:
    """Holds the writer's lock; what killed writers left is swept away first.

    Errors:
        RefusedError: another writer held it for longer than ``wait_s`` seconds.
    """
    with _open(store, WRITER) as file:
        if not _take(file, fcntl.LOCK_EX, wait_s):
            holder = os.pread(file, 64, 0).decode("ascii", "replace").strip()
            who = f"process {holder}" if holder else "another process"
            raise RefusedError(
                f"{who} is writing to the store {store}",
                untouched="Nothing was changed.",
                next_step="Wait until it has finished, then run the same command again.",
            )
        with suppress(OSError):  # the number is for people; a full disk must not stop a reader of it
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode("ascii"), 0)
        _sweep_references(store)
        yield


@contextmanager
def importing(store: Path, wait_s: float) -> Iterator[None]:
    """Holds a share of the importers' lock while objects are on their way into the store.

    Whoever is the only one sweeps away first what killed importers left.

    Errors:
        RefusedError: the store is being packed.
    """
    with _open(store, IMPORTERS) as file:
        if _take(file, fcntl.LOCK_EX, 0):
            _sweep_objects(store)
        if not _take(file, fcntl.LOCK_SH, wait_s):
            raise RefusedError(
                f"the store {store} is being packed",
                untouched="Nothing was changed.",
                next_step="Wait until it has finished, then run the same command again.",
            )
        yield


@contextmanager
def alone(store: Path) -> Iterator[bool]:
    """Whether nobody imports; where true, nobody starts to before the end of the block."""
    with _open(store, IMPORTERS) as file:
        yield _take(file, fcntl.LOCK_EX, 0)


def _sweep_references(store: Path) -> None:
    """Removes git's lock files. The writer's lock must be held: they are nobody's then."""
    with suppress(OSError):
        stale = [*store.glob("*.lock"), *(store / "refs").rglob("*.lock")]
        for path in stale:
            if path.name not in (WRITER, IMPORTERS):
                path.unlink(missing_ok=True)


def _sweep_objects(store: Path) -> None:
    """Removes half-written objects. The importers' lock must be held alone; a full disk gets its room back."""
    with suppress(OSError):
        for pattern in ("fast_import_crash_*", "objects/pack/tmp_*", "objects/tmp_*", "objects/??/tmp_obj_*"):
            for path in store.glob(pattern):
                if path.is_file():
                    path.unlink(missing_ok=True)
