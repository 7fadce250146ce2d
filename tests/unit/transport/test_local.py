"""The disk: what it holds, what it refuses, what must not block."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from auditor.errors import CollectError
from auditor.transport.local import LocalReader

READER = LocalReader()


def test_entries_are_what_they_are_and_in_byte_order(tmp_path: Path) -> None:
    for name in ("b", "A", "é", "_"):
        (tmp_path / name).write_text(name)
    (tmp_path / "d").mkdir()
    (tmp_path / "l").symlink_to("b")
    os.mkfifo(tmp_path / "p")
    found = READER.list(str(tmp_path))
    assert [(Path(one.path).name, one.type) for one in found] == [
        ("A", "file"),
        ("_", "file"),
        ("b", "file"),
        ("d", "directory"),
        ("l", "link"),
        ("p", "other"),
        ("é", "file"),
    ]
    assert found[4].link == "b"


def test_modes_and_owners_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("1")
    path.chmod(0o4640)
    entry = READER.entry(str(path))
    assert entry is not None
    assert entry.mode == 0o4640
    assert entry.owner
    assert entry.group


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        for name, causes in (("fifo", {"unsupported"}), ("s", {"malformed"}), (".", {"unsupported"})):
            with pytest.raises(CollectError) as caught:
                READER.read(str(tmp_path / name), 10)
            assert caught.value.cause in causes


def test_a_file_larger_than_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    assert READER.read(str(tmp_path / "x"), 5) == b"12345"
    with pytest.raises(CollectError) as caught:
        READER.read(str(tmp_path / "x"), 4)
    assert caught.value.cause == "too large"


def test_a_file_that_says_nothing_of_its_size_is_read_to_its_end() -> None:
    assert READER.read("/proc/self/cmdline", 1 << 20) == Path("/proc/self/cmdline").read_bytes() != b""


@pytest.mark.parametrize("name", ["none", "file/below", "nul\0name", "n" * 300])
def test_what_is_not_there_is_absent_or_an_error_never_a_crash(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    path = str(tmp_path / name)
    with pytest.raises(CollectError):
        READER.read(path, 10)
    assert READER.resolve(path) is None


def test_links_that_dangle_or_loop_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "good").symlink_to(".")
    assert READER.resolve(str(tmp_path / "loop")) is None
    assert READER.resolve(str(tmp_path / "dangling")) is None
    assert READER.resolve(str(tmp_path / "good")) == str(tmp_path.resolve())
