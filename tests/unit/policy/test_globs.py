from __future__ import annotations

import pytest

from auditor.policy.globs import exact, glob_matches, is_pattern, literal


@pytest.mark.parametrize(
    ("glob", "text", "fits"),
    [
        ("web*", "web12", True),
        ("web?", "web1", False),
        ('httpd.route["shop*"]', 'httpd.route["shop.example:443 /api"]', True),
        ("[ab]", "a", False),
        ("a.c", "abc", False),
        (r"\*:80", "*:80", True),
        (r"\*:80", "shop:80", False),
        ("*:80", "*:80", True),
        ("*", "two\nlines", True),
        ("", "", True),
        ("", "x", False),
    ],
)
def test_only_a_star_is_special(glob: str, text: str, fits: bool) -> None:
    assert glob_matches(glob, text) is fits


@pytest.mark.parametrize("text", ["*:80", r"^/img/(.*)$", r"^/a\*b$", "plain", ""])
def test_any_name_can_be_written_exactly(text: str) -> None:
    assert glob_matches(exact(text), text)
    assert not is_pattern(exact(text))
    assert literal(exact(text)) == text
    assert not glob_matches(exact(text), text + "x")
