"""The forms of snapshot and baseline adopt."""

from __future__ import annotations

import pytest

from auditor.cli.forms.keeping import show_snapshot
from auditor.model.snapshot import ExpectedGap, Gap
from auditor.report.interface import LANGUAGES, Style
from auditor.report.layout import width_of
from auditor.services.snapshot import SnapshotReport
from auditor.store.writer import TargetWritten

LONG = "Compare the fingerprint with the one that the web interface shows before you trust the certificate itself."
SEEN = TargetWritten("web1/httpd", "unchanged")
UNSEEN = TargetWritten("web2/httpd", "not seen", gaps=(Gap("whole target", "unreachable", "no answer", LONG),))


def _shown(*targets: TargetWritten, lang: str = "en", complete: bool | None = None) -> str:
    if complete is None:
        complete = all(target.status != "not seen" for target in targets)
    report = SnapshotReport("a" * 40, "b" * 40, True, targets, "2026-11-22T22:14:00Z", complete)
    return show_snapshot(report, Style(lang=lang))  # type: ignore[arg-type]


def test_nothing_changed_is_said_of_what_was_seen_alone() -> None:
    assert "Nothing changed: tree bbbbbbbbbbbb, identical" in _shown(SEEN)
    assert "Nothing changed in what was seen: tree bbbbbbbbbbbb" in _shown(SEEN, UNSEEN)
    unseen = _shown(UNSEEN)
    assert "Nothing was seen: tree bbbbbbbbbbbb stays as it was." in unseen
    assert "changed" not in unseen


@pytest.mark.parametrize("lang", LANGUAGES)
def test_advice_fits_80_columns(lang: str) -> None:
    for line in _shown(SEEN, UNSEEN, lang=lang).splitlines():
        assert width_of(line) <= 80


def test_one_cause_that_hides_many_targets_is_told_once() -> None:
    gap = Gap("whole target", "refused", "not tried to log in", LONG)
    shown = _shown(*(TargetWritten(f"web{number}/ilo", "not seen", gaps=(gap,)) for number in range(1, 31)))
    assert shown.count("not tried to log in") == 1
    assert "web1/ilo … web30/ilo (30)  NOT SEEN" in shown


def test_a_document_that_may_only_not_have_been_seen_is_not_told_as_gone() -> None:
    names = ("redfish/v1/managers/1/snmpservice.json",)
    gone = TargetWritten("web1/ilo", "changed", removed=names)
    unsure = TargetWritten("web1/ilo", "changed", removed=names, gaps=(Gap("SnmpService", "malformed"),))
    assert f"  - {names[0]}" in _shown(gone)
    assert f"  - {names[0]}" not in _shown(unsure)
    assert f"  ? {names[0]}  gone, or not seen" in _shown(unsure)


def test_what_is_expected_not_to_be_seen_is_not_told_as_unchanged() -> None:
    gap = ExpectedGap("whole target", "unreachable", "no answer", owner="ops", until="2027-01-31", reason="in repair")
    expected = TargetWritten("web3/ilo", "not seen", gaps=(gap,))
    alone, beside = _shown(expected, complete=True), _shown(SEEN, expected, complete=True)
    assert "Nothing was seen: tree bbbbbbbbbbbb stays as it was." in alone
    assert "Nothing changed in what was seen: tree bbbbbbbbbbbb" in beside
    for text in (alone, beside):
        assert "web3/ilo  not seen, as expected" in text
        assert "NOT SEEN" not in text
