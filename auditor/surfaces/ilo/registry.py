"""The attribute registry of a BIOS: types, bounds, what may not be set or compared, and what else a change changes.

Source: the AttributeRegistry schema (DMTF DSP0266, DSP2046); the forms seen in HPE's registries: maps from
``CurrentValue`` by ``EQU``, ``NEQ`` and comparisons, to ``CurrentValue``, ``ReadOnly``, ``GrayOut`` and ``Hidden``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from auditor.surfaces.ilo.body import Body, Json

Setting: TypeAlias = str | int | float | bool | None

PROFILE: Final = "WorkloadProfile"
_ROUNDS: Final = 20
_MAX_PATTERN: Final = 200
_MAX_TEXT: Final = 1_000
_KEPT_ATTRIBUTE: Final = (
    "AttributeName",
    "DefaultValue",
    "GrayOut",
    "Immutable",
    "IsSystemUniqueProperty",
    "LowerBound",
    "MaxLength",
    "MinLength",
    "ReadOnly",
    "ResetRequired",
    "ScalarIncrement",
    "Type",
    "UpperBound",
    "ValueExpression",
    "WriteOnly",
)


class Rule(msgspec.Struct, frozen=True):
    """What the registry says of one attribute. Bounds, lengths and ``values`` are None where it says nothing."""

    name: str
    type: str
    values: tuple[str, ...] | None = None
    lower: float | None = None
    upper: float | None = None
    increment: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str = ""
    read_only: bool = False
    write_only: bool = False
    immutable: bool = False
    unique: bool = False
    default: Setting = None

    @property
    def comparable(self) -> bool:
        """Whether its value may be agreed about: not written only, not fixed, not this one machine's own."""
        return not (self.read_only or self.write_only or self.immutable or self.unique)


class _Condition(msgspec.Struct, frozen=True):
    attribute: str
    operator: str
    value: Setting
    joined_by: str


class _Map(msgspec.Struct, frozen=True):
    conditions: tuple[_Condition, ...]
    attribute: str
    property: str
    value: Setting


class Registry(msgspec.Struct, frozen=True):
    """One registry: its id, what it says of each attribute, and its maps."""

    id: str
    rules: dict[str, Rule]
    maps: tuple[_Map, ...]


class Settled(msgspec.Struct, frozen=True):
    """What becomes of the settings: every value afterwards, and why an asked-for one is not met.

    ``refused`` maps a name to the end of a sentence that starts with it.
    """

    values: dict[str, Setting]
    refused: dict[str, str]


def compact(body: Body) -> Body:
    """The registry without texts for people and menus: what bounds, comparing and dependencies need.

    It is reference data, the same on every machine with that BIOS, and four times smaller so.
    """
    entries = body.get("RegistryEntries")
    attributes = entries.get("Attributes") if isinstance(entries, dict) else None
    dependencies = entries.get("Dependencies") if isinstance(entries, dict) else None
    return {
        **{name: body[name] for name in ("@odata.type", "Id", "Language", "RegistryVersion") if name in body},
        "RegistryEntries": {
            "Attributes": [_compact_attribute(one) for one in _objects(attributes)],
            "Dependencies": [dict(one) for one in _objects(dependencies)],
        },
    }


def _compact_attribute(one: Body) -> Body:
    kept: Body = {name: one[name] for name in _KEPT_ATTRIBUTE if name in one}
    if isinstance(values := one.get("Value"), list):
        kept["Value"] = [{"ValueName": value.get("ValueName")} for value in _objects(values)]
    return kept


def read_registry(body: Body) -> Registry:
    """What a registry's body says; entries that make no sense are left out."""
    entries = body.get("RegistryEntries")
    attributes = entries.get("Attributes") if isinstance(entries, dict) else None
    dependencies = entries.get("Dependencies") if isinstance(entries, dict) else None
    rules = [rule for one in _objects(attributes) if (rule := _rule(one))]
    maps = [found for one in _objects(dependencies) if (found := _map(one))]
    return Registry(str(body.get("Id", "")), {rule.name: rule for rule in rules}, tuple(maps))


def _objects(value: Json) -> list[Body]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _rule(one: Body) -> Rule | None:
    name = one.get("AttributeName")
    if not isinstance(name, str):
        return None
    listed = one.get("Value")
    names = [value["ValueName"] for value in _objects(listed) if isinstance(value.get("ValueName"), str)]
    pattern = one.get("ValueExpression")
    return Rule(
        name,
        str(one.get("Type", "")),
        tuple(str(value) for value in names) if isinstance(listed, list) else None,
        _number(one.get("LowerBound")),
        _number(one.get("UpperBound")),
        _number(one.get("ScalarIncrement")),
        _whole(one.get("MinLength")),
        _whole(one.get("MaxLength")),
        pattern if isinstance(pattern, str) else "",
        one.get("ReadOnly") is True,
        one.get("WriteOnly") is True or one.get("Type") == "Password",
        one.get("Immutable") is True,
        one.get("IsSystemUniqueProperty") is True,
        _setting(one.get("DefaultValue")),
    )


def _number(value: Json) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _setting(value: Json) -> Setting:
    return None if isinstance(value, list | dict) else value


def _map(one: Body) -> _Map | None:
    inner = one.get("Dependency")
    if one.get("Type") != "Map" or not isinstance(inner, dict):
        return None
    attribute, property_ = inner.get("MapToAttribute"), inner.get("MapToProperty")
    conditions: list[_Condition] = []
    for part in _objects(inner.get("MapFrom")):
        name = part.get("MapFromAttribute")
        if not isinstance(name, str) or part.get("MapFromProperty") != "CurrentValue":
            return None  # a condition on something that we do not simulate: the map is left out as a whole
        conditions.append(
            _Condition(
                name,
                str(part.get("MapFromCondition", "")),
                _setting(part.get("MapFromValue")),
                str(part.get("MapTerms") or "AND"),
            )
        )
    if not conditions or not isinstance(attribute, str) or not isinstance(property_, str):
        return None
    return _Map(tuple(conditions), attribute, property_, _setting(inner.get("MapToValue")))


def _holds(condition: _Condition, values: Mapping[str, Setting]) -> bool:
    have, want = values.get(condition.attribute), condition.value
    match condition.operator:
        case "EQU":
            return have == want
        case "NEQ":
            return have != want
        case "GTR" | "GEQ" | "LSS" | "LEQ" if isinstance(have, int | float) and isinstance(want, int | float):
            return {"GTR": have > want, "GEQ": have >= want, "LSS": have < want, "LEQ": have <= want}[
                condition.operator
            ]
    return False


def _applies(one: _Map, values: Mapping[str, Setting]) -> bool:
    """Whether the conditions hold, joined from left to right, as the terms between them say."""
    verdict = _holds(one.conditions[0], values)
    for condition in one.conditions[1:]:
        if condition.joined_by == "OR":
            verdict = verdict or _holds(condition, values)
        else:
            verdict = verdict and _holds(condition, values)
    return verdict


def settle(registry: Registry, current: Mapping[str, Setting], asked: Mapping[str, Setting]) -> Settled:
    """What becomes of ``current`` when ``asked`` is set: one after the other, the workload profile first.

    An attribute that is locked by then, or that a later one sets otherwise, is refused. Maps to absent attributes
    have no effect.
    """
    values: dict[str, Setting] = dict(current)
    refused: dict[str, str] = {}
    for name in in_order(registry, asked):
        if name not in values:
            refused[name] = "does not exist on this machine"
        elif (
            name in registry.rules
            and (why := problem(registry.rules[name], asked[name]))
            and values[name] != asked[name]
        ):
            refused[name] = why
        elif values[name] != asked[name] and (by := _locked_by(registry, name, values)):
            refused[name] = f"is locked while {by}"
        else:
            values = _with_consequences(registry, values, name, asked[name])
    for name, value in asked.items():
        if name not in refused and values[name] != value:
            refused[name] = f"is set to {values[name]} by another of these settings"
    return Settled(values, refused)


def in_order(registry: Registry, asked: Mapping[str, Setting]) -> tuple[str, ...]:
    """The names in the order in which they must be set: the profile, then what decides others, then the rest."""
    deciding = {
        condition.attribute
        for one in registry.maps
        if one.attribute in asked
        for condition in one.conditions
        if condition.attribute != one.attribute
    }
    return tuple(sorted(asked, key=lambda name: (name != PROFILE, name not in deciding, name)))


def _with_consequences(
    registry: Registry, values: Mapping[str, Setting], name: str, value: Setting
) -> dict[str, Setting]:
    """The values after one change. A map fires only where an attribute that it looks at changes.

    Whether a map that held all along still decides its target cannot be known from outside.
    """
    after = {**values, name: value}
    moved = {name} if values.get(name) != value else set[str]()
    for _ in range(_ROUNDS):
        before = dict(after)
        for one in registry.maps:
            if (
                one.property == "CurrentValue"
                and one.attribute in after
                and after[one.attribute] != one.value
                and any(condition.attribute in moved for condition in one.conditions)
                and _applies(one, after)
            ):
                after[one.attribute] = one.value
                moved.add(one.attribute)
        if after == before:
            break
    return after


def _locked_by(registry: Registry, name: str, values: Mapping[str, Setting]) -> str:
    """What locks an attribute while these are the values, for people; empty where nothing does."""
    for one in registry.maps:
        if one.attribute == name and _locks(one) and _applies(one, values):
            return " and ".join(f"{each.attribute} is {values.get(each.attribute)}" for each in one.conditions)
    return ""


def _locks(one: _Map) -> bool:
    return one.property in ("ReadOnly", "GrayOut") and one.value is True


def problem(rule: Rule, value: Setting) -> str | None:
    """Why a value cannot be set, as the end of a sentence that starts with the attribute's name; None where it can."""
    if rule.read_only or rule.immutable:
        return "is read-only"
    if rule.write_only:
        return "is an order to the BIOS, not a setting: it cannot be read back"
    if rule.unique:
        return "is this machine's own and is not changed by a plan"
    if rule.values is not None:
        return None if value in rule.values else f"must be one of {', '.join(rule.values[:12])}"
    if rule.type == "Integer":
        return _number_problem(rule, value)
    if rule.type == "Boolean":
        return None if isinstance(value, bool) else "must be true or false"
    return _text_problem(rule, value)


def _number_problem(rule: Rule, value: Setting) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return "must be a whole number"
    if (rule.lower is not None and value < rule.lower) or (rule.upper is not None and value > rule.upper):
        return f"must be between {_bound(rule.lower)} and {_bound(rule.upper)}"
    if rule.increment and (value - (rule.lower or 0)) % rule.increment:
        return f"must go in steps of {rule.increment:g} from {_bound(rule.lower or 0)}"
    return None


def _bound(value: float | None) -> str:
    return "any number" if value is None else f"{value:.0f}"


def _text_problem(rule: Rule, value: Setting) -> str | None:
    if not isinstance(value, str):
        return "must be text"
    if len(value) < (rule.min_length or 0) or len(value) > (_MAX_TEXT if rule.max_length is None else rule.max_length):
        return f"must have {rule.min_length or 0} to {rule.max_length or _MAX_TEXT} characters"
    if _simple(rule.pattern) and not re.fullmatch(rule.pattern.removeprefix("^").removesuffix("$"), value):
        return f"must match {rule.pattern}"
    return None


_CLASS: Final = r"^\^?(?:\[(?:[^\]\\]|\\.)*\]|[A-Za-z0-9 ])[*+?]?\$?$"


def _simple(pattern: str) -> bool:
    """Whether a pattern is one class with one repetition: the only form seen, and one that cannot take long.

    A foreign regular expression is never run: some need years for a short text.
    """
    if len(pattern) > _MAX_PATTERN or not re.fullmatch(_CLASS, pattern):
        return False
    try:
        re.compile(pattern)
    except re.error:
        return False
    return bool(pattern)
