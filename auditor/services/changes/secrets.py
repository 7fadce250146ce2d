"""Secrets of plans: which of them are at hand, when a plan is made and before it is carried out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from auditor.errors import RefusedError
from auditor.model.plan import Direction, Plan, RedfishCreate, RedfishPatch, SecretFrom, SecretPlace, Wish
from auditor.model.resource import PRESENT, Address
from auditor.model.secret import Sealer
from auditor.model.value import Boolean, Secret, Text, Value
from auditor.services.alert_settings import COMMUNITY, AlertSettings, SnmpVariables
from auditor.services.changes.wishes import FILLED_IN
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
    if wish.secret.digest not in ("", digest):
        raise RefusedError(
            f"{wish.secret.place} holds another secret than {wish.address} was.",
            untouched="No plan was written.",
            next_step="Put that one there, or ask for what you want with --set.",
        )
    known = msgspec.structs.replace(wish.secret, digest=digest, length=len(found))
    return msgspec.structs.replace(wish, value=Secret(digest), secret=known)


def with_places(wishes: Sequence[Wish], settings: AlertSettings) -> tuple[Wish, ...]:
    """The wishes of a baseline or state with where the secrets come from that they need: as ``auditor.yaml`` says it.

    That is for a community of which the state holds the digest, for users and v1 destinations that are made, for a
    user's protocol, whose key is made anew from the pass phrase that it has, and for the way back of those that go and
    of which it says something.
    """
    groups: dict[Address, list[Wish]] = {}
    wishes = [_again(wish, settings) for wish in wishes]
    for wish in wishes:
        groups.setdefault(msgspec.structs.replace(wish.address, attribute=""), []).append(wish)
    found = list(wishes)
    for address, group in groups.items():
        wanted = {one.address.attribute: one.value for one in group}
        made = wanted.get(PRESENT.name) == Boolean(value=True)
        goes = PRESENT.name in wanted and not made
        if address.kind == "ilo.snmp_user":
            variables = settings.users.get(address.name, SnmpVariables())
            for key, name in (("auth", variables.auth_env), ("privacy", variables.privacy_env)):
                if goes and address.name in settings.users:
                    found += _placed(address, f"{key}_passphrase", name, before=True, now=False)
                elif made or f"{key}_protocol" in wanted:
                    found += _placed(address, f"{key}_passphrase", name, before=not made)
        if address.kind == "ilo.snmp_destination" and goes and address.name in settings.communities:
            found += _placed(address, "community", settings.communities[address.name], before=True, now=False)
        if address.kind == "ilo.snmp_destination" and "community" not in wanted and _is_v1(wanted):
            found += _placed(address, "community", settings.communities.get(address.name, COMMUNITY), before=False)
    return tuple(found)


def _is_v1(wanted: Mapping[str, Value | None]) -> bool:
    return wanted.get("protocol") == Text("SNMPv1Trap")


def _again(wish: Wish, settings: AlertSettings) -> Wish:
    """A community that was, with where it comes from: it must be that one."""
    variable = settings.communities.get(wish.address.name)
    if not variable or wish.address.attribute != "community" or not isinstance(wish.value, Secret) or wish.secret:
        return wish
    return msgspec.structs.replace(wish, secret=SecretPlace(f"env:{variable}", wish.value.digest))


def _placed(address: Address, attribute: str, variable: str, *, before: bool, now: bool = True) -> tuple[Wish, ...]:
    """A secret from a variable, which is asked for (``now``), and with ``before`` is the one that stands there."""
    place = msgspec.structs.replace(address, attribute=attribute)
    which = (*((False,) if now else ()), *((True,) if before else ()))
    return tuple(Wish(place, FILLED_IN, SecretPlace(f"env:{variable}", before=one)) for one in which)


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
            next_step=" ".join(dict.fromkeys(error.next_step for error in refusals if error.next_step)) or None,
        )
