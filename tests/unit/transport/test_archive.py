"""Archives: read where they lie, whatever is in them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.errors import CollectError
from auditor.transport import archive as archive_module
from auditor.transport.archive import ArchiveReader

Member = tuple[str, dict[str, object], bytes]


def file(name: str, content: bytes = b"x", **more: object) -> Member:
    return name, {"size": len(content), **more}, content


def other(name: str, kind: bytes, **more: object) -> Member:
    return name, {"type": kind, **more}, b""


def tar(*members: Member) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as made:
        for name, fields, content in members:
            info = tarfile.TarInfo(name)
            for key, value in fields.items():
                setattr(info, key, value)
            made.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[bytes], ArchiveReader]:
    def open_(content: bytes) -> ArchiveReader:
        path = tmp_path / "x.tar"
        path.write_bytes(content)
        return ArchiveReader(str(path))

    return open_


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_every_packing_reads_alike(opened: Callable[[bytes], ArchiveReader], pack: Callable[[bytes], bytes]) -> None:
    reader = opened(pack(tar(file("./etc/httpd/a.conf", b"Timeout 1\n", mode=0o640, uname="root", gname="web"))))
    entry = reader.entry("/etc/httpd/a.conf")
    assert entry is not None
    assert (entry.type, entry.mode, entry.owner, entry.group, entry.size) == ("file", 0o640, "root", "web", 10)
    assert reader.read("/etc/httpd/a.conf", 100) == b"Timeout 1\n"
    assert [one.path for one in reader.list("/etc/httpd")] == ["/etc/httpd/a.conf"]


def test_links_are_followed_inside_the_archive_only(opened: Callable[[bytes], ArchiveReader]) -> None:
    reader = opened(
        tar(
            file("etc/apache2/mods-available/x.load", b"X"),
            other("etc/apache2/mods-enabled", tarfile.DIRTYPE),
            other("etc/apache2/mods-enabled/x.load", tarfile.SYMTYPE, linkname="../mods-available/x.load"),
            other("etc/apache2/abs", tarfile.SYMTYPE, linkname="/etc/apache2/mods-available/x.load"),
            other("etc/apache2/out", tarfile.SYMTYPE, linkname="../../../../../../etc/passwd"),
            other("etc/apache2/host", tarfile.SYMTYPE, linkname="/etc/hostname"),
            other("etc/apache2/loop", tarfile.SYMTYPE, linkname="pool"),
            other("etc/apache2/pool", tarfile.SYMTYPE, linkname="loop"),
            other("etc/apache2/dir", tarfile.SYMTYPE, linkname="mods-available"),
        )
    )
    for name in ("mods-enabled/x.load", "abs", "dir/x.load"):
        assert reader.read(f"/etc/apache2/{name}", 10) == b"X"
    for name in ("out", "host", "loop"):
        assert reader.resolve(f"/etc/apache2/{name}") is None
        with pytest.raises(CollectError, match="does not exist"):
            reader.read(f"/etc/apache2/{name}", 10)


def test_hostile_members_stay_out_and_are_named(opened: Callable[[bytes], ArchiveReader]) -> None:
    reader = opened(
        tar(
            file("../escape"),
            file("a/../../escape"),
            file("/absolute", b"inside"),
            file("plain"),
            file("plain/below-a-file"),
            other("device", tarfile.CHRTYPE),
            other("fifo", tarfile.FIFOTYPE),
            other("hard", tarfile.LNKTYPE, linkname="../../etc/shadow"),
            other("twin", tarfile.LNKTYPE, linkname="plain"),
        )
    )
    assert [name for name, _ in reader.skipped] == ["../escape", "a/../../escape", "plain/below-a-file", "hard"]
    assert reader.files() == ("/", "/absolute", "/device", "/fifo", "/plain", "/twin")
    assert reader.read("/absolute", 10) == b"inside"
    assert reader.read("/twin", 10) == b"x"
    for name in ("/device", "/fifo"):
        with pytest.raises(CollectError, match="no regular file"):
            reader.read(name, 10)


def test_a_large_member_is_refused_before_it_is_unpacked(opened: Callable[[bytes], ArchiveReader]) -> None:
    reader = opened(tar(file("big", b"\0" * 5000)))
    with pytest.raises(CollectError) as caught:
        reader.read("/big", 4999)
    assert caught.value.cause == "too large"


def test_a_bomb_is_given_up(opened: Callable[[bytes], ArchiveReader], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "MAX_UNPACKED", 1_000_000)
    with pytest.raises(CollectError) as caught:
        opened(gzip.compress(tar(file("zeros", bytes(3_000_000)))))
    assert caught.value.cause == "too large"


def test_too_many_members_are_given_up(
    opened: Callable[[bytes], ArchiveReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_module, "MAX_MEMBERS", 5)
    with pytest.raises(CollectError) as caught:
        opened(tar(*(file(f"f{number}") for number in range(9))))
    assert caught.value.cause == "too large"


def test_a_header_of_any_size_is_not_read_into_memory(opened: Callable[[bytes], ArchiveReader]) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 8_000_000
    with pytest.raises(CollectError) as caught:
        opened(info.tobuf(tarfile.GNU_FORMAT) + bytes(8_000_000))
    assert caught.value.cause == "too large"


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9])
def test_an_archive_that_is_cut_off_is_an_error(opened: Callable[[bytes], ArchiveReader], keep: float) -> None:
    whole = gzip.compress(tar(*(file(f"f{number}", bytes([number]) * 3000) for number in range(50))), mtime=0)
    with pytest.raises(CollectError) as caught:
        opened(whole[: int(len(whole) * keep)])
    assert caught.value.cause in ("malformed", "not recognised")


@pytest.mark.parametrize("content", [b"", b"no archive at all\n" * 100, b"\x1f\x8bnot gzip", b"BZhx", b"\xfd7zXZ\x00x"])
def test_what_is_no_archive_is_said_to_be_none(opened: Callable[[bytes], ArchiveReader], content: bytes) -> None:
    with pytest.raises(CollectError, match="no tar archive") as caught:
        opened(content)
    assert caught.value.cause == "not recognised"


def test_an_archive_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CollectError) as caught:
        ArchiveReader(str(tmp_path / "none.tar"))
    assert caught.value.cause == "absent"


def test_the_last_of_two_members_with_one_name_counts(opened: Callable[[bytes], ArchiveReader]) -> None:
    reader = opened(tar(file("a", b"old"), file("a", b"new!")))
    assert reader.read("/a", 10) == b"new!"
