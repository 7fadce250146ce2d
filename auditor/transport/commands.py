"""Running a command of the site's own: no shell, no input, bounded time and output, ended with all that it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from typing import Final

import msgspec

from auditor.errors import InputError

_MOST_OUTPUT: Final = 65_536


class Ended(msgspec.Struct, frozen=True):
    """How a command ended: its exit code and what it wrote, the first 64 KiB."""

    code: int
    output: str


async def run_command(
    command: tuple[str, ...],
    words: Mapping[str, str],
    environment: Mapping[str, str],
    deadline_s: float,
    *,
    errors_too: bool = False,
) -> Ended:
    """Runs a program with its arguments, in which ``{host}`` and the like are replaced by ``words``.

    ``errors_too``: what it writes to standard error belongs to its output.

    Errors:
        InputError: it cannot be run, or has not ended in time; then it was ended, with all that it started.
    """
    arguments = [_filled(one, words) for one in command]
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT if errors_too else asyncio.subprocess.DEVNULL,
            env=dict(environment),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise InputError(f"{arguments[0]} cannot be run: {getattr(error, 'strerror', None) or error}") from error
    assert process.stdout is not None  # noqa: S101 - asked for above
    try:
        async with asyncio.timeout(deadline_s):
            output = bytearray()
            while more := await process.stdout.read(_MOST_OUTPUT):
                output += more[: _MOST_OUTPUT - len(output)]
            code = await process.wait()
    except TimeoutError:
        raise InputError(f"{arguments[0]} gave no answer within {deadline_s:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # with all that it started
            process._transport.close()  # type: ignore[attr-defined]  # what left the group may hold the pipe open
            await process.wait()
    return Ended(code, bytes(output).decode("utf-8", "replace").strip())


def _filled(text: str, words: Mapping[str, str]) -> str:
    for name, value in words.items():
        text = text.replace("{" + name + "}", value)
    return text
