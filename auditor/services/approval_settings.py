"""What ``auditor.yaml`` says below ``approvals:`` of who has to approve: read strictly, from whichever place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, cast

import msgspec

from auditor.errors import InputError
from auditor.model.plan import DISRUPTIONS, Disruption
from auditor.plan.rules import ApprovalRules, Emergency, Group
from auditor.policy.document import Item
from auditor.services.fleet_values import ValueReader

RULES: Final = ("required", "groups", "emergency", "rehearsal")
"""The members of ``approvals:`` that are rules, and therefore read from the protected branch."""

BRANCH: Final = re.compile(r"(?!-)[^\s~^:?*\[\\]+")
_REHEARSAL: Final = re.compile("optional|required")
_EMERGENCY: Final = re.compile("never|another|anyone")
_DISRUPTION: Final = re.compile("|".join(re.escape(one) for one in DISRUPTIONS[1:]))
_GROUP: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def read_rules(reader: ValueReader, parts: dict[str, Item]) -> ApprovalRules:
    """The rules among the members of ``approvals:``; mistakes are noted with the reader."""
    groups: list[Group] = []
    for name, entry in reader.mapping(parts.get("groups")):
        if not _GROUP.fullmatch(name):
            reader.wrong(entry, f"{name!r} is no group's name", "Letters, digits, dots and dashes.")
        own = reader.members(entry, ["members", "required", "at_least"])
        members = reader.texts(own.get("members"))
        required = reader.count(own.get("required"), 1, 1, 20)
        if len(set(members)) < required:
            reader.wrong(entry, f"the group {name} has fewer members than it must give approvals")
        disruption = reader.matching(own.get("at_least"), _DISRUPTION, "reboot", f"one of {', '.join(DISRUPTIONS[1:])}")
        groups.append(Group(name, members, required, cast(Disruption, disruption or "reboot")))
    emergency = reader.matching(parts.get("emergency"), _EMERGENCY, "never", "never, another or anyone")
    rehearsal = reader.matching(parts.get("rehearsal"), _REHEARSAL, "optional", "optional or required")
    return ApprovalRules(
        required=reader.count(parts.get("required"), 1, 1, 20),
        groups=tuple(groups),
        emergency=cast(Emergency, emergency or "never"),
        rehearsal=rehearsal == "required",
    )


class Settings(msgspec.Struct, frozen=True):
    """What an ``auditor.yaml`` says of approvals: the rules, the file of signers, its own branch (empty: not said)."""

    rules: ApprovalRules
    approvers: Path
    branch: str = ""


def settings_in(top: Item, reader: ValueReader) -> Settings:
    """What a whole ``auditor.yaml`` says of approvals; what else it says is not looked at.

    Errors:
        InputError: it cannot be used.
    """
    approvals = next((value for name, value in top.members or () if name == "approvals"), None)
    parts = dict(approvals.members or ()) if approvals is not None else {}
    found = Settings(
        read_rules(reader, parts),
        reader.path(parts.get("approvers"), "approvers"),
        reader.matching(parts.get("default_branch"), BRANCH, "", "a branch's name") or "",
    )
    if reader.mistakes:
        raise InputError.gather(reader.mistakes)
    return found
