"""A BIOS setting that waits for the boot: every report says so, none lets it look as if it counted."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from auditor.surfaces.ilo.simulator.server import VirtualIlo
from tests.e2e.test_ilo_change import Commands
from tests.virtual_ilo import MANAGER, PASSWORD, PENDING, USERNAME

pytestmark = pytest.mark.integration

WAITS = "BootMode: Uefi now, LegacyBios after the next reboot"
WAITS_JA = "BootMode: 現在 Uefi、次回の再起動 (本体) 以降 LegacyBios"
BASELINE = """\
format: auditor.baseline/v1
name: boot
groups: [all]
resources:
  - kind: ilo.bios
    values: {BootMode: LegacyBios}
"""


def test_every_report_says_what_is_set_and_not_yet_effective(tmp_path: Path, ssh_keygen: str) -> None:
    async def story() -> None:
        async with VirtualIlo("ilo5", USERNAME, PASSWORD) as ilo:
            auditor = Commands(tmp_path, ilo)
            await auditor("snapshot")
            ilo.state.set(PENDING, "/Attributes/BootMode", "LegacyBios")
            ilo.state.set(MANAGER, "/Oem/Hpe/ConfigurationSettings", "SomePendingReset")

            page = tmp_path / "check.html"
            said = await auditor("check", "--format", "table", "--format", f"html:{page}", code=1)
            assert WAITS in said
            assert WAITS.partition(": ")[2] in page.read_text()
            assert "ILO-BIOS-001" in said
            said = await auditor("check", "--lang", "ja", code=1)
            assert "設定済み・未反映" in said
            assert WAITS_JA in said

            (tmp_path / "boot.yaml").write_text(BASELINE)
            asked = ("drift", "--baseline", str(tmp_path / "boot.yaml"))
            said = await auditor(*asked, "--format", "table", "--format", f"html:{page}", code=1)
            difference = said.split("BootMode  LegacyBios → Uefi")[1].split("Set, but not yet effective")[0]
            assert "set, but not yet effective: LegacyBios after the next reboot" in difference
            assert WAITS in said
            assert "set, but not yet effective: LegacyBios after the next reboot" in page.read_text()
            assert WAITS_JA in await auditor(*asked, "--lang", "ja", code=1)
            report = json.loads(await auditor("drift", "--format", "json", code=1))
            (boot, reset) = report["targets"][0]["waiting"]
            assert (boot["now"]["value"], boot["then"]["value"], boot["until"]) == ("Uefi", "LegacyBios", "reboot")
            assert (reset["address"]["attribute"], reset["then"], reset["until"]) == (
                "some_pending_reset", None, "iLO reset",
            )  # fmt: skip

            assert WAITS in await auditor("snapshot")
            assert WAITS in await auditor("snapshot")  # and the next night, when nothing else is new

            plan, said = await auditor.plan('web1/ilo:ilo.snmp["1"].contact=night shift')
            told = 'ilo.bios["1"].BootMode (Uefi now, LegacyBios after the next reboot)'
            assert told in " ".join(said.split())
            assert "not by this plan" in said
            assert WAITS in await auditor("show", plan, "--look")
            assert "設定済み・未反映" in await auditor("show", plan, "--lang", "ja")
            assert "settings of somebody else wait" in await auditor(
                "plan", "--set", 'web1/ilo:ilo.bios["1"].BootMode=LegacyBios', "--reason", "why", code=4
            )

    asyncio.run(story())


def test_a_reset_of_the_plan_that_ends_the_waiting_of_others_is_told(tmp_path: Path, ssh_keygen: str) -> None:
    async def story() -> None:
        async with VirtualIlo("ilo5", USERNAME, PASSWORD) as ilo:
            auditor = Commands(tmp_path, ilo)
            await auditor("snapshot")
            ilo.state.set(MANAGER, "/Oem/Hpe/ConfigurationSettings", "SomePendingReset")
            _, said = await auditor.plan('web1/ilo:ilo.network_protocol["1"].snmp_trap_port=1162')
            assert "The iLO reset of this plan brings it into effect too." in " ".join(said.split())

    asyncio.run(story())


def test_a_pending_value_that_is_not_understood_is_no_machine_of_which_nothing_waits(tmp_path: Path) -> None:
    """Of two machines, one shows null where the other shows what waits: neither report of the two is clean."""

    async def story() -> None:
        async with VirtualIlo("ilo5", USERNAME, PASSWORD) as ilo, VirtualIlo("ilo6", USERNAME, PASSWORD) as other:
            auditor = Commands(tmp_path, ilo)
            fleet = auditor.fleet.root / "auditor.yaml"
            second = f"  web2:\n    ilo: {{url: '{other.url}', cafile: {other.cafile}}}\n"
            fleet.write_text(fleet.read_text().replace("hosts:\n", f"hosts:\n{second}", 1))
            await auditor("snapshot", "--agree")
            ilo.state.set(PENDING, "/Attributes/BootMode", None)
            odd = "the pending value of BootMode is no text, number or switch"

            assert "BootMode: Uefi now, not readable after the next reboot" in await auditor("snapshot")
            report = json.loads(await auditor("drift", "--format", "json", code=3))
            web1, web2 = report["targets"]
            assert [one["detail"] for one in web1["gaps"] if one["cause"] == "not recognised"] == [odd]
            assert (web2["gaps"], web2["waiting"]) == ([], [])
            assert "読み取り不可" in await auditor("drift", "--lang", "ja", code=3)

            other.state.set(PENDING, "/Attributes/AutoPowerOn", "AlwaysPowerOn")
            report = json.loads(await auditor("check", "--format", "json", code=3))
            assert [
                result["outcome"]
                for target in report["targets"]
                for result in target["results"]
                if result["rule"] == "ILO-BIOS-001"
            ] == ["not evaluated", "fail"]
            other.state.start_post()
            while other.state.in_post():
                await asyncio.sleep(0.05)
            web1, web2 = json.loads(await auditor("drift", "--format", "json", code=3))["targets"]
            assert web2["waiting"] == []
            assert [one["address"]["attribute"] for one in web2["changes"]] == ["AutoPowerOn"]

    asyncio.run(story())
