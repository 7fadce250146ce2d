"""Reading a whole iLO, and what is said where a part of it cannot be read."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from auditor.errors import InputError
from auditor.model.snapshot import Collected
from auditor.model.target import LocalTree, Target
from auditor.model.value import Undetermined
from auditor.surfaces.ilo.collect import collect
from auditor.surfaces.ilo.gaps import WHOLE
from auditor.surfaces.ilo.links import expanded_members
from auditor.surfaces.ilo.resources import interpret
from auditor.surfaces.ilo.simulator.faults import FaultKind
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from auditor.surfaces.ilo.simulator.sources import documents
from auditor.surfaces.ilo.surface import SURFACE
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from tests.virtual_ilo import (
    BIOS,
    MANAGER,
    PASSWORD,
    PENDING,
    ROOT,
    SEALER,
    SNMP,
    collected_from,
    options,
    target,
    with_ilo,
)

pytestmark = pytest.mark.integration

MOST_GETS = 35


@pytest.mark.parametrize("personality", ["ilo5", "ilo6", "ilo7"])
def test_two_reads_of_an_unchanged_ilo_are_identical_and_cheap(personality: str) -> None:
    async def act(ilo: VirtualIlo) -> None:
        first = await SURFACE.collect(target(ilo), options())
        asked = sum(method == "GET" for method, _ in ilo.requests)
        assert await SURFACE.collect(target(ilo), options()) == first
        assert asked <= MOST_GETS
        assert first.gaps == ()
        assert first.fact("generation") == {"ilo5": "iLO 5", "ilo6": "iLO 6", "ilo7": "iLO 7"}[personality]
        assert len({document.store_path for document in first.documents}) == len(first.documents) > 40
        assert ilo.sessions == {}
        assert ilo.opened_sessions == 2

    with_ilo(act, personality)


def test_without_expand_the_same_is_read_member_by_member() -> None:
    async def act(ilo: VirtualIlo) -> Collected:
        return await collected_from(ilo)

    with_it, without = with_ilo(act), with_ilo(act, expand=False)
    root = {document.name for document in with_it.documents} & {ROOT}
    assert root
    assert {one for one in with_it.documents if one.name != ROOT} == {
        one for one in without.documents if one.name != ROOT
    }
    assert without.gaps == ()


def test_a_refused_expand_falls_back_to_the_members() -> None:
    async def act(ilo: VirtualIlo) -> None:
        ilo.faults.add("refused", "expand=")
        collected = await collected_from(ilo)
        assert collected.gaps == ()
        assert collected.document(f"{SNMP}/SNMPAlertDestinations/2") is not None

    with_ilo(act)


@pytest.mark.parametrize(
    ("fault", "cause", "complete"),
    [
        ("absent", "absent", False),
        ("refused", "not permitted", False),
        ("licence", "licence", False),
        ("malformed", "malformed", False),
        ("huge", "too large", False),
        ("hang", "timed out", False),
        ("drop", "unreachable", False),
    ],
)
def test_a_resource_that_cannot_be_read_is_a_gap_and_the_rest_is_read(
    fault: FaultKind, cause: str, complete: bool
) -> None:
    async def act(ilo: VirtualIlo) -> None:
        ilo.faults.add(fault, "/Managers/1/SnmpService")
        collected = await collect(target(ilo), options(deadline_s=3.0))
        (gap,) = collected.gaps
        assert (gap.what, gap.cause, gap.complete) == (SNMP, cause, complete)
        assert {"ilo.snmp", "ilo.snmp_destination"} <= set(gap.kinds)
        assert collected.document(BIOS) is not None
        assert ilo.sessions == {}

    with_ilo(act)


def test_three_resources_that_hang_hold_up_none_of_the_others() -> None:
    async def act(ilo: VirtualIlo) -> None:
        hanging = [SNMP, f"{ROOT}/EventService", f"{ROOT}/AccountService"]
        for place in hanging:
            ilo.faults.add("hang", place)
        collected = await collect(target(ilo), options(deadline_s=6.0))
        assert {(gap.what, gap.cause) for gap in collected.gaps} == {(place, "timed out") for place in hanging}
        assert collected.document(BIOS) is not None
        assert ilo.sessions == {}

    with_ilo(act)


def test_a_late_ilo_is_cut_off_and_says_what_is_missing() -> None:
    async def act(ilo: VirtualIlo) -> None:
        ilo.faults.add("latency", "/Chassis", seconds=5)
        collected = await collect(target(ilo), options(deadline_s=1.2))
        assert [(gap.what, gap.cause) for gap in collected.gaps][-1][1] == "timed out"
        assert collected.document(SNMP) is not None
        assert ilo.sessions == {}

    with_ilo(act)


def test_an_ilo_that_never_answers_is_a_gap_on_the_whole_target() -> None:
    async def act(ilo: VirtualIlo) -> None:
        ilo.faults.add("hang")
        collected = await collect(target(ilo), options(deadline_s=0.5))
        assert [(gap.what, gap.cause, gap.kinds) for gap in collected.gaps] == [(WHOLE, "timed out", ())]
        assert collected.documents == ()

    with_ilo(act)


def test_failures_of_the_whole_target_are_one_gap_each() -> None:
    async def act(ilo: VirtualIlo) -> None:
        refused = await collect(target(ilo), options(password="wrong"))
        assert [(gap.what, gap.cause) for gap in refused.gaps] == [(WHOLE, "refused")]
        untrusted = await collect(target(ilo, cafile=""), options())
        assert [(gap.what, gap.cause) for gap in untrusted.gaps] == [(WHOLE, "not trusted")]
        assert "SHA256:" in untrusted.gaps[0].detail
        unnamed = await collect(target(ilo), without_environment())
        assert [(gap.what, gap.cause) for gap in unnamed.gaps] == [(WHOLE, "refused")]
        ilo.faults.add("absent", "/redfish/v1")
        unsupported = await collect(target(ilo), options())
        assert [(gap.what, gap.cause) for gap in unsupported.gaps] == [(WHOLE, "unsupported")]
        assert interpret(unsupported, InterpretOptions()).resources == ()
        assert ilo.refused_logins == 1

    with_ilo(act)


def without_environment() -> CollectOptions:

    return msgspec.structs.replace(options(), environment={})


def test_what_is_no_ilo_is_an_input_error() -> None:
    with pytest.raises(InputError):
        asyncio.run(collect(Target("web1", "ilo", LocalTree("/etc/httpd")), options()))


def test_an_unverified_target_is_said_loudly() -> None:
    said: list[str] = []

    async def act(ilo: VirtualIlo) -> None:

        collected = await collect(
            target(ilo, cafile="", verify=False), msgspec.structs.replace(options(), observe=said.append)
        )
        assert collected.gaps == ()

    with_ilo(act)
    assert any("WARNING" in text for text in said)


def test_a_change_shows_in_its_own_document_only() -> None:
    async def act(ilo: VirtualIlo) -> None:
        before = await collected_from(ilo)
        assert ilo.state.remove_alert_destination("10.9.0.4")
        assert not ilo.state.remove_alert_destination("10.9.0.4")
        after = await collected_from(ilo)
        contents = [{one.name: one.content for one in each.documents} for each in (before, after)]
        different = {name for name in contents[0].keys() | contents[1].keys()
                     if contents[0].get(name) != contents[1].get(name)}  # fmt: skip
        assert different == {f"{SNMP}/SNMPAlertDestinations", f"{SNMP}/SNMPAlertDestinations/1"}

    with_ilo(act)


def test_hostile_links_and_sizes_are_gaps() -> None:
    async def act(ilo: VirtualIlo) -> None:
        ilo.state.set(MANAGER, "/NetworkProtocol", {"@odata.id": "https://thief.example/redfish/v1/x"})
        ilo.state.set(MANAGER, "/Oem/Hpe/Links/SNMPService", {"@odata.id": "/redfish/v1/../../etc/passwd"})
        many = [{"@odata.id": f"{ROOT}/UpdateService/FirmwareInventory/{number}"} for number in range(2000)]
        ilo.state.set(f"{ROOT}/UpdateService/FirmwareInventory", "/Members", many)
        ilo.state.set(f"{ROOT}/EventService/Subscriptions", "/Members", "none")
        collected = await collected_from(ilo)
        causes = {gap.what: gap.cause for gap in collected.gaps}
        [links] = [gap for gap in collected.gaps if gap.what == MANAGER]
        assert links.cause == "malformed"
        assert links.detail == "2 links cannot be followed: /NetworkProtocol, /Oem/Hpe/Links/SNMPService"
        assert {"ilo.network_protocol", "ilo.snmp"} <= set(links.kinds)
        assert not any(gap.complete for gap in collected.gaps if gap.cause == "malformed")
        assert causes[f"{ROOT}/UpdateService/FirmwareInventory"] == "too large"
        assert causes[f"{ROOT}/EventService/Subscriptions"] == "malformed"
        assert not any("thief" in path or "passwd" in path for _, path in ilo.requests)
        assert len(ilo.requests) < 400

    with_ilo(act)


def test_what_stands_there_and_says_nothing_was_not_seen() -> None:
    async def act(ilo: VirtualIlo) -> None:
        chassis = f"{ROOT}/Chassis/1"
        ilo.state.set(chassis, "/Thermal", {"@odata.id": "https://thief.example/redfish/v1/x"})
        collection = f"{SNMP}/SNMPAlertDestinations"
        ilo.state.set(collection, "/Members@odata.count", 7)
        collected = await collected_from(ilo)
        open_gaps = {gap.what: gap.cause for gap in collected.gaps if not gap.complete}
        assert open_gaps[f"{chassis}#/Thermal"] == "malformed"
        assert open_gaps[collection] == "undetermined"

    with_ilo(act)


def test_pending_settings_without_attributes_are_undetermined() -> None:
    async def act(ilo: VirtualIlo) -> None:
        ilo.state.set(PENDING, "/Attributes", None)
        bios = interpret(await collected_from(ilo), InterpretOptions()).of_kind("ilo.bios")
        assert [type(one.value("pending")) for one in bios] == [Undetermined]

    with_ilo(act)


def test_an_expanded_member_that_is_an_error_is_not_its_body() -> None:
    whole = {"@odata.id": "/redfish/v1/x/1", "Id": "1"}
    failed = {"@odata.id": "/redfish/v1/x/2", "error": {"code": "Base.1.4.GeneralError"}}
    assert expanded_members({"Members": [whole]}) == (whole,)
    assert expanded_members({"Members": [whole, failed]}) is None
    assert expanded_members({"Members": [whole, {"@odata.id": "/redfish/v1/x/2", "@odata.etag": "1"}]}) is None


def test_a_circle_of_links_is_walked_once() -> None:
    async def act(ilo: VirtualIlo) -> None:
        ilo.state.set(MANAGER, "/NetworkProtocol", {"@odata.id": MANAGER})
        ilo.state.set(MANAGER, "/Oem/Hpe/Links/SNMPService", {"@odata.id": f"{ROOT}/Managers/"})
        await collected_from(ilo)
        assert len(ilo.requests) < 60

    with_ilo(act)


def test_spelling_of_paths_renames_nothing() -> None:
    async def act(ilo: VirtualIlo) -> None:
        before = await collected_from(ilo)
        ilo.state.set(f"{ROOT}/Systems/1", "/Bios", {"@odata.id": "/redfish/v1/SYSTEMS/1/Bios/"})
        after = await collected_from(ilo)
        assert {one.store_path for one in before.documents} == {one.store_path for one in after.documents}
        assert after.document(BIOS) == before.document(BIOS)

    with_ilo(act)


def test_a_virtual_ilo_made_from_a_snapshot_reads_the_same(tmp_path: Path) -> None:
    original = with_ilo(collected_from)
    for document in original.documents:
        place = tmp_path / document.store_path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(document.content)
    from_folder = with_ilo(collected_from, str(tmp_path))
    bodies = documents({one.name: one.content for one in original.documents})
    from_bodies = with_ilo(collected_from, bodies)  # type: ignore[arg-type]
    for copy in (from_folder, from_bodies):
        again = interpret(copy, InterpretOptions()).resources
        assert again == interpret(original, InterpretOptions()).resources
    assert SEALER.key_id.encode() in b"".join(one.content for one in from_folder.documents)


def test_neither_password_nor_token_is_in_what_was_collected() -> None:
    async def act(ilo: VirtualIlo) -> None:
        collected = await collected_from(ilo)
        ilo.faults.add("malformed", "/SnmpService")
        spoiled = await collected_from(ilo)
        everything = msgspec.json.encode((collected, spoiled)).decode() + repr((collected, spoiled))
        assert PASSWORD not in everything
        for secret in ("sim-read-community", "sim-trap-community", "SIMUL-ATED0", "0x800000E8"):
            assert secret not in everything
            assert not any(secret.encode() in one.content for one in collected.documents)

    with_ilo(act)
