"""Every call by which the auditor changes a disk, one method each, durable where it says so.

Whatever is applied to a machine passes through here, so that a test can end the process, fill the disk or fail a sync
at each single call.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_OF_BYTES: Final = frozenset({"security.ima", "security.evm"})
"""Sums of a file's own bytes, which the system makes anew for others."""
_NO_XATTR: Final = (errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.ENODATA)


class Acts:
    """The calls that change a disk. Errors are the system's own :class:`OSError`."""

    def reached(self, act: str, path: str) -> None:
        """Called before each act with its name and path. Does nothing; a test raises here."""

    def make_directory(self, path: Path, mode: int = 0o700) -> None:
        """Makes a directory and syncs its parent; one that stands there already is left as it is."""
        if path.is_dir():
            return
        if not path.parent.is_dir():
            self.make_directory(path.parent, mode)
        self.reached("mkdir", str(path))
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode)
        self.sync_directory(path.parent)

    def create(self, path: Path, mode: int = 0o600) -> int:
        """Makes a new file and gives its descriptor; an existing name or a link is refused."""
        self.reached("create", str(path))
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)

    def write(self, descriptor: int, data: bytes, path: Path, offset: int) -> None:
        """Writes all bytes at the offset."""
        self.reached("write", str(path))
        view = memoryview(data)
        with _named(path):
            while view:
                written = os.pwrite(descriptor, view, offset)
                offset += written
                view = view[written:]

    def allocate(self, descriptor: int, size: int, path: Path) -> None:
        """Reserves space up to ``size`` bytes, so that later writes cannot run out of it."""
        self.reached("allocate", str(path))
        with _named(path):
            os.posix_fallocate(descriptor, 0, size)

    def truncate(self, descriptor: int, size: int, path: Path) -> None:
        """Cuts the file to ``size`` bytes."""
        self.reached("truncate", str(path))
        os.ftruncate(descriptor, size)

    def sync(self, descriptor: int, path: Path) -> None:
        """Returns once the file's bytes are on disk."""
        self.reached("sync", str(path))
        with _named(path):
            os.fsync(descriptor)

    def sync_directory(self, path: Path) -> None:
        """Returns once the directory's entries are on disk."""
        self.reached("sync directory", str(path))
        _sync_directory(path)

    def sync_names(self, path: Path) -> None:
        """Returns once the names of a directory and of all above it are on disk, whoever made them, and whenever.

        Those above that may not be read are not this user's to make.
        """
        for folder in path.parents[:2]:
            self.sync_directory(folder)
        self.reached("sync directory", str(path.parents[2]))
        for folder in path.parents[2:]:
            with contextlib.suppress(PermissionError):
                _sync_directory(folder)

    def chown(self, descriptor: int, uid: int, gid: int, path: Path) -> None:
        """Sets the owner."""
        self.reached("chown", str(path))
        os.fchown(descriptor, uid, gid)

    def chown_link(self, path: Path, uid: int, gid: int) -> None:
        """Sets the owner of a symbolic link itself."""
        self.reached("chown", str(path))
        os.lchown(path, uid, gid)

    def chmod(self, descriptor: int, mode: int, path: Path) -> None:
        """Sets the permission bits."""
        self.reached("chmod", str(path))
        os.fchmod(descriptor, mode)

    def set_xattrs(self, descriptor: int, wanted: dict[str, bytes], path: Path) -> None:
        """Gives the file exactly these extended attributes (ACL and SELinux label among them).

        A label that the system sets by itself and that is already right is not written.
        """
        present = read_xattrs(descriptor)
        if present == wanted:
            return
        self.reached("xattr", str(path))
        for name in present.keys() - wanted.keys():
            os.removexattr(descriptor, name)
        for name, value in wanted.items():
            if present.get(name) != value:
                os.setxattr(descriptor, name, value)

    def replace(self, source: Path, destination: Path) -> None:
        """Renames over the destination, in one step, and syncs the directory."""
        self.reached("replace", str(destination))
        source.replace(destination)
        self.sync_directory(destination.parent)

    def unlink(self, path: Path) -> None:
        """Removes a name that may be gone already."""
        self.reached("unlink", str(path))
        path.unlink(missing_ok=True)

    def symlink(self, text: str, path: Path) -> None:
        """Makes a symbolic link."""
        self.reached("symlink", str(path))
        path.symlink_to(text)

    def remove_tree(self, path: Path) -> None:
        """Removes a directory of ours with all it holds; links in it are not followed."""
        if not path.is_dir() or path.is_symlink():
            return
        for name in sorted(os.listdir(path)):  # noqa: PTH208 - names are enough, and links must not be followed
            entry = path / name
            if entry.is_dir() and not entry.is_symlink():
                self.remove_tree(entry)
            else:
                self.unlink(entry)
        self.reached("rmdir", str(path))
        path.rmdir()

    def store(self, path: Path, content: bytes, mode: int = 0o600) -> None:
        """Writes a file of ours so that after a power cut it is whole or not there: new name, sync, rename, sync."""
        temporary = path.with_name(f".{path.name}.tmp")
        if temporary.exists() or temporary.is_symlink():
            self.unlink(temporary)
        descriptor = self.create(temporary, mode)
        try:
            self.write(descriptor, content, temporary, 0)
            self.sync(descriptor, temporary)
        finally:
            os.close(descriptor)
        self.replace(temporary, path)


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Says which file it was: of a call on a descriptor the system does not."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_xattrs(descriptor: int) -> dict[str, bytes]:
    """The file's extended attributes; none where the file system has none or does not show them.

    Those that are sums of its bytes are left out.
    """
    try:
        names = os.listxattr(descriptor)
    except OSError as error:
        if error.errno in _NO_XATTR:
            return {}
        raise
    found: dict[str, bytes] = {}
    for name in set(names) - _OF_BYTES:
        try:
            found[name] = os.getxattr(descriptor, name)
        except OSError as error:
            if error.errno not in _NO_XATTR:
                raise
    return found
