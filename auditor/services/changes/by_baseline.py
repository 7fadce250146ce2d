"""What baselines agree on and a target does not have, as wishes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from auditor.model.drift import AttributeChange
from auditor.model.plan import Wish
from auditor.model.resource import PRESENT, AttributeSpec, KindSpec
from auditor.model.value import Boolean, Many, Undetermined, Value, show
from auditor.services.observe import Observed

if TYPE_CHECKING:
    from auditor.model.policy import Baseline


def wishes_of_baselines(
    baselines: Sequence[Baseline], seen: Observed, kinds: Sequence[KindSpec], only: Collection[str] = ()
) -> tuple[tuple[Wish, ...], tuple[str, ...]]:
    """Wishes that make a target as its baselines agree, and what no plan can do about the rest, a sentence each.

    ``only``: of these kinds alone; none: of all.
    """
    from auditor.policy.baselines import compare_baseline, unasked

    specs = {kind.name: kind for kind in kinds}
    wishes: list[Wish] = []
    refusals = [
        f"{baseline} agrees on {agreed.kind} {agreed.name}, and there is none here"
        for baseline, agreed in unasked(baselines, seen.target, seen.interpretation)
        if not only or agreed.kind in only
    ]
    for change in compare_baseline(baselines, seen.target, seen.interpretation):
        if only and change.address.kind not in only:
            continue
        kind = specs.get(change.address.kind)
        if kind is not None and kind.made and _whole(change):
            wishes += _made(change, baselines, seen, kind)
        elif problem := _problem(change, _spec_of(change, specs)):
            refusals.append(f"{change.address.on('')} is not as {change.agreed_by} agrees: {problem}")
        else:
            wishes.append(Wish(change.address, change.before))
    return tuple(wishes), tuple(refusals)


def _whole(change: AttributeChange) -> bool:
    """Whether a resource as a whole is there and should not be, or the other way round."""
    return not change.address.attribute and (change.before is None or change.after is None)


def _made(change: AttributeChange, baselines: Sequence[Baseline], seen: Observed, kind: KindSpec) -> tuple[Wish, ...]:
    """Wishes for a resource that is to go, or to be made with what is agreed of it."""
    from auditor.policy.baselines import applies
    from auditor.policy.globs import glob_matches

    address = change.address
    if change.before is None:
        return (Wish(replace(address, attribute=PRESENT.name), None),)
    said: dict[str, Value] = {}
    for agreed in (one for baseline in baselines if applies(baseline, seen.target) for one in baseline.values):
        spec = kind.get(agreed.attribute)
        named = (
            agreed.kind == address.kind and glob_matches(agreed.name, address.name) and agreed.agreement == "exactly"
        )
        if named and spec is not None and spec.settable and len(agreed.values) == 1:
            said[agreed.attribute] = agreed.values[0]
    wished = {PRESENT.name: Boolean(value=True), **said}
    return tuple(Wish(replace(address, attribute=name), value) for name, value in wished.items())


def _spec_of(change: AttributeChange, kinds: dict[str, KindSpec]) -> AttributeSpec | None:
    kind = kinds.get(change.address.kind)
    if kind is None or not change.address.attribute:
        return None
    return kind.get(change.address.attribute) or (
        AttributeSpec(change.address.attribute, "any", "", settable=True) if kind.open else None
    )


def _problem(change: AttributeChange, spec: AttributeSpec | None) -> str:
    """Why no plan can bring it about; nothing: it can."""
    if isinstance(change.after, Undetermined):
        return f"it cannot be known ({change.after.cause})"
    if spec is None:
        return "it is there and should not be" if change.before is None else "it is not there"
    if spec.type == "secret" or not spec.settable:
        return "it cannot be set by a plan"
    if change.before is None:
        return "no value of it is agreed"
    if isinstance(change.before, Many) and spec.type != "list":
        return f"any of {show(change.before)} is agreed, so one has to be chosen with --set"
    return ""


def agreed_on(baselines: Sequence[Baseline], seen: Observed, kinds: Collection[str]) -> bool:
    """Whether a baseline that counts for a target agrees on anything of these kinds."""
    from auditor.policy.baselines import applies

    return any(agreed.kind in kinds for one in baselines if applies(one, seen.target) for agreed in one.values)
