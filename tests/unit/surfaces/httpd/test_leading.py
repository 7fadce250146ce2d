"""Sites and modules enabled and disabled by address, as Debian's tools do it."""

from __future__ import annotations

import msgspec
import pytest

from auditor.model.plan import DirectiveEdit, FileChange, LinkChange, LinkIs, NothingAt, Proposal, Wish
from auditor.model.resource import Address
from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected, Document
from auditor.model.value import Boolean, Duration, Text, Value
from auditor.surfaces.httpd.propose import propose
from auditor.surfaces.interface import InterpretOptions, WholeFiles
from tests.unit.surfaces.httpd.trees import collected

MAIN = "conf/httpd.conf"
FILES = {
    MAIN: "Listen 80\nTimeout 60\nIncludeOptional mods-enabled/*.load\nIncludeOptional sites-enabled/*.conf\n",
    "mods-available/proxy.load": "# Conflicts: mpm_event\n",
    "mods-available/proxy.conf": "ProxyTimeout 7\n",
    "mods-available/proxy_http.load": "# Depends: proxy\n",
    "sites-available/shop.conf": "Timeout 5\n",
    "sites-available/blog.conf": "Timeout 6\n",
    "mods-enabled/README": "",
    "sites-enabled/README": "",
}


def tree(*links: tuple[str, str]) -> Collected:
    made = collected(FILES)
    found = (Document(name, f"files/{name}", b"", link=text) for name, text in links)
    documents = sorted((*made.documents, *found), key=lambda one: one.name)
    return msgspec.structs.replace(made, documents=tuple(documents))


def asked(seen: Collected, *wishes: tuple[str, str, Value | None]) -> Proposal:
    made = tuple(Wish(Address("web1/httpd", "httpd.file", name, what), value) for name, what, value in wishes)
    return propose(made, seen, InterpretOptions())


def links(made: Proposal) -> dict[str, tuple[str | None, str | None]]:
    changes = [step.change for step in made.steps]
    return {one.link: (one.before, one.after) for one in changes if isinstance(one, LinkChange)}


YES, NO = Boolean(True), Boolean(False)
SHOP = "sites-enabled/shop.conf", "../sites-available/shop.conf"
PROXY = "mods-enabled/proxy.load", "../mods-available/proxy.load"
SETTINGS = "mods-enabled/proxy.conf", "../mods-available/proxy.conf"
HTTP = "mods-enabled/proxy_http.load", "../mods-available/proxy_http.load"


def test_a_site_is_enabled_and_disabled_with_its_effects() -> None:
    made = asked(tree(), (SHOP[0], "present", YES))
    assert links(made) == {SHOP[0]: (None, SHOP[1])}
    (step,) = made.steps
    assert (step.preconditions, step.postconditions) == ((NothingAt(SHOP[0]),), (LinkIs(*SHOP),))
    effects = {(one.address.name, one.address.attribute): (one.after, one.asked) for one in made.effects}
    assert effects["main", "timeout"] == (Duration(5.0), False)
    assert effects[SHOP[0], "link"] == (Text(SHOP[1]), True)
    back = asked(tree(SHOP), (SHOP[0], "present", NO))
    assert back.steps[0].change == step.undo
    for value in (None, NO):
        assert links(asked(tree(SHOP), (SHOP[0], "link", value))) == {SHOP[0]: (SHOP[1], None)}


def test_a_link_is_led_elsewhere() -> None:
    made = asked(tree(SHOP), (SHOP[0], "link", Text("../sites-available/blog.conf")))
    assert links(made) == {SHOP[0]: (SHOP[1], "../sites-available/blog.conf")}


def test_a_module_comes_with_its_settings_and_what_it_depends_on() -> None:
    made = asked(tree(), (HTTP[0], "present", YES))
    assert links(made) == {one[0]: (None, one[1]) for one in (HTTP, PROXY, SETTINGS)}
    gone = asked(tree(HTTP, PROXY, SETTINGS), (PROXY[0], "present", NO))
    assert gone.steps == ()
    assert "proxy_http depends on it" in gone.refusals[0]
    both = asked(tree(HTTP, PROXY, SETTINGS), (PROXY[0], "present", NO), (HTTP[0], "present", NO))
    assert set(links(both)) == {HTTP[0], PROXY[0], SETTINGS[0]}


def test_what_is_so_already_is_said() -> None:
    made = asked(tree(SHOP), (SHOP[0], "present", YES), ("sites-enabled/blog.conf", "present", NO))
    assert made.steps == ()
    assert [note.split(": ")[1] for note in made.notes] == [
        "sites-enabled/blog.conf is not there",
        "sites-enabled/shop.conf is there",
    ]


@pytest.mark.parametrize(
    ("name", "what", "value", "why"),
    [
        ("sites-enabled/gone.conf", "present", YES, "sites-available/gone.conf is not there"),
        ("conf.d/x.conf", "present", YES, "where it is to lead is not said"),
        ("conf.d/x.conf", "link", Text("/srv/x.conf"), "its directory is not there"),
        (SHOP[0], "link", Text("../gone.conf"), "../gone.conf is not there"),
        (SHOP[0], "link", Text(""), "a path is wanted"),
        ("sites-available/shop.conf", "link", None, "is a file, and no link"),
        ("/srv/x", "present", NO, "outside of the tree"),
        ("sites-enabled/../x", "present", NO, "outside of the tree"),
    ],
)
def test_what_cannot_be_is_refused(name: str, what: str, value: Value, why: str) -> None:
    made = asked(tree(), (name, what, value))
    assert made.steps == ()
    assert why in made.refusals[0]


def test_a_module_that_conflicts_is_refused_as_a_whole() -> None:
    made = asked(tree(("mods-enabled/mpm_event.load", "../mods-available/mpm_event.load")), (HTTP[0], "present", YES))
    assert made.steps == ()
    assert "it conflicts with mpm_event" in made.refusals[0]


def test_links_and_values_are_asked_for_together() -> None:
    wishes = (
        Wish(Address("web1/httpd", "httpd.file", SHOP[0], "present"), YES),
        Wish(Address("web1/httpd", "httpd.server", "main", "timeout"), Duration(9.0)),
    )
    made = propose(wishes, tree(), InterpretOptions())
    assert made.refusals == ()
    assert [type(step.change) for step in made.steps] == [LinkChange, DirectiveEdit]
    edit = made.steps[1].change
    assert isinstance(edit, DirectiveEdit)
    assert edit.file == "sites-available/shop.conf", "what governs once the site is enabled"


SEALER = Sealer(b"a key of the tests, 32 bytes long")


def with_files(seen: Collected, *wishes: tuple[str, str, Value | None], gone: tuple[Document, ...] = ()) -> Proposal:
    made = tuple(Wish(Address("web1/httpd", "httpd.file", name, what), value) for name, what, value in wishes)
    return propose(made, seen, WholeFiles(sealer=SEALER, gone=gone))


def test_a_file_goes_by_address_with_all_that_changes() -> None:
    files = {
        MAIN: "Listen 80\nTimeout 60\nInclude conf.d/*.conf\n",
        "conf.d/old.conf": "Timeout 5\nProxyPass /a http://b/\n",
    }
    seen = collected(files | {"conf.d/new.conf": "ProxyTimeout 8\n"})
    made = with_files(seen, ("conf.d/old.conf", "present", NO))
    (step,) = made.steps
    assert isinstance(step.change, FileChange)
    assert (step.change.file, step.change.after) == ("conf.d/old.conf", None)
    assert step.change.before is not None
    assert step.change.before.content == files["conf.d/old.conf"]
    assert step.undo == FileChange("conf.d/old.conf", None, step.change.before)
    assert step.postconditions == (NothingAt("conf.d/old.conf"),)
    effects = {str(one.address): (one.before, one.after, one.asked) for one in made.effects}
    assert effects['httpd.server["main"].timeout'] == (Duration(5.0), Duration(60.0), False)
    assert effects['httpd.file["conf.d/old.conf"].read'][1:] == (None, True)
    assert any(address.startswith("httpd.route[") and after is None for address, (_, after, _) in effects.items())


NAMED = {
    MAIN: "Listen 80\nInclude conf.d/x.conf\nIncludeOptional conf.d/*.inc\nTypesConfig conf.d/types\n",
    "conf.d/x.conf": "Timeout 5\n",
    "conf.d/types": "text/html html\n",
    "conf.d/a.inc": "Timeout 6\n",
}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("conf.d/x.conf", "conf/httpd.conf:2 (Include conf.d/x.conf) names it"),
        ("conf.d/types", "conf/httpd.conf:4 (TypesConfig conf.d/types) names it"),
        (MAIN, "it is the main file"),
    ],
)
def test_a_file_that_a_line_names_does_not_go(name: str, why: str) -> None:
    made = with_files(collected(NAMED), (name, "present", NO))
    assert made.steps == ()
    assert why in made.refusals[0]
    assert with_files(collected(NAMED), ("conf.d/a.inc", "present", NO)).refusals == ()


def test_a_file_goes_together_with_the_line_that_names_it() -> None:
    wishes = (
        Wish(Address("web1/httpd", "httpd.file", "conf.d/x.conf", "present"), NO),
        Wish(Address("web1/httpd", "httpd.directive", "main > Include conf.d/x.conf", "arguments"), None),
    )
    made = propose(wishes, collected(NAMED), WholeFiles(sealer=SEALER))
    assert made.refusals == ()
    assert [type(step.change) for step in made.steps] == [DirectiveEdit, FileChange]


def test_a_file_that_a_link_leads_to_goes_with_the_link() -> None:
    seen = tree(SHOP)
    assert "sites-enabled/shop.conf leads to it" in with_files(seen, (FILE, "present", NO)).refusals[0]
    made = with_files(seen, (FILE, "present", NO), (SHOP[0], "present", NO))
    assert [type(step.change) for step in made.steps] == [LinkChange, FileChange]


FILE = "sites-available/shop.conf"


def test_what_was_there_once_comes_back_as_it_last_stood() -> None:
    gone = (
        Document("conf/old.conf", "files/conf/old.conf", b"Timeout 9\n", 0o640, "root", "adm"),
        Document("sites-enabled/by-hand.conf", "files/x", b"", link="../sites-available/blog.conf"),
    )
    made = with_files(tree(), ("conf/old.conf", "present", YES), (gone[1].name, "present", YES), gone=gone)
    assert made.refusals == ()
    file, link = (step.change for step in made.steps)
    assert isinstance(file, FileChange)
    assert file.after is not None
    assert (file.before, file.after.content, file.after.mode, file.after.group) == (None, "Timeout 9\n", 0o640, "adm")
    assert link == LinkChange(gone[1].name, None, "../sites-available/blog.conf")


def test_lines_of_a_file_are_not_changed_in_the_plan_that_deletes_it() -> None:
    wishes = (
        Wish(Address("web1/httpd", "httpd.file", "conf/old.conf", "present"), YES),
        Wish(Address("web1/httpd", "httpd.directive", "main > KeepAliveTimeout", "arguments"), Text("3")),
    )
    files = FILES | {MAIN: FILES[MAIN] + "IncludeOptional conf/old*.conf\n"}
    gone = Document("conf/old.conf", "files/conf/old.conf", b"KeepAliveTimeout 9\n", 0o640, "root", "adm")
    made = propose(wishes, collected(files), WholeFiles(sealer=SEALER, gone=(gone,)))
    assert made.steps == ()
    assert "plan one after the other" in made.refusals[0]
