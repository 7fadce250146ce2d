"""What an iLO's alert settings mean one by one: SNMP destinations and users, the event service, subscriptions. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from auditor.model.resource import Attribute, Resource
from auditor.model.snapshot import Gap, hides
from auditor.model.value import Boolean, Number, Undetermined, Value
from auditor.surfaces.ilo.bodies import (
    Bodies,
    attributes_of,
    first,
    is_absent,
    licensed,
    listed,
    place_of,
    resource_of,
    text_at,
    unique,
)
from auditor.surfaces.ilo.body import Body, at, escape
from auditor.surfaces.ilo.links import Found

HARDWARE: Final = ("iLOEvents", "StorageDevice", "NetworkDevice", "ResourceEvent")
"""Registries that hold alerts of hardware; the others are of settings, tasks and security."""


def alert_resources(bodies: Bodies, gaps: tuple[Gap, ...]) -> Iterable[Resource]:
    """SNMP destinations, SNMP users, event service and event subscriptions."""
    yield from _destinations(bodies, gaps)
    yield from _users(bodies)
    yield from _event_service(bodies)
    yield from _subscriptions(bodies)


# -- licence ----------------------------------------------------------------------------------------------------------


def licensed_attribute(bodies: Bodies, owner: str, name: str, feature: str, gaps: tuple[Gap, ...]) -> Attribute:
    """Whether the licence has a feature, as an attribute; undetermined where the licence does not say."""
    if said := licensed(bodies, owner, feature):
        return Attribute(name, Boolean(said[0]), said[1])
    place = place_of(bodies, first(bodies.of("licence", owner)), "/LicenseFeatures")
    return Attribute(name, Undetermined(unsaid(bodies, owner, feature, gaps)), place)


def unsaid(bodies: Bodies, owner: str, feature: str, gaps: tuple[Gap, ...]) -> str:
    """Why it is not known whether the licence has a feature of which :func:`licensed` finds nothing said."""
    if hidden := hides(gaps, "ilo.licence"):
        return f"{hidden[0].what} could not be read ({hidden[0].cause})"
    licences = bodies.of("licence", owner)
    if any(not is_absent(one.body, f"/LicenseFeatures/{escape(feature)}") for one in licences):
        return f"the licence says neither that it has {feature} nor not"
    return f"the licence does not name {feature}" if licences else "this iLO lists no licence"


# -- SNMP -------------------------------------------------------------------------------------------------------------


def _destinations(bodies: Bodies, gaps: tuple[Gap, ...]) -> Iterable[Resource]:
    taken: set[str] = set()
    for found in bodies.of("snmp_destination"):
        attributes = attributes_of(bodies, "ilo.snmp_destination", "snmp_destination", found)
        attributes += _of_version(bodies, found, gaps)
        address = text_at(found.body, "/AlertDestination") or found.uri
        name = unique(taken, address, text_at(found.body, "/SNMPAlertProtocol"))
        yield from resource_of("ilo.snmp_destination", name, attributes, place_of(bodies, found))


def _of_version(bodies: Bodies, found: Found, gaps: tuple[Gap, ...]) -> Iterable[Attribute]:
    """Whether traps of the version that a destination asks for are sent, and whether its user is there."""
    service = first(bodies.of("snmp", found.owner))
    if odd := odd_version(found.body):
        place = place_of(bodies, found, "/SNMPAlertProtocol")
        yield from (Attribute(name, Undetermined(odd), place) for name in ("version_sent", "user_known"))
        return
    needed = switches_of(found.body)
    switches = [service.body.get(name) for name in needed] if service else []
    off = [name for name, switch in zip(needed, switches, strict=False) if switch is False]
    if service and (off or all(switch is True for switch in switches)):
        pointer = f"/{off[0] if off else needed[-1]}"
        yield Attribute("version_sent", Boolean(not off), place_of(bodies, service, pointer))
    elif service:
        unclear = [name for name in needed if service.body.get(name) is not True]
        why = Undetermined(f"{' and '.join(unclear)} is not shown as on or off")
        yield Attribute("version_sent", why, place_of(bodies, service, f"/{unclear[0]}"))
    if "SNMPv3TrapEnabled" in needed:
        yield Attribute("user_known", user_known(bodies, found, gaps), place_of(bodies, found, "/SecurityName"))


def odd_version(destination: Body) -> str:
    """Why it is not known which version of SNMP a destination gets, or nothing."""
    known = text_at(destination, "/SNMPAlertProtocol").startswith(("SNMPv1", "SNMPv3"))
    return "" if known else "which version of SNMP it gets is not known"


def switches_of(destination: Body) -> tuple[str, ...]:
    """The switches of the SNMP service for the version of a destination; the first that is off decides."""
    later = text_at(destination, "/SNMPAlertProtocol").startswith("SNMPv3")
    return ("SNMPv3TrapEnabled",) if later else ("SNMPv1Enabled", "SNMPv1TrapEnabled")


def user_known(bodies: Bodies, found: Found, gaps: tuple[Gap, ...]) -> Value:
    """Whether the user that an SNMP v3 destination names is one of the iLO's."""
    wanted = text_at(found.body, "/SecurityName")
    if not wanted:
        return Boolean(value=False)
    if any(text_at(one.body, "/SecurityName") == wanted for one in bodies.of("snmp_user", found.owner)):
        return Boolean(value=True)
    if hidden := hides(gaps, "ilo.snmp_user"):
        return Undetermined(f"{hidden[0].what} could not be read ({hidden[0].cause})")
    if first(bodies.of("snmp_users", found.owner)) is None:
        return Undetermined("this iLO does not list its SNMP users")
    return Boolean(value=False)


def _users(bodies: Bodies) -> Iterable[Resource]:
    taken: set[str] = set()
    for found in bodies.of("snmp_user"):
        attributes = attributes_of(bodies, "ilo.snmp_user", "snmp_user", found)
        name = unique(taken, text_at(found.body, "/SecurityName") or found.uri)
        yield from resource_of("ilo.snmp_user", name, attributes, place_of(bodies, found))


# -- events -----------------------------------------------------------------------------------------------------------


def _event_service(bodies: Bodies) -> Iterable[Resource]:
    service = first(bodies.of("event_service"))
    if service is None:
        return
    attributes = attributes_of(bodies, "ilo.event_service", "event_service", service)
    collection = first(bodies.of("event_subscriptions"))
    members = at(collection.body, "/Members") if collection else None
    if isinstance(members, list):
        attributes.append(Attribute("subscriptions", Number(len(members)), place_of(bodies, collection, "/Members")))
    yield from resource_of("ilo.event_service", "events", attributes, place_of(bodies, service))


def _subscriptions(bodies: Bodies) -> Iterable[Resource]:
    taken: set[str] = set()
    for found in bodies.of("event_subscription"):
        attributes = attributes_of(bodies, "ilo.event_subscription", "event_subscription", found)
        why, odd = not_for_alerts(found.body), odd_selection(found.body)
        pointer = "/RegistryPrefixes" if listed(found.body.get("RegistryPrefixes")) else "/EventTypes"
        included: Value = Undetermined(odd) if odd and not why else Boolean(not why)
        attributes.append(Attribute("alerts_included", included, place_of(bodies, found, pointer), why))
        name = unique(taken, text_at(found.body, "/Destination") or found.uri, text_at(found.body, "/Context"))
        yield from resource_of("ilo.event_subscription", name, attributes, place_of(bodies, found))


def not_for_alerts(subscription: Body) -> str:
    """Why a subscription gets no hardware alerts, or nothing. What it does not restrict, it gets (DSP0268)."""
    if text_at(subscription, "/EventFormatType") == "MetricReport":
        return "it asks for metric reports"
    types = [one for one in listed(subscription.get("EventTypes")) if isinstance(one, str)]
    if types and not {"Alert", "Other"} & set(types):
        return f"its event types are {', '.join(types)}"
    prefixes = [one for one in listed(subscription.get("RegistryPrefixes")) if isinstance(one, str)]
    if prefixes and not any(one.split(".")[0] in HARDWARE for one in prefixes):
        return f"its registry prefixes are {', '.join(prefixes)}"
    return ""


def odd_selection(subscription: Body) -> str:
    """Why it is not known which events a subscription gets, or nothing."""
    for name in ("EventTypes", "RegistryPrefixes"):
        chosen = subscription.get(name)
        if chosen is not None and not (isinstance(chosen, list) and all(isinstance(one, str) for one in chosen)):
            return f"{name} has another form than is known here"
    return ""
