"""What may wait to be confirmed, and what may not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from auditor.errors import RefusedError
from auditor.model.plan import BiosAttributes, Cohort, Disruption, FirmwareUpdate, NoUndo, RedfishPatch, Step
from auditor.services.changes.confirm import refuse_unconfirmable
from tests.fakes.plans import edit_step, plan_for

PATCH = RedfishPatch("/redfish/v1/Managers/1/SnmpService", (("/Location", '"rack 7"'),))
FLASH = FirmwareUpdate(("/redfish/v1/UpdateService/FirmwareInventory/1",), "ilo5_311.bin", "ab" * 32, "3.11")
BIOS = BiosAttributes("/redfish/v1/systems/1/bios/", "/redfish/v1/systems/1/bios/settings/", (("A", '"x"'),))


def step(change: Any, undo: Any = None, disruption: Disruption = "none") -> Step:
    return Step("1", "why", change, undo or change, disruption, (), ())


def refused(one: Step, seconds: int, *, surface: str = "ilo", lasts: tuple[tuple[str, int], ...] = ()) -> str:
    name = f"web1/{surface}"
    desk: Any = SimpleNamespace(
        targets={name: None},
        target=lambda _: SimpleNamespace(surface=surface),
        fleet=SimpleNamespace(apply=SimpleNamespace(lasts=lasts)),
    )
    plan = msgspec.structs.replace(plan_for(name), cohorts=(Cohort((name,), (one,), ()),))
    stored: Any = SimpleNamespace(id="ab" * 32, plan=plan)
    try:
        refuse_unconfirmable(desk, stored, seconds)
    except RefusedError as error:
        return error.what
    return ""


@pytest.mark.parametrize(
    ("one", "seconds", "why"),
    [
        (step(PATCH), 30, ""),
        (step(PATCH, NoUndo("gone for good")), 600, "step 1 on web1/ilo cannot be taken back"),
        (step(FLASH), 6000, "firmware of web1/ilo is not taken back unattended"),
        (step(BIOS, disruption="reboot"), 480, "is changed for about 480 s, so that nobody could confirm it"),
        (step(BIOS, disruption="reboot"), 481, ""),
        (step(PATCH, disruption="iLO reset"), 60, "is changed for about 180 s"),
    ],
)
def test_of_an_ilo_only_what_can_be_taken_back_and_confirmed_in_time(one: Step, seconds: int, why: str) -> None:
    said = refused(one, seconds)
    assert why in said
    assert bool(said) == bool(why)


def test_the_fleets_own_times_count_and_httpd_has_a_timer_of_its_own() -> None:
    reboot = step(BIOS, disruption="reboot")
    assert "for about 900 s" in refused(reboot, 600, lasts=(("reboot", 900),))
    assert refused(edit_step(), 30, surface="httpd") == ""
