"""Steps for wishes, their undo, every effect, and what is refused."""

from __future__ import annotations

import json

import pytest

from auditor.model.plan import AttributeIs, BiosAttributes, NoUndo, RedfishPatch
from auditor.model.resource import parse_address
from auditor.model.snapshot import Gap
from auditor.model.value import Boolean, Duration, Many, Number, Text, Value, show, texts
from auditor.plan.build import certain
from auditor.surfaces.ilo.body import Body
from auditor.surfaces.ilo.kinds import KINDS
from auditor.surfaces.ilo.members import MEMBERS
from tests.virtual_ilo import BIOS, LICENCE, MANAGER, PENDING, PROTOCOL, SNMP, bodies, proposal

COLD_START = 'ilo.snmp["1"].cold_start_trap'
AUTO_ON = 'ilo.bios["1"].AutoPowerOn'
PROFILE = 'ilo.bios["1"].WorkloadProfile'
DOWNGRADE = 'ilo.manager["1"].downgrade_policy'


def test_an_alert_setting_is_one_patch_with_the_old_value_as_undo() -> None:
    made = proposal((COLD_START, Boolean(True)))
    (step,) = made.steps
    pointer = "/Oem/Hpe/SNMPColdStartTrapBroadcast"
    assert step.change == RedfishPatch(SNMP, ((pointer, "true"),))
    assert step.undo == RedfishPatch(SNMP, ((pointer, "false"),))
    assert step.disruption == "none"
    address = parse_address(COLD_START)
    assert step.preconditions == (AttributeIs(address, Boolean(False)),)
    assert step.postconditions == (AttributeIs(address, Boolean(True)),)
    assert [(str(effect.address), effect.asked) for effect in made.effects] == [(COLD_START, True)]
    assert made.refusals == ()


def test_what_needs_a_reset_of_the_ilo_is_a_step_of_its_own() -> None:
    made = proposal((COLD_START, Boolean(True)), ('ilo.snmp["1"].v1_enabled', Boolean(False)))
    assert [step.disruption for step in made.steps] == ["none", "iLO reset"]
    assert len({step.id for step in made.steps}) == 2
    lost = next(effect for effect in made.effects if effect.address.attribute == "alert_channels")
    assert (lost.before, lost.after, lost.asked) == (
        texts("snmp 10.9.0.4", "snmp 10.9.0.5"),
        texts("snmp 10.9.0.5"),
        False,
    )


def test_settings_of_one_resource_share_a_patch() -> None:
    made = proposal(
        ('ilo.remote_syslog["1"].enabled', Boolean(True)),
        ('ilo.remote_syslog["1"].server', Text("log1.example")),
        ('ilo.alert_mail["1"].smtp_port', Number(587)),
    )
    (step,) = made.steps
    assert isinstance(step.change, RedfishPatch)
    assert dict(step.change.members) == {
        "/Oem/Hpe/RemoteSyslogEnabled": "true",
        "/Oem/Hpe/RemoteSyslogServer": '"log1.example"',
        "/Oem/Hpe/AlertMailSMTPPort": "587",
    }
    assert len(step.preconditions) == 3


def test_time_servers_fill_the_places_there_are() -> None:
    made = proposal(('ilo.time["1"].ntp_servers', texts("192.0.2.7")))
    change, undo = made.steps[0].change, made.steps[0].undo
    assert change == RedfishPatch(f"{MANAGER}/DateTime", (("/StaticNTPServers", '["192.0.2.7", "0.0.0.0"]'),))
    assert undo == RedfishPatch(f"{MANAGER}/DateTime", (("/StaticNTPServers", '["192.0.2.123", "0.0.0.0"]'),))


def test_durations_are_written_in_the_member_s_own_unit() -> None:
    made = proposal(('ilo.manager["1"].idle_timeout', Duration(900)))
    assert made.steps[0].change == RedfishPatch(MANAGER, (("/Oem/Hpe/IdleConnectionTimeoutMinutes", "15"),))
    refused = proposal(('ilo.manager["1"].idle_timeout', Duration(90)))
    assert "whole number of minutes" in refused.refusals[0]


def test_bios_attributes_are_one_step_with_a_reboot() -> None:
    made = proposal((AUTO_ON, Text("RestoreLastState")), ('ilo.bios["1"].PostF1Prompt', Text("Delayed2Sec")))
    (step,) = made.steps
    assert isinstance(step.change, BiosAttributes)
    assert (step.change.uri, step.change.settings_uri) == (BIOS, PENDING)
    assert dict(step.change.attributes) == {"AutoPowerOn": '"RestoreLastState"', "PostF1Prompt": '"Delayed2Sec"'}
    assert isinstance(step.undo, BiosAttributes)
    assert dict(step.undo.attributes) == {"AutoPowerOn": '"AlwaysPowerOff"', "PostF1Prompt": '"Delayed20Sec"'}
    assert step.disruption == "reboot"
    pending = parse_address('ilo.bios["1"].pending')
    assert AttributeIs(pending, Many(())) in step.preconditions
    assert AttributeIs(parse_address('ilo.bios["1"].verdict'), Text("applied")) in step.postconditions


def test_a_profile_s_dependents_are_effects_and_part_of_the_undo() -> None:
    made = proposal((PROFILE, Text("LowLatency")))
    step = made.steps[0]
    assert isinstance(step.undo, BiosAttributes)
    undo = {name: json.loads(value) for name, value in step.undo.attributes}
    before = bodies()[BIOS]["Attributes"]
    assert undo == {name: before[name] for name in undo}  # type: ignore[index, call-overload]
    assert next(iter(undo)) == "WorkloadProfile"
    assert {effect.address.attribute for effect in made.effects} == set(undo)
    assert [effect.address.attribute for effect in made.effects if effect.asked] == ["WorkloadProfile"]
    assert set(undo) == {condition.address.attribute for condition in step.preconditions} - {"pending"}  # type: ignore[union-attr]


def test_values_that_the_undo_could_not_set_again_make_it_irreversible() -> None:
    tree = bodies(
        "ilo5", (BIOS, "/Attributes/PowerRegulator", "OsControl"), (PENDING, "/Attributes/PowerRegulator", "OsControl")
    )
    made = proposal((PROFILE, Text("LowLatency")), tree=tree)
    undo = made.steps[0].undo
    assert isinstance(undo, NoUndo)
    assert "PowerRegulator" in undo.reason


@pytest.mark.parametrize(
    ("address", "value", "says"),
    [
        (DOWNGRADE, Text("NoDowngrade"), "permanent"),
        ('ilo.snmp["1"].alert_enabled', Boolean(True), "did you mean alerts_enabled?"),
        ('ilo.snmp["1"].destinations', Number(3), "is read-only"),
        ('ilo.snmp["1"].alerts_enabled', Text("on"), "must be true or false"),
        ('ilo.snmp["9"].alerts_enabled', Boolean(True), "there are 1"),
        ('ilo.snmp["1"].alerts_enabled', None, "cannot be taken away"),
        ('ilo.snmp_destination["10.9.0.9"].address', Text("10.9.0.9"), "Make it:  --set"),
        ('ilo.time["1"].ntp_servers', texts("a", "b", "c"), "2 addresses at most"),
        ('ilo.wrong["1"].x', Number(1), "no kind ilo.wrong"),
        ('ilo.bios["1"].BotMode', Text("Uefi"), "did you mean BootMode?"),
        ('ilo.bios["1"].BootMode', Text("Fast"), "must be one of Uefi, LegacyBios"),
        ('ilo.bios["1"].DramRapl', Number(-1), "between 0 and 5000000"),
        ('ilo.bios["1"].TpmState', Text("NotPresent"), "is read-only"),
        ('ilo.bios["1"].SerialNumber', Text("X"), "this machine's own"),
        ('ilo.bios["1"].RestoreDefaults', Text("Yes"), "is an order to the BIOS"),
        ('ilo.bios["1"].PowerRegulator', Text("OsControl"), "is locked while WorkloadProfile"),
        ('ilo.bios["1"].pending', texts(), "none itself"),
        ('ilo.bios["2"].BootMode', Text("Uefi"), "there are 1"),
        ('ilo.security["1"].security_state', Text("FIPS"), "is read-only"),
        ('ilo.manager["1"].some_pending_reset', Boolean(True), "can only be asked to be false"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(address: str, value: Value | None, says: str) -> None:
    made = proposal((address, value))
    assert made.steps == ()
    assert len(made.refusals) == 1
    assert says in made.refusals[0]
    assert made.refusals[0].startswith(address)


def test_a_permanent_policy_is_not_left_either() -> None:
    tree = bodies("ilo5", ("/redfish/v1/UpdateService", "/Oem/Hpe/DowngradePolicy", "NoDowngrade"))
    assert "permanent" in proposal((DOWNGRADE, Text("AllowDowngrade")), tree=tree).refusals[0]


def test_what_the_licence_lacks_is_refused() -> None:
    tree = bodies("ilo5", (LICENCE, "/LicenseFeatures/EmailAlert", False))
    made = proposal(('ilo.alert_mail["1"].enabled', Boolean(True)), tree=tree)
    assert "licence lacks EmailAlert" in made.refusals[0]


def test_settings_of_somebody_else_stop_a_bios_plan() -> None:
    tree = bodies("ilo5", (PENDING, "/Attributes/ProcTurbo", "Disabled"))
    made = proposal((AUTO_ON, Text("RestoreLastState")), tree=tree)
    assert made.steps == ()
    assert "ProcTurbo" in made.refusals[0]


def test_time_servers_named_by_dhcp_are_read_only() -> None:
    interface = f"{MANAGER}/EthernetInterfaces/1"
    tree = bodies("ilo5", (interface, "/DHCPv4/DHCPEnabled", True), (interface, "/DHCPv4/UseNTPServers", True))
    assert "DHCP" in proposal(('ilo.time["1"].ntp_servers', texts("192.0.2.7")), tree=tree).refusals[0]


def test_a_bios_without_its_registry_is_not_planned_for() -> None:
    tree = {uri: body for uri, body in bodies().items() if "RegistryEntries" not in body}
    assert "was not read" in proposal((AUTO_ON, Text("RestoreLastState")), tree=tree).refusals[0]


def test_what_is_so_already_needs_no_step() -> None:
    made = proposal((COLD_START, Boolean(False)), (AUTO_ON, Text("AlwaysPowerOff")))
    assert (made.steps, made.effects, made.refusals) == ((), (), ())
    assert [note.partition(":")[0] for note in made.notes] == ["already so"] * 2


def test_what_is_so_already_is_said_beside_what_is_changed() -> None:
    made = proposal((COLD_START, Boolean(False)), (AUTO_ON, Text("AlwaysPowerOn")))
    assert len(made.steps) == 1
    assert [note for note in made.notes if note.startswith("already so: ")] == list(made.notes) != []


def test_what_is_so_already_and_would_not_stay_so_is_refused_as_a_contradiction() -> None:
    """Both were asked for; a plan that brings one and takes the other away is neither."""
    hyperthreading = 'ilo.bios["1"].ProcHyperthreading'
    made = proposal((PROFILE, Text("LowLatency")), (hyperthreading, Text("Enabled")))
    assert made.steps == ()
    assert made.refusals == (f"{hyperthreading}: is Enabled now, and becomes Disabled by what else is asked for.",)
    assert proposal((PROFILE, Text("LowLatency")), (hyperthreading, Text("Disabled"))).steps


def test_a_value_that_holds_a_secret_is_not_overwritten() -> None:
    tree = bodies("ilo5", (SNMP, "/Location", "https://user:password@inventory.example/rack"))
    assert "secret" in proposal(('ilo.snmp["1"].location', Text("rack 7")), tree=tree).refusals[0]


def test_every_settable_member_can_be_proposed() -> None:
    """The table holds nothing that reading and writing do not both understand."""
    samples: dict[str, Value] = {"text": Text("another"), "number": Number(4), "duration": Duration(120)}
    settable = {(kind.name, spec.name) for kind in KINDS for spec in kind.attributes if spec.settable}
    assert settable == {(one.kind, one.name) for one in MEMBERS if one.settable or one.made}
    tree = bodies("ilo5", ("/redfish/v1/AccountService", "/AccountLockoutThreshold", 5),
                  ("/redfish/v1/AccountService", "/AccountLockoutDuration", 60))  # fmt: skip
    alone = [one for one in MEMBERS if one.settable and one.form != "addresses" and one.kind != "ilo.snmp_user"]
    for member in (one for one in alone if one.type != "secret"):  # a user's and secrets: test_propose_secrets
        name = {"ilo.account_policy": "accounts", "ilo.snmp_destination": "10.9.0.5"}.get(member.kind, "1")
        wished = [samples[member.type]] if member.type in samples else [Boolean(True), Boolean(False)]
        if member.name == "protocol":
            wished = [Text("SNMPv3Inform")]
        made = [proposal((f'{member.kind}["{name}"].{member.name}', value), tree=tree) for value in wished]
        assert [one.refusals for one in made] == [()] * len(made), member.name
        (step,) = [step for one in made for step in one.steps]
        assert step.disruption == member.disruption
        assert show(wished[0])


def test_refusals_name_what_could_not_be_read() -> None:
    from auditor.model.plan import Wish
    from auditor.model.snapshot import Collected
    from auditor.surfaces.ilo.propose import propose
    from auditor.surfaces.interface import InterpretOptions

    nothing = Collected("web1/ilo", "ilo", (), gaps=(Gap("whole target", "unreachable"),))
    made = propose((Wish(parse_address(COLD_START), Boolean(True)),), nothing, InterpretOptions())
    assert made.steps == ()
    assert "whole target: unreachable" in made.refusals[0]
    assert PROTOCOL not in made.refusals[0]


def test_a_dependent_in_the_undo_is_no_change_by_somebody_else() -> None:
    from auditor.surfaces.ilo.carry_out.members import members_of, standing

    step = proposal((PROFILE, Text("LowLatency"))).steps[0]
    assert isinstance(step.undo, BiosAttributes)
    assert isinstance(step.change, BiosAttributes)
    tree = bodies(
        "ilo5", (BIOS, "/Attributes/WorkloadProfile", "LowLatency"), (BIOS, "/Attributes/ProcTurbo", "Disabled")
    )
    assert standing(tree[BIOS], members_of(step.undo), members_of(step.change)) in ("previous", "mixed")


def _with_dependency(dependency: dict[str, object]) -> dict[str, Body]:
    tree = bodies()
    registry = next(body for body in tree.values() if "RegistryEntries" in body)
    registry["RegistryEntries"]["Dependencies"].append(dependency)  # type: ignore[index, call-overload, union-attr]
    return tree


def _map(source: str, operator: str, value: str, target: str, property_: str, then: object) -> dict[str, object]:
    condition = {"MapFromAttribute": source, "MapFromProperty": "CurrentValue", "MapFromCondition": operator,
                 "MapFromValue": value}  # fmt: skip
    inner = {"MapFrom": [condition], "MapToAttribute": target, "MapToProperty": property_, "MapToValue": then}
    return {"Type": "Map", "Dependency": inner}


def test_what_a_profile_locks_and_unlocks_stands_beside_what_it_changes() -> None:
    made = proposal((PROFILE, Text("Custom")))
    unlocked = {one.address.attribute for one in made.limits if (one.aspect, one.after) == ("locked", Boolean(False))}
    assert "PowerRegulator" in unlocked
    assert not proposal(('ilo.bios["1"].PowerRegulator', Text("OsControl")), (PROFILE, Text("Custom"))).refusals
    pointer = "/Attributes/WorkloadProfile"
    free = bodies("ilo5", (BIOS, pointer, "Custom"), (PENDING, pointer, "Custom"))
    limits = proposal((PROFILE, Text("LowLatency")), tree=free).limits
    back = next(one for one in limits if one.address.attribute == "CollabPowerControl")
    assert (back.aspect, back.before, back.after) == ("locked", Boolean(False), Boolean(True))
    assert back.why == "WorkloadProfile is LowLatency"
    assert made.undecided == ()


def test_a_bound_that_a_setting_moves_is_told_with_both_values() -> None:
    tree = _with_dependency(_map("AutoPowerOn", "EQU", "AlwaysPowerOn", "DramRapl", "UpperBound", 100))
    (limit,) = proposal((AUTO_ON, Text("AlwaysPowerOn")), tree=tree).limits
    assert (limit.aspect, limit.before, limit.after) == ("most", Number(5000000), Number(100))


def test_what_cannot_be_decided_of_other_values_is_no_plan_and_of_a_lock_is_a_note() -> None:
    strange = _with_dependency(_map("AutoPowerOn", "LIKE", "Always", "PostF1Prompt", "CurrentValue", "Disabled"))
    made = proposal((AUTO_ON, Text("AlwaysPowerOn")), tree=strange)
    assert [(one.address.attribute, one.about) for one in made.undecided] == [("PostF1Prompt", "value")]
    assert made.steps
    assert certain(made).steps == certain(made).effects == ()
    assert "PostF1Prompt" in certain(made).refusals[0]
    locked = _with_dependency(_map("NotShown", "NEQ", "On", "AutoPowerOn", "ReadOnly", True))
    made = proposal((AUTO_ON, Text("AlwaysPowerOn")), tree=locked)
    assert [(one.about, one.why) for one in made.undecided] == [
        ("lock", "depends on NotShown, which this machine does not show")
    ]
    assert made.refusals == ()
    assert any("NotShown" in note for note in certain(made).notes)
    assert certain(made).steps == made.steps


def test_a_way_back_that_cannot_be_decided_is_none() -> None:
    tree = _with_dependency(_map("AutoPowerOn", "LIKE", "Restore", "PostF1Prompt", "CurrentValue", "Disabled"))
    (step,) = proposal((AUTO_ON, Text("AlwaysPowerOn")), tree=tree).steps
    assert isinstance(step.undo, NoUndo)
    assert "PostF1Prompt" in step.undo.reason


def test_what_may_be_set_is_told_also_where_the_value_is_refused() -> None:
    made = proposal(('ilo.bios["1"].BootMode', Text("Fast")), ('ilo.bios["1"].DramRapl', Number(5)))
    assert [(one.address.attribute, one.text) for one in made.allowed] == [
        ("BootMode", "Uefi, LegacyBios"),
        ("DramRapl", "0 to 5000000"),
    ]
    assert len(made.refusals) == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ((PENDING, "/Attributes/BootMode", None), "is not known: the pending value of BootMode is no text"),
        ((PENDING, "/Attributes/BootMode", ["LegacyBios"]), "is not known: the pending value of BootMode is no text"),
        ((PENDING, "/Attributes", None), "is not known: the settings that were read hold no attributes"),
        ((BIOS, "/@Redfish.Settings/SettingsObject", {"@odata.id": BIOS}), "leads to current ones"),
    ],
)
def test_no_bios_change_is_planned_where_it_is_not_known_what_waits(change: tuple[str, str, object], why: str) -> None:
    made = proposal((AUTO_ON, Text("AlwaysPowerOn")), tree=bodies("ilo5", change))
    assert made.steps == ()
    assert any(why in one for one in made.refusals), made.refusals


def test_what_has_no_value_now_is_not_changed_since_it_could_not_be_taken_back() -> None:
    tree = bodies("ilo5", *((uri, "/Attributes/AutoPowerOn", None) for uri in (BIOS, PENDING)))
    made = proposal((AUTO_ON, Text("AlwaysPowerOn")), tree=tree)
    assert made.steps == ()
    assert made.refusals == (f"{AUTO_ON}: the iLO does not say what it is now (null), so it could not be taken back.",)
