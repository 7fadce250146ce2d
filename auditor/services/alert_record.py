"""Alert tests in the ledger: announced before they are sent, recorded when they are done, and how old each proof is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from auditor.errors import StoreError
from auditor.model.alert import CHANNELS
from auditor.model.resource import Attribute, Resource, make_resource
from auditor.model.value import Many, NoLimit, Number, Undetermined, Value, texts
from auditor.services.observe import Observed

if TYPE_CHECKING:
    from auditor.model.alert import ProofReport
    from auditor.model.event import Event
    from auditor.model.secret import Sealer
    from auditor.model.snapshot import Interpretation
    from auditor.model.target import Target
    from auditor.services.fleet import Fleet

KIND: Final = "alert tested"
_ASKED: Final = "asked for"
_OLDEST: Final = timedelta(days=400)
_DAY_S: Final = 86_400
_STAMP: Final = "%Y-%m-%dT%H:%M:%SZ"


def announce(fleet: Fleet, targets: Iterable[Target], now: datetime, actor: str, sealer: Sealer | None = None) -> None:
    """Writes down, before anything is sent, that test alerts will be: a killed run leaves that trace.

    Errors:
        RefusedError: another process is writing.
        StoreError: the ledger could not be written to; then nothing may be sent.
    """
    names = tuple(sorted(one.name for one in targets))
    _append(fleet, [_event(now, names, "test alerts are asked for", (("state", _ASKED),), actor)], sealer)


def record(fleet: Fleet, report: ProofReport, now: datetime, actor: str, sealer: Sealer | None = None) -> ProofReport:
    """Writes down what became of each target's test alerts; gives the report that says so.

    Errors:
        RefusedError: another process is writing.
        StoreError: the ledger could not be written to.
    """
    events: list[Event] = []
    done = []
    for target in report.targets:
        asked = [one for one in target.channels if one.state != "not set up"]
        done.append(msgspec.structs.replace(target, recorded=bool(asked)))
        if asked:
            detail: list[tuple[str, str]] = [(one.channel, one.state) for one in asked]
            detail += [(f"{one.channel} via", one.via) for one in asked if one.state == "arrived"]
            told = "; ".join(f"{one.channel} {one.state}" for one in asked)
            events.append(_event(now, (target.target,), told, tuple(detail), actor))
    _append(fleet, events, sealer)
    return msgspec.structs.replace(report, targets=tuple(done))


def _event(now: datetime, names: tuple[str, ...], text: str, detail: tuple[tuple[str, str], ...], actor: str) -> Event:
    from auditor.model.event import Event

    return Event("alert tested", _stamp(now), actor=actor, targets=names, text=text, detail=detail)


def _append(fleet: Fleet, events: Iterable[Event], sealer: Sealer | None) -> None:
    from auditor.store import Store

    with Store.open(fleet.store_path) as store:
        for event in events:
            store.append_event(event, sealer)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(_STAMP)


# -- how old the proofs are -------------------------------------------------------------------------------------------


class Proofs(msgspec.Struct, frozen=True):
    """When each channel of each target was last proven, UTC; ``unknown`` says why that cannot be known, else empty."""

    last: Mapping[tuple[str, str], datetime]
    unknown: str = ""


def proofs_of(fleet: Fleet, now: datetime) -> Proofs:
    """The last proofs in the fleet's ledger, none older than 400 days; what is older counts as never."""
    from auditor.store import Store

    last: dict[tuple[str, str], datetime] = {}
    try:
        with Store.open(fleet.store_path) as store:
            for event in store.events(kind=KIND, since=_stamp(now - _OLDEST), until=_stamp(now)):
                moment = datetime.strptime(event.time, _STAMP).replace(tzinfo=UTC)
                for channel, state in event.detail:
                    if state == "arrived":
                        last.update({(target, channel): moment for target in event.targets})
    except StoreError as error:
        return Proofs({}, str(error).split("\n", 1)[0])
    return Proofs(last)


async def with_proofs(seen: AsyncIterator[Observed], fleet: Fleet | None, now: datetime) -> AsyncIterator[Observed]:
    """What was observed, each iLO with the age of its alert proofs; as it is where there is no fleet."""
    proofs: Proofs | None = None
    async for one in seen:
        if fleet is None or one.target.surface != "ilo":
            yield one
            continue
        proofs = proofs or proofs_of(fleet, now)
        yield Observed(one.target, one.collected, proven(one.interpretation, one.target.name, proofs, now))


def proven(found: Interpretation, target: str, proofs: Proofs, now: datetime) -> Interpretation:
    """What was found on an iLO, its manager with the age of its alert proofs."""
    resources = tuple(_proven(resource, target, proofs, now) for resource in found.resources)
    return msgspec.structs.replace(found, resources=resources)


def _proven(resource: Resource, target: str, proofs: Proofs, now: datetime) -> Resource:
    ways = resource.value("alert_channels") if resource.kind == "ilo.manager" else None
    if ways is None:
        return resource
    unsure = resource.value("alert_channels_unsure")
    attributes = [*resource.attributes, *ages(ways, target, proofs, now, unsure)]
    return make_resource(resource.kind, resource.name, attributes, resource.source)


def ages(ways: Value, target: str, proofs: Proofs, now: datetime, unsure: Value | None = None) -> list[Attribute]:
    """The attributes that say how old the proofs are of the channels among ``ways`` (``snmp 10.9.0.4``, …).

    None where there is no way: another rule speaks of that. Where all of them are proven, a channel of which it is
    not sure that alerts leave by it (``unsure``) and that was never proven leaves the age open.
    """
    if isinstance(ways, Undetermined) or proofs.unknown:
        cause = ways.cause if isinstance(ways, Undetermined) else proofs.unknown
        return [Attribute("alert_proven_days", Undetermined(cause)), Attribute("alert_proofs", Undetermined(cause))]
    named, doubted = _channels(ways), _channels(unsure)
    proven_once = {channel for channel in doubted if (target, channel) in proofs.last}
    counted = [channel for channel in CHANNELS if channel in named or channel in proven_once]
    days = {channel: _days(proofs.last.get((target, channel)), now) for channel in counted}
    if not days:
        return []
    known = [number for number in days.values() if number is not None]
    oldest: Value = Number(max(known)) if len(known) == len(days) else NoLimit()
    doubts = [text for channel, text in doubted.items() if channel not in days]
    if doubts and oldest != NoLimit():
        oldest = Undetermined(doubts[0])
    told = texts(*(f"{name} {_told(number)}" for name, number in days.items()))
    note = "from the fleet's ledger"
    return [Attribute("alert_proven_days", oldest, None, note), Attribute("alert_proofs", told, None, note)]


def _channels(ways: Value | None) -> dict[str, str]:
    """The channels that ways go by, each with the text of one of them."""
    items = ways.items if isinstance(ways, Many) else ()
    return {text.partition(" ")[0]: text for one in items if (text := str(getattr(one, "value", "")))}


def _days(moment: datetime | None, now: datetime) -> int | None:
    return None if moment is None else max(0, int((now - moment).total_seconds() // _DAY_S))


def _told(days: int | None) -> str:
    if days is None:
        return "never"
    return "today" if days == 0 else f"{days} days ago" if days > 1 else "1 day ago"
