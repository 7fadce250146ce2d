"""Resolving: what the referee cannot say, since httpd refuses or cannot know."""

from __future__ import annotations

import posixpath

import pytest

from auditor.model.snapshot import Gap
from auditor.surfaces.httpd import includes
from auditor.surfaces.httpd.directive import Resolved
from auditor.surfaces.httpd.fileset import Name, Standing
from auditor.surfaces.httpd.includes import ResolveOptions, resolve

RHEL = ("core_module", "http_module", "so_module")


class Files:
    """A set of files in memory, below /etc/httpd."""

    def __init__(self, **files: str | bytes) -> None:
        self.files = {
            f"/etc/httpd/{name.replace('__', '/')}.conf": text.encode() if isinstance(text, str) else text
            for name, text in files.items()
        }
        self.reads = 0

    def standing(self, path: str) -> Standing:
        if path in self.files:
            return "file"
        if any(one.startswith(f"{path}/") for one in self.files):
            return "directory"
        return "absent" if path.startswith("/etc/httpd/") else "unknown"

    def read(self, path: str) -> bytes | None:
        self.reads += 1
        return self.files.get(path)

    def list(self, path: str) -> tuple[Name, ...]:
        inside = {one[len(path) + 1 :] for one in self.files if one.startswith(f"{path}/")}
        return tuple(Name(name.partition("/")[0], "/" in name) for name in inside)

    def gap(self, path: str) -> Gap | None:
        return Gap(posixpath.relpath(path, "/etc/httpd"), "not permitted") if path.endswith("/secret.conf") else None


def read(main: str | bytes, *, options: ResolveOptions | None = None, **others: str | bytes) -> Resolved:
    files = Files(main=main, **others)
    return resolve(files, "/etc/httpd/main.conf", options or ResolveOptions("/etc/httpd", built_in=RHEL))


def names(resolved: Resolved) -> list[str]:
    return [f"{one.name} {one.arguments}".strip() for one in resolved.directives]


@pytest.mark.parametrize(
    ("main", "line", "text"),
    [
        ("<VirtualHost *:80>\nTimeout 1\n", 1, "not closed"),
        ("</VirtualHost>\n", 1, "closes nothing"),
        ("<Location /a>\n</Directory>\n</Location>\n", 2, "</Location> is expected here"),
        ("<Location /a\nTimeout 1\n</Location>\n", 1, "no closing '>'"),
        ("<IfModule !core.c>\nTimeout 1\n", 1, "not closed"),
        ("<IfModule !core.c>\n<Location /x>\n</IfModule>\n", 3, "</Location> is expected here"),
        ("<IfModule core.c>\nTimeout 1\n</IfModule> # end\n", 3, "text behind"),
        ("<IfModule>\n</IfModule>\n", 1, "names nothing"),
        ("<IfVersion >> 2>\n</IfVersion>\n", 1, "operator"),
        ("<IfVersion = abc>\n</IfVersion>\n", 1, "does not understand"),
        ("Include none.conf other.conf\n", 1, "takes 1 argument"),
        ("Include none*.conf\n", 1, "matches nothing"),
        ("Define a:b c\n", 1, "':'"),
        ("Use Nothing x\n", 1, "not defined"),
        ("<Macro M $a>\nTimeout $a\n</Macro>\nUse M\n", 4, "takes 1 arguments, 0 are given"),
        ("<Macro M>\nUse M\n</Macro>\nUse M\n", 2, "uses itself"),
        ("<Macro M $a $a>\n</Macro>\n", 1, "twice"),
        ("<Macro M>\nTimeout 1\n", 1, "not closed"),
        (b"\xef\xbb\xbfTimeout 1\n", 1, "byte-order mark"),
    ],
)
def test_what_httpd_refuses_is_a_gap_with_its_place(main: str | bytes, line: int, text: str) -> None:
    gaps = read(main).gaps
    assert [gap.cause for gap in gaps] == ["malformed"]
    assert gaps[0].what == f"main.conf:{line}"
    assert text in gaps[0].detail


def test_reading_goes_on_behind_a_mistake() -> None:
    resolved = read("</Directory>\n<Location /a>\n</Files>\nTimeout 1\n</Location>\nTimeout 2\n")
    assert names(resolved) == ["<Location /a", "Timeout 1", "Timeout 2"]
    assert [len(one.within) for one in resolved.directives] == [0, 1, 0]


def test_a_missing_include_is_a_gap_and_an_optional_one_is_not() -> None:
    resolved = read("Include gone.conf\nIncludeOptional gone.conf\nIncludeOptional gone/*.conf\nTimeout 1\n")
    assert [(gap.what, gap.cause) for gap in resolved.gaps] == [("gone.conf", "absent")]
    assert names(resolved)[-1] == "Timeout 1"


def test_a_file_that_may_not_be_read_is_a_gap_even_if_optional() -> None:
    resolved = read("IncludeOptional secret.conf\n")
    assert [(gap.what, gap.cause) for gap in resolved.gaps] == [("secret.conf", "not permitted")]


def test_what_lies_outside_of_the_collection_is_a_gap() -> None:
    resolved = read("Include /srv/shared.conf\n")
    assert [(gap.what, gap.cause) for gap in resolved.gaps] == [("/srv/shared.conf", "absent")]
    assert "outside" in resolved.gaps[0].detail


@pytest.mark.parametrize(
    ("main", "what"),
    [
        ("IncludeOptional /srv/conf/*.conf\n", "main.conf:1"),
        ("IncludeOptional ${WHERE}/*.conf\n", "main.conf:1"),
        ("Include ${WHERE}\n", "main.conf:1"),
        ("ServerRoot ${WHERE}\nIncludeOptional conf.d/*.conf\n", "main.conf:1"),
    ],
)
def test_an_include_that_leads_where_nobody_knows_is_a_gap_even_if_optional(main: str, what: str) -> None:
    found = [(gap.what, gap.cause) for gap in read(main).gaps]
    assert (what, "undetermined") in found


def test_an_optional_include_that_matches_nothing_inside_is_none() -> None:
    assert read("IncludeOptional none.d/*.conf\n").gaps == ()


def test_a_cycle_ends_with_a_gap() -> None:
    resolved = read("Timeout 1\nInclude main.conf\n")
    assert [gap.cause for gap in resolved.gaps] == ["malformed"]
    assert "cycle" in resolved.gaps[0].detail
    assert len(resolved.directives) < 1000


def test_a_cycle_that_doubles_ends_soon() -> None:
    files = Files(main="Include main.conf\nInclude main.conf\n")
    assert resolve(files, "/etc/httpd/main.conf", ResolveOptions("/etc/httpd")).gaps
    assert files.reads < 10


def test_definitions_that_double_each_other_are_bounded() -> None:
    main = "Define a " + "x" * 1000 + "\n" + "Define a ${a}${a}\n" * 40 + "Timeout ${a}\n"
    resolved = read(main)
    assert {gap.cause for gap in resolved.gaps} == {"too large"}
    assert max(len(one.arguments) for one in resolved.directives) < 2_000_000


def test_macros_that_double_each_other_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(includes, "MAX_DIRECTIVES", 5_000)
    main = "".join(f"<Macro M{n}>\nUse M{n + 1}\nUse M{n + 1}\n</Macro>\n" for n in range(40))
    resolved = read(f"<Macro M40>\n</Macro>\n{main}Use M0\n")
    assert [gap.cause for gap in resolved.gaps] == ["too large"]
    assert len(resolved.directives) < 10_000


@pytest.mark.parametrize(
    ("main", "said"),
    [
        ("<IfModule mod_ssl.c>\nListen 443\n</IfModule>\n", "--module ssl_module"),
        ("<IfModule !mod_ssl.c>\nListen 443\n</IfModule>\n", "--module ssl_module"),
        ("<IfVersion >= 2.4.7>\nListen 443\n</IfVersion>\n", "--httpd-version"),
        ("<IfFile /srv/flag>\nListen 443\n</IfFile>\n", "outside"),
        ("<IfDirective SSLEngine>\nListen 443\n</IfDirective>\n", "module"),
        ("<IfModule ${WHICH}>\nListen 443\n</IfModule>\n", "--env WHICH"),
    ],
)
def test_what_cannot_be_decided_is_kept_with_its_doubt(main: str, said: str) -> None:
    resolved = read(main, options=ResolveOptions("/etc/httpd"))
    listen = resolved.directives[-1]
    assert (listen.name, listen.arguments) == ("Listen", "443")
    assert len(listen.doubts) == 1
    assert said in listen.doubts[0].cause
    assert listen.doubts[0].source.line == 1
    assert resolved.gaps == ()


def test_a_doubt_ends_with_its_conditional() -> None:
    resolved = read("<IfVersion > 2.4>\nListen 1\n</IfVersion>\nListen 2\n")
    assert [len(one.doubts) for one in resolved.directives] == [1, 0]


def test_a_definition_in_doubt_makes_its_uses_doubtful() -> None:
    resolved = read(
        "<IfVersion > 2.4>\nDefine PORT 81\n</IfVersion>\n<IfDefine PORT>\nListen 1\n</IfDefine>\nListen ${PORT}\n"
    )
    assert [(one.arguments, len(one.doubts)) for one in resolved.directives if one.name == "Listen"] == [
        ("1", 1),
        ("81", 1),
    ]


def test_a_definition_in_doubt_is_certain_inside_its_own_conditional() -> None:
    resolved = read("<IfVersion > 2.4>\nDefine PORT 81\nListen ${PORT}\n</IfVersion>\nListen ${PORT}\n")
    inside, outside = (one for one in resolved.directives if one.name == "Listen")
    assert [doubt.text for doubt in inside.doubts] == ["<IfVersion > 2.4>"]
    assert [doubt.text for doubt in outside.doubts] == ["${PORT}"]


def test_a_value_in_doubt_does_not_make_its_name_doubtful() -> None:
    resolved = read("Define A ${UNKNOWN}\n<IfDefine A>\nListen 1\n</IfDefine>\n<IfDefine a>\nListen 2\n</IfDefine>\n")
    assert [(one.arguments, one.doubts) for one in resolved.directives if one.name == "Listen"] == [("1", ())]


def test_an_empty_value_of_a_definition_is_none() -> None:
    assert "Listen 81" in names(read("Define PORT 81\nDefine PORT ''\nListen ${PORT}\n"))
    assert "Listen ${PORT}" in names(read("Define PORT ''\nListen ${PORT}\n"))


def test_a_module_loaded_in_doubt_makes_its_conditionals_doubtful() -> None:
    main = "<IfVersion > 2.4>\nLoadModule ssl_module x.so\n</IfVersion>\n<IfModule mod_ssl.c>\nListen 1\n</IfModule>\n"
    resolved = read(main)
    assert len(resolved.directives[-1].doubts) == 1
    assert dict(resolved.modules).keys() == set(RHEL)


def test_an_unknown_variable_is_literal_and_doubtful() -> None:
    resolved = read("ErrorLog ${LOGS}/error.log\nRewriteRule ^/(.*) ${map:$1}\n")
    first, second = resolved.directives
    assert (first.arguments, first.written) == ("${LOGS}/error.log", "${LOGS}/error.log")
    assert "--env LOGS=VALUE" in first.doubts[0].cause
    assert second.doubts == ()


def test_what_a_person_says_decides() -> None:
    main = (
        "<IfModule mod_ssl.c>\nListen 443\n</IfModule>\n<IfVersion < 2.4.10>\nListen 80\n</IfVersion>\n"
        "<IfDefine BLUE>\nListen ${BLUE}\n</IfDefine>\nErrorLog ${LOGS}\n"
    )
    options = ResolveOptions(
        "/etc/httpd",
        version="2.4.6",
        modules=("ssl",),
        defines=(("BLUE", "81"),),
        environment=(("LOGS", "größe"),),
    )
    resolved = read(main, options=options)
    assert names(resolved) == ["Listen 443", "Listen 80", "Listen 81", "ErrorLog grÃ¶Ã\x9fe"]
    assert all(one.doubts == () for one in resolved.directives)


def test_an_unknown_list_of_built_in_modules_still_knows_what_is_loaded() -> None:
    main = "LoadModule ssl_module modules/mod_ssl.so\n<IfModule mod_ssl.c>\nListen 1\n</IfModule>\n"
    resolved = read(main, options=ResolveOptions("/etc/httpd"))
    assert resolved.directives[-1].doubts == ()
    assert resolved.modules == (("ssl_module", "modules/mod_ssl.so"),)
    assert resolved.modules_known is False


def test_order_decides_what_a_conditional_sees() -> None:
    load = "LoadModule ssl_module x.so\n"
    inside = "<IfModule ssl_module>\nListen 1\n</IfModule>\n"
    assert "Listen 1" in names(read(load + inside))
    assert "Listen 1" not in names(read(inside + load))


def test_sections_start_as_directives_and_hold_what_is_inside() -> None:
    resolved = read("<Proxy ajp://b/ timeout=5>\n</Proxy>\n<Location /a>\n<If true>\nTimeout 1\n</If>\n</Location>\n")
    assert names(resolved) == ["<Proxy ajp://b/ timeout=5", "<Location /a", "<If true", "Timeout 1"]
    assert [section.name for section in resolved.directives[-1].within] == ["Location", "If"]


def test_a_macros_line_names_its_definition_and_its_use() -> None:
    resolved = read("Include m.conf\n\nUse M 7\n", m="<Macro M $t>\n  # why\n  Timeout $t\n</Macro>\n")
    timeout = resolved.directives[-1]
    assert (timeout.arguments, timeout.macro) == ("7", "m")
    assert (timeout.source.file, timeout.source.line) == ("m.conf", 3)
    assert [str(use) for use in timeout.used_at] == ["main.conf:3"]


def test_modules_are_known_by_every_name() -> None:
    load = "LoadModule mpm_event_module x\nLoadModule ldap_module y\nLoadModule shiny_module z\n"
    for asked in ("event.c", "mpm_event_module", "util_ldap.c", "ldap_module", "mod_shiny.c", "core.c", "http_core.c"):
        assert "Listen 1" in names(read(f"{load}<IfModule {asked}>\nListen 1\n</IfModule>\n")), asked
    doubtful = read(f"{load}<IfModule mod_shiny.cpp>\nListen 1\n</IfModule>\n").directives[-1]
    assert len(doubtful.doubts) == 1


@pytest.mark.parametrize("name", ["LuaHookFixups fix", "luaquickhandler x early", "Perl"])
def test_what_another_language_holds_is_no_configuration_and_undetermined(name: str) -> None:
    tag = name.split()[0]
    found = read(f"Timeout 1\n<{name}>\n  if a < b then Timeout 2 end\n<a>\n# x\n</{tag.upper()}>\nTimeout 3\n")
    assert names(found) == ["Timeout 1", "Timeout 3"]
    assert [(gap.what, gap.cause) for gap in found.gaps] == [("main.conf:2", "undetermined")]
