"""The firmware catalogue as people write it: read strictly, and looked through for what could not be carried out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from auditor.errors import InputError
from auditor.model.catalogue import Artefact, Catalogue, CatalogueComponent, CatalogueVersion, Need
from auditor.policy.document import Item, Place, load_document, mistake, suggestion
from auditor.policy.forms import (
    CATALOGUE_FORMAT,
    CatalogueComponentForm,
    CatalogueForm,
    CatalogueVersionForm,
    Fields,
    NeedForm,
)
from auditor.policy.versions import compare_versions, same_version

MAX_COMPONENTS: Final = 1000
MAX_VERSIONS: Final = 300
"""Of one component: every one is compared with every other."""
_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SHA256: Final = re.compile(r"[0-9A-Fa-f]{64}")


def load_catalogue(files: Sequence[tuple[str, bytes]]) -> Catalogue:
    """The components of all catalogue files (path and content); a version may need one of another file.

    Errors:
        InputError: everything that is wrong with them, each with file, line and column: a key that is not known, a
            digest that is none, a version twice, a need that no version with an artefact meets, needs in a circle, a
            way back without an artefact or to a newer version.
    """
    mistakes: list[InputError] = []
    components: list[CatalogueComponent] = []
    for file, content in files:
        fields = Fields(load_document(file, content), CatalogueForm, mistakes)
        fields.choice("format", (CATALOGUE_FORMAT,))
        found = fields.items("components")
        if len(components) + len(found) > MAX_COMPONENTS:
            raise InputError(f"more than {MAX_COMPONENTS} components", where=file)
        for item in found:
            component = _component(item, mistakes)
            if component.id and any(one.id == component.id for one in components):
                mistakes.append(mistake(item.place, f'the component "{component.id}" stands twice'))
            components.append(component)
    catalogue = Catalogue(tuple(components))
    if not mistakes:  # what refers to something wrong is no mistake of its own
        mistakes += _mistakes_between(catalogue)
    if mistakes:
        raise InputError.gather(mistakes)
    return catalogue


def least_sufficient(component: CatalogueComponent, at_least: str) -> CatalogueVersion | None:
    """The oldest version with an artefact that is at least another; None where there is none."""
    found: CatalogueVersion | None = None
    for one in component.versions:
        order = compare_versions(one.version, at_least)
        if one.artefact is None or order is None or order < 0:
            continue
        if found is None or compare_versions(one.version, found.version) == -1:
            found = one
    return found


# -- reading one file --------------------------------------------------------------------------------------------------


def _component(item: Item, mistakes: list[InputError]) -> CatalogueComponent:
    fields = Fields(item, CatalogueComponentForm, mistakes)
    identity = fields.text("id")
    if identity and not _ID.fullmatch(identity):
        mistakes.append(mistake(item.place, f'the id "{identity}" is not of small letters, digits, dots and dashes'))
    versions: list[CatalogueVersion] = []
    written = fields.items("versions")
    if len(written) > MAX_VERSIONS:
        mistakes.append(mistake(item.place, f"more than {MAX_VERSIONS} versions of one component"))
    for one in written[:MAX_VERSIONS]:
        version = _version(one, mistakes)
        if version.version and any(same_version(version.version, other.version) is not False for other in versions):
            mistakes.append(mistake(one.place, f'the version "{version.version}" stands twice'))
        versions.append(version)
    return CatalogueComponent(
        identity, fields.exact("match"), tuple(versions), fields.text("device_class"), fields.texts("targets")
    )


def _version(item: Item, mistakes: list[InputError]) -> CatalogueVersion:
    fields = Fields(item, CatalogueVersionForm, mistakes)
    back, irreversible = fields.text("back"), fields.flag("irreversible")
    if back and irreversible:
        mistakes.append(mistake(item.place, "it is called irreversible, and a way back is given", "Remove one."))
    return CatalogueVersion(
        version=fields.text("version"),
        artefact=_artefact(item, fields, mistakes),
        needs=tuple(_need(one, mistakes) for one in fields.items("needs")),
        back=back,
        irreversible=irreversible,
        file=item.place.file,
        line=item.place.line,
    )


def _need(item: Item, mistakes: list[InputError]) -> Need:
    fields = Fields(item, NeedForm, mistakes)
    return Need(fields.text("component"), fields.text("at_least"))


def _artefact(item: Item, fields: Fields, mistakes: list[InputError]) -> Artefact | None:
    file, digest = fields.text("file"), fields.text("sha256")
    if not file and not digest:
        return None
    place = (item.get("file") or item.get("sha256") or item).place
    if not file or not digest:
        mistakes.append(mistake(place, "an artefact has both file and sha256", "Give the other one:  sha256sum FILE"))
        return None
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or not file.isprintable():
        mistakes.append(mistake(place, f"{file!r} is not below the catalogue's folder"))
    if not _SHA256.fullmatch(digest):
        mistakes.append(mistake((item.get("sha256") or item).place, "a SHA-256 has 64 hexadecimal digits"))
    return Artefact(file, digest.lower())


# -- what one entry says of another ------------------------------------------------------------------------------------

_Node = tuple[str, str]


def _mistakes_between(catalogue: Catalogue) -> Iterator[InputError]:
    edges: dict[_Node, list[_Node]] = {}
    lines: dict[_Node, CatalogueVersion] = {}
    for component in catalogue.components:
        for version in component.versions:
            node = (component.id, version.version)
            lines[node] = version
            edges[node] = []
            yield from _mistakes_of_back(component, version)
            for need in version.needs:
                met = _met(catalogue, need)
                if isinstance(met, CatalogueVersion):
                    edges[node].append((need.component, met.version))
                else:
                    yield mistake(_place(version), met)
    for circle in _circles(edges):
        names = " -> ".join(f"{component} {version}" for component, version in (*circle, circle[0]))
        yield mistake(_place(lines[circle[0]]), f"what must be installed first goes in a circle: {names}")


def _met(catalogue: Catalogue, need: Need) -> CatalogueVersion | str:
    """The version that is installed to meet a need, or what is wrong with the need."""
    component = catalogue.get(need.component)
    if component is None:
        known = [one.id for one in catalogue.components]
        return f'it needs "{need.component}", which is no component of the catalogue{suggestion(need.component, known)}'
    found = least_sufficient(component, need.at_least)
    return found or f'no version of "{need.component}" with an artefact is at least {need.at_least}'


def _mistakes_of_back(component: CatalogueComponent, version: CatalogueVersion) -> Iterator[InputError]:
    if not version.back:
        return
    there = next((one for one in component.versions if same_version(one.version, version.back)), None)
    if there is None or there.artefact is None:
        what = f'the version "{version.back}" that takes it back'
        yield mistake(_place(version), f"{what} {'is not catalogued' if there is None else 'has no artefact'}")
    elif (order := compare_versions(there.version, version.version)) is not None and order >= 0:
        yield mistake(_place(version), f'the version "{version.back}" that takes it back is not an older one')


def _circles(edges: dict[_Node, list[_Node]]) -> Iterator[tuple[_Node, ...]]:
    """One circle for each way round that closes, without recursion: a catalogue may chain any number of versions."""
    done: set[_Node] = set()
    for start in edges:
        path: dict[_Node, None] = {}
        ahead: list[Iterator[_Node]] = [iter((start,))]
        while ahead:
            node = next(ahead[-1], None)
            if node is None:
                ahead.pop()
                if path:
                    done.add(path.popitem()[0])
            elif node in path:
                way = list(path)
                yield tuple(way[way.index(node) :])
            elif node not in done:
                path[node] = None
                ahead.append(iter(edges[node]))


def _place(version: CatalogueVersion) -> Place:
    return Place(version.file, version.line, 1)
