"""What members of an iLO's collections may say together: what an iLO would refuse, or nobody could use. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from auditor.model.resource import Address
from auditor.model.value import Text, Value, show
from auditor.surfaces.ilo.wishes import RefusedWish

_PROTOCOLS: Final = {"auth_protocol": ("MD5", "SHA", "SHA256"), "privacy_protocol": ("DES", "AES")}


def fit(address: Address, given: Mapping[str, Value]) -> None:
    """What a new member may not say.

    Errors:
        RefusedWish: a community or a URL's user would be needed, or the URL is none that an iLO posts to.
    """
    protocol = given.get("protocol")
    if address.kind == "ilo.snmp_destination":
        fit_destination(address, protocol, frozenset(given))
    if address.kind == "ilo.snmp_user":
        fit_user(address, given)
    if address.kind == "ilo.event_subscription":
        destination = show(given["destination"])
        try:
            parts = urlsplit(destination)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme != "https" or not parts.hostname or parts.username or parts.query or parts.fragment:
            raise RefusedWish(f"{address}: its destination must be https://… without user and query.")
        if protocol not in (None, Text("Redfish")):
            raise RefusedWish(f"{address}: its protocol is Redfish.")


def fit_destination(address: Address, protocol: Value | None, has: frozenset[str]) -> None:
    """What a destination says beside its protocol, whether it is made or changed.

    Errors:
        RefusedWish: the protocol is none, or it lacks the community or user that it is sent with.
    """
    if protocol == Text("SNMPv1Trap"):
        if "community" not in has:
            named = msgspec.structs.replace(address, attribute="community")
            raise RefusedWish(
                f"{address}: an SNMP v1 trap carries a community, which stands in no plan. Say where it comes from: "
                f"--set 'TARGET:{named}=env:NAME'. Or ask for SNMPv3Trap or SNMPv3Inform."
            )
    elif protocol not in (Text("SNMPv3Trap"), Text("SNMPv3Inform")):
        said = show(protocol) if protocol else "none"
        raise RefusedWish(f"{address}: its protocol is SNMPv1Trap, SNMPv3Trap or SNMPv3Inform, and not {said}.")
    elif "security_name" not in has:
        raise RefusedWish(f"{address}: an SNMP v3 trap needs security_name, the user it is sent as.")


def fit_user(address: Address, given: Mapping[str, Value]) -> None:
    """What an SNMP user says of itself.

    Errors:
        RefusedWish: its name is too long, or a protocol is none of an iLO's.
    """
    if not 1 <= len(address.name) <= 32 or not address.name.isprintable():
        raise RefusedWish(f"{address}: its name has 1 to 32 characters.")
    for name, known in _PROTOCOLS.items():
        if (value := given.get(name)) is not None and value not in [Text(one) for one in known]:
            raise RefusedWish(f"{address}.{name}: is {', '.join(known[:-1])} or {known[-1]}, and not {show(value)}.")
