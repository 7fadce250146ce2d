"""A machine that loses its power at any call: in every state in which its disk may be, the next command makes it whole.

The calls are those that strace saw of the process and all its children; see :mod:`tests.crashes.disk`.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.model.plan import Direction
from tests.crashes.disk import Disk, State
from tests.crashes.far import FarCut
from tests.crashes.sample import EVERY, some
from tests.crashes.trace import traced
from tests.fakes.acts import Killed, PowerCutAt
from tests.fakes.far_trees import FarWorld, make_far_world
from tests.fakes.trees import PLAN, World, assert_whole, carry_out, make_whole_world, make_world, recover
from tests.far_shells import KINDS
from tests.unit.surfaces.httpd.test_timer import Waiting

Make = Callable[[Path], World]
every_kind = pytest.mark.parametrize("make", [make_world, make_whole_world], ids=["edits", "whole files and links"])
FAR = [
    ("dash", make_world, "forward"),
    ("dash", make_whole_world, "back"),
    ("bash", make_world, "back"),
    ("busybox", make_whole_world, "forward"),
    ("rhel7", make_whole_world, "back"),
]
EVERY_FAR = list(itertools.product(KINDS, (make_world, make_whole_world), ("forward", "back")))
both_ways = pytest.mark.parametrize("direction", ["forward", "back"])


def states_of(world: World, run: Callable[[], object], folder: Path, seed: int) -> list[tuple[str, State]]:
    """Each different state in which the disk of this machine may be, wherever the run is cut off."""
    disk = Disk(world.folder)
    traced(lambda: (run(), None)[1], disk, folder)
    assert Disk(world.folder).whole().listed() == disk.whole().listed(), "the trace missed something"
    found: dict[str, tuple[str, State]] = {}
    for at in range(len(disk.acts) + 1):
        for word, state in disk.states(at, seed, 2):
            found.setdefault(repr(state.listed()), (f"{word} at act {at}", state))
    return list(found.values())


def leave(world: World, state: State) -> None:
    """The machine comes up again in this state, and the server with it."""
    state.write(world.folder)
    world.server.boot()


@every_kind
@both_ways
def test_whatever_was_lost_the_next_command_makes_it_whole(tmp_path: Path, make: Make, direction: Direction) -> None:
    world = make(tmp_path / "world")
    if direction == "back":
        carry_out(world)
    world.direction = direction
    before = world.state()
    states = states_of(world, lambda: carry_out(world, direction), tmp_path, 1)
    after = world.state()
    assert len(states) > 90
    for when, state in some(states, 12, make, direction):
        leave(world, state)
        recover(world)
        assert_whole(world, before, after, when)


@every_kind
def test_the_power_may_go_off_again_while_it_is_made_whole(tmp_path: Path, make: Make) -> None:
    world = make(tmp_path / "world")
    before = world.state()
    states = states_of(world, lambda: carry_out(world), tmp_path, 2)
    after = world.state()
    for when, state in some(states[len(states) // 2 :], 3, make):
        leave(world, state)
        again = states_of(world, lambda: recover(world), tmp_path, 3)
        for then, second in some(again, 4):
            leave(world, second)
            recover(world)
            assert_whole(world, before, after, f"{when}; then {then}")


@every_kind
def test_an_apply_after_one_that_was_killed_keeps_a_backup_that_no_power_cut_takes(tmp_path: Path, make: Make) -> None:
    """What the killed run made and did not sync any more stands there already, and must be synced all the same."""
    for at in some(range(5, 60, 2), 27) if EVERY else range(5, 17, 2):
        world = make(tmp_path / f"{at}")
        before = world.state()
        with PowerCutAt(at, world.folder) as acts:
            with pytest.raises(Killed):
                carry_out(world, "forward", acts)
            acts.at = 10**9
            recover(world, acts)
            if world.state() != before:
                continue
            carry_out(world, "forward", acts)
            after = world.state()
            acts.lose()
        assert world.state() == after, f"killed at act {at}"
        assert (world.folder / "state/plans" / PLAN / "before/manifest.json").exists(), f"killed at act {at}"
        carry_out(world, "back")
        assert world.state() == before, f"killed at act {at}"


@pytest.mark.parametrize(("kind", "make", "direction"), EVERY_FAR if EVERY else FAR)
def test_whatever_a_far_side_lost_the_next_command_makes_it_whole(
    tmp_path: Path, kind: str, make: Make, direction: Direction
) -> None:
    world = make_far_world(tmp_path / "world", kind, make=make)
    if direction == "back":
        carry_out(world)
    world.direction = direction
    before = world.state()
    cut = FarCut(world, lambda cut: (carry_out(world, direction, cut.acts), None)[1])
    after = world.state()
    states = list(cut.states())
    assert len(states) > 100
    for when, state, journal in some(states, 3, kind, make, direction):
        cut.leave(state, journal)
        recover(world)
        assert_whole(world, before, after, when)
    assert world.far is not None
    assert world.far.refusals.read_text() == ""


@every_kind
def test_the_power_of_a_far_side_may_go_off_again_while_it_is_made_whole(tmp_path: Path, make: Make) -> None:
    world: FarWorld = make_far_world(tmp_path / "world", make=make)
    before = world.state()
    cut = FarCut(world, lambda cut: (carry_out(world, "forward", cut.acts), None)[1])
    after = world.state()
    states = list(cut.states())
    for when, state, journal in some(states[len(states) // 2 :], 2, make):
        cut.leave(state, journal)
        again = FarCut(world, lambda cut: recover(world, cut.acts))
        for then, second, later in some(again.states(3, 1), 3):
            again.leave(second, later)
            recover(world)
            assert_whole(world, before, after, f"{when}; then {then}")


def test_a_taking_back_that_nobody_asked_for_is_whole_too_wherever_the_power_goes_off(tmp_path: Path) -> None:
    """At the next boot it is continued, or asked for; no confirmation wins over files that are half put back."""
    made = Waiting(tmp_path / "world")
    world = made.world
    os.killpg(made.sleeper(), signal.SIGKILL)

    def revert(cut: FarCut) -> None:
        subprocess.run([*cut.tracer, *made.command("now")], check=True, capture_output=True, timeout=60)

    cut = FarCut(world, revert)
    assert world.state() == made.before
    confirmed = 0
    for number, (when, state, journal) in enumerate(some(cut.states(), 12)):
        cut.leave(state, journal)
        if number % 3 == 1:
            assert made.revert("boot") == 0
        found = made.decide("confirm").state
        if found == "reverting":
            found = made.decide("finish").state
        confirmed += found == "confirmed"
        assert found in ("confirmed", "reverted"), (when, found)
        assert world.state() == (made.after if found == "confirmed" else made.before), (when, found)
    assert confirmed
