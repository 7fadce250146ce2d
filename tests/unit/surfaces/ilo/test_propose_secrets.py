"""Steps that need a secret: what the plan says of it, by what it is taken back, and what is refused."""

from __future__ import annotations

import msgspec
import pytest

from auditor.model.plan import (
    AttributeIs,
    NoUndo,
    Proposal,
    RedfishCreate,
    RedfishDelete,
    RedfishPatch,
    SecretFrom,
    SecretPlace,
    Wish,
)
from auditor.model.resource import Address, parse_address
from auditor.model.value import Boolean, Number, Secret, Text, Undetermined, Value
from auditor.plan.claims import check_claims
from auditor.surfaces.ilo.body import Body
from auditor.surfaces.ilo.propose import propose
from auditor.surfaces.interface import InterpretOptions
from tests.virtual_ilo import SEALER, SNMP, bodies, collection

USER = 'ilo.snmp_user["noc"]'
OLD = 'ilo.snmp_user["alerts"]'
V1 = 'ilo.snmp_destination["10.9.0.9"]'
WHERE = Address("", "ilo.snmp_user", "noc")


def said(address: str, value: Value | None) -> Wish:
    return Wish(parse_address(address), value)


def secret(address: str, value: str = "", place: str = "env:NEW", *, before: bool = False) -> Wish:
    """A secret that is wished for; an empty one is not at hand."""
    digest = SEALER.seal(value.encode()) if value else ""
    known = Secret(digest) if digest else Undetermined("not at hand")
    return Wish(parse_address(address), known, SecretPlace(place, digest, len(value), before))


def proposed(*wishes: Wish, tree: dict[str, Body] | None = None) -> Proposal:
    made = propose(wishes, collection(tree or bodies()), InterpretOptions())
    for step in made.steps:
        check_claims(step)
    return made


MADE = (
    said(f"{USER}.present", Boolean(True)),
    said(f"{USER}.auth_protocol", Text("SHA256")),
    secret(f"{USER}.auth_passphrase", "correct horse", "env:AUTH"),
    said(f"{USER}.privacy_protocol", Text("AES")),
    secret(f"{USER}.privacy_passphrase", place="file:/run/privacy"),
)


def test_a_user_is_one_post_whose_secrets_are_named_by_their_place_and_whose_undo_needs_none() -> None:
    made = proposed(*MADE)
    (step,) = made.steps
    users = f"{SNMP}/SNMPUsers"
    content = (("/AuthProtocol", '"SHA256"'), ("/PrivacyProtocol", '"AES"'), ("/SecurityName", '"noc"'))
    digest = SEALER.seal(b"correct horse")
    places = (SecretFrom("/AuthPassphrase", "env:AUTH", digest), SecretFrom("/PrivacyPassphrase", "file:/run/privacy"))
    assert step.change == RedfishCreate(users, content, places)
    assert step.undo == RedfishDelete(users, content)
    assert step.preconditions == (AttributeIs(WHERE, None),)
    named = {one.address.attribute: one.value for one in step.postconditions if isinstance(one, AttributeIs)}
    assert named == {"security_name": Text("noc"), "auth_protocol": Text("SHA256"), "privacy_protocol": Text("AES")}
    assert {str(one.address): one.after for one in made.effects}['ilo.snmp["1"].users'] == Number(2)
    assert any("not at hand now: file:/run/privacy;" in note for note in made.notes)
    assert any("alerts test" in note for note in made.notes)
    assert "env:AUTH" in step.why
    assert b"correct horse" not in msgspec.json.encode(made)


def test_a_v1_destination_s_community_can_be_read_back_by_its_digest() -> None:
    made = proposed(
        said(f"{V1}.present", Boolean(True)),
        said(f"{V1}.protocol", Text("SNMPv1Trap")),
        secret(f"{V1}.community", "trap-word"),
    )
    (step,) = made.steps
    digest = Secret(SEALER.seal(b"trap-word"))
    assert AttributeIs(Address("", "ilo.snmp_destination", "10.9.0.9", "community"), digest) in step.postconditions
    assert {str(one.address): one.after for one in made.effects}[f"{V1}.community"] == digest


def test_an_ilo_s_user_goes_and_comes_again_by_the_secrets_named_for_that() -> None:
    named = [
        secret(f"{OLD}.auth_passphrase", "old phrase 1", "env:OLD_AUTH", before=True),
        secret(f"{OLD}.privacy_passphrase", place="env:OLD_PRIVACY", before=True),
        secret(f"{OLD}.engine_id", place="env:ENGINE", before=True),
    ]
    made = proposed(said(f"{OLD}.present", None), *named)
    (step,) = made.steps
    assert isinstance(step.change, RedfishDelete)
    assert isinstance(step.undo, RedfishCreate)
    assert step.undo.members == step.change.members
    held = {one.pointer: one for one in step.undo.secrets}
    assert held["/UserEngineID"].digest == SEALER.seal(b"0x800000E80453494D"), "the iLO shows which one it must be"
    assert held["/PrivacyPassphrase"].digest == ""
    assert any("cannot be read from it" in note for note in made.notes)

    for left in range(3):
        (step,) = proposed(said(f"{OLD}.present", None), *(named[:left] + named[left + 1 :])).steps
        assert isinstance(step.undo, NoUndo)
        assert f"--secret-before 'TARGET:{named[left].address}=env:NAME'" in step.undo.reason


def test_a_secret_of_before_that_the_ilo_shows_to_be_another_is_refused() -> None:
    community = 'ilo.snmp_destination["10.9.0.4"].community'
    gone = said('ilo.snmp_destination["10.9.0.4"].present', None)
    assert "another secret than the iLO has" in proposed(gone, secret(community, "wrong", before=True)).refusals[0]
    (step,) = proposed(gone, secret(community, "sim-trap-community", before=True)).steps
    assert isinstance(step.undo, RedfishCreate)
    assert step.undo.secrets == (SecretFrom("/TrapCommunity", "env:NEW", SEALER.seal(b"sim-trap-community")),)


def test_pass_phrases_are_patched_together_with_the_name_that_says_whose_they_are() -> None:
    made = proposed(
        said(f"{OLD}.auth_protocol", Text("SHA256")),
        secret(f"{OLD}.auth_passphrase", "a new phrase"),
        secret(f"{OLD}.auth_passphrase", place="env:OLD", before=True),
    )
    (step,) = made.steps
    uri, same = f"{SNMP}/SNMPUsers/1", ("/SecurityName", '"alerts"')
    phrase = SecretFrom("/AuthPassphrase", "env:NEW", SEALER.seal(b"a new phrase"))
    assert step.change == RedfishPatch(uri, (("/AuthProtocol", '"SHA256"'), same), (phrase,))
    assert step.undo == RedfishPatch(
        uri, (("/AuthProtocol", '"SHA"'), same), (SecretFrom("/AuthPassphrase", "env:OLD"),)
    )
    (step,) = proposed(secret(f"{OLD}.auth_passphrase", "a new phrase")).steps
    assert isinstance(step.undo, NoUndo), "nobody said what it is now"


def test_a_community_is_patched_where_it_stands_unless_it_is_that_one_already() -> None:
    community = 'ilo.snmp_destination["10.9.0.4"].community'
    assert proposed(secret(community, "sim-trap-community")).steps == ()
    made = proposed(secret(community, "another"), secret(community, before=True))
    (step,) = made.steps
    assert step.undo.secrets[0].digest == SEALER.seal(b"sim-trap-community")  # type: ignore[union-attr]
    assert [str(one.address) for one in made.effects] == [community]


def test_a_v3_destination_becomes_one_of_v1_with_a_community_and_back_without_one() -> None:
    there = 'ilo.snmp_destination["10.9.0.5"]'
    assert "carries a community" in proposed(said(f"{there}.protocol", Text("SNMPv1Trap"))).refusals[0]
    made = proposed(said(f"{there}.protocol", Text("SNMPv1Trap")), secret(f"{there}.community", "word"))
    (step,) = made.steps
    assert isinstance(step.undo, RedfishPatch)
    assert dict(step.undo.members)["/TrapCommunity"] == '""'
    assert step.undo.secrets == ()


def test_users_come_before_what_names_them_and_go_after_it() -> None:
    destination = 'ilo.snmp_destination["10.9.0.8"]'
    made = proposed(
        said(f"{OLD}.present", None),
        said('ilo.snmp_destination["10.9.0.5"].present', None),
        said(f"{destination}.present", Boolean(True)),
        said(f"{destination}.protocol", Text("SNMPv3Trap")),
        said(f"{destination}.security_name", Text("noc")),
        *MADE,
    )
    assert [one.id.removeprefix("ilo-") for one in made.steps] == [
        "make-snmp_user-noc", "make-snmp_destination-10.9.0.8",
        "remove-snmp_destination-10.9.0.5", "remove-snmp_user-alerts",
    ]  # fmt: skip


def full(place: str, count: int) -> dict[str, Body]:
    tree = bodies()
    for number in range(10, 10 + count):
        tree[f"{SNMP}/{place}/{number}"] = {"Id": str(number), "SecurityName": f"u{number}", "AuthProtocol": "SHA"}
    uris = [uri for uri in tree if uri.startswith(f"{SNMP}/{place}/")]
    tree[f"{SNMP}/{place}"]["Members"] = [{"@odata.id": uri} for uri in uris]
    return tree


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        (MADE[:2], "needs auth_passphrase, privacy_protocol, privacy_passphrase"),
        ((*MADE[:2], said(f"{USER}.auth_passphrase", Secret("d")), *MADE[3:]), "say where it comes from"),
        ((MADE[0], said(f"{USER}.auth_protocol", Text("SHA1")), *MADE[2:]), "MD5, SHA or SHA256, and not SHA1"),
        ((*MADE[:2], secret(f"{USER}.auth_passphrase", "short", "env:AUTH"), *MADE[3:]), "8 to 49 characters"),
        ((said(f"{OLD}.auth_protocol", Text("SHA256")),), "ask for auth_passphrase with it"),
        ((secret('ilo.snmp_destination["10.9.0.5"].community', "word"),), "an SNMP v3 trap carries none"),
        ((secret(f"{OLD}.auth_passphrase", before=True),), "nothing of it is changed"),
        (
            (said(f"{V1}.present", Boolean(True)), said(f"{V1}.protocol", Text("SNMPv1Trap"))),
            "carries a community, which stands in no plan",
        ),
    ],
)
def test_what_is_half_of_something_is_refused_in_a_sentence(wishes: tuple[Wish, ...], says: str) -> None:
    made = proposed(*wishes)
    assert made.steps == ()
    assert len(made.refusals) == 1, made.refusals
    assert says in made.refusals[0]
    assert "short" not in made.refusals[0]


def test_an_ilo_that_is_full_takes_no_more() -> None:
    assert "has 8 of them" in proposed(*MADE, tree=full("SNMPUsers", 7)).refusals[0]
    assert len(proposed(*MADE, tree=full("SNMPUsers", 6)).steps) == 1


@pytest.mark.parametrize(
    "places",
    [
        (SecretFrom("/AuthPassphrase", "correct horse battery"),),
        (SecretFrom("/AuthPassphrase", "env:A", "correct horse"),),
        (SecretFrom("/AuthPassphrase", "env:A"), SecretFrom("/AuthPassphrase", "env:B")),
        (SecretFrom("/SecurityName", "env:A"),),
    ],
)
def test_a_plan_that_says_of_a_secret_more_than_where_it_comes_from_is_none(places: tuple[SecretFrom, ...]) -> None:
    from auditor.errors import InputError

    (step,) = proposed(*MADE).steps
    forged = msgspec.structs.replace(step, change=msgspec.structs.replace(step.change, secrets=places))
    with pytest.raises(InputError) as caught:
        check_claims(forged)
    assert "horse" not in str(caught.value)


def test_what_an_ilo_is_not_known_to_show_is_not_foretold() -> None:
    tree = bodies()
    for number in (1, 2):
        del tree[f"{SNMP}/SNMPAlertDestinations/{number}"]
    tree[f"{SNMP}/SNMPAlertDestinations"]["Members"] = []
    made = proposed(
        said(f"{V1}.present", Boolean(True)),
        said(f"{V1}.protocol", Text("SNMPv1Trap")),
        secret(f"{V1}.community", "trap-word"),
        tree=tree,
    )
    (step,) = made.steps
    assert step.change.secrets[0].digest, "it must be the one that was reviewed all the same"  # type: ignore[union-attr]
    assert f"{V1}.community" not in [str(one.address) for one in made.effects]
    (step,) = proposed(*MADE, secret(f"{USER}.engine_id", "0x80001234abcd")).steps
    assert "engine_id" not in [one.address.attribute for one in step.postconditions if isinstance(one, AttributeIs)]


def test_what_is_shown_is_compared_with_what_was_sent_but_for_how_an_engine_id_is_spelled() -> None:
    from auditor.surfaces.ilo.carry_out.secrets import contradicted

    sent = (("/TrapCommunity", "word"), ("/AuthPassphrase", "a phrase"), ("/UserEngineID", "0x80ab"))
    for body, says in (
        ({"TrapCommunity": "word", "AuthPassphrase": "********", "UserEngineID": "80AB"}, ""),
        ({"TrapCommunity": None, "UserEngineID": ""}, ""),
        ({"TrapCommunity": "Word", "UserEngineID": "0x80AC"}, "/TrapCommunity, /UserEngineID"),
    ):
        assert contradicted(body, sent) == says  # type: ignore[arg-type]


def test_a_step_that_would_put_a_secret_where_it_is_read_in_clear_is_refused() -> None:
    from auditor.errors import RefusedError
    from auditor.surfaces.ilo.carry_out.setting import act_of

    (step,) = proposed(*MADE).steps
    assert isinstance(step.change, RedfishCreate)
    assert isinstance(step.undo, RedfishDelete)
    act_of(step, "forward")
    stray = msgspec.structs.replace(step.change, secrets=(SecretFrom("/Name", "env:AUTH"),))
    members = (*step.change.members, ("/AuthPassphrase", '"correct horse"'))
    clear = RedfishCreate(step.change.collection, members)
    for change, undo in ((stray, step.undo), (clear, RedfishDelete(clear.collection, members))):
        with pytest.raises(RefusedError, match=r"takes no secret|stands in no plan") as caught:
            act_of(msgspec.structs.replace(step, change=change, undo=undo), "forward")
        assert "horse" not in str(caught.value)
