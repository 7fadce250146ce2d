"""A plan's steps on a virtual iLO, in a process that is killed by SIGKILL at the n-th point of its way.

Points are each line of the journal, before and after it is on disk, and each request, before it is sent and after its
answer came: what the iLO and the journal know at the moment differs from one to the next.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from auditor.model.catalogue import Catalogue
from auditor.model.plan import Cohort, Direction, Origin, Plan, Proposal, SecretPlace, Step, Wave, Wish
from auditor.model.resource import parse_address
from auditor.model.value import Undetermined, Value
from auditor.plan.journal import FileJournal, journal_path
from auditor.surfaces.ilo.body import Body, Json
from auditor.surfaces.ilo.carry_out.transaction import IloTransaction
from auditor.surfaces.ilo.client import IloClient
from auditor.surfaces.ilo.propose import propose
from auditor.surfaces.ilo.simulator.server import VirtualIlo, run_in_thread
from auditor.surfaces.interface import ActOptions, InterpretOptions
from tests.virtual_ilo import PASSWORD, SEALER, USERNAME, collection, target

PLAN = "ab" * 32
_OF_UPDATES = {"/redfish/v1/UpdateService": ("Oem",)}
_MADE = ("/SNMPAlertDestinations", "/Subscriptions", "/SNMPUsers")
Wished = Value | SecretPlace | None
Way = Literal["forward", "back", "recover"]
State = dict[str, Json]


@dataclass
class Site:
    """A virtual iLO, the steps of a plan for it, and the journal of the present attempt."""

    ilo: VirtualIlo
    folder: Path
    steps: tuple[Step, ...] = ()
    told: list[str] = field(default_factory=list)
    catalogue: Catalogue | None = None
    artefacts: dict[str, Path] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    _attempts: Iterator[int] = field(default_factory=itertools.count)
    _journal: Path = Path()

    def plan(self, *wishes: tuple[str, Wished]) -> Site:
        """Makes the steps for wishes."""
        made = self.proposal(*wishes)
        assert made.steps, made.refusals
        self.steps = made.steps
        return self

    def proposal(self, *wishes: tuple[str, Wished]) -> Proposal:
        """What is proposed for wishes, against what the iLO holds."""
        asked = tuple(_wish(address, value) for address, value in wishes)
        state, known = self.ilo.state, InterpretOptions(catalogue=self.catalogue)
        return propose(asked, collection({uri: state.get(uri) for uri in state.uris()}), known)

    def afresh(self) -> None:
        """Begins a journal of its own."""
        self._journal = journal_path(self.folder / str(next(self._attempts)), PLAN, "web1/ilo")

    def state(self) -> State:
        """All that the iLO holds, secrets too, but the words of the last POST.

        Members that a plan makes count by what they say: where they stand is the iLO's choice. Artefacts that lie ready
        install nothing, and count for nothing.
        """
        found: State = {}
        members: list[str] = []
        for uri in self.ilo.state.uris():
            body = self.ilo.state.get(uri)
            if uri.rsplit("/", 1)[0].endswith(_MADE):
                said = _without(body, "@odata.id", "@odata.type", "Id"), self.ilo.state.kept(uri)
                members.append(str([sorted(one.items()) for one in said]))
            elif not uri.endswith(_MADE) and "/ComponentRepository" not in uri:
                found[uri] = _without(body, "@Redfish.Settings", *_OF_UPDATES.get(uri, ()))
        return {**found, "members": list[Json](sorted(members))}

    def run(self, way: Way) -> None:
        """Carries the steps out, or takes back what an ended run left."""
        asyncio.run(self._run(way))

    def killed_at(self, way: Way, point: int, *, reads: bool = True) -> bool:
        """Whether the run was killed at that point; False: it came to its end. With ``reads`` GETs are points too."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the iLO's thread holds nothing that the child needs
            child = os.fork()
        if child == 0:
            code = 1
            try:
                with _counted(point, reads):
                    self.run(way)
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            return True
        assert os.WEXITSTATUS(status) == 0, f"{way} at {point} failed by itself"
        return False

    @property
    def unfinished(self) -> bool:
        """Whether the journal says that something may be half done."""
        if not self._journal.exists():
            return False
        journal = self._new_journal("forward").open()
        try:
            return bool(journal.runs()) and journal.runs()[-1].unfinished
        finally:
            journal.close()

    def _new_journal(self, direction: Direction) -> FileJournal:
        return FileJournal(self._journal, PLAN, "web1/ilo", direction)

    async def _run(self, way: Way) -> None:
        journal = self._new_journal("back" if way == "back" else "forward").open()
        if way == "recover":
            journal.direction = journal.runs()[-1].direction
        else:
            journal.begin()
        where = target(self.ilo)
        cohort = Cohort(("web1/ilo",), self.steps, ())
        plan = Plan("r", "a", "", "", Origin("set", ()), (Wave("all", ("web1/ilo",)),), (cohort,))
        environment = {
            "AUDITOR_ILO_USERNAME": USERNAME,
            "AUDITOR_ILO_PASSWORD": PASSWORD,
            "XDG_STATE_HOME": str(self.folder),
            **self.secrets,
        }
        acting = ActOptions(plan, PLAN, journal, SEALER, environment, self.told.append, 1.0,
                            artefacts=self.artefacts)  # fmt: skip
        done = IloTransaction(where, where.location, self.steps, journal.direction, acting, 0.005, 2.0)  # type: ignore[arg-type]
        try:
            if way == "recover":
                await done.take_back()
                journal.end("taken back")
            else:
                await done.prepare()
                await done.perform()
                journal.end("applied" if way == "forward" else "rolled back")
        finally:
            await done.finish()
            journal.close()


@contextmanager
def site(folder: Path, source: str = "ilo5") -> Iterator[Site]:
    """A virtual iLO that is quick about its resets, and has room for the sessions that killed runs leave."""
    ilo = VirtualIlo(source, USERNAME, PASSWORD, post_s=0.01, ilo_reset_s=0.01, session_limit=10_000)
    with run_in_thread(ilo):
        yield Site(ilo, folder)


@contextmanager
def _counted(at: int, reads: bool) -> Iterator[None]:
    """Kills this process at the n-th point."""
    points = itertools.count(1)

    def reached() -> None:
        if next(points) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    append: Callable[..., None] = FileJournal._append
    send: Callable[..., Any] = IloClient._send

    def counted_append(*arguments: Any, **named: Any) -> None:
        reached()
        append(*arguments, **named)
        reached()

    async def counted_send(*arguments: Any, **named: Any) -> Any:
        if arguments[2] == "GET" and not reads:
            return await send(*arguments, **named)
        reached()
        answer = await send(*arguments, **named)
        reached()
        return answer

    FileJournal._append, IloClient._send = counted_append, counted_send  # type: ignore[method-assign]
    yield


def _wish(address: str, value: Wished) -> Wish:
    if isinstance(value, SecretPlace):
        return Wish(parse_address(address), Undetermined("not at hand"), value)
    return Wish(parse_address(address), value)


def _without(body: Body, *names: str) -> Body:
    return {name: value for name, value in body.items() if name not in names}
