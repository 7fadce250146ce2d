from __future__ import annotations

import msgspec
import pytest

from auditor.model.plan import DirectiveEdit, Proposal, Wish
from auditor.model.resource import parse_address
from auditor.model.snapshot import Collected
from auditor.model.value import Duration, NoLimit, Text, Value, show
from auditor.surfaces.httpd.propose import propose
from auditor.surfaces.httpd.resources import interpret
from auditor.surfaces.interface import InterpretOptions
from tests.unit.surfaces.httpd.trees import MAIN, collected

TREE = """Listen 80
Timeout 60
LogFormat "%h \\"%r\\"" short
CustomLog logs/a short
<VirtualHost *:80>
\tServerName a.example
\tProxyPass /app http://b.example/ timeout=300
\tProxyPass /api http://b.example/api timeout=60
\tProxyPass /own http://c.example/ \\
\t\tretry=5
\t<Proxy balancer://p>
\t\tBalancerMember http://one timeout=3
\t\tBalancerMember "http://two" timeout=9
\t</Proxy>
\tProxyPass /pool balancer://p
\tProxyPass /unit http://d.example/ timeout=500ms\r
</VirtualHost>
"""


def wish(address: str, value: Value | None) -> Wish:
    return Wish(parse_address(address), value)


def proposed(*wishes: Wish, tree: str | dict[str, str] = TREE) -> tuple[Proposal, Collected]:
    seen = collected(tree)
    proposal = propose(wishes, seen, InterpretOptions())
    for step in proposal.steps:
        assert isinstance(step.change, DirectiveEdit)
        seen = applied(seen, step.change)
    return proposal, seen


def applied(seen: Collected, edit: DirectiveEdit) -> Collected:
    """The collection with an edit done, as who carries it out does it."""
    documents = []
    for document in seen.documents:
        if document.name == edit.file:
            lines = document.content.decode("latin-1").splitlines(keepends=True)
            assert "".join(lines[edit.line - 1 : edit.last_line]) == edit.before
            lines[edit.line - 1 : edit.last_line] = [edit.after]
            document = msgspec.structs.replace(document, content="".join(lines).encode("latin-1"))
        documents.append(document)
    return msgspec.structs.replace(seen, documents=tuple(documents))


def value_of(seen: Collected, address: str) -> str:
    found = parse_address(address)
    resource = interpret(seen, InterpretOptions()).find(found.kind, found.name)
    value = resource.value(found.attribute) if resource else None
    return show(value) if value else "none"


@pytest.mark.parametrize(
    ("address", "value", "line", "before", "after"),
    [
        ('httpd.route["a.example:80 /app"].read_timeout', Duration(30), 7, "timeout=300", "timeout=30"),
        ('httpd.route["a.example:80 /unit"].read_timeout', Duration(5), 16, "timeout=500ms", "timeout=5"),
        ('httpd.route["a.example:80 /own"].read_timeout', Duration(5), 9, "retry=5", "retry=5 timeout=5"),
        (
            'httpd.route["a.example:80 /own"].connect_timeout',
            Duration(0.5),
            9,
            "retry=5",
            "retry=5 connectiontimeout=500ms",
        ),
        ('httpd.server["main"].timeout', Duration(45), 2, "60", "45"),
        ('httpd.directive["main > Timeout"].arguments', Text("45"), 2, "60", "45"),
        (
            'httpd.worker["a.example:80 http://d.example/"].timeout_written',
            Text("7"),
            16,
            "timeout=500ms",
            "timeout=7",
        ),
        ('httpd.log["main logs/a"].format', Text('%h "%r" %D'), 3, '\\"%r\\""', '\\"%r\\" %D"'),
    ],
)
def test_one_line_changes_and_nothing_else(address: str, value: Value, line: int, before: str, after: str) -> None:
    proposal, seen = proposed(wish(address, value))
    (step,) = proposal.steps
    edit = step.change
    assert isinstance(edit, DirectiveEdit)
    assert (edit.file, edit.line, step.disruption) == (MAIN, line, "reload")
    assert edit.after == edit.before.replace(before, after)
    assert value_of(seen, address) == show(value)
    assert isinstance(step.undo, DirectiveEdit)
    assert applied(seen, step.undo) == collected(TREE)
    assert [effect.after for effect in proposal.effects if effect.asked] == [value]


def test_every_other_route_that_changes_is_listed() -> None:
    proposal, seen = proposed(wish('httpd.route["a.example:80 /api"].read_timeout', Duration(20)))
    others = {str(one.address): one.after for one in proposal.effects if not one.asked}
    assert others['httpd.route["a.example:80 /app"].read_timeout'] == Duration(20)
    assert proposal.notes == ("the read time-out of 1 other route changes too",)
    before, after = (interpret(one, InterpretOptions()) for one in (collected(TREE), seen))
    changed = {
        (new.kind, new.name, name)
        for old, new in zip(before.resources, after.resources, strict=True)
        for name in {item.name for item in (*old.attributes, *new.attributes)}
        if old.value(name) != new.value(name) and (new.kind, name) != ("httpd.file", "digest")
    }
    assert {(e.address.kind, e.address.name, e.address.attribute) for e in proposal.effects} == changed


def test_a_balancers_members_are_changed_each_on_its_line() -> None:
    proposal, seen = proposed(wish('httpd.route["a.example:80 /pool"].read_timeout', Duration(5)))
    assert [step.change.line for step in proposal.steps if isinstance(step.change, DirectiveEdit)] == [13, 12]
    assert value_of(seen, 'httpd.balancer["a.example:80 balancer://p"].member_read_timeouts') == "5 s, 5 s"


def test_a_virtual_host_without_its_own_gets_a_line_at_its_head() -> None:
    first = wish('httpd.vhost["a.example:80"].timeout', Duration(20))
    second = wish('httpd.route["a.example:80 /app"].read_timeout', Duration(30))
    proposal, seen = proposed(first, second)
    assert [step.change.line for step in proposal.steps if isinstance(step.change, DirectiveEdit)] == [6, 8]
    assert value_of(seen, 'httpd.vhost["a.example:80"].timeout') == "20 s"
    back = seen
    for step in reversed(proposal.steps):
        assert isinstance(step.undo, DirectiveEdit)
        back = applied(back, step.undo)
    assert back == collected(TREE)


def test_a_directive_is_removed() -> None:
    proposal, seen = proposed(wish('httpd.directive["a.example:80 > ProxyPass /own"].arguments', None))
    assert len(proposal.steps) == 1
    assert b"c.example" not in seen.documents[0].content
    assert any(one.address.name == "a.example:80 /own" and one.after is None for one in proposal.effects)


def test_the_setting_behind_a_generic_worker_is_changed_where_it_stands() -> None:
    tree = "Listen 80\nProxyTimeout 9\nRewriteEngine On\nRewriteRule ^/r/(.*) http://b/$1 [P]\n"
    proposal, seen = proposed(wish('httpd.route["main RewriteRule ^/r/(.*)"].read_timeout', Duration(4)), tree=tree)
    assert b"ProxyTimeout 4\n" in seen.documents[0].content
    assert len(proposal.steps) == 1


def test_a_link_is_followed_to_the_file_that_is_edited() -> None:
    from auditor.model.snapshot import Document

    seen = collected({MAIN: "Listen 80\nInclude sites-enabled/*.conf\n", "sites-available/a.conf": "Timeout 60\n"})
    link = Document("sites-enabled/a.conf", "files/sites-enabled/a.conf", b"", link="../sites-available/a.conf")
    seen = msgspec.structs.replace(seen, documents=(*seen.documents, link))
    proposal = propose((wish('httpd.server["main"].timeout', Duration(5)),), seen, InterpretOptions())
    assert [step.change.file for step in proposal.steps if isinstance(step.change, DirectiveEdit)] == [
        "sites-available/a.conf"
    ]


@pytest.mark.parametrize(
    ("address", "value", "says"),
    [
        ('httpd.route["a.example:80 /none"].read_timeout', Duration(5), "no such resource"),
        ('httpd.route["a.example:80 /app"].read_timeout', Duration(0.5), "whole seconds"),
        ('httpd.route["a.example:80 /app"].read_timeout', NoLimit(), "no limit"),
        ('httpd.route["a.example:80 /app"].worker', Text("x"), "cannot be asked for"),
        ('httpd.directive["main > Timeout"].arguments', Text("5\nUser root"), "one line"),
        ('httpd.directive["main > Timeout"].arguments', Text("5 \\"), "backslash"),
        ('httpd.log["main logs/error_log"].format', Text("x"), "no such access log"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_proposed(address: str, value: Value, says: str) -> None:
    proposal, _ = proposed(wish(address, value))
    assert proposal.steps == proposal.effects == ()
    assert says in proposal.refusals[0]


def test_what_is_so_already_needs_no_step() -> None:
    proposal, _ = proposed(wish('httpd.route["a.example:80 /app"].read_timeout', Duration(300)))
    assert proposal.steps == ()
    assert proposal.notes == ('already so: httpd.route["a.example:80 /app"].read_timeout is 300 s',)


def test_a_macro_is_not_edited() -> None:
    tree = "Listen 80\n<Macro M $h>\nProxyPass /$h http://$h/ timeout=9\n</Macro>\nUse M one\nUse M two\n"
    proposal, _ = proposed(wish('httpd.route["main /one"].read_timeout', Duration(5)), tree=tree)
    assert "macro" in proposal.refusals[0]


def test_letters_beyond_ascii_are_no_blanks() -> None:
    """In UTF-8 the letter of the path holds the byte A0, which str takes for a blank."""
    tree = TREE.replace("ProxyPass /app http://b.example/ timeout=300", "ProxyPass /ムtimeout=7 http://e.example/")
    address = 'httpd.route["a.example:80 /ムtimeout=7"].read_timeout'
    proposal, seen = proposed(wish(address, Duration(5)), tree={MAIN: tree})
    (step,) = proposal.steps
    assert isinstance(step.change, DirectiveEdit)
    before = "\tProxyPass /ムtimeout=7 http://e.example/".encode().decode("latin-1")
    assert step.change.after == f"{before} timeout=5\n"
    assert value_of(seen, address) == "5 s"
    resource = interpret(seen, InterpretOptions()).find("httpd.route", "a.example:80 /ムtimeout=7")
    assert resource is not None
