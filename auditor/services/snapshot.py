"""The use case "snapshot": observed targets, committed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from auditor.errors import StoreError
from auditor.model.snapshot import Gap, Waiting
from auditor.model.target import StoredSnapshot, Target
from auditor.services.emergencies import unreviewed
from auditor.services.expected_gaps import Expectations
from auditor.services.fleet import Fleet
from auditor.services.observe import AT_ONCE, Observed, observe, remembering
from auditor.store import WHOLE_FLEET, Store, TargetWritten, WriteResult
from auditor.surfaces.interface import CollectOptions, InterpretOptions

FORMAT = "auditor.snapshot/v1"
_NAMED = 20


class SnapshotReport(msgspec.Struct, frozen=True):
    """A snapshot that was committed.

    ``unchanged``: its tree is identical with that of the snapshot before. ``targets`` are sorted by name.
    ``complete`` is False where a target was not seen, or only in part. ``warnings`` are sentences. ``waiting`` is what
    was seen to be set and not yet effective, by target.
    """

    revision: str
    tree: str
    unchanged: bool
    targets: tuple[TargetWritten, ...]
    run_at: str
    complete: bool
    before: str = ""
    warnings: tuple[str, ...] = ()
    waiting: tuple[Waiting, ...] = ()

    @property
    def seen(self) -> int:
        """How many targets were seen."""
        return sum(1 for target in self.targets if target.status != "not seen")

    @property
    def coverage(self) -> str:
        """``41/42``."""
        return f"{self.seen}/{len(self.targets)}"


def snapshot_of(result: WriteResult, warnings: tuple[str, ...] = (), waiting: Iterable[Waiting] = ()) -> SnapshotReport:
    """The report of what was written."""
    return SnapshotReport(
        result.revision,
        result.tree,
        result.unchanged,
        result.targets,
        result.run_at,
        complete=all(_complete(target) for target in result.targets),
        before=result.before,
        warnings=warnings,
        waiting=tuple(sorted(waiting, key=lambda one: one.address)),
    )


def _complete(target: TargetWritten) -> bool:
    gaps: tuple[Gap, ...] = target.gaps
    unseen = target.status == "not seen" and all(gap.counts or gap.complete for gap in gaps)
    return not unseen and not any(gap.counts for gap in gaps)


async def take_snapshot(
    fleet: Fleet,
    targets: Iterable[Target],
    options: CollectOptions,
    agree: bool = False,
    now: datetime | None = None,
    *,
    interpret_options: InterpretOptions | None = None,
    at_once: int = AT_ONCE,
) -> SnapshotReport:
    """Collects the targets and commits what was seen; with ``agree`` it becomes the agreed state.

    The first snapshot of a target is agreed in any case. ``now`` is the time of the run.

    Errors:
        RefusedError: another process is writing.
        StoreError: the store could not be written to; it is as it was before.
        InputError: a single target was asked for, and it names something that is not there.
    """
    from datetime import UTC

    asked = tuple(target for target in targets if not isinstance(target.location, StoredSnapshot))
    if not asked:
        raise StoreError("there is nothing to take a snapshot of", next_step="Name a host of the inventory, or all.")
    moment = now or datetime.now(UTC)
    waiting: list[Waiting] = []
    with Store.open(fleet.store_path) as store:
        with store.session(agree="all" if agree else "new") as session:
            collect = remembering(options, fleet)
            if agree:  # what others are compared with from now on must not rest on a memory
                collect = msgspec.structs.replace(collect, full_after_s=0.0)
            async for seen in observe(asked, fleet, collect, interpret_options or InterpretOptions(), at_once=at_once):
                session.add(seen.collected)
                waiting += seen.interpretation.waiting
            trailers = (*_scope(fleet, asked), ("Key-Id", options.sealer.key_id))
            result = session.commit(moment, trailers)
        expected = Expectations(fleet.expected_gaps, moment.date())
        return snapshot_of(
            _expecting(result, asked, expected),
            (*_afterwards(store, fleet), *unreviewed(fleet, options.environment), *expected.notes()),
            waiting,
        )


def _expecting(result: WriteResult, asked: tuple[Target, ...], expected: Expectations) -> WriteResult:
    """What was written, the gaps that are expected marked as such for the report; the store knows nothing of that."""
    by_name = {target.name: target for target in asked}
    targets = tuple(
        msgspec.structs.replace(one, gaps=expected.mark(by_name[one.target], one.gaps))
        if one.target in by_name
        else one
        for one in result.targets
    )
    return msgspec.structs.replace(result, targets=targets)


def record(
    fleet: Fleet, observed: Iterable[Observed], *, agree: bool, now: datetime, key_id: str, plan: str = ""
) -> SnapshotReport:
    """Commits what was observed already, around a change; the agreed state moves where ``agree`` says so, else not.

    Errors:
        RefusedError, StoreError: as with :func:`take_snapshot`.
    """
    seen = tuple(observed)
    scope = _scope(fleet, tuple(one.target for one in seen))
    trailers = (*scope, ("Key-Id", key_id), *((("Plan", plan),) if plan else ()))
    with Store.open(fleet.store_path) as store:
        collected = (one.collected for one in seen)
        result = store.write(collected, now=now, trailers=trailers, agree="all" if agree else "none")
        return snapshot_of(
            result, _afterwards(store, fleet), [one for see in seen for one in see.interpretation.waiting]
        )


def _scope(fleet: Fleet, asked: tuple[Target, ...]) -> tuple[tuple[str, str], ...]:
    """Which targets the run looked at, for those who read the store's history."""
    names = sorted(target.name for target in asked)
    if names == [target.name for target in fleet.targets]:
        return (("Scope", WHOLE_FLEET),)
    scope = ("Scope", f"{len(names)} of {len(fleet.targets)} targets")
    return (scope, *(("Target", name) for name in names)) if len(names) <= _NAMED else (scope,)


def _afterwards(store: Store, fleet: Fleet) -> tuple[str, ...]:
    """Packs and pushes; the snapshot is committed already, so what fails here is a warning."""
    warnings = []
    try:
        store.maintain()
    except StoreError as error:
        warnings.append(str(error))
    if fleet.store_remote:
        try:
            store.push(fleet.store_remote)
        except StoreError as error:
            warnings.append(str(error))
    return tuple(warnings)
