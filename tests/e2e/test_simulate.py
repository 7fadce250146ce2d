"""An iLO that the store holds, and one that misbehaves, served by the command and read by the command."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.surfaces.ilo.simulator.server import VirtualIlo, run_in_thread
from tests.fakes.fleets import TestFleet
from tests.virtual_ilo import PASSWORD, SNMP, USERNAME

pytestmark = pytest.mark.integration


def auditor(folder: Path, username: str, password: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "AUDITOR_ILO_USERNAME": username, "AUDITOR_ILO_PASSWORD": password}
    command = [sys.executable, "-m", "auditor", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@contextlib.contextmanager
def simulated(folder: Path, *words: str) -> Iterator[dict[str, str]]:
    command = [sys.executable, "-m", "auditor", "simulate", *words]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=30)
    assert errors == ""


def test_a_stored_ilo_is_served_and_looks_the_same_to_the_auditor(tmp_path: Path) -> None:
    with run_in_thread(VirtualIlo("ilo6", USERNAME, PASSWORD)) as ilo:
        ilo.state.set(SNMP, "/Contact", "of the stored one")
        inventory = f"  web1:\n    ilo: {{url: '{ilo.url}', cafile: {ilo.cafile}}}\n"
        fleet = TestFleet(tmp_path / "fleet", inventory).make()
        taken = auditor(fleet.root, USERNAME, PASSWORD, "snapshot")
        assert taken.returncode == 0, taken.stderr
    with simulated(fleet.root, "snapshot:latest:web1/ilo") as told:
        address = told["url"].replace("https", "ilo")
        known = told["username"], told["password"]
        done = auditor(fleet.root, *known, "check", address, "--cafile", told["cafile"], "--format", "json")
        stored = auditor(fleet.root, *known, "check", "snapshot:latest:web1/ilo", "--format", "json")
    assert "sim-trap-community" not in done.stdout + stored.stdout
    served, kept = (
        {one["rule"]: (one["outcome"], one["examined"]) for one in json.loads(run.stdout)["targets"][0]["results"]}
        for run in (done, stored)
    )
    assert served == kept
    assert "fail" in {outcome for outcome, _ in served.values()}


def test_a_fault_is_a_gap_of_the_report(tmp_path: Path) -> None:
    with simulated(tmp_path, "ilo5", "--fault", "page:/SnmpService") as told:
        address = told["url"].replace("https", "ilo")
        known = told["username"], told["password"]
        done = auditor(tmp_path, *known, "check", address, "--cafile", told["cafile"])
    assert done.returncode == 3
    assert "malformed" in done.stdout
    assert SNMP in done.stdout
    assert told["password"] not in done.stdout + done.stderr


def test_what_the_store_does_not_hold_cannot_be_served(tmp_path: Path) -> None:
    with run_in_thread(VirtualIlo("ilo5", USERNAME, PASSWORD)) as ilo:
        inventory = f"  web1:\n    ilo: {{url: '{ilo.url}', cafile: {ilo.cafile}}}\n"
        fleet = TestFleet(tmp_path / "fleet", inventory).make()
        assert auditor(fleet.root, "", "", "simulate", "snapshot:latest:web1/ilo").returncode == 2
        assert auditor(fleet.root, USERNAME, PASSWORD, "snapshot").returncode == 0
    for word in ("snapshot:latest:nobody/ilo", "snapshot:latest:web1/httpd", "snapshot:1999-01-01:web1/ilo", "nowhere"):
        done = auditor(fleet.root, "", "", "simulate", word)
        assert done.returncode == 2, word
        assert done.stderr.strip(), word
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
