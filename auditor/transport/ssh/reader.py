"""Files of another machine, read as those of a disk are. What was fetched is kept, so that few round trips are made."""

from __future__ import annotations

import asyncio
import posixpath
import time
from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

import msgspec

from auditor.errors import CollectError
from auditor.transport.interface import Entry, WithheldError
from auditor.transport.links import follow
from auditor.transport.ssh.connection import SshConnection
from auditor.transport.ssh.replies import Contents, Listing, Record, bytes_of, contents_of, listing_of
from auditor.transport.ssh.script import encoded, names

MAX_NAMES: Final = 8 * 1024 * 1024
"""Bytes of names that one walk or one directory may have over there."""
MAX_LISTING: Final = 64 * 1024 * 1024
"""Bytes that a listing may have in all."""
MAX_TOTAL: Final = 320 * 1024 * 1024
"""Bytes of files that are fetched from one machine."""
MAX_AT_ONCE: Final = 32 * 1024 * 1024
"""Bytes of files that are fetched by one request."""
_FILES_AT_ONCE: Final = 200
_PER_FILE: Final = 512
_ABSENT: Final = frozenset({"No such file or directory", "Not a directory"})
_LOOP: Final = "Too many levels of symbolic links"
_DENIED: Final = frozenset({"Permission denied", "Operation not permitted"})

_T = TypeVar("_T")


class SshReader:
    """A :class:`auditor.transport.interface.Reader` over one connection.

    Its methods block, so they are called in a thread of their own, never on the loop that the connection lives on.

    Args:
        connection: An open connection.
        loop: The loop that it was opened on.
        withheld: What a line of a file must not hold for the file to be given, as ``grep`` understands it: whether it
            does is found out over there.
        deadline: When the time for this machine is over, as :func:`time.monotonic` tells it.
    """

    def __init__(
        self, connection: SshConnection, loop: asyncio.AbstractEventLoop, *, withheld: str, deadline: float
    ) -> None:
        self.connection = connection
        self._loop = loop
        self._withheld = withheld
        self._deadline = deadline
        self._entries: dict[str, Entry | CollectError | None] = {}
        self._leads: dict[str, str | CollectError | None] = {}
        self._listed: dict[str, tuple[str, ...] | CollectError] = {}
        self._contents: dict[str, bytes | CollectError] = {}
        self._tree = ""
        self._total = 0

    # Reader

    def entry(self, path: str) -> Entry | None:
        """The entry itself, or None where nothing stands there."""
        if path not in self._entries and not self._known_absent(path):
            self._look((path,), listed=False)
        return _given(self._entries.get(path))

    def resolve(self, path: str) -> str | None:
        """The path with every link followed, or None where it dangles or loops."""
        if path not in self._leads:
            within = self._resolve_within(path)
            if isinstance(within, _Unknown):
                self._look((path,), listed=False)
            else:
                self._leads[path] = within
        return _given(self._leads.get(path))

    def list(self, path: str) -> tuple[Entry, ...]:
        """The entries of a directory, sorted by byte value of their names."""
        real = self.resolve(path)
        if real is None:
            raise CollectError(f"{_shown(path)} does not exist", cause="absent")
        if real not in self._listed:
            self._look((real,))
        found = _given(self._listed.get(real))
        if found is None:
            raise CollectError(f"{_shown(path)} does not exist", cause="absent")
        entries = (self._entries.get(one) for one in found)
        return tuple(
            msgspec.structs.replace(entry, path=posixpath.join(path, posixpath.basename(entry.path)))
            for entry in entries
            if isinstance(entry, Entry)
        )

    def read(self, path: str, limit: int) -> bytes:
        """The bytes of a regular file, links followed.

        Errors:
            WithheldError: it holds a private key, which was not sent.
            CollectError: it cannot be read.
        """
        if path not in self._contents:
            if self._total > MAX_TOTAL:
                raise CollectError(f"more than {MAX_TOTAL:,} bytes were read of this target already", cause="too large")
            self._ask_for((), (path,), limit)
        content = _given(self._contents[path])
        if content is None or len(content) > limit:
            raise CollectError(f"{_shown(path)} is larger than {limit:,} bytes", cause="too large")
        return content

    def fetch(self, looked: Iterable[str], read: Iterable[str], limit: int) -> None:
        """Asks for all of it that is not known yet, as a rule in one round trip."""
        wanted = [path for path in dict.fromkeys(looked) if not self._looked(path)]
        files = [path for path in dict.fromkeys(read) if path not in self._contents]
        while wanted or (files and self._total <= MAX_TOTAL):
            number = size = 0
            for path in files:
                size += min(self._size(path, limit), limit) + _PER_FILE
                if number and size > MAX_AT_ONCE:
                    break
                number += 1
            self._ask_for(wanted, files[:number], limit)
            files = files[number:]
            wanted = []

    # Asking

    def known_files(self, below: str) -> tuple[str, ...]:
        """The regular files below a directory that are known of already, sorted."""
        prefix = f"{below.rstrip('/')}/"
        return tuple(
            sorted(
                path
                for path, entry in self._entries.items()
                if isinstance(entry, Entry) and entry.type == "file" and path.startswith(prefix)
            )
        )

    def walk(self, path: str, apart: frozenset[str], depth: int, also: Iterable[str] = ()) -> None:
        """Asks for all that is below a directory, and looks at other paths too, in one round trip.

        ``apart`` names directories right below it that are not looked into; ``depth`` bounds how deep it goes. What is
        not known after it is asked for when it is needed.
        """
        words = encoded(f"/{'/'.join(sorted(apart))}/".encode())
        request = (f"walk {depth} {MAX_NAMES}", words, encoded(bytes_of(path)))
        looked, walked = self._ask((self._look_request((path, *also)), request), MAX_LISTING)
        self._learn(listing_of(looked), (path, *also))
        real = self._leads.get(path)
        entry = self._entries.get(real) if isinstance(real, str) else None
        if isinstance(real, str) and isinstance(entry, Entry) and entry.type == "directory":
            self._learn_tree(path, real, listing_of(walked), apart, depth)

    def _ask_for(self, looked: Sequence[str], files: Sequence[str], limit: int) -> None:
        odd = [path for path in files if "\n" in path]  # sums are told by line, so each is asked for by itself
        plain = [path for path in files if "\n" not in path]
        requests = [self._look_request(looked)] if looked else []
        bound = MAX_LISTING if looked else 0
        for paths in (plain, odd):
            if paths:
                request, most = self._read_request(paths, limit, single=paths is odd)
                requests.append(request)
                bound = max(bound, most)
        replies = [*self._ask(requests, bound)] if requests else []
        if looked:
            self._learn(listing_of(replies.pop(0)), looked)
        found = Contents()
        for paths in (plain, odd):
            if paths:
                found.add(contents_of(replies.pop(0), single=paths is odd))
        changed = [path for path in files if not found.answers(path)]
        if changed:
            request, most = self._read_request(changed, limit, single=True)
            found.add(contents_of(self._ask((request,), most)[0], single=True))
        for path in files:
            self._contents[path] = self._content(path, found, limit)
        self._total += sum(map(len, found.read.values()))

    def _look(self, paths: Sequence[str], *, listed: bool = True) -> None:
        (records,) = self._ask((self._look_request(paths, listed=listed),), MAX_LISTING)
        self._learn(listing_of(records), paths)

    def _look_request(self, paths: Iterable[str], *, listed: bool = True) -> tuple[str, ...]:
        return f"look {int(listed)} {MAX_NAMES}", names(map(bytes_of, paths))

    def _read_request(self, paths: Sequence[str], limit: int, *, single: bool) -> tuple[tuple[str, ...], int]:
        """The request for files, and how many bytes its reply may have."""
        bound = sum(min(self._size(path, limit), limit) + _PER_FILE + 2 * len(bytes_of(path)) for path in paths)
        seconds = max(1, int(self._deadline - time.monotonic()) + 1)
        head = f"read {limit} {bound} {1 if single else _FILES_AT_ONCE} {seconds}"
        return (head, encoded(self._withheld.encode()), names(map(bytes_of, paths))), bound

    def _ask(self, requests: Sequence[Sequence[str]], limit: int) -> Sequence[Sequence[Record]]:
        if self.connection.lost is not None:
            raise self.connection.lost  # the loop may be gone by now
        asked = self.connection.ask(requests, limit, self._deadline - time.monotonic())
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result()

    # What is known

    def _looked(self, path: str) -> bool:
        """Whether all that a look tells is known of a path."""
        if path not in self._leads or path not in self._entries:
            return False
        lead = self._leads[path]
        entry = self._entries.get(lead) if isinstance(lead, str) else None
        return not isinstance(entry, Entry) or entry.type != "directory" or lead in self._listed

    def _learn(self, found: Listing, asked: Iterable[str]) -> None:
        self._note(found)
        for path in asked:
            if path in found.leads:
                self._leads[path] = found.leads[path]
            elif path in found.nowhere:
                reason = found.nowhere[path]
                self._leads[path] = None if reason in _ABSENT | {_LOOP} else self._refusal(path, reason)
            else:
                raise CollectError(f"{self.connection.address}: no reply about {_shown(path)}", cause="malformed")
            if path not in self._entries:
                self._entries[path] = None
        for directory, paths in found.listed.items():
            self._listed[directory] = self._listing(found, directory, paths, directory in found.unsure)

    def _note(self, found: Listing) -> None:
        self._entries.update(found.entries)
        for path, reason in found.refused.items():
            self._entries.setdefault(path, None if reason in _ABSENT else self._refusal(path, reason))

    def _listing(
        self, found: Listing, directory: str, paths: Iterable[str], unsure: bool
    ) -> tuple[str, ...] | CollectError:
        if directory in found.locked:
            return self._refusal(directory, "Permission denied")
        if unsure:
            return self._incomplete(directory)
        for path in paths:
            if isinstance(self._entries.get(path), CollectError):
                return self._refusal(path, found.refused.get(path, ""))
        return tuple(sorted(paths, key=lambda path: bytes_of(posixpath.basename(path))))

    def _incomplete(self, directory: str) -> CollectError:
        return CollectError(
            f"{_shown(directory)}: not all of its entries were named there: too many, or it changed meanwhile",
            cause="undetermined",
        )

    def _learn_tree(self, path: str, real: str, found: Listing, apart: frozenset[str], depth: int) -> None:
        """Notes a walk. Nothing of it is kept without its end: each directory is then asked for when needed."""
        if not found.complete:
            return
        self._tree = path
        inside = len(path.rstrip("/")) + 1
        if found.status:  # something was not searched: each directory then says for itself whether it was
            folders = [one for one, entry in found.entries.items() if entry.type == "directory"]
            kept = [one for one in folders if one[inside:].partition("/")[0] not in apart]
            self._look([real, *(posixpath.join(real, one[inside:]) for one in kept)])
            return
        children: dict[str, list[str]] = {real: []}
        moved = {}
        for one, entry in found.entries.items():
            if not one.startswith(f"{path.rstrip('/')}/"):
                raise CollectError(f"{self.connection.address}: the reply is not about this tree", cause="malformed")
            place = posixpath.join(real, one[inside:])
            moved[place] = msgspec.structs.replace(entry, path=place)
            children.setdefault(posixpath.dirname(place), []).append(place)
            top = one[inside:].partition("/")
            if entry.type == "directory" and one.count("/", inside) + 1 < depth and top[0] not in apart:
                children.setdefault(place, [])
        refused = {posixpath.join(real, one[inside:]): reason for one, reason in found.refused.items()}
        for place, reason in refused.items():
            if reason not in _ABSENT:
                children.setdefault(posixpath.dirname(place), []).append(place)
        locked = {posixpath.join(real, one[inside:]) for one in found.locked} | (found.locked & {real})
        known = Listing(entries=moved, refused=refused, locked=locked)
        self._note(known)
        if path != real:
            for place, entry in moved.items():
                self._entries.setdefault(posixpath.join(path, place[len(real.rstrip("/")) + 1 :]), entry)
        for directory, paths in children.items():
            if directory == real and real in self._listed:
                continue
            self._listed[directory] = self._listing(known, directory, paths, unsure=False)

    def _known_absent(self, path: str) -> bool:
        listed = self._listed.get(posixpath.dirname(path))
        if isinstance(listed, tuple) and path not in listed:
            self._entries[path] = None
            return True
        return False

    def _resolve_within(self, path: str) -> str | _Unknown | None:
        """Where a path below the walked tree leads, if that needs nothing from outside of it."""
        root = self._tree
        below = f"{root.rstrip('/')}/"
        real = self._leads.get(root)
        if not root or not isinstance(real, str) or not path.startswith(below):
            return _Unknown()

        def entry_at(place: str) -> Entry | None:
            physical = posixpath.join(real, place[len(below) :])
            if physical not in self._entries and not self._known_absent(physical):
                raise _Unknown
            found = self._entries[physical]
            if isinstance(found, CollectError):
                raise _Unknown
            return found

        def link_of(place: str) -> str | None:
            if place.startswith(below):
                entry = entry_at(place)
                return entry.link if entry is not None and entry.type == "link" else None
            if below.startswith(f"{place}/"):
                return None
            raise _Unknown

        try:
            found = follow(path, link_of, lambda place: place == root or entry_at(place) is not None)
        except _Unknown as unknown:
            return unknown
        if found is None or not (found == root or found.startswith(below)):
            return _Unknown() if found is not None else None
        return real if found == root else posixpath.join(real, found[len(below) :])

    def _content(self, path: str, found: Contents, limit: int) -> bytes | CollectError:
        if path in found.withheld:
            return WithheldError(f"{_shown(path)} holds a private key", cause="not permitted")
        if path in found.refused:
            return self._refusal(path, found.refused[path], limit)
        if path in found.read:
            return found.read[path]
        return CollectError(
            f"{_shown(path)} changed while it was read, twice",
            cause="undetermined",
            next_step="Run it again when nobody writes to it.",
        )

    def _refusal(self, path: str, reason: str, limit: int = 0) -> CollectError:
        """The error of a path, in the words of reading a disk."""
        if reason in _DENIED:
            return CollectError(
                f"{_shown(path)} may not be read by this user", cause="not permitted", next_step=self._rights()
            )
        if reason in _ABSENT:
            return CollectError(f"{_shown(path)} does not exist", cause="absent")
        if reason == "no regular file":
            return CollectError(f"{_shown(path)} is no regular file", cause="unsupported")
        if reason == "too large":
            return CollectError(f"{_shown(path)} is larger than {limit:,} bytes", cause="too large")
        return CollectError(f"{_shown(path)} cannot be read: {reason[:200] or 'not known why'}", cause="malformed")

    def _rights(self) -> str:
        address = self.connection.address
        if address.sudo:
            return "Root itself may not read it: look at SELinux, and at what the file system is."
        return f"Let {address.account} read it there (by group, or setfacl -m u:NAME:rX), or set  sudo: true  for it."

    def _size(self, path: str, limit: int) -> int:
        """How many bytes a file may have, as far as it is known without asking."""
        lead = self._leads.get(path, path)
        entry = self._entries.get(lead) if isinstance(lead, str) else None
        return entry.size if isinstance(entry, Entry) and entry.type == "file" else limit


class _Unknown(Exception):  # noqa: N818 - control flow, no error
    """It has to be asked for."""


def _given(found: _T | CollectError) -> _T:
    if isinstance(found, CollectError):
        raise found
    return found


def _shown(path: str) -> str:
    return bytes_of(path).decode("utf-8", "backslashreplace")
