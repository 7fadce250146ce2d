"""A copy of a tree on its own machine, for a rehearsal: at the tree's own place, for one connection alone.

The shell that all goes through is started in mount and process namespaces of its own, so nothing that a rehearsal does
reaches the tree or the running server, and the target's own httpd reads true bytes at true paths.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from auditor.errors import CollectError, RefusedError
from auditor.model.target import SshTree, Target
from auditor.surfaces.httpd.carry_out.far.asker import FarAsker
from auditor.surfaces.httpd.carry_out.far.machine import bytes_there
from auditor.surfaces.httpd.carry_out.far.shell import FarShell
from auditor.surfaces.httpd.carry_out.server import HttpdServer
from auditor.surfaces.interface import CollectOptions, Copy, StandIn
from auditor.transport.ssh.script import NAMESPACES

_WITHIN_S: Final = 300.0
_FILE: Final = "there"
_MOST: Final = 64 * 1024 * 1024

_COPY: Final = f"""
umask 077
root=$(readlink -f "$1") && [ -d "$root" ] || {{ echo "no $1"; exit 0; }}
shift
for name do
    case $(readlink -f "$root/$name") in
    "$root"/*) ;;
    *) echo "no the plan changes $name, which leads out of the tree and is not copied"; exit 0 ;;
    esac
done
count=$(find "$root" | wc -l); size=$(du -sk "$root" | cut -f 1)
if [ "$count" -gt 100000 ] || [ "${{size:-0}}" -gt 1048576 ]; then
    echo "no the tree is larger than a rehearsal copies (100000 entries, 1 GiB)"; exit 0
fi
folder=$(mktemp -d "${{TMPDIR:-/var/tmp}}/auditor-rehearsal.XXXXXX") || {{ echo "no folder can be made"; exit 0; }}
if ! said=$(cp -a "$root" "$folder/tree" 2>&1); then
    rm -rf "$folder"; echo "no copy: $said"; exit 0
fi
if ! said=$({NAMESPACES} sh -c 'mount --bind "$1" "$2"' sh "$folder/tree" "$root" 2>&1); then
    rm -rf "$folder"; echo "no private mount is possible there: $said"; exit 0
fi
printf 'yes %s\n%s\n' "$folder" "$root"
"""
_STATE: Final = r"""
cd "$1" || exit 1
find . -exec stat -c '%n %f %u %g' {} +
find . -type f -exec sha256sum {} +
find . -type l -exec readlink {} \;
"""
_REMOVE: Final = 'case $1 in */auditor-rehearsal.*) rm -rf "$1" ;; esac'


async def copy_there(
    target: Target, tree: SshTree, names: Sequence[str], folder: Path, options: CollectOptions
) -> Copy:
    """Copies the tree on its machine; ``names`` are the files of it that the plan edits.

    Errors:
        RefusedError: it cannot be rehearsed there, with the reason.
    """
    shell = FarShell(tree, options.environment, "rehearsal", target.name)
    try:
        said = (await shell.run(_COPY, (tree.path, *names), limit=65_536, deadline_s=_WITHIN_S)).decode(
            "utf-8", "replace"
        )
        answer, _, rest = said.partition(" ")
        if answer != "yes":
            raise RefusedError(said.strip()[:400])
        copied, root = rest.splitlines()[:2]
        (folder / _FILE).write_text(f"{copied}\n{root}\n", encoding="utf-8")
        server = HttpdServer(tree, 0, shell, FarAsker(shell), bytes_there(shell))
        verdict = await server.check()
    except CollectError as error:
        raise RefusedError(error.what) from error
    finally:
        await shell.close()
    broken = f"the server's own check fails before anything is changed: {verdict.text}" if verdict else ""

    async def leave() -> None:
        again = FarShell(tree, options.environment, "rehearsal", target.name)
        try:
            await again.run(_REMOVE, (copied,), limit=1024, deadline_s=_WITHIN_S)
        except CollectError as error:
            options.observe(f"{target.name}: the copy {copied} there could not be removed: {error.what}")
        finally:
            await again.close()

    return Copy(
        f"a copy of {root} on {tree.host}, in a private mount at its own place, checked by {tree.server[0]} there",
        (),
        broken if verdict is not None and not verdict.passed else "",
        leave,
    )


@asynccontextmanager
async def stand_in_there(target: Target, tree: SshTree, folder: Path) -> AsyncIterator[StandIn]:
    """The copy as a target. Its state is every entry's bytes, mode, owner and link, as the machine shows them."""
    copied, root = (folder / _FILE).read_text("utf-8").splitlines()[:2]
    location = msgspec.structs.replace(tree, inside=(f"{copied}/tree", root), state_dir=f"{copied}/state", probe="")
    shell = FarShell(location, os.environ, "rehearsal", target.name)

    async def state() -> Mapping[str, str]:
        listed = await shell.run(_STATE, (root,), limit=_MOST, deadline_s=_WITHIN_S)
        return {str(number): line for number, line in enumerate(sorted(listed.decode("utf-8", "replace").splitlines()))}

    try:
        yield StandIn(msgspec.structs.replace(target, location=location), {}, state)
    finally:
        await shell.close()
