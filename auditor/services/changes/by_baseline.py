"""What baselines agree on and a target does not have, as wishes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from auditor.model.drift import AttributeChange
from auditor.model.plan import Wish
from auditor.model.resource import AttributeSpec, KindSpec
from auditor.model.value import Many, Undetermined, show
from auditor.services.observe import Observed

if TYPE_CHECKING:
    from auditor.model.policy import Baseline


def wishes_of_baselines(
    baselines: Sequence[Baseline], seen: Observed, kinds: Sequence[KindSpec]
) -> tuple[tuple[Wish, ...], tuple[str, ...]]:
    """Wishes that make a target as its baselines agree, and what no plan can do about the rest, a sentence each."""
    from auditor.policy.baselines import compare_baseline, unasked

    specs = {kind.name: kind for kind in kinds}
    wishes: list[Wish] = []
    refusals = [
        f"{baseline} agrees on {agreed.kind} {agreed.name}, and there is none here"
        for baseline, agreed in unasked(baselines, seen.target, seen.interpretation)
    ]
    for change in compare_baseline(baselines, seen.target, seen.interpretation):
        if problem := _problem(change, _spec_of(change, specs)):
            refusals.append(f"{change.address.on('')} is not as {change.agreed_by} agrees: {problem}")
        else:
            wishes.append(Wish(change.address, change.before))
    return tuple(wishes), tuple(refusals)


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
