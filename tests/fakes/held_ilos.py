"""A fleet with a virtual iLO whose changes have to be confirmed."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from auditor.model.plan import ApplyReport
from auditor.plan.folder import read_plan
from auditor.plan.held import HeldDeadline, hold_deadlines
from auditor.services.changes import Judged, SetWay, apply_plan, approve_plan, confirm_plan, propose_plan
from auditor.services.changes.holding import Holder
from auditor.services.changes.reaching import held_deadline
from auditor.services.check import default_policy
from auditor.surfaces.ilo.simulator.server import VirtualIlo, run_in_thread
from tests.fakes.fleets import TestFleet
from tests.virtual_ilo import PASSWORD, SNMP, USERNAME

LOCATION = 'web1/ilo:ilo.snmp["1"].location=rack 7'
POWER = 'web1/ilo:ilo.bios["1"].AutoPowerOn=AlwaysPowerOn'


class HeldIlo:
    """The fleet; ``more`` are further lines of the inventory's hosts."""

    def __init__(self, ilo: VirtualIlo, folder: Path, more: str = "") -> None:
        self.ilo, self.folder = ilo, folder
        hosts = f"  web1:\n    ilo: {{url: '{ilo.url}', cafile: {ilo.cafile}}}\n{more}"
        login = {"AUDITOR_ILO_USERNAME": USERNAME, "AUDITOR_ILO_PASSWORD": PASSWORD}
        self.fleet = TestFleet(folder / "fleet", hosts).make(login)

    @property
    def location(self) -> object:
        """Where the iLO says that it stands."""
        return self.ilo.state.get(SNMP).get("Location")

    def plan(self, *settings: str, consents: tuple[str, ...] = (), before: tuple[str, ...] = ()) -> str:
        """An approved plan."""
        made = asyncio.run(
            propose_plan(
                self.fleet.desk(),
                SetWay(settings, before),
                reason="why",
                author="ops1",
                judged_by=Judged(default_policy(("ilo", "httpd"))),
                key=self.fleet.key("ops1"),
                consents=consents,
            )
        )
        approve_plan(self.fleet.desk(), made.id, self.fleet.key("lead1"))
        return made.id

    def apply(self, plan: str, seconds: int = 600) -> ApplyReport:
        return asyncio.run(apply_plan(self.fleet.desk(), plan, confirm_within_s=seconds))

    def confirm(self, plan: str) -> ApplyReport:
        return asyncio.run(confirm_plan(self.fleet.desk(), plan))

    def held(self, plan: str, target: str = "web1/ilo") -> HeldDeadline:
        return held_deadline(self.fleet.desk(), plan, target)

    def let_time_pass(self, plan: str, target: str = "web1/ilo") -> None:
        """The time to confirm is over."""
        file = self.held(plan, target).folder / "pending"
        due = json.loads(file.read_bytes())
        other = file.with_name("earlier")
        other.write_text(json.dumps({**due, "at": 0.0}))
        other.replace(file)

    def end_post(self) -> None:
        """The POST that is under way is over."""
        self.ilo.state.post_s = 0.01
        self.ilo.state.start_post()

    def watch(self, plan: str) -> None:
        """Does in this process what the holder does in its own, until nothing waits any more."""
        desk = self.fleet.desk()
        let_go = hold_deadlines(desk.deadlines / plan)
        assert let_go is not None, "another process holds them"
        asyncio.run(Holder(desk, read_plan(desk.fleet.plans_path, plan), 0.01, 0.0).watch(let_go))

    def end_holder(self, plan: str) -> None:
        """SIGKILL for the holder, where there is one; returns once it is gone."""
        lock = self.held(plan).folder.parent / "holder.lock"
        if not lock.exists():
            return
        for process in _with(lock):
            os.kill(process, signal.SIGKILL)
        with lock.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)

    def kinds(self, plan: str) -> list[str]:
        """What the ledger says of the plan, after it was approved."""
        return [one.kind for one in self.fleet.desk().events(plan) if one.kind not in ("planned", "approved")]


def _with(file: Path) -> list[int]:
    """The processes that have a file open, but this one."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with contextlib.suppress(OSError):
            if any(os.readlink(one) == str(file) for one in folder.iterdir()):
                found.append(int(folder.parent.name))
    return [one for one in found if one != os.getpid()]


@contextlib.contextmanager
def held_ilo(folder: Path, more: str = "") -> Iterator[HeldIlo]:
    """The fleet while its iLO runs; no holder is left."""
    ilo = VirtualIlo("ilo5", USERNAME, PASSWORD, post_s=0.01, ilo_reset_s=0.01, session_limit=1000)
    with run_in_thread(ilo):
        made = HeldIlo(ilo, folder, more)
        try:
            yield made
        finally:
            deadlines = made.fleet.desk().deadlines
            for one in deadlines.iterdir() if deadlines.is_dir() else ():
                made.end_holder(one.name)
