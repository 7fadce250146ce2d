"""What a resource's members are against what a plan wants of them. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, Literal, cast

from auditor.errors import RefusedError
from auditor.model.plan import BiosAttributes, RedfishCreate, RedfishDelete, RedfishPatch
from auditor.model.secret import PREFIX
from auditor.surfaces.ilo.body import Body, Json, at, escape, find

Standing = Literal["wanted", "previous", "mixed", "other"]
Members = tuple[tuple[str, Json], ...]

_NOTHING: Final = (None, "", "No", False)

_IDLE: Final[Mapping[str, Json]] = {
    **dict.fromkeys(("EraseUserDefaults", "RestoreDefaults", "RestoreManufacturingDefaults", "SaveUserDefaults"), "No"),
    **dict.fromkeys(("Tpm2Operation", "TpmFipsModeSwitch", "TpmModeSwitchOperation", "TpmOperation"), "NoAction"),
    "RomSelection": "CurrentRom",
}
"""Orders to the BIOS, with the value that cancels each: the default that the registries of iLO 5, 6 and 7 state for it
("No, cancel the restore procedure")."""


def members_of(change: RedfishPatch | BiosAttributes | RedfishCreate | RedfishDelete) -> Members:
    """The pointers into the resource's body, with the values that the change gives them, or knows it by.

    Errors:
        RefusedError: a value is no JSON, or a keyed digest that stands for a secret nobody here knows.
    """
    pairs = (
        tuple((f"/Attributes/{escape(name)}", value) for name, value in change.attributes)
        if isinstance(change, BiosAttributes)
        else change.members
    )
    where = change.collection if isinstance(change, RedfishCreate | RedfishDelete) else change.uri
    found: list[tuple[str, Json]] = []
    for pointer, text in pairs:
        if not pointer.startswith("/") or PREFIX in text:
            raise _refused(where, pointer, "its value is a secret's digest" if PREFIX in text else "no pointer")
        try:
            found.append((pointer, cast(Json, json.loads(text))))
        except ValueError as error:
            raise _refused(where, pointer, "its value is no JSON") from error
    return tuple(found)


def says(body: Body, content: Members) -> bool:
    """Whether a resource says this. The order of a list's entries is the iLO's choice."""
    return all(_alike(at(body, pointer), value) for pointer, value in content)


def standing(body: Body, wanted: Members, previous: Members) -> Standing:
    """Whether the members are all as wanted, all as before, some of each, or something else.

    A member that is to be null counts as such where it is absent, too. One that is wanted but was not set before (the
    undo of a BIOS change names dependents that the change only drove) stands as before until it is as wanted. One that
    is wanted as it was before says which resource is meant: another value is something else.
    """
    before = dict(previous)
    states = set()
    for pointer, value in wanted:
        now = at(body, pointer)
        if pointer in before and _same(before[pointer], value):
            if not _same(now, value):
                return "other"
        elif _same(now, value):
            states.add("wanted")
        elif before and _same(now, before.get(pointer, now)):
            states.add("previous")
        else:
            return "other"
    if states == {"wanted"} or not states:
        return "wanted"
    return "previous" if states == {"previous"} else "mixed"


def differences(body: Body, wanted: Members) -> str:
    """The members that are not as wanted, with what they are, for people."""
    return "; ".join(
        f"{pointer} is {json.dumps(at(body, pointer), ensure_ascii=False)[:80]}"
        for pointer, value in wanted
        if not _same(at(body, pointer), value)
    )


def pending(current: Body, settings: Body) -> dict[str, Json]:
    """The BIOS attributes that wait for the next boot: those of the settings that differ from the current ones.

    One that the current values do not show (it is only written) counts where it asks for something.
    """
    now, waiting = at(current, "/Attributes"), at(settings, "/Attributes")
    if not isinstance(waiting, dict):
        return {}
    shown = now if isinstance(now, dict) else {}
    return {
        name: value
        for name, value in waiting.items()
        if (not _same(shown[name], value) if name in shown else value not in (*_NOTHING, _IDLE.get(name)))
    }


def foreign(current: Body, settings: Body, ours: Members, before: Members = ()) -> Members:
    """The BIOS changes of somebody else that wait for the next boot, sorted.

    ``ours`` and ``before`` are what the plan sets and sets back: either may wait by our own hand.
    """
    own = [dict(pairs) for pairs in (ours, before)]
    waiting = ((f"/Attributes/{escape(name)}", value) for name, value in sorted(pending(current, settings).items()))
    return tuple(
        (pointer, value)
        for pointer, value in waiting
        if not any(pointer in one and _same(one[pointer], value) for one in own)
    )


def unapplied(current: Body, waiting: Members) -> tuple[Members, tuple[str, ...]]:
    """What takes these pending values back unapplied, and the attributes for which nobody here knows that.

    A value that is shown now is set again; an order that is only written is cancelled.
    """
    found: list[tuple[str, Json]] = []
    unknown: list[str] = []
    for pointer, _ in waiting:
        name = pointer.removeprefix("/Attributes/")
        there, value = find(current, pointer)
        if there:
            found.append((pointer, value))
        elif name in _IDLE:
            found.append((pointer, _IDLE[name]))
        else:
            unknown.append(name)
    return tuple(found), tuple(unknown)


def told(current: Body, waiting: Members) -> str:
    """What waits for the next boot: attribute, its value now, and the one that waits; the first few."""
    return ", ".join(
        f"{pointer.removeprefix('/Attributes/')} ({_written(at(current, pointer))} now, {_written(value)} waits)"
        for pointer, value in waiting[:8]
    )


def currently(current: Body, waiting: Mapping[str, Json], *ours: Members) -> Members:
    """The current values of those BIOS attributes that wait and that a plan names: what takes them back unapplied."""
    names = {pointer for pairs in ours for pointer, _ in pairs}
    pointers = sorted(names & {f"/Attributes/{escape(name)}" for name in waiting})
    return tuple((pointer, at(current, pointer)) for pointer in pointers)


def _written(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)[:80]


def verdict(bios: Body) -> tuple[bool, str]:
    """What POST said of the pending values: success is exactly one ``Success``; the words are for people."""
    messages = at(bios, "/@Redfish.Settings/Messages")
    listed = [one if isinstance(one, dict) else {} for one in messages] if isinstance(messages, list) else []
    ids = [str(one.get("MessageId", "?")).rsplit(".", 1)[-1] for one in listed]
    if ids == ["Success"]:
        return True, "POST accepted the settings"
    said = [
        f"{name} {' '.join(str(argument) for argument in _arguments(one))}".strip()
        for name, one in zip(ids, listed, strict=True)
        if name != "Success"
    ]
    return False, f"POST refused: {', '.join(said[:5])}" if said else "POST gave no verdict"


def mark_of(bios: Body) -> str:
    """What tells one POST's verdict from the next: its time and ETag."""
    return f"{at(bios, '/@Redfish.Settings/Time')} {at(bios, '/@Redfish.Settings/ETag')}"


def post_is_over(system: Body) -> bool:
    """Whether the system says that it is through with POST, or off, or does not say."""
    state = at(system, "/Oem/Hpe/PostState")
    return state in (None, "FinishedPost", "InPostDiscoveryComplete", "PowerOff", "Unknown", "")


def reset_action(body: Body, name: str) -> tuple[str, str]:
    """The target of a reset action and the gentlest kind of restart it allows; empty where it allows none."""
    action = at(body, f"/Actions/#{name}")
    target = at(action, "/target")
    if not isinstance(target, str):
        return "", ""
    there, allowed = find(action, "/ResetType@Redfish.AllowableValues")
    kinds = [str(one) for one in allowed] if there and isinstance(allowed, list) else ["ForceRestart"]
    for kind in ("GracefulRestart", "ForceRestart"):
        if kind in kinds:
            return target, kind
    return target, ""


def _arguments(message: Body) -> list[Json]:
    found = message.get("MessageArgs")
    return found if isinstance(found, list) else []


def _alike(one: Json, other: Json) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return sorted(map(json.dumps, one)) == sorted(map(json.dumps, other))
    return _same(one, other)


def _same(one: Json, other: Json) -> bool:
    """JSON equality: true is not 1."""
    return (type(one) is type(other) and one == other) or (_number(one) and _number(other) and one == other)


def _number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refused(uri: str, pointer: str, why: str) -> RefusedError:
    return RefusedError(f"{pointer} cannot be set: {why}.", where=uri, untouched="Nothing was changed.")
