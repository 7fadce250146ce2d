"""The face of httpd: what every surface offers, wired."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final

from auditor.model.plan import Direction, Proposal, Step, Wish
from auditor.model.resource import KindSpec
from auditor.model.snapshot import Collected, Interpretation
from auditor.model.target import Target
from auditor.surfaces.httpd.kinds import KINDS
from auditor.surfaces.interface import ActOptions, CollectOptions, Copy, InterpretOptions, StandIn, Transaction


class HttpdSurface:
    """Apache httpd. Modules are imported when used, so that naming the surface costs little."""

    @property
    def name(self) -> str:
        """``httpd``."""
        return "httpd"

    @property
    def kinds(self) -> tuple[KindSpec, ...]:
        """The kinds of resource."""
        return KINDS

    async def collect(self, target: Target, options: CollectOptions) -> Collected:
        """All that can be read of a tree or archive; see :func:`auditor.surfaces.httpd.collect.collect`."""
        from auditor.surfaces.httpd.collect import collect

        return await collect(target, options)

    def interpret(self, collected: Collected, options: InterpretOptions) -> Interpretation:
        """What it means; see :func:`auditor.surfaces.httpd.resources.interpret`."""
        from auditor.surfaces.httpd.resources import interpret

        return interpret(collected, options)

    def propose(self, wishes: tuple[Wish, ...], collected: Collected, options: InterpretOptions) -> Proposal:
        """The edits that fulfil wishes; see :func:`auditor.surfaces.httpd.propose.propose`."""
        from auditor.surfaces.httpd.propose import propose

        return propose(wishes, collected, options)

    def begin(self, target: Target, steps: tuple[Step, ...], direction: Direction, options: ActOptions) -> Transaction:
        """A transaction of edits; see :func:`auditor.surfaces.httpd.carry_out.begin`."""
        from auditor.surfaces.httpd.carry_out import begin

        return begin(target, steps, direction, options)

    async def copy(self, target: Target, steps: tuple[Step, ...], folder: Path, options: CollectOptions) -> Copy:
        """A copy of the tree; see :func:`auditor.surfaces.httpd.carry_out.copying.copy`."""
        from auditor.surfaces.httpd.carry_out.copying import copy

        return await copy(target, steps, folder, options)

    def stand_in(self, target: Target, folder: Path) -> AbstractAsyncContextManager[StandIn]:
        """The copy, at the tree's own place in a namespace."""
        from auditor.surfaces.httpd.carry_out.copying import stand_in

        return stand_in(target, folder)


SURFACE: Final = HttpdSurface()
