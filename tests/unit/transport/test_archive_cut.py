"""An archive that was cut anywhere, or whose header was damaged, is never taken for a shorter one."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from auditor.errors import CollectError
from auditor.transport.archive import ArchiveReader


def plain_tar() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in ("conf/httpd.conf", "conf.d/a.conf", "conf.d/z.conf"):
            member = tarfile.TarInfo(name)
            member.size = 5
            archive.addfile(member, io.BytesIO(b"#1234"))
    return made.getvalue()


HEADERS = (1024, 2048)
"""Where the second and the third header begin; each member takes two blocks."""


@pytest.mark.parametrize("at", [*HEADERS, *(start + 100 for start in HEADERS), 3072])
def test_a_cut_is_an_error(tmp_path: Path, at: int) -> None:
    path = tmp_path / "tree.tar"
    path.write_bytes(plain_tar()[:at])
    with pytest.raises(CollectError, match="damaged or cut off"):
        ArchiveReader(str(path))


@pytest.mark.parametrize("at", HEADERS)
def test_a_damaged_header_is_an_error(tmp_path: Path, at: int) -> None:
    content = bytearray(plain_tar())
    content[at] ^= 1
    path = tmp_path / "tree.tar"
    path.write_bytes(content)
    with pytest.raises(CollectError, match="damaged or cut off"):
        ArchiveReader(str(path))


def test_a_whole_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tree.tar"
    path.write_bytes(plain_tar())
    reader = ArchiveReader(str(path))
    assert reader.entry("/conf.d/z.conf") is not None
