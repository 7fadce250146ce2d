"""The tree as it will be, for the server's own check before anything is changed.

Where a private mount is possible, the new files are bound over the live ones in a mount namespace that nobody else
sees: the server reads true bytes at true paths. Elsewhere a copy of the tree is made of links to the live files and
the new files, and the server is started on that; the files that it says it read decide whether that proves anything.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from auditor.errors import RefusedError
from auditor.surfaces.httpd.carry_out.files import LiveFile
from auditor.surfaces.httpd.carry_out.server import Server, Verdict
from auditor.transport.acts import Acts

_MOST: Final = 100_000
Place = Literal["private mount", "staged copy", "nowhere"]


@dataclass(frozen=True)
class Checked:
    """Where the new bytes were checked; ``nowhere`` means: only the live tree can be, after replacing."""

    place: Place
    text: str


NOWHERE: Final = Checked("nowhere", "the server reads absolute paths here: its own check follows before the reload")


def write_stage(folder: Path, files: Sequence[tuple[LiveFile, bytes]], acts: Acts) -> dict[Path, Path]:
    """The new bytes of each file below ``folder``, by the real path they are to replace.

    Errors:
        OSError: an act failed.
    """
    acts.remove_tree(folder)
    acts.make_directory(folder / "files")
    staged: dict[Path, Path] = {}
    for number, (live, content) in enumerate(files):
        path = folder / "files" / str(number)
        acts.store(path, content)
        staged[live.real] = path
    return staged


async def check_stage(
    folder: Path, root: Path, main_file: str, staged: Mapping[Path, Path], *, server: Server, acts: Acts
) -> Checked:
    """The server's own check on the tree as it will be.

    Errors:
        RefusedError: the check fails, or the server does not read a file that is to be changed.
    """
    if os.geteuid() == 0 and (checked := await check_mounted(staged, server, _places)):
        return checked
    copy = folder / "tree"
    _copy(root, copy, root, staged, acts)
    verdict = await server.check(extra=["-d", str(copy), "-f", str(copy / main_file)])
    if verdict is not None and verdict.passed and _read_staged(verdict.files, staged):
        return Checked("staged copy", "the server's own check passes on the staged tree (a copy)")
    if verdict is not None and not verdict.passed:
        live = await server.check()
        if live is not None and live.passed and _mentions(verdict.text, copy):
            raise RefusedError(f"the server refuses the staged tree: {verdict.text}", untouched="Nothing was changed.")
    return NOWHERE


async def check_mounted(
    staged: Mapping[Path, Path], server: Server, places: Callable[[Sequence[str]], Awaitable[Sequence[str]]]
) -> Checked | None:
    """The check with the new files bound over the live ones; None where no private mount can be made.

    ``places`` gives where each path leads on the server's machine.

    Errors:
        RefusedError: the check fails, or the server does not read a file that is to be changed.
    """
    verdict = await server.check(bound=[(new, live) for live, new in staged.items()])
    if verdict is None:
        return None
    _believe(verdict, frozenset(await places(verdict.files)), staged)
    return Checked("private mount", "the server's own check passes on the staged tree (private mount)")


async def _places(paths: Sequence[str]) -> list[str]:
    return [str(Path(path).resolve()) for path in paths]


def _believe(verdict: Verdict, read: frozenset[str], staged: Mapping[Path, Path]) -> None:
    if not verdict.passed:
        text = verdict.text
        for live, new in staged.items():
            text = text.replace(str(new), str(live))
        raise RefusedError(f"the server refuses the staged tree: {text}", untouched="Nothing was changed.")
    unread = [str(path) for path in staged if str(path) not in read]
    if read and unread:
        raise RefusedError(
            f"the server does not read {', '.join(unread)}.",
            untouched="Nothing was changed.",
            next_step="Is  server  of this target in the inventory the httpd that serves this tree?",
        )


def _read_staged(files: Sequence[str], staged: Mapping[Path, Path]) -> bool:
    """Whether the server read every new file, and none of the live files that they are to replace."""
    read = {str(Path(name).resolve()) for name in files}
    return (
        bool(files)
        and all(str(new.resolve()) in read for new in staged.values())
        and not any(str(live) in read for live in staged)
    )


def _mentions(text: str, copy: Path) -> bool:
    return str(copy) in text


def _copy(source: Path, copy: Path, root: Path, staged: Mapping[Path, Path], acts: Acts, count: int = 0) -> int:
    """Directories as directories, files as links to the live or the new file: keys are never copied."""
    acts.make_directory(copy)
    for entry in sorted(os.scandir(source), key=lambda one: one.name):
        count += 1
        if count > _MOST:
            raise RefusedError(f"the tree {root} has more than {_MOST} entries.", untouched="Nothing was changed.")
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            count = _copy(path, copy / entry.name, root, staged, acts, count)
            continue
        real = path.resolve()
        if real.is_dir() and root in real.parents:
            acts.symlink(os.path.relpath(real, source), copy / entry.name)
        else:
            acts.symlink(str(staged.get(real, real)), copy / entry.name)
    return count
