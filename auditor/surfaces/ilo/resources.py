"""What a collected iLO means: resources with typed attributes, each with the member that decides it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from auditor.model.resource import Address, Attribute, Resource
from auditor.model.snapshot import Collected, Gap, Interpretation, Waiting, hides
from auditor.model.value import Boolean, Number, Undetermined, Value, texts
from auditor.surfaces.ilo.alerting import alert_resources, licensed_attribute
from auditor.surfaces.ilo.bios import bioses, boots, doubts
from auditor.surfaces.ilo.bios import waiting as bios_waiting
from auditor.surfaces.ilo.bodies import (
    Bodies,
    attributes_of,
    first,
    is_absent,
    listed,
    place_of,
    resource_of,
    text_at,
    unique,
)
from auditor.surfaces.ilo.body import at
from auditor.surfaces.ilo.channels import channels
from auditor.surfaces.ilo.links import Found, member_uris
from auditor.surfaces.ilo.recognised import not_of, unrecognised, unverified
from auditor.surfaces.ilo.thresholds import thresholds
from auditor.surfaces.ilo.updates import update_attributes
from auditor.surfaces.ilo.values import EMPTY_ADDRESSES
from auditor.surfaces.interface import InterpretOptions

_STATES: Final = frozenset({"Ignored", "Ok", "Risk"})


def interpret(collected: Collected, options: InterpretOptions) -> Interpretation:  # noqa: ARG001 - the surface's face
    """The resources of an iLO, and what could not be seen or understood."""
    bodies = Bodies(collected)
    strange = tuple(unrecognised(bodies))
    gaps = (*not_of(strange, collected.gaps), *bodies.gaps, *unverified(bodies), *strange, *doubts(bodies))
    waiting = (*bios_waiting(bodies), *_waiting_for_reset(bodies, gaps))
    told = (msgspec.structs.replace(one, address=one.address.on(collected.target)) for one in waiting)
    return Interpretation(
        collected.target, "ilo", resources_of(bodies, gaps), gaps, tuple(sorted(told, key=lambda one: one.address))
    )


def resources_of(bodies: Bodies, gaps: tuple[Gap, ...]) -> tuple[Resource, ...]:
    """The resources behind these bodies, sorted by kind and name."""
    found = [
        *_managers(bodies, gaps),
        *_firmware(bodies),
        *alert_resources(bodies, gaps),
        *thresholds(bodies),
        *_accounts(bodies),
        *bioses(bodies),
        *boots(bodies),
    ]
    return tuple(sorted(found, key=lambda one: (one.kind, one.name)))


# -- the manager's own ------------------------------------------------------------------------------------------------


def _managers(bodies: Bodies, gaps: tuple[Gap, ...]) -> Iterable[Resource]:
    taken: set[str] = set()
    for manager in bodies.of("manager"):
        name = unique(taken, manager.owner)
        yield from _manager(bodies, manager, name, gaps)
        yield from _snmp(bodies, manager.owner, name, gaps)
        yield from _mail_and_syslog(bodies, manager.owner, name, gaps)
        protocol = first(bodies.of("network_protocol", manager.owner))
        kind = "ilo.network_protocol"
        yield from resource_of(
            kind, name, attributes_of(bodies, kind, "network_protocol", protocol), place_of(bodies, protocol)
        )
        yield from _time(bodies, manager.owner, name)
        yield from _security(bodies, manager.owner, name)
        yield from _licences(bodies, manager.owner, name)


def _only_system(bodies: Bodies) -> Found | None:
    """The system, where there is just one: with several, none of them is the manager's."""
    systems = bodies.of("system")
    return systems[0] if len(systems) == 1 else None


def _manager(bodies: Bodies, manager: Found, name: str, gaps: tuple[Gap, ...]) -> list[Resource]:
    kind = "ilo.manager"
    attributes = [
        *attributes_of(bodies, kind, "manager", manager),
        *attributes_of(bodies, kind, "update_service", first(bodies.of("update_service"))),
        *attributes_of(bodies, kind, "system", _only_system(bodies)),
        licensed_attribute(bodies, manager.owner, "downgrade_policy_licensed", "DowngradePolicy", gaps),
        licensed_attribute(bodies, manager.owner, "firmware_scan_licensed", "FWScan", gaps),
        *update_attributes(bodies),
        *channels(bodies, manager.owner, gaps),
    ]
    if (pending := _pending_reset(bodies, manager.owner, gaps)) is not None:
        attributes = [*(one for one in attributes if one.name != pending.name), pending]
    return resource_of(kind, name, attributes, place_of(bodies, manager))


_SAYS_PENDING: Final = (
    ("manager", "/Oem/Hpe/ConfigurationSettings"),
    ("network_protocol", "/Oem/Hpe/ConfigurationSettings"),
    ("date_time", "/ConfigurationSettings"),
    ("manager_interface", "/Oem/Hpe/ConfigurationSettings"),
)
"""Where an iLO says that settings wait for its reset, each of its own."""


def _pending_reset(bodies: Bodies, owner: str, gaps: tuple[Gap, ...]) -> Attribute | None:
    """Whether settings of a manager wait for its reset, said in any of the places; None where none says it."""
    said = [
        Attribute("some_pending_reset", _is_pending(at(found.body, pointer)), place_of(bodies, found, pointer))
        for role, pointer in _SAYS_PENDING
        for found in bodies.of(role, owner)
        if not is_absent(found.body, pointer)
    ]
    for gap in (one for kind in ("ilo.network_protocol", "ilo.time") for one in hides(gaps, kind)):
        unread = Undetermined(f"{gap.what} could not be read ({gap.cause})")
        said.append(Attribute("some_pending_reset", unread))
    doubtful = next((one for one in said if isinstance(one.value, Undetermined)), None)
    return next((one for one in said if one.value == Boolean(True)), doubtful or (said[0] if said else None))


def _is_pending(state: object) -> Value:
    known = {"SomePendingReset": True, "Current": False}
    if isinstance(state, str) and state in known:
        return Boolean(known[state])
    return Undetermined("ConfigurationSettings is neither Current nor SomePendingReset")


def _waiting_for_reset(bodies: Bodies, gaps: tuple[Gap, ...]) -> Iterable[Waiting]:
    taken: set[str] = set()
    for manager in bodies.of("manager"):
        name = unique(taken, manager.owner)
        said = _pending_reset(bodies, manager.owner, gaps)
        if said is not None and said.value == Boolean(True):
            yield Waiting(Address("", "ilo.manager", name, said.name), None, None, "iLO reset", said.source)


def _snmp(bodies: Bodies, owner: str, name: str, gaps: tuple[Gap, ...]) -> list[Resource]:
    service = first(bodies.of("snmp", owner))
    if service is None:
        return []
    attributes = attributes_of(bodies, "ilo.snmp", "snmp", service)
    for attribute, role in (("destinations", "snmp_destinations"), ("users", "snmp_users")):
        collection = first(bodies.of(role, owner))
        members = at(collection.body, "/Members") if collection else None
        if isinstance(members, list):
            attributes.append(Attribute(attribute, Number(len(members)), place_of(bodies, collection, "/Members")))
    protocol = first(bodies.of("network_protocol", owner))
    offered = at(protocol.body, "/SNMP/ProtocolEnabled") if protocol else None
    if isinstance(offered, bool):
        place = place_of(bodies, protocol, "/SNMP/ProtocolEnabled")
        attributes.append(Attribute("protocol_enabled", Boolean(offered), place))
    elif protocol:
        why = Undetermined("ProtocolEnabled of SNMP is not shown as true or false")
        attributes.append(Attribute("protocol_enabled", why, place_of(bodies, protocol, "/SNMP")))
    elif hidden := [gap for gap in hides(gaps, "ilo.network_protocol") if gap.kinds]:
        why = Undetermined(f"{hidden[0].what} could not be read ({hidden[0].cause})")
        attributes.append(Attribute("protocol_enabled", why))
    return resource_of("ilo.snmp", name, attributes, place_of(bodies, service))


def _mail_and_syslog(bodies: Bodies, owner: str, name: str, gaps: tuple[Gap, ...]) -> Iterable[Resource]:
    protocol = first(bodies.of("network_protocol", owner))
    for kind, feature in (("ilo.alert_mail", "EmailAlert"), ("ilo.remote_syslog", "RemoteSyslog")):
        attributes = attributes_of(bodies, kind, "network_protocol", protocol)
        if attributes:
            attributes.append(licensed_attribute(bodies, owner, "licensed", feature, gaps))
        yield from resource_of(kind, name, attributes, place_of(bodies, protocol))


def ntp_from_dhcp(bodies: Bodies, owner: str) -> bool | None:
    """Whether DHCP names the time servers; None where not every interface could be read or understood."""
    interfaces, collection = bodies.of("manager_interface", owner), first(bodies.of("manager_interfaces", owner))
    unclear = not interfaces or (collection is not None and len(member_uris(collection.body)) > len(interfaces))
    for interface in interfaces:
        body = interface.body
        v4, for_v4, for_v6 = (
            at(body, f"/DHCP{one}") for one in ("v4/DHCPEnabled", "v4/UseNTPServers", "v6/UseNTPServers")
        )
        by_v4 = v4 is True and for_v4 is True
        by_v6 = for_v6 is True and at(body, "/DHCPv6/OperatingMode") != "Disabled"
        if body.get("InterfaceEnabled") is not False and (by_v4 or by_v6):
            return True
        unclear = unclear or not all(one is None or isinstance(one, bool) for one in (v4, for_v4, for_v6))
    return None if unclear else False


def _time(bodies: Bodies, owner: str, name: str) -> list[Resource]:
    clock = first(bodies.of("date_time", owner))
    if clock is None:
        return []
    attributes = attributes_of(bodies, "ilo.time", "date_time", clock)
    by_dhcp = ntp_from_dhcp(bodies, owner)
    if by_dhcp is not None:
        attributes.append(Attribute("ntp_from_dhcp", Boolean(by_dhcp), None, "from the network interfaces' DHCP"))
        pointer = "/NTPServers" if by_dhcp else "/StaticNTPServers"
        told = listed(at(clock.body, pointer))
        servers = [one for one in told if isinstance(one, str) and one not in EMPTY_ADDRESSES]
        value: Value = texts(*(["DHCP"] if by_dhcp and servers else servers))
        if not all(one is None or isinstance(one, str) for one in told):
            value = Undetermined("the iLO's time servers have another form than is known here")
    else:
        value, pointer = Undetermined("what the iLO's network interfaces get by DHCP could not be read"), "/NTPServers"
        attributes.append(Attribute("ntp_from_dhcp", value))
    attributes.append(Attribute("synchronised_by", value, place_of(bodies, clock, pointer)))
    return resource_of("ilo.time", name, attributes, place_of(bodies, clock))


def _security(bodies: Bodies, owner: str, name: str) -> list[Resource]:
    kind, service = "ilo.security", first(bodies.of("security", owner))
    system = _only_system(bodies)
    boot = first(bodies.of("secure_boot", system.owner)) if system else None
    dashboard = first(bodies.of("security_dashboard", owner))
    attributes = [
        *attributes_of(bodies, kind, "security", service),
        *attributes_of(bodies, kind, "security_dashboard", dashboard),
        *attributes_of(bodies, kind, "secure_boot", boot),
    ]
    collection = first(bodies.of("security_params", owner))
    if collection is not None:
        risks = _risks(collection, bodies.of("security_param", owner))
        attributes.append(Attribute("risks", risks, place_of(bodies, collection)))
    return resource_of(kind, name, attributes, place_of(bodies, service or dashboard or boot))


def _risks(collection: Found, parameters: tuple[Found, ...]) -> Value:
    """What the iLO calls a risk and nobody ignores; undetermined unless it says of each parameter what it is."""
    states = {
        one.body.get("SecurityStatus") if isinstance(one.body.get("SecurityStatus"), str) else "" for one in parameters
    }
    if not parameters or len(parameters) != len(listed(at(collection.body, "/Members"))) or states - _STATES:
        return Undetermined("not every security parameter of the iLO could be read")
    found = (one for one in parameters if one.body["SecurityStatus"] == "Risk" and one.body.get("Ignore") is not True)
    return texts(*sorted(str(one.body.get("Name", one.uri)) for one in found))


def _licences(bodies: Bodies, owner: str, name: str) -> Iterable[Resource]:
    taken: set[str] = set()
    for licence in bodies.of("licence", owner):
        attributes = attributes_of(bodies, "ilo.licence", "licence", licence)
        features = at(licence.body, "/LicenseFeatures")
        if isinstance(features, dict):
            had = sorted(feature for feature, flag in features.items() if flag is True)
            attributes.append(Attribute("features", texts(*had), place_of(bodies, licence, "/LicenseFeatures")))
        yield from resource_of(
            "ilo.licence", unique(taken, name, str(licence.body.get("Id", ""))), attributes, place_of(bodies, licence)
        )


# -- firmware, thresholds, accounts -----------------------------------------------------------------------------------


def _firmware(bodies: Bodies) -> Iterable[Resource]:
    components = bodies.of("firmware")
    names = [text_at(one.body, "/Name") or one.uri for one in components]
    taken: set[str] = set()
    for found, name in zip(components, names, strict=True):
        device = text_at(found.body, "/Oem/Hpe/DeviceContext")
        full = f"{name} ({device})" if device and names.count(name) > 1 else name
        attributes = attributes_of(bodies, "ilo.firmware", "firmware", found)
        yield from resource_of("ilo.firmware", unique(taken, full), attributes, place_of(bodies, found))


def _accounts(bodies: Bodies) -> list[Resource]:
    kind, service = "ilo.account_policy", first(bodies.of("account_service"))
    return resource_of(
        kind, "accounts", attributes_of(bodies, kind, "account_service", service), place_of(bodies, service)
    )
