"""``alerts:`` of ``auditor.yaml``: what it gives, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.errors import InputError
from auditor.services.alert_settings import AlertSettings, Ask, SnmpVariables
from auditor.services.fleet import load_fleet

HEAD = "format: auditor.fleet/v1\nfleet: {id: fleet-1, key_id: 00abcdef}\n"


def settings(folder: Path, text: str) -> AlertSettings:
    (folder / "auditor.yaml").write_text(HEAD + text, encoding="utf-8")
    return load_fleet(folder).alerts


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    (tmp_path / "sink.pem").touch()
    found = settings(
        tmp_path,
        "alerts:\n  listen: 10.9.0.4\n  ports: {snmp: 1162}\n  wait_s: 90\n  certificate: sink.pem\n"
        "  snmp_users: {alerts: {auth_env: A_AUTH, privacy_env: A_PRIVACY}}\n"
        "  snmp_communities: {10.9.0.9: TRAP_WORD}\n"
        "  ask: {mail: {mailbox: box}, syslog: {command: [tools/seen, '{host}']}}\n",
    )
    assert found == AlertSettings(
        "10.9.0.4",
        {"snmp": 1162},
        90,
        str(tmp_path / "sink.pem"),
        {"alerts": SnmpVariables("A_AUTH", "A_PRIVACY")},
        {"mail": Ask(mailbox=str(tmp_path / "box")), "syslog": Ask((str(tmp_path / "tools/seen"), "{host}"))},
        {"10.9.0.9": "TRAP_WORD"},
    )


def test_without_a_word_sinks_listen_on_loopback(tmp_path: Path) -> None:
    assert settings(tmp_path, "") == AlertSettings()
    assert AlertSettings().listen == "127.0.0.1"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("alerts: {listen: monitor.example}", "is no address"),
        ("alerts: {ports: {snmp: 0}}", "a number from 1 to 65535"),
        ("alerts: {ports: {pager: 99}}", "'pager' is not known here"),
        ("alerts: {wait_s: 9999}", "a number from 1 to 3600"),
        ("alerts: {certificate: none.pem}", "there is no file"),
        ("alerts: {snmp_users: {alerts: {auth_password: x}}}", "no secret stands in this file"),
        ("alerts: {ask: {mail: {}}}", "either a command or a mailbox"),
        ("alerts: {ask: {snmp: {mailbox: box}}}", "a mailbox holds mails only"),
        ("alerts: {ask: {snmp: {command: seen}}}", "a list is expected"),
        ("alerts: {ask: {snmp: {command: []}}}", "no program is named"),
        ("alerts: {ask: {mail: {mailbox: ''}}}", "no mailbox is named"),
    ],
)
def test_each_mistake_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        settings(tmp_path, text + "\n")
    assert told in str(caught.value)
    assert "auditor.yaml:3:" in str(caught.value)
