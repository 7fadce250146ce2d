"""Live files: read with all that replacing must keep, probed, and replaced in one step."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from auditor.errors import RefusedError
from auditor.transport.acts import Acts, read_xattrs

_LIMIT: Final = 64 * 1024 * 1024


@dataclass(frozen=True)
class LiveFile:
    """A file of the tree: the name a plan uses, the file it really is, its bytes, and what replacing must keep.

    ``links`` are symbolic links of the tree that lead to it, as the plan names them.
    """

    name: str
    real: Path
    content: bytes
    mode: int
    uid: int
    gid: int
    xattrs: tuple[tuple[str, bytes], ...] = ()
    links: tuple[str, ...] = ()


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
        if strayed:
            raise _refused(name, f"{strayed[0]} does not lead to it any more")
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, RuntimeError) as error:
        raise _refused(name, getattr(error, "strerror", None) or str(error)) from error
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
    return LiveFile(name, real, content, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, xattrs, links)


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


def probe(file: LiveFile, plan_id: str, acts: Acts) -> None:
    """Makes and removes the new file's name, so that a refusal comes before anything is changed.

    Errors:
        RefusedError: the file could not be replaced (no right, read-only, immutable, a mount of its own).
    """
    if os.path.ismount(file.real):
        raise _refused(file.name, "it is a mount of its own and cannot be replaced")
    _refuse_immutable(file)
    temporary = temporary_for(file.real, plan_id)
    try:
        acts.unlink(temporary)
        descriptor = acts.create(temporary)
        try:
            if (file.uid, file.gid) != (os.geteuid(), os.getegid()):
                acts.chown(descriptor, file.uid, file.gid, temporary)
        finally:
            os.close(descriptor)
            acts.unlink(temporary)
    except OSError as error:
        raise _refused(file.name, f"it cannot be replaced: {error.strerror}") from error


def _refuse_immutable(file: LiveFile) -> None:
    """An immutable file lets its directory be written to, and fails at the renaming only."""
    import array
    import fcntl

    flags = array.array("l", [0])
    descriptor = os.open(file.real, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # file systems without flags
            fcntl.ioctl(descriptor, 0x80086601, flags)  # FS_IOC_GETFLAGS
    finally:
        os.close(descriptor)
    if flags[0] & 0x30:  # FS_IMMUTABLE_FL, FS_APPEND_FL
        raise _refused(file.name, "it is immutable (chattr +i or +a)")


def replace(file: LiveFile, content: bytes, plan_id: str, acts: Acts) -> None:
    """Puts ``content`` in the file's place in one step, with the mode, owner and attributes that ``file`` says.

    Errors:
        OSError: an act failed; the live file is as it was, or has all of the new content.
    """
    temporary = temporary_for(file.real, plan_id)
    acts.unlink(temporary)
    descriptor = acts.create(temporary)
    try:
        acts.write(descriptor, content, temporary, 0)
        acts.chown(descriptor, file.uid, file.gid, temporary)
        acts.set_xattrs(descriptor, dict(file.xattrs), temporary)
        acts.chmod(descriptor, file.mode, temporary)  # last: a change of owner clears bits
        acts.sync(descriptor, temporary)
    finally:
        os.close(descriptor)
    acts.replace(temporary, file.real)


def _refused(name: str, why: str) -> RefusedError:
    return RefusedError(f"{why}.", where=name, untouched="Nothing was changed.")
