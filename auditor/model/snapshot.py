"""What was collected from a target, what could not be, and what it means."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from auditor.model.plan import Disruption
from auditor.model.resource import Address, Resource
from auditor.model.source import Source
from auditor.model.value import Value

Cause = Literal[
    "absent",
    "refused",
    "not permitted",
    "licence",
    "timed out",
    "unreachable",
    "malformed",
    "too large",
    "not trusted",
    "unsupported",
    "undetermined",
    "not recognised",
]


class Gap(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Something that could not be seen: data, never an absence.

    ``what`` names it (a file, a URI, ``whole target``); ``kinds`` are the kinds of resource it may hide, none meaning
    all kinds of the surface. A rule on such a kind cannot pass. Two causes hide nothing and do not make an
    audit incomplete when ``complete`` is set: a feature the licence lacks, a resource the generation does not have.
    """

    what: str
    cause: Cause
    detail: str = ""
    next_step: str = ""
    kinds: tuple[str, ...] = ()
    complete: bool = False

    @property
    def counts(self) -> bool:
        """Whether it makes an audit incomplete."""
        return not self.complete


class ExpectedGap(Gap, frozen=True, gc=False, forbid_unknown_fields=True):
    """A gap that the inventory declares, in a report alone: what is collected and stored does not know of it.

    It hides what any gap hides, so that no rule passes by it, and does not make an audit incomplete. ``until`` is a
    day, ``reason`` a sentence; ``owner`` answers for it.
    """

    owner: str = ""
    until: str = ""
    reason: str = ""

    @property
    def counts(self) -> bool:
        """Whether it makes an audit incomplete."""
        return False

    def of(self, gap: Gap) -> ExpectedGap:
        """Another gap that follows from this one."""
        return ExpectedGap(
            gap.what,
            gap.cause,
            gap.detail,
            gap.next_step,
            gap.kinds,
            gap.complete,
            owner=self.owner,
            until=self.until,
            reason=self.reason,
        )


class Document(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The bytes of one file or Redfish body, secrets already replaced by keyed digests.

    ``name`` is its provenance: a path relative to the tree's root (absolute where outside), or a Redfish URI.
    ``store_path`` is where it stands in the store, relative to the target's folder; unique, no ``..``.
    ``link`` is the target of a symbolic link, whose content is then empty. ``mode`` holds permission bits.
    ``fingerprint`` is the keyed digest of the true bytes of a file that holds sealed secrets, else empty.
    ``selinux`` is its label on a machine with SELinux, else empty.
    """

    name: str
    store_path: str
    content: bytes
    mode: int | None = None
    owner: str = ""
    group: str = ""
    link: str = ""
    fingerprint: str = ""
    selinux: str = ""


FactValue: TypeAlias = str | int | bool | tuple[str, ...]


class Fact(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One thing the machine said of itself: name, value, and how it was asked. Holds nothing that changes by itself."""

    name: str
    value: FactValue
    how: str = ""


class Collected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that was collected from one target: documents sorted by name, facts sorted by name, and gaps.

    ``target`` is ``web1/httpd``. An empty collection with a gap on ``whole target`` says that nothing was seen.
    """

    target: str
    surface: str
    documents: tuple[Document, ...]
    facts: tuple[Fact, ...] = ()
    gaps: tuple[Gap, ...] = ()

    def fact(self, name: str) -> FactValue | None:
        """A fact's value, or None where the machine did not say."""
        return next((fact.value for fact in self.facts if fact.name == name), None)

    def document(self, name: str) -> Document | None:
        """The document of that name, or None."""
        return next((document for document in self.documents if document.name == name), None)


class Waiting(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A setting that is stored and not in effect: what counts now, and what will once ``until`` has taken place.

    ``now`` is None where the target shows no value in effect (a setting that is only written); ``then`` is None where
    it says that something waits and not what, undetermined where its value cannot be understood. ``until`` is ``none``
    where no reset is needed.
    """

    address: Address
    now: Value | None
    then: Value | None
    until: Disruption
    source: Source | None = None


class Interpretation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a collection means: resources sorted by kind and name, unique; gaps of collecting and of understanding.

    ``waiting`` is what is set and not yet effective, sorted by address; the resources hold what is in effect.
    """

    target: str
    surface: str
    resources: tuple[Resource, ...]
    gaps: tuple[Gap, ...] = ()
    waiting: tuple[Waiting, ...] = ()

    def of_kind(self, kind: str) -> tuple[Resource, ...]:
        """The resources of a kind, in order of name."""
        return tuple(resource for resource in self.resources if resource.kind == kind)

    def find(self, kind: str, name: str) -> Resource | None:
        """One resource, or None."""
        return next((one for one in self.resources if one.kind == kind and one.name == name), None)


def hides(gaps: tuple[Gap, ...], kind: str) -> tuple[Gap, ...]:
    """The gaps that may hide resources of a kind."""
    return tuple(gap for gap in gaps if not gap.complete and (not gap.kinds or kind in gap.kinds))
