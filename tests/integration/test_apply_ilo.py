"""Settings and BIOS attributes on the virtual iLO: forward, back, and when something goes wrong in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from auditor.errors import RefusedError
from auditor.model.plan import ApplyReport, Cohort, Direction, NoUndo, Origin, OutcomeOf, Plan, Step, Wave, Wish
from auditor.model.resource import parse_address
from auditor.model.value import Boolean, Number, Text, Value
from auditor.plan.conditions import Seen, changed, values_of
from auditor.plan.journal import FileJournal, journal_path
from auditor.plan.machine import Machine, Reach
from auditor.plan.outcome import failure_of
from auditor.services.changes.desk import traces_of
from auditor.surfaces.ilo.answers import Answer
from auditor.surfaces.ilo.body import Body, find
from auditor.surfaces.ilo.carry_out import bios, line
from auditor.surfaces.ilo.carry_out.bios import BiosChange
from auditor.surfaces.ilo.carry_out.line import Line
from auditor.surfaces.ilo.carry_out.setting import Setting
from auditor.surfaces.ilo.carry_out.transaction import IloTransaction
from auditor.surfaces.ilo.collect import collect
from auditor.surfaces.ilo.propose import propose
from auditor.surfaces.ilo.resources import interpret
from auditor.surfaces.ilo.simulator.faults import FaultKind
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from auditor.surfaces.interface import ActOptions, InterpretOptions, Journal
from tests.virtual_ilo import BIOS, PASSWORD, PENDING, PROTOCOL, SEALER, SNMP, USERNAME, options, target, with_ilo

pytestmark = pytest.mark.integration
PLAN = "ab" * 32


class Bench:
    """A plan on the virtual iLO, made from wishes, and the machine that carries it out."""

    def __init__(self, ilo: VirtualIlo, folder: Path, deadline_s: float = 20) -> None:
        self.ilo, self.folder, self.deadline_s = ilo, folder, deadline_s
        self.told: list[str] = []
        self.settle_s = 1.0
        self.plan: Plan | None = None
        self.environment = {
            "AUDITOR_ILO_USERNAME": USERNAME,
            "AUDITOR_ILO_PASSWORD": PASSWORD,
            "XDG_STATE_HOME": str(folder),
        }

    async def look(self) -> Seen:
        collected = await collect(target(self.ilo), options())
        return Seen(collected, interpret(collected, InterpretOptions()))

    async def wish(self, *wishes: tuple[str, Value | None]) -> Bench:
        seen = await self.look()
        made = propose(
            tuple(Wish(parse_address(address), value) for address, value in wishes), seen.collected, InterpretOptions()
        )
        assert made.steps, made.refusals
        cohort = Cohort(("web1/ilo",), made.steps, made.effects)
        self.plan = Plan("r", "a", "", "", Origin("set", ()), (Wave("all", ("web1/ilo",)),), (cohort,))
        return self

    def machine(self, direction: Direction) -> Machine:
        assert self.plan is not None
        settle_s = self.settle_s

        def begin(steps: tuple[Step, ...], way: Direction, journal: Journal) -> IloTransaction:
            assert self.plan is not None
            acting = ActOptions(self.plan, PLAN, journal, SEALER, self.environment, self.told.append, self.deadline_s)
            where = target(self.ilo)
            return IloTransaction(where, where.location, steps, way, acting, 0.02, settle_s)  # type: ignore[arg-type]

        return Machine(
            plan=self.plan,
            plan_id=PLAN,
            direction=direction,
            sealer=SEALER,
            reach={"web1/ilo": Reach(begin, self.look, traces_of(self.plan, target(self.ilo)))},
            journal=lambda name, way: FileJournal(journal_path(self.folder, PLAN, name), PLAN, name, way),
            observe=self.told.append,
        )

    async def boot(self) -> None:
        """Somebody restarts the system."""
        posts = self.ilo.state.posts
        self.ilo.state.start_post()
        while self.ilo.state.in_post():
            await asyncio.sleep(0.01)
        assert self.ilo.state.posts == posts + 1

    async def run(self, direction: Direction = "forward") -> OutcomeOf:
        report: ApplyReport = await self.machine(direction).run()
        assert not self.ilo.sessions, "a session was left open"
        return report.outcomes[0]


def on_ilo(folder: Path, act: Callable[[Bench], Awaitable[None]], **settings: object) -> None:
    async def run(ilo: VirtualIlo) -> None:
        await act(Bench(ilo, folder))

    with_ilo(run, **settings)


ALERTS = 'web1/ilo:ilo.snmp["1"].alerts_enabled'
POWER = 'web1/ilo:ilo.bios["1"].AutoPowerOn'


def alerts(bench: Bench) -> object:
    return bench.ilo.state.get(SNMP)["AlertsEnabled"]


async def off_and_on(bench: Bench) -> tuple[object, Boolean]:
    now = alerts(bench)
    return now, Boolean(not now)


def test_a_setting_is_patched_once_and_back(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        before, wanted = await off_and_on(bench)
        await bench.wish((ALERTS, wanted))
        del bench.ilo.requests[:]
        outcome = await bench.run()
        assert outcome.outcome == "applied", outcome
        assert alerts(bench) is wanted.value
        assert [method for method, _ in bench.ilo.requests].count("PATCH") == 1
        outcome = await bench.run("back")
        assert outcome.outcome == "rolled back", outcome
        assert alerts(bench) is before

    on_ilo(tmp_path, act)


def test_a_lost_answer_is_settled_by_reading_again_and_never_sent_twice(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        _, wanted = await off_and_on(bench)
        await bench.wish((ALERTS, wanted))
        bench.ilo.faults.add("lost reply", "snmpservice", times=1, method="PATCH")
        del bench.ilo.requests[:]
        outcome = await bench.run()
        assert outcome.outcome == "applied", outcome
        assert [method for method, _ in bench.ilo.requests].count("PATCH") == 1

    on_ilo(tmp_path, act)


def test_a_patch_that_never_arrives_is_a_failure_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "SHOWN_WITHIN_S", 0.3)

    async def act(bench: Bench) -> None:
        before, wanted = await off_and_on(bench)
        await bench.wish((ALERTS, wanted))
        bench.ilo.faults.add("drop", "snmpservice", times=1, method="PATCH")
        outcome = await bench.run()
        assert outcome.outcome == "taken back", outcome
        assert "AlertsEnabled is" in outcome.text
        assert alerts(bench) is before

    on_ilo(tmp_path, act)


def test_what_somebody_changed_since_is_not_overwritten(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        before, wanted = await off_and_on(bench)
        await bench.wish((ALERTS, wanted))
        await bench.run()
        bench.ilo.state.set(SNMP, "/AlertsEnabled", before)
        outcome = await bench.run("back")
        assert outcome.outcome == "rolled back"
        bench.ilo.state.set(SNMP, "/AlertsEnabled", None)
        outcome = await bench.run("back")
        assert outcome.outcome == "refused"
        assert "changed since the plan was applied" in outcome.text
        assert alerts(bench) is None

    on_ilo(tmp_path, act)


def test_a_change_between_look_and_patch_is_refused_by_the_etag(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        before, wanted = await off_and_on(bench)
        await bench.wish((ALERTS, wanted))
        original = Line.answered

        async def sent(self: Line, write: Awaitable[Answer], uri: str) -> tuple[str, Answer | None]:
            if "SnmpService" in uri:
                bench.ilo.state.set(SNMP, "/TrapSourceHostname", "Other")
            return await original(self, write, uri)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Line, "answered", sent)
            outcome = await bench.run()
        assert outcome.outcome == "incomplete"  # nothing of ours is left, and yet it is not as before
        assert "412" in outcome.text
        assert alerts(bench) is before

    on_ilo(tmp_path, act)


async def other_value(bench: Bench) -> tuple[str, Text]:
    now = str(bench.ilo.state.bios()["AutoPowerOn"])
    return now, Text("AlwaysPowerOff" if now != "AlwaysPowerOff" else "AlwaysPowerOn")


def test_a_bios_attribute_takes_a_reset_and_a_verdict(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        before, wanted = await other_value(bench)
        values = bench.ilo.state.bios()
        await bench.wish((POWER, wanted))
        posts = bench.ilo.state.posts
        outcome = await bench.run()
        assert outcome.outcome == "applied", outcome
        assert bench.ilo.state.bios()["AutoPowerOn"] == wanted.value
        assert bench.ilo.state.posts == posts + 1
        outcome = await bench.run("back")
        assert outcome.outcome == "rolled back", outcome
        assert bench.ilo.state.bios() == values
        assert values["AutoPowerOn"] == before
        assert bench.ilo.state.pending() == {}

    on_ilo(tmp_path, act)


def test_somebody_elses_pending_change_would_ride_along_and_is_refused(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        _, wanted = await other_value(bench)
        await bench.wish((POWER, wanted))
        bench.ilo.state.set(PENDING, "/Attributes/AdminName", "somebody")
        pending = bench.ilo.state.pending()
        now = bench.ilo.state.bios()["AdminName"]
        with pytest.raises(
            RefusedError, match=f"AdminName is {now or 'empty'}, and somebody waits for the next reboot"
        ):
            await bench.run()
        assert bench.plan is not None
        begin = bench.machine("forward").reach["web1/ilo"].begin
        begun = begin(bench.plan.cohorts[0].steps, "forward", _journal(bench))
        try:
            with pytest.raises(RefusedError, match=f'next boot: AdminName \\("{now}" now, "somebody" waits\\)'):
                await begun.prepare()
        finally:
            await begun.finish()
        assert bench.ilo.state.pending() == pending
        assert not bench.ilo.state.in_post()

    on_ilo(tmp_path, act)


def test_a_change_of_somebody_else_that_comes_between_is_not_applied_by_our_reset(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        _, wanted = await other_value(bench)
        await bench.wish((POWER, wanted))
        original = Line.answered

        async def sent(self: Line, write: Awaitable[Answer], uri: str) -> tuple[str, Answer | None]:
            said = await original(self, write, uri)
            if uri == PENDING:
                bench.ilo.state.set(PENDING, "/Attributes/AdminName", "somebody")
            return said

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Line, "answered", sent)
            outcome = await bench.run()
        assert outcome.outcome == "taken back", outcome
        assert "AdminName" in outcome.text
        assert "would take effect by our reset" in outcome.text
        assert (bench.ilo.state.pending(), bench.ilo.state.posts) == ({"AdminName": "somebody"}, 0)

    on_ilo(tmp_path, act)


def test_a_rollback_leaves_alone_what_somebody_else_set_for_the_next_boot(tmp_path: Path) -> None:
    """Our reset must not apply it: it is set aside, and waits again afterwards."""

    async def act(bench: Bench) -> None:
        before, alerting = await off_and_on(bench)
        await bench.wish((ALERTS, alerting))
        assert (await bench.run()).outcome == "applied"
        bench.ilo.state.set(PENDING, "/Attributes/AdminName", "somebody")
        assert (await bench.run("back")).outcome == "rolled back"
        assert alerts(bench) is before
        bench.ilo.state.set(PENDING, "/Attributes/AdminName", bench.ilo.state.bios()["AdminName"])
        was, wanted = await other_value(bench)
        await bench.wish((POWER, wanted))
        assert (await bench.run()).outcome == "applied"
        bench.ilo.state.set(PENDING, "/Attributes/AdminName", "somebody")
        values = bench.ilo.state.bios()
        outcome = await bench.run("back")
        assert outcome.outcome == "rolled back", outcome
        assert failure_of(ApplyReport(PLAN, "back", (outcome,))) is None, "what somebody else wants needs nobody"
        assert '"somebody" waits' in outcome.text
        assert bench.ilo.state.bios() == {**values, "AutoPowerOn": was}
        assert bench.ilo.state.pending() == {"AdminName": "somebody"}
        bench.ilo.state.set(PENDING, "/Attributes/RestoreDefaults", "Yes")
        outcome = await bench.run("back")
        assert outcome.outcome == "rolled back", "nothing is to be done, so nothing is in the way"

    on_ilo(tmp_path, act)


def test_a_rollback_cancels_a_waiting_order_to_the_bios_for_its_reset_and_gives_it_again(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        was, wanted = await other_value(bench)
        for uri in (BIOS, PENDING):
            bench.ilo.state.set(uri, "/Attributes/AdminName", "not the default")
        await bench.wish((POWER, wanted))
        assert (await bench.run()).outcome == "applied"
        values = bench.ilo.state.bios()
        bench.ilo.state.set(PENDING, "/Attributes/RestoreDefaults", "Yes")
        outcome = await bench.run("back")
        assert outcome.outcome == "rolled back", outcome
        assert failure_of(ApplyReport(PLAN, "back", (outcome,))) is None
        assert 'waiting again afterwards: RestoreDefaults (null now, "Yes" waits)' in outcome.text
        assert bench.ilo.state.bios() == {**values, "AutoPowerOn": was}
        assert bench.ilo.state.get(PENDING)["Attributes"]["RestoreDefaults"] == "Yes"  # type: ignore[index]
        await bench.boot()
        assert bench.ilo.state.bios()["AdminName"] == "", "the order took effect at somebody else's boot"

    on_ilo(tmp_path, act)


def test_what_cannot_be_set_aside_refuses_a_rollback_and_says_what_to_do(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        _, wanted = await other_value(bench)
        await bench.wish((POWER, wanted))
        assert (await bench.run()).outcome == "applied"
        bench.ilo.state.set(PENDING, "/Attributes/VendorOrder", "Now")
        values, posts = bench.ilo.state.bios(), bench.ilo.state.posts
        outcome = await bench.run("back")
        assert outcome.outcome == "refused", outcome
        assert "does not show what VendorOrder is now" in outcome.text
        assert "Take that out of the pending settings on the iLO, or let the system boot" in outcome.text
        assert (bench.ilo.state.bios(), bench.ilo.state.posts) == (values, posts)

    on_ilo(tmp_path, act)


def _journal(bench: Bench) -> FileJournal:
    return FileJournal(bench.folder / "x.jsonl", PLAN, "web1/ilo", "forward")


TRAP_PORT = 'web1/ilo:ilo.network_protocol["1"].snmp_trap_port'


def ports(bench: Bench) -> object:
    return find(bench.ilo.state.get(PROTOCOL), "/Oem/Hpe/SNMPTrapPort")[1]


@pytest.mark.parametrize("away_s", [0.0, 0.5])
def test_a_reset_of_the_ilo_is_noticed_however_short_it_is_away(tmp_path: Path, away_s: float) -> None:
    async def act(bench: Bench) -> None:
        bench.settle_s = 3600.0  # never waited out: the ended session tells of the reset
        before = ports(bench)
        await bench.wish((TRAP_PORT, Number(1162)))
        assert bench.plan is not None
        assert bench.plan.cohorts[0].steps[0].disruption == "iLO reset"
        dropped = bench.ilo.state.dropped_sessions
        async with asyncio.timeout(120):
            outcome = await bench.run()
            assert outcome.outcome == "applied", outcome
            assert any("iLO reset; it answers again" in text for text, _ in outcome.checks)
            assert (ports(bench), bench.ilo.state.dropped_sessions) == (1162, dropped + 1)
            outcome = await bench.run("back")
        assert outcome.outcome == "rolled back", outcome
        assert (ports(bench), bench.ilo.state.dropped_sessions) == (before, dropped + 2)

    on_ilo(tmp_path, act, ilo_reset_s=away_s)


def test_a_failure_after_a_reset_of_the_ilo_is_taken_back_by_another(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        before, values = ports(bench), bench.ilo.state.bios()
        _, wanted = await other_value(bench)
        await bench.wish((TRAP_PORT, Number(1162)), (POWER, wanted))
        bench.ilo.faults.add("refused", "computersystem.reset", method="POST")
        outcome = await bench.run()
        assert outcome.outcome == "taken back", outcome
        assert (ports(bench), bench.ilo.state.bios(), bench.ilo.state.pending()) == (before, values, {})

    on_ilo(tmp_path, act)


WAITS = 'web1/ilo:ilo.manager["1"].some_pending_reset'


def test_an_ilo_is_reset_for_what_was_stored_before(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        bench.ilo.state.set(PROTOCOL, "/Oem/Hpe/ConfigurationSettings", "SomePendingReset")
        bench.ilo.state.set("/redfish/v1/Managers/1", "/Oem/Hpe/ConfigurationSettings", "SomePendingReset")
        await bench.wish((WAITS, Boolean(False)))
        assert bench.plan is not None
        (step,) = bench.plan.cohorts[0].steps
        assert (step.disruption, isinstance(step.undo, NoUndo)) == ("iLO reset", True)
        dropped = bench.ilo.state.dropped_sessions
        bench.ilo.faults.add("refused", "manager.reset", times=1, method="POST")
        assert (await bench.run()).outcome == "taken back", "it waits still, so nothing took place"
        outcome = await bench.run()
        assert outcome.outcome == "applied", outcome
        assert bench.ilo.state.dropped_sessions == dropped + 1

    on_ilo(tmp_path, act)


@pytest.mark.parametrize("mark", ["intent", "done"])
def test_ended_at_a_reset_of_the_ilo_it_is_taken_back(tmp_path: Path, mark: str) -> None:
    async def act(bench: Bench) -> None:
        before = ports(bench)
        await bench.wish((TRAP_PORT, Number(1162)))
        patch = ended_at(bench, "reset iLO", mark)
        try:
            with pytest.raises(Ended):
                await bench.machine("forward").run()
        finally:
            patch.undo()
        outcome = await bench.machine("forward").recover("web1/ilo")
        assert outcome is not None
        assert outcome.outcome == "taken back", outcome
        assert ports(bench) == before

    on_ilo(tmp_path, act)


@pytest.mark.parametrize(("fault", "awaited"), [("refused", 0), ("busy", 1)])
def test_a_refused_reset_takes_the_pending_values_back_without_a_boot(
    tmp_path: Path, fault: FaultKind, awaited: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, where it is sure that no POST comes: they would take effect at anybody's boot meanwhile."""
    resets: list[Mapping[str, str]] = []

    async def await_reset(_: BiosChange, detail: Mapping[str, str]) -> None:
        resets.append(detail)

    monkeypatch.setattr(BiosChange, "await_reset", await_reset)

    async def act(bench: Bench) -> None:
        _, wanted = await other_value(bench)
        await bench.wish((POWER, wanted))
        bench.ilo.faults.add(fault, "computersystem.reset", method="POST")
        outcome = await bench.run()
        assert outcome.outcome == "taken back", outcome
        assert len(resets) == awaited
        assert ("auditor doctor web1/ilo" in outcome.text) == (fault == "refused"), "a right or a licence is missing"
        assert bench.ilo.state.pending() == {}
        assert bench.ilo.state.posts == 0

    on_ilo(tmp_path, act)


def test_one_session_is_enough_to_change_to_look_and_to_take_back(tmp_path: Path) -> None:
    """Others may hold all but one: nobody is rebooted to learn then that the result cannot be looked at."""

    async def act(bench: Bench) -> None:
        before, wanted = await off_and_on(bench)
        await bench.wish((ALERTS, wanted))
        assert (await bench.run()).outcome == "applied"
        assert (await bench.run("back")).outcome == "rolled back"
        _, power = await other_value(bench)
        await bench.wish((ALERTS, wanted), (POWER, power))
        bench.ilo.faults.add("refused", "computersystem.reset", method="POST")
        assert (await bench.run()).outcome == "taken back"
        assert (alerts(bench), bench.ilo.state.pending()) == (before, {})

    on_ilo(tmp_path, act, session_limit=1)


def test_pending_settings_that_show_nothing_are_not_taken_for_settings_as_before(tmp_path: Path) -> None:
    """What we set may still wait there, and so may what somebody else did: nobody is told that all is as before."""

    async def act(bench: Bench) -> None:
        _, wanted = await other_value(bench)
        await bench.wish((POWER, wanted))
        shown = bench.ilo.state.read

        def read(uri: str) -> Body | None:
            body = shown(uri)
            settings = body is not None and "BIOS Pending" in str(body.get("Name"))
            written = any(method == "PATCH" for method, _ in bench.ilo.requests)
            return {**body, "Attributes": None} if settings and written and body else body

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bench.ilo.state, "read", read)
            outcome = await bench.run()
        assert outcome.outcome == "incomplete", outcome
        assert "the pending settings hold no attributes" in outcome.text
        assert bench.ilo.state.pending() == {"AutoPowerOn": wanted.value}
        assert bench.ilo.state.posts == 0
        recovered = await bench.machine("forward").recover("web1/ilo")
        assert recovered is not None
        assert (recovered.outcome, bench.ilo.state.pending(), bench.ilo.state.posts) == ("taken back", {}, 0)

    on_ilo(tmp_path, act)


def test_an_ignored_restart_is_waited_for_within_a_bound_and_taken_back(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        _, wanted = await other_value(bench)
        values = bench.ilo.state.bios()
        await bench.wish((POWER, wanted))
        bench.deadline_s = 1.0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bench.ilo.state, "start_post", lambda: None)
            patch.setattr(bios, "TELL_EACH_S", 0.2)
            outcome = await bench.run()
        assert outcome.outcome == "taken back", outcome
        assert "may ignore a graceful restart" in outcome.text
        assert any("waiting for POST, at most" in one for one in bench.told)
        assert any("still waiting" in one for one in bench.told)
        assert (bench.ilo.state.bios(), bench.ilo.state.pending(), bench.ilo.state.posts) == (values, {}, 0)

    on_ilo(tmp_path, act)


def test_a_rejection_by_post_is_a_failure_and_taken_back(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        _, wanted = await other_value(bench)
        await bench.wish((POWER, wanted))
        values = bench.ilo.state.bios()
        original = BiosChange.reset_system

        async def reset(self: BiosChange, step: str, setting: Setting) -> str:
            if not bench.ilo.state.posts:
                bench.ilo.state.set(PENDING, "/Attributes/NoSuchThing", "x")
            return await original(self, step, setting)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(BiosChange, "reset_system", reset)
            outcome = await bench.run()
        assert "POST refused: PropertyUnknown NoSuchThing" in outcome.text
        assert bench.ilo.state.bios() == values

    on_ilo(tmp_path, act)


def ended_at(bench: Bench, act_name: str, mark: str) -> pytest.MonkeyPatch:
    """Ends the run when the journal has written this line."""
    patch = pytest.MonkeyPatch()
    original = FileJournal._append

    def append(self: FileJournal, step: str, act: str, way: str, detail: dict[str, str]) -> None:
        original(self, step, act, way, detail)  # type: ignore[arg-type]
        if (act, way) == (act_name, mark):
            raise Ended

    patch.setattr(FileJournal, "_append", append)
    return patch


class Ended(BaseException):
    """The process is gone."""


@pytest.mark.parametrize(
    ("act_name", "mark"),
    [
        ("run", "intent"),
        ("patch", "intent"),
        ("patch", "done"),
        ("patch pending settings", "intent"),
        ("patch pending settings", "done"),
        ("reset system", "intent"),
        ("reset system", "done"),
    ],
)
def test_ended_at_any_line_of_the_journal_it_is_taken_back(tmp_path: Path, act_name: str, mark: str) -> None:
    async def act(bench: Bench) -> None:
        bench.deadline_s = 3
        _, wanted = await other_value(bench)
        _, alerting = await off_and_on(bench)
        await bench.wish((ALERTS, alerting), (POWER, wanted))
        values, before = bench.ilo.state.bios(), alerts(bench)
        patch = ended_at(bench, act_name, mark)
        try:
            with pytest.raises(Ended):
                await bench.machine("forward").run()
        finally:
            patch.undo()
        outcome = await bench.machine("forward").recover("web1/ilo")
        assert outcome is not None
        assert outcome.outcome == "taken back", outcome
        assert bench.ilo.state.bios() == values
        assert bench.ilo.state.pending() == {}
        assert alerts(bench) is before
        assert not bench.ilo.sessions
        outcome = await bench.run()
        assert outcome.outcome == "applied", outcome

    on_ilo(tmp_path, act)


def test_what_an_unreachable_ilo_leaves_needs_a_person_and_then_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "BACK_WITHIN_S", 0.5)
    monkeypatch.setattr(line, "SHOWN_WITHIN_S", 0.5)

    async def act(bench: Bench) -> None:
        before, wanted = await off_and_on(bench)
        await bench.wish((ALERTS, wanted))
        original = Line.answered

        async def sent(self: Line, write: Awaitable[Answer], uri: str) -> tuple[str, Answer | None]:
            said = await original(self, write, uri)
            bench.ilo.faults.add("drop")
            return said

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Line, "answered", sent)
            report = await bench.machine("forward").run()
        assert report.outcomes[0].outcome == "incomplete"
        bench.ilo.faults.clear()
        outcome = await bench.machine("forward").recover("web1/ilo")
        assert outcome is not None
        assert outcome.outcome == "taken back"
        assert alerts(bench) is before

    on_ilo(tmp_path, act)


def test_the_journal_holds_what_was_there(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        before, wanted = await off_and_on(bench)
        await bench.wish((ALERTS, wanted))
        await bench.run()
        path = journal_path(bench.folder, PLAN, "web1/ilo")
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        announced = next(dict(line["detail"]) for line in lines if (line["act"], line["mark"]) == ("patch", "intent"))
        assert json.loads(announced["before"]) == {"/AlertsEnabled": before}

    on_ilo(tmp_path, act)


DESTINATIONS = f"{SNMP}/SNMPAlertDestinations"
NEW = 'web1/ilo:ilo.snmp_destination["10.9.0.9"]'
HOOK = 'web1/ilo:ilo.event_subscription["https://sink.example/events"]'
MAKE: tuple[tuple[str, Value | None], ...] = (
    (f"{NEW}.present", Boolean(True)),
    (f"{NEW}.protocol", Text("SNMPv3Trap")),
    (f"{NEW}.security_name", Text("alerts")),
)
SUBSCRIBE: tuple[tuple[str, Value | None], ...] = (
    (f"{HOOK}.present", Boolean(True)),
    (f"{HOOK}.context", Text("c")),
)


def destinations(bench: Bench) -> list[object]:
    state = bench.ilo.state
    uris = [uri for uri in state.uris() if uri.startswith(f"{DESTINATIONS}/")]
    return sorted(str(state.get(uri)["AlertDestination"]) for uri in uris)


def test_members_are_made_and_removed_in_one_go_and_back(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        before = await bench.look()
        await bench.wish(*MAKE, *SUBSCRIBE, ('web1/ilo:ilo.snmp_destination["10.9.0.5"].present', None))
        outcome = await bench.run()
        assert outcome.outcome == "applied", outcome
        assert destinations(bench) == ["10.9.0.4", "10.9.0.9"]
        assert {one.name for one in (await bench.look()).interpretation.of_kind("ilo.event_subscription")}
        again = await bench.run()
        assert again.outcome == "already", again
        outcome = await bench.run("back")
        assert outcome.outcome == "rolled back", outcome
        assert all(held for _, held in outcome.checks), outcome
        assert changed(values_of(before.interpretation), values_of((await bench.look()).interpretation)) == ()

    on_ilo(tmp_path, act)


@pytest.mark.parametrize("fault", ["lost reply", "drop"])
def test_a_post_whose_answer_is_lost_is_never_sent_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: FaultKind
) -> None:
    monkeypatch.setattr(line, "SHOWN_WITHIN_S", 0.3)

    async def act(bench: Bench) -> None:
        await bench.wish(*MAKE)
        bench.ilo.faults.add(fault, "snmpalertdestinations", times=1, method="POST")
        del bench.ilo.requests[:]
        outcome = await bench.run()
        arrived = fault == "lost reply"
        assert outcome.outcome == ("applied" if arrived else "taken back"), outcome
        posts = [path for method, path in bench.ilo.requests if method == "POST" and "Destinations" in path]
        assert len(posts) == 1
        assert destinations(bench).count("10.9.0.9") == arrived

    on_ilo(tmp_path, act)


def test_what_is_there_already_is_neither_made_nor_taken_back(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        await bench.wish(*MAKE)
        assert bench.plan is not None
        begin = bench.machine("forward").reach["web1/ilo"].begin
        body = {"AlertDestination": "10.9.0.9", "SNMPAlertProtocol": "SNMPv3Trap", "SecurityName": "alerts"}
        bench.ilo.state.add(f"{DESTINATIONS}/7", {**body, "Id": "7"})
        journal = _journal(bench).open()
        journal.begin()
        begun = begin(bench.plan.cohorts[0].steps, "forward", journal)
        try:
            await begun.prepare()
            await begun.perform()
            await begun.take_back()
        finally:
            await begun.finish()
            journal.close()
        assert destinations(bench) == ["10.9.0.4", "10.9.0.5", "10.9.0.9"]

    on_ilo(tmp_path, act)


def test_another_member_that_says_the_same_is_not_removed_in_its_place(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        await bench.wish(*MAKE)
        assert (await bench.run()).outcome == "applied"
        ours = next(u for u in bench.ilo.state.uris() if bench.ilo.state.get(u).get("AlertDestination") == "10.9.0.9")
        bench.ilo.state.add(f"{DESTINATIONS}/9", {**bench.ilo.state.get(ours), "Id": "9"})
        outcome = await bench.run("back")
        assert outcome.outcome == "rolled back", outcome
        assert [text for text, held in outcome.checks if not held] == ['ilo.snmp_destination["10.9.0.9"] is there']
        assert (bench.ilo.state.has(ours), bench.ilo.state.has(f"{DESTINATIONS}/9")) == (False, True)

    on_ilo(tmp_path, act)


def test_what_cannot_be_made_again_goes_last_and_stays_where_another_step_fails(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        _, wanted = await off_and_on(bench)
        await bench.wish(('web1/ilo:ilo.snmp_destination["10.9.0.4"].present', None), (ALERTS, wanted))
        bench.ilo.faults.add("refused", "snmpalertdestinations/1", method="DELETE")
        outcome = await bench.run()
        assert outcome.outcome == "taken back", outcome
        assert destinations(bench) == ["10.9.0.4", "10.9.0.5"]
        bench.ilo.faults.clear()
        assert (await bench.run()).outcome == "applied"
        assert destinations(bench) == ["10.9.0.5"]

    on_ilo(tmp_path, act)


def test_a_refused_login_changes_nothing(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        _, wanted = await off_and_on(bench)
        await bench.wish((ALERTS, wanted))
        bench.environment["AUDITOR_ILO_PASSWORD"] = "wrong"
        outcome = await bench.run()
        assert outcome.outcome == "refused"
        assert bench.ilo.refused_logins == 1

    on_ilo(tmp_path, act)
