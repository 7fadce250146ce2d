"""The attribute registry: bounds, locks, and what a change changes beside itself."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.surfaces.ilo.registry import MAX_MAPS, Rule, Unclear, compact, problem, read_registry, untried
from tests.virtual_ilo import bodies

BODY = next(body for body in bodies().values() if "RegistryEntries" in body)
REGISTRY = read_registry(BODY)


def test_a_compact_registry_says_the_same() -> None:
    small = compact(BODY)
    assert read_registry(small) == REGISTRY
    assert compact(small) == small
    assert "HelpText" not in str(small)


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
        (Rule("X", "String", pattern="^[0-9a-f]{4}$"), "123", "must match ^[0-9a-f]{4}$"),
        (Rule("X", "String", read_only=True), "a", "is read-only"),
        (Rule("X", "Enumeration", ()), "a", "may be set to nothing: the registry lists no value"),
        (Rule("X", "Integer", lower=9, upper=3), 5, "may be set to nothing: the registry bounds it by 9 and 3"),
        (
            Rule("X", "String", min_length=5, max_length=2),
            "abc",
            "may be set to nothing: the registry wants 5 to 2 characters",
        ),
        (Rule("X", "String", unique=True), "a", "is this machine's own and is not changed by a plan"),
    ],
)
def test_what_cannot_be_set_is_said_why(rule: Rule, value: Any, says: str) -> None:
    assert problem(rule, value) == says


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^[a]{1,99999}$", "^[z-a]$", "a|b", "[a](b)*"])
def test_a_foreign_expression_that_may_take_long_is_never_run_and_that_is_said(pattern: str) -> None:
    rule = Rule("X", "String", pattern=pattern)
    assert problem(rule, "a" * 40 + "!") is None
    assert untried(rule) == f"whether its form is right is not tried here: {pattern}"


def test_a_type_that_is_not_known_is_said_and_its_own_default_is_always_allowed() -> None:
    assert untried(Rule("X", "Blob")) == "its type Blob is not known here"
    assert untried(Rule("X", "Integer")) == ""
    assert problem(Rule("X", "String", pattern="^[0-9]{4}$", default=""), "") is None


def _dependency(**changes: Any) -> dict[str, Any]:
    condition = {"MapFromAttribute": "A", "MapFromProperty": "CurrentValue", "MapFromCondition": "EQU",
                 "MapFromValue": "1"}  # fmt: skip
    inner = {"MapFrom": [condition], "MapToAttribute": "B", "MapToProperty": "CurrentValue", "MapToValue": "2"}
    return {"Type": "Map", "DependencyFor": "B", "Dependency": {**inner, **changes}}


def _condition(**changes: Any) -> list[dict[str, Any]]:
    return [{**_dependency()["Dependency"]["MapFrom"][0], **changes}]


@pytest.mark.parametrize(
    ("dependency", "unclear"),
    [
        ("x", Unclear("a dependency has no such form as is known here")),
        ({"Type": "Map"}, Unclear("a dependency has no such form as is known here")),
        ({**_dependency(), "Type": "Script"},
         Unclear("a dependency has no such form as is known here", ("A",), "B", "CurrentValue")),
        (_dependency(MapFrom=[]), Unclear("a dependency has no such form as is known here", (), "B", "CurrentValue")),
        (_dependency(MapFrom=[1]), Unclear("a dependency has no such form as is known here", (), "B", "CurrentValue")),
        (_dependency(MapToAttribute=None),
         Unclear("a dependency has no such form as is known here", ("A",), "", "CurrentValue")),
        (_dependency(MapFrom=_condition() * 9),
         Unclear("a dependency has no such form as is known here", ("A",) * 9, "B", "CurrentValue")),
        (_dependency(MapFrom=_condition(MapFromCondition="LIKE")),
         Unclear("a condition is AND LIKE", ("A",), "B", "CurrentValue")),
        (_dependency(MapFrom=_condition(MapTerms="XOR")),
         Unclear("a condition is XOR EQU", ("A",), "B", "CurrentValue")),
        (_dependency(MapFrom=_condition(MapFromProperty="ReadOnly")),
         Unclear("a condition looks at ReadOnly", ("A",), "B", "CurrentValue")),
        (_dependency(MapFrom=_condition(MapFromValue=["1"])),
         Unclear("a condition compares with what is no plain value", ("A",), "B", "CurrentValue")),
        (_dependency(MapToProperty="ValueExpression"),
         Unclear("a dependency sets ValueExpression to 2", ("A",), "B", "ValueExpression")),
        (_dependency(MapToProperty="GrayOut", MapToValue="yes"),
         Unclear("a dependency sets GrayOut to yes", ("A",), "B", "GrayOut")),
        (_dependency(MapToProperty="UpperBound", MapToValue="9"),
         Unclear("a dependency sets UpperBound to 9", ("A",), "B", "UpperBound")),
    ],
)  # fmt: skip
def test_what_is_not_understood_of_a_dependency_is_kept_with_what_it_is_about(
    dependency: Any, unclear: Unclear
) -> None:
    body: Any = {"RegistryEntries": {"Attributes": [], "Dependencies": [_dependency(), dependency]}}
    for one in (body, compact(body)):
        registry = read_registry(one)
        assert registry.unclear == (unclear,)
        assert len(registry.maps) == 1


def test_a_dependency_that_only_changes_what_people_see_is_left_out() -> None:
    body: Any = {"RegistryEntries": {"Attributes": [], "Dependencies": [_dependency(MapToProperty="HelpText")]}}
    assert read_registry(body) == read_registry({})


def test_what_is_beyond_the_bounds_is_counted_as_not_understood() -> None:
    many: Any = {"RegistryEntries": {"Attributes": [], "Dependencies": [_dependency()] * (MAX_MAPS + 1)}}
    registry = read_registry(many)
    assert (len(registry.maps), registry.unclear) == (MAX_MAPS, (Unclear(f"it has more than {MAX_MAPS} dependencies"),))
    no_list: Any = {"RegistryEntries": {"Attributes": [], "Dependencies": {"0": _dependency()}}}
    assert read_registry(no_list).unclear == read_registry(compact(no_list)).unclear != ()


def test_attributes_without_sense_are_left_out() -> None:
    broken: Any = {"RegistryEntries": {"Attributes": [1, {}, {"AttributeName": 5}], "Dependencies": []}}
    assert read_registry(broken).rules == {}
    assert read_registry({"RegistryEntries": []}).maps == ()
