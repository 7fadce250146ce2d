"""Check and drift for a person at a terminal: 80 columns, what is needed first stands first."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from auditor.model.drift import DriftReport, TargetDrift
from auditor.model.finding import CheckReport, Finding
from auditor.model.snapshot import Gap
from auditor.report import outline, terminal_changes
from auditor.report.escape import one_line, visible
from auditor.report.interface import Style
from auditor.report.layout import advice, entry, in_short, pad, paint, paragraph
from auditor.report.messages import Words
from auditor.report.waiting import waiting_block

_PLACES: Final = 5
"""Places of one rule that are shown without ``--verbose``."""


def render_check(report: CheckReport, style: Style) -> str:
    """Findings by rule, the most severe first; then the counts; then what could not be examined."""
    words = Words(style.lang)
    several = len(report.targets) > 1
    blocks = ["\n".join(_rule_block(group, several, words, style)) for group in outline.rule_groups(report)]
    if not blocks:
        clean = "check.clean" if report.complete else "check.clean_in_part"
        blocks = [words(clean if outline.examined(report) else "check.nothing")]
    notes = [paragraph(one_line(words.said(note)), 2, 4) for note in report.notes]
    blocks.append("\n".join([*_counts(report, words), *_not_evaluated(report, several, words, style), *notes]))
    gaps = _gaps(((target.target, target.gaps) for target in report.targets), several, words, style)
    if gaps:
        blocks.append("\n".join(gaps))
    waiting = [(target.target if several else "", one) for target in report.targets for one in target.waiting]
    if waiting:
        blocks.append("\n".join(waiting_block(waiting, words)))
    return "\n\n".join(blocks) + "\n"


def render_drift(report: DriftReport, style: Style) -> str:
    """Changed targets first, then those not seen, then the unchanged and the coverage."""
    words = Words(style.lang)
    changed = [one for one in report.targets if one.seen and (one.changes or one.text_changes)]
    unseen = [one for one in report.targets if not one.seen]
    same = [one for one in report.targets if one.seen and not (one.changes or one.text_changes)]
    blocks = ["\n".join(_target_block(target, words, style)) for target in changed]
    blocks += ["\n".join(_unseen(alike, words, style)) for alike in _alike(unseen)]
    partly = [(one.target, one.gaps) for one in report.targets if one.seen and one.gaps]
    gaps = _gaps(partly, True, words, style)
    if gaps:
        blocks.append("\n".join(gaps))
    waiting = [(target.target, one) for target in report.targets for one in target.waiting]
    if waiting:
        blocks.append("\n".join(waiting_block(waiting, words)))
    blocks.append("\n".join(_summary(report, same, words, style)))
    return "\n\n".join(blocks) + "\n"


def _rule_block(group: outline.RuleGroup, several: bool, words: Words, style: Style) -> Iterable[str]:
    severity = words(f"severity.{group.severity}")
    painted = paint(severity, group.severity, on=style.colour)
    title = one_line(outline.title_text(group, style.lang))
    yield paragraph(f"{visible(group.rule)}  {severity}  {title}", 0, 2).replace(severity, painted, 1)
    found = outline.places(group.findings)
    shown = found if style.verbose else found[:_PLACES]
    for place in shown:
        yield from _place(place, several, words, style)
    if len(found) > len(shown):
        yield "  " + words("check.more", places=words.count("place", len(found) - len(shown)))


def _place(place: outline.Place, several: bool, words: Words, style: Style) -> Iterable[str]:
    label = outline.source_text(place.source) or one_line(str(place.findings[0].address))
    if several and place.source is not None:
        label = f"{visible(place.target)}  {label}"
    messages = list(dict.fromkeys(_message(finding, words) for finding in place.findings))
    yield entry(label, messages[0])
    if style.verbose:
        for finding in place.findings:
            yield from _finding_lines(finding, messages[0], words)
    elif len(place.findings) > 1:
        kind = place.findings[0].address.kind
        yield paragraph(words("check.affected", resources=words.count(kind, len(place.findings))), 4)


def _message(finding: Finding, words: Words) -> str:
    text = one_line(outline.message_text(finding, words.lang))
    return f"{text} ({words('check.known')})" if finding.known else text


def _finding_lines(finding: Finding, said: str, words: Words) -> Iterable[str]:
    yield f"    {one_line(str(finding.address))}"  # whole, so that it can be copied
    message = _message(finding, words)
    if message != said:
        yield paragraph(message, 6)
    for evidence in finding.evidence:
        yield entry(outline.source_text(evidence.source), one_line(evidence.text), 6)


def _counts(report: CheckReport, words: Words) -> list[str]:
    counts = outline.outcome_counts(report)
    parts: list[str] = []
    for outcome in outline.OUTCOMES:
        number = counts[outcome]
        if not number:
            continue
        if outcome == "waived":
            parts.append(words("check.waived_until", n=words.number(number), reasons=_waiver_reasons(report)))
        elif outcome == "not applicable" and (lacking := outline.unlicensed(report)):
            rules = ", ".join(dict.fromkeys(visible(result.rule) for result in lacking))
            parts.append(words("check.unlicensed", n=words.number(number), rules=rules))
        else:
            parts.append(f"{words.number(number)} {words(f'outcome.{outcome}')}")
    line = words(
        "check.on",
        rules=words.count("rule", report.rules),
        targets=words.count("target", len(report.targets)),
        outcomes=", ".join(parts) or words("check.nothing"),
    )
    known = sum(finding.known for finding in report.findings)
    if known:
        line += "; " + words("check.known_count", findings=words.count("finding", known), n=words.number(known))
    return [paragraph(line, 0, 2)]


def _waiver_reasons(report: CheckReport) -> str:
    reasons = dict.fromkeys(
        one_line(result.reason, 120)
        for target in report.targets
        for result in target.results
        if result.outcome == "waived" and result.reason
    )
    return "; ".join(reasons) or "-"


def _not_evaluated(report: CheckReport, several: bool, words: Words, style: Style) -> Iterable[str]:
    def reason_first(pair: tuple[object, str]) -> str:
        return pair[1]

    listed = outline.not_evaluated(report)
    if not listed:
        return
    for reason, pairs in groupby(sorted(listed, key=reason_first), key=reason_first):
        results = [result for result, _ in pairs]
        rules = list(dict.fromkeys(visible(result.rule) for result in results))
        names = ", ".join(rules if style.verbose else rules[:3])
        if len(rules) > 3 and not style.verbose:
            names += f" (+{len(rules) - 3})"
        targets = list(dict.fromkeys(visible(result.target) for result in results))
        on = " " + words("check.not_evaluated_on", target=_some(targets)) if several else ""
        text = one_line(reason) or words("outcome.not evaluated")
        yield paragraph(f"{names}{on}: {text}", 2, 4)


def _some(names: Sequence[str], limit: int = 4) -> str:
    shown = ", ".join(names[:limit])
    return f"{shown} (+{len(names) - limit})" if len(names) > limit else shown


def _gaps(by_target: Iterable[tuple[str, Sequence[Gap]]], several: bool, words: Words, style: Style) -> list[str]:
    """What was not seen, each once: one cause (a password that is refused) may hide many targets."""
    alike: dict[Gap, list[str]] = {}
    for target, gaps in by_target:
        for gap in gaps:
            alike.setdefault(gap, []).append(target)
    listed: dict[str, list[str]] = {"check.not_seen": [], "check.expected_gaps": [], "check.complete_gaps": []}
    for gap, targets in alike.items():
        title = "not_seen" if gap.counts else "complete_gaps" if gap.complete else "expected_gaps"
        names = in_short(targets, whole=style.verbose) if several else ""
        listed[f"check.{title}"].append("\n".join(_gap(names, gap, words)))
    return [line for title, lines in listed.items() if lines for line in (words(title), *lines)]


def _gap(targets: str, gap: Gap, words: Words) -> Iterable[str]:
    label = one_line(gap.what, 200)
    if targets:
        label = f"{targets}  {label}"
    detail = one_line(gap.detail)
    cause = words(f"cause.{gap.cause}")
    yield entry(label, f"{cause}: {detail}" if detail else cause)
    if expected := outline.expected_text(gap, words):
        yield paragraph(expected, 6, 8)
    else:
        yield from advice(words.said(gap.next_step), 6)


def _target_block(target: TargetDrift, words: Words, style: Style) -> Iterable[str]:
    pairs = outline.causes_and_effects(target)
    number = words.count("change", len(pairs) or len(target.text_changes))
    since = f"{words.moment(target.since)}" if target.since else visible(target.since_revision)
    head = words("drift.since", changes=number, since=since) if since else number
    yield f"{paint(visible(target.target), 'bold', on=style.colour)}  {head}"
    yield from terminal_changes.changes(pairs, words, style, {one.address: one for one in target.waiting})
    texts = target.text_changes if style.verbose else outline.untold_texts(target)
    yield from terminal_changes.texts(texts, words, style)
    since_agreed = [change for change, _ in pairs if not change.agreed_by or change.attribution.text]
    if since_agreed:
        yield f"  {words('drift.look')}"
        yield f"    auditor history {shlex.quote(one_line(str(since_agreed[0].address)))}"


def _unseen(targets: Sequence[TargetDrift], words: Words, style: Style) -> Iterable[str]:
    """Targets that were not seen for the same reasons."""
    gaps = targets[0].gaps
    counts = any(gap.counts for gap in gaps) or not gaps
    state = paint(words("drift.not_seen"), "high", on=style.colour) if counts else words("drift.expected")
    head = f"{in_short([one.target for one in targets], whole=style.verbose)}  {state}"
    causes = [one_line(gap.detail) or words(f"cause.{gap.cause}") for gap in gaps]
    yield paragraph(f"{head}: {causes[0]}", 0, 2) if causes else head
    for gap in gaps:
        if expected := outline.expected_text(gap, words):
            yield paragraph(expected, 6, 8)
        else:
            yield from advice(words.said(gap.next_step), 6)


def _alike(targets: Iterable[TargetDrift]) -> Iterable[list[TargetDrift]]:
    found: dict[tuple[Gap, ...], list[TargetDrift]] = {}
    for target in targets:
        found.setdefault(target.gaps, []).append(target)
    return found.values()


def _summary(report: DriftReport, same: Sequence[TargetDrift], words: Words, style: Style) -> Iterable[str]:
    for text, targets in outline.unchanged(same):
        listed = in_short([target.target for target in targets], whole=style.verbose)
        yield paragraph(pad(listed, 1) + "  " + words(text), 0, 2)
    seen, everything = outline.coverage(report)
    yield words("drift.coverage", seen=words.number(seen), all=words.number(everything))
    yield from (paragraph(one_line(words.said(note)), 2, 4) for note in report.notes)
