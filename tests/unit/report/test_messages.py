"""The catalogue: every text in both languages, with the same blanks to fill in."""

from __future__ import annotations

import string

import pytest

from auditor.model.finding import Outcome
from auditor.model.policy import SEVERITIES
from auditor.model.snapshot import Cause
from auditor.report.messages import _TEXTS, Words, keys


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", keys())
def test_both_languages_fill_in_what_is_given(key: str) -> None:
    english, japanese = _TEXTS[key]
    given = _fields(english)
    assert japanese
    assert _fields(japanese) <= given | {"n"}


def test_every_cause_outcome_and_severity_has_a_text() -> None:
    for words in (Words("en"), Words("ja")):
        for cause in Cause.__args__:
            assert words(f"cause.{cause}")
        for outcome in Outcome.__args__:
            assert words(f"outcome.{outcome}")
        for severity in SEVERITIES:
            assert words(f"severity.{severity}")


def test_counts_and_moments_follow_the_language() -> None:
    english, japanese = Words("en"), Words("ja")
    assert [english.count("rule", number) for number in (0, 1, 2, 20000)] == [
        "0 rules",
        "1 rule",
        "2 rules",
        "20,000 rules",
    ]
    assert japanese.count("rule", 2) == "ルール 2 件"
    assert english.count("ilo.bios", 2) == "2 resources"
    assert english.moment("2026-11-22T22:14:05Z") == "2026-11-22 22:14 UTC"
    assert japanese.moment("2026-11-22T22:14:05Z") == "2026年11月22日 22:14 UTC"
    assert english.moment("yesterday") == "yesterday"
