"""Edits: taken back they give the same bytes, and they change one directive and nothing else."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from auditor.errors import RefusedError
from auditor.surfaces.httpd.edit import edit_directive, find_span
from auditor.surfaces.httpd.lines import read_lines
from auditor.surfaces.httpd.tree import ConfigTree
from tests import servers

CORPUS = Path(__file__).parents[1] / "corpus"
ODD = sorted(path for path in (CORPUS / "httpd/odd").rglob("*.conf") if path.is_file())
SECRETS = sorted((CORPUS / "secrets/httpd/tree").rglob("*.conf"))
FILES = [*ODD, *SECRETS]

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


PIECES = [
    b"A 1\n", b"<L /x>\n", b"</L>\n", b"# c\n", b"\n", b"B \\\n 2\n", b"  C 3\r\n", b"# \x95\x5c\n", b"\xe9 \xa0\n",
    b"<M y>\nI 1\n</M>\n",
]  # fmt: skip
NEW = [b"A 2\n", b"# c\n", b"", b"B \\\n 3\n", b"  C 4\r\n", b"<N z>\nI 2\n</N>\n", b"J 1\nK 2\n"]
WRONG = [b"E 5 \\\n", b"<L /y>\n", b"</L>\n", b"\\", b"# \x83\x5c\n", b"F"]


def asked(chance: random.Random) -> tuple[bytes, int, int, bytes]:
    """A file, the lines of one to three of its directives or a place between two, and mostly plain new text."""
    content = b"".join(chance.choices(PIECES, k=chance.randrange(1, 9))) + chance.choice((b"D 4\n", b"D 4", b""))
    lines = read_lines(content)
    at = chance.randrange(len(lines))
    until = min(at + chance.choice((0, 0, 0, 0, 1, 2)), len(lines) - 1)
    new = chance.choice(NEW) if chance.randrange(10) else chance.choice(WRONG)
    if chance.randrange(4) == 0:
        return content, lines[at].line, lines[at].line - 1, new
    return content, lines[at].line, lines[until].last_line, new


def done(content: bytes, line: int, last: int, new: bytes) -> str:
    """How it went, after a look at the result: exactly what was asked for, and every line outside read as before."""
    refusal: RefusedError | None = None
    try:
        start, end = find_span(content, line, last, "x.conf")
        edited = edit_directive(content, line, last, new, "x.conf")
    except RefusedError as error:
        refusal = error
    if refusal is not None:
        assert refusal.where == f"x.conf:{line}"
        return refusal.what
    assert edited == content[:start] + new + content[end:]
    outside = [one.text for one in read_lines(content) if one.end <= start or one.start >= end]
    assert [one.text for one in read_lines(edited) if one.end <= start or one.start >= start + len(new)] == outside
    return "done"


@given(st.randoms(use_true_random=False))
def test_whatever_is_asked_is_done_exactly_or_refused(chance: random.Random) -> None:
    event(done(*asked(chance)))


def test_most_of_what_can_be_asked_is_done() -> None:
    """The property above proves nothing about what is refused: this counts what is not."""
    chance = random.Random(7)
    found = Counter(done(*asked(chance)) for _ in range(600))
    assert found["done"] > 360, found
    assert sum("section" in reason for reason in found) >= 2, found
    assert any("runs into the lines around it" in reason for reason in found), found
