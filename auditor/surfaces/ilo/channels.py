"""The ways by which alerts leave an iLO, worked out from all of its alert settings. Pure.

A way counts only where every switch on it is known to be on. Where one is not shown, the way is a doubt, and a machine
with doubts alone is undetermined, neither silent nor heard.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from auditor.model.resource import Attribute
from auditor.model.snapshot import Gap, hides
from auditor.model.value import Boolean, Undetermined, Value, texts
from auditor.surfaces.ilo.alerting import not_for_alerts, odd_selection, odd_version, switches_of, unsaid, user_known
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


_Way = tuple[str, str]
"""What is told of a way, and why it is not sure, or nothing."""


class _UnclearError(Exception):
    """A switch that decides whether alerts leave is neither on nor off."""


def channels(bodies: Bodies, owner: str, gaps: tuple[Gap, ...]) -> list[Attribute]:
    """Every way by which an alert leaves the machine, and beside it those of which that is not sure, where there are.

    Undetermined where not all could be seen and understood, or where none is sure and one may be.
    """
    hidden = [gap for kind in _KINDS for gap in hides(gaps, kind)]
    if hidden:  # a way that is missing here may only not have been seen
        return [_told(Undetermined(f"{hidden[0].what} could not be read ({hidden[0].cause})"))]
    try:
        found = (*_by_snmp(bodies, owner, gaps), *_by_protocol(bodies, owner, gaps), *_by_events(bodies))
    except _UnclearError as error:
        return [_told(Undetermined(str(error)))]
    sure = sorted({text for text, doubt in found if not doubt})
    doubts = [f"{text}: {doubt}" for text, doubt in found if doubt]
    if not doubts:
        return [_told(texts(*sure))]
    return [_told(texts(*sure) if sure else Undetermined(doubts[0])), _told(texts(*doubts), "alert_channels_unsure")]


def _told(value: Value, name: str = "alert_channels") -> Attribute:
    return Attribute(name, value, None, "worked out from all alert settings")


def _on(body: Body, pointer: str) -> bool | None:
    """Whether a switch is on; None where it is not shown."""
    there, value = find(body, pointer)
    if there and not isinstance(value, bool):
        raise _UnclearError(f"{pointer.rsplit('/', 1)[-1]} is neither true nor false")
    return value if isinstance(value, bool) else None


def _by_snmp(bodies: Bodies, owner: str, gaps: tuple[Gap, ...]) -> Iterable[_Way]:
    service = first(bodies.of("snmp", owner))
    destinations = [one for one in bodies.of("snmp_destination", owner) if _address(one.body, "/AlertDestination")]
    if service is None or not destinations or not _on(service.body, "/AlertsEnabled"):
        return
    off = _snmp_off(bodies, owner)
    for found in destinations:
        if odd := odd_version(found.body):
            yield f"snmp {_address(found.body, '/AlertDestination')}", odd
            continue
        needed = switches_of(found.body)
        switches = {name: _on(service.body, f"/{name}") for name in needed}
        if False in switches.values():
            continue
        doubt = next((f"{name} is not shown" for name, on in switches.items() if on is None), "")
        if "SNMPv3TrapEnabled" in needed:
            known = user_known(bodies, found, gaps)
            if known == Boolean(value=False):
                continue
            doubt = doubt or (known.cause if isinstance(known, Undetermined) else "")
        yield f"snmp {_address(found.body, '/AlertDestination')}", doubt or off


def _snmp_off(bodies: Bodies, owner: str) -> str:
    """The doubt that stays where SNMP itself is switched off: no document says that traps are sent all the same."""
    protocol = first(bodies.of("network_protocol", owner))
    on = _on(protocol.body, "/SNMP/ProtocolEnabled") if protocol else True
    if on is None:
        return "whether SNMP is on among the network services is not shown"
    return "" if on else "SNMP is switched off among the network services"


def _by_protocol(bodies: Bodies, owner: str, gaps: tuple[Gap, ...]) -> Iterable[_Way]:
    """Mail and syslog, where they are on, complete, and not known to be without a licence."""
    for protocol in bodies.of("network_protocol", owner):
        for channel, feature, switch, needed in _BY_PROTOCOL:
            targets = [_address(protocol.body, f"/Oem/Hpe/{name}") for name in needed]
            allowed = licensed(bodies, owner, feature)
            if (allowed and not allowed[0]) or not all(targets):
                continue
            if _on(protocol.body, f"/Oem/Hpe/{switch}"):
                doubt = "" if allowed else f"whether it is licensed: {unsaid(bodies, owner, feature, gaps)}"
                yield f"{channel} {targets[0]}", doubt


def _by_events(bodies: Bodies) -> Iterable[_Way]:
    service = first(bodies.of("event_service"))
    subscriptions = [one.body for one in bodies.of("event_subscription") if text_at(one.body, "/Destination")]
    if service is None or not subscriptions:
        return
    on = _on(service.body, "/ServiceEnabled")
    if on is not False:
        doubt = "" if on else "ServiceEnabled of the event service is not shown"
        for body in subscriptions:
            if not not_for_alerts(body):
                yield f"event {text_at(body, '/Destination')}", doubt or odd_selection(body)


def _address(body: Body, pointer: str) -> str:
    """Where alerts go, empty where the iLO writes that they go nowhere."""
    text = text_at(body, pointer)
    return "" if text in EMPTY_ADDRESSES else text
