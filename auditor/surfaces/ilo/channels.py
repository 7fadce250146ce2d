"""The ways by which alerts leave an iLO, worked out from all of its alert settings. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from auditor.model.snapshot import Gap, hides
from auditor.model.value import Undetermined, Value, texts
from auditor.surfaces.ilo.bodies import Bodies, first, licensed, text_at
from auditor.surfaces.ilo.body import Body, find
from auditor.surfaces.ilo.values import EMPTY_ADDRESSES

_KINDS: Final = (
    "ilo.snmp",
    "ilo.snmp_destination",
    "ilo.alert_mail",
    "ilo.remote_syslog",
    "ilo.event_subscription",
)
_BY_PROTOCOL: Final = (
    ("mail", "EmailAlert", "AlertMailEnabled", ("AlertMailEmail", "AlertMailSMTPServer")),
    ("syslog", "RemoteSyslog", "RemoteSyslogEnabled", ("RemoteSyslogServer",)),
)


class _UnclearError(Exception):
    """A switch that decides whether alerts leave is neither on nor off."""


def channels(bodies: Bodies, owner: str, gaps: tuple[Gap, ...]) -> Value:
    """Every way by which an alert leaves the machine; undetermined where not all could be seen and understood."""
    hidden = [gap for kind in _KINDS for gap in hides(gaps, kind)]
    if hidden:  # a way that is missing here may only not have been seen
        return Undetermined(f"{hidden[0].what} could not be read ({hidden[0].cause})")
    try:
        protocols = tuple(_by_protocol(bodies, owner))
        proven = [*_by_snmp(bodies, owner), *(text for text, sure in protocols if sure), *_by_events(bodies)]
    except _UnclearError as error:
        return Undetermined(str(error))
    found = [*proven, *(text for text, sure in protocols if not sure)]
    unlicensed = [gap for gap in gaps if "ilo.licence" in gap.kinds]
    if found and not proven and unlicensed:
        return Undetermined(f"whether {found[0]} is licensed: {unlicensed[0].what} ({unlicensed[0].cause})")
    return texts(*sorted(set(found)))


def _on(body: Body, pointer: str, *, absent: bool) -> bool:
    """Whether a switch is on; ``absent`` is what it counts as on a generation that has none."""
    there, value = find(body, pointer)
    if there and not isinstance(value, bool):
        raise _UnclearError(f"{pointer.rsplit('/', 1)[-1]} is neither true nor false")
    return value if isinstance(value, bool) else absent


def _by_snmp(bodies: Bodies, owner: str) -> Iterable[str]:
    service = first(bodies.of("snmp", owner))
    destinations = [one.body for one in bodies.of("snmp_destination", owner) if _address(one.body, "/AlertDestination")]
    if service is None or not destinations or not _on(service.body, "/AlertsEnabled", absent=False):
        return
    for body in destinations:
        later = text_at(body, "/SNMPAlertProtocol").startswith("SNMPv3")
        needed = ("SNMPv3TrapEnabled",) if later else ("SNMPv1Enabled", "SNMPv1TrapEnabled")
        if all(_on(service.body, f"/{name}", absent=True) for name in needed):
            yield f"snmp {_address(body, '/AlertDestination')}"


def _by_protocol(bodies: Bodies, owner: str) -> Iterable[tuple[str, bool]]:
    """Channels that a licence allows, each with whether the licence says so."""
    for protocol in bodies.of("network_protocol", owner):
        for channel, feature, switch, needed in _BY_PROTOCOL:
            targets = [_address(protocol.body, f"/Oem/Hpe/{name}") for name in needed]
            allowed = licensed(bodies, owner, feature)
            if (allowed and not allowed[0]) or not all(targets):
                continue
            if _on(protocol.body, f"/Oem/Hpe/{switch}", absent=False):
                yield f"{channel} {targets[0]}", allowed is not None


def _by_events(bodies: Bodies) -> Iterable[str]:
    service = first(bodies.of("event_service"))
    places = [text_at(one.body, "/Destination") for one in bodies.of("event_subscription")]
    if service is not None and any(places) and _on(service.body, "/ServiceEnabled", absent=True):
        yield from (f"event {place}" for place in places if place)


def _address(body: Body, pointer: str) -> str:
    """Where alerts go, empty where the iLO writes that they go nowhere."""
    text = text_at(body, pointer)
    return "" if text in EMPTY_ADDRESSES else text
