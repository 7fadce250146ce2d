"""A copy of a tree for a rehearsal: it stands at the tree's own place, in a mount namespace that nobody else sees.

The server reads true bytes at true paths there, absolute includes too. The namespace has processes of its own, so that
the running server cannot be seen from within, let alone signalled.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from auditor.errors import RefusedError
from auditor.model.plan import DirectiveEdit, PackageVersions, Step
from auditor.model.target import LocalTree, SshTree, Target
from auditor.surfaces.httpd.carry_out.server import HttpdServer
from auditor.surfaces.interface import MOUNTED, CollectOptions, Copy, StandIn

_MOST: Final = 100_000
_MOST_BYTES: Final = 1024 * 1024 * 1024
_ENTER: Final = f'mount --bind "$1" "$2" && echo "{MOUNTED}" >&2 && shift 2 && exec "$@"'


async def copy(target: Target, steps: Sequence[Step], folder: Path, options: CollectOptions) -> Copy:
    """Copies the tree with owners, modes, labels and links: below ``folder``, or on its own machine.

    Errors:
        RefusedError: it cannot be rehearsed from here, with the reason.
        OSError: the copy could not be made.
    """
    tree = target.location
    if not isinstance(tree, LocalTree | SshTree):
        raise RefusedError("it is no tree of a machine that can be reached")
    if not tree.server or not tree.path:
        raise RefusedError("the inventory names no server for it" if tree.path else "the inventory names no tree")
    if any(isinstance(one.change, PackageVersions) for one in steps):
        raise RefusedError("packages change the machine as a whole, of which there is no copy; apply tries it first")
    names = sorted({one.change.file for one in steps if isinstance(one.change, DirectiveEdit)})
    outside = [name for name in names if _outside(name)]
    if outside:
        raise RefusedError(f"the plan changes {outside[0]}, which stands outside of the tree and is not copied")
    if isinstance(tree, SshTree):
        from auditor.surfaces.httpd.carry_out.far.copying import copy_there

        return await copy_there(target, tree, names, folder, options)
    root = Path(tree.path).resolve()
    if strayed := [name for name in names if not (root / name).resolve().is_relative_to(root)]:
        # A link of the copy leads there too: the rehearsal would change the file itself.
        raise RefusedError(f"the plan changes {strayed[0]}, which leads out of the tree and is not copied")
    await asyncio.to_thread(_copy, root, folder / "tree")
    enter = ("sh", "-c", _ENTER, "sh", str(folder / "tree"), str(root))
    verdict = await HttpdServer(tree).check()
    said = verdict.text if verdict is not None and not verdict.passed else ""
    return Copy(
        f"a copy of {root}, in a private mount at its own place, checked by {tree.server[0]}",
        (*_namespaces(), *enter),
        f"the server's own check fails before anything is changed: {said}" if said else "",
    )


def _outside(name: str) -> bool:
    return name.startswith("/") or name.split("/", 1)[0] == ".."


def _namespaces() -> tuple[str, ...]:
    """The command that makes mount and process namespaces; without root's rights, a user namespace first."""
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    return ("unshare", *user, "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc")


def _copy(root: Path, copy: Path) -> None:
    count = size = 0
    for above, folders, files in os.walk(root):
        for name in (*folders, *files):
            found = os.lstat(Path(above, name))
            count, size = count + 1, size + (found.st_size if stat.S_ISREG(found.st_mode) else 0)
            if count > _MOST or size > _MOST_BYTES:
                raise RefusedError(f"the tree {root} is larger than a rehearsal copies ({_MOST} entries, 1 GiB)")
    done = subprocess.run(["cp", "-a", "--", str(root), str(copy)], capture_output=True, check=False)
    if done.returncode:
        words = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise RefusedError(f"the tree {root} could not be copied: {words[-1][:300] if words else 'no reason given'}")


@asynccontextmanager
async def stand_in(target: Target, folder: Path) -> AsyncIterator[StandIn]:
    """The copy as a target, inside of its namespace. Its state is every entry's bytes, mode, owner and attributes."""
    tree = target.location
    if isinstance(tree, SshTree):
        from auditor.surfaces.httpd.carry_out.far.copying import stand_in_there

        async with stand_in_there(target, tree, folder) as found:
            yield found
        return
    assert isinstance(tree, LocalTree)  # noqa: S101 - copy() refused anything else
    root = Path(tree.path).resolve()
    location = msgspec.structs.replace(tree, state_dir=str(folder / "state"), probe="")

    async def state() -> Mapping[str, str]:
        return _state(root)

    yield StandIn(msgspec.structs.replace(target, location=location), {}, state)


def _state(root: Path) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for above, folders, files in os.walk(root):
        for name in sorted((*folders, *files)):
            path = Path(above, name)
            entry = os.lstat(path)
            found[path.relative_to(root).as_posix()] = (
                f"{entry.st_mode:o} {entry.st_uid} {entry.st_gid} {_attributes(path)} {_content(path, entry.st_mode)}"
            )
    return found


def _attributes(path: Path) -> list[tuple[str, bytes]]:
    try:
        names = sorted(os.listxattr(path, follow_symlinks=False))
        return [(name, os.getxattr(path, name, follow_symlinks=False)) for name in names]
    except OSError:  # a file system without them
        return []


def _content(path: Path, mode: int) -> str:
    if stat.S_ISLNK(mode):
        return str(path.readlink())
    return hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(mode) else ""
