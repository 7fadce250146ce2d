"""Whether what was read is understood: of a known generation, with members that are known of such a resource. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

from auditor.model.snapshot import Gap
from auditor.surfaces.ilo.bodies import Bodies, text_at
from auditor.surfaces.ilo.body import Body, find
from auditor.surfaces.ilo.links import LINKS
from auditor.surfaces.ilo.members import MEMBERS

_ALWAYS: Final = frozenset({
    "account_service", "date_time", "event_subscription", "firmware", "licence", "manager", "network_protocol",
    "secure_boot", "security", "snmp", "snmp_destination", "update_service",
})  # fmt: skip
"""Roles of which every generation shows at least one member that is known here."""
_KNOWN: Final = ("iLO 5", "iLO 6", "iLO 7")
_LOOK: Final = "Look at the iLO itself for what matters."


def unrecognised(bodies: Bodies) -> Iterable[Gap]:
    """A gap for each resource that holds nothing of what is known of its role, over what its link leads to."""
    for found in bodies.found:
        if found.role in _ALWAYS and not _has_any(found.role, found.body):
            name = bodies.name(found.uri)
            yield Gap(name, "not recognised", "it holds no member that is known here", _LOOK, _kinds(found.role))


def unverified(bodies: Bodies) -> Iterable[Gap]:
    """What is read of another generation than iLO 5, 6 and 7 proves nothing: none has been at hand."""
    for manager in bodies.of("manager"):
        model, firmware = text_at(manager.body, "/Model"), text_at(manager.body, "/FirmwareVersion")
        if not model.startswith(_KNOWN) and not firmware.startswith(_KNOWN):
            told = model[:60] or "an iLO of unknown generation"
            why = f"{told}: read without having been verified on one"
            yield Gap(bodies.name(manager.uri), "undetermined", why, _LOOK)


def _has_any(role: str, body: Body) -> bool:
    return any(find(body, one)[0] for one in _pointers(role))


@cache
def _pointers(role: str) -> tuple[str, ...]:
    known = [member.pointer for member in MEMBERS if member.role == role]
    return tuple(dict.fromkeys((*known, *(one.replace("/Oem/Hpe/", "/Oem/Hp/") for one in known))))


def _kinds(role: str) -> tuple[str, ...]:
    """The kinds that a resource of this role, and what it links to, may be."""
    to_it = [one for one in LINKS if role in (one.to, one.members)]
    return tuple(sorted({kind for one in (*to_it, *(one for one in LINKS if one.frm == role)) for kind in one.kinds}))
