"""What a target will be like once a plan stands, by the plan's own effects. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from auditor.model.plan import Effect
from auditor.model.resource import Attribute, Resource, make_resource
from auditor.model.snapshot import Interpretation


def foreseen(now: Interpretation, effects: Iterable[Effect]) -> Interpretation:
    """The interpretation with every effect in place.

    Shape: an attribute whose effect ends in nothing is left out, and so is a resource that has none left; gaps stay as
    they are. Sources stay those of the present: a plan says what changes, not where the lines will stand.
    """
    resources = {(one.kind, one.name): one for one in now.resources}
    touched: dict[tuple[str, str], dict[str, Attribute]] = {}
    for effect in effects:
        address = effect.address
        key = (address.kind, address.name)
        if not address.attribute:
            continue
        attributes = touched.setdefault(key, _by_name(resources.get(key)))
        if effect.after is None:
            attributes.pop(address.attribute, None)
            continue
        old = attributes.get(address.attribute)
        attributes[address.attribute] = Attribute(address.attribute, effect.after, old.source if old else None)
    for key, attributes in touched.items():
        if not attributes:
            resources.pop(key, None)
            continue
        standing = resources.get(key)
        source = standing.source if standing else None
        resources[key] = make_resource(*key, list(attributes.values()), source)
    ordered = tuple(resources[key] for key in sorted(resources))
    return msgspec.structs.replace(now, resources=ordered)


def _by_name(resource: Resource | None) -> dict[str, Attribute]:
    return {attribute.name: attribute for attribute in resource.attributes} if resource else {}
