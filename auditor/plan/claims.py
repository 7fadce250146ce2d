"""What a step says of itself, held against its change: people approve what they are shown, so neither may lie. Pure."""

from __future__ import annotations

import json
from typing import Final

from auditor.errors import InputError
from auditor.model.plan import (
    DISRUPTIONS,
    BiosAttributes,
    Change,
    DirectiveEdit,
    Disruption,
    FileChange,
    FirmwareUpdate,
    LinkChange,
    ManagerReset,
    NoUndo,
    PackageVersions,
    RedfishCreate,
    RedfishDelete,
    RedfishPatch,
    Step,
)
from auditor.model.secret import SEALED, is_place

PERMANENT: Final = "NoDowngrade"
"""A downgrade policy that an iLO keeps for ever."""


def check_claims(step: Step) -> None:
    """Refuses a step that disrupts more than it says, or whose way back is another than to what was before.

    Errors:
        InputError: it is such a step, or one that says of a secret anything but where it comes from.
    """
    for part in (step.change, step.undo):
        if isinstance(part, RedfishPatch | RedfishCreate):
            _check_secrets(step, part)
            if any(_is_permanent(pointer, value) for pointer, value in part.members):
                raise InputError(f"step {step.id} sets {PERMANENT}, which nothing takes back; it is never planned")
    least = least_disruption(step.change)
    if DISRUPTIONS.index(step.disruption) < DISRUPTIONS.index(least):
        raise InputError(f"step {step.id} says that it takes {step.disruption!r}, and its change takes a {least}")
    if not isinstance(step.undo, NoUndo) and not _leads_back(step.change, step.undo):
        raise InputError(f"step {step.id} says that it can be taken back, and its way back leads elsewhere")


def _is_permanent(pointer: str, value: str) -> bool:
    """Whether a member sets that policy, however it is nested or its letters are escaped."""
    try:
        text = f"{pointer} {json.dumps(json.loads(value))}"
    except (ValueError, RecursionError):  # what is no JSON is never sent
        return False
    return "DowngradePolicy" in text and PERMANENT in text


def least_disruption(change: Change) -> Disruption:
    """What a change takes at least, whatever its step says: groups of approvers go by it."""
    match change:
        case DirectiveEdit() | FileChange() | LinkChange():
            return "reload"
        case PackageVersions():  # its scripts start the server anew, or we do
            return "stop and start"
        case BiosAttributes():
            return "reboot"
        case RedfishPatch(uri=uri) if "bios" in uri.casefold().split("/"):  # waits for the next boot, whosever that is
            return "reboot"
        case FirmwareUpdate() | ManagerReset():
            return "iLO reset"
        case _:
            return "none"


def _leads_back(change: Change, undo: Change) -> bool:
    """Whether the undo can be one of the change.

    Of a BIOS it may also name what the change drives along; that is shown, as is the artefact that takes firmware back.
    """
    match change, undo:
        case DirectiveEdit(), DirectiveEdit():
            here, there = (change.file, change.line, change.links), (undo.file, undo.line, undo.links)
            return here == there and (change.before, change.after) == (undo.after, undo.before)
        case FileChange(), FileChange():
            return change.file == undo.file and (change.before, change.after) == (undo.after, undo.before)
        case LinkChange(), LinkChange():
            return change.link == undo.link and (change.before, change.after) == (undo.after, undo.before)
        case PackageVersions(), PackageVersions():
            back = tuple((name, after, before) for name, before, after in change.packages)
            return change.manager == undo.manager and undo.packages == back
        case RedfishPatch(), RedfishPatch():
            return change.uri == undo.uri and _pointers(change) == _pointers(undo)
        case BiosAttributes(), BiosAttributes():
            return (change.uri, change.settings_uri) == (undo.uri, undo.settings_uri)
        case RedfishCreate(), RedfishDelete():
            return (change.collection, change.members) == (undo.collection, undo.members)
        case RedfishDelete(), RedfishCreate():
            return (change.collection, change.members) == (undo.collection, undo.members)
        case FirmwareUpdate(), FirmwareUpdate():
            return change.uris == undo.uris
        case _:
            return False


def _pointers(change: RedfishPatch) -> set[str]:
    return {pointer for pointer, _ in change.members} | {secret.pointer for secret in change.secrets}


def _check_secrets(step: Step, part: RedfishPatch | RedfishCreate) -> None:
    """A text that is no place could be a secret, so none is repeated."""
    named = [one.pointer for one in part.secrets]
    digests = [one.digest.encode() for one in part.secrets if one.digest]
    if not all(is_place(one.place) for one in part.secrets) or not all(map(SEALED.fullmatch, digests)):
        raise InputError(f"step {step.id} does not say of a secret where it comes from")
    if len({*named, *(pointer for pointer, _ in part.members)}) != len(named) + len(part.members):
        raise InputError(f"step {step.id} sets one member twice")
