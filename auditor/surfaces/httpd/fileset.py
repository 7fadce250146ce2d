"""What resolving asks for: files by absolute path, from wherever they are."""

from __future__ import annotations

from typing import Final, Literal, Protocol

import msgspec

from auditor.model.snapshot import Gap

Standing = Literal["file", "directory", "absent", "unknown"]

NOT_READ: Final = b"[private key or other secret file: present, never read]\n"
"""Stands for the content of a file that is never read."""


class Name(msgspec.Struct, frozen=True, gc=False):
    """One entry of a directory. ``directory`` says that it is one itself; a link to a directory is not."""

    name: str
    directory: bool


class FileSet(Protocol):
    """Files by normalised absolute POSIX path, as the machine that the tree belongs to names them.

    Paths are text as ``os.fsdecode`` gives it. Symbolic links are followed by every method.
    """

    def standing(self, path: str) -> Standing:
        """What stands at a path; ``unknown`` where the collection cannot say."""
        ...

    def read(self, path: str) -> bytes | None:
        """A file's bytes, or None: :meth:`gap` then says why where that is known."""
        ...

    def list(self, path: str) -> tuple[Name, ...]:
        """The entries of a directory, in any order; nothing for what is no directory."""
        ...

    def gap(self, path: str) -> Gap | None:
        """Why a path (or a part of a directory) could not be read, or None where it simply is not there."""
        ...
