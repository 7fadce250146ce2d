"""What holds whatever is not known: conditionals that cannot be decided, and the version of httpd.

Each unknown is tried both ways. An attribute that comes out the same is certain; one that differs is undetermined,
with the cause. So nothing is guessed, and nothing is held back that does not depend on the unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Final

import msgspec

from auditor.model.resource import Attribute, Resource, make_resource
from auditor.model.value import Undetermined
from auditor.surfaces.httpd.directive import Directive, Doubt, Resolved
from auditor.surfaces.httpd.versions import Behaviour

MAX_UNKNOWNS: Final = 10
_ALL_COMBINATIONS: Final = 3
_ANY_VALUE: Final = "86399"

# The directives that decide anything beside themselves.
_DECISIVE: Final = re.compile(
    r"<virtualhost|<proxy(?:match)?|timeout|proxy(?:timeout|pass|passmatch|set|requests|passinherit)|balancer(?:member|inherit)"
    r"|rewrite(?:rule|cond|engine|options)|sethandler|server(?:name|alias|root|tokens|signature)|documentroot|listen"
    r"|keepalive(?:timeout)?|maxkeepaliverequests|requestreadtimeout|loglevel|errorlog|errorlogformat|customlog"
    r"|transferlog|globallog|logformat|logiotrackttfb|maxrequestworkers|maxclients|serverlimit|threadsperchild|threadlimit|sslengine|traceenable|user|group"
)


def _variable(doubt: Doubt) -> tuple[str, bool]:
    """What is not known, and whether the conditional holds where it is true: ``<IfModule !x>`` negates."""
    found = re.fullmatch(r"<\s*(\w+)\s+(!?)\s*(.*?)\s*>?", doubt.text, re.DOTALL)
    if found is None:
        return doubt.text, True
    return f"<{found[1].lower()} {found[3]}>", not found[2]


class World(msgspec.Struct, frozen=True, gc=False):
    """One way things may be. ``directives`` are those that count in it."""

    directives: tuple[Directive, ...]
    behaviour: Behaviour


class Worlds(msgspec.Struct, frozen=True, gc=False):
    """Every way that could matter: ``first`` and the others by what they depend on.

    ``too_many`` says that there were more unknown conditionals than can be tried.
    """

    first: World
    by_version: tuple[World, ...]
    by_doubt: tuple[World, ...]
    doubt_cause: str
    too_many: bool


VERSION_CAUSE: Final = "it depends on the version of httpd, which is not known: give --httpd-version"


def worlds(resolved: Resolved, behaviours: Sequence[Behaviour]) -> Worlds:
    """The worlds of a configuration."""
    unknowns: dict[str, Doubt] = {}
    for directive in resolved.directives:
        if directive.doubts and _DECISIVE.fullmatch(directive.name.lower()):
            for doubt in directive.doubts:
                unknowns.setdefault(_variable(doubt)[0], doubt)
    names = list(unknowns)
    too_many = len(names) > MAX_UNKNOWNS
    ways = [_kept(resolved, dict(zip(names, way, strict=True))) for way in _ways(len(names))]
    cause = "; ".join(dict.fromkeys(f"{one.text}: {one.cause}" for one in list(unknowns.values())[:4]))
    return Worlds(
        first=World(ways[0], behaviours[0]),
        by_version=tuple(World(ways[0], one) for one in behaviours[1:]),
        by_doubt=tuple(World(way, behaviours[0]) for way in ways[1:]),
        doubt_cause=f"it depends on {cause}" if cause else "",
        too_many=too_many,
    )


def _ways(count: int) -> Iterable[tuple[bool, ...]]:
    """Ways to decide the unknowns: all of them where few, else all, none, and each one alone either way."""
    if count <= _ALL_COMBINATIONS:
        return product((True, False), repeat=count)
    alone = range(min(count, MAX_UNKNOWNS))
    return [
        (True,) * count,
        (False,) * count,
        *(tuple(index != one for index in range(count)) for one in alone),
        *(tuple(index == one for index in range(count)) for one in alone),
    ]


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


def reconcile(first: list[Resource], others: Sequence[tuple[list[Resource], str]]) -> list[Resource]:
    """The resources with every attribute that differs in another world undetermined. Each other has its cause."""
    if not others:
        return first
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
