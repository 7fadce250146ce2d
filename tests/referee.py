"""httpd's own dump of a configuration beside ours: the real server is the referee of what we read."""

from __future__ import annotations

import asyncio
import os
import pwd
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected
from auditor.model.target import LocalTree, Target
from auditor.surfaces.httpd.agreement import CARRIED_OUT_WHILE_READING
from auditor.surfaces.httpd.collect import collect
from auditor.surfaces.httpd.directive import Resolved
from auditor.surfaces.httpd.lines import read_lines, tag_arguments
from auditor.surfaces.httpd.resolving import resolve_collected
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from tests import servers

Line = tuple[str, int, str, str]
"""File (or httpd's words for a macro), last line, name in lower case, arguments."""

SEALER = Sealer(b"a key of the tests, and of nothing else")


def environment(logs: Path) -> dict[str, str]:
    """What Debian's envvars would set, with places that exist."""
    names = {one.pw_name for one in pwd.getpwall()}
    user = next(name for name in ("www-data", "apache", "nobody") if name in names)
    return {
        "PATH": os.environ.get("PATH", ""),
        "APACHE_RUN_USER": user,
        "APACHE_RUN_GROUP": f"#{pwd.getpwnam(user).pw_gid}",
        "APACHE_PID_FILE": str(logs / "httpd.pid"),
        "APACHE_RUN_DIR": str(logs),
        "APACHE_LOCK_DIR": str(logs),
        "APACHE_LOG_DIR": str(logs),
    }


def dump(
    root: Path, main_file: str, variables: Mapping[str, str], defines: tuple[str, ...] = ()
) -> tuple[list[Line], str]:
    """httpd's flattened configuration; the second value is what it said when it refused, else empty."""
    binary, modules = servers.httpd_binary(), servers.modules_directory()
    assert binary is not None
    assert modules is not None
    text = b"".join(path.read_bytes() for path in root.rglob("*.conf") if path.is_file())
    info = (
        []
        if re.search(rb"(?m)^\s*LoadModule\s+info_module", text)
        else ["-C", f"LoadModule info_module {modules}/mod_info.so"]
    )
    command = [str(binary), "-d", str(root), "-f", str(root / main_file), *info, "-t", "-D", "DUMP_CONFIG"]
    for define in defines:
        command += ["-D", define]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, env=dict(variables))
    said = done.stderr.decode("latin-1") if done.returncode else ""
    return list(_parse(done.stdout.decode("latin-1"))), said


def _parse(text: str):
    file, number = "", 0
    for line in text.split("\n"):
        if line.startswith("# In file: "):
            file = line.removeprefix("# In file: ")
        elif match := re.fullmatch(r" *# *(\d+):", line):
            number = int(match[1])
        elif number:
            name, _, arguments = line.strip(" ").partition(" ")
            if name.startswith("<"):
                arguments = tag_arguments(arguments) or ""
            yield file, number, name.lower(), arguments.rstrip()
            number = 0


def collected(root: Path, main_file: str, variables: Mapping[str, str], defines: tuple[str, ...] = ()) -> Collected:
    """The tree as we collect it, as if a server of this machine ran it where it is."""
    binary = servers.httpd_binary()
    assert binary is not None
    location = LocalTree(
        path=str(root),
        main_file=main_file,
        server=(str(binary), "-d", str(root)),
        environment=tuple(variables.items()),
        defines=defines,
    )
    return asyncio.run(collect(Target("web1", "httpd", location), CollectOptions(SEALER)))


def read(root: Path, main_file: str, variables: Mapping[str, str], defines: tuple[str, ...] = ()) -> Resolved:
    """The tree as we read it."""
    return resolve_collected(collected(root, main_file, variables, defines), InterpretOptions())


def flattened(resolved: Resolved, root: Path) -> list[Line]:
    """Our reading in the form of httpd's dump."""
    lines = []
    for one in resolved.directives:
        name = one.name.lower()
        if name in CARRIED_OUT_WHILE_READING:
            continue
        place = str(root / one.source.file), one.source.last_line
        if one.macro:
            place = _in_macro(one.macro, place, [(str(root / use.file), use.last_line) for use in one.used_at])
        file = os.fsencode(place[0]).decode("latin-1")
        lines.append((file, place[1], name, one.arguments.rstrip()))
    return lines


def _in_macro(macro: str, place: tuple[str, int], uses: list[tuple[str, int]]) -> tuple[str, int]:
    """httpd's words for a line inside a macro: counted from the macro's start, comments left out."""
    file, line = place
    start = end = 0
    counted: list[int] = []
    for one in read_lines(Path(file).read_bytes()):
        if one.name.lower() == "<macro" and not (start and not end):
            start, end, counted = one.last_line, 0, []
            name = (tag_arguments(one.arguments) or "").split()[0].lower()
        elif one.name.lower() == "</macro>":
            end = one.line
            if name == macro and start < line < end:
                break
        elif not one.comment:
            counted.append(one.last_line)
    used_file, used_line = uses[-1]
    if len(uses) > 1:
        outer = _macro_around(used_file, used_line)
        used_file, used_line = _in_macro(outer, uses[-1], uses[:-1])
    where = f'macro \'{macro}\' (defined on line {start} of "{file}") used on line {used_line} of "{used_file}"'
    return where, counted.index(line) + 1


def _macro_around(file: str, line: int) -> str:
    name = ""
    for one in read_lines(Path(file).read_bytes()):
        if one.name.lower() == "<macro" and one.line < line:
            name = (tag_arguments(one.arguments) or "").split()[0].lower()
    return name
