"""The twelve ways in which httpd's time-outs surprise operators, each with the value that was measured."""

from __future__ import annotations

import pytest

from auditor.model.value import NoLimit, Undetermined
from tests.unit.surfaces.httpd.trees import ask, meaning, of, one, route


def host(*lines: str, head: str = "") -> str:
    body = "\n".join(lines)
    return f"Listen 80\n{head}\n<VirtualHost *:80>\nServerName a.example\n{body}\n</VirtualHost>\n"


@pytest.mark.parametrize(
    ("written", "seconds", "dropped"),
    [("500ms", 500, True), ("2min", 2, True), ("60", 60, False), ("60s", 60, False), ("2hours", 2, True)],
)
def test_1_units_of_a_workers_timeout_are_dropped(written: str, seconds: float, dropped: bool) -> None:
    seen = meaning(host(f"ProxyPass /a http://b.example/ timeout={written}"))
    assert of(route(seen, "a.example:80 /a"), "read_timeout", "timeout_unit_dropped") == (seconds, dropped)
    directive = one(seen, "httpd.directive", "a.example:80 > ProxyPass /a")
    assert of(directive, "unit_dropped") is dropped
    assert of(directive, "meaning") == (f"timeout={written} means {seconds} s" if dropped else None)


def test_1_units_of_proxytimeout_are_dropped_and_those_of_connectiontimeout_are_not() -> None:
    seen = meaning(host("ProxyTimeout 3min", "ProxyPass /a http://b.example/ connectiontimeout=500ms"))
    assert of(route(seen, "a.example:80 /a"), "read_timeout", "connect_timeout") == (3, 0.5)
    assert of(one(seen, "httpd.vhost", "a.example:80"), "proxy_timeout_unit_dropped") is True


@pytest.mark.parametrize(("version", "seconds", "fixed"), [("2.4.6", 30, True), ("2.4.7", 5, False)])
def test_2_fcgi_waited_thirty_seconds_whatever_the_server_says(version: str, seconds: float, fixed: bool) -> None:
    # On the line before ProxyTimeout, so that the worker does not take it over.
    seen = meaning(host("ProxyPass /a fcgi://127.0.0.1:9000/srv/", "ProxyTimeout 5"), version=version)
    assert of(route(seen, "a.example:80 /a"), "read_timeout", "fixed_fcgi_limit") == (seconds, fixed)


def test_2_a_timeout_of_the_worker_goes_before_the_fixed_one() -> None:
    lines = ("ProxyTimeout 7", "ProxyPass /a fcgi://127.0.0.1:9000/srv/", "ProxyPass /b fcgi://h2:9000/ timeout=4")
    seen = meaning(host(*lines), version="2.4.6")
    assert of(route(seen, "a.example:80 /a"), "read_timeout") == 7
    assert of(route(seen, "a.example:80 /b"), "read_timeout", "on_timeout_status") == (4, 503)


def test_2_without_a_version_the_answer_is_undetermined() -> None:
    seen = meaning(host("ProxyPass /a fcgi://127.0.0.1:9000/srv/", "ProxyPass /b http://b/"), version="")
    assert of(route(seen, "a.example:80 /a"), "read_timeout") is Undetermined
    assert of(route(seen, "a.example:80 /b"), "read_timeout") == 60


def test_3_the_order_of_lines_decides() -> None:
    seen = meaning(host("ProxyTimeout 3", "ProxyPass /a http://b.example/", "ProxyTimeout 1"))
    found = route(seen, "a.example:80 /a")
    assert of(found, "read_timeout", "missed_proxy_timeout") == (3, True)
    assert str(found.get("read_timeout").source) == "conf/httpd.conf:5"  # type: ignore[union-attr]
    assert of(one(seen, "httpd.vhost", "a.example:80"), "proxy_timeout", "proxy_timeout_missed_by") == (
        1,
        ["a.example:80 /a"],
    )


def test_3_a_worker_made_before_any_proxytimeout_takes_the_later_one() -> None:
    seen = meaning(host("ProxyPass /a http://b.example/", "ProxyTimeout 1"))
    assert of(route(seen, "a.example:80 /a"), "read_timeout", "missed_proxy_timeout") == (1, False)


def test_4_a_worker_of_the_main_server_overrides_a_virtual_hosts_timeout() -> None:
    seen = meaning(host("ProxyPass /a http://b.example/ timeout=2", head="ProxyPass /m http://b.example/ timeout=9"))
    found = route(seen, "a.example:80 /a")
    assert of(found, "read_timeout", "own_timeout_ignored", "governed_by_main") == (9, True, True)
    assert of(one(seen, "httpd.worker", "a.example:80 http://b.example/"), "overridden_by_main") is True


def test_4_proxyset_overrides_a_timeout_of_the_line() -> None:
    section = '<Proxy "http://b.example/">\nProxySet timeout=9\n</Proxy>'
    later = meaning(host("ProxyPass /a http://b.example/ timeout=2", section))
    earlier = meaning(host(section, "ProxyPass /a http://b.example/ timeout=2"))
    for seen in (later, earlier):
        found = route(seen, "a.example:80 /a")
        assert of(found, "read_timeout", "own_timeout_ignored", "overridden_by_proxyset") == (9, True, True)
        assert of(one(seen, "httpd.worker", "a.example:80 http://b.example/"), "proxyset_overrides") is True


def test_5_proxypassinherit_off_does_not_stop_the_lines() -> None:
    text = host("ProxyPassInherit Off", "ProxyPass /a http://b.example/", head="ProxyPass /m http://m.example/")
    seen = meaning(text)
    found = route(seen, "a.example:80 /m")
    assert of(found, "inherited_from_main", "inherit_off_ineffective") == (True, True)
    assert of(one(seen, "httpd.vhost", "a.example:80"), "inherit_off_ineffective") is True
    assert ask(text, "http://a.example/m/x").mapped_by == "ProxyPass /m"


def test_5_both_off_drop_the_main_servers_workers() -> None:
    off = ("ProxyPassInherit Off", "BalancerInherit Off", "ProxyTimeout 4")
    seen = meaning(host(*off, head="ProxyPass /m http://m.example/ timeout=9"))
    assert of(route(seen, "a.example:80 /m"), "read_timeout", "generic_worker") == (4, True)


def test_6_a_balancer_of_the_main_server_takes_the_place_of_one_of_the_same_name() -> None:
    main = '<Proxy "balancer://p">\nBalancerMember http://main.example timeout=9\n</Proxy>'
    own = '<Proxy "balancer://p">\nBalancerMember http://own.example timeout=2\n</Proxy>'
    seen = meaning(host(own, "ProxyPass /a balancer://p/", head=main))
    assert of(route(seen, "a.example:80 /a"), "read_timeout") == 9
    lost = one(seen, "httpd.balancer", "a.example:80 balancer://p")
    assert of(lost, "members_lost") == ["http://own.example"]
    assert of(one(seen, "httpd.balancer", "main balancer://p"), "members_lost", "routes") == ([], ["a.example:80 /a"])


@pytest.mark.parametrize(
    ("main", "own", "seconds"),
    [("60", "0", 60), ("60", "abc", 60), ("60", "5", 5), ("-1", "0", NoLimit), ("0", "7", 7), ("abc", "0", 0)],
)
def test_7_timeout_nought_inherits_in_a_virtual_host(main: str, own: str, seconds: object) -> None:
    seen = meaning(host(f"Timeout {own}", "ProxyPass /a http://b.example/", head=f"Timeout {main}"))
    assert of(route(seen, "a.example:80 /a"), "read_timeout") == seconds
    assert of(one(seen, "httpd.vhost", "a.example:80"), "timeout_inherits") is (own in ("0", "abc"))
    valid = of(one(seen, "httpd.server", "main"), "timeout_valid")
    assert valid is (main == "60")


def test_7_timeout_nought_answers_at_once() -> None:
    answer = ask("Listen 80\nTimeout 0\nProxyPass /a http://b.example/\n", "http://x.example/a")
    assert answer.read_timeout_s == 0
    assert answer.on_timeout is not None
    assert answer.on_timeout.status == 503


def test_8_ajp_fails_over_and_http_does_not() -> None:
    members = (
        '<Proxy "balancer://p">\nBalancerMember {0}://a1\nBalancerMember {0}://a2\n</Proxy>\nProxyPass /a balancer://p'
    )
    ajp = route(meaning(host(members.format("ajp"))), "a.example:80 /a")
    http = route(meaning(host(members.format("http"))), "a.example:80 /a")
    assert of(ajp, "fails_over", "on_timeout_status") == (True, 503)
    assert of(http, "fails_over", "on_timeout_status") == (False, 502)
    assert of(http, "on_timeout_log_ids") == ["AH01102", "AH00898"]


@pytest.mark.parametrize(("extra", "expected"), [("", True), ("ProxySet forcerecovery=Off", False)])
def test_9_retry_is_worth_nothing_while_recovery_is_forced(extra: str, expected: bool) -> None:
    section = f'<Proxy "balancer://p">\nBalancerMember http://a1 retry=60\n{extra}\n</Proxy>'
    seen = meaning(host(section, "ProxyPass /a balancer://p"))
    assert of(one(seen, "httpd.balancer", "a.example:80 balancer://p"), "retry_without_effect") is expected
    assert of(route(seen, "a.example:80 /a"), "retry_ineffective") is expected


def test_10_a_worker_captures_what_its_name_is_a_prefix_of() -> None:
    lines = ("ProxyPass /app http://b.example/app timeout=3", "ProxyPass /apple http://b.example/apple timeout=8")
    text = host(*lines)
    seen = meaning(text)
    found = route(seen, "a.example:80 /apple")
    assert of(found, "read_timeout", "captured_by_prefix", "own_timeout_ignored") == (3, True, True)
    worker = one(seen, "httpd.worker", "a.example:80 http://b.example/app")
    assert of(worker, "captures_beyond_segment") == ["a.example:80 /apple"]
    answer = ask(text, "http://a.example/apple/1")
    assert (answer.mapped_by, answer.read_timeout_s) == ("ProxyPass /apple", 3)


def test_10_the_other_order_keeps_them_apart() -> None:
    seen = meaning(
        host("ProxyPass /apple http://b.example/apple timeout=8", "ProxyPass /app http://b.example/app timeout=3")
    )
    assert of(route(seen, "a.example:80 /apple"), "read_timeout", "captured_by_prefix") == (8, False)
    assert of(route(seen, "a.example:80 /app"), "read_timeout", "also_governed_by") == (
        3,
        ["a.example:80 http://b.example/apple"],
    )


def test_10_a_short_url_escapes_the_timeout_of_its_proxypassmatch() -> None:
    text = host("ProxyPassMatch ^/m/(.*)$ http://b.example/$1 timeout=7", "ProxyTimeout 4")
    found = route(meaning(text), "a.example:80 ^/m/(.*)$")
    assert of(found, "read_timeout", "escapes_own_timeout", "own_timeout_ignored") == (7, True, False)
    assert ask(text, "http://a.example/m/x").read_timeout_s == 4
    assert ask(text, "http://a.example/m/xy").read_timeout_s == 7


def test_10_a_proxypassmatch_with_long_groups_does_not_escape() -> None:
    found = route(
        meaning(host("ProxyPassMatch ^/m/(\\d{2,8})$ http://b.example/$1 timeout=7")), "a.example:80 ^/m/(\\d{2,8})$"
    )
    assert of(found, "escapes_own_timeout") is False


@pytest.mark.parametrize(("version", "seconds", "ignored"), [("2.4.46", 4, True), ("2.4.47", 7, False)])
def test_10_before_2_4_47_a_proxypassmatch_had_no_timeout(version: str, seconds: float, ignored: bool) -> None:
    seen = meaning(
        host("ProxyPassMatch ^/m(/.*)$ http://b.example:8080$1 timeout=7", "ProxyTimeout 4"), version=version
    )
    found = route(seen, "a.example:80 ^/m(/.*)$")
    assert of(found, "read_timeout", "own_timeout_ignored", "escapes_own_timeout") == (seconds, ignored, True)


def test_11_two_sockets_with_one_url_both_use_the_first() -> None:
    seen = meaning(
        host(
            "ProxyPass /a unix:/run/a.sock|http://localhost/ timeout=3",
            "ProxyPass /b unix:/run/b.sock|http://localhost/ timeout=8",
        )
    )
    assert of(route(seen, "a.example:80 /b"), "read_timeout", "socket_ignored") == (3, True)
    assert of(route(seen, "a.example:80 /a"), "socket_ignored", "connect_timeout") == (False, None)
    worker = one(seen, "httpd.worker", "a.example:80 http://localhost/")
    assert of(worker, "socket", "socket_shared_with") == ("/run/a.sock", ["/run/b.sock"])


def test_12_how_long_a_slow_client_may_take_is_known() -> None:
    load = "LoadModule reqtimeout_module modules/mod_reqtimeout.so\n"
    without = one(meaning(host()), "httpd.vhost", "a.example:80")
    default = one(meaning(load + host()), "httpd.vhost", "a.example:80")
    own = one(meaning(load + host("RequestReadTimeout header=10 body=0")), "httpd.vhost", "a.example:80")
    names = ("request_read_timeout_header", "request_read_timeout_body")
    assert of(without, *names) == (NoLimit, NoLimit)
    assert of(default, *names) == (40, 20)
    assert of(own, *names) == (10, NoLimit)


def test_sections_without_contents_count() -> None:
    lines = ('<Proxy "http://b.example/" timeout=9>\n</Proxy>', "ProxyPass /a http://b.example/ timeout=2")
    text = (
        host(*lines) + "<VirtualHost *:81>\n</VirtualHost>\n<VirtualHost *:80>\nServerName z.example\n</VirtualHost>\n"
    )
    seen = meaning(text)
    found = route(seen, "a.example:80 /a")
    assert of(found, "read_timeout", "own_timeout_ignored", "overridden_by_proxyset") == (9, True, True)
    assert [one.name for one in seen.of_kind("httpd.vhost")] == ["*:81", "a.example:80", "z.example:80"]


@pytest.mark.parametrize(
    ("line", "meaning_of"),
    [
        ("Timeout 2min", "Timeout 2min means 2 s"),
        ("Timeout 0.5", "Timeout 0.5 means 0 s"),
        ("ProxyTimeout 3min", "ProxyTimeout 3min means 3 s"),
        ("ProxyPass /a http://b/ timeout=500ms", "timeout=500ms means 500 s"),
        ("ProxyPass /a http://b/ retry=1h ttl=2min", "retry=1h means 1 s; ttl=2min means 2 s"),
        ("ProxyPassMatch ^/a http://b/ timeout=2min", "timeout=2min means 2 s"),
        ("ProxyPass /a balancer://p/ timeout=500ms", "timeout=500ms means 500 s"),
        ("BalancerMember balancer://p http://b timeout=2min", "timeout=2min means 2 s"),
        ("<Proxy http://b/ timeout=2min>\n</Proxy>", "timeout=2min means 2 s"),
        ("<Proxy http://b/>\nProxySet timeout=2min\n</Proxy>", "timeout=2min means 2 s"),
        ("FcgidIOTimeout 2min", "FcgidIOTimeout 2min means 2 s"),
        ("LDAPConnectionTimeout 500ms", "LDAPConnectionTimeout 500ms means 500 s"),
        ("SSLOCSPResponderTimeout 1min", "SSLOCSPResponderTimeout 1min means 1 s"),
    ],
)
def test_1_every_place_that_drops_units_tells_what_httpd_takes_it_for(line: str, meaning_of: str) -> None:
    found = [one for one in meaning(f"Listen 80\n{line}\n").of_kind("httpd.directive") if of(one, "unit_dropped")]
    assert [of(one, "meaning") for one in found] == [meaning_of]


@pytest.mark.parametrize(
    "line",
    [
        "Timeout 60s",
        "ProxyPass /a http://b/ timeout=60 connectiontimeout=500ms ping=500ms acquire=2s",
        "KeepAliveTimeout 500ms",
        "RequestReadTimeout header=20-40,MinRate=500",
        "CGIDScriptTimeout 2min",
    ],
)
def test_1_no_unit_is_dropped_where_httpd_honours_it(line: str) -> None:
    assert not [one for one in meaning(f"Listen 80\n{line}\n").of_kind("httpd.directive") if of(one, "unit_dropped")]


def test_1_the_chain_explains_a_dropped_unit() -> None:
    answer = ask("Listen 80\nProxyTimeout 3min\nProxyPass /a http://b/ timeout=500ms\n", "http://x/a")
    reasons = {entry.setting: entry.reason for entry in answer.chain}
    assert reasons["timeout=500ms on /a"] == "its unit is dropped: 500 s"
    assert reasons["ProxyTimeout 3min, in force where the worker was made"] == "its unit is dropped: 3 s"
