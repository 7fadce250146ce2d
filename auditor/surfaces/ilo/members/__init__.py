"""Which member of which Redfish resource is which attribute: the one table that reading and planning share.

A :class:`Member` names an attribute, where it stands, what it means, whether a plan may set it, what setting it
disturbs, and which licence feature it needs. Members that a generation does not have are simply absent.
"""

from __future__ import annotations

from typing import Final

from auditor.surfaces.ilo.members import alerting, boot, chassis, firmware, manager, security
from auditor.surfaces.ilo.members.form import Form, Member

__all__ = ["MEMBERS", "Form", "Member", "member", "members_of"]

MEMBERS: Final = (
    *manager.MANAGER,
    *alerting.SNMP,
    *alerting.SNMP_DESTINATION,
    *alerting.SNMP_USER,
    *alerting.ALERT_MAIL,
    *alerting.REMOTE_SYSLOG,
    *alerting.EVENT_SERVICE,
    *alerting.EVENT_SUBSCRIPTION,
    *chassis.THRESHOLD,
    *manager.NETWORK_PROTOCOL,
    *manager.TIME,
    *security.SECURITY,
    *security.ACCOUNT_POLICY,
    *security.LICENCE,
    *firmware.FIRMWARE,
    *boot.BOOT,
)


def members_of(kind: str) -> tuple[Member, ...]:
    """The members of a kind, in the table's order."""
    return tuple(member for member in MEMBERS if member.kind == kind)


def member(kind: str, name: str) -> Member | None:
    """The member behind an attribute, or None where the attribute is computed or unknown."""
    return next((one for one in MEMBERS if one.kind == kind and one.name == name), None)
