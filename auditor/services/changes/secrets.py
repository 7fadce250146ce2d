"""Secrets of plans: which of them are at hand, when a plan is made and before it is carried out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from auditor.errors import RefusedError
from auditor.model.plan import Direction, Plan, RedfishCreate, RedfishPatch, SecretFrom, Wish
from auditor.model.secret import Sealer
from auditor.model.value import Secret
from auditor.transport.secret_places import is_missing, read_secret, reveal


def at_hand(wishes: Iterable[Wish], environment: Mapping[str, str], sealer: Sealer) -> tuple[Wish, ...]:
    """The wishes with the keyed digest of each secret that is at hand.

    A variable that is not set, and a file that is not there, is left to the time of the apply.

    Errors:
        RefusedError: a secret is there and cannot be used.
    """
    return tuple(_with_digest(wish, environment, sealer) for wish in wishes)


def _with_digest(wish: Wish, environment: Mapping[str, str], sealer: Sealer) -> Wish:
    if wish.secret is None or is_missing(wish.secret.place, environment):
        return wish
    found = read_secret(wish.secret.place, environment)
    digest = sealer.seal(found.encode())
    known = msgspec.structs.replace(wish.secret, digest=digest, length=len(found))
    return msgspec.structs.replace(wish, value=Secret(digest), secret=known)


def secrets_of(plan: Plan, direction: Direction) -> tuple[SecretFrom, ...]:
    """The secrets that a run of the plan needs; going forward, those of its way back too."""
    parts = [
        part
        for cohort in plan.cohorts
        for step in cohort.steps
        for part in ((step.change, step.undo) if direction == "forward" else (step.undo,))
        if isinstance(part, RedfishCreate | RedfishPatch)
    ]
    return tuple(dict.fromkeys(secret for part in parts for secret in part.secrets))


def refuse_without_secrets(plan: Plan, direction: Direction, environment: Mapping[str, str], sealer: Sealer) -> None:
    """Refuses a run whose secrets are not all at hand, or are others than those that were reviewed.

    Errors:
        RefusedError: that; every one is named by its place.
    """
    refusals: list[RefusedError] = []
    for secret in secrets_of(plan, direction):
        try:
            reveal(secret, environment, sealer)
        except RefusedError as error:
            refusals.append(error)
    if refusals:
        raise RefusedError(
            " ".join(dict.fromkeys(error.what for error in refusals)),
            untouched="Nothing was changed.",
            next_step=refusals[0].next_step,
        )
