"""Secrets in steps: where they come from, by which the way back is possible, and what an iLO takes. Pure.

A secret's value is known here to nobody; its keyed digest is, where the secret was at hand or the iLO shows it. What an
iLO shows is compared with the digest of what it is to be taken back to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from auditor.model.plan import SecretFrom, SecretPlace, Wish
from auditor.model.resource import Address, Resource
from auditor.model.value import Secret
from auditor.surfaces.ilo.members import Member, members_of
from auditor.surfaces.ilo.wishes import RefusedWish

HIDDEN: Final = frozenset({"/AuthPassphrase", "/PrivacyPassphrase"})
"""What an iLO takes and never shows."""
SPELLED: Final = frozenset({"/UserEngineID"})
"""What an iLO may show spelled otherwise than it was given, so that its digest is not foretold."""
LENGTHS: Final[Mapping[str, tuple[int, int]]] = dict.fromkeys(HIDDEN, (8, 49))
"""How many characters an iLO takes, by the vendor's manual."""

Before = Mapping[Address, SecretPlace]
"""Where secrets come from that stand there now, by address without target."""


def before_of(wishes: Iterable[Wish]) -> Before:
    """Where the secrets come from by which steps can be taken back."""
    return {wish.address.on(""): wish.secret for wish in wishes if wish.secret and wish.secret.before}


def secrets_of(kind: str) -> tuple[Member, ...]:
    """The members of a kind that hold a secret which a plan may set."""
    return tuple(one for one in members_of(kind) if one.type == "secret" and one.made)


def placed(wish: Wish, where: Member) -> SecretFrom:
    """The secret that a wish asks for.

    Errors:
        RefusedWish: it is not said where it comes from, or it is none that an iLO takes.
    """
    address = wish.address.on("")
    if wish.secret is None:
        raise RefusedWish(
            f"{address}: a secret stands in no plan; say where it comes from: --set 'TARGET:{address}=env:NAME'."
        )
    return _fit(address, wish.secret, where)


def _fit(address: Address, place: SecretPlace, where: Member) -> SecretFrom:
    least, most = LENGTHS.get(where.pointer, (1, 0))
    if place.digest and most and not least <= place.length <= most:
        raise RefusedWish(f"{address}: {place.place} does not have the {least} to {most} characters that an iLO takes.")
    return SecretFrom(where.pointer, place.place, place.digest)


def back(
    resource: Resource, wheres: Sequence[Member], before: Before, becomes: str
) -> tuple[tuple[SecretFrom, ...], str]:
    """The secrets by which a resource's members become again what they are; else why it cannot be ``becomes``.

    Errors:
        RefusedWish: what is named for it is another secret than the iLO has.
    """
    found: list[SecretFrom] = []
    missing: list[Address] = []
    for where in wheres:
        address = Address("", resource.kind, resource.name, where.name)
        place = before.get(address)
        if place is None:
            missing.append(address)
            continue
        secret = _fit(address, place, where)
        now = resource.value(where.name)
        if isinstance(now, Secret) and where.pointer not in HIDDEN:
            if place.digest not in ("", now.digest):
                raise RefusedWish(f"{address}: {place.place} holds another secret than the iLO has now.")
            secret = msgspec.structs.replace(secret, digest=now.digest)
        found.append(secret)
    if not missing:
        return tuple(found), ""
    names = " and ".join(one.attribute for one in missing)
    said = " ".join(f"--secret-before 'TARGET:{one}=env:NAME'" for one in missing)
    return (), (
        f"its {names} {'is a secret that stands' if len(missing) == 1 else 'are secrets that stand'} in no plan, so it "
        f"could not be {becomes} as it was; asked for by --set, with  {said}  it could"
    )


def unneeded(before: Before, needed: Iterable[Address]) -> tuple[str, ...]:
    """A sentence for each secret that was named for the way back, and of which nothing changes."""
    used = set(needed)
    return tuple(
        f"{address}: what it is now was named for the way back, and nothing of it is changed."
        for address in sorted(before)
        if address not in used
    )


def notes_on(secrets: Iterable[SecretFrom], to_go_back: Iterable[SecretFrom]) -> tuple[str, ...]:
    """What people have to know of a plan's secrets."""
    forward, backward = tuple(secrets), tuple(to_go_back)
    found: list[str] = []
    unknown = sorted({one.place for one in (*forward, *backward) if not one.digest})
    if unknown:
        found.append(
            f"not at hand now: {', '.join(unknown)}; what is there at the apply is used, and checked by its name only"
        )
    if any(one.pointer in HIDDEN for one in forward):
        found.append("an iLO shows no pass phrase: that it is the one meant is proven by auditor alerts test alone")
    if any(one.pointer in HIDDEN for one in backward):
        found.append("whether the pass phrases of the way back are those that the iLO has now cannot be read from it")
    return tuple(found)
