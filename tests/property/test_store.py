"""The store gives back what it was given, whatever a machine calls its files and whatever they hold."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.model.snapshot import Collected, Document, Fact, Gap
from auditor.store import Store, tree_of_collected
from auditor.store.names import decode, encode, place
from tests.fakes.stored import night

ANY_NAME = st.text(st.characters(exclude_characters="/\0"), max_size=12) | st.sampled_from(
    [".", "..", ".git", ".GIT", "git~1", "a", "A", "a%", "%", "", "documents.json", "\udc80", "x\ny"]
)
PATHS = st.lists(ANY_NAME, min_size=1, max_size=4).map("/".join)


@given(ANY_NAME)
def test_every_name_is_safe_and_comes_back(name: str) -> None:
    safe = encode(name)
    assert safe
    assert safe not in (".", "..")
    assert "/" not in safe
    assert not safe.lower().startswith(".git")
    if not any("\ud800" <= one < "\udc80" or "\udcff" < one <= "\udfff" for one in name):
        assert decode(safe) == name


@given(st.lists(PATHS, unique=True, max_size=12))
def test_two_documents_never_share_a_place_nor_stand_inside_each_other(paths: list[str]) -> None:
    placed = place(paths)
    files = set(placed.values())
    assert len(files) == len(paths)
    assert not any(file[:depth] in files for file in files for depth in range(1, len(file)))


@st.composite
def collections(draw: st.DrawFn) -> Collected:
    paths = draw(st.lists(PATHS, unique=True, max_size=6))
    documents = [
        Document(
            path,
            path,
            draw(st.binary(max_size=40)),
            draw(st.none() | st.integers(0, 0o7777)),
            draw(st.text(max_size=4)),
            draw(st.text(max_size=4)),
            fingerprint=draw(st.sampled_from(["", "hmac-sha256:0:1"])),
        )
        for path in paths
    ]
    facts = draw(
        st.lists(st.builds(Fact, st.text(max_size=5), st.text() | st.integers(-9, 9) | st.booleans()), max_size=3)
    )
    facts = sorted({fact.name: fact for fact in facts}.values(), key=lambda fact: fact.name)
    gaps = draw(st.sets(st.builds(Gap, st.text(max_size=5), st.sampled_from(["absent", "malformed"])), max_size=2))
    ordered = sorted(gaps, key=lambda gap: (gap.what, gap.cause))
    held = tuple(sorted(documents, key=lambda one: one.name))
    return Collected(
        "web1/httpd", "httpd", held, tuple(facts), tuple(gap for gap in ordered if gap.what != "whole target")
    )


@settings(max_examples=25)
@given(st.lists(collections(), min_size=1, max_size=3))
def test_every_state_is_read_as_it_was_written_and_git_finds_nothing_wrong(states: list[Collected]) -> None:
    with tempfile.TemporaryDirectory() as folder, Store.create(Path(folder, "store.git")) as store:
        for number, state in enumerate(states):
            store.write([state], now=night(number))
            assert store.read("latest", "web1/httpd") == state
            assert store.tree("latest", "web1/httpd") == tree_of_collected(state)
        assert store.write([states[-1]], now=night(9)).unchanged
        subprocess.run(["git", "-C", str(store.path), "fsck", "--strict"], check=True, capture_output=True)
