"""SNMP users and v1 destinations by plans: their secrets come from the environment, and are found nowhere."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from auditor.cli.forms import changes as forms
from auditor.errors import EXIT_PERSON_NEEDED, IncompleteError, RefusedError
from auditor.plan.folder import read_plan
from auditor.plan.journal import OUTCOME, journal_path
from auditor.report.interface import Style
from auditor.services.changes import (
    Judged,
    SetWay,
    apply_plan,
    approve_plan,
    propose_plan,
    rehearse_plan,
    rollback_plan,
    show_plan,
)
from auditor.services.check import default_policy
from auditor.surfaces.ilo.carry_out import line
from auditor.surfaces.ilo.simulator import creating
from auditor.surfaces.ilo.simulator.alerts import Alerts
from auditor.surfaces.ilo.simulator.personalities import build
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from auditor.surfaces.ilo.simulator.state import IloState
from tests.fakes.fleets import TestFleet
from tests.fakes.held_ilos import held_ilo
from tests.planted import files, findings, objects
from tests.virtual_ilo import PASSWORD, SNMP, USERNAME, with_ilo

pytestmark = pytest.mark.integration

USERS, DESTINATIONS = f"{SNMP}/SNMPUsers", f"{SNMP}/SNMPAlertDestinations"
USER, OLD = 'web1/ilo:ilo.snmp_user["noc"]', 'web1/ilo:ilo.snmp_user["alerts"]'
V1 = 'web1/ilo:ilo.snmp_destination["10.9.0.9"]'
PHRASES = {"NOC_AUTH": "PLANTED-auth-phrase", "NOC_PRIVACY": "PLANTED-privacy-phrase", "TRAPS": "PLANTED-community"}
MADE = (
    f"{USER}.present=true",
    f"{USER}.auth_protocol=SHA256",
    f"{USER}.auth_passphrase=env:NOC_AUTH",
    f"{USER}.privacy_protocol=AES",
    f"{USER}.privacy_passphrase=env:NOC_PRIVACY",
    f"{V1}.present=true",
    f"{V1}.protocol=SNMPv1Trap",
    f"{V1}.community=env:TRAPS",
)


class Fleet:
    """A fleet of one virtual iLO."""

    def __init__(self, folder: Path, ilo: VirtualIlo) -> None:
        hosts = f"  web1:\n    ilo: {{url: '{ilo.url}', cafile: {ilo.cafile}}}\n"
        login = {"AUDITOR_ILO_USERNAME": USERNAME, "AUDITOR_ILO_PASSWORD": PASSWORD}
        self.ilo, self.fleet = ilo, TestFleet(folder / "fleet", hosts).make(login)

    def environment(self, **variables: str | None) -> None:
        """Sets variables, or takes them away."""
        for name, value in variables.items():
            self.fleet.environment.pop(name, None)
            if value is not None:
                self.fleet.environment[name] = value

    async def plan(self, *settings: str, before: tuple[str, ...] = (), consents: tuple[str, ...] = ()) -> str:
        made = await propose_plan(
            self.fleet.desk(),
            SetWay(settings, before),
            reason="why",
            author="ops1",
            judged_by=Judged(default_policy(("ilo",))),
            key=self.fleet.key("ops1"),
            consents=consents,
        )
        approve_plan(self.fleet.desk(), made.id, self.fleet.key("lead1"))
        return made.id

    async def run(self, plan: str, *, back: bool = False) -> tuple[str, tuple[str, ...]]:
        act = rollback_plan if back else apply_plan
        (outcome,) = (await act(self.fleet.desk(), plan)).outcomes
        return outcome.outcome, (outcome.text, *(text for text, _ in outcome.checks))


def on_fleet(folder: Path, act: Callable[[Fleet], Awaitable[None]]) -> None:
    async def run(ilo: VirtualIlo) -> None:
        await act(Fleet(folder, ilo))

    with_ilo(run)


def test_a_user_and_a_v1_destination_come_and_go_and_their_secrets_are_found_nowhere(
    tmp_path: Path, ssh_keygen: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def act(fleet: Fleet) -> None:
        fleet.environment(**PHRASES)
        plan = await fleet.plan(*MADE)
        shown = await show_plan(fleet.fleet.desk(), plan, look=True)
        assert shown.stale == ()
        text = " ".join(forms.show_plan(shown, Style()).split())
        assert "+ /AuthPassphrase: a secret from env:NOC_AUTH, held to its keyed digest" in text
        assert "env:NOC_AUTH から" in forms.show_plan(shown, Style(lang="ja"))
        outcome, said = await fleet.run(plan)
        assert outcome == "applied", said
        assert any("AuthPassphrase and PrivacyPassphrase cannot be read back" in text for text in said)
        state = fleet.ilo.state
        assert state.kept(f"{USERS}/2") == {"AuthPassphrase": PHRASES["NOC_AUTH"],
                                            "PrivacyPassphrase": PHRASES["NOC_PRIVACY"]}  # fmt: skip
        assert state.get(f"{USERS}/2")["AuthPassphrase"] is None
        assert state.get(f"{DESTINATIONS}/3")["TrapCommunity"] == PHRASES["TRAPS"]

        fleet.environment(NOC_AUTH=None, TRAPS=None)
        outcome, said = await fleet.run(plan, back=True)
        assert outcome == "rolled back", said
        assert not state.has(f"{USERS}/2")
        assert not state.has(f"{DESTINATIONS}/3")

        secrets = [one.encode() for one in PHRASES.values()]
        told = "\n".join([*fleet.fleet.told, *said, *(one.getMessage() for one in caplog.records)])
        held = list(objects(fleet.fleet.desk().fleet.store_path))
        assert findings(iter(held), secrets) == []
        assert findings(files(fleet.fleet.root), secrets) == []
        assert findings(iter([("told", told.encode())]), secrets) == []
        document = read_plan(fleet.fleet.desk().fleet.plans_path, plan)
        assert "env:NOC_AUTH" in str(document.plan)

    on_fleet(tmp_path, act)


def test_without_its_secret_or_with_another_nothing_is_touched(tmp_path: Path, ssh_keygen: str) -> None:
    async def act(fleet: Fleet) -> None:
        fleet.environment(**PHRASES)
        plan = await fleet.plan(*MADE)
        del fleet.ilo.requests[:]
        for name, value in (("NOC_AUTH", None), ("TRAPS", "PLANTED-another")):
            fleet.environment(**{**PHRASES, name: value})
            with pytest.raises(RefusedError, match=name) as caught:
                await fleet.run(plan)
            assert "PLANTED" not in str(caught.value)
        assert fleet.ilo.requests == []
        assert [one.kind for one in fleet.fleet.desk().events(plan)][-2:] == ["refused", "refused"]
        fleet.environment(**PHRASES)
        assert (await fleet.run(plan))[0] == "applied"

    on_fleet(tmp_path, act)


def test_what_was_not_at_hand_when_planned_is_checked_by_name_and_length(tmp_path: Path, ssh_keygen: str) -> None:
    async def act(fleet: Fleet) -> None:
        plan = await fleet.plan(*MADE)
        document = read_plan(fleet.fleet.desk().fleet.plans_path, plan).plan
        assert any("not at hand now: env:NOC_AUTH, env:NOC_PRIVACY, env:TRAPS" in note for note in document.notes)
        fleet.environment(**{**PHRASES, "NOC_AUTH": "short"})
        outcome, said = await fleet.run(plan)
        assert outcome == "refused", said
        assert "8 to 49 characters" in said[0]
        fleet.environment(**PHRASES)
        assert (await fleet.run(plan))[0] == "applied"
        assert fleet.ilo.state.get(f"{DESTINATIONS}/3")["TrapCommunity"] == PHRASES["TRAPS"]

    on_fleet(tmp_path, act)


def test_a_removed_user_and_community_come_back_by_what_was_named_for_it(tmp_path: Path, ssh_keygen: str) -> None:
    async def act(fleet: Fleet) -> None:
        state = fleet.ilo.state
        old = {"AuthPassphrase": "old phrase 1", "PrivacyPassphrase": "old phrase 2"}
        assert state.patch(f"{USERS}/1", dict(old)).status == 200
        fleet.environment(A=old["AuthPassphrase"], P=old["PrivacyPassphrase"], E="0x800000E80453494D",
                          C="sim-trap-community")  # fmt: skip
        there = 'web1/ilo:ilo.snmp_destination["10.9.0.4"]'
        before = (f"{OLD}.auth_passphrase=env:A", f"{OLD}.privacy_passphrase=env:P", f"{OLD}.engine_id=env:E",
                  f"{there}.community=env:C")  # fmt: skip
        with pytest.raises(RefusedError, match="--secret-before"):
            await fleet.plan(f"{OLD}.present=null", before=before[:2])
        plan = await fleet.plan(f"{OLD}.present=null", f"{there}.present=null", before=before)
        bodies = {uri: state.get(uri) for uri in (f"{USERS}/1", f"{DESTINATIONS}/1")}
        assert (await fleet.run(plan))[0] == "applied"
        assert not any(state.has(uri) for uri in bodies)

        fleet.environment(A=None)
        with pytest.raises(RefusedError, match="A is not set"):
            await fleet.run(plan, back=True)
        fleet.environment(A=old["AuthPassphrase"])
        outcome, said = await fleet.run(plan, back=True)
        assert outcome == "rolled back", said
        assert state.kept(f"{USERS}/1") == old
        for uri, body in bodies.items():
            assert {**state.get(uri), "@odata.type": body["@odata.type"]} == body

    on_fleet(tmp_path, act)


def test_a_pass_phrase_is_changed_and_set_back_and_a_lost_answer_proves_nothing(
    tmp_path: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "SHOWN_WITHIN_S", 0.5)

    async def act(fleet: Fleet) -> None:
        fleet.environment(NEW="a new phrase", OLD="an old phrase")
        settings = (f"{OLD}.auth_passphrase=env:NEW",)
        before = (f"{OLD}.auth_passphrase=env:OLD",)

        def phrase() -> object:
            return fleet.ilo.state.kept(f"{USERS}/1").get("AuthPassphrase")

        first = await fleet.plan(*settings, before=before)
        fleet.ilo.faults.add("drop", "snmpusers", times=1, method="PATCH")
        outcome, said = await fleet.run(first)
        assert outcome == "taken back", said
        assert "whether AuthPassphrase was taken cannot be read" in said[0]
        assert phrase() == "an old phrase"

        second = await fleet.plan(*settings, before=before)
        assert (await fleet.run(second))[0] == "applied"
        assert phrase() == "a new phrase"
        assert (await fleet.run(second, back=True))[0] == "rolled back"
        assert phrase() == "an old phrase"

    on_fleet(tmp_path, act)


def test_a_secret_that_the_ilo_refuses_leaves_everything_as_before(tmp_path: Path, ssh_keygen: str) -> None:
    """Also where nobody said what it is now, so that the step could not have been taken back."""

    async def act(fleet: Fleet) -> None:
        fleet.environment(NEW="a new phrase")
        settings = (f"{OLD}.auth_passphrase=env:NEW", 'web1/ilo:ilo.snmp["1"].location=rack 7')
        with pytest.raises(RefusedError, match="cannot be taken back") as caught:
            await fleet.plan(*settings)
        step = str(caught.value).split("step ")[1].split()[0]
        plan = await fleet.plan(*settings, consents=(step,))
        shown = await show_plan(fleet.fleet.desk(), plan)
        assert shown.plan.irreversible_consents == shown.irreversible == (step,)
        assert f"each consented to by the author: {step}" in " ".join(forms.show_plan(shown, Style()).split())
        planned = next(one for one in fleet.fleet.desk().events(plan) if one.kind == "planned")
        assert planned.detail == (("consents", step),)
        assert f"consented that this cannot be taken back: {step}" in planned.text
        before = fleet.ilo.state.get(SNMP)["Location"]
        fleet.ilo.faults.add("refused", "snmpusers", times=1, method="PATCH")
        outcome, said = await fleet.run(plan)
        assert outcome == "taken back", said
        assert fleet.ilo.state.get(SNMP)["Location"] == before
        assert fleet.ilo.state.kept(f"{USERS}/1") == {}

    on_fleet(tmp_path, act)


def test_secrets_are_rehearsed_where_they_are_at_hand(
    tmp_path: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(fleet: Fleet) -> None:
        for name, value in PHRASES.items():
            monkeypatch.setenv(name, value)
        fleet.environment(**PHRASES)
        plan = await fleet.plan(*MADE)
        found = await rehearse_plan(fleet.fleet.desk(), plan)
        assert [one.outcome for one in found.targets] == ["passed"], found
        fleet.environment(TRAPS=None)
        found = await rehearse_plan(fleet.fleet.desk(), plan)
        assert [one.outcome for one in found.targets] == ["not rehearsed"], found
        assert "TRAPS is not set" in found.targets[0].text

    on_fleet(tmp_path, act)


def test_the_site_s_own_commands_get_no_secret_of_the_plan(tmp_path: Path, ssh_keygen: str) -> None:
    async def act(fleet: Fleet) -> None:
        tool, seen = fleet.fleet.root / "drain", tmp_path / "seen"
        tool.write_text(f'#!/bin/sh\necho "${{NOC_AUTH-unset}} ${{TRAPS-unset}} ${{OTHER-unset}}" >> {seen}\n')
        tool.chmod(0o755)
        file = fleet.fleet.root / "auditor.yaml"
        file.write_text(f"{file.read_text()}\napply:\n  before: [./drain]\n")
        fleet.environment(**PHRASES, OTHER="kept")
        assert (await fleet.run(await fleet.plan(*MADE)))[0] == "applied"
        assert seen.read_text() == "unset unset kept\n"

    on_fleet(tmp_path, act)


def test_a_v1_destination_gets_another_address_and_keeps_its_community(tmp_path: Path, ssh_keygen: str) -> None:
    async def act(fleet: Fleet) -> None:
        there = f"{DESTINATIONS}/1"
        before = fleet.ilo.state.get(there)
        plan = await fleet.plan('web1/ilo:ilo.snmp_destination["10.9.0.4"].address=10.9.0.6')
        outcome, said = await fleet.run(plan)
        assert outcome == "applied", said
        after = fleet.ilo.state.get(there)
        assert (after["AlertDestination"], after["TrapCommunity"]) == ("10.9.0.6", before["TrapCommunity"])
        outcome, said = await fleet.run(plan, back=True)
        assert outcome == "rolled back", said
        assert fleet.ilo.state.get(there) == before

    on_fleet(tmp_path, act)


def test_what_nobody_confirms_is_taken_back_by_the_controller_with_its_secrets(tmp_path: Path, ssh_keygen: str) -> None:
    with held_ilo(tmp_path) as site:
        user = f"{USERS}/1"
        site.fleet.environment |= {"NEW": "a new phrase", "OLD": "an old phrase"}
        plan = site.plan(f"{OLD}.auth_passphrase=env:NEW", before=(f"{OLD}.auth_passphrase=env:OLD",))
        assert [one.outcome for one in site.apply(plan).outcomes] == ["applied"]
        assert site.ilo.state.kept(user)["AuthPassphrase"] == "a new phrase"
        site.end_holder(plan)
        site.let_time_pass(plan)
        site.watch(plan)
        assert site.ilo.state.kept(user)["AuthPassphrase"] == "an old phrase"


def test_an_ilo_that_shows_no_community_is_told_so_and_one_that_took_another_is_taken_back(
    tmp_path: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "SHOWN_WITHIN_S", 0.5)

    async def act(fleet: Fleet) -> None:
        fleet.environment(**PHRASES)
        for number in (1, 2):
            fleet.ilo.state.remove(f"{DESTINATIONS}/{number}")
        monkeypatch.setitem(creating._HIDDEN, "snmp_destination", {"TrapCommunity": None})
        plan = await fleet.plan(*MADE[5:])
        outcome, said = await fleet.run(plan)
        assert outcome == "applied", said
        assert any("TrapCommunity cannot be read back" in text for text in said)
        assert (await fleet.run(plan, back=True))[0] == "rolled back"
        monkeypatch.setitem(creating._HIDDEN, "snmp_destination", {"TrapCommunity": "cut sho"})
        outcome, said = await fleet.run(await fleet.plan(*MADE[5:]))
        assert outcome == "taken back", said
        assert "/TrapCommunity is another than was sent" in said[0]
        assert not fleet.ilo.state.has(f"{DESTINATIONS}/1")

    on_fleet(tmp_path, act)


def test_a_killed_removal_is_taken_back_once_its_secret_is_there_again(tmp_path: Path, ssh_keygen: str) -> None:
    async def act(fleet: Fleet) -> None:
        there = 'web1/ilo:ilo.snmp_destination["10.9.0.4"]'
        fleet.environment(C="sim-trap-community")
        plan = await fleet.plan(f"{there}.present=null", before=(f"{there}.community=env:C",))
        assert (await fleet.run(plan))[0] == "applied"
        path = journal_path(fleet.fleet.desk().journals, plan, "web1/ilo")
        lines = path.read_bytes().splitlines(keepends=True)
        ended = next(number for number, line in enumerate(lines) if json.loads(line)["act"] == OUTCOME)
        path.write_bytes(b"".join(lines[:ended]))

        fleet.environment(C=None)
        with pytest.raises(IncompleteError, match="C is not set in the environment") as caught:
            await fleet.run(plan)
        assert caught.value.exit_code == EXIT_PERSON_NEEDED
        outcome, said = await fleet.run(plan, back=True)
        assert outcome == "incomplete", said
        assert not fleet.ilo.state.has(f"{DESTINATIONS}/1")

        fleet.environment(C="sim-trap-community")
        assert (await fleet.run(plan, back=True))[0] == "taken back"
        assert fleet.ilo.state.get(f"{DESTINATIONS}/1")["TrapCommunity"] == "sim-trap-community"

    on_fleet(tmp_path, act)


def test_a_virtual_ilo_sends_its_traps_with_the_pass_phrases_that_were_set() -> None:
    state = IloState(build("ilo5"))
    user = {"SecurityName": "noc", "AuthProtocol": "SHA", "AuthPassphrase": "a new phrase", "PrivacyProtocol": "AES",
            "PrivacyPassphrase": "a new secret"}  # fmt: skip
    place = state.create(USERS, dict(user)).location
    alerts = Alerts({"noc": ("old phrase", "old secret"), "alerts": ("other phrase", "other secret")})
    assert alerts._passphrases_of(state, state.get(place), "noc") == ("a new phrase", "a new secret")
    assert alerts._passphrases_of(state, state.get(f"{USERS}/1"), "alerts") == ("other phrase", "other secret")
    with pytest.raises(LookupError):
        alerts._passphrases_of(state, state.get(f"{USERS}/1"), "nobody")
