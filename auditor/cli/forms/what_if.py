"""The forms of what-if."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

from auditor.model.plan import Effect, Limit
from auditor.model.resource import Address
from auditor.model.value import Boolean, Undetermined, Value
from auditor.report.escape import one_line, visible
from auditor.report.interface import Style
from auditor.report.json import Json, address_json, gap_json, value_json, write
from auditor.report.layout import entry, paint, paragraph
from auditor.report.messages import Words
from auditor.report.outline import attribute_text, effect_rank, value_text

if TYPE_CHECKING:
    from auditor.model.snapshot import Gap
    from auditor.services.what_if import Asked, WhatIf

_LINES: Final = 40
"""Lines of one section without ``--verbose``."""


def show_what_if(answers: Sequence[WhatIf], style: Style) -> str:
    """What each target would be: what else changes, what may be set then, what it takes, and what is open."""
    words = Words(style.lang)
    blocks = ["\n".join(_answer(one, words, style)) for one in answers]
    return "\n\n".join(blocks) + "\n"


def _answer(answer: WhatIf, words: Words, style: Style) -> Iterable[str]:
    yield paint(visible(answer.target), "bold", on=style.colour)
    yield f"  {words('what_if.asked')}"
    for asked in answer.asked:
        yield from _asked(asked, words)
    if not answer.seen:
        yield from _gaps("what_if.not_seen", answer.gaps, words)
        return
    proposal = answer.proposal
    if proposal.refusals:
        yield ""
        yield paint(f"  {words('what_if.refused')}", "high", on=style.colour)
        yield from (paragraph(one_line(words.said(why)), 4, 6) for why in proposal.refusals)
    if proposal.steps:
        yield ""
        yield from _changes([one for one in proposal.effects if not one.asked], answer, words, style)
        if proposal.limits:
            yield ""
            yield f"  {words('what_if.limits')}"
            yield from _short([_limit(one, words) for one in proposal.limits], words, style)
    yield from (paragraph(one_line(words.said(note)), 2, 4) for note in proposal.notes)
    if proposal.undecided:
        yield ""
        yield paint(f"  {words('what_if.undecided')}", "high", on=style.colour)
        for one in proposal.undecided:
            name = attribute_text(one.address.attribute) if one.address.attribute else words("what_if.anything")
            about = words(f"what_if.about.{one.about}")
            yield paragraph(f"{name}, {about}: {one_line(words.said(one.why))}", 4, 6)
    yield from _gaps("what_if.may_hide", answer.gaps, words)
    if proposal.steps:
        yield ""
        yield f"  {words('what_if.disruption', disruption=words(f'disruption.{answer.disruption}'))}"
    if proposal.steps and answer.plannable:
        settings = [f"{one.address.on(answer.target)}={one.written}" for one in answer.asked]
        yield f"  {words('what_if.plan')}"
        yield f"    auditor plan {' '.join(f'--set {shlex.quote(one_line(setting))}' for setting in settings)}"


def _asked(asked: Asked, words: Words) -> Iterable[str]:
    absent = words("drift.absent")
    before, after = value_text(asked.now, absent), value_text(asked.then, absent)
    yield paragraph(f"{_place(asked.address)}: {before} → {after}", 4, 6)
    if asked.allowed:
        yield paragraph(words("what_if.allowed", allowed=one_line(asked.allowed)), 6, 8)


def _place(address: Address) -> str:
    """``ilo.bios 1  BootMode``: an address as lists show it."""
    return f"{visible(address.kind)} {one_line(address.name)}  {attribute_text(address.attribute)}"


def _changes(effects: list[Effect], answer: WhatIf, words: Words, style: Style) -> Iterable[str]:
    if not effects:
        yield f"  {words('what_if.no_changes' if answer.complete else 'what_if.no_known_changes')}"
        return
    yield f"  {words('what_if.changes')}"
    absent = words("drift.absent")

    def alike(effect: Effect) -> tuple[int, str, str, str, str]:
        values = value_text(effect.before, absent), value_text(effect.after, absent)
        return effect_rank(effect.address), effect.address.kind, effect.address.attribute, *values

    lines: list[str] = []
    for (_, _, _, before, after), found in groupby(sorted(effects, key=alike), key=alike):
        group = list(found)
        told = group if style.verbose else group[:3]
        lines += [paragraph(f"{_place(one.address)}: {before} → {after}", 4, 6) for one in told]
        if len(told) < len(group):
            lines.append(f"      {words('what_if.alike', n=words.number(len(group) - len(told)))}")
    yield from _short(lines, words, style)


def _limit(limit: Limit, words: Words) -> str:
    name = attribute_text(limit.address.attribute)
    if isinstance(limit.after, Undetermined):
        text = words("what_if.unknown", aspect=words(f"what_if.aspect.{limit.aspect}"))
    elif limit.aspect == "locked":
        locked = limit.after == Boolean(value=True)
        text = words("what_if.locked", why=one_line(limit.why)) if locked else words("what_if.unlocked")
    elif limit.aspect == "hidden":
        text = words("what_if.hidden" if limit.after == Boolean(value=True) else "what_if.unhidden")
    else:
        unbounded = words("what_if.unbounded")
        before, after = value_text(limit.before, unbounded), value_text(limit.after, unbounded)
        text = words("what_if.bound", aspect=words(f"what_if.aspect.{limit.aspect}"), before=before, after=after)
    return paragraph(f"{name}  {text}", 4, 6)


def _short(lines: list[str], words: Words, style: Style) -> Iterable[str]:
    """The lines; without ``--verbose`` not more than people read, and how many are left out."""
    if style.verbose or len(lines) <= _LINES:
        yield from lines
        return
    yield from lines[:_LINES]
    yield f"    {words('what_if.more', n=words.number(len(lines) - _LINES))}"


def _gaps(title: str, gaps: Iterable[Gap], words: Words) -> Iterable[str]:
    lines = []
    for gap in gaps:
        cause = words(f"cause.{gap.cause}")
        detail = one_line(words.said(gap.detail))
        lines.append(entry(one_line(gap.what), f"{cause}: {detail}" if detail else cause, 4))
        if gap.next_step:
            lines.append(paragraph(one_line(words.said(gap.next_step)), 6, 8))
    if lines:
        yield ""
        yield f"  {words(title)}"
        yield from lines


def what_if_json(answers: Sequence[WhatIf], style: Style) -> str:
    """The answers as ``auditor.what-if/v1``."""
    return write(
        {
            "format": "auditor.what-if/v1",
            "auditor_version": style.version,
            "complete": all(one.complete for one in answers),
            "answers": [_answer_json(one) for one in answers],
        }
    )


def _answer_json(answer: WhatIf) -> Json:
    proposal = answer.proposal

    def at(address: Address) -> Json:
        return {"address": address_json(address.on(answer.target))}

    def values(before: Value | None, after: Value | None) -> Json:
        return {"before": value_json(before), "after": value_json(after)}

    return {
        "target": answer.target,
        "complete": answer.complete,
        "seen": answer.seen,
        "asked": [{**at(one.address), **values(one.now, one.then), "allowed": one.allowed} for one in answer.asked],
        "changes": [{**at(one.address), **values(one.before, one.after), "asked": one.asked}
                    for one in proposal.effects],
        "limits": [{**at(one.address), "aspect": one.aspect, **values(one.before, one.after), "why": one.why}
                   for one in proposal.limits],
        "disruption": answer.disruption,
        "refusals": list(proposal.refusals),
        "undecided": [{**at(one.address), "about": one.about, "why": one.why} for one in proposal.undecided],
        "notes": list(proposal.notes),
        "gaps": [gap_json(gap) for gap in answer.gaps],
    }  # fmt: skip
