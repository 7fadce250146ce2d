"""What is said of a change of a package's file that the next update overwrites, and of what is not known."""

from __future__ import annotations

import msgspec
import pytest

from auditor.model.ownership import PackageFile
from auditor.model.plan import DirectiveEdit, Proposal, Wish
from auditor.model.resource import Address
from auditor.model.snapshot import Collected, Fact
from auditor.model.value import Text
from auditor.surfaces.httpd.machine.answer import read_answer
from auditor.surfaces.httpd.machine.owners import FILES, UNKNOWN, OwnedFiles, owners_of
from auditor.surfaces.httpd.propose import propose
from auditor.surfaces.interface import InterpretOptions
from tests.unit.surfaces.httpd.trees import collected

MAIN = "conf/httpd.conf"
OVERWRITTEN = f"{MAIN} is no configuration file of its package httpd: the next update overwrites this change"


def owned(files: dict[str, str], *facts: Fact) -> Collected:
    made = collected(files)
    return msgspec.structs.replace(made, facts=(*made.facts, *facts))


def planned(seen: Collected, name: str, value: str) -> Proposal:
    wish = Wish(Address("web1/httpd", "httpd.directive", name, "arguments"), Text(value))
    return propose((wish,), seen, InterpretOptions())


@pytest.mark.parametrize(
    ("rest", "own"),
    [
        ("IncludeOptional conf.d/*.conf\n", "conf.d/zz-local.conf, which is read after it (conf/httpd.conf:3)"),
        ("IncludeOptional sites-enabled/*.conf\nIncludeOptional conf-enabled/*.conf\n", "conf-enabled/zz-local.conf"),
        ("IncludeOptional conf.d/ssl*.conf\n", ""),
        ("", ""),
    ],
)
def test_a_file_of_ones_own_is_named_where_one_is_read_afterwards(rest: str, own: str) -> None:
    seen = owned({MAIN: f"Listen 80\nTimeout 60\n{rest}"}, Fact(FILES, (f"plain rpm httpd {MAIN}",)))
    made = planned(seen, "main > Timeout", "30")
    (note,) = made.notes
    assert note.startswith(OVERWRITTEN)
    assert (own in note) if own else note == OVERWRITTEN
    assert made.steps[0].package == PackageFile("plain", "httpd", "rpm")


def test_no_file_of_ones_own_can_stand_in_for_a_line_inside_a_section() -> None:
    lines = "Listen 80\n<Location /x>\nSetEnv A b\n</Location>\nIncludeOptional conf.d/*.conf\n"
    seen = owned({MAIN: lines}, Fact(FILES, (f"plain dpkg httpd {MAIN}",)))
    made = planned(seen, "main > <Location /x> > SetEnv A", "A c")
    assert isinstance(made.steps[0].change, DirectiveEdit)
    assert made.notes == (OVERWRITTEN,)


def test_nothing_warns_of_a_configuration_file_or_of_ones_own() -> None:
    seen = owned(
        {MAIN: "Listen 80\nTimeout 60\n"}, Fact(FILES, (f"conffile dpkg apache2 {MAIN}", "damaged", "x y z a"))
    )
    made = planned(seen, "main > Timeout", "30")
    assert (made.notes, made.steps[0].package) == ((), PackageFile("conffile", "apache2", "dpkg"))
    assert OwnedFiles(owned({MAIN: ""}, Fact(FILES, ()))).of(MAIN) == PackageFile("none")


def test_what_was_not_asked_or_not_told_is_unknown_and_never_nobodys() -> None:
    files = OwnedFiles(collected({MAIN: ""}))
    assert files.of(MAIN).handling == "unknown"
    failed = OwnedFiles(owned({MAIN: ""}, Fact(UNKNOWN, "rpm took too long")))
    assert failed.of(MAIN) == PackageFile("unknown", why="rpm took too long")
    asked = OwnedFiles(owned({MAIN: ""}, Fact(FILES, ())))
    assert {asked.of(name).handling for name in ("/etc/elsewhere", "conf/two\nlines")} == {"unknown"}


ANSWER = """begin deb-files
 apache2, apache2-bin: /etc/apache2/both.conf
 diversion by site from: /etc/apache2/moved.conf
 diversion by site to: /etc/apache2/moved.conf.distrib
 apache2: /etc/apache2/moved.conf
 apache2: /etc/apache2/conf.d
 apache2:amd64: /etc/apache2/conf.d/plain: odd.conf
 a line that is none
end deb-files ok
begin deb-conffiles
  /etc/apache2/old.conf 0123456789abcdef0123456789abcdef obsolete
end deb-conffiles ok
begin ucf-files
 libapache2-mod-x   \t /etc/apache2/x.ini
end ucf-files ok
begin owners
end owners ok
done
"""


def test_odd_answers_of_dpkg_are_understood_or_left_out() -> None:
    found = owners_of(read_answer(ANSWER.encode()), ()).files
    assert found == {
        "/etc/apache2/both.conf": PackageFile("shared", "apache2,apache2-bin", "dpkg"),
        "/etc/apache2/moved.conf": PackageFile("unknown", manager="dpkg"),
        "/etc/apache2/conf.d/plain: odd.conf": PackageFile("plain", "apache2", "dpkg"),
        "/etc/apache2/x.ini": PackageFile("ucf", "libapache2-mod-x", "dpkg"),
    }
