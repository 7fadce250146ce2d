"""Runs that are ended from outside leave no session on an iLO: those are few, and last half an hour."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from auditor.surfaces.ilo.simulator.server import VirtualIlo, run_in_thread
from tests.virtual_ilo import PASSWORD, USERNAME

pytestmark = pytest.mark.integration


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


LOGGING_IN, READING = ("POST", "/Sessions"), ("GET", "/SnmpService")


@pytest.mark.parametrize(
    ("end", "during", "background"),
    [
        (signal.SIGINT, LOGGING_IN, False),
        (signal.SIGINT, READING, False),
        (signal.SIGTERM, LOGGING_IN, False),
        (signal.SIGTERM, READING, False),
        (signal.SIGTERM, LOGGING_IN, True),
        (signal.SIGTERM, READING, True),  # started with & in a script: SIGINT is ignored there
    ],
)
def test_an_ended_run_logs_out(end: signal.Signals, during: tuple[str, str], background: bool) -> None:
    method, path = during
    with run_in_thread(VirtualIlo("ilo5", USERNAME, PASSWORD)) as ilo:
        ilo.faults.add("latency", path, seconds=2 if method == "POST" else 60, method=method)
        command = [sys.executable, "-m", "auditor", "check", ilo.url.replace("https", "ilo"), "--cafile", ilo.cafile]
        login = {"AUDITOR_ILO_USERNAME": USERNAME, "AUDITOR_ILO_PASSWORD": PASSWORD}
        with subprocess.Popen(
            command,
            env={**os.environ, **login},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=_ignore_interrupts if background else None,
        ) as process:
            deadline = time.monotonic() + 60
            while not any(one == method and path in asked for one, asked in tuple(ilo.requests)):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.01)
            process.send_signal(end)
            _, errors = process.communicate(timeout=60)
        assert b"Traceback" not in errors
        assert process.returncode == (130 if end == signal.SIGINT else -end)
        assert (ilo.opened_sessions, ilo.sessions) == (1, {})


def test_a_killed_run_leaves_what_nobody_can_close() -> None:
    """What cannot be helped is counted too: the next run still gets in."""
    with run_in_thread(VirtualIlo("ilo5", USERNAME, PASSWORD, session_limit=2)) as ilo:
        ilo.faults.add("latency", "/SnmpService", seconds=60, times=1)
        command = [sys.executable, "-m", "auditor", "check", ilo.url.replace("https", "ilo"), "--cafile", ilo.cafile]
        environment = {**os.environ, "AUDITOR_ILO_USERNAME": USERNAME, "AUDITOR_ILO_PASSWORD": PASSWORD}
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            while not any("/SnmpService" in asked for _, asked in tuple(ilo.requests)):
                assert process.poll() is None
                time.sleep(0.01)
            process.kill()
        assert len(ilo.sessions) == 1
        done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
        assert done.returncode in (0, 1), done.stderr
        assert len(ilo.sessions) == 1
