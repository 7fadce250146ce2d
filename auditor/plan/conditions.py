"""Whether conditions hold on what was seen of a target, and what changed between two looks. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from auditor.model.plan import (
    AttributeIs,
    BiosAttributes,
    Condition,
    DirectiveEdit,
    DocumentIs,
    Effect,
    FileChange,
    LinkIs,
    NothingAt,
    Step,
)
from auditor.model.resource import Address
from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected, Document, Interpretation, hides
from auditor.model.value import Many, Undetermined, Value, Version, show
from auditor.policy.versions import same_version

_PLACES: Final = 5


@dataclass(frozen=True)
class Seen:
    """One look at a target."""

    collected: Collected
    interpretation: Interpretation


@dataclass(frozen=True)
class Held:
    """A condition, in words, and whether it holds; ``instead`` says what is so where it does not."""

    text: str
    holds: bool
    instead: str = ""

    @property
    def sentence(self) -> str:
        """What is so."""
        return self.instead or self.text


def examine(conditions: Iterable[Condition], seen: Seen, sealer: Sealer) -> tuple[Held, ...]:
    """Each condition against what was seen. What cannot be known does not hold."""
    return tuple(_held(condition, seen, sealer) for condition in conditions)


def _held(condition: Condition, seen: Seen, sealer: Sealer) -> Held:
    match condition:
        case DocumentIs():
            return _document(condition, seen, sealer)
        case AttributeIs():
            return _attribute(condition, seen)
        case LinkIs(name, text):
            return _link(name, text, seen)
        case NothingAt(name):
            return nothing_at(name, seen.collected)


def stale(
    steps: Sequence[Step], seen: Seen, sealer: Sealer, then: Callable[[], Collected | None] = lambda: None
) -> tuple[str, ...]:
    """The preconditions that do not hold any more, in words; of a file that changed, the lines.

    ``then`` gives what the plan was made against, where that is known.
    """
    held = examine(dict.fromkeys(one for step in steps for one in step.preconditions), seen, sealer)
    found: list[str] = []
    for condition, one in zip(dict.fromkeys(one for step in steps for one in step.preconditions), held, strict=True):
        document = seen.collected.document(condition.document) if isinstance(condition, DocumentIs) else None
        if one.holds:
            continue
        if waits := _waiting(condition, seen):
            found += waits
        elif document is None or document.link or not any(_changes(step, document.name) for step in steps):
            found.append(one.sentence)
        else:
            was = then()
            found += _lines_since(steps, document, was.document(document.name) if was is not None else None)
    return tuple(dict.fromkeys(found))


def as_found(steps: Sequence[Step], seen: Seen, sealer: Sealer) -> tuple[Held, ...]:
    """Each precondition, of steps that were taken back.

    BIOS settings that wait for the next boot and that no step sets are somebody else's, and were left waiting.
    """
    ours = frozenset(
        name
        for step in steps
        for change in (step.change, step.undo)
        if isinstance(change, BiosAttributes)
        for name, _ in change.attributes
    )
    conditions = dict.fromkeys(one for step in steps for one in step.preconditions)
    return tuple(_left_waiting(one, seen, ours) or _held(one, seen, sealer) for one in conditions)


def _left_waiting(condition: Condition, seen: Seen, ours: frozenset[str]) -> Held | None:
    """What waits by somebody else's hand, where that alone is in the way of a condition."""
    waits = _waiting(condition, seen)
    if not waits or not isinstance(condition, AttributeIs):
        return None
    found = value_at(seen.interpretation, condition.address)
    names = {show(one) for one in found.items} if isinstance(found, Many) else ours
    return Held("; ".join(waits), True) if names and ours.isdisjoint(names) else None


def _lines_since(steps: Sequence[Step], document: Document, was: Document | None) -> list[str]:
    """Where a file was changed since the plan was made, by the present numbers of its lines."""
    name, before = document.name, was.content if was is not None else None
    for step in steps:
        if isinstance(step.change, FileChange) and step.change.file == name and step.change.before is not None:
            before = step.change.before.content.encode("latin-1", "replace")
    if before is not None and before != document.content:
        return _places(name, before, document.content)
    lines = _lines_changed(steps, name, document.content)
    if lines:
        return [f"{name}:{line} changed" for line in lines[:_PLACES]]
    return [f"{name} changed, though not in the lines of the plan"]


def lines_since(document: Document, was: Document | None) -> list[str]:
    """Where a file or link is another than it was, by the present numbers of its lines; nothing: it is the same."""
    if was is None:
        return [f"{document.name}:1 is new"]
    if document.link or was.link:
        return [] if document.link == was.link else [f"{document.name} leads to {document.link or 'nothing'}"]
    if document.content != was.content:
        return _places(document.name, was.content, document.content)
    return [] if document.fingerprint == was.fingerprint else [f"a secret of {document.name} changed"]


def _places(name: str, before: bytes, after: bytes) -> list[str]:
    old, new = before.split(b"\n"), after.split(b"\n")
    places = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    lines = [min(start + 1, len(new)) for kind, _, _, start, _ in places if kind != "equal"]
    more = [f"{name} changed in {len(lines) - _PLACES} more places"] if len(lines) > _PLACES else []
    return [f"{name}:{line} changed" for line in lines[:_PLACES]] + more


def _waiting(condition: Condition, seen: Seen) -> list[str]:
    """Where nothing was to wait for a reset of the same resource: what waits now, with both of its values."""
    if not isinstance(condition, AttributeIs) or condition.value != Many(()):
        return []
    place = (condition.address.kind, condition.address.name)
    return [
        f"{one.address.on('')} is {_shown(one.now)}, and {_shown(one.then)} waits for the next {one.until}, set by "
        "somebody else"
        for one in seen.interpretation.waiting
        if (one.address.kind, one.address.name) == place
    ]


def _changes(step: Step, document: str) -> bool:
    return isinstance(step.change, DirectiveEdit | FileChange) and step.change.file == document


def _lines_changed(steps: Sequence[Step], document: str, content: bytes) -> list[int]:
    """Where the lines that the steps replace changed; a step counts lines as those before it leave them."""
    lines = content.split(b"\n")
    earlier: list[DirectiveEdit] = []
    found: list[int] = []
    for step in steps:
        edit = step.change
        if not isinstance(edit, DirectiveEdit) or edit.file != document:
            continue
        moved = sum(one.after.count("\n") - one.before.count("\n") for one in earlier if one.line < edit.line)
        first = edit.line - moved
        there = b"\n".join(lines[first - 1 : edit.last_line - moved])
        if there.rstrip(b"\n") != edit.before.encode("latin-1", "replace").rstrip(b"\n"):
            found.append(first)
        earlier.append(edit)
    return found


def _document(condition: DocumentIs, seen: Seen, sealer: Sealer) -> Held:
    text = f"{condition.document} has the bytes that the plan names"
    document = seen.collected.document(condition.document)
    if document is None:
        return Held(text, False, f"{condition.document} could not be read, or is not there")
    fingerprint = document.fingerprint or sealer.fingerprint(document.content)
    if fingerprint == condition.fingerprint:
        return Held(text, True)
    if fingerprint.split(":")[1:2] != condition.fingerprint.split(":")[1:2]:
        return Held(text, False, f"{condition.document} cannot be compared: the plan was made with another key")
    return Held(text, False, f"{condition.document} does not have the bytes that the plan names")


def _link(name: str, text: str, seen: Seen) -> Held:
    wanted = f"{name} is a link to {text}"
    found = seen.collected.document(name)
    if found is None:
        return Held(wanted, False, f"{name} could not be read, or is not there")
    instead = f"{name} is a link to {found.link}" if found.link else f"{name} is no link"
    return Held(wanted, found.link == text, "" if found.link == text else instead)


def nothing_at(name: str, collected: Collected) -> Held:
    """Whether nothing stands at a name of the tree; where that was not seen, it does not hold."""
    text = f"nothing stands at {name}"
    if any(one.name == name or one.name.startswith(f"{name}/") for one in collected.documents):
        return Held(text, False, f"{name} is there")
    unread = collected.fact("not_walked")
    unseen = {gap.what: gap.cause for gap in collected.gaps} | dict.fromkeys(
        unread if isinstance(unread, tuple) else (), "the directory is not looked into"
    )
    parts = name.split("/")
    for place in ("whole target", ".", *("/".join(parts[:count]) for count in range(1, len(parts) + 1))):
        if place in unseen:
            return Held(text, False, f"whether {name} is there cannot be seen: {place}: {unseen[place]}")
    return Held(text, True)


def _attribute(condition: AttributeIs, seen: Seen) -> Held:
    address = condition.address
    wanted = _shown(condition.value)
    text = f"{address} is {wanted}"
    resource = seen.interpretation.find(address.kind, address.name)
    if not address.attribute:
        if resource is not None:
            return Held(text, False, f"{address} is there")
        found = None
    else:
        found = value_at(seen.interpretation, address)
    if isinstance(found, Undetermined):
        return Held(text, False, f"{address} was to be {wanted} and cannot be known: {found.cause}")
    hidden = hides(seen.interpretation.gaps, address.kind) if found is None else ()
    if hidden:
        return Held(text, False, f"{address} cannot be seen: {hidden[0].what}: {hidden[0].cause}")
    if not alike(found, condition.value):
        return Held(text, False, f"{address} is {_shown(found)}, not {wanted}")
    return Held(text, True)


def _shown(value: Value | None) -> str:
    return "absent" if value is None else show(value) or "empty"


def value_at(interpretation: Interpretation, address: Address) -> Value | None:
    """The value of an attribute; None where the resource or the attribute is not there."""
    resource = interpretation.find(address.kind, address.name)
    return None if resource is None else resource.value(address.attribute)


def alike(one: Value | None, other: Value | None) -> bool:
    """Whether two values are the same; versions need not be written alike."""
    if isinstance(one, Version) and isinstance(other, Version):
        return same_version(one.text, other.text) is True
    return one == other


Values = dict[tuple[str, str, str], Value]


def values_of(interpretation: Interpretation) -> Values:
    """Every attribute's value by kind, name and attribute."""
    found: Values = {}
    for resource in interpretation.resources:
        for attribute in resource.attributes:
            found[resource.kind, resource.name, attribute.name] = attribute.value
    return found


def changed(
    before: Values, after: Values, ignored: frozenset[tuple[str, str, str]] = frozenset()
) -> tuple[Effect, ...]:
    """The attributes whose values differ, sorted by address.

    ``ignored`` are (kind, name, attribute); an empty name means every resource of the kind, and with an empty attribute
    all that is said of them. A value that cannot be
    known before and after has not changed.
    """
    effects: list[Effect] = []
    for key in sorted(before.keys() | after.keys()):
        kind, name, attribute = key
        old, new = before.get(key), after.get(key)
        if old == new or not ignored.isdisjoint((key, (kind, "", attribute), (kind, "", ""))):
            continue
        if isinstance(old, Undetermined) and isinstance(new, Undetermined):
            continue
        effects.append(Effect(Address("", kind, name, attribute), old, new, asked=False))
    return tuple(effects)


def unlisted(found: Sequence[Effect], listed: Sequence[Effect]) -> tuple[Effect, ...]:
    """The changes that a plan does not list: another address, or another value than it says."""
    promised = {(effect.address.kind, effect.address.name, effect.address.attribute): effect.after for effect in listed}
    return tuple(
        effect
        for effect in found
        if (key := (effect.address.kind, effect.address.name, effect.address.attribute)) not in promised
        or not alike(effect.after, promised[key])
    )


def as_far_as_seen(text: str, seen: Seen) -> str:
    """A sentence on all of a target, with what of it could not be seen behind."""
    gaps = [gap for gap in seen.interpretation.gaps if gap.counts]
    if not gaps:
        return text
    more = f", and {len(gaps) - 1} more" if len(gaps) > 1 else ""
    return f"{text}, as far as it can be seen (not {gaps[0].what}: {gaps[0].cause}{more})"
