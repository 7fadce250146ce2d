"""Explain asks one httpd; what cannot be asked is refused with every mistake named."""

from __future__ import annotations

import asyncio
from pathlib import Path
from unittest import mock

import pytest

from auditor.errors import CollectError, InputError
from auditor.model.secret import Sealer
from auditor.model.target import IloEndpoint, LocalTree, Target
from auditor.services.explain import Answers, run_explain
from auditor.surfaces.httpd.propose import propose
from auditor.surfaces.interface import CollectOptions, InterpretOptions

_CONF = """\
ServerRoot "/etc/httpd"
LoadModule proxy_module modules/mod_proxy.so
LoadModule proxy_http_module modules/mod_proxy_http.so
ServerName shop.example
Timeout 60
ProxyPass /app http://10.0.0.5:8080/ timeout=300
ProxyPass /api http://10.0.0.5:8080/ timeout=60
{more}
"""


def ask(tree: Path, *urls: str, version: str = "2.4.6") -> Answers:
    target = Target("web1", "httpd", LocalTree(str(tree)))
    return asyncio.run(run_explain(target, urls, CollectOptions(Sealer(b"k" * 32)), InterpretOptions(version)))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/httpd.conf").write_text(_CONF.format(more=""))
    return tmp_path


def test_answers_stand_in_the_order_asked(tree: Path) -> None:
    found = ask(tree, "http://shop.example/api/x", "http://shop.example/", "http://shop.example/app")
    assert found.complete
    assert [one.proxied for one in found.answers] == [True, False, True]
    assert [one.read_timeout_s for one in found.answers] == [300, None, 300]


def test_a_gap_that_may_hide_what_governs_makes_it_incomplete(tree: Path) -> None:
    (tree / "conf/httpd.conf").write_text(_CONF.format(more="Include /nowhere/at-all.conf"))
    found = ask(tree, "http://shop.example/api")
    assert not found.complete
    assert found.gaps


def test_every_text_that_is_no_url_is_named(tree: Path) -> None:
    with pytest.raises(InputError) as caught:
        ask(tree, "ftp://shop.example/", "http://shop.example/", "http://[x/")
    assert "ftp://shop.example/" in str(caught.value)
    assert "http://[x/" in str(caught.value)


def test_an_ilo_has_no_urls() -> None:
    target = Target("web1", "ilo", IloEndpoint("https://web1-ilo"))
    with pytest.raises(InputError, match="web1/ilo is not an httpd"):
        asyncio.run(run_explain(target, ["http://x/"], CollectOptions(Sealer(b"k" * 32)), InterpretOptions()))


def test_a_tree_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises((CollectError, InputError)):
        ask(tmp_path / "none", "http://shop.example/")


def test_the_plan_that_gives_a_route_its_own_time_out_is_named_with_all_that_it_changes(tree: Path) -> None:
    (api, app) = ask(tree, "http://shop.example/api/x", "http://shop.example/app").own
    assert api is not None
    assert (str(api.address), api.seconds, api.others) == (
        'web1/httpd:httpd.route["main /api"].read_timeout',
        60,
        ("main /app",),
    )
    assert app is None


def test_what_httpd_refuses_makes_every_answer_incomplete(tree: Path) -> None:
    (tree / "conf.d").mkdir()  # a packaged layout, whose compiled-in modules are known
    for line in ("ProxyTimeout -5", "ProxyPass /x nowhere", "ProxyTimout 5", "RequestHeader set a b"):
        (tree / "conf/httpd.conf").write_text(_CONF.format(more=line))
        found = ask(tree, "http://shop.example/api")
        assert not found.complete, line
        assert [gap.cause for gap in found.gaps] == ["malformed"], line


def test_urls_of_one_route_cost_one_proposal(tree: Path) -> None:
    with mock.patch("auditor.surfaces.httpd.propose.propose", wraps=propose) as proposed:
        own = ask(tree, *(f"http://shop.example/api/{number}" for number in range(20))).own
    assert proposed.call_count == 1
    assert {str(one.address) for one in own if one} == {'web1/httpd:httpd.route["main /api"].read_timeout'}
    assert len(own) == 20
