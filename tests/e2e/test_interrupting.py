"""Ctrl-C in the midst of an apply, at a real terminal: what is under way is taken back or completed, by choice."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from auditor.errors import EXIT_OK, EXIT_TAKEN_BACK
from auditor.services.changes import Judged, SetWay, approve_plan, propose_plan
from auditor.services.check import default_policy
from auditor.surfaces.ilo.simulator.server import VirtualIlo, run_in_thread
from tests.fakes.fleets import TestFleet
from tests.virtual_ilo import PASSWORD, SNMP, USERNAME

pytestmark = pytest.mark.integration

CTRL_C = b"\x03"


class Terminal:
    """A process whose controlling terminal is this one."""

    def __init__(self, command: list[str], environment: dict[str, str], cwd: Path, output: Path) -> None:
        self.master, slave = pty.openpty()
        attributes = termios.tcgetattr(slave)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        with output.open("wb") as report:
            self.process = subprocess.Popen(
                command, stdin=slave, stdout=report, stderr=slave, env=environment, cwd=cwd, start_new_session=True,
                preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
            )  # fmt: skip
        os.close(slave)
        self.seen = b""

    def until(self, text: str) -> None:
        """Waits until the text stands on the terminal."""
        deadline = time.monotonic() + 60
        while text.encode() not in self.seen:
            assert time.monotonic() < deadline, self.seen
            if select.select([self.master], [], [], 0.2)[0]:
                self.seen += os.read(self.master, 4096)

    def type(self, text: bytes) -> None:
        """Presses keys."""
        os.write(self.master, text)

    def end(self) -> int:
        """Waits for the process, and gives its exit code."""
        deadline = time.monotonic() + 60
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.seen
            if select.select([self.master], [], [], 0.05)[0]:
                try:
                    self.seen += os.read(self.master, 4096)
                except OSError:  # its last end was closed
                    self.process.wait(60)
        return self.process.returncode


class Scene:
    """Two iLOs and an approved plan of both; the first one's change waits in the site's own command."""

    def __init__(self, folder: Path, one: VirtualIlo, two: VirtualIlo) -> None:
        self.folder, self.ilos = folder, (one, two)
        hosts = "".join(
            f"  {host}:\n    ilo: {{url: '{ilo.url}', cafile: {ilo.cafile}}}\n"
            for host, ilo in zip(("web1", "web2"), self.ilos, strict=True)
        )
        login = {"AUDITOR_ILO_USERNAME": USERNAME, "AUDITOR_ILO_PASSWORD": PASSWORD}
        self.fleet = TestFleet(folder / "fleet", hosts).make(login)
        self.entered, self.open = folder / "entered", folder / "open"
        os.mkfifo(self.open)
        tool = self.fleet.root / "drain"
        tool.write_text(
            f'#!/bin/sh\ntest "$1" = web1 || exit 0\necho > {self.entered}\nread go < {self.open}\n', encoding="utf-8"
        )
        tool.chmod(0o755)
        file = self.fleet.root / "auditor.yaml"
        file.write_text(f"{file.read_text()}\napply:\n  before: [./drain, '{{host}}']\n")
        self.plan = asyncio.run(self._planned())

    async def _planned(self) -> str:
        made = await propose_plan(
            self.fleet.desk(),
            SetWay(tuple(f'{host}/ilo:ilo.snmp["1"].location=rack 7' for host in ("web1", "web2"))),
            reason="why",
            author="ops1",
            judged_by=Judged(default_policy(("ilo",))),
            key=self.fleet.key("ops1"),
        )
        approve_plan(self.fleet.desk(), made.id, self.fleet.key("lead1"))
        return made.id

    @contextmanager
    def applying(self, *arguments: str) -> Iterator[Terminal]:
        command = [sys.executable, "-m", "auditor", "apply", self.plan[:8], "--format", "json", *arguments]
        terminal = Terminal(command, self.fleet.environment, self.fleet.root, self.folder / "report")
        try:
            deadline = time.monotonic() + 60
            while not self.entered.exists():
                assert terminal.process.poll() is None, terminal.seen
                assert time.monotonic() < deadline
                time.sleep(0.01)
            yield terminal
        finally:
            if terminal.process.poll() is None:
                terminal.process.kill()
            terminal.process.wait()
            os.close(terminal.master)

    def go(self) -> None:
        """The site's own command ends, so the change goes on."""
        self.open.write_text("go\n")

    def locations(self) -> list[bool]:
        """Which of the two bear the new value."""
        return [ilo.state.get(SNMP)["Location"] == "rack 7" for ilo in self.ilos]

    def outcomes(self) -> list[str]:
        """What the report says."""
        return [one["outcome"] for one in json.loads((self.folder / "report").read_text())["outcomes"]]


@pytest.fixture
def scene(tmp_path: Path, ssh_keygen: str) -> Iterator[Scene]:
    one, two = VirtualIlo("ilo5", USERNAME, PASSWORD), VirtualIlo("ilo6", USERNAME, PASSWORD)
    with run_in_thread(one), run_in_thread(two):
        yield Scene(tmp_path, one, two)


def test_what_is_under_way_is_completed_and_nothing_else_begun(scene: Scene) -> None:
    with scene.applying() as terminal:
        terminal.type(CTRL_C)
        terminal.until("t, c or g?")
        terminal.type(b"c\n")
        terminal.until("is completed")
        scene.go()
        assert terminal.end() == EXIT_TAKEN_BACK  # web2 is not as planned
    assert scene.outcomes() == ["applied", "not started"]
    assert scene.locations() == [True, False]


def test_what_is_under_way_is_taken_back(scene: Scene) -> None:
    with scene.applying() as terminal:
        terminal.type(CTRL_C)
        terminal.until("t, c or g?")
        terminal.type(b"t\n")
        terminal.end()
    assert scene.outcomes() == ["refused", "not started"]
    assert scene.locations() == [False, False]


def test_the_run_goes_on_if_the_person_says_so(scene: Scene) -> None:
    with scene.applying() as terminal:
        terminal.type(CTRL_C)
        terminal.until("t, c or g?")
        terminal.type(b"g\n")
        scene.go()
        assert terminal.end() == EXIT_OK
    assert scene.outcomes() == ["applied", "applied"]
    assert scene.locations() == [True, True]


def test_no_other_target_is_begun_while_the_question_stands(scene: Scene) -> None:
    with scene.applying() as terminal:
        terminal.type(CTRL_C)
        terminal.until("t, c or g?")
        scene.go()
        deadline = time.monotonic() + 60
        while not scene.locations()[0]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        ledger = scene.fleet.desk()
        while not any(event.kind == "applied" for event in ledger.events(scene.plan)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert terminal.process.poll() is None
        terminal.type(CTRL_C)
        terminal.end()
    assert scene.outcomes() == ["applied", "not started"]
    assert scene.locations() == [True, False]


@pytest.mark.parametrize("how", ["take-back", "complete"])
def test_what_was_said_beforehand_needs_no_question(scene: Scene, how: str) -> None:
    with scene.applying("--on-interrupt", how) as terminal:
        terminal.type(CTRL_C)
        terminal.until("Interrupted")
        if how == "complete":
            scene.go()
        terminal.end()
    assert scene.locations() == [how == "complete", False]


def test_a_termination_takes_back_unasked(scene: Scene) -> None:
    with scene.applying("--on-interrupt", "complete") as terminal:
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.end() == -signal.SIGTERM
    assert scene.outcomes() == ["refused", "not started"]
    assert scene.locations() == [False, False]
