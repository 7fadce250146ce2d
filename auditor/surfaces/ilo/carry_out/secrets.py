"""Secrets while they are sent: read from where the plan says, and written down nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from auditor.errors import RefusedError
from auditor.model.plan import SecretFrom
from auditor.surfaces.ilo.body import Body, Json, at
from auditor.surfaces.ilo.carry_out.members import Members
from auditor.surfaces.ilo.propose_secrets import HIDDEN, LENGTHS, SPELLED
from auditor.surfaces.interface import ActOptions
from auditor.transport.secret_places import reveal


def revealed(secrets: Sequence[SecretFrom], options: ActOptions) -> Members:
    """The members that hold these secrets, with their values: for a request's body, and for nothing else.

    Errors:
        RefusedError: one is not there, is another by now, or is none that an iLO takes.
    """
    found: list[tuple[str, Json]] = []
    for secret in secrets:
        value = reveal(secret, options.environment, options.sealer)
        least, most = LENGTHS.get(secret.pointer, (1, len(value)))
        if not least <= len(value) <= most:
            raise RefusedError(
                f"{secret.place} has not the {least} to {most} characters that an iLO takes for {secret.pointer}.",
                untouched="Nothing was changed.",
            )
        found.append((secret.pointer, value))
    return tuple(found)


def contradicted(body: Body, values: Members) -> str:
    """The members whose secret the iLO shows, and as another than was sent; empty where there is none."""
    shown = ((pointer, at(body, pointer), value) for pointer, value in values if pointer not in HIDDEN)
    return ", ".join(
        pointer
        for pointer, now, value in shown
        if isinstance(now, str) and now and now != value and not (pointer in SPELLED and _alike(now, str(value)))
    )


def _alike(one: str, other: str) -> bool:
    """Whether two numbers in hexadecimal digits are the same, however they are spelled."""
    return one.casefold().removeprefix("0x") == other.casefold().removeprefix("0x")


def never_shown(secrets: Iterable[SecretFrom]) -> str:
    """The members among these that an iLO shows to nobody, by name."""
    return " and ".join(one.pointer.rsplit("/", 1)[-1] for one in secrets if one.pointer in HIDDEN)


def not_shown(body: Body, secrets: Iterable[SecretFrom]) -> str:
    """The end of a sentence about secrets that cannot be read back."""
    names = [one.pointer.rsplit("/", 1)[-1] for one in secrets if one.pointer in HIDDEN or not at(body, one.pointer)]
    return f"; {' and '.join(names)} cannot be read back" if names else ""
