"""Deadlines that this controller holds: clocks that are set, and one winner between confirming and taking back."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import RefusedError
from auditor.plan.held import Due, HeldDeadline, Moment, deadlines_below, hold_deadlines, holder_lives, is_over
from auditor.transport.acts import Acts

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DUE = Due(600, NOON.isoformat(), "boot-1", 1600.0)


def deadline(folder: Path, name: str = "web1%2Filo") -> HeldDeadline:
    return HeldDeadline(folder / name, Acts(), lambda: datetime.now(UTC), lambda: "by a process")


@given(st.timedeltas(timedelta(days=-4000), timedelta(days=4000)), st.floats(0, 4000))
def test_a_wall_clock_that_is_set_neither_hastens_nor_delays_it(jump: timedelta, passed: float) -> None:
    assert is_over(DUE, Moment(NOON + jump, "boot-1", 1000.0 + passed)) == (passed >= 600)


@pytest.mark.parametrize(("seconds", "over"), [(0, False), (599, False), (600, True), (10**6, True), (-1, True)])
def test_after_a_boot_the_wall_decides_and_one_from_before_the_arming_ends_the_waiting(
    seconds: int, over: bool
) -> None:
    assert is_over(DUE, Moment(NOON + timedelta(seconds=seconds), "boot-2", 5.0)) == over


def test_confirming_and_taking_back_have_one_winner(tmp_path: Path) -> None:
    held = deadline(tmp_path)
    wins: dict[str, int] = {"confirmed": 0, "reverting": 0}
    for _ in range(200):
        held.arm(600)
        start = threading.Barrier(3)
        found: list[bool] = []

        def revert(start: threading.Barrier = start, found: list[bool] = found) -> None:
            start.wait()
            found.append(held.begin())

        def confirm(start: threading.Barrier = start) -> None:
            start.wait()
            held.decide("confirm")

        threads = [threading.Thread(target=act) for act in (revert, confirm, confirm)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert held.state == ("reverting" if found == [True] else "confirmed")
        wins[held.state] += 1
    assert sum(wins.values()) == 200


def test_a_confirmation_after_its_time_begins_to_take_back(tmp_path: Path) -> None:
    held = deadline(tmp_path)
    held.arm(0)
    assert held.decide("confirm") == "reverting"
    assert held.decide("disarm") == "reverting"
    held.end("set back")
    assert held.state == "reverted"
    became = held.became
    assert became is not None
    assert (became.text, became.failed) == ("set back", False)


@pytest.mark.parametrize("content", [b"", b"{", b'{"seconds":1}', b"\xff" * 100])
def test_a_time_that_cannot_be_read_is_over(tmp_path: Path, content: bytes) -> None:
    held = deadline(tmp_path)
    held.arm(600)
    assert not held.is_over
    (held.folder / "pending").write_bytes(content)
    assert held.is_over
    assert held.decide("confirm") == "reverting"


def test_a_holder_that_cannot_be_started_leaves_nothing_waiting(tmp_path: Path) -> None:
    def start() -> str:
        raise RefusedError("no process can be started.")

    held = HeldDeadline(tmp_path / "web1%2Filo", Acts(), lambda: NOON, start)
    with pytest.raises(RefusedError):
        held.arm(600)
    assert held.state == "disarmed"


def test_a_holder_is_the_only_one_and_does_not_go_while_something_waits(tmp_path: Path) -> None:
    held = deadline(tmp_path)
    held.arm(600)
    assert [one.target for one in deadlines_below(tmp_path, Acts(), held.clock, held.start)] == ["web1/ilo"]
    assert not holder_lives(tmp_path)
    let_go = hold_deadlines(tmp_path)
    assert let_go is not None
    assert holder_lives(tmp_path)
    assert hold_deadlines(tmp_path) is None
    assert not let_go(lambda: held.state == "pending")
    assert holder_lives(tmp_path)
    held.decide("confirm")
    assert let_go(lambda: held.state == "pending")
    assert not holder_lives(tmp_path)
