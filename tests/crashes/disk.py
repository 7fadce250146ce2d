"""A folder of a disk as the calls of a process leave it, and as a power cut may leave it instead.

A file's bytes, mode and owner are on disk for certain once it was synced; the name of anything, once its directory was.
Whatever else was done may be there or not, each act by itself: names before bytes, renames in another order, half of a
write. Only a rename is one act, on the directories of both its names; and whose a link is comes with its name, since no
call syncs a link.
"""

from __future__ import annotations

import os
import random
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

ROOT: Final = 0
Key = tuple[int, str]


@dataclass
class Inode:
    """A file, directory or link; what it was made with is part of it from the first."""

    kind: Literal["file", "folder", "link"]
    mode: int
    uid: int
    gid: int
    content: bytes = b""
    names: dict[str, int] = field(default_factory=dict)

    def copy(self) -> Inode:
        return Inode(self.kind, self.mode, self.uid, self.gid, self.content, dict(self.names))


@dataclass(frozen=True)
class Act:
    """One call's effect: on an inode's bytes or access, or on names (``names``: what each leads to, None for gone)."""

    what: Literal["data", "size", "access", "names"]
    inode: int = ROOT
    offset: int = 0
    data: bytes = b""
    access: tuple[int | None, int | None, int | None] = (None, None, None)
    names: tuple[tuple[Key, int | None], ...] = ()

    @property
    def touches(self) -> set[int]:
        """The inodes of which one must be synced for it to be on disk."""
        return {folder for (folder, _), _ in self.names} if self.what == "names" else {self.inode}


class Disk:
    """What a folder holds, every act on it in order, and up to which act it was synced."""

    def __init__(self, folder: Path, without: frozenset[str] = frozenset()) -> None:
        self.folder, self.without = folder, without
        self.first: dict[int, Inode] = {}
        self.acts: list[Act] = []
        self.time = 0.0
        self.times: list[float] = []
        self.syncs: list[tuple[int, frozenset[int] | None]] = []
        """(how many acts there were, the inodes that were synced, None for all)."""
        self.made: dict[int, Inode] = {}
        self._read(folder, ROOT)
        self.now = {number: inode.copy() for number, inode in self.first.items()}

    def _read(self, path: Path, number: int) -> int:
        status = path.lstat()
        kind: Literal["file", "folder", "link"] = "file"
        content = b""
        if stat.S_ISLNK(status.st_mode):
            kind, content = "link", os.fsencode(os.readlink(path))
        elif stat.S_ISDIR(status.st_mode):
            kind = "folder"
        else:
            content = path.read_bytes()
        self.first[number] = Inode(kind, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, content)
        if kind == "folder":
            for one in sorted(path.iterdir()):
                if number != ROOT or one.name not in self.without:
                    self.first[number].names[one.name] = self._read(one, len(self.first))
        return number

    # -- what the process does ----------------------------------------------------------------------------------------

    def make(self, inode: Inode) -> int:
        """A new inode, to which no name leads yet."""
        number = len(self.first) + len(self.made)
        self.made[number] = inode.copy()
        self.now[number] = inode.copy()
        return number

    def act(self, act: Act) -> None:
        """Notes an act, and does it."""
        self.acts.append(act)
        self.times.append(self.time)
        _do(self.now, act)

    def sync(self, inode: int | None) -> None:
        """Notes that an inode, or all, was synced."""
        if inode is None:
            self.syncs.append((len(self.acts), None))
            return
        links = {one for one in self.now[inode].names.values() if self.now[one].kind == "link"}
        self.syncs.append((len(self.acts), frozenset({inode, *links})))

    # -- what may be found --------------------------------------------------------------------------------------------

    def certain(self, at: int) -> list[bool]:
        """Of the first acts, whether each was synced before the next one."""
        found = [False] * at
        for count, inodes in self.syncs:
            if count > at:
                break
            for number in range(count):
                found[number] |= inodes is None or bool(inodes & self.acts[number].touches)
        return found

    def states(self, at: int, seed: int, many: int) -> Iterator[tuple[str, State]]:
        """States in which the disk may be after a cut behind that many acts, each with a word for it."""
        certain = self.certain(at)
        chance = random.Random(seed * 7919 + at)
        ways: list[tuple[str, Callable[[Act], bool]]] = [
            ("all lost", lambda _: False),
            ("nothing lost", lambda _: True),
            ("bytes lost", lambda act: act.what == "names"),
            ("names lost", lambda act: act.what != "names"),
            *((f"some lost {number}", lambda _: chance.random() < 0.5) for number in range(many)),
        ]
        for word, kept in ways:
            there = [sure or kept(act) for sure, act in zip(certain, self.acts, strict=False)]
            yield word, self._state(there)
        if at and self.acts[at - 1].what == "data" and not certain[at - 1]:
            yield "torn", self._state([*certain[:-1], True], torn=True)

    def _state(self, there: list[bool], *, torn: bool = False) -> State:
        nodes = {number: inode.copy() for number, inode in (*self.first.items(), *self.made.items())}
        for number, (kept, act) in enumerate(zip(there, self.acts, strict=False)):
            if kept:
                last = torn and number == len(there) - 1
                _do(nodes, Act("data", act.inode, act.offset, act.data[: len(act.data) // 2]) if last else act)
        return State(nodes)

    def whole(self) -> State:
        """What the process sees at its end."""
        return State(self.now)


@dataclass(frozen=True)
class State:
    """One state of a disk."""

    nodes: dict[int, Inode]

    def listed(self, number: int = ROOT, path: str = "") -> dict[str, tuple[str, int, int, int, bytes]]:
        """All that can be reached, by path."""
        node = self.nodes[number]
        found = {path: (node.kind, node.mode if node.kind != "link" else 0, node.uid, node.gid, node.content)}
        for name, inode in sorted(node.names.items()):
            found |= self.listed(inode, f"{path}/{name}")
        return found

    def write(self, folder: Path, without: frozenset[str] = frozenset()) -> None:
        """Makes the folder hold this state and nothing else, but for what is left out."""
        for path in folder.iterdir():
            if path.name in without:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        self._write(folder, ROOT, {})

    def _write(self, folder: Path, number: int, done: dict[int, Path]) -> None:
        for name, inode in self.nodes[number].names.items():
            path, node = folder / name, self.nodes[inode]
            if inode in done and node.kind == "file":
                os.link(done[inode], path)
                continue
            done[inode] = path
            if node.kind == "link":
                path.symlink_to(os.fsdecode(node.content))
                os.lchown(path, node.uid, node.gid)
                continue
            if node.kind == "folder":
                path.mkdir()
                self._write(path, inode, done)
            else:
                path.write_bytes(node.content)
            os.chown(path, node.uid, node.gid)
            path.chmod(node.mode)


def _do(nodes: dict[int, Inode], act: Act) -> None:
    node = nodes[act.inode]
    match act.what:
        case "data":
            content = node.content.ljust(act.offset, b"\0")
            node.content = content[: act.offset] + act.data + content[act.offset + len(act.data) :]
        case "size":
            node.content = node.content[: act.offset].ljust(act.offset, b"\0")
        case "access":
            mode, uid, gid = act.access
            node.mode = node.mode if mode is None else mode
            node.uid = node.uid if uid is None else uid
            node.gid = node.gid if gid is None else gid
        case "names":
            for (folder, name), inode in act.names:
                if inode is None:
                    nodes[folder].names.pop(name, None)
                else:
                    nodes[folder].names[name] = inode
