"""The exit code of a result, whatever its format."""

from __future__ import annotations

import msgspec
import pytest

from auditor.cli.exit_codes import exit_code_of, exit_code_of_drift, most_serious
from auditor.model.finding import CheckReport
from auditor.model.policy import SEVERITIES
from tests.fakes import reports


def test_the_most_serious_wins() -> None:
    order = [70, 6, 5, 4, 3, 1, 0]
    for number, code in enumerate(order):
        assert most_serious(reversed(order[number:])) == code
    assert most_serious(()) == 0


def _complete(report: CheckReport) -> CheckReport:
    return msgspec.structs.replace(report, complete=True)


def test_incomplete_beats_findings() -> None:
    assert exit_code_of(reports.failing_check(), "low") == 3
    assert exit_code_of(_complete(reports.failing_check()), "low") == 1
    assert exit_code_of(reports.clean_check(), "info") == 0
    assert exit_code_of(reports.empty_check(), "never") == 3


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("threshold", SEVERITIES)
def test_the_threshold_decides_by_severity(severity: str, threshold: str) -> None:
    found = reports.finding(severity=severity)
    report = CheckReport(
        (reports.TargetCheck(reports.WEB1, "httpd", (reports.result("R", "fail", findings=(found,)),)),), 1, True
    )
    expected = 1 if SEVERITIES.index(severity) >= SEVERITIES.index(threshold) else 0
    assert exit_code_of(report, threshold) == expected
    assert exit_code_of(report, "never") == 0


def test_known_and_waived_findings_do_not_fail() -> None:
    known = reports.finding(known=True)
    results = (
        reports.result("R-1", "fail", findings=(known,)),
        reports.result("R-2", "waived", waived=(reports.finding(),)),
    )
    report = CheckReport((reports.TargetCheck(reports.WEB1, "httpd", results),), 2, True)
    assert exit_code_of(report, "info") == 0


def test_drift() -> None:
    assert exit_code_of_drift(reports.unchanged_drift(), "low") == 0
    assert exit_code_of_drift(reports.changed_drift(), "low") == 3
    complete = msgspec.structs.replace(reports.changed_drift(), complete=True)
    assert exit_code_of_drift(complete, "critical") == 1
    assert exit_code_of_drift(complete, "never") == 0
