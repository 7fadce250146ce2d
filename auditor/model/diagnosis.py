"""What the doctor found: rights and tools, here and on targets."""

from __future__ import annotations

from typing import Literal

import msgspec

CheckState = Literal["ok", "missing", "without"]


class DoctorCheck(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One right or tool.

    ``name`` is the key of its label and of what its lack costs. ``missing``: something cannot be examined or done
    without it. ``without``: it is not there, and nothing that was asked for needs it. ``detail`` is what was found.
    """

    name: str
    state: CheckState
    detail: str = ""
    next_step: str = ""


class TargetDiagnosis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One target: its checks in order, who looked, and the sudoers lines that let that account read, and change.

    Lines are empty where none is needed (root) or none would help.
    """

    target: str
    user: str
    checks: tuple[DoctorCheck, ...]
    read_lines: tuple[str, ...] = ()
    change_lines: tuple[str, ...] = ()
    trees: tuple[str, ...] = ()


class Diagnosis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Checks of the machine at hand, and those of each target, in order of name."""

    here: tuple[DoctorCheck, ...]
    targets: tuple[TargetDiagnosis, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        every = [*self.here, *(one for target in self.targets for one in target.checks)]
        return all(one.state != "missing" for one in every)
