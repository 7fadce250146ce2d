"""What a place that holds files must offer, so that a disk, an archive and (later) SSH read alike."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

FileType = Literal["file", "directory", "link", "other"]


class Entry(msgspec.Struct, frozen=True):
    """One entry of a tree. ``link`` is a symbolic link's text; ``size`` is in bytes; ``mode`` holds permission bits."""

    path: str
    type: FileType
    mode: int = 0o644
    owner: str = ""
    group: str = ""
    link: str = ""
    size: int = 0


class Reader(Protocol):
    """Reads files by absolute POSIX path (as the machine that the tree belongs to names them).

    Errors of every method: :class:`auditor.errors.CollectError` with its cause (``absent``, ``not permitted``,
    ``too large``, ``malformed``).
    """

    def entry(self, path: str) -> Entry | None:
        """The entry itself (a link is not followed), or None where nothing stands there."""
        ...

    def resolve(self, path: str) -> str | None:
        """The path with every symbolic link followed, or None where it dangles or loops."""
        ...

    def list(self, path: str) -> tuple[Entry, ...]:
        """The entries of a directory (links to directories are followed), sorted by byte value of their names."""
        ...

    def read(self, path: str, limit: int) -> bytes:
        """The bytes of a regular file, links followed; more than ``limit`` bytes is the error ``too large``."""
        ...
