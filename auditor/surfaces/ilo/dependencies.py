"""What BIOS attributes change beside the one that is set, and what may be set then, by the maps of a registry. Pure.

What is not decided, or not understood of the registry, is a doubt wherever it may matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from auditor.surfaces.ilo.map_conditions import applies, spelled, undecided
from auditor.surfaces.ilo.registry import (
    BOUNDS,
    LOCKS,
    Map,
    Registry,
    Rule,
    Setting,
    alike,
    problem,
    unfit,
    untried,
)

PROFILE: Final = "WorkloadProfile"
ROUNDS: Final = 30
About: TypeAlias = Literal["value", "lock", "hidden", "bounds", "form"]
_UNKNOWN: Final = Rule("", "")


class Doubt(msgspec.Struct, frozen=True):
    """What could not be decided: what about which attribute (empty: any), and why, as the end of a sentence."""

    attribute: str
    about: About
    why: str


class Settled(msgspec.Struct, frozen=True):
    """What becomes of the settings: every value afterwards, why an asked-for one is not met, what is not decided.

    ``refused`` maps a name to the end of a sentence that starts with it. Where nothing is refused and no doubt is about
    a value, every asked-for value is met, and every map that a change touched holds.
    """

    values: dict[str, Setting]
    refused: dict[str, str]
    doubts: tuple[Doubt, ...] = ()


class Standing(msgspec.Struct, frozen=True):
    """What may be done with one attribute while the settings are as they are.

    ``locked`` and ``hidden`` are None where that is not decided. ``locked_by`` says for people which settings lock it.
    ``bounds`` are those that count, in the order of :data:`BOUNDS`.
    """

    locked: bool | None = False
    locked_by: str = ""
    hidden: bool | None = False
    bounds: tuple[float | None, ...] = (None,) * len(BOUNDS)
    doubts: tuple[Doubt, ...] = ()


class Dependencies:
    """What the maps of one registry do."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._forcing: dict[str, list[Map]] = {}  # by each attribute that they look at
        self._forced: dict[str, list[Map]] = {}  # the same by the attribute that they force
        self._limiting: dict[str, list[Map]] = {}  # by the attribute that they limit
        self._limited: dict[str, set[str]] = {}  # what is limited, by each attribute that is looked at
        for one in registry.maps:
            by_target = self._forced if one.property == "CurrentValue" else self._limiting
            by_target.setdefault(one.attribute, []).append(one)
            for name in dict.fromkeys(condition.attribute for condition in one.conditions):
                if one.property == "CurrentValue":
                    self._forcing.setdefault(name, []).append(one)
                else:
                    self._limited.setdefault(name, set()).add(one.attribute)

    def settle(self, current: Mapping[str, Setting], asked: Mapping[str, Setting]) -> Settled:
        """What becomes of ``current`` when ``asked`` is set: one after the other, the workload profile first.

        An attribute that is locked by then, or that a later one sets otherwise, is refused. Maps to absent attributes
        have no effect.
        """
        values: dict[str, Setting] = dict(current)
        refused: dict[str, str] = {}
        doubts: list[Doubt] = []
        for name in in_order(self._registry, asked):
            why, unsure = self._refusal(name, asked[name], values)
            if why:
                refused[name] = why
                continue
            values, more = self._with_consequences(values, name, asked[name])
            doubts += (*unsure, *more)
        for name, value in asked.items():
            if name not in refused and not alike(values[name], value):
                refused[name] = f"is set to {values[name]} by another of these settings"
        moved = {name for name in values if not alike(values[name], current.get(name))}
        doubts += (*self._unmet(values, moved), *self._unclear(values, moved))
        told: dict[tuple[str, ...], Doubt] = {}
        for one in doubts:  # the first word on each attribute is enough
            told.setdefault((one.attribute, one.about) if one.attribute else (one.why,), one)
        return Settled(values, refused, tuple(told.values()))

    def touched(self, before: Mapping[str, Setting], after: Mapping[str, Setting]) -> tuple[str, ...]:
        """The attributes whose :meth:`standing` may be another, since a map looks at what differs; sorted."""
        moved = [name for name in after if not alike(after[name], before.get(name))]
        return tuple(sorted({one for name in moved for one in self._limited.get(name, ()) if one in after}))

    def standing(self, name: str, values: Mapping[str, Setting]) -> Standing:
        """What may be done with an attribute while these are the values."""
        said = _always(self._registry.rules.get(name, _UNKNOWN))
        doubts: dict[str, Doubt] = {}
        told: dict[str, Setting] = {}
        by = ""
        verdicts = [(one, applies(one, values)) for one in self._limiting.get(name, ())]
        for one in (one for one, holds in verdicts if holds):
            if told.setdefault(one.property, one.value) != one.value:
                doubts[one.property] = Doubt(name, _about(one.property), "the registry contradicts itself")
            said[one.property] = one.value
            by = by or (spelled(one, values) if one.property in LOCKS and one.value is True else "")
        for one in (one for one, holds in verdicts if holds is None):
            if said[one.property] != one.value:
                doubts.setdefault(
                    one.property, Doubt(name, _about(one.property), f"depends on {undecided(one, values)}")
                )
        locked = any(said[lock] is True and lock not in doubts for lock in LOCKS)
        if locked:
            doubts = {each: doubt for each, doubt in doubts.items() if each not in LOCKS}
        return Standing(
            None if doubts.keys() & set(LOCKS) else locked,
            by if locked else "",
            None if "Hidden" in doubts else said["Hidden"] is True,
            tuple(_number(said[each]) for each in BOUNDS),
            tuple(doubts.values()),
        )

    def _refusal(self, name: str, value: Setting, values: Mapping[str, Setting]) -> tuple[str, tuple[Doubt, ...]]:
        """Why an attribute cannot be set while these are the values, else what is not known of that."""
        if name not in values:
            return "does not exist on this machine", ()
        if alike(values[name], value):
            return "", ()
        now = self.standing(name, values)
        doubts = tuple(one for one in now.doubts if one.about != "hidden")
        rule = self._registry.rules.get(name)
        if rule is not None and (why := problem(_as_it_stands(rule, now), value)):
            return why, ()
        if now.locked:
            return f"is locked while {now.locked_by}" if now.locked_by else "is locked always", ()
        doubts += tuple(self._overruled(name, value, values))
        form = untried(rule) if rule is not None else "the registry does not describe it"
        return "", (*doubts, Doubt(name, "form", form)) if form else doubts

    def _overruled(self, name: str, value: Setting, values: Mapping[str, Setting]) -> Iterable[Doubt]:
        """Maps that hold already and force another value: some are obeyed at the next POST, and some are not."""
        for one in self._forced.get(name, ()):
            own = any(condition.attribute == name for condition in one.conditions)
            if not own and not alike(one.value, value) and applies(one, values):
                why = f"the registry sets it to {one.value} while {spelled(one, values)}: POST may do so again"
                yield Doubt(name, "lock", why)

    def _with_consequences(
        self, values: Mapping[str, Setting], name: str, value: Setting
    ) -> tuple[dict[str, Setting], list[Doubt]]:
        """The values after one change, and what is not decided of them.

        A map fires only where an attribute that it looks at changes: whether one that held all along still decides its
        target cannot be known from outside. One that would move what was just set fires last, so that of two settings
        that exclude each other the other one gives way.
        """
        after = {**values, name: value}
        moved = set[str]() if alike(values.get(name), value) else {name}
        forced: dict[str, list[str]] = {}
        for _ in range(ROUNDS):
            forced.clear()
            for one in self._looking_at(moved, name, after):
                if not alike(after[one.attribute], one.value) and applies(one, after):
                    after[one.attribute] = one.value
                    moved.add(one.attribute)
                    forced.setdefault(one.attribute, []).append(str(one.value))
            if not forced:
                break
        restless = "the registry's dependencies do not come to rest"
        doubts = [Doubt(each, "value", f"{restless}: {', '.join(ways[:4])}") for each, ways in sorted(forced.items())]
        doubts += [
            Doubt(each, "value", f"the registry sets it to {after[each]}, and says that it {why}")
            for each in sorted(moved - {name})
            if (rule := self._registry.rules.get(each)) and (why := unfit(rule, after[each]))
        ]
        return after, doubts

    def _unmet(self, values: Mapping[str, Setting], moved: set[str]) -> Iterable[Doubt]:
        """Maps that look at what moved and are not met: not decided, or overruled by what was set after them."""
        for one in self._looking_at(moved, "", values):
            holds = applies(one, values)
            if holds is False or alike(values[one.attribute], one.value):
                continue
            by = spelled(one, values) if holds else undecided(one, values)
            why = f"it would be {one.value} while {by}" if holds else f"whether it becomes {one.value} depends on {by}"
            yield Doubt(one.attribute, "value", why)

    def _looking_at(self, moved: Iterable[str], last: str, values: Mapping[str, Setting]) -> list[Map]:
        """The maps to present attributes that look at one that moved; those that would move ``last``, last."""
        found = {
            id(one): one for name in sorted(moved) for one in self._forcing.get(name, ()) if one.attribute in values
        }
        return sorted(found.values(), key=lambda one: one.attribute == last)

    def _unclear(self, values: Mapping[str, Setting], moved: set[str]) -> Iterable[Doubt]:
        """What the registry says in a way that is not understood, where it may concern what changes."""
        for one in self._registry.unclear:
            concerns = not one.sources or moved.intersection(one.sources)
            if moved and concerns and (not one.attribute or one.attribute in values):
                yield Doubt(one.attribute, _about(one.property), one.why)


def settle(registry: Registry, current: Mapping[str, Setting], asked: Mapping[str, Setting]) -> Settled:
    """What becomes of ``current`` when ``asked`` is set; see :meth:`Dependencies.settle`."""
    return Dependencies(registry).settle(current, asked)


def in_order(registry: Registry, asked: Mapping[str, Setting]) -> tuple[str, ...]:
    """The names in the order in which they must be set: the profile, then what decides others, then the rest."""
    deciding: dict[str, set[str]] = {}
    for one in registry.maps:
        deciding.setdefault(one.attribute, set()).update(condition.attribute for condition in one.conditions)

    def deciders(name: str) -> int:
        """How many of the names decide this one, directly or not."""
        found: set[str] = set()
        new = [name]
        while new:
            more = deciding.get(new.pop(), set()) - found
            found |= more
            new += more
        return len((found - {name}) & asked.keys())

    rank = {name: deciders(name) for name in asked}
    return tuple(sorted(asked, key=lambda name: (name != PROFILE, rank[name], name)))


def _always(rule: Rule) -> dict[str, Setting]:
    """What the registry says of an attribute's properties where no map says otherwise."""
    return {
        "ReadOnly": rule.read_only, "GrayOut": rule.gray_out, "Immutable": rule.immutable, "Hidden": rule.hidden,
        "LowerBound": rule.lower, "UpperBound": rule.upper, "ScalarIncrement": rule.increment,
        "MinLength": rule.min_length, "MaxLength": rule.max_length,
    }  # fmt: skip


def _as_it_stands(rule: Rule, now: Standing) -> Rule:
    lower, upper, increment, shortest, longest = now.bounds
    return msgspec.structs.replace(
        rule,
        lower=lower,
        upper=upper,
        increment=increment,
        min_length=None if shortest is None else int(shortest),
        max_length=None if longest is None else int(longest),
        read_only=rule.read_only and now.locked is not False,
        immutable=rule.immutable and now.locked is not False,
    )


def _number(value: Setting) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _about(property_: str) -> About:
    if property_ in LOCKS:
        return "lock"
    return "hidden" if property_ == "Hidden" else "bounds" if property_ in BOUNDS else "value"
