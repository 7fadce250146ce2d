"""An unchanged iLO gives the same documents, whatever its clocks and readings say."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.model.snapshot import Collected
from auditor.surfaces.ilo.body import MalformedError, canonical, decode, key_of, path_of, store_path_of
from auditor.surfaces.ilo.members import MEMBERS
from auditor.surfaces.ilo.resources import interpret
from auditor.surfaces.ilo.secrets import seal_body
from auditor.surfaces.ilo.simulator.personalities import NAMES
from auditor.surfaces.ilo.values import read_value
from auditor.surfaces.ilo.volatile import ANYWHERE, UNAVAILABLE, is_volatile, without_volatile
from auditor.surfaces.interface import InterpretOptions
from tests.virtual_ilo import SEALER, bodies, collected_from, collection, with_ilo

scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20)
names = st.text(max_size=12) | st.sampled_from(
    [
        *sorted(ANYWHERE)[:12],
        "AutoNeg",
        "SpeedMbps",
        "PostMode",
        "Thresholds",
        "Reading",
        "Password",
        "Oem",
        "Hpe",
        "Time",
        "State",
        "Attributes",
        "@Redfish.Settings",
        "Destination",
    ]
)
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=15
)
json_bodies = st.dictionaries(names, json_values, max_size=6)

SECRET_NAMES = ("LicenseKey", "ReadCommunities", "TrapCommunities", "TrapCommunity", "SNMPv3EngineID", "UserEngineID",
                "AlertMailSMTPAuthUser", "AlertMailSMTPAuthPw", "AuthPassphrase", "PrivacyPassphrase", "Password",
                "DefaultPassword", "ProxyUserName", "ProxyPassword", "HttpHeaders", "iSCSIChapSecret",
                "iSCSIChapUsername", "X-Auth-Token")  # fmt: skip
PERSONALITIES = {name: bodies(name) for name in NAMES}
UNCHANGED = {name: collection(tree) for name, tree in PERSONALITIES.items()}


def _an_hour_later(tree: dict[str, Any], seed: int) -> dict[str, Any]:
    chance = random.Random(seed)
    return {uri: body if "RegistryEntries" in body else _vary(body, "", chance) for uri, body in tree.items()}


def _vary(value: Any, above: str, chance: random.Random) -> Any:
    """The body with every volatile member replaced by something else, and others dropped or added."""
    if isinstance(value, list):
        return [_vary(one, above, chance) for one in value]
    if not isinstance(value, dict):
        return value
    varied = {}
    for name, inner in value.items():
        if name in ("Attributes", "BaseConfigs", "RegistryEntries", "Thresholds"):
            varied[name] = inner
        elif is_volatile(above, name, value):
            if chance.random() < 0.7:
                varied[name] = None if name in UNAVAILABLE else _something(chance)
        else:
            varied[name] = _vary(inner, name, chance)
    if chance.random() < 0.3:
        varied |= {name: _something(chance) for name in chance.sample(sorted(ANYWHERE), 3)}
    return varied


def _something(chance: random.Random) -> Any:
    moment = f"20{chance.randrange(10, 99)}-01-01T00:{chance.randrange(10, 59)}:00Z"
    plain: list[Any] = [None, True, chance.randrange(-9, 9999), chance.random(), "", f"Other{chance.random()}", moment]
    return chance.choice([*plain, plain, {"Reading": chance.random(), "Deep": {"Deeper": moment}}])


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=10)
@given(seed=st.integers(0, 2**32))
def test_volatile_members_never_show(name: str, seed: int) -> None:
    assert collection(_an_hour_later(PERSONALITIES[name], seed)) == UNCHANGED[name]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=4)
@given(seed=st.integers(0, 2**32))
def test_two_readings_an_hour_apart_are_identical(name: str, seed: int) -> None:
    later = _an_hour_later(PERSONALITIES[name], seed)
    for uri, body in later.items():  # what the service cannot do without is no member that it invents
        body["@odata.id"] = PERSONALITIES[name][uri]["@odata.id"]
    first, second = (with_ilo(collected_from, tree) for tree in (PERSONALITIES[name], later))
    assert (first.documents, first.facts, first.gaps) == (second.documents, second.facts, second.gaps)
    assert first.documents


@settings(max_examples=60)
@given(data=st.data())
def test_no_planted_secret_is_in_any_document(data: st.DataObject) -> None:
    """At any place of any resource, at any depth, in lists too; the iLO's own names of secrets."""
    tree = copy.deepcopy(PERSONALITIES[data.draw(st.sampled_from(NAMES))])
    mark = "PLANTED" + data.draw(st.text("abcdefgh0123456789-", min_size=8, max_size=20))
    uri = data.draw(st.sampled_from(sorted(uri for uri, body in tree.items() if "RegistryEntries" not in body)))
    above = data.draw(st.lists(st.sampled_from(["Oem", "Hpe", "Hp", "EON", "Anything", "Attributes"]), max_size=4))
    name = data.draw(st.sampled_from(SECRET_NAMES))
    body: Any = tree[uri]
    for token in above:
        inner = body.get(token)
        body[token] = inner = inner if isinstance(inner, dict) else {}
        body = inner
    body[name] = data.draw(st.sampled_from([mark, [mark, ""], {"Value": mark}, [{"Inner": [mark]}]]))
    collected = collection(tree)
    everything = b"".join(document.content for document in collected.documents).decode()
    assert mark not in everything
    assert mark not in repr(interpret(collected, InterpretOptions()))


@given(json_bodies)
def test_normalising_twice_is_normalising_once(body: dict[str, Any]) -> None:
    once = canonical(seal_body(without_volatile(body), SEALER))
    again = decode(once)
    assert canonical(seal_body(without_volatile(again), SEALER)) == once


@given(json_bodies)
def test_members_that_are_neither_volatile_nor_secret_are_kept(body: dict[str, Any]) -> None:
    kept = without_volatile(body)
    assert [name for name in body if not is_volatile("", name, body)] == list(kept)
    assert all(kept[name] == body[name] for name in kept if not isinstance(body[name], (dict, list)))


@given(st.binary(max_size=200) | json_bodies.map(lambda body: json.dumps(body).encode()))
def test_bytes_are_a_body_or_malformed(raw: bytes) -> None:
    try:
        body = decode(raw)
    except MalformedError:
        return
    assert decode(canonical(body)) == body


@given(json_bodies)
def test_documents_are_written_as_a_plain_writer_would(body: dict[str, Any]) -> None:
    plain = json.dumps(body, sort_keys=True, indent=1, ensure_ascii=False)
    assert canonical(body) == plain.encode("utf-8", "backslashreplace") + b"\n"


@given(st.text(max_size=60))
def test_a_path_is_refused_or_stays_below_its_root(text: str) -> None:
    for uri in (text, f"/redfish/v1/{text}"):
        path = path_of(uri)
        if path is not None:
            place = store_path_of(path)
            assert place.startswith("redfish/v1")
            assert ".." not in place.split("/")
            assert place == store_path_of(key_of(path))


@given(json_bodies)
def test_any_body_can_be_interpreted(body: dict[str, Any]) -> None:
    tree = bodies()
    for uri in ("/redfish/v1/Managers/1/SnmpService", "/redfish/v1/systems/1/bios/", "/redfish/v1/Managers/1"):
        tree[uri] = {**tree[uri], **body}
    collected = collection(tree)
    first = interpret(collected, InterpretOptions())
    assert interpret(collected, InterpretOptions()) == first


@given(st.sampled_from(MEMBERS), json_values)
def test_any_json_is_a_value_or_undetermined(member: Any, raw: Any) -> None:
    read_value(member, raw)


def test_an_empty_collection_means_nothing() -> None:
    assert interpret(Collected("web1/ilo", "ilo", ()), InterpretOptions()).resources == ()
