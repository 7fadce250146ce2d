"""What holds for each format alike: foreign text is harmless, nothing is lost, the same input gives the same text."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from auditor.errors import InputError
from auditor.report.interface import FORMATS, LANGUAGES, Style, renderer
from tests.fakes import reports

_STYLES = [Style(lang=lang, verbose=verbose) for lang in LANGUAGES for verbose in (False, True)]
_HARMFUL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def _both(form: str, style: Style) -> list[str]:
    found = renderer(form)
    return [found.render_check(reports.hostile_check(), style), found.render_drift(reports.hostile_drift(), style)]


@pytest.mark.parametrize("style", _STYLES)
@pytest.mark.parametrize("form", FORMATS)
def test_hostile_text_is_harmless(form: str, style: Style) -> None:
    for text in _both(form, style):
        assert not _HARMFUL.findall(text)
        text.encode("utf-8")  # no lone surrogate reaches a stream
        assert "日本" in text  # honest text of another script stays readable


@pytest.mark.parametrize("form", FORMATS)
def test_control_characters_are_shown_not_dropped(form: str) -> None:
    for text in _both(form, Style(verbose=True)):
        assert "x1b" in text or "u001b" in text
        assert "u202e" in text


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_result_gives_the_same_text(form: str) -> None:
    found = renderer(form)
    assert found.render_check(reports.failing_check(), Style()) == found.render_check(reports.failing_check(), Style())
    assert found.render_drift(reports.changed_drift(), Style()) == found.render_drift(reports.changed_drift(), Style())


@pytest.mark.parametrize("form", FORMATS)
def test_every_rule_gap_and_change_is_in_every_format(form: str) -> None:
    found = renderer(form)
    check = found.render_check(reports.failing_check(), Style(verbose=True))
    for word in ("HTTPD-TIMEOUT-004", "HTTPD-TIMEOUT-007", "ILO-ALERT-001", "HTTPD-ALERT-003", "secret.conf"):
        assert word in check
    assert "expired 2026-01-31" in check
    drift = found.render_drift(reports.changed_drift(), Style(verbose=True))
    for word in ("ProxyPass /app", "10.9.0.4", "openssl", "web42/httpd", "host key changed", "no limit"):
        assert word in drift


def test_json_gives_hostile_text_back_unchanged() -> None:
    check = json.loads(renderer("json").render_check(reports.hostile_check(), Style()))
    assert check["targets"][0]["results"][0]["findings"][0]["message"] == reports.HOSTILE
    drift = json.loads(renderer("json").render_drift(reports.hostile_drift(), Style()))
    assert drift["targets"][0]["changes"][1]["after"] == {"type": "text", "value": reports.HOSTILE}
    assert check["format"] == "auditor.check/v1"
    assert drift["format"] == "auditor.drift/v1"


class _Page(HTMLParser):
    """Gathers what a browser would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.fetched: list[str] = []
        self.lang = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("src", "href", "srcset", "data", "action") or name.startswith("on"):
                self.fetched.append(f"{tag} {name}={value}")
            if tag == "html" and name == "lang":
                self.lang = value or ""


@pytest.mark.parametrize("lang", LANGUAGES)
def test_html_is_one_file_without_scripts(lang: str) -> None:
    for text in _both("html", Style(lang=lang)):
        assert text.startswith("<!doctype html>")
        page = _Page()
        page.feed(text)
        assert page.lang == lang
        assert not page.tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
        assert page.fetched == []
        assert "url(" not in text
        assert "@import" not in text


def test_html_leads_with_the_verdict_then_findings_gaps_and_passes() -> None:
    text = renderer("html").render_check(reports.failing_check(), Style())
    body = text[text.index("<body>") :]
    order = ["Incomplete", "HTTPD-TIMEOUT-007", "HTTPD-TIMEOUT-004", "secret.conf", "HTTPD-BALANCER-001"]
    places = [body.index(word) for word in order]
    assert places == sorted(places)


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(InputError) as caught:
        renderer("jsn")
    assert "did you mean json?" in str(caught.value)
    for name in FORMATS:
        assert name in str(caught.value)
