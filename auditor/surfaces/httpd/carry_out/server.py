"""The running httpd: its own check, its graceful reload, and the proof that the reload took place.

The process is never signalled by hand: a raw signal on a broken configuration ends the server, while ``-k graceful``
checks first.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol

from auditor.errors import ApplyError
from auditor.model.target import LocalTree
from auditor.surfaces.httpd.envvars import shell_variables

_DEADLINE_S: Final = 60
SETTLE_S = 3.0
"""Deaths came more than a second after the command had returned; seen up to 3 seconds later."""
_APPEAR_S: Final = 20.0
_BODY: Final = 64 * 1024
_MOUNTED: Final = "auditor: mounted"
_MOUNT_SCRIPT: Final = (
    'while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 97; shift 2; done; '
    f'shift; echo "{_MOUNTED}" >&2; exec "$@"'
)


@dataclass(frozen=True)
class Verdict:
    """The server's own check: whether it passed, its words, and the files that it read."""

    passed: bool
    text: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Running:
    """A running server: its parent process with its start time, its children, addresses, and which of these answer."""

    pid: int
    started: str
    children: frozenset[tuple[int, str]]
    addresses: tuple[tuple[str, int], ...]
    answering: frozenset[tuple[str, int]]
    generation: int | None
    unprobed: str = ""
    """Why the inventory's probe fails already, so that its failing afterwards is none of the change's."""

    def serves_the_same_as(self, other: Running) -> bool:
        """Whether it cannot have read its files between the two looks: nobody started or reloaded it."""
        if (self.pid, self.started) != (other.pid, other.started):
            return False
        if self.generation is not None and other.generation is not None:
            return self.generation == other.generation
        return self.children == other.children


class Server(Protocol):
    """What a transaction needs of a server; tests bring one of their own."""

    def check(self, bound: Sequence[tuple[Path, Path]] = (), extra: Sequence[str] = ()) -> Verdict | None:
        """The server's own check, with files bound over others in a private mount; None: that cannot be done here."""
        ...

    def running(self) -> Running | None:
        """The running server, or None."""
        ...

    def reload(self) -> None:
        """Reloads gracefully. Errors: ApplyError where the command fails."""
        ...

    def start(self) -> None:
        """Starts the server. Errors: ApplyError where the command fails."""
        ...

    async def prove(self, before: Running | None) -> str:
        """What proves that the server serves anew. Errors: ApplyError where nothing does."""
        ...

    def probe(self) -> str:
        """Why the inventory's probe fails; empty where it answers, or there is none."""
        ...


@dataclass
class HttpdServer:
    """The httpd that serves a tree on this machine, by the command and environment of its inventory entry."""

    tree: LocalTree
    settle_s: float = SETTLE_S
    run: Callable[..., subprocess.CompletedProcess[bytes]] = subprocess.run
    process_folder: Path = field(default_factory=lambda: Path("/proc"))
    _pid_file: Path | None = None

    @property
    def command(self) -> list[str]:
        """The command with the inventory's ``-D`` names."""
        return [*self.tree.server, *(word for define in self.tree.defines for word in ("-D", define))]

    @cached_property
    def environment(self) -> dict[str, str]:
        """What the server is started with: the inventory's variables over those of the tree's own ``envvars``."""
        started = {"PATH": "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}
        with contextlib.suppress(OSError):
            started |= shell_variables(Path(self.tree.path, "envvars").read_bytes())
        return started | dict(self.tree.environment)

    def check(self, bound: Sequence[tuple[Path, Path]] = (), extra: Sequence[str] = ()) -> Verdict | None:
        """The server's own check (``-t``), then the files it reads (``-D DUMP_INCLUDES``)."""
        command = [*self.command, *extra]
        wrap: list[str] = []
        if bound:
            pairs = [str(path) for pair in bound for path in pair]
            wrap = ["unshare", "-m", "--propagation", "private", "sh", "-c", _MOUNT_SCRIPT, "sh", *pairs, "--"]
        try:
            done = self._run([*wrap, *command, "-t"])
            if bound and _MOUNTED not in _words(done.stderr):
                return None
            if done.returncode:
                return Verdict(False, _reason(done))
            dump = self._run([*wrap, *command, "-t", "-D", "DUMP_INCLUDES"])
        except FileNotFoundError:
            if bound:
                return None
            raise ApplyError(f"there is no {self.tree.server[0]} here.") from None
        found = re.findall(r"^ +\((?:\*|\d+)\) (/.*)$", dump.stdout.decode("latin-1"), re.MULTILINE)
        return Verdict(True, "the server's own check passes", tuple(found))

    def running(self) -> Running | None:
        """The running server by its PidFile (``-D DUMP_RUN_CFG``), or None where there is none."""
        pid = self._pid()
        started = self._started(pid) if pid else None
        if pid is None or started is None or not self._is_httpd(pid):
            return None
        addresses = self._addresses(pid)
        answering = frozenset(address for address in addresses if _answers(address))
        return Running(pid, started, self._children(pid), addresses, answering, _generation(answering))

    def reload(self) -> None:
        """``-k graceful``."""
        self._control("graceful")

    def start(self) -> None:
        """``-k start``."""
        self._control("start")

    async def prove(self, before: Running | None) -> str:
        """Waits until the server shows a new generation, then at least three seconds more, and asks it again."""
        now = await self._renewed(before)
        await asyncio.sleep(self.settle_s)
        later = self.running()
        if later is None or (later.pid, later.started) != (now.pid, now.started):
            raise ApplyError(f"the server ended within {self.settle_s:g} s after the reload.")
        still = (before.answering & frozenset(later.addresses)) - later.answering if before else frozenset()
        if still:
            listed = ", ".join(f"{host}:{port}" for host, port in sorted(still))
            raise ApplyError(f"the server does not answer on {listed} any more.")
        answer, why = self._probe()
        if why and not (before and before.unprobed):
            raise ApplyError(f"{why}.")
        return self._sentence(before, later) + (f"; {why}, as before" if why else answer)

    def probe(self) -> str:
        """Why the inventory's probe fails; empty where it answers, or there is none."""
        return self._probe()[1]

    def _sentence(self, before: Running | None, now: Running) -> str:
        ports = ", ".join(f"{host}:{port}" for host, port in now.addresses) or "no port"
        answers = f"; process {now.pid} still answers after {self.settle_s:g} s ({ports})"
        if before is None:
            return f"started{answers}"
        if before.generation is not None and now.generation is not None:
            return f"reloaded: generation {before.generation} → {now.generation}{answers}"
        return f"reloaded: {len(now.children - before.children)} new children of the same parent{answers}"

    async def _renewed(self, before: Running | None) -> Running:
        """The server once children that were not there before serve, under the same parent."""
        deadline = time.monotonic() + _APPEAR_S
        while True:
            now = self.running()
            if now is not None and before is None and now.children:
                return now
            if now is not None and before is not None:
                if (now.pid, now.started) != (before.pid, before.started):
                    raise ApplyError("the server was replaced by another process; a graceful reload keeps its parent.")
                newer = now.generation is None or before.generation is None or now.generation > before.generation
                if now.children - before.children and newer:
                    return now
            if now is None and before is not None and self._started(before.pid) is None:
                raise ApplyError("the server ended at the reload.")
            if time.monotonic() > deadline:
                raise ApplyError("the server shows no new generation: the reload did not take place.")
            await asyncio.sleep(0.1)

    def _probe(self) -> tuple[str, str]:
        """What the probe answers, or why it counts as failing."""
        if not self.tree.probe:
            return "", ""
        begun = time.monotonic()
        try:
            with urllib.request.urlopen(self.tree.probe, timeout=10) as answer:  # noqa: S310 - the inventory's own URL
                status = int(answer.status)
                answer.read(_BODY)
        except urllib.error.HTTPError as error:
            status = error.code
            error.close()
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            return "", f"the probe {self.tree.probe} gets no answer: {getattr(reason, 'strerror', None) or reason}"
        if status >= 500:
            return "", f"the probe {self.tree.probe} answers {status}"
        return f"; {self.tree.probe} {status} in {time.monotonic() - begun:.2f} s", ""

    def _control(self, verb: str) -> None:
        done = self._run([*self.command, "-k", verb])
        if done.returncode:
            raise ApplyError(f"{self.tree.server[0]} -k {verb} failed: {_reason(done)}")

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[bytes]:
        """Runs without a shell, in a session of its own: Ctrl-C at the terminal must not reach the server."""
        try:
            return self.run(
                command,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=_DEADLINE_S,
                check=False,
                env=self.environment,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired as error:
            raise ApplyError(f"{' '.join(command[-3:])} did not end within {_DEADLINE_S} s.") from error

    def _pid(self) -> int | None:
        """The parent's process id; the PidFile is asked for once, a plan that changes it is refused."""
        if self._pid_file is None:
            done = self._run([*self.command, "-t", "-D", "DUMP_RUN_CFG"])
            match = re.search(r'^PidFile: "(.+)"$', done.stdout.decode("latin-1"), re.MULTILINE)
            if match is None:
                return None
            self._pid_file = Path(match[1])
        with contextlib.suppress(OSError, ValueError):
            return int(self._pid_file.read_text(encoding="ascii").strip())
        return None

    def _stat(self, pid: int) -> list[str] | None:
        """The fields of ``/proc/PID/stat`` from the state on (field 3 of proc(5) is the first)."""
        try:
            text = (self.process_folder / str(pid) / "stat").read_text(encoding="latin-1")
        except OSError:
            return None
        return text.rpartition(")")[2].split()

    def _started(self, pid: int) -> str | None:
        fields = self._stat(pid)
        return None if fields is None or fields[0] in "ZX" else fields[19]

    def _name(self, pid: int) -> str:
        with contextlib.suppress(OSError):
            return (self.process_folder / str(pid) / "comm").read_text(encoding="latin-1").strip()
        return ""

    def _is_httpd(self, pid: int) -> bool:
        """Whether the process is this server's program, and not another that was given an old process id."""
        return self._name(pid) == Path(self.tree.server[0]).resolve().name[:15]

    def _children(self, parent: int) -> frozenset[tuple[int, str]]:
        """The children that are httpd too; piped programs are not."""
        name = self._name(parent)
        found: set[tuple[int, str]] = set()
        for entry in self.process_folder.iterdir():
            if not entry.name.isdigit():
                continue
            fields = self._stat(int(entry.name))
            if fields and fields[1] == str(parent) and fields[0] not in "ZX" and self._name(int(entry.name)) == name:
                found.add((int(entry.name), fields[19]))
        return frozenset(found)

    def _addresses(self, pid: int) -> tuple[tuple[str, int], ...]:
        """The addresses on which the parent listens."""
        inodes: set[str] = set()
        with contextlib.suppress(OSError):
            for link in (self.process_folder / str(pid) / "fd").iterdir():
                with contextlib.suppress(OSError):
                    text = str(link.readlink())
                    if text.startswith("socket:["):
                        inodes.add(text[8:-1])
        found: set[tuple[str, int]] = set()
        for table in ("tcp", "tcp6"):
            with contextlib.suppress(OSError):
                lines = (self.process_folder / str(pid) / "net" / table).read_text(encoding="ascii").splitlines()[1:]
                for fields in (line.split() for line in lines):
                    if fields[3] == "0A" and fields[9] in inodes:
                        found.add(_address(fields[1]))
        return tuple(sorted(found))


def _address(text: str) -> tuple[str, int]:
    """An address of ``/proc/net/tcp``; "any" is asked on loopback."""
    host, _, port = text.partition(":")
    raw = bytes.fromhex(host)
    words = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    family = socket.AF_INET if len(words) == 4 else socket.AF_INET6
    name = socket.inet_ntop(family, words)
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(name, name), int(port, 16)  # noqa: S104 - read, not bound


def _answers(address: tuple[str, int]) -> bool:
    """Whether a child answers there: the kernel accepts connections even when none lives."""
    return bool(_ask(address, b"OPTIONS * HTTP/1.0\r\n\r\n"))


def _generation(addresses: frozenset[tuple[str, int]]) -> int | None:
    """The generation that mod_status tells, where it is open to us."""
    for address in sorted(addresses)[:4]:
        host = address[0] if ":" not in address[0] else f"[{address[0]}]"
        request = f"GET /server-status?auto HTTP/1.0\r\nHost: {host}:{address[1]}\r\n\r\n"
        match = re.search(rb"^ParentServerConfigGeneration: (\d+)", _ask(address, request.encode()), re.MULTILINE)
        if match:
            return int(match[1])
    return None


def _ask(address: tuple[str, int], request: bytes) -> bytes:
    received = b""
    with contextlib.suppress(OSError), socket.create_connection(address, timeout=2) as connection:
        connection.sendall(request)
        while len(received) < _BODY:
            part = connection.recv(8192)
            if not part:
                break
            received += part
    return received


def _words(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    """What the server said, its advice left out."""
    lines = [
        line.strip()
        for line in (_words(done.stderr) + _words(done.stdout)).splitlines()
        if line.strip() and _MOUNTED not in line and "AH00558" not in line and "The Apache error log" not in line
    ]
    return " ".join(lines[-3:])[:600] or f"it ended with {done.returncode}"
