from __future__ import annotations

import json

import msgspec
import pytest

from auditor.errors import RefusedError
from auditor.model.plan import DirectiveEdit, Proposal, Wish
from auditor.model.resource import parse_address
from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected
from auditor.model.value import Boolean, Duration, NoLimit, Text, Value, show
from auditor.surfaces.httpd.propose import propose
from auditor.surfaces.httpd.resources import interpret
from auditor.surfaces.interface import InterpretOptions, WholeFiles
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


SAME = TREE.replace("http://b.example/api timeout=60", "http://b.example/ timeout=60")
AGAIN = 'httpd.route["a.example:80 /api"].read_timeout'
APP = 'httpd.route["a.example:80 /app"].read_timeout'


def test_where_two_routes_have_one_url_the_other_is_listed_and_why_they_cannot_be_separated() -> None:
    proposal, seen = proposed(wish(AGAIN, Duration(20)), tree=SAME)
    others = {str(one.address): one.after for one in proposal.effects if not one.asked}
    assert others[APP] == Duration(20)
    assert proposal.notes == (
        f"a.example:80 /api cannot be separated from a.example:80 /app: {MAIN}:8 has the same URL as {MAIN}:7",
        "the read time-out of 1 other route changes too",
    )
    before, after = (interpret(one, InterpretOptions()) for one in (collected(SAME), seen))
    changed = {
        (new.kind, new.name, name)
        for old, new in zip(before.resources, after.resources, strict=True)
        for name in {item.name for item in (*old.attributes, *new.attributes)}
        if old.value(name) != new.value(name) and (new.kind, name) != ("httpd.file", "digest")
    }
    assert {(e.address.kind, e.address.name, e.address.attribute) for e in proposal.effects} == changed


@pytest.mark.parametrize(("asked", "other", "kept"), [(AGAIN, APP, "300 s"), (APP, AGAIN, "300 s")])
def test_a_route_that_shares_its_worker_gets_one_of_its_own_and_no_other_changes(
    asked: str, other: str, kept: str
) -> None:
    proposal, seen = proposed(wish(asked, Duration(20)))
    assert (value_of(seen, asked), value_of(seen, other)) == ("20 s", kept)
    assert "gets a proxy worker of its own" in proposal.notes[0]
    assert not [one for one in proposal.effects if not one.asked and one.address.attribute == "read_timeout"]
    lines = seen.documents[0].content.decode("latin-1").splitlines()
    (longer,) = (number for number, line in enumerate(lines) if "/api " in line)
    assert longer < next(number for number, line in enumerate(lines) if "/app " in line)
    back = seen
    for step in reversed(proposal.steps):
        assert isinstance(step.undo, DirectiveEdit)
        back = applied(back, step.undo)
    assert back == collected(TREE)


def test_the_same_for_all_that_share_a_worker_is_one_change_of_it() -> None:
    proposal, seen = proposed(wish(AGAIN, Duration(20)), wish(APP, Duration(20)))
    assert len(proposal.steps) == 1
    assert (value_of(seen, AGAIN), value_of(seen, APP)) == ("20 s", "20 s")


def test_other_parameters_of_the_shared_worker_come_along() -> None:
    tree = TREE.replace("timeout=300", "timeout=300 connectiontimeout=3 max=9")
    _, seen = proposed(wish(AGAIN, Duration(20)), tree=tree)
    assert value_of(seen, AGAIN.replace("read", "connect")) == "3 s"
    assert b"/api http://b.example/api timeout=20 connectiontimeout=3 max=9" in seen.documents[0].content


def test_what_was_ignored_on_a_line_that_moves_does_not_begin_to_count() -> None:
    tree = TREE.replace("timeout=300", "").replace("timeout=60", "timeout=10 max=3")
    _, seen = proposed(wish(APP, Duration(20)), tree=tree)
    assert (value_of(seen, APP), value_of(seen, AGAIN)) == ("20 s", "60 s")
    assert b"/api http://b.example/api\n" in seen.documents[0].content


def test_a_route_that_borrows_a_worker_by_its_url_alone_cannot_be_moved() -> None:
    tree = TREE.replace(
        "\tProxyPass /own", "\tRewriteEngine on\n\tRewriteRule ^/x http://b.example/x [P]\n\tProxyPass /own"
    )
    proposal, _ = proposed(wish(APP, Duration(20)), tree=tree)
    assert any(f"{MAIN}:10 names no worker" in note for note in proposal.notes), proposal.notes


SECTION = "\t<Proxy http://b.example/>\n\tProxySet max=3\n\t</Proxy>\n"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("\tServerName a.example\n", f"\tServerName a.example\n{SECTION}", "makes the worker that they share"),
        ("\tProxyPass /own", f"{SECTION}\tProxyPass /own", "section sets parameters"),
        ("\tProxyPass /api http://b.example/api timeout=60\n",
         "\t<Location /api>\n\tProxyPass http://b.example/api timeout=60\n\t</Location>\n", "no plain ProxyPass line"),
    ],
)  # fmt: skip
def test_what_cannot_be_separated_is_changed_together_and_said(old: str, new: str, why: str) -> None:
    proposal, seen = proposed(wish(AGAIN, Duration(20)), tree=TREE.replace(old, new))
    assert any("cannot be separated from a.example:80 /app" in note and why in note for note in proposal.notes), (
        proposal.notes
    )
    assert value_of(seen, APP) == "20 s"


def test_a_balancers_members_are_changed_each_on_its_line() -> None:
    proposal, seen = proposed(wish('httpd.route["a.example:80 /pool"].read_timeout', Duration(5)))
    assert [step.change.line for step in proposal.steps if isinstance(step.change, DirectiveEdit)] == [13, 12]
    assert value_of(seen, 'httpd.balancer["a.example:80 balancer://p"].member_read_timeouts') == "5 s, 5 s"


def test_a_virtual_host_without_its_own_gets_a_line_at_its_head() -> None:
    first = wish('httpd.vhost["a.example:80"].timeout', Duration(20))
    second = wish('httpd.route["a.example:80 /own"].read_timeout', Duration(30))
    proposal, seen = proposed(first, second)
    assert [step.change.line for step in proposal.steps if isinstance(step.change, DirectiveEdit)] == [6, 10]
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


MACROS = """Listen 80
<Macro Back $h $t>
ProxyPass /$h http://$h/ timeout=9
ProxyPass /own/$h http://own.$h/ timeout=$t
ProxyPass /made/$h http://made.$h/ timeout=1$t
</Macro>
<Macro Outer $x>
Use Back in.$x 4
</Macro>
Use Back one 3
Use Back two "5"
Use Outer deep
"""


def test_a_line_of_a_macro_is_changed_for_every_use_and_the_effects_say_so() -> None:
    proposal, seen = proposed(wish('httpd.route["main /one"].read_timeout', Duration(6)), tree=MACROS)
    (step,) = proposal.steps
    assert isinstance(step.change, DirectiveEdit)
    assert (step.change.line, step.change.after) == (3, "ProxyPass /$h http://$h/ timeout=6\n")
    assert f"{MAIN}:3 stands in the macro back, which is used 3 times: every use changes" in proposal.notes
    changed = {one.address.name: one.asked for one in proposal.effects if one.address.attribute == "read_timeout"}
    assert changed == {"main /one": True, "main /two": False, "main /in.deep": False}
    assert value_of(seen, 'httpd.route["main /in.deep"].read_timeout') == "6 s"


@pytest.mark.parametrize(
    ("route", "line", "before", "after"),
    [
        ("/own/one", 10, "Use Back one 3\n", "Use Back one 8\n"),
        ("/own/two", 11, 'Use Back two "5"\n', 'Use Back two "8"\n'),
        ("/own/in.deep", 8, "Use Back in.$x 4\n", "Use Back in.$x 8\n"),
    ],
)
def test_a_value_that_is_a_macros_parameter_is_changed_where_the_macro_is_used(
    route: str, line: int, before: str, after: str
) -> None:
    proposal, seen = proposed(wish(f'httpd.route["main {route}"].read_timeout', Duration(8)), tree=MACROS)
    (step,) = proposal.steps
    assert isinstance(step.change, DirectiveEdit)
    assert (step.change.line, step.change.before, step.change.after) == (line, before, after)
    assert value_of(seen, f'httpd.route["main {route}"].read_timeout') == "8 s"


def test_a_value_that_a_macros_parameter_is_only_a_part_of_is_left_to_people() -> None:
    proposal, _ = proposed(wish('httpd.route["main /made/one"].read_timeout', Duration(8)), tree=MACROS)
    assert proposal.steps == ()
    assert "1$t in the macro back (conf/httpd.conf:5) is a parameter and more" in proposal.refusals[0]
    assert "conf/httpd.conf:10" in proposal.refusals[0]


def test_a_line_of_a_macro_is_removed_commented_out_and_joined_by_another() -> None:
    address = 'httpd.directive["main > ProxyPass /one"]'
    for wished in (wish(f"{address}.arguments", None), wish(f"{address}.present", Boolean(False))):
        proposal, seen = proposed(wished, tree=MACROS)
        assert "3 times" in proposal.notes[0]
        routes = [one.name for one in interpret(seen, InterpretOptions()).of_kind("httpd.route")]
        assert not {"main /one", "main /two", "main /in.deep"} & set(routes)
        assert "main /own/two" in routes


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


PLACES = """Listen 80
Timeout 60
<VirtualHost *:80>
\tServerName a.example
\t<Location /status>
\t\tSetHandler server-status
\t</Location>
\t<IfModule mod_none.c>
\t\tKeepAlive Off
\t</IfModule>
</VirtualHost>
<VirtualHost *:80>\r
    ServerName b.example\r
    <Location "/empty">\r
    </Location>\r
</VirtualHost>\r
# last"""


@pytest.mark.parametrize(
    ("name", "arguments", "line", "after"),
    [
        ("main > KeepAlive", "On", 17, "# last\r\nKeepAlive On"),
        ("a.example:80 > ProxyTimeout", "20", 11, "\tProxyTimeout 20\n"),
        ("a.example:80 > <Location /status> > SetEnv x", 'x "a # b"', 7, '\t\tSetEnv x "a # b"\n'),
        (
            "b.example:80 > ProxyPass /new",
            "/new http://new/ timeout=5",
            16,
            "    ProxyPass /new http://new/ timeout=5\r\n",
        ),
        ('b.example:80 > <Location "/empty"> > SetEnv y', "y 1", 15, "        SetEnv y 1\r\n"),
    ],
)
def test_a_directive_that_is_not_there_is_inserted_at_the_end_of_its_section(
    name: str, arguments: str, line: int, after: str
) -> None:
    address = f"httpd.directive[{json.dumps(name)}].arguments"
    proposal, seen = proposed(wish(address, Text(arguments)), tree=PLACES)
    (step,) = proposal.steps
    assert isinstance(step.change, DirectiveEdit)
    assert (step.change.line, step.change.after) == (line, after)
    assert value_of(seen, address) == arguments
    assert applied(seen, step.undo) == collected(PLACES)  # type: ignore[arg-type]
    asked = [one for one in proposal.effects if one.asked]
    assert [(one.before, one.after) for one in asked] == [(None, Text(arguments))]


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("c.example:80 > KeepAlive", "On", "no such server or section"),
        ("a.example:80 > <Location /none> > SetEnv x", "x 1", "no section of that name"),
        ("a.example:80 > ProxyPass /a", "/b http://b/", "give it another name"),
        ("main > KeepAlive", "On \\", "backslash"),
        ("main > SetEnv x", "x ソ", ""),
    ],
)
def test_a_directive_without_a_place_is_refused(name: str, arguments: str, says: str) -> None:
    address = f"httpd.directive[{json.dumps(name)}].arguments"
    proposal, _ = proposed(wish(address, Text(arguments)), tree=PLACES)
    if says:
        assert proposal.steps == ()
        assert says in proposal.refusals[0]
    else:
        assert proposal.refusals == ()


@pytest.mark.parametrize(
    ("name", "line", "after"),
    [
        ("main > Timeout", 2, "#Timeout 60\n"),
        (
            "a.example:80 > <Location /status>",
            5,
            "\t#<Location /status>\n\t\t#SetHandler server-status\n\t#</Location>\n",
        ),
    ],
)
def test_a_directive_is_commented_out_and_stays_in_the_file(name: str, line: int, after: str) -> None:
    address = f"httpd.directive[{json.dumps(name)}].present"
    proposal, seen = proposed(wish(address, Boolean(False)), tree=PLACES)
    (step,) = proposal.steps
    assert isinstance(step.change, DirectiveEdit)
    assert (step.change.line, step.change.after) == (line, after)
    assert step.why.endswith("commented out")
    assert value_of(seen, address) == "none"
    again, _ = proposed(wish(address, Boolean(False)), tree=seen.documents[0].content.decode())
    assert again.steps == again.refusals == ()
    assert again.notes == (f"already so: {address} is no",)


def test_only_the_words_that_differ_are_written_anew() -> None:
    tree = 'Listen 80\nDefine OWN c.example\nProxyPass /a "http://${OWN}/" \\\r\n\tretry=5 \\\r\n\ttimeout=60\n'
    address = 'httpd.directive["main > ProxyPass /a"].arguments'
    proposal, _ = proposed(wish(address, Text('/a "http://c.example/" retry=7 timeout=60')), tree=tree)
    (step,) = proposal.steps
    assert isinstance(step.change, DirectiveEdit)
    assert step.change.after == step.change.before.replace("retry=5", "retry=7")


def test_letters_are_not_written_into_a_file_of_unknown_encoding() -> None:
    seen = collected(TREE)
    (document,) = seen.documents
    content = document.content.replace(b"Timeout 60", b"# \x95\x5c\x8e\xa6\nTimeout 60")
    seen = msgspec.structs.replace(seen, documents=(msgspec.structs.replace(document, content=content),))
    asked = wish('httpd.log["main logs/a"].format', Text('%h "%r" 表'))
    assert "is not in UTF-8" in propose((asked,), seen, InterpretOptions()).refusals[0]
    plain = wish('httpd.log["main logs/a"].format', Text('%h "%r" %D'))
    (step,) = propose((plain,), seen, InterpretOptions()).steps
    assert isinstance(step.change, DirectiveEdit)
    assert step.change.line == 4


def test_two_links_to_one_file_are_one_edit_and_both_are_named() -> None:
    from auditor.model.snapshot import Document

    files = {MAIN: "Listen 80\nInclude sites-enabled/*.conf\n", "sites-available/a.conf": "# a\nTimeout 60\n"}
    seen = collected(files)
    links = [
        Document("sites-enabled/a.conf", "files/sites-enabled/a.conf", b"", link="../sites-available/a.conf"),
        Document("sites-enabled/b.conf", "files/sites-enabled/b.conf", b"", link="a.conf"),
    ]
    seen = msgspec.structs.replace(seen, documents=(*seen.documents, *links))
    for wished in (
        wish('httpd.server["main"].timeout', Duration(5)),
        wish('httpd.server["main"].timeout', None),
        wish('httpd.directive["main > Timeout"].present', Boolean(False)),
    ):
        proposal = propose((wished,), seen, InterpretOptions())
        (step,) = proposal.steps
        assert isinstance(step.change, DirectiveEdit)
        assert isinstance(step.undo, DirectiveEdit)
        assert (step.change.file, step.change.line) == ("sites-available/a.conf", 2)
        assert step.change.links == step.undo.links == ("sites-enabled/a.conf", "sites-enabled/b.conf")
        assert proposal.notes[:2] == tuple(
            f"sites-enabled/{name}.conf is a symbolic link to sites-available/a.conf, which is what is changed"
            for name in "ab"
        )


def test_a_file_outside_of_the_tree_is_changed_only_through_a_link_of_the_tree() -> None:
    from auditor.model.snapshot import Document

    outside = Document("/srv/shared/a.conf", "outside/srv/shared/a.conf", b"Timeout 60\n")
    link = Document("sites-enabled/a.conf", "files/sites-enabled/a.conf", b"", link="/srv/shared/a.conf")
    wished = wish('httpd.server["main"].timeout', Duration(5))
    seen = collected({MAIN: "Listen 80\nInclude sites-enabled/*.conf\n"})
    linked = msgspec.structs.replace(seen, documents=(outside, *seen.documents, link))
    (step,) = propose((wished,), linked, InterpretOptions()).steps
    assert isinstance(step.change, DirectiveEdit)
    assert (step.change.file, step.change.links) == ("/srv/shared/a.conf", ("sites-enabled/a.conf",))
    seen = collected({MAIN: "Listen 80\nInclude /srv/shared/a.conf\n"})
    plain = msgspec.structs.replace(seen, documents=(outside, *seen.documents))
    assert "/srv/shared/a.conf:1 lies outside of the tree" in propose((wished,), plain, InterpretOptions()).refusals[0]


def test_a_word_of_another_encoding_keeps_its_bytes_where_it_is_asked_for_as_people_read_it() -> None:
    seen = collected(TREE)
    (document,) = seen.documents
    content = document.content.replace(b"Timeout 60", b'SetEnv \x95\x5c "\x8e\xa6\x83\x5c\x5c" \xe9')
    seen = msgspec.structs.replace(seen, documents=(msgspec.structs.replace(document, content=content),))
    meaning = interpret(seen, InterpretOptions())
    (name,) = [one.name for one in meaning.of_kind("httpd.directive") if one.name.startswith("main > SetEnv")]
    resource = meaning.find("httpd.directive", name)
    assert resource is not None
    now = resource.value("arguments")
    assert now is not None
    for wanted, after in (
        (show(now).replace("\\xe9", "x"), b'SetEnv \x95\x5c "\x8e\xa6\x83\x5c\x5c" x\n'),
        (show(now).replace("\\xe9", "x y"), b'SetEnv \x95\x5c "\x8e\xa6\x83\x5c\x5c" x y\n'),
    ):
        asked = wish(f"httpd.directive[{json.dumps(name)}].arguments", Text(wanted))
        (step,) = propose((asked,), seen, InterpretOptions()).steps
        assert isinstance(step.change, DirectiveEdit)
        assert step.change.after.encode("latin-1") == after


def test_a_rewrite_rule_is_not_taken_away_from_its_conditions() -> None:
    tree = (
        "Listen 80\nRewriteEngine On\nRewriteCond %{HTTPS} off\nKeepAlive On\nRewriteRule ^/a /b\nRewriteRule ^/c /d\n"
    )
    rule, other, condition = (
        f"httpd.directive[{json.dumps(f'main > {name}')}].arguments"
        for name in ("RewriteRule ^/a", "RewriteRule ^/c", "RewriteCond %{HTTPS} off")
    )
    proposal, _ = proposed(wish(rule, None), tree=tree)
    assert proposal.steps == ()
    assert "RewriteCond at conf/httpd.conf:3 belongs to it" in proposal.refusals[0]
    assert len(proposed(wish(other, None), tree=tree)[0].steps) == 1
    proposal, seen = proposed(wish(condition, None), wish(rule, None), tree=tree)
    assert seen.documents[0].content == b"Listen 80\nRewriteEngine On\nKeepAlive On\nRewriteRule ^/c /d\n"


@pytest.mark.parametrize(
    ("name", "arguments", "secret"),
    [
        ("SetEnv DB_PASSWORD", "DB_PASSWORD hunter22", True),
        ("AuthLDAPBindPassword", "hunter22", True),
        ("RequestHeader set Authorization", 'set Authorization "Bearer hunter22hunter22"', True),
        ("ProxyPass /a", "/a ajp://127.0.0.1:8009/ secret=hunter22", True),
        ("SetEnv DB_PASSWORD", "DB_PASSWORD ${FROM_ELSEWHERE}", False),
        ("AuthLDAPBindPassword", "exec:/usr/local/bin/secret", False),
        ("SetEnv DB_HOST", "DB_HOST hunter22", False),
    ],
)
def test_a_secret_that_is_asked_for_in_clear_comes_into_no_plan(name: str, arguments: str, secret: bool) -> None:
    """The plan's steps, its effects and what it says that it was asked for would all hold it, for all to read."""
    seen = collected({MAIN: "Listen 80\n"})
    asked = Wish(parse_address(f'web1/httpd:httpd.directive["main > {name}"].arguments'), Text(arguments))
    options = WholeFiles(sealer=Sealer(b"a key of the tests, 32 bytes long"))
    if not secret:
        assert propose((asked,), seen, options).steps
        return
    with pytest.raises(RefusedError, match="stands in no plan") as caught:
        propose((asked,), seen, options)
    assert "hunter22" not in str(caught.value)
