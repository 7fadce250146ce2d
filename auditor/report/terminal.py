"""Check and drift for a person at a terminal: 80 columns, what is needed first stands first."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from auditor.model.drift import AttributeChange, DriftReport, TargetDrift, TextChange
from auditor.model.finding import CheckReport, Finding
from auditor.model.snapshot import Gap
from auditor.report import outline
from auditor.report.escape import one_line, visible
from auditor.report.interface import Style
from auditor.report.layout import entry, pad, paint, paragraph
from auditor.report.messages import Words

_PLACES: Final = 5
"""Places of one rule that are shown without ``--verbose``."""

_EFFECTS: Final = 3
"""Effects of one change, and changed lines of one document, that are shown without ``--verbose``."""


def render_check(report: CheckReport, style: Style) -> str:
    """Findings by rule, the most severe first; then the counts; then what could not be examined."""
    words = Words(style.lang)
    several = len(report.targets) > 1
    blocks = ["\n".join(_rule_block(group, several, words, style)) for group in outline.rule_groups(report)]
    if not blocks:
        blocks = [words("check.clean" if report.rules and report.targets else "check.nothing")]
    notes = [paragraph(one_line(note), 2, 4) for note in report.notes]
    blocks.append("\n".join([*_counts(report, words), *_not_evaluated(report, several, words, style), *notes]))
    gaps = _gaps(((target.target, target.gaps) for target in report.targets), several, words)
    if gaps:
        blocks.append("\n".join(gaps))
    return "\n\n".join(blocks) + "\n"


def render_drift(report: DriftReport, style: Style) -> str:
    """Changed targets first, then those not seen, then the unchanged and the coverage."""
    words = Words(style.lang)
    changed = [one for one in report.targets if one.seen and (one.changes or one.text_changes)]
    unseen = [one for one in report.targets if not one.seen]
    same = [one for one in report.targets if one.seen and not (one.changes or one.text_changes)]
    blocks = ["\n".join(_target_block(target, words, style)) for target in changed]
    blocks += ["\n".join(_unseen(target, words, style)) for target in unseen]
    partly = [(one.target, one.gaps) for one in report.targets if one.seen and one.gaps]
    gaps = _gaps(partly, True, words)
    if gaps:
        blocks.append("\n".join(gaps))
    blocks.append("\n".join(_summary(report, same, words, style)))
    return "\n\n".join(blocks) + "\n"


def _rule_block(group: outline.RuleGroup, several: bool, words: Words, style: Style) -> Iterable[str]:
    severity = words(f"severity.{group.severity}")
    painted = paint(severity, group.severity, on=style.colour)
    yield paragraph(f"{visible(group.rule)}  {severity}  {one_line(group.title)}", 0, 2).replace(severity, painted, 1)
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
    text = one_line(finding.message)
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


def _gaps(by_target: Iterable[tuple[str, Sequence[Gap]]], several: bool, words: Words) -> list[str]:
    counted: list[str] = []
    harmless: list[str] = []
    for target, gaps in by_target:
        for gap in gaps:
            (harmless if gap.complete else counted).append("\n".join(_gap(target if several else "", gap, words)))
    lines: list[str] = []
    if counted:
        lines += [words("check.not_seen"), *counted]
    if harmless:
        lines += [words("check.complete_gaps"), *harmless]
    return lines


def _gap(target: str, gap: Gap, words: Words) -> Iterable[str]:
    label = one_line(gap.what, 200)
    if target:
        label = f"{visible(target)}  {label}"
    detail = one_line(gap.detail)
    cause = words(f"cause.{gap.cause}")
    yield entry(label, f"{cause}: {detail}" if detail else cause)
    yield from _next_step(gap)


def _next_step(gap: Gap) -> Iterable[str]:
    """What to do; a command stays on one line, so that it can be copied."""
    for line in filter(None, gap.next_step.split("\n")):
        yield f"      {one_line(line)}" if "auditor " in line else paragraph(one_line(line), 6)


def _target_block(target: TargetDrift, words: Words, style: Style) -> Iterable[str]:
    pairs = outline.causes_and_effects(target)
    number = words.count("change", len(pairs) or len(target.text_changes))
    since = f"{words.moment(target.since)}" if target.since else visible(target.since_revision)
    head = words("drift.since", changes=number, since=since) if since else number
    yield f"{paint(visible(target.target), 'bold', on=style.colour)}  {head}"
    for change, effects in pairs:
        yield from _change(change, words)
        yield from _effects(effects, words, style)
    yield from _texts(target.text_changes if style.verbose else outline.untold_texts(target), words, style)
    if pairs:
        yield f"  {words('drift.look')}"
        yield f"    auditor history {shlex.quote(one_line(str(pairs[0][0].address)))}"


def _change(change: AttributeChange, words: Words) -> Iterable[str]:
    source = outline.source_text(change.after_source or change.before_source)
    text = f"{outline.changed_thing(change.address)}  {_difference(change, words)}"
    yield entry(source, text) if source else paragraph(text, 2, 6)
    yield paragraph(_hand(change, words), 6)


def _difference(change: AttributeChange, words: Words) -> str:
    absent = words("drift.absent")
    if not change.address.attribute and change.kind != "changed":
        return words(f"drift.{change.kind}")
    return " → ".join(outline.value_pair(change, absent))


def _hand(change: AttributeChange, words: Words) -> str:
    parts = [words(f"hand.{change.attribution.hand}")]
    parts += [one_line(part) for part in (change.attribution.text, change.attribution.reference[:12]) if part]
    if change.agreed_by:
        parts.append(words("drift.agreed_by", baseline=one_line(change.agreed_by)))
    return ", ".join(parts)


def _effects(effects: Sequence[AttributeChange], words: Words, style: Style) -> Iterable[str]:
    def alike(change: AttributeChange) -> tuple[int, str, str, str, str]:
        before, after = outline.value_pair(change, words("drift.absent"))
        return outline.effect_rank(change), change.address.kind, change.address.attribute, before, after

    lines: list[str] = []
    for (_, kind, attribute, before, after), found in groupby(sorted(effects, key=alike), key=alike):
        group = list(found)
        if not attribute:
            names = ", ".join(one_line(one.address.name) for one in group)
            lines.append(f"{kind} {names}  {_difference(group[0], words)}")
            continue
        what = outline.attribute_text(attribute)
        if len(group) == 1 or style.verbose:
            lines += [
                words("drift.effect_one", attribute=what, name=one_line(one.address.name), before=before, after=after)
                for one in group
            ]
        else:
            several = words.count(kind, len(group))
            lines.append(words("drift.effect", attribute=what, routes=several, before=before, after=after))
    shown = lines if style.verbose else lines[:_EFFECTS]
    yield from (paragraph(line, 8, 10) for line in shown)
    if len(lines) > len(shown):
        yield " " * 8 + words("drift.more", effects=words.count("effect", len(lines) - len(shown)))


def _texts(changes: Sequence[TextChange], words: Words, style: Style) -> Iterable[str]:
    for change in changes:
        line = change.after_line if change.after else change.before_line
        place = f"{change.document}:{line}" if line else change.document
        yield f"  {one_line(place)}  {words('drift.text')}"
        lines = [("-", text) for text in change.before] + [("+", text) for text in change.after]
        shown = lines if style.verbose else lines[: 2 * _EFFECTS]
        for mark, text in shown:
            yield paint(f"    {mark} {visible(text)[:400]}", "faint", on=style.colour)
        if len(lines) > len(shown):
            rest = words.count("line", len(lines) - len(shown))
            yield f"    {rest}; {words('drift.lists')}"


def _unseen(target: TargetDrift, words: Words, style: Style) -> Iterable[str]:
    head = f"{visible(target.target)}  {paint(words('drift.not_seen'), 'high', on=style.colour)}"
    causes = [one_line(gap.detail) or words(f"cause.{gap.cause}") for gap in target.gaps]
    yield f"{head}: {causes[0]}" if causes else head
    for gap in target.gaps:
        yield from _next_step(gap)


def _summary(report: DriftReport, same: Sequence[TargetDrift], words: Words, style: Style) -> Iterable[str]:
    if same:
        names = [visible(target.target) for target in same]
        listed = ", ".join(names) if style.verbose or len(names) <= 6 else f"{names[0]} … {names[-1]} ({len(names)})"
        yield paragraph(pad(listed, 1) + "  " + words("drift.none"), 0, 2)
    seen, everything = outline.coverage(report)
    yield words("drift.coverage", seen=words.number(seen), all=words.number(everything))
