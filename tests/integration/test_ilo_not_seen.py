"""What an iLO shows in part, or in a form that is not known, is a gap over all that it may hide."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from auditor.model.snapshot import Collected, Interpretation, hides
from auditor.model.value import Boolean, Number, Undetermined, texts
from auditor.surfaces.ilo.body import Body, key_of
from auditor.surfaces.ilo.links import LINKS
from auditor.surfaces.ilo.members import MEMBERS
from auditor.surfaces.ilo.resources import interpret
from auditor.surfaces.ilo.simulator import state
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from auditor.surfaces.interface import InterpretOptions
from tests.virtual_ilo import MANAGER, PROTOCOL, ROOT, SNMP, bodies, collected_from, collection, proposal, with_ilo

pytestmark = pytest.mark.integration

DESTINATIONS = f"{SNMP}/SNMPAlertDestinations"


def meant(change: Callable[[VirtualIlo], None]) -> Interpretation:
    """What an iLO means after a change by hand."""

    async def act(ilo: VirtualIlo) -> Interpretation:
        change(ilo)
        return interpret(await collected_from(ilo), InterpretOptions())

    return with_ilo(act)


@pytest.mark.parametrize(
    ("collection", "hidden"),
    [
        ("Managers", {"ilo.manager", "ilo.snmp", "ilo.security", "ilo.alert_mail"}),
        ("Systems", {"ilo.bios", "ilo.boot", "ilo.security"}),
        ("Chassis", {"ilo.threshold"}),
        ("UpdateService/FirmwareInventory", {"ilo.firmware"}),
    ],
)
def test_a_list_that_is_never_empty_hides_what_it_does_not_list(collection: str, hidden: set[str]) -> None:
    def empty(ilo: VirtualIlo) -> None:
        ilo.state.set(f"{ROOT}/{collection}", "/Members", [])
        ilo.state.set(f"{ROOT}/{collection}", "/Members@odata.count", 0)

    gaps = meant(empty).gaps
    assert [gap.what for gap in gaps if not gap.complete] == [f"{ROOT}/{collection}"]
    assert all(hides(gaps, kind) for kind in hidden)


def test_a_machine_may_have_no_subscription_and_no_destination() -> None:
    def empty(ilo: VirtualIlo) -> None:
        for place in (DESTINATIONS, f"{ROOT}/EventService/Subscriptions"):
            ilo.state.set(place, "/Members", [])
            ilo.state.set(place, "/Members@odata.count", 0)

    assert meant(empty).gaps == ()


@pytest.mark.parametrize(
    "body",
    [
        {
            "error": {
                "code": "iLO.0.10.ExtendedInfo",
                "@Message.ExtendedInfo": [{"MessageId": "iLO.2.14.InternalError"}],
            }
        },
        {"@odata.type": "#HpeiLOSnmpService.v2_3_0.HpeiLOSnmpService", "@odata.etag": 'W/"1"'},
        {"Id": "ExtendedError", "Type": "ExtendedError.1.0.0", "Messages": []},
        {"alertsenabled": True, "snmpv1trapenabled": True, "Name": "SNMP Service"},
    ],
)
def test_a_success_that_shows_nothing_of_the_resource_is_no_reading(body: dict[str, object]) -> None:
    gaps = meant(lambda ilo: ilo.state.add(SNMP, body)).gaps  # type: ignore[arg-type]
    assert [gap.what for gap in gaps if not gap.complete] == [SNMP]
    assert all(hides(gaps, kind) for kind in ("ilo.snmp", "ilo.snmp_destination", "ilo.manager"))


@pytest.mark.parametrize(
    ("uri", "link", "elsewhere", "hidden"),
    [
        (ROOT, "Systems", f"{ROOT}/Managers", "ilo.security"),
        (ROOT, "Chassis", f"{ROOT}/Managers", "ilo.threshold"),
        (f"{ROOT}/Chassis/1", "Thermal", ROOT, "ilo.threshold"),
        (f"{ROOT}/UpdateService", "Oem/Hpe/UpdateTaskQueue", f"{ROOT}/Managers", "ilo.manager"),
        (f"{ROOT}/UpdateService", "FirmwareInventory", f"{ROOT}/Managers", "ilo.firmware"),
    ],
)
def test_a_link_to_another_resource_than_it_promises_hides_what_it_promises(
    uri: str, link: str, elsewhere: str, hidden: str
) -> None:
    gaps = meant(lambda ilo: ilo.state.set(uri, f"/{link}/@odata.id", elsewhere)).gaps
    assert ("not recognised", elsewhere) in [(gap.cause, gap.what) for gap in hides(gaps, hidden)]


def test_what_misses_of_a_resource_is_told_although_a_link_leads_astray_to_it() -> None:
    def astray(ilo: VirtualIlo) -> None:
        ilo.state.set(f"{ROOT}/Chassis/1", "/Thermal/@odata.id", ROOT)
        root: Any = ilo.state.get(ROOT)
        del root["UpdateService"]
        ilo.state.add(ROOT, root)

    assert [gap.what for gap in hides(meant(astray).gaps, "ilo.firmware")] == [f"{ROOT}/#/UpdateService"]


def test_what_stands_where_the_bios_should_be_has_no_verdict() -> None:
    """A BIOS link that leads back to the system would else be a BIOS of which no change was rejected."""

    def astray(ilo: VirtualIlo) -> None:
        ilo.state.set(f"{ROOT}/Systems/1", "/Bios/@odata.id", f"{ROOT}/Systems/1")

    found = meant(astray)
    assert [gap.cause for gap in hides(found.gaps, "ilo.bios") if gap.kinds] == ["not recognised"]
    bios = found.find("ilo.bios", "1")
    assert bios is None or {type(one.value) for one in bios.attributes} == {Undetermined}


@pytest.mark.parametrize("oem", [None, "x", {}, {"Hpe": {}}])
def test_what_one_resource_says_of_several_kinds_is_missed_kind_by_kind(oem: object) -> None:
    def change(ilo: VirtualIlo) -> None:
        ilo.state.add(PROTOCOL, {**ilo.state.get(PROTOCOL), "Oem": oem})  # type: ignore[dict-item]

    gaps = meant(change).gaps
    assert [(gap.what, gap.kinds) for gap in gaps] == [(PROTOCOL, ("ilo.alert_mail", "ilo.remote_syslog"))]


@pytest.mark.parametrize("integrity", [None, "x", []])
def test_a_setting_below_something_in_its_place_is_undetermined(integrity: object) -> None:
    def change(ilo: VirtualIlo) -> None:
        ilo.state.set(f"{ROOT}/UpdateService", "/Oem/Hpe/FirmwareIntegrity", integrity)  # type: ignore[arg-type]

    manager = meant(change).find("ilo.manager", "1")
    assert manager is not None
    assert isinstance(manager.value("firmware_scan_enabled"), Undetermined)


def test_a_refusal_for_want_of_a_licence_hides_what_every_ilo_has() -> None:
    gaps = meant(lambda ilo: ilo.faults.add("licence", f"{ROOT}/Managers")).gaps
    assert [(gap.what, gap.cause) for gap in hides(gaps, "ilo.snmp")] == [(f"{ROOT}/Managers", "licence")]
    optional = f"{MANAGER}/SecurityService/SecurityDashboard"
    (gap,) = meant(lambda ilo: ilo.faults.add("licence", optional)).gaps
    assert (gap.what, gap.cause, gap.complete) == (optional, "licence", True)


@pytest.mark.parametrize("name", ["Members@odata.nextLink", "@odata.nextLink"])
def test_a_list_that_goes_on_elsewhere_is_not_all(name: str) -> None:
    gaps = meant(lambda ilo: ilo.state.set(DESTINATIONS, f"/{name}", f"{DESTINATIONS}?$skip=2")).gaps
    assert [gap.what for gap in hides(gaps, "ilo.snmp_destination")] == [DESTINATIONS]


def test_a_registry_that_an_incomplete_list_does_not_name_may_be_there() -> None:
    def cut(ilo: VirtualIlo) -> None:
        members = ilo.state.get(f"{ROOT}/Registries")["Members"]
        assert isinstance(members, list)
        ilo.state.set(f"{ROOT}/Registries", "/Members", members[:1])

    assert hides(meant(cut).gaps, "ilo.bios")


def test_what_stands_in_a_registrys_place_and_is_none_is_a_gap() -> None:
    place = f"{ROOT}/registrystore/registries/en/biosattributeregistryu46.v1_2_34"
    gaps = meant(lambda ilo: ilo.state.add(place, {"Id": "x", "RegistryEntries": None})).gaps
    assert [gap.what for gap in hides(gaps, "ilo.bios")] == [place]


def test_without_the_service_root_nothing_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is shown before the log-in, and fails afterwards: no state without a document may be stored and agreed."""

    async def act(ilo: VirtualIlo) -> Collected:
        read = state.IloState.read

        def failing(self: state.IloState, uri: str) -> Body | None:
            return {"error": {}} if key_of(uri) == ROOT and ilo.sessions else read(self, uri)

        monkeypatch.setattr(state.IloState, "read", failing)
        return await collected_from(ilo)

    collected = with_ilo(act)
    assert collected.documents == ()
    assert [(gap.what, gap.cause, gap.kinds) for gap in collected.gaps] == [("whole target", "malformed", ())]


@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_ilo_that_fails_is_not_called_another_controller(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(*_: object) -> web.Response:
        return web.Response(status=status)

    monkeypatch.setattr(VirtualIlo, "_handle", failing)
    (gap,) = with_ilo(collected_from).gaps
    assert (gap.what, gap.cause) == ("whole target", "unreachable")


def test_two_sensors_of_one_name_keep_their_own_thresholds() -> None:
    tree = bodies("ilo6")
    sensors = f"{ROOT}/Chassis/1/Sensors"
    first = next(uri for uri in tree if uri.startswith(f"{sensors}/"))
    tree[f"{sensors}/twin"] = {**tree[first], "Id": "twin", "Thresholds": {"UpperCritical": {"Reading": 12345}}}
    members = tree[sensors]["Members"]
    assert isinstance(members, list)
    members.append({"@odata.id": f"{sensors}/twin"})
    found = interpret(collection(tree), InterpretOptions()).of_kind("ilo.threshold")
    whole = interpret(collection(bodies("ilo6")), InterpretOptions()).of_kind("ilo.threshold")
    assert Number(12345) in [one.value("upper_critical") for one in found]
    assert {one.value("upper_critical") for one in whole} <= {one.value("upper_critical") for one in found}


@pytest.mark.parametrize(
    ("uri", "link", "hidden"),
    [(SNMP, "SNMPAlertDestinations", "ilo.snmp_destination"), (MANAGER, "Oem/Hpe/Links/LicenseService", "ilo.licence")],
)
def test_what_every_ilo_has_and_one_does_not_name_is_a_gap(uri: str, link: str, hidden: str) -> None:
    def change(ilo: VirtualIlo) -> None:
        body: Any = ilo.state.get(uri)
        holder = body
        *above, name = link.split("/")
        for one in above:
            holder = holder[one]
        del holder[name]
        ilo.state.add(uri, body)

    assert [gap.cause for gap in hides(meant(change).gaps, hidden)] == ["absent"]


def test_a_link_without_a_target_is_not_the_absence_of_the_resource() -> None:
    gaps = meant(lambda ilo: ilo.state.set(SNMP, "/SNMPAlertDestinations", None)).gaps
    assert [gap.what for gap in hides(gaps, "ilo.snmp_destination")] == [f"{SNMP}#/SNMPAlertDestinations"]


@pytest.mark.parametrize("model", ["iLO 8", "OpenBMC", "", None])
def test_another_generation_than_those_that_were_at_hand_proves_nothing(model: str | None) -> None:
    def become(ilo: VirtualIlo) -> None:
        ilo.state.set(MANAGER, "/Model", model)
        ilo.state.set(MANAGER, "/FirmwareVersion", "9.01")

    gaps = meant(become).gaps
    assert hides(gaps, "ilo.account_policy")
    tree = bodies("ilo5", (MANAGER, "/Model", model), (MANAGER, "/FirmwareVersion", "9.01"))
    assert "read and not changed" in proposal(('ilo.snmp["1"].contact', None), tree=tree).refusals[0]


def test_an_ilo_whose_firmware_says_its_generation_is_known() -> None:
    assert meant(lambda ilo: ilo.state.set(MANAGER, "/Model", "Express5800 BMC")).gaps == ()


def test_what_rests_on_an_unread_licence_is_undetermined() -> None:
    known, unknown = meant(lambda _: None), meant(lambda ilo: ilo.faults.add("malformed", f"{MANAGER}/LicenseService"))
    for kind, name in (("ilo.alert_mail", "licensed"), ("ilo.manager", "downgrade_policy_licensed")):
        before, after = known.find(kind, "1"), unknown.find(kind, "1")
        assert before is not None
        assert after is not None
        assert isinstance(before.value(name), Boolean)
        assert isinstance(after.value(name), Undetermined)


def test_two_managers_of_one_id_are_not_mixed_up() -> None:
    """Else the second would pass by what the first is set to."""
    tree = bodies()
    second = {
        uri.replace(MANAGER, f"{ROOT}/Managers/2"): json.loads(json.dumps(body).replace(MANAGER, f"{ROOT}/Managers/2"))
        for uri, body in tree.items()
        if uri.startswith(MANAGER)
    }
    second[SNMP.replace(MANAGER, f"{ROOT}/Managers/2")]["AlertsEnabled"] = False
    tree[f"{ROOT}/Managers"]["Members"] = [{"@odata.id": MANAGER}, {"@odata.id": f"{ROOT}/Managers/2"}]
    found = interpret(collection(tree | second), InterpretOptions())
    assert {(one.name, one.value("alerts_enabled")) for one in found.of_kind("ilo.snmp")} == {
        ("1", Boolean(True)),
        (f"{ROOT}/Managers/2", Boolean(False)),
    }
    channels = {one.name: one.value("alert_channels") for one in found.of_kind("ilo.manager")}
    assert channels[f"{ROOT}/Managers/2"] == texts()


def test_a_link_hides_every_kind_that_is_made_of_what_it_leads_to() -> None:
    for one in LINKS:
        roles = {one.to, one.members}
        below = {kind for other in LINKS if other.frm in roles for kind in other.kinds}
        below |= {member.kind for member in MEMBERS if member.role in roles}
        assert below <= set(one.kinds), one.to
