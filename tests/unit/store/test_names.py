"""Hostile names in the store's trees."""

from __future__ import annotations

import pytest

from auditor.store.names import MAX_DEPTH, decode, encode, encode_path, place, shard, split_target, target_path


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "",
        ".git",
        ".GIT",
        ".gitmodules",
        ".g\u200cit",
        "git~1",
        "a\nb",
        "a\0b",
        'a"b',
        "a\\b",
        "100%",
        "%41",
        "a/b",
        "\udcff.conf",
        " lead",
        "設定.conf",
        "x" * 300,
    ],
)
def test_a_hostile_name_is_made_harmless_and_comes_back(name: str) -> None:
    safe = encode(name)
    assert safe not in ("", ".", "..")
    assert not safe.lower().startswith((".git", "git~"))
    assert safe.isprintable()
    assert not set(safe) & set('/\\"\n\0')
    assert decode(safe) == name


@pytest.mark.parametrize("name", ["httpd.conf", "00-base.conf", "設定.conf", "[::1]:443.conf", "a b"])
def test_a_name_that_people_use_stays_readable(name: str) -> None:
    assert encode(name) == name


def test_names_that_differ_only_in_capitals_keep_their_places() -> None:
    assert len(set(place(["files/A.conf", "files/a.conf"]).values())) == 2


def test_a_document_where_a_folder_stands_gets_a_place_of_its_own() -> None:
    placed = place(["files/conf.d", "files/conf.d/a.conf", "files/conf.d%"])
    assert placed["files/conf.d/a.conf"] == ("files", "conf.d", "a.conf")
    assert placed["files/conf.d"] == ("files", "conf.d%")
    assert len(set(placed.values())) == 3


def test_a_document_cannot_take_the_place_of_our_own_files() -> None:
    placed = place(["facts.json", "facts.json/x", "documents.json/", "gaps.json"])
    assert placed["facts.json/x"] == ("facts.json%", "x")
    assert placed["facts.json"] == ("facts.json%%",)
    assert not {parts[0] for parts in placed.values()} & {"facts.json", "documents.json", "gaps.json"}


def test_two_documents_for_one_place_are_an_error() -> None:
    with pytest.raises(ValueError, match="two documents claim the place 'a'"):
        place(["a", "b", "a"])


def test_a_path_of_ten_thousand_folders_is_folded() -> None:
    deep = encode_path("/".join(["x"] * 10_000))
    assert len(deep) == MAX_DEPTH
    assert encode_path("/".join(["x"] * 9_999)) != deep


def test_a_target_stands_below_two_digits_of_its_host() -> None:
    assert target_path("web1/httpd@blue") == ("hosts", shard("web1"), "web1", "httpd@blue")
    assert len(shard("ウェブ1")) == 2


@pytest.mark.parametrize("text", ["web1", "/httpd", "web1/", ""])
def test_what_is_no_target_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="not the name of a target"):
        split_target(text)
