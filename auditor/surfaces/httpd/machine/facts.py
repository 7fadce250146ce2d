"""What was asked of a machine as facts of a collection, which hold nothing that changes by itself. Pure.

No time and no pid gets into a fact: only what follows from them. ``state_unknown`` holds ``SUBJECT: why`` for what
could not be told of a server, so that no rule passes on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from auditor.model.snapshot import Fact
from auditor.surfaces.httpd.machine import limits
from auditor.surfaces.httpd.machine.answer import Answer
from auditor.surfaces.httpd.machine.loading import (
    Loaded,
    PidFile,
    Stamp,
    loaded,
    pid_file_of,
    since_start,
    stamps,
    standing,
)
from auditor.surfaces.httpd.machine.packages import Packages
from auditor.surfaces.httpd.machine.processes import DELETED, Parent, settings_of
from auditor.surfaces.httpd.machine.units import environment_files
from auditor.surfaces.httpd.modules import identifier_of

_VERSION: Final = re.compile(r"Apache/(\d+\.\d+\.\d+)")
_COMPILED: Final = re.compile(r"^ +([\w.]+\.c(?:pp|c)?)\s*$", re.MULTILINE)
_MODULE: Final = re.compile(r"/(?:mod_|lib)[^/]*\.so$|/modules/[^/]+\.so$")
_MPM: Final = re.compile(r"/mod_mpm_(\w+)\.so$")

_LIMITS_HOW: Final = "times of files, error log"
RUNNING: Final = "process list"
NO_PROCESSES: Final = "processes of other users are hidden from this user"
NO_MEMORY: Final = "the memory map of the running server may not be read by this user"
NO_MOMENT: Final = (
    "when the server loaded its configuration is not known: its pid file was not found or may not be read"
)


class Reading(msgspec.Struct, frozen=True):
    """What the server reads, by absolute paths: files, folders that wildcards search, its environment files.

    ``name`` turns a path into the name that documents bear; ``root`` is where the tree stands.
    ``links`` are the links of the tree on the way to what is read.
    """

    files: tuple[str, ...]
    folders: tuple[str, ...]
    environment: tuple[str, ...]
    error_log: str
    name: Callable[[str], str]
    root: str = ""
    links: tuple[str, ...] = ()


def program_facts(answer: Answer, program: str) -> list[Fact]:
    """Version and compiled-in modules of a program."""
    facts = []
    if match := _VERSION.search(answer.part(f"version {program}").text):
        facts.append(Fact("version", match[1], f"{program} -v"))
    text = answer.part(f"builtin {program}").text
    if "core.c" in text:
        names = tuple(sorted({identifier_of(name) for name in _COMPILED.findall(text)}))
        facts.append(Fact("builtin_modules", names, f"{program} -l"))
    return facts


def server_facts(answer: Answer, parent: Parent | None, program: str, seal: Callable[[str], str]) -> list[Fact]:
    """What is told before the tree is read: how the server is started, and which other trees there are.

    ``seal`` replaces the value of a definition whose name says that it is secret.
    """
    facts = []
    if trees := answer.part("trees").lines:
        facts.append(Fact("instances", trees, "usual places"))
    if files := environment_files(answer, parent, program):
        facts.append(Fact("environment_files", tuple(f"{path} ({place})" for path, place in files), "systemd units"))
    if parent is not None:
        facts.append(Fact("running_program", parent.program.removesuffix(DELETED), RUNNING))
        if parent.unit:
            facts.append(Fact("unit", parent.unit, "control group"))
        if defines := parent.options("D"):
            facts.append(Fact("defines", tuple(dict.fromkeys(map(seal, defines))), "command line of the server"))
        if given := command_line_directives(parent):
            facts.append(Fact("command_line_directives", given, "command line of the server"))
    settings = settings_of(answer, program)
    if settings.pid_file:
        facts.append(Fact("default_pid_file", settings.pid_file, f"{program} -V"))
    return facts


def command_line_directives(parent: Parent) -> tuple[str, ...]:
    """The directives given with ``-C`` and ``-c``, by name alone: their arguments may be secret."""
    return tuple(
        f"-{letter} {value.split(maxsplit=1)[0]}" for letter in "Cc" for value in parent.options(letter) if value
    )


def state_facts(answer: Answer, parent: Parent | None, sees_all: bool, reading: Reading, doubt: str = "") -> list[Fact]:
    """What the running server has loaded, and what it runs with; ``doubt`` says why no one server can be named."""
    if doubt:
        return [Fact("state_unknown", (f"running: {doubt}",), RUNNING)]
    if parent is None:
        if sees_all:
            return [Fact("running", False, RUNNING)]
        return [Fact("state_unknown", (f"running: {NO_PROCESSES}",), RUNNING)]
    seen = stamps(answer)
    pid_file, hidden = pid_file_of(answer, parent)
    found = loaded(reading.files, reading.folders, seen, parent, pid_file, reading.root, reading.links)
    unknown: list[str] = []
    facts = [
        Fact("running", True, RUNNING),
        *_loading(found, pid_file, reading, unknown),
        *_environment(seen, parent, reading, unknown),
        *_memory(answer, parent, unknown),
        *_backlog(answer, parent, unknown),
        *_limits(answer, parent, pid_file, seen, reading, unknown),
    ]
    if pid_file is not None or not hidden:
        facts.append(Fact("pid_file", pid_file.path if pid_file else "", "pid files"))
    else:
        unknown.append("pid_file: no pid file may be read by this user")
    if unknown:
        facts.append(Fact("state_unknown", tuple(sorted(unknown)), "asked in vain"))
    return facts


def _loading(found: Loaded, pid_file: PidFile | None, reading: Reading, unknown: list[str]) -> Iterable[Fact]:
    names = tuple(sorted(_named(path, reading) for path in found.changed))
    yield Fact("changed_not_loaded", names, "times of files, pid file")
    if found.unknown:
        first = _named(found.unknown[0], reading)
        reason = NO_MOMENT if pid_file is None else f"whether {first} changed after it was read cannot be told"
        unknown.append(f"changed_not_loaded: {reason}")


def _named(path: str, reading: Reading) -> str:
    """A path as documents are named, a folder with a slash behind."""
    folder = "/" if path.endswith("/") else ""
    return reading.name(path.rstrip("/") or "/") + folder


def _environment(
    seen: dict[str, tuple[Stamp, ...]], parent: Parent, reading: Reading, unknown: list[str]
) -> Iterable[Fact]:
    changed = since_start(reading.environment, seen, parent)
    if changed is None:
        unknown.append("environment: whether its environment file changed since its start could not be told")
    elif reading.environment:
        yield Fact("environment_changed", tuple(map(reading.name, changed)), "times of files")


def _memory(answer: Answer, parent: Parent, unknown: list[str]) -> Iterable[Fact]:
    memory = limits.memory_of(answer, parent)
    if memory is None:
        unknown += [f"replaced_code: {NO_MEMORY}", f"mpm: {NO_MEMORY}"]
        return
    mapped, replaced = memory
    yield Fact("replaced_code", replaced, "memory map")
    yield Fact("mapped_modules", tuple(path for path in mapped if _MODULE.search(path)), "memory map")
    mpms = {match[1] for path in mapped if (match := _MPM.search(path))}
    if len(mpms) == 1:
        yield Fact("running_mpm", mpms.pop(), "memory map")


def _backlog(answer: Answer, parent: Parent, unknown: list[str]) -> Iterable[Fact]:
    found = limits.backlogs(answer, parent)
    if isinstance(found, str):
        unknown.append(f"backlog: {found}")
        return
    yield Fact("running_backlogs", tuple(map(str, found)), "ss")
    most = limits.most_backlog(answer)
    if most is not None:
        yield Fact("most_backlog", most, "net.core.somaxconn")


def _limits(
    answer: Answer,
    parent: Parent,
    pid_file: PidFile | None,
    seen: dict[str, tuple[Stamp, ...]],
    reading: Reading,
    unknown: list[str],
) -> Iterable[Fact]:
    if (
        since_start((*reading.files, *reading.links, *standing(reading.folders, seen)), seen, parent, reading.root)
        == ()
    ):
        yield Fact("refused_limits", (), _LIMITS_HOW)
        return
    refused = limits.refused_limits(answer.part(f"log {reading.error_log}"), pid_file, parent)
    if isinstance(refused, str):
        unknown.append(f"limits: {refused}")
    else:
        yield Fact("refused_limits", tuple(f"{name} {runs}".rstrip() for name, runs in refused), _LIMITS_HOW)


def package_facts(packages: Packages) -> list[Fact]:
    """What is installed and no longer as delivered."""
    how = packages.how
    facts = [Fact("packages", packages.installed, how)]
    if packages.owner:
        facts.append(Fact("tree_package", packages.owner, how))
    for name, value in (
        ("packages_verified", packages.verified),
        ("packages_unverified", packages.unverified),
        ("packages_changed", packages.changed),
        ("package_configuration_changed", packages.configuration),
    ):
        if value or name == "packages_verified":
            facts.append(Fact(name, value, f"{how} verification"))
    return facts
