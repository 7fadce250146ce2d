"""One change for a person at a terminal, as drift and history show it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Final

from auditor.model.drift import AttributeChange, TextChange
from auditor.model.resource import Address
from auditor.model.snapshot import Waiting
from auditor.report import outline
from auditor.report.escape import one_line, visible
from auditor.report.interface import Style
from auditor.report.layout import entry, paint, paragraph
from auditor.report.messages import Words
from auditor.report.waiting import waiting_for

_SHOWN: Final = 3
"""Effects of one change, and pairs of changed lines of one document, that are shown without ``--verbose``."""


def changes(
    pairs: Iterable[tuple[AttributeChange, Sequence[AttributeChange]]],
    words: Words,
    style: Style,
    waiting: Mapping[Address, Waiting] = MappingProxyType({}),
) -> Iterable[str]:
    """Each change with its source, both values and by whose hand; below it what it effects.

    A value that differs and of which another one is set and ``waiting`` is told with that.
    """
    for change, effects in pairs:
        yield from _change(change, words)
        if (waits := waiting.get(change.address)) is not None:
            yield paragraph(waiting_for(waits, words), 6)
        yield from _effects(effects, words, style)


def texts(found: Sequence[TextChange], words: Words, style: Style) -> Iterable[str]:
    """Changed lines, each document's first few without ``--verbose``."""
    for change in found:
        line = change.after_line if change.after else change.before_line
        place = f"{change.document}:{line}" if line else change.document
        yield f"  {one_line(place)}  {words('drift.text')}"
        lines = [("-", text) for text in change.before] + [("+", text) for text in change.after]
        shown = lines if style.verbose else lines[: 2 * _SHOWN]
        for mark, text in shown:
            yield paint(f"    {mark} {visible(text)[:400]}", "faint", on=style.colour)
        if len(lines) > len(shown):
            rest = words.count("line", len(lines) - len(shown))
            yield f"    {rest}; {words('drift.lists')}"


def _change(change: AttributeChange, words: Words) -> Iterable[str]:
    source = outline.source_text(change.after_source or change.before_source)
    text = f"{outline.changed_thing(change.address)}  {_difference(change, words)}"
    yield entry(source, text) if source else paragraph(text, 2, 6)
    hand = _hand(change, words)
    if hand:
        yield paragraph(hand, 6)


def _difference(change: AttributeChange, words: Words) -> str:
    if not change.address.attribute and change.kind != "changed":
        return words(f"drift.{change.kind}")
    return " → ".join(outline.value_pair(change, words("drift.absent")))


def _hand(change: AttributeChange, words: Words) -> str:
    """By whose hand; of a value that only a baseline disagrees with, which one."""
    if change.agreed_by and change.attribution.hand == "unknown" and not change.attribution.text:
        return _agreed(change, words)
    parts = [words(f"hand.{change.attribution.hand}")]
    if change.attribution.text:
        parts.append(outline.hand_text(change.attribution, words))
    elif change.attribution.reference:
        parts.append(visible(change.attribution.reference[:12]))
    if change.agreed_by:
        parts.append(_agreed(change, words))
    return ", ".join(parts)


def _agreed(change: AttributeChange, words: Words) -> str:
    return words(outline.agreed_key(change), baseline=one_line(change.agreed_by))


def _effects(effects: Sequence[AttributeChange], words: Words, style: Style) -> Iterable[str]:
    def alike(change: AttributeChange) -> tuple[int, str, str, str, str]:
        before, after = outline.value_pair(change, words("drift.absent"))
        return outline.effect_rank(change.address), change.address.kind, change.address.attribute, before, after

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
    shown = lines if style.verbose else lines[:_SHOWN]
    yield from (paragraph(line, 8, 10) for line in shown)
    if len(lines) > len(shown):
        yield " " * 8 + words("drift.more", effects=words.count("effect", len(lines) - len(shown)))
