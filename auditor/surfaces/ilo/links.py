"""Where each resource is found: by links from the service root, never by a path of our own.

One table serves collecting (which asks the iLO for each link) and interpreting (which follows the same links through
the documents), so that both agree on what a document is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import msgspec

from auditor.surfaces.ilo.body import Body, Json, at, find, key_of, link

MAX_MEMBERS: Final = 256
MAX_OWNERS: Final = 16


class Link(msgspec.Struct, frozen=True, cache_hash=True):
    """A link from a resource of role ``frm`` at one of ``pointers`` to a resource of role ``to``.

    ``members`` is the role of the members where ``to`` is a collection, else empty. ``kinds`` are the kinds of
    resource that are hidden when it cannot be read. ``needed`` says that every supported generation has it; ``filled``
    that it has at least one member then; ``quiet`` that it is no news where a resource has no such link (a drive
    enclosure is a chassis too, without fans). ``whole`` says that it is asked for with what stands below it, since most
    of that is empty.
    """

    frm: str
    to: str
    pointers: tuple[str, ...]
    kinds: tuple[str, ...]
    members: str = ""
    needed: bool = False
    quiet: bool = False
    whole: bool = False
    filled: bool = False


_HPE: Final = "/Oem/Hpe"

_OF_MANAGERS: Final = (
    "ilo.alert_mail",
    "ilo.licence",
    "ilo.manager",
    "ilo.network_protocol",
    "ilo.remote_syslog",
    "ilo.security",
    "ilo.snmp",
    "ilo.snmp_destination",
    "ilo.snmp_user",
    "ilo.time",
)

_OF_SYSTEMS: Final = ("ilo.bios", "ilo.boot", "ilo.manager", "ilo.security")
_INVENTORY: Final = ("/FirmwareInventory",)

LINKS: Final = (
    Link("root", "managers", ("/Managers",), _OF_MANAGERS, "manager", needed=True, filled=True),
    Link("root", "systems", ("/Systems",), _OF_SYSTEMS, "system", needed=True, filled=True),
    Link("root", "chassis_list", ("/Chassis",), ("ilo.threshold",), "chassis", needed=True, filled=True),
    Link("root", "update_service", ("/UpdateService",), ("ilo.firmware", "ilo.manager"), needed=True, whole=True),
    Link(
        "root",
        "event_service",
        ("/EventService",),
        ("ilo.event_service", "ilo.event_subscription", "ilo.manager"),
        needed=True,
        whole=True,
    ),
    Link("root", "account_service", ("/AccountService",), ("ilo.account_policy",), needed=True),
    Link("root", "registries", ("/Registries",), ("ilo.bios",)),
    Link(
        "manager",
        "network_protocol",
        ("/NetworkProtocol", f"{_HPE}/Links/NetworkService", "/NetworkService"),
        ("ilo.network_protocol", "ilo.alert_mail", "ilo.remote_syslog", "ilo.manager"),
        needed=True,
    ),
    Link(
        "manager",
        "snmp",
        (f"{_HPE}/Links/SNMPService",),
        ("ilo.snmp", "ilo.snmp_destination", "ilo.snmp_user", "ilo.manager"),
        needed=True,
    ),
    Link("manager", "date_time", (f"{_HPE}/Links/DateTimeService",), ("ilo.time",), needed=True),
    Link("manager", "security", (f"{_HPE}/Links/SecurityService",), ("ilo.security",), needed=True),
    Link(
        "manager",
        "licences",
        ("/LicenseService", f"{_HPE}/Links/LicenseService"),
        ("ilo.licence",),
        "licence",
        needed=True,
    ),
    Link("manager", "manager_interfaces", ("/EthernetInterfaces", "/EthernetNICs"), ("ilo.time",), "manager_interface"),
    Link(
        "snmp",
        "snmp_destinations",
        ("/SNMPAlertDestinations",),
        ("ilo.snmp_destination", "ilo.manager", "ilo.snmp"),
        "snmp_destination",
        needed=True,
    ),
    Link(
        "snmp",
        "snmp_users",
        ("/SNMPUsers",),
        ("ilo.snmp", "ilo.snmp_user", "ilo.snmp_destination", "ilo.manager"),
        "snmp_user",
    ),
    Link("security", "security_dashboard", ("/Links/SecurityDashboard",), ("ilo.security",)),
    Link("security_dashboard", "security_params", ("/SecurityParameters",), ("ilo.security",), "security_param"),
    Link(
        "system", "bios", ("/Bios", f"{_HPE}/Links/Bios", f"{_HPE}/Links/BIOS"), ("ilo.bios", "ilo.boot"), needed=True
    ),
    Link("system", "secure_boot", ("/SecureBoot",), ("ilo.security",)),
    Link("bios", "bios_settings", ("/@Redfish.Settings/SettingsObject", "/Settings"), ("ilo.bios",), needed=True),
    Link("bios", "bios_defaults", (f"{_HPE}/Links/BaseConfigs", "/BaseConfigs"), ("ilo.bios",), quiet=True),
    Link("bios", "bios_boot", (f"{_HPE}/Links/Boot", "/Boot"), ("ilo.boot",), quiet=True),
    Link("bios", "bios_tls", (f"{_HPE}/Links/TlsConfig",), ("ilo.boot",), quiet=True),
    Link("bios", "bios_iscsi", (f"{_HPE}/Links/iScsi", "/iScsi"), ("ilo.boot",), quiet=True),
    Link("bios", "bios_kms", (f"{_HPE}/Links/KmsConfig",), ("ilo.boot",), quiet=True),
    Link("bios", "bios_lock", (f"{_HPE}/Links/ServerConfigLock",), ("ilo.boot",), quiet=True),
    Link("update_service", "firmware_list", _INVENTORY, ("ilo.firmware",), "firmware", needed=True, filled=True),
    *(
        Link("update_service", to, (f"{_HPE}/{name}",), ("ilo.manager",), member, quiet=True)
        for to, name, member in (
            ("update_queue", "UpdateTaskQueue", "update_task"),
            ("install_sets", "InstallSets", "install_set"),
            ("maintenance_windows", "MaintenanceWindows", "maintenance_window"),
        )
    ),
    Link(
        "event_service",
        "event_subscriptions",
        ("/Subscriptions",),
        ("ilo.event_service", "ilo.event_subscription", "ilo.manager"),
        "event_subscription",
        needed=True,
    ),
    Link("account_service", "accounts", ("/Accounts",), ("ilo.account_policy",), "account"),
    Link("chassis", "thermal", ("/Thermal",), ("ilo.threshold",), quiet=True),
    Link("chassis", "power", ("/Power",), ("ilo.threshold",), quiet=True),
    Link("chassis", "sensors", ("/Sensors",), ("ilo.threshold",), "sensor", quiet=True),
)


class Found(msgspec.Struct, frozen=True):
    """A resource: its role, its URI as the service spelled it, its body, and whose it is.

    ``owner`` is the id of the manager, system or chassis that it belongs to; empty for the service's own.
    """

    role: str
    uri: str
    body: Body
    owner: str


@lru_cache(maxsize=256)
def links_of(role: str) -> tuple[Link, ...]:
    """The links to follow from a resource of that role."""
    return tuple(one for one in LINKS if one.frm == role)


def target_of(one: Link, body: Body) -> str | None:
    """The URI that a body links to, or None where it has no such link."""
    return next((uri for spelling in _spellings(one) if (uri := link(body, spelling))), None)


def unusable_link(one: Link, body: Body) -> str | None:
    """The pointer of a link that stands there and leads nowhere we may go, or None where there is no link at all.

    A link that is ``null`` is one: the iLO has such a resource, and does not say at the moment where.
    """
    return next((spelling for spelling in _spellings(one) if find(body, spelling)[0]), None)


@lru_cache(maxsize=256)
def _spellings(one: Link) -> tuple[str, ...]:
    """Where a link may stand: as iLO 5 and later write it, then as iLO 4 does (``Oem.Hp``, ``links``)."""
    older = [pointer.replace("/Oem/Hpe/", "/Oem/Hp/") for pointer in one.pointers]
    oldest = [pointer.replace("/Links/", "/links/") for pointer in older]
    top = [f"/links{pointer}" for pointer in one.pointers if pointer.count("/") == 1]
    return tuple(dict.fromkeys((*one.pointers, *older, *oldest, *top)))


def member_uris(body: Body) -> tuple[str, ...]:
    """The URIs of a collection's members, in its order, each once; a bounded number of them."""
    members = at(body, "/Members")
    found: dict[str, str] = {}
    for member in members[:MAX_MEMBERS] if isinstance(members, list) else []:
        if uri := link(member, ""):
            found.setdefault(key_of(uri), uri)
    return tuple(found.values())


def expanded_members(body: Body) -> tuple[Body, ...] | None:
    """The members' bodies where the collection holds them whole, else None.

    A member that is only its link (an iLO that ignores ``$expand``) makes it None.
    """
    members = at(body, "/Members")
    if not isinstance(members, list):
        return None
    whole = [one for one in members if isinstance(one, dict) and _is_whole(one)]
    return tuple(whole) if len(whole) == len(members) else None


def path_below(value: Body) -> str | None:
    """Where a resource that stands whole inside another has its own place; None where it is no such resource."""
    own = value.get("@odata.id")
    whole = isinstance(own, str) and "#" not in own and "@odata.type" in value
    return link(value, "") if whole else None


def _is_whole(member: Body) -> bool:
    """Whether a member says something of itself: not its link alone, and not why it could not be given."""
    if "error" in member or "@Message.ExtendedInfo" in member:
        return False
    return any(not name.startswith("@") for name in member)


def owner_of(role: str, body: Body, inherited: str) -> str:
    """Whose a resource is: managers, systems and chassis own what they link to."""
    if role in ("manager", "system", "chassis"):
        return str(body.get("Id") or str(body.get("@odata.id", "")).rstrip("/").rsplit("/", 1)[-1])
    return inherited


def follow(root_uri: str, lookup: Callable[[str], Body | None]) -> tuple[Found, ...]:
    """Every resource that can be reached through ``lookup``, in the table's order; cycles end where they close."""
    found: list[Found] = []
    seen: set[tuple[str, str]] = set()
    owners: dict[tuple[str, str], str] = {}

    def visit(role: str, uri: str, owner: str) -> None:
        body = lookup(uri)
        if body is None or (role, key_of(uri)) in seen:
            return
        seen.add((role, key_of(uri)))
        mine = owner_of(role, body, owner)
        if mine != owner and owners.setdefault((role, mine), key_of(uri)) != key_of(uri):
            mine = uri  # another one has this id already, and what belongs to the two must not be mixed up
        found.append(Found(role, uri, body, mine))
        for one in links_of(role):
            target = target_of(one, body)
            if target is None:
                continue
            visit(one.to, target, mine)
            if one.members and (collection := lookup(target)):
                for member in member_uris(collection):
                    visit(one.members, member, mine)

    visit("root", root_uri, "")
    return tuple(found)


def registry_location(file: Body) -> str | None:
    """Where a registry file stands, from its description: the English one, else the first."""
    locations = [one for one in _list(at(file, "/Location")) if isinstance(one, dict)]
    for one in sorted(locations, key=lambda one: one.get("Language") != "en"):
        if uri := link(one, "/Uri"):
            return uri
        plain = find(one, "/Uri")[1]
        if isinstance(plain, str) and (uri := link({"@odata.id": plain}, "")):
            return uri
    return None


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
