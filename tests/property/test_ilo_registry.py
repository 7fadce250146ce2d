"""Whatever a BIOS's attribute registry holds: what it makes of a setting is one thing, at rest, or said not to be."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.surfaces.ilo.dependencies import Dependencies, Settled
from auditor.surfaces.ilo.registry import Registry, Setting, alike, compact, read_registry

NAMES = ("WorkloadProfile", "A", "B", "C", "D", "E")
WORDS = ("0", "1", "2")
values = st.sampled_from(WORDS)
names = st.sampled_from(NAMES)
operators = st.sampled_from(("EQU", "EQU", "EQU", "NEQ", "LIKE"))


@st.composite
def dependencies(draw: st.DrawFn) -> dict[str, Any]:
    parts = [
        {"MapFromAttribute": draw(st.sampled_from((*NAMES, "Gone"))), "MapFromProperty": "CurrentValue",
         "MapFromCondition": draw(operators), "MapFromValue": draw(values),
         "MapTerms": draw(st.sampled_from(("AND", "OR")))}
        for _ in range(draw(st.sampled_from((1, 1, 1, 2, 3))))
    ]  # fmt: skip
    forces = draw(st.booleans())
    property_ = "CurrentValue" if forces else draw(st.sampled_from(("ReadOnly", "GrayOut", "Hidden")))
    inner = {"MapFrom": parts, "MapToAttribute": draw(st.sampled_from((*NAMES, "Gone"))), "MapToProperty": property_,
             "MapToValue": draw(values) if forces else draw(st.booleans())}  # fmt: skip
    return {"Type": "Map", "Dependency": inner}


@st.composite
def registries(draw: st.DrawFn) -> dict[str, Any]:
    attributes = [
        {"AttributeName": name, "Type": "Enumeration", "ReadOnly": draw(st.sampled_from((False, False, False, True))),
         "Value": [{"ValueName": one} for one in WORDS]}
        for name in NAMES
    ]  # fmt: skip
    return {"RegistryEntries": {"Attributes": attributes, "Dependencies": draw(st.lists(dependencies(), max_size=12))}}


states = st.fixed_dictionaries(dict.fromkeys(NAMES, values))
wishes = st.dictionaries(names, st.sampled_from((*WORDS, "9")), max_size=3)


def _sure(settled: Settled) -> bool:
    return not settled.refused and not any(one.about == "value" for one in settled.doubts)


def _violated(registry: Registry, before: dict[str, Setting], after: dict[str, Setting]) -> list[object]:
    """The maps of plain form that look at something that moved, hold, and whose target is another value."""
    moved = {name for name in NAMES if before[name] != after[name]}

    def holds(one: Any) -> bool:
        told = [(each.attribute, (after.get(each.attribute) == each.value) is (each.operator == "EQU"))
                for each in one.conditions]  # fmt: skip
        return all(name in after and verdict for name, verdict in told)

    return [
        one
        for one in registry.maps
        if one.property == "CurrentValue" and one.attribute in after and after[one.attribute] != one.value
        if any(each.attribute in moved for each in one.conditions) and holds(one)
    ]


@given(registries(), states, wishes)
@settings(max_examples=300)
def test_every_wish_is_met_or_refused_and_what_is_sure_is_at_rest(
    body: dict[str, Any], current: dict[str, Setting], asked: dict[str, Setting]
) -> None:
    registry = read_registry(body)
    settled = Dependencies(registry).settle(current, asked)
    assert Dependencies(read_registry(compact(body))).settle(dict(reversed(current.items())), asked) == settled
    assert settled.values.keys() == current.keys()
    for name, value in asked.items():
        assert name in settled.refused or alike(settled.values[name], value)
    if _sure(settled):
        assert _violated(registry, current, settled.values) == []
        again = Dependencies(registry).settle(settled.values, asked)
        assert (again.values, again.refused) == (settled.values, {})


@given(registries(), states, names, values)
@settings(max_examples=150)
def test_what_is_locked_cannot_be_set_and_what_is_not_can(
    body: dict[str, Any], current: dict[str, Setting], name: str, value: str
) -> None:
    found = Dependencies(read_registry(body))
    standing = found.standing(name, current)
    refused = name in found.settle(current, {name: value}).refused
    if current[name] == value:
        assert not refused
    elif standing.locked:
        assert refused
    elif standing.locked is False and refused:  # its own consequences take it back
        assert "by another" in found.settle(current, {name: value}).refused[name]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=6),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                        st.sampled_from(("RegistryEntries", "Attributes", "Dependencies", "Dependency", "MapFrom",
                                         "MapFromAttribute", "Type", "Value", "AttributeName")), inner, max_size=4),
                    max_leaves=20))  # fmt: skip
def test_no_registry_is_too_strange_to_be_read(entries: Any) -> None:
    body = {"RegistryEntries": entries}
    registry = read_registry(body)
    assert read_registry(compact(body)) == registry
    Dependencies(registry).settle({"A": "1"}, {"A": "2"})
