"""``auditor doctor`` of an iLO: which privilege and which licence a reading or a change lacks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from auditor.cli import main
from auditor.model.target import IloEndpoint
from auditor.surfaces.ilo.client import Credentials, IloClient
from auditor.surfaces.ilo.diagnosis import gates, granted_by, granted_in
from auditor.surfaces.ilo.simulator.server import VirtualIlo, run_in_thread
from tests.virtual_ilo import LICENCE, PASSWORD, ROOT, USERNAME

pytestmark = pytest.mark.integration

OTHER = "the-password-of-another"


@pytest.fixture
def ilo(monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualIlo]:
    with run_in_thread(VirtualIlo("ilo5", USERNAME, PASSWORD)) as running:
        monkeypatch.setenv("AUDITOR_ILO_USERNAME", USERNAME)
        monkeypatch.setenv("AUDITOR_ILO_PASSWORD", PASSWORD)
        monkeypatch.setenv("AUDITOR_CAFILE", running.cafile)
        yield running


def admit(ilo: VirtualIlo, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes an account with that role, and uses it from now on."""

    async def make() -> None:
        async with IloClient(IloEndpoint(ilo.url, ilo.cafile), Credentials(USERNAME, PASSWORD)) as ours:
            wanted = {"UserName": "audit", "Password": OTHER, "RoleId": role}
            assert (await ours.post(f"{ROOT}/AccountService/Accounts", wanted)).status == 201

    asyncio.run(make())
    monkeypatch.setenv("AUDITOR_ILO_USERNAME", "audit")
    monkeypatch.setenv("AUDITOR_ILO_PASSWORD", OTHER)


def doctor(ilo: VirtualIlo, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code and the checks by name; one session is opened, and closed."""
    capsys.readouterr()
    before = ilo.opened_sessions
    code = main(["doctor", ilo.url.replace("https://", "ilo://"), "--format", "json"])
    [told] = json.loads(capsys.readouterr().out)["targets"]
    assert (ilo.opened_sessions - before, ilo.sessions) in ((1, {}), (0, {}))
    return code, {one["name"]: one for one in told["checks"]}


def states(checks: dict[str, dict[str, Any]]) -> dict[str, str]:
    names = ("log_in", "reading", "ilo_settings", "bios_settings", "server_restart", "licence")
    return {name: checks[name]["state"] for name in names}


@pytest.mark.parametrize(
    ("role", "ilo_settings", "host"),
    [("Administrator", "ok", "ok"), ("Operator", "without", "ok"), ("ReadOnly", "without", "without")],
)
@pytest.mark.parametrize("told_by", ["session", "role"])
def test_the_role_says_what_may_be_changed(
    role: str,
    ilo_settings: str,
    host: str,
    told_by: str,
    ilo: VirtualIlo,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    admit(ilo, role, monkeypatch)
    if told_by == "role":
        ilo.faults.add("absent", "/Sessions/", method="GET")
    code, checks = doctor(ilo, capsys)
    assert code == 0
    assert states(checks) == {
        "log_in": "ok",
        "reading": "ok",
        "ilo_settings": ilo_settings,
        "bios_settings": host,
        "server_restart": host,
        "licence": "ok",
    }
    assert checks["log_in"]["detail"] == f"audit, role {role}"
    assert "iLOConfigPriv; Redfish: ConfigureManager" in checks["ilo_settings"]["detail"]
    assert checks["ilo_settings"]["detail"].startswith("the account lacks") == (ilo_settings == "without")


def test_what_is_refused_to_read_is_missing(ilo: VirtualIlo, capsys: pytest.CaptureFixture[str]) -> None:
    ilo.faults.add("refused", "/SnmpService")
    code, checks = doctor(ilo, capsys)
    assert code == 3
    assert states(checks)["reading"] == "missing"
    assert checks["reading"]["detail"] == f"{ROOT}/Managers/1/SnmpService"


def test_what_could_not_be_read_otherwise_is_missing_too(ilo: VirtualIlo, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(ilo, capsys)[1]["seen"]["state"] == "ok"
    ilo.faults.add("malformed", "/SnmpService")
    code, checks = doctor(ilo, capsys)
    assert (code, states(checks)["reading"], checks["seen"]["state"]) == (3, "ok", "missing")
    assert checks["seen"]["detail"] == f"{ROOT}/Managers/1/SnmpService (malformed)"
    assert checks["seen"]["next_step"]


def test_the_licence_s_lack_names_the_settings_that_it_costs(
    ilo: VirtualIlo, capsys: pytest.CaptureFixture[str]
) -> None:
    for feature in ("EmailAlert", "RemoteSyslog"):
        ilo.state.set(LICENCE, f"/LicenseFeatures/{feature}", False)
    code, checks = doctor(ilo, capsys)
    assert (code, states(checks)["licence"]) == (0, "without")
    assert "lacks EmailAlert (ilo.alert_mail), RemoteSyslog (ilo.remote_syslog)" in checks["licence"]["detail"]
    ilo.faults.add("absent", "/LicenseService")
    _, checks = doctor(ilo, capsys)
    assert checks["licence"]["detail"] == "the iLO does not say what its licence holds"


def test_a_refused_log_in_is_missing_and_tried_once(
    ilo: VirtualIlo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDITOR_ILO_PASSWORD", "out-of-date")
    code, checks = doctor(ilo, capsys)
    assert (code, checks["log_in"]["state"], "reading" in checks) == (3, "missing", False)
    assert ilo.refused_logins == 1
    assert "out-of-date" not in json.dumps(checks)


def test_what_the_iLO_does_not_say_is_not_guessed(ilo: VirtualIlo, capsys: pytest.CaptureFixture[str]) -> None:
    ilo.faults.add("absent", "/Sessions/", method="GET")
    ilo.faults.add("absent", "/AccountService/")
    _, checks = doctor(ilo, capsys)
    for name in ("ilo_settings", "bios_settings", "server_restart"):
        assert checks[name]["state"] == "without"
        assert checks[name]["detail"].startswith("the iLO does not say whether the account has")


def test_where_nobody_may_be_believed_nobody_is_logged_in_to(
    ilo: VirtualIlo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUDITOR_CAFILE")
    code, checks = doctor(ilo, capsys)
    assert (code, checks["certificate"]["state"], set(checks)) == (
        3,
        "missing",
        {"reach", "certificate", "credentials"},
    )
    assert ilo.requests == []


def test_both_languages_fit(
    ilo: VirtualIlo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    admit(ilo, "ReadOnly", monkeypatch)
    main(["doctor", ilo.url.replace("https://", "ilo://"), "--lang", "ja"])
    said = capsys.readouterr().out
    assert "このアカウントには Configure iLO Settings" in said
    assert "the account lacks" not in said


@pytest.mark.parametrize(
    ("role", "granted"),
    [
        ({}, None),
        ({"AssignedPrivileges": "Login"}, None),
        ({"AssignedPrivileges": ["Login", "ConfigureManager"]}, {"LoginPriv", "iLOConfigPriv"}),
        (
            {"AssignedPrivileges": ["ConfigureComponents"]},
            {"HostBIOSConfigPriv", "VirtualPowerAndResetPriv"},
        ),
        (
            {"AssignedPrivileges": ["ConfigureComponents"], "OemPrivileges": ["RemoteConsolePriv", 7]},
            {"RemoteConsolePriv"},
        ),
    ],
)
def test_a_role_grants_what_it_lists(role: dict[str, Any], granted: set[str] | None) -> None:
    found = granted_by(role)
    assert (found if found is None else set(found)) == granted


def test_only_true_is_granted() -> None:
    body = {"Oem": {"Hp": {"Privileges": {"LoginPriv": True, "iLOConfigPriv": False, "HostBIOSConfigPriv": "true"}}}}
    assert granted_in(body) == {"LoginPriv"}
    assert granted_in({"Oem": {"Hpe": {"Privileges": ["LoginPriv"]}}}) is None
    assert granted_in({}) is None


def test_every_licence_feature_that_the_facts_name_opens_something() -> None:
    assert {"EmailAlert", "RemoteSyslog", "DowngradePolicy", "FWScan"} <= gates().keys()
    assert all(gates().values())
