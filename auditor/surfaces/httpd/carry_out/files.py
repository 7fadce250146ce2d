"""Live files: read with all that replacing must keep, probed, and replaced in one step."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from auditor.errors import RefusedError
from auditor.model.secret import Sealer
from auditor.transport.acts import Acts, read_xattrs

_LIMIT: Final = 64 * 1024 * 1024


Kind = Literal["file", "link", "nothing"]


@dataclass(frozen=True)
class LiveFile:
    """A file of the tree: the name a plan uses, the file it really is, its bytes, and what replacing must keep.

    ``links`` are symbolic links of the tree that lead to it, as the plan names them. An ``entry`` is what stands at the
    name itself, links not followed; what is no file is a link, whose text is its content, or nothing. ``xattrs`` None
    asks for the label that the directory gives, and nothing else; an owner of -1 is whoever makes it. What is
    ``unread`` is no configuration, so that the server's own check does not have to read it.
    """

    name: str
    real: Path
    content: bytes
    mode: int
    uid: int
    gid: int
    xattrs: tuple[tuple[str, bytes], ...] | None = ()
    links: tuple[str, ...] = ()
    kind: Kind = "file"
    entry: bool = False
    unread: bool = False

    def digest(self, sealer: Sealer) -> str:
        """The keyed digest of what stands there, told apart by its kind."""
        if self.kind == "nothing":
            return "nothing"
        digest = sealer.fingerprint(self.content)
        return f"link:{digest}" if self.kind == "link" else digest

    def is_as(self, wanted: LiveFile) -> bool:
        """Whether it is what was wanted, with mode, owner and attributes."""
        if (self.kind, self.content) != (wanted.kind, wanted.content):
            return False
        owners = all(is_ == asked or asked < 0 for is_, asked in ((self.uid, wanted.uid), (self.gid, wanted.gid)))
        if self.kind != "file":
            return owners or self.kind == "nothing"
        return owners and self.mode == wanted.mode and (wanted.xattrs is None or self.xattrs == wanted.xattrs)


def read_live(root: Path, name: str, links: tuple[str, ...] = (), *, kept: bool = False) -> LiveFile:
    """The live file that a plan names by its path below the root; symbolic links are followed.

    A file outside of the tree, named by its absolute path, is one only where a link of the tree leads to it, or where
    it is ``kept`` (a backup of ours names it).

    Errors:
        RefusedError: it lies outside the tree, is missing, no regular file, has further names, or cannot be read; or
            one of the links does not lead to it.
    """
    if refusal := refusal_of_name(name, links, kept=kept):
        raise refusal
    try:
        real = (root / name).resolve(strict=True)
        strayed = [link for link in links if (root / link).resolve(strict=True) != real]
    except (OSError, RuntimeError) as error:
        raise _refused(name, getattr(error, "strerror", None) or str(error)) from error
    if strayed:
        raise _refused(name, f"{strayed[0]} does not lead to it any more")
    return _read(name, real, links, entry=False)


def read_entry(root: Path, name: str, *, kept: bool = False) -> LiveFile:
    """What stands at a name of the tree itself: a file, a link that is not followed, or nothing.

    Errors:
        RefusedError: it lies outside the tree, its directory is missing, it is neither, or it cannot be read.
    """
    if refusal := refusal_of_name(name, (), kept=kept):
        raise refusal
    try:
        real = place_of(root, name)
    except (OSError, RuntimeError) as error:
        raise _refused(name, f"its directory: {getattr(error, 'strerror', None) or error}") from error
    if not kept and not real.is_relative_to(root):
        raise _refused(name, "it lies outside the tree and cannot be changed from here")
    try:
        status = real.lstat()
        text = os.fsencode(os.readlink(real)) if stat.S_ISLNK(status.st_mode) else b""  # noqa: PTH115 - byte for byte
    except FileNotFoundError:
        return LiveFile(name, real, b"", 0, -1, -1, None, (), "nothing", entry=True)
    except OSError as error:
        raise _refused(name, error.strerror or str(error)) from error
    if stat.S_ISLNK(status.st_mode):
        return LiveFile(name, real, text, 0, status.st_uid, status.st_gid, None, (), "link", entry=True)
    return _read(name, real, (), entry=True)


def place_of(root: Path, name: str) -> Path:
    """Where a name of the tree stands: links are followed up to its directory."""
    path = root / name
    return path.parent.resolve(strict=True) / path.name


def _read(name: str, real: Path, links: tuple[str, ...], *, entry: bool) -> LiveFile:
    try:
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _refused(name, error.strerror or str(error)) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _refused(name, "it is no regular file")
        if status.st_nlink > 1:
            raise _refused(name, f"it has {status.st_nlink} hard links; replacing one leaves the others as they are")
        if status.st_size > _LIMIT:
            raise _refused(name, f"it is larger than {_LIMIT} bytes")
        with os.fdopen(os.dup(descriptor), "rb") as file:
            content = file.read(_LIMIT + 1)
        xattrs = tuple(sorted(read_xattrs(descriptor).items()))
    except OSError as error:
        raise _refused(name, error.strerror or str(error)) from error
    finally:
        os.close(descriptor)
    mode = stat.S_IMODE(status.st_mode)
    return LiveFile(name, real, content, mode, status.st_uid, status.st_gid, xattrs, links, entry=entry)


def refusal_of_name(name: str, links: tuple[str, ...], *, kept: bool) -> RefusedError | None:
    """Why a file of this name, reached by these links, is none that may be changed; None where it may."""
    reached = _below(name) or (name.startswith("/") and (bool(links) or kept))
    if reached and all(_below(link) for link in links):
        return None
    return _refused(name, "it lies outside the tree and cannot be changed from here")


def _below(name: str) -> bool:
    """Whether a name can only mean something below the root, links aside."""
    return bool(name) and not name.startswith("/") and ".." not in Path(name).parts


def temporary_for(real: Path, plan_id: str) -> Path:
    """The new file's name before it takes the place of ``real``; no wildcard of an Include matches it."""
    return real.with_name(f".{real.name[:200]}.auditor-{plan_id[:16]}")


def probe(file: LiveFile, wanted: LiveFile, plan_id: str, acts: Acts) -> None:
    """Makes and removes the new file's name, so that a refusal comes before anything is changed.

    Errors:
        RefusedError: the file could not be replaced with all that it has (no right, read-only, immutable, a mount of
            its own, attributes that cannot be set here).
    """
    if file.kind == "file":
        if _is_mount(file.real):
            raise _refused(file.name, "it is a mount of its own and cannot be replaced")
        _refuse_immutable(file.name, file.real, "it")
    _refuse_immutable(file.name, file.real.parent, "its directory")
    temporary = temporary_for(file.real, plan_id)
    try:
        acts.unlink(temporary)
        descriptor = acts.create(temporary)
        try:
            given = wanted if wanted.kind == "file" else file  # what is deleted may have to be put back
            if given.kind == "file":
                _dress(descriptor, given, temporary, acts)
        finally:
            os.close(descriptor)
            acts.unlink(temporary)
        acts.sync_directory(temporary.parent)  # a power cut must not bring the name back
    except OSError as error:
        raise _refused(file.name, f"it cannot be replaced: {error.strerror}") from error


def _is_mount(path: Path) -> bool:
    """Whether a file is mounted over this one. Of a file from the same disk, only the list of mounts tells that."""
    written = str(path).translate({ord(one): f"\\{ord(one):03o}" for one in " \t\n\\"})
    with contextlib.suppress(OSError):  # a system without such a list
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
        return any(line.split(" ")[4:5] == [written] for line in mounts)
    return os.path.ismount(path)


def _refuse_immutable(name: str, path: Path, what: str) -> None:
    """An immutable file lets its directory be written to, and fails at the renaming only.

    In a directory that can only be added to, new bytes could not even be removed again.
    """
    import array
    import fcntl

    flags = array.array("l", [0])
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise _refused(name, f"{what} cannot be read: {error.strerror}") from error
    try:
        with contextlib.suppress(OSError):  # file systems without flags
            fcntl.ioctl(descriptor, 0x80086601, flags)  # FS_IOC_GETFLAGS
    finally:
        os.close(descriptor)
    if flags[0] & 0x30:  # FS_IMMUTABLE_FL, FS_APPEND_FL
        raise _refused(name, f"{what} is immutable (chattr +i or +a)")


def become(live: LiveFile, wanted: LiveFile, plan_id: str, acts: Acts) -> None:
    """Puts what is wanted in the place of what stands there, in one step; ``live`` says where that is.

    Errors:
        OSError: an act failed; what stands there is as it was, or wholly as wanted.
    """
    temporary = temporary_for(live.real, plan_id)
    if wanted.kind == "nothing":
        acts.unlink(live.real)
        acts.sync_directory(live.real.parent)
        return
    acts.unlink(temporary)
    if wanted.kind == "link":
        acts.symlink(os.fsdecode(wanted.content), temporary)
        if wanted.uid >= 0 and (wanted.uid, wanted.gid) != (os.geteuid(), os.getegid()):
            acts.chown_link(temporary, wanted.uid, wanted.gid)
    else:
        _write(temporary, wanted, acts)
    acts.replace(temporary, live.real)


def _write(path: Path, wanted: LiveFile, acts: Acts) -> None:
    descriptor = acts.create(path)
    try:
        acts.write(descriptor, wanted.content, path, 0)
        _dress(descriptor, wanted, path, acts)
        acts.sync(descriptor, path)
    finally:
        os.close(descriptor)


def _dress(descriptor: int, wanted: LiveFile, path: Path, acts: Acts) -> None:
    """Gives a new file owner, attributes and mode."""
    acts.chown(descriptor, wanted.uid, wanted.gid, path)
    acts.set_xattrs(descriptor, _xattrs(descriptor, wanted), path)
    acts.chmod(descriptor, wanted.mode, path)  # last: a change of owner clears bits


def _xattrs(descriptor: int, wanted: LiveFile) -> dict[str, bytes]:
    """A new file keeps the label that the system gave it, and loses the access list that its directory hands down."""
    if wanted.xattrs is not None:
        return dict(wanted.xattrs)
    return {name: value for name, value in read_xattrs(descriptor).items() if name.startswith("security.")}


def _refused(name: str, why: str) -> RefusedError:
    return RefusedError(f"{why}.", where=name, untouched="Nothing was changed.")
