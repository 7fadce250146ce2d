"""Every boundary between versions of httpd: the answer just before it and at it."""

from __future__ import annotations

import msgspec
import pytest

from auditor.model.snapshot import Fact
from auditor.model.value import Undetermined
from auditor.surfaces.httpd.answer import Answer
from auditor.surfaces.httpd.explain import explain
from auditor.surfaces.httpd.resolving import known_release, known_version, resolve_collected
from auditor.surfaces.httpd.resources import interpret
from auditor.surfaces.interface import InterpretOptions
from tests.unit.surfaces.httpd.trees import ask, collected, meaning, of, route

URL = "http://x.example/a/x"
NAMES = (
    "proxy proxy_http proxy_fcgi proxy_ajp proxy_scgi proxy_uwsgi proxy_http2 proxy_wstunnel proxy_balancer "
    "slotmem_shm lbmethod_byrequests reqtimeout"
)
MODULES = "".join(f"LoadModule {name}_module m.so\n" for name in NAMES.split())


def answer(lines: str, version: str, url: str = URL) -> Answer:
    return ask(f"Listen 80\nListen 443\n{MODULES}{lines}\n", url, version=version)


def status_of(one: Answer, when: str) -> int | None:
    return next(failure.status for failure in one.failures if failure.when == when)


def seconds_of(one: Answer, when: str) -> float | None:
    return next((failure.seconds for failure in one.failures if failure.when == when), -1)


@pytest.mark.parametrize(
    ("lines", "before", "at", "seconds"),
    [
        ("ProxyPass /a http://b/", "2.2.34", "2.4.0", (300, 60)),
        ("Timeout 9\nProxyPass /a fcgi://b:9000/", "2.4.6", "2.4.7", (30, 9)),
        ("ProxyPass /a fcgi://b:9000/\nProxyTimeout 9", "2.4.6", "2.4.7", (30, 9)),
        ("Timeout 9\nProxyPassMatch ^/a/(.*) http://b/c/d/$1 timeout=5", "2.4.46", "2.4.47", (9, 5)),
        ("Timeout 9\nProxyPassMatch ^/a/(.*) http://b/c/d/$1 timeout=5", "2.4.48", "2.4.49", (5, 9)),
        ("Timeout 9\nProxyPassMatch ^/(.*) http://b/$1 timeout=5", "2.4.46", "2.4.47", (9, 5)),
        ("ProxyPass /a ws://b/ timeout=5", "2.4.46", "2.4.47", (None, 5)),
        ("ProxyPass /a wss://b/ timeout=5", "2.4.46", "2.4.47", (None, 5)),
        ("ProxyPass /a h2c://b/ timeout=5", "2.4.43", "2.4.44", (None, 5)),
        ("LoadModule cgid_module m.so\nScriptAlias /a /srv/cgi\nTimeout 5", "2.4.9", "2.4.10", (None, 5)),
    ],
)
def test_the_read_time_out(lines: str, before: str, at: str, seconds: tuple[float | None, float | None]) -> None:
    assert (answer(lines, before).read_timeout_s, answer(lines, at).read_timeout_s) == seconds


def test_a_route_that_is_known_to_the_later_version_alone() -> None:
    """Before 2.4.10 a handler is ignored, and the file itself is sent."""
    lines = '<Location "/a">\nSetHandler "proxy:fcgi://b:9000"\n</Location>'
    assert not answer(lines, "2.4.9").proxied
    assert answer(lines, "2.4.10").proxied


@pytest.mark.parametrize(
    ("line", "seconds"), [("ProxyPass /a http://c/ timeout=7\n", (5, 7, 5)), ("ProxyPass /a !\n", (5, None, 5))]
)
def test_two_versions_try_the_lines_behind_a_location(line: str, seconds: tuple[float | None, ...]) -> None:
    lines = f"{line}<Location /a>\nProxyPass http://b/ timeout=5\n</Location>"
    found = [answer(lines, version) for version in ("2.4.23", "2.4.25", "2.4.26")]
    assert tuple(one.read_timeout_s if one.proxied else None for one in found) == seconds


@pytest.mark.parametrize(
    ("lines", "when", "before", "at", "statuses"),
    [
        ("ProxyPass /a fcgi://b:9000/", "read", "2.4.25", "2.4.26", (503, 504)),
        ("ProxyPass /a http://b/", "client body", "2.4.23", "2.4.24", (400, 408)),
        ("ProxyPass /a fcgi://b:9000/", "client body", "2.4.12", "2.4.13", (503, 400)),
        ("ProxyPass /a fcgi://b:9000/", "client body", "2.4.23", "2.4.24", (400, 408)),
        ("ProxyPass /a scgi://b:9000/", "client body", "2.4.35", "2.4.36", (503, 500)),
        ("ProxyPass /a uwsgi://b:9000/", "client body", "2.4.35", "2.4.36", (503, 500)),
        ("ProxyPass /a h2c://b/", "read", "2.4.43", "2.4.44", (None, 503)),
        ("", "client body", "2.4.23", "2.4.24", (400, 408)),
        ("ProxyPass /a ws://b/", "read", "2.4.46", "2.4.47", (None, 502)),
    ],
)
def test_the_status(lines: str, when: str, before: str, at: str, statuses: tuple[int | None, int]) -> None:
    assert (status_of(answer(lines, before), when), status_of(answer(lines, at), when)) == statuses


def test_a_fast_cgi_time_out_of_503_is_tried_on_the_next_member() -> None:
    lines = (
        "<Proxy balancer://p>\nBalancerMember fcgi://b:1 timeout=3\nBalancerMember fcgi://b:2 timeout=4\n</Proxy>\n"
        "ProxyPass /a balancer://p/"
    )
    assert (seconds_of(answer(lines, "2.4.25"), "read"), seconds_of(answer(lines, "2.4.26"), "read")) == (7, 4)


@pytest.mark.parametrize(
    ("lines", "url", "when", "before", "at", "seconds"),
    [
        (
            "<VirtualHost *:80>\nServerName y\nKeepAliveTimeout 2\n</VirtualHost>\n"
            "<VirtualHost *:80>\nServerName x.example\nKeepAliveTimeout 3\n</VirtualHost>",
            URL,
            "client idle",
            "2.4.12",
            "2.4.13",
            (2, 3),
        ),
        ("RequestReadTimeout handshake=7", "https://x.example/", "client handshake", "2.4.38", "2.4.39", (60, 7)),
        ("", URL, "client header", "2.2.34", "2.4.0", (300, 20)),
        (
            "LoadModule proxy_wstunnel_module m.so\nTimeout 9\nProxyPass /a ws://b/ timeout=5",
            URL,
            "idle tunnel",
            "2.4.46",
            "2.4.47",
            (None, 5),
        ),
        ("Timeout 9\nProxyPass /a ws://b/ timeout=5", URL, "idle tunnel", "2.4.52", "2.4.53", (5, 9)),
        ("Timeout 4\nProxyPass /a ws://b/ timeout=5", URL, "idle tunnel", "2.4.52", "2.4.53", (4, 5)),
        ("Timeout -1\nProxyPass /a ws://b/ timeout=5", URL, "idle tunnel", "2.4.52", "2.4.53", (None, 5)),
        (
            "Timeout 9\nProxyPass /a http://b/ timeout=5 upgrade=websocket",
            URL,
            "idle tunnel",
            "2.4.46",
            "2.4.47",
            (-1, 5),
        ),
        ("ProxyPass /a h2c://b/ timeout=5", URL, "read", "2.4.46", "2.4.47", (25, 10)),
        ("ProxyPass /a h2c://b/ timeout=5", URL, "connect", "2.4.38", "2.4.39", (25, 5)),
        ("ProxyPass /a h2c://b/ timeout=5", URL, "connect", "2.4.25", "2.4.26", (5, 25)),
        (
            "<VirtualHost *:80>\nServerName y\n</VirtualHost>\n<VirtualHost *:80>\nServerName x.example\n"
            "RequestReadTimeout body=3\nProxyPass /a http://b/\n</VirtualHost>",
            URL,
            "client body",
            "2.4.43",
            "2.4.44",
            (20, 3),
        ),
        (
            "LoadModule mpm_event_module m.so\n<VirtualHost *:80>\nServerName x.example\nKeepAliveTimeout 3\n"
            "</VirtualHost>",
            URL,
            "client idle",
            "2.4.12",
            "2.4.13",
            (5, 3),
        ),
        ("ProxyPass /a ws://b/", URL, "no upgrade", "2.4.12", "2.4.13", (-1, 0)),
        ("ProxyPass /a http://b/", URL, "in error", "2.4.20", "2.4.21", (0, -1)),
        ("ProxyPass /a http://b/ retry=0", URL, "in error", "2.4.20", "2.4.21", (-1, -1)),
        (
            "LoadModule cgid_module m.so\nScriptAlias /a /srv/cgi\nCGIDScriptTimeout 5",
            URL,
            "read",
            "2.4.9",
            "2.4.10",
            (None, 10),
        ),
        (
            "LoadModule cgi_module m.so\nScriptAlias /a /srv/cgi\nCGIScriptTimeout 5",
            URL,
            "read",
            "2.4.58",
            "2.4.59",
            (120, 10),
        ),
        ("LoadModule cgi_module m.so\nScriptAlias /a /srv/cgi\nTimeout 5", URL, "read", "2.4.59", "2.4.60", (10, 5)),
        ("LoadModule cgid_module m.so\nScriptAlias /a /srv/cgi\nTimeout 5", URL, "read", "2.4.59", "2.4.60", (10, 5)),
    ],
)
def test_the_seconds_of_a_failure(
    lines: str, url: str, when: str, before: str, at: str, seconds: tuple[float | None, float]
) -> None:
    assert (
        seconds_of(answer(lines, before, url), when),
        seconds_of(answer(lines, at, url), when),
    ) == seconds


@pytest.mark.parametrize(
    ("lines", "when", "before", "at", "identifier", "there"),
    [
        ("ProxyPass /a http://b/", "refused", "2.4.20", "2.4.21", "AH00959", (True, False)),
        ("ProxyPass /a http://b/", "connect", "2.4.20", "2.4.21", "AH00959", (True, False)),
        ("ProxyPass /a http://b/ status=+I", "refused", "2.4.20", "2.4.21", "AH00959", (False, False)),
        ("RewriteEngine On\nRewriteRule ^/a http://b/ [P]", "refused", "2.4.20", "2.4.21", "AH00959", (False, False)),
        ("ProxyPass /a fcgi://b:9000/", "closed", "2.4.6", "2.4.7", "AH01067", (False, True)),
        ("ProxyPass /a http://b/", "cut", "2.4.7", "2.4.8", "AH01110", (False, True)),
        ("ProxyPass /a scgi://b:9000/", "client body", "2.4.35", "2.4.36", "AH00859", (False, True)),
        (
            "LoadModule cgid_module m.so\nScriptAlias /a /srv/cgi\nTimeout 5",
            "mid-body",
            "2.4.18",
            "2.4.19",
            "AH02550",
            (True, False),
        ),
    ],
)
def test_the_identifiers(
    lines: str, when: str, before: str, at: str, identifier: str, there: tuple[bool, bool]
) -> None:
    logged = [
        identifier in next(one.log_ids for one in answer(lines, version).failures if one.when == when)
        for version in (before, at)
    ]
    assert tuple(logged) == there


def test_messages_have_identifiers_since_2_4() -> None:
    for version, ids in (("2.2.34", ()), ("2.4.0", ("AH01102", "AH00898"))):
        mark = answer("ProxyPass /a http://b/", version).on_timeout
        assert mark is not None
        assert mark.log_ids == ids


@pytest.mark.parametrize(
    ("lines", "before", "at"),
    [
        ("ProxyPass /a balancer://p/ forcerecovery=Off", "2.4.1", "2.4.2"),
        ("ProxyPass /a balancer://p/ stickysessionsep=.", "2.4.3", "2.4.4"),
        ("ProxyPass /a balancer://p/ failontimeout=On", "2.4.4", "2.4.5"),
        ('ProxyPass /a "unix:/s|http://b/"', "2.4.7", "2.4.8"),
        ("CGIDScriptTimeout 5", "2.4.9", "2.4.10"),
        ("MergeTrailers On", "2.4.10", "2.4.11"),
        ("Protocols h2 http/1.1", "2.4.16", "2.4.17"),
        ("HttpProtocolOptions Unsafe", "2.4.23", "2.4.24"),
        ("<IfFile conf/x>\n</IfFile>", "2.4.33", "2.4.34"),
        ("<IfDirective Listen>\n</IfDirective>", "2.4.33", "2.4.34"),
        ('<IfDefine "X">\n</IfDefine>', "2.4.34", "2.4.35"),
        ("<IfModule mod_x.c >\n</IfModule>", "2.4.34", "2.4.35"),
        ("IncludeOptional conf/nothing.conf", "2.4.29", "2.4.30"),
        ("IncludeOptional nothing/*.conf", "2.4.29", "2.4.30"),
        ("IncludeOptional nothing/*/x.conf", "2.4.29", "2.4.30"),
        ("<IfSection Location>\n</IfSection>", "2.4.33", "2.4.34"),
        ("ProxyPassMatch ^/a/(.*) http://b:80$1", "2.4.46", "2.4.47"),
        ("ReadBufferSize 9000", "2.4.46", "2.4.47"),
        ("ProxyPass /a http://b/ enablereuse=On", "2.4.10", "2.4.11"),
        ("<Proxy http://b/ enablereuse=On>\n</Proxy>", "2.4.10", "2.4.11"),
        ("ProxyPass /a http://b/ hcinterval=5", "2.4.20", "2.4.21"),
        ("ProxyPass /a http://b/ upgrade=websocket", "2.4.25", "2.4.26"),
        ("ProxyPass /a http://b/ responsefieldsize=9000", "2.4.33", "2.4.34"),
        ("RequestReadTimeout header=5 handshake=5", "2.4.38", "2.4.39"),
        ("MergeSlashes Off", "2.4.38", "2.4.39"),
        ("ProxyPass /a ajp://b/ secret=x", "2.4.41", "2.4.42"),
        ("ProxyWebsocketFallbackToProxyHttp Off", "2.4.47", "2.4.48"),
        ("H2StreamTimeout 5", "2.4.54", "2.4.55"),
        ("<Proxy balancer://p>\nBalancerMember http://b addressttl=5\n</Proxy>", "2.4.58", "2.4.59"),
        ("CGIScriptTimeout 5", "2.4.58", "2.4.59"),
    ],
)
def test_what_the_earlier_version_does_not_start_with(lines: str, before: str, at: str) -> None:
    refused = [gap for gap in meaning(f"Listen 80\n{lines}\n", version=before).gaps if gap.cause == "malformed"]
    assert refused, before
    assert "does not start" in refused[0].detail
    assert refused[0].what.startswith("conf/httpd.conf:")
    assert [gap for gap in meaning(f"Listen 80\n{lines}\n", version=at).gaps if gap.cause == "malformed"] == []


@pytest.mark.parametrize(
    ("lines", "before"),
    [
        ("<IfFile conf/x>\n</IfFile>", "2.4.33"),
        ('<IfDefine "X">\n</IfDefine>', "2.4.34"),
        ("IncludeOptional conf/nothing.conf", "2.4.29"),
        ("MergeTrailers On", "2.4.10"),
    ],
)
def test_what_may_not_be_read_at_all_is_not_said_to_keep_it_from_starting(lines: str, before: str) -> None:
    """Whether a module of others is loaded is not known, and the lines count only then."""
    text = f"Listen 80\n<IfModule mod_others.c>\n{lines}\n</IfModule>\n"
    seen = meaning(text, version=before, built_in=None)
    causes = {gap.cause for gap in seen.gaps if "does not start" in gap.detail}
    assert causes == {"undetermined"}


@pytest.mark.parametrize(
    "lines",
    [
        "ProxyPass /a http://b/ tiemout=5",
        "ProxyPass /a http://b/ lbmethod=byrequests",
        "ProxyPass /a balancer://p/ connectiontimeout=5",
        "<Proxy balancer://p>\nProxySet retry=5\n</Proxy>",
        "<Proxy balancer://p>\nBalancerMember http://b timeout=0\n</Proxy>",
    ],
)
def test_what_no_version_starts_with(lines: str) -> None:
    assert [gap for gap in meaning(f"Listen 80\n{lines}\n").gaps if "does not start" in gap.detail]


@pytest.mark.parametrize(
    ("lines", "status", "identifier"),
    [
        ("ProxyPass /a fcgi://b:9000/", 500, "AH01144"),
        ("<Proxy balancer://p>\nBalancerMember http://b\n</Proxy>\nProxyPass /a balancer://p/", 500, "AH01144"),
    ],
)
def test_a_route_whose_module_is_not_loaded(lines: str, status: int, identifier: str) -> None:
    """Whatever its time-outs say, it is answered at once; a rule finds it."""
    text = f"Listen 80\nLoadModule proxy_module m.so\nLoadModule proxy_http_module m.so\n{lines}\n"
    found = next(one for one in ask(text, URL).failures if not one.when.startswith("client"))
    assert (found.when, found.seconds, found.status, found.log_ids) == ("no module", 0, status, (identifier,))
    assert ask(text, URL).on_timeout is None
    assert of(route(meaning(text), "main /a"), "served") is False


def test_where_the_modules_are_not_known_nobody_says_that_one_is_missing() -> None:
    text = "Listen 80\nLoadModule proxy_module m.so\nProxyPass /a fcgi://b:9000/\n"
    assert of(route(meaning(text, built_in=None), "main /a"), "served") is Undetermined
    assert of(route(meaning("Listen 80\nProxyPass /a fcgi://b:9000/"), "main /a"), "served") is None
    resolved = resolve_collected(collected(text, built_in=None), InterpretOptions())
    assert any("--module" in doubt for doubt in explain(resolved, URL, "2.4.62").undetermined)
    http = resolve_collected(collected(text.replace("fcgi://b:9000", "http://b"), built_in=None), InterpretOptions())
    assert any("--module" in doubt for doubt in explain(http, URL, "2.4.62").undetermined)


@pytest.mark.parametrize(
    ("modules", "missing"),
    [
        ("proxy_balancer lbmethod_byrequests", "mod_slotmem_shm"),
        ("proxy_balancer slotmem_shm", "mod_lbmethod_byrequests"),
        ("proxy_balancer slotmem_shm lbmethod_byrequests", ""),
        ("", ""),
    ],
)
def test_a_balancer_without_its_modules_keeps_httpd_from_starting(modules: str, missing: str) -> None:
    loads = "".join(f"LoadModule {name}_module m.so\n" for name in f"proxy proxy_http {modules}".split())
    text = f"Listen 80\n{loads}<Proxy balancer://p>\nBalancerMember http://b\n</Proxy>\nProxyPass /a balancer://p/\n"
    details = [gap.detail for gap in meaning(text).gaps if "needs mod_" in gap.detail]
    assert [missing in detail for detail in details] == ([True] if missing else [])


FCGI = "Listen 80\nTimeout 9\nProxyPass /a fcgi://b:9000/\nProxyPass /h http://b/\n"


@pytest.mark.parametrize(
    ("lines", "before", "at", "seconds"),
    [
        ("Timeout 9\nProxyPass /a fcgi://b:9000/", 33, 34, (30, 9)),
        ('<Location "/a">\nSetHandler "proxy:fcgi://b:9000"\n</Location>\nTimeout 9', 23, 24, (None, 30)),
        ("ProxyPass /a unix:/s|http://b/ timeout=5", 30, 31, (5, 5)),
        ("MergeTrailers On\nProxyPass /a http://b/ timeout=5", 29, 30, (5, 5)),
        ("ProxyPass /a http://b/ timeout=5\nSSLSessionTickets Off", 77, 78, (5, 5)),
        ("MergeSlashes Off\nProxyPass /a http://b/ timeout=5", 89, 90, (5, 5)),
    ],
)
def test_what_a_release_of_rhel_7_s_package_brought(
    lines: str, before: int, at: int, seconds: tuple[float | None, float]
) -> None:
    """By the package's own change log; what httpd does not start with before is named."""
    for release, wanted in zip((before, at), seconds, strict=True):
        version = f"2.4.6-{release}.el7.centos.1"
        text = f"Listen 80\n{MODULES}LoadModule ssl_module m.so\nLoadModule mpm_prefork_module m.so\n{lines}\n"
        seen = collected(text, version="2.4.6")
        packages = Fact("packages", (f"httpd-{version}.x86_64", "mod_ssl-2.4.6-99.el7.x86_64"))
        by_package = msgspec.structs.replace(seen, facts=(*seen.facts, packages))
        resolved = resolve_collected(seen, InterpretOptions())
        assert explain(resolved, URL, known_release(by_package, InterpretOptions())).read_timeout_s == wanted
        refused, same = (
            [gap.detail for gap in interpret(one, options).gaps if "2.4.6" in gap.detail or "2.4.8" in gap.detail]
            for one, options in (
                (by_package, InterpretOptions()),
                (seen, InterpretOptions(httpd_version=version)),
            )
        )
        assert refused == same
        assert bool(refused) == (release == before and seconds == (5, 5))


@pytest.mark.parametrize("fact", ["2.4.6", "Apache/2.4.6 (CentOS)", "httpd-2.4.6-99.el7", "httpd24-httpd-2.4.6-1.el7"])
def test_what_a_person_says_goes_before_what_was_collected(fact: str) -> None:
    seen = collected(FCGI, version=fact)
    resolved = resolve_collected(seen, InterpretOptions())
    assert explain(resolved, URL, known_version(seen, InterpretOptions())).read_timeout_s == 30
    options = InterpretOptions(httpd_version="2.4.62")
    assert explain(resolved, URL, known_version(seen, options), options).read_timeout_s == 9
    assert Fact("version", fact) in seen.facts


@pytest.mark.parametrize(
    ("lines", "url"),
    [
        ("ProxyPass /a h2c://b/ timeout=5", URL),
        ("LoadModule cgid_module m.so\nScriptAlias /a /srv/cgi", URL),
        ("LoadModule cgi_module m.so\nScriptAlias /a /srv/cgi\nTimeout 5", URL),
        ("ProxyPass /a http://c/ timeout=7\n<Location /a>\nProxyPass http://b/ timeout=5\n</Location>", URL),
        ('<Location "/a">\nSetHandler "proxy:unix:/s|fcgi://b"\n</Location>', URL),
        ("ProxyPassMatch ^/b/a/ http://b/", "http://x.example/b//a/x"),
        ("ProxyPass /a ws://b/", URL),
    ],
)
def test_an_unknown_version_leaves_open_what_differs(lines: str, url: str) -> None:
    assert any("--httpd-version" in sentence for sentence in answer(lines, "", url).undetermined)
    assert answer(lines, "2.4.62", url).undetermined == ()
    assert answer("ProxyPass /b http://b/ timeout=5\n" + lines, "", "http://x.example/b/x").undetermined == ()


def test_an_unknown_version_matters_only_where_versions_differ() -> None:
    unsure = ask(FCGI, URL, version="")
    assert unsure.undetermined
    assert all("--httpd-version" in sentence for sentence in unsure.undetermined)
    assert ask(FCGI, "http://x.example/h", version="").undetermined == ()
