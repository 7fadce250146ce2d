"""What a collected iLO means: resources with typed attributes, each with the member that decides it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from auditor.model.resource import Attribute, Resource, make_resource
from auditor.model.secret import SEALED
from auditor.model.snapshot import Collected, Gap, Interpretation, hides
from auditor.model.source import RedfishSource
from auditor.model.value import Boolean, Many, Number, Secret, Text, Undetermined, Value, texts
from auditor.surfaces.ilo.body import Body, Json, MalformedError, at, decode, escape, find, key_of
from auditor.surfaces.ilo.kinds import STATE_OF_BIOS
from auditor.surfaces.ilo.links import Found, follow
from auditor.surfaces.ilo.members import MEMBERS, Member
from auditor.surfaces.ilo.registry import Registry, Setting, read_registry
from auditor.surfaces.ilo.values import EMPTY_ADDRESSES, read_value
from auditor.surfaces.interface import InterpretOptions

ROOT: Final = "/redfish/v1"
_NOT_COMPARED: Final = frozenset({
    "EraseUserDefaults", "ProductId", "RestoreDefaults", "RestoreManufacturingDefaults", "RomSelection",
    "SaveUserDefaults", "SecureBootStatus", "SerialNumber", "ServerConfigLockStatus", "SgxOwnerEpochEncrypt",
    "Tpm20SoftwareInterfaceStatus", "Tpm2Operation", "TpmChipId", "TpmFips", "TpmFipsModeSwitch",
    "TpmModeSwitchOperation", "TpmOperation", "TpmState", "TpmType", "UserDefaultsState",
})  # fmt: skip
"""What the registries of iLO 5, 6 and 7 call unique, read-only, fixed or only written: where none says so itself."""
_ABOUT: Final = frozenset({"AttributeRegistry", "Description", "Id", "Modified", "Name", "Type"})
"""Members of iLO 4's flat BIOS resource that are no attributes."""
_CHANNEL_KINDS: Final = (
    "ilo.snmp",
    "ilo.snmp_destination",
    "ilo.alert_mail",
    "ilo.remote_syslog",
    "ilo.event_subscription",
)


class Bodies:
    """The bodies of a collection, found by path without case and trailing slash."""

    def __init__(self, collected: Collected) -> None:
        self.gaps: list[Gap] = []
        self.names: dict[str, str] = {}
        self._bodies: dict[str, Body] = {}
        for document in collected.documents:
            try:
                self._bodies[key_of(document.name)] = decode(document.content)
                self.names[key_of(document.name)] = document.name
            except MalformedError as error:
                self.gaps.append(Gap(document.name, "malformed", str(error)))
        self.found = follow(ROOT, self.get)

    def get(self, uri: str) -> Body | None:
        """The body at a URI, or None."""
        return self._bodies.get(key_of(uri))

    def replace(self, uri: str, body: Body) -> None:
        """Puts another body in its place, for looking at what would be."""
        self._bodies[key_of(uri)] = body
        self.found = follow(ROOT, self.get)

    def of(self, role: str, owner: str | None = None) -> tuple[Found, ...]:
        """The resources of a role, of one owner where one is given."""
        return tuple(one for one in self.found if one.role == role and owner in (None, one.owner))

    def name(self, uri: str) -> str:
        """A URI as its document is called."""
        return self.names.get(key_of(uri), uri)

    def registry(self, identity: str) -> Registry | None:
        """The attribute registry of that name, or None where it was not collected."""
        for key, body in self._bodies.items():
            if "RegistryEntries" in body and (body.get("Id") == identity or key.endswith(f"/{identity.casefold()}")):
                return read_registry(body)
        return None


def interpret(collected: Collected, options: InterpretOptions) -> Interpretation:  # noqa: ARG001 - the surface's face
    """The resources of an iLO, and what could not be seen or understood."""
    bodies = Bodies(collected)
    gaps = (*collected.gaps, *bodies.gaps, *_unverified(bodies))
    return Interpretation(collected.target, "ilo", resources_of(bodies, gaps), gaps)


def _unverified(bodies: Bodies) -> Iterable[Gap]:
    """What is read of an iLO 4 proves nothing: none has been at hand, so no rule may pass by it."""
    for manager in bodies.of("manager"):
        if _text(manager.body, "/Model").startswith("iLO 4"):
            why = "iLO 4: read without having been verified on one"
            yield Gap(bodies.name(manager.uri), "undetermined", why, "Look at the iLO itself for what matters.")


def resources_of(bodies: Bodies, gaps: tuple[Gap, ...]) -> tuple[Resource, ...]:
    """The resources behind these bodies, sorted by kind and name."""
    found = [
        *_managers(bodies, gaps),
        *_firmware(bodies),
        *_destinations(bodies),
        *_subscriptions(bodies),
        *_thresholds(bodies),
        *_accounts(bodies),
        *_bios(bodies),
        *_boots(bodies),
    ]
    return tuple(sorted(found, key=lambda one: (one.kind, one.name)))


# -- members to attributes --------------------------------------------------------------------------------------------


def _attributes(bodies: Bodies, kind: str, role: str, found: Found | None, base: str = "") -> list[Attribute]:
    """The attributes that a resource's members are; ``base`` is the pointer of the object that holds them."""
    if found is None:
        return []
    made: list[Attribute] = []
    for member in MEMBERS:
        if member.kind != kind or member.role != role:
            continue
        pointer, raw = locate(member, found.body, base)
        value = read_value(member, raw)
        if value is not None:
            made.append(Attribute(member.name, value, RedfishSource(bodies.name(found.uri), pointer)))
    return made


def locate(member: Member, body: Body, base: str = "") -> tuple[str, Json]:
    """Where a member stands in a body, and its JSON; iLO 4's ``Oem.Hp`` is looked at too."""
    for pointer in (base + member.pointer, base + member.pointer.replace("/Oem/Hpe/", "/Oem/Hp/")):
        there, raw = find(body, pointer)
        if there:
            return pointer, raw
    return base + member.pointer, None


def _resource(kind: str, name: str, attributes: list[Attribute], source: RedfishSource | None) -> list[Resource]:
    return [make_resource(kind, name, attributes, source)] if attributes else []


def _place(bodies: Bodies, found: Found | None, pointer: str = "") -> RedfishSource | None:
    return RedfishSource(bodies.name(found.uri), pointer) if found else None


def _first(found: tuple[Found, ...]) -> Found | None:
    return found[0] if found else None


def _unique(taken: set[str], name: str, *further: str) -> str:
    """The name, made unique by what tells the things apart, at last by a number."""
    for one in (name, *(f"{name} ({more})" for more in further if more)):
        if one not in taken:
            taken.add(one)
            return one
    number = 2
    while f"{name} #{number}" in taken:
        number += 1
    taken.add(f"{name} #{number}")
    return f"{name} #{number}"


# -- the manager's own ------------------------------------------------------------------------------------------------


def _managers(bodies: Bodies, gaps: tuple[Gap, ...]) -> Iterable[Resource]:
    taken: set[str] = set()
    for manager in bodies.of("manager"):
        name = _unique(taken, manager.owner)
        yield from _manager(bodies, manager, name, gaps)
        yield from _snmp(bodies, manager.owner, name)
        yield from _mail_and_syslog(bodies, manager.owner, name)
        protocol = _first(bodies.of("network_protocol", manager.owner))
        kind = "ilo.network_protocol"
        yield from _resource(
            kind, name, _attributes(bodies, kind, "network_protocol", protocol), _place(bodies, protocol)
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
        *_attributes(bodies, kind, "manager", manager),
        *_attributes(bodies, kind, "update_service", _first(bodies.of("update_service"))),
        *_attributes(bodies, kind, "system", _only_system(bodies)),
        *_licensed(bodies, manager.owner, "downgrade_policy_licensed", "DowngradePolicy"),
        Attribute("alert_channels", _channels(bodies, manager.owner, gaps), None, "worked out from all alert settings"),
    ]
    return _resource(kind, name, attributes, _place(bodies, manager))


def licensed(bodies: Bodies, owner: str, feature: str) -> tuple[bool, RedfishSource] | None:
    """Whether the owner's licence has a feature, and where it says so; None where it does not say."""
    for licence in bodies.of("licence", owner):
        pointer = f"/LicenseFeatures/{escape(feature)}"
        flag = at(licence.body, pointer)
        if isinstance(flag, bool):
            return flag, RedfishSource(bodies.name(licence.uri), pointer)
    return None


def _licensed(bodies: Bodies, owner: str, name: str, feature: str) -> list[Attribute]:
    said = licensed(bodies, owner, feature)
    return [Attribute(name, Boolean(said[0]), said[1])] if said else []


def _snmp(bodies: Bodies, owner: str, name: str) -> list[Resource]:
    service = _first(bodies.of("snmp", owner))
    if service is None:
        return []
    attributes = _attributes(bodies, "ilo.snmp", "snmp", service)
    for attribute, role in (("destinations", "snmp_destinations"), ("users", "snmp_users")):
        collection = _first(bodies.of(role, owner))
        members = at(collection.body, "/Members") if collection else None
        if isinstance(members, list):
            attributes.append(Attribute(attribute, Number(len(members)), _place(bodies, collection, "/Members")))
    return _resource("ilo.snmp", name, attributes, _place(bodies, service))


def _mail_and_syslog(bodies: Bodies, owner: str, name: str) -> Iterable[Resource]:
    protocol = _first(bodies.of("network_protocol", owner))
    for kind, feature in (("ilo.alert_mail", "EmailAlert"), ("ilo.remote_syslog", "RemoteSyslog")):
        attributes = _attributes(bodies, kind, "network_protocol", protocol)
        if attributes:
            attributes += _licensed(bodies, owner, "licensed", feature)
        yield from _resource(kind, name, attributes, _place(bodies, protocol))


def ntp_from_dhcp(bodies: Bodies, owner: str) -> bool | None:
    """Whether DHCP names the time servers; None where no interface could be read."""
    interfaces = bodies.of("manager_interface", owner)
    for interface in interfaces:
        body = interface.body
        by_v4 = at(body, "/DHCPv4/DHCPEnabled") is True and at(body, "/DHCPv4/UseNTPServers") is True
        by_v6 = at(body, "/DHCPv6/UseNTPServers") is True and at(body, "/DHCPv6/OperatingMode") != "Disabled"
        if body.get("InterfaceEnabled") is not False and (by_v4 or by_v6):
            return True
    return False if interfaces else None


def _time(bodies: Bodies, owner: str, name: str) -> list[Resource]:
    clock = _first(bodies.of("date_time", owner))
    if clock is None:
        return []
    attributes = _attributes(bodies, "ilo.time", "date_time", clock)
    by_dhcp = ntp_from_dhcp(bodies, owner)
    if by_dhcp is not None:
        attributes.append(Attribute("ntp_from_dhcp", Boolean(by_dhcp), None, "from the network interfaces' DHCP"))
        pointer = "/NTPServers" if by_dhcp else "/StaticNTPServers"
        listed = at(clock.body, pointer)
        servers = [one for one in _listed(listed) if isinstance(one, str) and one not in EMPTY_ADDRESSES]
        value: Value = texts(*(["DHCP"] if by_dhcp and servers else servers))
    else:
        value, pointer = Undetermined("the iLO's network interfaces could not be read"), "/NTPServers"
    attributes.append(Attribute("synchronised_by", value, _place(bodies, clock, pointer)))
    return _resource("ilo.time", name, attributes, _place(bodies, clock))


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _security(bodies: Bodies, owner: str, name: str) -> list[Resource]:
    kind, service = "ilo.security", _first(bodies.of("security", owner))
    system = _only_system(bodies)
    boot = _first(bodies.of("secure_boot", system.owner)) if system else None
    dashboard = _first(bodies.of("security_dashboard", owner))
    attributes = [
        *_attributes(bodies, kind, "security", service),
        *_attributes(bodies, kind, "security_dashboard", dashboard),
        *_attributes(bodies, kind, "secure_boot", boot),
    ]
    collection = _first(bodies.of("security_params", owner))
    parameters = bodies.of("security_param", owner)
    if collection is not None and len(parameters) == len(_listed(at(collection.body, "/Members"))):
        risks = sorted(
            str(one.body.get("Name", one.uri))
            for one in parameters
            if one.body.get("SecurityStatus") == "Risk" and one.body.get("Ignore") is not True
        )
        attributes.append(Attribute("risks", texts(*risks), _place(bodies, collection)))
    return _resource(kind, name, attributes, _place(bodies, service or dashboard or boot))


def _licences(bodies: Bodies, owner: str, name: str) -> Iterable[Resource]:
    taken: set[str] = set()
    for licence in bodies.of("licence", owner):
        attributes = _attributes(bodies, "ilo.licence", "licence", licence)
        features = at(licence.body, "/LicenseFeatures")
        if isinstance(features, dict):
            had = sorted(feature for feature, flag in features.items() if flag is True)
            attributes.append(Attribute("features", texts(*had), _place(bodies, licence, "/LicenseFeatures")))
        yield from _resource(
            "ilo.licence", _unique(taken, name, str(licence.body.get("Id", ""))), attributes, _place(bodies, licence)
        )


# -- alerts -----------------------------------------------------------------------------------------------------------


def _destinations(bodies: Bodies) -> Iterable[Resource]:
    taken: set[str] = set()
    for found in bodies.of("snmp_destination"):
        attributes = _attributes(bodies, "ilo.snmp_destination", "snmp_destination", found)
        address = _text(found.body, "/AlertDestination") or found.uri
        name = _unique(taken, address, _text(found.body, "/SNMPAlertProtocol"))
        yield from _resource("ilo.snmp_destination", name, attributes, _place(bodies, found))


def _subscriptions(bodies: Bodies) -> Iterable[Resource]:
    taken: set[str] = set()
    for found in bodies.of("event_subscription"):
        attributes = _attributes(bodies, "ilo.event_subscription", "event_subscription", found)
        name = _unique(taken, _text(found.body, "/Destination") or found.uri, _text(found.body, "/Context"))
        yield from _resource("ilo.event_subscription", name, attributes, _place(bodies, found))


def _text(body: Body, pointer: str) -> str:
    value = at(body, pointer)
    return value.strip() if isinstance(value, str) else ""


def _channels(bodies: Bodies, owner: str, gaps: tuple[Gap, ...]) -> Value:
    """Every way by which an alert leaves the machine; undetermined where none was seen but not all could be."""
    protocols = tuple(_protocol_channels(bodies, owner))
    proven = [*_snmp_channels(bodies, owner), *(text for text, sure in protocols if sure), *_event_channels(bodies)]
    channels = [*proven, *(text for text, sure in protocols if not sure)]
    hidden = [gap for kind in _CHANNEL_KINDS for gap in hides(gaps, kind)]
    if not channels and hidden:
        return Undetermined(f"{hidden[0].what} could not be read ({hidden[0].cause})")
    unlicensed = [gap for gap in gaps if "ilo.licence" in gap.kinds]
    if channels and not proven and unlicensed:
        return Undetermined(f"whether {channels[0]} is licensed: {unlicensed[0].what} ({unlicensed[0].cause})")
    return texts(*sorted(set(channels)))


def _snmp_channels(bodies: Bodies, owner: str) -> Iterable[str]:
    service = _first(bodies.of("snmp", owner))
    if service is None or service.body.get("AlertsEnabled") is not True:
        return
    for found in bodies.of("snmp_destination", owner):
        protocol, address = _text(found.body, "/SNMPAlertProtocol"), _text(found.body, "/AlertDestination")
        needed = ("SNMPv3TrapEnabled",) if protocol.startswith("SNMPv3") else ("SNMPv1Enabled", "SNMPv1TrapEnabled")
        if address and all(service.body.get(name) is not False for name in needed):
            yield f"snmp {address}"


def _protocol_channels(bodies: Bodies, owner: str) -> Iterable[tuple[str, bool]]:
    """Channels that a licence allows, each with whether the licence says so."""
    for protocol in bodies.of("network_protocol", owner):
        for channel, feature, switch, needed in (
            ("mail", "EmailAlert", "AlertMailEnabled", ("AlertMailEmail", "AlertMailSMTPServer")),
            ("syslog", "RemoteSyslog", "RemoteSyslogEnabled", ("RemoteSyslogServer",)),
        ):
            targets = [_text(protocol.body, f"/Oem/Hpe/{name}") for name in needed]
            allowed = licensed(bodies, owner, feature)
            if at(protocol.body, f"/Oem/Hpe/{switch}") is True and all(targets) and (not allowed or allowed[0]):
                yield f"{channel} {targets[0]}", allowed is not None


def _event_channels(bodies: Bodies) -> Iterable[str]:
    service = _first(bodies.of("event_service"))
    if service is None or service.body.get("ServiceEnabled") is False:
        return
    for found in bodies.of("event_subscription"):
        if destination := _text(found.body, "/Destination"):
            yield f"event {destination}"


# -- firmware, thresholds, accounts -----------------------------------------------------------------------------------


def _firmware(bodies: Bodies) -> Iterable[Resource]:
    components = bodies.of("firmware")
    names = [_text(one.body, "/Name") or one.uri for one in components]
    taken: set[str] = set()
    for found, name in zip(components, names, strict=True):
        device = _text(found.body, "/Oem/Hpe/DeviceContext")
        full = f"{name} ({device})" if device and names.count(name) > 1 else name
        attributes = _attributes(bodies, "ilo.firmware", "firmware", found)
        yield from _resource("ilo.firmware", _unique(taken, full), attributes, _place(bodies, found))


def _thresholds(bodies: Bodies) -> Iterable[Resource]:
    kind, taken = "ilo.threshold", set[str]()
    sensors = {(one.owner, _text(one.body, "/Name")): one for one in bodies.of("sensor")}
    for thermal in bodies.of("thermal"):
        for number, sensor in enumerate(_listed(at(thermal.body, "/Temperatures"))):
            pointer = f"/Temperatures/{number}"
            attributes = _attributes(bodies, kind, "temperature", thermal, pointer)
            name = (_text(sensor, "/Name") if isinstance(sensor, dict) else "") or pointer
            same = sensors.pop((thermal.owner, name), None)
            told = {attribute.name for attribute in attributes}
            attributes += [one for one in _attributes(bodies, kind, "sensor", same) if one.name not in told]
            if attributes:
                name = _unique(taken, name, f"chassis {thermal.owner}")
                yield from _resource(kind, name, attributes, _place(bodies, thermal, pointer))
    for (_, name), found in sensors.items():
        if attributes := _attributes(bodies, kind, "sensor", found):
            full = _unique(taken, name or found.uri, f"chassis {found.owner}")
            yield from _resource(kind, full, attributes, _place(bodies, found))
    yield from _cooling_and_power(bodies, taken)


def _cooling_and_power(bodies: Bodies, taken: set[str]) -> Iterable[Resource]:
    kind = "ilo.threshold"
    for role, name in (("thermal", "cooling"), ("power", "power")):
        for found in bodies.of(role):
            attributes = _attributes(bodies, kind, role, found)
            if attributes:
                full = _unique(taken, name, f"chassis {found.owner}")
                yield from _resource(kind, full, attributes, _place(bodies, found))
    for found in bodies.of("power"):
        for number, domain in enumerate(_listed(at(found.body, "/Oem/Hpe/Domains"))):
            pointer = f"/Oem/Hpe/Domains/{number}"
            attributes = _attributes(bodies, kind, "power_domain", found, pointer)
            name = (_text(domain, "/DomainName") if isinstance(domain, dict) else "") or str(number)
            if attributes:
                full = _unique(taken, f"power {name}", f"chassis {found.owner}")
                yield from _resource(kind, full, attributes, _place(bodies, found, pointer))


def _boots(bodies: Bodies) -> Iterable[Resource]:
    kind, taken = "ilo.boot", set[str]()
    for bios in bodies.of("bios"):
        attributes = [
            attribute
            for role in ("bios_boot", "bios_tls", "bios_kms", "bios_lock")
            for attribute in _attributes(bodies, kind, role, _first(bodies.of(role, bios.owner)))
        ]
        yield from _resource(kind, _unique(taken, bios.owner), attributes, _place(bodies, bios))


def _accounts(bodies: Bodies) -> list[Resource]:
    kind, service = "ilo.account_policy", _first(bodies.of("account_service"))
    return _resource(kind, "accounts", _attributes(bodies, kind, "account_service", service), _place(bodies, service))


# -- BIOS -------------------------------------------------------------------------------------------------------------


def attributes_at(body: Body) -> str:
    """The pointer of the object that holds the BIOS attributes: the whole body on iLO 4, which names no such object."""
    return "" if "Attributes" not in body and "AttributeRegistry" in body else "/Attributes"


def settings(body: Body | None) -> dict[str, Setting]:
    """The BIOS attributes of a body; values that are no plain ones are left out."""
    values = at(body, attributes_at(body)) if body else None
    if not isinstance(values, dict):
        return {}
    if "Attributes" not in (body or {}):
        values = {name: value for name, value in values.items() if name not in _ABOUT and not name.startswith("@")}
    return {name: value for name, value in values.items() if not isinstance(value, list | dict)}


def pending(current: dict[str, Setting], waiting: dict[str, Setting], registry: Registry | None) -> tuple[str, ...]:
    """The names of settings that wait for the next boot, sorted."""

    def waits(name: str, value: Setting) -> bool:
        if name in current:
            return current[name] != value
        rule = registry.rules.get(name) if registry else None
        return rule is None or not rule.write_only or value != rule.default

    return tuple(sorted(name for name, value in waiting.items() if waits(name, value)))


def _bios(bodies: Bodies) -> Iterable[Resource]:
    taken: set[str] = set()
    for bios in bodies.of("bios"):
        identity = _text(bios.body, "/AttributeRegistry")
        registry = bodies.registry(identity)
        attributes = [
            Attribute(name, _plain(value), _place(bodies, bios, f"{attributes_at(bios.body)}/{escape(name)}"))
            for name, value in settings(bios.body).items()
            if value is not None and name not in STATE_OF_BIOS and _compared(registry, name)
        ]
        attributes += [*_bios_state(bodies, bios, registry), *_verdict(bodies, bios)]
        if identity:
            attributes.append(Attribute("registry", Text(identity), _place(bodies, bios, "/AttributeRegistry")))
        yield from _resource("ilo.bios", _unique(taken, bios.owner), attributes, _place(bodies, bios))


def _compared(registry: Registry | None, name: str) -> bool:
    if registry is None or name not in registry.rules:
        return name not in _NOT_COMPARED
    return registry.rules[name].comparable


def _plain(value: Setting) -> Value:
    if isinstance(value, bool):
        return Boolean(value)
    if isinstance(value, int | float):
        return Number(value)
    text = str(value)
    return Secret(text) if SEALED.fullmatch(text.encode("utf-8", "replace")) else Text(text)


def _bios_state(bodies: Bodies, bios: Found, registry: Registry | None) -> list[Attribute]:
    waiting = _first(bodies.of("bios_settings", bios.owner))
    if waiting is None:
        why = "the pending settings could not be read"
        return [Attribute("pending", Undetermined(why), _place(bodies, bios, "/@Redfish.Settings"))]
    if not all(isinstance(at(one.body, attributes_at(one.body)), dict) for one in (bios, waiting)):
        why = "the settings that were read hold no attributes"
        return [Attribute("pending", Undetermined(why), _place(bodies, waiting, "/Attributes"))]
    names = pending(settings(bios.body), settings(waiting.body), registry)
    return [Attribute("pending", texts(*names), _place(bodies, waiting, "/Attributes"))]


def _verdict(bodies: Bodies, bios: Found) -> list[Attribute]:
    """Applied is exactly one ``Success``; a ``Success`` beside other messages is a change that was not taken whole."""
    pointer = "/SettingsResult/Messages" if "SettingsResult" in bios.body else "/@Redfish.Settings/Messages"
    messages = [one for one in _listed(at(bios.body, pointer)) if isinstance(one, dict)]
    named = [(re.split(r"[.:]", _text(one, "/MessageId") or _text(one, "/MessageID"))[-1], one) for one in messages]
    others = [_said(name, one) for name, one in named if name != "Success"]
    succeeded = sum(name == "Success" for name, _ in named)
    verdict = "none" if not named else "applied" if succeeded == 1 and not others else "rejected"
    place = _place(bodies, bios, pointer)
    return [Attribute("verdict", Text(verdict), place), Attribute("rejected", Many(tuple(map(Text, others))), place)]


def _said(name: str, message: Body) -> str:
    arguments = [one for one in _listed(message.get("MessageArgs")) if isinstance(one, str)]
    return f"{name}: {', '.join(arguments)}" if arguments else name
