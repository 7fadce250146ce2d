"""BIOS settings on one iLO: pending values, one reset of the system for all of them, and the verdict of POST.

Pending values take effect at any later boot, whoever causes it: what is given up is taken out of them first.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from auditor.errors import ApplyError, RefusedError
from auditor.surfaces.ilo.body import Body, at, link, nest, same_path
from auditor.surfaces.ilo.carry_out import members
from auditor.surfaces.ilo.carry_out.line import Line, etag_of
from auditor.surfaces.ilo.carry_out.members import Members
from auditor.surfaces.ilo.carry_out.patching import Patching
from auditor.surfaces.ilo.carry_out.setting import Setting, shown
from auditor.surfaces.ilo.client import ROOT

PENDING: Final = "patch pending settings"
RESET: Final = "reset system"
ASIDE: Final = "set aside"
TELL_EACH_S: Final = 60.0
MOST_MEMBERS: Final = 64


@dataclass
class BiosChange:
    """The BIOS settings of a plan on one iLO."""

    line: Line
    patching: Patching

    async def refuse_foreign(self, setting: Setting, current: Body) -> None:
        """Refuses where somebody else's BIOS change waits for the next boot: it would ride along with ours.

        Errors:
            RefusedError: with each attribute and both of its values; or the pending settings show nothing.
        """
        try:
            found = await self._foreign(setting, current)
        except ApplyError as error:
            raise RefusedError(
                error.what, where=error.where, untouched="Nothing was changed.", next_step=error.next_step
            ) from error
        if found:
            raise RefusedError(
                f"a BIOS change of somebody else waits for the next boot: {members.told(current, found)}.",
                where=self.line.place(setting.settings_uri),
                untouched="Nothing was changed.",
                next_step="Let the system boot, or take that change back, then try again.",
            )

    async def refuse_lasting(self, setting: Setting, current: Body) -> None:
        """Refuses to go back where what somebody else has put there cannot be set aside for our reset.

        Errors:
            RefusedError: with what waits, and what a person does about it.
        """
        found = await self._foreign(setting, current)
        _, unknown = members.unapplied(current, found)
        if unknown:
            raise RefusedError(
                self._not_set_aside(unknown, members.told(current, found)),
                where=self.line.place(setting.settings_uri),
                untouched="Nothing was changed.",
                next_step="Take that out of the pending settings on the iLO, or let the system boot; then again.",
            )

    @staticmethod
    def _not_set_aside(unknown: Sequence[str], told: str) -> str:
        return (
            f"something of somebody else waits for the next boot, and the iLO does not show what {', '.join(unknown)} "
            f"is now, so that it cannot be set aside for the reset: {told}."
        )

    async def apply(self, settings: Sequence[Setting], *, aside: bool = False) -> list[str]:
        """Sets the pending values, resets the system once, and reads what POST made of them.

        ``aside``: what waits by somebody else's hand is set aside for the reset, and waits again afterwards.

        Errors:
            ApplyError: somebody else's change came between, the iLO or POST refuses, or POST gives no verdict.
        """
        waiting: list[Setting] = []
        for setting in settings:
            body = await self.line.body(setting.uri)
            if members.standing(body, setting.wanted, setting.previous) != "wanted":
                waiting.append(setting)
        if not waiting:
            return [f"{setting.uri} is as wanted already" for setting in settings]
        said = [await self._set_aside(setting) for setting in waiting] if aside else []
        for setting in waiting:
            await self._patch_pending(setting)
        for setting in waiting:  # whoever set something meanwhile would see it take effect by our reset
            await self._stop_at_foreign(setting)
        said.append(await self.reset_system(waiting[0].step, waiting[0]))
        for setting in waiting:
            good, words = members.verdict(await self.line.body(setting.uri))
            if not good:
                raise ApplyError(f"{words}.", where=self.line.place(setting.uri))
            await self.patching.until_wanted(setting)
        await self.put_back()
        return [*filter(None, said), "POST accepted the settings"]

    async def take_back(self, back: Sequence[Setting]) -> list[str]:
        """Current values decide: what has not taken effect is taken out of the pending settings, without a reset.

        Errors:
            ApplyError: somebody else changed a setting meanwhile, or POST does not end.
        """
        applied: list[Setting] = []
        said: list[str] = []
        for setting in back:
            current = await self.line.body(setting.uri)
            standing = members.standing(current, setting.wanted, setting.previous)
            if standing == "wanted":
                waiting = members.pending(current, await self._settings(setting))
                if own := members.currently(current, waiting, setting.wanted, setting.previous):
                    await self._patch_pending(replace(setting, wanted=own))
                    said.append("the pending BIOS settings were taken back; no reset was needed")
            else:
                self.patching.refuse_other(setting, standing, current)
                said.append(await self._set_aside(setting))
                applied.append(setting)
        for setting in applied:
            await self._patch_pending(setting)
        if applied:
            said.append(await self.reset_system(applied[0].step, applied[0]))
        await self.put_back()
        said = [one for one in said if one]
        return said or ["the BIOS settings were as before"]

    async def reset_system(self, step: str, setting: Setting) -> str:
        """Resets the system and waits until POST has given a verdict that was not there before.

        Errors:
            ApplyError: the iLO refuses, or POST gives no verdict in time.
        """
        system, target, kind = await self.reset_target(setting.uri)
        before = members.mark_of(await self.line.body(setting.uri))
        journal = self.line.options.journal
        journal.intent(step, RESET, system=system, mark=before, kind=kind, bios=setting.uri)
        client = await self.line.client()
        refusal, answer = await self.line.answered(client.post(target, {"ResetType": kind}), target)
        if refusal:
            never = {"declined": "nothing is reset"} if answer is not None and answer.status < 500 else {}
            journal.failed(step, RESET, why=refusal, **never)
            raise ApplyError(refusal, where=self.line.place(target))
        name, deadline_s = self.line.target.name, self.line.options.deadline_s
        self.line.options.observe(f"{name}: {kind} sent, waiting for POST, at most {deadline_s / 60:.0f} min")
        await self._until_post(setting.uri, system, before, deadline_s)
        journal.done(step, RESET, system=system)
        return f"system reset ({kind}), POST finished"

    async def restart(self, step: str, look: Callable[[], Awaitable[bool]]) -> str:
        """Resets the only system, and waits until ``look`` finds what was to come of it and POST is over.

        Errors:
            RefusedError: there is not one system that can be restarted.
            ApplyError: the iLO refuses, or it is not found in time.
        """
        system, target, kind = await self.reset_target("")
        journal, deadline_s = self.line.options.journal, self.line.options.deadline_s
        journal.intent(step, RESET, system=system, kind=kind)
        refusal = await self.line.sent((await self.line.client()).post(target, {"ResetType": kind}), target)
        if refusal:
            journal.failed(step, RESET, why=refusal)
            raise ApplyError(refusal, where=self.line.place(target))
        name = self.line.target.name
        self.line.options.observe(f"{name}: {kind} sent, waiting for POST, at most {deadline_s / 60:.0f} min")

        async def over() -> bool | None:
            return True if await look() and members.post_is_over(await self.line.body(system)) else None

        if await self.line.poll(over, deadline_s) is None:
            raise ApplyError(f"the reset brought nothing about within {deadline_s:g} s.", where=self.line.place(system))
        journal.done(step, RESET, system=system)
        return f"system reset ({kind}), POST finished"

    async def reset_target(self, bios: str) -> tuple[str, str, str]:
        """The system that the BIOS at ``bios`` belongs to, its reset action, and the kind of restart.

        Without ``bios`` the only system is meant.

        Errors:
            RefusedError: no system of this iLO has these BIOS settings, or it cannot be restarted.
        """
        systems = link(await self.line.body(ROOT), "/Systems") or f"{ROOT}Systems"
        listed = at(await self.line.body(systems), "/Members")
        uris = [uri for one in (listed[:MOST_MEMBERS] if isinstance(listed, list) else ()) if (uri := link(one, ""))]
        for uri in uris:
            body = await self.line.body(uri)
            if same_path(_bios_of(body) or "", bios) if bios else len(uris) == 1:
                target, kind = members.reset_action(body, "ComputerSystem.Reset")
                if target and kind:
                    return uri, target, kind
        raise RefusedError(
            "the system that this belongs to cannot be restarted from here.",
            where=self.line.place(bios or systems),
            untouched="Nothing was changed.",
        )

    # -- pending settings -------------------------------------------------------------------------------------------

    async def _patch_pending(self, setting: Setting) -> None:
        journal, uri = self.line.options.journal, setting.settings_uri
        journal.intent(setting.step, PENDING, uri=uri, before=shown(setting.previous))
        await self._patch_values(setting.step, PENDING, uri, setting.wanted)

    async def _patch_values(self, step: str, act: str, uri: str, values: Members) -> None:
        """Sets pending values; the act was announced."""
        answer = await self.line.read(uri)
        client, journal = await self.line.client(), self.line.options.journal
        refusal = await self.line.sent(client.patch(uri, nest(values), etag=etag_of(answer)), uri)
        if not refusal:
            body = await self.line.body(uri)
            if members.standing(body, values, ()) != "wanted":
                refusal = f"the pending settings do not show it: {members.differences(body, values)}"
        if refusal:
            journal.failed(step, act, why=refusal)
            raise ApplyError(refusal, where=self.line.place(uri))
        journal.done(step, act, uri=uri)

    async def put_back(self) -> None:
        """Lets wait again what was set aside in this run, where it does not.

        Errors:
            ApplyError: the iLO refuses.
        """
        for step, acts in self.line.begun().items():
            details = [detail for act, detail in acts if act == ASIDE]
            if not details:
                continue
            uri = details[-1]["uri"]
            values: Members = tuple(json.loads(details[-1]["values"]).items())
            if members.standing(await self.line.body(uri), values, ()) != "wanted":
                await self._patch_values(step, ASIDE, uri, values)

    async def _set_aside(self, setting: Setting) -> str:
        """Takes out of the pending settings what somebody else put there; a sentence where there was anything.

        Errors:
            ApplyError: nobody here knows what it is now, or the iLO refuses.
        """
        current = await self.line.body(setting.uri)
        found = await self._foreign(setting, current)
        if not found:
            return ""
        now, unknown = members.unapplied(current, found)
        told = members.told(current, found)
        if unknown:
            raise ApplyError(self._not_set_aside(unknown, told), where=self.line.place(setting.settings_uri))
        journal = self.line.options.journal
        journal.intent(setting.step, ASIDE, uri=setting.settings_uri, values=json.dumps(dict(found), sort_keys=True))
        await self._patch_values(setting.step, ASIDE, setting.settings_uri, now)
        return f"set aside for the reset, and waiting again afterwards: {told}"

    async def _settings(self, setting: Setting) -> Body:
        """The pending settings as they are now.

        Errors:
            ApplyError: they show no attributes, so that what waits there is not known.
        """
        body = await self.line.body(setting.settings_uri)
        if not isinstance(at(body, "/Attributes"), dict):
            raise ApplyError(
                "the pending settings hold no attributes, so it is not known what waits for the next boot.",
                where=self.line.place(setting.settings_uri),
                next_step="Look at the pending settings on the iLO itself before anybody restarts the system.",
            )
        return body

    async def _foreign(self, setting: Setting, current: Body) -> Members:
        settings = await self._settings(setting)
        return members.foreign(current, settings, setting.wanted, setting.previous)

    async def _stop_at_foreign(self, setting: Setting) -> None:
        current = await self.line.body(setting.uri)
        if found := await self._foreign(setting, current):
            raise ApplyError(
                "a BIOS change of somebody else waits and would take effect by our reset: "
                f"{members.told(current, found)}.",
                where=self.line.place(setting.settings_uri),
            )

    # -- POST -------------------------------------------------------------------------------------------------------

    async def _until_post(self, bios: str, system: str, before: str, deadline_s: float) -> None:
        begun = told = time.monotonic()

        async def look() -> Body | None:
            nonlocal told
            if time.monotonic() - told >= TELL_EACH_S:
                told = time.monotonic()
                self.line.options.observe(
                    f"{self.line.target.name}: no verdict of POST after {(told - begun) / 60:.0f} min; still waiting"
                )
            body = await self.line.body(bios)
            if members.mark_of(body) == before:
                return None
            return body if members.post_is_over(await self.line.body(system)) else None

        if await self.line.poll(look, deadline_s) is None:
            raise ApplyError(
                f"POST gave no new verdict within {deadline_s:g} s; an operating system may ignore a graceful restart.",
                where=self.line.place(bios),
            )

    async def await_reset(self, detail: Mapping[str, str]) -> None:
        """Waits for the POST that our reset has started: what it applies must be known before anything is set back.

        ``detail`` is that of the announced reset. Where no new verdict comes for a while, it was never sent.

        Errors:
            ApplyError: the system does not get through POST.
        """
        system, before, bios = detail.get("system", ""), detail.get("mark", ""), detail.get("bios", "")
        patience = min(self.line.options.deadline_s / 5, 180.0)

        async def verdict() -> Body | None:
            body = await self.line.body(bios)
            return body if members.mark_of(body) != before else None

        async def quiet() -> Body | None:
            body = await self.line.body(system)
            return body if members.post_is_over(body) else None

        if bios:
            await self.line.poll(verdict, patience)
        if await self.line.poll(quiet, self.line.options.deadline_s) is None:
            raise ApplyError("the system does not get through POST.", where=self.line.place(system))


def _bios_of(system: Body) -> str | None:
    return link(system, "/Bios") or link(system, "/Oem/Hpe/Links/BIOS") or link(system, "/Oem/Hp/links/BIOS")
