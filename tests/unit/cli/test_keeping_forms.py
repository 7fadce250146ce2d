"""The forms of snapshot and baseline adopt."""

from __future__ import annotations

import pytest

from auditor.cli.forms.keeping import show_snapshot
from auditor.model.snapshot import Gap
from auditor.report.interface import LANGUAGES, Style
from auditor.report.layout import width_of
from auditor.services.snapshot import SnapshotReport
from auditor.store.writer import TargetWritten

LONG = "Compare the fingerprint with the one that the web interface shows before you trust the certificate itself."
SEEN = TargetWritten("web1/httpd", "unchanged")
UNSEEN = TargetWritten("web2/httpd", "not seen", gaps=(Gap("whole target", "unreachable", "no answer", LONG),))


def _shown(*targets: TargetWritten, lang: str = "en") -> str:
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
