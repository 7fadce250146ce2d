"""Expressions are tried where that takes a bounded time; the others are left open."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.surfaces.httpd.patterns import has_wildcard, pattern
from auditor.surfaces.httpd.regex_cost import Cost
from auditor.surfaces.httpd.regexes import compiled

USUAL = [
    r"^/(.*)$", r"^/([^/]+)/([^/]+)/(.*)$", r"\.(php|phtml)$", r"^/(?:api|app)/v\d+/", r"^(.+\.php)(/.*)?$", r"^/?$",
    r"^/([a-z0-9_-]+)\.html$", r"(?i)^/a", r"^(www\.)?example\.com$", r"\s+$", r"^/(a|b)*", r"^/m/(.*)", r"/x{2,5}y",
    r"^/(.*)\.(jpe?g|png|gif|css|js|ico|svg|woff2?)$", r"^/(?!static/)(.*)$", r"^(?:.*/)?\.(?:git|svn)", r"^/é/(.*)$",
]  # fmt: skip
ENDLESS = [
    r"(a+)+$", r"((a+)b?)+$", r"(a|a)*$", r"(a|aa)+$", r"^(.*a){25}$", r"(.*)*x", r"^(([a-z])+.)+$", r"(x+x+)+y",
    "a?" * 25 + "a" * 25, "(.*)" * 9 + "x", r"([a-zA-Z]+)*$", r"(\w+\s?)*$", "(" * 60 + "a" + ")" * 60, r"^(\d+|\w+)*$",
]  # fmt: skip


@pytest.mark.parametrize("expression", USUAL)
def test_usual_expressions_are_tried_on_usual_paths(expression: str) -> None:
    found = compiled(expression, "x" * 150)
    assert found is not None
    for text in ("/", "/a/b/c.php", "/x.html", "www.example.com", "x" * 150):
        assert bool(found.search(text)) == bool(re.search(expression, text))


@pytest.mark.parametrize("expression", ENDLESS)
def test_expressions_that_might_never_end_are_not_tried(expression: str) -> None:
    assert compiled(expression, "a" * 60) is None


@pytest.mark.parametrize(
    "expression", ["(", "[a", "a{2", "a**", "a{,3}b", "(?P<n>a)", "(?x) a", "a\\", "(?", "a|*", "{", "[z-a]", "(?-i)a"]
)
def test_what_is_not_plain_is_not_tried(expression: str) -> None:
    assert compiled(expression, "a" * 30) is None


PARTS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", "/", "^", "$", "ab", "(a|b)", "(?:a|ab)", "(?=a)"])
REPEATS = st.sampled_from(["", "", "*", "+", "?", "{0,3}", "{2,9}", "*?", "{3}", "{2,}"])
EXPRESSIONS = st.recursive(
    st.lists(st.tuples(PARTS, REPEATS).map("".join), min_size=1, max_size=5).map("".join),
    lambda inner: st.builds(lambda one, two, repeat: f"({one}|{two}){repeat}{one}", inner, inner, REPEATS),
    max_leaves=3,
)


@given(EXPRESSIONS, st.integers(1, 200))
@settings(max_examples=300)
def test_what_is_tried_ends(expression: str, length: int) -> None:
    """Nothing is asserted about time: an expression that did not end would hang here."""
    for text in ("a" * length + "!", "ab" * (length // 2) + "!", "a/b/" * (length // 4)):
        found = compiled(expression, text)
        if found is not None:
            assert bool(found.search(text)) == bool(re.compile(expression, re.ASCII).search(text))


def test_a_longer_text_is_never_cheaper() -> None:
    for expression in USUAL:
        cost = Cost.of(expression)
        assert cost is not None
        allowed = [cost.allows(length) for length in range(0, 5_000, 50)]
        assert allowed == sorted(allowed, reverse=True)


GLOBS = st.text(st.sampled_from("ab*?.[]!-\\"), max_size=12)
NAMES = st.text(st.sampled_from("ab.-]"), max_size=12)


def _fits(glob: str, name: str) -> bool:
    """The same by trying everything."""
    if not glob:
        return not name
    if glob[0] == "*":
        return any(_fits(glob[1:], name[at:]) for at in range(len(name) + 1))
    return bool(name) and (glob[0] == "?" or glob[0] == name[0]) and _fits(glob[1:], name[1:])


@given(st.text(st.sampled_from("ab*?"), min_size=1, max_size=9), st.text(st.sampled_from("ab"), max_size=9))
def test_a_pattern_with_stars_fits_what_trying_everything_fits(glob: str, name: str) -> None:
    assert bool(pattern(glob).fullmatch(name)) == _fits(glob, name)


@given(GLOBS, NAMES)
def test_any_pattern_is_one(glob: str, name: str) -> None:
    if has_wildcard(glob):
        pattern(glob).fullmatch(name)


def test_many_stars_take_no_more_time_than_the_text_is_long() -> None:
    glob = "*a" * 200 + "b"
    assert pattern(glob).fullmatch("a" * 4_000) is None
    assert pattern("*a" * 200).fullmatch("a" * 4_000)
