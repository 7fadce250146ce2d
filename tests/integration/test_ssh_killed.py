"""The controller is killed, or its connection cut, at any point of a change over a real sshd to a real httpd."""

from __future__ import annotations

import asyncio
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from auditor.errors import RefusedError
from auditor.plan.journal import FileJournal
from auditor.services.ledger_check import verify_ledger
from auditor.surfaces.httpd.carry_out import server
from auditor.transport.ssh.connection import SshConnection
from tests.crashes.sample import some
from tests.fakes.far_sites import FarSite
from tests.fakes.sites import ROUTE
from tests.ssh_server import SshServer

pytestmark = pytest.mark.integration
Way = Literal["killed", "cut"]


@pytest.fixture
def site(
    ssh_server: SshServer, tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FarSite]:
    monkeypatch.setattr(server, "SETTLE_S", 0.1)
    with FarSite(ssh_server, tmp_path / "site") as made:
        yield made


class Points:
    """Counts each line of the journal and each round trip, before and after it; at one of them something happens."""

    def __init__(self, at: int, way: Way) -> None:
        self.at, self.way, self.count = at, way, 0

    def reached(self, connection: SshConnection | None = None) -> None:
        self.count += 1
        if self.count != self.at:
            return
        if self.way == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        elif connection is not None and connection._process is not None:
            os.killpg(connection._process.pid, signal.SIGKILL)

    def watch(self) -> None:
        append: Callable[..., None] = FileJournal._append
        run: Callable[..., Any] = SshConnection.run

        def counted_append(*arguments: Any, **named: Any) -> None:
            self.reached()
            append(*arguments, **named)
            self.reached()

        async def counted_run(connection: SshConnection, *arguments: Any, **named: Any) -> Any:
            if self.way == "cut":
                asked = asyncio.ensure_future(run(connection, *arguments, **named))
                await asyncio.sleep(0)  # it is under way
                self.reached(connection)
                return await asked
            self.reached()
            answer = await run(connection, *arguments, **named)
            self.reached()
            return answer

        FileJournal._append, SshConnection.run = counted_append, counted_run  # type: ignore[method-assign,assignment]


def run_in_child(act: Callable[[], object], points: Points) -> int:
    """The number of points, or minus that of the signal by which it ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # no other thread holds what the child needs
        child = os.fork()
    if child == 0:
        code = 255
        try:
            points.watch()
            act()
            code = points.count
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def planned(site: FarSite) -> str:
    made = site.propose(f"{ROUTE}=60s")
    site.approve(made.id)
    return made.id


def as_before(site: FarSite, plan: str, before: dict[str, bytes], when: str) -> str:
    """A plan that can be applied, once the next command has taken back what there was."""
    try:
        outcome = site.rollback(plan).outcomes[0].outcome
    except RefusedError as error:
        outcome = error.what
    assert site.files() == before, f"{when}: {outcome}"
    assert site.alive(), when
    kinds = [one.kind for one in site.fleet.desk().events(plan)]
    assert kinds.count("rolled back") == kinds.count("applied") == (outcome == "rolled back"), when
    assert verify_ledger(site.fleet.desk()).altered == (), when
    return planned(site) if outcome == "rolled back" else plan


@pytest.mark.parametrize("way", ["killed", "cut"])
def test_at_any_point_the_next_command_finds_it_and_takes_it_back(site: FarSite, way: Way) -> None:
    before, plan = site.files(), planned(site)
    points = run_in_child(lambda: site.apply(plan), Points(0, way))
    assert 20 < points < 255
    plan = as_before(site, plan, before, "whole")
    for at in some(range(1, points + 1), 2 if way == "killed" else 1):
        found = run_in_child(lambda plan=plan: site.apply(plan), Points(at, way))  # type: ignore[misc]
        assert (found == -signal.SIGKILL) == (way == "killed"), f"{way} at {at}: {found}"
        plan = as_before(site, plan, before, f"{way} at {at} of {points}")
