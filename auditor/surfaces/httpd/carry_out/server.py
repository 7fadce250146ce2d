"""The running httpd: its own check, its graceful reload, and the proof that the reload took place.

The process is never signalled by hand: a raw signal on a broken configuration ends the server, while ``-k graceful``
checks first. Everything goes through a shell of the server's machine, this one or another.
"""

from __future__ import annotations

import asyncio
import re
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from auditor.errors import ApplyError, CollectError
from auditor.model.target import LocalTree, SshTree
from auditor.surfaces.httpd.carry_out.asking import Asker, answers_of, ask_here
from auditor.surfaces.httpd.carry_out.running import (
    PROCESSES,
    UNIT,
    Process,
    Running,
    process_of,
    proof,
    silent,
    unit_of,
)
from auditor.surfaces.httpd.envvars import shell_variables
from auditor.surfaces.interface import Caveat
from auditor.transport.interface import Shell
from auditor.transport.local_shell import LocalShell
from auditor.transport.ssh.script import encoded
from auditor.transport.threads import aside

_DEADLINE_S: Final = 60
SETTLE_S = 3.0
"""Deaths came more than a second after the command had returned; seen up to 3 seconds later."""
_APPEAR_S: Final = 20.0
_END_S: Final = 30.0
_BODY: Final = 64 * 1024
_OUTPUT: Final = 16 * 1024 * 1024
_MOUNTED: Final = "auditor: mounted"
_MOUNT_SCRIPT: Final = r"""
apart() {
    case $seen in *"|$1|"*) return 0 ;; esac
    [ -n "$n" ] || { mkdir -p -- "$room/apart" && mount -t tmpfs -o mode=755 none "$room/apart" || return 1; }
    n=$((n + 1)) seen="$seen|$1|"
    t=$room/apart/$n
    mkdir -- "$t" || return 1
    for e in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        if [ -d "$e" ] && [ ! -L "$e" ]; then
            mkdir -- "$t/${e##*/}" && mount --rbind "$e" "$t/${e##*/}" || return 1
        elif [ -e "$e" ] || [ -L "$e" ]; then
            cp -a -- "$e" "$t/" || return 1
        fi
    done
    mount --rbind "$t" "$1"
}
room=$1 n= seen=
shift
mount --make-rprivate / || exit 97
while [ "$1" != -- ]; do
    if [ "$1" = bind ]; then
        mount --bind "$2" "$3" || exit 97
    else
        apart "${3%/*}" && rm -f -- "$3" || exit 97
        case $1 in
        put) cp -- "$2" "$3" || exit 97 ;;
        link) ln -s -- "$2" "$3" || exit 97 ;;
        esac
    fi
    shift 3
done
shift
echo "auditor: mounted" >&2
exec "$@"
"""
"""Binds files over others; a directory in which a name comes or goes is replaced by its own copy, in memory."""
_RUN: Final = r"""
for a_n in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do [ "$a_n" = PATH ] || unset "$a_n"; done
while IFS= read -r a_n && IFS= read -r a_v; do a_v=$(printf %b. "$a_v"); export "$a_n=${a_v%.}"; done
a_said=$("$@" 2>&1 </dev/null 9>&-)
printf '%s\n%s' "$?" "$a_said"
"""
"""Runs a command with the environment that is given, name and value a line; says its status, then what it wrote."""


@dataclass(frozen=True)
class Verdict:
    """The server's own check: whether it passed, its words, and the files that it read."""

    passed: bool
    text: str
    files: tuple[str, ...] = ()


class Server(Protocol):
    """What a transaction needs of a server; tests bring one of their own."""

    async def check(
        self,
        bound: Sequence[tuple[Path, Path]] = (),
        extra: Sequence[str] = (),
        *,
        apart: Sequence[tuple[str, str, str]] = (),
        room: str = "",
    ) -> Verdict | None:
        """The server's own check, with files bound over others in a private mount; None: that cannot be done here.

        ``apart`` are names that come or go there: a verb (``put``, ``link``, ``gone``), bytes' place or link's text,
        and the name. ``room`` is a folder of ours below which directories are copied in memory.
        """
        ...

    async def running(self, pid_file: str = "") -> Running | None:
        """The running server by the PidFile of the configuration, or by another one; None where there is none."""
        ...

    async def pid_file(self) -> str:
        """The PidFile of the configuration as it stands; empty where the server does not say."""
        ...

    async def reload(self) -> None:
        """Reloads gracefully. Errors: ApplyError where the command fails."""
        ...

    async def restart(self) -> None:
        """Restarts under the same parent process. Errors: ApplyError where the command fails."""
        ...

    async def stop(self, running: Running) -> None:
        """Stops that server, and returns once it has ended. Errors: ApplyError where it does not end."""
        ...

    async def start(self, unit: str = "") -> None:
        """Starts the server, as a service where ``unit`` names one. Errors: ApplyError where the command fails."""
        ...

    async def prove(self, before: Running | None, *, anew: bool = False) -> str:
        """What proves that the server serves anew; ``anew``: as another process. Errors: ApplyError: nothing does."""
        ...

    async def probe(self) -> str:
        """Why the inventory's probe fails; empty where it answers, or there is none."""
        ...

    async def environment(self) -> Mapping[str, str]:
        """What it is started with."""
        ...

    def starts_with(self, envvars: bytes | None) -> None:
        """Has it started from here on with what these bytes of ``envvars`` set; None: with what stands there then."""
        ...

    @property
    def command(self) -> Sequence[str]:
        """The command that starts it."""
        ...


async def _envvars_here(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


class _Done(NamedTuple):
    status: int
    said: str


@dataclass
class HttpdServer:
    """The httpd that serves a tree, by the command and environment of its inventory entry.

    ``shell`` runs commands on its machine, ``asker`` asks it from there, and ``envvars`` gives the bytes of a
    file there, none where there is no such file.
    """

    tree: LocalTree | SshTree
    settle_s: float = SETTLE_S
    shell: Shell = LocalShell()  # noqa: RUF009 - it holds no state
    asker: Asker = ask_here
    envvars: Callable[[str], Awaitable[bytes]] = _envvars_here
    _pid_file: str = ""
    _to_be: str = ""
    _pid: str = ""
    _unit: tuple[int, str] = (0, "")
    _environment: dict[str, str] | None = None
    _envvars: bytes | None = None

    @property
    def command(self) -> list[str]:
        """The command with the inventory's ``-D`` names."""
        return [*self.tree.server, *(word for define in self.tree.defines for word in ("-D", define))]

    async def environment(self) -> dict[str, str]:
        """What the server is started with: the inventory's variables over those of the tree's own ``envvars``."""
        if self._environment is None:
            started = {"PATH": "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}
            content = await self.envvars(f"{self.tree.path}/envvars") if self._envvars is None else self._envvars
            started |= shell_variables(content)
            self._environment = started | dict(self.tree.environment)
        return self._environment

    def starts_with(self, envvars: bytes | None) -> None:
        """See :meth:`Server.starts_with`."""
        self._environment, self._envvars = None, envvars

    async def check(
        self,
        bound: Sequence[tuple[Path, Path]] = (),
        extra: Sequence[str] = (),
        *,
        apart: Sequence[tuple[str, str, str]] = (),
        room: str = "",
    ) -> Verdict | None:
        """The server's own check (``-t``), then the files it reads (``-D DUMP_INCLUDES``)."""
        command = [*self.command, *extra]
        wrap: list[str] = []
        if bound or apart:
            rows = [*(("bind", str(new), str(live)) for new, live in bound), *apart]
            words = [word for row in rows for word in row]
            wrap = ["unshare", "-m", "sh", "-c", _MOUNT_SCRIPT, "sh", room, *words, "--"]
        done = await self._run([*wrap, *command, "-t"])
        if wrap and _MOUNTED not in done.said:
            return None
        if done.status == 127:
            raise ApplyError(f"the server {self.tree.server[0]} is not there.")
        if done.status:
            return Verdict(False, _reason(done))
        dump = await self._run([*wrap, *command, "-t", "-D", "DUMP_INCLUDES", "-D", "DUMP_RUN_CFG"])
        self._to_be = _pid_file_in(dump.said) or self._to_be
        found = re.findall(r"^ +\((?:\*|\d+)\) (/.*)$", dump.said, re.MULTILINE)
        return Verdict(True, "the server's own check passes", tuple(found))

    async def running(self, pid_file: str = "") -> Running | None:
        """The running server by its PidFile, or None where there is none."""
        if not pid_file:
            # Where the configuration as it stands cannot be read, the server that runs was started by an earlier one.
            self._pid_file = self._pid_file or await self.pid_file() or self._to_be
        process = await self._process(pid_file or self._pid_file)
        if process is None:
            return None
        answering, generation = await answers_of(self.asker, process.addresses)
        return Running(
            process.pid,
            process.started,
            process.children,
            process.addresses,
            answering,
            generation,
            pid_file=pid_file or self._pid_file,
            unit=await self._unit_of(process.pid),
            written=process.written,
        )

    async def pid_file(self) -> str:
        """As ``-D DUMP_RUN_CFG`` says."""
        done = await self._run([*self.command, "-t", "-D", "DUMP_RUN_CFG"])
        return _pid_file_in(done.said)

    async def reload(self) -> None:
        """``-k graceful``."""
        await self._control("graceful")

    async def restart(self) -> None:
        """``-k restart``."""
        await self._control("restart")

    async def stop(self, running: Running) -> None:
        """``-k stop`` with the PidFile that it runs with, or its service; the files may say something else by now."""
        if running.unit:
            await self._serve("stop", running.unit)
        else:
            written = running.pid_file.replace("\\", "\\\\").replace('"', '\\"')
            await self._control("stop", "-c", f'PidFile "{written}"')
        deadline = time.monotonic() + _END_S
        self._pid = str(running.pid)
        while (now := await self._process(running.pid_file)) and (now.pid, now.started) == (
            running.pid,
            running.started,
        ):
            if time.monotonic() > deadline:
                raise ApplyError(f"the server did not end within {_END_S:g} s.")
            await asyncio.sleep(0.1)
        self._pid_file = self._pid = ""

    async def start(self, unit: str = "") -> None:
        """``-k start``, or its service. A process that has ended and is still listed is waited for."""
        self._pid_file = self._pid = ""
        if unit:
            return await self._serve("start", unit)
        deadline = time.monotonic() + _END_S
        while "already running" in (said := await self._control("start")):
            if time.monotonic() > deadline:
                raise ApplyError(f"{self.tree.server[0]} -k start: {said.strip()[-300:]}")
            await asyncio.sleep(0.2)

    async def prove(self, before: Running | None, *, anew: bool = False) -> str:
        """Waits until the server shows a new generation, then at least three seconds more, and asks it again."""
        restless = before is not None and before.restless
        now = await self._renewed(None if anew else before, childless=before is not None and before.lifeless)
        await asyncio.sleep(self.settle_s)
        later = await self.running()
        if later is None or (later.pid, later.started) != (now.pid, now.started):
            raise ApplyError(f"the server ended within {self.settle_s:g} s after the {'start' if anew else 'reload'}.")
        born = now.children - before.children if before else now.children
        amiss = "" if born & later.children else f"every new child of the server ended within {self.settle_s:g} s"
        if amiss and not restless:
            raise ApplyError(f"{amiss}.")
        if why := silent(before, later):
            raise ApplyError(f"{why}.")
        answer, unprobed = await aside(self._probe)
        if unprobed and not (before and before.unprobed):
            raise ApplyError(f"{unprobed}.")
        said = proof(None if anew else before, later, self.settle_s) + answer
        still = "".join(f"; {one}, as before" for one in (amiss, unprobed) if one)
        return Caveat(said + still) if still else said

    async def probe(self) -> str:
        """Why the inventory's probe fails; empty where it answers, or there is none."""
        return (await aside(self._probe))[1]

    async def _renewed(self, before: Running | None, *, childless: bool) -> Running:
        """The server once children that were not there before serve, under the same parent.

        One whose children all died before, and of which nobody answered, need not have any at the moment of a look.
        """
        deadline = time.monotonic() + _APPEAR_S
        while True:
            read_again = False
            now = await self.running()
            if now is not None and before is None and (now.children or childless):
                return now
            if now is not None and before is not None:
                if (now.pid, now.started) != (before.pid, before.started):
                    raise ApplyError("the server was replaced by another process; a graceful reload keeps its parent.")
                read_again = now.has_read_again_since(before)
                if read_again and (now.children - before.children or childless):
                    return now
            if now is None and before is not None:
                raise ApplyError("the server ended at the reload.")
            if time.monotonic() > deadline:
                raise ApplyError(
                    "the server has read the new files, and no child of it lives by them."
                    if read_again
                    else "the server shows no new generation: the reload did not take place."
                )
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

    async def _control(self, verb: str, *extra: str) -> str:
        done = await self._run([*self.command, "-k", verb, *extra])
        if done.status:
            raise ApplyError(f"{self.tree.server[0]} -k {verb} failed: {_reason(done)}")
        return done.said

    async def _serve(self, verb: str, unit: str) -> None:
        done = await self._run(["systemctl", verb, unit])
        if done.status:
            raise ApplyError(f"systemctl {verb} {unit} failed: {_reason(done)}")

    async def _unit_of(self, pid: int) -> str:
        """The service of which a process is the main one, asked for once."""
        if self._unit[0] != pid:
            groups = await self._ask(UNIT, (str(pid),), b"", "the look at its control group")
            unit = unit_of(groups.decode("utf-8", "replace"))
            main = await self._run(["systemctl", "show", "-p", "MainPID", unit]) if unit else _Done(1, "")
            self._unit = pid, unit if main.said.strip() == f"MainPID={pid}" else ""
        return self._unit[1]

    async def _run(self, command: Sequence[str]) -> _Done:
        """Runs it in a session of its own: Ctrl-C at the terminal must not reach the server."""
        pairs = (await self.environment()).items()
        given = "".join(f"{name}\n{encoded(value.encode('utf-8', 'surrogateescape'))}\n" for name, value in pairs)
        said = await self._ask(_RUN, command, given.encode(), " ".join(command[-3:]))
        status, _, text = said.decode("utf-8", "replace").partition("\n")
        return _Done(int(status) if status.isdigit() else 255, text)

    async def _process(self, pid_file: str) -> Process | None:
        """The parent process of a PidFile; none where its name is not known."""
        if not pid_file:
            return None
        arguments = (pid_file, self.tree.server[0], self._pid)
        try:
            found = process_of(await self._ask(PROCESSES, arguments, b"", "the look at the server"))
        except ValueError as error:
            raise ApplyError(f"{error}.") from error
        self._pid = str(found.pid) if found else ""
        return found

    async def _ask(self, script: str, arguments: Sequence[str], given: bytes, what: str) -> bytes:
        try:
            return await self.shell.run(script, tuple(arguments), given=given, limit=_OUTPUT, deadline_s=_DEADLINE_S)
        except CollectError as error:
            if error.cause == "timed out":
                raise ApplyError(f"{what} did not end within {_DEADLINE_S} s.") from error
            raise ApplyError(f"{error.what}.", next_step=error.next_step) from error


def _pid_file_in(said: str) -> str:
    match = re.search(r'^PidFile: "(.+)"$', said, re.MULTILINE)
    return match[1] if match else ""


def _reason(done: _Done) -> str:
    """What the server said, its advice left out."""
    lines = [
        line.strip()
        for line in done.said.splitlines()
        if line.strip() and _MOUNTED not in line and "AH00558" not in line and "The Apache error log" not in line
    ]
    return " ".join(lines[-3:])[:600] or f"it ended with {done.status}"
