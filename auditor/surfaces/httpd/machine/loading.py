"""What a running server has loaded of the files that stand on disk now. Pure.

httpd writes its pid file each time it has read its configuration, at start and at every reload, so that the pid file's
time is the time of loading, by the clock that also stamps the configuration. Without it the children say less: a file
that is older than the parent was loaded, one that is newer than every child was not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from auditor.surfaces.httpd.machine.answer import Answer
from auditor.surfaces.httpd.machine.processes import Parent, nanoseconds

_SECOND: Final = 1_000_000_000
MARGIN: Final = 2 * _SECOND
"""How far a process's start, reckoned from ticks, may be off the clock that stamps files."""


class Stamp(msgspec.Struct, frozen=True):
    """When a path was last changed: its content, and its content, name, owner or mode; ``exact`` below a second."""

    content: int
    anything: int
    exact: bool


class PidFile(msgspec.Struct, frozen=True):
    """A pid file that names the server: where, when it was written, and that moment by the machine's wall clock."""

    path: str
    written: Stamp
    local: str


class Loaded(msgspec.Struct, frozen=True):
    """What of some paths the server has not loaded as they stand, and of what that cannot be told."""

    changed: tuple[str, ...]
    unknown: tuple[str, ...]


def stamps(answer: Answer) -> dict[str, tuple[Stamp, ...]]:
    """When each path that was asked for was changed: the entry itself and, through links, what it leads to."""
    found: dict[str, tuple[Stamp, ...]] = {}
    for line in answer.part("times").lines:
        _, content, anything, path = ([*line.split(" ", 3), "", "", ""])[:4]
        if path and nanoseconds(content):
            found[path] = (*found.get(path, ()), _stamp(content, anything))
    return found


def _stamp(content: str, anything: str) -> Stamp:
    return Stamp(nanoseconds(content), nanoseconds(anything), "." in content)


def pid_file_of(answer: Answer, parent: Parent) -> tuple[PidFile | None, tuple[str, ...]]:
    """The pid file that names the server, and those asked for that cannot be read."""
    lines = answer.part("pidfiles").lines
    hidden = tuple(line.removeprefix("hidden ") for line in lines if line.startswith("hidden "))
    for line, following in zip(lines, (*lines[1:], ""), strict=False):
        word, pid, content, anything, path = ([*line.split(" ", 4), "", "", "", ""])[:5]
        if word == "pid" and pid == str(parent.pid) and nanoseconds(content):
            return PidFile(path, _stamp(content, anything), following.removeprefix("local ")), hidden
    return None, hidden


def loaded(
    files: Iterable[str],
    folders: Iterable[str],
    seen: dict[str, tuple[Stamp, ...]],
    parent: Parent,
    pid_file: PidFile | None,
) -> Loaded:
    """Which files and folders changed after the server loaded its configuration, sorted; folders end with ``/``.

    Of a folder only the names in it count, and it is left out where a file in it is named already. For one that is not
    there the next above it speaks: had it been there and gone, that one would have changed.
    """
    changed, unknown = set(), set()
    for path in files:
        answers = {
            _newer(moment, one.exact, parent, pid_file) for one in seen.get(path, ()) for moment in _moments(one)
        }
        if True in answers:
            changed.add(path)
        elif None in answers or not answers:
            unknown.add(path)
    told = {path.rpartition("/")[0] or "/" for path in changed}
    for folder in standing(folders, seen):
        answers = {_newer(one.content, one.exact, parent, pid_file) for one in seen.get(folder, ())}
        if True in answers and folder not in told:
            changed.add(f"{folder.rstrip('/')}/")
        elif True not in answers and (None in answers or not answers):
            unknown.add(f"{folder.rstrip('/')}/")
    return Loaded(tuple(sorted(changed)), tuple(sorted(unknown)))


def standing(folders: Iterable[str], seen: dict[str, tuple[Stamp, ...]]) -> set[str]:
    """The folders, or the nearest above each that is there; the folder itself where none is known to be."""
    return {next((place for place in (one, *above(one)) if seen.get(place)), one) for one in folders}


def above(path: str) -> tuple[str, ...]:
    """The folders that a path lies in, the nearest first."""
    parts = path.strip("/").split("/")
    return tuple("/" + "/".join(parts[:length]) for length in range(len(parts) - 1, -1, -1))


def _moments(stamp: Stamp) -> tuple[int, int]:
    return stamp.content, stamp.anything


def _newer(moment: int, exact: bool, parent: Parent, pid_file: PidFile | None) -> bool | None:
    """Whether something happened after the server loaded its configuration; None where that cannot be told."""
    if pid_file is not None:
        written = pid_file.written.content
        if exact and pid_file.written.exact:
            return moment >= written
        if moment // _SECOND != written // _SECOND:
            return moment > written
        return None
    if moment < parent.started - MARGIN:
        return False
    if parent.children and moment > parent.children[-1] + MARGIN:
        return True
    return None


def since_start(paths: Iterable[str], seen: dict[str, tuple[Stamp, ...]], parent: Parent) -> tuple[str, ...] | None:
    """The paths that changed after the server was started, sorted; None where that cannot be told of one."""
    changed = []
    for path in paths:
        if not seen.get(path):
            return None
        moments = [moment for one in seen[path] for moment in _moments(one)]
        if max(moments) > parent.started + MARGIN:
            changed.append(path)
        elif max(moments) > parent.started - MARGIN:
            return None
    return tuple(sorted(changed))
