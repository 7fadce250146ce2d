"""The attribute registry: bounds, locks, and what a change changes beside itself."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.surfaces.ilo.registry import Rule, compact, in_order, problem, read_registry, settle
from tests.virtual_ilo import BIOS, bodies

TREE = bodies()
CURRENT: dict[str, Any] = TREE[BIOS]["Attributes"]  # type: ignore[assignment]
BODY = next(body for body in TREE.values() if "RegistryEntries" in body)
REGISTRY = read_registry(BODY)


def test_a_compact_registry_says_the_same() -> None:
    small = compact(BODY)
    assert read_registry(small) == REGISTRY
    assert compact(small) == small
    assert "HelpText" not in str(small)


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


def test_maps_that_drive_each_other_come_to_an_end() -> None:
    def drives(source: str, value: str, target: str, forced: str) -> dict[str, Any]:
        condition = {"MapFromAttribute": source, "MapFromProperty": "CurrentValue", "MapFromCondition": "EQU",
                     "MapFromValue": value}  # fmt: skip
        inner = {"MapFrom": [condition], "MapToAttribute": target, "MapToProperty": "CurrentValue",
                 "MapToValue": forced}  # fmt: skip
        return {"Type": "Map", "Dependency": inner}

    entries = [drives("A", "1", "B", "1"), drives("B", "1", "A", "2"), drives("A", "2", "B", "2"),
               drives("B", "2", "A", "1")]  # fmt: skip
    registry = read_registry({"RegistryEntries": {"Attributes": [], "Dependencies": entries}})
    assert set(settle(registry, {"A": "0", "B": "0"}, {"A": "1"}).values) == {"A", "B"}


@pytest.mark.parametrize(
    ("rule", "value", "says"),
    [
        (Rule("X", "Enumeration", ("a", "b")), "c", "must be one of a, b"),
        (Rule("X", "Integer", lower=0, upper=10), 11, "must be between 0 and 10"),
        (Rule("X", "Integer", lower=0, upper=10, increment=5), 7, "must go in steps of 5 from 0"),
        (Rule("X", "Integer"), True, "must be a whole number"),
        (Rule("X", "Integer"), 1.5, "must be a whole number"),
        (Rule("X", "Boolean"), "yes", "must be true or false"),
        (Rule("X", "String", max_length=3), "four", "must have 0 to 3 characters"),
        (Rule("X", "String", pattern=r"^[\ -\~]*$"), "tab\t", r"must match ^[\ -\~]*$"),
        (Rule("X", "String"), 5, "must be text"),
        (Rule("X", "String", read_only=True), "a", "is read-only"),
        (Rule("X", "String", unique=True), "a", "is this machine's own and is not changed by a plan"),
    ],
)
def test_what_cannot_be_set_is_said_why(rule: Rule, value: Any, says: str) -> None:
    assert problem(rule, value) == says


def test_a_foreign_expression_is_never_run() -> None:
    assert problem(Rule("X", "String", pattern="^(a+)+$"), "a" * 40 + "!") is None


def test_entries_without_sense_are_left_out() -> None:
    broken = {"RegistryEntries": {"Attributes": [1, {}, {"AttributeName": 5}], "Dependencies": ["x", {"Type": "Map"}]}}
    registry = read_registry(broken)  # type: ignore[arg-type]
    assert registry.rules == {}
    assert registry.maps == ()
    assert read_registry({"RegistryEntries": []}).maps == ()
