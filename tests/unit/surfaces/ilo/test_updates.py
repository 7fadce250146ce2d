"""What an iLO's update queue, install sets and maintenance windows come to, and how they are asked for."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.model.value import Boolean, Undetermined, Value, texts
from auditor.surfaces.ilo.body import Body
from auditor.surfaces.ilo.expanded import taken_apart
from auditor.surfaces.ilo.resources import interpret
from auditor.surfaces.ilo.simulator.images import Image
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from auditor.surfaces.interface import InterpretOptions
from tests.virtual_ilo import bodies, collected_from, collection, with_ilo

SERVICE = "/redfish/v1/UpdateService"
QUEUE = f"{SERVICE}/UpdateTaskQueue"


def tree(*states: str) -> dict[str, Body]:
    """An iLO with a task in each state."""
    found = bodies("ilo5")
    for number, state in enumerate(states):
        body: Body = {"@odata.id": f"{QUEUE}/{number}", "Name": f"t{number}", **({"State": state} if state else {})}
        found[f"{QUEUE}/{number}"] = body
        members: Any = found[QUEUE]["Members"]
        members.append({"@odata.id": f"{QUEUE}/{number}"})
    return found


def said(name: str, found: dict[str, Body]) -> Value | None:
    manager = interpret(collection(found), InterpretOptions()).find("ilo.manager", "1")
    assert manager is not None
    return manager.value(name)


@pytest.mark.parametrize(
    ("states", "waiting", "blocked"),
    [
        ((), (), False),
        (("Complete", "Canceled"), (), False),
        (("Complete", "Pending", "InProgress"), ("t1: Pending", "t2: InProgress"), False),
        (("Exception", "Pending"), ("t0: Exception", "t1: Pending"), True),
        (("Pending", "Expired"), ("t0: Pending", "t1: Expired"), True),
        (("Odd", "Expired"), ("t0: Odd", "t1: Expired"), True),
    ],
)
def test_a_failed_or_expired_task_blocks_the_queue(
    states: tuple[str, ...], waiting: tuple[str, ...], blocked: bool
) -> None:
    found = tree(*states)
    assert said("update_queue", found) == texts(*waiting)
    assert said("update_queue_blocked", found) == Boolean(blocked)


@pytest.mark.parametrize("state", ["Odd", ""])
def test_a_state_that_is_not_known_is_neither(state: str) -> None:
    assert isinstance(said("update_queue_blocked", tree("Pending", state)), Undetermined)


def test_a_task_that_could_not_be_read_leaves_the_queue_open_unless_another_blocks() -> None:
    found = tree("Pending", "Pending")
    del found[f"{QUEUE}/1"]
    assert isinstance(said("update_queue_blocked", found), Undetermined)
    assert isinstance(said("update_queue", found), Undetermined)
    found = tree("Exception", "Pending")
    del found[f"{QUEUE}/1"]
    assert said("update_queue_blocked", found) == Boolean(True)


def test_an_ilo_without_a_queue_says_nothing_of_one() -> None:
    found = bodies("ilo5")
    service: Any = found[SERVICE]
    for name in ("UpdateTaskQueue", "InstallSets", "MaintenanceWindows"):
        del service["Oem"]["Hpe"][name]
    assert [said(name, found) for name in ("update_queue", "update_queue_blocked", "install_sets")] == [None] * 3


@pytest.mark.parametrize("expand", [True, False])
def test_what_the_virtual_ilo_does_is_what_is_read(expand: bool) -> None:
    async def act(ilo: VirtualIlo) -> None:
        ilo.updates.images["bad.bin"] = Image("Power Supply Firmware", "2.10", fails="iLO.2.14.UpdateFailed")
        ilo.state.create(
            f"{SERVICE}/Actions/Oem/Hpe/HpeiLOUpdateServiceExt.AddFromUri", {"ImageURI": "https://f.example/bad.bin"}
        )
        task: Body = {"Name": "psu", "Command": "ApplyUpdate", "UpdatableBy": ["Bmc"], "Filename": "bad.bin"}
        assert ilo.state.create(QUEUE, task).status == 201
        assert ilo.state.create(f"{SERVICE}/MaintenanceWindows", {"Name": "night"}).status == 201
        ilo.state.get(SERVICE)
        meaning = interpret(await collected_from(ilo), InterpretOptions()).find("ilo.manager", "1")
        assert meaning is not None
        assert meaning.value("update_queue_blocked") == Boolean(True)
        assert meaning.value("update_queue") == texts("psu: Exception")
        assert meaning.value("install_sets") == texts("Recovery")
        assert meaning.value("maintenance_windows") == texts("night")

    with_ilo(act, expand=expand, update_stage_s=0.0)


def collection_of(name: str, members: int) -> Body:
    links = [{"@odata.id": f"{SERVICE}/{name}/{number}", "Status": None} for number in range(members)]
    return {"@odata.id": f"{SERVICE}/{name}", "@odata.type": "#C.C", "Members": links, "Members@odata.count": members}  # type: ignore[dict-item]


def test_an_expanded_resource_is_taken_apart_again() -> None:
    plain: Body = {
        "@odata.id": SERVICE,
        "FirmwareInventory": {"@odata.id": f"{SERVICE}/FirmwareInventory"},
        "Oem": {
            "Hpe": {
                "@odata.type": "#HpeiLOUpdateServiceExt.v2_6_0.HpeiLOUpdateServiceExt",
                "ComponentRepository": {"@odata.id": f"{SERVICE}/ComponentRepository"},
                "InstallSets": {"@odata.id": f"{SERVICE}/InstallSets"},
                "UpdateTaskQueue": {"@odata.id": QUEUE},
            }
        },
    }
    whole: Any = {**plain, "FirmwareInventory": collection_of("FirmwareInventory", 5)}
    whole["Oem"] = {
        "Hpe": {
            **whole["Oem"]["Hpe"],
            "ComponentRepository": collection_of("ComponentRepository", 0),
            "InstallSets": collection_of("InstallSets", 1),
            "UpdateTaskQueue": collection_of("UpdateTaskQueue", 0),
        }
    }
    again, below = taken_apart("update_service", whole)
    assert again == plain
    assert [uri for uri, _ in below] == [
        f"{SERVICE}/InstallSets",
        QUEUE,
    ]  # not the large one, and none that is not read
    assert below[0][1]["Members"] == [{"@odata.id": f"{SERVICE}/InstallSets/0"}]
    assert taken_apart("update_service", plain) == (plain, ())


@pytest.mark.parametrize("odd", [{"error": {}}, {"@Message.ExtendedInfo": []}, {"Members": []}, {"Name": "no type"}])
def test_what_could_not_be_expanded_leaves_its_link_and_nothing_else(odd: Body) -> None:
    plain: Body = {"@odata.id": SERVICE, "FirmwareInventory": {"@odata.id": f"{SERVICE}/FirmwareInventory"}}
    whole: Body = {**plain, "FirmwareInventory": {"@odata.id": f"{SERVICE}/FirmwareInventory", **odd}}
    assert taken_apart("update_service", whole) == (plain, ())


def test_an_empty_list_without_a_count_may_be_cut_off_and_is_asked_for() -> None:
    cut = collection_of("InstallSets", 0)
    del cut["Members@odata.count"]
    whole: Body = {"@odata.id": SERVICE, "Oem": {"Hpe": {"InstallSets": cut}}}
    again, below = taken_apart("update_service", whole)
    assert again == {"@odata.id": SERVICE, "Oem": {"Hpe": {"InstallSets": {"@odata.id": f"{SERVICE}/InstallSets"}}}}
    assert below == ()
