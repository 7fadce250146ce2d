"""Carrying out a plan's settings on an iLO."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import RefusedError
from auditor.model.plan import Direction, Step
from auditor.model.target import IloEndpoint, Target
from auditor.surfaces.interface import ActOptions

if TYPE_CHECKING:
    from auditor.surfaces.ilo.carry_out.transaction import IloTransaction


def begin(target: Target, steps: tuple[Step, ...], direction: Direction, options: ActOptions) -> IloTransaction:
    """A transaction of settings on an iLO.

    Errors:
        RefusedError: the target is no iLO that can be reached.
    """
    from auditor.surfaces.ilo.carry_out.transaction import IloTransaction

    if not isinstance(target.location, IloEndpoint):
        raise RefusedError(
            f"{target.name} cannot be changed from here: it is no iLO that can be reached.",
            untouched="Nothing was changed.",
        )
    return IloTransaction(target, target.location, steps, direction, options)
