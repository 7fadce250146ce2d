"""Locks: one run at a time on a fleet, and one on a target."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from auditor.errors import RefusedError


def state_home(environment: Mapping[str, str]) -> Path:
    """Where this user's programs keep their state; without a word in the environment, in the account's own home."""
    stated, home = Path(environment.get("XDG_STATE_HOME", "")), Path(environment.get("HOME", ""))
    if stated.is_absolute():
        return stated
    if not home.is_absolute():
        with contextlib.suppress(KeyError):  # an account without an entry, as in some containers
            home = Path(pwd.getpwuid(os.geteuid()).pw_dir)
    return Path("/", home) / ".local/state"


@contextmanager
def hold(path: Path, what: str, holder: str) -> Iterator[None]:
    """Holds an exclusive lock on a file that is never deleted; the kernel frees it when the process ends.

    ``what`` is locked, for people (``the fleet``); ``holder`` is written into the file for whoever comes second.

    Errors:
        RefusedError: another run holds it, or the file cannot be opened.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise RefusedError(
            f"the lock of {what} cannot be opened: {error.strerror}.",
            where=str(path),
            untouched="Nothing was changed.",
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            who = os.pread(descriptor, 200, 0).decode("utf-8", "replace").strip() or "another run"
            raise RefusedError(
                f"{what} is locked by {who}.",
                where=str(path),
                untouched="Nothing was changed.",
                next_step="Wait until it has ended, then try again.",
            ) from error
        except OSError as error:
            raise RefusedError(
                f"{what} cannot be locked here: {error.strerror}.", where=str(path), untouched="Nothing was changed."
            ) from error
        with contextlib.suppress(OSError):  # a full disk: the name is for people, the lock is held
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()}: {holder}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
