"""Every exit code of the command line, reached through its public face, whatever the format."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditor.cli import main
from auditor.surfaces.ilo.simulator.server import VirtualIlo, run_in_thread

Run = Callable[..., tuple[int, str, str]]

FORMATS = ["table", "json", "sarif", "html"]

_RULE = """\
format: auditor.policy/v1
rules:
  - id: OWN-TIMEOUT-001
    title: Timeout is short
    severity: medium
    kind: httpd.server
    assert: self.timeout <= duration("{limit}s")
    message: "Timeout is {{timeout}}"
"""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs one command line in an empty folder: exit code, standard output, standard error."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small tree that can be read in full."""
    root = tmp_path / "web1"
    (root / "conf").mkdir(parents=True)
    (root / "conf/httpd.conf").write_text('ServerRoot "/etc/httpd"\nListen 80\nServerName web1\nTimeout 60\n')
    return root


def policy(folder: Path, limit: int) -> Path:
    """A policy of one rule on Timeout."""
    path = folder / f"own{limit}.yaml"
    path.write_text(_RULE.format(limit=limit))
    return path


# check, drift: 0, 1, 2, 3


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(("limit", "broken", "code"), [(60, False, 0), (30, False, 1), (60, True, 3), (30, True, 3)])
def test_check(run: Run, tree: Path, tmp_path: Path, form: str, limit: int, broken: bool, code: int) -> None:
    if broken:
        with (tree / "conf/httpd.conf").open("a") as file:
            file.write("Include /nowhere/at-all.conf\n")
    words = ("check", tree, "--policy", policy(tmp_path, limit), "--httpd-version", "2.4.6", "--format", form)
    found, out, err = run(*words)
    assert found == code, (out, err)
    assert out
    assert "Traceback" not in out + err


def test_modules_that_are_compiled_in_can_be_said_in_full(run: Run, tree: Path, tmp_path: Path) -> None:
    with (tree / "conf/httpd.conf").open("a") as file:
        file.write("<IfModule mod_ssl.c>\nTimeout 90\n</IfModule>\n")
        file.write("<IfModule log_config_module>\nTimeout 60\n</IfModule>\n")
    words = ("check", tree, "--policy", policy(tmp_path, 60), "--httpd-version", "2.4.6", "--quiet")
    assert [
        run(*words, *more)[0]
        for more in (
            (),
            ("--module", "log_config"),
            ("--no-other-modules",),
            ("--module", "log_config", "--no-other-modules"),
            ("--module", "ssl", "--no-other-modules"),
        )
    ] == [3, 0, 0, 0, 1]


def test_the_threshold(run: Run, tree: Path, tmp_path: Path) -> None:
    words = ("check", tree, "--policy", policy(tmp_path, 30), "--httpd-version", "2.4.6", "--quiet")
    assert [run(*words, "--fail-on", one)[0] for one in ("low", "medium", "high", "never")] == [1, 1, 0, 0]


@pytest.mark.parametrize(
    "words",
    [
        ["check", "/nowhere/at/all"],
        ["check"],
        ["check", "--no-such-option"],
        ["check", "/etc", "--format", "yaml"],
        ["check", "/etc", "--fail-on", "sometimes"],
        ["check", "/etc", "--lang", "xx"],
        ["check", "/etc", "--policy", "/nowhere.yaml"],
        ["check", "/etc", "--format", "json:/nowhere/report.json"],
        ["check", "/etc", "--format", "json", "--format", "sarif"],
        ["check", "/etc", "--httpd-version", "new"],
        ["check", "/etc", "--env", "NAME"],
        ["explain", "/etc"],
        ["drift", "/etc", "--since", "yesterday"],
        ["snapshot"],
        ["history"],
        ["show", "123456"],
        ["baseline", "adopt", "all"],
        ["simulate", "/nowhere"],
        ["nonsense"],
    ],
)
def test_what_a_person_wrote_cannot_be_used(run: Run, words: list[str]) -> None:
    code, out, err = run(*words)
    assert code == 2
    assert err.strip()
    assert "Traceback" not in out + err


def test_an_empty_folder_is_no_httpd(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = run("check", tmp_path / "empty")
    assert code in (2, 3)
    assert "empty" in err


@pytest.mark.parametrize("form", FORMATS)
def test_drift_without_an_agreed_state_is_incomplete(run: Run, tree: Path, form: str) -> None:
    code, out, _ = run("drift", tree, "--format", form)
    assert code == 3
    assert "nothing was agreed" in out or "agreed state" in out


def test_an_internal_fault_keeps_its_traceback_to_itself(
    run: Run, tree: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object, **__: object) -> object:
        raise RuntimeError("a fault of ours \x1b[31m")

    monkeypatch.setattr("auditor.services.check.run_check", broken)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    code, out, err = run("check", tree)
    assert code == 70
    assert out == ""
    assert "Traceback" not in err
    assert "\x1b" not in err
    (kept,) = (tmp_path / "state/auditor").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "Traceback" in kept.read_text()
    assert str(kept) in err


def test_ctrl_c(run: Run, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr("auditor.services.check.run_check", stopped)
    code, out, err = run("check", tree)
    assert (code, out) == (130, "")
    assert "Interrupted" in err


# drift, apply, rollback on a fleet with a virtual iLO: 0, 1, 4, 5, 6


@pytest.fixture
def ilo(monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualIlo]:
    """A virtual iLO whose credentials stand in the environment."""
    with run_in_thread(VirtualIlo("ilo5", post_s=0.05, ilo_reset_s=0.05)) as running:
        monkeypatch.setenv("AUDITOR_ILO_USERNAME", running.username)
        monkeypatch.setenv("AUDITOR_ILO_PASSWORD", running.password)
        yield running


@pytest.fixture
def fleet(run: Run, ilo: VirtualIlo, tmp_path: Path, ssh_keygen: str) -> Path:
    """A fleet of that iLO with two signers; its first snapshot is agreed."""
    root = tmp_path / "fleet"
    assert run("init", root)[0] == 0
    file = root / "auditor.yaml"
    hosts = f'hosts:\n  web1:\n    ilo: {{url: "{ilo.url}", cafile: "{ilo.cafile}"}}\n'
    file.write_text(file.read_text().replace("hosts: {}\n", hosts))
    signers = []
    for name in ("author", "lead"):
        subprocess.run([ssh_keygen, "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
        signers.append(f'{name} namespaces="auditor-plan" {(tmp_path / f"{name}.pub").read_text()}')
    (root / "approvers").write_text("".join(signers))
    git = ["git", "-C", root, "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "start"], check=True)
    code, out, err = run("snapshot", "--fleet", root)
    assert code == 0, out + err
    return root


@pytest.fixture
def plan(run: Run, fleet: Path, tmp_path: Path) -> str:
    """The id of a plan of two PATCHes, signed by its author."""
    code, out, err = run(
        "plan",
        "--fleet", fleet,
        "--set", 'web1/ilo:ilo.snmp["1"].alerts_enabled=false',
        "--set", 'web1/ilo:ilo.account_policy["accounts"].min_password_length=12',
        "--reason", "quiet for the night",
        "--author", "author",
        "--key", tmp_path / "author",
        "--format", "json",
    )  # fmt: skip
    assert code == 0, out + err
    made = json.loads(out)
    assert sum(len(cohort["steps"]) for cohort in made["plan"]["cohorts"]) == 2
    return str(made["id"])


@pytest.fixture
def approved(run: Run, fleet: Path, plan: str, tmp_path: Path) -> str:
    """The same plan, approved by another signer."""
    code, _, err = run("approve", plan, "--fleet", fleet, "--key", tmp_path / "lead")
    assert code == 0, err
    return plan


@pytest.mark.integration
@pytest.mark.parametrize("form", FORMATS)
def test_drift_of_a_fleet(run: Run, fleet: Path, ilo: VirtualIlo, form: str) -> None:
    words = ("drift", "--fleet", fleet, "--format", form)
    assert run(*words)[0] == 0
    ilo.state.set("/redfish/v1/Managers/1/SnmpService", "/AlertsEnabled", False)
    assert run(*words)[0] == 1
    ilo.faults.add("drop")
    code, out, _ = run(*words)
    assert code == 3
    assert "web1/ilo" in out


@pytest.mark.integration
@pytest.mark.parametrize("form", ["table", "json"])
def test_refused_applied_rolled_back(run: Run, fleet: Path, plan: str, tmp_path: Path, form: str) -> None:
    apply = ("apply", plan, "--fleet", fleet, "--format", form)
    code, _, err = run(*apply)
    assert code == 4
    assert "0 of 1 approvals" in err
    assert run("approve", plan, "--fleet", fleet, "--key", tmp_path / "author")[0] == 4
    assert run("approve", plan, "--fleet", fleet, "--key", tmp_path / "lead")[0] == 0
    code, out, err = run(*apply)
    assert code == 0, out + err
    assert run(*apply)[0] == 4
    code, out, err = run("rollback", plan, "--fleet", fleet, "--format", form)
    assert code == 0, out + err
    assert run(*apply)[0] == 4


@pytest.mark.integration
@pytest.mark.parametrize("form", ["table", "json"])
def test_failed_and_taken_back(run: Run, fleet: Path, approved: str, ilo: VirtualIlo, form: str) -> None:
    second = _second_patched(fleet, approved)
    ilo.faults.add("refused", second, method="PATCH", times=1)
    code, out, err = run("apply", approved, "--fleet", fleet, "--format", form)
    assert code == 5, out + err
    assert "taken back" in (out + err).lower()
    assert run("drift", "--fleet", fleet)[0] == 0


@pytest.mark.integration
@pytest.mark.parametrize("form", ["table", "json"])
def test_failed_and_a_person_is_needed(run: Run, fleet: Path, approved: str, ilo: VirtualIlo, form: str) -> None:
    second = _second_patched(fleet, approved)
    ilo.faults.add("lost reply", _first_patched(fleet, approved), method="PATCH", times=1)
    ilo.faults.add("refused", second, method="PATCH")
    ilo.faults.add("refused", _first_patched(fleet, approved), method="PATCH")
    code, out, err = run("apply", approved, "--fleet", fleet, "--format", form)
    assert code == 6, out + err
    assert "person is needed" in err


def _patched(fleet: Path, identity: str) -> list[str]:
    document = json.loads((fleet / "plans" / identity / "plan.json").read_text())
    return [step["change"]["uri"] for step in document["cohorts"][0]["steps"]]


def _first_patched(fleet: Path, identity: str) -> str:
    return _patched(fleet, identity)[0]


def _second_patched(fleet: Path, identity: str) -> str:
    return _patched(fleet, identity)[1]
