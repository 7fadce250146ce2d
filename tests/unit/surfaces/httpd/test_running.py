"""Which process a PidFile is of: a server that cannot be seen is not said not to run."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.surfaces.httpd.carry_out.running import PROCESSES, Process, process_of
from auditor.transport.local_shell import LocalShell

AS_NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "/bin/sh")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other users can look into."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def daemon(place: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process whose name is that of Debian's httpd."""
    program = place / "apache2"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
    with subprocess.Popen([str(program), "600"]) as process:
        (place / "pid").write_text(f"{process.pid}\n")
        yield process
        process.kill()


def found(pid_file: Path, program: Path, known: str = "", shell: tuple[str, ...] = ("/bin/sh",)) -> Process | None:
    run = LocalShell(shell).run(PROCESSES, (str(pid_file), str(program), known), limit=1 << 24, deadline_s=60)
    return process_of(asyncio.run(run))


def test_a_server_that_is_started_by_another_command_is_not_taken_for_none(
    daemon: subprocess.Popen[bytes], place: Path
) -> None:
    seen = found(place / "pid", place / "apache2")
    assert seen is not None
    assert seen.pid == daemon.pid
    control = place / "apache2ctl"
    control.write_text("#!/bin/sh\n")
    control.chmod(0o755)
    with pytest.raises(ValueError, match="is apache2, and the inventory's server is apache2ctl"):
        found(place / "pid", control)


def test_the_process_of_something_else_is_none_of_the_server(place: Path) -> None:
    """A PidFile that was left by a crash, whose number something else has by now."""
    (place / "pid").write_text(f"{os.getpid()}\n")
    assert found(place / "pid", place / "apache2") is None
    assert found(place / "none", place / "apache2") is None
    assert found(place / "run/not/there/pid", place / "apache2") is None
    assert found(Path("no-folder-before-it"), place / "apache2") is None
    (place / "empty").touch()
    assert found(place / "empty", place / "apache2") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_a_pid_file_that_may_not_be_looked_at_does_not_say_that_nothing_runs(
    daemon: subprocess.Popen[bytes], place: Path
) -> None:
    run = place / "run"
    run.mkdir(mode=0o710)
    (run / "pid").write_text(f"{daemon.pid}\n")
    with pytest.raises(ValueError, match="cannot be seen: its PidFile may not be looked at"):
        found(run / "pid", place / "apache2", shell=AS_NOBODY)
    secret = place / "secret"
    secret.write_text(f"{daemon.pid}\n")
    secret.chmod(0o600)
    with pytest.raises(ValueError, match="may not be looked at"):
        found(secret, place / "apache2", shell=AS_NOBODY)
    assert found(place / "none", place / "apache2", shell=AS_NOBODY) is None
    seen = found(place / "pid", place / "apache2", shell=AS_NOBODY)
    assert seen is not None
    assert seen.pid == daemon.pid
