"""Everything of one tree: its files as they are, the files outside that it includes, and what could not be read."""

from __future__ import annotations

import posixpath
import re
import time
from collections.abc import Iterable
from typing import Final

import msgspec

from auditor.errors import CollectError
from auditor.model.snapshot import Cause, Gap
from auditor.surfaces.httpd.directive import Resolved
from auditor.surfaces.httpd.fileset import NOT_READ, Name, Standing
from auditor.surfaces.httpd.locate import View
from auditor.surfaces.httpd.secrets import holds_private_key
from auditor.transport.interface import Entry, WithheldError
from auditor.transport.links import follow

MAX_FILE: Final = 4 * 1024 * 1024
MAX_TOTAL: Final = 256 * 1024 * 1024
MAX_ENTRIES: Final = 50_000
MAX_DEPTH: Final = 64

APART: Final = frozenset({"modules", "logs", "run", "state", "build", "bin", "htdocs", "cgi-bin", "icons", "man"})
"""What stands beside the configuration and holds none: recorded as links, not looked into."""
KEY_NAME: Final = re.compile(
    r"\.key(?:[._~-]|$)|(?:^|[._-])priv(?:ate)?[._-]?key|-key\.pem|\.(?:p12|pfx|jks|keystore|kdb|sth|ticket)$"
    r"|^key\d*\.db$|^id_(?:rsa|dsa|ecdsa|ed25519)$",
    re.IGNORECASE,
)
CONFIGURATION: Final = re.compile(
    r"\.(?:conf|load|inc|include|vhost|cfg|macro|rules|ini|properties|types)(?:[._~-]|$)|^(?:envvars|magic|README)",
    re.IGNORECASE,
)
"""Names that hold no keys, so they are read before it is known which files are keys."""


class Read(msgspec.Struct, frozen=True, gc=False):
    """One file as read: its entry, and its bytes (:data:`NOT_READ` for a private key)."""

    entry: Entry
    content: bytes


class Gathered:
    """One tree while it is collected. It is also the set of files that resolving asks, to find what is included.

    ``files`` are read files by absolute path, ``links`` the links of the tree, ``folders`` empty directories,
    ``apart`` the directories of the tree that are not walked; ``absent`` and ``present`` are paths outside of the tree
    or in these that were looked for, in vain or not; ``gaps`` what could not be read by path. ``asked`` are the files,
    and ``searched`` the folders, that resolving asked for, ``crossed`` the tree's links on the way; ``resolved`` is
    the plain reading, once all was read.
    """

    def __init__(self, view: View, root: str, *, deadline: float, skip_apart: bool) -> None:
        self.view = view
        self.root = root
        self.files: dict[str, Read] = {}
        self.links: dict[str, Entry] = {}
        self.folders: set[str] = set()
        self.apart: set[str] = set()
        self.absent: set[str] = set()
        self.present: dict[str, bool] = {}  # whether a directory
        self.gaps: dict[str, Gap] = {}
        self.asked: set[str] = set()
        self.searched: set[str] = set()
        self.crossed: set[str] = set()
        self._ways: set[str] = set()
        self.keys: set[str] = set()
        self.waiting: dict[str, Entry] = {}
        self.resolved: Resolved | None = None
        self._children: dict[str, dict[str, bool]] = {}
        self._placed: dict[str, str | None] = {}
        self._total = 0
        self._entries = 0
        self._deadline = deadline
        self._skip_apart = skip_apart

    # Walking

    def walk(self, path: str, depth: int = 0) -> None:
        """Notes every entry below a directory of the tree; files are read later."""
        try:
            entries = self.view.list(path)
        except CollectError as error:
            self.refuse(path, error)
            return
        children = self._children.setdefault(path, {})
        if not entries:
            self.folders.add(path)
        for entry in entries:
            self._entries += 1
            if self._entries > MAX_ENTRIES or depth > MAX_DEPTH or time.monotonic() > self._deadline:
                self._stop(path, depth)
                return
            name = posixpath.basename(entry.path)
            if not _is_text(name):
                shown = _shown(entry.path)
                self.gaps[shown] = Gap(self.name(shown), "not recognised", "its name is not UTF-8")
                continue
            children[name] = entry.type == "directory"
            self._note(entry, name, depth)

    def _note(self, entry: Entry, name: str, depth: int) -> None:
        if entry.type == "link":
            if _is_text(entry.link):
                self.links[entry.path] = entry
            else:
                self.gaps[entry.path] = Gap(self.name(entry.path), "not recognised", "the link's text is not UTF-8")
        elif entry.type == "file":
            self.waiting[entry.path] = entry
        elif entry.type == "directory":
            if depth == 0 and self._skip_apart and name in APART:
                self.apart.add(entry.path)
            else:
                self.walk(entry.path, depth + 1)
        else:
            self._gap(entry.path, "unsupported", "neither a file, a directory nor a link", kinds=("httpd.file",))

    def _stop(self, path: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            reason: tuple[Cause, str] = ("too large", f"directories nest deeper than {MAX_DEPTH}")
        elif self._entries > MAX_ENTRIES:
            reason = ("too large", f"the tree has more than {MAX_ENTRIES:,} entries; the rest is not read")
        else:
            reason = ("timed out", "the time for this target is over; the rest is not read")
        self._gap(path, *reason)

    # Reading

    def read_configuration(self) -> None:
        """Reads what bears a name of configuration."""
        paths = [path for path in self.waiting if CONFIGURATION.search(posixpath.basename(path))]
        self.fetch((), paths)
        for path in paths:
            self._take(path)

    def read_rest(self) -> None:
        """Reads all that is left, private keys excepted, and what the tree's links to files lead to outside."""
        leading = self._leading_outside()
        self.fetch([*(target for target, _ in leading), *(key for key in self.keys if self._is_far(key))], self.waiting)
        for path in list(self.waiting):
            self._take(path)
        files = [(target, entry) for target, entry in leading if self._kind(target) == "file"]
        self.fetch((), [target for target, entry in files if not self.is_key(entry.path)])
        for target, entry in files:
            self._outside(target, entry)

    def _leading_outside(self) -> list[tuple[str, Entry]]:
        """What the tree's links lead to outside of it, with the link."""
        found = []
        for path, entry in self.links.items():
            if self._skip_apart and posixpath.dirname(path) == self.root and posixpath.basename(path) in APART:
                continue
            target = self.placed(path)
            if target is not None and not self.inside(target):
                found.append((target, entry))
        return found

    def _is_far(self, path: str) -> bool:
        return not self.inside(path) and path not in self.files and _is_text(path)

    def fetch(self, looked: Iterable[str], paths: Iterable[str]) -> None:
        """Tells the place what is read next; keys are not, nor more than is read of one target."""
        read = []
        total = self._total
        for path in paths:
            entry = self.waiting.get(path)
            total += min(entry.size if entry is not None else 0, MAX_FILE)
            if total <= MAX_TOTAL and not self.is_key(path) and path not in self.files and path not in self.gaps:
                read.append(path)
        self.view.fetch(looked, read, MAX_FILE)

    def present_key(self, path: str) -> None:
        """Records that a key stands outside of the tree, without reading it."""
        if self.walked(path) or path in self.files or not _is_text(path):
            return
        try:
            real = self.view.resolve(path)
            entry = self.view.entry(real) if real is not None else None
        except CollectError:
            return
        if entry is not None and entry.type == "file":
            self.files[path] = Read(msgspec.structs.replace(entry, path=path), NOT_READ)

    def is_key(self, path: str) -> bool:
        """Whether a file is never read."""
        return path in self.keys or KEY_NAME.search(posixpath.basename(path)) is not None

    def _take(self, path: str) -> bytes | None:
        """Reads one file of the tree, once."""
        entry = self.waiting.pop(path, None)
        if entry is None:
            found = self.files.get(path)
            return None if found is None or found.content == NOT_READ else found.content
        return self._read(path, entry)

    def _read(self, path: str, entry: Entry) -> bytes | None:
        if self.is_key(path):
            self.files[path] = Read(entry, NOT_READ)
            return None
        if time.monotonic() > self._deadline:
            self._gap(path, "timed out", "the time for this target is over")
            return None
        if self._total > MAX_TOTAL:
            self._gap(path, "too large", f"more than {MAX_TOTAL:,} bytes were read of this target already")
            return None
        try:
            content = self.view.read(path, MAX_FILE)
        except WithheldError:
            self.files[path] = Read(entry, NOT_READ)
            return None
        except CollectError as error:
            self.refuse(path, error)
            return None
        self._total += len(content)
        if holds_private_key(content):
            self.files[path] = Read(entry, NOT_READ)
            return None
        self.files[path] = Read(entry, content)
        return content

    def _outside(self, path: str, link: Entry | None = None) -> bytes | None:
        """Reads one file outside of the tree, once."""
        if path in self.files:
            found = self.files[path].content
            return None if found == NOT_READ else found
        if path in self.gaps:
            return None
        try:
            real = self.view.resolve(path)
            entry = self.view.entry(real) if real is not None else None
        except CollectError as error:
            self.refuse(path, error)
            return None
        if entry is None or entry.type != "file" or not _is_text(path):
            return None
        if link is not None and self.is_key(link.path):
            self.keys.add(path)
        return self._read(path, msgspec.structs.replace(entry, path=path))

    # Names and gaps

    def inside(self, path: str) -> bool:
        """Whether a path lies in the tree."""
        return path == self.root or path.startswith(self.root.rstrip("/") + "/")

    def walked(self, path: str) -> bool:
        """Whether a path lies in what was walked, so that what is not known of is not there."""
        if not self.inside(path):
            return False
        top = path[len(self.root.rstrip("/")) + 1 :].partition("/")[0]
        return not top or posixpath.join(self.root, top) not in self.apart

    def name(self, path: str) -> str:
        """A path as documents are named."""
        return path[len(self.root.rstrip("/")) + 1 :] or "." if self.inside(path) else path

    def placed(self, path: str) -> str | None:
        """A path with the tree's own links followed; None for a loop."""
        if not self.links:
            return path
        directory, name = posixpath.split(path)
        if directory not in self._placed:
            self._placed[directory] = follow(directory, self._link_of, lambda _: True)
        base = self._placed[directory]
        direct = None if base is None else posixpath.join(base, name)
        return follow(path, self._link_of, lambda _: True) if direct in self.links else direct

    def _link_of(self, path: str) -> str | None:
        found = self.links.get(path)
        return found.link if found is not None else None

    def _cross(self, path: str) -> None:
        """Notes the tree's links on the way to a path: where one leads decides what is read."""
        directory, name = posixpath.split(path)
        if directory not in self._ways:
            self._ways.add(directory)
            follow(directory, self._crossing, lambda _: True)
        if posixpath.join(self._placed.get(directory) or directory, name) in self.links:
            follow(path, self._crossing, lambda _: True)

    def _crossing(self, path: str) -> str | None:
        link = self._link_of(path)
        if link is not None:
            self.crossed.add(path)
        return link

    def refuse(self, path: str, error: CollectError) -> None:
        """Notes an error of reading as a gap."""
        self._gap(path, msgspec.convert(error.cause, Cause), error.what, error.next_step or "")

    def _gap(self, path: str, cause: Cause, detail: str, next_step: str = "", kinds: tuple[str, ...] = ()) -> None:
        self.gaps.setdefault(path, Gap(self.name(path), cause, _shown(detail), next_step, kinds))

    # FileSet

    def standing(self, path: str) -> Standing:
        """What stands at a path."""
        place = self.placed(path)
        if place is None:
            return "absent"
        return self._kind(place)

    def _kind(self, place: str) -> Standing:
        if self.walked(place):
            if place in self._children:
                return "directory"
            if place in self.waiting or place in self.files:
                return "file"
            return "unknown" if place in self.gaps else "absent"
        if not self.view.reachable(place):
            return "unknown"
        try:
            real = self.view.resolve(place)
            entry = self.view.entry(real) if real is not None else None
        except CollectError as error:
            self.refuse(place, error)
            return "unknown"
        if entry is None:
            if not self.view.truly_absent(place):
                return "unknown"
            self.absent.add(place)
            return "absent"
        self.present[place] = entry.type == "directory"
        return "directory" if entry.type == "directory" else "file"

    def read(self, path: str) -> bytes | None:
        """A file's bytes, if it may be read."""
        place = self.placed(path)
        if place is None:
            return None
        self.asked.add(place)
        if self.links:
            self._cross(path)
        if self.walked(place):
            return self._take(place)
        return self._outside(place) if self.view.reachable(place) else None

    def list(self, path: str) -> tuple[Name, ...]:
        """The entries of a directory."""
        place = self.placed(path)
        if place is None:
            return ()
        self.searched.add(place)
        if self.links:
            self._cross(path)
        if self.walked(place):
            return tuple(Name(name, directory) for name, directory in self._children.get(place, {}).items())
        if self._kind(place) != "directory":
            return ()
        try:
            entries = self.view.list(place)
        except CollectError as error:
            self.refuse(place, error)
            return ()
        if not entries:
            self.folders.add(place)
        if len(entries) > MAX_ENTRIES or not all(_is_text(entry.path) for entry in entries):
            detail = f"it holds names that are not UTF-8, or more than {MAX_ENTRIES:,} entries; those were not read"
            self.gaps.setdefault(place, Gap(place, "not recognised", detail))
        return tuple(
            Name(posixpath.basename(entry.path), entry.type == "directory")
            for entry in entries[:MAX_ENTRIES]
            if _is_text(entry.path)
        )

    def gap(self, path: str) -> Gap | None:
        """Why a path could not be read."""
        place = self.placed(path)
        return self.gaps.get(place) if place is not None else None


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _shown(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
