"""What counts as a way by which alerts leave an iLO, and what a licence that lacks a feature means for rules."""

from __future__ import annotations

import msgspec
import pytest

from auditor.model.finding import RuleResult
from auditor.model.resource import Resource
from auditor.model.snapshot import Collected, Gap
from auditor.model.value import Boolean, Text, Undetermined, Value, texts
from auditor.policy.evaluate import HostFacts, evaluate
from auditor.services.check import default_policy
from auditor.surfaces.ilo.alerting import not_for_alerts
from auditor.surfaces.ilo.resources import interpret
from auditor.surfaces.interface import InterpretOptions
from tests.virtual_ilo import LICENCE, PROTOCOL, ROOT, SNMP, bodies, collection, interpreted

EVENTS = f"{ROOT}/EventService"
V1, V3 = f"{SNMP}/SNMPAlertDestinations/1", f"{SNMP}/SNMPAlertDestinations/2"
MAIL = (
    (PROTOCOL, "/Oem/Hpe/AlertMailEnabled", True),
    (PROTOCOL, "/Oem/Hpe/AlertMailEmail", "ops@example.com"),
    (PROTOCOL, "/Oem/Hpe/AlertMailSMTPServer", "mail.example.com"),
)


def channels(*changes: tuple[str, str, object]) -> Value:
    manager = interpreted(*changes).find("ilo.manager", "1")
    assert manager is not None
    value = manager.value("alert_channels")
    assert value is not None
    return value


def test_every_complete_way_counts() -> None:
    assert channels(*MAIL) == texts("mail ops@example.com", "snmp 10.9.0.4", "snmp 10.9.0.5")


@pytest.mark.parametrize(
    "change",
    [
        (V3, "/SecurityName", "nobody"),
        (V3, "/SecurityName", None),
        (f"{SNMP}/SNMPUsers/1", "/SecurityName", "another"),
        (SNMP, "/SNMPv3TrapEnabled", False),
        (V3, "/AlertDestination", ""),
    ],
)
def test_an_snmp_v3_destination_that_cannot_be_served_is_no_way(change: tuple[str, str, object]) -> None:
    assert channels(change) == texts("snmp 10.9.0.4")


def test_mail_that_the_licence_lacks_is_no_way() -> None:
    assert channels(*MAIL, (LICENCE, "/LicenseFeatures/EmailAlert", False)) == texts("snmp 10.9.0.4", "snmp 10.9.0.5")


def test_a_switch_that_is_not_shown_is_a_doubt_and_no_way() -> None:
    tree = bodies()
    del tree[SNMP]["SNMPv1TrapEnabled"], tree[SNMP]["SNMPv3TrapEnabled"]
    manager = interpret(collection(tree), InterpretOptions()).find("ilo.manager", "1")
    assert manager is not None
    value = manager.value("alert_channels")
    assert isinstance(value, Undetermined)
    assert "SNMPv1TrapEnabled is not shown" in value.cause


def test_whether_traps_leave_while_snmp_is_off_is_not_known() -> None:
    value = channels((PROTOCOL, "/SNMP/ProtocolEnabled", False))
    assert isinstance(value, Undetermined)
    assert "SNMP is switched off" in value.cause


@pytest.mark.parametrize(
    ("subscription", "why"),
    [
        ({}, ""),
        ({"EventTypes": []}, ""),
        ({"EventTypes": ["Alert", "StatusChange"]}, ""),
        ({"EventTypes": ["ResourceUpdated"]}, "event types"),
        ({"RegistryPrefixes": ["iLOEvents"]}, ""),
        ({"RegistryPrefixes": ["iLOEvents.2.1"]}, ""),
        ({"RegistryPrefixes": ["StorageDevice"]}, ""),
        ({"RegistryPrefixes": ["iLOSecurityEvents"]}, "registry prefixes"),
        ({"EventFormatType": "MetricReport"}, "metric reports"),
    ],
)
def test_what_a_subscription_asks_for(subscription: dict[str, object], why: str) -> None:
    said = not_for_alerts(subscription)  # type: ignore[arg-type]
    assert why in said if why else said == ""


def test_a_subscription_counts_while_the_service_is_on() -> None:
    def with_subscription(**members: object) -> Value:
        tree = bodies()
        tree[V1 + "/gone"] = tree.pop(V1)
        tree.pop(V3)
        for uri in (f"{SNMP}/SNMPAlertDestinations", f"{EVENTS}/Subscriptions"):
            tree[uri]["Members"] = []
        place = f"{EVENTS}/Subscriptions/1"
        tree[place] = {"@odata.id": place, "Id": "1", "Name": "x", "Destination": "https://nms.example/e"}
        tree[f"{EVENTS}/Subscriptions"]["Members"] = [{"@odata.id": place}]
        tree[EVENTS].update(members)  # type: ignore[arg-type]
        manager = interpret(collection(tree), InterpretOptions()).find("ilo.manager", "1")
        assert manager is not None
        found = manager.value("alert_channels")
        assert found is not None
        return found

    assert with_subscription() == texts("event https://nms.example/e")
    assert with_subscription(ServiceEnabled=False) == texts()
    assert isinstance(with_subscription(ServiceEnabled=None), Undetermined)


def results(*changes: tuple[str, str, object], gaps: tuple[Gap, ...] = ()) -> dict[str, RuleResult]:
    return judged(msgspec.structs.replace(collection(bodies("ilo5", *changes)), gaps=gaps))


def judged(collected: Collected) -> dict[str, RuleResult]:
    seen = interpret(collected, InterpretOptions())
    checked = evaluate(default_policy(["ilo"]), seen, HostFacts("web1", "web1/ilo", "ilo"))
    return {one.rule: one for one in checked.results}


def test_what_the_licence_lacks_does_not_apply_and_says_so() -> None:
    scan = ("/redfish/v1/UpdateService", "/Oem/Hpe/FirmwareIntegrity/EnableBackgroundScan", False)
    assert results(scan)["ILO-FIRMWARE-003"].outcome == "fail"
    lacking = results(scan, (LICENCE, "/LicenseFeatures/FWScan", False))["ILO-FIRMWARE-003"]
    assert (lacking.outcome, lacking.findings) == ("not applicable", ())
    assert lacking.reason.startswith("licence: ")
    for rule in ("ILO-ALERT-003", "ILO-ALERT-011"):
        assert results(*MAIL, (LICENCE, "/LicenseFeatures/EmailAlert", False))[rule].outcome == "not applicable"


@pytest.mark.parametrize(("unnamed", "why"), [(True, "does not name EmailAlert"), (False, "lists no licence")])
@pytest.mark.parametrize("on", [True, False])
def test_a_licence_that_does_not_name_a_feature_does_not_grant_it(on: bool, unnamed: bool, why: str) -> None:
    nowhere = ((V1, "/AlertDestination", ""), (V3, "/AlertDestination", ""))
    tree = bodies("ilo5", *MAIL, *nowhere, (PROTOCOL, "/Oem/Hpe/AlertMailEnabled", on))
    features = tree[LICENCE]["LicenseFeatures"]
    assert isinstance(features, dict)
    if unnamed:
        del features["EmailAlert"]
    else:
        tree[f"{ROOT}/Managers/1/LicenseService"]["Members"] = []
    found = judged(collection(tree))
    for rule in ("ILO-ALERT-003", "ILO-ALERT-012"):
        assert found[rule].outcome == ("not evaluated" if on else "not applicable")
        assert (why in found[rule].reason) == on
    manager = interpret(collection(tree), InterpretOptions()).find("ilo.manager", "1")
    assert manager is not None
    value = manager.value("alert_channels")
    assert value == texts() if not on else isinstance(value, Undetermined) and why in value.cause


def test_a_doubtful_way_stands_beside_the_sure_ones() -> None:
    tree = bodies("ilo5", *MAIL)
    features = tree[LICENCE]["LicenseFeatures"]
    assert isinstance(features, dict)
    del features["EmailAlert"]
    manager = interpret(collection(tree), InterpretOptions()).find("ilo.manager", "1")
    assert manager is not None
    assert manager.value("alert_channels") == texts("snmp 10.9.0.4", "snmp 10.9.0.5")
    doubt = "whether it is licensed: the licence does not name EmailAlert"
    assert manager.value("alert_channels_unsure") == texts(f"mail ops@example.com: {doubt}")


@pytest.mark.parametrize(
    ("policy", "outcome"),
    [("AllowDowngrade", "pass"), ("RecoveryDowngrade", "pass"), ("NoDowngrade", "fail"), ("SomethingNew", "fail")],
)
def test_only_a_known_policy_lets_firmware_be_taken_back(policy: str, outcome: str) -> None:
    found = results((f"{ROOT}/UpdateService", "/Oem/Hpe/DowngradePolicy", policy))
    assert found["ILO-FIRMWARE-001"].outcome == outcome


def test_mail_that_is_on_without_a_licence_is_a_finding() -> None:
    assert results(*MAIL, (LICENCE, "/LicenseFeatures/EmailAlert", False))["ILO-ALERT-012"].outcome == "fail"


def test_a_licence_that_could_not_be_read_leaves_open_what_rests_on_it() -> None:
    gap = Gap(LICENCE, "refused", "status 403", "", ("ilo.licence",))
    removed = ((LICENCE, "", None),)
    found = results(*MAIL, *removed, gaps=(gap,))
    assert found["ILO-ALERT-003"].outcome == "not evaluated"
    assert "licensed is undetermined" in found["ILO-ALERT-003"].reason
    off = results(*removed, gaps=(gap,))["ILO-ALERT-003"]
    assert off.outcome == "not applicable"  # mail is off, whatever the licence says


@pytest.mark.parametrize(("switch", "other"), [("SNMPv1TrapEnabled", True), ("SNMPv3TrapEnabled", False)])
def test_a_trap_switch_that_is_not_shown_leaves_open_what_rests_on_it(switch: str, other: bool) -> None:
    tree = bodies("ilo5", (SNMP, "/SNMPv1TrapEnabled", other), (SNMP, "/SNMPv3TrapEnabled", other))
    del tree[SNMP][switch]
    found = judged(collection(tree))
    assert found["ILO-ALERT-007"].outcome == "not evaluated"
    assert switch in " ".join(reason for _, reason in found["ILO-ALERT-008"].not_evaluated)


@pytest.mark.parametrize("shown", [{}, {"Port": 161}])
def test_snmp_among_the_services_without_its_switch_is_not_known_to_be_on(shown: dict[str, object]) -> None:
    tree = bodies("ilo5")
    tree[PROTOCOL]["SNMP"] = shown  # type: ignore[assignment]
    found = judged(collection(tree))
    assert [found[rule].outcome for rule in ("ILO-ALERT-001", "ILO-ALERT-016")] == ["not evaluated"] * 2


def test_what_waits_for_a_reset_where_it_could_not_be_read_is_not_known() -> None:
    clock = f"{ROOT}/Managers/1/DateTime"  # a time zone waits there
    gap = Gap(clock, "refused", "status 403", "", ("ilo.time",))
    assert results()["ILO-ALERT-006"].outcome == "pass"
    assert results((clock, "", None), gaps=(gap,))["ILO-ALERT-006"].outcome == "not evaluated"
    waits = (f"{ROOT}/Managers/1", "/Oem/Hpe/ConfigurationSettings", "SomePendingReset")
    assert results(waits, (clock, "", None), gaps=(gap,))["ILO-ALERT-006"].outcome == "fail"


def test_users_and_destinations_are_resources_and_no_engine_id_is_in_clear() -> None:
    seen = interpreted()
    user = seen.find("ilo.snmp_user", "alerts")
    assert user is not None
    assert (user.value("auth_protocol"), user.value("privacy_protocol")) == (Text("SHA"), Text("AES"))
    destination: Resource | None = seen.find("ilo.snmp_destination", "10.9.0.5")
    assert destination is not None
    assert destination.value("user_known") == Boolean(value=True)
    assert "80000" not in str(user)
