"""Snapshots taken of a fleet, and what their history tells."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from auditor.errors import CollectError, InputError, StoreError
from auditor.model.event import Event, EventEffect
from auditor.model.resource import parse_address
from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected
from auditor.model.target import LocalTree, StoredSnapshot, Target
from auditor.model.value import Text
from auditor.services import history as history_module
from auditor.services import observe as observe_module
from auditor.services.fleet import Fleet
from auditor.services.history import HistoryEntry, history
from auditor.services.observe import Observed, interpreted
from auditor.services.snapshot import SnapshotReport, record, take_snapshot
from auditor.store import Store
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from tests.fakes.stored import FakeSurface, collected, document, night

SEALER = Sealer(b"k" * 32)
CONF = "conf/httpd.conf"
TIMEOUT = f'web1/httpd:httpd.directive["{CONF} Timeout"].arguments'


class World:
    """A fleet of two httpd whose machines can be changed."""

    def __init__(self, root: Path, machines: dict[str, Collected | Exception]) -> None:
        self.machines = machines
        targets = tuple(Target(name, "httpd", LocalTree("/etc/httpd")) for name in ("web1", "web2"))
        self.fleet = Fleet(root, root / "auditor.yaml", "f", "", root / "store.git", targets, {}, root / "approvers")
        Store.create(self.fleet.store_path).close()

    def set(self, name: str, content: str) -> None:
        self.machines[name] = collected(name, document(CONF, content.encode()))

    def snapshot(self, number: int, *names: str, agree: bool = False) -> SnapshotReport:
        targets = [one for one in self.fleet.targets if not names or one.name in names]
        return asyncio.run(take_snapshot(self.fleet, targets, CollectOptions(SEALER), agree, night(number)))

    def history(self, what: str, limit: int = 0) -> tuple[HistoryEntry, ...]:
        return history(self.fleet, what, limit=limit)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    machines: dict[str, Collected | Exception] = {}
    fake = FakeSurface(machines)
    monkeypatch.setattr(observe_module, "surface", lambda _: fake)
    monkeypatch.setattr(history_module, "surface", lambda _: fake)
    made = World(tmp_path, machines)
    made.set("web1/httpd", "Timeout 60\nListen 80\n")
    made.set("web2/httpd", "Timeout 60\n")
    return made


def test_a_snapshot_says_what_is_new_changed_unchanged_and_not_seen(world: World) -> None:
    first = world.snapshot(0)
    assert [(one.target, one.status, one.agreed) for one in first.targets] == [
        ("web1/httpd", "new", True),
        ("web2/httpd", "new", True),
    ]
    assert (first.complete, first.unchanged, first.coverage) == (True, False, "2/2")
    second = world.snapshot(1)
    assert (second.unchanged, second.tree, second.run_at) == (True, first.tree, "2026-11-23T02:00:00Z")
    world.set("web1/httpd", "Timeout 300\n")
    world.machines["web2/httpd"] = CollectError("no answer")
    third = world.snapshot(2)
    assert [(one.status, one.documents) for one in third.targets] == [("changed", 1), ("not seen", 0)]
    assert (third.complete, third.coverage) == (False, "1/2")
    assert third.targets[1].gaps[0].what == "whole target"


def test_the_commit_names_scope_coverage_and_key(world: World) -> None:
    world.snapshot(0)
    report = world.snapshot(1, "web1/httpd")
    with Store.open(world.fleet.store_path) as store:
        whole, part = store.snapshot("latest~1"), store.snapshot(report.revision)
    assert (whole.trailer("Scope"), whole.trailer("Key-Id")) == ("fleet", SEALER.key_id)
    assert (part.trailer("Scope"), part.trailer("Target")) == ("1 of 2 targets", "web1/httpd")


def test_a_snapshot_of_a_snapshot_is_nothing(world: World) -> None:
    stored = Target("web1", "httpd", StoredSnapshot("0" * 40, "web1/httpd"))
    with pytest.raises(StoreError, match="nothing to take a snapshot of"):
        asyncio.run(take_snapshot(world.fleet, [stored], CollectOptions(SEALER), now=night(0)))


def test_agreeing_moves_the_agreed_state(world: World) -> None:
    world.snapshot(0)
    world.set("web1/httpd", "Timeout 300\n")
    assert not world.snapshot(1).targets[0].agreed
    assert world.snapshot(2, agree=True).targets[0].agreed
    with Store.open(world.fleet.store_path) as store:
        assert store.read("agreed", "web1/httpd").documents[0].content == b"Timeout 300\n"


def test_a_remote_gets_every_branch_and_one_that_refuses_is_a_warning(world: World, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "remote.git")], check=True)
    object.__setattr__(world.fleet, "store_remote", str(tmp_path / "remote.git"))
    assert world.snapshot(0).warnings == ()
    listed = subprocess.run(
        ["git", "-C", str(tmp_path / "remote.git"), "branch"], capture_output=True, check=True
    ).stdout.split()
    assert {b"snapshots", b"agreed"} <= set(listed)
    object.__setattr__(world.fleet, "store_remote", str(tmp_path / "nowhere.git"))
    report = world.snapshot(1)
    assert "could not be pushed" in report.warnings[0]
    assert report.unchanged


def test_a_remote_that_is_a_program_is_refused(world: World) -> None:
    with Store.open(world.fleet.store_path) as store:
        for remote in ("ext::sh -c 'touch x'", "--upload-pack=x"):
            with pytest.raises(InputError, match="not the address"):
                store.push(remote)


def test_history_of_an_attribute_gives_values_times_and_hands(world: World) -> None:
    world.snapshot(0)
    world.snapshot(1)
    world.set("web1/httpd", "Timeout 300\nListen 80\n")
    world.snapshot(2)
    world.set("web1/httpd", "Timeout 300\nListen 8080\n")  # something else: not asked about
    world.snapshot(3)
    world.set("web1/httpd", "Listen 8080\n")
    world.snapshot(4)
    gone, changed, added = world.history(TIMEOUT)
    assert (added.kind, added.run_at, added.seen_before) == ("added", "2026-11-22T02:00:00Z", "")
    assert (changed.kind, changed.run_at) == ("changed", "2026-11-24T02:00:00Z")
    assert changed.seen_before == "2026-11-23T02:00:00Z"
    assert [(one.before, one.after) for one in changed.changes] == [(Text("60"), Text("300"))]
    assert changed.changes[0].attribution.hand == "out of band"
    assert changed.changes[0].after_source is not None
    assert (gone.kind, gone.run_at) == ("removed", "2026-11-26T02:00:00Z")
    assert world.history(TIMEOUT, limit=1) == (gone,)


def test_history_names_the_plan(world: World) -> None:
    world.snapshot(0)
    address = parse_address(TIMEOUT)
    with Store.open(world.fleet.store_path) as store:
        effect = EventEffect(address, Text("60"), Text("300"))
        applied = Event("applied", "2026-11-22T22:14:00Z", "7c" * 32, "ops1", ("web1/httpd",), effects=(effect,))
        store.append_event(applied)
    world.set("web1/httpd", "Timeout 300\nListen 80\n")
    world.snapshot(1)
    world.set("web1/httpd", "Timeout 120\nListen 80\n")
    world.snapshot(2)
    by_hand, by_plan, _ = world.history(TIMEOUT)
    assert by_plan.changes[0].attribution.hand == "plan"
    assert by_plan.changes[0].attribution.reference == "7c" * 32
    assert by_hand.changes[0].attribution.hand == "out of band"


def test_a_recorded_apply_is_agreed_and_belongs_to_its_plan(world: World) -> None:
    world.snapshot(0)
    after = collected("web1/httpd", document(CONF, b"Timeout 300\nListen 80\n"))
    observed: Observed = interpreted(world.fleet.targets[0], after, InterpretOptions())
    report = record(world.fleet, [observed], agree=True, now=night(1), key_id=SEALER.key_id, plan="7c" * 32)
    with Store.open(world.fleet.store_path) as store:
        assert store.snapshot(report.revision).trailer("Plan") == "7c" * 32
        assert store.read("agreed", "web1/httpd") == after
        effect = EventEffect(parse_address(TIMEOUT), Text("60"), Text("300"))
        late = Event("applied", "2026-11-23T02:00:09Z", "7c" * 32, targets=("web1/httpd",), effects=(effect,))
        store.append_event(late)
    assert world.history(TIMEOUT)[0].changes[0].attribution.hand == "plan"


def test_history_of_a_document_and_of_a_target(world: World) -> None:
    world.snapshot(0)
    world.machines["web1/httpd"] = collected("web1/httpd", document(CONF, b"Timeout 60\nListen 80\n"), document("x"))
    world.snapshot(1)
    world.machines["web1/httpd"] = collected("web1/httpd", document(CONF, b"Timeout 9\nListen 80\n"), document("x"))
    world.snapshot(2)
    assert [(one.kind, one.run_at[:10]) for one in world.history(f"web1/httpd:{CONF}")] == [
        ("changed", "2026-11-24"),
        ("added", "2026-11-22"),
    ]
    assert [one.kind for one in world.history("web1/httpd:x")] == ["added"]
    whole = world.history("web1/httpd")
    assert [one.documents for one in whole] == [(CONF,), ("x",), (CONF,)]
    assert whole[0].changes[0].after == Text("9")


def test_a_night_in_which_it_was_not_seen_is_no_change(world: World) -> None:
    world.snapshot(0)
    world.machines["web1/httpd"] = CollectError("no answer")
    world.snapshot(1)
    world.set("web1/httpd", "Timeout 300\nListen 80\n")
    world.snapshot(2)
    changed, added = world.history(TIMEOUT)
    assert (added.kind, changed.kind) == ("added", "changed")
    assert changed.seen_before == "2026-11-22T02:00:00Z", "the night in between saw nothing"


def test_a_host_stands_for_its_only_target(world: World) -> None:
    world.snapshot(0)
    assert world.history("web1") == world.history("web1/httpd")
    with Store.open(world.fleet.store_path) as store:
        store.write([collected("web1/ilo")], now=night(1))
    with pytest.raises(InputError, match=r"several targets[\s\S]*web1/httpd, web1/ilo"):
        world.history("web1")


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("web9/httpd", "did you mean web"),
        ("web3", "no snapshot holds 'web3'"),
        ("web1/httpd:nowhere.conf", "holds nowhere.conf"),
        ('web1/httpd:httpd.directive["no such"].arguments', "holds web1/httpd"),
        ('httpd.directive["x"]', "names no target"),
        ('web1/httpd:x["y', "is not an address"),
    ],
)
def test_what_no_snapshot_holds_is_said(world: World, what: str, says: str) -> None:
    world.snapshot(0)
    with pytest.raises(InputError, match=says):
        world.history(what)
