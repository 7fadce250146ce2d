"""Where an httpd tree is, which file it starts with, and what it is called on its own machine."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from typing import Final, Literal, Protocol

import msgspec

from auditor.errors import CollectError, InputError
from auditor.surfaces.httpd.lines import read_lines, split_line
from auditor.surfaces.httpd.variables import Variables
from auditor.surfaces.httpd.words import as_path, split_words
from auditor.transport.interface import Entry, Reader
from auditor.transport.links import follow

Layout = Literal["rhel", "debian", "other"]
MAIN_FILES: Final = ("conf/httpd.conf", "apache2.conf", "httpd.conf", "conf/apache2.conf")
MAX_MAIN_FILE: Final = 8 * 1024 * 1024
_DEFAULT_ROOTS: Final = {"rhel": "/etc/httpd", "debian": "/etc/apache2"}
# Samples and documentation inside an archive are no trees.
_NO_TREES: Final = ("/usr/share/", "/sos_commands/", "/original/", "/doc/", "/docs/", "/.git/")


class Listing(Reader, Protocol):
    """A reader that knows every path it holds."""

    @property
    def path(self) -> str:
        """The file that holds them."""
        ...

    def files(self) -> tuple[str, ...]:
        """Every path, sorted."""
        ...


class Located(msgspec.Struct, frozen=True):
    """A tree: where it is in the reader, its main file relative to that, and its layout."""

    place: str
    main_file: str
    layout: Layout


class Rooted(msgspec.Struct, frozen=True):
    """What the tree is called on its machine.

    ``outside`` is put in front of absolute paths that lie outside of the tree (empty for this machine's own tree);
    None where they cannot be reached.
    """

    root: str
    outside: str | None


def locate_tree(reader: Reader, path: str, main_file: str = "") -> Located:
    """The tree at a path, which may be its root, its ``conf`` directory or its main file.

    Errors:
        InputError: nothing is there, or nothing of httpd's.
        CollectError: it may not be read.
    """
    path = posixpath.normpath(path)
    real = reader.resolve(path)
    entry = reader.entry(real) if real is not None else None
    if entry is None:
        raise InputError(f"{path} does not exist", next_step="Name the root of an httpd tree, such as /etc/httpd.")
    if entry.type == "file":
        place, name = posixpath.split(path)
        return _in_conf(reader, place, name)
    if entry.type != "directory":
        raise InputError(f"{path} is neither a directory nor a file")
    found = reader.list(path)
    if not found:
        raise InputError(
            f"{path} is empty: no httpd configuration is there", next_step=f"Looked for {', '.join(MAIN_FILES)}."
        )
    if main_file:
        if _is_file(reader, posixpath.join(path, main_file)):
            return Located(path, posixpath.normpath(main_file), _layout(reader, path, main_file))
        raise InputError(f"{path} holds no {main_file}", next_step="Correct main_file of this target.")
    for name in MAIN_FILES:
        if _is_file(reader, posixpath.join(path, name)):
            return _in_conf(reader, path, name)
    below = _below(reader, path)
    raise InputError(
        f"{path} is not a tree of httpd",
        next_step=f"There is one in it:  {', '.join(below)}"
        if below
        else f"Looked for {', '.join(MAIN_FILES)}; name the root of a tree.",
    )


def _below(reader: Reader, path: str) -> list[str]:
    """Trees in the usual places of what was unpacked, for whoever named the folder around one."""
    places = [posixpath.join(path, place) for place in ("etc/httpd", "etc/apache2", "httpd", "apache2")]
    return [place for place in places if any(_is_file(reader, posixpath.join(place, name)) for name in MAIN_FILES)]


def _in_conf(reader: Reader, place: str, name: str) -> Located:
    """The tree, one level up where the main file was found right inside its ``conf`` directory."""
    parent, folder = posixpath.split(place)
    if folder == "conf" and "/" not in name and parent != "/":
        place, name = parent, f"conf/{name}"
    return Located(place, name, _layout(reader, place, name))


def _is_file(reader: Reader, path: str) -> bool:
    real = reader.resolve(path)
    entry = reader.entry(real) if real is not None else None
    return entry is not None and entry.type == "file"


def _layout(reader: Reader, place: str, main_file: str) -> Layout:
    names = {posixpath.basename(entry.path) for entry in reader.list(place)}
    if main_file == "apache2.conf" and names & {"mods-enabled", "mods-available", "sites-enabled", "envvars"}:
        return "debian"
    if main_file == "conf/httpd.conf" and names & {"conf.d", "conf.modules.d"} and "htdocs" not in names:
        return "rhel"
    return "other"


def locate_in_archive(reader: Listing, root: str = "", main_file: str = "") -> Located:
    """The one tree inside an archive.

    Errors:
        InputError: there is none, or several and ``root`` does not choose.
    """
    if root:
        wanted = posixpath.normpath(posixpath.join("/", root))
        below = sorted(
            path for path in reader.files() if path == wanted or (path.endswith(wanted) and path.count("/") <= 12)
        )
        if not below:
            raise InputError(f"{reader.path} holds no {root}", next_step="Look at it with: tar tf FILE")
        return locate_tree(reader, min(below, key=lambda path: (path.count("/"), path)), main_file)
    places = []
    for path in reader.files():
        if any(part in path for part in _NO_TREES) or not path.endswith((".conf", main_file or ".conf")):
            continue
        place = _tree_of(path, main_file)
        if place is not None and place not in places and _is_file(reader, path):
            places.append(place)
    places = [place for place in places if not any(place.startswith(f"{other}/") for other in places)]
    if not places:
        raise InputError(
            f"{reader.path} holds no tree of httpd", next_step=f"Looked for {', '.join(MAIN_FILES)} at any depth."
        )
    if len(places) > 1:
        raise InputError(
            f"{reader.path} holds several trees of httpd: {', '.join(places)}",
            next_step="Choose one: give each a target of its own in the inventory, with root: set to one of these.",
        )
    return locate_tree(reader, places[0], main_file)


def _tree_of(path: str, main_file: str) -> str | None:
    """The tree that a file of this path would be the main file of."""
    if main_file:
        return path[: -len(main_file) - 1] or "/" if path.endswith(f"/{main_file}") else None
    for name in MAIN_FILES:
        if path.endswith(f"/{name}"):
            place = path[: -len(name) - 1]
            folder = posixpath.basename(place)
            return (posixpath.dirname(place) if folder == "conf" else place) or "/"
    return None


def server_root_of(main: bytes) -> str:
    """What ``ServerRoot`` in a main file says, normalised; empty where it does not say or not plainly."""
    variables = Variables((), {})
    found = ""
    for line in read_lines(main):
        if line.name[:1].lower() not in ("d", "s", "$"):
            continue
        name, arguments = split_line(variables.expand(line.text).text)
        words = split_words(arguments)
        if name.lower() == "define" and words:
            variables.define(words[0], (words[1] or None) if len(words) > 1 else None)
        elif name.lower() == "serverroot" and words and words[0].startswith("/") and "${" not in words[0]:
            found = "/" + posixpath.normpath(as_path(words[0])).lstrip("/")
    return found


def root_on_disk(
    located: Located,
    main: bytes,
    *,
    served: bool,
    same: Callable[[str, str], bool],
    is_directory: Callable[[str], bool],
) -> Rooted:
    """What a tree of this disk is called, and whether this machine is its own.

    A copy of ``/etc/httpd`` says ``ServerRoot "/etc/httpd"`` and means itself: its absolute paths then belong to the
    copy, and what lies outside of it is not to be had from this machine. ``served`` says that a server of this
    machine runs the tree where it is.
    """
    place, stated = located.place, server_root_of(main)
    if stated and same(stated, place):
        return Rooted(stated, "")
    if served or place.encode("utf-8", "surrogateescape") in main:
        return Rooted(place, "")
    if stated and (located.layout != "other" or not is_directory(stated)):
        return Rooted(stated, None)
    default = _DEFAULT_ROOTS.get(located.layout, place)
    if stated or place == default or place.startswith(f"{default}-") or located.layout == "other":
        return Rooted(place, "")
    return Rooted(default, None)


def root_in_archive(located: Located, main: bytes) -> Rooted:
    """What a tree inside an archive is called on the machine that the archive was made of."""
    place, stated = located.place, server_root_of(main)
    for root in (stated, _DEFAULT_ROOTS.get(located.layout, "")):
        if root and place.endswith(root):
            return Rooted(root, place[: -len(root)])
    head, etc, tail = place.partition("/etc/")
    if etc and (not stated or located.layout == "other"):
        return Rooted(f"/etc/{tail}", head)
    if stated:
        return Rooted(stated, None)
    return Rooted(_DEFAULT_ROOTS.get(located.layout, place), None)


def read_main_file(reader: Reader, located: Located) -> bytes:
    """The main file's bytes; empty where it may not be read, which collecting then reports."""
    try:
        return reader.read(posixpath.join(located.place, located.main_file), MAX_MAIN_FILE)
    except CollectError:
        return b""


class View:
    """A reader that shows a tree and what lies around it by the names of their own machine.

    Links are followed by those names, so that an absolute link in a copy leads into the copy and never to this
    machine. A path that cannot be reached is absent; :meth:`reachable` tells it from one that is not there.
    ``holds_all_of`` says of a directory in the reader whether all that stood in it is there; a disk has everything.
    """

    def __init__(
        self,
        reader: Reader,
        located: Located,
        rooted: Rooted,
        holds_all_of: Callable[[str], bool] | None = None,
    ) -> None:
        self._reader = reader
        self._holds_all_of = holds_all_of
        self._place, self._root, self._outside = located.place, rooted.root, rooted.outside
        self._whole = rooted.outside == "" and located.place == rooted.root
        self._links: dict[str, str | None] = {}

    def reachable(self, path: str) -> bool:
        """Whether the path belongs to what can be read here."""
        return self._physical(path) is not None

    def truly_absent(self, path: str) -> bool:
        """Whether what was not found is not on the machine either, for a path outside of the tree."""
        if self._holds_all_of is None:
            return self.reachable(path)
        place = follow(path, self._link_of, lambda _: True)
        if place is None:
            return True  # a loop of links
        if self._outside != "":
            return False  # a report of a machine holds a choice of its files
        while place != "/" and self._reader.entry(place) is None:
            place = posixpath.dirname(place)
        return self._holds_all_of(place)

    def entry(self, path: str) -> Entry | None:
        """The entry itself, its parents' links followed."""
        if self._whole:
            return self._reader.entry(path)
        parent, name = posixpath.split(path)
        real = self.resolve(parent) if parent != "/" else "/"
        physical = None if real is None else self._physical(posixpath.join(real, name))
        found = None if physical is None else self._reader.entry(physical)
        return None if found is None else msgspec.structs.replace(found, path=path)

    def resolve(self, path: str) -> str | None:
        """The path with every link followed."""
        if self._whole:
            return self._reader.resolve(path)
        return follow(path, self._link_of, self._stands)

    def list(self, path: str) -> tuple[Entry, ...]:
        """The entries of a directory."""
        if self._whole:
            return self._reader.list(path)
        real = self.resolve(path)
        physical = None if real is None else self._physical(real)
        if physical is None:
            raise CollectError(f"{path} does not exist", cause="absent")
        return tuple(
            msgspec.structs.replace(entry, path=posixpath.join(path, posixpath.basename(entry.path)))
            for entry in self._reader.list(physical)
        )

    def read(self, path: str, limit: int) -> bytes:
        """The bytes of a regular file."""
        if self._whole:
            return self._reader.read(path, limit)
        real = self.resolve(path)
        physical = None if real is None else self._physical(real)
        if physical is None:
            raise CollectError(f"{path} does not exist", cause="absent")
        return self._reader.read(physical, limit)

    def fetch(self, looked: Iterable[str], read: Iterable[str], limit: int) -> None:
        """Tells the reader what is asked for next."""
        self._reader.fetch(filter(None, map(self._physical, looked)), filter(None, map(self._physical, read)), limit)

    def _physical(self, path: str) -> str | None:
        if path == self._root or path.startswith(self._root.rstrip("/") + "/"):
            return posixpath.normpath(self._place + "/" + path[len(self._root) :])
        if self._outside is None:
            return None
        return (self._outside + path) or "/"

    def _link_of(self, path: str) -> str | None:
        if path not in self._links:
            physical = self._physical(path)
            entry = None if physical is None else self._reader.entry(physical)
            self._links[path] = entry.link if entry is not None and entry.type == "link" else None
            if path == self._root:
                self._links[path] = None  # the tree's own place may be a link; its contents are what counts
        return self._links[path]

    def _stands(self, path: str) -> bool:
        physical = self._physical(path)
        return physical is not None and self._reader.resolve(physical) is not None
