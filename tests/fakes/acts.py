"""Acts that end, fail or fill up at a chosen call: a crash without a crash.

From the chosen call on, every further act is refused with :class:`Killed`, as if the process were gone: whatever
``finally`` and ``except`` would still do to the disk does not happen.
:class:`PowerCutAt` also loses what was not synced.
"""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from auditor.transport.acts import Acts, read_xattrs


class Killed(BaseException):
    """The process has ended here."""


class CountingActs(Acts):
    """Counts acts and remembers their names."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def reached(self, act: str, path: str) -> None:
        self.names.append(act)


class KilledAt(Acts):
    """Ends the process just before act number ``at`` (zero-based); a write is cut in half first where ``torn``."""

    def __init__(self, at: int, *, torn: bool = False) -> None:
        self.at, self.torn, self.count = at, torn, 0

    def reached(self, act: str, path: str) -> None:
        if self.count >= self.at and not (self.torn and self.count == self.at and act == "write"):
            self.count += 1
            raise Killed(f"{act} {path}")
        self.count += 1

    def write(self, descriptor: int, data: bytes, path: Path, offset: int) -> None:
        if self.torn and self.count == self.at:
            self.count += 1
            os.pwrite(descriptor, data[: len(data) // 2], offset)
            raise Killed(f"write {path}")
        super().write(descriptor, data, path, offset)


class FailingAt(Acts):
    """Fails act number ``at`` with an error number; with ``ever`` every later act that needs space, too.

    ``struck`` are the names of the acts that failed: a fault that never struck proves nothing.
    """

    NEED_SPACE = frozenset({"create", "write", "allocate", "mkdir", "symlink"})

    def __init__(self, at: int, number: int, *, only: frozenset[str] = frozenset(), ever: bool = False) -> None:
        self.at, self.number, self.only, self.ever, self.count = at, number, only, ever, 0
        self.struck: list[str] = []

    def reached(self, act: str, path: str) -> None:
        counted = not self.only or act in self.only
        hit = counted and (self.count == self.at or (self.ever and self.count >= self.at and act in self.NEED_SPACE))
        self.count += counted
        if hit:
            self.struck.append(act)
            raise OSError(self.number, os.strerror(self.number), path)


@dataclass
class _Node:
    """An inode, kept from being used again by a descriptor, and what of it is on disk."""

    handle: int
    status: os.stat_result
    link: str = ""
    content: bytes | None = None
    xattrs: dict[str, bytes] = field(default_factory=dict)


class PowerCutAt(KilledAt):
    """Ends the process at an act; :meth:`lose` then leaves below ``root`` only what had been synced.

    A file's bytes, mode and owner are on disk once it was synced, its name once its directory was. With
    ``names_kept`` every name is on disk at once and only the bytes lag behind, as a journal of metadata alone keeps
    it. What stood there at first is on disk.
    """

    def __init__(self, at: int, root: Path, *, names_kept: bool = False) -> None:
        super().__init__(at)
        self.root, self.names_kept = root, names_kept
        self._nodes: dict[int, _Node] = {}
        self._names: dict[Path, dict[str, int]] = {}
        for folder, _, files in os.walk(root):
            for name in files:
                path = Path(folder, name)
                if path.is_symlink():
                    continue
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    self._keep(descriptor, path)
                finally:
                    os.close(descriptor)
            self._list(Path(folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in self._nodes.values():
            os.close(node.handle)
        self._nodes.clear()

    def sync(self, descriptor: int, path: Path) -> None:
        super().sync(descriptor, path)
        self._keep(descriptor, path)

    def sync_directory(self, path: Path) -> None:
        super().sync_directory(path)
        self._list(path)

    def sync_names(self, path: Path) -> None:
        super().sync_names(path)
        for folder in path.parents:
            if folder.is_relative_to(self.root):
                self._list(folder)

    def _node(self, path: Path) -> _Node:
        status = path.lstat()
        node = self._nodes.get(status.st_ino)
        if node is None:
            handle = os.open(path, os.O_PATH | os.O_NOFOLLOW)
            link = os.readlink(path) if stat.S_ISLNK(status.st_mode) else ""
            node = self._nodes[status.st_ino] = _Node(handle, status, link)
        return node

    def _keep(self, descriptor: int, path: Path) -> None:
        node = self._node(path)
        node.status = os.fstat(descriptor)
        node.content, node.xattrs = os.pread(descriptor, node.status.st_size, 0), read_xattrs(descriptor)

    def _list(self, folder: Path) -> None:
        self._names[folder] = {path.name: self._node(path).status.st_ino for path in folder.iterdir()}

    def lose(self) -> None:
        """Leaves what is on disk, as the machine finds it when it comes up again."""
        if self.names_kept:
            for folder, _, _ in os.walk(self.root):
                self._list(Path(folder))
        self._leave(self.root)

    def _leave(self, folder: Path) -> None:
        kept = {name: self._nodes[number] for name, number in self._names.get(folder, {}).items()}
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                if path.name not in kept:
                    shutil.rmtree(path)
            else:
                path.unlink()
        for name, node in kept.items():
            path = folder / name
            if stat.S_ISDIR(node.status.st_mode):
                path.mkdir(exist_ok=True)
                path.chmod(stat.S_IMODE(node.status.st_mode))
                self._leave(path)
            elif node.link:
                path.symlink_to(node.link)
                os.lchown(path, node.status.st_uid, node.status.st_gid)
            else:
                path.write_bytes(node.content or b"")
                os.chown(path, node.status.st_uid, node.status.st_gid)
                for key, value in node.xattrs.items():
                    os.setxattr(path, key, value)
                path.chmod(stat.S_IMODE(node.status.st_mode))
