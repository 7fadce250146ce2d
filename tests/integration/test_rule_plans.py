"""``auditor plan --rule``: from a finding to what the fleet says it wants, on a virtual iLO, by the command itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.cli import main
from auditor.plan.folder import read_plan
from auditor.surfaces.ilo.simulator.server import VirtualIlo, run_in_thread
from tests import servers
from tests.fakes.fleets import TestFleet
from tests.virtual_ilo import PASSWORD, PROTOCOL, SNMP, USERNAME

pytestmark = pytest.mark.integration

USERS, DESTINATIONS = f"{SNMP}/SNMPUsers", f"{SNMP}/SNMPAlertDestinations"
RECEIVERS = """format: auditor.baseline/v1
name: receivers
groups: [all]
resources:
  - kind: ilo.snmp
    name: "1"
    values: {alerts_enabled: true, v3_trap_enabled: true}
  - kind: ilo.snmp_user
    names: {at_least: [noc]}
    values: {auth_protocol: SHA256, privacy_protocol: AES}
  - kind: ilo.snmp_destination
    names: {at_least: [10.9.0.7]}
    values: {protocol: SNMPv3Trap, security_name: noc}
  - kind: ilo.time
    name: "1"
    values: {ntp_servers: [10.9.0.2]}
"""
PHRASES = {"NOC_AUTH": "PLANTED-auth-phrase", "NOC_PRIVACY": "PLANTED-privacy-phrase"}


class World:
    """A fleet of one silent iLO, and the command."""

    def __init__(self, folder: Path, ilo: VirtualIlo, capsys: pytest.CaptureFixture[str]) -> None:
        hosts = f"  web1:\n    ilo: {{url: '{ilo.url}', cafile: {ilo.cafile}}}\n"
        self.ilo, self.capsys = ilo, capsys
        self.fleet = TestFleet(folder / "fleet", hosts).make()
        for uri in (f"{USERS}/1", f"{DESTINATIONS}/1", f"{DESTINATIONS}/2"):
            ilo.state.remove(uri)

    def agree(self, text: str = RECEIVERS) -> None:
        """Writes the fleet's baseline, and which variables hold the user's pass phrases."""
        (self.fleet.root / "baselines" / "receivers.yaml").write_text(text)
        file = self.fleet.root / "auditor.yaml"
        users = "alerts:\n  snmp_users: {noc: {auth_env: NOC_AUTH, privacy_env: NOC_PRIVACY}}\n"
        file.write_text(f"{file.read_text()}\n{users}")
        self.fleet.commit("receivers")

    def run(self, *words: str, code: int = 0) -> str:
        found = main([*words, "--fleet", str(self.fleet.root)])
        text = "".join(self.capsys.readouterr())
        assert found == code, text
        return text

    def plan(self, rule: str, *more: str) -> dict[str, Any]:
        text = self.run("plan", "--rule", rule, "web1/ilo", "--reason", "why", "--author", "ops1",
                        "--key", str(self.fleet.key("ops1")), "--format", "json", *more)  # fmt: skip
        made: dict[str, Any] = json.loads(text[text.index("{") :])
        self.run("approve", made["id"], "--key", str(self.fleet.key("lead1")))
        return made


@pytest.fixture
def world(
    tmp_path: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[World]:
    for name, value in {"AUDITOR_ILO_USERNAME": USERNAME, "AUDITOR_ILO_PASSWORD": PASSWORD, **PHRASES}.items():
        monkeypatch.setenv(name, value)
    with run_in_thread(VirtualIlo("ilo5", USERNAME, PASSWORD)) as ilo:
        yield World(tmp_path, ilo, capsys)


def test_a_silent_iLO_gets_the_receiver_that_the_fleet_agreed_on_with_its_user(world: World) -> None:
    refused = world.run("plan", "--rule", "ILO-ALERT-001", "web1/ilo", "--reason", "why", code=4)
    assert "no baseline of it that counts for web1/ilo agrees on ilo.snmp, ilo.snmp_user" in " ".join(refused.split())

    world.agree()
    made = world.plan("ilo-alert-001")
    plan = read_plan(world.fleet.root / "plans", made["id"]).plan
    assert [step.id for step in plan.cohorts[0].steps if "make" in step.id] == [
        "ilo-make-snmp_user-noc",
        "ilo-make-snmp_destination-10.9.0.7",
    ]
    assert "ILO-ALERT-001" in [one.rule for one in plan.fixes]
    assert not any("stay" in note for note in plan.notes)
    assert plan.origin.baseline
    assert "PLANTED" not in json.dumps(made)
    world.run("apply", made["id"])
    state = world.ilo.state
    assert state.kept(f"{USERS}/1") == {
        "AuthPassphrase": PHRASES["NOC_AUTH"],
        "PrivacyPassphrase": PHRASES["NOC_PRIVACY"],
    }
    assert state.get(f"{DESTINATIONS}/1")["SecurityName"] == "noc"
    world.run("rollback", made["id"])
    assert not state.has(f"{USERS}/1")
    assert not state.has(f"{DESTINATIONS}/1")
    assert "ilo.time" not in str(plan.cohorts), "what the rule is not about stays as it is"


def test_a_user_s_protocol_is_set_as_agreed_by_the_pass_phrase_that_the_fleet_holds(world: World) -> None:
    user = {"SecurityName": "noc", "AuthProtocol": "MD5", "AuthPassphrase": PHRASES["NOC_AUTH"],
            "PrivacyProtocol": "AES", "PrivacyPassphrase": PHRASES["NOC_PRIVACY"]}  # fmt: skip
    assert world.ilo.state.create(USERS, dict(user)).status == 201
    world.agree(RECEIVERS.replace("SHA256", "SHA"))
    key = str(world.fleet.key("ops1"))
    asked = ("--baseline", "fleet", "web1/ilo", "--reason", "why", "--key", key, "--author", "ops1")
    text = world.run("plan", *asked)
    plan = text.split()[1]
    world.run("approve", plan, "--key", str(world.fleet.key("lead1")))
    world.run("apply", plan)
    assert world.ilo.state.get(f"{USERS}/1")["AuthProtocol"] == "SHA"
    assert world.ilo.state.kept(f"{USERS}/1")["AuthPassphrase"] == PHRASES["NOC_AUTH"]
    world.run("rollback", plan)
    assert world.ilo.state.get(f"{USERS}/1")["AuthProtocol"] == "MD5"


def test_a_remedy_of_another_resource_and_a_rule_that_is_put_right_by_hand(world: World) -> None:
    world.ilo.state.add(f"{DESTINATIONS}/1", {"Id": "1", "AlertDestination": "10.9.0.4", "TrapCommunity": "x",
                                              "SNMPAlertProtocol": "SNMPv1Trap", "SecurityName": None})  # fmt: skip
    world.ilo.state.set(PROTOCOL, "/SNMP/ProtocolEnabled", False)
    made = world.plan("ILO-ALERT-016")
    assert [one["address"]["attribute"] for one in made["plan"]["cohorts"][0]["effects"] if one["asked"]] == [
        "snmp_enabled"
    ]
    said = world.run("plan", "--rule", "ILO-ALERT-019", "web1/ilo", "--reason", "why", code=4)
    assert "put right by hand: how many watts" in " ".join(said.split())


def test_a_baseline_s_removal_can_be_taken_back_where_the_fleet_holds_the_secrets(world: World) -> None:
    user = {"SecurityName": "noc", "AuthProtocol": "SHA", "AuthPassphrase": PHRASES["NOC_AUTH"],
            "PrivacyProtocol": "AES", "PrivacyPassphrase": PHRASES["NOC_PRIVACY"]}  # fmt: skip
    assert world.ilo.state.create(USERS, dict(user)).status == 201
    world.agree("format: auditor.baseline/v1\nname: none\ngroups: [all]\nresources:\n"
                "  - kind: ilo.snmp_user\n    names: {exactly: []}\n")  # fmt: skip
    asked = ("--baseline", "fleet", "web1/ilo", "--reason", "why", "--author", "ops1")
    plan = world.run("plan", *asked, "--key", str(world.fleet.key("ops1"))).split()[1]
    world.run("approve", plan, "--key", str(world.fleet.key("lead1")))
    world.run("apply", plan)
    assert not world.ilo.state.has(f"{USERS}/1")
    world.run("rollback", plan)
    assert list(world.ilo.state.kept(f"{USERS}/1").values()) == list(PHRASES.values())


def test_what_somebody_removed_comes_back_as_it_was_by_the_secrets_that_the_fleet_holds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = world.ilo.state
    user = {"SecurityName": "noc", "AuthProtocol": "SHA", "AuthPassphrase": PHRASES["NOC_AUTH"],
            "PrivacyProtocol": "AES", "PrivacyPassphrase": PHRASES["NOC_PRIVACY"]}  # fmt: skip
    place = {"AlertDestination": "10.9.0.4", "SNMPAlertProtocol": "SNMPv1Trap", "TrapCommunity": "PLANTED-word"}
    assert state.create(USERS, dict(user)).status == state.create(DESTINATIONS, dict(place)).status == 201
    world.agree("format: auditor.baseline/v1\nname: none\ngroups: [none]\nresources:\n"
                "  - kind: ilo.snmp\n    values: {alerts_enabled: true}\n")  # fmt: skip
    file = world.fleet.root / "auditor.yaml"
    file.write_text(f"{file.read_text()}  snmp_communities: {{10.9.0.4: TRAP_WORD}}\n")
    world.run("snapshot")
    state.remove(f"{USERS}/1")
    state.remove(f"{DESTINATIONS}/1")

    asked = ("plan", "--to", "agreed", "web1/ilo", "--reason", "why", "--author", "ops1",
             "--key", str(world.fleet.key("ops1")))  # fmt: skip
    monkeypatch.setenv("TRAP_WORD", "PLANTED-other")
    assert "TRAP_WORD holds another secret than" in world.run(*asked, code=4)
    monkeypatch.delenv("TRAP_WORD")
    plan = world.run(*asked).split()[1]
    world.run("approve", plan, "--key", str(world.fleet.key("lead1")))
    monkeypatch.setenv("TRAP_WORD", "PLANTED-other")
    assert "TRAP_WORD holds another secret than" in world.run("apply", plan, code=4)
    monkeypatch.setenv("TRAP_WORD", "PLANTED-word")
    world.run("apply", plan)
    assert state.get(f"{DESTINATIONS}/1")["TrapCommunity"] == "PLANTED-word"
    assert list(state.kept(f"{USERS}/1").values()) == list(PHRASES.values())


def test_the_trap_of_a_user_that_a_plan_made_arrives_and_is_read_by_its_pass_phrases(world: World) -> None:
    world.agree(RECEIVERS.replace("10.9.0.7", "127.0.0.1").replace("SHA256", "SHA"))
    made = world.plan("ILO-ALERT-001")
    world.run("apply", made["id"])
    port = servers.free_port()
    world.ilo.state.set(PROTOCOL, "/Oem/Hpe/SNMPTrapPort", port)
    text = world.run("alerts", "test", "web1", "--listen", "127.0.0.1", "--port", f"snmp={port}", "--yes")
    assert "1 arrived, 0 did not arrive" in " ".join(text.split())
