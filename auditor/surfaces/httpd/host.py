"""What the machine of a tree says of httpd itself: version, compiled-in modules, packages."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Iterable, Mapping
from typing import Final

from auditor.errors import CollectError
from auditor.model.snapshot import Fact
from auditor.surfaces.httpd.agreement import Said, question
from auditor.surfaces.httpd.directive import Resolved
from auditor.surfaces.httpd.modules import identifier_of
from auditor.transport.interface import Reader

_DEADLINE_S: Final = 10.0
_MAX_OUTPUT: Final = 64 * 1024
_READING_S: Final = 60.0
_MAX_READING: Final = 128 * 1024 * 1024
_MAX_LIST: Final = 8 * 1024 * 1024
_VERSION: Final = re.compile(r"Apache/(\d+\.\d+\.\d+)")
_COMPILED: Final = re.compile(r"^ +([\w.]+\.c(?:pp|c)?)\s*$", re.MULTILINE)
_RPM: Final = re.compile(
    r"^(httpd\S*|mod_\S+|openssl\S*|apr\S*|nss\S*|php\S*|jbcs-\S+|apache2\S*)(?=\s|$)", re.MULTILINE
)
_RPM_HTTPD: Final = re.compile(r"^(?:httpd|httpd24-httpd|apache2|jbcs-httpd24-httpd)-(\d+\.\d+\.\d+)-")
_DEB: Final = re.compile(r"^[hi]i\s+((?:apache2|libapache2-mod|openssl|libssl|libapr)\S*)\s+(\S+)", re.MULTILINE)
_PACKAGE_LISTS: Final = ("/installed-rpms", "/sos_commands/rpm", "/installed-debs", "/sos_commands/dpkg")


async def ask_server(server: tuple[str, ...], environment: Mapping[str, str]) -> tuple[Fact, ...]:
    """What ``SERVER -v`` and ``SERVER -l`` say; nothing where it does not run. Neither reads the configuration."""
    facts = []
    text = await _run((*server, "-v"), environment)
    if match := _VERSION.search(text):
        facts.append(Fact("version", match[1], f"{server[0]} -v"))
    text = await _run((*server, "-l"), environment)
    if "core.c" in text:
        names = tuple(sorted({identifier_of(name) for name in _COMPILED.findall(text)}))
        facts.append(Fact("builtin_modules", names, f"{server[0]} -l"))
    return tuple(facts)


async def ask_reading(
    server: tuple[str, ...],
    environment: Mapping[str, str],
    resolved: Resolved,
    root: str,
    defines: Iterable[str],
) -> Said | None:
    """What the server says of its own configuration; None where it cannot be asked.

    It checks and prints (``-t``), and starts nothing.
    """
    if "-k" in server:
        return None
    command, added = question(server, resolved, root, defines, os.path.isfile)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environment},
        )
    except (OSError, ValueError):
        return None
    said = None
    try:
        async with asyncio.timeout(_READING_S):
            output, errors = await asyncio.gather(_bounded(process.stdout), _bounded(process.stderr))
            if output is not None and errors is not None:
                status = await process.wait()
                said = Said(status, output, errors, privileged=os.geteuid() == 0, info_added=added)
    except TimeoutError:
        pass
    finally:
        if said is None:
            await _end(process)
    return said


async def _bounded(stream: asyncio.StreamReader | None) -> bytes | None:
    """All that a stream gives; None where it is more than is taken."""
    pieces = []
    total = 0
    while stream and (piece := await stream.read(_MAX_OUTPUT)):
        total += len(piece)
        if total > _MAX_READING:
            return None
        pieces.append(piece)
    return b"".join(pieces)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends the command with all that it started: a child that lives on would hold its pipes open."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DEADLINE_S):
            for stream in (process.stdout, process.stderr):
                while stream and await stream.read(_MAX_OUTPUT):  # what nobody reads keeps the wait from ending
                    pass
            await process.wait()


async def _run(command: tuple[str, ...], environment: Mapping[str, str]) -> str:
    """The output of a command that only reads, bounded in time and size; empty where it fails."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", **environment},
        )
    except (OSError, ValueError):
        return ""
    stdout = process.stdout
    text = None
    try:
        output = b""
        async with asyncio.timeout(_DEADLINE_S):
            while stdout and len(output) < _MAX_OUTPUT and (piece := await stdout.read(_MAX_OUTPUT)):
                output += piece
            if len(output) < _MAX_OUTPUT:
                text = output.decode("utf-8", "replace") if await process.wait() == 0 else ""
    except TimeoutError:
        pass
    finally:
        if text is None:
            await _end(process)
    return text or ""


def packages_in(reader: Reader, prefix: str) -> tuple[Fact, ...]:
    """Version and packages from the package lists of a sosreport whose files stand below ``prefix``."""
    for path in _package_lists(reader, prefix):
        try:
            text = reader.read(path, _MAX_LIST).decode("utf-8", "replace")
        except CollectError:
            continue
        how = path.removeprefix(prefix)
        rpms = sorted({match[1] for match in _RPM.finditer(text)})
        debs = sorted({f"{match[1].partition(':')[0]} {match[2]}" for match in _DEB.finditer(text)})
        if not rpms and not debs:
            continue
        facts = [Fact("packages", tuple(rpms or debs), how)]
        version = _version(rpms) or _version_of_debs(debs)
        if version:
            facts.append(Fact("version", version, how))
        return tuple(facts)
    return ()


def _package_lists(reader: Reader, prefix: str) -> Iterable[str]:
    for name in _PACKAGE_LISTS:
        path = prefix + name
        try:
            real = reader.resolve(path)
            entry = reader.entry(real) if real is not None else None
            if entry is None:
                continue
            if entry.type == "file":
                yield path
            elif entry.type == "directory":
                yield from (one.path for one in reader.list(path) if one.type == "file")
        except CollectError:
            continue


def _version(rpms: Iterable[str]) -> str:
    return next((match[1] for rpm in rpms if (match := _RPM_HTTPD.match(rpm))), "")


def _version_of_debs(debs: Iterable[str]) -> str:
    for deb in debs:
        name, _, version = deb.partition(" ")
        match = re.match(r"(?:\d+:)?(\d+\.\d+\.\d+)", version)
        if name in ("apache2", "apache2-bin") and match:
            return match[1]
    return ""
