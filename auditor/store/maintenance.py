"""Packing, on purpose and under both locks; and pushing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

from auditor.errors import InputError, StoreError
from auditor.store import lock
from auditor.store.importer import NOBODY
from auditor.store.process import Repository, git_version

_LOOSE_IN_SAMPLE: Final = 16
"""Loose objects in one of 256 folders from which on packing is worth it: about 4,000 in all."""
_PACKS: Final = 30
_PUSH_S: Final = 600


def worth_it(store: Path) -> bool:
    """Whether there are so many loose objects or packs that packing pays."""
    sample = store / "objects" / "17"
    loose = sum(1 for _ in sample.iterdir()) if sample.is_dir() else 0
    return loose > _LOOSE_IN_SAMPLE or sum(1 for _ in (store / "objects/pack").glob("*.pack")) > _PACKS


def maintain(repository: Repository, wait_s: float, *, force: bool = False) -> bool:
    """Packs loose objects and small packs; readers may go on. Nothing is ever pruned but what is packed as well."""
    if not force and not worth_it(repository.path):
        return False
    with lock.writing(repository.path, wait_s), lock.alone(repository.path) as nobody:
        if not nobody:
            return False
        geometric = ("--geometric=2",) if git_version() >= (2, 33) else ("-a",)
        repository.run("repack", "-q", "-d", *geometric)
        repository.run("prune_packed", "-q")
        repository.run("pack_refs", "--all")
        repository.run("commit_graph", "write", "--reachable")
    return True


def push(repository: Repository, remote: str) -> None:
    """Pushes with the user's own git settings, for they know how to reach the remote; without a prompt."""
    if remote.startswith("-") or "::" in remote:
        raise InputError(f"store.remote {remote!r} is not the address of a git repository")
    names = [f"refs/heads/{name}" for name in ("snapshots", "agreed", "ledger")]
    there = [f"{name}:{name}" for name in names if repository.tip(name) != NOBODY]
    if not there:
        return
    environment = {**os.environ, "GIT_DIR": str(repository.path), "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    command = ["git", "-c", "core.hooksPath=" + os.devnull, "push", "--quiet", "--", remote, *there]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, stdin=subprocess.DEVNULL, timeout=_PUSH_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StoreError(f"the store could not be pushed to {remote}: {error}") from error
    if done.returncode != 0:
        words = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise StoreError(
            f"the store could not be pushed to {remote}: {words[-1][:300] if words else 'no reason'}",
            untouched="The snapshot itself is written.",
            next_step=f"Try:  git -C {repository.path} push {remote}",
        )
