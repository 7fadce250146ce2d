"""What proves a reload of a server whose children do not live on."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from auditor.errors import ApplyError
from auditor.model.target import LocalTree
from auditor.surfaces.httpd.carry_out import server
from auditor.surfaces.httpd.carry_out.running import Running
from auditor.surfaces.httpd.carry_out.server import HttpdServer
from auditor.surfaces.interface import Caveat

PORT = ("127.0.0.1", 80)
BEFORE = Running(1, "1", frozenset({(2, "2")}), (PORT,), frozenset({PORT}), None, written="one")
OTHER = replace(BEFORE, children=frozenset({(3, "3")}), written="two")
LAST = replace(OTHER, children=frozenset({(4, "4")}))
RESTLESS = replace(BEFORE, restless=True)


def proven(monkeypatch: pytest.MonkeyPatch, before: Running, *looks: Running) -> str:
    """What is said where these looks follow; the last one stays."""
    monkeypatch.setattr(server, "_APPEAR_S", 0.0)
    left = list(looks)

    async def running(self: HttpdServer, pid_file: str = "") -> Running:
        return left.pop(0) if len(left) > 1 else left[0]

    monkeypatch.setattr(HttpdServer, "running", running)
    return asyncio.run(HttpdServer(LocalTree("/etc/httpd"), settle_s=0.0).prove(before))


def test_a_child_that_lives_on_and_answers_is_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not isinstance(proven(monkeypatch, BEFORE, OTHER, OTHER), Caveat)


def test_children_that_end_are_a_failure_where_they_lived_before(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ApplyError, match="every new child of the server ended"):
        proven(monkeypatch, BEFORE, OTHER, LAST)


def test_a_server_that_only_changes_its_children_is_told_and_must_still_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    said = proven(monkeypatch, RESTLESS, OTHER, LAST)
    assert isinstance(said, Caveat)
    assert said.endswith("as before")
    silent = replace(LAST, answering=frozenset())
    with pytest.raises(ApplyError, match=r"does not answer on 127\.0\.0\.1:80 any more"):
        proven(monkeypatch, RESTLESS, OTHER, silent)
    with pytest.raises(ApplyError, match="no child of it lives by them"):
        proven(monkeypatch, RESTLESS, replace(OTHER, children=frozenset()))


def test_a_server_without_life_before_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = replace(RESTLESS, answering=frozenset())
    after = replace(OTHER, children=frozenset(), answering=frozenset())
    said = proven(monkeypatch, nobody, after, after)
    assert isinstance(said, Caveat)
    assert "every new child of the server ended" in said
