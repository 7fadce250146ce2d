"""Logical lines by httpd's rules."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.surfaces.httpd.lines import read_lines, split_line, tag_arguments


def texts(content: bytes) -> list[tuple[str, int, int]]:
    return [(one.text, one.line, one.last_line) for one in read_lines(content)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n", [("", 1, 1)]),
        (b"Timeout 60", [("Timeout 60", 1, 1)]),
        (b"  Timeout\t60 \r\n", [("Timeout\t60", 1, 1)]),
        (b"A b\\\n c\nD e\n", [("A b c", 1, 2), ("D e", 3, 3)]),
        (b"A b\\\r\n c\r\nD\r\n", [("A b c", 1, 2), ("D", 3, 3)]),
        (b"A b \\ \nC\n", [("A b \\", 1, 1), ("C", 2, 2)]),
        (b"A b\\\\\nC\n", [("A b\\C", 1, 2)]),
        (b"# a comment \\\nTimeout 60\nKeepAlive On\n", [("# a comment Timeout 60", 1, 2), ("KeepAlive On", 3, 3)]),
        (b"Redirect /a http://x/#b # c\n", [("Redirect /a http://x/#b # c", 1, 1)]),
        (b"A \\", [("A \\", 1, 1)]),
        (b"A \\\n", [("A", 1, 2)]),
        (b"A b\0 hidden \\\nC\n", [("A b", 1, 1), ("C", 2, 2)]),
        (b"A\rB\n", [("A\rB", 1, 1)]),
        (b"caf\xe9 \xa0x\xa0\n", [("caf\xe9 \xa0x\xa0", 1, 1)]),
        (b"\\\n\\\nA\n", [("A", 1, 3)]),
    ],
)
def test_lines_end_and_continue_as_httpd_takes_them(content: bytes, expected: list[tuple[str, int, int]]) -> None:
    assert texts(content) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Timeout 60", ("Timeout", "60")),
        ("Timeout", ("Timeout", "")),
        ("<VirtualHost *:80>", ("<VirtualHost", "*:80>")),
        ("<VirtualHost>", ("<VirtualHost", ">")),
        ("<Location   /a  >  trailing", ("<Location", "/a  >  trailing")),
        ("</Location>", ("</Location>", "")),
        ('"Server Name" x', ("Server Name", "x")),
        ("ServerName\xa0x y", ("ServerName\xa0x", "y")),
        ("A\x1cB c", ("A\x1cB", "c")),
        ("# Timeout 60", ("", "")),
        ("", ("", "")),
    ],
)
def test_a_line_splits_into_name_and_arguments(text: str, expected: tuple[str, str]) -> None:
    assert split_line(text) == expected
    assert [(one.name, one.arguments) for one in read_lines(text.encode("latin-1"))] in ([expected], [])


def test_a_tag_runs_to_its_last_bracket() -> None:
    assert tag_arguments('"/a>b" >') == '"/a>b"'
    assert tag_arguments("/a") is None


@given(st.lists(st.sampled_from([b"a", b"#", b"\\", b"\n", b"\r\n", b" ", b"\0", b"<X>", b"\xe9"])).map(b"".join))
def test_spans_cover_every_byte_and_lines_never_overlap(content: bytes) -> None:
    lines = read_lines(content)
    assert b"".join(content[one.start : one.end] for one in lines) == content
    assert all(before.last_line + 1 == after.line for before, after in itertools.pairwise(lines))


def test_of_two_backslashes_the_first_continues_where_the_next_line_is_empty() -> None:
    assert [line.text for line in read_lines(b"A c:\\\\\n\nB x\nC\n")] == ["A c:B x", "C"]
    assert [line.text for line in read_lines(b"A c:\\\\\r\n\r\nB x\nC\n")] == ["A c:B x", "C"]
    assert [line.text for line in read_lines(b"A c:\\\\\n x\nC\n")] == ["A c:\\ x", "C"]
