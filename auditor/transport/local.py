"""Files of this machine."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from auditor.errors import CollectError
from auditor.transport.interface import Entry, FileType

_PIECE: Final = 1 << 20
_SELINUX: Final = ("/sys/fs/selinux/enforce", "/selinux/enforce")
"""One of them is there where SELinux is."""


class LocalReader:
    """Reads this machine's disk. Never writes, never blocks on what is no regular file."""

    def __init__(self) -> None:
        self._labels = any(map(os.path.exists, _SELINUX))

    def entry(self, path: str) -> Entry | None:
        """The entry itself, or None where nothing stands there."""
        try:
            return _entry(path, os.lstat(path), _label(path) if self._labels else "")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise _error(path, error) from error

    def resolve(self, path: str) -> str | None:
        """The path with every link followed, or None where it dangles or loops."""
        try:
            return os.path.realpath(path, strict=True)
        except PermissionError as error:
            raise _error(path, error) from error
        except (OSError, ValueError):
            return None

    def list(self, path: str) -> tuple[Entry, ...]:
        """The entries of a directory, sorted by byte value of their names."""
        try:
            with os.scandir(path) as found:
                names = sorted((os.fsencode(one.name), one.path) for one in found)
        except (OSError, ValueError) as error:
            raise _error(path, error) from error
        entries = (self.entry(full) for _, full in names)
        return tuple(entry for entry in entries if entry is not None)

    def read(self, path: str, limit: int) -> bytes:
        """The bytes of a regular file, links followed."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except (OSError, ValueError) as error:
            raise _error(path, error) from error
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise CollectError(f"{_shown(path)} is no regular file", cause="unsupported")
            content = _content(descriptor, found.st_size, limit)
        except OSError as error:
            raise _error(path, error) from error
        finally:
            os.close(descriptor)
        if len(content) > limit:
            raise CollectError(f"{_shown(path)} is larger than {limit:,} bytes", cause="too large")
        return content

    def fetch(self, looked: Iterable[str], read: Iterable[str], limit: int) -> None:
        """Does nothing: this disk is near."""


def _content(descriptor: int, size: int, limit: int) -> bytes:
    """All that a file holds, but at most one byte more than ``limit``; ``size`` is what it is said to hold."""
    content = os.read(descriptor, min(size, limit) + 1)
    if len(content) == size:
        return content
    pieces = [content]
    left = limit + 1 - len(content)
    while left > 0 and pieces[-1]:  # it grew, or says nothing of its size, as the files of /proc
        pieces.append(os.read(descriptor, min(left, _PIECE)))
        left -= len(pieces[-1])
    return b"".join(pieces)


def _label(path: str) -> str:
    """A file's SELinux label; empty where it has none."""
    try:
        return os.getxattr(path, "security.selinux", follow_symlinks=False).decode("ascii", "replace").rstrip("\0")
    except OSError:
        return ""


def _entry(path: str, found: os.stat_result, label: str) -> Entry:
    kind: FileType = "other"
    link = ""
    if stat.S_ISREG(found.st_mode):
        kind = "file"
    elif stat.S_ISDIR(found.st_mode):
        kind = "directory"
    elif stat.S_ISLNK(found.st_mode):
        kind = "link"
        link = os.readlink(path)  # noqa: PTH115 - a Path would drop the text's odd slashes
    return Entry(
        path=path,
        type=kind,
        mode=stat.S_IMODE(found.st_mode),
        owner=_user(found.st_uid),
        group=_group(found.st_gid),
        link=link,
        size=found.st_size,
        selinux=label,
        modified=int(found.st_mtime),
    )


@lru_cache(maxsize=256)
def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


@lru_cache(maxsize=256)
def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _shown(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _error(path: str, error: OSError | ValueError) -> CollectError:
    """The error of reading a path, with its cause."""
    if isinstance(error, PermissionError):
        return CollectError(
            f"{_shown(path)} may not be read by this user", cause="not permitted", next_step="Give read rights to it."
        )
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return CollectError(f"{_shown(path)} does not exist", cause="absent")
    reason = getattr(error, "strerror", None) or str(error)
    return CollectError(f"{_shown(path)} cannot be read: {reason}", cause="malformed")
