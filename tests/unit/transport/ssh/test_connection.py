"""A far side that says what it likes: every word of it is bounded, and none is taken for a tree."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from auditor.errors import CollectError
from auditor.transport.ssh.address import Patience, SshAddress
from auditor.transport.ssh.connection import SshConnection
from auditor.transport.ssh.reader import SshReader
from tests.far_shells import KINDS, far_shell

READY = 'echo auditor-sh; read -r start; read -r mark; read -r script; printf "\\n$mark ready\\n$mark .\\n"; '
"""Does what a real one does up to the first request."""


def connect(folder: Path, script: str, *, sudo: bool = False, seconds: float = 60) -> CollectError:
    """The error that reading a tree from such a far side ends with."""
    folder.mkdir()
    (folder / "ssh").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "ssh").chmod(0o755)

    async def run() -> None:
        connection = SshConnection(SshAddress("web1", sudo=sudo), Patience(answer_s=seconds))
        try:
            await connection.open({"PATH": f"{folder}:{os.environ['PATH']}"})
            loop = asyncio.get_running_loop()
            reader = SshReader(connection, loop, withheld="x", deadline=time.monotonic() + seconds)
            await asyncio.to_thread(reader.walk, "/t", frozenset[str](), 9)
        finally:
            await connection.close()

    with pytest.raises(CollectError) as caught:
        asyncio.run(run())
    return caught.value


@pytest.mark.parametrize(
    ("script", "cause", "says"),
    [
        ("exec yes", "too large", "larger than"),
        ("exec cat /dev/zero", "too large", "larger than"),
        ("echo auditor-sh; exec yes", "too large", "larger than"),
        ("echo auditor-sh", "unsupported", "does not run the script"),
        ("echo auditor-sh; echo 'sh: syntax error' >&2; exit 2", "unsupported", "syntax error"),
        ("exit 0", "unsupported", "no POSIX shell answers"),
        ("echo 'This account is closed.'; exit 1", "unsupported", "This account is closed"),
        ("echo 'Host key verification failed.' >&2; exit 1", "unsupported", "no POSIX shell answers"),
        ("exit 255", "unreachable", "no connection"),
        ("kill -9 $$", "unreachable", "no connection"),
        ("echo auditor-sh; exit 255", "unreachable", "was lost"),
        (READY + "exit 0", "unreachable", "was lost"),
        (READY + "exit 255", "unreachable", "was lost"),
        (READY + 'printf "\\n$mark ."; exit 0', "unreachable", "was lost"),
        (READY + 'printf "garbage\\n$mark .\\n\\n$mark .\\n"; cat', "malformed", "not understood"),
        (READY + 'printf "\\n$mark .\\n\\n$mark .\\n"; cat', "malformed", "no reply about /t"),
        (
            READY + 'printf "\\n$mark p/t\\n$mark r/t\\n$mark e41ed/0/r/0/r/1/1///t\\n\\n$mark .\\n'
            '$mark e81a4/0/r/0/r/1/1///etc/shadow\\n$mark =end\\n\\n$mark .\\n"; cat',
            "malformed",
            "not about this tree",
        ),
    ],
)
def test_a_far_side_that_says_something_else(tmp_path: Path, script: str, cause: str, says: str) -> None:
    error = connect(tmp_path / "far", script)
    assert (error.cause, says in error.what) == (cause, True), error.what
    assert error.next_step is None or "\n" not in error.next_step


def test_a_reply_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.transport.ssh.reader.MAX_LISTING", 1 << 20)
    error = connect(tmp_path / "far", READY + 'while :; do printf "$mark e81a4/0/r/0/r/1/1///t/x\\n"; done')
    assert error.cause == "too large"


def test_a_far_side_that_floods_while_nobody_reads_is_closed(tmp_path: Path) -> None:
    (tmp_path / "ssh").write_text(f"#!/bin/sh\n{READY}exec yes\n")
    (tmp_path / "ssh").chmod(0o755)

    async def run() -> None:
        connection = SshConnection(SshAddress("web1"), Patience(answer_s=60))
        await connection.open({"PATH": f"{tmp_path}:{os.environ['PATH']}"})
        stdout = connection._running.stdout
        while not stdout._paused:  # type: ignore[union-attr]
            await asyncio.sleep(0.01)
        async with asyncio.timeout(60):
            await connection.close()

    asyncio.run(run())


def test_silence_is_given_up(tmp_path: Path) -> None:
    assert connect(tmp_path / "far", "exec sleep 60", seconds=1).cause == "timed out"
    assert connect(tmp_path / "far2", READY + "exec sleep 60", seconds=1).cause == "timed out"


@pytest.mark.parametrize(
    ("script", "cause", "says"),
    [
        ("echo auditor-sh; echo 'sudo: a password is required' >&2; exit 1", "not permitted", "password is required"),
        ("echo auditor-sh; echo 'sh: exec: sudo: not found' >&2; exit 127", "unsupported", "no sudo there"),
        ("echo auditor-sh; echo 'sudo: パスワードが必要です' >&2; exit 1", "not permitted", "パスワードが必要です"),
        ("echo auditor-sh; exit 255", "unreachable", "was lost"),
    ],
)
def test_a_far_side_without_sudo(tmp_path: Path, script: str, cause: str, says: str) -> None:
    error = connect(tmp_path / "far", script, sudo=True)
    assert (error.cause, says in error.what) == (cause, True)


def test_what_is_said_is_shown_without_control_characters(tmp_path: Path) -> None:
    error = connect(tmp_path / "far", "printf 'bad \\033[31m\\007 words\\n' >&2; exit 1")
    assert "bad ?[31m? words" in error.what


@pytest.mark.parametrize("kind", KINDS)
def test_a_script_that_is_run_again_is_sent_once_and_is_never_taken_for_another(tmp_path: Path, kind: str) -> None:
    far = far_shell(tmp_path, kind)
    first, second = 'echo "one $1"; cat; # ' + "long " * 2000, 'echo "two $1"'
    sent: list[int] = []

    async def run() -> None:
        connection = SshConnection(SshAddress("web1"))
        await connection.open(far.environment)
        original = connection._send

        async def counted(lines: Sequence[str]) -> None:
            sent.append(sum(map(len, lines)))
            await original(lines)

        connection._send = counted  # type: ignore[method-assign]

        async def said(script: str, word: str, given: bytes = b"") -> bytes:
            return await connection.run(script, (word,), given=given, limit=100, deadline_s=30)

        try:
            assert await said(first, "a", b"x") == b"one a\nx"
            assert await said(first, "b") == b"one b\n"
            waiting = asyncio.ensure_future(said(second, "c"))
            never = asyncio.ensure_future(said(first, "d"))  # queued behind it, and cancelled before it was sent
            last = asyncio.ensure_future(said(second, "e"))
            await asyncio.sleep(0)
            never.cancel()
            assert [await waiting, await last] == [b"two c\n", b"two e\n"]
            assert await said(first, "f") == b"one f\n"
        finally:
            await connection.close()

    asyncio.run(run())
    assert [many > 5000 for many in sent] == [True, False, False, False, True]
