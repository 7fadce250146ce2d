"""The iLO as a surface: what the services see of this room."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final

from auditor.model.plan import Direction, Proposal, Step, Wish
from auditor.model.resource import KindSpec
from auditor.model.snapshot import Collected, Interpretation
from auditor.model.target import Target
from auditor.surfaces.ilo.kinds import KINDS
from auditor.surfaces.interface import (
    ActOptions,
    CollectOptions,
    Copy,
    InterpretOptions,
    StandIn,
    Surface,
    Transaction,
)


class IloSurface:
    """An HPE or NEC iLO 5, 6 or 7 over Redfish; iLO 4 unverified.

    Modules are imported when used, so that starting stays fast.
    """

    @property
    def name(self) -> str:
        """``ilo``."""
        return "ilo"

    @property
    def kinds(self) -> tuple[KindSpec, ...]:
        """The kinds of resource of an iLO."""
        return KINDS

    async def collect(self, target: Target, options: CollectOptions) -> Collected:
        """All that can be read of the iLO; see :func:`auditor.surfaces.ilo.collect.collect`."""
        from auditor.surfaces.ilo.collect import collect

        return await collect(target, options)

    def interpret(self, collected: Collected, options: InterpretOptions) -> Interpretation:
        """The resources behind a collection."""
        from auditor.surfaces.ilo.resources import interpret

        return interpret(collected, options)

    def propose(self, wishes: tuple[Wish, ...], collected: Collected, options: InterpretOptions) -> Proposal:
        """Steps that fulfil the wishes."""
        from auditor.surfaces.ilo.propose import propose

        return propose(wishes, collected, options)

    def begin(self, target: Target, steps: tuple[Step, ...], direction: Direction, options: ActOptions) -> Transaction:
        """A transaction of these steps on the iLO."""
        from auditor.surfaces.ilo.carry_out import begin

        return begin(target, steps, direction, options)

    async def copy(self, target: Target, steps: tuple[Step, ...], folder: Path, options: CollectOptions) -> Copy:
        """What a virtual iLO needs; see :func:`auditor.surfaces.ilo.carry_out.copying.copy`."""
        from auditor.surfaces.ilo.carry_out.copying import copy

        return await copy(target, steps, folder, options)

    def stand_in(self, target: Target, folder: Path) -> AbstractAsyncContextManager[StandIn]:
        """A virtual iLO on loopback."""
        from auditor.surfaces.ilo.carry_out.copying import stand_in

        return stand_in(target, folder)


SURFACE: Final[Surface] = IloSurface()
