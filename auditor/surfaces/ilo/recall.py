"""Which resources of an iLO need not be read again, and which ETags did not tell the truth. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

import msgspec

from auditor.model.snapshot import Document, Gap
from auditor.surfaces.ilo.body import Body, MalformedError, decode, key_of
from auditor.surfaces.ilo.links import member_uris

_VERSIONED: Final = re.compile(r"\.v\d+_\d+_\d+$")
_LARGE: Final = range(65_536, 1_048_576)
"""Bytes of a document that is most likely an attribute registry, which many machines have alike."""
_LIED: Final = "its ETag stayed the same although its content changed"
_LIED_DO: Final = "It is read each time from now on. Changes before the last full read may have been seen late."


_decode_alike = lru_cache(maxsize=4)(decode)  # what is decoded is never changed


class Kept(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A document as it was read last, and the ETag it had then; no ETag where its name holds its version."""

    uri: str
    etag: str
    content: bytes


class Memory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that is remembered of one iLO, and whose it is.

    ``full_at`` is when all of it was read last, in seconds since the epoch. ``directory`` and ``sessions`` are paths.
    ``distrusted`` are resources, by path without case, whose ETag did not change although they did, with the iLO's
    ``firmware`` that gave them.
    """

    format: str
    whose: str
    full_at: float
    directory: str
    sessions: str
    kept: tuple[Kept, ...]
    firmware: str = ""
    distrusted: tuple[str, ...] = ()

    def is_fresh(self, now: float, full_after_s: float) -> bool:
        """Whether the last full read is recent enough; a moment to come is none."""
        return 0 <= now - self.full_at < full_after_s


class Recall:
    """What is remembered, against what the directory lists now. With ``use`` False nothing is used, only compared."""

    def __init__(self, memory: Memory | None, *, use: bool) -> None:
        self._before: dict[str, Kept] = {key_of(one.uri): one for one in memory.kept} if memory else {}
        self._firmware = memory.firmware if memory else ""
        self._distrusted = frozenset(memory.distrusted if memory else ())
        self._use = use
        self.listed: Mapping[str, str] = {}
        self.used: dict[str, Kept] = {}
        self._dismissed: set[str] = set()
        self._below: tuple[Mapping[str, str], Mapping[str, set[str]]] = ({}, {})

    def holds(self, uri: str) -> bool:
        """Whether the resource need not be read."""
        key = key_of(uri)
        kept = self._before.get(key)
        return self._use and key not in self._dismissed and kept is not None and self.listed.get(key, "") == kept.etag

    def body(self, uri: str) -> tuple[str, Body] | None:
        """The remembered resource, spelled as it was, where it need not be read; sealed, volatile members apart."""
        if not self.holds(uri):
            return None
        kept = self._before[key_of(uri)]
        try:
            body = _decode_alike(kept.content) if len(kept.content) in _LARGE else decode(kept.content)
        except MalformedError:  # it was within bounds when it was written, and is authenticated: bounds have changed
            return None
        if self.lists_others(uri, body):
            self.dismiss(uri)
            return None
        self.used[key_of(uri)] = kept
        return kept.uri, body

    def lists_others(self, uri: str, body: Body) -> bool:
        """Whether the directory lists other members of a collection than this body does, whatever its ETag says."""
        if "Members" not in body:
            return False
        if self._below[0] is not self.listed:
            below: dict[str, set[str]] = {}
            for one in self.listed:
                below.setdefault(one.rpartition("/")[0], set()).add(one)
            self._below = (self.listed, below)
        key = key_of(uri)
        listed = self._below[1].get(key)
        members = {member for one in member_uris(body) if (member := key_of(one)).startswith(f"{key}/")}
        return listed is not None and listed != members

    def dismiss(self, uri: str) -> None:
        """The resource is to be read, whatever its ETag."""
        self.used.pop(key_of(uri), None)
        self._dismissed.add(key_of(uri))

    def content(self) -> Mapping[str, bytes]:
        """The documents that were used as they are remembered."""
        return {key: kept.content for key, kept in self.used.items()}

    def outdated(self, bodies: Mapping[str, tuple[str, Body]], documents: Iterable[Document], firmware: str) -> bool:
        """Whether documents that were not read may be others by now, so that all must be read.

        Another firmware gives ETags of its own, and an attribute registry says how other documents are sealed.
        """
        if self.used and firmware not in ("", self._firmware):
            return True
        contents = {key_of(one.name): one.content for one in documents}
        registries = (key for key, (_, body) in bodies.items() if "RegistryEntries" in body and key not in self.used)
        return bool(self.used) and any(
            key not in self._before or self._before[key].content != contents.get(key) for key in registries
        )

    def suspects(self, documents: Iterable[Document]) -> frozenset[str]:
        """What was read anew, has another content, and is listed with the ETag that it had before."""
        return frozenset(
            key
            for one in documents
            if (key := key_of(one.name)) not in self.used
            and (kept := self._before.get(key)) is not None
            and kept.etag
            and kept.content != one.content
            and self.listed.get(key) == kept.etag
        )

    def distrusted(self, firmware: str) -> frozenset[str]:
        """Whose ETag told no truth before, as long as the iLO runs the firmware that gave it."""
        return self._distrusted if firmware == self._firmware else frozenset()

    def kept(
        self,
        bodies: Mapping[str, tuple[str, Body]],
        etags: Mapping[str, str],
        documents: Iterable[Document],
        not_these: frozenset[str],
    ) -> tuple[Kept, ...]:
        """What to remember: each document whose own ETag is the listed one, or whose name holds its version."""
        found = []
        for one in documents:
            key = key_of(one.name)
            if key in not_these or key not in bodies:
                continue
            if key in self.used:
                found.append(self.used[key])
            elif key in self.listed:
                if etags.get(key) == self.listed[key]:
                    found.append(Kept(one.name, self.listed[key], one.content))
            elif _is_registry(key, bodies[key][1]):
                found.append(Kept(one.name, "", one.content))
        return tuple(found)


def _is_registry(key: str, body: Body) -> bool:
    """An attribute registry or its description, named by its version: another one has another name."""
    return bool(_VERSIONED.search(key)) and ("RegistryEntries" in body or "Location" in body)


def told(
    distrusted: Iterable[str], bodies: Mapping[str, tuple[str, Body]], kinds: Mapping[str, tuple[str, ...]]
) -> tuple[Gap, ...]:
    """What every report says of resources whose ETag cannot be relied on; nothing is hidden by it."""
    return tuple(
        Gap(bodies[key][0], "undetermined", _LIED, _LIED_DO, kinds.get(key, ()), True)
        for key in sorted(distrusted)
        if key in bodies
    )
