"""The record of a rehearsal beside its plan, and what it says against carrying the plan out."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import msgspec

from auditor.errors import InputError
from auditor.model.rehearsal import Rehearsal
from auditor.plan.folder import StoredPlan
from auditor.transport.acts import Acts

NAME: Final = "rehearsal.json"
_LIMIT: Final = 16 * 1024 * 1024


def encode_rehearsal(rehearsal: Rehearsal) -> bytes:
    """The record's bytes: JSON, keys sorted, two spaces, a line end."""
    return msgspec.json.format(msgspec.json.encode(rehearsal, order="sorted"), indent=2) + b"\n"


def write_rehearsal(folder: Path, rehearsal: Rehearsal, acts: Acts) -> Path:
    """Puts the record beside the plan, over an older one. Gives its path.

    Errors:
        OSError: it cannot be written.
    """
    path = folder / NAME
    acts.store(path, encode_rehearsal(rehearsal), 0o644)
    return path


def read_rehearsal(stored: StoredPlan) -> Rehearsal | None:
    """The record beside a plan; None where there is none.

    Errors:
        InputError: it cannot be read, is malformed, or is another plan's.
    """
    path = stored.folder / NAME
    again = f"Rehearse anew:  auditor rehearse {stored.id[:8]}"
    try:
        with path.open("rb") as file:
            content = file.read(_LIMIT + 1)
        if len(content) > _LIMIT:
            raise InputError(f"the record has more than {_LIMIT} bytes", where=str(path), next_step=again)
        found = msgspec.json.decode(content, type=Rehearsal)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"the record cannot be read: {error.strerror}", where=str(path)) from error
    except msgspec.DecodeError as error:
        raise InputError(f"this is no record of a rehearsal: {error}", where=str(path), next_step=again) from error
    if found.plan != stored.id:
        raise InputError(f"the record is that of plan {found.plan[:8]}", where=str(path), next_step=again)
    return found


def digest_of(stored: StoredPlan) -> str:
    """The SHA-256 of the record beside a plan, as approvals sign it; empty where there is none that counts."""
    try:
        if read_rehearsal(stored) is None:
            return ""
        return hashlib.sha256((stored.folder / NAME).read_bytes()).hexdigest()
    except (InputError, OSError):
        return ""


def objections(stored: StoredPlan, *, required: bool) -> tuple[str, ...]:
    """Why the plan may not be carried out as far as its rehearsal goes; none: it may.

    A rehearsal that failed always counts. One that is missing, or that left a target out, counts where one is
    ``required``.
    """
    try:
        found = read_rehearsal(stored)
    except InputError as error:
        return (f"its rehearsal does not count: {error.what}",)
    if found is None:
        return ("it was not rehearsed, and the rules ask for that",) if required else ()
    failed = [f"{one.target}: {one.text}" for one in found.targets if one.outcome == "failed"]
    if failed:
        return (f"its rehearsal failed: {'; '.join(failed[:5])}",)
    wanted = {target for cohort in stored.plan.cohorts for target in cohort.targets}
    passed = {one.target for one in found.targets if one.outcome == "passed"}
    left = sorted(wanted - passed) if required else []
    return (f"it was not rehearsed on {', '.join(left)}, and the rules ask for that",) if left else ()
