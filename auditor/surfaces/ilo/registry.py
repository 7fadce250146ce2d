"""The attribute registry of a BIOS: types, bounds, what may not be set or compared, and which maps it holds.

What is not understood of it is kept by name: it may decide something. What the maps do is told by
:mod:`auditor.surfaces.ilo.dependencies`. Source: the AttributeRegistry schema (DMTF DSP0266, DSP2046); the forms seen
in HPE's registries: maps from ``CurrentValue`` by ``EQU`` and ``NEQ``, to ``CurrentValue``, ``ReadOnly`` and
``GrayOut``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, TypeAlias

import msgspec

from auditor.surfaces.ilo.body import Body, Json

Setting: TypeAlias = str | int | float | bool | None

MAX_ATTRIBUTES: Final = 5_000
MAX_MAPS: Final = 10_000
MAX_CONDITIONS: Final = 8
LOCKS: Final = ("ReadOnly", "GrayOut", "Immutable")
"""The properties of which each keeps an attribute from being set."""
BOUNDS: Final = ("LowerBound", "UpperBound", "ScalarIncrement", "MinLength", "MaxLength")
_SHOWN: Final = frozenset({"DefaultValue", "DisplayName", "DisplayOrder", "HelpText", "WarningText"})
"""What a map may change for people's eyes alone."""
_OPERATORS: Final = frozenset({"EQU", "NEQ", "GTR", "GEQ", "LSS", "LEQ"})
_MAX_PATTERN: Final = 200
_MAX_TEXT: Final = 1_000
_KEPT_ATTRIBUTE: Final = (
    "AttributeName",
    "DefaultValue",
    "GrayOut",
    "Hidden",
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


def alike(one: Setting, other: Setting) -> bool:
    """Whether two settings are one value: JSON's equality, by which true is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


class Rule(msgspec.Struct, frozen=True):
    """What the registry says of one attribute. Bounds, lengths and ``values`` are None where it says nothing.

    ``reset_required``: a new value takes effect only with a reset; so too where the registry does not say.
    """

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
    gray_out: bool = False
    hidden: bool = False
    reset_required: bool = True

    @property
    def comparable(self) -> bool:
        """Whether its value may be agreed about: not written only, not fixed, not this one machine's own."""
        return not (self.read_only or self.write_only or self.immutable or self.unique)


class Condition(msgspec.Struct, frozen=True, gc=False):
    """One condition of a map: the attribute's current value against another. ``joined_by`` is AND or OR."""

    attribute: str
    operator: str
    value: Setting
    joined_by: str


class Map(msgspec.Struct, frozen=True):
    """Where the conditions hold, the attribute's property is the value."""

    conditions: tuple[Condition, ...]
    attribute: str
    property: str
    value: Setting


class Unclear(msgspec.Struct, frozen=True):
    """Something of a registry that is not understood, and why.

    ``sources`` are the attributes it depends on; empty where that is not known. ``attribute`` and ``property`` are what
    it decides, empty likewise.
    """

    why: str
    sources: tuple[str, ...] = ()
    attribute: str = ""
    property: str = ""


class Registry(msgspec.Struct, frozen=True):
    """One registry: its id, what it says of each attribute, its maps, and what is not understood of it.

    Maps that decide nothing but what people see in a menu are left out.
    """

    id: str
    rules: dict[str, Rule]
    maps: tuple[Map, ...]
    unclear: tuple[Unclear, ...] = ()


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
            "Dependencies": _compact_dependencies(dependencies),
        },
    }


def _compact_dependencies(listed: Json) -> Json:
    """What is no object is kept as null, and a list that is none too: each is something that is not understood."""
    if listed is None:
        return []
    return [dict(one) if isinstance(one, dict) else None for one in listed] if isinstance(listed, list) else False


def _compact_attribute(one: Body) -> Body:
    kept: Body = {name: one[name] for name in _KEPT_ATTRIBUTE if name in one}
    if isinstance(values := one.get("Value"), list):
        kept["Value"] = [{"ValueName": value.get("ValueName")} for value in _objects(values)]
    return kept


def read_registry(body: Body) -> Registry:
    """What a registry's body says; entries that make no sense are unclear, and so is all beyond the bounds."""
    entries = body.get("RegistryEntries")
    attributes = entries.get("Attributes") if isinstance(entries, dict) else None
    listed = entries.get("Dependencies") if isinstance(entries, dict) else None
    rules = [rule for one in _objects(attributes)[:MAX_ATTRIBUTES] if (rule := _rule(one))]
    dependencies = listed if isinstance(listed, list) else []
    read = [_dependency(one) for one in dependencies[:MAX_MAPS]]
    unclear = [one for one in read if isinstance(one, Unclear)]
    if listed is not None and not isinstance(listed, list):
        unclear.append(Unclear("its dependencies are no list"))
    if len(dependencies) > MAX_MAPS:
        unclear.append(Unclear(f"it has more than {MAX_MAPS} dependencies"))
    if isinstance(attributes, list) and len(attributes) > MAX_ATTRIBUTES:
        unclear.append(Unclear(f"it has more than {MAX_ATTRIBUTES} attributes"))
    maps = tuple(one for one in read if isinstance(one, Map))
    return Registry(str(body.get("Id", "")), {rule.name: rule for rule in rules}, maps, tuple(unclear))


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
        gray_out=one.get("GrayOut") is True,
        hidden=one.get("Hidden") is True,
        reset_required=one.get("ResetRequired") is not False,
    )


def _number(value: Json) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _setting(value: Json) -> Setting:
    return None if isinstance(value, list | dict) else value


def _dependency(one: Json) -> Map | Unclear | None:
    """A dependency as a map, or why it is none; None where it changes what people see and no more."""
    inner = one.get("Dependency") if isinstance(one, dict) else None
    if not isinstance(one, dict) or not isinstance(inner, dict):
        return Unclear("a dependency has no such form as is known here")
    attribute, property_ = inner.get("MapToAttribute"), inner.get("MapToProperty")
    listed = inner.get("MapFrom")
    parts = listed if isinstance(listed, list) else []
    named = [part.get("MapFromAttribute") if isinstance(part, dict) else None for part in parts]
    sources = tuple(str(name) for name in named) if all(isinstance(name, str) for name in named) else ()
    about = (sources, attribute if isinstance(attribute, str) else "", property_ if isinstance(property_, str) else "")
    if property_ in _SHOWN:
        return None
    if one.get("Type") != "Map" or not isinstance(attribute, str) or not sources or len(parts) > MAX_CONDITIONS:
        return Unclear("a dependency has no such form as is known here", *about)
    value = _setting(inner.get("MapToValue"))
    if not _fits(property_, value):
        return Unclear(f"a dependency sets {_short(property_)} to {_short(inner.get('MapToValue'))}", *about)
    conditions: list[Condition] = []
    for part in _objects(parts):
        operator, term = part.get("MapFromCondition"), part.get("MapTerms") or "AND"
        if part.get("MapFromProperty") != "CurrentValue":
            return Unclear(f"a condition looks at {_short(part.get('MapFromProperty'))}", *about)
        if operator not in _OPERATORS or term not in ("AND", "OR"):
            return Unclear(f"a condition is {_short(term)} {_short(operator)}", *about)
        if isinstance(part.get("MapFromValue"), list | dict):
            return Unclear("a condition compares with what is no plain value", *about)
        conditions.append(
            Condition(str(part["MapFromAttribute"]), str(operator), _setting(part.get("MapFromValue")), str(term))
        )
    return Map(tuple(conditions), attribute, str(property_), value)


def _fits(property_: Json, value: Setting) -> bool:
    """Whether a property that is known here can be that value."""
    if property_ in LOCKS or property_ == "Hidden":
        return isinstance(value, bool)
    if property_ in BOUNDS:
        return _number(value) is not None
    return property_ == "CurrentValue" and value is not None


def _short(value: Json) -> str:
    return str(value)[:60]


def problem(rule: Rule, value: Setting) -> str | None:
    """Why a value cannot be set, as the end of a sentence that starts with the attribute's name; None where it can."""
    if rule.read_only or rule.immutable:
        return "is read-only"
    if rule.write_only:
        return "is an order to the BIOS, not a setting: it cannot be read back"
    if rule.unique:
        return "is this machine's own and is not changed by a plan"
    return unfit(rule, value)


def unfit(rule: Rule, value: Setting) -> str | None:
    """Why it is no value of the attribute, said likewise; None where it is one, or its form is not tried here."""
    if rule.values is not None:
        if not rule.values:
            return "may be set to nothing: the registry lists no value"
        return None if value in rule.values else f"must be one of {', '.join(rule.values[:12])}"
    if rule.type == "Integer":
        return _number_problem(rule, value)
    if rule.type == "Boolean":
        return None if isinstance(value, bool) else "must be true or false"
    return _text_problem(rule, value)


def untried(rule: Rule) -> str:
    """What :func:`unfit` does not know of any value of the attribute: its type or its form; empty where it does."""
    if rule.values is not None or rule.type in ("Integer", "Boolean"):
        return ""
    if rule.type not in ("String", "Password"):
        return f"its type {_short(rule.type)} is not known here"
    if rule.pattern and not _simple(rule.pattern):
        return f"whether its form is right is not tried here: {rule.pattern[:_MAX_PATTERN]}"
    return ""


def _number_problem(rule: Rule, value: Setting) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return "must be a whole number"
    if rule.lower is not None and rule.upper is not None and rule.lower > rule.upper:
        return f"may be set to nothing: the registry bounds it by {_bound(rule.lower)} and {_bound(rule.upper)}"
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
    least, most = rule.min_length or 0, _MAX_TEXT if rule.max_length is None else rule.max_length
    if least > most:
        return f"may be set to nothing: the registry wants {least} to {most} characters"
    if not least <= len(value) <= most:
        return f"must have {least} to {most} characters"
    if value == rule.default:  # seen: a default of no characters beside a pattern that wants sixteen
        return None
    if _simple(rule.pattern) and not re.fullmatch(rule.pattern.removeprefix("^").removesuffix("$"), value):
        return f"must match {rule.pattern}"
    return None


_CLASS: Final = r"^\^?(?:\[(?:[^\]\\]|\\.)*\]|[A-Za-z0-9 ])(?:[*+?]|\{\d{1,4}(?:,\d{0,4})?\})?\$?$"


@lru_cache(maxsize=1024)
def _simple(pattern: str) -> bool:
    """Whether a pattern is one class with one repetition: the only form seen that cannot take long.

    A foreign regular expression is never run: some need years for a short text.
    """
    if len(pattern) > _MAX_PATTERN or not re.fullmatch(_CLASS, pattern):
        return False
    try:
        re.compile(pattern)
    except (re.error, OverflowError):
        return False
    return bool(pattern)
