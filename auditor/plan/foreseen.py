"""What a target will be like once a plan stands, by the plan's own effects. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from auditor.model.plan import AttributeIs, Cohort, Effect, FirmwareUpdate, RedfishCreate, RedfishPatch
from auditor.model.resource import Attribute, KindSpec, Resource, make_resource
from auditor.model.snapshot import Interpretation
from auditor.model.value import Secret


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


def filled_in(cohort: Cohort, kinds: Iterable[KindSpec]) -> frozenset[tuple[str, str, str]]:
    """What becomes of members as no plan can say: (kind, name, attribute).

    That is what is not said of one that a plan makes, or makes again on the way back, and secrets it does not know.
    """
    makes = any(isinstance(one, RedfishCreate) for step in cohort.steps for one in (step.change, step.undo))
    specs = {kind.name: kind for kind in kinds if kind.made}
    told = {(one.address.kind, one.address.name, one.address.attribute) for one in cohort.effects}
    members = {(kind, name) for kind, name, _ in told if makes and kind in specs}
    open_ = {(kind, name, spec.name) for kind, name in members for spec in specs[kind].attributes}
    return frozenset(open_ - told) | _unknown_secrets(cohort)


def _unknown_secrets(cohort: Cohort) -> frozenset[tuple[str, str, str]]:
    """Secrets that are set where they stand, and of which the plan does not say what will be shown."""
    told = {one.address for step in cohort.steps for one in step.postconditions if isinstance(one, AttributeIs)}
    conditions = [
        one
        for step in cohort.steps
        if isinstance(step.change, RedfishPatch) and step.change.secrets
        for one in step.preconditions
        if isinstance(one, AttributeIs) and one.address not in told
    ]
    return frozenset(
        (one.address.kind, one.address.name, one.address.attribute)
        for one in conditions
        if one.value is None or isinstance(one.value, Secret)
    )


def moved_by_firmware(cohort: Cohort) -> frozenset[tuple[str, str, str]]:
    """What an update changes besides the version it installs: where that is shown too, and with a ROM its BIOS."""
    if not any(isinstance(step.change, FirmwareUpdate) for step in cohort.steps):
        return frozenset()
    found = {("ilo.manager", "", name) for name in ("firmware_version", "system_rom_version", "some_pending_reset")}
    names = {one.address.name.casefold() for one in cohort.effects if one.address.kind == "ilo.firmware"}
    if any("rom" in name.split() for name in names):
        found |= {("ilo.bios", "", ""), ("ilo.boot", "", ""), ("ilo.firmware", "Redundant System ROM", "version")}
    return frozenset(found)
