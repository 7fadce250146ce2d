"""Two runs at once, of one plan or two, by one controller or two, and what a dead one left: one wins, one is told."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import warnings
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from auditor.errors import EXIT_OK, EXIT_REFUSED, AuditorError, RefusedError, StoreError
from auditor.plan.outcome import failure_of
from auditor.services.changes import Desk, apply_plan, rollback_plan
from auditor.services.ledger_check import verify_ledger
from auditor.surfaces.httpd.carry_out import server
from auditor.surfaces.httpd.carry_out.far import shell
from auditor.surfaces.ilo.answers import Answer
from auditor.surfaces.ilo.carry_out.line import Line
from auditor.surfaces.ilo.simulator.server import VirtualIlo, run_in_thread
from auditor.transport.lock import hold
from tests.fakes.far_trees import make_far_world
from tests.fakes.fleets import TestFleet
from tests.fakes.sites import ROUTE, Site
from tests.fakes.trees import carry_out
from tests.integration.test_controller_cut import Scene
from tests.virtual_ilo import PASSWORD, USERNAME

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_packages")]
TIMEOUT = 'web1/httpd:httpd.server["main"].timeout'


@pytest.fixture
def site(tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(server, "SETTLE_S", 0.3)
    made = Site(tmp_path)
    with made.server:
        yield made


@pytest.fixture
def scene(tmp_path: Path, ssh_keygen: str) -> Iterator[Scene]:
    ilo = VirtualIlo("ilo5", USERNAME, PASSWORD, session_limit=10_000)
    with run_in_thread(ilo):
        yield Scene(tmp_path, ilo)


Run = Callable[[], Awaitable[object]]


def at_once(*runs: Run) -> list[int]:
    """The exit codes of runs in processes of their own, begun at the same moment."""
    ready, go = os.pipe()
    children = []
    for run in runs:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # no other thread holds what the child needs
            child = os.fork()
        if child == 0:
            code = 99
            try:
                os.close(go)
                os.read(ready, 1)
                code = _code(run)
            finally:
                os._exit(code)
        children.append(child)
    os.close(ready)
    os.close(go)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def _code(run: Run) -> int:
    try:
        failure = failure_of(asyncio.run(run()))  # type: ignore[arg-type]
    except AuditorError as error:
        return error.exit_code
    return failure.exit_code if failure else EXIT_OK


def kinds(desk: Desk, plan: str) -> list[str]:
    return [one.kind for one in desk.events(plan) if one.kind in ("applied", "rolled back", "taken back", "incomplete")]


def clone(fleet: TestFleet, folder: Path) -> TestFleet:
    """Another controller: the same fleet, with a store and journals of its own, and a user's state of its own."""
    shutil.copytree(fleet.root, folder / "fleet", symlinks=True)
    environment = {**fleet.environment, "XDG_STATE_HOME": str(folder / "state")}
    return TestFleet(folder / "fleet", fleet.hosts, environment)


def test_of_two_runs_of_one_plan_one_wins(site: Site) -> None:
    plan = site.propose(f"{ROUTE}=60s").id
    site.approve(plan)
    before, desk = site.files(), site.fleet.desk
    assert sorted(at_once(*[lambda: apply_plan(desk(), plan)] * 3)) == [EXIT_OK, EXIT_REFUSED, EXIT_REFUSED]
    assert kinds(desk(), plan) == ["applied"]
    assert b"timeout=60" in (site.root / "conf.d/api.conf").read_bytes()
    codes = at_once(lambda: rollback_plan(desk(), plan), lambda: apply_plan(desk(), plan))
    assert codes == [EXIT_OK, EXIT_REFUSED] or codes == [EXIT_REFUSED, EXIT_REFUSED]
    if codes[0] == EXIT_REFUSED:  # the one that could not win held the lock
        site.rollback(plan)
    assert kinds(desk(), plan) == ["applied", "rolled back"]
    assert site.files() == before
    assert verify_ledger(desk()).altered == ()


def test_two_plans_on_one_host_do_not_mix(site: Site) -> None:
    plans = [site.propose(one).id for one in (f"{ROUTE}=60s", f"{TIMEOUT}=45s")]
    for plan in plans:
        site.approve(plan)
    before, desk = site.files(), site.fleet.desk
    codes = at_once(*(lambda plan=plan: apply_plan(desk(), plan) for plan in plans))  # type: ignore[misc]
    assert sorted(codes) in ([EXIT_OK, EXIT_OK], [EXIT_OK, EXIT_REFUSED])
    for plan, code in zip(plans, codes, strict=True):
        assert kinds(desk(), plan) == ["applied"] * (code == EXIT_OK)
    files = (("conf.d/api.conf", b"timeout=60"), ("httpd.conf", b"\nTimeout 45\n"))
    now = [text in (site.root / name).read_bytes() for name, text in files]
    assert now == [code == EXIT_OK for code in codes]
    for plan, code in zip(plans, codes, strict=True):
        if code == EXIT_OK:
            site.rollback(plan)
    assert site.files() == before
    assert verify_ledger(desk()).altered == ()


def test_of_two_controllers_one_wins_a_tree(site: Site) -> None:
    plan = site.propose(f"{ROUTE}=60s").id
    site.approve(plan)
    before = site.files()
    fleets = [site.fleet, clone(site.fleet, site.folder / "other")]
    codes = at_once(*(lambda fleet=fleet: apply_plan(fleet.desk(), plan) for fleet in fleets))  # type: ignore[misc]
    # The second is refused, or, where the first had ended by then, sees that it is so already.
    assert sorted(codes) in ([EXIT_OK, EXIT_REFUSED], [EXIT_OK, EXIT_OK])
    told = [kinds(fleet.desk(), plan) for fleet in fleets]
    assert sorted(told) == [[], ["applied"]]
    assert b"timeout=60" in (site.root / "conf.d/api.conf").read_bytes()
    winner = fleets[told.index(["applied"])]
    assert asyncio.run(rollback_plan(winner.desk(), plan)).outcomes[0].outcome == "rolled back"
    assert site.files() == before
    assert all(verify_ledger(fleet.desk()).altered == () for fleet in fleets)


def test_a_controller_whose_request_meets_another_s_change_of_an_ilo_does_not_take_that_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have looked, then one sets it: to the other the iLO answers 412, and nothing of it is the other's."""
    other = clone(scene.fleet, scene.folder / "other")
    original = Line.answered

    async def answered(self: Line, write: Awaitable[Answer], uri: str) -> tuple[str, Answer | None]:
        if "SnmpService" in uri and not won:
            won.append("")  # this is the first controller's; the second comes in between
            report = await apply_plan(other.desk(), scene.plan)
            won[:] = [report.outcomes[0].outcome]
        return await original(self, write, uri)

    won: list[str] = []
    monkeypatch.setattr(Line, "answered", answered)
    outcome = asyncio.run(apply_plan(scene.fleet.desk(), scene.plan)).outcomes[0]
    assert won == ["applied"]
    assert outcome.outcome in ("refused", "incomplete")
    assert "412" in outcome.text
    assert scene.location == "rack 7", "what the other had applied was taken back"
    assert kinds(other.desk(), scene.plan) == ["applied"]
    assert kinds(scene.fleet.desk(), scene.plan) == ["incomplete"]
    monkeypatch.undo()
    assert asyncio.run(rollback_plan(other.desk(), scene.plan)).outcomes[0].outcome == "rolled back"
    assert scene.location == scene.first
    asyncio.run(rollback_plan(scene.fleet.desk(), scene.plan))
    assert kinds(scene.fleet.desk(), scene.plan) == ["incomplete", "taken back"]


def test_the_lock_of_a_process_that_was_killed_hinders_nobody(scene: Scene) -> None:
    ready, told = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        with hold(scene.fleet.root / ".auditor/lock", "the fleet", "plan 12345678, forward"):
            os.write(told, b"held")
            signal.pause()
    os.read(ready, 4)
    with pytest.raises(RefusedError, match=f"locked by process {child}"):
        asyncio.run(apply_plan(scene.fleet.desk(), scene.plan))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert asyncio.run(apply_plan(scene.fleet.desk(), scene.plan)).outcomes[0].outcome == "applied"
    assert kinds(scene.fleet.desk(), scene.plan) == ["applied"]


def test_a_process_that_has_the_number_of_a_dead_one_is_left_alone_over_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock names whoever holds it. By now that number may be anybody's, and another process may hold the lock."""
    monkeypatch.setattr(shell, "FREED_WITHIN_S", 0.5)
    world = make_far_world(tmp_path)
    carry_out(world)
    carry_out(world, "back")
    before, lock = world.state(), tmp_path / "state/lock"
    lock.write_text(f"{os.getpid()} {world.holder}\n")
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(RefusedError, match="is locked by"):
            carry_out(world)
    assert world.state() == before
    carry_out(world)  # and the name alone, without the lock, is nobody's
    assert world.state() != before


def test_a_ledger_that_cannot_be_written_is_no_success_and_the_next_command_tells_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The disk of the store fills up once the iLO was changed: real git meets it at every file that it makes."""
    full = full_disk(tmp_path, monkeypatch)
    original = scene.ilo.state.patch

    def patch(*arguments: object, **named: object) -> object:
        full.touch()
        return original(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(scene.ilo.state, "patch", patch)
    desk = scene.fleet.desk
    with pytest.raises(StoreError, match="applied and verified, but the store could not be written to: the disk"):
        asyncio.run(apply_plan(desk(), scene.plan))
    assert scene.location == "rack 7"
    full.unlink()
    assert kinds(desk(), scene.plan) == []
    with pytest.raises(RefusedError, match="used once"):
        asyncio.run(apply_plan(desk(), scene.plan))
    assert kinds(desk(), scene.plan) == ["applied"]
    with pytest.raises(StoreError, match="rolled back and verified, but the store could not be written to: the disk"):
        asyncio.run(rollback_plan(desk(), scene.plan))
    assert scene.location == scene.first
    full.unlink()
    with pytest.raises(RefusedError, match="rolled back"):
        asyncio.run(apply_plan(desk(), scene.plan))
    assert kinds(desk(), scene.plan) == ["applied", "rolled back"]
    found = verify_ledger(desk())
    assert (found.altered, found.unverified) == ((), ())


def test_a_taking_back_that_the_ledger_could_not_be_told_is_told_by_the_next_command(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    full = full_disk(tmp_path, monkeypatch)
    original = scene.ilo.state.patch

    def patch(uri: str, body: dict[str, object], *more: object, **named: object) -> object:
        full.touch()
        wrong = {**body, "Location": 17} if body.get("Location") == "rack 7" else body  # which it refuses
        return original(uri, wrong, *more, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as spoilt:
        spoilt.setattr(scene.ilo.state, "patch", patch)
        outcome = asyncio.run(apply_plan(scene.fleet.desk(), scene.plan)).outcomes[0]
    assert any("not recorded: the disk that holds the store" in one for one in scene.fleet.told)
    full.unlink()
    assert outcome.outcome == "taken back", outcome
    assert kinds(scene.fleet.desk(), scene.plan) == []
    asyncio.run(apply_plan(scene.fleet.desk(), scene.plan))
    assert sorted(kinds(scene.fleet.desk(), scene.plan)) == ["applied", "taken back"]  # maybe in one second


def full_disk(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """A mark: while it stands there, no git may write a byte to any file."""
    git, mark = shutil.which("git"), folder / "full"
    tool = folder / "bin" / "git"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\ntrap '' XFSZ\n[ ! -e {mark} ] || ulimit -f 0\nexec {git} \"$@\"\n")
    tool.chmod(0o755)
    patch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    return mark
