"""``auditor doctor`` against machines that run something."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from auditor.cli import main
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from auditor.surfaces.ilo.trust import Problem, certificate_problem
from tests import virtual_ilo
from tests.integration.test_ssh_state import FarSite
from tests.running import Site
from tests.ssh_server import USER, SshServer

pytestmark = pytest.mark.integration


@pytest.fixture
def far(ssh_server: SshServer, httpd: Path) -> Iterator[FarSite]:
    site = FarSite(ssh_server, httpd)
    site.control("start")
    yield site
    site.control("stop")


def doctor(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    """The exit code, the one target, and the state of each of its checks."""
    code = main(["doctor", *words, "--format", "json", "--quiet"])
    (target,) = json.loads(capsys.readouterr().out)["targets"]
    return code, target, {one["name"]: one["state"] for one in target["checks"]}


def test_the_account_that_reads_over_ssh_is_told_what_it_lacks(
    far: FarSite, capsys: pytest.CaptureFixture[str]
) -> None:
    far.server.host("low", user=USER)
    far.run("chmod 600 /run/httpd.pid /run/error.log /etc/httpd/conf.d/shop.conf")
    code, target, states = doctor(capsys, "ssh://low/etc/httpd")
    assert code == 3
    assert target["user"] == USER
    assert {name for name, state in states.items() if state == "missing"} >= {"tree", "loaded", "sockets", "memory"}
    assert states["reach"] == states["program"] == states["processes"] == "ok"
    assert target["sudoers"] == {"read": [f"{USER} ALL=(root) NOPASSWD: /bin/sh"], "change": []}


def test_root_over_ssh_may_see_everything(far: FarSite, capsys: pytest.CaptureFixture[str]) -> None:
    code, target, states = doctor(capsys, "ssh://web1/etc/httpd")
    # The far side of tests has dpkg and no database of packages.
    assert {name for name, state in states.items() if state == "missing"} == {"packages"}
    assert code == 3
    assert target["sudoers"] == {"read": [], "change": []}


def test_a_machine_that_cannot_be_reached_is_missing(ssh_server: SshServer, capsys: pytest.CaptureFixture[str]) -> None:
    ssh_server.host("closed", port=1)
    code, target, states = doctor(capsys, "ssh://closed/etc/httpd")
    assert (code, states) == (3, {"reach": "missing"})
    assert target["checks"][0]["next_step"]


def test_a_running_tree_of_this_machine_lacks_nothing_for_root(
    tmp_path: Path, httpd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = Site(tmp_path / "httpd")
    try:
        site.start()
        code, target, states = doctor(capsys, str(site.root))
    finally:
        site.stop()
    if target["user"] == "root":
        assert (code, set(states.values())) == (0, {"ok"})
    else:
        assert code == 3
        assert target["sudoers"]["read"]


def test_an_ilo_shows_its_certificate_and_is_not_logged_in_to() -> None:
    async def asked(ilo: VirtualIlo) -> tuple[Problem, Problem, Problem]:
        parts = urlsplit(ilo.url)
        host, port = parts.hostname or "", parts.port or 0
        return (
            await certificate_problem(host, port, ilo.cafile, verify=True),
            await certificate_problem(host, port, "", verify=True),
            await certificate_problem(host, port, "", verify=False),
        )

    trusted, unknown, unverified = virtual_ilo.with_ilo(asked)
    assert trusted == unverified == Problem()
    assert unknown.unreachable == ""
    assert "SHA256:" in unknown.untrusted
