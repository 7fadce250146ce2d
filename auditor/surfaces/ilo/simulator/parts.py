"""What a part of the virtual iLO (its resets, its update service, its alerts) adds to reading and setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from auditor.surfaces.ilo.body import Body, key_of

if TYPE_CHECKING:
    from auditor.surfaces.ilo.simulator.state import IloState

Message: TypeAlias = tuple[str, tuple[str, ...]]
"""A message's id with its version, and its arguments."""


class Reply(msgspec.Struct, frozen=True):
    """A status, the ids of messages with their arguments, and a body or the place of a new resource."""

    status: int
    messages: tuple[Message, ...] = ()
    body: Body | None = None
    location: str = ""


class Upload(msgspec.Struct, frozen=True):
    """One field of a form that was sent: its content, and its file's name (empty where it is no file)."""

    content: bytes
    filename: str = ""


Act: TypeAlias = "Callable[[IloState, str, Body], Reply]"
"""Told the state, the URI as it was asked, and the body (empty for a DELETE)."""
Receive: TypeAlias = "Callable[[IloState, str, Mapping[str, Upload]], Reply]"
"""The same for a form (``multipart/form-data``), its fields by name."""


class Part(msgspec.Struct, frozen=True):
    """One part. The tables' keys are ends of URIs, in lower case and without a trailing slash.

    ``actions`` and ``creates`` answer a POST, ``receives`` one that sends a form, ``deletes`` and ``patches`` a DELETE
    and a PATCH of a member of the collection that the key names. ``settle`` is called under the state's lock before
    each request: it does what the time that has passed brings about. ``booted`` is called where a POST ends.
    """

    actions: Mapping[str, Act] = {}
    creates: Mapping[str, Act] = {}
    deletes: Mapping[str, Act] = {}
    patches: Mapping[str, Act] = {}
    receives: Mapping[str, Receive] = {}
    settle: Callable[[IloState], None] | None = None
    booted: Callable[[IloState], None] | None = None


def message(name: str, *arguments: str) -> Message:
    """A message for a :class:`Reply`."""
    return name, arguments


def act_for(uri: str, tables: tuple[Mapping[str, Act], ...]) -> Act | None:
    """What answers at that URI, or None."""
    return next((act for table in tables for end, act in table.items() if key_of(uri).endswith(end)), None)


def receive_for(uri: str, parts: tuple[Part, ...]) -> Receive | None:
    """What takes a form at that URI, or None."""
    tables = (part.receives for part in parts)
    return next((take for table in tables for end, take in table.items() if key_of(uri).endswith(end)), None)
