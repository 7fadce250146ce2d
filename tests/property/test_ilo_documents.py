"""An unchanged iLO gives the same documents, whatever its clocks and readings say."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.model.snapshot import Collected
from auditor.surfaces.ilo.body import MalformedError, canonical, decode, key_of, path_of, store_path_of
from auditor.surfaces.ilo.members import MEMBERS
from auditor.surfaces.ilo.resources import interpret
from auditor.surfaces.ilo.secrets import seal_body
from auditor.surfaces.ilo.values import read_value
from auditor.surfaces.ilo.volatile import ANYWHERE, is_volatile, split
from auditor.surfaces.interface import InterpretOptions
from tests.virtual_ilo import SEALER, bodies, collection

scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20)
names = st.text(max_size=12) | st.sampled_from(
    [
        *sorted(ANYWHERE)[:12],
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

UNCHANGED = collection(bodies())


def _vary(value: Any, above: str, draw: Any) -> Any:
    """The body with every volatile member replaced by something else, and others dropped or added."""
    if isinstance(value, list):
        return [_vary(one, above, draw) for one in value]
    if not isinstance(value, dict):
        return value
    varied = {}
    for name, inner in value.items():
        if name in ("Attributes", "RegistryEntries"):
            varied[name] = inner
        elif is_volatile(above, name):
            if draw(st.booleans()):
                varied[name] = draw(json_values)
        else:
            varied[name] = _vary(inner, name, draw)
    if draw(st.booleans()):
        varied["@odata.etag"] = draw(st.text(max_size=8))
    return varied


@settings(max_examples=15)
@given(st.data())
def test_volatile_members_never_show(data: st.DataObject) -> None:
    varied = {uri: _vary(body, "", data.draw) for uri, body in bodies().items() if "RegistryEntries" not in body}
    registries = {uri: body for uri, body in bodies().items() if "RegistryEntries" in body}
    assert collection({**varied, **registries}) == UNCHANGED


@given(json_bodies)
def test_normalising_twice_is_normalising_once(body: dict[str, Any]) -> None:
    once = canonical(seal_body(split(body)[0], SEALER))
    again = decode(once)
    assert canonical(seal_body(split(again)[0], SEALER)) == once


@given(json_bodies)
def test_members_that_are_neither_volatile_nor_secret_are_kept(body: dict[str, Any]) -> None:
    kept, taken = split(body)
    assert {name for name in body if not is_volatile("", name)} == set(kept)
    assert len(kept) + sum(pointer.count("/") == 1 for pointer, _ in taken) == len(body)


@given(st.binary(max_size=200) | json_bodies.map(lambda body: json.dumps(body).encode()))
def test_bytes_are_a_body_or_malformed(raw: bytes) -> None:
    try:
        body = decode(raw)
    except MalformedError:
        return
    assert decode(canonical(body)) == body


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
