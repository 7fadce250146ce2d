"""Whether what a plan says of a target still holds: its preconditions, and where its effects begin and end. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from typing import Final

from auditor.model.plan import DISRUPTIONS, Cohort, Effect
from auditor.model.resource import Address
from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected
from auditor.model.source import FileSource
from auditor.model.value import Many, Text, Undetermined, Value, show
from auditor.plan.conditions import Seen, alike, lines_since, stale, value_at

_NOT_LOADED: Final = Address("", "httpd.server", "main", "changed_not_loaded")
Traces = frozenset[tuple[str, str, str]]
"""(kind, name, attribute) of what every change leaves by itself; an empty name means every resource of the kind."""


def outdated(
    cohort: Cohort, seen: Seen, sealer: Sealer, traces: Traces, then: Callable[[], Collected | None]
) -> tuple[str, ...]:
    """Why a target is not as the plan found it, in sentences; none: it is.

    ``then`` gives the target as the plan found it, for the lines that somebody changed since; None: not known.
    """
    return (
        stale(cohort.steps, seen, sealer, then)
        or _begun_elsewhere(cohort.effects, seen, traces)
        or _loaded_along(cohort, seen, then)
    )


def uncompared(cohort: Cohort, seen: Seen, then: Callable[[], Collected | None]) -> str:
    """Why it is not known whether the plan's reload would load what somebody changed elsewhere; empty: it is known."""
    waiting = value_at(seen.interpretation, _NOT_LOADED)
    why = ""
    if isinstance(waiting, Undetermined):
        why = waiting.cause
    elif isinstance(waiting, Many) and waiting.items and then() is None:
        why = "the store does not hold the state any more that the plan was made on"
    if not why or all(step.disruption == "none" for step in cohort.steps):
        return ""
    return f"what somebody changed in other files since, and a {_way(cohort)} would load, was not compared: {why}"


def _way(cohort: Cohort) -> str:
    return max((step.disruption for step in cohort.steps), key=DISRUPTIONS.index)


def _loaded_along(cohort: Cohort, seen: Seen, then: Callable[[], Collected | None]) -> tuple[str, ...]:
    """What somebody changed since in other files of an httpd that runs, and that the plan's reload would load.

    What its server has loaded by itself meanwhile is none of that, nor what was changed before the plan was made.
    """
    waiting = value_at(seen.interpretation, _NOT_LOADED)
    names = [one.value for one in waiting.items if isinstance(one, Text)] if isinstance(waiting, Many) else []
    if not names or all(step.disruption == "none" for step in cohort.steps):
        return ()
    was = then()
    if was is None:
        return ()
    how, found = _way(cohort), list[str]()
    for name in names:
        if name.endswith("/"):
            inside = (one.name for one in was.documents if f"{posixpath.dirname(one.name) or '.'}/" == name)
            found += [f"{one} is gone" for one in inside if seen.collected.document(one) is None]
        elif (document := seen.collected.document(name)) is not None:
            found += lines_since(document, was.document(name))
    return tuple(f"{one}, and the plan's {how} would load that" for one in found)


def _begun_elsewhere(effects: Sequence[Effect], seen: Seen, traces: Traces) -> tuple[str, ...]:
    """Effects of httpd's that would begin at another value than the plan says: it would not do what was approved."""
    found: list[str] = []
    for effect in effects:
        if not _promised(effect, traces):
            continue
        is_now = value_at(seen.interpretation, effect.address)
        if not _same(is_now, effect.before):
            address = effect.address.on("")
            found.append(f"{address} is {_shown(is_now)}, not {_shown(effect.before)}{place_of(seen, effect)}")
    return tuple(found)


def unkept(effects: Sequence[Effect], after: Seen, traces: Traces) -> tuple[str, ...]:
    """Effects of httpd's that the plan promised and that did not come, in sentences."""
    return tuple(
        f"{effect.address} was to become {_shown(effect.after)}, and is {_shown(is_now)}{place_of(after, effect)}"
        for effect in effects
        if _promised(effect, traces)
        and not _same(is_now := value_at(after.interpretation, effect.address), effect.after)
    )


def missed(effects: Sequence[Effect], after: Seen) -> tuple[tuple[str, bool], ...]:
    """Effects of any kind that did not come, as checks that do not hold."""
    return tuple(
        (f"{effect.address} was to become {_shown(effect.after)}", False)
        for effect in effects
        if effect.address.attribute and not alike(value_at(after.interpretation, effect.address), effect.after)
    )


def place_of(seen: Seen, effect: Effect) -> str:
    """Behind a value, where it is written, if it is."""
    resource = seen.interpretation.find(effect.address.kind, effect.address.name)
    attributes = resource.attributes if resource is not None else ()
    source = next((one.source for one in attributes if one.name == effect.address.attribute), None)
    return f" ({source.file}:{source.line})" if isinstance(source, FileSource) else ""


def _promised(effect: Effect, traces: Traces) -> bool:
    """Whether an effect is one of httpd's files alone; an iLO's conditions say what they rest on."""
    kind, name, attribute = effect.address.kind, effect.address.name, effect.address.attribute
    known = {(kind, name, attribute), (kind, "", attribute), (kind, "", "")}
    return kind.startswith("httpd.") and bool(attribute) and traces.isdisjoint(known)


def _same(one: Value | None, other: Value | None) -> bool:
    return alike(one, other) or (isinstance(one, Undetermined) and isinstance(other, Undetermined))


def _shown(value: Value | None) -> str:
    return "absent" if value is None else show(value) or "empty"
