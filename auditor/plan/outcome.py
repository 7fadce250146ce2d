"""What the outcome of a run amounts to: nothing to say, or an error that tells each target and what to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from auditor.errors import IncompleteError, RefusedError, TakenBackError
from auditor.model.plan import ApplyReport, Direction, OutcomeOf, TargetOutcome


def failure_of(report: ApplyReport) -> TakenBackError | IncompleteError | RefusedError | None:
    """The error that a run amounts to; None where every target is as wanted.

    A target that refused while another was changed counts as taken back: something had changed; going back the plan
    still stands on it, which needs a person. One that is rolled
    back and not seen to be as before (another edit since, a server that could not be reloaded) needs a person.
    """
    by_outcome: dict[TargetOutcome, list[OutcomeOf]] = {}
    for outcome in report.outcomes:
        by_outcome.setdefault(outcome.outcome, []).append(outcome)
    unproven = [one for one in by_outcome.get("rolled back", ()) if not all(held for _, held in one.checks)]
    ended = (*by_outcome.get("applied", ()), *by_outcome.get("rolled back", ()))
    stand = [one.target for one in ended if one not in unproven]
    still = f" {', '.join(stand)}: changed and verified." if stand else ""
    missing = "; ".join(f"{one.target}: {text}" for one in unproven for text, held in one.checks if not held)
    still += f" Put back, and yet not all is as before: {missing}." if missing else ""
    short = report.plan[:8]
    if left := [one for one in report.outcomes if one.left]:
        return IncompleteError(
            "; ".join(f"{one.target}: {one.left}" for one in left[:10]) + f".{still}",
            untouched="The targets themselves are as told above.",
            next_step=f"Put {', '.join(one.target for one in left[:10])} back into service by hand.",
        )
    if incomplete := by_outcome.get("incomplete"):
        return IncompleteError(
            f"{_listed(incomplete)}.{still}",
            untouched="A person is needed.",
            next_step=f"Look:  auditor show {short}      Take back again:  auditor rollback {short}",
        )
    if unproven:
        others = [one for one in report.outcomes if one.outcome in ("taken back", "refused", "not started")]
        told = f" {_listed(others)}." if others else ""
        return IncompleteError(
            f"what was saved is put back, and yet not all is as before: {missing}.{told}",
            untouched="A person is needed.",
            next_step=f"Look:  auditor show {short}      then:  auditor drift {unproven[0].target}",
        )
    if taken_back := by_outcome.get("taken back"):
        unbegun = ", ".join(one.target for one in by_outcome.get("not started", ())[:10])
        return TakenBackError(
            f"{_listed(taken_back)}.",
            untouched=f"{_verified(taken_back)}{still}{f' {unbegun}: not started.' if unbegun else ''}",
            next_step=f"Take the others back too:  auditor rollback {short}" if stand else None,
        )
    refused = by_outcome.get("refused")
    if refused and stand and report.direction == "back":
        return IncompleteError(
            f"{_listed(refused)}; the plan still stands there.{still}",
            untouched="A person is needed.",
            next_step=f"Once that is put right:  auditor rollback {short}",
        )
    if refused and stand:
        return TakenBackError(
            f"{_listed(refused)}, not changed.{still}",
            next_step=f"Take the others back too:  auditor rollback {short}",
        )
    if stand and (waiting := by_outcome.get("not started")):
        return TakenBackError(
            f"{_listed(waiting)}, not changed.{still}",
            next_step=f"Take the others back too:  auditor rollback {short}",
        )
    if refused or by_outcome.get("not started"):
        return RefusedError(_listed(refused or by_outcome["not started"]) + ".", untouched="Nothing was changed.")
    return None


def recovered_text(plan_id: str, outcome: OutcomeOf, direction: Direction) -> str:
    """The sentence for a run that was ended midway and was recovered; ``direction`` is the one that it had."""
    became: str = outcome.outcome
    if became == "taken back":
        became = "it was taken back, as before" if direction == "forward" else "it is as the plan left it again"
    return f"{outcome.target}: a run of plan {plan_id[:8]} was ended midway; {became}"


def cannot_be_taken_back(plan_id: str, outcome: OutcomeOf, journal: Path) -> IncompleteError:
    """The error of a target that cannot be taken back from an ended run, whose journal is named."""
    return IncompleteError(
        f"an earlier run of plan {plan_id[:8]} on {outcome.target} was ended and cannot be taken back: {outcome.text}.",
        untouched="Nothing else was changed.",
        next_step=f"Put {outcome.target} right by hand, then run this again. The journal: {journal}",
    )


def _verified(taken_back: Sequence[OutcomeOf]) -> str:
    wrong = [f"{one.target}: {text}" for one in taken_back for text, held in one.checks if not held]
    return f"Taken back; yet {'; '.join(wrong[:10])}." if wrong else "Taken back and verified: as before."


def _listed(outcomes: Sequence[OutcomeOf]) -> str:
    return "; ".join(
        one.text if one.text.startswith(one.target) else f"{one.target}: {one.text}" for one in outcomes[:10]
    )
