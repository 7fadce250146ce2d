"""What differs between two states of one target: pure, and only as costly as what changed.

Equal documents are never opened. Resources are compared by kind and name, attributes by value: a value that only
moved to another line is no change. What one of the two sides could not show is said as a gap, never as a removal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from auditor.evidence.text_changes import ABSENT, Member, document_changes
from auditor.model.drift import AttributeChange, TargetDrift, TextChange
from auditor.model.resource import Address, Attribute, Resource
from auditor.model.secret import SEALED
from auditor.model.snapshot import Collected, Document, ExpectedGap, Gap, Interpretation, hides
from auditor.model.source import FileSource, RedfishSource, Source
from auditor.model.value import Undetermined, Value

WHOLE: Final = "whole target"

_CAUSE: Final = "httpd.directive"
_FILE: Final = "httpd.file"
_DOCUMENTS: Final = "documents"
_NAMED: Final = 5
"""Names that one gap lists."""


class State(msgspec.Struct, frozen=True):
    """One state of a target: what was collected and what it means."""

    collected: Collected
    interpretation: Interpretation


def compare(before: State, after: State, *, since: str = "", since_revision: str = "") -> TargetDrift:
    """The drift of one target from ``before`` to ``after``.

    Shape: changes by kind, name and attribute; text changes by document and line; ``gaps`` are those of ``after``
    and what could therefore not be compared. Exchanging the two states exchanges added and removed.
    """
    target, surface = after.collected.target, after.collected.surface
    gaps = _unique(after.collected.gaps + after.interpretation.gaps)
    if any(gap.what == WHOLE and not gap.complete for gap in gaps):
        return TargetDrift(target, surface, seen=False, gaps=gaps, since=since, since_revision=since_revision)
    reason = _incomparable(before, after)
    if reason is not None:
        return TargetDrift(target, surface, seen=True, gaps=(*gaps, reason), since=since, since_revision=since_revision)
    changes, texts, unclear = _differences(before, after)
    return TargetDrift(target, surface, True, changes, texts, _unique((*gaps, *unclear)), since, since_revision)


def _incomparable(before: State, after: State) -> Gap | None:
    """Why nothing can be compared, or None."""
    if not before.collected.documents and any(gap.what == WHOLE for gap in before.collected.gaps):
        return Gap("comparison", "undetermined", "the state to compare with could not be seen when it was taken")
    keys = [_key_ids(one.collected, other.collected) for one, other in ((before, after), (after, before))]
    if keys[0] and keys[1] and keys[0].isdisjoint(keys[1]):
        return Gap(
            "comparison",
            "undetermined",
            f"secrets are sealed with key {', '.join(sorted(keys[1]))}, "
            f"those of the state to compare with with key {', '.join(sorted(keys[0]))}",
            "Use the fleet's key, or agree a new state: auditor snapshot --agree",
        )
    return None


def _key_ids(collected: Collected, other: Collected) -> frozenset[str]:
    """The keys of the secrets sealed in documents that differ from the other side's."""
    theirs = {document.store_path: document.content for document in other.documents}
    return frozenset(
        found[1].decode()
        for document in collected.documents
        if document.content != theirs.get(document.store_path)
        for found in SEALED.finditer(document.content)
    )


def _differences(
    before: State, after: State
) -> tuple[tuple[AttributeChange, ...], tuple[TextChange, ...], tuple[Gap, ...]]:
    gaps = _gap_change(before, after)
    if before == after or before.interpretation.resources == after.interpretation.resources:
        changes: list[AttributeChange] = []
        unclear: list[Gap] = []
    else:
        changes, unclear = _resource_changes(before.interpretation, after.interpretation, gaps)
    texts, unread = _text_changes(before.collected, after.collected, changes, gaps)
    return _with_causes(changes, before.interpretation, after.interpretation), texts, (*unclear, *unread)


class _GapChange(msgspec.Struct, frozen=True):
    """Gaps that only one side has: they may hide, on that side, what the other side shows."""

    opened: tuple[Gap, ...]
    closed: tuple[Gap, ...]


def _gap_change(before: State, after: State) -> _GapChange:
    earlier = before.collected.gaps + before.interpretation.gaps
    later = after.collected.gaps + after.interpretation.gaps
    named_before = {(gap.what, gap.cause) for gap in earlier}
    named_after = {(gap.what, gap.cause) for gap in later}
    return _GapChange(
        tuple(gap for gap in later if (gap.what, gap.cause) not in named_before),
        tuple(gap for gap in earlier if (gap.what, gap.cause) not in named_after),
    )


def _resource_changes(
    before: Interpretation, after: Interpretation, gaps: _GapChange
) -> tuple[list[AttributeChange], list[Gap]]:
    old = {(one.kind, one.name): one for one in before.resources}
    new = {(one.kind, one.name): one for one in after.resources}
    changes: list[AttributeChange] = []
    hidden: dict[tuple[str, str, str], list[str]] = {}
    for key in sorted(old.keys() | new.keys()):
        one, other = old.get(key), new.get(key)
        if one is not None and other is not None:
            if one.attributes != other.attributes:
                _attribute_changes(after.target, one, other, gaps, changes, hidden)
            continue
        kind, name = key
        by = hides(gaps.opened if other is None else gaps.closed, kind)
        if by:
            hidden.setdefault((kind, by[0].what, "gone" if other is None else "came"), []).append(name)
        else:
            changes.append(_whole(Address(after.target, kind, name), one, other))
    return changes, [_hidden_gap(key, names, gaps) for key, names in sorted(hidden.items())]


def _whole(address: Address, before: Resource | None, after: Resource | None) -> AttributeChange:
    if before is not None:
        return AttributeChange(address, "removed", None, None, before_source=before.source)
    return AttributeChange(address, "added", None, None, after_source=after.source if after else None)


def _attribute_changes(
    target: str,
    before: Resource,
    after: Resource,
    gaps: _GapChange,
    changes: list[AttributeChange],
    hidden: dict[tuple[str, str, str], list[str]],
) -> None:
    old = {attribute.name: attribute for attribute in before.attributes}
    new = {attribute.name: attribute for attribute in after.attributes}
    for name in sorted(old.keys() | new.keys()):
        one, other = old.get(name), new.get(name)
        if (one and one.value) == (other and other.value):
            continue
        place = f"{after.name}.{name}"
        if _undetermined(one) or _undetermined(other):
            if not (_undetermined(one) and _undetermined(other)):
                why = _cause_of(other if _undetermined(other) else one)
                hidden.setdefault((after.kind, why, "undetermined"), []).append(place)
            continue
        missing = gaps.opened if other is None else gaps.closed if one is None else ()
        by = hides(missing, after.kind)
        if by:
            hidden.setdefault((after.kind, by[0].what, "gone" if other is None else "came"), []).append(place)
            continue
        changes.append(_attribute_change(Address(target, after.kind, after.name, name), one, other))


def _attribute_change(address: Address, before: Attribute | None, after: Attribute | None) -> AttributeChange:
    return AttributeChange(
        address,
        "changed" if before and after else "removed" if before else "added",
        before.value if before else None,
        after.value if after else None,
        before.source if before else None,
        after.source if after else None,
    )


def _undetermined(attribute: Attribute | None) -> bool:
    return attribute is not None and isinstance(attribute.value, Undetermined)


def _cause_of(attribute: Attribute | None) -> str:
    value: Value | None = attribute.value if attribute else None
    return value.cause if isinstance(value, Undetermined) else ""


def _hidden_gap(key: tuple[str, str, str], names: list[str], gaps: _GapChange) -> Gap:
    """What could not be compared for a gap; where that gap is expected, this is too."""
    kind, by, how = key
    listed = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    detail = {
        "gone": f"agreed, but not in what could be read now; {by} could not be read",
        "came": f"seen now; {by} could not be read when the state to compare with was taken",
        "undetermined": by or "the value cannot be known from what was collected",
    }[how]
    told = Gap(
        f"{kind} {listed}",
        "undetermined",
        f"could not be compared: {detail}",
        kinds=() if kind == _DOCUMENTS else (kind,),
    )
    causes = [gap for gap in (*gaps.opened, *gaps.closed) if gap.what == by]
    expected = [gap for gap in causes if isinstance(gap, ExpectedGap)]
    return expected[0].of(told) if expected and len(expected) == len(causes) else told


def _text_changes(
    before: Collected, after: Collected, changes: Iterable[AttributeChange], gaps: _GapChange
) -> tuple[tuple[TextChange, ...], tuple[Gap, ...]]:
    """What changed in documents, and which documents could not be compared since what leads to them was not seen."""
    old = {document.store_path: document for document in before.documents}
    new = {document.store_path: document for document in after.documents}
    said = _said(changes)
    missing = {gap.what for gap in (*before.gaps, *after.gaps) if not gap.complete}
    found: list[TextChange] = []
    unread: dict[tuple[str, str, str], list[str]] = {}
    for path in sorted(old.keys() | new.keys()):
        one, other = old.get(path), new.get(path)
        if one is not None and other is not None:
            if one.content != other.content:
                found += document_changes(one, other, said.get(other.name, frozenset()), _members)
            continue
        for there in filter(None, (one, other)):
            if there.name in said or there.name in missing:
                continue
            by = [gap for gap in (gaps.opened if other is None else gaps.closed) if not gap.complete]
            if by:
                unread.setdefault((_DOCUMENTS, by[0].what, "gone" if other is None else "came"), []).append(there.name)
            else:
                found += document_changes(one or _empty(there), other or _empty(there), frozenset(), _members)
    return tuple(found), tuple(_hidden_gap(key, names, gaps) for key, names in sorted(unread.items()))


def _members(before: Any, after: Any) -> Iterator[Member]:
    from deepdiff import DeepDiff  # here alone: it costs more to import than most comparisons to make

    found = DeepDiff(before, after, view="tree", verbose_level=2, threshold_to_diff_deeper=0, log_stacktrace=False)
    for changes in found.values():
        for change in changes:
            parts = change.path(output_format="list")
            pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)
            yield pointer, _value(change.t1), _value(change.t2)


def _value(side: Any) -> Any:
    return ABSENT if type(side).__name__ == "NotPresent" else side


def _empty(document: Document) -> Document:
    return msgspec.structs.replace(document, content=b"")


def _said(changes: Iterable[AttributeChange]) -> Mapping[str, frozenset[str]]:
    """For each document that resource changes already speak of: the JSON pointers they name."""
    said: dict[str, set[str]] = {}
    for change in changes:
        if change.address.kind == _FILE:
            said.setdefault(change.address.name, set())
        for source in (change.before_source, change.after_source):
            match source:
                case RedfishSource(uri, pointer):
                    said.setdefault(uri, set()).add(pointer)
                case FileSource(file):
                    said.setdefault(file, set())
                case _:
                    pass
    return {name: frozenset(pointers) for name, pointers in said.items()}


def _with_causes(
    changes: list[AttributeChange], before: Interpretation, after: Interpretation
) -> tuple[AttributeChange, ...]:
    """The changes, each effective one with the change of a directive that it comes from."""
    causes = [change for change in changes if change.address.kind == _CAUSE]
    if not causes:
        return tuple(changes)
    lines = _Lines(causes)
    linked: dict[tuple[str, str], Address] = {}
    direct: list[Address | None] = []
    for change in changes:
        found = None if change.address.kind == _CAUSE else lines.cause(change.before_source, change.after_source)
        if found is not None:
            linked.setdefault((change.address.kind, change.address.name), found)
        direct.append(found)
    return tuple(
        change
        if change.address.kind == _CAUSE
        else _effect(change, found or _indirect(change, linked, lines, before, after))
        for change, found in zip(changes, direct, strict=True)
    )


def _effect(change: AttributeChange, cause: Address | None) -> AttributeChange:
    return change if cause is None else msgspec.structs.replace(change, effect_of=cause)


def _indirect(
    change: AttributeChange,
    linked: Mapping[tuple[str, str], Address],
    lines: _Lines,
    before: Interpretation,
    after: Interpretation,
) -> Address | None:
    """The cause of a change whose own source names none.

    A file's digest follows from the first directive changed in it; a computed value from what changed another value
    of its resource, or the resource itself; the only changed directive causes whatever httpd computes anew.
    """
    kind, name = change.address.kind, change.address.name
    if kind == _FILE:
        return lines.in_file(name) if change.address.attribute in ("digest", "read") else None
    if not kind.startswith("httpd.") or kind == "httpd.package":
        return None
    if (kind, name) in linked:
        return linked[kind, name]
    one, other = before.find(kind, name), after.find(kind, name)
    found = lines.cause(one.source if one else None, other.source if other else None)
    return found or lines.only()


class _Lines:
    """Where directives changed, on both sides."""

    def __init__(self, causes: list[AttributeChange]) -> None:
        self._causes = list(dict.fromkeys(change.address for change in causes))
        self._before = dict(self._places((change.before_source, change.address) for change in causes))
        self._after = dict(self._places((change.after_source, change.address) for change in causes))

    @staticmethod
    def _places(pairs: Iterable[tuple[Source | None, Address]]) -> Iterator[tuple[tuple[str, int], Address]]:
        for source, address in pairs:
            if isinstance(source, FileSource):
                yield (source.file, source.line), address

    def cause(self, before: Source | None, after: Source | None) -> Address | None:
        """The directive changed at the new place, else at the old one."""
        for source, places in ((after, self._after), (before, self._before)):
            if isinstance(source, FileSource) and (source.file, source.line) in places:
                return places[source.file, source.line]
        return None

    def in_file(self, file: str) -> Address | None:
        """The first directive changed in that file."""
        found = [(line, address) for (name, line), address in (self._after | self._before).items() if name == file]
        return min(found, key=_line_of)[1] if found else None

    def only(self) -> Address | None:
        """The changed directive where there is but one."""
        return self._causes[0] if len(self._causes) == 1 else None


def _line_of(pair: tuple[int, Any]) -> int:
    return pair[0]


def _unique(gaps: tuple[Gap, ...]) -> tuple[Gap, ...]:
    return tuple(dict.fromkeys(gaps))
