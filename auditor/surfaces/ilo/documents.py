"""Bodies as the documents that are stored: volatile members split off, secrets sealed, one spelling. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from auditor.model.secret import Sealer
from auditor.model.snapshot import Document, Gap
from auditor.surfaces.ilo.body import Body, canonical, key_of, store_path_of
from auditor.surfaces.ilo.registry import read_registry
from auditor.surfaces.ilo.secrets import Enumerated, is_secret_name, seal_body
from auditor.surfaces.ilo.volatile import split


def as_documents(
    bodies: Iterable[tuple[str, Body]], sealer: Sealer, known: Mapping[str, bytes] | None = None
) -> tuple[tuple[Document, ...], tuple[Gap, ...]]:
    """Bodies by URI as documents, volatile members split off and secrets sealed, sorted by name.

    ``known`` are documents that stand already, by path without case and trailing slash. Beside the documents stands a
    gap for each body that would be stored where another is.
    """
    ordered = sorted(bodies, key=lambda one: one[0])
    known = known or {}
    sealing = any(key_of(uri) not in known for uri, _ in ordered)
    enumerated = _enumerated(body for _, body in ordered) if sealing else None
    documents: dict[str, Document] = {}
    gaps: list[Gap] = []
    for uri, body in ordered:
        place = store_path_of(uri)
        if place in documents:
            gaps.append(Gap(uri, "malformed", f"two resources would be stored as {place}"))
            continue
        content = known.get(key_of(uri))
        if content is None:
            content = canonical(seal_body(split(body)[0], sealer, enumerated=enumerated))
        documents[place] = Document(uri, place, content)
    return tuple(sorted(documents.values(), key=lambda document: document.name)), tuple(gaps)


def _enumerated(bodies: Iterable[Body]) -> Enumerated | None:
    """Whether a BIOS attribute's value is a word that the registries list for it; None without a registry.

    A registry is another machine's word where it is shared, so that an attribute which is an enumeration is not enough.
    """
    registries = [read_registry(body) for body in bodies if "RegistryEntries" in body]
    if not registries:
        return None
    words = {
        (rule.name, value)
        for registry in registries
        for rule in registry.rules.values()
        if rule.type != "Password" and is_secret_name(rule.name)
        for value in rule.values or ()
    }
    return lambda name, value: (name, value) in words
