"""Edits on a tree: forward, back, and ended, failed or starved at every single act."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from auditor.errors import ApplyError, AuditorError, RefusedError
from auditor.model.plan import Direction
from auditor.surfaces.interface import Caveat
from auditor.transport.acts import Acts
from tests import servers
from tests.fakes.acts import CountingActs, FailingAt, Killed, KilledAt, PowerCutAt
from tests.fakes.plans import SEALER
from tests.fakes.trees import (
    PLAN,
    FakeServer,
    State,
    World,
    assert_whole,
    carry_out,
    edit,
    make_whole_world,
    make_world,
    recover,
)


def rolled_to(world: World, direction: Direction) -> World:
    world.direction = direction
    if direction == "back":
        carry_out(world)
    return world


Make = Callable[[Path], World]
every_kind = pytest.mark.parametrize("make", [make_world, make_whole_world], ids=["edits", "whole files and links"])


def share(make: Make) -> int:
    """Of how many points one is tried: the parameters of a test together still try each of the larger plan's."""
    return 4 if make is make_whole_world else 1


def some(points: int, make: Make, *parameters: object) -> range:
    """The points that a test with these parameters tries."""
    start = sum((number + 1) * (one in (True, "back")) for number, one in enumerate(parameters))
    return range(start % share(make), points, share(make))


def reference(folder: Path, direction: Direction, make: Make = make_world) -> tuple[int, State]:
    """How many acts a run takes, and how it leaves the tree."""
    world = rolled_to(make(folder), direction)
    acts = CountingActs()
    carry_out(world, direction, acts)
    return len(acts.names), world.state()


def test_apply_then_rollback_restores_every_byte_mode_owner_and_link(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    before = world.state()
    said = carry_out(world)
    changed = world.state()
    assert (
        world.root / "sites-available/shop.conf"
    ).read_bytes() == b"# caf\xe9\r\nProxyTimeout 60\r\nKeepAlive On\r\n"
    assert [name for name in before if before[name] != changed[name]] == ["httpd.conf", "sites-available/shop.conf"]
    assert {name: state[:4] for name, state in changed.items()} == {name: state[:4] for name, state in before.items()}
    assert "reloaded: generation 1 → 2" in said
    assert world.server.loaded["httpd.conf"].count(b"Timeout 30") == 1
    carry_out(world, "back")
    assert world.state() == before
    assert world.server.loaded["httpd.conf"] == before["httpd.conf"][4]


def test_backups_are_for_their_owner_alone(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    carry_out(world)
    state = tmp_path / "state"
    for path in (state, *state.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path
    assert not (state / "plans" / PLAN / "stage").exists()


@every_kind
@pytest.mark.parametrize("direction", ["forward", "back"])
@pytest.mark.parametrize("torn", [False, True])
def test_ended_at_every_act_it_is_before_or_after_and_never_between(
    tmp_path: Path, make: Make, direction: Direction, torn: bool
) -> None:
    points, after = reference(tmp_path / "reference", direction, make)
    assert points > 40
    for at in some(points, make, direction, torn):
        world = rolled_to(make(tmp_path / f"{at}"), direction)
        before = world.state()
        with pytest.raises(Killed):
            carry_out(world, direction, KilledAt(at, torn=torn))
        recover(world)
        assert_whole(world, before, after, f"ended at act {at}")


@every_kind
def test_recovery_may_itself_be_ended_at_every_act(tmp_path: Path, make: Make) -> None:
    points, after = reference(tmp_path / "reference", "forward", make)
    tried = 0
    for at in range(points // 2, points, 4 * share(make)):
        for again in range(0, 40, 2):
            world = make(tmp_path / f"{at}-{again}")
            before = world.state()
            with pytest.raises(Killed):
                carry_out(world, "forward", KilledAt(at))
            try:
                recover(world, KilledAt(again))
            except Killed:
                tried += 1
            recover(world)
            assert_whole(world, before, after, f"ended at act {at}, its recovery at act {again}")
    assert tried > 60


def cut(world: World, direction: Direction, at: int, *, names_kept: bool, recovering: bool = False) -> bool:
    """Whether the power went off at this act; what was not synced is lost, and machine and server come up again."""
    with PowerCutAt(at, world.folder, names_kept=names_kept) as acts:
        try:
            if recovering:
                recover(world, acts)
            else:
                carry_out(world, direction, acts)
        except Killed:
            off = True
        else:
            off = False
        acts.lose()
        world.server.boot()
    return off


@every_kind
@pytest.mark.parametrize("direction", ["forward", "back"])
@pytest.mark.parametrize("names_kept", [False, True])
def test_without_power_at_any_act_it_is_before_or_after_and_never_between(
    tmp_path: Path, make: Make, direction: Direction, names_kept: bool
) -> None:
    points, after = reference(tmp_path / "reference", direction, make)
    for at in (*some(points, make, direction, names_kept), points):
        world = rolled_to(make(tmp_path / f"{at}"), direction)
        before = world.state()
        assert cut(world, direction, at, names_kept=names_kept) is (at < points)
        if at == points:
            assert world.state() == after, "what was said to be done was not on disk"
        recover(world)
        assert_whole(world, before, after, f"power cut at act {at}")


@every_kind
@pytest.mark.parametrize("names_kept", [False, True])
def test_the_power_may_go_off_again_during_recovery(tmp_path: Path, make: Make, names_kept: bool) -> None:
    points, after = reference(tmp_path / "reference", "forward", make)
    tried = 0
    for at in range(points // 2, points, 6 * share(make)):
        for again in range(0, 45, 3):
            world = make(tmp_path / f"{at}-{again}")
            before = world.state()
            cut(world, "forward", at, names_kept=names_kept)
            tried += cut(world, "forward", again, names_kept=names_kept, recovering=True)
            recover(world)
            assert_whole(world, before, after, f"power cut at act {at}, and at act {again} of its recovery")
    assert tried > 30


@every_kind
def test_a_killed_run_whose_recovery_is_done_survives_a_power_cut_after_it(tmp_path: Path, make: Make) -> None:
    """What the killed process left in the page cache alone must be on disk once recovery says that it is as before."""
    points, after = reference(tmp_path / "reference", "forward", make)
    for at in range(points // 2, points, 3 * share(make)):
        for again in (*range(1, 40, 2), 10**9):
            world = make(tmp_path / f"{at}-{again}")
            before = world.state()
            with PowerCutAt(at, world.folder) as acts:
                with pytest.raises(Killed):
                    carry_out(world, "forward", acts)
                acts.at, acts.count = again, 0
                with contextlib.suppress(Killed):
                    recover(world, acts)
                acts.at = 10**9
                recover(world, acts)
                acts.lose()
                world.server.boot()
            assert_whole(world, before, after, f"ended at act {at}, its recovery at act {again}, power cut")


@every_kind
def test_a_server_that_read_a_half_replaced_tree_is_told_again(tmp_path: Path, make: Make) -> None:
    """A log rotation reloads at any moment, and a machine that boots reads whatever is there."""
    points, after = reference(tmp_path / "reference", "forward", make)
    for act in (FakeServer.boot, FakeServer._load):
        for at in range(points // 2, points, share(make)):
            world = make(tmp_path / f"{act.__name__}-{at}")
            before = world.state()
            with pytest.raises(Killed):
                carry_out(world, "forward", KilledAt(at))
            act(world.server)
            recover(world)
            assert_whole(world, before, after, f"ended at act {at}, then read by the server")


def failing(world: World, direction: Direction, acts: FailingAt, after: State, when: str) -> bool:
    """Whether the run failed of it. Either way the tree is whole; and the fault struck, or nothing was tried."""
    before = world.state()
    try:
        carry_out(world, direction, acts)
    except (AuditorError, OSError):
        failed = True
    else:
        failed = False
    assert acts.struck, f"{when}: no act failed"
    recover(world)
    assert_whole(world, before, after, when)
    assert failed or world.state() == after, f"{when}: it was said to be done"
    return failed


@every_kind
@pytest.mark.parametrize("direction", ["forward", "back"])
def test_a_disk_that_fills_up_at_any_act_leaves_it_as_before(tmp_path: Path, make: Make, direction: Direction) -> None:
    points, after = reference(tmp_path / "reference", direction, make)
    failed = 0
    tried = some(points, make, direction)
    for at in tried:
        world = rolled_to(make(tmp_path / f"{at}"), direction)
        acts = FailingAt(at, errno.ENOSPC, ever=True)
        failed += failing(world, direction, acts, after, f"full at act {at}")
    assert points > 40
    assert failed > len(tried) - 10, "what is only tidied up may fail, and nothing else"


@every_kind
@pytest.mark.parametrize("direction", ["forward", "back"])
def test_a_sync_that_fails_anywhere_leaves_it_as_before_or_after(
    tmp_path: Path, make: Make, direction: Direction
) -> None:
    only = frozenset({"sync", "sync directory", "write"})
    counted = CountingActs()
    carry_out(rolled_to(make(tmp_path / "counted"), direction), direction, counted)
    points = sum(name in only for name in counted.names)
    _, after = reference(tmp_path / "reference", direction, make)
    failed = 0
    tried = some(points, make, direction)
    for at in tried:
        world = rolled_to(make(tmp_path / f"{at}"), direction)
        acts = FailingAt(at, errno.EIO, only=only)
        failed += failing(world, direction, acts, after, f"failed at sync {at}")
        assert len(acts.struck) == 1
    assert points > 30
    assert failed > len(tried) - 10, "what is only tidied up may fail, and nothing else"


def test_a_stop_and_start_that_is_ended_at_any_act_leaves_a_server_that_serves_as_before_or_after(
    tmp_path: Path,
) -> None:
    def world_at(name: str) -> World:
        step = edit("httpd.conf", 3, "Timeout 60\n", "Timeout 30\n")
        return make_world(tmp_path / name, (msgspec.structs.replace(step, disruption="stop and start"),))

    world, acts = world_at("whole"), CountingActs()
    carry_out(world, "forward", acts)
    after = world.state()
    assert [call for call in world.server.calls if call != "check"] == ["stop", "start"]
    assert {"stop", "start"} <= set(acts.names)
    for at in range(len(acts.names)):
        for again in (None, at + at % 9) if at % 3 == 0 else (None,):
            world = world_at(f"{at}-{again}")
            before = world.state()
            with pytest.raises(Killed):
                carry_out(world, "forward", KilledAt(at))
            if again is not None:
                with contextlib.suppress(Killed):
                    recover(world, KilledAt(again - at))
            recover(world)
            assert world.server.up, f"ended at act {at}"
            assert_whole(world, before, after, f"ended at act {at}")


def test_a_secret_is_taken_from_the_live_line(tmp_path: Path) -> None:
    secret = 'RequestHeader set Authorization "Bearer s3cr3t-t0ken-0001"\n'
    sealed = FakeSurveyed(secret)
    assert "s3cr3t" not in sealed
    world = make_world(tmp_path, (edit("own.conf", 1, sealed, sealed.replace("set", "add", 1)),))
    (world.root / "own.conf").write_text(secret)
    before = world.state()
    carry_out(world)
    assert (world.root / "own.conf").read_text() == secret.replace("set", "add", 1)
    journal = (tmp_path / "journal.jsonl").read_bytes()
    assert b"s3cr3t" not in journal
    carry_out(world, "back")
    assert world.state() == before


def FakeSurveyed(text: str) -> str:
    from auditor.surfaces.httpd.secrets import seal_text

    return seal_text(text.encode(), SEALER).decode("latin-1")


def test_a_secret_that_the_line_does_not_hold_is_refused(tmp_path: Path) -> None:
    sealed = FakeSurveyed('RequestHeader set Authorization "Bearer another-t0ken-0001"\n')
    world = make_world(tmp_path, (edit("httpd.conf", 3, "Timeout 60\n", sealed),))
    before = world.state()
    with pytest.raises(RefusedError, match="names a secret"):
        carry_out(world)
    assert world.state() == before


@pytest.mark.parametrize("private_mounts", [True, False])
def test_what_the_server_refuses_is_never_loaded(tmp_path: Path, private_mounts: bool) -> None:
    world = make_world(tmp_path, (edit("httpd.conf", 3, "Timeout 60\n", "Nonsense\n"),))
    world.server.private_mounts = private_mounts
    before = world.state()
    with pytest.raises(RefusedError if private_mounts and os.geteuid() == 0 else ApplyError, match="Invalid command"):
        carry_out(world)
    assert world.state() == before
    assert "reload" not in world.server.calls


def test_a_server_that_dies_of_the_reload_is_brought_back(tmp_path: Path) -> None:
    world = make_world(tmp_path, (edit("httpd.conf", 3, "Timeout 60\n", "Deadly\n"),))
    before = world.state()
    with pytest.raises(ApplyError, match="ended at the reload"):
        carry_out(world)
    assert world.state() == before
    assert world.server.up
    assert world.server.calls[-1] == "start"


def test_a_server_that_does_not_run_is_not_reloaded_and_that_is_said(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.server.up = False
    said = carry_out(world)
    assert "the server does not run (no process by /run/httpd.pid): there is nothing to reload" in said
    assert {"reload", "start"} & set(world.server.calls) == set()


def test_a_server_of_which_nothing_names_a_pid_file_is_not_said_to_be_down(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.server.up, world.server.pid_file_name = False, ""
    told = [one for one in carry_out(world) if "whether the server runs is not known" in one]
    assert [type(one) for one in told] == [Caveat]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda root: (root / "httpd.conf").write_bytes(b"# main\nServerName a\nTimeout 61\n"), "httpd.conf:3"),
        (lambda root: (root / "httpd.conf").write_bytes(b""), "0 lines"),
        (lambda root: (root / "httpd.conf").unlink(), "No such file"),
        (lambda root: os.link(root / "httpd.conf", root / "other.conf"), "2 hard links"),
        (lambda root: ((root / "httpd.conf").unlink(), os.mkfifo(root / "httpd.conf")), "no regular file"),
        (lambda root: ((root / "httpd.conf").unlink(), (root / "httpd.conf").symlink_to("gone")), "No such file"),
    ],
)
def test_a_file_that_is_not_as_planned_is_refused(tmp_path: Path, spoil, why: str) -> None:  # type: ignore[no-untyped-def]
    world = make_world(tmp_path)
    spoil(world.root)
    before = world.state()
    with pytest.raises(RefusedError, match=why) as caught:
        carry_out(world)
    assert "Nothing was changed" in str(caught.value)
    assert world.state() == before


@pytest.mark.parametrize("links", [("/etc/hostname",), ("../hostname",), ("httpd.conf",), ("",), ("gone",)])
def test_a_crafted_plan_reaches_no_file_by_links_that_do_not_lead_to_it(tmp_path: Path, links: tuple[str, ...]) -> None:
    step = edit("/etc/hostname", 1, "a\n", "b\n")
    change = msgspec.structs.replace(step.change, links=links)
    with pytest.raises(RefusedError, match=r"outside the tree|does not lead to it|No such file") as caught:
        carry_out(make_world(tmp_path, (msgspec.structs.replace(step, change=change),)))
    assert "/etc/hostname" in str(caught.value)
    assert "Nothing was changed" in str(caught.value)


@pytest.mark.parametrize("file", ["../etc/httpd.conf", "/etc/passwd", "a/../../x", ""])
def test_a_crafted_plan_stays_in_the_tree(tmp_path: Path, file: str) -> None:
    with pytest.raises(RefusedError, match="outside the tree"):
        carry_out(make_world(tmp_path, (edit(file, 1, "a\n", "b\n"),)))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda root: (root / "httpd.conf").write_bytes(b"Timeout 1\n"), "its bytes were changed"),
        (lambda root: (root / "httpd.conf").chmod(0o600), "its mode or owner was changed"),
    ],
)
def test_rolling_back_does_not_overwrite_later_edits(tmp_path: Path, spoil, why: str) -> None:  # type: ignore[no-untyped-def]
    world = make_world(tmp_path)
    carry_out(world)
    spoil(world.root)
    now = world.state()
    with pytest.raises(RefusedError, match=why):
        carry_out(world, "back")
    assert world.state() == now


def test_rolling_back_needs_no_configuration_that_parses(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    before = world.state()["httpd.conf"]
    carry_out(world)
    (world.root / "other.conf").write_bytes(b"Nonsense <<<\n")
    said = carry_out(world, "back")
    assert world.state()["httpd.conf"] == before
    assert any("until that is mended" in one for one in said if isinstance(one, Caveat))


def test_rolling_back_without_a_backup_is_proven_by_the_journal(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    before = world.state()
    carry_out(world)
    shutil.rmtree(tmp_path / "state")
    carry_out(world, "back")
    assert world.state() == before


def test_a_damaged_backup_is_not_restored(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    carry_out(world)
    now = world.state()
    (tmp_path / "state/plans" / PLAN / "before/0").write_bytes(b"other")
    with pytest.raises(RefusedError, match="damaged"):
        carry_out(world, "back")
    assert world.state() == now


def test_somebody_elses_edit_during_the_change_is_left_for_a_person(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    acts = CountingActs()
    carry_out(make_world(tmp_path / "reference"), "forward", acts)
    with pytest.raises(Killed):
        carry_out(world, "forward", KilledAt(acts.names.index("reload") + 2))
    (world.root / "httpd.conf").write_bytes(b"by hand\n")
    with pytest.raises(ApplyError, match="somebody else"):
        recover(world)
    assert (world.root / "httpd.conf").read_bytes() == b"by hand\n"


def test_backups_that_others_could_read_are_refused(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    (tmp_path / "state").mkdir(mode=0o755)
    with pytest.raises(RefusedError, match="others may look"):
        carry_out(world)


def test_two_at_once_on_one_target(tmp_path: Path) -> None:
    world = make_world(tmp_path)

    async def both() -> None:
        first, second = (world.transaction(world.journal("forward", name=one).open()) for one in ("ours", "theirs"))
        await first.prepare()
        try:
            with pytest.raises(RefusedError, match="locked by process"):
                await second.prepare()
        finally:
            await first.finish()
            await second.finish()
            for one in (first, second):
                one.options.journal.close()  # type: ignore[attr-defined]

    asyncio.run(both())


def test_an_immutable_file_is_refused_before_anything_is_changed(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    path = world.root / "httpd.conf"
    if shutil.which("chattr") is None or subprocess.run(["chattr", "+i", path], capture_output=True).returncode:
        pytest.skip("no file can be made immutable here")
    try:
        before = world.state()
        with pytest.raises(RefusedError, match="immutable"):
            carry_out(world)
        assert world.state() == before
    finally:
        subprocess.run(["chattr", "-i", path], check=True)


def test_a_place_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    world = make_world(tmp_path)

    class ReadOnly(Acts):
        def reached(self, act: str, path: str) -> None:
            if act == "create" and path.startswith(str(world.root)):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

    with pytest.raises(RefusedError, match="cannot be replaced: Read-only") as caught:
        carry_out(world, acts=ReadOnly())
    assert "httpd.conf" in str(caught.value)


_PROCESS = """
import asyncio, os, sys
from pathlib import Path
from auditor.transport.acts import Acts
from tests.fakes.trees import make_world

class Exit(Acts):
    count = 0
    def reached(self, act, path):
        self.count += 1
        if self.count == int(sys.argv[2]):
            os._exit(9)

async def run():
    world, acts = make_world(Path(sys.argv[1])), Exit()
    journal = world.journal("forward", acts).open()
    journal.begin()
    transaction = world.transaction(journal, acts)
    await transaction.prepare()
    await transaction.perform()

asyncio.run(run())
"""


@pytest.mark.parametrize("part", [0.35, 0.6, 0.7, 0.8])
def test_a_process_that_really_ends_leaves_no_lock_and_no_half(tmp_path: Path, part: float) -> None:
    points, _ = reference(tmp_path / "reference", "forward")
    at = int(part * points)  # a fixed number would one day stand behind the last act, and end nothing
    before = make_world(tmp_path / "before").state()
    command = [sys.executable, "-c", _PROCESS, str(tmp_path / "ended"), str(at)]
    done = subprocess.run(command, cwd=servers.ROOT, timeout=60, check=False)
    assert done.returncode == 9
    (tmp_path / "other").mkdir()
    world = World(tmp_path / "ended", make_world(tmp_path / "other").steps, FakeServer(tmp_path / "ended/etc"))
    recover(world)
    assert world.state() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="extended attributes and mounts are root's here")
def test_extended_attributes_are_kept(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    path = world.root / "httpd.conf"
    try:
        os.setxattr(path, "user.note", b"mine")
    except OSError:
        pytest.skip("this file system keeps no extended attributes")
    carry_out(world)
    assert os.getxattr(path, "user.note") == b"mine"


def test_the_server_has_to_read_what_is_changed(tmp_path: Path) -> None:
    servers.private_mounts()
    world = make_world(tmp_path)

    class Elsewhere(FakeServer):
        async def check(self, bound=(), extra=(), **_):  # type: ignore[no-untyped-def]
            from auditor.surfaces.httpd.carry_out.server import Verdict

            return Verdict(True, "", ("/srv/other/httpd.conf",))

    world.server = Elsewhere(world.root)
    with pytest.raises(RefusedError, match="does not read"):
        carry_out(world)
