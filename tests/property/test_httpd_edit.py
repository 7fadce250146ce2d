"""Edits: taken back they give the same bytes, and they change one directive and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import RefusedError
from auditor.surfaces.httpd.edit import edit_directive, find_span
from auditor.surfaces.httpd.lines import read_lines
from auditor.surfaces.httpd.tree import ConfigTree
from tests import servers

CORPUS = Path(__file__).parents[1] / "corpus"
ODD = sorted(path for path in (CORPUS / "httpd/odd").rglob("*.conf") if path.is_file())
SECRETS = sorted((CORPUS / "secrets/httpd/tree").rglob("*.conf"))
# Sections that a macro opens, or that the end of the file leaves open, have no tree.
FILES = [path for path in (*ODD, *SECRETS) if path.parent.name not in ("macros", "conditions")]

VALUES = [
    b"Timeout 7", b'SetEnv x "quoted # value"', b"ServerName caf\xe9.example", b"Header set X \x83\x5cx",
    b"LogLevel warn \\\n   proxy:debug", b"# only a comment", b"ProxyPass /a http://b/ timeout=5",
]  # fmt: skip
INDENTS = [b"", b"    ", b"\t"]


def line_end(content: bytes) -> bytes:
    return b"\r\n" if b"\r\n" in content else b"\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_tree_gives_every_file_back(path: Path) -> None:
    content = path.read_bytes()
    assert ConfigTree(content).dump() == content


def test_the_tree_gives_debians_files_back() -> None:
    tree = servers.debian_tree()
    if tree is None:
        servers.missing("Debian's httpd tree")
    files = [path for ending in ("conf", "load") for path in sorted(tree.rglob(f"*.{ending}")) if path.is_file()]
    assert len(files) > 100
    for path in files:
        assert ConfigTree(path.read_bytes()).dump() == path.read_bytes(), path


@given(st.data())
def test_an_edit_taken_back_gives_the_same_bytes(data: st.DataObject) -> None:
    content = data.draw(st.sampled_from(FILES)).read_bytes()
    if not content.endswith(b"\n"):
        content += line_end(content)
    lines = [one for one in read_lines(content) if one.name and not one.name.startswith("<")]
    one = data.draw(st.sampled_from(lines))
    old = content[one.start : one.end]
    end = line_end(content)
    new = data.draw(st.sampled_from(INDENTS)) + data.draw(st.sampled_from(VALUES)).replace(b"\n", end) + end
    edited = edit_directive(content, one.line, one.last_line, new)
    assert edited[: one.start] == content[: one.start]
    assert edited[one.start + len(new) :] == content[one.end :]
    before = [line.text for line in read_lines(content)]
    after = [line.text for line in read_lines(edited)]
    assert len(before) == len(after)
    assert sum(left != right for left, right in zip(before, after, strict=True)) <= 1
    assert edit_directive(edited, one.line, one.line + new.count(b"\n") - 1, old) == content


@given(st.data())
def test_a_removal_and_its_insertion_cancel(data: st.DataObject) -> None:
    content = data.draw(st.sampled_from(FILES)).read_bytes()
    if not content.endswith(b"\n"):
        content += line_end(content)
    one = data.draw(st.sampled_from([one for one in read_lines(content) if one.name and one.name[0] != "<"]))
    old = content[one.start : one.end]
    removed = edit_directive(content, one.line, one.last_line, b"")
    assert removed == content[: one.start] + content[one.end :]
    assert edit_directive(removed, one.line, one.line - 1, old) == content


@given(st.data())
def test_whatever_is_asked_is_done_exactly_or_refused(data: st.DataObject) -> None:
    pieces = [b"A 1\n", b"<L /x>\n", b"</L>\n", b"# c\n", b"\n", b"B \\\n 2\n", b"  C 3\r\n", b"D 4"]
    content = b"".join(data.draw(st.lists(st.sampled_from(pieces), max_size=8)))
    new = b"".join(data.draw(st.lists(st.sampled_from([*pieces, b"E 5 \\\n", b"<L>", b"\\"]), max_size=3)))
    line = data.draw(st.integers(0, 10))
    last = data.draw(st.integers(line - 1, 11))
    try:
        start, end = find_span(content, line, last)
        edited = edit_directive(content, line, last, new)
    except RefusedError:
        return
    assert edited == content[:start] + new + content[end:]
