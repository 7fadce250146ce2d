"""Twice as large a configuration costs about twice as much: counted in calls, so that no clock decides."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from auditor.model.snapshot import Collected, Document, Fact
from auditor.surfaces.httpd.explain import Explainer
from auditor.surfaces.httpd.resolving import resolve_collected
from auditor.surfaces.httpd.resources import interpret
from auditor.surfaces.interface import InterpretOptions

HEAD = "ServerName main.example\nListen 80\nLoadModule proxy_module m.so\nLoadModule proxy_http_module m.so\n"
OPTIONS = InterpretOptions(httpd_version="2.4.62")
MOST = 2.3


def tree(main: str, **others: str) -> Collected:
    contents = {"httpd.conf": HEAD + main, **{f"{name}.conf": text for name, text in others.items()}}
    documents = tuple(Document(name, f"files/{name}", text.encode()) for name, text in sorted(contents.items()))
    facts = (Fact("layout", "other"), Fact("main_file", "httpd.conf"), Fact("root", "/etc/httpd"))
    return Collected("web1/httpd", "httpd", documents, (*facts, Fact("builtin_modules", ("core_module", "so_module"))))


def lines(count: int, text: str) -> str:
    return "".join(text.replace("N", str(number)) + "\n" for number in range(count))


def host(text: str) -> str:
    return f"<VirtualHost *:80>\nServerName a.example\n{text}</VirtualHost>\n"


SHAPES: dict[str, Callable[[int], Collected]] = {
    "virtual hosts": lambda n: tree(
        lines(n, host("ServerAlias sN.example\nProxyPass /a http://10.0.0.1:N/ timeout=3\n"))
    ),
    "virtual hosts by address": lambda n: tree(lines(n, "<VirtualHost 10.0.N.1:80>\nServerName sN\n</VirtualHost>")),
    "routes": lambda n: tree(host(lines(n, "ProxyPass /aN/ http://10.0.0.1:8080/aN/"))),
    "routes of one worker": lambda n: tree(host(lines(n, "ProxyPass /aN http://10.0.0.1:8080/ timeout=N1"))),
    "routes of one path": lambda n: tree(host(lines(n, "ProxyPass /a http://10.0.0.1:8080/N"))),
    "inherited routes of one path": lambda n: tree(lines(n, "ProxyPass /a http://10.0.0.1:8080/N") + host("")),
    "patterns": lambda n: tree(host(lines(n, "ProxyPassMatch ^/aN/(.*)$ http://10.0.0.1:8080/aN/$1"))),
    "locations": lambda n: tree(host(lines(n, "<Location /aN>\nProxyPass http://10.0.0.1:8080/aN\n</Location>"))),
    "members": lambda n: tree(
        f"<Proxy balancer://b>\n{lines(n, 'BalancerMember http://10.0.0.1:N1')}</Proxy>\nProxyPass / balancer://b/\n"
    ),
    "aliases": lambda n: tree(host(lines(n, "Alias /aN /srv/aN"))),
    "names": lambda n: tree(host(lines(n, "ServerAlias aN.example *.bN.example"))),
    "rewrite rules": lambda n: tree(host("RewriteEngine On\n" + lines(n, "RewriteRule ^/aN http://10.0.0.1/aN [P]"))),
    "includes": lambda n: tree(
        lines(n, "Include iN.conf"), **{f"i{number}": f"Timeout {number}\n" for number in range(n)}
    ),
    "a directory": lambda n: tree("Include d/*.conf\n", **{f"d/{number}": "Timeout 1\n" for number in range(n)}),
    "flat lines": lambda n: tree(lines(n, "Header set X-N N")),
    "macro uses": lambda n: tree("<Macro m $n>\nProxyPass /$n http://10.0.0.1/$n\n</Macro>\n" + lines(n, "Use m N")),
    "definitions": lambda n: tree(lines(n, "Define vN N\nAlias /${vN} /srv/${vN}")),
    "sections": lambda n: tree(lines(n, "<Directory /srv/N>\nAllowOverride None\n</Directory>")),
}


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, Python's and C's."""
    counted = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counted


def ask(collected: Collected) -> None:
    explainer = Explainer(resolve_collected(collected, OPTIONS), "2.4.62", OPTIONS)
    explainer.explain("http://a.example/a1/x")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("work", [ask, lambda collected: interpret(collected, OPTIONS)], ids=["explain", "interpret"])
def test_cost_grows_with_size(shape: str, work: Callable[[Collected], object]) -> None:
    small, large = SHAPES[shape](200), SHAPES[shape](400)
    work(small), work(large)  # what is remembered for good is remembered for both
    first, second = calls(lambda: work(small)), calls(lambda: work(large))
    assert second <= MOST * first, f"{first:,} calls for 200, {second:,} for 400: {second / first:.2f} times"


def test_a_url_costs_no_more_where_there_is_more() -> None:
    def costs(count: int) -> int:
        explainer = Explainer(resolve_collected(SHAPES["routes"](count), OPTIONS), "2.4.62", OPTIONS)
        explainer.explain("http://a.example/a1/x")
        return calls(lambda: explainer.explain("http://a.example/a2/x"))

    assert costs(800) <= 1.1 * costs(100)
