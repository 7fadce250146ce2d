"""The running servers: which there are, what they were started with, when. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from typing import Final

import msgspec

from auditor.errors import CollectError
from auditor.surfaces.httpd.machine.answer import Answer

DELETED: Final = " (deleted)"
_SECOND: Final = 1_000_000_000
_SETTING: Final = re.compile(r'-D (HTTPD_ROOT|SERVER_CONFIG_FILE|DEFAULT_PIDLOG)="([^"]*)"')
_UNIT: Final = re.compile(r"/([^/]+\.service)(?:/|$)")
_TAKES_VALUE: Final = frozenset("dfCcDekE")
_ONLY_TELLS: Final = frozenset("tSMvVlLh")


class Parent(msgspec.Struct, frozen=True, kw_only=True):
    """The parent process of one running httpd.

    ``started`` and ``children`` (when each child was started) are nanoseconds of the machine's clock as it stands now;
    ``elsewhere`` says that it runs in a container or a chroot, so that its paths are not this machine's; ``contained``
    that it does and yet reads this very tree, so that not all that is asked here is its own; ``believed`` that it is
    root's, the tree's owner's, or that of who asks: anybody can call a program httpd.
    """

    pid: int
    started: int
    program: str
    arguments: tuple[str, ...] = ()
    unit: str = ""
    children: tuple[int, ...] = ()
    elsewhere: bool = False
    contained: bool = False
    believed: bool = True

    def options(self, letter: str) -> tuple[str, ...]:
        """The values given with an option, ``-d X`` and ``-dX`` alike, in order."""
        return tuple(value for name, value in _options(self.arguments[1:]) if name == letter)

    @property
    def serves(self) -> bool:
        """Whether it is a server, and no run of the program that only checks, tells or signals (``-t``, ``-k stop``).

        Such a run has the server's own ``-d`` and ``-f``, and is gone before it can be looked at.
        """
        names = {name for name, _ in _options(self.arguments[1:])}
        return not names & _ONLY_TELLS and self.options("k")[-1:] in ((), ("start",))


class Running(msgspec.Struct, frozen=True):
    """The running servers. ``sees_all`` is False where other users' processes are hidden from who asked."""

    parents: tuple[Parent, ...]
    sees_all: bool


def running(answer: Answer) -> Running | None:
    """The running servers, by pid; None where the machine has no list of processes."""
    part = answer.part("processes")
    if part.status != "ok":
        return None
    told: dict[str, list[tuple[str, str]]] = {}
    children: dict[str, list[int]] = {}
    clock, sees_all = _Clock("", "", ""), False
    trusted: set[str] = set()
    for line in part.lines:
        word, _, rest = line.partition(" ")
        if word == "sees":
            sees_all = rest == "all"
        elif word == "trusted":
            trusted.add(rest)
        elif word == "clock":
            clock = _Clock(*([*rest.split(" "), "", "", ""])[:3])
        elif word == "child":
            _, parent, start = ([*rest.split(" "), "", ""])[:3]
            children.setdefault(parent, []).append(clock.moment(start))
        else:
            pid, _, value = rest.partition(" ")
            told.setdefault(pid, []).append((word, value))
    parents = [
        _parent(pid, said, clock, children.get(pid, []), trusted) for pid, said in told.items() if pid.isdecimal()
    ]
    found = (one for one in parents if (one.program or one.arguments) and one.serves)
    return Running(tuple(sorted(found, key=lambda one: one.pid)), sees_all)


class _Clock:
    """Turns a process's start, in ticks since the machine's, into the time of day."""

    def __init__(self, now: str, uptime: str, ticks: str) -> None:
        self._now = nanoseconds(now)
        self._up = nanoseconds(uptime)
        self._ticks = int(ticks) if ticks.isdecimal() and int(ticks) else 100

    def moment(self, start: str) -> int:
        ticks = int(start) if start.isdecimal() else 0
        return self._now - self._up + ticks * _SECOND // self._ticks


def nanoseconds(text: str) -> int:
    """Seconds with or without a fraction as nanoseconds; 0 where it is no number."""
    whole, _, fraction = text.partition(".")
    if not whole.isdecimal():
        return 0
    return int(whole) * _SECOND + (int(fraction[:9].ljust(9, "0")) if fraction.isdecimal() else 0)


def _parent(pid: str, said: list[tuple[str, str]], clock: _Clock, children: list[int], trusted: set[str]) -> Parent:
    def first(word: str) -> str:
        return next((value for name, value in said if name == word), "")

    arguments = tuple(value for name, value in said if name == "arg")
    inner, view = len(first("nspid").split()) > 1, first("view")
    unit = next((found[1] for name, value in said if name == "cgroup" and (found := _UNIT.search(value))), "")
    return Parent(
        pid=int(pid),
        started=clock.moment(first("parent")),
        program=first("exe") or (arguments[0] if arguments[:1] and arguments[0].startswith("/") else ""),
        arguments=arguments,
        unit=unit,
        children=tuple(sorted(children)),
        elsewhere=view == "other" or (inner and not view),
        contained=view == "shared" or (inner and view == "same"),
        believed=first("uid") in trusted,
    )


def _options(words: tuple[str, ...]) -> list[tuple[str, str]]:
    """The options in order: those that take a value with it, the others, which may stand in one word, without."""
    found = []
    waiting = ""
    for word in words:
        if waiting:
            found.append((waiting, word))
            waiting = ""
        elif word.startswith("-") and len(word) > 1 and word[1] in _TAKES_VALUE:
            if len(word) == 2:
                waiting = word[1]
            else:
                found.append((word[1], word[2:]))
        elif word.startswith("-"):
            found += [(letter, "") for letter in word[1:]]
    return found


class Settings(msgspec.Struct, frozen=True):
    """What a program was compiled with; empty where it did not say."""

    root: str = ""
    main_file: str = ""
    pid_file: str = ""


def settings_of(answer: Answer, program: str) -> Settings:
    """What a program says it was compiled with; without a word of its own, what its place lets expect."""
    said = dict(_SETTING.findall(answer.part(f"settings {program}").text))
    if said.get("HTTPD_ROOT"):
        return Settings(said["HTTPD_ROOT"], said.get("SERVER_CONFIG_FILE", ""), said.get("DEFAULT_PIDLOG", ""))
    folder, name = posixpath.split(program.removesuffix(DELETED))
    if name == "apache2":
        return Settings("/etc/apache2", "apache2.conf", "/run/apache2.pid")
    if folder.endswith("/usr/sbin"):
        return Settings(folder.removesuffix("/usr/sbin") + "/etc/httpd", "conf/httpd.conf", "run/httpd.pid")
    return Settings(posixpath.dirname(folder), "conf/httpd.conf", "logs/httpd.pid")


def main_file_of(parent: Parent, answer: Answer) -> str:
    """The absolute path of the main file that a server was started with; empty where that cannot be told."""
    settings = settings_of(answer, parent.program.removesuffix(DELETED))
    root = (parent.options("d") or (settings.root,))[-1]
    name = (parent.options("f") or (settings.main_file,))[-1]
    path = posixpath.normpath(posixpath.join(root, name))
    return path if path.startswith("/") and name else ""


class Serving(msgspec.Struct, frozen=True):
    """The servers that run a tree, by pid. ``doubt`` says why it cannot be told which one is asked about, or if any."""

    parents: tuple[Parent, ...] = ()
    doubt: str = ""

    @property
    def only(self) -> Parent | None:
        """The server, where there is one and no other."""
        return self.parents[0] if len(self.parents) == 1 else None


def serving(found: Running, answer: Answer, main_file: str, resolve: Callable[[str], str | None]) -> Serving:
    """The servers that were started with a main file (an absolute path). ``resolve`` follows links."""
    real = _place(main_file, resolve) or main_file
    here = [(parent, _place(main_file_of(parent, answer), resolve)) for parent in found.parents if not parent.elsewhere]
    alike = [parent for parent, place in here if place == real]
    parents = tuple(parent for parent in alike if parent.believed)
    if len(parents) > 1:
        return Serving(parents, f"{len(parents)} servers run this tree, and one cannot answer for the other")
    if any(one.contained for one in parents):
        return Serving((), "the server that runs this tree is in a container or a chroot: ask from inside of it")
    if not parents and alike:
        return Serving((), "a process says that it runs this tree, and belongs to a user who is not trusted with that")
    if not parents and any(not place for parent, place in here if parent.believed):
        return Serving((), "a server runs there of which this user cannot tell which tree it reads")
    return Serving(parents)


def _place(main_file: str, resolve: Callable[[str], str | None]) -> str:
    """Where a main file stands; empty where that is not known, or hidden from who asks."""
    try:
        return main_file and (resolve(main_file) or main_file)
    except CollectError:
        return ""
