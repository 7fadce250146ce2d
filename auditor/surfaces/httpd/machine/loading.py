"""What a running server has loaded of the files that stand on disk now. Pure.

httpd writes its pid file each time it has read its configuration, at start and at every reload, so that the pid file's
time is the time of loading, by the clock that also stamps the configuration. Without it the children say less: a file
that is older than the parent was loaded, one that is newer than every child was not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from auditor.surfaces.httpd.machine.answer import Answer
from auditor.surfaces.httpd.machine.processes import Parent, nanoseconds

_SECOND: Final = 1_000_000_000
_LINK: Final = "own:a"
"""How the times of a link are told: behind its mode in hex, whose first digit is the type."""
MARGIN: Final = 2 * _SECOND
"""How far a process's start, reckoned from ticks, may be off the clock that stamps files."""


class Stamp(msgspec.Struct, frozen=True):
    """When a path was last changed: its content, and its content, name, owner or mode; ``exact`` below a second.

    ``link`` says that it is the time of a link and not of what that leads to.
    """

    content: int
    anything: int
    exact: bool
    link: bool = False


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
        word, content, anything, path = ([*line.split(" ", 3), "", "", ""])[:4]
        if path and nanoseconds(anything):
            stamp = _stamp(content, anything, link=word.startswith(_LINK))
            found[path] = (*found.get(path, ()), stamp)
    return found


def _stamp(content: str, anything: str, *, link: bool = False) -> Stamp:
    return Stamp(nanoseconds(content), nanoseconds(anything), "." in anything, link)


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
    root: str = "",
    links: Iterable[str] = (),
) -> Loaded:
    """Which files and folders changed after the server loaded its configuration, sorted; folders end with ``/``.

    A link on the way (of the tree: ``links``) that leads elsewhere since, and a folder of the tree at ``root`` that was
    put there, count too. A folder that was searched is left out where a file in it is named already. For one that is
    not there the next above it speaks: had it been there and gone, that one would have changed; outside of the tree so
    much else changes it that nothing can be told.
    """
    changed, unknown = set(), set()
    for path in files:
        answers = {(name, _newer(one, parent, pid_file)) for name, one in _changes(path, seen, root)}
        newer = {name for name, answer in answers if answer}
        changed |= newer
        if not newer and (not seen.get(path) or any(answer is None for _, answer in answers)):
            unknown.add(path)
    for link in links:
        answers = {(link, _newer(one, parent, pid_file)) for one in seen.get(link, ()) if one.link}
        changed |= {name for name, answer in answers if answer}
        if not answers or any(answer is None for _, answer in answers):
            unknown.add(link)
    told = {path.rpartition("/")[0] or "/" for path in changed}
    for folder in set(folders):
        place = next(iter(standing((folder,), seen)))
        name = f"{place.rstrip('/')}/"
        answers = {
            (name if one == place else one, _newer(stamp, parent, pid_file))
            for one, stamp in _changes(place, seen, root)
        }
        newer = {one for one, answer in answers if answer}
        if newer == {name} and place in told:
            continue
        if newer and (place == folder or _inside(place, root)):
            changed |= newer
        elif newer or not seen.get(place) or any(answer is None for _, answer in answers):
            unknown.add(name)
    return Loaded(tuple(sorted(changed)), tuple(sorted(unknown)))


def _changes(path: str, seen: dict[str, tuple[Stamp, ...]], root: str) -> Iterator[tuple[str, Stamp]]:
    """The times that count for a path, each with the name by which its change is told."""
    for one in seen.get(path, ()):
        yield path, one
    for place in above(path):
        for one in seen.get(place, ()):
            if one.link:
                yield place, one
            elif one.anything > one.content and _inside(place, root):  # not a name in it: itself
                yield f"{place}/", one


def _inside(place: str, root: str) -> bool:
    return bool(root) and (place == root or place.startswith(f"{root}/"))


def standing(folders: Iterable[str], seen: dict[str, tuple[Stamp, ...]]) -> set[str]:
    """The folders, or the nearest above each that is there; the folder itself where none is known to be."""
    return {next((place for place in (one, *above(one)) if seen.get(place)), one) for one in folders}


def above(path: str) -> tuple[str, ...]:
    """The folders that a path lies in, the nearest first."""
    parts = path.strip("/").split("/")
    return tuple("/" + "/".join(parts[:length]) for length in range(len(parts) - 1, -1, -1))


def _newer(stamp: Stamp, parent: Parent, pid_file: PidFile | None) -> bool | None:
    """Whether something happened after the server loaded its configuration; None where that cannot be told.

    What dates a file's content anybody may set, also to a day to come; what dates any change of it is the system's own.
    """
    moment = stamp.anything
    if pid_file is not None:
        written = pid_file.written.content
        if stamp.exact and pid_file.written.exact:
            return moment >= written
        if moment // _SECOND != written // _SECOND:
            return moment > written
        return None
    if moment < parent.started - MARGIN:
        return False
    if parent.children and moment > parent.children[-1] + MARGIN:
        return True
    return None


def since_start(
    paths: Iterable[str], seen: dict[str, tuple[Stamp, ...]], parent: Parent, root: str = ""
) -> tuple[str, ...] | None:
    """The paths that changed after the server was started, sorted; None where that cannot be told of one."""
    changed = []
    for path in paths:
        if not seen.get(path):
            return None
        last = max(one.anything for _, one in _changes(path, seen, root))
        if last > parent.started + MARGIN:
            changed.append(path)
        elif last > parent.started - MARGIN:
            return None
    return tuple(sorted(changed))
