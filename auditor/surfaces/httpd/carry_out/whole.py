"""What a plan's whole-file steps make of what stands live. Pure."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace

from auditor.errors import RefusedError
from auditor.model.plan import FileChange, LinkChange, WholeFile
from auditor.model.secret import SEALED, Sealer
from auditor.surfaces.httpd.carry_out.edits import lines_of, secrets_of
from auditor.surfaces.httpd.carry_out.files import LiveFile

Ids = Callable[[str, str], tuple[int, int]]
"""The numbers of a user and a group on the tree's machine."""


def name_of(change: FileChange | LinkChange) -> str:
    """The name that is created, replaced or removed."""
    return change.file if isinstance(change, FileChange) else change.link


def owner_of(change: FileChange | LinkChange) -> tuple[str, str] | None:
    """The user and group that a file is given; None where it keeps its own, or there is none."""
    if isinstance(change, LinkChange) or change.after is None:
        return None
    before, after = change.before, change.after
    return None if before and (before.owner, before.group) == (after.owner, after.group) else (after.owner, after.group)


def stood_as(change: FileChange | LinkChange) -> tuple[str, str] | None:
    """The user and group of the file that the plan found; None where there was none, or they are not known."""
    if isinstance(change, LinkChange) or change.before is None or not change.before.owner:
        return None
    return change.before.owner, change.before.group


def refuse_other_owner(change: FileChange | LinkChange, live: LiveFile, numbers: tuple[int, int]) -> None:
    """``numbers`` are those of :func:`stood_as`.

    Errors:
        RefusedError: the file is somebody else's by now.
    """
    named = stood_as(change)
    if named is not None and live.kind == "file" and (live.uid, live.gid) != numbers:
        is_now = f"{live.uid}:{live.gid}"
        raise _refused(live.name, f"its owner is {is_now} by number, and the plan names {':'.join(named)}")


def wanted_of(
    change: FileChange | LinkChange,
    live: LiveFile,
    owner: tuple[int, int],
    secrets: Mapping[bytes, bytes],
    sealer: Sealer,
) -> LiveFile:
    """What is to stand there. ``owner`` is that of :func:`owner_of`, in numbers, ``secrets`` are live ones by digest.

    Errors:
        RefusedError: what stands there is not as the plan says, or the new bytes cannot be had.
    """
    if isinstance(change, LinkChange):
        return _link(change, live)
    _refuse_other_file(change.before, live, sealer)
    if change.after is None:
        return _nothing(live)
    content = _unsealed(change.file, change.after.content.encode("latin-1"), secrets)
    if sealer.fingerprint(content) != change.after.digest:
        raise _refused(change.file, "its new bytes are not those that the plan names")
    uid, gid = owner if owner_of(change) else (live.uid, live.gid)
    xattrs = live.xattrs if live.kind == "file" else None
    return replace(live, kind="file", content=content, mode=change.after.mode, uid=uid, gid=gid, xattrs=xattrs)


def digests_in(change: FileChange | LinkChange) -> frozenset[bytes]:
    """The secrets, by their digests, that the new bytes hold."""
    if isinstance(change, LinkChange) or change.after is None:
        return frozenset()
    return frozenset(match[0] for match in SEALED.finditer(change.after.content.encode("latin-1")))


def secrets_in(live: bytes, shown: bytes, sealer: Sealer) -> dict[bytes, bytes]:
    """The secrets of a live file by their digests, line by line, as far as the lines are those that were collected."""
    found: dict[bytes, bytes] = {}
    lines, sealed = lines_of(live), lines_of(shown)
    if len(lines) == len(sealed):
        for one, other in zip(lines, sealed, strict=True):
            found |= secrets_of(one, other, sealer)
    return found


def _link(change: LinkChange, live: LiveFile) -> LiveFile:
    if live.kind == "file":
        raise _refused(change.link, "a file stands there, and no link")
    now = os.fsdecode(live.content) if live.kind == "link" else None
    if now != change.before:
        is_now = f"it is a link to {now}" if now is not None else "it is gone"
        raise _refused(change.link, "something stands there already" if change.before is None else is_now)
    if change.after is None:
        return _nothing(live)
    if not change.after or "\0" in change.after:
        raise _refused(change.link, "that is no text of a link")
    return replace(live, kind="link", content=os.fsencode(change.after))


def _refuse_other_file(before: WholeFile | None, live: LiveFile, sealer: Sealer) -> None:
    if live.kind == "link":
        raise _refused(live.name, "it is a symbolic link, and the plan changes a file")
    if before is None:
        if live.kind != "nothing":
            raise _refused(live.name, "something stands there already")
        return
    if live.kind == "nothing":
        raise _refused(live.name, "it is gone")
    if sealer.fingerprint(live.content) != before.digest:
        raise _refused(live.name, "it changed since the plan was made")
    if live.mode != before.mode:
        raise _refused(live.name, f"its mode is {live.mode:04o}, and the plan names {before.mode:04o}")


def _nothing(live: LiveFile) -> LiveFile:
    return replace(live, kind="nothing", content=b"", mode=0, uid=-1, gid=-1, xattrs=None)


def _unsealed(file: str, content: bytes, secrets: Mapping[bytes, bytes]) -> bytes:
    missing = {match[0] for match in SEALED.finditer(content)} - secrets.keys()
    if missing:
        raise _refused(file, "it needs a secret that no live line holds any more")
    return SEALED.sub(lambda match: secrets[match[0]], content)


def _refused(name: str, why: str) -> RefusedError:
    return RefusedError(
        f"{why}.",
        where=name,
        untouched="Nothing was changed.",
        next_step="Look:  auditor drift      Plan again:  auditor plan …",
    )
