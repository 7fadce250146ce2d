"""Events, appended and read."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.errors import StoreError
from auditor.model.event import Event, EventEffect
from auditor.model.resource import Address
from auditor.model.value import Duration, NoLimit
from auditor.store import Store
from auditor.store.ledger import decode_event, encode_event
from tests.fakes.stored import NIGHT, collected

APPLIED = Event(
    "applied",
    "2026-11-22T22:14:00Z",
    plan="7c1e9a" + "0" * 58,
    actor="ops1",
    targets=("web1/httpd",),
    text="設定を適用",
    effects=(EventEffect(Address("web1/httpd", "httpd.route", 'a "b"', "read_timeout"), NoLimit(), Duration(60.0)),),
    documents=("web1/httpd:conf.d/shop.conf",),
    detail=(("reload", "14 to 15"),),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "store.git") as made:
        yield made


def test_an_event_comes_back_as_it_was_appended(store: Store) -> None:
    written = store.append_event(APPLIED)
    assert len(written.id) == 12
    assert store.events() == (written,)
    assert decode_event(encode_event(written)) == written


def test_events_stand_in_order_of_time_and_are_found_by_plan_target_and_time(store: Store) -> None:
    later = Event("rolled back", "2026-12-01T03:00:00Z", plan=APPLIED.plan, targets=("web1/httpd",))
    other = Event("planned", "2026-11-22T21:00:00Z", plan="ff" * 32, targets=("web2/ilo",))
    for event in (later, APPLIED, other):
        store.append_event(event)
    assert [event.kind for event in store.events()] == ["planned", "applied", "rolled back"]
    assert [event.kind for event in store.events(plan="7c1e9a")] == ["applied", "rolled back"]
    assert [event.kind for event in store.events(target="web2/ilo")] == ["planned"]
    assert [event.kind for event in store.events(since="2026-11-22T22:14:00Z", until="2026-11-30T00:00:00Z")] == [
        "applied"
    ]
    assert store.events(since="2027-01-01T00:00:00Z") == ()


def test_events_of_one_second_stand_as_they_can_follow_one_another(store: Store) -> None:
    kinds = ("planned", "approved", "applied", "rolled back", "refused")
    for kind in reversed(kinds):
        store.append_event(Event(kind, APPLIED.time, plan=APPLIED.plan))  # type: ignore[arg-type]
    assert tuple(event.kind for event in store.events()) == kinds


def test_the_same_event_twice_is_one_event(store: Store) -> None:
    first = store.append_event(APPLIED)
    assert store.append_event(APPLIED) == first
    assert len(store.events()) == 1
    assert len(list(store.log(branch="ledger"))) == 1


def test_each_event_is_one_file_that_people_can_read(store: Store) -> None:
    event = store.append_event(APPLIED)
    listed = subprocess.run(
        ["git", "-C", str(store.path), "ls-tree", "-r", "--name-only", "ledger"], capture_output=True, check=True
    ).stdout.decode()
    assert listed.split() == [f"events/2026/11/20261122T221400Z-applied-{event.id}.json"]


def test_the_ledger_and_the_snapshots_leave_each_other_alone(store: Store) -> None:
    store.append_event(APPLIED)
    result = store.write([collected()], now=NIGHT)
    store.append_event(Event("confirmed", "2026-11-22T22:20:00Z", plan=APPLIED.plan))
    assert store.resolve_revision("latest") == result.revision
    assert len(store.events()) == 2
    assert len(list(store.log(branch="ledger"))) == 2


@pytest.mark.parametrize("time", ["2026-11-22", "2026-11-22T22:14:00+09:00", "../../../x", ""])
def test_a_time_that_is_not_utc_is_refused(store: Store, time: str) -> None:
    with pytest.raises(ValueError, match="UTC"):
        store.append_event(Event("planned", time))


def test_an_event_of_a_newer_format_is_an_error_and_not_passed_over(store: Store) -> None:
    store.append_event(APPLIED)
    foreign = (
        b"commit refs/heads/ledger\ncommitter a <a@localhost> 1 +0000\ndata 0\nfrom refs/heads/ledger^0\n"
        b"M 100644 inline events/2026/11/20261123T000000Z-new-0.json\ndata 29\n"
        b'{"format":"auditor.event/v9"}\n\ndone\n'
    )
    subprocess.run(["git", "-C", str(store.path), "fast-import", "--quiet", "--done"], input=foreign, check=True)
    with pytest.raises(StoreError, match="ledger"):
        store.events()
