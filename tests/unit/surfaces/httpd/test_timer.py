"""What takes an unconfirmed change back by itself: one winner, whole files, on any far side, ended at any act."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.errors import RefusedError
from auditor.surfaces.httpd.carry_out.transaction import HttpdTransaction
from auditor.surfaces.interface import Deadline, DeadlineAct
from tests.fakes.far_trees import FarWorld, Fault, Faults, make_far_world
from tests.fakes.trees import PLAN, carry_out, recover
from tests.far_shells import KINDS
from tests.running import until


class Waiting:
    """A change that is applied and waits; ``before`` and ``after`` are the tree's states."""

    def __init__(self, folder: Path, kind: str = "dash") -> None:
        self.world = make_far_world(folder, kind)
        self.folder = folder / "state/plans" / PLAN / "revert"
        self.told = folder / "told"
        httpd = folder / "httpd"
        httpd.write_text(
            f'#!/bin/sh\necho "$ODD: $*" >>{self.told}\n[ ! -e {folder}/broken ] || {{ echo AH00526; exit 1; }}\n'
        )
        httpd.chmod(0o755)
        self.world.server.command = (str(httpd), "-f", "a b")
        self.world.confirm_within_s = 600
        self.before = self.world.state()
        self.said = carry_out(self.world)
        self.after = self.world.state()

    def decide(self, act: DeadlineAct) -> Deadline:
        async def asked() -> Deadline:
            journal = self.world.journal("forward").open()
            transaction = self.world.transaction(journal)
            assert isinstance(transaction, HttpdTransaction)
            try:
                return await transaction.deadline(act)
            finally:
                await transaction.finish()
                journal.close()

        return asyncio.run(asked())

    def command(self, mode: str) -> list[str]:
        there = self.world.folder / "far/there"
        return ["env", "-i", f"PATH={there}", str(there / "sh"), str(self.folder / "revert.sh"), str(self.folder), mode]

    def revert(self, mode: str = "now") -> int:
        done = subprocess.run(self.command(mode), timeout=150, capture_output=True, start_new_session=True, check=False)
        return done.returncode

    def let_time_pass(self) -> None:
        """The time is over: the sleep ends."""
        process = self.sleeper()
        children = Path(f"/proc/{process}/task/{process}/children")
        until(lambda: bool(children.read_text().split()))
        for child in children.read_text().split():
            os.kill(int(child), signal.SIGTERM)

    def sleeper(self) -> int:
        text = (self.folder / "pid").read_text().strip() if (self.folder / "pid").exists() else ""
        return int(text or 0)


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[Waiting]:
    made = Waiting(tmp_path)
    yield made
    if made.sleeper():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(made.sleeper(), signal.SIGKILL)


@pytest.mark.parametrize("kind", KINDS)
def test_a_confirmed_change_stays_and_nothing_of_the_waiting_is_left_running(tmp_path: Path, kind: str) -> None:
    made = Waiting(tmp_path, kind)
    assert made.after != made.before
    assert any(
        "taken back by itself in 600 s unless it is confirmed: by a process of its own" in one for one in made.said
    )
    process = made.sleeper()
    assert str(made.folder).encode() in Path(f"/proc/{process}/cmdline").read_bytes()
    assert made.decide("ask").state == "pending"
    assert made.decide("confirm").state == "confirmed"
    until(lambda: not Path(f"/proc/{process}/cmdline").exists() or not Path(f"/proc/{process}/cmdline").read_bytes())
    assert made.revert() == 0
    assert made.world.state() == made.after
    assert made.decide("confirm").state == "confirmed", "asked again it says the same"
    assert not made.told.exists()
    assert made.world.far is not None
    assert made.world.far.refusals.read_text() == ""


@pytest.mark.parametrize("kind", KINDS)
def test_an_unconfirmed_change_is_taken_back_without_anybody_being_there(tmp_path: Path, kind: str) -> None:
    made = Waiting(tmp_path, kind)
    made.let_time_pass()
    until(lambda: (made.folder / "reverted").exists())
    assert made.world.state() == made.before
    told = made.told.read_text().splitlines()
    assert told == ["two words; $(touch never): -f a b -t", "two words; $(touch never): -f a b -k graceful"]
    found = made.decide("confirm")
    assert (found.state, found.text, found.left) == ("reverted", "reloaded", ())
    assert found.time.startswith("20")
    assert made.world.far is not None
    assert made.world.far.refusals.read_text() == ""


@pytest.mark.parametrize("fault", ["ended before", "ended after"])
def test_broken_off_at_any_act_it_is_continued_by_whoever_comes_next(waiting: Waiting, fault: Fault) -> None:
    saved = _saved(waiting)
    faults = Faults(waiting.world)
    at = 1
    while True:
        _again(waiting, saved)
        faults.at(at, fault)
        waiting.revert()
        struck = len(faults.names) >= at
        faults.stop()
        assert waiting.revert() == 0
        assert waiting.world.state() == waiting.before, f"{fault} at act {at}"
        assert waiting.decide("finish").state == "reverted", f"{fault} at act {at}"
        if not struck:
            break
        at += 1
    assert at > 6


def test_a_full_disk_hinders_it_not(waiting: Waiting) -> None:
    faults = Faults(waiting.world)
    faults.at(1, "full")
    assert waiting.revert() == 0
    assert waiting.world.state() == waiting.before
    faults.stop()
    assert waiting.decide("ask").text == "reloaded"


def test_of_a_confirmation_and_a_taking_back_at_once_exactly_one_wins(waiting: Waiting) -> None:
    saved = _saved(waiting)
    won = {"confirmed": 0, "reverted": 0}
    for number in range(24):
        _again(waiting, saved)
        delay = subprocess.Popen(waiting.command(f"{number % 2}" if number < 4 else "now"), start_new_session=True)
        state = waiting.decide("confirm").state
        delay.wait(30)
        state = waiting.decide("ask").state if state == "reverting" else state
        won[state] += 1
        expected = waiting.after if state == "confirmed" else waiting.before
        assert waiting.world.state() == expected, state
        assert (waiting.folder / "confirmed").exists() != (waiting.folder / "reverted").exists()
    assert sum(won.values()) == 24


def test_at_boot_the_files_are_put_back_and_the_server_is_not_told(waiting: Waiting) -> None:
    assert waiting.revert("boot") == 0
    assert waiting.world.state() == waiting.before
    assert not waiting.told.exists()
    assert waiting.decide("ask").text == "the server was not told"


def test_a_server_whose_own_check_fails_is_not_reloaded(waiting: Waiting) -> None:
    (waiting.world.folder / "broken").touch()
    assert waiting.revert() == 0
    assert waiting.world.state() == waiting.before
    assert waiting.told.read_text().count("-k") == 0
    assert waiting.decide("ask").text == "not reloaded: the server's own check fails: AH00526"


def test_what_was_edited_since_is_left_and_told(waiting: Waiting) -> None:
    (waiting.world.root / "httpd.conf").write_bytes(b"by hand\n")
    assert waiting.revert() == 0
    assert (waiting.world.root / "httpd.conf").read_bytes() == b"by hand\n"
    shop = "sites-available/shop.conf"
    assert waiting.world.state()[shop] == waiting.before[shop]
    assert waiting.decide("ask").left == (0,)


def test_a_failed_apply_disarms_it_and_a_killed_one_is_taken_back_either_way(tmp_path: Path) -> None:
    world = make_far_world(tmp_path)
    before, faults = world.state(), Faults(world)
    world.confirm_within_s = 600
    carry_out(world)
    replaced = len(faults.names) - 1 - faults.names[::-1].index("mv")
    armed = Path(tmp_path / "state/plans" / PLAN / "revert")
    assert _decided(world, "disarm").state == "disarmed"
    carry_out(world, "back")

    faults.at(replaced + 1, "input/output error")
    with pytest.raises(Exception, match="Input/output error"):
        carry_out(world)
    assert world.state() == before
    assert (armed / "disarmed").exists()

    faults.at(replaced + 2, "ended before")
    with pytest.raises(Exception, match=r"ended with status|took longer"):
        carry_out(world, taking_back=False)
    assert world.state() != before
    assert (armed / "pending").exists()
    faults.stop()
    recover(world)
    assert world.state() == before
    assert (armed / "disarmed").exists()


def test_a_plan_that_waits_already_is_not_armed_a_second_time(waiting: Waiting) -> None:
    for name, state in waiting.before.items():
        if isinstance(state[4], bytes):
            (waiting.world.root / name).write_bytes(state[4])
    with pytest.raises(RefusedError, match="an earlier change of this plan is not confirmed yet"):
        carry_out(waiting.world)


def _decided(world: FarWorld, act: DeadlineAct) -> Deadline:
    async def asked() -> Deadline:
        journal = world.journal("forward").open()
        transaction = world.transaction(journal)
        try:
            return await transaction.deadline(act)
        finally:
            await transaction.finish()
            journal.close()

    return asyncio.run(asked())


def _saved(waiting: Waiting) -> Path:
    saved = waiting.world.folder / "saved"
    shutil.copytree(waiting.folder, saved / "revert", symlinks=True)
    shutil.copytree(waiting.world.root, saved / "etc", symlinks=True)
    for path in sorted(waiting.folder.rglob("*")):
        _owned_as(path, saved / "revert" / path.relative_to(waiting.folder))
    for path in sorted(waiting.world.root.rglob("*")):
        _owned_as(path, saved / "etc" / path.relative_to(waiting.world.root))
    return saved


def _again(waiting: Waiting, saved: Path) -> None:
    """As it was right after the change, once more."""
    for name, place in (("revert", waiting.folder), ("etc", waiting.world.root)):
        shutil.rmtree(place)
        shutil.copytree(saved / name, place, symlinks=True)
        for path in sorted((saved / name).rglob("*")):
            _owned_as(path, place / path.relative_to(saved / name))


def _owned_as(path: Path, copy: Path) -> None:
    if os.geteuid() == 0:
        os.chown(copy, path.lstat().st_uid, path.lstat().st_gid, follow_symlinks=False)
