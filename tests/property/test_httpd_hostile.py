"""Bytes of any kind are read, understood or named: nothing raises, and every bound holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.model.snapshot import Collected, Document, Fact
from auditor.surfaces.httpd import includes
from auditor.surfaces.httpd.explain import explain
from auditor.surfaces.httpd.lines import read_lines
from auditor.surfaces.httpd.resolving import resolve_collected
from auditor.surfaces.httpd.resources import interpret
from auditor.surfaces.interface import InterpretOptions
from tests.fakes import hostile_trees

ODD = sorted((Path(__file__).parent.parent / "corpus/httpd/odd").rglob("*.conf"))
NAMES = ["conf/httpd.conf", "conf.d/a.conf", "conf.d/b.conf", "conf.d/a\nb.conf"]
LINES = st.sampled_from(
    [
        b"Include conf.d/*.conf", b"IncludeOptional conf.d/a.conf", b"Include conf/httpd.conf", b"Include conf.d",
        b"Define A ${A}${B}", b"Define B ${A}", b"UnDefine A", b"<Macro m $a>", b"</Macro>", b"Use m ${A}", b"Use m x",
        b"<IfDefine A>", b"</IfDefine>", b"<IfModule !x.c>", b"</IfModule>", b"<VirtualHost *:80>", b"</VirtualHost>",
        b"<If \"true\">", b"</If>", b"ServerRoot ${A}", b"ProxyPass /${A} http://b/", b"Timeout ${B}", b"<IfFile ${A}>",
        b"</IfFile>", b"LoadModule ${A}_module x", b"<Location /${A}>", b"</Location>", b"<IfVersion ~ (a*)*>",
        b"</IfVersion>", b"RewriteEngine On", b"RewriteRule ^(.*)*$ http://x/$1 [P]", b"ServerName ${A}", b"${A} ${B}",
    ]
)  # fmt: skip
ENDS = st.sampled_from([b"\n", b"\r\n", b"\\\n", b"\\\r\n", b" \\ \n", b"\0\n", b"", b"\r", b"\n\n"])
CONTENTS = st.lists(st.tuples(LINES | st.binary(max_size=12), ENDS).map(b"".join), max_size=12).map(b"".join)
TREES = st.dictionaries(st.sampled_from(NAMES[1:]), CONTENTS, max_size=3)


def collected(files: dict[str, bytes]) -> Collected:
    facts = (Fact("main_file", NAMES[0]), Fact("root", "/etc/httpd"), Fact("version", "2.4.62"))
    documents = tuple(Document(name, f"files/{name}", content) for name, content in sorted(files.items()))
    return Collected("web1/httpd", "httpd", documents, tuple(sorted(facts, key=lambda fact: fact.name)))


def understand(files: dict[str, bytes]) -> None:
    seen = collected(files)
    for gap in interpret(seen, InterpretOptions()).gaps:
        assert len(gap.what) + len(gap.detail) < 10_000
    explain(resolve_collected(seen, InterpretOptions()), "http://a/a", "2.4.62")


@given(CONTENTS, TREES)
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_understood_or_named(main: bytes, others: dict[str, bytes]) -> None:
    understand({NAMES[0]: main, **others})


@given(st.sampled_from(ODD), st.lists(st.tuples(st.integers(0, 4_000), st.binary(max_size=4)), max_size=8))
@settings(max_examples=100, deadline=None)
def test_a_damaged_file_is_understood_or_named(path: Path, damage: list[tuple[int, bytes]]) -> None:
    content = path.read_bytes()
    for place, put in damage:
        content = content[:place] + put + content[place + len(put) // 2 :]
    understand({NAMES[0]: content})


@given(st.binary(max_size=300))
def test_lines_cover_every_byte_of_any_file(content: bytes) -> None:
    lines = read_lines(content)
    assert b"".join(content[line.start : line.end] for line in lines) == content
    assert [line.start for line in lines[1:]] == [line.end for line in lines[:-1]]


@pytest.mark.parametrize(
    ("bound", "value", "files"),
    [
        ("MAX_DIRECTIVES", 500, hostile_trees.doubling(20, "Timeout 5\n")),
        ("MAX_PASSED", 5_000, hostile_trees.doubling(20, "#\n" * 100)),
        ("MAX_TEXT", 50_000, hostile_trees.doubling(20, f"#{'x' * 1_000}\n")),
        ("MAX_PASSED", 5_000, hostile_trees.macros(20, "<IfDefine A>\n</IfDefine>\n" * 50)),
        ("MAX_REPLACED", 50_000, hostile_trees.main(f"Define A {'x' * 1_000}\n" + "PassEnv ${A}\n" * 100)),
    ],
)
def test_every_bound_stops_the_reading_and_is_said(
    monkeypatch: pytest.MonkeyPatch, bound: str, value: int, files: hostile_trees.Files
) -> None:
    monkeypatch.setattr(includes, bound, value)
    named = {str(name): body if isinstance(body, bytes) else body.encode() for name, body in files.items()}
    resolved = resolve_collected(collected(named), InterpretOptions())
    assert [(gap.what, gap.cause) for gap in resolved.gaps] == [("whole configuration", "too large")]
    assert f"{value:,}" in resolved.gaps[0].detail
    assert len(resolved.directives) < 5_000
