"""Steps that install catalogued firmware, predecessors first, each with the artefact that takes it back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from auditor.model.catalogue import Catalogue, CatalogueVersion
from auditor.model.plan import AttributeIs, Condition, Disruption, FirmwareUpdate, NoUndo, Step, Undo, Wish
from auditor.model.resource import Address, Resource
from auditor.model.snapshot import Gap, Interpretation
from auditor.model.source import RedfishSource
from auditor.model.value import Boolean, Many, Text, Version, show
from auditor.policy.firmware import Standing, no_downgrade, standings, way_to
from auditor.policy.firmware import Step as Install
from auditor.policy.versions import compare_versions, same_version
from auditor.surfaces.ilo.bodies import Bodies, first
from auditor.surfaces.ilo.wishes import RefusedWish, wished_resource

KIND: Final = "ilo.firmware"
_ROM: Final = (
    "a new system ROM may bring other BIOS attributes and defaults, which this plan does not list: compare them "
    "afterwards (auditor drift)"
)


def propose_firmware(
    wishes: tuple[Wish, ...],
    bodies: Bodies,
    before: Mapping[tuple[str, str], Resource],
    gaps: tuple[Gap, ...],
    catalogue: Catalogue | None,
) -> tuple[list[Step], list[str]]:
    """The steps for wished versions, in the order in which they are installed, and what is refused, a sentence each."""
    seen = Interpretation("", "ilo", tuple(before[key] for key in sorted(before)), gaps)
    steps: dict[str, Step] = {}
    refusals: list[str] = []
    for wish in wishes:
        try:
            for made in _steps(wish, bodies, before, gaps, seen, catalogue):
                if (other := steps.setdefault(made.id, made)) != made:
                    raise RefusedWish(f"{wish.address.on('')}: {other.id} is asked for in two versions.")
        except RefusedWish as refused:
            refusals.append(str(refused))
    return ([], refusals) if refusals else (list(steps.values()), [])


def _steps(
    wish: Wish,
    bodies: Bodies,
    before: Mapping[tuple[str, str], Resource],
    gaps: tuple[Gap, ...],
    seen: Interpretation,
    catalogue: Catalogue | None,
) -> Iterable[Step]:
    address = wish.address.on("")
    resource = wished_resource(wish, before, gaps)
    if address.attribute != "version":
        raise RefusedWish(f"{address}: is read-only.")
    if catalogue is None:
        raise RefusedWish(f"{address}: the fleet has no firmware catalogue, which names artefacts and their way back.")
    wanted = show(wish.value) if isinstance(wish.value, Version | Text) else ""
    found = standings(seen, catalogue)
    standing = next(one for one in found if one.name == resource.name)
    if standing.installed and same_version(standing.installed, wanted):
        return []
    entry = _catalogued(address, standing, wanted)
    way = way_to(standing, entry, found, catalogue)
    if isinstance(way, str):
        raise RefusedWish(f"{address}: {way}.")
    if first(bodies.of("update_queue")) is None:
        raise RefusedWish(f"{address}: this iLO shows no update queue.")
    if len({one.component for one in way}) < len(way):
        raise RefusedWish(f"{address}: it takes two updates of one component; plan them one after the other.")
    return [_step(address, one, found, bodies, before, seen, catalogue) for one in way]


def _catalogued(address: Address, standing: Standing, wanted: str) -> CatalogueVersion:
    if standing.cause and not standing.installed:
        raise RefusedWish(f"{address}: {standing.cause}.")
    versions = [one for component in standing.components for one in component.versions]
    for one in versions:
        if same_version(one.version, wanted):
            return one
    known = ", ".join(one.version for one in versions) or "nothing of it"
    raise RefusedWish(f"{address}: {wanted or 'that'} is not catalogued; the catalogue has {known}.")


def _step(
    address: Address,
    install: Install,
    found: tuple[Standing, ...],
    bodies: Bodies,
    before: Mapping[tuple[str, str], Resource],
    seen: Interpretation,
    catalogue: Catalogue,
) -> Step:
    """One installation, at every place of the inventory that the component is at."""
    places = [one for one in found if any(component.id == install.component for component in one.components)]
    installed = {one.installed for one in places}
    if len(installed) != 1 or "" in installed:
        raise RefusedWish(f"{address}: {install.component} is installed in several versions: {', '.join(installed)}.")
    (old,) = installed
    resources = [before[KIND, one.name] for one in places]
    uris = tuple(one.source.uri for one in resources if isinstance(one.source, RedfishSource))
    file, digest = install.artefact.file, install.artefact.sha256
    forbidden = no_downgrade(seen)
    if forbidden and compare_versions(install.version, old) in (-1, None):
        raise RefusedWish(f"{address}: this machine's policy is NoDowngrade, which refuses {install.version}.")
    return Step(
        id=f"ilo-firmware-{install.component}",
        why="; ".join(f"{one.name}: {old} → {install.version}" for one in resources),
        change=FirmwareUpdate(tuple(bodies.name(uri) for uri in uris), file, digest, install.version),
        undo=_undo(install, old, tuple(bodies.name(uri) for uri in uris), catalogue, forbidden=forbidden is not False),
        disruption=_disruption(resources),
        preconditions=(*_free(seen), *(AttributeIs(_at(one), Version(old)) for one in resources)),
        postconditions=tuple(AttributeIs(_at(one), Version(install.version)) for one in resources),
    )


def _undo(install: Install, old: str, uris: tuple[str, ...], catalogue: Catalogue, *, forbidden: bool) -> Undo:
    """The artefact that the catalogue names for the way back, where it leads to what is installed now."""
    component = catalogue.get(install.component)
    versions = component.versions if component else ()
    entry = next((one for one in versions if one.version == install.version), None)
    if entry is None or entry.irreversible:
        return NoUndo("the catalogue says that nothing takes it back")
    if forbidden:
        return NoUndo("the machine's downgrade policy forbids the way back, or could not be read")
    back = next((one for one in versions if entry.back and same_version(one.version, entry.back)), None)
    if back is None or back.artefact is None:
        return NoUndo("the catalogue names no artefact that takes it back")
    if not same_version(back.version, old):
        return NoUndo(f"the catalogue's way back leads to {back.version}, and {old} is installed")
    return FirmwareUpdate(uris, back.artefact.file, back.artefact.sha256, old)


def _free(seen: Interpretation) -> Iterable[Condition]:
    """Nothing of somebody else's waits in the update queue: ours would set it going, or wait behind it."""
    for manager in seen.of_kind("ilo.manager"):
        for name, free in (("update_queue", Many(())), ("update_queue_blocked", Boolean(value=False))):
            if manager.get(name) is not None:
                yield AttributeIs(Address("", "ilo.manager", manager.name, name), free)


def _disruption(resources: Iterable[Resource]) -> Disruption:
    """An iLO resets itself; whether anything else counts at once or after a boot, only its package says."""
    return "iLO reset" if all(one.name.startswith("iLO ") for one in resources) else "reboot"


def _at(resource: Resource) -> Address:
    return Address("", KIND, resource.name, "version")


def foresee_firmware(bodies: Bodies, change: FirmwareUpdate) -> None:
    """Puts the version where the inventory will show it."""
    for uri in change.uris:
        bodies.replace(uri, {**(bodies.get(uri) or {}), "Version": change.version})


def with_rom_note(step: Step) -> str:
    """What a plan says of a step that installs another system ROM; empty for any other."""
    return _ROM if isinstance(step.change, FirmwareUpdate) and "ROM" in step.why else ""
