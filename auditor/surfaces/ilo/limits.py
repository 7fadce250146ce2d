"""What may be set of BIOS attributes: what a change makes of it, and what is allowed as things stand. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from auditor.model.plan import Aspect, Limit
from auditor.model.resource import Address
from auditor.model.value import Boolean, Number, Undetermined, Value
from auditor.surfaces.ilo.dependencies import Dependencies, Doubt
from auditor.surfaces.ilo.registry import Registry, Setting

_BOUNDS: Final[tuple[Aspect, ...]] = ("least", "most", "step", "shortest", "longest")
"""In the order of :data:`auditor.surfaces.ilo.registry.BOUNDS`."""
_LISTED: Final = 40


def changed_limits(
    dependencies: Dependencies, before: Mapping[str, Setting], after: Mapping[str, Setting]
) -> tuple[tuple[Limit, ...], tuple[Doubt, ...]]:
    """What becomes locked, unlocked, hidden, shown or otherwise bounded, sorted; and what is not decided of that.

    The addresses name nothing but the attribute.
    """
    limits: list[Limit] = []
    doubts: list[Doubt] = []
    for name in dependencies.touched(before, after):
        was, will = dependencies.standing(name, before), dependencies.standing(name, after)
        doubts += will.doubts
        address = Address("", "ilo.bios", "", name)
        if was.locked is not will.locked:
            by = will.locked_by or was.locked_by
            limits.append(Limit(address, "locked", _flag(was.locked), _flag(will.locked), by))
        if was.hidden is not will.hidden:
            limits.append(Limit(address, "hidden", _flag(was.hidden), _flag(will.hidden)))
        limits += [
            Limit(address, aspect, _bound(old), _bound(new))
            for aspect, old, new in zip(_BOUNDS, was.bounds, will.bounds, strict=True)
            if old != new
        ]
    return tuple(limits), tuple(doubts)


def allowed_of(registry: Registry, dependencies: Dependencies, name: str, values: Mapping[str, Setting]) -> str:
    """What an attribute may be set to while these are the values, for people; empty where the registry says nothing."""
    rule = registry.rules[name]
    if rule.values is not None:
        more = f", and {len(rule.values) - _LISTED} more" if len(rule.values) > _LISTED else ""
        return ", ".join(rule.values[:_LISTED]) + more
    now = dependencies.standing(name, values)
    least, most, step, shortest, longest = now.bounds
    if rule.type == "Integer":
        by = f" in steps of {step:g}" if step not in (None, 1) else ""
        return f"{_range(least, most)}{by}"
    if rule.type == "Boolean":
        return "true, false"
    form = f" like {rule.pattern[:200]}" if rule.pattern else ""
    return f"{_range(shortest or 0, longest)} characters{form}"


def _range(least: float | None, most: float | None) -> str:
    if least is None or most is None:
        return "any number of" if least == 0 else "any whole number"
    return f"{least:.0f} to {most:.0f}"


def _flag(value: bool | None) -> Value:
    return Undetermined("not decided") if value is None else Boolean(value)


def _bound(value: float | None) -> Value | None:
    return None if value is None else Number(value)
