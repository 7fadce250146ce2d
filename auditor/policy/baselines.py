"""Baselines: agreed values, and what is not as agreed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from auditor.errors import InputError
from auditor.model.drift import Age, AttributeChange
from auditor.model.policy import AgreedValue, Agreement, Baseline
from auditor.model.resource import Address, KindSpec, Resource
from auditor.model.snapshot import Interpretation, hides
from auditor.model.target import Target
from auditor.model.value import Many, Text, Undetermined, Value, Version, texts
from auditor.policy.document import Item, load_document, mistake, suggestion
from auditor.policy.forms import (
    BASELINE_FORMAT,
    AgreedForm,
    BaselineForm,
    Fields,
    NamesForm,
    ResourceForm,
    read_texts,
)
from auditor.policy.globs import glob_matches, is_pattern, literal
from auditor.policy.values import compare, read_value, same, undetermined_in
from auditor.policy.versions import compare_versions, same_version, why_no_order

_ORDERED: Final = frozenset({"number", "duration", "version", "any"})


def load_baseline(file: str, content: bytes, kinds: Sequence[KindSpec]) -> Baseline:
    """A baseline, every value read by the type of its attribute.

    Errors:
        InputError: everything that is wrong with the file, each with line, column and path.
    """
    mistakes: list[InputError] = []
    root = load_document(file, content)
    fields = Fields(root, BaselineForm, mistakes)
    fields.choice("format", (BASELINE_FORMAT,))
    by_name = {kind.name: kind for kind in kinds}
    agreed: list[AgreedValue] = []
    for item in fields.items("resources"):
        agreed += _read_resource(item, by_name, mistakes)
    baseline = Baseline(
        name=fields.text("name"),
        values=tuple(agreed),
        groups=fields.texts("groups"),
        hosts=fields.texts("hosts"),
        description=fields.text("description"),
        file=file,
        digest=hashlib.sha256(content).hexdigest(),
    )
    if not (baseline.groups or baseline.hosts) and root.members is not None:
        mistakes.append(mistake(root.place, "it names no group and no host, so it would never count"))
    if mistakes:
        raise InputError.gather(mistakes)
    return baseline


def _read_resource(item: Item, kinds: dict[str, KindSpec], mistakes: list[InputError]) -> Iterator[AgreedValue]:
    fields = Fields(item, ResourceForm, mistakes)
    kind_name = fields.text("kind")
    name = fields.exact("name") if item.get("name") else "*"
    kind = kinds.get(kind_name)
    if kind is None:
        if kind_name:
            hint = suggestion(kind_name, tuple(kinds)) or f"; known are {', '.join(sorted(kinds))}"
            mistakes.append(mistake(item.place, f'unknown kind "{kind_name}"{hint}'))
        return
    place = item.place
    names = item.get("names")
    if names is not None:
        for agreement, texts_ in _read_names(names, mistakes):
            values = tuple(Text(text) for text in texts_)
            yield AgreedValue(kind.name, name, "", agreement, values, place.file, names.place.line)
    elif not fields.members("values"):
        mistakes.append(mistake(place, "it agrees nothing: give values or names"))
    for attribute, value in fields.members("values"):
        found = _read_agreed(kind, name, attribute, value, mistakes)
        if found is not None:
            yield found


def _read_names(item: Item, mistakes: list[InputError]) -> Iterator[tuple[Agreement, tuple[str, ...]]]:
    Fields(item, NamesForm, mistakes)
    given = [key for key, _ in item.members or ()]
    if len(given) != 1:
        mistakes.append(mistake(item.place, "give either exactly or at_least"))
    for agreement in ("exactly", "at_least"):
        found = item.get(agreement)
        if found is not None:
            yield ("exactly" if agreement == "exactly" else "at_least"), read_texts(found, mistakes)


def _read_agreed(
    kind: KindSpec, name: str, attribute: str, item: Item, mistakes: list[InputError]
) -> AgreedValue | None:
    spec = kind.get(attribute)
    if spec is None and not kind.open:
        hint = suggestion(attribute, [one.name for one in kind.attributes])
        mistakes.append(mistake(item.place, f'unknown attribute "{attribute}" of {kind.name}{hint}'))
        return None
    type_ = spec.type if spec else "any"
    place = item.place
    try:
        agreement, values = _read_agreement(item, type_, mistakes)
    except ValueError as error:
        mistakes.append(mistake(place, str(error)))
        return None
    if agreement == "at_least" and type_ not in _ORDERED:
        mistakes.append(mistake(place, f"at_least means nothing for {attribute}, which has no order"))
    return AgreedValue(kind.name, name, attribute, agreement, values, place.file, place.line)


def _read_agreement(item: Item, type_: str, mistakes: list[InputError]) -> tuple[Agreement, tuple[Value, ...]]:
    if item.text == "unmanaged" and item.plain:
        return "unmanaged", ()
    if item.members is None:
        return "exactly", (read_value(item, type_),)  # type: ignore[arg-type]  # a spec's type, or "any"
    Fields(item, AgreedForm, mistakes)
    if len(item.members) != 1:
        raise ValueError("give one of exactly, at_least and one_of")
    key, value = item.members[0]
    match key:
        case "exactly" | "at_least":
            return ("exactly" if key == "exactly" else "at_least"), (read_value(value, type_),)  # type: ignore[arg-type]  # as above
        case "one_of" if value.items:
            return "one_of", tuple(read_value(one, type_) for one in value.items)  # type: ignore[arg-type]  # as above
        case "one_of":
            raise ValueError("one_of needs a list of values")
    return "unmanaged", ()


# --- comparing --------------------------------------------------------------------------------------------------


def applies(baseline: Baseline, target: Target) -> bool:
    """Whether a baseline counts for a target: one of its groups or hosts matches."""
    groups = {*target.groups, "all"}
    return any(glob_matches(glob, group) for glob in baseline.groups for group in groups) or any(
        glob_matches(glob, target.host) for glob in baseline.hosts
    )


def compare_baseline(
    baselines: Sequence[Baseline], target: Target, interpretation: Interpretation
) -> tuple[AttributeChange, ...]:
    """What of a target is not as its baselines agree, in order of address.

    ``before`` is the agreed value (of ``one_of`` the list of them), ``after`` the value found, None where it is
    absent. What cannot be compared (undetermined, hidden by a gap, versions without a plain order) has an
    :class:`Undetermined` as ``after``: no drift that is proven, and no agreement either. A version newer than an
    ``exactly`` is a change like an older one, and ``age`` says which it is. Where several baselines agree on one
    attribute the last one counts; an exact name counts before a pattern. A resource that is gone is one change,
    however many of its attributes are agreed.
    """
    surface = interpretation.surface
    decided: dict[Address, AttributeChange | None] = {}
    for baseline in baselines:
        if not applies(baseline, target):
            continue
        # Patterns first, so that exact names overwrite what they said.
        for agreed in sorted(baseline.values, key=lambda one: not is_pattern(one.name)):
            if agreed.kind.split(".", 1)[0] == surface:
                decided.update(_judge(agreed, baseline, interpretation))
    changes = _gone_as_one((change for change in decided.values() if change is not None), interpretation)
    return tuple(sorted(changes, key=lambda change: change.address))


def examines(baselines: Sequence[Baseline], target: Target, interpretation: Interpretation) -> bool:
    """Whether these baselines have anything to say of the target: where they have not, no change is no agreement.

    What is unmanaged, another surface's, or named by a pattern that nothing matches says nothing.
    """
    return any(
        _has_a_say(agreed, interpretation)
        for baseline in baselines
        if applies(baseline, target)
        for agreed in baseline.values
    )


def unasked(
    baselines: Sequence[Baseline], target: Target, interpretation: Interpretation
) -> tuple[tuple[str, AgreedValue], ...]:
    """What baselines agree of resources of which none is there: the baseline's name and the first such value.

    Shape: one for each baseline, kind and pattern. Nothing was compared then, which is neither agreement nor drift. A
    name without a star must be there, and where a gap may hide resources :func:`compare_baseline` says so.
    """
    found: dict[tuple[str, str, str], tuple[str, AgreedValue]] = {}
    for baseline in baselines:
        if not applies(baseline, target):
            continue
        for agreed in baseline.values:
            asks = agreed.agreement != "unmanaged" and agreed.kind.split(".", 1)[0] == interpretation.surface
            if asks and not _has_a_say(agreed, interpretation) and not hides(interpretation.gaps, agreed.kind):
                found.setdefault((baseline.name, agreed.kind, agreed.name), (baseline.name, agreed))
    return tuple(found.values())


def _has_a_say(agreed: AgreedValue, interpretation: Interpretation) -> bool:
    if agreed.agreement == "unmanaged" or agreed.kind.split(".", 1)[0] != interpretation.surface:
        return False
    if not agreed.attribute or not is_pattern(agreed.name):
        return True
    return any(glob_matches(agreed.name, resource.name) for resource in interpretation.of_kind(agreed.kind))


def _gone_as_one(changes: Iterable[AttributeChange], interpretation: Interpretation) -> tuple[AttributeChange, ...]:
    """The changes, with those of one resource that is not there put together."""
    there = {(resource.kind, resource.name) for resource in interpretation.resources}
    found: dict[Address, AttributeChange] = {}
    for change in changes:
        address = change.address
        if change.after is None and address.attribute and (address.kind, address.name) not in there:
            address = Address(address.target, address.kind, address.name)
            change = AttributeChange(address, "removed", texts(address.name), None, agreed_by=change.agreed_by)
        found[address] = change
    return tuple(found.values())


def _judge(
    agreed: AgreedValue, baseline: Baseline, interpretation: Interpretation
) -> Iterator[tuple[Address, AttributeChange | None]]:
    resources = interpretation.of_kind(agreed.kind)
    if not agreed.attribute:
        yield from _judge_names(agreed, baseline, interpretation, resources)
        return
    matching = [resource for resource in resources if glob_matches(agreed.name, resource.name)]
    if not matching and not is_pattern(agreed.name):
        address = Address(interpretation.target, agreed.kind, literal(agreed.name), agreed.attribute)
        yield address, _absent(address, agreed, baseline, interpretation)
    elif not matching and (cause := _hidden(agreed.kind, interpretation)):
        address = Address(interpretation.target, agreed.kind, agreed.name, agreed.attribute)
        yield address, _change(address, agreed, baseline, Undetermined(cause))
    for resource in matching:
        address = Address(interpretation.target, agreed.kind, resource.name, agreed.attribute)
        yield address, _judge_attribute(address, agreed, baseline, resource)


def _judge_attribute(
    address: Address, agreed: AgreedValue, baseline: Baseline, resource: Resource
) -> AttributeChange | None:
    if agreed.agreement == "unmanaged":
        return None
    attribute = resource.get(agreed.attribute)
    if attribute is None:
        return _change(address, agreed, baseline, None)
    found = attribute.value
    verdict = meets(found, agreed)
    if verdict is True:
        return None
    after = found if verdict is False else Undetermined(str(verdict))
    change = _change(address, agreed, baseline, after)
    return AttributeChange(
        address,
        "changed",
        change.before,
        after,
        after_source=attribute.source or resource.source,
        agreed_by=change.agreed_by,
        age=age_of(found, agreed),
    )


def meets(found: Value, agreed: AgreedValue) -> bool | str:
    """Whether a value is as agreed, or the reason why that cannot be said."""
    cause = undetermined_in(found)
    if cause:
        return cause
    match agreed.agreement:
        case "unmanaged":
            return True
        case "exactly":
            return _is(found, agreed.values[0])
        case "one_of":
            answers = [_is(found, value) for value in agreed.values]
            return True if True in answers else next((one for one in answers if isinstance(one, str)), False)
        case "at_least":
            least = agreed.values[0]
            order = compare(found, least)
            if order is None and isinstance(found, Version) and isinstance(least, Version):
                return why_no_order(found.text, least.text)
            return "the two values have no plain order" if order is None else order >= 0


def _is(found: Value, wanted: Value) -> bool | str:
    """Whether a value is another, or why that cannot be said: a version may name its family or leave it out."""
    if not (isinstance(found, Version) and isinstance(wanted, Version)):
        return same(found, wanted)
    answer = same_version(found.text, wanted.text)
    return why_no_order(found.text, wanted.text) if answer is None else answer


def age_of(found: Value, agreed: AgreedValue) -> Age:
    """Whether a version that is not as agreed is newer or older than every agreed one; empty where neither is so."""
    if not isinstance(found, Version):
        return ""
    orders = {compare_versions(found.text, one.text) for one in agreed.values if isinstance(one, Version)}
    return "newer" if orders == {1} else "older" if orders == {-1} else ""


def _judge_names(
    agreed: AgreedValue, baseline: Baseline, interpretation: Interpretation, resources: tuple[Resource, ...]
) -> Iterator[tuple[Address, AttributeChange | None]]:
    """The set of resources: those agreed are there and, for ``exactly``, no other."""
    wanted = {value.value for value in agreed.values if isinstance(value, Text)}
    there = {resource.name: resource for resource in resources if glob_matches(agreed.name, resource.name)}
    for name in sorted(wanted - there.keys()):
        address = Address(interpretation.target, agreed.kind, name)
        yield address, _absent(address, agreed, baseline, interpretation)
    if agreed.agreement == "exactly":
        for name in sorted(there.keys() - wanted):
            address = Address(interpretation.target, agreed.kind, name)
            yield (
                address,
                AttributeChange(
                    address,
                    "added",
                    None,
                    texts(name),
                    after_source=there[name].source,
                    agreed_by=baseline.name,
                ),
            )


def _absent(
    address: Address, agreed: AgreedValue, baseline: Baseline, interpretation: Interpretation
) -> AttributeChange | None:
    """A resource that is agreed and not found: gone, or hidden by a gap."""
    if agreed.agreement == "unmanaged":
        return None
    cause = _hidden(agreed.kind, interpretation)
    return _change(address, agreed, baseline, Undetermined(cause) if cause else None)


def _hidden(kind: str, interpretation: Interpretation) -> str:
    gaps = hides(interpretation.gaps, kind)
    return f"{gaps[0].what} was not seen: {gaps[0].detail or gaps[0].cause}" if gaps else ""


def _change(address: Address, agreed: AgreedValue, baseline: Baseline, after: Value | None) -> AttributeChange:
    before: Value
    if not address.attribute:
        before = texts(address.name)
    else:
        before = agreed.values[0] if len(agreed.values) == 1 else Many(agreed.values)
    return AttributeChange(address, "removed" if after is None else "changed", before, after, agreed_by=baseline.name)
