"""A plan of settings, members, firmware and BIOS attributes: in order, with one reset and one reboot for all."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from auditor.model.plan import BiosAttributes, FirmwareUpdate, NoUndo, RedfishCreate, RedfishDelete, RedfishPatch
from auditor.model.value import Boolean, Number, Text, Version
from tests.fakes.firmware import FIRMWARE, firmware
from tests.ilo_kills import Site, Wished, site
from tests.virtual_ilo import MANAGER

pytestmark = pytest.mark.integration

SUPPLY = "Power Supply Firmware (Bay 1)"
POWER, PROFILE = 'web1/ilo:ilo.bios["1"].AutoPowerOn', 'web1/ilo:ilo.bios["1"].WorkloadProfile'
MIXED: tuple[tuple[str, Wished], ...] = (
    (POWER, Text("AlwaysPowerOn")),
    ('web1/ilo:ilo.network_protocol["1"].snmp_trap_port', Number(1162)),
    ('web1/ilo:ilo.snmp["1"].v1_enabled', Boolean(False)),
    ('web1/ilo:ilo.snmp_destination["10.9.0.5"].present', None),
    (PROFILE, Text("LowLatency")),
    ('web1/ilo:ilo.snmp_destination["10.9.0.9"].present', Boolean(True)),
    ('web1/ilo:ilo.snmp_destination["10.9.0.9"].protocol', Text("SNMPv3Trap")),
    ('web1/ilo:ilo.snmp_destination["10.9.0.9"].security_name', Text("alerts")),
    ('web1/ilo:ilo.snmp["1"].location', Text("rack 7")),
)


def resets(place: Site) -> tuple[int, int]:
    """How often the iLO was reset, and how often the server was booted."""
    return place.ilo.state.dropped_sessions, place.ilo.state.posts


def run(place: Site, way: str) -> list[tuple[str, str]]:
    del place.ilo.requests[:]
    place.run(way)  # type: ignore[arg-type]
    return [(method, path) for method, path in place.ilo.requests if method != "GET" and "/Sessions" not in path]


@pytest.mark.parametrize("component", [SUPPLY, "iLO 5"])
def test_steps_stand_in_order_and_share_one_reset_of_the_ilo_and_one_boot(tmp_path: Path, component: str) -> None:
    with site(tmp_path) as place:
        place.catalogue, place.artefacts = firmware(tmp_path)
        place.ilo.state.set("/redfish/v1/UpdateService/FirmwareInventory/1", "/Version", "3.11")
        place.plan((f'web1/ilo:ilo.firmware["{component}"].version', Version(FIRMWARE[component])), *MIXED)
        assert [type(step.change) for step in place.steps] == [
            RedfishPatch, RedfishCreate, RedfishDelete, RedfishPatch, RedfishPatch, FirmwareUpdate, BiosAttributes,
        ]  # fmt: skip
        bios = place.steps[-1].change
        assert isinstance(bios, BiosAttributes)
        assert next(iter(bios.attributes))[0] == "WorkloadProfile", "what decides others comes first"
        update = "iLO reset" if component == "iLO 5" else "reboot"
        assert [step.disruption for step in place.steps] == [*["none"] * 3, *["iLO reset"] * 2, update, "reboot"]
        before, started = place.state(), resets(place)
        place.afresh()
        sent = run(place, "forward")
        assert resets(place) == (started[0] + 1, started[1] + 1)
        posts = [path for method, path in sent if method == "POST"]
        assert sum("ComputerSystem.Reset" in path for path in posts) == 1
        assert sum("Manager.Reset" in path for path in posts) == (0 if component == "iLO 5" else 1)
        made = next(number for number, (_, path) in enumerate(sent) if path.endswith("/SNMPAlertDestinations"))
        gone = next(number for number, (method, _) in enumerate(sent) if method == "DELETE")
        assert made < gone, "the new way for alerts is there before the old one goes"
        run(place, "back")
        assert resets(place) == (started[0] + 2, started[1] + 2)
        assert place.state() == before


def test_updates_that_nothing_takes_back_come_after_all_else_and_share_one_boot(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        place.catalogue, place.artefacts = firmware(tmp_path)
        wishes = [(f'web1/ilo:ilo.firmware["{one}"].version', Version(FIRMWARE[one])) for one in (SUPPLY, "System ROM")]
        place.plan(*wishes, MIXED[1], MIXED[-1])
        place.steps = tuple(
            msgspec.structs.replace(step, undo=NoUndo("for ever")) if isinstance(step.change, FirmwareUpdate) else step
            for step in place.steps
        )
        started = resets(place)
        place.afresh()
        sent = run(place, "forward")
        assert resets(place) == (started[0] + 1, started[1] + 1)
        queued = [number for number, (_, path) in enumerate(sent) if path.endswith("/UpdateTaskQueue")]
        reset = next(number for number, (_, path) in enumerate(sent) if path.endswith("Manager.Reset"))
        assert len(queued) == 2
        assert reset < queued[0], "what can be taken back is done first"


def test_what_waited_for_a_reset_before_and_settings_that_need_one_share_it(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        place.ilo.state.set(MANAGER, "/Oem/Hpe/ConfigurationSettings", "SomePendingReset")
        started = resets(place)
        place.plan(('web1/ilo:ilo.manager["1"].some_pending_reset', Boolean(False)), MIXED[1])
        place.afresh()
        run(place, "forward")
        assert resets(place) == (started[0] + 1, started[1])
        assert place.ilo.state.get(MANAGER)["Oem"]["Hpe"]["ConfigurationSettings"] == "Current"  # type: ignore[index, call-overload]
