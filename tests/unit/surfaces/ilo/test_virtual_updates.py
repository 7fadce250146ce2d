"""The virtual iLO's update service: what is taken, in which order it is done, and when it counts."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.surfaces.ilo.body import Body
from auditor.surfaces.ilo.simulator.images import Image, image_of
from auditor.surfaces.ilo.simulator.parts import Reply, Upload
from auditor.surfaces.ilo.simulator.personalities import build
from auditor.surfaces.ilo.simulator.state import IloState
from auditor.surfaces.ilo.simulator.update import Updates

ROOT = "/redfish/v1"
SERVICE = f"{ROOT}/UpdateService"
QUEUE, SETS, WINDOWS = f"{SERVICE}/UpdateTaskQueue", f"{SERVICE}/InstallSets", f"{SERVICE}/MaintenanceWindows"
REPOSITORY, INVENTORY = f"{SERVICE}/ComponentRepository", f"{SERVICE}/FirmwareInventory"
SIMPLE = f"{SERVICE}/Actions/UpdateService.SimpleUpdate"
OEM = f"{SERVICE}/Actions/Oem/Hpe/HpeiLOUpdateServiceExt"
RESET = f"{ROOT}/Systems/1/Actions/ComputerSystem.Reset"
NOON = datetime.datetime(2026, 11, 27, 12, tzinfo=datetime.UTC)
PSU, ROM = "Power_Supply_Firmware-2.10.fwpkg", "U46_2.40_06_01_2025.signed.flash"


class Bench:
    """A virtual iLO whose time stands still until it is moved on; a stage of an update takes one second."""

    def __init__(self, personality: str = "ilo5") -> None:
        self.seconds = 0.0
        self.updates = Updates(stage_s=1.0, now=lambda: NOON + datetime.timedelta(seconds=self.seconds))
        self.state = IloState(
            build(personality), post_s=10, ilo_reset_s=5, clock=lambda: self.seconds, parts=(self.updates.part,)
        )

    def after(self, seconds: float = 60) -> Bench:
        """Later, second by second as clients ask."""
        for _ in range(int(seconds)):
            self.seconds += 1
            self.state.read(SERVICE)
        return self

    def post(self, uri: str, body: Body | None = None) -> Reply:
        return self.state.create(uri, body or {})

    def version(self, number: int) -> object:
        return self.state.get(f"{INVENTORY}/{number}")["Version"]

    @property
    def service(self) -> dict[str, Any]:
        """The service's own part."""
        found: Any = self.state.get(SERVICE)["Oem"]
        return dict(found["Hpe"])

    @property
    def result(self) -> str:
        return str(self.service["Result"]["MessageId"]).rsplit(".", 1)[-1]

    def keep(self, filename: str) -> str:
        """Puts an image into the repository."""
        assert self.post(f"{OEM}.AddFromUri", {"ImageURI": f"https://files.example/{filename}"}).status == 200
        self.after(5)
        return filename

    def task(self, name: str, **said: Any) -> Reply:
        return self.post(QUEUE, {"Name": name, "Command": "ApplyUpdate", "UpdatableBy": ["Bmc"], **said})

    def states(self) -> dict[str, str]:
        queue: Any = self.state.read(QUEUE)
        tasks: list[Any] = [self.state.read(one["@odata.id"]) for one in queue["Members"]]
        return {str(task["Name"]): str(task["State"]) for task in tasks}


def said(reply: Reply) -> str:
    return reply.messages[0][0].rsplit(".", 1)[-1]


@pytest.mark.parametrize(
    ("filename", "component", "version"),
    [
        ("ilo5_278.bin", "iLO 5", "2.78"),
        ("ilo7_1.14.00.bin", "iLO 7", "1.14.00"),
        (ROM, "System ROM", "U46 v2.40 (06/01/2025)"),
        (PSU, "Power Supply Firmware", "2.10"),
    ],
)
def test_a_files_name_says_what_it_installs(filename: str, component: str, version: str) -> None:
    found = image_of(filename, {})
    assert found is not None
    assert (found.component, found.version) == (component, version)
    assert image_of("readme.txt", {}) is None


@pytest.mark.parametrize("personality", ["ilo5", "ilo6", "ilo7"])
def test_a_rom_counts_after_the_boot_and_never_before(personality: str) -> None:
    bench = Bench(personality)
    before = bench.version(2)
    family = str(before)[:3]
    file = f"{family}_9.40_06_01_2026.signed.flash"
    assert bench.post(SIMPLE, {"ImageURI": f"https://files.example/{file}"}).status == 200
    seen = [bench.service["State"]]
    for _ in range(4):
        seen.append(bench.after(1).service["State"])
    assert seen == ["Uploading", "Verifying", "Updating", "Complete", "Complete"]
    assert bench.version(2) == before
    bench.post(RESET, {"ResetType": "ForceRestart"})
    bench.after(5)
    assert bench.version(2) == before
    bench.after(6)
    assert bench.version(2) == f"{family} v9.40 (06/01/2026)"
    assert bench.state.get(f"{ROOT}/Systems/1")["BiosVersion"] == f"{family} v9.40 (06/01/2026)"


@pytest.mark.parametrize(
    ("personality", "file", "inventory", "manager"),
    [("ilo5", "ilo5_312.bin", "3.12", "iLO 5 v3.12"), ("ilo7", "ilo7_1.15.00.bin", "1.15.00", "1.15.00")],
)
def test_the_ilos_own_firmware_resets_it(personality: str, file: str, inventory: str, manager: str) -> None:
    bench = Bench(personality)
    bench.post(SIMPLE, {"ImageURI": f"http://files.example/kits/{file}"})
    bench.after(3)
    assert bench.state.dropped_sessions == 1
    assert not bench.state.available()
    bench.after(5)
    assert bench.state.available()
    assert bench.version(1) == inventory
    assert bench.state.get(f"{ROOT}/Managers/1")["FirmwareVersion"] == manager


@pytest.mark.parametrize(
    ("uri", "status", "message"),
    [
        ("ftp://files.example/ilo5_312.bin", 400, "SimpleUpdateInvalidImageURI"),
        ("https://[broken/ilo5_312.bin", 400, "SimpleUpdateInvalidImageURI"),
        (f"https://files.example/{PSU}", 400, "SimpleUpdateInvalidImageURI"),  # no binary of iLO or UEFI
        ("https://files.example/readme.txt", 200, "UpdateInvalidFile"),
        ("https://files.example/ilo6_166.bin", 200, "UpdateNotApplicable"),
    ],
)
def test_what_is_no_image_for_this_machine_is_refused_or_fails(uri: str, status: int, message: str) -> None:
    bench = Bench()
    before = [bench.version(number) for number in range(1, 6)]
    reply = bench.post(SIMPLE, {"ImageURI": uri})
    assert reply.status == status
    if status == 200:
        assert bench.after().service["State"] == "Error"
    assert (said(reply) if status == 400 else bench.result) == message
    assert [bench.version(number) for number in range(1, 6)] == before


def test_one_image_at_a_time() -> None:
    bench = Bench()
    bench.post(SIMPLE, {"ImageURI": f"https://files.example/{ROM}"})
    assert said(bench.post(SIMPLE, {"ImageURI": f"https://files.example/{ROM}"})) == "FirmwareFlashAlreadyInProgress"
    bench.after()
    assert bench.post(SIMPLE, {"ImageURI": f"https://files.example/{ROM}"}).status == 200


@pytest.mark.parametrize(
    ("policy", "file", "works"),
    [
        ("AllowDowngrade", "Power_Supply_Firmware-1.90.fwpkg", True),
        ("RecoveryDowngrade", "Power_Supply_Firmware-1.90.fwpkg", True),
        ("NoDowngrade", "Power_Supply_Firmware-1.90.fwpkg", False),
        ("NoDowngrade", PSU, True),
    ],
)
def test_the_downgrade_policy_decides_on_older_versions_alone(policy: str, file: str, works: bool) -> None:
    bench = Bench()
    bench.state.set(SERVICE, "/Oem/Hpe/DowngradePolicy", policy)
    bench.post(f"{OEM}.AddFromUri", {"ImageURI": f"https://files.example/{file}", "UpdateTarget": True})
    bench.after()
    assert bench.result == ("Success" if works else "DowngradeNotAllowed")
    assert (bench.version(4) == "2.00") is not works
    assert bench.version(4) == bench.version(5)  # every power supply, as components go


def test_no_downgrade_is_for_ever() -> None:
    bench = Bench()

    def patch(policy: str) -> Reply:
        return bench.state.patch(SERVICE, {"Oem": {"Hpe": {"DowngradePolicy": policy}}})

    assert patch("NoDowngrade").status == 200
    assert said(patch("AllowDowngrade")) == "DowngradePolicyAlreadySet"
    assert patch("NoDowngrade").status == 200
    assert bench.service["DowngradePolicy"] == "NoDowngrade"


def test_a_pushed_file_is_kept_or_flashed_as_its_parameters_say() -> None:
    bench = Bench()
    file = Upload(b"x" * 1000, PSU)

    def push(parameters: bytes | None) -> Reply:
        fields = {"sessionKey": Upload(b"token"), "compsig": Upload(b"s", "a.compsig"), "file": file}
        return bench.state.receive(
            "/cgi-bin/uploadFile", fields | ({"parameters": Upload(parameters)} if parameters is not None else {})
        )

    assert push(b"{oops").status == 400
    assert push(b'{"UpdateRepository": true}').status == 200
    bench.after()
    (kept,) = [one for one in bench.state.uris() if one.startswith(f"{REPOSITORY}/") and "5100a001" not in one]
    assert {name: bench.state.get(kept)[name] for name in ("Filename", "Version", "SizeBytes", "Locked")} == {
        "Filename": PSU,
        "Version": "2.10",
        "SizeBytes": 1000,
        "Locked": False,
    }
    assert bench.version(4) == "2.00"
    assert push(None).status == 200
    assert bench.after().version(4) == "2.10"


def test_a_failed_task_blocks_the_rest_until_it_is_removed() -> None:
    bench = Bench()
    bad, good = bench.keep("Power_Supply_Firmware-2.10.fwpkg"), bench.keep("Power_Supply_Firmware-2.20.fwpkg")
    bench.updates.images[bad] = Image("Power Supply Firmware", "2.10", fails="iLO.2.14.UpdateFailed")
    first = bench.task("first", Filename=bad)
    assert first.status == 201
    bench.task("second", Filename=good)
    bench.after()
    assert bench.states() == {"first": "Exception", "second": "Pending"}
    assert bench.version(4) == "2.00"
    assert bench.state.delete(first.location).status == 200
    bench.after()
    assert bench.states() == {"second": "Complete"}
    assert bench.version(4) == "2.20"


def test_an_expired_task_blocks_the_rest() -> None:
    bench = Bench()
    file = bench.keep(PSU)
    bench.task("agent", Filename=file, UpdatableBy=["RuntimeAgent"], Expire="2026-11-27T12:01:00Z")
    bench.task("ours", Filename=file)
    bench.after(40)
    assert bench.states() == {"agent": "Pending", "ours": "Pending"}  # nobody passes another's task by
    bench.after(40)
    assert bench.states() == {"agent": "Expired", "ours": "Pending"}
    bench.post(f"{OEM}.DeleteUpdateTaskQueueItems")
    assert bench.states() == {}


def test_a_task_of_uefi_waits_for_the_boot() -> None:
    bench = Bench()
    file = bench.keep(PSU)
    bench.task("uefi", Filename=file, UpdatableBy=["Uefi"])
    bench.task("ours", Filename=bench.keep("Power_Supply_Firmware-2.20.fwpkg"))
    bench.after()
    assert bench.states() == {"uefi": "Pending", "ours": "Pending"}
    bench.post(RESET, {"ResetType": "ForceRestart"})
    bench.after()
    assert bench.states() == {"uefi": "Complete", "ours": "Complete"}
    assert bench.version(4) == "2.20"


def test_the_times_of_a_task_are_those_of_its_window_which_may_move() -> None:
    bench = Bench()
    file = bench.keep(PSU)
    window = bench.post(WINDOWS, {"Name": "night", "StartAfter": "2026-11-27T13:00:00Z"})
    assert window.status == 201
    identity = window.location.rsplit("/", 1)[-1]
    assert bench.task("later", Filename=file, MaintenanceWindow=identity).status == 201
    bench.after()
    assert bench.states() == {"later": "Pending"}
    bench.state.set(window.location, "/StartAfter", "2026-11-27T12:00:00Z")
    bench.after(10)
    assert bench.states() == {"later": "Complete"}


def test_waiting_and_resets_are_tasks_too() -> None:
    bench = Bench()
    assert (
        bench.post(QUEUE, {"Name": "w", "Command": "Wait", "UpdatableBy": ["Bmc"], "WaitTimeSeconds": 30}).status == 201
    )
    bench.post(QUEUE, {"Name": "boot", "Command": "ResetServer", "UpdatableBy": ["Bmc"]})
    bench.post(QUEUE, {"Name": "ilo", "Command": "ResetBmc", "UpdatableBy": ["Bmc"]})
    bench.after(20)
    assert bench.states() == {"w": "InProgress", "boot": "Pending", "ilo": "Pending"}
    bench.after(30)
    assert bench.states() == {"w": "Complete", "boot": "Complete", "ilo": "Complete"}
    assert (bench.state.posts, bench.state.dropped_sessions) == (1, 1)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"Command": "ApplyUpdate", "UpdatableBy": ["Bmc"], "Filename": PSU}, "PropertyMissing"),
        ({"Name": "a", "Command": "Format", "UpdatableBy": ["Bmc"]}, "PropertyValueNotInList"),
        ({"Name": "a", "Command": "Wait", "UpdatableBy": []}, "PropertyMissing"),
        ({"Name": "a", "Command": "Wait", "UpdatableBy": [{}]}, "PropertyMissing"),
        ({"Name": "a", "Command": "Wait", "UpdatableBy": ["Bmc"], "WaitTimeSeconds": 3601}, "PropertyValueNotInList"),
        ({"Name": "a", "Command": "Wait", "UpdatableBy": ["Bmc"], "Expire": "soon"}, "PropertyValueFormatError"),
        ({"Name": "a", "Command": "Wait", "UpdatableBy": ["Bmc"], "MaintenanceWindow": "x"}, "PropertyValueNotInList"),
        ({"Name": "a", "Command": "ApplyUpdate", "UpdatableBy": ["Bmc"], "Filename": "absent.bin"},
         "UnableToModifyDueToMissingComponent"),
    ],
)  # fmt: skip
def test_a_task_that_cannot_be_is_refused(body: Body, message: str) -> None:
    bench = Bench()
    reply = bench.post(QUEUE, body)
    assert (reply.status, said(reply)) == (400, message)
    assert bench.states() == {}


def test_names_of_tasks_are_unique() -> None:
    bench = Bench()
    wait: Body = {"Name": "a", "Command": "Wait", "UpdatableBy": ["Uefi"]}
    assert bench.post(QUEUE, wait).status == 201
    assert said(bench.post(QUEUE, wait)) == "ResourceAlreadyExists"


def test_an_install_set_becomes_tasks_in_its_order() -> None:
    bench = Bench()
    steps: list[Any] = [
        {"Name": name, "Command": "ApplyUpdate", "UpdatableBy": ["Bmc"], "Filename": bench.keep(file)}
        for name, file in (("z", "Power_Supply_Firmware-2.10.fwpkg"), ("a", "Power_Supply_Firmware-2.20.fwpkg"))
    ]
    made = bench.post(SETS, {"Name": "spring", "Sequence": steps})
    assert made.status == 201
    kept = next(uri for uri in bench.state.uris() if bench.state.get(uri).get("Filename") == steps[0]["Filename"])
    assert said(bench.state.delete(kept)) == "ResourceInUse"
    invoke: Any = bench.state.get(made.location)["Actions"]
    assert bench.post(invoke["#HpeComponentInstallSet.Invoke"]["target"]).status == 200
    assert list(bench.states()) == ["z", "a"]
    bench.after()
    assert bench.states() == {"z": "Complete", "a": "Complete"}
    assert bench.version(4) == "2.20"
    again = bench.post(invoke["#HpeComponentInstallSet.Invoke"]["target"])
    assert said(again) == "ResourceAlreadyExists"
    assert bench.post(invoke["#HpeComponentInstallSet.Invoke"]["target"], {"ClearTaskQueue": True}).status == 200
    bench.post(f"{OEM}.DeleteInstallSets")
    assert [uri for uri in bench.state.uris() if uri.startswith(f"{SETS}/")] == [f"{SETS}/5100b001"]  # the recovery set


def test_there_are_at_most_eight_install_sets() -> None:
    bench = Bench()
    step: Body = {"Name": "w", "Command": "Wait", "UpdatableBy": ["Bmc"]}
    replies = [bench.post(SETS, {"Name": f"set {n}", "Sequence": [step]}) for n in range(8)]
    assert [reply.status for reply in replies] == [201] * 7 + [400]  # the recovery set is one of the eight
    assert said(replies[-1]) == "InstallSetWriteError"


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.sampled_from(["good", "bad", "wait"]), st.sampled_from(["Bmc", "Uefi", "RuntimeAgent"])),
        min_size=1,
        max_size=6,
    ),
    st.lists(st.sampled_from(["time", "boot"]), min_size=1, max_size=4),
)
def test_no_task_begins_before_all_ahead_of_it_are_done(tasks: list[tuple[str, str]], then: list[str]) -> None:
    bench = Bench()
    good, bad = bench.keep("Power_Supply_Firmware-2.10.fwpkg"), bench.keep("Power_Supply_Firmware-2.20.fwpkg")
    bench.updates.images[bad] = Image("Power Supply Firmware", "2.20", fails="iLO.2.14.UpdateFailed")
    for number, (what, agent) in enumerate(tasks):
        body: Body = {"Name": str(number), "UpdatableBy": [agent], "Command": "ApplyUpdate"}
        extra: Body = (
            {"Command": "Wait", "WaitTimeSeconds": 3}
            if what == "wait"
            else {"Filename": good if what == "good" else bad}
        )
        assert bench.post(QUEUE, body | extra).status == 201
    for one in then:
        if one == "boot":
            bench.post(RESET, {"ResetType": "ForceRestart"})
        for _ in range(25):
            states = list(bench.after(1).states().values())
            undone = next((n for n, state in enumerate(states) if state != "Complete"), len(states))
            assert all(state == "Pending" for state in states[undone + 1 :])
    for (what, agent), state in zip(tasks, states, strict=True):
        assert state != "Exception" or what == "bad"
        assert state == "Pending" or agent != "RuntimeAgent"


def test_a_source_without_an_update_service_has_none() -> None:
    bodies = {uri: body for uri, body in build("ilo5").items() if "UpdateService" not in uri}
    state = IloState(bodies, parts=(Updates().part,))
    assert state.read(ROOT) is not None
    assert state.create(SIMPLE, {"ImageURI": f"https://files.example/{ROM}"}).status == 404
    assert state.create(QUEUE, {"Name": "a", "Command": "Wait", "UpdatableBy": ["Bmc"]}).status == 404
