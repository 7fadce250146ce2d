"""Settings that a reload cannot change: with which of them a server runs. Pure.

A changed ServerLimit or ThreadLimit is refused at the reload, and the error log says so with both values; the backlog
of a socket that stays open is never asked for again, and the system says what it is.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from auditor.surfaces.httpd.machine.answer import Answer, Part
from auditor.surfaces.httpd.machine.loading import MARGIN, PidFile
from auditor.surfaces.httpd.machine.processes import Parent, nanoseconds

_REFUSED: Final = re.compile(
    r"(?:changing|Attempt to change) (ServerLimit|ThreadLimit)(?: to (\d+) from original value of (\d+))?"
)
_BEGINS: Final = ("Doing graceful restart", "Graceful restart requested", "Attempting to restart")
_OF_A_REQUEST: Final = "[client "
"""In a line that a request caused: what stands in it may be the client's own words."""
_ENDS: Final = "resuming normal operations"
_STOPS: Final = "shutting down"
_MOMENT: Final = re.compile(r"([A-Z][a-z]{2}) +(\d{1,2}) (\d\d:\d\d:\d\d)|\d{4}-(\d\d)-(\d\d) (\d\d:\d\d:\d\d)")
_NEAR: Final = timedelta(seconds=5)
_INODE: Final = re.compile(r"\bino:(\d+)\b")


def refused_limits(log: Part, pid_file: PidFile | None, parent: Parent) -> tuple[tuple[str, str], ...] | str:
    """The limits that the last reload refused to change, each with the value that runs on; or why it cannot be told.

    The log has to show that reload from its beginning to its end, at the time when the pid file was written. A server
    that was not reloaded since its start refused nothing.
    """
    if log.status != "ok":
        return "the error log may not be read by this user"
    if pid_file is None:
        return "when the server loaded its configuration is not known"
    lines = [line for line in log.lines if _OF_A_REQUEST not in line]
    last = next((at for at in range(len(lines) - 1, -1, -1) if _ENDS in lines[at]), -1)
    if last < 0 or not _same_moment(lines[last], pid_file.local):
        return "the error log does not show the last reload"
    first = next((at for at in range(last - 1, -1, -1) if any(one in lines[at] for one in _BEGINS)), -1)
    if first < 0 or any(_ENDS in line or _STOPS in line for line in lines[first:last]):
        at_start = abs(pid_file.written.content - parent.started) <= MARGIN
        return () if at_start else "the error log does not show the last reload from its beginning"
    found = {match[1]: match[3] or "" for line in lines[first:last] for match in _REFUSED.finditer(line)}
    return tuple(sorted(found.items()))


def _same_moment(line: str, local: str) -> bool:
    """Whether a line was written when the wall clock showed that (``Nov 27 06:01:50``), give or take seconds."""
    found = _MOMENT.search(line)
    if found is None:
        return False
    text = f"{found[1]} {found[2]} {found[3]}" if found[1] else ""
    try:
        there = datetime.strptime(f"2000 {local}", "%Y %b %d %H:%M:%S")
        if text:
            here = datetime.strptime(f"2000 {text}", "%Y %b %d %H:%M:%S")
        else:
            here = datetime.strptime(f"2000-{found[4]}-{found[5]} {found[6]}", "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return False
    return abs(here - there) <= _NEAR


def backlogs(answer: Answer, parent: Parent) -> tuple[int, ...] | str:
    """The backlog of each socket on which the server listens, sorted, each value once; or why it cannot be told."""
    sockets, listening = answer.part(f"sockets {parent.pid}"), answer.part("listening")
    if sockets.status != "ok":
        return "the server's sockets may not be seen by this user"
    if listening.status != "ok":
        return "there is no ss that would say with which backlog a socket listens"
    found = set()
    for line in listening.lines:
        words = line.split()
        inode = _INODE.search(line)
        if inode and inode[1] in sockets.lines and len(words) > 3 and words[0] == "LISTEN" and words[2].isdecimal():
            found.add(int(words[2]))
    if not found:
        return "none of the server's sockets is among those that listen here"
    return tuple(sorted(found))


def most_backlog(answer: Answer) -> int | None:
    """The most that the system grants any socket."""
    text = answer.part("somaxconn").text
    return int(text) if text.isdecimal() else None


def memory_of(answer: Answer, parent: Parent) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The files of code that the server has mapped, and those of them that were replaced on disk; None: not seen."""
    part = answer.part(f"memory {parent.pid}")
    if part.status != "ok":
        return None
    files = {line.partition(" ")[2] for line in part.lines if line[:3].endswith("x")}
    replaced = {path.removesuffix(" (deleted)") for path in files if path.endswith(" (deleted)")}
    replaced |= _written_since(answer.part(f"code {parent.pid}"), parent)
    code = {
        path
        for path in replaced
        if path == parent.program.removesuffix(" (deleted)") or ".so" in path.rpartition("/")[2]
    }
    return tuple(sorted(path.removesuffix(" (deleted)") for path in files)), tuple(sorted(code))


def _written_since(part: Part, parent: Parent) -> set[str]:
    """The files of code that were changed in their place after the start, which the memory map does not show."""
    found = set()
    for line in part.lines:
        moment, _, path = line.partition(" ")
        if nanoseconds(moment) > parent.started + MARGIN:
            found.add(path)
    return found
