"""Whole files and links of a tree: created, replaced, led elsewhere, removed, and what is refused."""

from __future__ import annotations

import os
import shutil
import stat
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pytest

from auditor.errors import ApplyError, RefusedError
from auditor.model.plan import FileChange, Step
from auditor.surfaces.httpd.secrets import seal_text
from tests.fakes import trees
from tests.fakes.acts import CountingActs, Killed, KilledAt
from tests.fakes.plans import SEALER
from tests.fakes.trees import PLAN, carry_out, file_step, link_step, make_whole_world, make_world, recover, whole

NEW = whole("Timeout 7\n", 0o640)
SECRET = 'RequestHeader set Authorization "Bearer s3cr3t-t0ken-0001"\n'


def test_each_kind_is_done_and_taken_back(tmp_path: Path) -> None:
    world = make_whole_world(tmp_path)
    before = world.state()
    said = carry_out(world)
    root = world.root
    assert (root / "conf.d/new.conf").read_bytes() == b"# \xe9\nTimeout 7\n"
    assert stat.S_IMODE((root / "conf.d/new.conf").stat().st_mode) == 0o640
    assert not (root / "conf.d/old.conf").exists()
    assert (root / "conf.d/page.html").read_bytes() == b"<p>2</p>"
    assert stat.S_IMODE((root / "conf.d/page.html").stat().st_mode) == 0o604
    assert not (root / "sites-enabled/old.conf").is_symlink()
    for link in ("new.conf", "led.conf"):
        assert os.readlink(root / "sites-enabled" / link) == "../conf.d/new.conf"
    assert b"Timeout 30" in (root / "httpd.conf").read_bytes()
    assert world.server.loaded["sites-enabled/new.conf"] == b"# \xe9\nTimeout 7\n"
    assert said[-3].startswith("backed up and created conf.d/new.conf, sites-enabled/new.conf; replaced ")
    assert said[-3].endswith("; removed sites-enabled/old.conf, conf.d/old.conf")
    carry_out(world, "back")
    assert world.state() == before
    assert not list(root.rglob(".*"))


def test_nothing_is_led_to_before_it_is_there(tmp_path: Path) -> None:
    """Whoever reloads midway (a log rotation) never meets a link that leads nowhere."""
    acts = CountingActs()
    carry_out(make_whole_world(tmp_path / "counted"), "forward", acts)
    for at in range(len(acts.names)):
        if acts.names[at] not in ("replace", "unlink"):
            continue
        world = make_whole_world(tmp_path / f"{at}")
        with pytest.raises(Killed):
            carry_out(world, "forward", KilledAt(at))
        dangling = [path for path in world.root.rglob("*.conf") if path.is_symlink() and not path.exists()]
        assert dangling == [], f"ended at act {at}"


def test_a_deleted_file_is_kept_with_all_that_it_had(tmp_path: Path) -> None:
    world = make_whole_world(tmp_path)
    path = world.root / "conf.d/old.conf"
    try:
        os.setxattr(path, "user.note", b"mine")
    except OSError:
        pytest.skip("this file system keeps no extended attributes")
    before = world.state()
    carry_out(world)
    for one in (tmp_path / "state").rglob("*"):
        assert one.stat().st_mode & 0o077 == 0
    carry_out(world, "back")
    assert world.state() == before
    assert os.getxattr(path, "user.note") == b"mine"


def test_a_created_file_takes_over_no_access_list_of_its_directory(tmp_path: Path) -> None:
    world = make_world(tmp_path, (file_step("sites-available/new.conf", None, NEW),))
    folder = world.root / "sites-available"
    entries = ((0x01, 7, -1), (0x02, 6, 65534), (0x04, 5, -1), (0x10, 7, -1), (0x20, 5, -1))
    listed = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *one) for one in entries)
    try:
        os.setxattr(folder, "system.posix_acl_default", listed)
    except OSError:
        pytest.skip("this file system keeps no access lists")
    (folder / "by-hand").touch()
    assert "system.posix_acl_access" in os.listxattr(folder / "by-hand")
    carry_out(world)
    path = folder / "new.conf"
    assert "system.posix_acl_access" not in os.listxattr(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("step", "spoil", "why"),
    [
        (file_step("new.conf", None, NEW), lambda root: (root / "new.conf").touch(), "something stands there already"),
        (file_step("new.conf", None, NEW), lambda root: (root / "new.conf").mkdir(), "no regular file"),
        (file_step("new.conf", None, NEW), lambda root: (root / "new.conf").symlink_to("x"), "symbolic link"),
        (file_step("gone.d/new.conf", None, NEW), lambda _: None, "its directory: No such file"),
        (file_step("httpd.conf", NEW, None), lambda _: None, "it changed since the plan was made"),
        (file_step("gone.conf", NEW, None), lambda _: None, "it is gone"),
        (link_step("httpd.conf", None, "x"), lambda _: None, "a file stands there"),
        (link_step("sites-enabled/shop.conf", None, "x"), lambda _: None, "something stands there already"),
        (link_step("sites-enabled/shop.conf", "../x", None), lambda _: None, "a link to ../sites-available/shop.conf"),
        (link_step("sites-enabled/gone.conf", "../x", None), lambda _: None, "it is gone"),
        (link_step("new.conf", None, ""), lambda _: None, "no text of a link"),
        (file_step("../new.conf", None, NEW), lambda _: None, "outside the tree"),
        (link_step("/etc/auditor-never", None, "x"), lambda _: None, "outside the tree"),
        (
            file_step("led/new.conf", None, NEW),
            lambda root: (root / "led").symlink_to(root.parent),
            "outside the tree",
        ),
        (file_step("new.conf", None, whole("x", 0o644, 10**6)), lambda _: None, ""),
        (
            file_step("new.conf", None, msgspec.structs.replace(NEW, owner="no-such-user")),
            lambda _: None,
            "no user 'no-such-user'",
        ),
        (
            file_step("new.conf", None, msgspec.structs.replace(NEW, content="Timeout 8\n")),
            lambda _: None,
            "not those that the plan names",
        ),
    ],
)
def test_what_is_not_as_planned_is_refused(
    tmp_path: Path, step: Step, spoil: Callable[[Path], object], why: str
) -> None:
    world = make_world(tmp_path, (step,))
    spoil(world.root)
    before = world.state()
    if not why:
        if os.geteuid() != 0:
            pytest.skip("another's file is root's to make")
        carry_out(world)
        assert (world.root / "new.conf").stat().st_uid == 10**6
        return
    with pytest.raises(RefusedError, match=why) as caught:
        carry_out(world)
    assert "Nothing was changed" in str(caught.value)
    assert world.state() == before


def test_a_mode_that_was_changed_by_hand_is_a_refusal(tmp_path: Path) -> None:
    world = make_whole_world(tmp_path)
    (world.root / "conf.d/old.conf").chmod(0o644)
    with pytest.raises(RefusedError, match="its mode is 0644, and the plan names 0600"):
        carry_out(world)


def test_one_file_named_twice_is_refused(tmp_path: Path) -> None:
    both = (trees.edit("httpd.conf", 3, "Timeout 60\n", "Timeout 30\n"), file_step("httpd.conf", NEW, None))
    with pytest.raises(RefusedError, match="one file in two ways"):
        carry_out(make_world(tmp_path, both))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda root: (root / "conf.d/new.conf").write_bytes(b"by hand\n"), "its bytes were"),
        (lambda root: (root / "conf.d/old.conf").write_bytes(b"by hand\n"), "its bytes were"),
        (lambda root: (root / "sites-enabled/new.conf").unlink(), "it was removed"),
        (lambda root: (root / "conf.d/page.html").chmod(0o600), "its mode or owner was"),
    ],
)
def test_rolling_back_does_not_overwrite_what_came_later(
    tmp_path: Path, spoil: Callable[[Path], object], why: str
) -> None:
    world = make_whole_world(tmp_path)
    carry_out(world)
    spoil(world.root)
    now = world.state()
    with pytest.raises(RefusedError, match=why):
        carry_out(world, "back")
    assert world.state() == now


def test_rolling_back_without_a_backup_is_proven_by_the_journal(tmp_path: Path) -> None:
    world = make_whole_world(tmp_path)
    for link in ("old.conf", "led.conf"):  # whose a link is stands in the backup alone
        os.lchown(world.root / "sites-enabled" / link, os.geteuid(), os.getegid())
    before = {name: one[1:] for name, one in world.state().items()}
    carry_out(world)
    shutil.rmtree(tmp_path / "state")
    carry_out(world, "back")
    assert {name: one[1:] for name, one in world.state().items()} == before


def test_somebody_elses_file_in_the_place_of_a_created_one_is_left_for_a_person(tmp_path: Path) -> None:
    acts = CountingActs()
    carry_out(make_whole_world(tmp_path / "counted"), "forward", acts)
    world = make_whole_world(tmp_path / "world")
    with pytest.raises(Killed):
        carry_out(world, "forward", KilledAt(acts.names.index("reload")))
    (world.root / "conf.d/new.conf").write_bytes(b"by hand\n")
    with pytest.raises(ApplyError, match="somebody else"):
        recover(world)
    assert (world.root / "conf.d/new.conf").read_bytes() == b"by hand\n"


def sealed(text: str) -> str:
    return seal_text(text.encode(), SEALER).decode("latin-1")


def test_a_secret_of_a_new_file_comes_from_the_live_file_that_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = msgspec.structs.replace(whole(f"# new\n{SECRET}"), content=f"# new\n{sealed(SECRET)}")
    step = file_step("new.conf", None, after)
    assert isinstance(step.change, FileChange)
    assert "s3cr3t" not in msgspec.json.encode(step).decode()
    world = make_world(tmp_path, (step,))
    (world.root / "own.conf").write_text(f"KeepAlive On\n{SECRET}")

    def holders(_: object, digests: frozenset[bytes]) -> Mapping[str, bytes]:
        return {"own.conf": f"KeepAlive On\n{sealed(SECRET)}".encode()}

    before = world.state()
    with pytest.raises(RefusedError, match="a secret that no live line holds"):
        carry_out(world)
    assert world.state() == before
    monkeypatch.setattr(trees.FakeSurvey, "holders", holders)
    carry_out(world)
    assert (world.root / "new.conf").read_text() == f"# new\n{SECRET}"
    assert b"s3cr3t" not in (tmp_path / "journal.jsonl").read_bytes()
    carry_out(world, "back")
    assert world.state() == before


def test_what_the_server_refuses_of_a_new_file_is_never_there(tmp_path: Path) -> None:
    world = make_world(tmp_path, (file_step("new.conf", None, whole("Nonsense\n")),))
    before = world.state()
    with pytest.raises(RefusedError if os.geteuid() == 0 else ApplyError, match="Invalid command"):
        carry_out(world)
    assert world.state() == before
    assert "reload" not in world.server.calls
    assert not (tmp_path / "state/plans" / PLAN / "stage").exists()


def test_where_no_mount_is_possible_a_copy_of_the_tree_shows_what_it_will_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's check sees every name and every byte of the tree as the plan leaves it."""
    world = make_whole_world(tmp_path)
    seen: dict[str, bytes] = {}
    original = trees.FakeServer.check

    async def check(self: trees.FakeServer, bound=(), extra=(), **how):  # type: ignore[no-untyped-def]
        if extra:
            copy = Path(extra[1])
            seen.update(
                {one.relative_to(copy).as_posix(): one.read_bytes() for one in copy.rglob("*") if one.is_file()}
            )
        return await original(self, bound, extra, **how)

    monkeypatch.setattr(trees.FakeServer, "check", check)
    world.server.private_mounts = False
    carry_out(world)
    assert seen == {
        one.relative_to(world.root).as_posix(): one.read_bytes() for one in world.root.rglob("*") if one.is_file()
    }
