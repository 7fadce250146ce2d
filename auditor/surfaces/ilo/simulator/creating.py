"""What a virtual iLO makes of a POST to a collection: what it needs, and what it fills in or does not show. Pure."""

from __future__ import annotations

from collections.abc import Sequence
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
    "event_subscription": {"HttpHeaders": []},
    "snmp_user": {"AuthPassphrase": None, "PrivacyPassphrase": None},
}
_MEMBER: Final = {
    "snmp_destinations": "snmp_destination",
    "event_subscriptions": "event_subscription",
    "snmp_users": "snmp_user",
}
_MOST: Final = {"snmp_destinations": 8, "snmp_users": 8}
_CHOICES: Final = {"AuthProtocol": ("MD5", "SHA", "SHA256"), "PrivacyProtocol": ("DES", "AES")}
_LENGTHS: Final = {"SecurityName": (1, 32), "AuthPassphrase": (8, 49), "PrivacyPassphrase": (8, 49)}


def refusals(role: str, body: Body, others: Sequence[Body]) -> tuple[Message, ...]:
    """Why no member is made of a body, beside the collection's others; none: it is."""
    missing = [name for name in _NEED[role] if not body.get(name)]
    if missing:
        return tuple(message("Base.1.4.PropertyMissing", name) for name in missing)
    if len(others) >= _MOST.get(role, 1000):
        return (message("Base.1.4.CreateLimitReachedForResource"),)
    if unfit := unfit_values(_MEMBER[role], body):
        return unfit
    if role == "snmp_users" and any(one.get("SecurityName") == body["SecurityName"] for one in others):
        return (message("Base.1.4.ResourceAlreadyExists", "SNMPUser", "SecurityName", str(body["SecurityName"])),)
    if role == "event_subscriptions" and body.get("Protocol", "Redfish") != "Redfish":
        return (message("Base.1.4.PropertyValueNotInList", str(body["Protocol"]), "Protocol"),)
    return ()


def unfit_values(role: str, body: Body) -> tuple[Message, ...]:
    """What a member of that role may not say, whether it is made or changed."""
    if role != "snmp_user":
        return ()
    chosen = [(name, body[name]) for name in _CHOICES if name in body and body[name] not in _CHOICES[name]]
    found = [message("Base.1.4.PropertyValueNotInList", str(value), name) for name, value in chosen]
    for name, (least, most) in _LENGTHS.items():
        value = body.get(name, " " * least)
        if not isinstance(value, str) or not least <= len(value) <= most:
            found.append(message("Base.1.4.PropertyValueFormatError", "********", name))
    return tuple(found)


def member_of(role: str, body: Body) -> tuple[Body, Body]:
    """The new member as it is shown, with what the iLO fills in, and what of it the iLO keeps to itself."""
    shown, kept = parted(_MEMBER[role], body)
    return {**_FILLED[role], **shown}, kept


def parted(role: str, body: Body) -> tuple[Body, Body]:
    """What a member of that role shows of a body, and what of it the iLO keeps to itself."""
    hidden = _HIDDEN.get(role, {})
    kept = {name: value for name, value in body.items() if name in hidden}
    return {**body, **{name: hidden[name] for name in kept}}, kept
