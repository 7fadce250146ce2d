"""What is not as agreed, and by whose hand."""

from __future__ import annotations

from typing import Literal

import msgspec

from auditor.model.resource import Address
from auditor.model.snapshot import Gap, Waiting
from auditor.model.source import Source
from auditor.model.value import Value

ChangeKind = Literal["added", "removed", "changed"]
Hand = Literal["plan", "out of band", "package", "unknown"]
Age = Literal["newer", "older", ""]


class Attribution(msgspec.Struct, frozen=True):
    """By whose hand: a plan of ours (``reference`` is its id), by hand, by a package, or unknown. ``text`` says it."""

    hand: Hand
    text: str = ""
    reference: str = ""


class AttributeChange(msgspec.Struct, frozen=True):
    """One difference. ``before`` and ``after`` are None where the resource or attribute was not there.

    For a resource as a whole, ``address.attribute`` is empty. ``agreed_by`` names the baseline whose value is not
    met; empty means: the agreed state of the store. ``age`` says of a version whether it is newer or older than what
    the baseline agrees; empty where it is neither, or no version.
    """

    address: Address
    kind: ChangeKind
    before: Value | None
    after: Value | None
    before_source: Source | None = None
    after_source: Source | None = None
    agreed_by: str = ""
    effect_of: Address | None = None
    attribution: Attribution = Attribution("unknown")
    age: Age = ""


class TextChange(msgspec.Struct, frozen=True):
    """Lines of a document that changed: one-based; an empty side means inserted or removed lines."""

    document: str
    before_line: int
    before: tuple[str, ...]
    after_line: int
    after: tuple[str, ...]


class TargetDrift(msgspec.Struct, frozen=True):
    """The drift of one target since a reference. ``seen`` is False where the target could not be read at all.

    ``waiting`` is what is set on it and not yet effective: what was compared is what is in effect.
    """

    target: str
    surface: str
    seen: bool
    changes: tuple[AttributeChange, ...] = ()
    text_changes: tuple[TextChange, ...] = ()
    gaps: tuple[Gap, ...] = ()
    since: str = ""
    since_revision: str = ""
    waiting: tuple[Waiting, ...] = ()


class DriftReport(msgspec.Struct, frozen=True):
    """Drift of several targets; ``complete`` is False when a target could not be seen or compared.

    ``notes`` are sentences on what was asked with: expected gaps that have expired or did not occur.
    """

    targets: tuple[TargetDrift, ...]
    complete: bool
    taken_at: str = ""
    notes: tuple[str, ...] = ()
