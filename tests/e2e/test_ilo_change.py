"""Settings and BIOS attributes by the command line, there and back on the virtual iLO."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.surfaces.ilo.remembered import place_of
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from tests.fakes.firmware import firmware
from tests.fakes.fleets import TestFleet
from tests.virtual_ilo import PASSWORD, SNMP, USERNAME

pytestmark = pytest.mark.integration

BIOS = 'web1/ilo:ilo.bios["1"]'
LOCATION = 'web1/ilo:ilo.snmp["1"].location=rack 7'


class Commands:
    """The real command in a fleet whose only target is a virtual iLO."""

    def __init__(self, folder: Path, ilo: VirtualIlo) -> None:
        self.fleet = TestFleet(
            folder / "fleet", f"  web1:\n    ilo: {{url: '{ilo.url}', cafile: {ilo.cafile}}}\n"
        ).make()
        login = {"AUDITOR_ILO_USERNAME": USERNAME, "AUDITOR_ILO_PASSWORD": PASSWORD, "AUDITOR_AUTHOR": "ops1"}
        self.environment = {**os.environ, **login}

    async def __call__(self, *words: str, code: int = 0) -> str:
        def run() -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "auditor", *words]
            return subprocess.run(
                command,
                cwd=self.fleet.root,
                env=self.environment,
                capture_output=True,
                timeout=120,
                check=False,
                text=True,
            )

        done = await asyncio.to_thread(run)
        text = done.stdout + done.stderr
        assert done.returncode == code, f"{words}: {done.returncode}\n{text}"
        return text

    async def plan(self, *wishes: str) -> tuple[str, str]:
        """The id of a signed and approved plan, and how it was shown."""
        asked = [word for wish in wishes for word in ("--set", wish)]
        text = await self("plan", *asked, "--reason", "why", "--key", str(self.fleet.key("ops1")))
        plan = text.split()[1]
        await self("approve", plan, "--key", str(self.fleet.key("lead1")))
        return plan, text


@pytest.mark.parametrize(
    ("wishes", "consequences"),
    [
        ((f"{BIOS}.BootMode=LegacyBios", LOCATION), ("UefiOptimizedBoot",)),
        ((f"{BIOS}.WorkloadProfile=LowLatency",), ("ProcTurbo", "PowerRegulator", "MinProcIdlePower")),
    ],
)
def test_right_after_a_verified_apply_all_can_be_rolled_back(
    tmp_path: Path, ssh_keygen: str, wishes: tuple[str, ...], consequences: tuple[str, ...]
) -> None:
    async def story() -> None:
        async with VirtualIlo("ilo5", USERNAME, PASSWORD) as ilo:
            auditor = Commands(tmp_path, ilo)
            await auditor("snapshot")
            bios, location = ilo.state.bios(), ilo.state.get(SNMP)["Location"]
            plan, shown = await auditor.plan(*wishes, f"{BIOS}.ProcVirtualization=Enabled")
            for name in consequences:
                assert f"ilo.bios 1  {name}: " in shown
            assert f'already so: ilo.bios["1"].ProcVirtualization is {bios["ProcVirtualization"]}' in shown
            remembered = place_of(auditor.fleet.root / ".auditor", "web1/ilo")
            assert remembered.exists()
            assert "nothing else changed" in await auditor("apply", plan)
            assert not remembered.exists()  # a change is followed by a whole look
            assert {name for name in bios if bios[name] != ilo.state.bios()[name]} >= set(consequences)
            assert "as before, verified" in await auditor("rollback", plan)
            assert (ilo.state.bios(), ilo.state.get(SNMP)["Location"]) == (bios, location)
            assert ilo.state.pending() == {}
            assert "no change" in await auditor("drift")
            assert "rolled back already" in await auditor("rollback", plan, code=4)
            assert "already so" in await auditor(
                "plan", "--set", f"{BIOS}.ProcVirtualization=Enabled", "--reason", "why", code=4
            )

    asyncio.run(story())


def test_full_reads_what_did_not_change(tmp_path: Path, ssh_keygen: str) -> None:
    async def story() -> None:
        async with VirtualIlo("ilo5", USERNAME, PASSWORD) as ilo:
            auditor = Commands(tmp_path, ilo)

            async def asked(*words: str) -> bool:
                ilo.requests.clear()
                await auditor(*words)
                return any("/LicenseService" in path for _, path in ilo.requests)

            assert await asked("snapshot")
            assert not await asked("snapshot")
            assert not await asked("drift")
            assert await asked("drift", "--full")
            assert await asked("snapshot", "--full")
            assert await asked("snapshot", "--agree")  # nobody agrees to what was only remembered
            assert await asked("check", "--fail-on", "never")

    asyncio.run(story())


def test_what_a_plan_met_is_told_apart_from_what_it_did(tmp_path: Path, ssh_keygen: str) -> None:
    """A change by hand just before a plan is not lost between two snapshots, nor put down to the plan."""

    async def story() -> None:
        async with VirtualIlo("ilo5", USERNAME, PASSWORD) as ilo:
            auditor = Commands(tmp_path, ilo)
            await auditor("snapshot")
            ilo.state.set(SNMP, "/Location", "by hand")
            plan, _ = await auditor.plan(LOCATION)
            (made,) = (json.loads(path.read_bytes()) for path in auditor.fleet.root.glob("plans/*/plan.json"))
            against = f"snapshot:{made['origin']['snapshot']}:web1/ilo"
            assert "by hand" in await auditor(
                "check", against, "--format", "json", "--policy", str(_location(tmp_path)), code=1
            )
            await auditor("apply", plan)
            told = await auditor("history", 'web1/ilo:ilo.snmp["1"].location')
            by_plan, by_hand = told.split("by hand → rack 7")[1], told.split("→ by hand")[1]
            assert f"by plan {plan}" in by_plan.split("changed")[0]
            assert "out of band" in by_hand.split("changed")[0]

    asyncio.run(story())


def _location(folder: Path) -> Path:
    """A rule that shows where the iLO says it stands."""
    file = folder / "location.yaml"
    file.write_text(
        "format: auditor.policy/v1\nrules:\n- id: OWN-001\n  title: It says where it stands\n  severity: low\n"
        '  kind: ilo.snmp\n  assert: self.location == ""\n  message: "it stands {location}"\n'
        "  what: Shows the location.\n  rationale: For the test.\n"
    )
    return file


BASELINE = """\
format: auditor.baseline/v1
name: servers
groups: [all]
resources:
  - kind: ilo.snmp
    name: "1"
    values: {location: rack 7, contact: night shift}
  - kind: ilo.bios
    values: {BootMode: {one_of: [LegacyBios, Uefi]}, AsrTimeoutMinutes: {one_of: [Timeout5, Timeout15]}}
  - kind: ilo.manager
    values: {generation: iLO 9}
"""


def test_a_plan_makes_a_target_as_its_baseline_agrees_and_says_what_it_leaves(tmp_path: Path, ssh_keygen: str) -> None:
    async def story() -> None:
        async with VirtualIlo("ilo5", USERNAME, PASSWORD) as ilo:
            auditor = Commands(tmp_path, ilo)
            (auditor.fleet.root / "baselines").mkdir(exist_ok=True)
            (auditor.fleet.root / "baselines/servers.yaml").write_text(BASELINE)
            ilo.state.set(SNMP, "/Contact", "night shift")
            asked = ("plan", "--baseline", "fleet", "web1/ilo", "--reason", "as agreed")
            text = await auditor(*asked, "--key", str(auditor.fleet.key("ops1")))
            said = " ".join(text.split())
            assert "/Location" in said
            assert "/Contact" not in said, "it is as agreed"
            assert 'ilo.bios["1"].AsrTimeoutMinutes is not as servers agrees' in said
            assert "has to be chosen with --set" in said
            assert 'ilo.manager["1"].generation is not as' in said
            plan = text.split()[1]
            await auditor("approve", plan, "--key", str(auditor.fleet.key("lead1")))
            await auditor("apply", plan)
            assert ilo.state.get(SNMP)["Location"] == "rack 7"
            assert "nothing can be planned" in await auditor(*asked, code=4)
            assert "in one way" in await auditor("plan", "--baseline", "fleet", "--rule", "X", code=2)

    asyncio.run(story())


DESTINATION = 'web1/ilo:ilo.snmp_destination["10.9.0.9"]'
AGREED = """\
format: auditor.baseline/v1
name: alerting
groups: [all]
resources:
  - kind: ilo.snmp_destination
    name: 10.9.0.9
    values: {protocol: SNMPv3Trap, security_name: alerts}
"""


def test_a_destination_that_a_baseline_names_is_made_and_one_with_a_community_needs_a_consent(
    tmp_path: Path, ssh_keygen: str
) -> None:
    async def story() -> None:
        async with VirtualIlo("ilo5", USERNAME, PASSWORD) as ilo:
            auditor = Commands(tmp_path, ilo)
            (auditor.fleet.root / "baselines").mkdir(exist_ok=True)
            (auditor.fleet.root / "baselines/alerting.yaml").write_text(AGREED)
            await auditor("snapshot")
            asked = ("plan", "--baseline", "fleet", "web1/ilo", "--reason", "as agreed")
            text = await auditor(*asked, "--key", str(auditor.fleet.key("ops1")))
            assert '+ /AlertDestination = "10.9.0.9"' in text
            plan = text.split()[1]
            await auditor("approve", plan, "--key", str(auditor.fleet.key("lead1")))
            await auditor("apply", plan)
            assert _addresses(ilo) == ["10.9.0.4", "10.9.0.5", "10.9.0.9"]
            assert "no change" in await auditor("drift")
            there = await auditor("plan", "--set", f"{DESTINATION}.present=true", "--reason", "why", code=4)
            assert "it is so already" in there
            gone = 'web1/ilo:ilo.snmp_destination["10.9.0.4"].present=null'
            refused = await auditor("plan", "--set", gone, "--reason", "why", code=4)
            assert "its community is a secret" in refused
            assert "--consent ilo-remove-snmp_destination-10.9.0.4" in refused
            assert "as before, verified" in await auditor("rollback", plan)
            assert _addresses(ilo) == ["10.9.0.4", "10.9.0.5"]

    asyncio.run(story())


def _addresses(ilo: VirtualIlo) -> list[str]:
    head = f"{SNMP}/SNMPAlertDestinations/"
    return sorted(str(ilo.state.get(uri)["AlertDestination"]) for uri in ilo.state.uris() if uri.startswith(head))


def test_firmware_is_updated_from_the_fleet_s_catalogue_and_rolled_back(tmp_path: Path, ssh_keygen: str) -> None:
    async def story() -> None:
        async with VirtualIlo("ilo5", USERNAME, PASSWORD) as ilo:
            auditor = Commands(tmp_path, ilo)
            folder = auditor.fleet.root / "firmware"
            folder.mkdir()
            firmware(folder)
            settings = auditor.fleet.root / "auditor.yaml"
            settings.write_text(f"{settings.read_text()}firmware_catalogue: [firmware/catalogue.yaml]\n")
            plan, text = await auditor.plan('web1/ilo:ilo.firmware["Power Supply Firmware (Bay 1)"].version=2.10')
            assert "Power_Supply_Firmware-2.10.fwpkg" in text
            inventory = "/redfish/v1/UpdateService/FirmwareInventory"
            await auditor("apply", plan)
            assert [ilo.state.get(f"{inventory}/{number}")["Version"] for number in (4, 5)] == ["2.10"] * 2
            assert "as before, verified" in await auditor("rollback", plan)
            assert [ilo.state.get(f"{inventory}/{number}")["Version"] for number in (4, 5)] == ["2.00"] * 2

    asyncio.run(story())
