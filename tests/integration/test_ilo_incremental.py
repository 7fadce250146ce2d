"""Reading again only what an iLO lists as changed, and never less than is true."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected, Gap
from auditor.model.target import Target
from auditor.surfaces.ilo.body import Body, key_of
from auditor.surfaces.ilo.collect import collect
from auditor.surfaces.ilo.remembered import forget, place_of
from auditor.surfaces.ilo.simulator import motion, query
from auditor.surfaces.ilo.simulator import state as simulated
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from auditor.surfaces.interface import CollectOptions
from tests.virtual_ilo import BIOS, MANAGER, PASSWORD, PENDING, ROOT, SNMP, options, target, with_ilo

pytestmark = pytest.mark.integration

DIRECTORY = key_of(f"{ROOT}/ResourceDirectory")
DESTINATIONS = f"{SNMP}/SNMPAlertDestinations"


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """ETags that ignore readings, so that an unchanged machine gives the same ones."""
    monkeypatch.setattr(motion, "_CLOCKS", motion._CLOCKS | motion._READINGS | {"CurrentPowerOnTimeSeconds"})


class Reads:
    """An iLO read again and again with a memory in ``folder``."""

    def __init__(self, ilo: VirtualIlo, folder: Path) -> None:
        self.ilo = ilo
        self.folder = folder
        self.target = target(ilo)
        self.said: list[str] = []

    def options(self, **changes: object) -> CollectOptions:
        chosen = {"remember": self.folder, "observe": self.said.append, **changes}
        return msgspec.structs.replace(options(), **chosen)

    async def again(self, **changes: object) -> tuple[Collected, list[str]]:
        """What is collected, and what was asked for, in order: paths of GETs, else the method."""
        self.ilo.requests.clear()
        collected = await collect(self.target, self.options(**changes))
        asked = [key_of(path.split("?")[0]) if method == "GET" else method for method, path in self.ilo.requests]
        assert self.ilo.sessions == {}
        return collected, asked

    async def in_full(self) -> Collected:
        return await collect(self.target, options())

    @property
    def file(self) -> Path:
        return place_of(self.folder, self.target.name)


@pytest.mark.parametrize("personality", ["ilo5", "ilo6", "ilo7"])
def test_an_unchanged_ilo_costs_one_get_and_a_session(personality: str, tmp_path: Path) -> None:
    async def act(ilo: VirtualIlo) -> None:
        reads = Reads(ilo, tmp_path)
        first, asked = await reads.again()
        assert sum(one not in ("POST", "DELETE") for one in asked) <= 35
        assert first == await reads.in_full()
        for _ in range(3):
            again, asked = await reads.again()
            assert asked == ["POST", DIRECTORY, "DELETE"]
            assert again == first

    with_ilo(act, personality)


def test_only_what_changed_is_read_again(tmp_path: Path) -> None:
    async def act(ilo: VirtualIlo) -> None:
        reads = Reads(ilo, tmp_path)
        await reads.again()
        ilo.state.set(SNMP, "/AlertsEnabled", False)
        changed, asked = await reads.again()
        assert asked == ["POST", DIRECTORY, key_of(SNMP), "DELETE"]
        assert changed == await reads.in_full()
        assert ilo.state.remove_alert_destination("10.9.0.4")
        changed, asked = await reads.again()
        assert asked == ["POST", DIRECTORY, key_of(DESTINATIONS), "DELETE"]
        assert changed == await reads.in_full()
        assert (await reads.again())[1] == ["POST", DIRECTORY, "DELETE"]

    with_ilo(act)


def test_several_changed_members_are_read_in_one_request(tmp_path: Path) -> None:
    async def act(ilo: VirtualIlo) -> None:
        reads = Reads(ilo, tmp_path)
        await reads.again()
        inventory = f"{ROOT}/UpdateService/FirmwareInventory"
        for number in (1, 2, 3):
            ilo.state.set(f"{inventory}/{number}", "/Version", f"9.{number}")
        changed, asked = await reads.again()
        assert asked == ["POST", DIRECTORY, key_of(inventory), "DELETE"]
        assert changed == await reads.in_full()

    with_ilo(act)


def test_any_run_of_changes_reads_as_a_full_read_does(tmp_path: Path) -> None:
    def toggle(uri: str, pointer: str) -> Callable[[VirtualIlo, int], None]:
        return lambda ilo, number: ilo.state.set(uri, pointer, f"value {number}")

    def add(ilo: VirtualIlo, number: int) -> None:
        ilo.state.add(f"{DESTINATIONS}/{number % 5 + 1}", {"Id": str(number), "AlertDestination": f"10.0.0.{number}"})

    def remove(ilo: VirtualIlo, number: int) -> None:
        place = f"{DESTINATIONS}/{number % 5 + 1}"
        if place in ilo.state.uris():
            ilo.state.remove(place)

    acts = [
        toggle(SNMP, "/Contact"),
        toggle(MANAGER, "/FirmwareVersion"),
        toggle(PENDING, "/Attributes/AdminName"),
        toggle(BIOS, "/Attributes/AdminName"),
        toggle(ROOT, "/Product"),
        toggle(MANAGER, "/NetworkProtocol"),  # a link that leads nowhere
        add,
        remove,
    ]

    async def act(ilo: VirtualIlo) -> None:
        reads, chance = Reads(ilo, tmp_path), random.Random(4)
        for number in range(25):
            for _ in range(chance.randint(0, 3)):
                chance.choice(acts)(ilo, number)
            assert (await reads.again())[0] == await reads.in_full()

    with_ilo(act)


def test_an_etag_that_lies_is_caught_by_the_next_full_read_and_said_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(ilo: VirtualIlo) -> None:
        reads = Reads(ilo, tmp_path)
        await reads.again()
        monkeypatch.setattr(motion, "_CLOCKS", motion._CLOCKS | {"AlertsEnabled"})
        await reads.again(full_after_s=0.0)
        ilo.state.set(SNMP, "/AlertsEnabled", False)
        believed, asked = await reads.again()
        assert believed.document(SNMP) != (await reads.in_full()).document(SNMP)  # nothing could show it
        caught, _ = await reads.again(full_after_s=0.0)
        (gap,) = caught.gaps
        assert (gap.what, gap.cause, gap.complete) == (SNMP, "undetermined", True)
        assert "ETag" in gap.detail
        assert caught.documents == (await reads.in_full()).documents
        ilo.state.set(SNMP, "/AlertsEnabled", True)
        later, asked = await reads.again()
        assert asked == ["POST", DIRECTORY, key_of(SNMP), "DELETE"]
        assert later.gaps == (gap,)
        assert later.documents == (await reads.in_full()).documents
        ilo.state.set(MANAGER, "/FirmwareVersion", "iLO 5 v9.99")  # another firmware may have learnt it
        assert (await reads.again())[0].gaps == ()

    with_ilo(act)


@pytest.mark.parametrize("expand", [True, False])
def test_another_number_of_members_is_seen_in_the_directory_whatever_the_etag_says(
    expand: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(motion, "_CLOCKS", motion._CLOCKS | {"Members", "Members@odata.count"})

    async def act(ilo: VirtualIlo) -> None:
        reads = Reads(ilo, tmp_path)
        await reads.again()
        changes: list[Callable[[], object]] = [
            lambda: ilo.state.add(f"{DESTINATIONS}/3", {"Id": "3", "AlertDestination": "10.9.0.6"}),
            lambda: ilo.state.remove(f"{DESTINATIONS}/1"),
        ]
        for change in changes:
            change()
            seen, _ = await reads.again()
            assert seen.documents == (await reads.in_full()).documents
            assert [(gap.what, gap.complete) for gap in seen.gaps] == [(DESTINATIONS, True)]
            assert "ETag" in seen.gaps[0].detail

    with_ilo(act, expand=expand)


@pytest.mark.parametrize("number", [0, 1])
def test_what_an_expanded_list_leaves_out_is_seen_in_the_directory(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expanded = query._expanded

    def shrunk(value: object, *arguments: object, **named: object) -> object:
        whole = expanded(value, *arguments, **named)  # type: ignore[arg-type]
        if isinstance(value, dict) and key_of(str(value.get("@odata.id"))) == key_of(DESTINATIONS):
            assert isinstance(whole, dict)
            return {**whole, "Members": whole["Members"][:number], "Members@odata.count": number}  # type: ignore[index]
        return whole

    async def act(ilo: VirtualIlo) -> None:
        reads = Reads(ilo, tmp_path)
        whole = await reads.in_full()
        monkeypatch.setattr(query, "_expanded", shrunk)
        for _ in range(2):
            assert (await reads.again())[0] == whole

    with_ilo(act)


def test_another_firmware_gives_etags_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(ilo: VirtualIlo) -> None:
        reads = Reads(ilo, tmp_path)
        await reads.again()
        monkeypatch.setattr(motion, "_CLOCKS", motion._CLOCKS | {"Contact"})
        await reads.again(full_after_s=0.0)
        ilo.state.set(SNMP, "/Contact", "as the new firmware has it")
        ilo.state.set(MANAGER, "/FirmwareVersion", "iLO 5 v9.99")
        seen, _ = await reads.again()
        assert seen.documents == (await reads.in_full()).documents

    with_ilo(act)


def test_a_full_read_is_forced_at_an_age_and_compares_what_it_finds(tmp_path: Path) -> None:
    async def act(ilo: VirtualIlo) -> None:
        reads = Reads(ilo, tmp_path)
        first, whole = await reads.again()
        for full_after_s in (0.0, -1.0, 1e-9):
            again, asked = await reads.again(full_after_s=full_after_s)
            assert (again, sorted(asked)) == (first, sorted(whole))

    with_ilo(act)


def _damaged(reads: Reads) -> None:
    content = bytearray(reads.file.read_bytes())
    content[len(content) // 2] ^= 1
    reads.file.write_bytes(content)


def _cut(reads: Reads) -> None:
    reads.file.write_bytes(reads.file.read_bytes()[:-1])


def _writable_by_others(reads: Reads) -> None:
    reads.file.chmod(0o622)


def _a_link(reads: Reads) -> None:
    reads.file.rename(reads.folder / "elsewhere")
    reads.file.symlink_to(reads.folder / "elsewhere")


def _of_another_target(reads: Reads) -> None:
    reads.target = Target("web2", "ilo", reads.target.location)
    place_of(reads.folder, "web1/ilo").rename(reads.file)


def _a_folder(reads: Reads) -> None:
    reads.file.unlink()
    reads.file.mkdir()


@pytest.mark.parametrize(
    "spoil", [_damaged, _cut, _writable_by_others, _a_link, _of_another_target, _a_folder], ids=lambda one: one.__name__
)
def test_a_memory_that_is_not_to_be_relied_on_means_a_full_read(spoil: Callable[[Reads], None], tmp_path: Path) -> None:
    async def act(ilo: VirtualIlo) -> None:
        reads = Reads(ilo, tmp_path)
        _, whole = await reads.again()
        spoil(reads)
        again, asked = await reads.again()
        assert sorted(asked) == sorted(whole)
        assert again.documents == (await reads.in_full()).documents

    with_ilo(act)


def test_another_key_or_user_reads_all_anew(tmp_path: Path) -> None:
    async def act(ilo: VirtualIlo) -> None:
        reads = Reads(ilo, tmp_path)
        _, whole = await reads.again()
        other, asked = await reads.again(sealer=Sealer(b"another key of the tests, 32 byte"))
        assert sorted(asked) == sorted(whole)
        assert b"auditor-secret" in b"".join(one.content for one in other.documents)
        await reads.again()
        ilo.accounts.admit("somebody", PASSWORD)
        environment = {**options().environment, "AUDITOR_ILO_USERNAME": "somebody"}
        assert sorted((await reads.again(environment=environment))[1]) == sorted(whole)

    with_ilo(act)


@pytest.mark.parametrize("fault", ["absent", "refused", "malformed", "huge", "drop"])
@pytest.mark.parametrize("expand", [True, False])
def test_without_a_directory_all_is_read(fault: str, expand: bool, tmp_path: Path) -> None:
    async def act(ilo: VirtualIlo) -> None:
        reads = Reads(ilo, tmp_path)
        first, _ = await reads.again()
        ilo.state.set(SNMP, "/Contact", "somebody else")
        ilo.faults.add(fault, "/ResourceDirectory")  # type: ignore[arg-type]
        for _ in range(2):
            again, _ = await reads.again()
            assert again == await reads.in_full() != first

    with_ilo(act, expand=expand)


def test_what_the_directory_does_not_list_or_lists_twice_is_read_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = simulated.IloState._directory
    odd: dict[str, Callable[[Body], list[Body]]] = {
        key_of(SNMP): lambda _: [],
        key_of(BIOS): lambda one: [{name: value for name, value in one.items() if name != "ETag"}],
        key_of(MANAGER): lambda one: [one, {**one, "ETag": 'W/"other"'}],
    }

    def spoilt(self: simulated.IloState) -> Body:
        whole = listing(self)
        instances = whole["Instances"]
        assert isinstance(instances, list)
        kept = [odd.get(key_of(str(one["@odata.id"])), lambda one: [one])(one) for one in instances]  # type: ignore[index,call-overload,arg-type]
        return {**whole, "Instances": [*(one for some in kept for one in some), None, 7, {"@odata.id": 3}]}

    monkeypatch.setattr(simulated.IloState, "_directory", spoilt)

    async def act(ilo: VirtualIlo) -> None:
        reads = Reads(ilo, tmp_path)
        await reads.again()
        ilo.state.set(SNMP, "/Contact", "unlisted")
        again, asked = await reads.again()
        assert sorted(asked) == sorted(["POST", DIRECTORY, *odd, "DELETE"])
        assert again == await reads.in_full()

    with_ilo(act)


def test_a_gap_is_looked_into_again_each_time(tmp_path: Path) -> None:
    async def act(ilo: VirtualIlo) -> None:
        reads = Reads(ilo, tmp_path)
        ilo.state.set(DESTINATIONS, "/Members@odata.count", 7)
        ilo.faults.add("refused", "/EventService")
        first, _ = await reads.again()
        again, _ = await reads.again()
        assert again == first
        assert {(gap.what, gap.cause) for gap in again.gaps} == {
            (DESTINATIONS, "undetermined"),
            (f"{ROOT}/EventService", "not permitted"),
        }
        ilo.faults.clear()
        mended, _ = await reads.again()
        assert [gap.what for gap in mended.gaps] == [DESTINATIONS]
        assert mended == await reads.in_full()

    with_ilo(act)


def test_a_moved_log_in_is_found_again_and_a_refused_one_is_tried_once(tmp_path: Path) -> None:
    async def act(ilo: VirtualIlo) -> None:
        reads = Reads(ilo, tmp_path)
        first, _ = await reads.again()
        ilo.faults.add("absent", "SessionService/Sessions", method="POST", times=1)
        again, asked = await reads.again()
        assert again == first
        assert asked == ["POST", ROOT, "POST", DIRECTORY, "DELETE"]
        wrong = {**options().environment, "AUDITOR_ILO_PASSWORD": "wrong"}
        refused, asked = await reads.again(environment=wrong)
        assert [(gap.what, gap.cause) for gap in refused.gaps] == [("whole target", "refused")]
        assert asked == ["POST"]
        assert (await reads.again())[1] == ["POST", DIRECTORY, "DELETE"]

    with_ilo(act)


def test_the_memory_is_private_and_holds_no_secret(tmp_path: Path) -> None:
    async def act(ilo: VirtualIlo) -> None:
        reads = Reads(ilo, tmp_path / "state")
        await reads.again()
        content = reads.file.read_bytes()
        assert reads.file.stat().st_mode & 0o777 == 0o600
        assert reads.file.parent.stat().st_mode & 0o777 == 0o700
        assert list(reads.file.parent.iterdir()) == [reads.file]
        for secret in (PASSWORD, "sim-read-community", "sim-trap-community", "SIMUL-ATED0", "0x800000E8"):
            assert secret.encode() not in content
        forget(reads.folder, reads.target.name)
        forget(reads.folder, reads.target.name)
        assert len((await reads.again())[1]) > 10

    with_ilo(act)


def test_a_state_folder_that_cannot_be_written_is_said_and_costs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")

    async def act(ilo: VirtualIlo) -> None:
        reads = Reads(ilo, tmp_path / "state")
        collected, _ = await reads.again()
        assert collected == await reads.in_full()
        assert any("not remembered" in text for text in reads.said)

    with_ilo(act)


def test_another_attribute_registry_seals_all_anew(tmp_path: Path) -> None:
    async def act(ilo: VirtualIlo) -> None:
        reads = Reads(ilo, tmp_path)
        first, _ = await reads.again()
        registry = next(one.name for one in first.documents if b"RegistryEntries" in one.content)
        body = ilo.state.get(registry)
        ilo.state.set(registry, "/RegistryEntries", {**body["RegistryEntries"], "Dependencies": []})  # type: ignore[dict-item]
        again, asked = await reads.again()
        assert again == await reads.in_full()
        assert len(asked) > 10
        assert (await reads.again())[1] == ["POST", DIRECTORY, "DELETE"]

    with_ilo(act)


def test_what_was_not_read_to_its_end_is_not_remembered(tmp_path: Path) -> None:
    async def act(ilo: VirtualIlo) -> None:
        reads = Reads(ilo, tmp_path)
        ilo.faults.add("latency", seconds=0.25)
        late, _ = await reads.again(deadline_s=1.2)
        assert any(isinstance(gap, Gap) and gap.cause == "timed out" for gap in late.gaps)
        assert not reads.file.exists()

    with_ilo(act)
