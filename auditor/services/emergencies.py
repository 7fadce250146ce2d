"""Plans that one person approved in an emergency and that nobody has reviewed yet: told by each report."""

from __future__ import annotations

from auditor.errors import StoreError
from auditor.model.event import Event
from auditor.services.fleet import Fleet


def unreviewed(fleet: Fleet | None) -> tuple[str, ...]:
    """A sentence for each such plan of the fleet's ledger, oldest first; also where the ledger cannot be read."""
    from auditor.store import Store

    if fleet is None or not fleet.store_path.exists():
        return ()
    try:
        with Store.open(fleet.store_path) as store:
            emergencies = store.events(kind="emergency approved")
            reviews = store.events(kind="reviewed") if emergencies else ()
    except StoreError as error:
        return (f"it cannot be known whether emergencies wait for a review: {str(error).partition(chr(10))[0]}",)
    return tuple(_told(one) for one in emergencies if not _is_reviewed(one.plan, emergencies, reviews))


def _is_reviewed(plan: str, emergencies: tuple[Event, ...], reviews: tuple[Event, ...]) -> bool:
    """Whether the plan has, since, what it would have needed; whoever approved it in an emergency does not count."""
    alone = {one.actor.casefold() for one in emergencies if one.plan == plan}
    return any(one.plan == plan and one.actor.casefold() not in alone for one in reviews)


def _told(one: Event) -> str:
    reason = one.text.rpartition("; SSH key")[0] or one.text
    return (
        f'EMERGENCY: plan {one.plan[:8]} was approved by "{one.actor}" alone on {one.time} ({reason}) and was not '
        f"reviewed yet. Review it:  auditor approve {one.plan[:8]} --review --key FILE"
    )
