"""Bodies and URIs as a hostile service may send them."""

from __future__ import annotations

import pytest

from auditor.surfaces.ilo.body import (
    MAX_DEPTH,
    MalformedError,
    at,
    canonical,
    decode,
    find,
    link,
    nest,
    path_of,
    same_path,
    store_path_of,
)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'"text"',
        b'{"a": NaN}',
        b'{"a": "\xff"}',
        b'{"a": 1',
        b"<html>",
        b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
        b"[" * 200_000,
        b'{"a":[' + b"0," * 300_001 + b"0]}",
    ],
    ids=["empty", "list", "text", "nan", "not UTF-8", "cut", "HTML", "deep", "very deep", "many"],
)
def test_what_is_no_object_within_bounds_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError):
        decode(raw)


def test_brackets_inside_texts_do_not_count_as_depth() -> None:
    text = "[" * 500 + '\\"' + "{" * 500
    assert decode(b'{"a": "' + text.encode() + b'"}') == {"a": "[" * 500 + '"' + "{" * 500}


def test_canonical_is_the_same_for_any_order_of_members() -> None:
    assert canonical({"b": 1, "a": {"d": 2, "c": "é"}}) == canonical({"a": {"c": "é", "d": 2}, "b": 1})


def test_pointers_find_members_with_slashes_tildes_and_positions() -> None:
    body = decode(b'{"a/b": {"~": [10, null]}}')
    assert at(body, "/a~1b/~0/0") == 10
    assert find(body, "/a~1b/~0/1") == (True, None)
    assert find(body, "/a~1b/~0/2") == (False, None)
    assert find(body, "/a~1b/~0/x/y") == (False, None)


def test_nest_builds_what_the_pointers_name() -> None:
    assert nest((("/Oem/Hpe/A", 1), ("/Oem/Hpe/B", [2]), ("/C~1D", None))) == {
        "Oem": {"Hpe": {"A": 1, "B": [2]}},
        "C/D": None,
    }


@pytest.mark.parametrize(
    "uri",
    [
        "https://other.example/redfish/v1/Managers",
        "//other.example/redfish/v1",
        "/redfish/v1/../../etc/passwd",
        "/redfish/v1/%2e%2e/secret",
        "/redfish/v1/a%2fb\n",
        "/redfish/v10",
        "/etc/passwd",
        "Managers/1",
        "/redfish/v1/Managers?$expand=.",
        "/redfish/v1/" + "x" * 500,
        "https://[broken",
        "",
    ],
)
def test_links_that_lead_elsewhere_are_none(uri: str) -> None:
    assert path_of(uri) is None
    assert link({"X": {"@odata.id": uri}}, "/X") is None


def test_paths_are_compared_without_case_and_trailing_slash_and_kept_as_spelled() -> None:
    assert same_path("/redfish/v1/Systems/1/bios", "/redfish/v1/systems/1/Bios/")
    assert path_of("/redfish/v1/systems/1/bios/") == "/redfish/v1/systems/1/bios/"
    assert path_of("/redfish/v1/Chassis/1/Thermal#Fans/0") == "/redfish/v1/Chassis/1/Thermal"


def test_store_paths_do_not_follow_the_case_and_stay_below_their_root() -> None:
    assert store_path_of("/redfish/v1/Systems/1/Bios/") == "redfish/v1/systems/1/bios.json"
    assert store_path_of("/redfish/v1/systems/1/bios") == "redfish/v1/systems/1/bios.json"
    assert store_path_of("/redfish/v1/a b:c/.git") == "redfish/v1/a%20b%3Ac/%2Egit.json"
