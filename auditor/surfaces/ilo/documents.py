"""Bodies as the documents that are stored: volatile members split off, secrets sealed, one spelling. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, TypeAlias

import msgspec

from auditor.model.secret import Sealer
from auditor.model.snapshot import Document, Gap
from auditor.surfaces.ilo.body import Body, canonical, key_of, store_path_of
from auditor.surfaces.ilo.registry import read_registry
from auditor.surfaces.ilo.secrets import is_secret_name, seal_body
from auditor.surfaces.ilo.volatile import without_volatile

_MAX_ALIKE: Final = 1024 * 1024
"""Bytes of JSON up to which what is made of a registry is kept for the next machine that has the same."""

_Words: TypeAlias = frozenset[tuple[str, str]]
"""BIOS attributes with a name like a secret's, each with a word that a registry lists for it."""


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
    alike = {uri: _written(body) for uri, body in ordered if "RegistryEntries" in body} if sealing else {}
    listed = [
        _words_alike(written) if (written := alike[uri]) else _words(body) for uri, body in ordered if uri in alike
    ]
    words: _Words | None = frozenset[tuple[str, str]]().union(*listed) if listed else None
    documents: dict[str, Document] = {}
    gaps: list[Gap] = []
    for uri, body in ordered:
        place = store_path_of(uri)
        if place in documents:
            gaps.append(Gap(uri, "malformed", f"two resources would be stored as {place}"))
            continue
        content = known.get(key_of(uri))
        if content is None:
            written = alike.get(uri)
            content = _content_alike(written, sealer, words) if written else _content(body, sealer, words)
        documents[place] = Document(uri, place, content)
    return tuple(sorted(documents.values(), key=lambda document: document.name)), tuple(gaps)


def _content(body: Body, sealer: Sealer, words: _Words | None) -> bytes:
    """A body's document; ``words`` is None where there is no registry."""
    enumerated = None if words is None else lambda name, value: (name, value) in words
    return canonical(seal_body(without_volatile(body), sealer, enumerated=enumerated))


def _words(registry: Body) -> _Words:
    """The words that a registry lists.

    A registry is another machine's word where it is shared, so that an attribute which is an enumeration is not enough.
    """
    rules = [rule for rule in read_registry(registry).rules.values() if rule.type != "Password"]
    return frozenset((rule.name, word) for rule in rules if is_secret_name(rule.name) for word in rule.values or ())


def _written(registry: Body) -> bytes | None:
    """What tells a registry from another; None where nothing is kept of it.

    To seal one takes longer than all other documents of a machine, and every machine with that BIOS has the same.
    """
    try:
        written = msgspec.json.encode(registry)
    except (ValueError, OverflowError, RecursionError):  # a text or number that is no JSON to msgspec
        return None
    return written if len(written) <= _MAX_ALIKE else None


@lru_cache(maxsize=8)
def _words_alike(written: bytes) -> _Words:
    return _words(msgspec.json.decode(written))


@lru_cache(maxsize=8)
def _content_alike(written: bytes, sealer: Sealer, words: _Words | None) -> bytes:
    return _content(msgspec.json.decode(written), sealer, words)
