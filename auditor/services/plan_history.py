"""The use case "history of a plan": who planned, approved, applied, confirmed, took it back, and what came of it."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from auditor.errors import InputError
from auditor.model.event import Event
from auditor.plan.folder import SHORT, read_plan
from auditor.services.fleet import Fleet
from auditor.store import Store

FORMAT = "auditor.plan_history/v1"
_ID: Final = re.compile(r"[0-9a-f]{6,64}")


class PlanHistory(msgspec.Struct, frozen=True):
    """What the ledger tells of one plan, oldest first.

    ``reason`` is empty and ``unread`` says why where the plan's own document cannot be read here; the ledger's entries
    do not depend on it. Whether they are as they were written, :mod:`auditor.services.ledger_check` says.
    """

    id: str
    reason: str
    events: tuple[Event, ...]
    unread: str = ""


def plan_history(fleet: Fleet, words: str) -> PlanHistory | None:
    """The history of the plan that the words name: its id, or six or more of its first digits.

    None where they name no plan: they are not of that form, a target has that name, or no plan begins so.

    Errors:
        InputError: several plans begin so.
        StoreError: the store cannot be read.
    """
    if not _ID.fullmatch(words):
        return None
    with Store.open(fleet.store_path) as store:
        if any(words in (name, name.rpartition("/")[0]) for name in store.targets()):
            return None
        events = store.events(plan=words)
    known = {event.plan for event in events}
    if fleet.plans_path.is_dir():
        known |= {one.name for one in fleet.plans_path.iterdir() if one.name.startswith(words)}
    if len(known) > 1:
        few = ", ".join(sorted(one[: SHORT + 4] for one in known)[:5])
        raise InputError(f"several plans begin with {words}: {few}", next_step="Give more digits.")
    if not known:
        return None
    (identity,) = known
    try:
        return PlanHistory(identity, read_plan(fleet.plans_path, identity).plan.reason, events)
    except InputError as error:
        return PlanHistory(identity, "", events, error.what.rstrip("."))
