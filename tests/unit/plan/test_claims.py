"""A plan crafted by hand cannot say of its steps what they are not."""

from __future__ import annotations

import msgspec
import pytest

from auditor.errors import InputError
from auditor.model.plan import (
    BiosAttributes,
    Change,
    DirectiveEdit,
    Disruption,
    FirmwareUpdate,
    LinkChange,
    ManagerReset,
    NoUndo,
    RedfishCreate,
    RedfishDelete,
    RedfishPatch,
    Step,
    Undo,
)
from auditor.plan.build import check_plan
from auditor.plan.claims import check_claims
from tests.fakes.plans import plan_for

BIOS = "/redfish/v1/systems/1/bios"
EDIT = DirectiveEdit("httpd.conf", 3, 3, "a\n", "b\n")
NO_UNDO = NoUndo("x")
MEMBERS = (("/Destination", '"https://a.example/"'),)


def step(change: Change, undo: Undo = NO_UNDO, disruption: Disruption = "none") -> Step:
    return Step("1", "why", change, undo, disruption, (), ())


@pytest.mark.parametrize(
    ("change", "least"),
    [
        (EDIT, "reload"),
        (LinkChange("sites-enabled/a.conf", None, "../sites-available/a.conf"), "reload"),
        (BiosAttributes(BIOS, f"{BIOS}/settings", (("BootMode", '"x"'),)), "reboot"),
        (FirmwareUpdate(("/a",), "x.bin", "ab", "2"), "iLO reset"),
        (ManagerReset("/redfish/v1/Managers/1"), "iLO reset"),
        (RedfishPatch("/redfish/v1/Systems/1/BIOS/Settings/", (("/Attributes/BootMode", '"x"'),)), "reboot"),
    ],
)
def test_no_step_disrupts_more_than_it_says_and_so_needs_fewer_people(change: Change, least: Disruption) -> None:
    with pytest.raises(InputError, match=f"its change takes an? {least}"):
        check_claims(step(change))
    check_claims(step(change, disruption=least))
    plan = plan_for("web1/httpd")
    crafted = msgspec.structs.replace(plan.cohorts[0], steps=(step(change),))
    with pytest.raises(InputError, match="its change takes"):
        check_plan(msgspec.structs.replace(plan, cohorts=(crafted,), irreversible_consents=("1",)))


@pytest.mark.parametrize(
    ("change", "undo"),
    [
        (EDIT, DirectiveEdit("httpd.conf", 3, 3, "b\n", "LoadModule evil_module evil.so\n")),
        (EDIT, DirectiveEdit("other.conf", 3, 3, "b\n", "a\n")),
        (EDIT, DirectiveEdit("httpd.conf", 9, 9, "b\n", "a\n")),
        (EDIT, DirectiveEdit("httpd.conf", 3, 3, "b\n", "a\n", ("linked.conf",))),
        (EDIT, LinkChange("httpd.conf", None, "/etc/shadow")),
        (LinkChange("a", "b", "c"), LinkChange("a", "c", "/etc/shadow")),
        (RedfishPatch("/x", (("/A", "1"),)), RedfishPatch("/x", (("/A", "0"), ("/Password", '"x"')))),
        (RedfishPatch("/x", (("/A", "1"),)), RedfishPatch("/y", (("/A", "0"),))),
        (BiosAttributes(BIOS, f"{BIOS}/settings", ()), BiosAttributes(BIOS, "/elsewhere", ())),
        (FirmwareUpdate(("/a",), "x.bin", "ab", "2"), FirmwareUpdate(("/b",), "y.bin", "cd", "1")),
        (RedfishDelete("/c", MEMBERS), RedfishCreate("/c", (("/Destination", '"https://evil.example/"'),))),
        (RedfishCreate("/c", MEMBERS), RedfishDelete("/d", MEMBERS)),
    ],
)
def test_no_way_back_leads_to_what_nobody_was_shown(change: Change, undo: Undo) -> None:
    with pytest.raises(InputError, match="its way back leads elsewhere"):
        check_claims(step(change, undo, "reboot"))


def test_a_downgrade_policy_that_is_for_ever_is_never_planned_whoever_wrote_the_plan() -> None:
    uri, pointer = "/redfish/v1/UpdateService", "/Oem/Hpe/DowngradePolicy"
    allow, never = (RedfishPatch(uri, ((pointer, f'"{word}"'),)) for word in ("AllowDowngrade", "NoDowngrade"))
    recovery = RedfishPatch(uri, ((pointer, '"RecoveryDowngrade"'),))
    check_claims(Step("1", "why", recovery, allow, "none", (), ()))
    for change, undo in ((never, allow), (allow, never), (never, NoUndo("it is for ever"))):
        with pytest.raises(InputError, match="NoDowngrade"):
            check_claims(Step("1", "why", change, undo, "none", (), ()))


@pytest.mark.parametrize(
    "member",
    [
        ("/Oem/Hpe/DowngradePolicy", r'"\u004eoDowngrade"'),
        ("/Oem/Hpe", '{"DowngradePolicy":"NoDowngrade"}'),
        ("/Oem", r'{"Hpe":{"Downgrade\u0050olicy":"NoDowngrad\u0065"}}'),
    ],
)
def test_that_policy_is_found_however_it_is_written(member: tuple[str, str]) -> None:
    with pytest.raises(InputError, match="NoDowngrade"):
        check_claims(step(RedfishPatch("/redfish/v1/UpdateService", (member,))))
