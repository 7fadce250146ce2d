"""Whatever a configuration holds, it is understood or named: nothing raises, and moving lines moves no name."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.model.plan import DirectiveEdit, Wish
from auditor.model.resource import Address
from auditor.model.value import Duration
from auditor.surfaces.httpd.propose import propose
from auditor.surfaces.interface import InterpretOptions
from tests.unit.surfaces.httpd.trees import ask, collected, meaning

NAMES = ["ProxyPass", "ProxyPassMatch", "ProxySet", "BalancerMember", "ProxyTimeout", "Timeout", "RewriteRule"]
NAMES += ["RewriteEngine", "RewriteCond", "SetHandler", "ServerName", "ServerAlias", "Listen", "LogFormat", "CustomLog"]
NAMES += ["ErrorLogFormat", "KeepAliveTimeout", "RequestReadTimeout", "LogLevel", "ProxyPassInherit", "LoadModule"]
WORDS = [
    "/",
    "/a",
    "/a/b",
    "^/(.*)$",
    "~",
    "!",
    "http://h/",
    "http://h:81/a",
    "http://h:81$1",
    "balancer://p",
    "ws://h/",
]
WORDS += [
    "unix:/s|fcgi://h",
    "timeout=5",
    "timeout=",
    "retry=0",
    "ping=x",
    "[P]",
    "[P,L]",
    "On",
    "Off",
    "0",
    "-1",
    "abc",
]
WORDS += ["5s", "%h", '"%h %D"', "name", "proxy:fcgi://h:9", "(", "$1", "=", "\\", '"', "é"]
LIKELY = [
    "ProxyPass /a http://h/ timeout=5",
    "ProxyPass /ab http://h/b timeout=500ms",
    "ProxyPass / balancer://p timeout=3",
]
LIKELY += ["ProxyPassMatch ^/(.*)$ http://h:81/$1 timeout=4", "BalancerMember http://m/ retry=5", "ProxyTimeout 9"]
LIKELY += ["BalancerMember balancer://p http://n/ timeout=6", "ProxySet timeout=8", "ServerName a.example", "Timeout 0"]
LIKELY += [
    "RewriteEngine On",
    "RewriteRule ^/(x) http://h/$1 [P]",
    'SetHandler "proxy:unix:/s|fcgi://h"',
    "ProxyPass http://l/",
]
SECTIONS = [
    "VirtualHost *:80",
    "VirtualHost",
    'Proxy "balancer://p"',
    "Proxy http://h/ timeout=3",
    "Location /a",
    "Proxy",
]
SECTIONS += ['FilesMatch "\\.php$"', "IfModule mod_none.c", "Location", "LocationMatch ^/(a|b)*", 'If "true"']

DIRECTIVES = st.sampled_from(LIKELY) | st.builds(
    lambda name, words: " ".join([name, *words]), st.sampled_from(NAMES), st.lists(st.sampled_from(WORDS), max_size=5)
)
BLOCKS = st.recursive(
    DIRECTIVES,
    lambda inner: st.builds(
        lambda head, lines: "\n".join([f"<{head}>", *lines, f"</{head.split(' ')[0]}>"]),
        st.sampled_from(SECTIONS),
        st.lists(inner, max_size=4),
    ),
    max_leaves=14,
)
TREES = st.lists(BLOCKS, max_size=8).map(lambda blocks: "\n".join([*blocks, ""]))


@given(TREES, st.sampled_from(["", "2.4.6", "2.4.46", "2.4.62"]))
@settings(max_examples=150)
def test_any_configuration_has_a_meaning(text: str, version: str) -> None:
    seen = meaning(text, version=version)
    keys = [(one.kind, one.name) for one in seen.resources]
    assert keys == sorted(set(keys))
    for path in ("/", "/a/b", "/x.php"):
        answer = ask(text, f"http://h{path}", version=version)
        assert answer.proxied or answer.why_not


@given(TREES)
def test_moving_every_line_moves_no_name_and_changes_no_value(text: str) -> None:
    before, after = meaning(text), meaning("# a comment\n\n" + text)
    for old, new in zip(before.resources, after.resources, strict=True):
        assert (old.kind, old.name) == (new.kind, new.name)
        if old.kind != "httpd.file":
            assert [(one.name, one.value) for one in old.attributes] == [
                (one.name, one.value) for one in new.attributes
            ]


@given(TREES, st.data())
def test_a_proposal_for_any_route_fulfils_the_wish_or_says_why_not(text: str, data: st.DataObject) -> None:
    routes = meaning(text).of_kind("httpd.route")
    if not routes:
        return
    name = data.draw(st.sampled_from(routes)).name
    address = Address("", "httpd.route", name, "read_timeout")
    proposal = propose((Wish(address, Duration(17)),), collected(text), InterpretOptions())
    if not proposal.steps:
        assert proposal.refusals or proposal.notes
        return
    assert any(effect.asked and effect.after == Duration(17) for effect in proposal.effects)
    for step in proposal.steps:
        assert isinstance(step.change, DirectiveEdit)
        assert isinstance(step.undo, DirectiveEdit)
        assert (step.undo.after, step.undo.before) == (step.change.before, step.change.after)
