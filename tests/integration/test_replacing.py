"""Replacing files of a real disk: what is kept, what is refused before anything is touched, and what a backup shows."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.errors import RefusedError
from auditor.surfaces.httpd.carry_out.backup import own_directory
from auditor.surfaces.httpd.carry_out.files import LiveFile, become, probe, read_live
from auditor.transport.acts import Acts
from tests import servers
from tests.fakes.acts import FailingAt

pytestmark = pytest.mark.integration
PLAN = "0123456789abcdef" * 4
_TAGS = {"user": 0x01, "named": 0x02, "group": 0x04, "mask": 0x10, "other": 0x20}


def _acl(**entries: int) -> bytes:
    """An access list as the kernel keeps it: who may what; ``named`` is user 1234."""
    rows = ((_TAGS[who], bits, 1234 if who == "named" else 0xFFFFFFFF) for who, bits in entries.items())
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *row) for row in rows)


ACCESS = _acl(user=6, named=4, group=4, mask=6, other=0)
DEFAULT = _acl(user=7, named=7, group=5, mask=7, other=5)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "etc"
    root.mkdir()
    (root / "httpd.conf").write_bytes(b"Timeout 60\n")
    (root / "httpd.conf").chmod(0o640)
    return root


def _as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")


def _attributes(path: Path) -> dict[str, bytes]:
    return {name: os.getxattr(path, name) for name in os.listxattr(path)}


def _replaced(root: Path, content: bytes) -> LiveFile:
    live = read_live(root, "httpd.conf")
    probe(live, live, PLAN, Acts())
    assert sorted(os.listdir(root)) == ["httpd.conf"]
    become(live, replace(live, content=content), PLAN, Acts())
    assert sorted(os.listdir(root)) == ["httpd.conf"]
    return live


def test_owner_mode_access_list_attributes_and_label_are_kept(tree: Path) -> None:
    _as_root()
    path = tree / "httpd.conf"
    os.chown(path, 12, 34)
    path.chmod(0o2640)
    os.setxattr(path, "system.posix_acl_access", ACCESS)
    os.setxattr(path, "user.note", b"mine")
    os.setxattr(path, "security.selinux", b"system_u:object_r:httpd_config_t:s0\0")
    os.setxattr(path, "trusted.note", b"root's")
    before, attributes = path.stat(), _attributes(path)
    assert attributes.keys() == {"system.posix_acl_access", "user.note", "security.selinux", "trusted.note"}
    _replaced(tree, b"Timeout 30\n")
    after = path.stat()
    assert path.read_bytes() == b"Timeout 30\n"
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, 12, 34)
    assert after.st_ino != before.st_ino
    assert _attributes(path) == attributes


def test_the_access_list_that_a_directory_hands_down_does_not_leak(tree: Path) -> None:
    os.setxattr(tree, "system.posix_acl_default", DEFAULT)
    (tree / "other").write_bytes(b"")
    assert "system.posix_acl_access" in _attributes(tree / "other"), "the directory hands it down"
    (tree / "other").unlink()
    _replaced(tree, b"Timeout 30\n")
    assert _attributes(tree / "httpd.conf") == {}
    assert (tree / "httpd.conf").stat().st_mode & 0o777 == 0o640


def test_a_link_is_followed_to_what_it_leads_to(tree: Path) -> None:
    (tree / "enabled").mkdir()
    (tree / "enabled/a.conf").symlink_to("../httpd.conf")
    live = read_live(tree, "enabled/a.conf")
    become(live, replace(live, content=b"x\n"), PLAN, Acts())
    assert os.readlink(tree / "enabled/a.conf") == "../httpd.conf"
    assert (tree / "httpd.conf").read_bytes() == b"x\n"
    assert os.listdir(tree / "enabled") == ["a.conf"]


def test_a_second_name_is_refused(tree: Path) -> None:
    os.link(tree / "httpd.conf", tree / "second")
    with pytest.raises(RefusedError, match="2 hard links"):
        read_live(tree, "httpd.conf")


@contextmanager
def _flagged(path: Path, flag: str) -> Iterator[None]:
    if subprocess.run(["chattr", f"+{flag}", path], capture_output=True).returncode:
        servers.missing(f"the right to chattr +{flag}")
    try:
        yield
    finally:
        subprocess.run(["chattr", f"-{flag}", path], check=True)


@pytest.mark.parametrize("flag", ["i", "a"])
@pytest.mark.parametrize("what", ["httpd.conf", "."])
def test_what_is_immutable_is_found_beforehand_and_nothing_is_left(tree: Path, flag: str, what: str) -> None:
    _as_root()
    live = read_live(tree, "httpd.conf")
    with _flagged(tree / what, flag):
        with pytest.raises(RefusedError, match="is immutable"):
            probe(live, live, PLAN, Acts())
        assert os.listdir(tree) == ["httpd.conf"]


_PROBE = """
import sys
from pathlib import Path
from auditor.errors import RefusedError
from auditor.surfaces.httpd.carry_out.files import probe, read_live
from auditor.transport.acts import Acts
try:
    live = read_live(Path(sys.argv[1]), "a file.conf")
    probe(live, live, "0" * 64, Acts())
except RefusedError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("mount", "why"),
    [
        ('mount --bind "$1/other" "$1/a file.conf"', "is a mount of its own"),
        ('mount -t tmpfs none "$1/sub" && touch "$1/sub/x" && mount --bind "$1/sub/x" "$1/a file.conf"', "of its own"),
        ('mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"', "Read-only file system"),
        ("true", ""),
    ],
)
def test_mounts_are_found_beforehand(tree: Path, mount: str, why: str) -> None:
    servers.private_mounts()
    for name in ("a file.conf", "other"):
        (tree / name).write_text("x\n")
    (tree / "sub").mkdir()
    script = f'{mount} && exec "$2" -c "$3" "$1"'
    command = ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", tree, sys.executable, _PROBE]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert why in done.stdout
    assert bool(why) == bool(done.stdout)
    assert sorted(os.listdir(tree)) == ["a file.conf", "httpd.conf", "other", "sub"]


@pytest.mark.parametrize("act", ["chown", "xattr", "chmod", "create"])
def test_what_cannot_be_given_to_the_new_file_is_found_beforehand(tree: Path, act: str) -> None:
    os.setxattr(tree / "httpd.conf", "user.note", b"mine")
    live = read_live(tree, "httpd.conf")
    fault = FailingAt(0, 1, only=frozenset({act}))
    with pytest.raises(RefusedError, match="it cannot be replaced: Operation not permitted"):
        probe(live, live, PLAN, fault)
    assert fault.struck
    assert os.listdir(tree) == ["httpd.conf"]


def test_sums_of_a_files_bytes_are_not_carried_over_to_others(tree: Path) -> None:
    _as_root()
    path = tree / "httpd.conf"
    try:
        os.setxattr(path, "security.ima", b"\x01" + b"x" * 20)
    except OSError:
        servers.missing("the right to set security.ima")
    live = _replaced(tree, b"Timeout 30\n")
    assert live.xattrs == ()
    assert _attributes(path) == {}


@pytest.mark.parametrize(("mode", "refused"), [(0o777, True), (0o1777, False), (0o755, False)])
def test_backups_are_not_kept_where_others_could_put_another_folder(tmp_path: Path, mode: int, refused: bool) -> None:
    above = tmp_path / "above"
    (above / "mine").mkdir(parents=True)
    above.chmod(mode)
    with pytest.raises(RefusedError, match="is open to them") if refused else nullcontext():
        own_directory(above / "mine/state", Acts())


def test_backups_are_not_kept_below_somebody_elses_folder(tmp_path: Path) -> None:
    _as_root()
    above = tmp_path / "above"
    above.mkdir()
    os.chown(above, 1234, 1234)
    with pytest.raises(RefusedError, match="is open to them"):
        own_directory(above / "state", Acts())
    (tmp_path / "link").symlink_to("above")
    with pytest.raises(RefusedError, match="is open to them"):
        own_directory(tmp_path / "link/state", Acts())
