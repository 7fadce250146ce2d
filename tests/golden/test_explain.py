"""What `explain` says of the sample tree, URL by URL, as its JSON carries it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from auditor.cli.forms.explain import show_explain
from auditor.model.secret import Sealer
from auditor.model.target import LocalTree, Target
from auditor.report.interface import Style
from auditor.services.explain import Answers
from auditor.services.sample import SAMPLE
from auditor.surfaces.httpd.answer import answer_json
from auditor.surfaces.httpd.collect import collect
from auditor.surfaces.httpd.explain import explain
from auditor.surfaces.httpd.resolving import resolve_collected
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from tests.unit.surfaces.httpd.trees import ask

MIXED = """Listen 80
LoadModule proxy_module m.so
LoadModule proxy_http_module m.so
LoadModule cgid_module m.so
<VirtualHost *:80>
ServerName x.example
Timeout 60
<Proxy "balancer://tomcats">
  BalancerMember ajp://10.0.0.1:8009 timeout=20 ping=2
  BalancerMember ajp://10.0.0.2:8009 timeout=20 ping=2
  ProxySet forcerecovery=Off timeout=5
</Proxy>
ProxyPass /ajp balancer://tomcats/
ProxyPass /live ws://10.0.0.3:8080/live timeout=300
ProxyPass /f fcgi://10.0.0.4:9000/ timeout=500ms
ScriptAlias /cgi-bin /srv/cgi-bin
CGIDScriptTimeout 90s
</VirtualHost>
LoadModule proxy_ajp_module m.so
LoadModule proxy_fcgi_module m.so
LoadModule proxy_wstunnel_module m.so
LoadModule proxy_balancer_module m.so
LoadModule slotmem_shm_module m.so
LoadModule lbmethod_byrequests_module m.so
"""


@pytest.mark.parametrize(
    ("name", "url", "version"),
    [
        ("shared", "https://shop.example/api/orders", ""),
        ("unit", "https://www.shop.example/search?q=1", ""),
        ("balancer", "https://shop.example/pay/1", "2.4.6"),
        ("frozen", "http://intra/staff/", "2.4.62"),
        ("captured", "http://intra.example/staffbook", ""),
        ("not-proxied", "http://intra.example/logo.png", ""),
        ("unknown-name", "https://other.example/app/x", ""),
    ],
)
def test_explain(name: str, url: str, version: str, golden: Callable[[str, str], None]) -> None:
    target = Target("web1", "httpd", LocalTree(str(SAMPLE)))
    collected = asyncio.run(collect(target, CollectOptions(Sealer(b"k" * 32))))
    answer = explain(resolve_collected(collected, InterpretOptions()), url, version)
    golden(f"explain/{name}.json", json.dumps(answer_json(answer), indent=2) + "\n")


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("shared", "https://shop.example/api/orders"),
        ("balancer", "https://shop.example/pay/1"),
        ("not-proxied", "http://intra.example/logo.png"),
        ("other-protocols", MIXED),
    ],
)
def test_explain_as_people_read_it(name: str, url: str, lang: str, golden: Callable[[str, str], None]) -> None:
    if url is MIXED:
        answers = tuple(ask(MIXED, f"http://x.example{path}") for path in ("/ajp/a", "/live/a", "/cgi-bin/a", "/f/a"))
    else:
        target = Target("web1", "httpd", LocalTree(str(SAMPLE)))
        collected = asyncio.run(collect(target, CollectOptions(Sealer(b"k" * 32))))
        answers = (explain(resolve_collected(collected, InterpretOptions()), url, "2.4.62"),)
    text = show_explain(Answers("web1/httpd", answers, (), True), Style(lang=lang))
    golden(f"explain/{name}.{lang}.txt", text)
