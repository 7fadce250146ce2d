"""Plans that one person approved in an emergency and that nobody has reviewed yet: told by each report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from auditor.errors import InputError, StoreError
from auditor.model.event import Event
from auditor.services.fleet import Fleet

if TYPE_CHECKING:
    from auditor.store import Store


def unreviewed(fleet: Fleet | None, environment: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence for each such plan of the fleet's ledger, oldest first; also where the ledger cannot be read.

    Where the fleet's key is at hand, only a review counts that bears the fleet's seal: whoever may write to the store
    can claim one.
    """
    from auditor.store import Store

    if fleet is None or not fleet.store_path.exists():
        return ()
    try:
        with Store.open(fleet.store_path) as store:
            emergencies = store.events(kind="emergency approved")
            claimed = store.events(kind="reviewed") if emergencies else ()
            reviews = _proven(store, fleet, environment, claimed) if claimed else ()
    except StoreError as error:
        return (f"it cannot be known whether emergencies wait for a review: {str(error).partition(chr(10))[0]}",)
    return tuple(
        _told(one, claimed=_is_reviewed(one.plan, emergencies, claimed))
        for one in emergencies
        if not _is_reviewed(one.plan, emergencies, reviews)
    )


def _proven(
    store: Store, fleet: Fleet, environment: Mapping[str, str], claimed: tuple[Event, ...]
) -> tuple[Event, ...]:
    """The reviews that the ledger's chain bears out; all of them where there is no key to tell by."""
    from auditor.services.keys import sealer_for

    try:
        sealer = sealer_for(fleet, environment)
    except InputError:
        return claimed
    links = store.ledger_chain(sealer).links
    good = {link.event.id for link in links if link.event is not None and link.sealed and not link.wrong}
    return tuple(one for one in claimed if one.id in good)


def _is_reviewed(plan: str, emergencies: tuple[Event, ...], reviews: tuple[Event, ...]) -> bool:
    """Whether the plan has, since, what it would have needed; whoever approved it in an emergency does not count."""
    alone = {one.actor.casefold() for one in emergencies if one.plan == plan}
    return any(one.plan == plan and one.actor.casefold() not in alone for one in reviews)


def _told(one: Event, *, claimed: bool) -> str:
    reason = one.text.rpartition("; SSH key")[0] or one.text
    short = one.plan[:8]
    approved = f'EMERGENCY: plan {short} was approved by "{one.actor}" alone on {one.time} ({reason}) and '
    if claimed:
        return f"{approved}its review in the ledger bears no seal that counts. Look:  auditor history --verify"
    return f"{approved}was not reviewed yet. Review it:  auditor approve {short} --review --key FILE"
