"""What taking back needs, kept on the target, root-only: true bytes, mode and owner of each file a plan replaces."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final, Literal

import msgspec

from auditor.errors import ApplyError, RefusedError
from auditor.model.plan import Direction
from auditor.model.secret import Sealer
from auditor.surfaces.httpd.carry_out.files import LiveFile
from auditor.transport.acts import Acts

_MANIFEST: Final = "manifest.json"


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One replaced file: names, mode, owner, and the keyed digests of its bytes before and after."""

    name: str
    real: str
    mode: int
    uid: int
    gid: int
    before: str
    after: str


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
    return path


def write_backup(
    folder: Path,
    plan_id: str,
    files: tuple[tuple[LiveFile, bytes], ...],
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
    for number, (live, after) in enumerate(files):
        acts.store(folder / str(number), live.content)
        digests = sealer.fingerprint(live.content), sealer.fingerprint(after)
        kept.append(Kept(live.name, str(live.real), live.mode, live.uid, live.gid, *digests))
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
    """The bytes of file N as they were, compared with their keyed digest.

    Errors:
        ApplyError: they are gone or damaged.
    """
    path = folder / str(number)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ApplyError(f"the backup cannot be read: {error.strerror}.", where=str(path)) from error
    if sealer.fingerprint(content) != manifest.files[number].before:
        raise ApplyError("the backup is damaged: its bytes do not have the digest that was recorded.", where=str(path))
    return content


def backup_folder(plan_folder: Path, direction: Direction) -> Path:
    """Where the backup of one direction stands."""
    return plan_folder / ("before" if direction == "forward" else "before-rollback")
