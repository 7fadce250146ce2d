"""The kinds of resource of an iLO: their attributes, types and meaning.

Most attributes stand for one member of a Redfish body (:mod:`auditor.surfaces.ilo.members`); those listed here in
``_COMPUTED`` are worked out from several. BIOS attributes keep the names of the machine's attribute registry.
"""

from __future__ import annotations

from typing import Final

from auditor.model.resource import AttributeSpec, KindSpec
from auditor.surfaces.ilo.members import members_of

_LICENSED: Final = AttributeSpec(
    "licensed",
    "boolean",
    "The licence has this feature; false: it cannot be switched on here. Undetermined where the licence does not say.",
)

_COMPUTED: Final[dict[str, tuple[AttributeSpec, ...]]] = {
    "ilo.manager": (
        AttributeSpec(
            "alert_channels",
            "list",
            "Every way by which an alert leaves this machine: SNMP destinations while alerts and the matching traps "
            "are on and their user is known, mail and syslog while on, complete and licensed, event subscriptions that "
            "ask for alerts while the service is on. Undetermined where not all could be read, or none is sure.",
        ),
        AttributeSpec(
            "alert_channels_unsure",
            "list",
            "Ways by which alerts may leave, each with what is not known of it; absent where there are none.",
        ),
        AttributeSpec(
            "alert_proven_days",
            "number",
            "Days since an alert test last proved that alerts arrive, of the way whose proof is oldest; no limit where "
            "a way was never proven. From the fleet's ledger, when a check is made; absent without a fleet.",
        ),
        AttributeSpec("alert_proofs", "list", "Each way of its alerts with the age of its proof; beside the former."),
        AttributeSpec("downgrade_policy_licensed", "boolean", "The licence lets the downgrade policy be set."),
        AttributeSpec("firmware_scan_licensed", "boolean", "The licence lets the iLO verify its firmware by itself."),
        AttributeSpec("install_sets", "list", "The names of the install sets, sorted."),
        AttributeSpec("maintenance_windows", "list", "The names of the maintenance windows, sorted."),
        AttributeSpec(
            "update_queue", "list", "Tasks of the update queue that are not done, in order, with their state."
        ),
        AttributeSpec(
            "update_queue_blocked",
            "boolean",
            "A task of the update queue failed or expired; none behind it, and none that is added, is carried out.",
        ),
    ),
    "ilo.firmware": (
        AttributeSpec(
            "catalogued",
            "boolean",
            "The fleet's firmware catalogue has the installed version. It and the next two are there in a check of a "
            "fleet with a catalogue, and nowhere else.",
        ),
        AttributeSpec(
            "way_back",
            "text",
            "What the catalogue says of taking the installed version back: `catalogued`, `irreversible`, `none`; "
            "`forbidden` where the machine's policy is NoDowngrade.",
        ),
        AttributeSpec("back_to", "version", "The version whose artefact takes the installed one back."),
    ),
    "ilo.snmp": (
        AttributeSpec("destinations", "number", "How many alert destinations there are."),
        AttributeSpec("protocol_enabled", "boolean", "SNMP is offered among the network services."),
        AttributeSpec("users", "number", "How many SNMP v3 users there are."),
    ),
    "ilo.alert_mail": (_LICENSED,),
    "ilo.remote_syslog": (_LICENSED,),
    "ilo.snmp_destination": (
        AttributeSpec(
            "version_sent",
            "boolean",
            "Traps of the version that this destination asks for are switched on. Absent where a switch is not shown.",
        ),
        AttributeSpec(
            "user_known", "boolean", "The SNMP v3 user that it names is one of the iLO's; absent for SNMP v1."
        ),
    ),
    "ilo.event_service": (AttributeSpec("subscriptions", "number", "How many event subscriptions there are."),),
    "ilo.event_subscription": (
        AttributeSpec(
            "alerts_included",
            "boolean",
            "Hardware alerts are among what it asks for: no event types or prefixes, the type `Alert` or `Other`, a "
            "registry of hardware (`iLOEvents`, `StorageDevice`…), and no metric reports.",
        ),
    ),
    "ilo.time": (
        AttributeSpec("ntp_from_dhcp", "boolean", "DHCP names the time servers; then they cannot be set here."),
        AttributeSpec(
            "synchronised_by",
            "list",
            "The time servers that count: those set by people, or `DHCP` where it names them. None: nobody does.",
        ),
    ),
    "ilo.security": (AttributeSpec("risks", "list", "What the iLO itself calls a risk and nobody chose to ignore."),),
    "ilo.licence": (AttributeSpec("features", "list", "The features that the licence has, sorted."),),
}

MADE: Final = frozenset({"ilo.event_subscription", "ilo.snmp_destination", "ilo.snmp_user"})
"""Kinds whose resources a plan may make and remove."""

_MEANING: Final = {
    "ilo.manager": "The iLO itself and its policy for firmware; named by the manager's id, usually `1`.",
    "ilo.firmware": "A component's firmware; named by the component (and its place, where several are alike).",
    "ilo.snmp": "The SNMP service; named by its manager's id.",
    "ilo.snmp_destination": "A destination of SNMP alerts; named by its address.",
    "ilo.snmp_user": "A user of SNMP v3; named by its security name.",
    "ilo.alert_mail": "Alerts by mail; named by its manager's id.",
    "ilo.remote_syslog": "Events to a syslog server; named by its manager's id.",
    "ilo.event_service": "The Redfish event service; named `events`.",
    "ilo.event_subscription": "A Redfish event subscription; named by its destination.",
    "ilo.threshold": "A sensor's thresholds; `cooling`, `power` and `power DOMAIN` hold those of fans and supplies.",
    "ilo.network_protocol": "The iLO's network services; named by its manager's id.",
    "ilo.time": "Clock and time servers; named by its manager's id.",
    "ilo.security": "Ciphers, protocol versions, Secure Boot, the iLO's own dashboard; named by its manager's id.",
    "ilo.boot": "Boot order, TLS of the boot, keys of disks, configuration lock; named by the system's id (`1`).",
    "ilo.account_policy": "Passwords and refused log-ins; named `accounts`.",
    "ilo.licence": "The licence; named by its manager's id.",
}


def _kind(name: str) -> KindSpec:
    specs: dict[str, AttributeSpec] = {}
    for spec in (*(member.spec for member in members_of(name)), *_COMPUTED.get(name, ())):
        specs.setdefault(spec.name, spec)  # an attribute that stands in two places is described at its first
    return KindSpec(name, _MEANING[name], tuple(specs[one] for one in sorted(specs)), made=name in MADE)


BIOS: Final = KindSpec(
    "ilo.bios",
    "The BIOS settings of a system, named by its id (`1`): current values under the names of its attribute registry "
    "(`BootMode`, `AutoPowerOn`, `WorkloadProfile`…), and what is waiting. Attributes that are read-only, unique to "
    "the machine or only written are left out.",
    (
        AttributeSpec("pending", "list", "Names of attributes that are set and wait for the next boot, sorted."),
        AttributeSpec(
            "verdict",
            "text",
            "What POST said of the last change: `applied`, `rejected`, or `none` where it said nothing.",
        ),
        AttributeSpec("rejected", "list", "The messages of a rejected change; none where it was applied."),
        AttributeSpec("registry", "text", "The attribute registry's name and version."),
    ),
    open=True,
)

STATE_OF_BIOS: Final = frozenset(spec.name for spec in BIOS.attributes)
"""Attributes of ``ilo.bios`` that are ours, not the registry's."""

KINDS: Final[tuple[KindSpec, ...]] = tuple(
    sorted((BIOS, *(_kind(name) for name in _MEANING)), key=lambda kind: kind.name)
)
