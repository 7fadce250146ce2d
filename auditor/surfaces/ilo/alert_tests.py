"""The iLO's own test alerts: which it offers, where they would go, how they name it; each asked for once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from auditor.errors import CollectError
from auditor.model.alert import CHANNELS, Channel
from auditor.surfaces.ilo.body import Body, Json, at, path_of
from auditor.surfaces.ilo.client import ROOT, IloClient
from auditor.surfaces.ilo.links import expanded_members, links_of, member_uris, target_of
from auditor.surfaces.ilo.values import EMPTY_ADDRESSES

_ACTIONS: Final[dict[Channel, str]] = {
    "snmp": "SendSNMPTestAlert",
    "mail": "SendTestAlertMail",
    "syslog": "SendTestSyslog",
    "event": "SubmitTestEvent",
}
_HOLDERS: Final[dict[Channel, str]] = {
    "snmp": "snmp",
    "mail": "network_protocol",
    "syslog": "network_protocol",
    "event": "event_service",
}
_WANTED: Final = frozenset(
    ("managers", "systems", "event_service", "network_protocol", "snmp", "snmp_destinations", "snmp_users")
) | {"event_subscriptions"}
_PLACES: Final = ("/Actions", "/Oem/Hpe/Actions", "/Oem/Hp/Actions", "/Actions/Oem", "/Actions/Oem/Hpe")
_EVENT: Final = "iLOEvents.2.1.ServerPostDiscoveryComplete"
_SHORTEST_MARK: Final = 4
_LONGEST_MARK: Final = 255
_NO_MARKS: Final = frozenset(("localhost", "localhost.localdomain", "manager", "system", "none", "unknown", "server"))

WayState = Literal["ready", "not set up", "not seen"]


class Way(msgspec.Struct, frozen=True):
    """A channel of this iLO. ``uri`` is its test action; ``destinations`` where alerts go, ports included.

    ``why`` says what stands in the way of a test, where something does.
    """

    channel: Channel
    state: WayState
    uri: str = ""
    destinations: tuple[str, ...] = ()
    why: str = ""


class TrapUser(msgspec.Struct, frozen=True):
    """A user that v3 notifications are sent as: name, protocols as the iLO names them, its engine id in hex."""

    name: str
    auth: str
    privacy: str
    engine_id: str


class Setup(msgspec.Struct, frozen=True):
    """What was read: the ways in the order of channels, words that name this iLO, and users of v3 notifications.

    ``only_v3``: every SNMP destination is notified by v3. ``mail_logs_in``: it logs in to its mail server.
    """

    ways: tuple[Way, ...]
    marks: tuple[str, ...]
    users: tuple[TrapUser, ...] = ()
    only_v3: bool = False
    mail_logs_in: bool = False


class Answered(msgspec.Struct, frozen=True):
    """What the iLO said to a test: its status (0: no answer came), and why it refused, where it did."""

    accepted: bool
    status: int = 0
    text: str = ""


async def read_setup(client: IloClient) -> Setup:
    """The test alerts that an iLO offers, found by links, with what is needed to know them again.

    Errors:
        CollectError: the service root, a manager or a system cannot be read.
    """
    seen, hidden = await _read(client)
    seen["snmp_destination"] = [one for one in seen.get("snmp_destination", ()) if _address(one, "AlertDestination")]
    marks = tuple(sorted({one for one in _marks(seen) if _SHORTEST_MARK <= len(one) <= _LONGEST_MARK} - _NO_MARKS))
    users = tuple(_users(seen))
    protocols = [str(one.get("SNMPAlertProtocol")) for one in seen.get("snmp_destination", ())]
    only_v3 = bool(protocols) and all(one.startswith("SNMPv3") for one in protocols)
    logs_in = at(_first(seen, "network_protocol"), "/Oem/Hpe/AlertMailSMTPAuthEnabled") is True
    return Setup(tuple(_way(channel, seen, hidden) for channel in CHANNELS), marks, users, only_v3, logs_in)


async def trigger(client: IloClient, way: Way, name: str, time: str) -> Answered:
    """Asks for one test alert, once; never repeated, whatever comes of it. ``name`` is the test event's id."""
    body: Body = {}
    if way.channel == "event":
        body = {
            "EventId": name,
            "EventTimestamp": time,
            "EventType": "Alert",
            "Message": "Test event, asked for by auditor alerts test",
            "MessageArgs": ["NoAMS", "Busy", "Cached"],
            "MessageId": _EVENT,
            "OriginOfCondition": "/redfish/v1/Systems/1/",
            "Severity": "OK",
        }
    try:
        answer = await client.post(way.uri, body)
    except CollectError as error:
        return Answered(False, 0, error.what)
    if answer.ok:
        return Answered(True, answer.status)
    said = f" ({', '.join(answer.messages[:3])})" if answer.messages else ""
    why = "the licence lacks it" if answer.says("LicenseKeyRequired") else "the iLO refused"
    return Answered(False, answer.status, f"{why}: status {answer.status}{said}")


# -- reading ----------------------------------------------------------------------------------------------------------


async def _read(client: IloClient) -> tuple[dict[str, list[Body]], dict[str, str]]:
    """Bodies by role, and for roles that could not be read, why."""
    seen: dict[str, list[Body]] = {}
    hidden: dict[str, str] = {}

    async def visit(role: str, uri: str) -> None:
        body = (await client.get(uri)).body
        seen.setdefault(role, []).append(body)
        await below(role, body)

    async def below(role: str, body: Body) -> None:
        for one in links_of(role):
            uri = target_of(one, body) if one.to in _WANTED else None
            if uri is None:
                continue
            try:
                if one.members:
                    await collection(one.to, one.members, uri)
                else:
                    await visit(one.to, uri)
            except CollectError as error:
                if one.to in ("managers", "systems"):
                    raise
                hidden[one.to] = error.what

    async def collection(role: str, members: str, uri: str) -> None:
        try:
            body = (await client.get(uri, expand=True)).body
        except CollectError:
            body = (await client.get(uri)).body
        seen.setdefault(role, []).append(body)
        whole = expanded_members(body)
        if whole is None:
            for member in member_uris(body):
                await visit(members, member)
            return
        for found in whole:
            seen.setdefault(members, []).append(found)
            await below(members, found)

    await visit("root", ROOT)
    return seen, hidden


def _first(seen: dict[str, list[Body]], role: str) -> Body:
    return next(iter(seen.get(role, ())), {})


def _marks(seen: dict[str, list[Body]]) -> Iterator[str]:
    """Words of alerts that name this machine: host names, serial number, engine ids.

    The context of a subscription is none: whoever subscribes gives the same to a whole fleet.
    """
    protocol, system, service = _first(seen, "network_protocol"), _first(seen, "system"), _first(seen, "snmp")
    found: list[Json] = [protocol.get("HostName"), protocol.get("FQDN"), system.get("SerialNumber")]
    found += [system.get("HostName"), service.get("SNMPv3EngineID")]
    found += [one.get("UserEngineID") for one in seen.get("snmp_user", ())]
    yield from (one.strip().casefold() for one in found if isinstance(one, str))


def _users(seen: dict[str, list[Body]]) -> Iterator[TrapUser]:
    own = _text(_first(seen, "snmp").get("SNMPv3EngineID"))
    wanted = {one.get("SecurityName") for one in seen.get("snmp_destination", ()) if _is_v3(one)}
    for user in seen.get("snmp_user", ()):
        name = _text(user.get("SecurityName"))
        engine_id = _text(user.get("UserEngineID")) or own
        if name and name in wanted and engine_id:
            protocols = _text(user.get("AuthProtocol")), _text(user.get("PrivacyProtocol"))
            yield TrapUser(name, *protocols, engine_id.casefold())


def _is_v3(destination: Body) -> bool:
    return _text(destination.get("SNMPAlertProtocol")).startswith("SNMPv3")


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _address(body: Body, name: str) -> str:
    """Where alerts go, empty where the iLO writes that they go nowhere."""
    text = _text(body.get(name)).strip()
    return "" if text in EMPTY_ADDRESSES else text


# -- ways -------------------------------------------------------------------------------------------------------------


def _way(channel: Channel, seen: dict[str, list[Body]], hidden: dict[str, str]) -> Way:
    holder = _HOLDERS[channel]
    needed = {"snmp": "snmp_destinations", "event": "event_subscriptions"}.get(channel, holder)
    for role in (holder, needed):
        if role in hidden:
            return Way(channel, "not seen", why=hidden[role])
    body = _first(seen, holder)
    if not body:
        return Way(channel, "not set up", why="the iLO has no such service")
    destinations, why = _destinations(channel, body, seen)
    uri = _action(body, _ACTIONS[channel])
    if why:
        return Way(channel, "not set up", uri, destinations, why)
    if not uri:
        return Way(channel, "not seen", "", destinations, f"the iLO offers no {_ACTIONS[channel]}")
    return Way(channel, "ready", uri, destinations)


def _action(body: Body, name: str) -> str:
    """Where an action is asked for, whatever the vendor's prefix; empty where there is none on this iLO."""
    for place in _PLACES:
        offered = at(body, place)
        for key, value in offered.items() if isinstance(offered, dict) else ():
            if key.rsplit(".", 1)[-1].lstrip("#") == name and isinstance(value, dict):
                uri = path_of(_text(value.get("target"))) or ""
                # An answer that calls another action by this name is not believed: a reset is no test.
                return uri if uri.rstrip("/").rsplit(".", 1)[-1].casefold() == name.casefold() else ""
    return ""


def _destinations(channel: Channel, body: Body, seen: dict[str, list[Body]]) -> tuple[tuple[str, ...], str]:
    """Where alerts of a channel go, and why none does, where that is so."""
    if channel == "snmp":
        return _snmp(body, seen)
    if channel == "event":
        targets = tuple(_text(one.get("Destination")) for one in seen.get("event_subscription", ()))
        targets = tuple(one for one in targets if one)
        off = "the event service is off" if body.get("ServiceEnabled") is False else ""
        return targets, off or ("" if targets else "there is no event subscription")
    head = "AlertMail" if channel == "mail" else "RemoteSyslog"
    settings = at(body, "/Oem/Hpe") or at(body, "/Oem/Hp") or {}
    settings = settings if isinstance(settings, dict) else {}
    server = _address(settings, "AlertMailSMTPServer" if channel == "mail" else "RemoteSyslogServer")
    port = settings.get("AlertMailSMTPPort" if channel == "mail" else "RemoteSyslogPort")
    targets = (f"{server}:{port}",) if server else ()
    if settings.get(f"{head}Enabled") is not True:
        return targets, f"{head}Enabled is off"
    return targets, "" if server else "no server is set"


def _snmp(service: Body, seen: dict[str, list[Body]]) -> tuple[tuple[str, ...], str]:
    port = at(_first(seen, "network_protocol"), "/Oem/Hpe/SNMPTrapPort")
    tail = f":{port}" if isinstance(port, int) else ""
    found = tuple(
        f"{_address(one, 'AlertDestination')}{tail} {_text(one.get('SNMPAlertProtocol'))}".strip()
        for one in seen.get("snmp_destination", ())
    )
    if service.get("AlertsEnabled") is False:
        return found, "AlertsEnabled is off"
    return found, "" if found else "there is no SNMP destination"
