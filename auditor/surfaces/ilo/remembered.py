"""What is remembered of an iLO between two reads: sealed documents with their ETags, on the auditor's own disk.

It saves requests and is never the truth: whatever is wrong with the file (damaged, foreign, another key, another
place, other rules of reading, too old) means a full read. The file is authenticated with the fleet's key, so that
nobody without it can make the auditor believe in documents.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from auditor import __version__
from auditor.model.secret import Sealer
from auditor.model.target import IloEndpoint
from auditor.surfaces.ilo.recall import Memory

FORMAT: Final = "auditor.ilo-memory/v1"
MAX_BYTES: Final = 32 * 1024 * 1024
_MARK: Final = 256
"""More than the line takes by which a file is authenticated."""
_FOLDER: Final = "ilo"


class Shelf:
    """Where the memory of one target stands below the auditor's state folder."""

    def __init__(self, state: Path, target: str, endpoint: IloEndpoint, username: str, sealer: Sealer) -> None:
        self._sealer = sealer
        self._path = place_of(state, target)
        told = "\0".join((target, endpoint.url, endpoint.cafile, str(endpoint.verify), username, rules()))
        self.whose = sealer.fingerprint(told.encode("utf-8", "surrogatepass"))

    def read(self) -> Memory | None:
        """What is remembered, or None where that is nothing or cannot be relied on."""
        payload = read_sealed(self._path, self._sealer, MAX_BYTES)
        if payload is None:
            return None
        try:
            memory = msgspec.msgpack.decode(payload, type=Memory)
        except (msgspec.DecodeError, RecursionError, ValueError):
            return None
        return memory if (memory.format, memory.whose) == (FORMAT, self.whose) else None

    def write(self, memory: Memory) -> None:
        """Replaces what is remembered, whole or not at all; what is too large is not kept.

        Errors:
            OSError: the state folder cannot be written to.
        """
        payload = msgspec.msgpack.encode(memory)
        if len(payload) > MAX_BYTES - _MARK:
            self._path.unlink(missing_ok=True)
            return
        write_sealed(self._path, self._sealer, payload)


def place_of(state: Path, target: str) -> Path:
    """The file that remembers a target; its name tells nothing that a file system could stumble over."""
    return state / _FOLDER / hashlib.sha256(target.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def forget(state: Path, target: str) -> None:
    """Forgets a target, so that the next read is a full one.

    Errors:
        OSError: what is remembered cannot be removed.
    """
    place_of(state, target).unlink(missing_ok=True)


def read_sealed(path: Path, sealer: Sealer, limit: int) -> bytes | None:
    """What :func:`write_sealed` wrote there with the same key; None where anything about the file is wrong."""
    mark, _, payload = (_content(path, limit) or b"").partition(b"\n")
    return payload if payload and mark == sealer.fingerprint(payload).encode() else None


def write_sealed(path: Path, sealer: Sealer, payload: bytes) -> None:
    """Replaces a file of the state folder, whole or not at all, authenticated with the key.

    Errors:
        OSError: the folder cannot be written to.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)  # readable by its owner alone
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(sealer.fingerprint(payload).encode() + b"\n" + payload)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _content(path: Path, limit: int) -> bytes | None:
    """The file's bytes where it is a regular file of this user that nobody else may write to."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        about = os.fstat(handle)
        ours = about.st_uid == os.geteuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if not stat.S_ISREG(about.st_mode) or not ours or about.st_size > limit:
            return None
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(limit)
    except OSError:
        return None
    finally:
        os.close(handle)


@cache
def rules() -> str:
    """What documents are made by: other links, catalogues or sealing would make other documents of the same bodies."""
    digest = hashlib.sha256(__version__.encode())
    for module in sorted(Path(__file__).parent.glob("*.py")):  # all of them: none can be forgotten so
        digest.update(module.read_bytes())
    return digest.hexdigest()
