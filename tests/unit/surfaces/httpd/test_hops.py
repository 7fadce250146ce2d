"""What the hops around httpd and its load come to: declared values beside the configuration."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model.declared import About, Declaration, Level, What
from auditor.model.snapshot import Interpretation
from auditor.model.source import InventorySource
from auditor.model.value import NoLimit, Undetermined
from auditor.surfaces.httpd.declared import Declared
from auditor.surfaces.httpd.hops import stall
from auditor.surfaces.httpd.request_time import Stage
from tests.unit.surfaces.httpd.trees import meaning, of, one, route

EVENT = "LoadModule mpm_event_module modules/mod_mpm_event.so\n"
PREFORK = "LoadModule mpm_prefork_module modules/mod_mpm_prefork.so\n"


def say(
    about: About, pattern: str, what: What, value: float, level: Level = "group", line: int = 1, measured: str = ""
) -> Declaration:
    return Declaration(level, about, pattern, what, value, InventorySource("auditor.yaml", line), measured)


def read(text: str, *declared: Declaration, **options: object) -> Interpretation:
    return meaning(text, declared=declared, **options)


# --- which declaration counts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ([say("server", "", "arrivals", 1, "fleet"), say("server", "", "arrivals", 2, "group")], 2),
        ([say("server", "", "arrivals", 2, "host"), say("server", "", "arrivals", 1, "group")], 2),
        ([say("server", "", "arrivals", 1, "host"), say("server", "", "arrivals", 2, "target")], 2),
        ([say("route", "main /a", "arrivals", 2), say("route", "main *", "arrivals", 1, line=9)], 2),
        ([say("route", "main *", "arrivals", 1), say("route", "* /a", "arrivals", 2, line=9)], 2),
        ([say("server", "", "arrivals", 1), say("route", "main *", "arrivals", 2)], 2),
        # The level counts before the closer name: a host knows better than its group.
        ([say("server", "", "arrivals", 2, "host"), say("route", "main /a", "arrivals", 1, "group")], 2),
        ([say("route", "main /b", "arrivals", 1)], None),
    ],
)
def test_the_strongest_level_counts_then_the_closest_name_then_the_last_line(
    declared: list[Declaration], expected: float | None
) -> None:
    for order in (declared, declared[::-1]):
        found = Declared(order).of_route("arrivals", "main /a")
        assert (found.value if found else None) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "http://10.0.0.5:8080", "HTTP://10.0.0.5:8080/", "http://10.0.0.5:8080/app", "http://10.0.0.*", "*:8080/app",
        "http://10.0.0.5:8080/a*",
    ],
)  # fmt: skip
def test_a_back_end_is_declared_by_host_and_port_by_url_or_by_a_pattern(pattern: str) -> None:
    seen = read("ProxyPass /a http://10.0.0.5:8080/app timeout=20", say("back end", pattern, "timeout", 30))
    assert of(route(seen, "main /a"), "backend_timeout", "backend_read_timeout") == (30, 20)
    assert seen.gaps == ()


def test_a_default_port_and_a_socket_are_named_as_people_write_them() -> None:
    text = "ProxyPass /a https://app.example/\nProxyPass /b unix:/run/b.sock|http://localhost/"
    seen = read(
        text,
        say("back end", "https://app.example:443", "timeout", 5, "host"),
        say("back end", "unix:/run/b.sock", "timeout", 6, "host"),
    )
    assert of(route(seen, "main /a"), "backend_timeout") == 5
    assert of(route(seen, "main /b"), "backend_timeout") == 6
    assert seen.gaps == ()


def test_what_a_host_declares_of_nothing_that_is_there_is_a_gap_and_hides_nothing() -> None:
    seen = read(
        "ProxyPass /x !\nProxyPass /a http://10.0.0.5/",
        say("back end", "http://10.0.0.6", "timeout", 5, "host", 31),
        say("route", "main /b", "arrivals", 5, "target", 32),
        say("route", "main /c", "arrivals", 5, "group", 33),
        say("route", "main /x", "arrivals", 5, "host", 34),
    )
    assert [(gap.what, gap.complete) for gap in seen.gaps] == [
        ("what auditor.yaml:31 declares", False),
        ("what auditor.yaml:32 declares", False),
        ("what auditor.yaml:34 declares", False),
    ]
    assert not any("httpd.route" in gap.kinds or not gap.kinds for gap in seen.gaps)


def test_nothing_is_said_of_hops_that_nobody_declared() -> None:
    seen = read("ProxyPass /a http://10.0.0.5/")
    names = {attribute.name for resource in seen.resources for attribute in resource.attributes}
    assert not names & {"front_timeout", "longest_wait", "backend_timeout", "workers_held", "upload_time", "idle_reuse"}


def test_declared_values_carry_the_inventory_s_line_and_their_origin() -> None:
    text = f"{EVENT}ProxyPass /a http://10.0.0.5/"
    declared = say("route", "main /a", "arrivals", 3, line=12, measured="access log, busiest hour")
    found = route(read(text, declared), "main /a").get("arrival_rate")
    assert found is not None
    assert str(found.source) == "auditor.yaml:12"
    assert of(route(read(text, declared), "main /a"), "arrival_rate_from") == "measured: access log, busiest hour"


# --- the longest wait -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("ProxyPass /a http://10.0.0.5/ timeout=20", 40),
        ("ProxyPass /a http://10.0.0.5/ timeout=20 connectiontimeout=2", 22),
        ("ProxyPass /a unix:/run/a.sock|http://localhost/ timeout=20", 20),
        ("ProxyPass /a balancer://p/\n<Proxy balancer://p>\nBalancerMember http://10.0.0.5 timeout=20 "
         "connectiontimeout=2\nBalancerMember http://10.0.0.6 timeout=30 connectiontimeout=3\n</Proxy>", 35),
        ("ProxyPass /a balancer://p/\n<Proxy balancer://p>\nBalancerMember ajp://10.0.0.5 timeout=20 "
         "connectiontimeout=2\nBalancerMember ajp://10.0.0.6 timeout=30 connectiontimeout=3\n</Proxy>", 55),
        ("ProxyPass /a balancer://p/ timeout=4 maxattempts=0\n<Proxy balancer://p>\nBalancerMember http://10.0.0.5 "
         "timeout=20 connectiontimeout=2\nBalancerMember http://10.0.0.6 timeout=30 connectiontimeout=3\n</Proxy>", 37),
        ("ProxyPass /a balancer://p/ maxattempts=1\n<Proxy balancer://p>\nBalancerMember http://10.0.0.5 "
         "timeout=20 connectiontimeout=2\nBalancerMember http://10.0.0.6 timeout=30 connectiontimeout=3\n</Proxy>", 35),
        ("Timeout -1\nProxyPass /a http://10.0.0.5/", NoLimit),
    ],
)  # fmt: skip
def test_the_longest_wait_adds_up_what_comes_one_after_the_other(text: str, seconds: object) -> None:
    seen = read(text, say("server", "", "front_timeout", 60))
    assert of(route(seen, "main /a"), "front_timeout", "longest_wait") == (60, seconds)


def test_what_is_decided_per_request_is_undetermined_not_short() -> None:
    text = f"{EVENT}ProxyPassMatch ^/(a|b)$ http://$1.internal/"
    seen = read(text, say("server", "", "front_timeout", 60), say("route", "*", "arrivals", 1))
    assert of(route(seen, "main ^/(a|b)$"), "longest_wait", "workers_held") == (Undetermined, Undetermined)


# --- load -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "held", "after"),
    [
        (f"{EVENT}ProxyPass /a http://b/ timeout=60", 2400, 10),
        (
            f"{EVENT}MaxRequestWorkers 240\nServerLimit 99\nThreadsPerChild 24\nProxyPass /a http://b/ timeout=60",
            2400,
            6,
        ),
        (f"{EVENT}ProxyPass /a http://b/ timeout=9", 360, NoLimit),
        (f"{EVENT}ProxyPass /a http://b/ timeout=10", 400, 10),
        (f"{PREFORK}ProxyPass /a http://b/ timeout=10", 400, 6.4),
        (f"{EVENT}Timeout -1\nProxyPass /a http://b/", NoLimit, 10),
        (f"{EVENT}ProxyPass /a http://b/ timeout=60 max=10 acquire=2000", 240, NoLimit),
        (f"{EVENT}Timeout -1\nProxyPass /a http://b/ max=10 acquire=2000 connectiontimeout=2", 240, NoLimit),
        (f"{PREFORK}ProxyPass /a http://b/ timeout=60 max=10 acquire=2000", 2400, 6.4),
        # What waits for a connection without limit adds up, more slowly.
        (f"{EVENT}ProxyPass /a http://b/ timeout=8 max=5", NoLimit, 10.7),
        # A connect time-out that is longer than the read time-out holds a worker longer.
        (f"{EVENT}ProxyPass /a http://b/ timeout=5 connectiontimeout=20", 800, 10),
        (f"{EVENT}ProxyPass /a ajp://b/ timeout=5 connectiontimeout=1", 200, NoLimit),
    ],
)
def test_how_many_workers_a_stalled_route_holds_at_forty_requests_a_second(
    text: str, held: object, after: object
) -> None:
    seen = read(text, say("route", "main /a", "arrivals", 40))
    assert of(route(seen, "main /a"), "workers_held", "full_after") == (held, after)


def test_without_the_mpm_the_number_of_workers_is_not_known() -> None:
    text = "ProxyPass /a http://b/ timeout=60"
    seen = read(text, say("route", "main /a", "arrivals", 40), say("server", "", "arrivals", 40))
    assert of(route(seen, "main /a"), "workers", "workers_held") == (Undetermined, Undetermined)
    assert of(one(seen, "httpd.server", "main"), "request_workers", "workers_held") == (Undetermined, Undetermined)


def test_what_every_mpm_makes_of_it_is_known_without_the_mpm() -> None:
    seen = read("ServerLimit 1\nThreadsPerChild 1\nMaxRequestWorkers 1")
    assert of(one(seen, "httpd.server", "main"), "request_workers") == 1


def test_a_server_s_rate_is_set_beside_its_slowest_route_in_any_virtual_host() -> None:
    text = f"{EVENT}ProxyPass /a http://b/ timeout=5\n<VirtualHost *:80>\nServerName v.example\n"
    text += "ProxyPass /slow http://c/ timeout=50\n</VirtualHost>"
    main = one(read(text, say("server", "", "arrivals", 40)), "httpd.server", "main")
    assert of(main, "slowest_route", "slowest_hold", "workers_held") == ("v.example:80 /slow", 50, 2000)
    # A server's rate is not a route's: nobody says that one route gets it all.
    assert route(read(text, say("server", "", "arrivals", 40)), "main /a").value("workers_held") is None


def test_a_server_with_a_route_that_nobody_knows_is_not_judged_by_the_others() -> None:
    text = f"{EVENT}ProxyPass /a http://b/ timeout=5\nProxyPassMatch ^/(a|b)$ http://$1.internal/"
    main = one(read(text, say("server", "", "arrivals", 1)), "httpd.server", "main")
    assert of(main, "workers_held") is Undetermined


@given(
    rate=st.floats(0.01, 1e4),
    hold=st.floats(0.1, 1e4) | st.just(math.inf),
    workers=st.integers(1, 20_000),
    pool=st.integers(1, 20_000) | st.just(math.inf),
    wait=st.floats(0, 100) | st.just(math.inf),
)
def test_a_server_is_full_at_some_time_exactly_where_more_are_held_than_there_are(
    rate: float, hold: float, workers: int, pool: float, wait: float
) -> None:
    effect = stall(rate, hold, workers, pool, wait)
    assert (effect.held >= workers) == math.isfinite(effect.full_after)
    # Nothing fills it faster than every request holding on.
    assert effect.full_after >= workers / rate - 1e-9
    # More workers are never filled sooner, and a longer time-out never holds fewer.
    assert stall(rate, hold, workers + 1, pool, wait).full_after >= effect.full_after - 1e-6
    assert stall(rate, hold * 2, workers, pool, wait).held >= effect.held - 1e-6


# --- connections, balancers, uploads ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "keeps", "reuse", "race"),
    [
        (f"{EVENT}ProxyPass /a http://b/", 5, NoLimit, True),
        (f"{EVENT}ProxyPass /a http://b/ ttl=4", 5, 4, False),
        (f"{EVENT}ProxyPass /a http://b/ ttl=5", 5, 5, True),
        (f"{PREFORK}ProxyPass /a http://b/ ttl=4", 5, NoLimit, True),
        (f"{PREFORK}ProxyPass /a http://b/ disablereuse=On", 5, 0, False),
        ("ProxyPass /a http://b/ ttl=4", 5, Undetermined, Undetermined),
        ("ProxyPass /a http://b/", 5, NoLimit, True),
        (f"{EVENT}ProxyPass /a fcgi://b/", 5, 0, False),
        (f"{EVENT}ProxyPass /a fcgi://b/ enablereuse=On", 5, NoLimit, True),
        (f"{EVENT}ProxyPass /a http://b/ ping=1", 5, NoLimit, True),
        (f"{EVENT}ProxyPass /a ajp://b/ ping=1", 5, NoLimit, False),
        (f"{EVENT}ProxyPass /a http://b/", math.inf, NoLimit, False),
        (f"{EVENT}ProxyPass /a http://b/", 0, NoLimit, False),
    ],
)
def test_which_workers_can_meet_a_connection_that_is_being_closed(
    text: str, keeps: float, reuse: object, race: object
) -> None:
    seen = read(text, say("back end", "*", "keep_alive", keeps))
    worker = seen.of_kind("httpd.worker")[0]
    assert of(worker, "idle_reuse", "reset_race") == (reuse, race)


def test_a_balancer_refuses_for_the_shortest_retry_of_its_members() -> None:
    text = "<Proxy balancer://p>\nBalancerMember http://a retry=20\nBalancerMember http://b\n{}\n</Proxy>"
    for more, seconds in (("ProxySet forcerecovery=Off", 20), ("ProxySet forcerecovery=On", 0), ("", 0)):
        found = one(read(text.format(more)), "httpd.balancer", "main balancer://p")
        assert of(found, "refuses_for", "member_count") == (seconds, 2)


@pytest.mark.parametrize(
    ("stage", "rate", "seconds"),
    [
        (Stage("", 20), 1e9, 20),
        (Stage("", 20, 0, 500), 500, math.inf),
        (Stage("", 20, 0, 500), 250, 40),
        (Stage("", 20, 0, 500), 400, 100),
        (Stage("", 20, 40, 500), 400, 40),
        (Stage("", 20, 40, 500), 1e9, 40),
        (Stage("", 0, 0, 500), 1, math.inf),
    ],
)
def test_what_has_come_moves_the_end_of_a_body_s_time(stage: Stage, rate: float, seconds: float) -> None:
    assert stage.cut_after(rate) == pytest.approx(seconds)


@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 2_000), st.floats(1, 2_000), st.floats(1, 200))
def test_a_client_is_cut_when_its_time_and_what_it_earned_by_sending_are_over(
    first: int, more: int, minimum: int, rate: float, takes: float
) -> None:
    stage = Stage("", first, first + more if more else 0, minimum)
    cut = stage.cut_after(rate)
    assert cut >= first
    assert cut <= stage.most or not stage.most
    # Second by second, as mod_reqtimeout does it.
    end, at, step = float(first), 0.0, 0.25
    while at <= end and at < min(takes, 300.0):
        at += step
        if minimum:
            end = first + rate * at / minimum
        if stage.most:
            end = min(end, stage.most)
    if at > end + step:
        assert cut <= at
    elif takes <= 300 and at < end - step:
        assert cut > takes - step


def test_the_body_s_limit_is_that_of_the_route_s_own_virtual_host() -> None:
    text = "LoadModule reqtimeout_module x.so\nRequestReadTimeout body=20,MinRate=500\n<VirtualHost *:80>\n"
    text += "ServerName v.example\nRequestReadTimeout body=10\nProxyPass /a http://b/\n</VirtualHost>\nProxyPass /b http://c/"
    seen = read(text, say("server", "", "upload_size", 1e6), say("server", "", "upload_rate", 1e4))
    assert of(route(seen, "v.example:80 /a"), "upload_time", "upload_cut_after") == (100, 10)
    assert of(route(seen, "main /b"), "upload_time", "upload_cut_after") == (100, NoLimit)
    assert of(route(seen, "v.example:80 /b"), "upload_cut_after") == 10


BODIES = (
    "LoadModule reqtimeout_module x.so\n"
    "<VirtualHost *:80>\nServerName a.example\nRequestReadTimeout {}\n</VirtualHost>\n"
    "<VirtualHost *:80>\nServerName b.example\nRequestReadTimeout header=5 body=7\nProxyPass /a http://b/\n</VirtualHost>"
)


@pytest.mark.parametrize(
    ("first", "version", "header", "body"),
    [
        ("header=10 body=3", "2.4.44", 10, 7),
        ("header=10 body=3", "2.4.43", 10, 3),
        ("header=10 body=3", "", 10, Undetermined),
        ("header=0 body=0", "2.4.62", NoLimit, NoLimit),
        ("header=0", "2.4.62", NoLimit, 7),
    ],
)
def test_until_its_name_is_known_the_first_host_of_the_address_counts(
    first: str, version: str, header: object, body: object
) -> None:
    declared = (say("server", "", "upload_size", 1e6), say("server", "", "upload_rate", 1e4))
    seen = read(BODIES.format(first), *declared, version=version)
    host = one(seen, "httpd.vhost", "b.example:80")
    assert of(host, "request_read_timeout_header", "request_read_timeout_body") == (header, body)
    assert of(route(seen, "b.example:80 /a"), "upload_cut_after") == body


def test_a_load_balancer_s_keep_alive_concerns_who_answers_it() -> None:
    declared = say("server", "", "front_keep_alive", 60)
    alone = read("KeepAliveTimeout 65", declared)
    assert of(one(alone, "httpd.server", "main"), "front_keep_alive", "keep_alive_timeout") == (60, 65)
    hosts = read("<VirtualHost *:80>\nServerName v.example\n</VirtualHost>", declared)
    assert one(hosts, "httpd.server", "main").value("front_keep_alive") is None
    assert of(one(hosts, "httpd.vhost", "v.example:80"), "front_keep_alive") == 60


TWO = (
    "KeepAliveTimeout 5\n<VirtualHost *:80>\nServerName a.example\nKeepAliveTimeout 15\n</VirtualHost>\n"
    "<VirtualHost *:80>\nServerName b.example\nKeepAliveTimeout 65\n</VirtualHost>\n"
    "<VirtualHost *:80>\nServerName c.example\n</VirtualHost>\n"
)


@pytest.mark.parametrize(
    ("head", "version", "seconds"),
    [
        (EVENT, "2.4.62", (15, 65, 15)),
        (EVENT, "2.4.6", (5, 5, 5)),
        (PREFORK, "2.4.6", (15, 15, 15)),
        (PREFORK, "", (15, Undetermined, 15)),
        (EVENT, "", (Undetermined, Undetermined, Undetermined)),
    ],
)
def test_before_2_4_13_a_host_found_by_name_has_not_its_own_keepalivetimeout(
    head: str, version: str, seconds: tuple[object, ...]
) -> None:
    seen = read(head + TWO, version=version)
    hosts = [one(seen, "httpd.vhost", f"{name}.example:80") for name in "abc"]
    assert tuple(of(host, "keep_alive_timeout") for host in hosts) == seconds


def test_a_virtual_host_s_keepalivetimeout_of_0_is_the_main_server_s() -> None:
    text = "KeepAliveTimeout 65\n<VirtualHost *:80>\nServerName v.example\nKeepAliveTimeout 0\n</VirtualHost>"
    assert of(one(read(text), "httpd.vhost", "v.example:80"), "keep_alive_timeout") == 65
