"""The demo tells the whole story with the real commands, and proves at its end that everything is as before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.integration]


def _demo(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "auditor", "demo", "--folder", str(folder)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "PYTHONUTF8": "1"},
    )


def test_the_whole_story_in_the_order_of_a_first_day(tmp_path: Path, httpd: Path, ssh_keygen: str) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)  # as `make demo` runs: inside a checkout
    done = _demo(tmp_path / "run")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    told = [
        "$ auditor init",
        "$ auditor snapshot",
        "$ auditor check all",
        "$ auditor explain web1/httpd",
        "$ auditor drift",
        "$ auditor plan",
        "$ auditor apply",  # refused: not approved
        "$ auditor approve",
        "$ auditor show",
        "applied and verified",
        "$ auditor rollback",
        "as before, verified",
        "Proof, read without the auditor",
    ]
    places = [done.stdout.index(one) for one in told]
    assert places == sorted(places)
    assert max(len(line) for line in done.stdout.splitlines() if "$ auditor" not in line and "/" not in line) <= 80
    for name in ("check.html", "check.ja.html", "drift.html"):
        assert f"{tmp_path}/run/report/{name}" in done.stdout
        assert (tmp_path / "run/report" / name).read_text(encoding="utf-8").startswith("<!doctype html>")
    refs = subprocess.run(["git", "-C", str(tmp_path), "for-each-ref"], capture_output=True, check=True)
    assert refs.stdout == b"", "the demo committed to the repository around it"
    _nothing_of_it_runs_on(tmp_path)
    _every_kind_of_step_was_in_the_plan(tmp_path / "run/fleet")


def _nothing_of_it_runs_on(folder: Path) -> None:
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert str(folder).encode() not in status.read_bytes(), status
        except OSError:  # ended meanwhile
            continue


def _every_kind_of_step_was_in_the_plan(fleet: Path) -> None:
    (plan,) = (json.loads(path.read_bytes()) for path in fleet.glob("plans/*/plan.json"))
    kinds = {step["change"]["type"] for cohort in plan["cohorts"] for step in cohort["steps"]}
    assert kinds == {"httpd.edit", "ilo.patch", "ilo.bios"}


def test_a_folder_that_the_demo_did_not_make_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    done = _demo(tmp_path)
    assert done.returncode == 2
    assert "was not made by the demo" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
