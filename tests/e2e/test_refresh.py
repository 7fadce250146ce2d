"""``plan --refresh``: the same as an earlier plan, whatever way that came, against what is there now."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.cli import main
from auditor.errors import EXIT_OK, EXIT_REFUSED
from tests.fakes.sites import ROUTE, Site

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.usefixtures("no_packages")]

Plan = Callable[..., dict[str, Any]]

BASELINE = """
format: auditor.baseline/v1
name: api
groups: [all]
resources:
  - kind: httpd.route
    name: main /api
    values:
      read_timeout: {exactly: 45s}
"""


@pytest.fixture
def site(tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch) -> Site:
    made = Site(tmp_path)
    monkeypatch.chdir(made.fleet.root)
    return made


@pytest.fixture
def plan(site: Site, capsys: pytest.CaptureFixture[str]) -> Plan:
    def command(*words: str) -> dict[str, Any]:
        capsys.readouterr()
        key = str(site.fleet.key("ops1"))
        code = main(["plan", *words, "--author", "ops1", "--key", key, "--format", "json"])
        captured = capsys.readouterr()
        assert code == EXIT_OK, captured.out + captured.err
        made: dict[str, Any] = json.loads(captured.out)
        return made

    return command


def moved(site: Site) -> None:
    """Somebody puts two lines in front, so that every line number of a plan is another one."""
    path = site.root / "conf.d/api.conf"
    path.write_bytes(b"# one\r\n# two\r\n" + path.read_bytes())


def changed(made: dict[str, Any]) -> list[tuple[str, int]]:
    steps = made["plan"]["cohorts"][0]["steps"]
    return [(step["change"]["file"], step["change"].get("line", 0)) for step in steps]


def test_by_address(site: Site, plan: Plan) -> None:
    made = plan("--set", f"{ROUTE}=45s", "--reason", "slow")
    moved(site)
    again = plan("--refresh", made["id"][:8])
    assert (changed(made), changed(again)) == ([("conf.d/api.conf", 2)], [("conf.d/api.conf", 4)])
    assert again["plan"]["reason"] == "slow"
    assert again["plan"]["origin"]["arguments"] == made["plan"]["origin"]["arguments"]


def test_by_baseline_also_from_another_folder(
    site: Site, plan: Plan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (site.fleet.root / "api.yaml").write_text(BASELINE)
    made = plan("--baseline", "api.yaml", "web1", "--reason", "agreed")
    moved(site)
    (site.fleet.root / "plans").mkdir(exist_ok=True)
    monkeypatch.chdir(site.fleet.root / "plans")
    again = plan("--refresh", made["id"][:8])
    assert (changed(made), changed(again)) == ([("conf.d/api.conf", 2)], [("conf.d/api.conf", 4)])


def test_to_a_revision(site: Site, plan: Plan) -> None:
    revision = site.snapshot()
    path = site.root / "conf.d/api.conf"
    path.write_bytes(path.read_bytes().replace(b"timeout=300", b"timeout=5"))
    (site.root / "conf.d/late.conf").write_text("Timeout 9\n")
    made = plan("--to", revision[:12], "web1/httpd", "--reason", "back")
    (site.root / "conf.d/late.conf").unlink()
    again = plan("--refresh", made["id"][:8])
    assert changed(made) == [("conf.d/api.conf", 2), ("conf.d/late.conf", 0)]
    assert changed(again) == [("conf.d/api.conf", 2)]


def test_to_what_an_earlier_plan_found(site: Site, plan: Plan) -> None:
    first = plan("--set", f"{ROUTE}=45s", "--reason", "slow")
    path = site.root / "conf.d/api.conf"
    path.write_bytes(path.read_bytes().replace(b"timeout=300", b"timeout=5"))
    made = plan("--to", first["id"][:8], "--reason", "back")
    moved(site)
    again = plan("--refresh", made["id"][:8])
    assert [name for name, _ in changed(again)] == ["conf.d/api.conf"] * 2  # the two lines, and the time-out
    assert again["plan"]["cohorts"][0]["targets"] == ["web1/httpd"]


def test_a_difference_and_one_that_is_there_by_now(
    site: Site, plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "web"
    shutil.copytree(site.root, work / "httpd")
    git = ["git", "-C", str(work), "-c", "user.name=x", "-c", "user.email=x@example"]
    for command in (
        ["init", "-q", "-b", "main"],
        ["add", "-A"],
        ["commit", "-qm", "one"],
        ["checkout", "-qb", "topic"],
    ):
        subprocess.run([*git, *command], check=True)
    file = work / "httpd/conf.d/api.conf"
    file.write_bytes(file.read_bytes().replace(b"timeout=300", b"timeout=45"))
    subprocess.run([*git, "commit", "-qam", "two"], check=True)
    made = plan("--diff", "main..topic", "--path", str(work / "httpd"), "web1", "--reason", "pull request")
    moved(site)
    again = plan("--refresh", made["id"][:8])
    assert (changed(made), changed(again)) == ([("conf.d/api.conf", 2)], [("conf.d/api.conf", 4)])
    live = site.root / "conf.d/api.conf"
    live.write_bytes(live.read_bytes().replace(b"timeout=300", b"timeout=45"))
    code = main(["plan", "--refresh", made["id"][:8], "--author", "ops1"])
    assert code == EXIT_REFUSED, capsys.readouterr()
