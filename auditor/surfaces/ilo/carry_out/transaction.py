"""The steps of one plan on one iLO, forward or back: PATCHes, then BIOS settings with one reset for all.

Nothing is believed but a re-read. A write is sent once; where its answer is lost, reading again decides. Pending BIOS
values take effect at any later boot, so a run that is given up takes them back first.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from auditor.errors import ApplyError, CollectError, RefusedError
from auditor.model.plan import BiosAttributes, Direction, NoUndo, RedfishPatch, Step
from auditor.model.target import IloEndpoint, Target
from auditor.surfaces.ilo.answers import Answer
from auditor.surfaces.ilo.body import Body, at, link, nest, same_path
from auditor.surfaces.ilo.carry_out import members
from auditor.surfaces.ilo.carry_out.members import Members, Standing
from auditor.surfaces.ilo.client import ROOT, IloClient, credentials_of
from auditor.surfaces.interface import ActOptions
from auditor.transport.lock import hold, state_home

_PATCH: Final = "patch"
_PENDING: Final = "patch pending settings"
_RESET: Final = "reset system"
_ILO_RESET: Final = "reset iLO"
_SHOWN_WITHIN_S: Final = 15.0
_BACK_WITHIN_S: Final = 300.0
_TELL_EACH_S: Final = 60.0
_MOST_MEMBERS: Final = 64

T = TypeVar("T")


@dataclass(frozen=True)
class Setting:
    """One step in the direction that it is carried out: the members as wanted, and as they are before."""

    step: str
    uri: str
    wanted: Members
    previous: Members
    resets_ilo: bool = False
    settings_uri: str = ""

    @property
    def bios(self) -> bool:
        """Whether it goes through the pending settings."""
        return bool(self.settings_uri)

    def reverse(self) -> Setting:
        """The same members, back."""
        return Setting(self.step, self.uri, self.previous, self.wanted, self.resets_ilo, self.settings_uri)


@dataclass
class IloTransaction:
    """The steps of a plan on one iLO.

    ``quickest_s`` is the first pause between two looks (pauses grow), ``settle_s`` how long an iLO may still answer
    after it took the command to reset itself.
    """

    target: Target
    endpoint: IloEndpoint
    steps: tuple[Step, ...]
    direction: Direction
    options: ActOptions
    quickest_s: float = 0.2
    settle_s: float = 20.0
    _lock: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _locked: bool = False
    _held: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    _client: IloClient | None = None
    _ready: tuple[Setting, ...] = ()

    async def prepare(self) -> tuple[str, ...]:
        """Logs in and reads: every member must be as the plan found it, and no other BIOS change may be waiting."""
        settings = self._settings()
        client = await self._logged_in()
        self._ready = settings
        said: list[str] = []
        for setting in settings:
            body = (await client.get(setting.uri)).body
            found = members.standing(body, setting.wanted, setting.previous)
            if found == "other" or (found == "mixed" and not setting.bios):
                raise RefusedError(
                    f"{members.differences(body, setting.previous)}: changed since the plan was "
                    f"{'made' if self.direction == 'forward' else 'applied'}.",
                    where=f"{self.target.name} {setting.uri}",
                    untouched="Nothing was changed.",
                    next_step=f"Look:  auditor drift {self.target.name}",
                )
            if setting.bios:
                await self._refuse_foreign(setting, body)
            still = "still as planned" if self.direction == "forward" else "still as the plan left it"
            said.append(f"{setting.uri} is {still if found != 'wanted' else 'as wanted already'}")
        if any(setting.bios for setting in settings):
            await self._reset_target()
        return tuple(said)

    async def perform(self) -> tuple[str, ...]:
        """Sets everything, resets what has to be reset, and reads it all again."""
        said = [await self._patch(setting) for setting in self._ready if not setting.bios]
        if any(setting.resets_ilo for setting in self._ready):
            said.append(await self._reset_ilo(self._ready))
        bios = [setting for setting in self._ready if setting.bios]
        said += await self._set_bios(bios)
        return (*said, "read back: every member is as wanted")

    async def take_back(self) -> tuple[str, ...]:
        """Sets back, in reverse, what was begun; waits first for a reset that is under way."""
        begun = self._begun()
        back = [setting.reverse() for setting in reversed(self._settings()) if setting.step in begun]
        if not back:
            return ("nothing had been set",)
        if any(not setting.wanted for setting in back):
            raise ApplyError(f"{self.target.name}: a step without undo was begun and cannot be taken back.")
        await self._reached()
        said: list[str] = []
        bios = [setting for setting in back if setting.bios]
        if bios:
            said += await self._take_back_bios(bios, {act: detail for acts in begun.values() for act, detail in acts})
        patched = [setting for setting in back if not setting.bios]
        said += [await self._patch(setting) for setting in patched]
        reset = any(act == _ILO_RESET for acts in begun.values() for act, _ in acts)
        if reset and any(setting.resets_ilo for setting in patched):
            said.append(await self._reset_ilo(patched))
        for setting in back:
            await self._until_wanted(setting)
        return tuple(said)

    async def finish(self) -> None:
        """Logs out and releases the lock."""
        self._client = None
        try:
            await self._held.aclose()
        finally:
            self._locked = False
            self._lock.close()

    # -- steps ------------------------------------------------------------------------------------------------------

    def _settings(self) -> tuple[Setting, ...]:
        made = [_setting(step, self.direction) for step in self.steps]
        return tuple(made if self.direction == "forward" else reversed(made))

    async def _patch(self, setting: Setting) -> str:
        client = await self._logged_in()
        answer = await client.get(setting.uri)
        standing = members.standing(answer.body, setting.wanted, setting.previous)
        if standing == "wanted":
            return f"{setting.uri} is as wanted already"
        self._refuse_other(setting, standing, answer.body)
        etag = answer.etag or str(at(answer.body, "/@odata.etag") or "")
        journal = self.options.journal
        journal.intent(setting.step, _PATCH, uri=setting.uri, before=_shown(setting.previous))
        refusal = await self._sent(client.patch(setting.uri, nest(setting.wanted), etag=etag), setting.uri)
        if refusal:
            journal.failed(setting.step, _PATCH, why=refusal)
            raise ApplyError(refusal, where=setting.uri)
        if not setting.resets_ilo:
            await self._until_wanted(setting)
        journal.done(setting.step, _PATCH, uri=setting.uri)
        return f"{setting.uri} set"

    async def _sent(self, write: Awaitable[Answer], uri: str) -> str:
        """Why a write was refused; empty where it was taken, or its answer was lost: a re-read decides then."""
        try:
            answer = await write
        except CollectError as error:
            self.options.observe(f"{uri}: no answer ({error.what}); reading again")
            return ""
        if answer.status == 412:
            return "it was changed by somebody else meanwhile (the iLO answers 412)"
        if answer.ok:
            return ""
        said = ", ".join(answer.messages[:3])
        return f"the iLO refused it: status {answer.status}{f', {said}' if said else ''}"

    def _refuse_other(self, setting: Setting, standing: Standing, body: Body) -> None:
        if standing == "other":
            raise ApplyError(
                f"{members.differences(body, setting.previous)}: somebody else changed it meanwhile.",
                where=f"{self.target.name} {setting.uri}",
            )

    async def _until_wanted(self, setting: Setting) -> None:
        """Reads until the members are as wanted; only that proves a change."""

        async def look() -> Body | None:
            body = (await (await self._logged_in()).get(setting.uri)).body
            return body if members.standing(body, setting.wanted, ()) == "wanted" else None

        if await self._poll(look, _SHOWN_WITHIN_S) is None:
            body = (await (await self._logged_in()).get(setting.uri)).body
            raise ApplyError(
                f"read back: {members.differences(body, setting.wanted)}.", where=f"{self.target.name} {setting.uri}"
            )

    # -- BIOS -------------------------------------------------------------------------------------------------------

    async def _set_bios(self, settings: list[Setting]) -> list[str]:
        client = await self._logged_in()
        waiting: list[Setting] = []
        for setting in settings:
            body = (await client.get(setting.uri)).body
            if members.standing(body, setting.wanted, setting.previous) != "wanted":
                waiting.append(setting)
        if not waiting:
            return [f"{setting.uri} is as wanted already" for setting in settings]
        for setting in waiting:
            await self._patch_pending(setting)
        said = await self._reset_system(waiting[0])
        for setting in waiting:
            body = (await (await self._logged_in()).get(setting.uri)).body
            good, words = members.verdict(body)
            if not good:
                raise ApplyError(f"{words}.", where=f"{self.target.name} {setting.uri}")
            await self._until_wanted(setting)
        return [said, "POST accepted the settings"]

    async def _patch_pending(self, setting: Setting) -> None:
        client = await self._logged_in()
        answer = await client.get(setting.settings_uri)
        etag = answer.etag or str(at(answer.body, "/@odata.etag") or "")
        journal = self.options.journal
        journal.intent(setting.step, _PENDING, uri=setting.settings_uri, before=_shown(setting.previous))
        body = nest(setting.wanted)
        refusal = await self._sent(client.patch(setting.settings_uri, body, etag=etag), setting.settings_uri)
        if not refusal:
            shown = (await client.get(setting.settings_uri)).body
            if members.standing(shown, setting.wanted, ()) != "wanted":
                refusal = f"the pending settings do not show it: {members.differences(shown, setting.wanted)}"
        if refusal:
            journal.failed(setting.step, _PENDING, why=refusal)
            raise ApplyError(refusal, where=f"{self.target.name} {setting.settings_uri}")
        journal.done(setting.step, _PENDING, uri=setting.settings_uri)

    async def _reset_system(self, setting: Setting) -> str:
        """Resets the system and waits until POST has given a verdict that was not there before."""
        client = await self._logged_in()
        system, target, kind = await self._reset_target()
        before = members.mark_of((await client.get(setting.uri)).body)
        journal = self.options.journal
        journal.intent(setting.step, _RESET, system=system, mark=before, kind=kind)
        refusal = await self._sent(client.post(target, {"ResetType": kind}), target)
        if refusal:
            journal.failed(setting.step, _RESET, why=refusal)
            raise ApplyError(refusal, where=f"{self.target.name} {target}")
        self.options.observe(
            f"{self.target.name}: {kind} sent, waiting for POST, at most {self.options.deadline_s / 60:.0f} min"
        )
        await self._until_post(setting, system, before, self.options.deadline_s)
        journal.done(setting.step, _RESET, system=system)
        return f"system reset ({kind}), POST finished"

    async def _until_post(self, setting: Setting, system: str, before: str, deadline_s: float) -> None:
        begun = told = time.monotonic()

        async def look() -> Body | None:
            nonlocal told
            if time.monotonic() - told >= _TELL_EACH_S:
                told = time.monotonic()
                self.options.observe(
                    f"{self.target.name}: no verdict of POST after {(told - begun) / 60:.0f} min; still waiting"
                )
            client = await self._logged_in()
            bios = (await client.get(setting.uri)).body
            if members.mark_of(bios) == before:
                return None
            return bios if members.post_is_over((await client.get(system)).body) else None

        if await self._poll(look, deadline_s) is None:
            raise ApplyError(
                f"POST gave no new verdict within {deadline_s:g} s; an operating system may ignore a graceful restart.",
                where=f"{self.target.name} {setting.uri}",
            )

    async def _reset_target(self) -> tuple[str, str, str]:
        """The system that the BIOS belongs to, its reset action, and the kind of restart.

        Errors:
            RefusedError: no system of this iLO has these BIOS settings, or it cannot be restarted.
        """
        client = await self._logged_in()
        bios = next(setting.uri for setting in self._settings() if setting.bios)
        systems = link((await client.get(ROOT)).body, "/Systems") or f"{ROOT}Systems"
        listed = at((await client.get(systems)).body, "/Members")
        for one in listed[:_MOST_MEMBERS] if isinstance(listed, list) else ():
            uri = link(one, "")
            if uri is None:
                continue
            body = (await client.get(uri)).body
            if same_path(_bios_of(body) or "", bios):
                target, kind = members.reset_action(body, "ComputerSystem.Reset")
                if target and kind:
                    return uri, target, kind
        raise RefusedError(
            "the system that these BIOS settings belong to cannot be restarted from here.",
            where=f"{self.target.name} {bios}",
            untouched="Nothing was changed.",
        )

    async def _refuse_foreign(self, setting: Setting, current: Body) -> None:
        """Refuses where somebody else's BIOS change waits for the next boot: it would ride along with ours."""
        waiting = members.pending(current, (await (await self._logged_in()).get(setting.settings_uri)).body)
        ours = {pointer.removeprefix("/Attributes/"): value for pointer, value in setting.wanted}
        foreign = sorted(name for name, value in waiting.items() if name not in ours or ours[name] != value)
        if foreign:
            raise RefusedError(
                f"a BIOS change of somebody else waits for the next boot: {', '.join(foreign[:8])}.",
                where=f"{self.target.name} {setting.settings_uri}",
                untouched="Nothing was changed.",
                next_step="Let the system boot, or take that change back, then try again.",
            )

    async def _take_back_bios(self, back: list[Setting], acts: Mapping[str, Mapping[str, str]]) -> list[str]:
        """Current values decide: what has not taken effect is taken out of the pending settings, without a reset."""
        if _RESET in acts:
            await self._await_reset(back[0], acts[_RESET])
        client = await self._logged_in()
        applied = False
        said: list[str] = []
        for setting in back:
            current = (await client.get(setting.uri)).body
            if members.standing(current, setting.wanted, setting.previous) == "wanted":
                if self._ours_waiting(setting, current, (await client.get(setting.settings_uri)).body):
                    await self._patch_pending(setting)
                    said.append("the pending BIOS settings were taken back; no reset was needed")
            else:
                self._refuse_other(setting, members.standing(current, setting.wanted, setting.previous), current)
                await self._patch_pending(setting)
                applied = True
        if applied:
            said.append(await self._reset_system(back[0]))
        return said or ["the BIOS settings were as before"]

    async def _await_reset(self, setting: Setting, detail: Mapping[str, str]) -> None:
        """Waits for the POST that our reset has started: what it applies must be known before anything is set back.

        Where no new verdict comes for a while, the reset was never sent.
        """
        system, before = detail.get("system", ""), detail.get("mark", "")
        patience = min(self.options.deadline_s / 5, 180.0)

        async def verdict() -> Body | None:
            bios = (await (await self._logged_in()).get(setting.uri)).body
            return bios if members.mark_of(bios) != before else None

        async def quiet() -> Body | None:
            body = (await (await self._logged_in()).get(system)).body
            return body if members.post_is_over(body) else None

        await self._poll(verdict, patience)
        if await self._poll(quiet, self.options.deadline_s) is None:
            raise ApplyError("the system does not get through POST.", where=f"{self.target.name} {system}")

    def _ours_waiting(self, setting: Setting, current: Body, settings: Body) -> bool:
        waiting = members.pending(current, settings)
        return any(pointer.removeprefix("/Attributes/") in waiting for pointer, _ in setting.wanted)

    # -- the iLO itself ---------------------------------------------------------------------------------------------

    async def _reset_ilo(self, settings: Sequence[Setting]) -> str:
        """Resets the iLO, and waits until it shows the settings as wanted, whichever way they go."""
        client = await self._logged_in()
        managers = link((await client.get(ROOT)).body, "/Managers") or f"{ROOT}Managers"
        listed = at((await client.get(managers)).body, "/Members")
        uri = link(listed[0], "") if isinstance(listed, list) and listed else None
        target, kind = members.reset_action((await client.get(uri)).body, "Manager.Reset") if uri else ("", "")
        if not target:
            raise ApplyError("the iLO offers no reset.", where=self.target.name)
        journal = self.options.journal
        step = next(setting.step for setting in settings if setting.resets_ilo)
        journal.intent(step, _ILO_RESET, target=target)
        refusal = await self._sent(client.post(target, {"ResetType": kind} if kind else {}), target)
        if refusal:
            raise ApplyError(refusal, where=f"{self.target.name} {target}")
        await self._gone()
        await self._reached()
        for setting in settings:
            if not setting.bios:
                await self._until_wanted(setting)
        journal.done(step, _ILO_RESET, target=target)
        return "iLO reset; it answers again"

    async def _gone(self) -> None:
        """Waits, for a while, until the iLO is gone or has come back without our session: both show that it was reset.

        The session is asked for, since an iLO may be away for less than a look takes.
        """
        client = await self._logged_in()

        async def look() -> bool | None:
            try:
                return None if await client.is_known() else True
            except CollectError:
                return True

        await self._poll(look, self.settle_s)
        await self._log_out()

    async def _reached(self) -> None:
        """Returns once the iLO answers to a log-in; its own reset drops every session."""

        async def look() -> IloClient | None:
            try:
                client = await self._logged_in()
                await client.get(ROOT + "Managers")
            except CollectError as error:
                if error.cause == "refused" or error.cause == "not trusted":
                    raise
                await self._log_out()
                return None
            return client

        if await self._poll(look, _BACK_WITHIN_S) is None:
            raise ApplyError(f"{self.target.name} does not answer any more.")

    # -- session, lock, journal -------------------------------------------------------------------------------------

    async def _logged_in(self) -> IloClient:
        if self._client is None:
            await self._log_out()
            if not self._locked:  # held over every log-in of this run: nobody comes in between while the iLO is away
                name, holder = self.target.name, f"plan {self.options.plan_id[:8]}"
                self._lock.enter_context(hold(self._lock_path(), name, holder))
                self._locked = True
            credentials = credentials_of(self.endpoint, self.options.environment)
            client = IloClient(self.endpoint, credentials, log_ins=self.options.log_ins)
            self._client = await self._held.enter_async_context(client)
        return self._client

    async def _log_out(self) -> None:
        self._client = None
        await self._held.aclose()
        self._held = contextlib.AsyncExitStack()

    def _lock_path(self) -> Path:
        name = hashlib.sha256(self.endpoint.url.encode()).hexdigest()[:16]
        return state_home(self.options.environment) / "auditor" / "targets" / name / "lock"

    def _begun(self) -> dict[str, list[tuple[str, Mapping[str, str]]]]:
        """What the present run has announced, by step: (act, detail) in order."""
        entries = self.options.journal.entries()
        run = entries[-1][3].get("run", "") if entries else ""
        begun: dict[str, list[tuple[str, Mapping[str, str]]]] = {}
        for step, act, mark, detail in entries:
            if mark == "intent" and step and detail.get("run", "") == run:
                begun.setdefault(step, []).append((act, detail))
        return begun

    async def _poll(self, look: Callable[[], Awaitable[T | None]], within_s: float) -> T | None:
        """What ``look`` gives first, or None after the time; the last failure to read is raised."""
        deadline = time.monotonic() + within_s
        pause = self.quickest_s
        while True:
            last: CollectError | None = None
            try:
                found = await look()
            except CollectError as error:
                if error.cause in ("refused", "not trusted", "licence"):
                    raise
                found, last = None, error
            if found is not None:
                return found
            if time.monotonic() >= deadline:
                if last is not None:
                    raise last
                return None
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 5.0)


def _setting(step: Step, direction: Direction) -> Setting:
    change, undo = step.change, step.undo
    if isinstance(change, RedfishPatch) and isinstance(undo, RedfishPatch | NoUndo):
        previous = () if isinstance(undo, NoUndo) else members.members_of(undo)
        made = Setting(step.id, change.uri, members.members_of(change), previous, step.disruption == "iLO reset")
    elif isinstance(change, BiosAttributes) and isinstance(undo, BiosAttributes | NoUndo):
        previous = () if isinstance(undo, NoUndo) else members.members_of(undo)
        made = Setting(step.id, change.uri, members.members_of(change), previous, settings_uri=change.settings_uri)
    else:
        raise RefusedError(f"step {step.id} is none of an iLO's.", untouched="Nothing was changed.")
    if not isinstance(undo, NoUndo) and undo.uri != change.uri:
        raise RefusedError(f"step {step.id} is taken back elsewhere.", untouched="Nothing was changed.")
    if direction == "back" and isinstance(undo, NoUndo):
        raise RefusedError(f"step {step.id} cannot be taken back.", untouched="Nothing was changed.")
    return made if direction == "forward" else made.reverse()


def _bios_of(system: Body) -> str | None:
    return link(system, "/Bios") or link(system, "/Oem/Hpe/Links/BIOS") or link(system, "/Oem/Hp/links/BIOS")


def _shown(values: Members) -> str:
    return json.dumps(dict(values), ensure_ascii=False, sort_keys=True)[:2000]
