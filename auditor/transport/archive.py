"""Files inside a tar archive (plain, gz, bz2, xz), read where they lie: nothing is extracted.

Archives are hostile: members and bytes are counted, names with ``..`` are kept out, absolute ones stand below the
archive's own root, links are followed inside the archive only, devices and FIFOs are never opened.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import posixpath
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Final, cast

from auditor.errors import CollectError
from auditor.transport.interface import Entry, FileType
from auditor.transport.links import follow

MAX_MEMBERS: Final = 500_000
MAX_UNPACKED: Final = 4 * 1024 * 1024 * 1024
"""Bytes an archive may unpack to; a sosreport stays far below."""
MAX_KEPT: Final = 256 * 1024 * 1024
"""Bytes of members kept in memory while a compressed archive is open."""

MAX_HEADER: Final = 1024 * 1024
"""Bytes of one member's extended header."""

_EXTENDED: Final = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_DAMAGE: Final = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError, ValueError, OverflowError)


# The stubs leave out what tarfile's own documentation does too.
_NO_HEADER: Final = (
    tarfile.TruncatedHeaderError,  # type: ignore[attr-defined]
    tarfile.InvalidHeaderError,  # type: ignore[attr-defined]
    tarfile.EmptyHeaderError,  # type: ignore[attr-defined]
)


class _Bounded:
    """A stream that gives up once too much was unpacked from it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left = MAX_UNPACKED

    def read(self, size: int = -1) -> bytes:
        content = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(content)
        if self._left < 0:
            raise _TooMuchError
        return content


class _TooMuchError(Exception):
    """More was unpacked than is allowed."""


class _Member(tarfile.TarInfo):
    """A member whose extended header is bounded: tarfile would read one of any size into memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Member:
        member = super().frombuf(buf, encoding, errors)
        if not member.isreg() and member.type in _EXTENDED and member.size > MAX_HEADER:
            raise _TooMuchError
        return member

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> _Member:
        """The next member; tarfile itself takes a header that is cut off or damaged for the end of the archive."""
        try:
            return super().fromtarfile(tarfile)
        except _NO_HEADER as error:
            if tarfile.offset:
                raise EOFError("the archive ends without its end mark") from error
            raise


class ArchiveReader:
    """Reads an archive as if its members stood below ``/``: member ``./etc/httpd`` is ``/etc/httpd``.

    The archive is run through twice: once for the index, when it is made, and once by :meth:`load` for the files
    that are wanted, so that a compressed archive need not be searched again for each. ``skipped`` names, with a
    reason, the members that were left out.

    Errors:
        CollectError: the file is absent, not permitted, no archive, cut off, or unpacks to too much.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self.skipped: list[tuple[str, str]] = []
        self._entries: dict[str, Entry] = {"/": Entry("/", "directory", 0o755)}
        self._children: dict[str, dict[str, None]] = {"/": {}}
        self._hard: dict[str, str] = {}
        self._named: set[str] = set()
        self._kept: dict[str, bytes] = {}
        with self._errors():
            for member in self._members():
                self._index(member)

    @property
    def path(self) -> str:
        """The archive itself."""
        return self._path

    # Reader

    def entry(self, path: str) -> Entry | None:
        """The entry itself; links in its parents are followed."""
        return self._entries.get(self._placed(path))

    def resolve(self, path: str) -> str | None:
        """The path with every link followed inside the archive."""
        return follow(path, self._link_of, self._entries.__contains__)

    def list(self, path: str) -> tuple[Entry, ...]:
        """The entries of a directory, sorted by byte value of their names."""
        real = self.resolve(path)
        if real is None or self._entries[real].type != "directory":
            raise CollectError(f"{path} is no directory in {self.path}", cause="absent")
        names = sorted(self._children.get(real, {}), key=os.fsencode)
        return tuple(self._entries[posixpath.join(real, name)] for name in names)

    def read(self, path: str, limit: int) -> bytes:
        """The bytes of a regular file; quick for what :meth:`load` fetched."""
        real = self.resolve(path)
        found = self._entries.get(real or "")
        if real is None or found is None:
            raise CollectError(f"{path} does not exist in {self.path}", cause="absent")
        if found.type != "file":
            raise CollectError(f"{path} is no regular file in {self.path}", cause="unsupported")
        if found.size > limit:
            raise CollectError(f"{path} is larger than {limit:,} bytes", cause="too large")
        real = self._hard.get(real, real)
        if real not in self._kept:
            self.load((real,), limit)
        if real not in self._kept:
            raise CollectError(f"{path} cannot be read from {self.path}", cause="malformed")
        return self._kept[real]

    def load(self, paths: tuple[str, ...], limit: int) -> None:
        """Fetches these files in one run through the archive, as far as each is no larger than ``limit`` bytes."""
        wanted = set()
        for path in paths:
            real = self.resolve(path)
            if real is not None:
                wanted.add(self._hard.get(real, real))
        wanted = {path for path in wanted if path not in self._kept and self._entries[path].size <= limit}
        kept = sum(map(len, self._kept.values()))
        if not wanted:
            return
        with self._errors(), self._open() as archive:
            for member in archive:
                place = _placed_name(member.name)
                if place is None or place not in wanted or not member.isreg() or member.size > limit:
                    continue
                kept += member.size
                if kept > MAX_KEPT:
                    raise _TooMuchError
                file = archive.extractfile(member)
                content = file.read(limit + 1) if file else b""
                if len(content) != member.size:
                    raise EOFError
                self._kept[place] = content  # the last of several members with one name counts, as when unpacking

    def fetch(self, looked: Iterable[str], read: Iterable[str], limit: int) -> None:  # noqa: ARG002 - all is known
        """Fetches the files in one run; the entries are all known."""
        self.load(tuple(read), limit)

    def files(self) -> tuple[str, ...]:
        """Every path in the archive, sorted."""
        return tuple(sorted(self._entries))

    def holds_all_of(self, path: str) -> bool:
        """Whether a directory was itself put into the archive, and with it all that stood in it.

        A directory that only the names of other members imply may have held more.
        """
        return path in self._named

    # Index

    def _members(self) -> Iterator[tarfile.TarInfo]:
        with self._open() as archive:
            for number, member in enumerate(archive):
                if number >= MAX_MEMBERS:
                    raise _TooMuchError
                yield member
                archive.members = []  # type: ignore[attr-defined] # the index is ours; tarfile's would double it

    def _index(self, member: tarfile.TarInfo) -> None:
        path = _placed_name(member.name)
        if path is None:
            self.skipped.append((member.name[:200], "its name leaves the archive"))
            return
        if path == "/":
            self._named.add(path)
            return
        kind: FileType = "other"
        link = ""
        size = member.size
        if member.isreg():
            kind = "file"
        elif member.isdir():
            kind = "directory"
        elif member.issym():
            kind, link = "link", member.linkname
        elif member.islnk():
            target = _placed_name(member.linkname)
            original = self._entries.get(target or "")
            if target is None or original is None or original.type != "file":
                self.skipped.append((member.name[:200], "a hard link to what is not in the archive"))
                return
            kind, size = "file", original.size
            self._hard[path] = self._hard.get(target, target)
        if not self._parents(path):
            self.skipped.append((member.name[:200], "it stands below what is no directory"))
            return
        if kind != "file" or not member.islnk():
            self._hard.pop(path, None)
        self._entries[path] = Entry(
            path,
            kind,
            member.mode & 0o7777,
            member.uname or str(member.uid),
            member.gname or str(member.gid),
            link,
            size,
            modified=int(member.mtime),
        )
        if kind == "directory":
            self._children.setdefault(path, {})
            self._named.add(path)

    def _parents(self, path: str) -> bool:
        """Puts the directories above a path into the index; False where one of them is something else."""
        parent, name = posixpath.split(path)
        missing = []
        while parent not in self._entries:
            missing.append(parent)
            parent = posixpath.dirname(parent)
        if self._entries[parent].type != "directory":
            return False
        for directory in reversed(missing):
            self._entries[directory] = Entry(directory, "directory", 0o755)
            self._children[directory] = {}
            above, below = posixpath.split(directory)
            self._children[above][below] = None
        self._children[posixpath.dirname(path)][name] = None
        return True

    def _placed(self, path: str) -> str:
        """The path with its parents' links followed."""
        parent, name = posixpath.split(posixpath.normpath(path))
        return posixpath.join(self.resolve(parent) or parent, name)

    def _link_of(self, path: str) -> str | None:
        found = self._entries.get(path)
        return found.link if found is not None and found.type == "link" else None

    # The file

    @contextmanager
    def _open(self) -> Iterator[tarfile.TarFile]:
        with open(self.path, "rb") as raw:
            head = raw.read(6)
            raw.seek(0)
            stream: IO[bytes] = raw
            if head.startswith(b"\x1f\x8b"):
                stream = cast(IO[bytes], gzip.GzipFile(fileobj=raw))
            elif head.startswith(b"BZh"):
                stream = cast(IO[bytes], bz2.BZ2File(raw))
            elif head.startswith(b"\xfd7zXZ\x00"):
                stream = cast(IO[bytes], lzma.LZMAFile(raw))  # noqa: SIM115 - closed with the archive, below
            bounded = cast(IO[bytes], _Bounded(stream))
            with (
                stream,
                tarfile.open(
                    fileobj=bounded, mode="r|", encoding="utf-8", errors="surrogateescape", tarinfo=_Member
                ) as archive,
            ):
                yield archive

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except _TooMuchError as error:
            raise CollectError(
                f"{self.path} unpacks to more than is read from an archive", cause="too large"
            ) from error
        except (FileNotFoundError, NotADirectoryError) as error:
            raise CollectError(f"{self.path} does not exist", cause="absent") from error
        except PermissionError as error:
            raise CollectError(f"{self.path} may not be read by this user", cause="not permitted") from error
        except _DAMAGE as error:
            nothing = len(self._entries) == 1
            raise CollectError(
                f"{self.path} is {'no tar archive' if nothing else 'damaged or cut off'}",
                cause="not recognised" if nothing else "malformed",
                next_step="Look at it with: tar tf FILE (plain, gz, bz2 and xz are read)",
            ) from error


def _placed_name(name: str) -> str | None:
    """Where a member stands below ``/``; None where its name would leave the archive."""
    if "\0" in name or len(name) > 4096:
        return None
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts or len(parts) > 255:
        return None
    return "/" + "/".join(parts)
