"""Scripts on this machine, bounded in time and output."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from typing import Final

from auditor.errors import CollectError

_COMPLAINT: Final = 4 * 1024
_OUTPUT: Final = 1
_ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


class LocalShell:
    """Runs scripts with this machine's ``/bin/sh``, each in a process group of its own that never outlives the call.

    ``program`` is the shell to use and ``environment`` what it finds set, instead of a fixed path and the C locale.
    """

    def __init__(self, program: tuple[str, ...] = ("/bin/sh",), environment: Mapping[str, str] = _ENVIRONMENT) -> None:
        self._program = program
        self._environment = dict(environment)

    async def run(
        self, script: str, arguments: tuple[str, ...] = (), *, given: bytes = b"", limit: int, deadline_s: float
    ) -> bytes:
        """The standard output of a script: see :meth:`auditor.transport.interface.Shell.run`."""
        transport, talk = await self._start((*self._program, "-c", script, "sh", *arguments), limit)
        try:
            async with asyncio.timeout(deadline_s):
                stdin = transport.get_pipe_transport(0)
                assert isinstance(stdin, asyncio.WriteTransport)  # noqa: S101 - it was asked for as a pipe
                stdin.write(given)
                stdin.write_eof()
                await talk.heard
        except TimeoutError as error:
            raise CollectError(f"no answer from the shell within {deadline_s:g} s", cause="timed out") from error
        finally:
            await _finish(transport, talk)
        if code := transport.get_returncode():
            raise CollectError(f"the shell ended with {code}{talk.last_complaint()}", cause="malformed")
        return bytes(talk.output)

    async def _start(self, command: tuple[str, ...], limit: int) -> tuple[asyncio.SubprocessTransport, _Talk]:
        starting = asyncio.ensure_future(
            asyncio.get_running_loop().subprocess_exec(
                lambda: _Talk(limit), *command, env=self._environment, start_new_session=True
            )
        )
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            # Cancelled while it starts, asyncio ends the shell alone and then waits for what the shell has started.
            with contextlib.suppress(OSError, ValueError):
                await _finish(*await starting)
            raise
        except PermissionError as error:
            raise CollectError(f"{command[0]} may not be run by this user", cause="not permitted") from error
        except FileNotFoundError as error:
            raise CollectError(f"{command[0]} does not exist", cause="absent") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise CollectError(f"{command[0]} cannot be run: {reason}", cause="malformed") from error


class _Talk(asyncio.SubprocessProtocol):
    """What one script said. ``heard`` ends with the script and its pipes, or fails on too much output."""

    def __init__(self, limit: int) -> None:
        self.output = bytearray()
        self.heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed = asyncio.Event()
        self._limit = limit
        self._complaint = b""

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Keeps output up to the limit, and the end of what is said on standard error."""
        if fd != _OUTPUT:
            self._complaint = (self._complaint + data)[-_COMPLAINT:]
        elif len(self.output) + len(data) <= self._limit:
            self.output += data
        elif not self.heard.done():
            self.heard.set_exception(
                CollectError(f"the shell wrote more than {self._limit:,} bytes", cause="too large")
            )

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - as the protocol names it
        """Called once the script has ended and every pipe is closed."""
        self.closed.set()
        if not self.heard.done():
            self.heard.set_result(None)

    def last_complaint(self) -> str:
        """The last line of standard error, for a message; empty where there was none."""
        lines = self._complaint.decode("utf-8", "backslashreplace").strip().splitlines()
        return f": {lines[-1][:200]}" if lines else ""


async def _finish(transport: asyncio.SubprocessTransport, talk: _Talk) -> None:
    """Ends what still runs of a script and everything it started: a group keeps its number while one of it lives."""
    leader = transport.get_pid()
    if not talk.closed.is_set() and leader is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)
    transport.close()
    await talk.closed.wait()
