"""Whether what was read is understood: of a known generation, with members that are known of such a resource. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

from auditor.model.snapshot import Gap
from auditor.surfaces.ilo.bios import holds_attributes
from auditor.surfaces.ilo.bodies import Bodies, text_at
from auditor.surfaces.ilo.body import find, key_of
from auditor.surfaces.ilo.links import LINKS, Found
from auditor.surfaces.ilo.members import MEMBERS

_ALWAYS: Final = frozenset({
    "account_service", "date_time", "event_service", "event_subscription", "firmware", "licence", "manager",
    "network_protocol", "secure_boot", "security", "security_dashboard", "snmp", "snmp_destination", "snmp_user",
    "system", "update_service",
})  # fmt: skip
"""Roles of which every generation shows at least one member that is known here."""
_TYPES: Final = {
    "account_service": "AccountService", "bios": "Bios", "bios_boot": "ServerBootSettings", "bios_kms": "KmsConfig",
    "bios_lock": "ServerConfigLock", "bios_settings": "Bios", "bios_tls": "TlsConfig", "chassis": "Chassis",
    "chassis_list": "Chassis", "date_time": "DateTime", "event_service": "EventService",
    "event_subscriptions": "EventDestination", "firmware": "SoftwareInventory", "firmware_list": "SoftwareInventory",
    "install_sets": "ComponentInstallSet", "licence": "License", "licences": "License",
    "maintenance_windows": "MaintenanceWindow", "manager": "Manager", "managers": "Manager",
    "manager_interface": "EthernetInterface", "manager_interfaces": "EthernetInterface",
    "network_protocol": "ManagerNetworkProtocol", "power": "Power", "secure_boot": "SecureBoot",
    "security": "SecurityService", "security_dashboard": "SecurityDashboard", "security_params": "SecurityParam",
    "sensor": "Sensor", "sensors": "Sensor", "snmp": "SnmpService", "snmp_destinations": "SNMPAlertDestination",
    "snmp_users": "SNMPUser", "system": "ComputerSystem", "systems": "ComputerSystem", "thermal": "Thermal",
    "update_queue": "ComponentUpdateTask", "update_service": "UpdateService",
}  # fmt: skip
"""How the type of a resource of each role begins, without the vendor's prefix."""
_COLLECTIONS: Final = frozenset(one.to for one in LINKS if one.members)
_SETTINGS: Final = ("bios", "bios_settings")
_KNOWN: Final = ("iLO 5", "iLO 6", "iLO 7")
_NOTHING: Final = "it holds no member that is known"
_PARTLY: Final = "it holds no member of "
_LOOK: Final = "Look at the iLO itself for what matters."


def unrecognised(bodies: Bodies) -> Iterable[Gap]:
    """A gap for each resource that holds nothing of what is known of its role, over what its link leads to.

    A resource may hold members of several kinds; where those of one are missing, the gap is over that kind.
    """
    for found in bodies.found:
        if other := _other_type(found):
            yield Gap(bodies.name(found.uri), "not recognised", other, _LOOK, _kinds(found.role))
            continue
        if found.role in _SETTINGS and not holds_attributes(found.body):
            yield Gap(bodies.name(found.uri), "not recognised", _NOTHING, _LOOK, _kinds(found.role))
        known = _pointers(found.role) if found.role in _ALWAYS else {}
        missing = [kind for kind, pointers in known.items() if not any(find(found.body, one)[0] for one in pointers)]
        if missing:
            nothing = len(missing) == len(known)
            detail = _NOTHING if nothing else f"{_PARTLY}{', '.join(missing)} that is known"
            kinds = _kinds(found.role) if nothing else tuple(missing)
            yield Gap(bodies.name(found.uri), "not recognised", detail, _LOOK, kinds)


def _other_type(found: Found) -> str:
    """What a resource is where it says that it is another than its link promises; else empty."""
    told = text_at(found.body, "/@odata.type")
    named = told.rsplit(".", 1)[-1].lstrip("#")
    wanted = _TYPES.get(found.role)
    if wanted is None or not named:
        return ""
    bare = named.removeprefix("Hpe").removeprefix("Hp").removeprefix("iLO")
    fits = bare.startswith(wanted) and bare.endswith("Collection") == (found.role in _COLLECTIONS)
    return "" if fits else f"a link to it promises {wanted}, and it is {named[:80]}"


def not_of(strange: tuple[Gap, ...], gaps: tuple[Gap, ...]) -> tuple[Gap, ...]:
    """The gaps without those of links that miss in a resource which is not recognised: it is one gap already."""
    whole = [(key_of(gap.what), set(gap.kinds)) for gap in strange if not gap.detail.startswith(_PARTLY)]

    def is_told(gap: Gap) -> bool:
        place, mark, _ = gap.what.partition("#")
        return bool(mark) and any(key_of(place) == key and {*gap.kinds} <= kinds for key, kinds in whole)

    return tuple(gap for gap in gaps if gap.cause != "absent" or not is_told(gap))


def unverified(bodies: Bodies) -> Iterable[Gap]:
    """What is read of another generation than iLO 5, 6 and 7 proves nothing: none has been at hand."""
    for manager in bodies.of("manager"):
        model, firmware = text_at(manager.body, "/Model"), text_at(manager.body, "/FirmwareVersion")
        if not model.startswith(_KNOWN) and not firmware.startswith(_KNOWN):
            told = model[:60] or "an iLO of unknown generation"
            why = f"{told}: read without having been verified on one"
            yield Gap(bodies.name(manager.uri), "undetermined", why, _LOOK)


@cache
def _pointers(role: str) -> dict[str, tuple[str, ...]]:
    """Where the members of a role stand, by the kind that they are attributes of."""
    found: dict[str, tuple[str, ...]] = {}
    for member in MEMBERS:
        if member.role == role:
            older = member.pointer.replace("/Oem/Hpe/", "/Oem/Hp/")
            found[member.kind] = (*found.get(member.kind, ()), member.pointer, older)
    return found


def _kinds(role: str) -> tuple[str, ...]:
    """The kinds that a resource of this role, and what it links to, may be."""
    to_it = [one for one in LINKS if role in (one.to, one.members)]
    return tuple(sorted({kind for one in (*to_it, *(one for one in LINKS if one.frm == role)) for kind in one.kinds}))
