"""Every shipped rule on trees and iLOs that pass, that fail, and where it cannot be evaluated."""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from auditor.model.finding import RuleResult
from auditor.policy.evaluate import evaluate
from auditor.policy.rules import CompiledRule, LoadedPolicy, load_policy
from auditor.services.check import host_facts_of, kinds_of, shipped_policy_files
from tests.rule_cases import CORPUS, OUTCOMES, case_folders, observe_case

EXPECTED_MESSAGES = {
    "HTTPD-HOP-001": "Longest wait of main /api: 120 s (read 60 s + connect 60 s); the hop in front gives up "
    "after 60 s",
    "HTTPD-HOP-002": "httpd waits 20 s for the back end of main /api, whose own limit is longer: 30 s",
    "HTTPD-HOP-003": "shop.example:8080 closes an idle connection after 15 s; the hop in front keeps it longer or as "
    "long: 60 s",
    "HTTPD-HOP-005": "Idle connections of main http://10.0.0.5:8080/ are reused, limit: 5 s; the back end closes them "
    "after 5 s",
    "HTTPD-HOP-006": "main balancer://app: once its members (1) are all in error, every request is answered 503 for "
    "60 s, even if they are well again",
    "HTTPD-HOP-007": "A client of main /api is cut after 20 s (status 408), and an upload of 100000000 bytes at 125000 "
    "bytes/s takes 800 s",
    "HTTPD-HOP-008": "When the back end of main /api stalls, the server is full after 10 s; workers held at 40 "
    "requests/s: 2400, there are 400",
    "HTTPD-HOP-009": "If every request stalled as long as main /api lets it (60 s), the server would be full after "
    "10 s; workers held at 40 requests/s: 2400, there are 400",
    "HTTPD-HOP-010": "MaxRequestWorkers 1000 means 400 here (ServerLimit 16 × ThreadsPerChild 25)",
    "HTTPD-TIMEOUT-001": "main /report lets a stalled back end hold a worker; read time-out: 300 s (timeout=300)",
    "HTTPD-TIMEOUT-002": "main /php is cut after a fixed 30 s: mod_proxy_fcgi before 2.4.7 heeds neither Timeout nor a "
    "later ProxyTimeout",
    "HTTPD-TIMEOUT-004": "timeout=60 on /api has no effect; 300 s governs (timeout=300)",
    "HTTPD-TIMEOUT-008": "Timeout 0 of the main server means 0 s",
    "HTTPD-TIMEOUT-020": "Limit for an idle tunnel on main /live: no limit",
    "HTTPD-STATE-002": "needs a restart, a reload does not suffice: ServerLimit 32 is written, 16 runs",
    "ILO-ALERT-001": "No SNMP destination, mail, syslog server or event subscription gets this machine's alerts",
    "ILO-BIOS-001": "AutoPowerOn of BIOS 1 is set and does not count before the next boot",
}
EXPECTED_PLACES = {
    "HTTPD-HOP-001": "httpd.conf:8",
    "HTTPD-HOP-005": "httpd.conf:8",
    "HTTPD-HOP-007": "httpd.conf:9",
    "HTTPD-HOP-008": "httpd.conf:8",
    "HTTPD-HOP-010": "httpd.conf:8",
    "HTTPD-TIMEOUT-001": "httpd.conf:8",
    "HTTPD-TIMEOUT-004": "httpd.conf:9",  # the line without effect; the governing one is evidence
    "HTTPD-TIMEOUT-007": "httpd.conf:9",
    "HTTPD-TIMEOUT-008": "httpd.conf:7",
    "HTTPD-STATE-001": "httpd.conf:1",
    "HTTPD-STATE-002": "httpd.conf:4",
    "HTTPD-STATE-003": "replaced_code (the case)",
    "ILO-ALERT-002": "/redfish/v1/Managers/1/SnmpService/SNMPAlertDestinations#/Members",
    "ILO-ALERT-006": "/redfish/v1/Managers/1#/Oem/Hpe/ConfigurationSettings",
}


WITHOUT_PLACE = {"HTTPD-ALERT-014"}  # a module that is not there stands nowhere


@cache
def _policy() -> LoadedPolicy:
    return load_policy(shipped_policy_files(), kinds_of())


def _result(folder: Path) -> RuleResult:
    seen = observe_case(folder)
    checked = evaluate(_policy(), seen.interpretation, host_facts_of(seen), today=date(2026, 11, 22))
    return next(result for result in checked.results if result.rule == folder.parent.name)


@pytest.mark.parametrize("folder", case_folders(), ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_a_case_has_its_outcome(folder: Path) -> None:
    result = _result(folder)
    assert result.outcome == folder.name.replace("_", " "), (result.reason, result.findings)
    if folder.name == "not_evaluated":
        assert result.reason
    if folder.name == "pass":
        assert result.examined
    for finding in result.findings:
        assert finding.source is not None or finding.rule in WITHOUT_PLACE
        assert "not set" not in finding.message
        assert "undetermined" not in finding.message


@pytest.mark.parametrize("rule", sorted(EXPECTED_MESSAGES))
def test_a_finding_says_what_is_wrong(rule: str) -> None:
    assert _result(CORPUS / rule / "fail").findings[0].message == EXPECTED_MESSAGES[rule]


@pytest.mark.parametrize("rule", sorted(EXPECTED_PLACES))
def test_a_finding_says_where_to_look(rule: str) -> None:
    assert str(_result(CORPUS / rule / "fail").findings[0].source) == EXPECTED_PLACES[rule]


def test_what_has_no_effect_comes_with_what_governs() -> None:
    finding = _result(CORPUS / "HTTPD-TIMEOUT-004" / "fail").findings[0]
    assert "httpd.conf:8" in [str(evidence.source) for evidence in finding.evidence]


def test_what_is_declared_is_evidence_with_its_line_of_the_inventory() -> None:
    finding = _result(CORPUS / "HTTPD-HOP-001" / "fail").findings[0]
    assert ("auditor.yaml:1", "front_timeout = 60 s (declared)") in [
        (str(evidence.source), evidence.text) for evidence in finding.evidence
    ]


def test_every_rule_has_its_three_cases_and_every_case_a_rule() -> None:
    there = {(folder.parent.name, folder.name) for folder in case_folders()}
    assert there == {(rule.id, outcome) for rule in _policy().rules for outcome in OUTCOMES}


@pytest.mark.parametrize("rule", _policy().rules, ids=lambda rule: rule.id)
def test_every_rule_is_documented(rule: object) -> None:
    for field in ("title", "what", "rationale", "limits", "example", "message", "references"):
        assert getattr(rule, field), field


@pytest.mark.parametrize("one", _policy().compiled, ids=lambda one: one.rule.id)
def test_every_rule_speaks_japanese_with_the_same_values(one: CompiledRule) -> None:
    ja = one.rule.ja
    assert ja is not None
    assert one.message_ja is not None
    for text in (ja.title, ja.message, ja.rationale):
        assert re.search("[\u3041-\u30ff\u4e00-\u9fff]", text), text
    assert not ja.title.endswith(("。", "ます", "です"))
    named, said = ({name for _, name in text.parts if name} for text in (one.message, one.message_ja))
    assert named == said


@pytest.mark.parametrize("folder", ["httpd", "ilo"])
def test_a_well_kept_machine_has_no_finding_and_nothing_left_open(folder: str) -> None:
    seen = observe_case(CORPUS.parent / "sound" / folder)
    checked = evaluate(_policy(), seen.interpretation, host_facts_of(seen), today=date(2026, 11, 22))
    odd = [
        (one.rule, one.reason, [finding.message for finding in one.findings])
        for one in checked.results
        if one.outcome not in ("pass", "not applicable")
    ]
    assert odd == []
    passed = sum(one.outcome == "pass" for one in checked.results)
    assert passed >= {"httpd": 43, "ilo": 11}[folder]
