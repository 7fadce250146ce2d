"""Steps that install catalogued firmware: order, way back, disruption, and what is refused."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from auditor.model.catalogue import Catalogue, Need
from auditor.model.plan import AttributeIs, FirmwareUpdate, NoUndo, Proposal, Wish
from auditor.model.resource import Address, parse_address
from auditor.model.value import Many, Text, Value, Version
from auditor.surfaces.ilo.body import Body
from auditor.surfaces.ilo.propose import propose
from auditor.surfaces.interface import InterpretOptions
from tests.fakes.firmware import firmware
from tests.virtual_ilo import bodies, collection

INVENTORY = "/redfish/v1/UpdateService/FirmwareInventory"
ROM = ('ilo.firmware["System ROM"].version', Version("U46 v2.40 (06/01/2025)"))
ILO = ('ilo.firmware["iLO 5"].version', Version("3.12"))
SUPPLY = ('ilo.firmware["Power Supply Firmware (Bay 1)"].version', Version("2.10"))


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return firmware(tmp_path)[0]


def proposed(
    catalogue: Catalogue | None, *wishes: tuple[str, Value | None], tree: dict[str, Body] | None = None
) -> Proposal:
    asked = tuple(Wish(parse_address(address), value) for address, value in wishes)
    return propose(asked, collection(tree or bodies()), InterpretOptions(catalogue=catalogue))


def changed(catalogue: Catalogue, identity: str, **settings: object) -> Catalogue:
    """The catalogue with something else said of the newest version of a component."""
    components = tuple(
        msgspec.structs.replace(
            one, versions=(*one.versions[:-1], msgspec.structs.replace(one.versions[-1], **settings))
        )
        if one.id == identity
        else one
        for one in catalogue.components
    )
    return Catalogue(components)


def test_an_update_has_the_catalogue_s_way_back_and_waits_for_a_free_queue(catalogue: Catalogue) -> None:
    made = proposed(catalogue, ROM)
    (step,) = made.steps
    assert isinstance(step.change, FirmwareUpdate)
    assert isinstance(step.undo, FirmwareUpdate)
    assert (step.change.uris, step.change.file) == ((f"{INVENTORY}/2",), "U46_2.40_06_01_2025.signed.flash")
    assert (step.undo.file, step.undo.version) == ("U46_2.34_03_11_2025.signed.flash", "U46 v2.34 (03/11/2025)")
    assert step.disruption == "reboot"
    free = AttributeIs(Address("", "ilo.manager", "1", "update_queue"), Many(()))
    assert free in step.preconditions
    assert [(str(one.address), one.after) for one in made.effects if one.asked] == [ROM]
    assert any("may bring other BIOS attributes" in note for note in made.notes)


def test_an_artefact_is_for_every_place_of_its_component(catalogue: Catalogue) -> None:
    made = proposed(catalogue, SUPPLY)
    (step,) = made.steps
    assert isinstance(step.change, FirmwareUpdate)
    assert step.change.uris == (f"{INVENTORY}/4", f"{INVENTORY}/5")
    assert {one.address.name for one in made.effects if one.address.kind == "ilo.firmware"} == {
        "Power Supply Firmware (Bay 1)",
        "Power Supply Firmware (Bay 2)",
    }
    tree = bodies("ilo5", (f"{INVENTORY}/5", "/Version", "1.90"))
    assert "several versions" in proposed(catalogue, SUPPLY, tree=tree).refusals[0]


def test_predecessors_come_first_and_are_taken_back_last(catalogue: Catalogue) -> None:
    needing = changed(catalogue, "rom", needs=(Need("ilo5", "3.12"),))
    assert [one.id for one in proposed(needing, ROM).steps] == ["ilo-firmware-ilo5", "ilo-firmware-rom"]
    assert [one.id for one in proposed(needing, ROM, ILO).steps] == ["ilo-firmware-ilo5", "ilo-firmware-rom"]
    assert proposed(catalogue, ILO).steps[0].disruption == "iLO reset"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"irreversible": True, "back": ""}, "nothing takes it back"),
        ({"back": ""}, "names no artefact"),
        ({"back": "9.99"}, "names no artefact"),
    ],
)
def test_without_a_way_back_it_needs_a_consent(catalogue: Catalogue, settings: dict[str, object], says: str) -> None:
    (step,) = proposed(changed(catalogue, "supply", **settings), SUPPLY).steps
    assert isinstance(step.undo, NoUndo)
    assert says in step.undo.reason


def test_a_way_back_that_leads_elsewhere_or_is_forbidden_is_none(catalogue: Catalogue) -> None:
    older = bodies("ilo5", (f"{INVENTORY}/4", "/Version", "1.90"), (f"{INVENTORY}/5", "/Version", "1.90"))
    (step,) = proposed(catalogue, SUPPLY, tree=older).steps
    assert isinstance(step.undo, NoUndo)
    assert "leads to 2.00, and 1.90 is installed" in step.undo.reason
    forbids = bodies("ilo5", ("/redfish/v1/UpdateService", "/Oem/Hpe/DowngradePolicy", "NoDowngrade"))
    (step,) = proposed(catalogue, SUPPLY, tree=forbids).steps
    assert isinstance(step.undo, NoUndo)
    assert "downgrade policy" in step.undo.reason


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ((SUPPLY[0], Version("2.20")), "is not catalogued; the catalogue has 2.00, 2.10"),
        (('ilo.firmware["Nothing"].version', Version("1")), "there is none"),
        (('ilo.firmware["System ROM"].device', Text("x")), "is read-only"),
        (('ilo.firmware["Redundant System ROM"].version', Version("1.0")), "the catalogue has nothing of it"),
    ],
)
def test_what_cannot_be_installed_is_refused(catalogue: Catalogue, wish: tuple[str, Value], says: str) -> None:
    made = proposed(catalogue, wish)
    assert made.steps == ()
    assert says in made.refusals[0]


def test_without_a_catalogue_or_what_the_policy_refuses_nothing_is_planned(catalogue: Catalogue) -> None:
    assert "no firmware catalogue" in proposed(None, SUPPLY).refusals[0]
    tree = bodies("ilo5", ("/redfish/v1/UpdateService", "/Oem/Hpe/DowngradePolicy", "NoDowngrade"),
                  (f"{INVENTORY}/4", "/Version", "2.10"), (f"{INVENTORY}/5", "/Version", "2.10"))  # fmt: skip
    made = proposed(catalogue, (SUPPLY[0], Version("2.00")), tree=tree)
    assert "NoDowngrade, which refuses 2.00" in made.refusals[0]
    assert proposed(catalogue, (SUPPLY[0], Version("2.00"))).steps == ()


def test_another_rom_and_bios_settings_are_planned_one_by_one(catalogue: Catalogue) -> None:
    made = proposed(catalogue, ROM, ('ilo.bios["1"].AutoPowerOn', Text("AlwaysPowerOn")))
    assert "one by one" in made.refusals[0]
    assert [one.id for one in made.steps] == ["ilo-bios-1"]
