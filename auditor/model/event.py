"""What happened to plans and agreements, and which alerts were tested: the events of the ledger."""

from __future__ import annotations

from typing import Literal

import msgspec

from auditor.model.resource import Address
from auditor.model.value import Value

FORMAT = "auditor.event/v1"

EventKind = Literal[
    "planned",
    "approved",
    "emergency approved",
    "reviewed",
    "rehearsed",
    "applied",
    "confirmed",
    "rolled back",
    "refused",
    "taken back",
    "incomplete",
    "agreed",
    "alert tested",
]


class EventEffect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An attribute that an event changed; ``address.target`` is filled in. None: the attribute was or is absent.

    ``before`` and ``after`` are the event's own: where a plan was rolled back, ``after`` is the value before the plan.
    """

    address: Address
    before: Value | None = None
    after: Value | None = None


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One event. ``time`` is UTC, ISO 8601 with ``Z``.

    ``plan`` is the plan's id (empty: none), ``actor`` who caused it, as proven by a signature where there is one.
    ``documents`` are ``TARGET:NAME`` of the files and bodies it touched; ``revision`` is the snapshot it refers to.
    ``id`` is 12 hexadecimal digits of the content's SHA-256; the store fills it in.
    """

    kind: EventKind
    time: str
    plan: str = ""
    actor: str = ""
    targets: tuple[str, ...] = ()
    text: str = ""
    effects: tuple[EventEffect, ...] = ()
    documents: tuple[str, ...] = ()
    revision: str = ""
    detail: tuple[tuple[str, str], ...] = ()
    id: str = ""
