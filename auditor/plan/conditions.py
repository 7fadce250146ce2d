"""Whether conditions hold on what was seen of a target, and what changed between two looks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from auditor.model.plan import AttributeIs, Condition, DocumentIs, Effect
from auditor.model.resource import Address
from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected, Interpretation, hides
from auditor.model.value import Undetermined, Value, show


@dataclass(frozen=True)
class Seen:
    """One look at a target."""

    collected: Collected
    interpretation: Interpretation


@dataclass(frozen=True)
class Held:
    """A condition, in words, and whether it holds; ``detail`` says what stands there instead."""

    text: str
    holds: bool
    detail: str = ""

    @property
    def sentence(self) -> str:
        """The words with the detail."""
        return f"{self.text} ({self.detail})" if self.detail else self.text


def examine(conditions: Iterable[Condition], seen: Seen, sealer: Sealer) -> tuple[Held, ...]:
    """Each condition against what was seen. What cannot be known does not hold."""
    return tuple(
        _document(condition, seen, sealer) if isinstance(condition, DocumentIs) else _attribute(condition, seen)
        for condition in conditions
    )


def _document(condition: DocumentIs, seen: Seen, sealer: Sealer) -> Held:
    text = f"{condition.document} has the bytes that the plan names"
    document = seen.collected.document(condition.document)
    if document is None:
        return Held(text, False, "it could not be read, or is not there")
    fingerprint = document.fingerprint or sealer.fingerprint(document.content)
    if fingerprint == condition.fingerprint:
        return Held(text, True)
    if fingerprint.split(":")[1:2] != condition.fingerprint.split(":")[1:2]:
        return Held(text, False, "the plan was made with another key")
    return Held(text, False, "its bytes have changed since the plan was made")


def _attribute(condition: AttributeIs, seen: Seen) -> Held:
    address = condition.address
    text = f"{address} is {'absent' if condition.value is None else show(condition.value)}"
    resource = seen.interpretation.find(address.kind, address.name)
    if not address.attribute:
        if resource is not None:
            return Held(text, False, "it is there")
        found = None
    else:
        found = value_at(seen.interpretation, address)
    if isinstance(found, Undetermined):
        return Held(text, False, f"it cannot be known: {found.cause}")
    if found != condition.value:
        return Held(text, False, "it is absent" if found is None else f"it is {show(found)}")
    hidden = hides(seen.interpretation.gaps, address.kind) if found is None else ()
    if hidden:
        return Held(text, False, f"it cannot be seen: {hidden[0].what}: {hidden[0].cause}")
    return Held(text, True)


def value_at(interpretation: Interpretation, address: Address) -> Value | None:
    """The value of an attribute; None where the resource or the attribute is not there."""
    resource = interpretation.find(address.kind, address.name)
    return None if resource is None else resource.value(address.attribute)


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

    ``ignored`` are (kind, name, attribute); an empty name means every resource of the kind. A value that cannot be
    known before and after has not changed.
    """
    effects: list[Effect] = []
    for key in sorted(before.keys() | after.keys()):
        kind, name, attribute = key
        old, new = before.get(key), after.get(key)
        if old == new or key in ignored or (kind, "", attribute) in ignored:
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
        or promised[key] != effect.after
    )
