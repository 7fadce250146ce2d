"""The reports as people and programs read them, word for word."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from auditor.report.interface import FORMATS, Style, renderer
from tests.fakes import reports

_SUFFIX = {"table": "txt", "json": "json", "sarif": "sarif", "html": "html"}
_CHECKS = {
    "failing": reports.failing_check,
    "clean": reports.clean_check,
    "empty": reports.empty_check,
    "waiting": reports.waiting_check,
}
_DRIFTS = {"changed": reports.changed_drift, "unchanged": reports.unchanged_drift, "waiting": reports.waiting_drift}

# json and sarif know no language; the table is compared in every form
_FORMS = [
    *((name, Style(lang=lang, version="1.2.3")) for name in ("table", "html") for lang in ("en", "ja")),
    *((name, Style(version="1.2.3")) for name in ("json", "sarif")),
    ("table", Style(verbose=True)),
]


def _name(kind: str, case: str, form: str, style: Style) -> str:
    return f"reports/{kind}-{case}{'-verbose' * style.verbose}-{style.lang}.{_SUFFIX[form]}"


@pytest.mark.parametrize(("form", "style"), _FORMS)
@pytest.mark.parametrize("case", _CHECKS)
def test_check(case: str, form: str, style: Style, golden: Callable[[str, str], None]) -> None:
    text = renderer(form).render_check(_CHECKS[case](), style)
    golden(_name("check", case, form, style), text)


@pytest.mark.parametrize(("form", "style"), _FORMS)
@pytest.mark.parametrize("case", _DRIFTS)
def test_drift(case: str, form: str, style: Style, golden: Callable[[str, str], None]) -> None:
    text = renderer(form).render_drift(_DRIFTS[case](), style)
    golden(_name("drift", case, form, style), text)


def test_every_format_has_golden_reports() -> None:
    assert set(_SUFFIX) == set(FORMATS)
