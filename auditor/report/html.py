"""One self-contained HTML file: no script, nothing loaded from elsewhere, every foreign text escaped."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from auditor.model.drift import AttributeChange, DriftReport
from auditor.model.finding import CheckReport
from auditor.report import outline, waiting
from auditor.report.escape import visible
from auditor.report.interface import Style
from auditor.report.messages import Words

if TYPE_CHECKING:
    from jinja2 import Environment


def render_check(report: CheckReport, style: Style) -> str:
    """The verdict, then findings, then what could not be seen or evaluated, then every rule."""
    words = Words(style.lang)
    new = sum(not finding.known for finding in report.findings)
    number = words.count("finding", len(report.findings))
    verdict = "incomplete" if not report.complete else "fail" if new else "pass"
    if not outline.examined(report):
        sentence = words("check.nothing")
    else:
        sentence = words(f"check.verdict.{verdict}", findings=number)
    return _page(
        "check.html",
        words,
        style,
        report=report,
        verdict=verdict,
        sentence=sentence,
        title=words("check.title"),
        groups=outline.rule_groups(report),
        counts=[(outcome, count) for outcome, count in outline.outcome_counts(report).items() if count],
        not_evaluated=outline.not_evaluated(report),
        waived=[
            (result, finding) for target in report.targets for result in target.results for finding in result.waived
        ],
        several=len(report.targets) > 1,
    )


def render_drift(report: DriftReport, style: Style) -> str:
    """The verdict, then changed targets with their effects, then what could not be seen, then the unchanged."""
    words = Words(style.lang)
    changes = outline.change_count(report)
    verdict = "incomplete" if not report.complete else "fail" if changes else "pass"
    key = "changed" if verdict == "fail" else "none" if verdict == "pass" else verdict
    changed = [target for target in report.targets if target.seen and (target.changes or target.text_changes)]
    same = [target for target in report.targets if target.seen and not (target.changes or target.text_changes)]
    return _page(
        "drift.html",
        words,
        style,
        report=report,
        verdict=verdict,
        sentence=words(f"drift.verdict.{key}", changes=words.count("change", changes)),
        title=words("drift.title"),
        changed=changed,
        same=same,
        coverage=outline.coverage(report),
    )


def _page(template: str, words: Words, style: Style, **values: Any) -> str:
    def difference(change: AttributeChange) -> tuple[str, str]:
        absent = words("drift.absent")
        whole = not change.address.attribute
        before = words("drift.removed") if whole and change.kind == "removed" else absent
        after = words("drift.added") if whole and change.kind == "added" else absent
        return outline.both_values(change, before, after)

    page = (
        _environment()
        .get_template(template)
        .render(words=words, style=style, outline=outline, difference=difference, waits=waiting, **values)
    )
    return page.encode("utf-8", "backslashreplace").decode("utf-8") + "\n"


@cache
def _environment() -> Environment:
    """The templates of this package, escaping everything."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("auditor.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )


def _shown(value: Any) -> Any:
    """What a template shows, with everything unprintable visible; markup made by the templates stays as it is."""
    from markupsafe import Markup

    return value if isinstance(value, Markup) else visible(str(value))
