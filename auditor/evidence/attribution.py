"""By whose hand: changes put beside the ledger's events. Pure.

A change is a plan's where an event of the ledger says that the plan brought this very value to this very place in the
time in question. A file that a plan touched proves nothing about another line of it, so a file counts only where the
event names no values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from auditor.model.drift import AttributeChange, Attribution, TargetDrift
from auditor.model.event import Event
from auditor.model.resource import Address
from auditor.model.source import FileSource, RedfishSource, Source

_FORWARD: Final = frozenset({"applied", "confirmed"})
_BACK: Final = frozenset({"rolled back", "taken back"})
_PACKAGE: Final = ".package"
_BY_PACKAGE: Final = frozenset({("httpd.server", "version"), ("httpd.server", "built_in_modules")})
_FOLLOWS: Final = frozenset(
    {("httpd.file", "digest"), ("ilo.bios", "pending"), ("ilo.bios", "verdict"), ("ilo.bios", "rejected")}
)


def attribute_drift(
    drift: TargetDrift, events: Sequence[Event], *, since: str = "", until: str = "", plan: str = ""
) -> TargetDrift:
    """The drift with the hand of each change; an effect has the hand of its cause.

    ``events`` are the ledger's, in order of time; ``since`` and ``until`` (UTC stamps, empty: open) say in which span
    the change must have come about. ``plan`` is the plan after whose apply the later state was taken, where it was.
    """
    packaged = any(change.address.kind.endswith(_PACKAGE) for change in drift.changes)
    told = {
        change.address: attribution(change, events, since=since, until=until, plan=plan, packaged=packaged)
        for change in drift.changes
    }

    def of(change: AttributeChange) -> Attribution:
        own = told[change.address]
        cause = told.get(change.effect_of) if change.effect_of is not None else None
        return cause if own.hand == "out of band" and cause is not None else own

    changes = tuple(msgspec.structs.replace(change, attribution=of(change)) for change in drift.changes)
    changes = tuple(_following(change, changes) for change in changes)
    return msgspec.structs.replace(drift, changes=changes)


def _following(change: AttributeChange, changes: Sequence[AttributeChange]) -> AttributeChange:
    """What follows by itself (a file's digest, the word of the last POST) has the one hand of all it follows."""
    kind, name, attribute = change.address.kind, change.address.name, change.address.attribute
    if change.attribution.hand != "out of band" or (kind, attribute) not in _FOLLOWS:
        return change
    if kind == "httpd.file":
        causes = [one for one in changes if one.address.kind != kind and name in _files(one)]
    else:
        causes = [
            one
            for one in changes
            if (one.address.kind, one.address.name) == (kind, name) and (kind, one.address.attribute) not in _FOLLOWS
        ]
    if not causes or any(one.attribution.hand != "plan" for one in causes):
        return change
    return msgspec.structs.replace(change, attribution=causes[0].attribution)


def _files(change: AttributeChange) -> set[str]:
    return {_name(one) for one in (change.before_source, change.after_source) if one is not None}


def attribution(
    change: AttributeChange,
    events: Iterable[Event],
    *,
    since: str = "",
    until: str = "",
    plan: str = "",
    packaged: bool = False,
) -> Attribution:
    """By whose hand one change came about. ``packaged``: a package of the target changed in the same span."""
    last: Event | None = None
    for event in events:
        in_time = (not since or event.time >= since) and (not until or event.time <= until)
        if event.kind not in _FORWARD | _BACK or not _names(event, change):
            continue
        # What the snapshot's own plan did outside the span counts where it brought this value: its later taking back
        # says nothing of a snapshot that was taken before.
        if in_time or (plan and event.plan == plan and _brought(event, change)):
            last = event
    if last is not None and _brought(last, change):
        verb = "by" if last.kind in _FORWARD else f"{last.kind}:"
        who = f", {last.actor}" if last.actor else ""
        return Attribution("plan", f"{verb} plan {last.plan[:12]}{who}, {last.time}", last.plan)
    address = change.address
    if address.kind.endswith(_PACKAGE):
        return Attribution("package", "a package was changed")
    if packaged and (address.kind, address.attribute) in _BY_PACKAGE:
        return Attribution("package", "with a package")
    return Attribution("out of band", "by no plan of the ledger")


def _names(event: Event, change: AttributeChange) -> bool:
    if change.address.target not in event.targets and not any(
        effect.address.target == change.address.target for effect in event.effects
    ):
        return False
    mine = [effect for effect in event.effects if effect.address.target in ("", change.address.target)]
    if mine:
        return any(_covers(effect.address, change.address) for effect in mine)
    return any(document in event.documents for document in _documents(change))


def _covers(effect: Address, changed: Address) -> bool:
    same = (effect.kind, effect.name) == (changed.kind, changed.name)
    return same and (not effect.attribute or not changed.attribute or effect.attribute == changed.attribute)


def _brought(event: Event, change: AttributeChange) -> bool:
    """Whether the event left the value that the change shows."""
    exact = [
        effect
        for effect in event.effects
        if effect.address.target in ("", change.address.target)
        and (effect.address.kind, effect.address.name, effect.address.attribute)
        == (change.address.kind, change.address.name, change.address.attribute)
    ]
    return not exact or not change.address.attribute or any(effect.after == change.after for effect in exact)


def _documents(change: AttributeChange) -> tuple[str, ...]:
    names = {_name(source) for source in (change.before_source, change.after_source) if source is not None}
    if change.address.kind == "httpd.file":
        names.add(change.address.name)
    return tuple(f"{change.address.target}:{name}" for name in sorted(names) if name)


def _name(source: Source) -> str:
    match source:
        case FileSource(file):
            return file
        case RedfishSource(uri):
            return uri
        case _:
            return ""
