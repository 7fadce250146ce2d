"""One login to one machine: requests go in, replies come back, and only a reply with its end mark is believed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import Mapping, Sequence
from typing import Final, cast

from auditor.errors import CollectError
from auditor.transport.ssh import failures
from auditor.transport.ssh.address import Patience, SshAddress
from auditor.transport.ssh.failures import Stage
from auditor.transport.ssh.replies import Record, records_of
from auditor.transport.ssh.script import APART, AS_ROOT, BOOT, INSIDE, RIGHTS, RUN, SCRIPT, START, encoded

CONFIG_VARIABLE: Final = "AUDITOR_SSH_CONFIG"
"""The environment variable that names an ssh_config to use instead of the user's own."""
_PIECE: Final = 256 * 1024
_NOISE: Final = 256 * 1024
"""Bytes that a login may print before the first mark."""
_ERRORS: Final = 16 * 1024
_SLACK: Final = 64 * 1024
_ENDS_WITHIN_S: Final = 3.0
_LATE_S: Final = 15.0
"""How much longer a script's reply is waited for than the far side lets the script run."""


class SshConnection:
    """One ``ssh`` that runs one shell on another machine. Also a :class:`auditor.transport.interface.Shell`.

    After an error of reading, ``lost`` holds it and every later request raises it: what came before it counts only
    with what was to come after it. ``round_trips`` counts how often a reply was waited for.
    """

    def __init__(self, address: SshAddress, patience: Patience | None = None) -> None:
        self.address = address
        self.round_trips = 0
        self.lost: CollectError | None = None
        self._patience = patience or Patience()
        self._mark = f"auditor-{secrets.token_hex(16)}"
        self._process: asyncio.subprocess.Process | None = None
        self._errors = bytearray()
        self._watch: asyncio.Task[None] | None = None
        self._came = bytearray()
        self._turn = asyncio.Lock()
        self._script = ""

    async def open(self, environment: Mapping[str, str]) -> None:
        """Logs in and starts the script over there.

        Errors:
            CollectError: it failed; the cause tells an unknown or changed host key (``not trusted``), a refused login
                (``refused``), a machine that is not there or does not answer, and a shell that is of no use apart.
        """
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self.address.command(self._patience),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**os.environ, **environment, "LC_ALL": "C"},
                start_new_session=True,  # with it ends what it starts for a ProxyJump, and no terminal is asked
            )
        except FileNotFoundError as error:
            raise failures.no_client() from error
        except OSError as error:
            raise CollectError(f"ssh cannot be started: {error.strerror}", cause="unsupported") from error
        self._watch = asyncio.create_task(self._gather_errors())
        apart = [APART, *(encoded(os.fsencode(one)) for one in self.address.inside)] if self.address.inside else []
        rights = [AS_ROOT] if self.address.sudo else []
        lines = [*rights, *apart, START, self._mark, encoded(SCRIPT.encode())]
        self.round_trips += 1
        stage: Stage = "connecting"
        try:
            async with asyncio.timeout(self._patience.answer_s):
                await self._send(lines)
                await self._until(f"{BOOT}\n".encode(), stage)
                if self.address.sudo:
                    stage = "sudo"
                    await self._until(f"{RIGHTS}\n".encode(), stage)
                stage = "starting"
                if self.address.inside:
                    await self._until(f"{INSIDE}\n".encode(), stage)
                await self._until(f"\n{self._mark} ready".encode(), stage)
                ready = await self._until(f"\n{self._mark} .\n".encode(), stage)
        except TimeoutError as error:
            raise self._give_up(failures.silent(self.address, stage, self._patience.answer_s)) from error
        except asyncio.CancelledError:
            self._give_up(failures.lost(self.address))
            raise
        if tools := ready.decode("ascii", "replace").strip():
            raise self._give_up(failures.lacking(self.address, tools))

    async def ask(self, requests: Sequence[Sequence[str]], limit: int, deadline_s: float) -> list[list[Record]]:
        """The replies to several requests, asked for at once: one round trip. ``limit`` bounds each in bytes.

        Errors:
            CollectError: the connection is lost, a reply is too large, or not all came within the time.
        """
        async with self._turn:
            if self.lost is not None:
                raise self.lost
            self.round_trips += 1
            try:
                async with asyncio.timeout(max(deadline_s, 0.0)):
                    lines = [line for one in requests for line in self._without_known_script(one)]
                    sending = asyncio.create_task(self._send(lines))
                    try:
                        replies = [await self._reply(limit) for _ in requests]
                    finally:
                        sending.cancel()
                        await asyncio.gather(sending, return_exceptions=True)
            except TimeoutError as error:
                raise self._give_up(failures.silent(self.address, "reading", deadline_s)) from error
            except (asyncio.CancelledError, CollectError) as error:
                self._give_up(error if isinstance(error, CollectError) else failures.lost(self.address))
                raise
            return replies

    async def run(
        self, script: str, arguments: tuple[str, ...] = (), *, given: bytes = b"", limit: int, deadline_s: float
    ) -> bytes:
        """The standard output of a POSIX sh script over there.

        Errors:
            CollectError: see :class:`auditor.transport.interface.Shell`.
        """
        told = len(self._errors)
        seconds = max(1, int(deadline_s))
        words = [encoded(one.encode("utf-8", "surrogateescape")) for one in arguments]
        head = f"{RUN} {limit + 1} {seconds} {len(words)}"
        request = (head, encoded(script.encode()), encoded(given), *words)
        # The far side ends a script that is late, where it can; the connection is given up only after that.
        (records,) = await self.ask([request], limit + _SLACK, deadline_s + _LATE_S)
        found = dict(records)
        output, status = found.get("o"), found.get("s", b"").decode("ascii", "replace")
        if output is None or not status.isdigit():
            raise CollectError(f"{self.address}: the far side's reply is not understood", cause="malformed")
        if len(output) > limit:
            raise CollectError(f"{self.address}: a script's output is larger than {limit:,} bytes", cause="too large")
        if status == "137":
            raise CollectError(f"{self.address}: a script took longer than {seconds} s", cause="timed out")
        if status != "0":
            words_there = bytes(self._errors[told:]).decode("utf-8", "replace").strip().split("\n")[-1]
            shown = "".join(one if one.isprintable() else "?" for one in words_there)[:200]
            raise CollectError(
                f"{self.address}: a script ended with status {status}{f': {shown}' if shown else ''}",
                cause="malformed",
            )
        return output

    async def hold(self, path: str, holder: str, deadline_s: float) -> str:
        """Locks a file over there for as long as the connection lasts; gives who holds it where that is another.

        Errors:
            CollectError: the connection is lost, or the reply is not understood.
        """
        request = ("hold", *(encoded(one.encode("utf-8", "surrogateescape")) for one in (path, holder)))
        (records,) = await self.ask([request], _ERRORS, deadline_s)
        if [letter for letter, _ in records] != ["g"]:
            raise CollectError(f"{self.address}: the far side's reply is not understood", cause="malformed")
        return records[0][1].decode("utf-8", "replace").strip()

    async def close(self) -> None:
        """Ends the connection; nothing of it is left running here. Never raises."""
        process = self._process
        if process is None:
            return
        idle = self.lost is None and not self._turn.locked()
        self.lost = self.lost or failures.lost(self.address)
        if idle:
            if process.stdin is not None:
                process.stdin.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ENDS_WITHIN_S):
                    await process.wait()
        _kill(process)
        # Pipes that a child of its own may still hold open, or that are full and no longer read: waiting for the
        # process is waiting for the end of each of them.
        process._transport.close()  # type: ignore[attr-defined]
        await process.wait()
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await asyncio.sleep(0)  # in which the loop closes them

    # Bytes

    @property
    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise self.lost or failures.lost(self.address)
        return self._process

    def _without_known_script(self, request: Sequence[str]) -> Sequence[str]:
        """The request as it is sent, with an empty line for the script that the far side was sent before.

        What is cut off in between costs the connection, so what it was sent last is what it has.
        """
        if not request[0].startswith(f"{RUN} "):
            return request
        known, self._script = self._script, request[1]
        return request if known != self._script else (request[0], "", *request[2:])

    async def _send(self, lines: Sequence[str]) -> None:
        stdin = cast(asyncio.StreamWriter, self._running.stdin)
        with contextlib.suppress(ConnectionError):  # what it means is told by the missing reply
            for line in lines:
                stdin.write(line.encode("ascii") + b"\n")
                await stdin.drain()

    async def _reply(self, limit: int) -> list[Record]:
        reply = await self._until(f"\n{self._mark} .\n".encode(), "reading", limit + _SLACK)
        return records_of(reply, f"{self._mark} ".encode())

    async def _until(self, mark: bytes, stage: Stage, limit: int = _NOISE) -> bytes:
        """What comes before a mark; the line feed that ends the mark is left for the next."""
        stdout = cast(asyncio.StreamReader, self._running.stdout)
        looked = 0
        while (at := self._came.find(mark, looked)) < 0:
            if len(self._came) > limit:
                raise self._give_up(
                    CollectError(f"{self.address}: a reply is larger than {limit:,} bytes", cause="too large")
                )
            looked = max(0, len(self._came) - len(mark))
            piece = await stdout.read(_PIECE)
            if not piece:
                raise self._give_up(await self._why(stage))
            self._came += piece
        found = bytes(self._came[:at])
        del self._came[: at + len(mark) - (1 if mark.endswith(b".\n") else 0)]
        return found

    async def _gather_errors(self) -> None:
        stderr = cast(asyncio.StreamReader, self._running.stderr)
        while piece := await stderr.read(_PIECE):
            self._errors += piece
            if len(self._errors) > 2 * _ERRORS:  # the first and the last words are those that say why
                del self._errors[_ERRORS:-_ERRORS]

    async def _why(self, stage: Stage) -> CollectError:
        """Why the connection ended by itself."""
        process = self._running
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ENDS_WITHIN_S):
                await process.wait()
                if self._watch is not None:
                    await asyncio.shield(self._watch)
        errors = bytes(self._errors).decode("utf-8", "replace")
        said = bytes(self._came[-_ERRORS:]).decode("utf-8", "replace")
        return failures.failure(self.address, stage, process.returncode, errors, said)

    def _give_up(self, error: CollectError) -> CollectError:
        """Remembers that nothing of this connection counts any more, and ends it."""
        if self.lost is None:
            self.lost = error
        if self._process is not None:
            _kill(self._process)
        return self.lost


def _kill(process: asyncio.subprocess.Process) -> None:
    """Ends it with what it has started."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
