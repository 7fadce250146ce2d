"""The steps of one plan on one iLO, forward or back: settings, members, firmware, BIOS, one reset for all.

Nothing is believed but a re-read. A write is sent once; where its answer is lost, reading again decides. What takes
effect at any later boot is taken back first where a run is given up.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from auditor.errors import ApplyError, AuditorError, RefusedError
from auditor.model.plan import Direction, Step
from auditor.model.target import IloEndpoint, Target
from auditor.surfaces.ilo.carry_out import members, secrets
from auditor.surfaces.ilo.carry_out.bios import RESET, BiosChange
from auditor.surfaces.ilo.carry_out.firmware import Firmware
from auditor.surfaces.ilo.carry_out.line import Line
from auditor.surfaces.ilo.carry_out.membership import Memberships
from auditor.surfaces.ilo.carry_out.patching import PATCH, Patching
from auditor.surfaces.ilo.carry_out.repository import Repository
from auditor.surfaces.ilo.carry_out.resetting import IloReset
from auditor.surfaces.ilo.carry_out.setting import (
    Act,
    Flash,
    Membership,
    Reset,
    Setting,
    act_of,
    secrets_for,
)
from auditor.surfaces.interface import ActOptions


@dataclass
class IloTransaction:
    """The steps of a plan on one iLO. ``quickest_s`` and ``settle_s`` are those of :class:`Line`."""

    target: Target
    endpoint: IloEndpoint
    steps: tuple[Step, ...]
    direction: Direction
    options: ActOptions
    quickest_s: float = 0.2
    settle_s: float = 20.0
    _ready: tuple[Act, ...] = ()

    def __post_init__(self) -> None:
        self._line = Line(self.target, self.endpoint, self.options, self.quickest_s, self.settle_s)
        self._patching = Patching(self._line)
        self._memberships = Memberships(self._line)
        self._bios = BiosChange(self._line, self._patching)
        self._ilo = IloReset(self._line, self._patching)
        self._firmware = Firmware(self._line, Repository(self._line, self.options.artefacts), self._bios)

    async def prepare(self) -> tuple[str, ...]:
        """Logs in and reads: everything must be as the plan found it, and no other BIOS change may be waiting."""
        acts = self._acts()
        secrets.revealed(secrets_for(acts, self.direction), self.options)
        await self._line.client()
        self._ready = acts
        said = [await self._checked(one) for one in acts]
        if bios := _bios(acts):
            await self._bios.reset_target(bios[0].uri)
        return tuple(said)

    async def perform(self) -> tuple[str, ...]:
        """Sets everything, resets what has to be reset, and reads it all again. What has no way back comes last."""
        last = [one for one in self._ready if _has_no_way_back(one)]
        acts = [one for one in self._ready if one not in last]
        said = [await self._set(one) for one in acts if _is_set_at_once(one)]
        flashes = _flashes(acts)
        for one in flashes:
            said += await self._firmware.install(one)
        settings = [one for one in acts if isinstance(one, Setting) and not one.bios]
        if any(one.resets_ilo for one in settings):
            said.append(await self._ilo.reset(settings, done=bool(flashes)))
        if bios := _bios(acts):
            said += await self._bios.apply(bios, aside=self.direction == "back")
        said += await self._firmware.activate(flashes)
        said += [await self._set(one) for one in last if _is_set_at_once(one)]
        for one in _flashes(last):
            said += await self._firmware.install(one)
        said += await self._firmware.activate(_flashes(last))
        said += [await self._ilo.for_what_waits(one) for one in last if isinstance(one, Reset)]
        await self._line.log_out()  # looking comes next, and the iLO may have no other session left
        return (*said, "read back: everything is as wanted")

    async def take_back(self) -> tuple[str, ...]:
        """Sets back, in reverse, what was begun; waits first for a reset that is under way."""
        begun = self._line.begun()
        forward = [one for one in self._acts() if one.step in begun and not self._line.held_off(one.step)]
        if not forward:
            return ("nothing had been set",)
        await self._line.reached()
        announced = _announced(begun)
        if RESET in announced and not self._line.declined(RESET):
            await self._bios.await_reset(announced[RESET])
        for one in forward:
            if _is_final(one) and not await self._never_happened(one):
                why = f"step {one.step} was begun, and nothing takes it back; look whether it took place."
                raise ApplyError(f"{self.target.name}: {why}")
        back = [one.reverse() for one in reversed(forward) if not _is_final(one)]
        said: list[str] = []
        if bios := _bios(back):
            said += await self._bios.take_back(bios)
        if flashes := _flashes(forward):
            said += await self._firmware.take_back(flashes)
        said += [await self._set(one) for one in back if _is_set_at_once(one)]
        settings = [one for one in back if isinstance(one, Setting) and not one.bios]
        if await self._ilo.is_due(settings, begun):
            said.append(await self._ilo.reset(settings))
        for one in back:
            if isinstance(one, Setting):
                await self._patching.until_wanted(one)
            elif isinstance(one, Membership) and one.wanted:
                await self._memberships.until_there(one)
        await self._line.log_out()
        return tuple(said)

    async def finish(self) -> None:
        """Logs out and releases the lock; of firmware that was rolled back, artefacts go that the plan brought."""
        try:
            if flashes := [one for one in self._ready if isinstance(one, Flash)] if self._line.rolled_back else []:
                with contextlib.suppress(AuditorError):  # files that lie ready install nothing
                    await self._firmware.clear(flashes, of_any_run=True)
        finally:
            await self._line.release()

    def _acts(self) -> tuple[Act, ...]:
        made = [act_of(step, self.direction) for step in self.steps]
        return tuple(made if self.direction == "forward" else reversed(made))

    async def _never_happened(self, one: Act) -> bool:
        """Whether a step that has no way back was announced, and did not take place."""
        if isinstance(one, Reset):
            return await self._ilo.is_undone(one)
        if isinstance(one, Setting):
            return self._line.refused(one.step, PATCH)
        return isinstance(one, Membership) and await self._memberships.is_there(one)

    async def _set(self, one: Setting | Membership) -> str:
        if isinstance(one, Membership):
            return await self._memberships.carry_out(one)
        return await self._patching.patch(one)

    async def _checked(self, one: Act) -> str:
        if isinstance(one, Membership):
            return await self._memberships.check(one, forward=self.direction == "forward")
        if isinstance(one, Reset):
            return "settings wait for a reset of the iLO" if await self._ilo.is_undone(one) else "nothing waits for it"
        return await self._firmware.check(one) if isinstance(one, Flash) else await self._as_planned(one)

    async def _as_planned(self, setting: Setting) -> str:
        body = await self._line.body(setting.uri)
        found = members.standing(body, setting.wanted, setting.previous)
        if found == "other" or (found == "mixed" and not setting.bios):
            raise RefusedError(
                f"{members.differences(body, setting.previous)}: changed since the plan was "
                f"{'made' if self.direction == 'forward' else 'applied'}.",
                where=self._line.place(setting.uri),
                untouched="Nothing was changed.",
                next_step=f"Look:  auditor drift {self.target.name}",
            )
        if setting.bios and self.direction == "forward":
            await self._bios.refuse_foreign(setting, body)
        elif setting.bios and found != "wanted":
            await self._bios.refuse_lasting(setting, body)
        if setting.secrets and found == "wanted":
            return f"{setting.uri} is the one that is meant"
        still = "still as planned" if self.direction == "forward" else "still as the plan left it"
        return f"{setting.uri} is {still if found != 'wanted' else 'as wanted already'}"


def _is_set_at_once(one: Act) -> TypeGuard[Setting | Membership]:
    """Whether it is set where it stands: neither through pending settings nor by an update."""
    return isinstance(one, Membership) or (isinstance(one, Setting) and not one.bios)


def _bios(acts: Sequence[Act]) -> list[Setting]:
    return [one for one in acts if isinstance(one, Setting) and one.bios]


def _flashes(acts: Sequence[Act]) -> list[Flash]:
    return [one for one in acts if isinstance(one, Flash)]


def _has_no_way_back(one: Act) -> bool:
    """Whether it is done after all else, since it cannot be taken back where something else fails."""
    if isinstance(one, Membership):
        return one.final
    if isinstance(one, Setting):
        return bool(one.secrets) and _is_final(one)
    return isinstance(one, Reset) or (isinstance(one, Flash) and one.previous is None)


def _is_final(one: Act) -> bool:
    """Whether a step has no way back, once it took place. Of firmware its own part says whether it did."""
    if isinstance(one, Setting):
        return not one.previous and not one.previous_secrets
    return not isinstance(one, Flash) and _has_no_way_back(one)


def _announced(begun: Mapping[str, list[tuple[str, Mapping[str, str]]]]) -> dict[str, Mapping[str, str]]:
    """The last detail of each act that was announced."""
    return {act: detail for acts in begun.values() for act, detail in acts}
