"""What a BIOS attribute changes beside itself, and what locks it."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.surfaces.ilo.dependencies import Dependencies, Doubt, in_order, settle
from auditor.surfaces.ilo.registry import BOUNDS, Registry, read_registry
from tests.virtual_ilo import BIOS, bodies

TREE = bodies()
CURRENT: dict[str, Any] = TREE[BIOS]["Attributes"]  # type: ignore[assignment]
REGISTRY = read_registry(next(body for body in TREE.values() if "RegistryEntries" in body))


def test_a_profile_changes_what_it_drives_and_nothing_else() -> None:
    settled = settle(REGISTRY, CURRENT, {"WorkloadProfile": "LowLatency"})
    changed = {name: value for name, value in settled.values.items() if CURRENT[name] != value}
    assert changed == {
        "WorkloadProfile": "LowLatency",
        "PowerRegulator": "StaticHighPerf",
        "MinProcIdlePower": "NoCStates",
        "EnergyPerfBias": "MaxPerf",
        "ProcTurbo": "Disabled",
        "ProcHyperthreading": "Disabled",
        "CollabPowerControl": "Disabled",
    }
    assert settled.refused == {}
    back = settle(REGISTRY, settled.values, {name: CURRENT[name] for name in changed})
    assert back.values == CURRENT
    assert back.refused == {}


def test_the_profile_is_set_first_so_that_what_it_unlocks_can_be_set() -> None:
    asked = {"PowerRegulator": "OsControl", "WorkloadProfile": "Custom"}
    assert in_order(REGISTRY, asked) == ("WorkloadProfile", "PowerRegulator")
    assert settle(REGISTRY, CURRENT, asked).values["PowerRegulator"] == "OsControl"


def test_what_a_profile_locks_is_refused_and_unchanged() -> None:
    settled = settle(REGISTRY, CURRENT, {"PowerRegulator": "OsControl"})
    assert settled.refused == {"PowerRegulator": "is locked while WorkloadProfile is GeneralPowerEfficientCompute"}
    assert settled.values == CURRENT


def test_what_the_wanted_profile_sets_otherwise_is_refused() -> None:
    asked = {"WorkloadProfile": "LowLatency", "CollabPowerControl": "Enabled"}
    assert settle(REGISTRY, CURRENT, asked).refused == {
        "CollabPowerControl": "is locked while WorkloadProfile is LowLatency"
    }


# -- registries of our own --------------------------------------------------------------------------------------------


def when(*conditions: Any, then: tuple[str, str, Any]) -> dict[str, Any]:
    """A dependency: conditions are (attribute, operator, value), with AND or OR between them."""
    parts: list[dict[str, Any]] = []
    term = ""
    for one in conditions:
        if isinstance(one, str):
            term = one
            continue
        name, operator, value = one
        parts.append({"MapFromAttribute": name, "MapFromProperty": "CurrentValue", "MapFromCondition": operator,
                      "MapFromValue": value, **({"MapTerms": term} if term else {})})  # fmt: skip
    attribute, property_, value = then
    inner = {"MapFrom": parts, "MapToAttribute": attribute, "MapToProperty": property_, "MapToValue": value}
    return {"Type": "Map", "Dependency": inner}


def registry(*dependencies: dict[str, Any], **attributes: dict[str, Any]) -> Registry:
    """A registry of these dependencies; every attribute that they name is a word unless described otherwise."""
    named = {one["Dependency"]["MapToAttribute"] for one in dependencies if "Dependency" in one}
    looked_at = {
        part["MapFromAttribute"] for one in dependencies if "Dependency" in one for part in one["Dependency"]["MapFrom"]
    }
    all_of = {**dict.fromkeys(sorted(named | looked_at | {"A", "B", "C", "D"}), WORDS), **attributes}
    described = [{"AttributeName": name, **said} for name, said in all_of.items()]
    body: Any = {"RegistryEntries": {"Attributes": described, "Dependencies": list(dependencies)}}
    return read_registry(body)


WORDS: dict[str, Any] = {"Type": "Enumeration", "Value": [{"ValueName": str(one)} for one in range(5)]}
NUMBER: dict[str, Any] = {"Type": "Integer", "LowerBound": 0, "UpperBound": 100}


def test_maps_that_drive_each_other_for_ever_come_to_an_end_and_that_is_said() -> None:
    loop = registry(
        when(("A", "EQU", "1"), then=("B", "CurrentValue", "1")),
        when(("B", "EQU", "1"), then=("A", "CurrentValue", "2")),
        when(("A", "EQU", "2"), then=("B", "CurrentValue", "2")),
        when(("B", "EQU", "2"), then=("A", "CurrentValue", "1")),
    )
    settled = settle(loop, {"A": "0", "B": "0"}, {"A": "1"})
    assert {one.attribute for one in settled.doubts} == {"A", "B"}
    assert all("do not come to rest" in one.why for one in settled.doubts)


def test_a_registry_that_sets_one_attribute_to_two_values_is_not_believed() -> None:
    both = registry(
        when(("A", "EQU", "1"), then=("B", "CurrentValue", "1")),
        when(("A", "EQU", "1"), then=("B", "CurrentValue", "2")),
    )
    (doubt,) = settle(both, {"A": "0", "B": "0"}, {"A": "1"}).doubts
    assert (doubt.attribute, doubt.about) == ("B", "value")


def test_a_chain_is_followed_to_its_end_whatever_the_order_of_the_registry() -> None:
    chain = [when((f"A{n}", "EQU", "1"), then=(f"A{n + 1}", "CurrentValue", "1")) for n in range(9)]
    current = {f"A{n}": "0" for n in range(10)}
    for maps in (chain, chain[::-1]):
        settled = settle(registry(*maps), current, {"A0": "1"})
        assert set(settled.values.values()) == {"1"}
        assert settled.doubts == ()


def test_of_two_settings_that_exclude_each_other_the_one_that_was_not_asked_for_gives_way() -> None:
    def swap(one: str, other: str, value: str, left: str) -> dict[str, Any]:
        return when((one, "EQU", value), "AND", (other, "EQU", value), then=(other, "CurrentValue", left))

    ports = registry(*(swap(*pair, *ways) for ways in (("1", "2"), ("2", "1")) for pair in (("A", "B"), ("B", "A"))))
    current = {"A": "1", "B": "2"}
    assert settle(ports, current, {"A": "2"}).values == {"A": "2", "B": "1"}
    assert settle(ports, current, {"B": "1"}).values == {"A": "2", "B": "1"}


@pytest.mark.parametrize(
    ("operator", "value", "holds"),
    [
        ("EQU", 10, True), ("EQU", 11, False), ("NEQ", 10, False), ("NEQ", 9, True), ("GTR", 9, True),
        ("GTR", 10, False), ("GEQ", 10, True), ("GEQ", 11, False), ("LSS", 11, True), ("LSS", 10, False),
        ("LEQ", 10, True), ("LEQ", 9, False), ("EQU", 10.0, True),
        ("EQU", "10", None), ("GTR", "9", None), ("NEQ", True, None),
    ],
)  # fmt: skip
def test_each_operator_decides_as_it_is_called_and_another_kind_of_value_decides_nothing(
    operator: str, value: Any, holds: bool | None
) -> None:
    one = registry(when(("A", operator, value), then=("B", "GrayOut", True)))
    assert Dependencies(one).standing("B", {"A": 10, "B": 0}).locked is holds


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        ((("A", "EQU", "1"), "AND", ("B", "EQU", "2")), True),
        ((("A", "EQU", "1"), "AND", ("B", "EQU", "1")), False),
        ((("A", "EQU", "2"), "OR", ("B", "EQU", "2")), True),
        ((("Gone", "EQU", "1"), "AND", ("B", "EQU", "1")), False),
        ((("Gone", "EQU", "1"), "AND", ("B", "EQU", "2")), None),
        ((("Gone", "EQU", "1"), "OR", ("B", "EQU", "2")), True),
        ((("Gone", "EQU", "1"), "OR", ("B", "EQU", "1")), None),
        ((("Gone", "NEQ", "1"),), None),
        # either way of reading AND beside OR gives the same, or it is not decided
        ((("A", "EQU", "1"), "OR", ("B", "EQU", "2"), "AND", ("A", "EQU", "2")), None),
        ((("A", "EQU", "1"), "AND", ("B", "EQU", "2"), "OR", ("A", "EQU", "2")), True),
    ],
)
def test_conditions_are_joined_and_an_attribute_that_is_not_shown_decides_nothing(
    conditions: Any, holds: bool | None
) -> None:
    one = registry(when(*conditions, then=("C", "ReadOnly", True)))
    found = Dependencies(one).standing("C", {"A": "1", "B": "2", "C": "0"})
    assert found.locked is holds
    assert bool(found.doubts) is (holds is None)


def test_a_lock_that_is_not_decided_is_a_doubt_and_no_refusal() -> None:
    one = registry(when(("Gone", "NEQ", "1"), then=("A", "ReadOnly", True)), A=WORDS)
    settled = settle(one, {"A": "1"}, {"A": "2"})
    assert (settled.values, settled.refused) == ({"A": "2"}, {})
    assert settled.doubts == (Doubt("A", "lock", "depends on Gone, which this machine does not show"),)


def test_a_consequence_that_is_not_decided_is_a_doubt_and_none_where_nothing_it_looks_at_moves() -> None:
    one = registry(when(("A", "EQU", "1"), "AND", ("Gone", "EQU", "1"), then=("B", "CurrentValue", "4")))
    current = {"A": "0", "B": "0", "C": "0"}
    (doubt,) = settle(one, current, {"A": "1"}).doubts
    assert (doubt.attribute, doubt.about) == ("B", "value")
    assert settle(one, current, {"A": "2"}).doubts == ()
    assert settle(one, current, {"C": "1"}).doubts == ()


def test_what_a_map_that_holds_already_forces_may_be_set_otherwise_and_may_be_overruled() -> None:
    one = registry(when(("A", "EQU", "1"), then=("B", "CurrentValue", "1")))
    settled = settle(one, {"A": "1", "B": "1"}, {"B": "2"})
    assert (settled.values["B"], settled.refused) == ("2", {})
    assert settled.doubts == (Doubt("B", "lock", "the registry sets it to 1 while A is 1: POST may do so again"),)
    assert settle(one, {"A": "1", "B": "2"}, {"B": "1"}).doubts == ()
    assert settle(one, {"A": "1", "B": "1"}, {"A": "2", "B": "2"}).doubts == ()


def test_a_sealed_value_decides_nothing() -> None:
    from tests.virtual_ilo import SEALER

    one = registry(when(("A", "EQU", "x"), then=("B", "GrayOut", True)))
    assert Dependencies(one).standing("B", {"A": SEALER.seal(b"x"), "B": "0"}).locked is None


def test_what_is_not_understood_is_a_doubt_where_it_may_concern_what_changes() -> None:
    strange = when(("A", "LIKE", "1"), then=("B", "CurrentValue", "4"))
    one = registry(strange, when(("A", "EQU", "1"), then=("C", "CurrentValue", "1")))
    current = {"A": "0", "B": "0", "C": "0", "D": "0"}
    assert settle(one, current, {"A": "1"}).doubts == (Doubt("B", "value", "a condition is AND LIKE"),)
    assert settle(one, current, {"D": "1"}).doubts == ()
    assert settle(one, {"A": "0"}, {"A": "1"}).doubts == ()
    anything = registry({"Type": "Map"})
    assert [each.attribute for each in settle(anything, current, {"D": "1"}).doubts] == [""]
    assert settle(anything, current, {"D": "0"}).doubts == ()


def test_maps_lock_unlock_hide_and_bound_as_long_as_they_hold() -> None:
    one = Dependencies(
        registry(
            when(("A", "EQU", "1"), then=("N", "UpperBound", 10)),
            when(("A", "EQU", "1"), then=("N", "Hidden", True)),
            when(("A", "EQU", "1"), then=("R", "ReadOnly", False)),
            when(("A", "EQU", "2"), then=("N", "LowerBound", 200)),
            N=NUMBER,
            R={**WORDS, "ReadOnly": True},
        )
    )
    current = {"A": "0", "N": 50, "R": "0"}
    assert one.standing("N", current).bounds[:2] == (0, 100)
    after = one.settle(current, {"A": "1"}).values
    assert one.touched(current, after) == ("N", "R")
    bounded = one.standing("N", after)
    assert (bounded.hidden, dict(zip(BOUNDS, bounded.bounds, strict=True))["UpperBound"]) == (True, 10)
    assert one.settle(after, {"N": 60}).refused == {"N": "must be between 0 and 10"}
    assert one.settle(current, {"R": "1"}).refused == {"R": "is read-only"}
    assert one.settle(after, {"R": "1"}).refused == {}
    assert one.settle(current, {"A": "2", "N": 60}).refused == {
        "N": "may be set to nothing: the registry bounds it by 200 and 100"
    }


def test_maps_that_contradict_each_other_decide_nothing_unless_another_locks_anyway() -> None:
    both = [when(("A", "EQU", "1"), then=("B", "ReadOnly", flag)) for flag in (True, False)]
    assert Dependencies(registry(*both)).standing("B", {"A": "1", "B": "0"}).locked is None
    lock = when(("A", "EQU", "1"), then=("B", "GrayOut", True))
    found = Dependencies(registry(*both, lock)).standing("B", {"A": "1", "B": "0"})
    assert (found.locked, found.doubts) == (True, ())


def test_a_value_that_the_registry_forces_and_does_not_allow_is_a_doubt() -> None:
    one = registry(when(("A", "EQU", "1"), then=("B", "CurrentValue", "9")), B=WORDS)
    (doubt,) = settle(one, {"A": "0", "B": "0"}, {"A": "1"}).doubts
    assert (doubt.attribute, doubt.about) == ("B", "value")
    assert "must be one of" in doubt.why


def test_what_decides_others_through_others_is_set_before_them() -> None:
    one = registry(
        when(("Z", "EQU", "1"), then=("M", "CurrentValue", "1")), when(("M", "EQU", "0"), then=("B", "ReadOnly", True))
    )
    current = {"B": "0", "M": "0", "Z": "0"}
    assert in_order(one, {"B": "1", "Z": "1"}) == ("Z", "B")
    assert settle(one, current, {"B": "1", "Z": "1"}).refused == {}
    assert settle(one, current, {"B": "1"}).refused == {"B": "is locked while M is 0"}
