"""What an iLO's documents mean."""

from __future__ import annotations

import msgspec
import pytest

from auditor.model.resource import Resource
from auditor.model.snapshot import Collected, Document, Gap
from auditor.model.source import RedfishSource
from auditor.model.value import Boolean, Many, Number, Secret, Text, Undetermined, Value, Version, texts
from auditor.surfaces.ilo.kinds import KINDS
from auditor.surfaces.ilo.resources import interpret
from auditor.surfaces.interface import InterpretOptions
from tests.virtual_ilo import BIOS, LICENCE, MANAGER, PENDING, PROTOCOL, ROOT, SNMP, bodies, collection, interpreted

DESTINATIONS = f"{SNMP}/SNMPAlertDestinations"


def resource(kind: str, name: str, *changes: tuple[str, str, object]) -> Resource:
    found = interpreted(*changes).find(kind, name)
    assert found is not None
    return found


def value(kind: str, name: str, attribute: str, *changes: tuple[str, str, object]) -> Value | None:
    return resource(kind, name, *changes).value(attribute)


@pytest.mark.parametrize("personality", ["ilo5", "ilo6", "ilo7"])
def test_every_attribute_is_declared_with_its_type_and_its_source(personality: str) -> None:
    types = {"text": Text, "number": Number, "boolean": Boolean, "version": Version, "list": Many, "secret": Secret}
    specs = {kind.name: kind for kind in KINDS}
    interpretation = interpreted(personality=personality)
    documents = {document.name for document in collection(bodies(personality)).documents}
    assert interpretation.gaps == ()
    assert {one.kind for one in interpretation.resources} >= set(specs) - {"ilo.event_subscription"}
    for one in interpretation.resources:
        for attribute in one.attributes:
            spec = specs[one.kind].get(attribute.name)
            assert spec is not None or specs[one.kind].open
            if spec is not None and spec.type in types:
                assert isinstance(attribute.value, types[spec.type]), (one.kind, attribute)
            if isinstance(attribute.source, RedfishSource):
                assert attribute.source.uri in documents


def test_generations_differ_in_what_they_have() -> None:
    assert value("ilo.security", "1", "tls_1_0") == Boolean(True)
    seven = interpreted(personality="ilo7").find("ilo.security", "1")
    assert seven is not None
    assert seven.get("tls_1_0") is None
    assert seven.value("tls_1_2") == Boolean(True)


def test_a_removed_destination_is_a_removed_resource_and_a_lost_channel() -> None:
    gone = (f"{DESTINATIONS}/1", "", None)
    before, after = interpreted(), interpreted(gone)
    assert before.find("ilo.snmp_destination", "10.9.0.4") is not None
    assert after.find("ilo.snmp_destination", "10.9.0.4") is None
    assert value("ilo.snmp", "1", "destinations", gone) == Number(1)
    assert value("ilo.manager", "1", "alert_channels", gone) == texts("snmp 10.9.0.5")


@pytest.mark.parametrize(
    ("changes", "channels"),
    [
        ([], ["snmp 10.9.0.4", "snmp 10.9.0.5"]),
        ([(SNMP, "/AlertsEnabled", False)], []),
        ([(SNMP, "/SNMPv1TrapEnabled", False)], ["snmp 10.9.0.5"]),
        ([(SNMP, "/SNMPv1Enabled", False)], ["snmp 10.9.0.5"]),
        ([(SNMP, "/SNMPv3TrapEnabled", False)], ["snmp 10.9.0.4"]),
        (
            [
                (SNMP, "/AlertsEnabled", False),
                (PROTOCOL, "/Oem/Hpe/AlertMailEnabled", True),
                (PROTOCOL, "/Oem/Hpe/AlertMailEmail", "ops@example.com"),
                (PROTOCOL, "/Oem/Hpe/AlertMailSMTPServer", "mail.example.com"),
            ],
            ["mail ops@example.com"],
        ),
        (
            [
                (SNMP, "/AlertsEnabled", False),
                (PROTOCOL, "/Oem/Hpe/AlertMailEnabled", True),
                (PROTOCOL, "/Oem/Hpe/AlertMailEmail", "ops@example.com"),
            ],
            [],
        ),
        (
            [
                (SNMP, "/AlertsEnabled", False),
                (PROTOCOL, "/Oem/Hpe/RemoteSyslogEnabled", True),
                (PROTOCOL, "/Oem/Hpe/RemoteSyslogServer", "log1"),
            ],
            ["syslog log1"],
        ),
        (
            [
                (SNMP, "/AlertsEnabled", False),
                (PROTOCOL, "/Oem/Hpe/RemoteSyslogEnabled", True),
                (PROTOCOL, "/Oem/Hpe/RemoteSyslogServer", "log1"),
                (LICENCE, "/LicenseFeatures/RemoteSyslog", False),
            ],
            [],
        ),
    ],
)
def test_a_channel_counts_only_where_an_alert_would_leave(
    changes: list[tuple[str, str, object]], channels: list[str]
) -> None:
    assert value("ilo.manager", "1", "alert_channels", *changes) == texts(*channels)


@pytest.mark.parametrize(
    ("uri", "pointer", "switch"),
    [
        (SNMP, "/AlertsEnabled", "true"),
        (SNMP, "/AlertsEnabled", None),
        (SNMP, "/SNMPv1TrapEnabled", "Disabled"),
        (SNMP, "/SNMPv3TrapEnabled", 0),
        (PROTOCOL, "/Oem/Hpe/RemoteSyslogEnabled", "Enabled"),
    ],
)
def test_a_switch_that_is_neither_on_nor_off_proves_no_channel_and_none_away(
    uri: str, pointer: str, switch: object
) -> None:
    server = (PROTOCOL, "/Oem/Hpe/RemoteSyslogServer", "log1")
    found = value("ilo.manager", "1", "alert_channels", server, (uri, pointer, switch))
    assert isinstance(found, Undetermined)
    assert pointer.rsplit("/", 1)[-1] in found.cause


def test_a_switch_that_the_ilo_does_not_tell_is_not_the_absence_of_one() -> None:
    told = (f"{ROOT}/UpdateService", "/Oem/Hpe/Accept3rdPartyFirmware", None)
    assert isinstance(value("ilo.manager", "1", "accept_third_party_firmware", told), Undetermined)
    policy = (f"{ROOT}/UpdateService", "/Oem/Hpe/DowngradePolicy", None)
    assert isinstance(value("ilo.manager", "1", "downgrade_policy", policy), Undetermined)
    assert interpreted(personality="ilo7").find("ilo.manager", "1").get("rbsu_login_required") is None  # type: ignore[union-attr]


def test_alerts_to_no_address_leave_by_no_way() -> None:
    changes = [(f"{DESTINATIONS}/{number}", "/AlertDestination", "0.0.0.0") for number in (1, 2)]
    mail = [("AlertMailEnabled", True), ("AlertMailEmail", "ops@example.com"), ("AlertMailSMTPServer", "0.0.0.0")]
    changes += [(PROTOCOL, f"/Oem/Hpe/{name}", setting) for name, setting in mail]  # type: ignore[misc]
    assert value("ilo.manager", "1", "alert_channels", *changes) == texts()


@pytest.mark.parametrize("alerts", [True, False])
def test_channels_are_not_said_where_one_may_be_hidden(alerts: bool) -> None:
    """Else the one that is missing would show as taken away."""
    collected = collection(bodies("ilo5", (SNMP, "/AlertsEnabled", alerts)))
    gap = Gap("/redfish/v1/EventService", "timed out", kinds=("ilo.event_subscription",))
    found = interpret(msgspec.structs.replace(collected, gaps=(gap,)), InterpretOptions()).find("ilo.manager", "1")
    assert found is not None
    assert isinstance(found.value("alert_channels"), Undetermined)


PARAMETERS = f"{MANAGER}/SecurityService/SecurityDashboard/SecurityParams"
INTERFACES = f"{MANAGER}/EthernetInterfaces"


@pytest.mark.parametrize(
    "change",
    [
        (f"{PARAMETERS}/0", "/SecurityStatus", "AtRisk"),
        (f"{PARAMETERS}/0", "/SecurityStatus", None),
        (f"{PARAMETERS}/0", "", None),
    ],
)
def test_risks_are_not_said_where_a_parameter_is_not_understood(change: tuple[str, str, object]) -> None:
    tree = bodies("ilo5", change)
    tree[PARAMETERS]["Members"] = [{"@odata.id": f"{PARAMETERS}/{number}"} for number in range(3)]
    security = interpret(collection(tree), InterpretOptions()).find("ilo.security", "1")
    assert security is not None
    assert isinstance(security.value("risks"), Undetermined)


def test_no_parameter_is_no_absence_of_risks() -> None:
    tree = bodies()
    tree[PARAMETERS]["Members"] = []
    security = interpret(collection(tree), InterpretOptions()).find("ilo.security", "1")
    assert security is not None
    assert isinstance(security.value("risks"), Undetermined)


def test_time_servers_in_another_form_are_not_none() -> None:
    for servers in ([{"Server": "ntp1"}], [5], ["10.0.0.2", {"Server": "ntp1"}]):
        change = (f"{MANAGER}/DateTime", "/StaticNTPServers", servers)
        assert isinstance(value("ilo.time", "1", "ntp_servers", change), Undetermined)
        assert isinstance(value("ilo.time", "1", "synchronised_by", change), Undetermined)


def test_who_names_the_time_servers_is_not_known_while_an_interface_is_not() -> None:
    other = bodies()
    other[INTERFACES]["Members"] = [{"@odata.id": f"{INTERFACES}/{number}"} for number in (1, 2)]
    odd = bodies("ilo5", (f"{INTERFACES}/1", "/DHCPv4/DHCPEnabled", "true"))
    for tree in (other, odd):
        clock = interpret(collection(tree), InterpretOptions()).find("ilo.time", "1")
        assert clock is not None
        assert isinstance(clock.value("synchronised_by"), Undetermined)
        assert isinstance(clock.value("ntp_from_dhcp"), Undetermined)


def test_bios_shows_what_waits_and_what_post_said() -> None:
    rejected = [{"MessageId": "Base.1.0.Success"}, {"MessageId": "Base.1.0.PropertyUnknown", "MessageArgs": ["Foo"]}]
    bios = resource(
        "ilo.bios",
        "1",
        (PENDING, "/Attributes/BootMode", "LegacyBios"),
        (PENDING, "/Attributes/RestoreDefaults", "No"),
        (BIOS, "/@Redfish.Settings/Messages", rejected),
    )
    assert bios.value("BootMode") == Text("Uefi")
    assert bios.value("pending") == texts("BootMode")
    assert bios.value("verdict") == Text("rejected")
    assert bios.value("rejected") == texts("PropertyUnknown: Foo")
    assert value("ilo.bios", "1", "pending", (PENDING, "/Attributes/RestoreDefaults", "Yes")) == texts(
        "RestoreDefaults"
    )


def test_what_waits_is_told_with_the_value_in_effect() -> None:
    tree = bodies(
        "ilo5",
        (PENDING, "/Attributes/BootMode", "LegacyBios"),
        (PENDING, "/Attributes/RestoreDefaults", "Yes"),
    )
    waiting = interpret(collection(tree), InterpretOptions()).waiting
    assert [(str(one.address), one.now, one.then, one.until) for one in waiting] == [
        ('web1/ilo:ilo.bios["1"].BootMode', Text("Uefi"), Text("LegacyBios"), "reboot"),
        ('web1/ilo:ilo.bios["1"].RestoreDefaults', None, Text("Yes"), "reboot"),
    ]
    assert str(waiting[0].source) == f"{PENDING}#/Attributes/BootMode"
    assert interpret(collection(bodies()), InterpretOptions()).waiting == ()


@pytest.mark.parametrize("needed", [True, False, None])
def test_a_setting_waits_for_a_reset_unless_the_registry_says_that_it_needs_none(needed: bool | None) -> None:
    tree = bodies("ilo5", (PENDING, "/Attributes/BootMode", "LegacyBios"))
    registry = next(body for body in tree.values() if "RegistryEntries" in body)
    for one in registry["RegistryEntries"]["Attributes"]:  # type: ignore[index, call-overload, union-attr]
        if needed is not None and one["AttributeName"] == "BootMode":  # type: ignore[index, call-overload]
            one["ResetRequired"] = needed  # type: ignore[index, call-overload]
    (waits,) = interpret(collection(tree), InterpretOptions()).waiting
    assert waits.until == ("none" if needed is False else "reboot")


@pytest.mark.parametrize(
    ("uri", "pointer"),
    [
        (MANAGER, "/Oem/Hpe/ConfigurationSettings"),
        (PROTOCOL, "/Oem/Hpe/ConfigurationSettings"),
        (f"{MANAGER}/DateTime", "/ConfigurationSettings"),
    ],
)
def test_a_pending_reset_is_told_wherever_the_ilo_says_it(uri: str, pointer: str) -> None:
    tree = bodies("ilo5", (uri, pointer, "SomePendingReset"))
    found = interpret(collection(tree), InterpretOptions())
    (waits,) = found.waiting
    assert (waits.address.kind, waits.then, waits.until) == ("ilo.manager", None, "iLO reset")
    assert str(waits.source) == f"{uri}#{pointer}"
    manager = found.find("ilo.manager", "1")
    assert manager is not None
    assert manager.value("some_pending_reset") == Boolean(True)


def test_messages_of_post_that_are_no_list_decide_nothing() -> None:
    found = value("ilo.bios", "1", "verdict", (BIOS, "/@Redfish.Settings/Messages", "Success"))
    assert isinstance(found, Undetermined)


@pytest.mark.parametrize(
    ("messages", "verdict"),
    [
        ([], "none"),
        ([{"MessageId": "Base.1.0.Success"}], "applied"),
        ([{"MessageId": "Base.1.0.Success"}] * 2, "rejected"),
        ([{"MessageId": "Base.1.0.PropertyUnknown"}], "rejected"),
        ([5, {"MessageId": "Base.1.0.Success"}], "rejected"),
        ([{}, {"MessageId": "Base.1.0.Success"}], "rejected"),
    ],
)
def test_applied_is_exactly_one_success(messages: list[object], verdict: str) -> None:
    assert value("ilo.bios", "1", "verdict", (BIOS, "/@Redfish.Settings/Messages", messages)) == Text(verdict)


def test_what_no_two_machines_share_or_nobody_may_set_is_not_compared() -> None:
    names = {attribute.name for attribute in resource("ilo.bios", "1").attributes}
    assert {"BootMode", "AutoPowerOn", "WorkloadProfile"} <= names
    assert names & {"SerialNumber", "ProductId", "TpmState", "RestoreDefaults"} == set()


def test_without_a_registry_the_unique_ones_are_still_left_out() -> None:
    tree = {uri: body for uri, body in bodies().items() if "RegistryEntries" not in body}
    bios = interpret(collection(tree), InterpretOptions()).find("ilo.bios", "1")
    assert bios is not None
    assert bios.get("SerialNumber") is None
    assert bios.value("BootMode") == Text("Uefi")


def test_time_servers_of_dhcp_count_only_where_it_names_some() -> None:
    interface = f"{MANAGER}/EthernetInterfaces/1"
    dhcp = [(interface, "/DHCPv4/DHCPEnabled", True), (interface, "/DHCPv4/UseNTPServers", True)]
    clock = f"{MANAGER}/DateTime"
    assert value("ilo.time", "1", "synchronised_by", *dhcp) == texts("DHCP")
    assert value("ilo.time", "1", "synchronised_by", *dhcp, (clock, "/NTPServers", ["", ""])) == texts()
    assert value("ilo.time", "1", "synchronised_by", (clock, "/StaticNTPServers", ["0.0.0.0", ""])) == texts()


def test_a_member_of_another_form_is_undetermined_never_guessed() -> None:
    tls = (f"{MANAGER}/SecurityService", "/TLSVersion/TLS1_0", 1)
    retries = (SNMP, "/SNMPv3InformRetryAttempt", True)
    assert isinstance(value("ilo.snmp", "1", "alerts_enabled", (SNMP, "/AlertsEnabled", "yes")), Undetermined)
    assert isinstance(value("ilo.snmp", "1", "v3_inform_retries", retries), Undetermined)
    assert isinstance(value("ilo.security", "1", "tls_1_0", tls), Undetermined)


def test_twins_keep_names_of_their_own() -> None:
    names = [one.name for one in interpreted((f"{DESTINATIONS}/2", "/AlertDestination", "10.9.0.4")).resources
             if one.kind == "ilo.snmp_destination"]  # fmt: skip
    assert names == ["10.9.0.4", "10.9.0.4 (SNMPv3Trap)"]
    firmware = {one.name for one in interpreted().of_kind("ilo.firmware")}
    assert {"Power Supply Firmware (Bay 1)", "Power Supply Firmware (Bay 2)"} <= firmware


def test_an_unreadable_document_is_a_gap() -> None:
    collected = collection(bodies())
    broken = tuple(
        msgspec.structs.replace(one, content=b"{") if one.name == SNMP else one for one in collected.documents
    )
    interpretation = interpret(msgspec.structs.replace(collected, documents=broken), InterpretOptions())
    assert [(gap.what, gap.cause) for gap in interpretation.gaps] == [(SNMP, "malformed")]
    assert interpretation.find("ilo.snmp", "1") is None


def test_links_in_a_circle_come_to_an_end() -> None:
    around = {"@odata.id": f"{ROOT}/Managers"}
    changes = [(MANAGER, "/NetworkProtocol", {"@odata.id": MANAGER}), (SNMP, "/SNMPUsers", around)]
    assert interpreted(*changes).find("ilo.manager", "1") is not None


def test_nothing_collected_means_nothing() -> None:
    empty = Collected("web1/ilo", "ilo", (Document(ROOT, "redfish/v1.json", b"{}"),))
    assert interpret(empty, InterpretOptions()).resources == ()


NOT_TO_COMPARE = ("SerialNumber", "ProductId", "RomSelection", "RestoreDefaults", "TpmChipId", "SecureBootStatus")


@pytest.mark.parametrize("registry", [True, False])
def test_what_is_one_machines_own_is_not_compared_with_or_without_a_registry(registry: bool) -> None:
    tree = bodies()
    tree[BIOS]["Attributes"] |= {name: f"of this machine: {name}" for name in NOT_TO_COMPARE}  # type: ignore[operator]
    known = next(body for body in tree.values() if "RegistryEntries" in body)
    own = {"IsSystemUniqueProperty": True}, {"ReadOnly": True}, {"Immutable": True}, {"WriteOnly": True}
    for number, flag in enumerate(own):
        tree[BIOS]["Attributes"][f"Own{number}"] = "x"  # type: ignore[index, call-overload]
        entry = {"AttributeName": f"Own{number}", "Type": "String", **flag}
        known["RegistryEntries"]["Attributes"].append(entry)  # type: ignore[index, call-overload, union-attr]
    if not registry:
        tree = {uri: body for uri, body in tree.items() if "RegistryEntries" not in body}
    bios = interpret(collection(tree), InterpretOptions()).find("ilo.bios", "1")
    assert bios is not None
    names = {attribute.name for attribute in bios.attributes}
    assert names & set(NOT_TO_COMPARE) == set()
    assert ("BootMode" in names, any(name.startswith("Own") for name in names)) == (True, not registry)


@pytest.mark.parametrize("odd", [None, "", "Trap", 1])
def test_a_destination_of_an_unknown_version_proves_nothing(odd: object) -> None:
    others = [(f"{DESTINATIONS}/2", "", None)]
    change = (f"{DESTINATIONS}/1", "/SNMPAlertProtocol", odd)
    for name in ("version_sent", "user_known"):
        assert isinstance(value("ilo.snmp_destination", "10.9.0.4", name, change), Undetermined)
    assert isinstance(value("ilo.manager", "1", "alert_channels", *others, change), Undetermined)


@pytest.mark.parametrize("odd", [None, "on", 0, []])
def test_a_switch_in_another_form_is_undetermined_for_what_rests_on_it(odd: object) -> None:
    sent = value("ilo.snmp_destination", "10.9.0.4", "version_sent", (SNMP, "/SNMPv1TrapEnabled", odd))
    offered = value("ilo.snmp", "1", "protocol_enabled", (PROTOCOL, "/SNMP/ProtocolEnabled", odd))
    licensed = value("ilo.alert_mail", "1", "licensed", (LICENCE, "/LicenseFeatures/EmailAlert", odd))
    assert [type(one) for one in (sent, offered, licensed)] == [Undetermined] * 3


@pytest.mark.parametrize("odd", ["StatusChange", {"0": "StatusChange"}, [1]])
@pytest.mark.parametrize("name", ["EventTypes", "RegistryPrefixes"])
def test_a_subscription_of_unknown_events_is_no_proof_of_alerts(name: str, odd: object) -> None:
    place = f"{ROOT}/EventService/Subscriptions/1"
    tree = bodies("ilo5", (SNMP, "/AlertsEnabled", False))
    tree[place] = {"@odata.id": place, "Destination": "https://e.example/x", "Context": "c", name: odd}  # type: ignore[dict-item]
    tree[f"{ROOT}/EventService/Subscriptions"]["Members"] = [{"@odata.id": place}]
    found = interpret(collection(tree), InterpretOptions())
    (subscription,) = found.of_kind("ilo.event_subscription")
    manager = found.find("ilo.manager", "1")
    assert manager is not None
    assert isinstance(subscription.value("alerts_included"), Undetermined)
    assert isinstance(manager.value("alert_channels"), Undetermined)


@pytest.mark.parametrize("uri", [BIOS, f"{BIOS}settings/"])
def test_a_bios_without_attributes_is_no_bios_of_which_nothing_waits(uri: str) -> None:
    tree = bodies("ilo5")
    del tree[uri]["Attributes"]
    found = interpret(collection(tree), InterpretOptions())
    assert "not recognised" in [gap.cause for gap in found.gaps if gap.kinds and "ilo.bios" in gap.kinds]
    bios = found.find("ilo.bios", "1")
    assert bios is not None
    assert isinstance(bios.value("pending"), Undetermined)
