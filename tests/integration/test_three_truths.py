"""Agreed, on disk, running: what the commands say of each, on a real httpd and its fleet repository."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.cli import main
from auditor.store import Store
from tests.fakes.fleets import TestFleet
from tests.running import Site

pytestmark = pytest.mark.integration


LOADED = ("httpd.server", "changed_not_loaded")
TIMEOUT = ("httpd.server", "timeout")
RESTART = ("httpd.server", "restart_needed")  # not known while a file waits to be loaded
DIGEST = ("httpd.file", "digest")


class Fleet:
    """A running site, and the fleet that knows it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.site = Site(folder / "httpd")
        tree = f"  web1:\n    httpd: {{tree: {self.site.root}, main_file: httpd.conf}}\n"
        self.fleet = TestFleet(folder / "fleet", tree).make()
        self._capsys = capsys

    def run(self, *words: str) -> tuple[int, dict[str, Any]]:
        self._capsys.readouterr()
        code = main([*words, "--fleet", str(self.fleet.root), "--format", "json", "--quiet"])
        return code, json.loads(self._capsys.readouterr().out)

    def findings(self) -> dict[str, str]:
        """The findings about what runs: rule and message."""
        return {one["rule"]: one["message"] for one in self.found() if "STATE" in one["rule"]}

    def found(self) -> list[dict[str, Any]]:
        """Every finding."""
        _, said = self.run("check", "web1")
        return [one for target in said["targets"] for result in target["results"] for one in result["findings"]]

    def changes(self) -> set[tuple[str, str]]:
        """What drift says of the main server and of files: kind and attribute."""
        _, said = self.run("drift", "web1")
        (target,) = said["targets"]
        return {(one["address"]["kind"], one["address"]["attribute"]) for one in target["changes"]} - {DIGEST}


@pytest.fixture
def fleet(tmp_path: Path, httpd: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Fleet]:
    found = Fleet(tmp_path, capsys)
    yield found
    found.site.stop()


def test_each_truth_is_compared_with_the_other_two(fleet: Fleet) -> None:
    fleet.site.start()
    fleet.run("snapshot", "--agree")
    assert fleet.findings() == {}
    assert fleet.changes() == set()
    fleet.site.edit("conf.d/shop.conf", "60", "90")
    assert "conf.d/shop.conf" in fleet.findings()["HTTPD-STATE-001"]
    assert {LOADED, TIMEOUT} <= fleet.changes()
    fleet.site.reload()
    assert fleet.findings() == {}
    assert TIMEOUT in fleet.changes()  # running as on disk, and still not as agreed
    assert LOADED not in fleet.changes()
    fleet.site.edit("conf.d/shop.conf", "90", "60")
    assert fleet.changes() == {LOADED, RESTART}  # on disk as agreed, and not running
    fleet.site.reload()
    assert fleet.changes() == set()


def test_a_finding_names_file_and_line(fleet: Fleet) -> None:
    fleet.site.start()
    fleet.site.edit("httpd.conf", "ServerLimit 4", "ServerLimit 6")
    fleet.site.reload()
    (found,) = [one for one in fleet.found() if one["rule"] == "HTTPD-STATE-002"]
    line = next(n for n, text in enumerate(fleet.site.main.read_text().splitlines(), 1) if "ServerLimit" in text)
    assert (found["source"]["file"], found["source"]["line"]) == ("httpd.conf", line)


def test_an_unchanged_machine_gives_an_identical_store(fleet: Fleet) -> None:
    fleet.site.start()
    fleet.run("snapshot")
    fleet.site.reload()
    code, said = fleet.run("snapshot")
    assert (code, said["unchanged"]) == (0, True)
    fleet.site.stop()
    fleet.site.start()
    assert fleet.run("snapshot")[1]["unchanged"] is True
    with Store.open(fleet.fleet.root / ".auditor" / "store.git") as store:
        facts = store.read("snapshots", "web1/httpd").facts
    assert not any(str(fleet.site.pid()) == str(fact.value) for fact in facts)


def test_the_doctor_looks_at_the_fleet(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = fleet.run("doctor")
    assert (code, said["complete"]) == (0, True)
    assert {one["name"]: one["state"] for one in said["here"]} | {"httpd": "ok"} == dict.fromkeys(
        ("git", "ssh", "signing", "httpd", "fleet", "key", "store"), "ok"
    )
    monkeypatch.setenv("AUDITOR_KEY_FILE", "/nowhere/key")
    code, said = fleet.run("doctor")
    assert code == 3
    (missing,) = [one for one in said["here"] if one["state"] == "missing"]
    assert (missing["name"], missing["costs"]) == ("key", "snapshot, drift, plan, apply")
