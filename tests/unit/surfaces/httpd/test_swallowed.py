"""Lines that a backslash nobody meant takes away: which count, and where they are said to stand."""

from __future__ import annotations

import msgspec
import pytest

from auditor.model.resource import Resource
from auditor.model.snapshot import Document
from auditor.model.source import FileSource
from auditor.surfaces.httpd.resources import interpret
from auditor.surfaces.httpd.swallowed import Swallowed, swallowed_lines
from auditor.surfaces.interface import InterpretOptions
from tests.unit.surfaces.httpd.trees import MAIN, collected, of, one


def shift_jis(text: str) -> bytes:
    return text.encode("cp932")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"# C:\\\nTimeout 5\n", [(2, "Timeout 5", 1, True, "")]),
        (b"  # x \\\r\n\t<Location /a>\r\n", [(2, "<Location /a>", 1, True, "")]),
        (b"# x \\\n# y \\\n</Location>\n", [(3, "</Location>", 2, True, "")]),
        ("# 表\\\nTimeout 5\n".encode(), [(2, "Timeout 5", 1, True, "")]),
        ("# 表\\\nTimeout 5\n".encode("euc_jp"), [(2, "Timeout 5", 1, True, "")]),
        ("# も\\\nTimeout 5\n".encode("euc_jp"), [(2, "Timeout 5", 1, True, "")]),
        ("# caf\xe9 \\\nTimeout 5 \xe9 \n".encode("latin-1"), [(2, "Timeout 5 \\xe9", 1, True, "")]),
        (shift_jis("# 設定 表\nTimeout 5\n"), [(2, "Timeout 5", 1, True, "表")]),
        (shift_jis("# 設定 ソ\r\nMyModule 能力\r\n"), [(2, "MyModule 能力", 1, True, "ソ")]),
        (shift_jis("SetEnv a 表\nSetEnv b ソ\nTimeout 5\n"), [
            (2, "SetEnv b ソ", 1, False, "表"), (3, "Timeout 5", 2, False, "ソ"),
        ]),
        (shift_jis("SetEnv a 表\n\nTimeout 5\n"), [(2, "", 1, False, "表")]),
        (shift_jis("SetEnv a 表\n"), [(2, "", 1, False, "表")]),
    ],
)  # fmt: skip
def test_what_is_taken_away_is_found(content: bytes, expected: list[tuple[int, str, int, bool, str]]) -> None:
    assert list(swallowed_lines(content)) == [Swallowed(*each) for each in expected]


@pytest.mark.parametrize(
    "content",
    [
        b"# x \\\n\nTimeout 5\n",
        b"# x \\\n# Timeout 5\nTimeout 6\n",
        b"#ProxyPass /a http://b/ \\\n    timeout=5 \\\n    retry=1\nTimeout 6\n",
        b"# a long text \\\n  that goes on\n",
        b"# blank behind \\ \nTimeout 5\n",
        b"SetEnv a b \\\n c\n",
        b"# x\\",
        b"# x \\\n",
        b"# nul \0 \\\nTimeout 5\n",
        shift_jis("# 設定 表\n\nTimeout 5\n"),
        shift_jis("# 設定 表\n# Timeout 5\n"),
        shift_jis("# 設定 表\n続きの文\n"),
        shift_jis("# 設定 表。\nTimeout 5\n"),
        shift_jis("SetEnv a \\\n 予定\n"),
        shift_jis("SetEnv 予定 \\\n b\n"),
        "SetEnv も \\\n b\n".encode("euc_jp"),
    ],
)
def test_what_is_meant_or_takes_nothing_away_is_not(content: bytes) -> None:
    assert swallowed_lines(content) == ()


def files_of(content: bytes, *links: str) -> list[Resource]:
    seen = collected({MAIN: "Listen 80\nIncludeOptional on/*.conf\n", "off/a.conf": "", "off/unread.conf": ""})
    documents = [
        msgspec.structs.replace(each, content=content) if each.name.startswith("off/") else each
        for each in seen.documents
    ]
    documents += [Document(name, f"files/{name}", b"", link="../off/a.conf") for name in links]
    meaning = interpret(msgspec.structs.replace(seen, documents=tuple(documents)), InterpretOptions())
    return [one(meaning, "httpd.file", name) for name in (*links, "off/unread.conf")]


def test_the_attributes_name_file_and_line_as_httpd_reads_them() -> None:
    content = shift_jis("# 表\nTimeout 5\n# x \\\nKeepAlive On\nSetEnv a ソ\n\n")
    link, unread = files_of(content, "on/a.conf")
    assert of(link, "read", "swallowed_by_letters", "swallowed_by_comments", "cut_by_letters") == (
        True, ["on/a.conf:2 Timeout 5 (← 表)"], ["on/a.conf:4 KeepAlive On"], ["on/a.conf:5 (… ソ)"],
    )  # fmt: skip
    sources = [link.get(name).source for name in ("swallowed_by_letters", "cut_by_letters")]  # type: ignore[union-attr]
    assert sources == [FileSource("on/a.conf", 2, 2), FileSource("on/a.conf", 5, 5)]
    assert unread.get("swallowed_by_letters") is None


def test_a_file_of_nothing_but_what_is_swallowed_counts_as_read() -> None:
    link, _ = files_of(b"# x \\\nTimeout 5\n", "on/a.conf")
    assert of(link, "read", "swallowed_by_comments") == (True, ["on/a.conf:2 Timeout 5"])
