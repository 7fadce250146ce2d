"""Updates of firmware on the virtual iLO: through its repository and queue, and back by the catalogued artefact."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.errors import ApplyError, RefusedError
from auditor.model.value import Version
from auditor.surfaces.ilo.body import Body
from auditor.surfaces.ilo.carry_out import line
from auditor.surfaces.ilo.simulator.images import Image
from tests.fakes.firmware import FIRMWARE, firmware
from tests.ilo_kills import Site, site

pytestmark = pytest.mark.integration
SERVICE = "/redfish/v1/UpdateService"
SUPPLY = "Power Supply Firmware (Bay 1)"
_OTHER: Body = {"Name": "by hand", "Command": "ResetBmc", "UpdatableBy": ["RuntimeAgent"]}


def planned(place: Site, folder: Path, component: str = SUPPLY) -> Site:
    place.catalogue, place.artefacts = firmware(folder)
    place.ilo.state.set(f"{SERVICE}/FirmwareInventory/1", "/Version", "3.11")  # as the file's name will say it again
    place.plan((f'web1/ilo:ilo.firmware["{component}"].version', Version(FIRMWARE[component])))
    place.afresh()
    return place


def files(place: Site) -> set[str]:
    state = place.ilo.state
    head = f"{SERVICE}/ComponentRepository/"
    return {str(state.get(uri)["Filename"]) for uri in state.uris() if uri.startswith(head)}


def queue(place: Site) -> list[object]:
    return [place.ilo.state.get(u) for u in place.ilo.state.uris() if u.startswith(f"{SERVICE}/UpdateTaskQueue/")]


@pytest.mark.parametrize("component", FIRMWARE)
def test_an_update_is_installed_and_rolled_back(tmp_path: Path, component: str) -> None:
    with site(tmp_path) as place:
        planned(place, tmp_path, component)
        before, there, posts = place.state(), files(place), place.ilo.state.posts
        place.run("forward")
        assert len(files(place)) == len(there) + 2, "the artefact, and the one that takes it back"
        assert place.ilo.state.posts - posts == (component == "System ROM")
        assert place.state() != before
        place.run("back")
        assert (place.state(), files(place), queue(place)) == (before, there, [])


def test_a_task_of_somebody_else_is_not_set_going_nor_waited_behind(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        planned(place, tmp_path)
        assert place.ilo.state.create(f"{SERVICE}/UpdateTaskQueue", _OTHER).status == 201
        before, there = place.state(), files(place)
        with pytest.raises(RefusedError, match=r"holds by hand \(Pending\), which is none of this plan's"):
            place.run("forward")
        assert (place.state(), files(place)) == (before, there)


@pytest.mark.parametrize("lost", ["uploadfile", "updatetaskqueue"])
def test_an_answer_that_is_lost_is_settled_by_reading_again(tmp_path: Path, lost: str) -> None:
    with site(tmp_path) as place:
        planned(place, tmp_path)
        place.ilo.faults.add("lost reply", lost, times=1, method="POST")
        place.run("forward")
        sent = [path for method, path in place.ilo.requests if method == "POST" and lost in path.casefold()]
        assert len(sent) == (2 if lost == "uploadfile" else 1)


def test_what_fails_to_flash_leaves_neither_task_nor_artefact(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        planned(place, tmp_path)
        before, there = place.state(), files(place)
        file = "Power_Supply_Firmware-2.10.fwpkg"
        broken = Image("Power Supply Firmware", "2.10", fails="iLO.2.14.UpdateFailed")
        place.ilo.updates.images[file] = broken
        with pytest.raises(ApplyError, match=r"was not installed: iLO\.2\.14\.UpdateFailed"):
            place.run("forward")
        assert queue(place)
        place.run("recover")
        assert (place.state(), files(place), queue(place)) == (before, there, [])


def test_what_is_flashed_and_waits_for_the_boot_is_taken_back_without_one(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        planned(place, tmp_path, "System ROM")
        before, posts = place.state(), place.ilo.state.posts
        place.ilo.faults.add("refused", "computersystem.reset", method="POST")
        with pytest.raises(ApplyError):
            place.run("forward")
        place.run("recover")
        assert (place.state(), place.ilo.state.posts) == (before, posts)
        place.ilo.state.start_post()
        while place.ilo.state.in_post():
            pass
        assert place.state() == before, "the old one was flashed behind the new one"


def test_artefacts_that_are_missing_or_other_bytes_refuse_before_anything_is_sent(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        planned(place, tmp_path)
        for path in place.artefacts.values():
            path.write_bytes(b"something else")
        with pytest.raises(RefusedError, match="is not what the catalogue names"):
            place.run("forward")
        place.artefacts.clear()
        place.afresh()
        with pytest.raises(RefusedError, match="neither in the iLO's repository nor beside the catalogue"):
            place.run("forward")
        assert not [one for one in place.ilo.requests if "uploadFile" in one[1]]


def test_a_machine_that_changed_since_the_plan_is_refused(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        planned(place, tmp_path)
        place.ilo.state.set(f"{SERVICE}/FirmwareInventory/4", "/Version", "1.50")
        with pytest.raises(RefusedError, match=r"1\.50, 2\.00 is installed, not 2\.00"):
            place.run("forward")


def test_an_inventory_that_does_not_show_it_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "BACK_WITHIN_S", 0.5)
    with site(tmp_path) as place:
        planned(place, tmp_path)
        other = Image("Power Supply Firmware", "2.05")
        place.ilo.updates.images["Power_Supply_Firmware-2.10.fwpkg"] = other
        with pytest.raises(ApplyError, match=r"read back: 2\.05, 2\.05 is installed"):
            place.run("forward")
