"""Attribute registries are downloaded once a version, for a whole fleet and its runs, and never believed blindly."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected
from auditor.model.target import IloEndpoint, Target
from auditor.services.observe import observe
from auditor.surfaces.ilo import kept_registries
from auditor.surfaces.ilo.kept_registries import MAX_FILES, KeptRegistries
from auditor.surfaces.ilo.registry import compact
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from auditor.transport.shared import Shared
from tests.virtual_ilo import BIOS, PASSWORD, SEALER, USERNAME, bodies, options

pytestmark = pytest.mark.integration

STORE = "/registrystore/"
BODY = compact(next(body for body in bodies().values() if "RegistryEntries" in body))
NAME = str(BODY["Id"])


def downloads(ilos: Sequence[VirtualIlo]) -> list[int]:
    """How often each was asked for a registry since the last look."""
    found = [sum(STORE in path.casefold() for _, path in ilo.requests) for ilo in ilos]
    for ilo in ilos:
        ilo.requests.clear()
    return found


def a_run(folder: Path | None = None, **changes: Any) -> CollectOptions:
    """The options of one run: nothing is remembered of any iLO."""
    return msgspec.structs.replace(options(), keep=folder, shared=Shared(), **changes)


async def seen(ilos: Sequence[VirtualIlo], run: CollectOptions, *, at_once: int = 16) -> list[Collected]:
    """What is collected of each in one run."""
    targets = [Target(f"web{n}", "ilo", IloEndpoint(ilo.url, ilo.cafile)) for n, ilo in enumerate(ilos)]
    looked = observe(targets, None, run, InterpretOptions(), at_once=at_once)
    found = {one.target.host: one.collected async for one in looked}
    return [found[f"web{n}"] for n in range(len(ilos))]


def with_ilos(act: Callable[[list[VirtualIlo]], Awaitable[None]], *personalities: str) -> None:
    async def run() -> None:
        async with contextlib.AsyncExitStack() as stack:
            await act([await stack.enter_async_context(VirtualIlo(one, USERNAME, PASSWORD)) for one in personalities])

    asyncio.run(run())


@pytest.mark.parametrize("at_once", [1, 16])
def test_three_machines_with_one_bios_cost_one_download_and_the_next_run_none(tmp_path: Path, at_once: int) -> None:
    async def act(ilos: list[VirtualIlo]) -> None:
        alone = [(await seen([ilo], a_run()))[0] for ilo in ilos]
        assert downloads(ilos) == [1, 1, 1]
        together = await seen(ilos, a_run(tmp_path), at_once=at_once)
        assert sum(downloads(ilos)) == 1
        again = await seen(ilos, a_run(tmp_path), at_once=at_once)
        assert downloads(ilos) == [0, 0, 0]
        for one, other, third in zip(alone, together, again, strict=True):
            assert one.documents == other.documents == third.documents
            assert not [gap for gap in other.gaps if not gap.complete]

    with_ilos(act, "ilo5", "ilo5", "ilo5")


def test_without_a_folder_a_run_shares_and_the_next_one_reads_again(tmp_path: Path) -> None:
    async def act(ilos: list[VirtualIlo]) -> None:
        for _ in range(2):
            await seen(ilos, a_run())
            assert sum(downloads(ilos)) == 1
        assert not list(tmp_path.iterdir())

    with_ilos(act, "ilo5", "ilo5")


def test_each_version_is_a_registry_of_its_own(tmp_path: Path) -> None:
    async def act(ilos: list[VirtualIlo]) -> None:
        await seen(ilos, a_run(tmp_path))
        assert downloads(ilos) == [1, 1]
        assert len(list((tmp_path / "ilo" / "registries").iterdir())) == 2

    with_ilos(act, "ilo5", "ilo7")


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _changed(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"BootMode", b"BootMood"))


def _of_another_key(file: Path) -> None:
    KeptRegistries(file.parent.parent.parent, Sealer(b"another key, 32 bytes and longer!")).write(NAME, BODY)


def _of_another_name(file: Path) -> None:
    kept = KeptRegistries(file.parent.parent.parent, SEALER)
    kept.write("Other.v1_0_0", {**BODY, "Id": "Other.v1_0_0"})
    kept.place_of("Other.v1_0_0").replace(file)


def _open_to_others(file: Path) -> None:
    file.chmod(0o666)


def _a_link(file: Path) -> None:
    file.rename(file.with_name("away"))
    file.symlink_to("away")


def _a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize(
    "spoil", [_cut, _changed, _of_another_key, _of_another_name, _open_to_others, _a_link, _a_pipe]
)
def test_a_file_that_is_not_as_we_wrote_it_means_a_fresh_read_and_is_replaced(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    async def act(ilos: list[VirtualIlo]) -> None:
        first = await seen(ilos, a_run(tmp_path))
        assert downloads(ilos) == [1]
        spoil(KeptRegistries(tmp_path, SEALER).place_of(NAME))
        assert await seen(ilos, a_run(tmp_path)) == first
        assert downloads(ilos) == [1]
        assert await seen(ilos, a_run(tmp_path)) == first
        assert downloads(ilos) == [0]

    with_ilos(act, "ilo5")


@pytest.mark.parametrize("days", [31, -1])
def test_one_that_is_old_or_of_a_day_to_come_is_read_again(
    tmp_path: Path, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, now = KeptRegistries(tmp_path, SEALER), time.time()
    kept.write(NAME, BODY)
    assert kept.read(NAME) == kept.read(NAME.upper()) == BODY
    monkeypatch.setattr(kept_registries.time, "time", lambda: now + days * 86_400)
    assert kept.read(NAME) is None


def test_they_are_bounded_in_size_and_number(tmp_path: Path) -> None:
    kept = KeptRegistries(tmp_path, SEALER)
    names = [f"Bios.v1_0_{n}" for n in range(MAX_FILES + 3)]
    small: Any = {"RegistryEntries": {"Attributes": [{"AttributeName": "BootMode"}]}}
    for number, name in enumerate(names):
        kept.write(name, {**small, "Id": name})
        os.utime(kept.place_of(name), ns=(number, number))
    kept.write(names[0], {**small, "Id": names[0]})
    assert len(list(kept.place_of(NAME).parent.iterdir())) == MAX_FILES
    assert kept.read(names[0]) is not None
    assert kept.read(names[1]) is None
    kept.write(NAME, {**BODY, "Language": "x" * kept_registries.MAX_BYTES})
    assert kept.read(NAME) is None


def test_a_folder_that_cannot_be_written_to_is_said_and_costs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "ilo").write_text("a file where a folder should be")
    said: list[str] = []

    async def act(ilos: list[VirtualIlo]) -> None:
        found = await seen(ilos, a_run(tmp_path, observe=said.append))
        assert sum(downloads(ilos)) == 1
        assert not [gap for one in found for gap in one.gaps if not gap.complete]

    with_ilos(act, "ilo5", "ilo5")
    assert any("is not kept" in text for text in said)


@pytest.mark.parametrize("fault", ["malformed", "page", "cut"])
def test_a_machine_that_fails_to_give_it_costs_the_others_nothing(tmp_path: Path, fault: Any) -> None:
    async def act(ilos: list[VirtualIlo]) -> None:
        ilos[0].faults.add(fault, STORE)
        found = await seen(ilos, a_run(tmp_path, deadline_s=15.0))
        assert [bool([gap for gap in one.gaps if not gap.complete]) for one in found] in (
            [True, False, False],
            [False, False, False],  # another one was first
        )
        found = await seen(ilos[:1], a_run(deadline_s=15.0))
        assert [gap.kinds for gap in found[0].gaps if not gap.complete] == [("ilo.bios",)]

    with_ilos(act, "ilo5", "ilo5", "ilo5")


@pytest.mark.parametrize("wrong", [{"Id": "BiosAttributeRegistryX.v1_0_0"}, {"RegistryEntries": {"Attributes": None}}])
def test_what_is_no_registry_of_that_name_is_neither_shared_nor_kept(tmp_path: Path, wrong: dict[str, Any]) -> None:
    async def act(ilos: list[VirtualIlo]) -> None:
        place = next(uri for uri in ilos[0].state.uris() if STORE in uri.casefold())
        for name, value in wrong.items():
            ilos[0].state.set(place, f"/{name}", value)
        await seen(ilos[:1], a_run(tmp_path))
        assert downloads(ilos) == [1, 0]
        assert not (tmp_path / "ilo").exists()
        _, well = await seen(ilos, a_run(tmp_path), at_once=1)
        assert downloads(ilos) == [1, 1]
        assert not [gap for gap in well.gaps if not gap.complete]

    with_ilos(act, "ilo5", "ilo5")


def test_an_ilo_that_lists_another_etag_for_it_is_believed_before_the_others(tmp_path: Path) -> None:
    async def act(ilos: list[VirtualIlo]) -> None:
        first = await seen(ilos, a_run(tmp_path, remember=tmp_path))
        assert sum(downloads(ilos)) == 1
        place = next(uri for uri in ilos[1].state.uris() if STORE in uri.casefold())
        ilos[1].state.set(place, "/RegistryVersion", "of this machine alone")
        again = await seen(ilos, a_run(tmp_path, remember=tmp_path))
        assert downloads(ilos)[0] == 0
        assert again[0].documents == first[0].documents
        assert b"of this machine alone" in b"".join(one.content for one in again[1].documents)
        await seen(ilos, a_run(tmp_path, remember=tmp_path))
        assert downloads(ilos) == [0, 0]

    with_ilos(act, "ilo5", "ilo5")


def test_a_registry_of_one_machine_lays_no_secret_of_another_open(tmp_path: Path) -> None:
    async def act(ilos: list[VirtualIlo]) -> None:
        liar, honest = ilos
        place = next(uri for uri in liar.state.uris() if STORE in uri.casefold())
        entries: Any = liar.state.get(place)["RegistryEntries"]
        lie = {"AttributeName": "AdminPassword", "Type": "Enumeration", "Value": [{"ValueName": "None"}]}
        others = [one for one in entries["Attributes"] if one["AttributeName"] != "AdminPassword"]
        liar.state.set(place, "/RegistryEntries", {**entries, "Attributes": [*others, lie]})
        honest.state.set(BIOS, "/Attributes/AdminPassword", "open sesame")
        _, collected = await seen(ilos, a_run(tmp_path), at_once=1)
        assert downloads(ilos) == [1, 0]
        assert b"open sesame" not in b"".join(one.content for one in collected.documents)

    with_ilos(act, "ilo5", "ilo5")


def test_a_slow_machine_holds_up_nobody_and_a_failing_one_is_followed_by_the_next() -> None:
    async def act() -> None:
        shared, begun, gone = Shared(wait_s=0.05), asyncio.Event(), asyncio.Event()
        made: list[str] = []

        async def slow() -> str:
            begun.set()
            await gone.wait()
            return "slow"

        async def quick() -> str:
            made.append("quick")
            return "quick"

        async def failing() -> None:
            made.append("failing")
            await asyncio.sleep(0)

        async with asyncio.TaskGroup() as group:
            first = group.create_task(shared.get("a", slow))
            await begun.wait()
            assert await shared.get("a", quick) == "quick"
            gone.set()
        assert first.result() == "slow"
        assert await shared.get("a", slow) == "quick"
        patient = Shared(wait_s=60.0)
        tries = [patient.get("b", failing), patient.get("b", quick), patient.get("b", quick)]
        assert await asyncio.gather(*tries) == [None, "quick", "quick"]
        assert made == ["quick", "failing", "quick"]
        ended = asyncio.create_task(patient.get("c", asyncio.Event().wait))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(patient.get("c", quick))
        await asyncio.sleep(0)
        ended.cancel()
        assert await waiting == "quick"

    asyncio.run(act())


def test_no_more_are_held_than_a_run_needs() -> None:
    async def act() -> None:
        shared, made = Shared(most=2), 0

        async def make() -> str:
            nonlocal made
            made += 1
            return "value"

        for _ in range(2):
            for name in ("a", "b", "c"):
                await shared.get(name, make)
        assert made == 4

    asyncio.run(act())


def test_a_fleet_keeps_them_beside_its_store_with_its_own_key_only(tmp_path: Path) -> None:
    from auditor.services.fleet import load_fleet
    from auditor.services.keys import sealer_for
    from tests.fakes.fleets import TestFleet

    async def act(ilos: list[VirtualIlo]) -> None:
        hosts = "".join(
            f"  web{n}:\n    ilo: {{url: '{one.url}', cafile: {one.cafile}}}\n" for n, one in enumerate(ilos)
        )
        made = TestFleet(tmp_path / "fleet", hosts).make()
        fleet = load_fleet(made.root)
        folder = fleet.state_path / "ilo" / "registries"

        async def look(sealer: Sealer) -> int:
            run = msgspec.structs.replace(options(), sealer=sealer, shared=Shared())
            async for one in observe(fleet.targets, fleet, run, InterpretOptions()):
                assert one.seen
            return sum(downloads(ilos))

        assert await look(Sealer(os.urandom(32))) == 1
        assert not folder.exists()
        own = sealer_for(fleet, made.environment)
        assert [await look(own), await look(own)] == [1, 0]
        assert [one.stat().st_mode & 0o777 for one in folder.iterdir()] == [0o600]
        shutil.rmtree(folder)
        assert await look(own) == 1

    with_ilos(act, "ilo5", "ilo5")
