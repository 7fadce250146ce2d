"""Git's objects as values: ids computed without git, trees built and read. Pure.

Source: git's documentation of its object format (``gitformat-pack``, "Git Internals: Git Objects").
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from auditor.store.names import Path, to_bytes

BLOB: Final = "100644"
EXECUTABLE: Final = "100755"
LINK: Final = "120000"
TREE: Final = "40000"


def blob_id(content: bytes) -> bytes:
    """The 20-byte id that git gives a blob of this content."""
    digest = hashlib.sha1(b"blob %d\0" % len(content), usedforsecurity=False)
    digest.update(content)
    return digest.digest()


@dataclass(slots=True)
class Entry:
    """One entry of a tree; ``tree`` is set for a folder that was built here."""

    mode: str
    id: bytes
    tree: Tree | None = None


@dataclass(slots=True)
class Tree:
    """A folder by name, names as encoded text; its id once :meth:`seal` was called."""

    entries: dict[str, Entry] = field(default_factory=dict)
    id: bytes = b""

    def put(self, path: Path, mode: str, blob: bytes) -> None:
        """Adds a file; folders come into being. The place must be free and no folder (see :func:`names.place`)."""
        node = self
        for part in path[:-1]:
            entry = node.entries.get(part)
            below = None if entry is None else entry.tree
            if below is None:
                below = Tree()
                node.entries[part] = Entry(TREE, b"", below)
            node = below
        node.entries[path[-1]] = Entry(mode, blob)

    def seal(self) -> bytes:
        """Computes the ids of this folder and of all below, and gives its own."""
        for entry in self.entries.values():
            if entry.tree is not None:
                entry.id = entry.tree.seal()
        encoded = [(to_bytes(name), entry) for name, entry in self.entries.items()]
        encoded.sort(key=lambda pair: pair[0] + b"/" if pair[1].mode == TREE else pair[0])
        body = b"".join(b"%s %s\0%s" % (entry.mode.encode(), name, entry.id) for name, entry in encoded)
        self.id = hashlib.sha1(b"tree %d\0" % len(body) + body, usedforsecurity=False).digest()
        return self.id


def parse_tree(body: bytes) -> dict[str, Entry]:
    """The entries of a tree object.

    Errors:
        ValueError: the bytes are not a tree's.
    """
    entries: dict[str, Entry] = {}
    start = 0
    while start < len(body):
        space = body.index(b" ", start)
        null = body.index(b"\0", space)
        if null + 21 > len(body):
            raise ValueError("a tree object ends in the middle of an entry")
        name = body[space + 1 : null].decode("utf-8", "surrogateescape")
        entries[name] = Entry(body[start:space].decode("ascii"), body[null + 1 : null + 21])
        start = null + 21
    return entries


Children: TypeAlias = Callable[[Entry], Mapping[str, Entry]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A file that differs: ``before`` and ``after`` are (mode, id), None where it is not there."""

    path: Path
    before: tuple[str, bytes] | None
    after: tuple[str, bytes] | None


def differences(
    before: Mapping[str, Entry], after: Mapping[str, Entry], children: Children, prefix: Path = ()
) -> Iterator[Difference]:
    """The files that differ between two folders, equal folders skipped by id.

    ``children`` gives the entries of a folder's entry, whether it was built here or is read from the store.
    """
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is not None and new is not None and old.id == new.id and old.mode == new.mode:
            continue
        path = (*prefix, name)
        old_tree = children(old) if old is not None and old.mode == TREE else {}
        new_tree = children(new) if new is not None and new.mode == TREE else {}
        old_file = (old.mode, old.id) if old is not None and old.mode != TREE else None
        new_file = (new.mode, new.id) if new is not None and new.mode != TREE else None
        if old_file != new_file:
            yield Difference(path, old_file, new_file)
        if old_tree or new_tree:
            yield from differences(old_tree, new_tree, children, path)
