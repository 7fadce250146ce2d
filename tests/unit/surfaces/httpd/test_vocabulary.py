from __future__ import annotations

import pytest

from auditor.model.snapshot import Gap
from tests.unit.surfaces.httpd.trees import meaning

BUILT_IN = ("core_module", "http_module", "so_module")
LOADED = "LoadModule proxy_module m.so\nLoadModule mpm_event_module m.so\nListen 80\nProxyPass /a http://b/\n"


def refused(text: str, version: str = "2.4.62", built_in: tuple[str, ...] | None = BUILT_IN) -> list[Gap]:
    return [gap for gap in meaning(text, version=version, built_in=built_in).gaps if gap.cause == "malformed"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("ProxyTimout 5", "no loaded module knows ProxyTimout"),
        ("SSLEngine on", "SSLEngine belongs to ssl_module"),
        ("<VirtualHost *:80>\nRequestHeader set a b\n</VirtualHost>", "RequestHeader belongs to headers_module"),
        ("ScriptLog x", "ScriptLog belongs to cgi_module or cgid_module"),
    ],
)
def test_a_directive_that_no_loaded_module_brings_is_refused(lines: str, said: str) -> None:
    (gap,) = refused(f"{LOADED}{lines}\n{lines}\n")
    assert said in gap.detail
    assert gap.what.startswith("conf/httpd.conf:")
    assert "httpd.route" in gap.kinds


@pytest.mark.parametrize(
    "lines",
    [
        "Timeout 5\nProxySet http://b/ timeout=3\nKeepAlive On\nThreadsPerChild 5\nPidFile p",
        "<IfModule mod_ssl.c>\nSSLEngine on\n</IfModule>",
        "LoadModule wsgi_module m.so\nWSGIScriptAlias /x /y",
        "LoadModule own_module m.so\n<IfDirective Own>\nLoadModule ssl_module m.so\n</IfDirective>\nSSLEngine on",
    ],
)
def test_what_a_module_may_bring_is_not_refused(lines: str) -> None:
    assert refused(f"{LOADED}LoadModule version_module m.so\n{lines}\n") == []


def test_nothing_is_refused_where_the_modules_are_not_known() -> None:
    assert refused("ProxyTimout 5\n") == []
    assert refused(f"{LOADED}SSLEngine on\n", built_in=None) == []
