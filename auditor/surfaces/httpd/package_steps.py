"""The step that brings packages to other versions: what is asked for, or what was installed at another time. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from auditor.model.plan import AttributeIs, Effect, PackageVersions, Proposal, Step, Wish
from auditor.model.resource import Address
from auditor.model.snapshot import Collected
from auditor.model.value import Text, Version, show
from auditor.surfaces.httpd.plain_resources import package_resources

KIND: Final = "httpd.package"
STEP: Final = "packages"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,199}")
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+:~^_-]{0,199}")
_MANAGERS: Final[Mapping[str, str]] = {"dpkg": "apt", "rpm": "rpm"}
_ALONE: Final = (
    "a change of package versions is a plan of its own: what the packages bring decides what else is to be changed"
)


def propose_packages(wishes: tuple[Wish, ...], collected: Collected) -> Proposal:
    """One step for all versions that are asked for, or why there is none."""
    refusals: list[str] = []
    wanted: dict[str, str] = {}
    for wish in wishes:
        if wish.address.kind != KIND:
            return Proposal(collected.target, (), (), (_ALONE,))
        text = show(wish.value) if isinstance(wish.value, Version | Text) else ""
        if wish.address.attribute != "version" or not _VERSION.fullmatch(text):
            refusals.append(f"{wish.address}: an exact version is expected, as the package manager writes it")
        elif wanted.setdefault(wish.address.name, text) != text:
            refusals.append(f"{wish.address} is asked for twice")
    if refusals:
        return Proposal(collected.target, (), (), tuple(refusals))
    return _proposed(wanted, collected)


def packages_as_they_were(then: Collected, now: Collected) -> Proposal | None:
    """The step back to the versions of then; None where no package of then is known to have another version now."""
    old, new = versions_of(then), versions_of(now)
    wanted = {name: version for name, version in old.items() if name in new and new[name] != version}
    return _proposed(wanted, now) if wanted else None


def package_note(then: Collected, now: Collected) -> tuple[str, ...]:
    """That packages have other versions than then, and how these come back; nothing where none is known to."""
    made = packages_as_they_were(then, now)
    if made is None:
        return ()
    told = "; ".join(step.why for step in made.steps) or "; ".join(made.refusals)
    return (f"packages are not as they were then, and this plan leaves them ({told}): plan --to … --packages",)


def versions_of(collected: Collected) -> dict[str, str]:
    """The installed packages that the collection names, with their versions."""
    found: dict[str, str] = {}
    for resource in package_resources(collected):
        version = resource.value("version")
        if isinstance(version, Version):
            found[resource.name] = version.text
    return found


def _proposed(wanted: Mapping[str, str], collected: Collected) -> Proposal:
    installed = versions_of(collected)
    manager = _MANAGERS.get(next((fact.how for fact in collected.facts if fact.name == "packages"), ""))
    refusals = list(_refusals(wanted, installed, manager))
    if refusals or manager is None:
        return Proposal(collected.target, (), (), tuple(refusals))
    changes = tuple((name, installed[name], wanted[name]) for name in sorted(wanted) if wanted[name] != installed[name])
    same = tuple(f"already so: {name} is {wanted[name]}" for name in sorted(wanted) if wanted[name] == installed[name])
    if not changes:
        return Proposal(collected.target, (), (), (), same)
    change = PackageVersions("apt" if manager == "apt" else "rpm", changes)
    undo = PackageVersions(change.manager, tuple((name, after, before) for name, before, after in changes))
    step = Step(
        STEP,
        ", ".join(f"{name} {before} → {after}" for name, before, after in changes),
        change,
        undo,
        "stop and start",
        tuple(AttributeIs(_address(name), Version(before)) for name, before, _ in changes),
        tuple(AttributeIs(_address(name), Version(after)) for name, _, after in changes),
    )
    effects = tuple(Effect(_address(name), Version(before), Version(after), True) for name, before, after in changes)
    return Proposal(collected.target, (step,), effects, (), same)


def _refusals(wanted: Mapping[str, str], installed: Mapping[str, str], manager: str | None) -> Iterable[str]:
    if manager is None:
        yield "which packages are installed was not read from a package manager here, so no version can be asked for"
        return
    for name in sorted(wanted):
        if name not in installed or not _NAME.fullmatch(name):
            near = ", ".join(sorted(installed)[:8])
            yield f"{name} is not among the packages that were read as installed ({near}); only versions can be changed"
        elif not _VERSION.fullmatch(installed[name]):
            yield f"{name}: its installed version {installed[name]!r} is none that the package manager could be given"


def _address(name: str) -> Address:
    return Address("", KIND, name, "version")
