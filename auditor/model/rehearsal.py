"""What a rehearsal of a plan showed, target by target: the record that stands beside the plan and names its id."""

from __future__ import annotations

from typing import Literal

import msgspec

FORMAT = "auditor.rehearsal/v1"

RehearsalOutcome = Literal["passed", "failed", "not rehearsed"]


class RehearsedTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of one target's copy. ``ran_on`` says what the copy was; ``checks`` are (text, whether it held)."""

    target: str
    outcome: RehearsalOutcome
    text: str = ""
    ran_on: str = ""
    checks: tuple[tuple[str, bool], ...] = ()


class Rehearsal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rehearsal: forward, back and forward again, on copies. ``time`` is UTC, whole seconds, with ``Z``."""

    plan: str
    time: str
    actor: str
    auditor_version: str
    targets: tuple[RehearsedTarget, ...]
    format: Literal["auditor.rehearsal/v1"] = "auditor.rehearsal/v1"

    @property
    def outcome(self) -> RehearsalOutcome:
        """``failed`` where any target failed, ``passed`` where all passed; without targets nothing was rehearsed."""
        found = {one.outcome for one in self.targets}
        if "failed" in found:
            return "failed"
        return "passed" if found == {"passed"} else "not rehearsed"
