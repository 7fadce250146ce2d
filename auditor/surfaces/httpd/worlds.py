"""What holds whatever is not known: conditionals that cannot be decided, and the version of httpd.

Unknowns that could act together are tried in every combination. An attribute that always comes out the same is
certain; one that differs is undetermined, with the cause. So nothing is guessed, and nothing is held back that does
not depend on the unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice, product
from typing import Final

import msgspec

from auditor.model.resource import Attribute, Resource, make_resource
from auditor.model.value import Undetermined
from auditor.surfaces.httpd.decisive import decides, family
from auditor.surfaces.httpd.directive import Directive, Doubt, Resolved
from auditor.surfaces.httpd.versions import Behaviour
from auditor.surfaces.httpd.words import readable, split_words

_LEAST_WORLDS: Final = 2
_MOST_WORLDS: Final = 256
_BUDGET: Final = 400_000
"""Directives that are understood over again, in all worlds together."""
_ANY_VALUE: Final = "86399"


def _variable(doubt: Doubt) -> tuple[str, bool]:
    """What is not known, and whether the conditional holds where it is true: ``<IfModule !x>`` negates."""
    found = re.fullmatch(r"<\s*(\w+)\s+(!?)\s*(.*?)\s*>?", doubt.text, re.DOTALL)
    if found is None:
        return doubt.text, True
    return f"<{found[1].lower()} {found[3]}>", not found[2]


class World(msgspec.Struct, frozen=True, gc=False):
    """One way things may be. ``directives`` are those that count in it; ``cause`` says what it depends on."""

    directives: tuple[Directive, ...]
    behaviour: Behaviour
    cause: str = ""


class Worlds(msgspec.Struct, frozen=True, gc=False):
    """Every way that could matter: ``first``, where each unknown conditional holds, and the others.

    ``too_many`` says that there were more than can be tried.
    """

    first: World
    others: tuple[World, ...]
    too_many: bool


VERSION_CAUSE: Final = "it depends on the version of httpd, which is not known: give --httpd-version"


def worlds(resolved: Resolved, behaviours: Sequence[Behaviour]) -> Worlds:
    """The worlds of a configuration."""
    allowed = min(_MOST_WORLDS, _BUDGET // max(1, len(resolved.directives) * len(behaviours)))
    allowed = max(_LEAST_WORLDS, allowed)
    groups = _together(resolved)
    hold = {name: True for unknowns in groups for name in unknowns}
    first = _kept(resolved, hold)
    others = [World(first, one, VERSION_CAUSE) for one in behaviours[1:]]
    too_many = False
    for unknowns in groups:
        cause = "; ".join(dict.fromkeys(f"{one.text}: {one.cause}" for one in list(unknowns.values())[:4]))
        ways = _ways(len(unknowns), allowed)
        too_many = too_many or ways is None
        for way in ways or ((False,) * len(unknowns),):
            kept = _kept(resolved, hold | dict(zip(unknowns, way, strict=True)))
            others += [World(kept, one, f"it depends on {cause}") for one in behaviours]
        allowed = max(_LEAST_WORLDS, allowed - 2 ** min(len(unknowns), 20))
    return Worlds(World(first, behaviours[0]), tuple(others), too_many)


def _ways(count: int, allowed: int) -> Iterable[tuple[bool, ...]] | None:
    """Every way to decide some unknowns but the first, where all hold; None where they are too many."""
    return None if count > 20 or 2**count > allowed else islice(product((True, False), repeat=count), 1, None)


def _together(resolved: Resolved) -> list[dict[str, Doubt]]:
    """The unknowns that decide anything, by groups: nothing that is said depends on unknowns of two groups."""
    doubts: dict[str, Doubt] = {}
    above: dict[str, str] = {}

    def top(name: str) -> str:
        while above.setdefault(name, name) != name:
            name = above[name]
        return name

    for directive in resolved.directives:
        name = directive.name.lower()
        if directive.doubts and decides(name):
            joined = top(f"family {family(name)}")
            for doubt in directive.doubts:
                variable = _variable(doubt)[0]
                doubts.setdefault(variable, doubt)
                above[top(variable)] = joined
    groups: dict[str, dict[str, Doubt]] = {}
    for variable, doubt in doubts.items():
        groups.setdefault(top(variable), {})[variable] = doubt
    return list(groups.values())


def _kept(resolved: Resolved, way: dict[str, bool]) -> tuple[Directive, ...]:
    if not way:
        return resolved.directives
    kept = []
    for directive in resolved.directives:
        held = directive if not directive.doubts else _held(directive, way)
        if held is not None:
            kept.append(held)
    return tuple(kept)


def _held(directive: Directive, way: dict[str, bool]) -> Directive | None:
    """The directive in one world; None where it does not count there."""
    for doubt in directive.doubts:
        name, wanted = _variable(doubt)
        if name not in way or way[name] == wanted:
            continue
        # A variable of unknown value may have any: one that stands nowhere else cannot agree with another by chance.
        if not name.startswith("${") or name not in directive.written:
            return None
        written = directive.written.replace(name, _ANY_VALUE)
        directive = msgspec.structs.replace(directive, arguments=written, written=written)
    return directive


def loaded_in(resolved: Resolved, world: World) -> tuple[tuple[str, str], ...]:
    """The modules of a world: those that are certainly there, and what its own doubtful lines load."""
    found = dict(resolved.modules)
    for directive in world.directives:
        if directive.doubts and directive.name.lower() == "loadmodule":
            words = split_words(directive.arguments)
            if len(words) == 2:
                found.setdefault(words[0], readable(words[1]))
    return tuple(found.items())


def reconcile(first: list[Resource], others: Iterable[tuple[list[Resource], str]]) -> list[Resource]:
    """The resources with every attribute that differs in another world undetermined. Each other has its cause."""
    found = {(one.kind, one.name): one for one in first}
    for resources, cause in others:
        theirs = {(one.kind, one.name): one for one in resources}
        for key in [*found, *(key for key in theirs if key not in found)]:
            found[key] = _merged(found.get(key), theirs.get(key), cause)
    return list(found.values())


def _merged(one: Resource | None, other: Resource | None, cause: str) -> Resource:
    if one is None or other is None:
        known = one or other
        assert known is not None  # noqa: S101 - a key of one of the two
        return make_resource(known.kind, known.name, [_unsure(item, cause) for item in known.attributes], known.source)
    if one.attributes == other.attributes:
        return one
    ours = {item.name: item for item in one.attributes}
    theirs = {item.name: item for item in other.attributes}
    merged = []
    for name in dict.fromkeys((*ours, *theirs)):
        mine, your = ours.get(name), theirs.get(name)
        if mine is not None and your is not None and mine.value == your.value:
            merged.append(mine)
        else:
            kept = mine or your
            assert kept is not None  # noqa: S101 - a name of one of the two
            merged.append(_unsure(kept, cause))
    return make_resource(one.kind, one.name, merged, one.source)


def _unsure(attribute: Attribute, cause: str) -> Attribute:
    if isinstance(attribute.value, Undetermined):
        return attribute
    return Attribute(attribute.name, Undetermined(cause), attribute.source)
