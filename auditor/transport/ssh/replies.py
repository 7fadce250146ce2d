"""Replies of the far side as values. Pure; whatever is not as the script writes it is an error, never an absence."""

from __future__ import annotations

import hashlib
import posixpath
import stat
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import msgspec

from auditor.errors import CollectError
from auditor.transport.interface import Entry, FileType

Record: TypeAlias = tuple[str, bytes]
"""A record's letter and its body."""

_HEX: Final = 64
_UNNAMED: Final = "UNKNOWN"
"""What ``stat`` calls a user or group that has no name."""


def records_of(reply: bytes, mark: bytes) -> list[Record]:
    """The records of one reply, in order; a record that the bound of a reply cut is left as it is.

    Errors:
        CollectError: something stands before the first record.
    """
    parts = (b"\n" + reply.removeprefix(b"\n")).split(b"\n" + mark)
    if parts[0].strip(b"\n"):
        raise _not_understood()
    parts[-1] = parts[-1].removesuffix(b"\n")
    return [(part[:1].decode("ascii", "replace"), part[1:]) for part in parts[1:]]


def entry_of(body: bytes) -> Entry:
    """The entry that an ``e`` record describes; a link's text comes in a record of its own.

    Errors:
        CollectError: it is no such record.
    """
    try:
        mode_hex, uid, user, gid, group, size, modified, label, path = body.split(b"/", 8)
        mode = int(mode_hex, 16)
        return Entry(
            path=_place(text_of(path)),
            type=_type_of(mode),
            mode=stat.S_IMODE(mode),
            owner=_name_of(user, uid),
            group=_name_of(group, gid),
            size=int(size),
            selinux=_label_of(label),
            modified=int(modified),
        )
    except ValueError as error:
        raise CollectError("the far side's description of a file is not understood", cause="malformed") from error


def _place(path: str) -> str:
    """A path that names one place only: whoever sends another might mean to leave the tree with it."""
    if not path.startswith("/") or posixpath.normpath(path) != path or "\0" in path:
        raise ValueError
    return path


def text_of(path: bytes) -> str:
    """A path as text; bytes that are not UTF-8 stay as surrogates."""
    return path.decode("utf-8", "surrogateescape")


def bytes_of(path: str) -> bytes:
    """A path as the far side knows it."""
    return path.encode("utf-8", "surrogateescape")


def _type_of(mode: int) -> FileType:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "link" if stat.S_ISLNK(mode) else "other"


def _name_of(name: bytes, number: bytes) -> str:
    return text_of(number if name.decode("ascii", "replace") == _UNNAMED else name)


def _label_of(label: bytes) -> str:
    """An SELinux label; empty for what ``stat`` writes where a file has none."""
    text = label.decode("ascii", "replace").rstrip("\0")
    return text if text.count(":") >= 2 else ""


class Listing(msgspec.Struct):
    """What records say about paths.

    ``entries`` by path; ``refused`` why a path is not told of, in the system's words; ``locked`` directories that may
    not be searched; ``leads`` where a path leads, ``nowhere`` why it leads nowhere; ``listed`` the paths right below a
    directory by its real path; ``unsure`` directories of which not everything may have been named.
    ``complete`` says that the last name of a walk came, ``status`` is the worst that ``find`` ended with.
    """

    entries: dict[str, Entry] = {}
    refused: dict[str, str] = {}
    locked: set[str] = set()
    leads: dict[str, str] = {}
    nowhere: dict[str, str] = {}
    listed: dict[str, list[str]] = {}
    unsure: set[str] = set()
    complete: bool = False
    status: int = 0


def listing_of(records: Iterable[Record]) -> Listing:
    """What the records of a walk or a look say.

    Errors:
        CollectError: a record is not understood.
    """
    found = Listing()
    link = asked = directory = ""
    for letter, body in records:
        text = text_of(body)
        match letter:
            case "e":
                entry = entry_of(body)
                found.entries.setdefault(entry.path, entry)
                if directory:
                    if posixpath.dirname(entry.path) != directory:
                        raise _not_understood()
                    found.listed[directory].append(entry.path)
            case "l":
                link = text
            case "t" if link in found.entries:
                found.entries[link] = msgspec.structs.replace(found.entries[link], link=text)
            case "u":
                found.locked.add(text)
            case "!":
                reason, path = _reason(text)
                found.refused[path] = reason
            case "=":
                _note_end(found, text, directory)
            case "p":
                asked, directory = text, ""
            case "r":
                try:
                    found.leads[asked] = _place(text)
                except ValueError as error:
                    raise _not_understood() from error
            case "x":
                found.nowhere[asked] = text
            case "d":
                directory = text
                found.listed[directory] = []
                found.unsure.add(directory)
            case _:
                raise _not_understood()
    return found


def _not_understood() -> CollectError:
    return CollectError("the far side's reply is not understood", cause="malformed")


def _reason(text: str) -> tuple[str, str]:
    """A reason and the path behind it; the path starts with a slash of its own, and a reason may hold one too."""
    reason, _, path = text.partition("//")
    return reason, f"/{path}"


def _note_end(found: Listing, text: str, directory: str) -> None:
    if text == "end":
        found.complete = True
    elif text.isdigit():
        found.status = max(found.status, int(text))
        if text == "0":
            found.unsure.discard(directory)


class Contents(msgspec.Struct):
    """Files by path: their bytes; why not, in the system's words; those withheld. What is in none was not answered."""

    read: dict[str, bytes] = {}
    refused: dict[str, str] = {}
    withheld: set[str] = set()

    def answers(self, path: str) -> bool:
        """Whether anything is said of a file."""
        return path in self.read or path in self.refused or path in self.withheld

    def add(self, other: Contents) -> None:
        """Takes what another reply says too."""
        self.read |= other.read
        self.refused |= other.refused
        self.withheld |= other.withheld


def contents_of(records: Sequence[Record], *, single: bool) -> Contents:
    """The files of a read. Only what has the length and the sum that the far side took before it is believed.

    ``single`` says that each file was asked for by itself, so that a name with a line feed is no riddle.

    Errors:
        CollectError: a record is not understood.
    """
    found = Contents()
    paths: list[str] = []
    sizes: list[int] = []
    sums: list[bytes] = []
    for letter, body in records:
        match letter:
            case "!":
                reason, path = _reason(text_of(body))
                found.refused[path] = reason
            case "k":
                found.withheld.add(text_of(body))
            case "f":
                paths.append(text_of(body))
            case "z":
                sizes = [int(line) for line in body.split() if line.isdigit()]
            case "h":
                lines = [body] if single else body.removesuffix(b"\n").split(b"\n")
                sums = [line.removeprefix(b"\\")[:_HEX] for line in lines]
            case "b":
                _part(found, paths, sizes, sums, body)
                paths, sizes, sums = [], [], []
            case _:
                raise _not_understood()
    return found


def _part(found: Contents, paths: Sequence[str], sizes: Sequence[int], sums: Sequence[bytes], body: bytes) -> None:
    """Parts the bytes of several files; nothing is taken where they are more or fewer than was said."""
    if not len(paths) == len(sizes) == len(sums) or sum(sizes) != len(body):
        return
    at = 0
    for path, size, digest in zip(paths, sizes, sums, strict=True):
        content = body[at : at + size]
        at += size
        if hashlib.sha256(content).hexdigest().encode() == digest:
            found.read[path] = content
