from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from auditor.errors import EXIT_PERSON_NEEDED, EXIT_REFUSED, EXIT_TAKEN_BACK, CollectError, RefusedError
from auditor.model.plan import ApplyReport, OutcomeOf, Plan, TargetOutcome, Wave
from auditor.model.snapshot import Gap
from auditor.model.value import Many, Text, Undetermined, Value
from auditor.plan.conditions import Seen
from auditor.plan.journal import FileJournal, journal_path, read_entries, runs_of
from auditor.plan.machine import Machine, Reach, _said
from auditor.plan.outcome import failure_of
from auditor.surfaces.interface import Caveat
from tests.fakes.plans import SEALER, FakeHost, FakeTransaction, edit_step, plan_for

PLAN = "ab" * 32


def machine(
    folder: Path,
    plan: Plan,
    hosts: dict[str, FakeHost],
    *,
    back: bool = False,
    ended: Callable[[OutcomeOf], None] | None = None,
) -> Machine:
    def reach(host: FakeHost) -> Reach:
        def begin(steps, direction, journal):  # type: ignore[no-untyped-def]
            wanted, previous = (30, 60) if direction == "forward" else (60, 30)
            return FakeTransaction(host, wanted, previous)

        return Reach(begin, host.look)

    return Machine(
        plan=plan,
        plan_id=PLAN,
        direction="back" if back else "forward",
        sealer=SEALER,
        reach={name: reach(host) for name, host in hosts.items()},
        journal=lambda target, direction: FileJournal(journal_path(folder, PLAN, target), PLAN, target, direction),
        ended=ended or (lambda _: None),
    )


def run(folder: Path, host: FakeHost, **how: bool) -> OutcomeOf:
    return asyncio.run(machine(folder, plan_for("web1/httpd"), {"web1/httpd": host}, **how).run()).outcomes[0]


def outcome_in_journal(folder: Path, target: str = "web1/httpd") -> str:
    return runs_of(read_entries(journal_path(folder, PLAN, target)))[-1].outcome


def test_a_good_plan_is_applied_and_verified(tmp_path: Path) -> None:
    host, told = FakeHost(), []
    report = asyncio.run(machine(tmp_path, plan_for("web1/httpd"), {"web1/httpd": host}, ended=told.append).run())
    assert report.outcomes[0].outcome == "applied"
    assert ("nothing else changed", True) in report.outcomes[0].checks
    assert host.timeout == 30
    assert host.calls == ["prepare", "perform", "finish"]
    assert told == list(report.outcomes)
    assert outcome_in_journal(tmp_path) == "applied"
    assert failure_of(report) is None


def test_a_stale_plan_changes_nothing_and_says_what_stands_there(tmp_path: Path) -> None:
    host = FakeHost(timeout=45)
    with pytest.raises(RefusedError, match="is 45 s, not 60 s") as caught:
        run(tmp_path, host)
    assert caught.value.exit_code == EXIT_REFUSED
    assert " --look " in str(caught.value), "without it the plan is shown as ready"
    assert host.calls == []
    assert host.timeout == 45


def test_what_is_so_already_is_left_alone(tmp_path: Path) -> None:
    host = FakeHost(timeout=30)
    assert run(tmp_path, host).outcome == "already"
    assert host.calls == []


def test_a_refusal_while_preparing_leaves_everything(tmp_path: Path) -> None:
    host = FakeHost(fail=frozenset({"prepare"}))
    outcome = run(tmp_path, host)
    assert (outcome.outcome, outcome.text) == ("refused", "the check says no. Correct line 7")
    assert host.calls == ["prepare", "finish"]
    assert outcome_in_journal(tmp_path) == "refused"


@pytest.mark.parametrize("fault", ["perform", "bug", "no effect"])
def test_a_failure_is_taken_back_and_verified(tmp_path: Path, fault: str) -> None:
    host = FakeHost(fail=frozenset({fault}))
    outcome = run(tmp_path, host)
    assert outcome.outcome == "taken back"
    assert (host.timeout, host.other) == (60, 5)
    assert host.calls == ["prepare", "perform", "take back", "finish"]
    assert outcome_in_journal(tmp_path) == "taken back"


def test_an_unlisted_change_is_a_failure(tmp_path: Path) -> None:
    host = FakeHost(side_effect=True)
    outcome = run(tmp_path, host)
    assert outcome.outcome == "taken back"
    assert "keep_alive_timeout changed from 5 s to 99 s, which the plan does not list" in outcome.text
    assert (host.timeout, host.other) == (60, 5)


def test_taking_back_that_fails_needs_a_person(tmp_path: Path) -> None:
    outcome = run(tmp_path, FakeHost(fail=frozenset({"perform", "take back"})))
    assert outcome.outcome == "incomplete"
    assert "cannot be restored" in outcome.text
    assert outcome_in_journal(tmp_path) == "incomplete"


def test_taking_back_is_believed_only_when_seen(tmp_path: Path) -> None:
    outcome = run(tmp_path, FakeHost(side_effect=True, fail=frozenset({"lie"})))
    assert outcome.outcome == "incomplete"
    assert "yet not as before" in outcome.text


def test_an_ended_run_is_taken_back_by_the_next(tmp_path: Path) -> None:
    host = FakeHost()
    journal = FileJournal(journal_path(tmp_path, PLAN, "web1/httpd"), PLAN, "web1/httpd", "forward").open()
    journal.begin()
    journal.intent("1", "replace")
    journal.close()
    host.timeout = 30
    made = machine(tmp_path, plan_for("web1/httpd"), {"web1/httpd": host})
    outcome = asyncio.run(made.recover("web1/httpd"))
    assert outcome is not None
    assert outcome.outcome == "taken back"
    assert host.timeout == 60
    assert asyncio.run(made.recover("web1/httpd")) is None


def test_going_back_restores_and_says_so(tmp_path: Path) -> None:
    host = FakeHost()
    run(tmp_path, host)
    outcome = run(tmp_path, host, back=True)
    assert outcome.outcome == "rolled back"
    assert host.timeout == 60
    assert outcome.checks[-1] == ('httpd.server["main"].timeout is 60 s', True)


def test_what_taking_back_a_rollback_left_is_told_as_it_is_seen(tmp_path: Path) -> None:
    host = FakeHost()
    run(tmp_path, host)
    host.fail = frozenset({"perform"})
    good = run(tmp_path, host, back=True)
    assert (good.outcome, good.checks[-1]) == ("taken back", ('httpd.server["main"].timeout is 30 s', True))
    host.forgets = True  # it says that it has restored what it has not
    left = run(tmp_path, host, back=True)
    assert left.outcome == "taken back"
    assert ("as before", True) not in left.checks
    assert not left.checks[-1][1]
    error = failure_of(ApplyReport(PLAN, "back", (left,)))
    assert error is not None
    assert "verified: as before" not in str(error)
    assert "not 30 s" in str(error)


def test_it_is_not_so_already_where_a_step_tells_nothing_by_which_to_know(tmp_path: Path) -> None:
    """As a secret that no iLO shows: another step's value stands already, this one's need not."""
    plan, host = plan_for("web1/httpd"), FakeHost(timeout=30)
    silent = msgspec.structs.replace(edit_step("2"), preconditions=(), postconditions=())
    cohort = msgspec.structs.replace(plan.cohorts[0], steps=(*plan.cohorts[0].steps, silent))
    made = machine(tmp_path, msgspec.structs.replace(plan, cohorts=(cohort,)), {"web1/httpd": host})
    with pytest.raises(RefusedError, match="is 30 s, not 60 s"):
        asyncio.run(made.run())


def test_what_cannot_be_seen_is_told_beside_what_did_not_change(tmp_path: Path) -> None:
    host = FakeHost(gaps=(Gap("conf.d/site.conf", "not permitted"),))
    outcome = run(tmp_path, host)
    hidden = "nothing else changed, as far as it can be seen (not conf.d/site.conf: not permitted)"
    assert outcome.outcome == "applied"
    assert (hidden, True) in outcome.checks
    licence = FakeHost(gaps=(Gap("/redfish/v1/x", "licence", complete=True),))
    assert ("nothing else changed", True) in run(tmp_path / "other", licence).checks


@pytest.mark.parametrize(("allowed", "last"), [(0, "not started"), (1, "applied")])
def test_a_wave_stops_beyond_its_threshold(tmp_path: Path, allowed: int, last: str) -> None:
    names = ("web1/httpd", "web2/httpd", "web3/httpd")
    plan = plan_for(*names, waves=(Wave("canary", names[:1]), Wave("rest", names[1:], stop_after=allowed)))
    hosts = {name: FakeHost() for name in names}
    hosts["web2/httpd"].fail = frozenset({"perform"})
    report = asyncio.run(machine(tmp_path, plan, hosts).run())
    assert [one.outcome for one in report.outcomes] == ["applied", "taken back", last]


@pytest.mark.parametrize(
    ("waiting", "why"),
    [
        (Undetermined("the account sees no process"), "the account sees no process"),
        (Many((Text("conf.d/other.conf"),)), "the store does not hold the state any more that the plan was made on"),
    ],
)
def test_what_a_reload_would_load_along_and_cannot_be_compared_is_said(
    tmp_path: Path, waiting: Value, why: str
) -> None:
    outcome = run(tmp_path, FakeHost(waiting=waiting))
    assert outcome.outcome == "applied"
    (told,) = [text for text, held in outcome.checks if not held]
    assert told.endswith(f"and a reload would load, was not compared: {why}")
    assert all(held for _, held in run(tmp_path / "known", FakeHost()).checks)


def test_a_journal_that_cannot_be_opened_hides_nothing_of_what_was_done_before(tmp_path: Path) -> None:
    names = ("web1/httpd", "web2/httpd", "web3/httpd")
    plan = plan_for(*names, waves=(Wave("canary", names[:1]), Wave("rest", names[1:])))
    told: list[OutcomeOf] = []
    running = machine(tmp_path, plan, {name: FakeHost() for name in names}, ended=told.append)
    busy = running.journal("web2/httpd", "forward").open()
    try:
        report = asyncio.run(running.run())
    finally:
        busy.close()
    assert [one.outcome for one in report.outcomes] == ["applied", "refused", "not started"]
    assert "web2/httpd is being changed or taken back at this moment" in report.outcomes[1].text
    assert told == list(report.outcomes[:2])


def test_going_back_goes_on_where_one_target_refuses(tmp_path: Path) -> None:
    names = ("web1/httpd", "web2/httpd", "web3/httpd")
    plan = plan_for(*names, waves=(Wave("canary", names[:1]), Wave("rest", names[1:])))
    hosts = {name: FakeHost() for name in names}
    asyncio.run(machine(tmp_path, plan, hosts).run())
    hosts["web1/httpd"].fail = frozenset({"prepare"})  # as one that does not answer
    report = asyncio.run(machine(tmp_path, plan, hosts, back=True).run())
    assert [one.outcome for one in report.outcomes] == ["refused", "rolled back", "rolled back"]
    error = failure_of(report)
    assert error is not None
    assert error.exit_code == EXIT_PERSON_NEEDED
    assert "the plan still stands there. web2/httpd, web3/httpd: changed and verified." in str(error)
    assert f"auditor rollback {PLAN[:8]}" in str(error)


def test_going_back_stops_where_one_target_is_broken_by_it(tmp_path: Path) -> None:
    names = ("web1/httpd", "web2/httpd")
    hosts = {name: FakeHost() for name in names}
    plan = plan_for(*names, waves=(Wave("canary", names[:1]), Wave("rest", names[1:])))
    asyncio.run(machine(tmp_path, plan, hosts).run())
    hosts["web1/httpd"].fail = frozenset({"perform"})
    report = asyncio.run(machine(tmp_path, plan, hosts, back=True).run())
    assert [one.outcome for one in report.outcomes] == ["taken back", "not started"]


def test_one_stale_target_refuses_all_before_any_is_changed(tmp_path: Path) -> None:
    hosts = {"web1/httpd": FakeHost(), "web2/httpd": FakeHost(timeout=1)}
    with pytest.raises(RefusedError, match="web2/httpd changed since"):
        asyncio.run(machine(tmp_path, plan_for(*hosts), hosts).run())
    assert hosts["web1/httpd"].timeout == 60


def test_a_target_that_cannot_be_read_leaves_all_unchanged_and_says_so(tmp_path: Path) -> None:
    hosts = {name: FakeHost() for name in ("web1/httpd", "web2/httpd")}
    run_of = machine(tmp_path, plan_for("web1/httpd", "web2/httpd"), hosts)

    async def look() -> Seen:
        raise CollectError("web2/httpd cannot be read: no route.")

    run_of.reach = {**run_of.reach, "web2/httpd": replace(run_of.reach["web2/httpd"], look=look)}
    with pytest.raises(CollectError, match="no route") as caught:
        asyncio.run(run_of.run())
    assert "Nothing was changed." in str(caught.value)
    assert [host.timeout for host in hosts.values()] == [60, 60]


def test_ctrl_c_takes_the_present_target_back_and_starts_no_other(tmp_path: Path) -> None:
    hosts = {"web1/httpd": FakeHost(), "web2/httpd": FakeHost()}
    made = machine(tmp_path, plan_for(*hosts), hosts)

    async def interrupted() -> ApplyReport:
        begun = asyncio.Event()

        class Slow(FakeTransaction):
            async def perform(self) -> tuple[str, ...]:
                self.host.timeout = -1
                begun.set()
                await asyncio.sleep(60)
                return ()

        host = hosts["web1/httpd"]
        made.reach["web1/httpd"] = Reach(lambda *_: Slow(host, 30, 60), host.look)  # type: ignore[index]
        task = asyncio.create_task(made.run())
        await begun.wait()
        task.cancel()
        return await task

    report = asyncio.run(interrupted())
    assert [one.outcome for one in report.outcomes] == ["taken back", "not started"]
    assert hosts["web1/httpd"].timeout == 60
    assert hosts["web2/httpd"].calls == []


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        (("applied", "applied"), None),
        (("already", "applied"), None),
        (("refused", "not started"), EXIT_REFUSED),
        (("applied", "refused"), EXIT_TAKEN_BACK),
        (("applied", "not started"), EXIT_TAKEN_BACK),
        (("applied", "taken back"), EXIT_TAKEN_BACK),
        (("taken back", "incomplete"), EXIT_PERSON_NEEDED),
        (("rolled back", "rolled back"), None),
    ],
)
def test_what_a_run_amounts_to(outcomes: tuple[str, str], code: int | None) -> None:
    made = tuple(OutcomeOf(f"web{number}/httpd", one, "why") for number, one in enumerate(outcomes))  # type: ignore[arg-type]
    error = failure_of(ApplyReport(PLAN, "forward", made))
    assert (error.exit_code if error else None) == code


def test_of_several_targets_it_is_told_which_was_taken_back_and_which_stands() -> None:
    listed: tuple[tuple[str, TargetOutcome], ...] = (
        ("web1/ilo", "applied"), ("web2/ilo", "taken back"), ("web3/ilo", "not started"),
    )  # fmt: skip
    error = failure_of(ApplyReport(PLAN, "forward", tuple(OutcomeOf(name, what, "why") for name, what in listed)))
    assert str(error).splitlines() == [
        "web2/ilo: why. Taken back and verified: as before. web1/ilo: changed and verified. web3/ilo: not started.",
        f"  Take the others back too:  auditor rollback {PLAN[:8]}",
    ]


def test_a_way_back_that_is_not_seen_to_be_back_is_no_success() -> None:
    held, missed = ("read back: the bytes are those of the plan", True), ("not reloaded: the check fails", False)
    for checks, code in (((held,), None), ((held, missed), EXIT_PERSON_NEEDED)):
        error = failure_of(ApplyReport(PLAN, "back", (OutcomeOf("web1/httpd", "rolled back", "done", checks),)))
        assert (error.exit_code if error else None) == code
        assert error is None or "web1/httpd: not reloaded" in str(error)


@pytest.mark.parametrize("other", ["taken back", "incomplete", "refused", "rolled back"])
def test_what_is_not_seen_to_be_back_needs_a_person_whatever_became_of_the_others(other: TargetOutcome) -> None:
    first = OutcomeOf("web1/httpd", "rolled back", "done", (("not reloaded: the check fails", False),))
    second = OutcomeOf("web2/httpd", other, "it broke midway")
    error = failure_of(ApplyReport(PLAN, "back", (first, second)))
    assert error is not None
    assert error.exit_code == EXIT_PERSON_NEEDED
    assert "web1/httpd: not reloaded" in str(error)
    assert "web1/httpd: changed and verified" not in str(error)
    assert ("web2/httpd: it broke midway" in str(error)) == (other != "rolled back")


def test_what_does_not_hold_is_not_told_as_held() -> None:
    assert _said(("reloaded", Caveat("not reloaded"))) == (("reloaded", True), ("not reloaded", False))


class Meeting:
    """Hosts whose changes wait for each other: ``count`` of them must be under way before any goes on."""

    def __init__(self, folder: Path, count: int, names: tuple[str, ...], at_once: int, stop_after: int = 0) -> None:
        self.hosts = {name: FakeHost() for name in names}
        self.begun: list[str] = []
        self.met = asyncio.Event()
        wave = Wave("all", names, stop_after, 0, at_once)
        self.machine = machine(folder, plan_for(*names, waves=(wave,)), self.hosts)
        meeting = self

        class Waiting(FakeTransaction):
            async def perform(self) -> tuple[str, ...]:
                meeting.begun.append(next(name for name, host in meeting.hosts.items() if host is self.host))
                if len(meeting.begun) >= count:
                    meeting.met.set()
                await meeting.met.wait()
                return await super().perform()

        self.machine.reach = {
            name: Reach(lambda *_, host=host: Waiting(host, 30, 60), host.look) for name, host in self.hosts.items()
        }


NAMES = tuple(f"web{number}/httpd" for number in range(1, 6))


def test_targets_of_a_wave_are_changed_at_once_as_the_plan_says(tmp_path: Path) -> None:
    async def story() -> None:
        meeting = Meeting(tmp_path, 3, NAMES, 3)
        report = await meeting.machine.run()
        assert [(one.target, one.outcome) for one in report.outcomes] == [(name, "applied") for name in NAMES]
        assert {host.timeout for host in meeting.hosts.values()} == {30}

    asyncio.run(story())


def test_what_is_under_way_is_ended_when_a_wave_stops_and_nothing_else_begins(tmp_path: Path) -> None:
    async def story() -> None:
        meeting = Meeting(tmp_path, 2, NAMES, 2)
        meeting.hosts["web1/httpd"].fail = frozenset({"perform"})
        report = await meeting.machine.run()
        assert {one.target: one.outcome for one in report.outcomes} == {
            "web1/httpd": "taken back", "web2/httpd": "applied", "web3/httpd": "not started",
            "web4/httpd": "not started", "web5/httpd": "not started",
        }  # fmt: skip
        assert meeting.begun == ["web1/httpd", "web2/httpd"]

    asyncio.run(story())


def test_ctrl_c_takes_back_all_that_are_under_way(tmp_path: Path) -> None:
    async def story() -> None:
        meeting = Meeting(tmp_path, 9, NAMES, 2)
        task = asyncio.create_task(meeting.machine.run())
        while len(meeting.begun) < 2:
            await asyncio.sleep(0)
        task.cancel()
        report = await task
        assert [one.outcome for one in report.outcomes] == ["taken back"] * 2 + ["not started"] * 3
        assert {host.timeout for host in meeting.hosts.values()} == {60}
        for name in NAMES[:2]:
            assert outcome_in_journal(tmp_path, name) == "taken back"

    asyncio.run(story())
