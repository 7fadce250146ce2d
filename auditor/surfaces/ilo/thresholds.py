"""What the thresholds of an iLO mean: of sensors, fans and power supplies. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from auditor.model.resource import Resource
from auditor.surfaces.ilo.bodies import Bodies, attributes_of, listed, place_of, resource_of, text_at, unique
from auditor.surfaces.ilo.body import at
from auditor.surfaces.ilo.links import Found


def thresholds(bodies: Bodies) -> Iterable[Resource]:
    """The thresholds of every chassis; where two resources name one sensor, the older form counts."""
    kind, taken = "ilo.threshold", set[str]()
    sensors: dict[tuple[str, str], list[Found]] = {}
    for one in bodies.of("sensor"):
        sensors.setdefault((one.owner, text_at(one.body, "/Name")), []).append(one)
    for thermal in bodies.of("thermal"):
        for number, sensor in enumerate(listed(at(thermal.body, "/Temperatures"))):
            pointer = f"/Temperatures/{number}"
            attributes = attributes_of(bodies, kind, "temperature", thermal, pointer)
            name = (text_at(sensor, "/Name") if isinstance(sensor, dict) else "") or pointer
            alike = sensors.get((thermal.owner, name), [])
            same = alike.pop() if len(alike) == 1 else None  # of several nobody knows which is this one
            told = {attribute.name for attribute in attributes}
            attributes += [one for one in attributes_of(bodies, kind, "sensor", same) if one.name not in told]
            if attributes:
                name = unique(taken, name, f"chassis {thermal.owner}")
                yield from resource_of(kind, name, attributes, place_of(bodies, thermal, pointer))
    for name, found in ((name, one) for (_, name), alike in sensors.items() for one in alike):
        if attributes := attributes_of(bodies, kind, "sensor", found):
            full = unique(taken, name or found.uri, f"chassis {found.owner}")
            yield from resource_of(kind, full, attributes, place_of(bodies, found))
    yield from _cooling_and_power(bodies, taken)


def _cooling_and_power(bodies: Bodies, taken: set[str]) -> Iterable[Resource]:
    kind = "ilo.threshold"
    for role, name in (("thermal", "cooling"), ("power", "power")):
        for found in bodies.of(role):
            attributes = attributes_of(bodies, kind, role, found)
            if attributes:
                full = unique(taken, name, f"chassis {found.owner}")
                yield from resource_of(kind, full, attributes, place_of(bodies, found))
    for found in bodies.of("power"):
        for number, domain in enumerate(listed(at(found.body, "/Oem/Hpe/Domains"))):
            pointer = f"/Oem/Hpe/Domains/{number}"
            attributes = attributes_of(bodies, kind, "power_domain", found, pointer)
            name = (text_at(domain, "/DomainName") if isinstance(domain, dict) else "") or str(number)
            if attributes:
                full = unique(taken, f"power {name}", f"chassis {found.owner}")
                yield from resource_of(kind, full, attributes, place_of(bodies, found, pointer))
