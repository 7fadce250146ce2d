"""The forms of history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from auditor.plan.folder import SHORT
from auditor.report import terminal_changes
from auditor.report.escape import one_line, visible
from auditor.report.interface import Style
from auditor.report.json import change_json, write
from auditor.report.layout import pad, paint, paragraph
from auditor.report.messages import Words

if TYPE_CHECKING:
    from auditor.model.event import Event
    from auditor.services.history import HistoryEntry
    from auditor.services.plan_history import PlanHistory
    from auditor.store import Snapshot


def show_history(what: str, entries: Sequence[HistoryEntry], style: Style, notes: Sequence[str] = ()) -> str:
    """Who changed it and when, newest first; each change with both values. ``notes`` stand behind."""
    words = Words(style.lang)
    lines = [paint(one_line(what), "bold", on=style.colour)]
    for entry in entries:
        lines += ["", *_entry(entry, words, style)]
    if not entries:
        lines.append(words("history.none"))
    lines += [paragraph(one_line(words.said(note)), 0, 2) for note in notes]
    return "\n".join(lines) + "\n"


def _entry(entry: HistoryEntry, words: Words, style: Style) -> Iterable[str]:
    after = words.moment(entry.run_at)
    if entry.seen_before:
        when = words("history.between", before=words.moment(entry.seen_before), after=after)
    else:
        when = words("history.at", after=after)
    yield f"{words(f'history.{entry.kind}')} {when}  ({visible(entry.revision[:12])})"
    present = {change.address for change in entry.changes}
    causes = [change for change in entry.changes if change.effect_of not in present]
    pairs = [(cause, [one for one in entry.changes if one.effect_of == cause.address]) for cause in causes]
    yield from terminal_changes.changes(pairs, words, style)
    if style.verbose or not entry.changes:
        yield from terminal_changes.texts(entry.text_changes, words, style)
    if not entry.changes and not entry.text_changes:
        yield from (f"  {one_line(name)}" for name in entry.documents)


def show_plan_history(found: PlanHistory, style: Style, notes: Sequence[str] = ()) -> str:
    """Who did what with a plan, oldest first."""
    words = Words(style.lang)
    reason = f'  "{one_line(found.reason)}"' if found.reason else ""
    lines = [paint(f"Plan {found.id[:SHORT]}{reason}", "bold", on=style.colour)]
    if found.unread:
        lines.append(paragraph(words("history.plan_unread", why=one_line(found.unread)), 2, 4))
    lines += (paragraph(event_line(event, words), 2, 4) for event in found.events)
    if not found.events:
        lines.append(f"  {words('history.no_event')}")
    lines += [paragraph(one_line(words.said(note)), 0, 2) for note in notes]
    lines.append(f"  {words('plan.next')}  auditor show {found.id[:SHORT]}      auditor history --verify")
    return "\n".join(lines) + "\n"


def event_line(event: Event, words: Words, *, targets: bool = True) -> str:
    """One event of the ledger: when, what, on which targets, by whom, and what was said of it."""
    here = f" {', '.join(visible(one) for one in event.targets)}" if targets and event.targets else ""
    who = f", {one_line(event.actor)}" if event.actor else ""
    text = f": {one_line(event.text)}" if event.text else ""
    return f"{words.moment(event.time)}  {words(f'event.{event.kind}')}{here}{who}{text}"


def plan_history_json(found: PlanHistory, style: Style, notes: Sequence[str] = ()) -> str:
    """The history of a plan as ``auditor.plan_history/v1``."""
    body: dict[str, Any] = msgspec.to_builtins(found)
    head = {"format": "auditor.plan_history/v1", "auditor_version": style.version, "notes": list(notes)}
    return write({**head, **body})


def show_snapshots(snapshots: Sequence[Snapshot], style: Style, notes: Sequence[str] = ()) -> str:
    """The store's snapshots, newest first, with their coverage."""
    words = Words(style.lang)
    rows = (f"{pad(words.moment(one.run_at), 22)}  {one_line(one.subject)}" for one in snapshots)
    lines = [words("history.snapshots")]
    lines += [f"  {one.revision[:12]}  {row}" for one, row in zip(snapshots, rows, strict=True)]
    lines += [paragraph(one_line(words.said(note)), 0, 2) for note in notes]
    return "\n".join(lines) + "\n"


def history_json(what: str, entries: Sequence[HistoryEntry], style: Style, notes: Sequence[str] = ()) -> str:
    """The history as ``auditor.history/v1``."""
    return write(
        {
            "format": "auditor.history/v1",
            "auditor_version": style.version,
            "of": what,
            "notes": list(notes),
            "entries": [
                {
                    "revision": one.revision,
                    "run_at": one.run_at,
                    "seen_before": one.seen_before,
                    "kind": one.kind,
                    "documents": list(one.documents),
                    "changes": [change_json(change) for change in one.changes],
                }
                for one in entries
            ],
        }
    )


def snapshots_json(snapshots: Sequence[Snapshot], style: Style, notes: Sequence[str] = ()) -> str:
    """The store's snapshots as ``auditor.snapshots/v1``."""
    return write(
        {
            "format": "auditor.snapshots/v1",
            "auditor_version": style.version,
            "notes": list(notes),
            "snapshots": [
                {
                    "revision": one.revision,
                    "run_at": one.run_at,
                    "subject": one.subject,
                    "trailers": [{"name": name, "value": value} for name, value in one.trailers],
                }
                for one in snapshots
            ],
        }
    )
