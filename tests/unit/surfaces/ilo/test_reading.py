"""What is read of each generation: by links however they are spelled, and what was never tried says so."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from auditor.model.resource import Resource
from auditor.model.snapshot import hides
from auditor.model.value import Number, Text, texts
from auditor.surfaces.ilo.kinds import KINDS
from auditor.surfaces.ilo.resources import interpret
from auditor.surfaces.interface import InterpretOptions
from tests.virtual_ilo import BIOS, MANAGER, PENDING, ROOT, bodies, collected_from, collection, proposal, with_ilo

OEM = f"{BIOS}oem/hpe/"


def resource(kind: str, name: str, personality: str, *changes: tuple[str, str, object]) -> Resource:
    found = interpret(collection(bodies(personality, *changes)), InterpretOptions()).find(kind, name)
    assert found is not None
    return found


# -- beside the BIOS attributes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("personality", ["ilo5", "ilo6", "ilo7"])
def test_boot_order_tls_and_lock_are_one_resource(personality: str) -> None:
    boot = resource("ilo.boot", "1", personality, (f"{OEM}tlsconfig/", "/VerifyMode", "NONE"))
    assert boot.value("order") == texts("HD.Slot.1.1", "NIC.Slot.2.1.IPv4")
    assert boot.value("tls_verification") == Text("NONE")
    assert boot.value("configuration_lock") == Text("Disabled")
    assert boot.value("key_management") == (None if personality == "ilo7" else Text("Disabled"))


@pytest.mark.parametrize("name", ["baseconfigs", "boot", "iscsi", "kmsconfig", "serverconfiglock", "tlsconfig"])
def test_what_stands_beside_the_bios_is_a_document_or_a_gap(name: str) -> None:
    async def read(ilo: Any) -> tuple[Any, Any]:
        whole = await collected_from(ilo)
        ilo.state.remove(f"{OEM}{name}/")
        return whole, await collected_from(ilo)

    whole, torn = with_ilo(read)
    assert f"{OEM}{name}/" in {document.name for document in whole.documents}
    assert whole.gaps == ()
    assert [(gap.what, gap.cause) for gap in torn.gaps] == [(f"{OEM}{name}/", "absent")]
    assert hides(torn.gaps, "ilo.bios" if name == "baseconfigs" else "ilo.boot")


# -- thresholds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("personality", "own"), [("ilo6", "03-Board"), ("ilo7", "04-Board")])
def test_sensors_that_the_thermal_resource_does_not_list_have_thresholds_too(personality: str, own: str) -> None:
    assert resource("ilo.threshold", own, personality).value("upper_critical") == Number(105)
    inlet = resource("ilo.threshold", "01-Inlet Ambient", personality)
    assert (inlet.value("upper_critical"), inlet.value("user_warning")) == (Number(42), Number(0))


def test_a_sensor_fills_in_what_the_thermal_resource_does_not_say() -> None:
    sensor = f"{ROOT}/Chassis/1/Sensors/0"
    changes = [(sensor, f"/Thresholds/{name}/Reading", 40) for name in ("UpperCritical", "UpperCautionUser")]
    tree = bodies("ilo6", *changes)
    del tree[f"{ROOT}/Chassis/1/Thermal"]["Temperatures"][0]["Oem"]  # type: ignore[index, call-overload, union-attr]
    inlet = interpret(collection(tree), InterpretOptions()).find("ilo.threshold", "01-Inlet Ambient")
    assert inlet is not None
    assert inlet.value("user_warning") == Number(40)
    assert inlet.value("upper_critical") == Number(42)  # the thermal resource counts where both speak


def test_each_power_domain_has_its_own_mode() -> None:
    power = f"{ROOT}/Chassis/1/Power"
    domains = [{"DomainName": "System", "HighEfficiencyMode": "Auto"}, {"HighEfficiencyMode": "Even"}]
    change = (power, "/Oem/Hpe/Domains", domains)
    assert resource("ilo.threshold", "power System", "ilo6", change).value("high_efficiency_mode") == Text("Auto")
    assert resource("ilo.threshold", "power 1", "ilo6", change).value("high_efficiency_mode") == Text("Even")


# -- links, however they are spelled ----------------------------------------------------------------------------------


def _respelled(value: Any) -> Any:
    if isinstance(value, list):
        return [_respelled(one) for one in value]
    if not isinstance(value, dict):
        return value
    told = {name: _respelled(one) for name, one in value.items()}
    if isinstance(uri := told.get("@odata.id"), str) and "#" not in uri:
        told["@odata.id"] = uri.rstrip("/").lower() if uri.endswith("/") else f"{uri[:12]}{uri[12:].upper()}/"
    return told


@pytest.mark.parametrize("personality", ["ilo5", "ilo6", "ilo7"])
def test_neither_case_nor_trailing_slash_of_a_link_matters(personality: str) -> None:
    plain = bodies(personality)
    respelled = {uri: {**_respelled(body), "@odata.id": uri} for uri, body in copy.deepcopy(plain).items()}
    one, other = (with_ilo(collected_from, tree) for tree in (plain, respelled))  # type: ignore[arg-type]
    assert other.gaps == ()
    assert [document.store_path for document in one.documents] == [document.store_path for document in other.documents]
    meant = [interpret(each, InterpretOptions()) for each in (one, other)]
    values = [{(r.kind, r.name): {a.name: a.value for a in r.attributes} for r in found.resources} for found in meant]
    assert values[0] == values[1]


# -- iLO 4 ------------------------------------------------------------------------------------------------------------


def _as_ilo_4(tree: dict[str, Any]) -> dict[str, Any]:
    """The tree as iLO 4 is said to write it: ``Oem.Hp``, ``links`` with ``href``, a flat BIOS, no registry."""
    told = json.dumps(tree).replace('"Hpe":', '"Hp":').replace('"Links":', '"links":')
    older: dict[str, Any] = {uri: body for uri, body in json.loads(told).items() if "RegistryEntries" not in body}
    older[MANAGER] |= {"Model": "iLO 4", "FirmwareVersion": "iLO 4 v2.82"}
    protocol = older[MANAGER].pop("NetworkProtocol")["@odata.id"]
    older[MANAGER]["links"] = {"NetworkService": {"href": protocol}}
    system = older[f"{ROOT}/Systems/1"]
    system["Oem"]["Hp"].setdefault("links", {})["BIOS"] = {"href": system.pop("Bios")["@odata.id"]}
    for uri in (BIOS, PENDING):
        body = older[uri]
        body |= {**body.pop("Attributes"), "Type": "HpBios.1.2.0", "Modified": "2026-01-01T00:00:00+00:00"}
    result = older[BIOS].pop("@Redfish.Settings")
    older[BIOS]["links"] = {"Settings": {"href": result["SettingsObject"]["@odata.id"]}}
    older[BIOS]["SettingsResult"] = {"ETag": "0A", "Time": "2026-01-01T00:00:00+00:00",
                                     "Messages": [{"MessageArgs": [], "MessageID": "Base.1.0:Success"}]}  # fmt: skip
    return older


def test_an_ilo_4_is_read_as_far_as_its_shapes_are_known() -> None:
    collected = with_ilo(collected_from, _as_ilo_4(bodies()))  # type: ignore[arg-type]
    meant = interpret(collected, InterpretOptions())
    bios, boot = meant.find("ilo.bios", "1"), meant.find("ilo.boot", "1")
    assert bios is not None
    assert (bios.value("BootMode"), bios.value("verdict")) == (Text("Uefi"), Text("applied"))
    others = {"Id", "Type", "Modified", "SerialNumber", "SettingsResult", "links"}
    assert {attribute.name for attribute in bios.attributes} & others == set()
    assert bios.value("pending") == texts()
    assert bios.get("BootMode").source.pointer == "/BootMode"  # type: ignore[union-attr]
    assert boot is not None
    for kind in ("ilo.manager", "ilo.snmp", "ilo.time", "ilo.network_protocol", "ilo.alert_mail"):
        assert meant.find(kind, "1") is not None, kind


def test_nothing_of_an_ilo_4_makes_a_certain_pass() -> None:
    meant = interpret(with_ilo(collected_from, _as_ilo_4(bodies())), InterpretOptions())  # type: ignore[arg-type]
    unverified = [gap for gap in meant.gaps if "without having been verified" in gap.detail]
    assert [gap.cause for gap in unverified] == ["undetermined"]
    assert all(unverified[0] in hides(meant.gaps, kind.name) for kind in KINDS)


def test_pending_settings_of_an_ilo_4_are_what_differs() -> None:
    tree = _as_ilo_4(bodies())
    tree[PENDING]["BootMode"] = "LegacyBios"
    bios = interpret(collection(tree), InterpretOptions()).find("ilo.bios", "1")
    assert bios is not None
    assert bios.value("pending") == texts("BootMode")


@pytest.mark.parametrize("address", ['ilo.bios["1"].BootMode', 'ilo.snmp["1"].contact'])
def test_no_change_of_an_ilo_4_is_planned(address: str) -> None:
    refused = proposal((address, Text("LegacyBios")), tree=_as_ilo_4(bodies()))
    assert refused.steps == ()
    assert "iLO 4 is read and not changed" in refused.refusals[0]


@pytest.mark.parametrize("personality", ["ilo5", "ilo6", "ilo7"])
def test_later_generations_are_not_called_unverified(personality: str) -> None:
    assert interpret(collection(bodies(personality)), InterpretOptions()).gaps == ()
