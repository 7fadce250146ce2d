"""The forms of plan, show, approve, apply and rollback."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import msgspec

from auditor.cli.forms.history import event_line
from auditor.cli.forms.rehearsal import rehearsal_lines
from auditor.cli.forms.steps import step_lines
from auditor.model.plan import (
    ApplyReport,
    Cohort,
    Effect,
    OutcomeOf,
    Plan,
    Wave,
)
from auditor.plan.folder import SHORT
from auditor.plan.verification import wanted
from auditor.report.escape import one_line, visible
from auditor.report.interface import Style
from auditor.report.json import write
from auditor.report.layout import entry, paint, paragraph
from auditor.report.messages import Words
from auditor.report.outline import attribute_text, effect_rank, value_text
from auditor.report.waiting import waiting_block

if TYPE_CHECKING:
    from auditor.plan.disruption import DisruptionSum
    from auditor.services.changes.approve import Approved
    from auditor.services.changes.propose import Proposed
    from auditor.services.changes.show import ShownPlan

_EFFECTS: Final = 8
"""Lines of effects without ``--verbose``."""

_NOT_REHEARSED: Final = "and the rules ask for that"

_ASKED: Final = 12
"""Effects that a person can have asked for one by one; more of them are a whole state."""

_NAMES: Final = 8
"""Names under a line that counts resources, without ``--verbose``."""

_BOOKKEEPING: Final = 9
"""The rank of effects that the steps themselves show."""

_TIME_OUTS: Final = 1
"""Effects up to this rank are a route's read and connect time-out: never left out."""

_DERIVED: Final = frozenset(
    {
        "also_governed_by",
        "governed_by",
        "governed_by_main",
        "governed_by_scope",
        "own_timeout",
        "own_timeout_ignored",
        "own_timeout_is_wait",
        "own_timeout_written",
        "proxy_timeout_unit_dropped",
        "proxy_timeout_written",
        "timeout_from_proxy_timeout",
        "timeout_unit_dropped",
        "timeout_valid",
        "timeout_written",
    }
)
"""How a time-out comes about. The time-outs themselves and the edited lines stand in the form already."""


def show_proposed(made: Proposed, style: Style) -> str:
    """A plan just written, and the command that comes next."""
    words = Words(style.lang)
    lines = [*_plan(made.id, made.plan, made.in_sum, words, style), ""]
    lines += [paragraph(one_line(warning), 2, 4) for warning in made.warnings]
    lines += [f"  {words('plan.written', folder=visible(made.folder))}"]
    short = made.id[:SHORT]
    following = f"approve {short} --key FILE" if made.signed else f"plan --refresh {short} --author NAME --key FILE"
    lines += [f"  {words('plan.next')}  auditor {following}"]
    return "\n".join(lines) + "\n"


def proposed_json(made: Proposed, style: Style) -> str:
    """A plan just written, as ``auditor.proposed/v1``; ``plan`` is the document, ``auditor.plan/v1``."""
    return write(
        {
            "format": "auditor.proposed/v1",
            "auditor_version": style.version,
            "id": made.id,
            "folder": made.folder,
            "signed": made.signed,
            "in_sum": msgspec.to_builtins(made.in_sum),
            "warnings": list(made.warnings),
            "plan": msgspec.to_builtins(made.plan),
        }
    )


def show_plan(shown: ShownPlan, style: Style) -> str:
    """A plan as it stands: what it does, who signed, and whether it could be applied now."""
    words = Words(style.lang)
    lines = [*_plan(shown.id, shown.plan, shown.in_sum, words, style), "", *_signatures(shown, words)]
    if shown.reasons:
        lines.append(f"  {words('plan.not_ready')}")
        lines += [paragraph(one_line(reason), 4, 6) for reason in shown.reasons]
    else:
        ready = words("plan.ready") if shown.looked else words("plan.ready_unseen")
        lines.append(paragraph(ready, 2))
    lines += waiting_block([(one.address.target, one) for one in shown.waiting], words, 4)
    lines += [entry(visible(target), visible(what), label_columns=22) for target, what in shown.outcomes]
    several = sum(len(cohort.targets) for cohort in shown.plan.cohorts) > 1
    lines += (
        paragraph(event_line(event, words, targets=several and len(event.targets) == 1), 2, 4) for event in shown.events
    )
    lines.append(f"  {words('plan.next')}  {_next_command(shown)}")
    return "\n".join(lines) + "\n"


def _next_command(shown: ShownPlan) -> str:
    short = shown.id[:SHORT]
    became = {what for _, what in shown.outcomes}
    if any(what.startswith("applied, ") for what in became):
        return f"auditor confirm {short}"
    if became == {"applied"} and shown.irreversible:  # which `rollback` refuses
        return f"auditor plan --to {short} TARGET"
    if became & {"applied", "incomplete"} or any(what.startswith("under way") for what in became):
        return f"auditor rollback {short}"
    if "rolled back" in became or any("expired" in reason for reason in shown.reasons) or shown.stale:
        return f"auditor plan --refresh {short}"
    if shown.author is None and shown.required:
        return f"auditor plan --refresh {short} --author NAME --key FILE"
    if any(_NOT_REHEARSED in reason for reason in shown.reasons):
        return f"auditor rehearse {short}"
    others = [reason for reason in shown.reasons if " approvals" not in reason]
    if others:
        return f"auditor plan --refresh {short}"
    return f"auditor approve {short} --key FILE" if shown.reasons else f"auditor apply {short}"


def plan_json(shown: ShownPlan, style: Style) -> str:
    """A plan with all that is known of it, as ``auditor.show/v1``; ``plan`` is the document, ``auditor.plan/v1``."""
    body: dict[str, Any] = msgspec.to_builtins(shown)
    return write({"format": "auditor.show/v1", "auditor_version": style.version, **body})


def _plan(identity: str, plan: Plan, in_sum: DisruptionSum, words: Words, style: Style) -> Iterable[str]:
    yield paint(f'Plan {identity[:SHORT]}  "{one_line(plan.reason)}"', "bold", on=style.colour)
    made = words("plan.made", author=one_line(plan.author), created=words.moment(plan.created))
    yield paragraph(f"{made}, {words('plan.expires', expires=words.moment(plan.expires))}", 2)
    for cohort in plan.cohorts:
        yield ""
        yield from _cohort(cohort, words, style)
    yield ""
    yield paragraph(_in_sum(in_sum, words), 2, 4)
    if len(plan.waves) > 1:
        for wave in plan.waves:
            yield paragraph(f"{one_line(wave.name)}: {_listed(wave.targets, style)}{_limits(wave, words)}", 2, 4)
    for key, command in (("plan.before", plan.around.before), ("plan.after", plan.around.after)):
        if command:
            yield paragraph(f"{words(key)} {one_line(' '.join(command))}", 2, 4)
    yield from (paragraph(f"{words('plan.probe')} {one_line(wanted(one))}", 2, 4) for one in plan.asked)
    for key, found in (("plan.fixes", plan.fixes), ("plan.introduces", plan.introduces)):
        if found:
            rules = ", ".join(dict.fromkeys(visible(one.rule) for one in found))
            yield paragraph(f"{words(key)} {rules}", 2, 4)
    yield from (paragraph(one_line(words.said(note)), 2, 4) for note in plan.notes)


def _in_sum(in_sum: DisruptionSum, words: Words) -> str:
    """``Disrupts in sum: 3 reloads, 1 reboot, about 9 minutes``."""
    if not in_sum.counts:
        return words("plan.no_disruption")
    counted = [words.count(f"disruption.{one}", number) for one, number in in_sum.counts]
    counted.append(_about(in_sum.seconds, words))
    if in_sum.pauses_s:
        counted.append(words("plan.pauses", time=_about(in_sum.pauses_s, words)))
    return f"{words('plan.in_sum')} {', '.join(counted)}"


def _about(seconds: int, words: Words) -> str:
    """As people say it: seconds below two minutes, then whole minutes, hours from three."""
    unit, size = ("second", 1) if seconds < 120 else ("minute", 60) if seconds < 3 * 3600 else ("hour", 3600)
    return words("plan.about", time=words.count(unit, round(seconds / size)))


def _listed(targets: Sequence[str], style: Style) -> str:
    few = targets if style.verbose or len(targets) <= _NAMES else targets[:_NAMES]
    more = f", … ({len(targets)})" if len(few) < len(targets) else ""
    return ", ".join(visible(one) for one in few) + more


def _limits(wave: Wave, words: Words) -> str:
    """What else a wave says: how many may fail, and how long is waited after it."""
    said = [words("plan.stop_after", n=wave.stop_after)] if wave.stop_after else []
    said += [words("plan.at_once", n=wave.many)] if wave.many > 1 else []
    said += [words("plan.pause", seconds=wave.pause_s)] if wave.pause_s else []
    return f" ({', '.join(said)})" if said else ""


def _cohort(cohort: Cohort, words: Words, style: Style) -> Iterable[str]:
    yield paragraph(", ".join(visible(one) for one in cohort.targets), 2)
    for step in cohort.steps:
        yield from step_lines(step, words)
    many = sum(one.asked for one in cohort.effects) > _ASKED
    told = [one for one in cohort.effects if style.verbose or (one.asked and not many) or not _quiet(one)]
    lines = list(_effects(told, words, style, many=many))
    if lines:
        yield f"    {words('plan.effects')}"
    left = len(cohort.effects) - len(told)
    for number, (needed, line, count) in enumerate(lines):
        if needed or style.verbose or number < _EFFECTS:
            yield line
        else:
            left += count
    left -= sum(effect_rank(one.address) == _BOOKKEEPING for one in cohort.effects if one not in told)
    if left:
        yield f"      {words('drift.more', effects=words.count('effect', left))}"


def _quiet(effect: Effect) -> bool:
    """Whether an effect only says how another comes about; the step itself shows the line that it changes."""
    return effect.address.attribute in _DERIVED or effect_rank(effect.address) == _BOOKKEEPING


def _effects(effects: Sequence[Effect], words: Words, style: Style, *, many: bool) -> Iterable[tuple[bool, str, int]]:
    """A line for each effect asked for, then the consequences; alike ones are counted without ``--verbose``.

    ``many`` are asked for where a whole state is: then they may be left out as consequences may.

    Gives with each whether it must not be left out, and for how many effects it stands.
    """

    def alike(effect: Effect) -> tuple[bool, int, str, str, str, str]:
        absent = words("drift.absent")
        values = value_text(effect.before, absent), value_text(effect.after, absent)
        return not effect.asked, effect_rank(effect.address), effect.address.kind, effect.address.attribute, *values

    for (consequence, rank, kind, attribute, before, after), found in groupby(sorted(effects, key=alike), key=alike):
        group = list(found)
        names = [one_line(one.address.name) for one in group]
        few = style.verbose or len(group) == 1
        tail = f"  ({words('plan.consequence')})" if consequence else ""
        needed = (not consequence and not many) or rank <= _TIME_OUTS
        for what in [f"{kind} {name}" for name in names] if few else [words.count(kind, len(group))]:
            text = paragraph(f"{what}  {attribute_text(attribute)}: {before} → {after}{tail}", 6, 8)
            yield needed, text, 1 if few else len(group)
        if not few and rank <= _TIME_OUTS:
            more = ", …" if len(names) > _NAMES else ""
            yield needed, paragraph(", ".join(names[:_NAMES]) + more, 8, 8), 0


def _signatures(shown: ShownPlan, words: Words) -> Iterable[str]:
    if shown.author is not None:
        yield paragraph(words("plan.signed", name=one_line(shown.author.name), key=visible(shown.author.key)), 2, 4)
    else:
        yield f"  {words('plan.unsigned')}"
    approvers = "; ".join(f'"{one_line(one.name)}", SSH key {visible(one.key)}' for one in shown.approvers)
    counted = words("plan.approvals", n=len(shown.approvers), required=shown.required)
    yield paragraph(f"{counted} ({approvers})" if approvers else counted, 2, 4)
    for name, have, needed in shown.groups:
        yield paragraph(words("plan.group", name=one_line(name), n=have, required=needed), 4, 6)
    if shown.emergency is not None:
        told = "plan.emergency_reviewed" if shown.reviewed else "plan.emergency"
        yield paragraph(words(told, name=one_line(shown.emergency.name), key=visible(shown.emergency.key)), 2, 4)
    yield from (paragraph(one_line(one), 4, 6) for one in shown.set_aside)
    steps = ", ".join(visible(one) for one in shown.irreversible)
    said = words("plan.consented", steps=steps) if steps else words("plan.irreversible", steps=words("plan.none"))
    yield paragraph(said, 2, 4)
    yield from rehearsal_lines(shown.rehearsal, words)


def show_approved(approved: Approved, style: Style) -> str:
    """An approval that counts, and what is still missing."""
    words = Words(style.lang)
    counted = words("plan.approvals", n=approved.approvals, required=approved.required)
    name, signed_with = one_line(approved.approver), visible(approved.key)
    lines = [
        paragraph(words("plan.approved", plan=approved.plan[:SHORT], name=name, key=signed_with), 0, 2),
        f"  {counted}",
        f"  {visible(approved.file)}",
        *(paragraph(one_line(one), 2, 4) for one in approved.missing),
    ]
    if approved.emergency and not approved.reviewed:
        lines.append(paragraph(words("plan.emergency_told"), 2))
    if not approved.missing and not approved.carried_out:
        lines.append(f"  {words('plan.next')}  auditor apply {approved.plan[:SHORT]}")
    return "\n".join(lines) + "\n"


def approved_json(approved: Approved, style: Style) -> str:
    """An approval as ``auditor.approved/v1``."""
    body: dict[str, Any] = msgspec.to_builtins(approved)
    return write({"format": "auditor.approved/v1", "auditor_version": style.version, **body})


def show_outcomes(report: ApplyReport, style: Style) -> str:
    """What became of a plan, target by target, with every check that was made."""
    words = Words(style.lang)
    title = "apply.forward" if report.direction == "forward" else "rollback.title"
    lines = [paint(words(title, plan=report.plan[:SHORT]), "bold", on=style.colour)]
    for outcome in report.outcomes:
        if (report.direction, outcome.outcome) == ("back", "already"):
            lines.append(paragraph(f"{visible(outcome.target)}  {one_line(outcome.text)}", 2, 4))
        else:
            lines += _outcome(outcome, words, style)
    applied = any(one.outcome == "applied" for one in report.outcomes)
    if applied and report.confirm_within_s:
        lines.append(f"  {words('apply.confirm')}  auditor confirm {report.plan[:SHORT]}")
    if report.direction == "forward" and applied:
        lines.append(f"  {words('apply.back')}  auditor rollback {report.plan[:SHORT]}")
    return "\n".join(lines) + "\n"


def _outcome(outcome: OutcomeOf, words: Words, style: Style) -> Iterable[str]:
    unproven = outcome.outcome == "rolled back" and not all(held for _, held in outcome.checks)
    well = outcome.outcome in ("applied", "already", "confirmed", "rolled back")
    became = words("became.unproven" if unproven else f"became.{outcome.outcome}")
    said = paint(became, "good" if well and not unproven else "high", on=style.colour)
    yield f"  {visible(outcome.target)}  {said}"
    for text, held in outcome.checks:
        yield paragraph(f"{'✔' if held else '✘'} {one_line(text)}", 4, 6)
    if outcome.text and not (well and outcome.checks):
        yield paragraph(one_line(outcome.text), 4)


def outcomes_json(report: ApplyReport, style: Style) -> str:
    """What became of a plan, as ``auditor.apply/v1``."""
    body: dict[str, Any] = msgspec.to_builtins(report)
    return write({"format": "auditor.apply/v1", "auditor_version": style.version, **body})
