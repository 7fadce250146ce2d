"""The commands on a machine that is reached over SSH, from a real sshd."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.cli import main
from tests.fakes.fleets import TestFleet
from tests.ssh_server import SshServer

pytestmark = [pytest.mark.e2e, pytest.mark.integration]
Run = Callable[..., tuple[int, str, str]]

SHOP = """<VirtualHost *:443>
    ServerName shop.example
    ProxyPass /api http://10.0.0.5:8080/ timeout=300
</VirtualHost>
"""
POLICY = """format: auditor.policy/v1
rules:
  - id: OWN-001
    title: A back end is given up in a minute
    severity: high
    kind: httpd.route
    assert: self.read_timeout <= duration("60s")
    message: "{name} waits {read_timeout}"
"""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line in a folder of its own: exit code, standard output, standard error."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def site(ssh_server: SshServer) -> SshServer:
    """A reverse proxy that is read over SSH."""
    ssh_server.put(
        "/etc/httpd/conf/httpd.conf",
        'ServerRoot "/etc/httpd"\nListen 443\nServerName web1\nInclude conf.d/*.conf\nInclude /opt/shared/*.conf\n',
    )
    ssh_server.put("/etc/httpd/conf.d/shop.conf", SHOP)
    ssh_server.put("/opt/shared/common.conf", "Timeout 60\n")
    return ssh_server


def test_check_and_explain_need_no_repository(site: SshServer, run: Run) -> None:
    Path("own.yaml").write_text(POLICY)
    code, out, _ = run("check", "ssh://web1/etc/httpd", "--policy", "own.yaml", "--httpd-version", "2.4.6")
    assert code == 1
    assert "conf.d/shop.conf:3" in out
    code, out, _ = run("explain", "ssh://web1", "https://shop.example/api/x", "--format", "json")
    answer = json.loads(out)["answers"][0]
    assert answer["read_timeout_s"] == 300
    assert answer["read_governed_by"]["source"] == {"file": "conf.d/shop.conf", "line": 3, "last_line": 3}


def test_a_machine_that_is_not_reached_is_not_seen_and_says_why(site: SshServer, run: Run) -> None:
    site.known_hosts.write_text("")
    code, out, _ = run("check", "ssh://web1/etc/httpd")
    assert code == 3
    assert "its host key is not known here" in out
    assert "ssh-keyscan" in out
    code, out, err = run("explain", "ssh://web1/etc/httpd", "https://shop.example/api")
    assert code == 3
    assert "its host key is not known here" in out + err
    code, _, err = run("check", "ssh://-oProxyCommand=touch/etc/httpd")
    assert (code, "no host that is read over SSH" in err) == (2, True)


def test_snapshot_drift_and_history_follow_a_change_over_there(
    site: SshServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = TestFleet(tmp_path / "fleet", "  web1:\n    httpd: {ssh: web1, tree: /etc/httpd}\n").make()
    monkeypatch.chdir(fleet.root)
    assert run("snapshot")[0] == 0
    assert run("drift")[0] == 0
    site.put("/etc/httpd/conf.d/shop.conf", SHOP.replace("300", "600"))
    code, out, _ = run("drift", "web1")
    assert code == 1
    assert "600" in out
    assert run("snapshot")[0] == 0
    code, out, _ = run("history", 'web1/httpd:httpd.route["shop.example:443 /api"].read_timeout')
    assert (code, "300 s" in out, "600 s" in out) == (0, True, True)
    code, out, _ = run("explain", "snapshot:latest:web1/httpd", "https://shop.example/api", "--format", "json")
    assert json.loads(out)["answers"][0]["read_timeout_s"] == 600
    # One bad night is a gap and no drift; nothing that was seen before is forgotten.
    site.host("moved", port=1)
    site.known_hosts.write_text("")
    code, out, _ = run("drift", "web1")
    assert (code, "its host key is not known here" in out) == (3, True)


def test_an_ssh_config_of_the_fleets_own_is_used(
    site: SshServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUDITOR_SSH_CONFIG")
    fleet = tmp_path / "fleet"
    fleet.mkdir()
    (fleet / "own_config").write_bytes(site.config.read_bytes())
    (fleet / "auditor.yaml").write_text(
        "format: auditor.fleet/v1\nfleet: {id: f}\nssh_config: own_config\nhosts:\n  web1: {httpd: {ssh: web1}}\n"
    )
    monkeypatch.chdir(fleet)
    for target in ("web1", "ssh://web1/etc/httpd"):
        _, out, _ = run("explain", target, "https://shop.example/api/x", "--format", "json")
        assert json.loads(out)["answers"][0]["read_timeout_s"] == 300


def test_a_change_by_a_server_that_is_not_there_is_refused_in_one_clear_sentence(
    site: SshServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = "  web1:\n    httpd: {ssh: web1, tree: /etc/httpd, server: [/usr/sbin/no-httpd], state_dir: /opt/auditor}\n"
    fleet = TestFleet(tmp_path / "fleet", hosts).make()
    monkeypatch.chdir(fleet.root)
    assert run("snapshot")[0] == 0
    before = site.here("/etc/httpd/conf.d/shop.conf").read_bytes()
    wish = 'web1/httpd:httpd.route["shop.example:443 /api"].read_timeout=60s'
    key = fleet.key("ops1")
    code, _, _ = run("plan", "--set", wish, "--reason", "own", "--author", "ops1", "--key", key)
    assert code in (0, 3)  # the server there was not asked for its version
    plan = next((fleet.root / "plans").glob("*/plan.json")).parent.name
    fleet.commit("a plan")
    assert run("approve", plan, "--key", fleet.key("lead1"))[0] == 0
    fleet.commit("approved")
    code, out, err = run("apply", plan)
    assert code == 4
    assert "the server /usr/sbin/no-httpd is not there" in out + err
    assert "Nothing was changed" in out + err
    assert site.here("/etc/httpd/conf.d/shop.conf").read_bytes() == before
