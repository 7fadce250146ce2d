"""The use case "drift": what is no longer as agreed, by whose hand, and what could not be looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from auditor.errors import InputError
from auditor.evidence.attribution import attribute_drift
from auditor.evidence.compare import State, compare
from auditor.model.drift import AttributeChange, DriftReport, TargetDrift
from auditor.model.policy import AgreedValue, Baseline
from auditor.model.resource import Address
from auditor.model.snapshot import Gap
from auditor.model.target import StoredSnapshot, Target
from auditor.model.value import Undetermined
from auditor.services.emergencies import unreviewed
from auditor.services.expected_gaps import Expectations
from auditor.services.observe import Observed, interpret_options_for, observe, remembering
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from auditor.surfaces.registry import surface

if TYPE_CHECKING:
    from auditor.services.fleet import Fleet
    from auditor.store import Store

AGREED: Final = "agreed"
_AGREED_STATE: Final = "agreed state"


async def run_drift(
    fleet: Fleet | None,
    targets: Sequence[Target],
    collect: CollectOptions,
    interpret: InterpretOptions,
    *,
    since: str = "",
    at: str = "",
    baselines: Sequence[Baseline] = (),
    now: datetime,
) -> DriftReport:
    """The drift of each target, in order of name: from ``since`` (empty: the agreed state) to now, or to ``at``.

    ``since`` and ``at`` are revisions or dates of the fleet's store. Values that a baseline agrees on are compared
    with it too; what it calls unmanaged is left out. Without a fleet only baselines can be compared with. A target
    that was not seen, has no agreed state or holds a gap that the fleet does not expect makes the report incomplete.

    Errors:
        InputError: a revision or date that the store does not know, or one asked for where there is no store.
        StoreError: the store cannot be read.
    """
    if fleet is None and (since or at):
        raise InputError(
            f"{'--since' if since else '--at'} needs the store of a fleet repository, and there is none here",
            next_step="Go to the fleet repository, or make one:  auditor init",
        )
    with ExitStack() as stack:
        store = _store(fleet, stack)
        reference = _Reference(fleet, store, since, interpret, now)
        asked = _as_of(targets, store, at, now)
        collect = collect if fleet is None else remembering(collect, fleet)
        expected = Expectations(fleet.expected_gaps if fleet else (), now.date())
        found = []
        async for one in observe(asked, fleet, collect, interpret):
            marked = one.with_gaps(partial(expected.mark, one.target))
            drift = _with_baselines(reference.drift(one, marked), marked, baselines, alone=store is None)
            found.append(msgspec.structs.replace(drift, waiting=one.interpretation.waiting))
    found.sort(key=lambda drift: drift.target)
    complete = bool(found) and all(_complete(one) for one in found)
    moment = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return DriftReport(tuple(found), complete, moment, (*unreviewed(fleet, collect.environment), *expected.notes()))


def _complete(drift: TargetDrift) -> bool:
    """Whether all of it was compared, but for what is expected not to be seen."""
    expected = any(not gap.complete and not gap.counts for gap in drift.gaps)
    return (drift.seen or expected) and not any(gap.counts for gap in drift.gaps)


def _store(fleet: Fleet | None, stack: ExitStack) -> Store | None:
    if fleet is None:
        return None
    from auditor.store import Store

    return stack.enter_context(Store.open(fleet.store_path))


def _as_of(targets: Sequence[Target], store: Store | None, at: str, now: datetime) -> tuple[Target, ...]:
    """The targets as they are, or as a revision holds them."""
    if not at or store is None:
        return tuple(targets)
    revision = store.resolve_revision(at, now=now)
    return tuple(msgspec.structs.replace(target, location=StoredSnapshot(revision, target.name)) for target in targets)


class _Reference:
    """The states that targets are compared with."""

    def __init__(
        self, fleet: Fleet | None, store: Store | None, since: str, interpret: InterpretOptions, now: datetime
    ) -> None:
        self._fleet = fleet
        self._store = store
        self._interpret = interpret
        self._revision = ""
        self._known: frozenset[str] = frozenset()
        if store is None:
            return
        if since and since != AGREED:
            self._revision = store.resolve_revision(since, now=now)
        self._known = frozenset(store.targets(self._revision or AGREED))

    def drift(self, observed: Observed, marked: Observed) -> TargetDrift:
        """The drift of one target from its reference; in ``marked`` the gaps that are expected are marked as such."""
        name, kind = observed.target.name, observed.target.surface
        if not observed.seen:
            return TargetDrift(name, kind, seen=False, gaps=marked.collected.gaps)
        if self._store is None or name not in self._known:
            return TargetDrift(name, kind, seen=True, gaps=(*_gaps(marked), self._nothing_agreed(name)))
        from auditor.store import tree_of_collected

        since, revision = self._moment(name)
        if tree_of_collected(observed.collected) == self._store.tree(self._revision or AGREED, name):
            return TargetDrift(name, kind, True, gaps=_gaps(marked), since=since, since_revision=revision)
        before = self._store.read(self._revision or AGREED, name)
        options = interpret_options_for(observed.target, self._interpret, self._fleet)
        state = State(before, surface(kind).interpret(before, options))
        now = State(marked.collected, marked.interpretation)
        drift = compare(state, now, since=since, since_revision=revision)
        return attribute_drift(drift, self._store.events(target=name), since=since) if drift.changes else drift

    def _moment(self, name: str) -> tuple[str, str]:
        """When the reference was taken or agreed, and the revision."""
        if self._store is None:
            return "", ""
        found = self._store.snapshot(self._revision) if self._revision else self._store.agreed_since(name)
        return (found.run_at, found.revision) if found else ("", "")

    def _nothing_agreed(self, name: str) -> Gap:
        if self._store is None:
            return Gap(
                _AGREED_STATE,
                "absent",
                "there is no fleet repository, so nothing was agreed to compare with",
                "Make one:  auditor init   or give a baseline:  --baseline FILE",
            )
        if self._revision:
            return Gap(_AGREED_STATE, "absent", f"the snapshot {self._revision[:12]} does not hold it")
        return Gap(_AGREED_STATE, "absent", "nothing was agreed yet", f"Agree:  auditor snapshot {name} --agree")


def _gaps(observed: Observed) -> tuple[Gap, ...]:
    return tuple(dict.fromkeys(observed.collected.gaps + observed.interpretation.gaps))


def _with_baselines(
    drift: TargetDrift, observed: Observed, baselines: Sequence[Baseline], *, alone: bool
) -> TargetDrift:
    """The drift with what baselines agree on; ``alone``: there is no other state to compare with."""
    from auditor.policy.baselines import applies, compare_baseline, examines, unasked

    mine = [baseline for baseline in baselines if applies(baseline, observed.target)]
    if not mine or not drift.seen:
        return drift
    judged = compare_baseline(mine, observed.target, observed.interpretation)
    unclear = tuple(_undetermined(change) for change in judged if isinstance(change.after, Undetermined))
    proven = {change.address: change for change in judged if not isinstance(change.after, Undetermined)}
    changes = [_merged(change, proven.pop(change.address, None)) for change in drift.changes]
    kept = [change for change in changes if change.agreed_by or not _unmanaged(change.address, mine)]
    gaps = drift.gaps
    if alone:
        gaps = tuple(gap for gap in gaps if gap.what != _AGREED_STATE)
        if not examines(mine, observed.target, observed.interpretation):
            names = ", ".join(baseline.name for baseline in mine)
            gaps += (
                Gap(_AGREED_STATE, "absent", f"{names} agrees on nothing of this target, so nothing was compared"),
            )
    gaps += tuple(_not_there(*one) for one in unasked(mine, observed.target, observed.interpretation))
    return msgspec.structs.replace(
        drift, changes=(*kept, *proven.values()), gaps=tuple(dict.fromkeys((*gaps, *unclear)))
    )


def _merged(change: AttributeChange, agreed: AttributeChange | None) -> AttributeChange:
    """A change since the agreed state that a baseline does not allow either: the baseline's value counts."""
    if agreed is None:
        return change
    return msgspec.structs.replace(change, before=agreed.before, agreed_by=agreed.agreed_by, age=agreed.age)


def _not_there(baseline: str, agreed: AgreedValue) -> Gap:
    """A pattern of a baseline that fits nothing: what holds for every one of none was not looked at."""
    place = f" ({agreed.file}:{agreed.line})" if agreed.file else ""
    return Gap(
        f"{agreed.kind} {agreed.name}",
        "absent",
        f"{baseline} agrees on values of it{place}, and there is none here: nothing was compared",
        "Correct the name; or say with  unmanaged  that none need be there, or agree for the groups that have some.",
        kinds=(agreed.kind,),
    )


def _undetermined(change: AttributeChange) -> Gap:
    cause = change.after.cause if isinstance(change.after, Undetermined) else ""
    return Gap(
        f"{change.address.kind} {change.address.name} {change.address.attribute}".rstrip(),
        "undetermined",
        f"could not be compared with {change.agreed_by}: {cause}",
        kinds=(change.address.kind,),
    )


def _unmanaged(address: Address, baselines: Iterable[Baseline]) -> bool:
    from auditor.policy.globs import glob_matches

    return any(
        value.agreement == "unmanaged"
        and value.kind == address.kind
        and glob_matches(value.name, address.name)
        and value.attribute in ("", address.attribute)
        for baseline in baselines
        for value in baseline.values
    )
