"""Plans on disk: ``plans/<id>/plan.json`` with its signatures beside it."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from auditor.errors import InputError, StoreError
from auditor.model.plan import Plan
from auditor.plan.document import LIMIT, decode_plan, encode_plan, id_of
from auditor.transport.acts import Acts

SHORTEST: Final = 6
"""The fewest digits of an id that name a plan."""

SHORT: Final = 8
"""Digits of an id that people see."""

_SIGNATURE_LIMIT: Final = 64 * 1024
_MOST_APPROVALS: Final = 100


@dataclass(frozen=True)
class StoredPlan:
    """A plan with its id, its folder, and the signatures beside it, unverified.

    ``approvals`` are (file name without ``.sig``, bytes), sorted. A signature file that is too large is empty here,
    so that it is refused and named like any other garbage. ``emergencies`` are those of an emergency, likewise.
    """

    id: str
    plan: Plan
    folder: Path
    author_signature: bytes | None
    approvals: tuple[tuple[str, bytes], ...]
    emergencies: tuple[tuple[str, bytes], ...] = ()


def write_plan(plans: Path, plan: Plan, acts: Acts | None = None) -> str:
    """Writes the plan's canonical bytes below ``plans`` and gives its id; writing it again changes nothing.

    Errors:
        StoreError: it cannot be written there. So do the functions that put signatures beside it.
    """
    content = encode_plan(plan)
    identity = id_of(content)
    _store(plans / identity / "plan.json", content, acts)
    return identity


def write_author_signature(stored: Path, signature: bytes, acts: Acts | None = None) -> Path:
    """Puts the author's signature beside a plan, as ``author.sig``, and gives its path."""
    return _store(stored / "author.sig", signature, acts)


def write_signature(
    stored: Path, name: str, signature: bytes, acts: Acts | None = None, *, emergency: bool = False
) -> Path:
    """Puts an approval of somebody beside a plan, below ``approvals/`` or ``emergency/``, and gives its path."""
    return _store(stored / ("emergency" if emergency else "approvals") / f"{file_name(name)}.sig", signature, acts)


def _store(path: Path, content: bytes, acts: Acts | None) -> Path:
    acts = acts or Acts()
    try:
        acts.make_directory(path.parent, 0o755)
        acts.store(path, content, 0o644)
    except OSError as error:
        raise StoreError(
            f"it cannot be written: {error.strerror or error}.",
            where=str(path),
            untouched="Nothing was recorded.",
            next_step="Free some space, or run as a user who may write there.",
        ) from error
    return path


def file_name(principal: str) -> str:
    """A principal as a file name, another one for each."""
    name = re.sub(r"[^A-Za-z0-9@+_.-]", "_", principal).lstrip(".")[:80]
    return name if name == principal else f"{name}~{hashlib.sha256(principal.encode()).hexdigest()[:12]}"


def find_plan(plans: Path, words: str) -> str:
    """The full id of the plan that a unique prefix of at least six digits names.

    Errors:
        InputError: no digits, too few, no such plan, or several.
    """
    prefix = words.strip().lower()
    if not re.fullmatch(rf"[0-9a-f]{{{SHORTEST},64}}", prefix):
        raise InputError(
            f"{words!r} does not name a plan",
            next_step=f"Give at least {SHORTEST} hexadecimal digits of its id, as  auditor plan  printed it.",
        )
    found = sorted(
        folder.name
        for folder in (plans.iterdir() if plans.is_dir() else ())
        if folder.name.startswith(prefix) and len(folder.name) == 64 and (folder / "plan.json").is_file()
    )
    if not found:
        raise InputError(f"there is no plan {prefix} below {plans}", next_step=f"Look:  ls {plans}")
    if len(found) > 1:
        several = ", ".join(name[: len(prefix) + 4] for name in found[:5])
        raise InputError(f"{prefix} names {len(found)} plans: {several}", next_step="Give more digits.")
    return found[0]


def read_plan(plans: Path, words: str) -> StoredPlan:
    """The plan that the words name, its id recomputed from its bytes.

    Errors:
        InputError: no such plan, malformed, or its bytes do not have the id of its folder.
    """
    identity = find_plan(plans, words)
    folder = plans / identity
    path = folder / "plan.json"
    content = _read(path, LIMIT + 1)
    if content is None:
        raise InputError(
            "the plan cannot be read: it is no plain file, or not this user's to read.",
            where=str(path),
            next_step=f"Look:  ls -l {path}",
        )
    if id_of(content) != identity:
        raise InputError(
            "the plan's bytes were changed: they do not have the id of their folder.",
            where=str(path),
            next_step=f"Restore it:  git checkout -- {path}   or plan again:  auditor plan …",
        )
    return StoredPlan(
        identity,
        decode_plan(content, str(path)),
        folder,
        _read(folder / "author.sig", _SIGNATURE_LIMIT),
        _signatures(folder / "approvals"),
        _signatures(folder / "emergency"),
    )


def _signatures(folder: Path) -> tuple[tuple[str, bytes], ...]:
    names = sorted(one.stem for one in folder.glob("*.sig"))[:_MOST_APPROVALS] if folder.is_dir() else []
    return tuple((name, _read(folder / f"{name}.sig", _SIGNATURE_LIMIT) or b"") for name in names)


def _read(path: Path, limit: int) -> bytes | None:
    """The bytes of a plain file, None where there is none, empty where it is larger than the limit.

    A link of the repository may lead to what never ends or never answers, so none is followed.
    """
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            content = file.read(limit + 1)
    except OSError:
        return None
    return content if len(content) <= limit else b""
