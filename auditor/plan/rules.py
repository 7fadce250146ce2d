"""How a plan must be approved: how many, of which groups for which disruption, and what an emergency may skip. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from auditor.model.plan import DISRUPTIONS, Disruption

Emergency = Literal["never", "another", "anyone"]
"""Who may approve in an emergency: nobody, somebody other than the author, or the author too."""


class Group(msgspec.Struct, frozen=True):
    """People of whom ``required`` must approve a plan whose disruption is ``at_least`` this heavy."""

    name: str
    members: tuple[str, ...]
    required: int = 1
    at_least: Disruption = "reboot"

    def concerns(self, disruption: Disruption) -> bool:
        """Whether a plan of this disruption needs the group."""
        return DISRUPTIONS.index(disruption) >= DISRUPTIONS.index(self.at_least)

    def has(self, principals: tuple[str, ...]) -> bool:
        """Whether somebody of these names belongs to it."""
        return bool({name.casefold() for name in principals} & {name.casefold() for name in self.members})


class ApprovalRules(msgspec.Struct, frozen=True):
    """The rules of a fleet. ``rehearsal``: approvals sign the record of a rehearsal along with the plan."""

    required: int = 1
    groups: tuple[Group, ...] = ()
    emergency: Emergency = "never"
    rehearsal: bool = False
