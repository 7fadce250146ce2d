"""Killed at any point of a plan on the virtual iLO, or of taking it back: the next run leaves it as it was before."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.model.plan import SecretPlace
from auditor.model.value import Boolean, Number, Text, Version
from auditor.surfaces.ilo.body import Body
from tests.fakes.firmware import FIRMWARE, firmware
from tests.ilo_kills import Site, Way, Wished, site
from tests.virtual_ilo import PENDING, SNMP

pytestmark = pytest.mark.integration

SETTING = ('web1/ilo:ilo.snmp["1"].location', Text("rack 7"))
MADE = tuple(
    (f'web1/ilo:ilo.snmp_destination["10.9.0.9"].{name}', value)
    for name, value in (("present", Boolean(True)), ("protocol", Text("SNMPv3Trap")), ("security_name", Text("alerts")))
)
GONE = ('web1/ilo:ilo.snmp_destination["10.9.0.5"].present', None)
RESET = ('web1/ilo:ilo.network_protocol["1"].snmp_trap_port', Number(1162))
POWER = ('web1/ilo:ilo.bios["1"].AutoPowerOn', Text("AlwaysPowerOn"))
PROFILE = ('web1/ilo:ilo.bios["1"].WorkloadProfile', Text("LowLatency"))
Wishes = tuple[tuple[str, Wished], ...]
PLANS: dict[str, Wishes] = {
    "settings and members": (SETTING, *MADE, GONE),
    "reset of the iLO": (SETTING, RESET),
    "BIOS": (POWER, PROFILE),
}


def _every_point(place: Site, way: Way, *, step: int = 1, first: int = 1, reads: bool = True) -> int:
    """Kills a run at each of its points, then recovers; how many there were. It begins and ends in the same state."""
    before, point = place.state(), first - step
    while True:
        point += step
        if way == "forward":
            place.afresh()
        if not place.killed_at(way, point, reads=reads):
            return point - step
        if place.unfinished:
            place.run("recover")
            assert place.state() == before, f"{way} killed at {point}"
        else:  # killed before it began, or after its outcome was on disk
            assert point < 4 or place.state() != before, f"{way} killed at {point}"
            if place.state() != before:
                return point


@pytest.mark.parametrize("name", PLANS)
def test_killed_at_any_point_of_an_apply_and_of_a_rollback(tmp_path: Path, name: str) -> None:
    with site(tmp_path) as place:
        place.plan(*PLANS[name])
        before = place.state()
        points = _every_point(place, "forward")
        after = place.state()
        assert after != before
        back = _every_point(place, "back")
        assert place.state() == before
        assert points > 20
        assert back > 20


def test_what_somebody_else_set_for_the_next_boot_waits_again_wherever_a_rollback_is_killed(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        place.plan(POWER)
        place.afresh()
        place.run("forward")
        place.ilo.state.set(PENDING, "/Attributes/AdminName", "somebody")
        assert _every_point(place, "back") > 40
        assert place.ilo.state.pending() == {"AdminName": "somebody"}
        assert place.ilo.state.bios()["AdminName"] != "somebody"


USER, OLD, COMMUNITY = 'web1/ilo:ilo.snmp_user["noc"]', 'web1/ilo:ilo.snmp_user["alerts"]', "10.9.0.4"
V1 = f'web1/ilo:ilo.snmp_destination["{COMMUNITY}"]'
PHRASES = {"NEW": "a new phrase", "OLD": "the old phrase", "ENGINE": "0x800000E80453494D", "WORD": "sim-trap-community"}
SECRETS: dict[str, Wishes] = {
    "a user is made, another's pass phrase changed, and a v1 destination removed": (
        (f"{USER}.present", Boolean(True)),
        (f"{USER}.auth_protocol", Text("SHA")),
        (f"{USER}.auth_passphrase", SecretPlace("env:NEW")),
        (f"{USER}.privacy_protocol", Text("AES")),
        (f"{USER}.privacy_passphrase", SecretPlace("env:NEW")),
        (f"{OLD}.privacy_passphrase", SecretPlace("env:NEW")),
        (f"{OLD}.privacy_passphrase", SecretPlace("env:OLD", before=True)),
        (f"{V1}.present", None),
        (f"{V1}.community", SecretPlace("env:WORD", before=True)),
    ),
    "a user is replaced": (
        (f"{USER}.present", Boolean(True)),
        (f"{USER}.auth_protocol", Text("SHA")),
        (f"{USER}.auth_passphrase", SecretPlace("env:NEW")),
        (f"{USER}.privacy_protocol", Text("AES")),
        (f"{USER}.privacy_passphrase", SecretPlace("env:NEW")),
        (f"{OLD}.present", None),
        (f"{OLD}.auth_passphrase", SecretPlace("env:OLD", before=True)),
        (f"{OLD}.privacy_passphrase", SecretPlace("env:OLD", before=True)),
        (f"{OLD}.engine_id", SecretPlace("env:ENGINE", before=True)),
    ),
}


@pytest.mark.parametrize("name", SECRETS)
def test_killed_where_secrets_are_set(tmp_path: Path, name: str) -> None:
    """At each journal record and at each request that changes something, before and after it."""
    with site(tmp_path) as place:
        place.secrets = PHRASES
        user = f"{SNMP}/SNMPUsers/1"
        phrases = {"AuthPassphrase": "the old phrase", "PrivacyPassphrase": "the old phrase"}
        assert place.ilo.state.patch(user, dict(phrases)).status == 200
        place.plan(*SECRETS[name])
        before = place.state()
        forward = _every_point(place, "forward", reads=False)
        after = [place.ilo.state.kept(f"{SNMP}/SNMPUsers/{number}") for number in (1, 2)]
        assert {"AuthPassphrase": "a new phrase", "PrivacyPassphrase": "a new phrase"} in after
        assert after[0] in ({**phrases, "PrivacyPassphrase": "a new phrase"}, {})
        back = _every_point(place, "back", reads=False)
        assert place.state() == before
        assert place.ilo.state.kept(user) == phrases
        assert forward > 15
        assert back > 15
        journals = b"".join(one.read_bytes() for one in tmp_path.rglob("*.jsonl"))
        assert b"/SecurityName" in journals
        assert not [one for one in PHRASES.values() if one.encode() in journals]


def test_killed_where_a_subscription_is_replaced_there_is_always_one_of_the_two(tmp_path: Path) -> None:
    hook = "https://sink.example/events"
    listed = "/redfish/v1/EventService/Subscriptions"
    with site(tmp_path) as place:
        state = place.ilo.state
        old: Body = {"Destination": hook, "Context": "old", "EventTypes": ["Alert"]}
        assert state.create(listed, old).status == 201
        place.plan((f'web1/ilo:ilo.event_subscription["{hook}"].context', Text("new")))
        before = place.state()
        del place.ilo.requests[:]
        assert _every_point(place, "forward", reads=False) > 8
        assert [state.get(uri)["Context"] for uri in state.uris() if uri.startswith(f"{listed}/")] == ["new"]
        assert _every_point(place, "back", reads=False) > 8
        assert place.state() == before
        there = 1
        for method, path in place.ilo.requests:
            there += {"POST": 1, "DELETE": -1}.get(method, 0) if path.rstrip("/").startswith(listed) else 0
            assert there > 0, "there was a moment without either"
        assert there == 1


@pytest.mark.parametrize(("first", "component"), list(enumerate(FIRMWARE, 1)))
def test_killed_at_an_update_of_firmware(tmp_path: Path, first: int, component: str) -> None:
    """At every third point (journal, and requests that change something), another third for each component."""
    with site(tmp_path) as place:
        place.catalogue, place.artefacts = firmware(tmp_path)
        place.ilo.state.set("/redfish/v1/UpdateService/FirmwareInventory/1", "/Version", "3.11")
        address = f'web1/ilo:ilo.firmware["{component}"].version'
        place.plan((address, Version(FIRMWARE[component])))
        before = place.state()
        assert _every_point(place, "forward", step=3, first=first, reads=False) > 30
        assert place.state() != before
        assert _every_point(place, "back", step=3, first=first, reads=False) > 15
        assert place.state() == before


EVERYTHING = (SETTING, *MADE, GONE, RESET, POWER, PROFILE)


@pytest.mark.parametrize("share", [0.35, 0.55, 0.75, 0.95])
def test_recovery_that_is_killed_too_is_repeated_until_it_is_done(tmp_path: Path, share: float) -> None:
    with site(tmp_path) as place:
        place.plan(*EVERYTHING)
        before, killed = place.state(), 0
        midway = round(share * 140)
        for point in range(1 + round(share * 20) % 7, 500, 7):
            place.afresh()
            assert place.killed_at("forward", midway)
            killed = point if place.killed_at("recover", point) else 0
            if killed and place.unfinished:
                place.killed_at("recover", point // 2 + 1)
            if place.unfinished:
                place.run("recover")
            assert place.state() == before, f"killed at {midway}, recovery at {point}"
            if not killed:
                break
        assert not killed
