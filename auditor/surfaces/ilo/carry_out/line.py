"""The line to one iLO while it is changed: its lock, its session, and waiting for what it shows."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from auditor.errors import ApplyError, CollectError
from auditor.model.target import IloEndpoint, Target
from auditor.surfaces.ilo.answers import Answer
from auditor.surfaces.ilo.body import Body, at, link
from auditor.surfaces.ilo.client import ROOT, IloClient, credentials_of
from auditor.surfaces.interface import ActOptions
from auditor.transport.lock import hold, state_home

SHOWN_WITHIN_S: Final = 15.0
BACK_WITHIN_S: Final = 300.0

T = TypeVar("T")
Begun = Mapping[str, list[tuple[str, Mapping[str, str]]]]
"""What a run has announced, by step: (act, detail) in order."""


@dataclass
class Line:
    """One iLO and the session with it; the lock is held from the first log-in to :meth:`release`.

    ``quickest_s`` is the first pause between two looks (pauses grow), ``settle_s`` how long an iLO may still answer
    after it took the command to reset itself.
    """

    target: Target
    endpoint: IloEndpoint
    options: ActOptions
    quickest_s: float = 0.2
    settle_s: float = 20.0
    _lock: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _locked: bool = False
    _held: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    _client: IloClient | None = None

    def place(self, uri: str) -> str:
        """A resource of this iLO, for errors."""
        return f"{self.target.name} {uri}"

    async def client(self) -> IloClient:
        """The client, logged in.

        Errors:
            CollectError: the iLO cannot be reached or refuses the log-in.
            RefusedError: another run holds the lock.
        """
        if self._client is None:
            await self.log_out()
            if not self._locked:  # held over every log-in of this run: nobody comes in between while the iLO is away
                name, holder = self.target.name, f"plan {self.options.plan_id[:8]}"
                self._lock.enter_context(hold(self._lock_path(), name, holder))
                self._locked = True
            credentials = credentials_of(self.endpoint, self.options.environment)
            client = IloClient(self.endpoint, credentials, log_ins=self.options.log_ins)
            self._client = await self._held.enter_async_context(client)
        return self._client

    async def read(self, uri: str) -> Answer:
        """A resource as it is now; a session that was ended more often than a client renews it is begun anew."""
        client = await self.client()
        try:
            return await client.get(uri)
        except CollectError:
            if client.lost is None:
                raise
        await self.log_out()
        return await (await self.client()).get(uri)

    async def body(self, uri: str) -> Body:
        """A resource's body as it is now."""
        return (await self.read(uri)).body

    async def body_or_none(self, uri: str) -> Body | None:
        """A resource's body as it is now; None where there is no such resource."""
        try:
            return await self.body(uri)
        except CollectError as error:
            if error.cause == "absent":
                return None
            raise

    async def manager(self) -> Body:
        """The iLO itself as a resource; empty where it lists none."""
        managers = link(await self.body(ROOT), "/Managers") or f"{ROOT}Managers"
        listed = at(await self.body(managers), "/Members")
        uri = link(listed[0], "") if isinstance(listed, list) and listed else None
        return await self.body(uri) if uri else {}

    async def patient(self, request_s: float) -> IloClient:
        """Another client whose requests may take that long; it is logged out with the first."""
        await self.client()
        credentials = credentials_of(self.endpoint, self.options.environment)
        client = IloClient(self.endpoint, credentials, request_s=request_s, log_ins=self.options.log_ins)
        return await self._held.enter_async_context(client)

    async def log_out(self) -> None:
        """Ends the session; the lock stays."""
        self._client = None
        held, self._held = self._held, contextlib.AsyncExitStack()
        await held.aclose()

    async def release(self) -> None:
        """Ends the session and lets go of the lock."""
        try:
            await self.log_out()
        finally:
            self._locked = False
            self._lock.close()

    async def sent(self, write: Awaitable[Answer], uri: str) -> str:
        """Why a write was refused; empty where it was taken, or its answer was lost: a re-read decides then."""
        return (await self.answered(write, uri))[0]

    async def answered(self, write: Awaitable[Answer], uri: str) -> tuple[str, Answer | None]:
        """Like :meth:`sent`, with the answer; None where it was lost."""
        try:
            answer = await write
        except CollectError as error:
            self.options.observe(f"{uri}: no answer ({error.what}); reading again")
            return "", None
        if answer.status == 412:
            return "it was changed by somebody else meanwhile (the iLO answers 412)", answer
        if answer.ok:
            return "", answer
        said = "".join(f", {one}" for one in answer.messages[:3])
        rights = f"; what is missing:  auditor doctor {self.target.name}" if answer.status == 403 else ""
        return f"the iLO refused it: status {answer.status}{said}{rights}", answer

    async def gone(self) -> bool:
        """Waits, for a while, until the iLO is gone or has come back without our session: both show that it was reset.

        Gives whether either was seen.
        The session is asked for, since an iLO may be away for less than a look takes.
        """
        client = await self.client()

        async def look() -> bool | None:
            try:
                return None if await client.is_known() else True
            except CollectError:
                return True

        seen = await self.poll(look, self.settle_s)
        await self.log_out()
        return seen is not None

    async def reached(self) -> None:
        """Returns once the iLO answers to a log-in; its own reset drops every session.

        Errors:
            ApplyError: it does not answer within five minutes.
        """

        async def look() -> bool | None:
            try:
                await self.read(ROOT + "Managers")
            except CollectError as error:
                if error.cause == "refused" or error.cause == "not trusted":
                    raise
                await self.log_out()
                return None
            return True

        if await self.poll(look, BACK_WITHIN_S) is None:
            raise ApplyError(f"{self.target.name} does not answer any more.")

    async def poll(self, look: Callable[[], Awaitable[T | None]], within_s: float) -> T | None:
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

    @property
    def run(self) -> str:
        """The number of the present run in the journal."""
        entries = self.options.journal.entries()
        return entries[-1][3].get("run", "") if entries else ""

    @property
    def rolled_back(self) -> bool:
        """Whether the journal says that the present run rolled the plan back."""
        entries = self.options.journal.entries()
        return bool(entries) and entries[-1][3].get("outcome") == "rolled back"

    def done(self, step: str, act: str) -> Mapping[str, str]:
        """The detail of the last such act of the present run that took place; empty where none did."""
        found: Mapping[str, str] = {}
        for of, what, mark, detail in self.options.journal.entries():
            if (of, what, mark, detail.get("run", "")) == (step, act, "done", self.run):
                found = detail
        return found

    def refused(self, step: str, act: str) -> bool:
        """Whether the iLO answered to the last such act of the present run that it does not take it."""
        marks = [
            mark
            for of, what, mark, detail in self.options.journal.entries()
            if (of, what, detail.get("run", "")) == (step, act, self.run)
        ]
        return marks[-1:] == ["failed"]

    def declined(self, act: str) -> bool:
        """Whether the iLO answered to the last such act of the present run that it does not do it."""
        marks = [
            (mark, detail)
            for _, what, mark, detail in self.options.journal.entries()
            if (what, detail.get("run", "")) == (act, self.run)
        ]
        return bool(marks) and marks[-1][0] == "failed" and "declined" in marks[-1][1]

    def held_off(self, step: str) -> bool:
        """Whether what the present run sent of a step met somebody else's change, so that the iLO took none of it."""
        details = [
            {**detail, "mark": mark}
            for of, _, mark, detail in self.options.journal.entries()
            if (of, detail.get("run", "")) == (step, self.run)
        ]
        return [one["mark"] for one in details] == ["intent", "failed"] and "held" in details[-1]

    def begun(self) -> Begun:
        """What the present run has announced."""
        entries, run = self.options.journal.entries(), self.run
        begun: dict[str, list[tuple[str, Mapping[str, str]]]] = {}
        for step, act, mark, detail in entries:
            if mark == "intent" and step and detail.get("run", "") == run:
                begun.setdefault(step, []).append((act, detail))
        return begun

    def _lock_path(self) -> Path:
        name = hashlib.sha256(self.endpoint.url.encode()).hexdigest()[:16]
        return state_home(self.options.environment) / "auditor" / "targets" / name / "lock"


def etag_of(answer: Answer) -> str:
    """The ETag of what was read, by its header or its body."""
    return answer.etag or str(at(answer.body, "/@odata.etag") or "")
