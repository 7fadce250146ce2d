"""Resetting the iLO itself, and looking again once it is back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from auditor.errors import ApplyError
from auditor.surfaces.ilo.carry_out import line as timing
from auditor.surfaces.ilo.carry_out import members
from auditor.surfaces.ilo.carry_out.line import Begun, Line
from auditor.surfaces.ilo.carry_out.patching import PATCH, Patching
from auditor.surfaces.ilo.carry_out.setting import Reset, Setting
from auditor.surfaces.interface import Caveat

ILO_RESET: Final = "reset iLO"
_UNSEEN: Final = "the iLO took the order to reset itself, and that it did was not seen"


@dataclass
class IloReset:
    """One reset of the iLO for all settings that need one."""

    line: Line
    patching: Patching

    async def is_due(self, back: Sequence[Setting], begun: Begun) -> bool:
        """Whether taking these back takes a reset: ours was announced, or what waits for one does so by our hand."""
        needing = [one for one in back if one.resets_ilo]
        if not needing or any(act == ILO_RESET for acts in begun.values() for act, _ in acts):
            return bool(needing)
        waited = [detail.get("waits") for one in needing for act, detail in begun[one.step] if act == PATCH]
        if not waited or waited[0] != "no":
            return False
        return any([await self.patching.reset_waits(one.uri) for one in needing])

    async def for_what_waits(self, one: Reset) -> str:
        """Resets the iLO where it says that settings wait for that.

        Errors:
            ApplyError: as of :meth:`reset`, or it says so still.
        """
        if not await self.patching.reset_waits(one.uri):
            return "nothing waits for a reset of the iLO"
        said = await self._reset(one.step)

        async def look() -> bool | None:
            return None if await self.patching.reset_waits(one.uri) else True

        if await self.line.poll(look, timing.SHOWN_WITHIN_S) is None:
            raise ApplyError("settings wait for a reset of the iLO still.", where=self.line.target.name)
        return said

    async def is_undone(self, one: Reset) -> bool:
        """Whether the reset did not take place: what waited for it waits."""
        return await self.patching.reset_waits(one.uri)

    async def reset(self, settings: Sequence[Setting], *, done: bool = False) -> str:
        """Resets the iLO, and waits until it shows the settings as wanted, whichever way they go.

        ``done``: something else may have reset it already; then it is asked whether anything waits for that.

        Errors:
            ApplyError: it offers or accepts no reset, does not come back, or does not show the settings.
        """
        if done and not any([await self.patching.reset_waits(one.uri) for one in settings]):
            for setting in settings:
                await self.patching.until_wanted(setting)
            return "the iLO was reset by its own update"
        said = await self._reset(next(setting.step for setting in settings if setting.resets_ilo))

        async def look() -> bool | None:
            return None if any([await self.patching.reset_waits(one.uri) for one in settings]) else True

        # What is stored shows as wanted without a reset too.
        if await self.line.poll(look, timing.BACK_WITHIN_S) is None:
            raise ApplyError("settings wait for a reset of the iLO still.", where=self.line.target.name)
        for setting in settings:
            await self.patching.until_wanted(setting)
        return said

    async def _reset(self, step: str) -> str:
        target, kind = members.reset_action(await self.line.manager(), "Manager.Reset")
        if not target:
            raise ApplyError("the iLO offers no reset.", where=self.line.target.name)
        journal = self.line.options.journal
        journal.intent(step, ILO_RESET, target=target)
        client = await self.line.client()
        refusal = await self.line.sent(client.post(target, {"ResetType": kind} if kind else {}), target)
        if refusal:
            journal.failed(step, ILO_RESET, why=refusal)
            raise ApplyError(refusal, where=self.line.place(target))
        seen = await self.line.gone()
        await self.line.reached()
        journal.done(step, ILO_RESET, target=target)
        return "iLO reset; it answers again" if seen else Caveat(_UNSEEN)
