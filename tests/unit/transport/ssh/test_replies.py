"""A reply that is cut or damaged is never a shorter one."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import CollectError
from auditor.transport.ssh.replies import contents_of, listing_of, records_of
from auditor.transport.ssh.script import encoded, names

MARK = b"mark "
FILES = st.dictionaries(
    st.text(st.characters(codec="utf-8", exclude_characters="\0\n/"), min_size=1).map(lambda name: f"/t/{name}"),
    st.binary(max_size=200),
    min_size=1,
    max_size=5,
)


@given(st.binary(), st.lists(st.binary(min_size=1).filter(lambda path: b"\0" not in path)))
def test_foreign_bytes_come_back_from_the_shell_as_they_were(data: bytes, paths: list[bytes]) -> None:
    line = encoded(data)
    assert line.isascii()
    assert "\n" not in line
    assert " " not in line
    assert _printf(line) == data
    assert _printf(names(paths)) == b"".join(path + b"\0" for path in paths)


def _printf(line: str) -> bytes:
    """What ``printf %b`` makes of a line, by the standard: a backslash, a zero and three octal digits."""
    found = bytearray()
    at = 0
    while at < len(line):
        if line[at] == "\\":
            assert line[at + 1] == "0"
            found.append(int(line[at + 2 : at + 5], 8))
            at += 5
        else:
            found.append(ord(line[at]))
            at += 1
    return bytes(found)


def _reply(files: dict[str, bytes]) -> bytes:
    named = b"".join(MARK + f"f{path}\n".encode() for path in files)
    sizes = b"".join(b"%d\n" % len(content) for content in files.values())
    sums = b"".join(_sum_line(path, content) for path, content in files.items())
    content = b"".join(files.values())
    return named + MARK + b"z" + sizes + b"\n" + MARK + b"h" + sums + b"\n" + MARK + b"b" + content + b"\n"


def _sum_line(path: str, content: bytes) -> bytes:
    """As coreutils write it: a name with a backslash is told by one before the sum."""
    mark = "\\" if "\\" in path else ""
    escaped = path.replace("\\", "\\\\")
    return f"{mark}{hashlib.sha256(content).hexdigest()}  {escaped}\n".encode()


@given(FILES)
def test_files_come_apart_as_they_were_put_together(files: dict[str, bytes]) -> None:
    found = contents_of(records_of(_reply(files), MARK), single=False)
    assert found.read == files


@given(FILES, st.data())
def test_a_reply_cut_anywhere_gives_whole_files_or_none(files: dict[str, bytes], data: st.DataObject) -> None:
    reply = _reply(files)
    cut = reply[: data.draw(st.integers(0, len(reply) - 1))]
    try:
        found = contents_of(records_of(cut, MARK), single=False)
    except CollectError:
        return
    assert found.read.items() <= files.items()
    assert len(found.read) in (0, len(files))


@given(FILES, st.data())
def test_a_byte_that_changed_is_noticed(files: dict[str, bytes], data: st.DataObject) -> None:
    total = sum(map(len, files.values()))
    if not total:
        return
    reply = bytearray(_reply(files))
    at = len(reply) - 2 - data.draw(st.integers(0, total - 1))
    reply[at] ^= data.draw(st.integers(1, 255))
    found = contents_of(records_of(bytes(reply), MARK), single=False)
    assert found.read != files
    assert found.read.items() <= files.items()


@pytest.mark.parametrize(
    "reply",
    [
        b"mark e81a4/0/r/0/r/0/0///t/../x\n",
        b"mark e81a4/0/r/0/r/0/0//t/x\n",
        b"mark e81a4/0/r/0/r/0/0///t//x\n",
        b"mark e81a4/0/r/0/r/0/0///t/x\0\n",
        b"mark p/t\nmark r../x\n",
        b"mark p/t\nmark r/t\nmark d/t\nmark e81a4/0/r/0/r/0/0///etc/x\n",
        b"noise\nmark e",
        b"mark ?",
        b"mark e1/2\n",
        b"mark ezz/0/r/0/r/0/0///t\n",
        b"mark eff/0/r/0/r/x/0///t\n",
    ],
)
def test_what_the_script_does_not_write_is_an_error(reply: bytes) -> None:
    with pytest.raises(CollectError, match="not understood"):
        listing_of(records_of(reply, MARK))


def test_a_listing_without_its_end_is_unsure() -> None:
    start = b"mark p/t\nmark r/t\nmark d/t\n"
    entry = b"mark e81a4/0/root/0/root/1/1///t/a\n"
    assert listing_of(records_of(start + entry, MARK)).unsure == {"/t"}
    assert listing_of(records_of(start + b"mark =1\n" + entry, MARK)).unsure == {"/t"}
    assert listing_of(records_of(start + b"mark =0\n" + entry, MARK)).unsure == set()


@pytest.mark.parametrize(
    ("label", "told"),
    [
        (b"system_u:object_r:httpd_config_t:s0", "system_u:object_r:httpd_config_t:s0"),
        (b"?", ""),
        (b"C", ""),
        (b"", ""),
        (b"(null)", ""),
    ],
)
def test_a_label_is_one_only_where_it_looks_like_one(label: bytes, told: str) -> None:
    found = listing_of(records_of(b"mark e81a4/0/root/0/UNKNOWN/1/1/" + label + b"//t/a\n", MARK))
    assert (found.entries["/t/a"].selinux, found.entries["/t/a"].group) == (told, "0")
