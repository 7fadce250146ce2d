"""What a place that holds files, and one that runs a script, must offer, so that each kind of target reads alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

import msgspec

from auditor.errors import CollectError

FileType = Literal["file", "directory", "link", "other"]


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One entry of a tree. ``link`` is a symbolic link's text; ``size`` is in bytes; ``mode`` holds permission bits.

    ``selinux`` is its label on a machine with SELinux, else empty; ``modified`` its time in seconds since 1970, 0 where
    it is not known.
    """

    path: str
    type: FileType
    mode: int = 0o644
    owner: str = ""
    group: str = ""
    link: str = ""
    size: int = 0
    selinux: str = ""
    modified: int = 0


class WithheldError(CollectError):
    """A file was not given because it holds what never leaves its machine: a private key."""


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

    def fetch(self, looked: Iterable[str], read: Iterable[str], limit: int) -> None:
        """Told what will be asked for soon, so that a distant place is asked once. Changes no answer.

        ``looked`` are paths of which all but the bytes matters (of directories their entries too), ``read`` are files
        whose bytes do, each up to ``limit``.
        """
        ...


class Shell(Protocol):
    """Runs a constant POSIX sh script on a machine: this one, or one behind a connection."""

    async def run(
        self, script: str, arguments: tuple[str, ...] = (), *, given: bytes = b"", limit: int, deadline_s: float
    ) -> bytes:
        """The standard output of ``script``, run with ``arguments`` as ``$1``… and ``given`` as standard input.

        Foreign text travels in ``arguments`` (surrogates stand for bytes that are not UTF-8) or ``given``, never in
        ``script``. The locale is C. When the call is cancelled or fails, what it started here is ended.

        Units: ``limit`` in bytes of output, ``deadline_s`` in seconds for the whole run.

        Errors:
            CollectError: ``too large`` (more than ``limit``), ``timed out``, ``malformed`` (the script ended with
                another code than 0; its last line of standard error is in the text), or what kept it from starting.
                Output may end early where a connection was lost: a script ends with a mark of its own, and its reader
                believes nothing without it.
        """
        ...
