"""The store when the power goes off at any call of git's or ours: readable in every state that its disk may be in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.model.event import Event
from auditor.store import Store
from tests.crashes.disk import Disk
from tests.crashes.sample import some
from tests.crashes.trace import traced
from tests.fakes.stored import collected, document, night

pytestmark = pytest.mark.integration

ONE, TWO = (Event(kind, "2026-11-22T02:00:00Z", plan="ab" * 32) for kind in ("planned", "applied"))


def append(path: Path) -> None:
    with Store.open(path) as store:
        store.append_event(TWO)


def snapshot(path: Path) -> None:
    with Store.open(path) as store:
        store.write([collected("web1/httpd", document("x", b"Timeout 30\n"))], now=night(1))


def held(path: Path) -> tuple[tuple[str, ...], tuple[bytes, ...]]:
    """The events, and the documents of the last snapshot."""
    with Store.open(path) as store:
        seen = store.read("snapshots", "web1/httpd")
        return tuple(one.kind for one in store.events()), tuple(one.content for one in seen.documents)


@pytest.mark.parametrize("write", [append, snapshot])
def test_it_is_as_before_or_after_and_can_be_written_to_again(tmp_path: Path, write: Callable[[Path], None]) -> None:
    path = tmp_path / "place" / "store.git"
    path.parent.mkdir()
    with Store.create(path) as store:
        store.write([collected("web1/httpd")], now=night(0))
        store.append_event(ONE)
    before, disk = held(path), Disk(path.parent)
    traced(lambda: write(path), disk, tmp_path)
    after = held(path)
    assert after != before
    states = {}
    for at in range(len(disk.acts) + 1):
        for word, state in disk.states(at, 1, 4):
            last = at == len(disk.acts)
            states.setdefault(repr(state.listed()) + str(last), (f"{word} at act {at}", state, last))
    assert len(states) > 100
    for when, state, last in [*some(states.values(), 16, write), list(states.values())[-1]]:
        state.write(path.parent)
        assert held(path) in ((after,) if last else (before, after)), when
        write(path)
        assert held(path) == after, when
