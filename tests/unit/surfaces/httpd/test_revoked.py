"""A disk that may not be written to any more from some act on: nothing half is left once it may be again."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.errors import AuditorError
from auditor.model.plan import Direction
from auditor.transport.acts import Acts
from tests.crashes.sample import some
from tests.fakes.acts import CountingActs
from tests.fakes.trees import World, assert_whole, carry_out, make_whole_world, make_world, recover


class RevokedFrom(Acts):
    """From an act on every one fails: the journal's, the backup's, the tree's, and those of taking back."""

    def __init__(self, at: int, number: int) -> None:
        self.at, self.number, self.count = at, number, 0

    def reached(self, act: str, path: str) -> None:
        self.count += 1
        if self.count > self.at and act not in ("reload", "restart", "stop", "start"):
            raise OSError(self.number, os.strerror(self.number), path)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EDQUOT])
@pytest.mark.parametrize("direction", ["forward", "back"])
@pytest.mark.parametrize("make", [make_world, make_whole_world], ids=["edits", "whole files and links"])
def test_what_could_not_be_taken_back_then_is_taken_back_later(
    tmp_path: Path, make: Callable[[Path], World], direction: Direction, number: int
) -> None:
    def world_at(name: str) -> World:
        world = make(tmp_path / name)
        world.direction = direction
        if direction == "back":
            carry_out(world)
        return world

    reference, acts = world_at("reference"), CountingActs()
    carry_out(reference, direction, acts)
    after = reference.state()
    for at in some(range(len(acts.names)), 12, number, direction):
        world = world_at(f"{at}")
        before = world.state()
        with contextlib.suppress(AuditorError, OSError):
            carry_out(world, direction, RevokedFrom(at, number))
        recover(world)
        assert_whole(world, before, after, f"{errno.errorcode[number]} from act {at} on")
