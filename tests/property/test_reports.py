"""Any text, however hostile: JSON gives it back, nothing else lets a control character through."""

from __future__ import annotations

import json
import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from auditor.model.finding import CheckReport, TargetCheck
from auditor.report.escape import one_line, safe_json, visible
from auditor.report.interface import FORMATS, Style, renderer
from auditor.report.layout import width_of, wrap
from tests.fakes import reports

_TEXT = st.text(alphabet=st.characters(), max_size=30)  # lone surrogates included


@given(_TEXT)
def test_visible_text_is_printable_and_honest_text_is_kept(text: str) -> None:
    shown = visible(text)
    assert all(one.isprintable() or unicodedata.category(one) == "Zs" for one in shown)
    assert visible(shown) == shown
    if text.isprintable():
        assert shown == text


@given(st.recursive(_TEXT, lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner), max_leaves=5))
def test_safe_json_is_the_same_value(value: object) -> None:
    text = safe_json(json.dumps(value, ensure_ascii=False, indent=2))
    text.encode("utf-8")
    assert json.loads(text) == json.loads(json.dumps(value))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


@given(_TEXT, st.integers(1, 50))
def test_one_line_is_one_line_within_its_limit(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert line.isprintable() or all(one.isprintable() or unicodedata.category(one) == "Zs" for one in line)


@given(st.text(alphabet="ab 日本、。", max_size=60), st.integers(4, 30))
def test_wrapping_loses_no_character_but_blanks(text: str, columns: int) -> None:
    lines = wrap(text, columns)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    for line in lines:
        longest = max((width_of(word) for word in re.split("[ 日本、。]", line)), default=0)
        assert width_of(line) <= max(columns, longest) + 2 * sum(line.count(mark) for mark in "、。")


@given(_TEXT, _TEXT)
def test_a_message_reaches_every_format_unharmed(message: str, name: str) -> None:
    found = reports.finding("R-1", message=message, address=reports.route(name))
    one = reports.result("R-1", "fail", findings=(found,))
    report = CheckReport((TargetCheck(reports.WEB1, "httpd", (one,)),), 1, True)
    for form in FORMATS:
        text = renderer(form).render_check(report, Style(verbose=True))
        text.encode("utf-8")
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", text)
    document = json.loads(renderer("json").render_check(report, Style()))
    given_back = document["targets"][0]["results"][0]["findings"][0]["message"]
    assert given_back == json.loads(json.dumps(message))
