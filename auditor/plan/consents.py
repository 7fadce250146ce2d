"""Steps that cannot be taken back, and the author's consent to each of them by itself. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from auditor.errors import InputError, RefusedError
from auditor.model.plan import Cohort, NoUndo, PackageVersions, Proposal

_NOT_OFFERED: Final = "the versions of before need not be offered by any repository"


def one_way(proposal: Proposal, consents: Sequence[str]) -> Proposal:
    """The proposal without the way back of packages, where their step is consented to.

    Whether a repository will still offer the versions of before, only the target knows, and only when it is changed.
    """
    steps = tuple(
        msgspec.structs.replace(step, undo=NoUndo(_NOT_OFFERED))
        if isinstance(step.change, PackageVersions) and {step.id, f"{proposal.target}:{step.id}"} & set(consents)
        else step
        for step in proposal.steps
    )
    return msgspec.structs.replace(proposal, steps=steps)


def irreversible(cohorts: Sequence[Cohort]) -> tuple[tuple[str, str], ...]:
    """Each step that cannot be taken back, by the name under which one consents to it, and why it cannot.

    The name is the step's id; where steps of several cohorts share it, one target and the id (``web1/ilo:ID``).
    """
    found = [
        (cohort.targets[0], step.id, step.undo.reason)
        for cohort in cohorts
        for step in cohort.steps
        if isinstance(step.undo, NoUndo)
    ]
    times = Counter(identity for _, identity, _ in found)
    return tuple((identity if times[identity] == 1 else f"{target}:{identity}", why) for target, identity, why in found)


def check_consents(cohorts: Sequence[Cohort], consents: Sequence[str]) -> None:
    """Refuses what is not consented to step by step; the consent to one step covers no other.

    Errors:
        RefusedError: a step that cannot be taken back, without a consent to it; every one is named.
        InputError: a consent to what is no such step.
    """
    needed = dict(irreversible(cohorts))
    if missing := [name for name in needed if name not in consents]:
        raise RefusedError(
            "; ".join(f"step {name} cannot be taken back: {needed[name]}" for name in missing),
            untouched="Nothing was changed.",
            next_step="Consent to each by itself, if you must:  auditor plan … "
            + " ".join(f"--consent {name}" for name in missing),
        )
    if strange := [name for name in consents if name not in needed]:
        known = f"; such steps are {', '.join(needed)}" if needed else ""
        raise InputError(f"{', '.join(strange)} is consented to, and is no step that cannot be taken back{known}")
