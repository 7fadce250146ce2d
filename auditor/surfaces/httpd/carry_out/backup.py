"""What taking back needs, kept on the target, root-only: true bytes, mode and owner of each file a plan changes."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path
from typing import Final, Literal

import msgspec

from auditor.errors import ApplyError, RefusedError
from auditor.model.plan import Direction
from auditor.model.secret import Sealer
from auditor.surfaces.httpd.carry_out.files import Kind, LiveFile
from auditor.transport.acts import Acts

_MANIFEST: Final = "manifest.json"


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One changed file: names, mode, owner, and the keyed digests of its bytes before and after.

    ``was`` and ``becomes`` say what stood and is to stand there, ``entry`` whether links are not followed to it.
    ``then`` is its mode and owner afterwards, where they are others; ``xattrs`` (base64) are those of an entry.
    """

    name: str
    real: str
    mode: int
    uid: int
    gid: int
    before: str
    after: str
    was: Kind = "file"
    becomes: Kind = "file"
    entry: bool = False
    then: tuple[int, int, int] | None = None
    xattrs: tuple[tuple[str, str], ...] = ()

    @property
    def access(self) -> tuple[int, int, int]:
        """Mode and owner before."""
        return self.mode, self.uid, self.gid

    def digest_of(self, content: bytes, sealer: Sealer) -> str:
        """The keyed digest of what stood there, were these its bytes."""
        return LiveFile(self.name, Path(self.real), content, 0, 0, 0, kind=self.was).digest(sealer)

    def as_before(self, content: bytes, live: LiveFile) -> LiveFile:
        """What is to stand there again; a replaced file has kept its attributes."""
        given = tuple((name, base64.b64decode(value)) for name, value in self.xattrs)
        xattrs = live.xattrs if live.kind == "file" and self.was == "file" else given
        return LiveFile(self.name, Path(self.real), content, *self.access, xattrs, live.links, self.was, self.entry)


def kept_of(live: LiveFile, wanted: LiveFile, sealer: Sealer) -> Kept:
    """What is kept of a change besides bytes."""
    then = wanted.mode, wanted.uid, wanted.gid
    same = then == (live.mode, live.uid, live.gid) or wanted.kind != "file"
    xattrs = live.xattrs if live.entry and live.xattrs else ()
    return Kept(
        live.name,
        str(live.real),
        live.mode,
        live.uid,
        live.gid,
        live.digest(sealer),
        wanted.digest(sealer),
        live.kind,
        wanted.kind,
        live.entry,
        None if same else then,
        tuple((name, base64.b64encode(value).decode()) for name, value in xattrs),
    )


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The files of one direction of a plan, in the order in which they are replaced; file N's bytes are in ``N``."""

    plan: str
    files: tuple[Kept, ...]
    format: Literal["auditor.backup/v1"] = "auditor.backup/v1"


def own_directory(path: Path, acts: Acts) -> Path:
    """The directory, made root-only (or its user's only) where there is none.

    Errors:
        RefusedError: it belongs to somebody else, or others may look into it.
    """
    try:
        acts.make_directory(path)
        status = path.lstat()
    except OSError as error:
        raise RefusedError(
            f"backups cannot be kept: {error.strerror}.", where=str(path), untouched="Nothing was changed."
        ) from error
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise RefusedError(
            "backups hold secrets, and others may look into this place.",
            where=str(path),
            untouched="Nothing was changed.",
            next_step=f"Make it yours alone:  chown {os.geteuid()} {path} && chmod 700 {path}",
        )
    if place := _open_above(path):
        raise RefusedError(
            f"backups hold secrets, and others could put another folder in this place: {place} is open to them.",
            where=str(path),
            untouched="Nothing was changed.",
            next_step="Name another  state_dir  in the inventory, below folders that are root's or your own.",
        )
    return path


def _open_above(path: Path) -> str:
    """The folder on the way there that somebody else owns, or in which everybody may rename; empty: none."""
    for place in dict.fromkeys((*path.absolute().parents, *path.resolve().parents)):
        status = place.lstat()
        free = status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX and not stat.S_ISLNK(status.st_mode)
        if free or (status.st_uid not in (0, os.geteuid()) and _sees_root()):
            return str(place)
    return ""


def _sees_root() -> bool:
    """Whether root's folders are shown as root's: in a user namespace of one's own they are nobody's."""
    try:
        return Path("/proc/self/uid_map").read_text("ascii").split()[:2] == ["0", "0"]
    except OSError:
        return True


def write_backup(
    folder: Path,
    plan_id: str,
    files: tuple[tuple[LiveFile, LiveFile], ...],
    sealer: Sealer,
    acts: Acts,
) -> Manifest:
    """Keeps each live file's bytes; the manifest is written last, so where it stands everything it names is on disk.

    Errors:
        OSError: an act failed; without a manifest nothing counts as kept.
    """
    manifest_path = folder / _MANIFEST
    if manifest_path.exists():  # of an earlier run that was taken back
        acts.unlink(manifest_path)
        acts.sync_directory(folder)
    acts.make_directory(folder)
    kept: list[Kept] = []
    for number, (live, wanted) in enumerate(files):
        acts.store(folder / str(number), live.content)
        kept.append(kept_of(live, wanted, sealer))
    manifest = Manifest(plan_id, tuple(kept))
    acts.store(manifest_path, msgspec.json.encode(manifest))
    return manifest


def read_manifest(folder: Path) -> Manifest | None:
    """What was kept, or None where nothing was.

    Errors:
        ApplyError: it is damaged.
    """
    path = folder / _MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise ApplyError(f"the backup cannot be read: {error}.", where=str(path)) from error


def kept_bytes(folder: Path, manifest: Manifest, number: int, sealer: Sealer) -> bytes:
    """The bytes of file N as they were (of a link its text), compared with their keyed digest.

    Errors:
        ApplyError: they are gone or damaged.
    """
    path = folder / str(number)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ApplyError(f"the backup cannot be read: {error.strerror}.", where=str(path)) from error
    kept = manifest.files[number]
    if kept.digest_of(content, sealer) != kept.before:
        raise ApplyError("the backup is damaged: its bytes do not have the digest that was recorded.", where=str(path))
    return content


def backup_folder(plan_folder: Path, direction: Direction) -> Path:
    """Where the backup of one direction stands."""
    return plan_folder / ("before" if direction == "forward" else "before-rollback")
