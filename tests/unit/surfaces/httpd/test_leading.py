"""Sites and modules enabled and disabled by address, as Debian's tools do it."""

from __future__ import annotations

import msgspec
import pytest

from auditor.model.plan import DirectiveEdit, LinkChange, LinkIs, NothingAt, Proposal, Wish
from auditor.model.resource import Address
from auditor.model.snapshot import Collected, Document
from auditor.model.value import Boolean, Duration, Text, Value
from auditor.surfaces.httpd.propose import propose
from auditor.surfaces.interface import InterpretOptions
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
        ("sites-available/shop.conf", "present", NO, "is a file, and no link"),
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
