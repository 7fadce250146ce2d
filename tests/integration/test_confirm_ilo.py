"""Changes of an iLO that have to be confirmed: this controller holds the time, by a process that outlives its run."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import ApplyError, CollectError, IncompleteError, RefusedError
from auditor.plan.held import HeldDeadline, holder_lives
from auditor.plan.journal import FileJournal, is_busy, journal_path, read_entries, runs_of
from auditor.plan.outcome import failure_of
from auditor.services.changes import apply_plan, confirm_plan, reaching, rollback_plan, show_plan
from auditor.surfaces.httpd.carry_out import server
from auditor.surfaces.ilo.carry_out.transaction import IloTransaction
from auditor.transport import outliving
from auditor.transport.acts import Acts
from auditor.transport.lock import hold
from tests.fakes.held_ilos import LOCATION, POWER, HeldIlo, held_ilo
from tests.fakes.sites import ROUTE, Site
from tests.running import until
from tests.virtual_ilo import PASSWORD

pytestmark = pytest.mark.integration


@pytest.fixture
def site(tmp_path: Path, ssh_keygen: str) -> Iterator[HeldIlo]:
    with held_ilo(tmp_path) as made:
        yield made


@pytest.fixture
def unheld(monkeypatch: pytest.MonkeyPatch, site: HeldIlo) -> HeldIlo:
    """No process holds the deadlines, unless the test does what it would do."""
    monkeypatch.setattr(reaching, "start_outliving", lambda *_: "by a process of its own")
    return site


def outcomes(report: Any) -> list[str]:
    return [one.outcome for one in report.outcomes]


def rolled_back(site: HeldIlo, plan: str) -> list[str]:
    return outcomes(asyncio.run(rollback_plan(site.fleet.desk(), plan)))


def test_what_is_confirmed_in_time_stays_and_the_holder_ends(site: HeldIlo) -> None:
    plan = site.plan(LOCATION)
    report = site.apply(plan)
    assert outcomes(report) == ["applied"], report
    said = "; ".join(text for text, _ in report.outcomes[0].checks)
    assert "taken back by this controller in 600 s unless it is confirmed: by a process of its own" in said
    assert "as at a boot, by the next command" in said
    assert site.location == "rack 7"
    folder = site.held(plan).folder.parent
    assert holder_lives(folder)
    stored = [one for one in site.folder.rglob("*") if one.is_file() and not one.name.startswith("key-")]
    assert not [one for one in stored if PASSWORD.encode() in one.read_bytes()]
    other = site.plan('web1/ilo:ilo.snmp["1"].contact=ops')
    with pytest.raises(RefusedError, match=f"for plan {plan[:8]} to be confirmed; it still waits"):
        site.apply(other, 0)

    assert outcomes(site.confirm(plan)) == ["confirmed"]
    until(lambda: not holder_lives(folder))
    assert site.location == "rack 7"
    assert site.kinds(plan) == ["applied", "confirmed"]
    with pytest.raises(RefusedError, match=r"nothing of plan .* waits to be confirmed"):
        site.confirm(plan)
    assert rolled_back(site, plan) == ["rolled back"]
    with pytest.raises(RefusedError, match="rolled back"):
        site.apply(plan, 0)


def test_what_nobody_confirms_is_taken_back_and_the_next_command_tells(site: HeldIlo) -> None:
    before = site.location
    plan = site.plan(LOCATION)
    site.apply(plan)
    with hold(site.fleet.desk().fleet.state_path / "lock", "the fleet", "a plan of other targets, for hours"):
        site.let_time_pass(plan)
        until(lambda: site.held(plan).state == "reverted")
    assert site.location == before
    until(lambda: not holder_lives(site.held(plan).folder.parent))
    report = site.confirm(plan)
    assert outcomes(report) == ["taken back"], report
    assert "so this controller took it back by itself at 20" in report.outcomes[0].text
    failure = failure_of(report)
    assert failure is not None
    assert failure.exit_code == 5
    assert site.kinds(plan) == ["applied", "taken back"]
    assert outcomes(site.apply(plan)) == ["applied"], "it was never confirmed, so it may be tried again"
    assert rolled_back(site, plan) == ["rolled back"]
    assert site.location == before
    assert site.held(plan).state == "disarmed"


def test_a_plan_that_is_applied_again_is_held_by_the_process_that_still_lives(site: HeldIlo) -> None:
    before, plan = site.location, site.plan(LOCATION)
    other = site.held(plan, "web9/ilo")
    for _ in range(2):
        assert outcomes(site.apply(plan)) == ["applied"]
        if other.state == "none":
            other.arm(600)
        site.let_time_pass(plan)
        until(lambda: site.held(plan).state == "reverted")
        assert site.location == before
        assert outcomes(site.confirm(plan)) == ["taken back"]
        assert holder_lives(other.folder.parent), "another of its targets waits"
    other.decide("confirm")
    until(lambda: not holder_lives(other.folder.parent))


def test_a_bios_change_says_that_it_reboots_twice_and_needs_time_for_that(site: HeldIlo) -> None:
    plan = site.plan(POWER)
    before = site.ilo.state.bios()["AutoPowerOn"]
    with pytest.raises(RefusedError, match="is changed for about 480 s, so that nobody could confirm it within 60 s"):
        site.apply(plan, 60)
    report = site.apply(plan)
    assert any("taking back costs another reboot" in text for text, _ in report.outcomes[0].checks)
    posts = site.ilo.state.posts
    site.let_time_pass(plan)
    until(lambda: site.held(plan).state == "reverted")
    assert (site.ilo.state.bios()["AutoPowerOn"], site.ilo.state.posts) == (before, posts + 1)
    assert outcomes(site.confirm(plan)) == ["taken back"]


def test_a_holder_that_was_killed_is_started_again_or_replaced_by_the_next_command(site: HeldIlo) -> None:
    before, plan = site.location, site.plan(LOCATION)
    site.apply(plan)
    folder = site.held(plan).folder.parent
    site.end_holder(plan)
    assert not holder_lives(folder)
    asyncio.run(show_plan(site.fleet.desk(), plan, look=True))
    assert holder_lives(folder), "it still waits, so it is held again"
    site.end_holder(plan)
    shown = asyncio.run(show_plan(site.fleet.desk(), plan))
    assert "taken back by the next command at 20" in shown.outcomes[0][1]
    assert "since the process that was to do it has ended" in shown.outcomes[0][1]
    site.let_time_pass(plan)
    report = site.confirm(plan)
    assert outcomes(report) == ["taken back"], "a confirmation that comes too late confirms nothing"
    assert site.location == before


def test_rolling_back_what_waits_ends_the_waiting(site: HeldIlo) -> None:
    before, plan = site.location, site.plan(LOCATION)
    site.apply(plan)
    assert rolled_back(site, plan) == ["rolled back"]
    assert site.location == before
    until(lambda: not holder_lives(site.held(plan).folder.parent))
    assert site.kinds(plan) == ["applied", "rolled back"]


def test_a_rollback_that_is_killed_before_it_begins_is_not_forgotten(
    unheld: HeldIlo, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, plan = unheld.location, unheld.plan(LOCATION)
    unheld.apply(plan)
    begin, settle = FileJournal.begin, FileJournal.settle

    def ended(journal: FileJournal, *words: str) -> None:
        if journal.direction == "back" or words == ("rolled back",):
            raise Ended
        settle(journal, *words) if words else begin(journal)

    with monkeypatch.context() as patch:
        patch.setattr(FileJournal, "settle", ended)
        with pytest.raises(Ended):
            rolled_back(unheld, plan)
    asked = unheld.confirm(plan)
    assert outcomes(asked) == ["refused"]
    assert "was to be rolled back" in asked.outcomes[0].text
    with monkeypatch.context() as patch:
        patch.setattr(FileJournal, "begin", ended)
        with pytest.raises(Ended):
            rolled_back(unheld, plan)
    assert unheld.held(plan).state == "disarmed"
    other = unheld.plan('web1/ilo:ilo.snmp["1"].contact=ops')
    with pytest.raises(RefusedError, match=f"plan {plan[:8]} on web1/ilo was to be rolled back"):
        unheld.apply(other, 0)
    assert rolled_back(unheld, plan) == ["rolled back"]
    assert unheld.location == before
    assert outcomes(unheld.apply(other, 0)) == ["applied"]


def test_of_two_who_confirm_at_once_one_does(unheld: HeldIlo) -> None:
    plan = unheld.plan(LOCATION)
    unheld.apply(plan)

    async def both() -> list[Any]:
        desks = unheld.fleet.desk(), unheld.fleet.desk()
        return await asyncio.gather(*(confirm_plan(desk, plan) for desk in desks), return_exceptions=True)

    found = asyncio.run(both())
    assert sum(not isinstance(one, BaseException) for one in found) == 1, found
    assert all(isinstance(one, RefusedError) for one in found if isinstance(one, BaseException))
    assert unheld.kinds(plan) == ["applied", "confirmed"]


def test_time_that_runs_out_during_the_change_takes_it_back_at_once(
    unheld: HeldIlo, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, plan = unheld.location, unheld.plan(LOCATION)
    perform = IloTransaction.perform

    async def slow(self: IloTransaction) -> tuple[str, ...]:
        said = await perform(self)
        unheld.let_time_pass(plan)
        assert unheld.held(plan).begin(), "as the holder does"
        return said

    monkeypatch.setattr(IloTransaction, "perform", slow)
    report = unheld.apply(plan)
    assert outcomes(report) == ["taken back"], report
    assert "the time to confirm it was over before it was done" in report.outcomes[0].text
    assert (unheld.location, unheld.held(plan).state) == (before, "disarmed")


def test_what_a_failed_apply_could_not_take_back_is_taken_back_when_the_time_is_over(
    unheld: HeldIlo, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, plan = unheld.location, unheld.plan(LOCATION)
    perform = IloTransaction.perform

    async def failing(self: IloTransaction) -> tuple[str, ...]:
        await perform(self)
        raise ApplyError("it broke.")

    async def unreachable(_: IloTransaction) -> tuple[str, ...]:
        raise CollectError("it does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(IloTransaction, "perform", failing)
        patch.setattr(IloTransaction, "take_back", unreachable)
        assert outcomes(unheld.apply(plan)) == ["incomplete"]
    assert (unheld.location, unheld.held(plan).state) == ("rack 7", "pending")
    unheld.let_time_pass(plan)
    unheld.watch(plan)
    assert (unheld.location, unheld.held(plan).state) == (before, "reverted")
    report = unheld.confirm(plan)
    assert outcomes(report) == ["taken back"], report
    assert any("this controller took it back at 20" in text for text, _ in report.outcomes[0].checks)
    assert unheld.kinds(plan) == ["incomplete", "taken back"]


def test_a_disk_that_is_full_for_a_while_ends_no_waiting(unheld: HeldIlo, monkeypatch: pytest.MonkeyPatch) -> None:
    before, plan = unheld.location, unheld.plan(LOCATION)
    unheld.apply(plan)
    unheld.let_time_pass(plan)
    replace, failures = Acts.replace, iter((errno.ENOSPC, errno.EIO))

    def full(acts: Acts, source: Path, destination: Path) -> None:
        if destination.name == "reverting" and (code := next(failures, 0)):
            raise OSError(code, os.strerror(code), str(destination))
        replace(acts, source, destination)

    monkeypatch.setattr(Acts, "replace", full)
    unheld.watch(plan)
    assert (unheld.location, unheld.held(plan).state) == (before, "reverted")
    assert next(failures, 0) == 0


def test_somebody_elses_change_since_is_left_and_needs_a_person(unheld: HeldIlo) -> None:
    plan = unheld.plan(POWER)
    unheld.apply(plan)
    unheld.ilo.state.set("/redfish/v1/systems/1/bios/", "/Attributes/AutoPowerOn", "RestoreLastState")
    unheld.let_time_pass(plan)
    unheld.watch(plan)
    became = unheld.held(plan).became
    assert became is not None
    assert became.failed
    assert unheld.held(plan).state == "reverting"
    report = unheld.confirm(plan)
    assert outcomes(report) == ["incomplete"], report
    assert "taking it back failed" in report.outcomes[0].text
    failure = failure_of(report)
    assert failure is not None
    assert failure.exit_code == 6
    assert unheld.kinds(plan) == ["applied", "incomplete"]
    with pytest.raises(IncompleteError, match="cannot be taken back"):
        unheld.apply(unheld.plan(LOCATION), 0)


def _killed_at(site: HeldIlo, plan: str, point: int) -> bool:
    """Whether an apply was killed by SIGKILL at that line of its journal, before or after it is on disk."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the iLO's thread holds nothing that the child needs
        child = os.fork()
    if child == 0:
        append, passed = FileJournal._append, 0

        def counted(*arguments: Any, **named: Any) -> None:
            nonlocal passed
            for late in (False, True):
                if late:
                    append(*arguments, **named)
                passed += 1
                if passed == point:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            FileJournal._append = counted  # type: ignore[method-assign]
            site.apply(plan)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_an_apply_that_is_killed_at_any_line_of_its_journal_is_taken_back(unheld: HeldIlo) -> None:
    """By the holder, or by the next command: in time, or when the time is over."""
    before, plan, point = unheld.location, unheld.plan(LOCATION), 0
    armed = 0
    while True:
        point += 1
        if not _killed_at(unheld, plan, point):
            break
        held, path = unheld.held(plan), journal_path(unheld.fleet.desk().journals, plan, "web1/ilo")
        runs = runs_of(read_entries(path)) if path.exists() else ()
        if held.state == "pending":
            armed += 1
            if point % 3 or runs[-1].awaits:
                unheld.let_time_pass(plan)
            if point % 3 == 2:
                unheld.watch(plan)
                assert held.state in ("reverted", "disarmed"), point
                assert unheld.location == before, point
        asyncio.run(show_plan(unheld.fleet.desk(), plan, look=True))
        if runs and runs[-1].unfinished:
            assert outcomes(unheld.confirm(plan)) == ["taken back"], point
        assert unheld.location == before, point
        assert held.state != "pending", point
    assert armed > 5
    assert unheld.location == "rack 7"


_LATER = """
import asyncio, os, sys
from pathlib import Path
from auditor.plan.folder import read_plan
from auditor.plan.held import hold_deadlines
from auditor.services.changes.desk import open_desk
from auditor.services.changes.holding import Holder
from auditor.services.fleet import load_fleet

desk = open_desk(load_fleet(Path(sys.argv[1])), dict(os.environ))
holder = Holder(desk, read_plan(desk.fleet.plans_path, sys.argv[2]), 0.01, 0.0)
holder.load()
known = set(sys.modules)
asyncio.run(holder.watch(hold_deadlines(desk.deadlines / sys.argv[2])))
ours = ("auditor", "aiohttp", "redfish", "msgspec")
print(*sorted(name for name in set(sys.modules) - known if name.startswith(ours)))
"""


def test_a_holder_needs_nothing_of_the_auditor_s_files_when_the_time_is_over(unheld: HeldIlo) -> None:
    before, plan = unheld.location, unheld.plan(LOCATION)
    unheld.apply(plan)
    unheld.let_time_pass(plan)
    words = [sys.executable, "-c", _LATER, str(unheld.fleet.root), plan]
    done = subprocess.run(words, env=unheld.fleet.environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == ("", "")
    assert (unheld.location, unheld.held(plan).state) == (before, "reverted")


def test_a_holder_that_is_killed_at_any_line_of_the_journal_is_finished_by_the_next_command(
    unheld: HeldIlo, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, plan = unheld.location, unheld.plan(LOCATION)
    append = FileJournal._append
    for point in range(1, 20):
        assert outcomes(unheld.apply(plan)) == ["applied"]
        unheld.let_time_pass(plan)
        passed = 0

        def counted(*arguments: Any, at: int = point, **named: Any) -> None:
            nonlocal passed
            append(*arguments, **named)
            passed += 1
            if passed == at:
                raise Ended

        with monkeypatch.context() as patch:
            patch.setattr(FileJournal, "_append", counted)
            try:
                unheld.watch(plan)
            except Ended:
                assert unheld.held(plan).state == "reverting"
        report = unheld.confirm(plan)
        assert outcomes(report) == ["taken back"], report
        assert unheld.location == before
        if passed < point:
            break
    assert passed >= 2


@pytest.mark.parametrize("killed", [False, True])
def test_a_confirmation_that_comes_while_it_is_taken_back_waits_for_the_end(site: HeldIlo, killed: bool) -> None:
    plan, before = site.plan(POWER), site.ilo.state.bios()["AutoPowerOn"]
    site.apply(plan)
    path = journal_path(site.fleet.desk().journals, plan, "web1/ilo")
    lines = len(read_entries(path))
    site.ilo.state.post_s = 600.0  # the POST that taking back causes does not end by itself
    site.let_time_pass(plan)
    until(lambda: any(one.act == "reset system" for one in read_entries(path)[lines:]))
    assert site.held(plan).state == "reverting"
    assert is_busy(path)
    if killed:
        site.end_holder(plan)
        assert not is_busy(path)
    ended = threading.Timer(0.5, site.end_post)
    ended.start()
    report = site.confirm(plan)
    ended.join()
    assert outcomes(report) == ["taken back"], report
    assert site.ilo.state.bios()["AutoPowerOn"] == before
    waited = "web1/ilo is being taken back by this controller; waiting for that to end"
    assert (waited in site.fleet.told) == (not killed)
    assert site.kinds(plan) == ["applied", "taken back"]


class Ended(BaseException):
    """The holder's process is gone."""


def test_a_plan_of_httpd_and_ilo_has_both_kinds_of_deadline(
    tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SETTLE_S", 0.3)
    tree = Site(tmp_path / "httpd-site")
    more = tree.fleet.hosts.replace("  web1:\n", "  web2:\n").replace("web1/", "web2/")
    with held_ilo(tmp_path, more) as both, tree.server:
        files, location = tree.files(), both.location
        plan = both.plan(LOCATION, ROUTE.replace("web1/", "web2/") + "=60s")
        report = both.apply(plan)
        assert outcomes(report) == ["applied", "applied"], report
        said = {one.target: "; ".join(text for text, _ in one.checks) for one in report.outcomes}
        assert "taken back by this controller in 600 s" in said["web1/ilo"]
        assert "taken back by itself in 600 s" in said["web2/httpd"]
        both.let_time_pass(plan)
        until(lambda: both.held(plan).state == "reverted")
        assert both.location == location
        assert tree.files() != files
        report = both.confirm(plan)
        assert sorted(outcomes(report)) == ["confirmed", "taken back"]
        failure = failure_of(report)
        assert failure is not None
        assert failure.exit_code == 5
        assert rolled_back(both, plan).count("rolled back") == 1
        assert tree.files() == files


_SYSTEMD_RUN = """#!/bin/sh
# As version 219 of RHEL 7 has it.
echo "systemd-run $*" >>"$SYSTEMD_LOG"
[ "$1" = --scope ] || { echo "only scopes here" >&2; exit 1; }
shift
while :; do
    case $1 in
    --unit=*) ;;
    -*) echo "unknown option $1" >&2; exit 1 ;;
    /*) break ;;
    esac
    shift
done
[ -z "$SYSTEMD_FAILS" ] || { echo "Failed to start transient scope unit" >&2; exit 1; }
exec "$@"
"""


@pytest.mark.parametrize("fails", ["", "yes"])
def test_systemd_gives_the_holder_a_scope_that_no_logout_ends(
    site: HeldIlo, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    tools, log = site.folder / "tools", site.folder / "log"
    tools.mkdir()
    (tools / "systemd-run").write_text(_SYSTEMD_RUN)
    (tools / "systemd-run").chmod(0o755)
    monkeypatch.setattr(outliving, "SYSTEMD", tools)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    path = f"{tools}:{os.environ['PATH']}"
    site.fleet.environment |= {"PATH": path, "SYSTEMD_LOG": str(log), "SYSTEMD_FAILS": fails}
    before, plan = site.location, site.plan(LOCATION)
    report = site.apply(plan)
    said = "; ".join(text for text, _ in report.outcomes[0].checks)
    assert ("in a scope of systemd's" in said) == (not fails), said
    called = log.read_text()
    assert f"systemd-run --scope --unit=auditor-hold-{plan[:16]} /" in called
    assert PASSWORD not in called
    site.let_time_pass(plan)
    until(lambda: site.held(plan).state == "reverted")
    assert site.location == before


def test_without_a_process_that_outlives_the_command_nothing_is_changed(
    site: HeldIlo, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, plan = site.location, site.plan(LOCATION)
    monkeypatch.setattr(reaching.sys, "executable", "/nonexistent/python")
    report = site.apply(plan)
    assert outcomes(report) == ["refused"], report
    assert "a process that outlives this command cannot be started here" in report.outcomes[0].text
    assert (site.location, site.held(plan).state) == (before, "disarmed")
    assert isinstance(site.held(plan), HeldDeadline)


def test_what_cannot_be_taken_back_cannot_wait(site: HeldIlo) -> None:
    plan = site.plan(
        'web1/ilo:ilo.snmp_destination["10.9.0.4"].present=null', consents=("ilo-remove-snmp_destination-10.9.0.4",)
    )
    with pytest.raises(RefusedError, match="cannot be taken back, so it cannot wait to be confirmed"):
        asyncio.run(apply_plan(site.fleet.desk(), plan, confirm_within_s=600))
