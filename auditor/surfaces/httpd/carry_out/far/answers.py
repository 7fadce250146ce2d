"""What the far side's script says, as values, and what it is asked with, as lines. Pure.

Whatever is not as the script writes it is an error, never an absence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from auditor.errors import CollectError, RefusedError
from auditor.surfaces.httpd.carry_out.files import LiveFile
from auditor.transport.ssh.script import encoded

MOST_BYTES = 4 * 1024 * 1024
"""Bytes that a file may have to be changed over SSH; collecting leaves out larger ones, too."""


class Opened(NamedTuple):
    """The target's state folder, where its tree really stands, and who is logged in."""

    state: str
    root: str
    uid: int


class Said(NamedTuple):
    """One word of the script, the number of the file that it is about, and why."""

    word: str
    number: int
    why: str


def opened(answer: bytes) -> Opened | str:
    """What the script found at its beginning, or why it cannot go on."""
    fields = answer.split(b"\0")
    if fields[0] == b"open" and len(fields) == 6 and fields[4] == b"end" and fields[3].isdigit():
        return Opened(text_of(fields[1]), text_of(fields[2]), int(fields[3]))
    line = text_of(answer).strip()
    if line.startswith("no "):
        return line[3:]
    if line.startswith("lacks "):
        return f"these tools are missing there: {', '.join(line.split()[1:])}"
    raise not_understood()


def said(answer: bytes) -> Said:
    """A word of the script about a file, or about the whole."""
    word, _, rest = text_of(answer).strip("\n").partition(" ")
    number, _, why = rest.partition(" ")
    if not word or (number and not number.isdigit()):
        raise not_understood()
    return Said(word, int(number or 0), " ".join(why.split())[:300])


def lines(*rows: Sequence[str]) -> bytes:
    """A request: rows of words, and the end that must arrive with them."""
    return "".join(f"{' '.join(row)}\n" for row in (*rows, ("END",))).encode("ascii")


def word_of(text: str) -> str:
    """A path as one harmless word."""
    return encoded(text.encode("utf-8", "surrogateescape"))


def row_of(live: LiveFile, wanted: LiveFile) -> tuple[str, ...]:
    """What is to be changed: place, mode, owner, and what stands there before and after.

    Of an entry also its mode and owner before, and a link's text afterwards.
    """
    place, stood, stands = word_of(str(live.real)), _standing(live), _standing(wanted)
    if not live.entry:
        return "file", place, f"{live.mode:o}", str(live.uid), str(live.gid), stood, stands
    owner = ("-", "-") if wanted.uid < 0 else (str(wanted.uid), str(wanted.gid))
    access = (f"{wanted.mode:o}" if wanted.kind == "file" else "-", *owner)
    was = f"{live.mode:o}:{live.uid}:{live.gid}" if live.kind == "file" else "-"
    text = encoded(wanted.content) if wanted.kind == "link" else "-"
    return "entry", place, *access, stood, stands, was, text


def _standing(one: LiveFile) -> str:
    """What the script says of what stands somewhere."""
    if one.kind == "nothing":
        return "-"
    return f"{'l' if one.kind == 'link' else ''}{hashlib.sha256(one.content).hexdigest()}"


def files_of(
    answer: bytes, names: Mapping[str, tuple[str, ...]], entries: frozenset[str]
) -> list[LiveFile | RefusedError]:
    """The files and entries that were asked for, with all that replacing must keep; or why one cannot be changed.

    Errors:
        CollectError: the answer is not whole, or not about these.
    """
    reader = _Fields(answer)
    found: list[LiveFile | RefusedError] = []
    for name, links in names.items():
        one = _file(reader, name, links, entry=name in entries)
        for link in links:
            kind, value = reader.text(), reader.text()
            if isinstance(one, LiveFile) and (kind, value) != ("link", str(one.real)):
                strayed = f"{link} does not lead to it any more" if kind == "link" else value
                one = refused(name, strayed)
        found.append(one)
    reader.end()
    return found


def _file(reader: _Fields, name: str, links: tuple[str, ...], *, entry: bool) -> LiveFile | RefusedError:
    kind = reader.text()
    if kind == "nothing":
        return LiveFile(name, Path(reader.text()), b"", 0, -1, -1, None, (), "nothing", entry=True)
    if kind == "symlink":
        real, owner, text = reader.text(), reader.text().split(), reader.field()
        if len(owner) != 2 or not all(one.isdigit() for one in owner):
            raise not_understood()
        return LiveFile(name, Path(real), text, 0, int(owner[0]), int(owner[1]), None, (), "link", entry=True)
    if kind != "file":
        return refused(name, reader.text())
    real, status, digest, kept = reader.text(), reader.text().split(), reader.text(), reader.field()
    if len(status) != 5 or not all(one.isdigit() for one in status):
        raise not_understood()
    mode, uid, gid, names, size = int(status[0], 8), *map(int, status[1:])
    content = reader.bytes(size)
    if hashlib.sha256(content).hexdigest() != digest:
        raise CollectError(f"{name} changes while it is read", cause="undetermined")
    if names > 1:
        return refused(name, f"it has {names} hard links; replacing one leaves the others as they are")
    return LiveFile(name, Path(real), content, mode, uid, gid, (("label", kept),), links, entry=entry)


def ids_of(answer: bytes, owners: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
    """The numbers of users and groups.

    Errors:
        RefusedError: there is none of that name there.
    """
    reader = _Fields(answer)
    found: list[tuple[int, int]] = []
    for user, group in owners:
        numbers = reader.text(), reader.text()
        for what, name, number in zip(("user", "group"), (user, group), numbers, strict=True):
            if not number.isdigit():
                raise RefusedError(f"there is no {what} {name!r} there.", untouched="Nothing was changed.")
        found.append((int(numbers[0]), int(numbers[1])))
    reader.end()
    return found


def places_of(answer: bytes, count: int) -> list[str]:
    """Where each of ``count`` paths leads; empty: nowhere."""
    reader = _Fields(answer)
    found = [reader.text() for _ in range(count)]
    reader.end()
    return found


def contents_of(answer: bytes, count: int) -> list[bytes]:
    """The bytes of ``count`` files."""
    reader = _Fields(answer)
    found: list[bytes] = []
    for _ in range(count):
        size = reader.text()
        if not size.isdigit():
            raise not_understood()
        found.append(reader.bytes(int(size)))
    reader.end()
    return found


def refused(name: str, why: str) -> RefusedError:
    """Why a file cannot be changed."""
    return RefusedError(f"{why}.", where=name, untouched="Nothing was changed.")


def not_understood() -> CollectError:
    """An answer that is not as the script writes it."""
    return CollectError("the far side's answer is not understood", cause="malformed")


def text_of(raw: bytes) -> str:
    """Bytes as text; those that are not UTF-8 stay as surrogates."""
    return raw.decode("utf-8", "surrogateescape")


class _Fields:
    """Fields that each end with NUL, and bytes in between of which the length is known."""

    def __init__(self, answer: bytes) -> None:
        self._answer, self._at = answer, 0

    def field(self) -> bytes:
        end = self._answer.find(b"\0", self._at)
        if end < 0:
            raise not_understood()
        found = self._answer[self._at : end]
        self._at = end + 1
        return found

    def text(self) -> str:
        return text_of(self.field())

    def bytes(self, size: int) -> bytes:
        found = self._answer[self._at : self._at + size]
        if len(found) != size:
            raise not_understood()
        self._at += size
        return found

    def end(self) -> None:
        if self._answer[self._at :] != b"end\0":
            raise not_understood()
