"""The twelve ways in which httpd's time-outs surprise operators are findings; what is well kept or stock is none."""

from __future__ import annotations

from functools import cache

import pytest

from auditor.model.source import FileSource
from auditor.policy.evaluate import HostFacts, evaluate
from auditor.policy.rules import LoadedPolicy, load_policy
from auditor.services.check import kinds_of, shipped_policy_files
from tests.unit.surfaces.httpd.trees import meaning

MODULES = (
    "mpm_event log_config reqtimeout unique_id authz_core alias rewrite proxy proxy_http proxy_ajp proxy_fcgi"
    " proxy_balancer slotmem_shm lbmethod_byrequests ssl ldap"
)
BUILT_IN = ("core_module", "so_module", "http_module", "unixd_module")
HEAD = "Listen 80\n" + "".join(f"LoadModule {name}_module x\n" for name in MODULES.split())


@cache
def policy() -> LoadedPolicy:
    return load_policy(shipped_policy_files(["httpd"]), kinds_of(["httpd"]))


def findings(text: str, version: str = "2.4.62") -> dict[str, list[str]]:
    """By rule: the messages. Rules on logs and identifiers are left out; nothing may be left undecided."""
    seen = meaning(HEAD + text, version=version, built_in=BUILT_IN)
    assert seen.gaps == ()
    checked = evaluate(policy(), seen, HostFacts("web1", httpd_version=version, mpm="event"))
    assert [one.rule for one in checked.results if one.outcome == "not evaluated"] == []
    return {
        one.rule: [finding.message for finding in one.findings]
        for one in checked.results
        if one.findings and "ALERT" not in one.rule
    }


def host(body: str, head: str = "") -> str:
    return f"{head}\n<VirtualHost *:80>\nServerName a.example\n{body}\n</VirtualHost>\n"


CONNECT = "connectiontimeout=2"

SURPRISES = {
    "1 a worker's timeout=500ms": (f"ProxyPass /a http://b/ timeout=500ms {CONNECT}", "HTTPD-TIMEOUT-007"),
    "1 a worker's timeout=2min": (f"ProxyPass /a http://b/ timeout=2min {CONNECT}", "HTTPD-TIMEOUT-007"),
    "1 ProxyTimeout 3min": ("ProxyTimeout 3min", "HTTPD-TIMEOUT-007"),
    "1 ttl=500ms": (f"ProxyPass /a http://b/ ttl=500ms {CONNECT}", "HTTPD-TIMEOUT-007"),
    "1 a member's retry=2min": (
        f"<Proxy balancer://p>\nBalancerMember http://b retry=2min timeout=9 {CONNECT}\nProxySet forcerecovery=Off\n"
        "</Proxy>\nProxyPass / balancer://p/",
        "HTTPD-TIMEOUT-007",
    ),
    "1 other modules' times": ("SSLSessionCacheTimeout 5min\nLDAPConnectionTimeout 500ms", "HTTPD-TIMEOUT-007"),
    "3 the order of lines": (
        host(f"ProxyTimeout 3\nProxyPass /a http://b/ {CONNECT}\nProxyTimeout 1"),
        "HTTPD-TIMEOUT-003",
    ),
    "4 a worker of the main server": (
        host(f"ProxyPass /a http://b/ timeout=2 {CONNECT}", f"ProxyPass /m http://b/ timeout=9 {CONNECT}"),
        "HTTPD-TIMEOUT-004",
    ),
    "4 ProxySet": (
        f'ProxyPass /a http://b/ timeout=2 {CONNECT}\n<Proxy "http://b/">\nProxySet timeout=9\n</Proxy>',
        "HTTPD-TIMEOUT-004",
    ),
    "5 ProxyPassInherit Off": (
        host("ProxyPassInherit Off", f"ProxyPass /m http://b/ timeout=9 {CONNECT}"),
        "HTTPD-TIMEOUT-005",
    ),
    "6 a balancer in main and host": (
        host(
            f"<Proxy balancer://p>\nBalancerMember http://c timeout=9 {CONNECT}\n</Proxy>\nProxyPass / balancer://p/",
            f"<Proxy balancer://p>\nBalancerMember http://b timeout=9 {CONNECT}\n</Proxy>",
        ),
        "HTTPD-TIMEOUT-006",
    ),
    "7 Timeout 0": ("Timeout 0", "HTTPD-TIMEOUT-008"),
    "7 Timeout -1": ("Timeout -1", "HTTPD-TIMEOUT-008"),
    "7 Timeout abc": ("Timeout abc", "HTTPD-TIMEOUT-008"),
    "7 Timeout 0 of a host": (host("Timeout 0"), "HTTPD-TIMEOUT-016"),
    "7 Timeout abc of a host": (host("Timeout abc"), "HTTPD-TIMEOUT-016"),
    "8 AJP fails over": (
        f"<Proxy balancer://p>\nBalancerMember ajp://b timeout=1 {CONNECT}\n"
        f"BalancerMember ajp://c timeout=2 {CONNECT}\n</Proxy>\nProxyPass / balancer://p/",
        "HTTPD-TIMEOUT-013",
    ),
    "9 forcerecovery against retry": (
        f"<Proxy balancer://p>\nBalancerMember http://b retry=60 timeout=9 {CONNECT}\n</Proxy>\nProxyPass / balancer://p/",
        "HTTPD-TIMEOUT-009",
    ),
    "10 /app takes /apple": (
        f"ProxyPass /app http://b/app timeout=40 {CONNECT}\nProxyPass /apple http://b/apple",
        "HTTPD-TIMEOUT-010",
    ),
    "10 short URLs escape": (
        f"ProxyPassMatch ^/i/(.*)$ http://b/$1 timeout=9 {CONNECT}",
        "HTTPD-TIMEOUT-014",
    ),
    "11 two sockets, one URL": (
        "ProxyPass /a unix:/run/a.sock|http://localhost/ timeout=9\nProxyPass /b unix:/run/b.sock|http://localhost/",
        "HTTPD-TIMEOUT-011",
    ),
    "12 a slow client's body": ("RequestReadTimeout body=0", "HTTPD-TIMEOUT-012"),
    "12 a slow client's body in a host": (host("RequestReadTimeout body=0"), "HTTPD-TIMEOUT-022"),
    "timeout= of a balancer": (
        f"<Proxy balancer://p>\nBalancerMember http://b timeout=9 {CONNECT}\n</Proxy>\n"
        "ProxyPass / balancer://p/ timeout=3",
        "HTTPD-TIMEOUT-015",
    ),
    "a balancer that stays shut": (
        f"<Proxy balancer://p>\nBalancerMember http://b timeout=9 {CONNECT}\nProxySet forcerecovery=Off\n</Proxy>\n"
        "ProxyPass / balancer://p/",
        "HTTPD-HOP-006",
    ),
    "MaxRequestWorkers alone": ("MaxRequestWorkers 1000", "HTTPD-HOP-010"),
}


@pytest.mark.parametrize("name", SURPRISES)
def test_a_surprise_is_a_finding_and_no_other_rule_joins_in(name: str) -> None:
    text, rule = SURPRISES[name]
    found = findings(text)
    # A unit that is dropped may make 500 s, or a negative Timeout no limit: then the bound speaks as well.
    assert found.keys() - {"HTTPD-TIMEOUT-001"} == {rule}
    assert not any("not set" in message or "undetermined" in message for message in found[rule])


def test_2_the_fixed_thirty_seconds_are_a_finding_where_httpd_has_them() -> None:
    text = f"ProxyPass /a fcgi://b:9000/ {CONNECT}"
    assert findings(text, "2.4.6").keys() == {"HTTPD-TIMEOUT-002"}
    assert findings(text, "2.4.7").keys() == set()
    assert findings(f"{text} timeout=20", "2.4.6").keys() == set()


WELL_KEPT = {
    "seconds written as such": f"Timeout 60s\nProxyTimeout 30sec\nProxyPass /a http://b/ timeout=20s {CONNECT}",
    "a host's seconds": host("Timeout 30s"),
    "the same values on a shared worker": f"ProxyPass /a http://b/ timeout=20 {CONNECT} retry=5\n"
    f"ProxyPass /c http://b/c timeout=20 {CONNECT} retry=5",
    "a prefix that sets nothing": "Timeout 9\nProxyPass /api http://b/api\nProxyPass /api-docs http://b/api-docs",
    "a prefix that sets the same": f"ProxyPass /api http://b/api timeout=20 {CONNECT}\n"
    f"ProxyPass /api-docs http://b/api-docs timeout=20 {CONNECT}",
    "retry=0": f"<Proxy balancer://p>\nBalancerMember http://b retry=0 timeout=9 {CONNECT}\n</Proxy>\n"
    "ProxyPass / balancer://p/",
    "AJP that does not fail over": f"<Proxy balancer://p>\nBalancerMember ajp://b timeout=9 {CONNECT}\n"
    f"BalancerMember ajp://c timeout=9 {CONNECT}\nProxySet maxattempts=0\n</Proxy>\nProxyPass / balancer://p/",
    "AJP with ping": f"<Proxy balancer://p>\nBalancerMember ajp://b timeout=9 ping=1 {CONNECT}\n"
    f"BalancerMember ajp://c timeout=9 ping=1 {CONNECT}\n</Proxy>\nProxyPass / balancer://p/",
    "one socket twice": "ProxyPass /a unix:/run/a.sock|http://localhost/ timeout=9\n"
    "ProxyPass /b unix:/run/a.sock|http://localhost/b timeout=9",
    "PHP by handler": '<FilesMatch "\\.php$">\nSetHandler "proxy:unix:/run/php.sock|fcgi://localhost"\n</FilesMatch>',
    "an exclusion first": f"ProxyPass /x !\nProxyPass / http://b/ timeout=20 {CONNECT}",
    "units that are honoured": "KeepAliveTimeout 500ms\n"
    "ProxyPass /a http://b/ timeout=20 connectiontimeout=500ms ping=1",
    "workers in whole processes": "ServerLimit 40\nMaxRequestWorkers 1000",
}  # fmt: skip


@pytest.mark.parametrize("name", WELL_KEPT)
def test_what_is_well_kept_is_no_finding(name: str) -> None:
    assert findings(WELL_KEPT[name]) == {}


def test_many_hosts_that_set_nothing_are_one_finding_not_many() -> None:
    hosts = "".join(host("").replace("a.example", f"{number}.example") for number in range(20))
    found = findings(f"RequestReadTimeout header=0 body=0\n{hosts}")
    assert {rule: len(messages) for rule, messages in found.items()} == {
        "HTTPD-TIMEOUT-012": 1,
        "HTTPD-TIMEOUT-021": 1,
    }


def test_every_finding_of_a_surprise_points_into_the_configuration() -> None:
    text, rule = SURPRISES["4 ProxySet"]
    seen = meaning(HEAD + text, built_in=BUILT_IN)
    checked = evaluate(policy(), seen, HostFacts("web1", httpd_version="2.4.62", mpm="event"))
    places = [finding.source for one in checked.results if one.rule == rule for finding in one.findings]
    assert all(isinstance(place, FileSource) for place in places)
    assert places
