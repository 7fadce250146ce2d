"""What may change a request's end beside the time-outs: told, and nothing told of a plain reverse proxy."""

from __future__ import annotations

import pytest

from tests.unit.surfaces.httpd.trees import ask

POOL = """Listen 80
<Proxy "balancer://pool">
BalancerMember "http://10.0.0.21:8080" timeout=3{parameter}
</Proxy>
{lines}
ProxyPass /app balancer://pool
ProxyPass /plain http://10.0.0.22/ timeout=4
"""
CHECKS = "LoadModule proxy_hcheck_module m.so\nLoadModule proxy_module m.so"
MANAGER = '<Location "/manage">\nSetHandler balancer-manager\n</Location>'


def answer(lines: str = "", path: str = "/app/x", *, parameter: str = "", scheme: str = "http"):  # type: ignore[no-untyped-def]
    return ask(POOL.format(lines=lines, parameter=parameter), f"{scheme}://x.example{path}")


@pytest.mark.parametrize("path", ["/app/x", "/plain/x"])
def test_a_plain_reverse_proxy_is_certain_and_has_no_notes(path: str) -> None:
    told = answer("LoadModule cache_module m.so", path)
    assert (told.undetermined, told.notes) == ((), ())


@pytest.mark.parametrize(
    ("lines", "parameter", "path", "said"),
    [
        (MANAGER, "", "/app/x", "balancer-manager (conf/httpd.conf:6)"),
        (MANAGER, "", "/plain/x", ""),
        (CHECKS, " hcmethod=GET hcinterval=5", "/app/x", "hcmethod=GET (conf/httpd.conf:3)"),
        (CHECKS, " hcmethod=None", "/app/x", ""),
        ("LoadModule proxy_module m.so", " hcmethod=GET", "/app/x", ""),
        ("CacheEnable disk /app", "", "/app/x", "CacheEnable (conf/httpd.conf:5)"),
        ("CacheEnable disk /app", "", "/plain/x", ""),
        ("CacheEnable disk /\nCacheDisable /app", "", "/app/x", ""),
        ("CacheEnable disk http://x.example/", "", "/plain/x", "CacheEnable"),
        ("<Location /plain>\nCacheEnable disk\n</Location>", "", "/plain/x", "CacheEnable (conf/httpd.conf:6)"),
        ("<Location /plain>\nCacheEnable disk\n</Location>", "", "/app/x", ""),
        ("LoadModule proxy_module m.so\nCacheEnable disk /", "", "/app/x", ""),
        ("Protocols h2c http/1.1", "", "/plain/x", "Protocols (conf/httpd.conf:5)"),
        ("Protocols h2 http/1.1", "", "/plain/x", ""),
    ],
)
def test_what_may_end_it_otherwise_is_a_note(lines: str, parameter: str, path: str, said: str) -> None:
    told = answer(lines, path, parameter=parameter)
    assert bool(told.notes) == bool(said), told.notes
    assert said in " ".join(told.notes)
    assert told.undetermined == ()
    assert told.read_timeout_s == (3 if path.startswith("/app") else 4)


def test_http2_over_tls_is_told_of_https_alone() -> None:
    assert "Protocols" in " ".join(answer("Protocols h2 http/1.1", "/plain/x", scheme="https").notes)


@pytest.mark.parametrize(
    ("written", "path", "said"),
    [
        ("BalancerPersist On", "/app/x", True),
        ("BalancerPersist On", "/plain/x", False),
        ("BalancerPersist Off", "/app/x", False),
    ],
)
def test_parameters_that_members_keep_from_before_leave_a_balancer_open(written: str, path: str, said: bool) -> None:
    """Measured on 2.4.71: a changed ``timeout=`` of a member counts neither after a reload nor after a restart."""
    assert ("BalancerPersist (conf/httpd.conf:5)" in " ".join(answer(written, path).undetermined)) is said
