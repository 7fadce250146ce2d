"""Targets as they are seen: collected, interpreted, and given one by one as each is done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast, get_args

import msgspec

from auditor.errors import AuditorError, CollectError, InputError
from auditor.model.snapshot import Cause, Collected, Gap, Interpretation
from auditor.model.target import Archive, LocalTree, Location, SshTree, StoredSnapshot, Target
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from auditor.surfaces.registry import surface

if TYPE_CHECKING:
    from auditor.services.fleet import Fleet
    from auditor.store import Store

AT_ONCE: Final = 16
WHOLE: Final = "whole target"
_GRACE_S: Final = 5.0


@dataclass(frozen=True)
class Observed:
    """One target as it was seen; where nothing was, both values hold a gap on ``whole target`` and nothing else."""

    target: Target
    collected: Collected
    interpretation: Interpretation

    @property
    def seen(self) -> bool:
        """Whether anything was seen."""
        return bool(self.collected.documents) or not any(gap.what == WHOLE for gap in self.collected.gaps)

    def with_gaps(self, mark: Callable[[Iterable[Gap]], tuple[Gap, ...]]) -> Observed:
        """The same with other words about its gaps, for a report; never to be stored."""
        collected = msgspec.structs.replace(self.collected, gaps=mark(self.collected.gaps))
        interpretation = msgspec.structs.replace(self.interpretation, gaps=mark(self.interpretation.gaps))
        return replace(self, collected=collected, interpretation=interpretation)


async def observe(
    targets: Iterable[Target],
    fleet: Fleet | None,
    collect_options: CollectOptions,
    interpret_options: InterpretOptions,
    *,
    at_once: int = AT_ONCE,
) -> AsyncIterator[Observed]:
    """Each target as soon as it was looked at, in the order in which they are done; at most ``at_once`` at a time.

    A target that fails is given with a gap on ``whole target``.

    Errors:
        InputError: a single target was asked for, and it names something that is not there or of no use.
        StoreError: a stored snapshot was asked for, and the store cannot be read.
    """
    import asyncio

    from auditor.transport.executor import run_bounded

    asked = tuple(targets)
    collect_options = _keeping(collect_options, fleet)
    with ExitStack() as stack:
        opened: list[Store] = []

        def store() -> Store:
            if not opened:
                opened.append(stack.enter_context(_open(fleet)))
            return opened[0]

        async def look(target: Target) -> Observed:
            if isinstance(target.location, StoredSnapshot):
                collected = store().read(target.location.revision, target.location.target)
            else:
                async with asyncio.timeout(collect_options.deadline_s + _GRACE_S):
                    collected = await surface(target.surface).collect(target, collect_options)
            return interpreted(target, collected, interpret_options_for(target, interpret_options, fleet))

        async for done in run_bounded(asked, look, at_once=at_once):
            if done.result is not None:
                yield done.result
                continue
            error = cast(Exception, done.error)
            if (
                len(asked) == 1
                and not isinstance(error, CollectError | TimeoutError)
                and not _declared(fleet, done.item)
            ):
                raise error
            yield _missed(done.item, error)


def _declared(fleet: Fleet | None, target: Target) -> bool:
    """Whether somebody declared gaps of the target: that it is not there is then no slip of the pen."""
    return fleet is not None and any(one.concerns(target) for one in fleet.expected_gaps)


def _keeping(options: CollectOptions, fleet: Fleet | None) -> CollectOptions:
    """The options of a run that keeps reference data beside the fleet, authenticated with the fleet's own key."""
    if fleet is None or options.keep is not None or options.sealer.key_id != fleet.key_id:
        return options
    return msgspec.structs.replace(options, keep=fleet.state_path)


def remembering(options: CollectOptions, fleet: Fleet) -> CollectOptions:
    """The options of a run that may leave out what did not change since the last one, as the fleet allows.

    For looking only: what a change is judged by is always read in full.
    """
    full_after_s = min(options.full_after_s, fleet.full_read_hours * 3600.0)
    return msgspec.structs.replace(options, remember=fleet.state_path, full_after_s=full_after_s)


def interpreted(target: Target, collected: Collected, options: InterpretOptions) -> Observed:
    """A collection with what it means; nothing is interpreted where nothing was seen."""
    observed = Observed(target, collected, Interpretation(collected.target, collected.surface, (), collected.gaps))
    if not observed.seen:
        return observed
    return replace(observed, interpretation=surface(target.surface).interpret(collected, options))


def interpret_options_for(target: Target, options: InterpretOptions, fleet: Fleet | None = None) -> InterpretOptions:
    """What a person said, over what the inventory says of the target (or of the one whose snapshot it is).

    What the inventory declares of the hops around it is part of that, and never of what was collected.
    """
    location = _inventory_location(target, fleet)
    if fleet is not None:
        name = target.location.target if isinstance(target.location, StoredSnapshot) else target.name
        options = msgspec.structs.replace(options, declared=(*options.declared, *fleet.declared.get(name, ())))
    if isinstance(location, Archive):
        return msgspec.structs.replace(options, httpd_version=options.httpd_version or location.httpd_version)
    if not isinstance(location, LocalTree | SshTree):
        return options
    defines = dict(_define(text) for text in location.defines) | dict(options.defines)
    environment = dict(location.environment) | dict(options.environment)
    return msgspec.structs.replace(
        options,
        httpd_version=options.httpd_version or location.httpd_version,
        defines=tuple(defines.items()),
        environment=tuple(environment.items()),
    )


def _inventory_location(target: Target, fleet: Fleet | None) -> Location:
    if isinstance(target.location, StoredSnapshot) and fleet is not None:
        known = next((one for one in fleet.targets if one.name == target.location.target), None)
        return target.location if known is None else known.location
    return target.location


def _define(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _open(fleet: Fleet | None) -> Store:
    from auditor.store import Store  # git is loaded only where a store is read

    if fleet is None:
        raise InputError("snapshots are kept by a fleet repository, and there is none here")
    return Store.open(fleet.store_path)


def _missed(target: Target, error: Exception) -> Observed:
    gap = _gap_of(error)
    collected = Collected(target.name, target.surface, (), gaps=(gap,))
    return Observed(target, collected, Interpretation(target.name, target.surface, (), (gap,)))


def _gap_of(error: Exception) -> Gap:
    """One target's failure as a gap; a fault of ours too, so that it costs one target and not the night."""
    match error:
        case CollectError():
            cause = error.cause if error.cause in get_args(Cause) else "unreachable"
            return Gap(WHOLE, cast(Cause, cause), error.what, error.next_step or "")
        case InputError():
            return Gap(WHOLE, "absent", error.what, error.next_step or "")
        case AuditorError():
            return Gap(WHOLE, "undetermined", error.what, error.next_step or "")
        case TimeoutError():
            return Gap(WHOLE, "timed out", "it did not answer in time")
        case _:
            told = f"the auditor failed on it ({type(error).__name__}: {str(error)[:200]})"
            return Gap(WHOLE, "undetermined", told, "Run it on this target alone, and report the fault.")
