"""The table: 80 columns, the worst first, a value never without its source, a problem never without a next step."""

from __future__ import annotations

import msgspec
import pytest

from auditor.evidence.attribution import attribution
from auditor.model.drift import AttributeChange, DriftReport, TargetDrift, TextChange
from auditor.model.finding import CheckReport, TargetCheck
from auditor.model.resource import Address
from auditor.model.snapshot import Gap
from auditor.model.source import FileSource, RedfishSource
from auditor.model.value import Many, Number, Text
from auditor.report import html, terminal
from auditor.report.interface import LANGUAGES, Style
from auditor.report.layout import width_of, wrap
from tests.fakes import reports


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("verbose", [False, True])
def test_lines_fit_80_columns_but_for_what_is_copied(lang: str, verbose: bool) -> None:
    style = Style(lang=lang, verbose=verbose)
    for text in (
        terminal.render_check(reports.failing_check(), style),
        terminal.render_drift(reports.changed_drift(), style),
    ):
        for line in text.splitlines():
            copied = "[" in line or "auditor " in line or line.startswith(("    - ", "    + "))
            assert copied or width_of(line) <= 80, line


def test_the_most_severe_rule_stands_first() -> None:
    lines = terminal.render_check(reports.failing_check(), Style()).splitlines()
    assert lines[0] == "HTTPD-TIMEOUT-007  critical  A unit is dropped in silence"
    assert lines[1].split() == ["conf.d/rest.conf:9", "timeout=500ms", "means", "500", "seconds", "here"] or (
        lines[1].split()[:2] == [reports.WEB1, "conf.d/rest.conf:9"]
    )


def test_findings_of_one_place_are_one_line_until_verbose() -> None:
    brief = terminal.render_check(reports.failing_check(), Style())
    assert brief.count("timeout=60 on /api has no effect") == 1
    assert "3 routes are affected; --verbose lists them" in brief
    full = terminal.render_check(reports.failing_check(), Style(verbose=True))
    for name in ("orders", "carts", "users"):
        assert f'web1/httpd:httpd.route["shop.example:443 /api/{name}"].own_timeout_ignored' in full
    assert full.count("timeout=300 on /app") == 3


def test_many_places_are_cut_and_counted() -> None:
    found = tuple(
        reports.finding(source=FileSource("conf.d/a.conf", line, line), fingerprint=f"{line:016x}")
        for line in range(1, 10)
    )
    one = reports.result("HTTPD-TIMEOUT-004", "fail", findings=found, severity="high")
    report = CheckReport((TargetCheck(reports.WEB1, "httpd", (one,)),), 1, True)
    brief = terminal.render_check(report, Style())
    assert "4 more places; --verbose lists them" in brief
    assert "conf.d/a.conf:9" in terminal.render_check(report, Style(verbose=True))


def test_the_counts_add_up_to_the_rules() -> None:
    text = " ".join(terminal.render_check(reports.failing_check(), Style()).split())
    assert (
        "7 rules on 2 targets: 1 pass, 3 fail, 1 waived (until 2026-12-31, ticket OPS-12), 1 could not be evaluated, "
        "1 not applicable; 1 finding known before" in text
    )


def test_nothing_examined_is_never_called_clean() -> None:
    text = terminal.render_check(reports.empty_check(), Style())
    assert "no pass" in text
    assert "No findings" not in text
    blind = reports.result("R-1", "not evaluated", examined=0, reason="whole target was not seen")
    unseen = CheckReport((TargetCheck(reports.WEB1, "httpd", (blind,)),), 1, False)
    assert "No findings" not in terminal.render_check(unseen, Style())
    partly = CheckReport((TargetCheck(reports.WEB1, "httpd", (blind, reports.result("R-2", "pass"))),), 2, False)
    assert "No findings in what could be examined" in terminal.render_check(partly, Style())


def test_drift_groups_effects_under_their_cause() -> None:
    text = terminal.render_drift(reports.changed_drift(), Style())
    assert "ProxyPass /app timeout=60 → timeout=300" in " ".join(text.split())
    assert "effective read time-out of 12 routes: 60 s → 300 s" in text
    assert text.count("60 s → 300 s") == 1
    assert "auditor history 'web1/httpd:httpd.directive[\"shop.example:443 > ProxyPass /app\"].arguments'" in text


def test_drift_says_who_was_not_seen_and_the_coverage() -> None:
    text = terminal.render_drift(reports.changed_drift(), Style())
    assert "web42/httpd  NOT SEEN: host key changed" in text
    assert "coverage 12 of 13" in text


def test_colour_only_on_request() -> None:
    plain = terminal.render_check(reports.failing_check(), Style())
    painted = terminal.render_check(reports.failing_check(), Style(colour=True))
    assert "\x1b" not in plain
    assert "\x1b[" in painted
    import re

    assert re.sub("\x1b\\[[0-9;]*m", "", painted) == plain


def test_wrapping_counts_wide_characters_and_keeps_words_whole() -> None:
    lines = wrap("日本語の文章" * 10, 20)
    assert all(width_of(line) <= 20 for line in lines)
    assert "".join(lines) == "日本語の文章" * 10
    assert wrap("a " + "x" * 50 + " b", 20) == ["a", "x" * 50, "b"]
    assert wrap("", 20) == [""]


def test_a_target_of_which_something_was_not_seen_is_not_called_unchanged() -> None:
    gap = Gap("agreed state", "absent", "nothing was agreed yet")
    whole, part = TargetDrift("web1/httpd", "httpd", True), TargetDrift("web2/httpd", "httpd", True, gaps=(gap,))
    report = DriftReport((whole, part), False)
    for form in (terminal, html):
        said = form.render_drift(report, Style())
        assert "web1/httpd, web2/httpd" not in said
        assert "no change in what could be compared" in said
    lines = terminal.render_drift(report, Style()).splitlines()
    assert "web1/httpd  no change" in lines
    assert "web2/httpd  no change in what could be compared" in lines


def test_what_waits_for_a_boot_is_told_with_its_value() -> None:
    source = RedfishSource("/redfish/v1/Systems/1/Bios/Settings", "/Attributes")
    address = Address("web1/ilo", "ilo.bios", "1", "pending")
    change = AttributeChange(address, "changed", Many(()), Many((Text("AutoPowerOn"),)), source, source)
    lines = TextChange(source.uri, 0, ('/Attributes/AutoPowerOn: "Off"',), 0, ('/Attributes/AutoPowerOn: "On"',))
    drift = TargetDrift("web1/ilo", "ilo", True, (change,), (lines,))
    said = terminal.render_drift(DriftReport((drift,), True), Style())
    assert "pending  none → AutoPowerOn" in said
    assert '+ /Attributes/AutoPowerOn: "On"' in said


def test_fixed_texts_of_attributions_are_said_in_the_language_of_the_report() -> None:
    address = Address("web1/httpd", "httpd.server", "main", "timeout")
    change = AttributeChange(address, "changed", Text("a"), Text("b"))
    for told in (change, AttributeChange(Address("web1/httpd", "httpd.package", "x"), "removed", None, None)):
        hand = attribution(told, ())
        report = DriftReport(
            (TargetDrift("web1/httpd", "httpd", True, (msgspec.structs.replace(told, attribution=hand),)),), True
        )
        for form in (terminal, html):
            assert hand.text in form.render_drift(report, Style())
            said = form.render_drift(report, Style(lang="ja"))
            assert hand.text not in said
            assert "該当する変更計画なし" in said or "パッケージの変更" in said


REFUSED = Gap("whole target", "refused", "not tried to log in", "Put the password right.")
MANY = tuple(f"web{number}/ilo" for number in range(1, 31))


@pytest.mark.parametrize("verbose", [False, True])
def test_one_cause_that_hides_many_targets_is_told_once(verbose: bool) -> None:
    checks = tuple(TargetCheck(name, "ilo", (), (REFUSED,)) for name in MANY)
    drifts = tuple(TargetDrift(name, "ilo", seen=False, gaps=(REFUSED,)) for name in MANY)
    style = Style(verbose=verbose)
    for text in (
        terminal.render_check(CheckReport(checks, 0, False), style),
        terminal.render_drift(DriftReport(drifts, False), style),
    ):
        assert text.count("not tried to log in") == text.count("Put the password right.") == 1
        assert ("web1/ilo … web30/ilo (30)" in text) != verbose
        assert all(name in text for name in MANY) == verbose


def test_targets_that_were_not_seen_for_different_reasons_stay_apart() -> None:
    other = msgspec.structs.replace(REFUSED, detail="no answer")
    drifts = (
        TargetDrift("a/ilo", "ilo", seen=False, gaps=(REFUSED,)),
        TargetDrift("b/ilo", "ilo", seen=False, gaps=(other,)),
    )
    text = terminal.render_drift(DriftReport(drifts, False), Style())
    assert "a/ilo  NOT SEEN: not tried" in text
    assert "b/ilo  NOT SEEN: no answer" in text


def test_an_empty_text_is_shown_as_one() -> None:
    address = Address("web1/ilo", "ilo.alert_mail", "1", "recipient")
    change = AttributeChange(address, "changed", Text(""), Text("ops@example.com"))
    text = terminal.render_drift(
        DriftReport((TargetDrift("web1/ilo", "ilo", seen=True, changes=(change,)),), True), Style()
    )
    assert '"" → ops@example.com' in text


def test_a_text_and_a_number_that_read_alike_are_told_apart() -> None:
    address = Address("web1/ilo", "ilo.bios", "1", "SnoopResponseHoldOff")
    change = AttributeChange(address, "changed", Text("9"), Number(9))
    report = DriftReport((TargetDrift("web1/ilo", "ilo", seen=True, changes=(change,)),), True)
    assert '"9" → 9' in terminal.render_drift(report, Style())
