"""A plan approved by one person in an emergency: possible where the rules allow it, and told until it is reviewed."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from auditor.surfaces.ilo.simulator.server import VirtualIlo
from tests.e2e.test_ilo_change import BIOS, LOCATION, Commands
from tests.virtual_ilo import PASSWORD, SNMP, USERNAME

pytestmark = pytest.mark.integration


def rule(auditor: Commands, text: str, *, commit: bool = True) -> None:
    """Writes a rule below ``approvals:``, committed on the default branch or only in the work tree."""
    file = auditor.fleet.root / "auditor.yaml"
    file.write_text(file.read_text().replace("approvals:\n", f"approvals:\n  {text}\n", 1))
    if commit:
        auditor.fleet.commit("rules")


def test_an_emergency_is_recorded_and_every_report_tells_of_it_until_it_is_reviewed(
    tmp_path: Path, ssh_keygen: str
) -> None:
    async def story() -> None:
        async with VirtualIlo("ilo5", USERNAME, PASSWORD) as ilo:
            auditor = Commands(tmp_path, ilo)
            approvers = auditor.fleet.root / "approvers"
            lines = approvers.read_text().replace(
                'lead1 namespaces="auditor-plan"', 'lead1 namespaces="auditor-plan,auditor-emergency"'
            )
            third = auditor.fleet.key("lead2")
            await asyncio.to_thread(make_key, third)
            approvers.write_text(f'{lines}lead2 namespaces="auditor-plan" {third.with_suffix(".pub").read_text()}')
            auditor.fleet.commit("approvers")
            await auditor("snapshot")
            key, lead = str(auditor.fleet.key("ops1")), str(auditor.fleet.key("lead1"))
            plan = (await auditor("plan", "--set", LOCATION, "--reason", "why", "--key", key)).split()[1]
            emergency = ("approve", plan, "--key", lead, "--emergency")

            rule(auditor, "emergency: another", commit=False)
            assert "the rules allow no" in await auditor(*emergency, "--reason", "x", code=4)
            auditor.fleet.commit("rules")
            rule(auditor, "groups: {hardware: {members: [hw1], at_least: reload}}")
            assert "needs a reason" in await auditor(*emergency, code=2)
            said = await auditor(*emergency, "--reason", "all shops are down")
            assert "Every report tells of it" in said
            await auditor("apply", plan)
            assert ilo.state.get(SNMP)["Location"] == "rack 7"

            told = 'was approved by "lead1" alone on'
            page = tmp_path / "page.html"
            for words in (("check",), ("drift",)):
                text = await auditor(*words, "--fail-on", "never", "--format", "table", "--format", f"html:{page}")
                assert told in " ".join(text.split()), words
                assert "was approved by" in page.read_text(), words
                report = json.loads(await auditor(*words, "--fail-on", "never", "--format", "json"))
                assert any(told in note for note in report["notes"]), words
                assert "was approved by" in await auditor(*words, "--fail-on", "never", "--format", "sarif"), words
                assert "緊急承認" in await auditor(*words, "--fail-on", "never", "--lang", "ja"), words
            for one in ("snapshot",), ("history",), ("history", "web1/ilo"):
                assert told in " ".join((await auditor(*one)).split()), one
            assert "EMERGENCY: approved by" in await auditor("show", plan)
            assert "(all shops are down)" in " ".join((await auditor("history")).split())

            review = ("approve", plan, "--review", "--key")
            assert "is the author" in await auditor(*review, key, code=4)
            assert "in the emergency and cannot review it" in " ".join((await auditor(*review, lead, code=4)).split())
            assert told in " ".join((await auditor("history")).split()), "nobody reviews the own emergency"
            await auditor(*review, str(third))
            assert told not in " ".join((await auditor("history")).split())
            await auditor("history", "--verify")
            await auditor("rollback", plan)

    asyncio.run(story())


def make_key(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True, timeout=30)


def test_rules_that_only_the_work_tree_states_do_not_count(tmp_path: Path, ssh_keygen: str) -> None:
    async def story() -> None:
        async with VirtualIlo("ilo5", USERNAME, PASSWORD) as ilo:
            auditor = Commands(tmp_path, ilo)
            rule(auditor, "groups: {hardware: {members: [hw1], at_least: reload}}")
            plan, _ = await auditor.plan(f"{BIOS}.BootMode=LegacyBios")
            file = auditor.fleet.root / "auditor.yaml"
            file.write_text(file.read_text().replace("  groups: {hardware: {members: [hw1], at_least: reload}}\n", ""))
            said = await auditor("apply", plan, code=4)
            assert "0 of 1 approvals of the group hardware (hw1), which a reboot needs" in " ".join(said.split())
            assert "of the group hardware: 0 of 1" in await auditor("show", plan)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("groups: {hardware: {members: [hw1], required: 2}}", "fewer members than"),
        ("groups: {hardware: {members: [hw1], at_least: chaos}}", "'chaos': one of reload, restart"),
        ("emergency: sometimes", "never, another or anyone"),
        ("rehearsal: maybe", "optional or required"),
    ],
)
def test_a_rule_that_is_none_is_named_with_file_and_line(tmp_path: Path, ssh_keygen: str, text: str, said: str) -> None:
    async def story() -> None:
        async with VirtualIlo("ilo5", USERNAME, PASSWORD) as ilo:
            auditor = Commands(tmp_path, ilo)
            rule(auditor, text)
            told = await auditor("snapshot", code=2)
            assert said in " ".join(told.split())
            assert "auditor.yaml:" in told

    asyncio.run(story())
