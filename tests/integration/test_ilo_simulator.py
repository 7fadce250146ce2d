"""The virtual iLO does what tests, demo and rehearsals rely on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from ssl import create_default_context

import pytest

from auditor.errors import InputError
from auditor.model.target import IloEndpoint
from auditor.surfaces.ilo.body import Body
from auditor.surfaces.ilo.client import Credentials, IloClient
from auditor.surfaces.ilo.simulator.parts import Part, Reply, Upload
from auditor.surfaces.ilo.simulator.personalities import build
from auditor.surfaces.ilo.simulator.server import VirtualIlo, run_in_thread
from auditor.surfaces.ilo.simulator.state import IloState
from tests.virtual_ilo import BIOS, LICENCE, MANAGER, PASSWORD, PENDING, PROTOCOL, ROOT, SNMP, USERNAME, with_ilo

pytestmark = pytest.mark.integration

SYSTEM = f"{ROOT}/Systems/1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"


def client(ilo: VirtualIlo) -> IloClient:
    return IloClient(IloEndpoint(ilo.url, ilo.cafile), Credentials(USERNAME, PASSWORD), request_s=5)


async def boot(ilo: VirtualIlo, ours: IloClient) -> None:
    assert (await ours.post(RESET, {"ResetType": "ForceRestart"})).ok
    assert (await ours.get(SYSTEM)).body["Oem"]["Hpe"]["PostState"] == "InPost"  # type: ignore[index, call-overload]
    while ilo.state.in_post():
        await asyncio.sleep(0.01)
    assert (await ours.get(SYSTEM)).body["Oem"]["Hpe"]["PostState"] == "FinishedPost"  # type: ignore[index, call-overload]


def messages(ilo: VirtualIlo) -> list[str]:
    listed = ilo.state.get(BIOS)["@Redfish.Settings"]["Messages"]  # type: ignore[index, call-overload]
    return [one["MessageId"].rsplit(".", 1)[-1] for one in listed]  # type: ignore[index, call-overload, union-attr]


def test_bios_settings_wait_for_the_boot_and_get_a_verdict() -> None:
    async def act(ilo: VirtualIlo) -> None:
        async with client(ilo) as ours:
            assert (await ours.patch(PENDING, {"Attributes": {"AutoPowerOn": "RestoreLastState"}})).says(
                "SystemResetRequired"
            )
            assert ilo.state.bios()["AutoPowerOn"] == "AlwaysPowerOff"
            assert ilo.state.pending() == {"AutoPowerOn": "RestoreLastState"}
            await boot(ilo, ours)
            assert ilo.state.bios()["AutoPowerOn"] == "RestoreLastState"
            assert ilo.state.pending() == {}
            assert messages(ilo) == ["Success"]
            body = (await ours.get(BIOS)).body
            assert body["@Redfish.Settings"]["Time"]  # type: ignore[index, call-overload]

    with_ilo(act, post_s=0.1)


def test_nonsense_is_taken_and_refused_only_by_post() -> None:
    async def act(ilo: VirtualIlo) -> None:
        before = ilo.state.bios()
        async with client(ilo) as ours:
            wrong = {"NoSuchThing": 1, "BootMode": "Fast", "PowerRegulator": "OsControl"}
            assert (await ours.patch(PENDING, {"Attributes": wrong})).status == 200
            await boot(ilo, ours)
        assert messages(ilo)[0] == "Success"
        assert set(messages(ilo)[1:]) == {"PropertyUnknown", "PropertyValueNotInList", "PropertyNotWritable"}
        assert ilo.state.bios() == before

    with_ilo(act, post_s=0.1)


def test_a_profile_drives_its_dependents_there_and_back() -> None:
    async def act(ilo: VirtualIlo) -> None:
        before = ilo.state.bios()
        async with client(ilo) as ours:
            await ours.patch(PENDING, {"Attributes": {"WorkloadProfile": "LowLatency"}})
            await boot(ilo, ours)
            assert ilo.state.bios()["ProcTurbo"] == "Disabled"
            await ours.patch(PENDING, {"Attributes": before})  # type: ignore[dict-item]
            await boot(ilo, ours)
        assert ilo.state.bios() == before
        assert messages(ilo) == ["Success"]

    with_ilo(act, post_s=0.05)


@pytest.mark.parametrize(
    ("uri", "body", "status", "message"),
    [
        (SNMP, {"AlertsEnabled": False}, 200, "Success"),
        (SNMP, {"AlertsEnabled": "no"}, 400, "PropertyValueTypeError"),
        (SNMP, {"AlertEnabled": False}, 400, "PropertyUnknown"),
        (SNMP, {"Name": "x"}, 400, "PropertyNotWritable"),
        (PROTOCOL, {"Oem": {"Hpe": {"RemoteSyslogEnabled": True}}}, 403, "LicenseKeyRequired"),
        (BIOS, {"Attributes": {"BootMode": "LegacyBios"}}, 400, "PropertyNotWritable"),
        (f"{ROOT}/Nowhere", {"A": 1}, 404, "ResourceMissingAtURI"),
        (PENDING, {"BootMode": "LegacyBios"}, 400, "PropertyMissing"),
    ],
)
def test_a_patch_is_done_whole_or_not_at_all(uri: str, body: dict[str, object], status: int, message: str) -> None:
    async def act(ilo: VirtualIlo) -> None:
        ilo.state.set(LICENCE, "/LicenseFeatures/RemoteSyslog", False)
        before = ilo.state.get(uri) if uri in ilo.state.uris() else None
        async with client(ilo) as ours:
            answer = await ours.patch(uri, body)  # type: ignore[arg-type]
        assert (answer.status, answer.says(message)) == (status, True)
        if status != 200 and before is not None:
            assert ilo.state.get(uri) == before

    with_ilo(act)


def test_destinations_are_made_and_removed() -> None:
    async def act(ilo: VirtualIlo) -> None:
        async with client(ilo) as ours:
            wanted = {"AlertDestination": "10.9.0.9", "SNMPAlertProtocol": "SNMPv1Trap"}
            made = await ours.post(f"{SNMP}/SNMPAlertDestinations", wanted)  # type: ignore[arg-type]
            assert (made.status, made.location) == (201, f"{SNMP}/SNMPAlertDestinations/3")
            assert (await ours.get(made.location)).body["AlertDestination"] == "10.9.0.9"
            listed = await ours.get(f"{SNMP}/SNMPAlertDestinations")
            assert listed.body["Members@odata.count"] == 3
            assert (await ours.delete(made.location)).ok
            assert (await ours.delete(made.location)).status == 404
            assert (await ours.post(f"{SNMP}/SNMPAlertDestinations", {})).status == 400
            assert (await ours.delete(SNMP)).status == 405

    with_ilo(act)


def test_some_settings_wait_for_a_reset_and_some_reset_the_ilo() -> None:
    async def act(ilo: VirtualIlo) -> None:
        async with client(ilo) as ours:
            assert (await ours.patch(SNMP, {"SNMPv1Enabled": False})).says("ResetRequired")
            assert ilo.state.get(MANAGER)["Oem"]["Hpe"]["ConfigurationSettings"] == "SomePendingReset"  # type: ignore[index, call-overload]
            assert ilo.state.dropped_sessions == 0
            await ours.patch(f"{MANAGER}/SecurityService", {"DisableWeakCiphers": True})
            assert ilo.state.dropped_sessions == 1
            assert not ilo.state.available()
            await asyncio.sleep(0.15)
            await ours.log_in_again()
            assert ilo.state.get(MANAGER)["Oem"]["Hpe"]["ConfigurationSettings"] == "Current"  # type: ignore[index, call-overload]

    with_ilo(act, ilo_reset_s=0.1)


def test_etags_follow_settings_and_not_clocks() -> None:
    async def act(ilo: VirtualIlo) -> None:
        async with client(ilo) as ours:
            first, second = [await ours.get(f"{MANAGER}/DateTime") for _ in range(2)]
            assert first.body["DateTime"] != second.body["DateTime"]
            assert first.etag == second.etag

            async def directory() -> dict[str, str]:
                listed = (await ours.get(f"{ROOT}/ResourceDirectory")).body["Instances"]
                return {one["@odata.id"]: one["ETag"] for one in listed}  # type: ignore[index, call-overload, union-attr]

            before = await directory()
            await ours.patch(SNMP, {"Contact": "ops"})
            after = await directory()
        assert SNMP in {uri for uri in before if before[uri] != after[uri]}
        assert before[BIOS] == after[BIOS]

    with_ilo(act)


def test_firmware_is_updated_over_the_network_in_the_queues_order() -> None:
    service = f"{ROOT}/UpdateService"

    async def act(ilo: VirtualIlo) -> None:
        async def settled() -> str:
            while (state := ilo.state.get(service)["Oem"]["Hpe"]["State"]) not in ("Complete", "Error"):  # type: ignore[index, call-overload]
                await asyncio.sleep(0.01)
            return str(state)

        async with client(ilo) as ours:
            actions = (await ours.get(service)).body["Oem"]["Hpe"]["Actions"]  # type: ignore[index, call-overload]
            add = str(actions["#HpeiLOUpdateServiceExt.AddFromUri"]["target"])  # type: ignore[index, call-overload]
            package = "Power_Supply_Firmware-2.10.fwpkg"
            assert (await ours.post(add, {"ImageURI": f"https://files.example/{package}"})).ok
            assert await settled() == "Complete"
            for name, agent in (("agent", "RuntimeAgent"), ("ours", "Bmc")):
                task: Body = {"Name": name, "Command": "ApplyUpdate", "UpdatableBy": [agent], "Filename": package}
                assert (await ours.post(f"{service}/UpdateTaskQueue", task)).ok
            listed = (await ours.get(f"{service}/UpdateTaskQueue?$expand=.")).body["Members"]
            assert [(one["Name"], one["State"]) for one in listed] == [("agent", "Pending"), ("ours", "Pending")]  # type: ignore[index, call-overload, union-attr]
            simple = f"{service}/Actions/UpdateService.SimpleUpdate"
            assert (await ours.post(simple, {"ImageURI": "https://files.example/ilo5_312.bin"})).ok
            assert await settled() == "Complete"
        assert ilo.state.dropped_sessions == 1
        assert ilo.state.get(MANAGER)["FirmwareVersion"] == "iLO 5 v3.12"

    with_ilo(act, ilo_reset_s=0.0)


def test_it_answers_only_those_who_logged_in() -> None:
    with run_in_thread(VirtualIlo("ilo6", USERNAME, PASSWORD)) as ilo:
        context = create_default_context(cafile=ilo.cafile)
        with urllib.request.urlopen(f"{ilo.url}{ROOT}/", context=context) as root:
            assert json.load(root)["RedfishVersion"]
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{ilo.url}{SNMP}", context=context)
        caught.value.close()
        assert caught.value.code == 401
        assert ilo.url.startswith("https://127.0.0.1:")
        key = Path(ilo.cafile).with_name("server.pem")
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        cafile = Path(ilo.cafile)
    assert not cafile.parent.exists()


def test_a_part_answers_actions_collections_and_forms_of_its_own() -> None:
    """What the update service and the alerts rest on."""

    def tell(state: IloState, uri: str, body: Body) -> Reply:
        state.set(f"{ROOT}/UpdateService", "/Oem/Hpe/State", f"{uri.rsplit('/', 1)[-1]} {body.get('A', '')}".strip())
        return Reply(202)

    def keep(state: IloState, uri: str, fields: Mapping[str, Upload]) -> Reply:
        state.set(
            f"{ROOT}/UpdateService", "/Oem/Hpe/State", f"{fields['file'].filename}: {len(fields['file'].content)}"
        )
        return Reply(202)

    def count(state: IloState) -> None:
        state.set(f"{ROOT}/UpdateService", "/Oem/Hpe/Seen", len(state.get(MANAGER)))

    part = Part(
        actions={"/actions/thing.do": tell}, creates={"/queue": tell}, deletes={"/snmpusers": tell},
        receives={"/upload": keep}, settle=count,
    )  # fmt: skip
    state = IloState(build("ilo5"), parts=(part,))

    def told() -> object:
        return state.get(f"{ROOT}/UpdateService")["Oem"]["Hpe"]["State"]  # type: ignore[index, call-overload]

    assert state.create(f"{ROOT}/X/Actions/Thing.Do", {"A": 1}).status == 202
    assert told() == "Thing.Do 1"
    assert state.create(f"{ROOT}/X/Queue", {"A": 2}).status == 202
    assert told() == "Queue 2"
    assert state.delete(f"{SNMP}/SNMPUsers/1").status == 202
    assert told() == "1"
    assert state.delete(f"{SNMP}/SNMPUsers/99").status == 404
    assert state.receive(f"{ROOT}/X/Upload", {"file": Upload(b"1234", "a.bin")}).status == 202
    assert told() == "a.bin: 4"
    assert state.receive(SNMP, {}).status == 405
    assert state.create(f"{ROOT}/X/Actions/Thing.Other", {}).status == 404
    assert state.create(RESET, {"ResetType": "ForceRestart"}).status == 200
    assert state.in_post()
    assert state.get(f"{ROOT}/UpdateService")["Oem"]["Hpe"]["Seen"] == len(state.get(MANAGER))  # type: ignore[index, call-overload]


@pytest.mark.parametrize("source", ["ilo9", "/no/such/folder"])
def test_an_unknown_source_is_an_input_error(source: str) -> None:
    with pytest.raises(InputError, match="neither a personality"):
        VirtualIlo(source)


def test_a_folder_without_a_root_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(InputError, match="no Redfish root"):
        VirtualIlo(tmp_path)


SERVE = """
import json
from auditor.surfaces.ilo.simulator.server import VirtualIlo, serve
names = "url", "cafile", "username", "password"
serve(VirtualIlo("ilo5"), lambda *told: print(json.dumps(dict(zip(names, told))), flush=True))
print("stopped", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serving_ends_cleanly_at_a_signal(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SERVE],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.getcwd()},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert set(told) == {"url", "cafile", "username", "password"}
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "stopped\n", "")
    assert not Path(told["cafile"]).exists()


def test_an_snmp_user_shows_no_pass_phrase_and_is_made_once_within_limits() -> None:
    state, users = IloState(build("ilo5")), f"{SNMP}/SNMPUsers"
    user: Body = {"SecurityName": "noc", "AuthProtocol": "SHA", "AuthPassphrase": "eight888", "PrivacyProtocol": "AES",
                  "PrivacyPassphrase": "p" * 49}  # fmt: skip
    for name, value in (("AuthPassphrase", "seven77"), ("PrivacyPassphrase", "p" * 50), ("AuthProtocol", "SHA1"),
                        ("SecurityName", "n" * 33), ("PrivacyPassphrase", None)):  # fmt: skip
        reply = state.create(users, {**user, name: value})
        assert (reply.status, state.has(f"{users}/2")) == (400, False)
        assert "seven77" not in str(reply)
    made = state.create(users, user)
    assert (made.status, made.location) == (201, f"{users}/2")
    shown = state.get(made.location)
    assert (shown["SecurityName"], shown["AuthPassphrase"], shown["PrivacyPassphrase"]) == ("noc", None, None)
    assert state.kept(made.location) == {"AuthPassphrase": "eight888", "PrivacyPassphrase": "p" * 49}
    assert state.create(users, user).status == 400, "there is one of that name"
    assert state.patch(made.location, {"AuthPassphrase": "short"}).status == 400
    assert state.patch(made.location, {"AuthPassphrase": "another one", "AuthProtocol": "SHA256"}).status == 200
    assert state.kept(made.location)["AuthPassphrase"] == "another one"
    assert state.get(made.location)["AuthPassphrase"] is None
    for number in range(3, 9):
        assert state.create(users, {**user, "SecurityName": f"noc{number}"}).location == f"{users}/{number}"
    assert state.create(users, {**user, "SecurityName": "noc9"}).status == 400, "an iLO takes eight"
    assert state.delete(f"{users}/4").status == 200
    assert state.kept(f"{users}/4") == {}
    assert state.create(users, {**user, "SecurityName": "noc9"}).location == f"{users}/4"
