"""Installed firmware beside the catalogue: what it knows, what takes a version back, in which order to get there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec

from auditor.model.catalogue import Artefact, Catalogue, CatalogueComponent, CatalogueVersion
from auditor.model.resource import Attribute, Resource, make_resource
from auditor.model.snapshot import Interpretation
from auditor.model.value import Boolean, Many, Text, Undetermined, Value, Version
from auditor.policy.catalogue import least_sufficient
from auditor.policy.globs import glob_matches
from auditor.policy.versions import compare_versions, same_version, why_no_order

KIND: Final = "ilo.firmware"
MAX_STEPS: Final = 100
WayBack = Literal["catalogued", "irreversible", "forbidden", "none"]


class Standing(msgspec.Struct, frozen=True):
    """An installed component beside the catalogue.

    ``name`` is the resource's, ``installed`` the version (empty where it is not known). ``components`` are the
    catalogue's that fit it, ``entry`` the installed version in one of them. ``cause`` says why it is not known whether
    the catalogue has the installed version; empty: it is known.
    """

    name: str
    installed: str
    components: tuple[CatalogueComponent, ...] = ()
    entry: CatalogueVersion | None = None
    cause: str = ""


class Step(msgspec.Struct, frozen=True):
    """One installation: the component's id, the version, and the artefact that installs it."""

    component: str
    version: str
    artefact: Artefact


def standings(interpretation: Interpretation, catalogue: Catalogue) -> tuple[Standing, ...]:
    """Every firmware component of a machine beside the catalogue, in the order of the resources."""
    return tuple(_standing(resource, catalogue) for resource in interpretation.of_kind(KIND))


def with_catalogue(interpretation: Interpretation, catalogue: Catalogue) -> Interpretation:
    """The interpretation with ``catalogued``, ``way_back`` and ``back_to`` on every firmware component.

    They are the catalogue's words on the machine and no state of it: only a check sees them.
    """
    forbidden = no_downgrade(interpretation)
    found: list[Resource] = []
    for resource in interpretation.resources:
        if resource.kind == KIND:
            said = _said(_standing(resource, catalogue), forbidden=forbidden)
            resource = make_resource(KIND, resource.name, [*resource.attributes, *said], resource.source)
        found.append(resource)
    return msgspec.structs.replace(interpretation, resources=tuple(found))


def way_back(entry: CatalogueVersion, *, forbidden: bool) -> WayBack:
    """How a catalogued version is taken back; ``forbidden``: the machine's policy is NoDowngrade."""
    if entry.irreversible:
        return "irreversible"
    return "none" if not entry.back else "forbidden" if forbidden else "catalogued"


def no_downgrade(interpretation: Interpretation) -> bool | None:
    """Whether the machine refuses every older version; None where its policy could not be read or understood."""
    policies = [one.value("downgrade_policy") for one in interpretation.of_kind("ilo.manager")]
    if Text("NoDowngrade") in policies:
        return True
    return None if any(isinstance(one, Undetermined) for one in policies) else False


def newest(standing: Standing) -> CatalogueVersion | str:
    """The newest catalogued version that has an order with the installed one, or why there is none."""
    found: CatalogueVersion | None = None
    for one in _versions(standing.components):
        if compare_versions(one.version, standing.installed) is None:
            continue
        if found is None or compare_versions(one.version, found.version) == 1:
            found = one
    if found is not None:
        return found
    if not standing.components:
        return "the catalogue does not have it"
    first = next(iter(_versions(standing.components)), None)
    return why_no_order(first.version, standing.installed) if first else "the catalogue has no version of it"


def way_to(
    standing: Standing, wanted: CatalogueVersion, others: Iterable[Standing], catalogue: Catalogue
) -> tuple[Step, ...] | str:
    """What is installed in which order until a component has a version, or why that cannot be said.

    Shapes: predecessors first; nothing where the version is installed. ``others`` is everything that is installed on
    the machine: where a component is there more than once, all of it must meet a need.
    """
    if same_version(standing.installed, wanted.version):
        return ()
    component = next((one for one in standing.components if wanted in one.versions), None)
    if component is None:
        return f"{wanted.version} is not catalogued for it"
    installed: dict[str, tuple[str, ...]] = {}
    for other in others:
        for one in other.components:
            installed[one.id] = (*installed.get(one.id, ()), other.installed)
    steps: list[Step] = []
    cause = _add_steps(component, wanted, installed, catalogue, steps)
    return cause or tuple(steps)


def _add_steps(
    component: CatalogueComponent,
    wanted: CatalogueVersion,
    installed: dict[str, tuple[str, ...]],
    catalogue: Catalogue,
    steps: list[Step],
    depth: int = 0,
) -> str:
    """Adds the steps to a version, its predecessors' first, and keeps ``installed`` up to date; a cause, or nothing."""
    if wanted.artefact is None:
        return f"{component.id} {wanted.version} has no artefact"
    if depth > MAX_STEPS:
        return f"more than {MAX_STEPS} steps"
    for need in wanted.needs:
        met = _is_met(need.component, need.at_least, installed)
        if isinstance(met, str):
            return met
        if met:
            continue
        other = catalogue.get(need.component)
        first = least_sufficient(other, need.at_least) if other else None
        if other is None or first is None:
            return f"nothing in the catalogue makes {need.component} at least {need.at_least}"
        if cause := _add_steps(other, first, installed, catalogue, steps, depth + 1):
            return cause
    steps.append(Step(component.id, wanted.version, wanted.artefact))
    installed[component.id] = (wanted.version,)
    return ""


def _is_met(component: str, at_least: str, installed: Mapping[str, tuple[str, ...]]) -> bool | str:
    there = installed.get(component, ())
    if not there:
        return f"{component} at least {at_least} is needed first, and the machine shows no such component"
    orders = [compare_versions(one, at_least) for one in there]
    for one, order in zip(there, orders, strict=True):
        if order is None:
            return why_no_order(one, at_least)
    return all(order is not None and order >= 0 for order in orders)


def _standing(resource: Resource, catalogue: Catalogue) -> Standing:
    name, version = resource.value("component"), resource.value("version")
    component = name.value if isinstance(name, Text) else resource.name
    device_class, targets = _text(resource.value("device_class")), _texts(resource.value("targets"))
    fitting = tuple(one for one in catalogue.components if _fits(one, component, device_class, targets))
    if not isinstance(version, Version):
        cause = version.cause if isinstance(version, Undetermined) else "the machine does not say its version"
        return Standing(resource.name, "", fitting, cause=cause)
    cause = ""
    for one in _versions(fitting):
        same = same_version(version.text, one.version)
        if same:
            return Standing(resource.name, version.text, fitting, one)
        if same is None:
            cause = cause or why_no_order(version.text, one.version)
    return Standing(resource.name, version.text, fitting, cause=cause)


def _fits(one: CatalogueComponent, component: str, device_class: str, targets: frozenset[str]) -> bool:
    return (
        glob_matches(one.match, component)
        and one.device_class.casefold() in ("", device_class)
        and (not one.targets or not targets.isdisjoint(target.casefold() for target in one.targets))
    )


def _versions(components: Iterable[CatalogueComponent]) -> Iterable[CatalogueVersion]:
    return (version for component in components for version in component.versions)


def _said(standing: Standing, *, forbidden: bool | None) -> list[Attribute]:
    if standing.cause:
        return [Attribute("catalogued", Undetermined(standing.cause))]
    if standing.entry is None:
        return [Attribute("catalogued", Boolean(False))]
    said: list[Attribute] = [Attribute("catalogued", Boolean(True))]
    if forbidden is None and way_back(standing.entry, forbidden=True) == "forbidden":
        said.append(Attribute("way_back", Undetermined("the machine's downgrade policy is not known")))
    else:
        said.append(Attribute("way_back", Text(way_back(standing.entry, forbidden=forbidden is True))))
    if standing.entry.back:
        said.append(Attribute("back_to", Version(standing.entry.back)))
    return said


def _text(value: Value | None) -> str:
    return value.value.casefold() if isinstance(value, Text) else ""


def _texts(value: Value | None) -> frozenset[str]:
    return frozenset(_text(one) for one in value.items) if isinstance(value, Many) else frozenset()
