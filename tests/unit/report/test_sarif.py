"""SARIF 2.1.0: the members the standard requires, and what code hosts rely on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from auditor.model.finding import CheckReport, TargetCheck
from auditor.report import sarif
from auditor.report.interface import Style
from tests.fakes import reports

_LEVELS = {"none", "note", "warning", "error"}
_ALL = {
    "failing": (sarif.render_check, reports.failing_check),
    "clean": (sarif.render_check, reports.clean_check),
    "empty": (sarif.render_check, reports.empty_check),
    "hostile": (sarif.render_check, reports.hostile_check),
    "changed": (sarif.render_drift, reports.changed_drift),
    "unchanged": (sarif.render_drift, reports.unchanged_drift),
    "hostile drift": (sarif.render_drift, reports.hostile_drift),
}


def _log(name: str) -> dict[str, Any]:
    render, report = _ALL[name]
    return json.loads(render(report(), Style(version="1.2.3")))


def _run(name: str) -> dict[str, Any]:
    return _log(name)["runs"][0]


def _locations(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [*result["locations"], *result.get("relatedLocations", [])]


@pytest.mark.parametrize("name", _ALL)
def test_required_members(name: str) -> None:
    log = _log(name)
    assert log["version"] == "2.1.0"
    assert len(log["runs"]) == 1
    run = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert run["tool"]["driver"]["name"] == "auditor"
    assert len({rule["id"] for rule in rules}) == len(rules)
    assert isinstance(run["invocations"][0]["executionSuccessful"], bool)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        assert result["level"] in _LEVELS
        assert result["kind"] == "fail"
        assert all(result["partialFingerprints"].values())
        assert result["locations"]
    for note in run["invocations"][0]["toolExecutionNotifications"]:
        assert note["message"]["text"]
        assert note["level"] in _LEVELS
        assert note["descriptor"]["id"]


@pytest.mark.parametrize("name", _ALL)
def test_locations(name: str) -> None:
    run = _run(name)
    for result in run["results"]:
        for location in _locations(result):
            assert location["logicalLocations"] if "physicalLocation" not in location else True
            physical = location.get("physicalLocation")
            if physical is None:
                continue
            artifact = physical["artifactLocation"]
            assert not artifact["uri"].startswith("/")
            assert ":" not in artifact["uri"].split("/")[0]
            assert artifact["uri"].isascii()
            assert artifact["uriBaseId"] in run["originalUriBaseIds"]
            region = physical.get("region", {"startLine": 1, "endLine": 1})
            assert 1 <= region["startLine"] <= region["endLine"]


def test_a_finding_keeps_its_rule_region_and_fingerprint() -> None:
    result = next(one for one in _run("failing")["results"] if one["ruleId"] == "HTTPD-TIMEOUT-004")
    assert result["level"] == "error"
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "conf.d/shop.conf"
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 31, "endLine": 32}
    assert result["partialFingerprints"] == {"auditorFinding/v1": "0000000000000000"}
    assert result["relatedLocations"][0]["message"]["text"] == "timeout=300 on /app"


def test_a_redfish_finding_has_logical_locations_only() -> None:
    result = next(one for one in _run("failing")["results"] if one["ruleId"] == "ILO-ALERT-001")
    (location,) = result["locations"]
    assert "physicalLocation" not in location
    names = [one["fullyQualifiedName"] for one in location["logicalLocations"]]
    assert names == [
        'web1/ilo:ilo.snmp["1"].alerts',
        "web1/ilo/redfish/v1/Managers/1/SnmpService#/AlertsEnabled",
    ]


def test_waived_findings_are_suppressed_and_gaps_are_notifications() -> None:
    run = _run("failing")
    waived = [one for one in run["results"] if "suppressions" in one]
    assert [one["ruleId"] for one in waived] == ["HTTPD-TIMEOUT-001"]
    assert waived[0]["suppressions"][0]["justification"] == "until 2026-12-31, ticket OPS-12"
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    kinds = [note["descriptor"]["id"] for note in invocation["toolExecutionNotifications"]]
    assert kinds.count("gap") == 2
    (open_rule,) = [
        one for one in invocation["toolExecutionNotifications"] if one["descriptor"]["id"] == "not-evaluated"
    ]
    assert open_rule["associatedRule"]["id"] == "HTTPD-ALERT-003"


def test_success_is_only_said_of_a_complete_run() -> None:
    assert _run("clean")["invocations"][0]["executionSuccessful"] is True
    assert _run("empty")["invocations"][0]["executionSuccessful"] is False
    assert _run("empty")["invocations"][0]["toolExecutionNotifications"]


def test_a_file_outside_the_tree_is_relative_to_the_machine() -> None:
    assert sarif._artifact("web1/httpd", "/usr/share/a b.conf") == {
        "uri": "usr/share/a%20b.conf",
        "uriBaseId": "web1/httpd /",
    }


def test_what_the_licence_lacks_is_a_note_of_its_rule() -> None:
    lacking = reports.result("ILO-ALERT-003", "not applicable", reason="licence: mail cannot be had")
    plain = reports.result("ILO-ALERT-004", "not applicable")
    report = CheckReport((TargetCheck("web1/ilo", "ilo", (lacking, plain)),), 2, True)
    (run,) = json.loads(sarif.render_check(report, Style()))["runs"]
    notes = run["invocations"][0]["toolExecutionNotifications"]
    (note,) = [one for one in notes if one["descriptor"]["id"] == "not-applicable"]
    assert (note["level"], note["associatedRule"]["id"]) == ("note", "ILO-ALERT-003")
    assert "licence: mail cannot be had" in note["message"]["text"]
    assert run["invocations"][0]["executionSuccessful"] is True
