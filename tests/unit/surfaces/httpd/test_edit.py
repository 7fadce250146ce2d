"""Edits that must be refused, and those of sections."""

from __future__ import annotations

import pytest

from auditor.errors import RefusedError
from auditor.surfaces.httpd.edit import edit_directive, find_span

FILE = b"""# head
Timeout 60
<VirtualHost *:80>
    ServerName a.example
    ProxyPass /a http://b/ \\
        timeout=5
</VirtualHost>
KeepAlive On
"""


@pytest.mark.parametrize(
    ("line", "last_line", "new"),
    [
        (0, 0, b"X 1\n"),
        (99, 99, b"X 1\n"),
        (3, 1, b"X 1\n"),
        (5, 5, b"ProxyPass / http://c/\n"),
        (6, 6, b"X 1\n"),
        (7, 7, b""),
        (3, 3, b""),
        (3, 3, b"<Location />\n"),
        (3, 4, b"ServerName b\n"),
        (2, 2, b"Timeout 5"),
        (2, 2, b"Timeout 5 \\\n"),
        (2, 2, b"<Location />\n"),
        (2, 2, b"</VirtualHost>\n"),
        (8, 8, b"<Directory /\n"),
    ],
)
def test_an_edit_that_cannot_be_proven_is_refused(line: int, last_line: int, new: bytes) -> None:
    with pytest.raises(RefusedError, match=r"conf\.d/x\.conf:"):
        edit_directive(FILE, line, last_line, new, "conf.d/x.conf")


@pytest.mark.parametrize(
    ("line", "last_line", "new"),
    [
        (3, 3, b"<VirtualHost 10.0.0.1:80 [::1]:80>\n"),
        (3, 7, b""),
        (3, 7, b"<Location />\n  Require all denied\n</Location>\n"),
        (5, 6, b"    ProxyPass /a http://b/ timeout=9\n    ProxyPass /c http://d/\n"),
        (9, 8, b"LogLevel debug\n"),
        (1, 0, b"# first\n\n"),
        (7, 6, b"    ErrorLog x\n"),
        (4, 3, b"    # inside\n"),
        (1, 8, b"Timeout 1\n"),
    ],
)
def test_an_edit_does_what_it_says_and_no_more(line: int, last_line: int, new: bytes) -> None:
    lines = FILE.splitlines(keepends=True)
    wanted = b"".join(lines[: line - 1]) + new + b"".join(lines[last_line:])
    assert edit_directive(FILE, line, last_line, new) == wanted


def test_an_empty_file_can_be_filled() -> None:
    assert edit_directive(b"", 1, 0, b"Timeout 60\n") == b"Timeout 60\n"


def test_deep_nesting_is_refused_not_crashed_on() -> None:
    deep = b"<A x>\n" * 3000 + b"B 1\n" + b"</A>\n" * 3000
    with pytest.raises(RefusedError):
        edit_directive(deep, 3001, 3001, b"B 2\n")


def test_a_span_holds_whole_continued_lines() -> None:
    start, end = find_span(FILE, 5, 6)
    assert FILE[start:end] == b"    ProxyPass /a http://b/ \\\n        timeout=5\n"
