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
from auditor.surfaces.httpd.carry_out.files import Kind, LiveFile
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


@dataclass(frozen=True)
class Staged:
    """One change beside the tree: where it stands live, and where its new bytes are; of a link its text is enough.

    ``edited`` files stand there already; those that are ``read`` have to be read by the server.
    """

    real: Path
    new: Path
    kind: Kind = "file"
    text: str = ""
    edited: bool = True
    read: bool = True

    @property
    def given(self) -> str:
        """Where the new bytes are, or a link's text; empty where nothing is to stand there."""
        return "" if self.kind == "nothing" else self.text if self.kind == "link" else str(self.new)

    @property
    def apart(self) -> tuple[str, str, str]:
        """How a directory's own copy comes to hold it: verb, bytes or text, place."""
        verb = {"nothing": "gone", "link": "link", "file": "put"}[self.kind]
        return verb, self.given, str(self.real)


def staged_at(new: Path, live: LiveFile, wanted: LiveFile) -> Staged:
    """A change whose new bytes are at a path."""
    text = os.fsdecode(wanted.content) if wanted.kind == "link" else ""
    return Staged(live.real, new, wanted.kind, text, not live.entry, not live.entry and not wanted.unread)


def write_stage(folder: Path, files: Sequence[tuple[LiveFile, LiveFile]], acts: Acts) -> list[Staged]:
    """The new bytes of each file below ``folder``.

    Errors:
        OSError: an act failed.
    """
    acts.remove_tree(folder)
    acts.make_directory(folder / "files")
    staged: list[Staged] = []
    for number, (live, wanted) in enumerate(files):
        path = folder / "files" / str(number)
        if wanted.kind == "file":
            acts.store(path, wanted.content)
        staged.append(staged_at(path.resolve(), live, wanted))
    return staged


async def check_stage(
    folder: Path, root: Path, main_file: str, staged: Sequence[Staged], *, server: Server, acts: Acts
) -> Checked:
    """The server's own check on the tree as it will be.

    Errors:
        RefusedError: the check fails, or the server does not read a file that is to be changed.
    """
    if os.geteuid() == 0 and (checked := await check_mounted(folder, staged, server, _places)):
        return checked
    copy = folder / "tree"
    _copy(root, copy, root, {one.real: one for one in staged}, acts)
    return await check_copy(copy, main_file, staged, server, _places)


async def check_copy(
    copy: Path,
    main_file: str,
    staged: Sequence[Staged],
    server: Server,
    places: Callable[[Sequence[str]], Awaitable[Sequence[str]]],
) -> Checked:
    """The check on a copy of the tree that leads to the new files; it counts where it read these, and nothing live.

    Errors:
        RefusedError: the check fails on what is to be changed.
    """
    verdict = await server.check(extra=["-d", str(copy), "-f", str(copy / main_file)])
    if verdict is not None and verdict.passed and _read_staged(frozenset(await places(verdict.files)), staged):
        return Checked("staged copy", "the server's own check passes on the staged tree (a copy)")
    if verdict is not None and not verdict.passed:
        live = await server.check()
        if live is not None and live.passed and _mentions(verdict.text, copy):
            raise RefusedError(f"the server refuses the staged tree: {verdict.text}", untouched="Nothing was changed.")
    return NOWHERE


async def check_mounted(
    folder: Path,
    staged: Sequence[Staged],
    server: Server,
    places: Callable[[Sequence[str]], Awaitable[Sequence[str]]],
) -> Checked | None:
    """The check with the new files bound over the live ones; None where no private mount can be made.

    A directory in which a name comes or goes is replaced by a copy of its own, below ``folder`` in memory. ``places``
    gives where each path leads on the server's machine.

    Errors:
        RefusedError: the check fails, or the server does not read a file that is to be changed.
    """
    bound = [(one.new, one.real) for one in staged if one.edited]
    verdict = await server.check(bound=bound, apart=[one.apart for one in staged if not one.edited], room=str(folder))
    if verdict is None:
        return None
    _believe(verdict, frozenset(await places(verdict.files)), staged)
    return Checked("private mount", "the server's own check passes on the staged tree (private mount)")


async def _places(paths: Sequence[str]) -> list[str]:
    return [str(Path(path).resolve()) for path in paths]


def _believe(verdict: Verdict, read: frozenset[str], staged: Sequence[Staged]) -> None:
    if not verdict.passed:
        text = verdict.text
        for one in staged:
            text = text.replace(str(one.new), str(one.real))
        raise RefusedError(f"the server refuses the staged tree: {text}", untouched="Nothing was changed.")
    unread = [str(one.real) for one in staged if one.read and str(one.real) not in read]
    if read and unread:
        raise RefusedError(
            f"the server does not read {', '.join(unread)}.",
            untouched="Nothing was changed.",
            next_step="Is  server  of this target in the inventory the httpd that serves this tree?",
        )


def _read_staged(read: frozenset[str], staged: Sequence[Staged]) -> bool:
    """Whether the server read every edited file's new bytes, and nothing live that is to be changed."""
    return (
        bool(read)
        and all(str(one.new) in read for one in staged if one.read)
        and not any(str(one.real) in read for one in staged if one.kind != "link")
    )


def _mentions(text: str, copy: Path) -> bool:
    return str(copy) in text


def _copy(source: Path, copy: Path, root: Path, staged: Mapping[Path, Staged], acts: Acts, count: int = 0) -> int:
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
        if path in staged and not staged[path].edited:
            continue  # it comes below, as it is to be
        real = path.resolve()
        if real.is_dir() and root in real.parents:
            acts.symlink(os.path.relpath(real, source), copy / entry.name)
        else:
            acts.symlink(str(staged[real].new if real in staged else real), copy / entry.name)
    for one in staged.values():
        if not one.edited and one.real.parent == source and one.kind != "nothing":
            acts.symlink(one.text if one.kind == "link" else str(one.new), copy / one.real.name)
    return count
