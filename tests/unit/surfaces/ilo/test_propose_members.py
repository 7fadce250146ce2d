"""Steps that make and remove alert destinations, subscriptions and SNMP users, and what is refused."""

from __future__ import annotations

import msgspec
import pytest

from auditor.model.plan import AttributeIs, NoUndo, RedfishCreate, RedfishDelete, RedfishPatch
from auditor.model.resource import Address
from auditor.model.value import Boolean, Many, Number, Text, Value, texts
from auditor.surfaces.ilo.body import Body
from tests.virtual_ilo import SNMP, bodies, proposal

NEW = 'ilo.snmp_destination["10.9.0.9"]'
V3 = ((f"{NEW}.present", Boolean(True)), (f"{NEW}.protocol", Text("SNMPv3Trap")),
      (f"{NEW}.security_name", Text("alerts")))  # fmt: skip
HOOK = 'ilo.event_subscription["https://sink.example/events"]'
SUBSCRIBE = ((f"{HOOK}.present", Boolean(True)), (f"{HOOK}.context", Text("auditor")))
DESTINATIONS = f"{SNMP}/SNMPAlertDestinations"


def test_a_destination_is_one_post_whose_undo_removes_exactly_that() -> None:
    made = proposal(*V3)
    (step,) = made.steps
    content = (("/AlertDestination", '"10.9.0.9"'), ("/SNMPAlertProtocol", '"SNMPv3Trap"'),
               ("/SecurityName", '"alerts"'))  # fmt: skip
    assert (step.change, step.undo) == (RedfishCreate(DESTINATIONS, content), RedfishDelete(DESTINATIONS, content))
    assert step.preconditions == (AttributeIs(Address("", "ilo.snmp_destination", "10.9.0.9"), None),)
    named = {one.address.attribute: one.value for one in step.postconditions if isinstance(one, AttributeIs)}
    assert named == {"address": Text("10.9.0.9"), "protocol": Text("SNMPv3Trap"), "security_name": Text("alerts")}
    after = {str(one.address): one.after for one in made.effects}
    assert after['ilo.snmp["1"].destinations'] == Number(3)
    channels = after['ilo.manager["1"].alert_channels']
    assert isinstance(channels, Many)
    assert Text("snmp 10.9.0.9") in channels.items
    assert step.disruption == "none"


def test_a_subscription_says_what_is_asked_for() -> None:
    (step,) = proposal(*SUBSCRIBE, (f"{HOOK}.event_types", texts("Alert"))).steps
    assert isinstance(step.change, RedfishCreate)
    assert dict(step.change.members) == {
        "/Destination": '"https://sink.example/events"',
        "/Context": '"auditor"',
        "/EventTypes": '["Alert"]',
        "/Protocol": '"Redfish"',
    }


@pytest.mark.parametrize("value", [None, Boolean(False)])
def test_a_member_without_a_secret_can_be_made_again(value: Value | None) -> None:
    made = proposal(('ilo.snmp_destination["10.9.0.5"].present', value))
    (step,) = made.steps
    assert isinstance(step.change, RedfishDelete)
    assert step.change.uri == f"{DESTINATIONS}/2"
    assert step.undo == RedfishCreate(DESTINATIONS, step.change.members)
    assert all(one.after is None for one in made.effects if one.address.name == "10.9.0.5")


@pytest.mark.parametrize(
    ("address", "says"),
    [('ilo.snmp_destination["10.9.0.4"].present', "community"), ('ilo.snmp_user["alerts"].present', "auth_passphrase")],
)
def test_what_holds_a_secret_cannot_be_made_again(address: str, says: str) -> None:
    (step,) = proposal((address, None)).steps
    assert isinstance(step.undo, NoUndo)
    assert says in step.undo.reason
    assert "keyed" not in str(step.change)


def test_headers_that_an_ilo_does_not_show_are_a_secret() -> None:
    tree = bodies()
    uri = "/redfish/v1/EventService/Subscriptions/1"
    tree[uri] = {"Id": "1", "Destination": "https://a.example/", "Context": "c",
                                                        "HttpHeaders": []}  # fmt: skip
    tree["/redfish/v1/EventService/Subscriptions"]["Members"] = [
        {"@odata.id": "/redfish/v1/EventService/Subscriptions/1"}
    ]
    (step,) = proposal(('ilo.event_subscription["https://a.example/"].present', None), tree=tree).steps
    assert isinstance(step.undo, NoUndo)
    assert "HttpHeaders" in step.undo.reason


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        (V3[:1], "needs protocol"),
        ((V3[0], (f"{NEW}.protocol", Text("SNMPv1Trap"))), "community"),
        (V3[:2], "needs security_name"),
        (V3[1:], "Make it:  --set"),
        ((*V3, (f"{NEW}.user_known", Boolean(True))), "is not said when one is made"),
        ((*V3, (f"{NEW}.colour", Text("x"))), "no such attribute colour"),
        ((V3[1], (f"{NEW}.present", None)), "to be removed"),
        (((f"{NEW}.present", Text("yes")),), "true, false or null"),
        (SUBSCRIBE[:1], "needs context"),
        (
            (('ilo.event_subscription["http://sink.example/"].present', Boolean(True)),
             ('ilo.event_subscription["http://sink.example/"].context', Text("c"))),
            "must be https",
        ),
        ((('ilo.snmp_user["new"].present', Boolean(True)),), "needs auth_protocol, auth_passphrase"),
        ((('ilo.snmp_user["alerts"].security_name', Text("noc")),), "remove it, and make another"),
        ((('ilo.snmp_destination["10.9.0.5"].address', Text("10.9.0.4")),), "there is a destination 10.9.0.4 already"),
        ((('ilo.snmp_destination["10.9.0.5"].protocol', None),), "remove it whole"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_refused_in_a_sentence(wishes: tuple[tuple[str, Value | None], ...], says: str) -> None:
    made = proposal(*wishes)
    assert made.steps == ()
    assert len(made.refusals) == 1
    assert says in made.refusals[0]


def test_what_is_as_wished_needs_no_step() -> None:
    assert proposal(('ilo.snmp_destination["10.9.0.5"].present', Boolean(True))).steps == ()
    assert proposal((f"{NEW}.present", None)).steps == ()


def test_a_destination_s_user_is_patched_where_it_stands() -> None:
    (step,) = proposal(('ilo.snmp_destination["10.9.0.5"].security_name', Text("other"))).steps
    assert step.change.uri == f"{DESTINATIONS}/2"  # type: ignore[union-attr]


def test_settings_come_first_then_what_is_made_then_what_goes_then_what_resets() -> None:
    made = proposal(
        ('ilo.snmp["1"].v1_enabled', Boolean(False)),
        ('ilo.snmp_destination["10.9.0.5"].present', None),
        *V3,
        ('ilo.snmp["1"].cold_start_trap', Boolean(True)),
    )
    assert [type(one.change).__name__ for one in made.steps] == [
        "RedfishPatch", "RedfishCreate", "RedfishDelete", "RedfishPatch",
    ]  # fmt: skip
    assert [one.disruption for one in made.steps] == ["none", "none", "none", "iLO reset"]


def test_a_destination_s_address_is_patched_where_it_stands_and_is_another_name_afterwards() -> None:
    made = proposal(('ilo.snmp_destination["10.9.0.4"].address', Text("10.9.0.6")))
    (step,) = made.steps
    assert isinstance(step.change, RedfishPatch)
    assert step.change.members == (("/AlertDestination", '"10.9.0.6"'),)
    there, gone = (Address("", "ilo.snmp_destination", name) for name in ("10.9.0.6", "10.9.0.4"))
    assert set(step.preconditions) == {
        AttributeIs(msgspec.structs.replace(gone, attribute="address"), Text("10.9.0.4")),
        AttributeIs(there, None),
    }
    assert step.postconditions == (AttributeIs(msgspec.structs.replace(there, attribute="address"), Text("10.9.0.6")),)
    effects = {str(one.address): (one.before, one.after) for one in made.effects}
    assert effects[f"{gone}.protocol"] == (Text("SNMPv1Trap"), None)
    assert effects[f"{there}.protocol"] == (None, Text("SNMPv1Trap"))


def subscribed(**members: object) -> dict[str, Body]:
    tree = bodies()
    uri = "/redfish/v1/EventService/Subscriptions/1"
    said = {"Id": "1", "Destination": "https://sink.example/events", "Context": "old", "Protocol": "Redfish",
            "EventTypes": ["Alert"], **members}  # fmt: skip
    tree[uri] = {name: value for name, value in said.items() if value is not None}  # type: ignore[misc]
    tree["/redfish/v1/EventService/Subscriptions"]["Members"] = [{"@odata.id": uri}]
    return tree


def test_another_subscription_takes_the_place_of_one_and_comes_first() -> None:
    made = proposal((f"{HOOK}.context", Text("new")), tree=subscribed())
    new, old = made.steps
    assert isinstance(new.change, RedfishCreate)
    assert isinstance(old.change, RedfishDelete)
    assert dict(new.change.members)["/Context"] == '"new"'
    assert dict(new.change.members)["/EventTypes"] == '["Alert"]'
    assert dict(old.change.members)["/Context"] == '"old"'
    assert old.undo == RedfishCreate(old.change.collection, old.change.members)
    assert new.preconditions == ()
    assert AttributeIs(
        Address("", "ilo.event_subscription", "https://sink.example/events", "context"), Text("old")
    ) in (old.preconditions)
    assert old.postconditions == ()
    assert [(str(one.address), one.after) for one in made.effects if one.asked] == [(f"{HOOK}.context", Text("new"))]
    assert proposal((f"{HOOK}.context", Text("old")), tree=subscribed()).steps == ()


@pytest.mark.parametrize(
    ("wish", "members", "says"),
    [
        (("context", Text("new")), {"HttpHeaders": []}, "HttpHeaders"),
        (("event_types", texts("Alert")), {"EventTypes": None}, "could not be told from it"),
        (("alerts_included", Boolean(False)), {}, "is not said when one is made"),
        (("destination", Text("http://sink.example/")), {}, "must be https"),
    ],
)
def test_what_could_not_take_its_place_is_refused(
    wish: tuple[str, Value], members: dict[str, object], says: str
) -> None:
    made = proposal((f"{HOOK}.{wish[0]}", wish[1]), tree=subscribed(**members))
    assert made.steps == ()
    assert says in made.refusals[0]
