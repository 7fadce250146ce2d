import asyncio
import contextlib
import os
import time
from pathlib import Path

import pytest

from auditor.errors import CollectError
from auditor.transport.interface import Shell
from auditor.transport.local_shell import LocalShell

SHELL: Shell = LocalShell()


def run(script: str, *arguments: str, given: bytes = b"", limit: int = 1 << 20, deadline_s: float = 30.0) -> bytes:
    return asyncio.run(SHELL.run(script, arguments, given=given, limit=limit, deadline_s=deadline_s))


def test_the_output_is_given_and_foreign_text_stays_text():
    odd = "a b'\"$(touch /tmp/x);\n表\udcff"
    assert run('printf "%s|%s" "$1" "$2"', odd, "") == odd.encode("utf-8", "surrogateescape") + b"|"


def test_input_and_output_larger_than_any_pipe_pass_at_once():
    given = b"x" * 3_000_000
    assert run("cat; cat >&2 </dev/null", given=given, limit=3_000_000) == given


def test_input_that_is_not_read_is_no_error():
    assert run("echo done", given=b"x" * 3_000_000) == b"done\n"


def test_the_locale_is_c_and_the_path_is_fixed(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert run('printf "%s %s" "$LC_ALL" "$PATH"') == b"C /usr/sbin:/usr/bin:/sbin:/bin"


def test_a_failure_is_an_error_with_the_last_complaint():
    with pytest.raises(CollectError, match=r"ended with 3: second$") as caught:
        run("echo out; echo first >&2; echo second >&2; exit 3")
    assert caught.value.cause == "malformed"


def test_a_shell_that_is_not_there_is_an_error():
    with pytest.raises(CollectError, match="does not exist") as caught:
        asyncio.run(LocalShell(("/nowhere/sh",)).run("exit", limit=1, deadline_s=9))
    assert caught.value.cause == "absent"


def test_more_output_than_the_limit_is_an_error():
    with pytest.raises(CollectError, match="more than 1,000 bytes") as caught:
        run("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", limit=1000)
    assert caught.value.cause == "too large"


def test_exactly_the_limit_is_not_too_much():
    assert run("printf 12345", limit=5) == b"12345"


def alive(pid: int) -> bool:
    """Whether a process runs: one that waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def await_end(pid: int) -> bool:
    for _ in range(500):
        if not alive(pid):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("script", ["sleep 600 & echo $! >{}; wait", "sleep 600 & echo $! >{}"])
def test_after_the_deadline_nothing_is_left_running(script: str, tmp_path: Path):
    note = tmp_path / "pid"
    with pytest.raises(CollectError, match="no answer") as caught:
        run(script.format(note), deadline_s=1.0)
    assert caught.value.cause == "timed out"
    assert await_end(int(note.read_text()))


def test_a_cancelled_call_leaves_nothing_running(tmp_path: Path):
    note = tmp_path / "pid"
    os.mkfifo(note)

    async def cancel() -> int:
        job = asyncio.create_task(SHELL.run("sleep 600 & echo $! >$1; wait", (str(note),), limit=1000, deadline_s=600))
        pid = int(await asyncio.to_thread(note.read_text))
        job.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await job
        return pid

    assert await_end(asyncio.run(cancel()))


@pytest.mark.parametrize("turns", range(12))
def test_a_call_cancelled_while_it_starts_leaves_nothing_running(turns: int, tmp_path: Path):
    """``turns`` is how often the event loop goes round before."""
    seconds = f"600.{os.getpid()}{turns:02}"

    async def cancel() -> None:
        job = asyncio.create_task(SHELL.run('sleep "$1" & wait', (seconds,), limit=1000, deadline_s=600))
        for _ in range(turns):
            await asyncio.sleep(0)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job

    asyncio.run(cancel())
    assert all(await_end(pid) for pid in started_with(seconds))


def started_with(argument: str) -> list[int]:
    """The processes that have that argument."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if argument.encode() in (folder / "cmdline").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found
