"""What waits in an iLO's update queue, and what is kept beside it: install sets and maintenance windows. Pure."""

from __future__ import annotations

from typing import Final

from auditor.model.resource import Attribute
from auditor.model.value import Boolean, Undetermined, Value, texts
from auditor.surfaces.ilo.bodies import Bodies, first, place_of, text_at
from auditor.surfaces.ilo.links import Found, member_uris

_DONE: Final = frozenset({"Complete", "Canceled"})
_BLOCKING: Final = frozenset({"Exception", "Expired"})
_WAITING: Final = frozenset({"Pending", "InProgress"})


def update_attributes(bodies: Bodies) -> list[Attribute]:
    """``update_queue``, ``update_queue_blocked``, ``install_sets`` and ``maintenance_windows``, each where it is there.

    The queue is strictly ordered (HPE iLO Redfish, update service): no updater passes a task that failed or expired.
    """
    found: list[Attribute] = []
    if queue := first(bodies.of("update_queue")):
        source = place_of(bodies, queue, "/Members")
        tasks = bodies.of("update_task")
        unread = _unread(queue, tasks)
        states = [(text_at(one.body, "/Name") or one.uri, text_at(one.body, "/State")) for one in tasks]
        waiting = tuple(f"{name}: {state or 'no state'}" for name, state in states if state not in _DONE)
        found.append(Attribute("update_queue", unread or texts(*waiting), source))
        found.append(Attribute("update_queue_blocked", _blocked([state for _, state in states], unread), source))
    for name, role, member in (
        ("install_sets", "install_sets", "install_set"),
        ("maintenance_windows", "maintenance_windows", "maintenance_window"),
    ):
        if collection := first(bodies.of(role)):
            members = bodies.of(member)
            names = sorted(text_at(one.body, "/Name") or one.uri for one in members)
            value = _unread(collection, members) or texts(*names)
            found.append(Attribute(name, value, place_of(bodies, collection, "/Members")))
    return found


def _blocked(states: list[str], unread: Undetermined | None) -> Value:
    if not _BLOCKING.isdisjoint(states):
        return Boolean(True)
    if unread is not None:
        return unread
    odd = sorted({state for state in states if state not in _DONE | _WAITING})
    return Undetermined(f"a task's state is not known: {odd[0] or 'none given'}") if odd else Boolean(False)


def _unread(collection: Found, members: tuple[Found, ...]) -> Undetermined | None:
    """Why not all members of a collection are known, or None."""
    listed = len(member_uris(collection.body))
    return (
        Undetermined(f"{listed - len(members)} of {listed} members could not be read")
        if listed > len(members)
        else None
    )
