"""DMTF's Redfish-Protocol-Validator against the virtual iLO: it fails what was reviewed, no more and no less."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

from auditor.surfaces.ilo.simulator.server import VirtualIlo, run_in_thread
from tests import run_protocol_validator
from tests.protocol_validator import FAILED, IN_PART, NOT_OFFERED, NOT_TESTED
from tests.virtual_ilo import USERNAME

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(find_spec("redfish_protocol_validator") is None, reason="redfish_protocol_validator is missing"),
]

PASSWORD = "Of-the-tests-1"


def judged(ilo: VirtualIlo, reports: Path) -> list[tuple[str, str, str]]:
    """The validator's verdicts: assertion, method, result."""
    command = [
        sys.executable, str(Path(run_protocol_validator.__file__)), "--rhost", ilo.url, "--user", USERNAME,
        "--password", PASSWORD, "--ca-bundle", ilo.cafile, "--report-dir", str(reports), "--report-type", "tsv",
        "--avoid-http-redirect", "--config", str(reports / "none.ini"),
    ]  # fmt: skip
    # requests takes an authority from these before the one it was given
    environment = {name: value for name, value in os.environ.items() if not name.endswith("CA_BUNDLE")}
    done = subprocess.run(
        command, env=environment, cwd=reports.parent, capture_output=True, text=True, timeout=120, check=False
    )
    (report,) = reports.glob("*.tsv")
    with report.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert rows, done.stdout + done.stderr
    return [(row["Assertion"], row["Method"], row["Result"]) for row in rows]


@pytest.mark.parametrize("personality", ["ilo5", "ilo6", "ilo7"])
def test_the_validator_fails_what_was_reviewed(personality: str, tmp_path: Path) -> None:
    with run_in_thread(VirtualIlo(personality, USERNAME, PASSWORD)) as ilo:
        verdicts = judged(ilo, tmp_path / "reports")
        assert ilo.sessions == {}
    assert {(name, method) for name, method, result in verdicts if result == "FAIL"} == set(FAILED)
    untested = {name for name, _, result in verdicts if result == "NOT_TESTED"}
    assert {name for name in untested if not name.startswith(tuple(NOT_OFFERED))} == {*NOT_TESTED, *IN_PART}
    assert [(name, method) for name, method, result in verdicts if result == "WARN"] == []
    assert Counter(result for _, _, result in verdicts)["PASS"] > 300
    passed = {name for name, _, result in verdicts if result == "PASS"}
    assert passed >= set(IN_PART)
    assert not passed & set(NOT_TESTED)
