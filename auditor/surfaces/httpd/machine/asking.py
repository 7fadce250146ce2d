"""Asking a machine about its httpd, by one constant script that only reads."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final, Literal

import msgspec

from auditor.surfaces.httpd.machine.answer import Answer, read_answer
from auditor.transport.interface import Shell

Part = Literal["server", "packages", "owners", "state", "tools"]
DEADLINE_S: Final = 60.0
_LIMIT: Final = 16 * 1024 * 1024
_MAX_PATHS: Final = 60_000


class Tree(msgspec.Struct, frozen=True):
    """Which tree is asked about: its root, its main file relative to that, and its program where that is known."""

    root: str
    main_file: str
    program: str = ""


class Paths(msgspec.Struct, frozen=True):
    """Which files are asked about: those whose times count, pid files, error logs, those that packages may own."""

    timed: tuple[str, ...] = ()
    pid_files: tuple[str, ...] = ()
    error_logs: tuple[str, ...] = ()
    owned: tuple[str, ...] = ()


@cache
def probe() -> str:
    """The script."""
    return Path(__file__).with_name("probe.sh").read_text("utf-8")


async def ask(
    shell: Shell, parts: tuple[Part, ...], tree: Tree, paths: Paths | None = None, deadline_s: float = DEADLINE_S
) -> Answer:
    """What the machine behind a shell answers to these parts, in one run. ``server`` comes before what it is asked of.

    Errors:
        CollectError: the script could not be run, took too long, or its answer was cut off.
    """
    given = _lines(paths) if paths is not None else b""
    arguments = (" ".join(parts), tree.root, tree.main_file, tree.program)
    return read_answer(await shell.run(probe(), arguments, given=given, limit=_LIMIT, deadline_s=deadline_s))


def _lines(paths: Paths) -> bytes:
    """One path a line; a name with a line feed cannot be asked about, and stays without an answer."""
    kinds: tuple[tuple[str, Iterable[str]], ...] = (
        ("F", paths.timed[:_MAX_PATHS]),
        ("P", paths.pid_files),
        ("L", paths.error_logs),
        ("O", paths.owned[:_MAX_PATHS]),
    )
    lines = [f"{kind} {path}\n" for kind, some in kinds for path in some if "\n" not in path]
    return "".join(lines).encode("utf-8", "surrogateescape")
