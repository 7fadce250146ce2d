"""Edits on a tree of another machine, whatever its shell and tools: forward, back, and broken off at any act there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import pytest

from auditor.errors import ApplyError, AuditorError, RefusedError
from auditor.model.plan import Direction
from auditor.surfaces.httpd.carry_out import timer
from auditor.surfaces.httpd.carry_out.far import machine, shell
from auditor.surfaces.httpd.carry_out.far.answers import MOST_BYTES
from auditor.transport.ssh.script import COMMAND, SCRIPT, START, encoded
from tests import servers
from tests.fakes.acts import Killed, KilledAt
from tests.fakes.far_trees import FarWorld, Fault, Faults, make_far_world
from tests.fakes.trees import (
    PLAN,
    FakeServer,
    World,
    assert_whole,
    carry_out,
    edit,
    file_step,
    link_step,
    make_whole_world,
    make_world,
    recover,
    whole,
)
from tests.far_shells import KINDS

FAULTS: Final[tuple[Fault, ...]] = ("ended before", "ended after", "cut", "full", "input/output error")
NOBODY = 65534


@pytest.fixture(autouse=True)
def quickly_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A far side of this machine needs no time to come up again, and an end of its shell is looked for more often."""
    monkeypatch.setattr(shell, "_PAUSES_S", (0.02, 1.0, 3.0))
    monkeypatch.setattr(shell, "_LOOK_S", 0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_apply_then_rollback_restores_every_byte_mode_owner_and_link(tmp_path: Path, kind: str) -> None:
    world = make_far_world(tmp_path, kind)
    before = world.state()
    said = carry_out(world)
    changed = world.state()
    shop = (world.root / "sites-available/shop.conf").read_bytes()
    assert shop == b"# caf\xe9\r\nProxyTimeout 60\r\nKeepAlive On\r\n"
    assert [name for name in before if before[name] != changed[name]] == ["httpd.conf", "sites-available/shop.conf"]
    assert {name: state[:4] for name, state in changed.items()} == {name: state[:4] for name, state in before.items()}
    assert "reloaded: generation 1 → 2" in said
    for path in (tmp_path / "state", tmp_path / "state/plans" / PLAN):
        assert path.stat().st_mode & 0o777 == 0o700
    carry_out(world, "back")
    assert world.state() == before
    assert world.far is not None
    assert world.far.refusals.read_text() == ""
    assert world.logins == 2


Make = Callable[[Path], World]
every_kind = pytest.mark.parametrize("make", [make_world, make_whole_world], ids=["edits", "whole files and links"])


def points(fault: Fault, make: Make = make_world) -> tuple[int, int]:
    """Where a fault strikes first, and how many acts apart: all faults together strike at every act.

    Of the larger plan it is every second act.
    """
    apart = 8 if make is make_whole_world else 4
    return FAULTS.index(fault) % 4 * (apart // 4) + 1, apart


def run_with(world: FarWorld, direction: Direction, faults: Faults, at: int, fault: Fault) -> bool:
    """Whether a fault struck. What comes after it is done by the run itself, or by the next where it ended too."""
    faults.at(at, fault)
    with contextlib.suppress(AuditorError, OSError):
        carry_out(world, direction, taking_back=bool(at % 2))
    struck = len(faults.names) >= at
    faults.stop()
    recover(world)
    return struck


@every_kind
@pytest.mark.parametrize("direction", ["forward", "back"])
@pytest.mark.parametrize("fault", FAULTS)
def test_broken_off_at_any_act_there_it_is_before_or_after_and_never_between(
    tmp_path: Path, fault: Fault, direction: Direction, make: Make
) -> None:
    other: Direction = "back" if direction == "forward" else "forward"
    world = make_far_world(tmp_path, make=make)
    first = world.state()
    carry_out(world)
    last = world.state()
    if direction == "forward":
        carry_out(world, "back")
    before, after = (first, last) if direction == "forward" else (last, first)
    faults, tried = Faults(world), 0
    at, apart = points(fault, make)
    while True:
        world.direction = direction
        struck = run_with(world, direction, faults, at, fault)
        assert_whole(world, before, after, f"{fault} at act {at}")
        if not struck:
            break
        tried += 1
        if world.state() == after:
            carry_out(world, other)
        at += apart
    assert tried > (9 if make is make_world else 7)


@pytest.mark.parametrize("fault", ["ended before", "ended after", "cut"])
def test_recovery_may_itself_be_broken_off_at_every_act_there(tmp_path: Path, fault: Fault) -> None:
    world = make_far_world(tmp_path)
    before = world.state()
    faults = Faults(world)
    carry_out(world)
    names = faults.names
    carry_out(world, "back")
    last = len(names) - 1 - names[::-1].index("mv")
    at, apart = points(fault)
    tried = 0
    while True:
        faults.at(last + 2, "ended before")  # both files are replaced, the server is not told
        with pytest.raises(AuditorError):
            carry_out(world, taking_back=False)
        assert world.state() != before
        faults.at(at, fault)
        with contextlib.suppress(AuditorError):
            recover(world)
        struck = len(faults.names) >= at
        faults.stop()
        recover(world)
        assert world.state() == before, f"{fault} at act {at} of recovery"
        if not struck:
            break
        tried += 1
        at += apart
    assert tried > 2


@every_kind
@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_hinders_no_taking_back_whatever_the_far_side_is(tmp_path: Path, kind: str, make: Make) -> None:
    world = make_far_world(tmp_path, kind, make=make)
    before = world.state()
    faults = Faults(world)
    carry_out(world)
    first = faults.names.index("mv", faults.names.index("mv") + 1)  # that of the first file
    carry_out(world, "back")
    faults.at(first + 2, "full")
    with pytest.raises(ApplyError, match="No space left on device"):
        carry_out(world)
    assert world.state() == before
    assert world.server.loaded["httpd.conf"] == before["httpd.conf"][4]


def test_a_disk_that_is_full_for_what_the_shell_itself_writes_is_a_refusal(tmp_path: Path) -> None:
    world = make_far_world(tmp_path)
    before = world.state()
    ssh = tmp_path / "far/here/ssh"
    strace = shutil.which("strace")
    if strace is None:
        servers.missing("strace")
    staged = tmp_path / "state/plans" / PLAN / "stage/1"
    inject = f"exec {strace} -f -qq -o /dev/null -P {staged} -e trace=write -e inject=write:error=ENOSPC "
    ssh.write_text(ssh.read_text().replace("\nexec ", f"\n{inject}"))
    with pytest.raises(RefusedError, match="staging failed: ") as caught:
        carry_out(world)
    assert "sites-enabled/shop.conf" in str(caught.value)
    assert world.state() == before


@pytest.mark.parametrize("kind", KINDS)
def test_whole_files_and_links_are_done_and_taken_back_there(tmp_path: Path, kind: str) -> None:
    world = make_far_world(tmp_path, kind, make=make_whole_world)
    here = make_whole_world(tmp_path / "here")
    before = world.state()
    carry_out(world)
    carry_out(here)
    assert world.state() == here.state()
    carry_out(world, "back")
    assert world.state() == before
    assert world.far is not None
    assert world.far.refusals.read_text() == ""


@pytest.mark.parametrize(
    ("step", "spoil", "why"),
    [
        (file_step("new.conf", None, whole("x")), lambda root: (root / "new.conf").touch(), "stands there already"),
        (file_step("new.conf", None, whole("x")), lambda root: (root / "new.conf").mkdir(), "no regular file"),
        (file_step("new.conf", None, whole("x")), lambda root: (root / "new.conf").symlink_to("x"), "symbolic link"),
        (file_step("gone.d/new.conf", None, whole("x")), lambda _: None, "its directory: No such file"),
        (file_step("httpd.conf", whole("x"), None), lambda _: None, "it changed since"),
        (link_step("sites-enabled/shop.conf", "../x", None), lambda _: None, "a link to ../sites-available/shop.conf"),
        (link_step("httpd.conf", None, "x"), lambda _: None, "a file stands there"),
        (file_step("led/new.conf", None, whole("x")), lambda root: (root / "led").symlink_to(".."), "outside the tree"),
        (
            file_step("new.conf", None, msgspec.structs.replace(whole("x"), owner="no-such-user")),
            lambda _: None,
            "there is no user 'no-such-user' there",
        ),
    ],
)
def test_what_is_not_as_planned_of_whole_files_is_refused(tmp_path: Path, step, spoil, why: str) -> None:  # type: ignore[no-untyped-def]
    world = make_far_world(tmp_path)
    world.steps = (step,)
    spoil(world.root)
    before = world.state()
    with pytest.raises(RefusedError, match=why) as caught:
        carry_out(world)
    assert "Nothing was changed" in str(caught.value)
    assert world.state() == before


def test_where_no_mount_is_possible_a_copy_of_the_tree_shows_what_it_will_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's check sees every name and every byte of the tree as the plan leaves it."""
    world = make_far_world(tmp_path, make=make_whole_world)
    for tool in ("head", "wc", "find"):
        if not (there := tmp_path / "far/there" / tool).exists():
            there.symlink_to(shutil.which(tool) or "")
    world.main_file = "httpd.conf"
    world.server.private_mounts = False
    seen: dict[str, bytes] = {}
    original = FakeServer.check

    async def check(self: FakeServer, bound=(), extra=(), **how):  # type: ignore[no-untyped-def]
        if extra:
            copy = Path(extra[1])
            names = [one for one in copy.rglob("*") if one.is_file()]
            seen.update({one.relative_to(copy).as_posix(): one.read_bytes() for one in names})
        return await original(self, bound, extra, **how)

    monkeypatch.setattr(FakeServer, "check", check)
    carry_out(world)
    now = [one for one in world.root.rglob("*") if one.is_file()]
    assert seen == {one.relative_to(world.root).as_posix(): one.read_bytes() for one in now}


def test_names_and_links_of_any_text_are_no_shell_text(tmp_path: Path) -> None:
    name = " $(touch never);'\"`\\*?\n日本語.conf"
    world = make_far_world(tmp_path)
    world.steps = (
        file_step(name, None, whole("Timeout 5\n")),
        link_step(f"sites-enabled/{name}", None, f"../{name}\n"),
        link_step("sites-enabled/dash", None, "-"),
    )
    before = world.state()
    carry_out(world)
    assert (world.root / name).read_bytes() == b"Timeout 5\n"
    assert os.readlink(world.root / "sites-enabled" / name) == f"../{name}\n"
    assert os.readlink(world.root / "sites-enabled/dash") == "-"
    carry_out(world, "back")
    assert world.state() == before
    assert not list(tmp_path.rglob("never"))


def test_users_and_groups_are_those_of_the_far_side(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("another's file is root's to make")
    world = make_far_world(tmp_path)
    world.steps = (file_step("new.conf", None, msgspec.structs.replace(whole("x"), owner="nobody", group="nogroup")),)
    carry_out(world)
    status = (world.root / "new.conf").stat()
    assert (status.st_uid, status.st_gid) == (NOBODY, NOBODY)


def test_who_may_not_write_there_is_refused_and_told_which_file(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("another account is root's to become")
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    world = make_far_world(tmp_path, user=NOBODY)
    (world.root / "httpd.conf").chmod(0o644)
    (tmp_path / "state").mkdir(mode=0o700)
    os.chown(tmp_path / "state", NOBODY, NOBODY)
    before = world.state()
    with pytest.raises(RefusedError, match="cannot be replaced: Permission denied") as caught:
        carry_out(world)
    assert "httpd.conf" in str(caught.value)
    os.chown(tmp_path / "state", 0, 0)
    with pytest.raises(RefusedError, match=r"others may look|Permission denied"):
        carry_out(world)
    assert world.state() == before


def test_an_immutable_file_is_refused_before_anything_is_changed(tmp_path: Path) -> None:
    world = make_far_world(tmp_path)
    there = tmp_path / "far/there/lsattr"
    path, lsattr = world.root / "httpd.conf", shutil.which("lsattr")
    if lsattr is None or subprocess.run(["chattr", "+i", path], capture_output=True).returncode:
        pytest.skip("no file can be made immutable here")
    there.symlink_to(lsattr)
    try:
        before = world.state()
        with pytest.raises(RefusedError, match="immutable"):
            carry_out(world)
        there.unlink()
        with pytest.raises(ApplyError, match="Operation not permitted"):  # noticed at replacing, without the tool
            carry_out(world)
        assert world.state() == before
    finally:
        subprocess.run(["chattr", "-i", path], check=True)


@pytest.mark.parametrize("flag", ["i", "a"])
def test_an_immutable_directory_is_refused_before_anything_is_changed(tmp_path: Path, flag: str) -> None:
    world = make_far_world(tmp_path)
    lsattr = shutil.which("lsattr")
    if lsattr is None or subprocess.run(["chattr", f"+{flag}", world.root], capture_output=True).returncode:
        pytest.skip("no directory can be made immutable here")
    (tmp_path / "far/there/lsattr").symlink_to(lsattr)
    try:
        before = world.state()
        with pytest.raises(RefusedError, match="its directory is immutable"):
            carry_out(world)
        assert world.state() == before
    finally:
        subprocess.run(["chattr", f"-{flag}", world.root], check=True)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda root: (root / "httpd.conf").write_bytes(b"# main\nServerName a\nTimeout 61\n"), "httpd.conf:3"),
        (lambda root: (root / "httpd.conf").unlink(), "No such file"),
        (lambda root: os.link(root / "httpd.conf", root / "other.conf"), "2 hard links"),
        (lambda root: ((root / "httpd.conf").unlink(), os.mkfifo(root / "httpd.conf")), "no regular file"),
        (lambda root: (root / "httpd.conf").write_bytes(b"#" * (MOST_BYTES + 1)), "larger than"),
    ],
)
def test_a_file_that_is_not_as_planned_is_refused(tmp_path: Path, spoil, why: str) -> None:  # type: ignore[no-untyped-def]
    world = make_far_world(tmp_path)
    spoil(world.root)
    before = world.state()
    with pytest.raises(RefusedError, match=why) as caught:
        carry_out(world)
    assert "Nothing was changed" in str(caught.value)
    assert world.state() == before


def test_a_file_of_any_name_is_changed_and_no_name_is_shell_text(tmp_path: Path) -> None:
    name = " $(touch never);'\"`\\*?\n日本語.conf"
    world = make_far_world(tmp_path)
    world.steps = (edit(name, 1, "Timeout 60\n", "Timeout 30\n"),)
    (world.root / name).write_bytes(b"Timeout 60\n")
    before = world.state()
    carry_out(world)
    assert (world.root / name).read_bytes() == b"Timeout 30\n"
    carry_out(world, "back")
    assert world.state() == before
    assert not list(tmp_path.rglob("never"))


def test_two_controllers_exclude_each_other_and_what_is_left_of_ones_own_does_not(tmp_path: Path) -> None:
    world = make_far_world(tmp_path)

    async def both() -> None:
        first = world.transaction(world.journal("forward").open())
        await first.prepare()
        world.holder = "lab:/srv/other"
        second = world.transaction(world.journal("forward", name="theirs").open())
        with pytest.raises(RefusedError, match=r"locked by process \d+ there \(ops:/srv/fleet\)"):
            await second.prepare()
        await second.finish()
        world.holder = "ops:/srv/fleet"  # a run of the same fleet: the first must be what is left of an ended one
        first.options.journal.close()  # type: ignore[attr-defined]  # as the kernel does
        third = world.transaction(world.journal("forward").open())
        await third.prepare()
        await third.perform()
        for one in (first, third):
            await one.finish()
        for one in (second, third):
            one.options.journal.close()  # type: ignore[attr-defined]

    asyncio.run(both())
    assert b"Timeout 30" in (world.root / "httpd.conf").read_bytes()


def test_a_far_side_that_lacks_a_tool_is_refused_by_its_name(tmp_path: Path) -> None:
    world = make_far_world(tmp_path)
    (tmp_path / "far/there/flock").unlink()
    with pytest.raises(RefusedError, match="these tools are missing there: flock"):
        carry_out(world)


def test_a_request_that_is_cut_off_at_any_byte_changes_nothing(tmp_path: Path) -> None:
    """The far side sees the end of its input; nothing of the last request may have been acted on."""
    script = f"{START}\n".encode()
    whole = ("m4rk\n" + encoded(SCRIPT.encode()) + "\n").encode()
    target = tmp_path / "written"
    request = (
        "run 100 9 1\n" + "".join(f"{encoded(one)}\n" for one in (b'cat >"$1"', b"all of it", str(target).encode()))
    ).encode()
    for cut in range(len(request)):
        subprocess.run(
            ["sh", "-c", COMMAND], input=script + whole + request[:cut], capture_output=True, timeout=30, check=False
        )
        assert not target.exists(), f"cut after {cut} bytes"
    subprocess.run(["sh", "-c", COMMAND], input=script + whole + request, capture_output=True, timeout=30, check=False)
    assert target.read_bytes() == b"all of it"


class _Ended(KilledAt):
    """The controller's process ends at an act of its journal, and its connection with it."""

    def __init__(self, at: int, world: FarWorld) -> None:
        super().__init__(at)
        self.world = world

    def reached(self, act: str, path: str) -> None:
        try:
            super().reached(act, path)
        except Killed:
            self.world.ended = True
            raise


@pytest.mark.parametrize("direction", ["forward", "back"])
def test_a_controller_that_ends_at_any_line_of_its_journal_is_followed_by_one_that_takes_back(
    tmp_path: Path, direction: Direction
) -> None:
    other: Direction = "back" if direction == "forward" else "forward"
    world = make_far_world(tmp_path)
    first = world.state()
    carry_out(world)
    last = world.state()
    if direction == "forward":
        carry_out(world, "back")
    before, after = (first, last) if direction == "forward" else (last, first)
    tried, at = 0, 0
    while True:
        world.direction, world.ended = direction, False
        try:
            carry_out(world, direction, _Ended(at, world))
        except Killed:
            tried += 1
        else:
            break
        world.ended = False
        recover(world)
        assert_whole(world, before, after, f"ended at act {at} of the journal")
        if world.state() == after:
            carry_out(world, other)
        at += 1
    assert tried > 15


def labelled_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, may_label: bool) -> FarWorld:
    """A far side whose SELinux labels are kept by ``user.label`` and are no copy's to take along."""
    world = make_far_world(tmp_path, make=make_whole_world)
    for path in world.root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.setxattr(path, "user.label", b"httpd_config_t")
    tools = tmp_path / "far/there"
    put = f"{sys.executable} -c 'import os, sys; os.setxattr(sys.argv[2], \"user.label\", sys.argv[1].encode())'"
    get = (
        f"{sys.executable} -c 'import os, sys; path = sys.argv[1]; "
        'print(os.getxattr(path, "user.label").decode() if "user.label" in os.listxattr(path) else "etc_t")\''
    )
    real = {name: os.readlink(tools / name) for name in ("stat", "cp")}
    copied = f'{real["cp"]} "$@" || exit; for one; do :; done; [ -L "$one" ] || {put} var_lib_t "$one"'
    for name, text in {
        "stat": f'case $2 in %C) exec {get} "$4" ;; esac; exec {real["stat"]} "$@"',
        "cp": copied,
        "chcon": f'{put} "$2" "$3"' if may_label else "echo chcon: Permission denied >&2; exit 1",
    }.items():
        (tools / name).unlink(missing_ok=True)
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    (tmp_path / "enforce").touch()
    found = machine.script().replace("/sys/fs/selinux/enforce", str(tmp_path / "enforce"))
    monkeypatch.setattr(machine, "script", lambda: found)
    return world


def labels(world: FarWorld) -> dict[str, bytes]:
    files = (path for path in world.root.rglob("*") if path.is_file() and not path.is_symlink())
    return {path.name: os.getxattr(path, "user.label") for path in files if "user.label" in os.listxattr(path)}


def test_a_label_that_no_copy_takes_along_is_given_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = labelled_world(tmp_path, monkeypatch, may_label=True)
    before, state = labels(world), world.state()
    carry_out(world)
    kept = labels(world)
    assert kept.items() <= before.items()
    assert "httpd.conf" in kept
    carry_out(world, "back")
    assert labels(world) == before  # what was deleted too
    assert world.state() == state


def test_a_label_that_cannot_be_given_is_refused_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = labelled_world(tmp_path, monkeypatch, may_label=False)
    state = world.state()
    with pytest.raises(RefusedError, match="it cannot be given its SELinux label httpd_config_t"):
        carry_out(world)
    assert world.state() == state
    assert labels(world)
    assert set(labels(world).values()) == {b"httpd_config_t"}


@pytest.mark.parametrize("kind", ["dash", "busybox"])
def test_backups_are_not_kept_where_others_could_put_another_folder(tmp_path: Path, kind: str) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    world = make_far_world(tmp_path / "open/mine", kind)
    before = world.state()
    with pytest.raises(RefusedError, match="others could put another folder in the place of"):
        carry_out(world)
    (tmp_path / "open").chmod(0o1777)  # there nobody may rename what is another's
    carry_out(world)
    assert world.state() != before


def test_what_a_change_that_waits_would_put_back_keeps_its_label(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = labelled_world(tmp_path, monkeypatch, may_label=True)
    world.confirm_within_s = 600
    read = timer._script
    enforce = str(tmp_path / "enforce")
    monkeypatch.setattr(timer, "_script", lambda name: read(name).replace("/sys/fs/selinux/enforce", enforce))
    carry_out(world)
    folder = tmp_path / "state/plans" / PLAN / "revert"
    try:
        copies = [path for path in folder.iterdir() if path.name.isdigit() and not path.is_symlink()]
        found = {os.getxattr(path, "user.label") for path in copies if path.stat().st_size}
        assert found == {b"httpd_config_t"}
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int((folder / "pid").read_text()), signal.SIGKILL)
