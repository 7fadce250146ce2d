"""The forms of a rehearsal: a table for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from auditor.model.rehearsal import Rehearsal, RehearsedTarget
from auditor.plan.folder import SHORT
from auditor.report.escape import one_line, visible
from auditor.report.interface import Style
from auditor.report.json import write
from auditor.report.layout import paint, paragraph
from auditor.report.messages import Words


def show_rehearsal(rehearsal: Rehearsal, style: Style) -> str:
    """What the rehearsal showed, target by target, and the command that comes next."""
    words = Words(style.lang)
    short = rehearsal.plan[:SHORT]
    lines = [paint(words("rehearsal.title", plan=short), "bold", on=style.colour)]
    for one in rehearsal.targets:
        lines += _target(one, words, style)
    following = {
        "passed": f"auditor approve {short} --key FILE",
        "failed": f"auditor plan --refresh {short}",
        "not rehearsed": f"auditor show {short}",
    }
    lines.append(f"  {words('plan.next')}  {following[rehearsal.outcome]}")
    return "\n".join(lines) + "\n"


def _target(one: RehearsedTarget, words: Words, style: Style) -> Iterable[str]:
    colour = {"passed": "good", "failed": "high", "not rehearsed": "medium"}[one.outcome]
    yield f"  {visible(one.target)}  {paint(words(f'rehearsed.{one.outcome}'), colour, on=style.colour)}"
    if one.ran_on:
        yield paragraph(words("rehearsal.on", copy=one_line(one.ran_on)), 4, 6)
    for text, held in one.checks:
        if style.verbose or not held or one.outcome == "passed":
            yield paragraph(f"{'✔' if held else '✘'} {one_line(text)}", 4, 6)
    if one.text:
        yield paragraph(one_line(one.text), 4)


def rehearsal_lines(rehearsal: Rehearsal | None, words: Words) -> Iterable[str]:
    """A plan's rehearsal in a line, as it stands among its signatures."""
    if rehearsal is None:
        yield f"  {words('rehearsal.none')}"
        return
    said = words(f"rehearsed.{rehearsal.outcome}")
    yield paragraph(words("rehearsal.line", outcome=said, time=words.moment(rehearsal.time)), 2, 4)
    for one in rehearsal.targets:
        if one.outcome != "passed":
            outcome = words(f"rehearsed.{one.outcome}")
            yield paragraph(f"{visible(one.target)}: {outcome}: {one_line(one.text)}", 4, 6)


def rehearsal_json(rehearsal: Rehearsal, _: Style) -> str:
    """The record as it stands beside the plan, ``auditor.rehearsal/v1``."""
    body: dict[str, Any] = {**msgspec.to_builtins(rehearsal), "outcome": rehearsal.outcome}
    return write(body)
