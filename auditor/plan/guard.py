"""Whether a plan may be carried out at all. Pure: what is known is given, the reasons to refuse come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from auditor.errors import RefusedError
from auditor.model.plan import Direction, NoUndo, Plan
from auditor.plan.approvals import Verdict
from auditor.plan.build import moment_of


@dataclass(frozen=True)
class Known:
    """What is known of a plan when somebody wants to carry it out.

    ``outcomes`` are those of earlier runs by target, oldest first (``applied``, ``taken back``, ``rolled back``,
    ``incomplete``), from journals and ledger alike; ``key_id`` is that of the fleet's key. ``objections`` are what its
    rehearsal says against it.
    """

    plan: Plan
    plan_id: str
    direction: Direction
    now: datetime
    key_id: str
    verdict: Verdict | None
    outcomes: Mapping[str, Sequence[str]]
    targets: frozenset[str]
    objections: tuple[str, ...] = ()


def reasons_to_refuse(known: Known) -> tuple[str, ...]:
    """Why the plan may not be carried out; none: it may, as far as can be told without the targets."""
    reasons = _names(known)
    if known.direction == "forward" or known.plan.origin.key_id:  # what stands can be taken back, whatever it is
        reasons += other_key(known.plan, known.key_id)
    reasons += _forward(known) if known.direction == "forward" else _back(known)
    return tuple(reasons)


def refuse(known: Known) -> None:
    """Raises what :func:`reasons_to_refuse` finds.

    Errors:
        RefusedError: with every reason.
    """
    reasons = reasons_to_refuse(known)
    if reasons:
        verb = "applied" if known.direction == "forward" else "rolled back"
        raise RefusedError(
            f"plan {known.plan_id[:8]} cannot be {verb}: {'; '.join(reasons)}.",
            untouched="Nothing was changed.",
            next_step=f"Look:  auditor show {known.plan_id[:8]}",
        )


def _names(known: Known) -> list[str]:
    missing = sorted({name for cohort in known.plan.cohorts for name in cohort.targets} - known.targets)
    return [f"{name} is not in the inventory" for name in missing]


def other_key(plan: Plan, key_id: str) -> list[str]:
    """Why the plan is not this fleet's: approvals in one fleet do not count in another with the same people."""
    if not plan.origin.key_id:
        return ["it does not say with which fleet's key it was made"]
    if plan.origin.key_id != key_id:
        return [f"it was made with the fleet key {plan.origin.key_id}, and the key here is {key_id}"]
    return []


def _forward(known: Known) -> list[str]:
    reasons: list[str] = []
    if moment_of(known.plan.expires) <= known.now:
        reasons.append(f"it expired on {known.plan.expires}")
    if moment_of(known.plan.created).timestamp() > known.now.timestamp() + 300:
        reasons.append(f"it says that it was made on {known.plan.created}, which is still to come")
    happened = {outcome for outcomes in known.outcomes.values() for outcome in outcomes}
    if "rolled back" in happened:
        reasons.append("it was rolled back, and what was rolled back is not applied again")
    elif "applied" in happened:
        reasons.append("it was applied already, and a plan is used once")
    if any(outcomes and outcomes[-1] == "incomplete" for outcomes in known.outcomes.values()):
        reasons.append("an earlier run could not be taken back in full and needs a person")
    if known.verdict is None:
        reasons.append("its signatures were not verified")
    else:
        reasons.extend(known.verdict.reasons)
    return [*reasons, *known.objections]


def _back(known: Known) -> list[str]:
    reasons: list[str] = []
    if not any(outcomes and outcomes[-1] == "applied" for outcomes in known.outcomes.values()):
        happened = {outcomes[-1] for outcomes in known.outcomes.values() if outcomes}
        if "rolled back" in happened:
            reasons.append("it was rolled back already")
        elif "taken back" in happened:
            reasons.append("it was taken back when it failed, and does not stand")
        else:
            reasons.append("it was never applied")
    without = [step.id for cohort in known.plan.cohorts for step in cohort.steps if isinstance(step.undo, NoUndo)]
    if without:
        reasons.append(f"step {', '.join(without)} cannot be taken back")
    return reasons
