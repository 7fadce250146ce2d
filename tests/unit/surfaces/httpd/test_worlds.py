"""What is not known is tried both ways; only what differs is undetermined."""

from __future__ import annotations

import pytest

from auditor.model.value import Undetermined
from auditor.surfaces.httpd.explain import explain
from auditor.surfaces.httpd.resolving import resolve_collected
from auditor.surfaces.interface import InterpretOptions
from tests.unit.surfaces.httpd.trees import ask, collected, meaning, of, one, route

HOST = """Listen 80
<VirtualHost *:80>
ServerName a.example
ProxyPass /a http://b.example/
<IfModule {condition}>
{inside}
</IfModule>
</VirtualHost>
"""


def unsure(inside: str, condition: str = "mod_own.c"):  # type: ignore[no-untyped-def]
    return meaning(HOST.format(inside=inside, condition=condition), built_in=None)


def test_a_setting_behind_an_undecided_conditional_is_undetermined_and_says_why() -> None:
    seen = unsure("ProxyTimeout 5")
    value = route(seen, "a.example:80 /a").value("read_timeout")
    assert isinstance(value, Undetermined)
    assert "<IfModule mod_own.c>" in value.cause
    assert of(one(seen, "httpd.vhost", "a.example:80"), "timeout") == 60


def test_one_that_makes_no_difference_leaves_the_answer_certain() -> None:
    seen = unsure("RequestHeader set X y")
    assert of(route(seen, "a.example:80 /a"), "read_timeout") == 60
    assert of(one(seen, "httpd.directive", "a.example:80 > RequestHeader set X"), "present") is Undetermined


def test_a_route_that_may_not_be_there_is_undetermined() -> None:
    seen = unsure("ProxyPass /maybe http://c.example/ timeout=5")
    assert of(route(seen, "a.example:80 /maybe"), "read_timeout") is Undetermined
    assert of(route(seen, "a.example:80 /a"), "read_timeout") == 60


def test_both_branches_with_the_same_setting_leave_no_doubt() -> None:
    text = HOST.format(
        condition="mod_own.c", inside="ProxyTimeout 5\n</IfModule>\n<IfModule !mod_own.c>\nProxyTimeout 5"
    )
    seen = meaning(text, built_in=None)
    assert of(route(seen, "a.example:80 /a"), "read_timeout") == 5


def test_many_unknowns_end_in_a_gap_and_not_in_a_guess() -> None:
    inside = "\n".join(f"<IfModule mod_x{number}.c>\nProxyTimeout {number + 1}\n</IfModule>" for number in range(20))
    seen = unsure(inside)
    assert any(gap.what == "conditional sections" and "httpd.route" in gap.kinds for gap in seen.gaps)


def test_a_named_module_or_version_settles_it() -> None:
    from auditor.surfaces.httpd.resources import interpret

    text = HOST.format(inside="ProxyTimeout 5", condition="mod_own.c")
    seen = interpret(collected(text, built_in=None), InterpretOptions(modules=("own_module",)))
    assert of(route(seen, "a.example:80 /a"), "read_timeout") == 5
    ws = "Listen 80\nProxyPass /w ws://b.example/\n"
    assert of(route(meaning(ws, version=""), "main /w"), "read_timeout") is Undetermined
    assert of(route(meaning(ws, version="", httpd_version="2.4.62"), "main /w"), "tunnel_limit") == 60


def test_what_httpd_refuses_is_a_gap_with_its_place() -> None:
    lines = ("ProxyTimeout 0", "ProxyPass /a nonsense", "ProxySet http://x/ timeout=3", "ProxyPass /t http://t/ ttl=0")
    shared = "ProxyPass /u http://t/u timeout=0"  # httpd does not look at what it ignores
    seen = meaning("\n".join(("Listen 80", *lines, shared, "")))
    assert [(gap.what, gap.cause) for gap in seen.gaps] == [
        (f"conf/httpd.conf:{line}", "malformed") for line in (2, 3, 4, 5)
    ]
    assert of(route(seen, "main /a"), "read_timeout") is Undetermined


def test_a_unix_socket_before_2_4_8_is_refused() -> None:
    text = "Listen 80\nProxyPass /s unix:/run/s.sock|http://localhost/\n"
    assert [gap.cause for gap in meaning(text, version="2.4.7").gaps] == ["malformed"]
    assert meaning(text, version="2.4.8").gaps == ()


def test_more_inherited_routes_than_can_be_followed_are_a_gap() -> None:
    lines = "".join(f"ProxyPass /p{number} http://b{number}/\n" for number in range(150))
    hosts = "".join(f"<VirtualHost *:80>\nServerName h{number}\n</VirtualHost>\n" for number in range(150))
    seen = meaning(f"Listen 80\n{lines}{hosts}")
    assert [(gap.what, gap.kinds) for gap in seen.gaps] == [("inherited routes", ("httpd.route",))]
    assert len(seen.of_kind("httpd.route")) == 150


def test_a_worker_of_very_many_routes_says_how_many() -> None:
    lines = "".join(f"ProxyPass /p{number} http://b/p{number}\n" for number in range(100))
    seen = meaning(f"Listen 80\nProxyPass /first http://b/\n{lines}")
    shared = of(route(seen, "main /p7"), "shared_with")
    assert isinstance(shared, list)
    assert shared[-1] == "… and 50 more"
    assert "main /p7" not in shared


@pytest.mark.parametrize(
    "text",
    [
        "Define T 5\n<IfModule mod_own.c>\nDefine T 60\n</IfModule>\nTimeout ${T}\nProxyPass /a http://b/",
        "Timeout 60\n<VirtualHost *:80>\nServerName a\nTimeout ${T}\nProxyPass /a http://b/\n</VirtualHost>",
        "Timeout 60\nProxyPass /a http://b/ timeout=${T}",
    ],
)
def test_a_variable_of_unknown_value_agrees_with_nothing_by_chance(text: str) -> None:
    seen = meaning(f"Listen 80\n{text}\n", built_in=None)
    found = [of(one, "read_timeout") for one in seen.of_kind("httpd.route")]
    assert found
    assert Undetermined in found


def test_an_unknown_address_does_not_make_what_stands_inside_uncertain() -> None:
    text = "Listen 80\n<VirtualHost *:${PORT}>\nServerName a\nProxyPass /a http://b/ timeout=5\n</VirtualHost>\n"
    answer = ask(text, "http://a/a")
    assert any("${PORT}" in doubt for doubt in answer.undetermined)
    assert [of(one, "read_timeout") for one in meaning(text).of_kind("httpd.route")] == [5]


def test_a_directive_whose_module_is_not_loaded_is_refused() -> None:
    text = "LoadModule alias_module m.so\nProxyPass /a http://b/\nProxyTimeout 3\n"
    gaps = [gap for gap in meaning(text).gaps if "proxy_module" in gap.detail]
    assert [gap.what for gap in gaps] == ["conf/httpd.conf:2"]
    assert not [gap for gap in meaning(text, built_in=None).gaps if "proxy_module" in gap.detail]
    doubtful = "<IfVersion > 9>\nLoadModule proxy_module m.so\n</IfVersion>\n" + text
    (gap,) = (gap for gap in meaning(doubtful, version="").gaps if "proxy_module" in gap.detail)
    assert (gap.what, gap.cause) == ("conf/httpd.conf:5", "undetermined")


def test_what_only_one_world_refuses_is_undetermined() -> None:
    text = "Listen 80\n<IfModule {}mod_own.c>\nProxyPass /a nonsense\n</IfModule>\n"
    for negated in ("", "!"):
        gaps = meaning(text.format(negated), built_in=None).gaps
        assert [(gap.what, gap.cause) for gap in gaps] == [("conf/httpd.conf:3", "undetermined")]


def test_a_line_under_the_condition_that_loads_its_module_is_not_refused() -> None:
    head = "LoadModule alias_module m.so\n<IfVersion > 2.4.6>\nLoadModule proxy_module m.so\n</IfVersion>\n"
    inside = "<IfVersion > 2.4.6>\nProxyTimeout 5\n</IfVersion>\n"
    assert not [gap for gap in meaning(head + inside, version="").gaps if "proxy_module" in gap.detail]


def asked_in_doubt(text: str, url: str) -> tuple[str, ...]:
    seen = collected(text, built_in=None)
    return explain(resolve_collected(seen, InterpretOptions()), url, "2.4.62").undetermined


@pytest.mark.parametrize(
    ("line", "url"),
    [("MergeSlashes Off", "/a//b"), ("ProxyExpressEnable On", "/x"), ("AllowEncodedSlashes NoDecode", "/a/b%2Fc")],
)
def test_every_directive_that_is_asked_for_is_in_doubt_where_it_stands_in_doubt(line: str, url: str) -> None:
    text = f"Listen 80\nProxyPassMatch ^/a/b http://b\n<IfModule mod_own.c>\n{line}\n</IfModule>\n"
    assert asked_in_doubt(text, f"http://h{url}")


def test_a_route_that_hangs_on_four_conditions_at_once_is_undetermined() -> None:
    """No pair of them and no single one gives it away."""
    head = "".join(f"<IfModule {'!' * (n > 1)}mod_x{n}.c>\n" for n in range(4))
    text = f"Listen 80\nTimeout 60\n{head}ProxyPass /a http://b/ timeout=5\n" + "</IfModule>\n" * 4
    text += "ProxyPass /a http://c/\n"
    seen = meaning(text, built_in=None)
    assert Undetermined in [of(one, "read_timeout") for one in seen.of_kind("httpd.route")]
    assert asked_in_doubt(text, "http://h/a")
