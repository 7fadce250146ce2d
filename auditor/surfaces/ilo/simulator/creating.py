"""What a virtual iLO makes of a POST to a collection: what it needs, and what it fills in or does not show. Pure."""

from __future__ import annotations

from typing import Final

from auditor.surfaces.ilo.body import Body
from auditor.surfaces.ilo.simulator.parts import Message, message

CREATED: Final = frozenset({"snmp_destinations", "event_subscriptions", "snmp_users"})
"""Roles of collections that take members."""

DELETED: Final = frozenset({"snmp_destination", "event_subscription", "snmp_user"})
"""Roles of members that go by DELETE."""

_NEED: Final = {
    "snmp_destinations": ("AlertDestination", "SNMPAlertProtocol"),
    "event_subscriptions": ("Destination", "Context"),
    "snmp_users": ("SecurityName", "AuthProtocol", "AuthPassphrase", "PrivacyProtocol", "PrivacyPassphrase"),
}
_FILLED: Final[dict[str, Body]] = {
    "snmp_destinations": {"Name": "SNMP Alert Destination", "TrapCommunity": "", "SecurityName": None},
    "event_subscriptions": {"Name": "Event Subscription", "SubscriptionType": "RedfishEvent", "Protocol": "Redfish"},
    "snmp_users": {"Name": "SNMP User", "UserEngineID": ""},
}
_HIDDEN: Final[dict[str, Body]] = {
    "event_subscriptions": {"HttpHeaders": []},
    "snmp_users": {"AuthPassphrase": None, "PrivacyPassphrase": None},
}


def refusals(role: str, body: Body) -> tuple[Message, ...]:
    """Why no member is made of a body; none: it is."""
    missing = [name for name in _NEED[role] if not body.get(name)]
    if missing:
        return tuple(message("Base.1.4.PropertyMissing", name) for name in missing)
    if role == "event_subscriptions" and body.get("Protocol", "Redfish") != "Redfish":
        return (message("Base.1.4.PropertyValueNotInList", str(body["Protocol"]), "Protocol"),)
    return ()


def member_of(role: str, body: Body) -> Body:
    """The new member as it is shown: with what the iLO fills in, without what it keeps to itself."""
    hidden = {name: shown for name, shown in _HIDDEN.get(role, {}).items() if name in body}
    return {**_FILLED[role], **body, **hidden}
