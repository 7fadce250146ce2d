"""What a configuration by itself ends a server for, and what leaves that open."""

from __future__ import annotations

import pytest

from auditor.surfaces.httpd.carry_out.keys import loaded
from auditor.surfaces.httpd.carry_out.needs import endings
from auditor.surfaces.httpd.resolving import resolve_collected
from auditor.surfaces.interface import InterpretOptions
from tests.unit.surfaces.httpd.trees import collected

_BALANCER = "LoadModule slotmem_shm_module s.so\nLoadModule proxy_balancer_module b.so\n"
_MEMBER = "BalancerMember http://127.0.0.1:9"
_TRAFFIC = "LoadModule lbmethod_bytraffic_module t.so\n"


def _found(text: str) -> list[str]:
    after = resolve_collected(collected(text), InterpretOptions())
    return [f"{one.why}{'' if one.certain else ' ?'}" for one in endings(after)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no Listen is left"),
        ("Listen 80\nLoadModule auth_form_module f.so", "without session_module"),
        ("Listen 80\nLoadModule authnz_ldap_module f.so", "without ldap_module"),
        ("Listen 80\nLoadModule heartmonitor_module f.so", "without slotmem_shm_module"),
        (f"Listen 80\n{_BALANCER}ProxyPass /x balancer://b", "balancer://b ends the server"),
        (f"Listen 80\n{_BALANCER}<Proxy balancer://B>\n{_MEMBER}\n</Proxy>", "balancer://b ends the server"),
        (f"Listen 80\n{_BALANCER}BalancerMember balancer://b http://127.0.0.1:9", "balancer://b ends the server"),
        ("Listen 80\nErrorLog syslog:nonsense:tag", "no facility nonsense"),
    ],
)
def test_what_ends_the_server_is_named(text: str, why: str) -> None:
    (found,) = _found(text)
    assert why in found


@pytest.mark.parametrize(
    "text",
    [
        "Listen 80",
        f"Listen 80\n{_BALANCER}",
        f"Listen 80\n{_BALANCER}LoadModule lbmethod_byrequests_module r.so\nProxyPass /x balancer://b",
        f"Listen 80\n{_BALANCER}{_TRAFFIC}ProxyPass /x balancer://b lbmethod=bytraffic",
        f"Listen 80\n{_BALANCER}{_TRAFFIC}<Proxy balancer://b>\n{_MEMBER}\nProxySet lbmethod=bytraffic\n</Proxy>",
        "Listen 80\nLoadModule session_module s.so\nLoadModule auth_form_module f.so",
        "Listen 80\nErrorLog syslog:LOCAL3:tag\nErrorLog syslog\nErrorLog logs/syslog:x",
    ],
)
def test_what_does_not_end_it_is_left_alone(text: str) -> None:
    assert _found(text) == []


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("all -TLSv1 -TLSv1.1", True),
        ("-all", False),
        ("all -SSLv3", True),
        ("all -TLSv1 -TLSv1.1 -TLSv1.2 -TLSv1.3", False),
        ("-all +TLSv1.2", True),
        ("TLSv1.2 TLSv1.3", True),
        ("TLSv1.2 -TLSv1.2", False),
        ("SSLv3", False),
        ("TLSv9", True),
    ],
)
def test_protocols_are_added_and_taken_away_in_order(words: str, left: bool) -> None:
    text = f"Listen 443\nSSLEngine on\nSSLCertificateFile a.crt\nSSLProtocol {words}\n"
    (found, *_) = loaded(resolve_collected(collected(text), InterpretOptions()))
    assert [why for _, why in found.wrong] == ([] if left else [f"SSLProtocol {words} leaves no version of TLS"])


def test_the_main_servers_settings_are_those_of_a_virtual_host_without_its_own() -> None:
    text = (
        "Listen 443\nSSLCipherSuite A\nSSLCipherSuite TLSv1.3 B\nSSLCARevocationCheck chain\n"
        "<VirtualHost *:443>\nSSLEngine on\nSSLCertificateFile a.crt\nSSLCipherSuite C\n</VirtualHost>\n"
        "<VirtualHost *:443>\nSSLEngine on\nSSLCertificateFile a.crt\nSSLCARevocationPath crl\n"
        "<Location /x>\nSSLCipherSuite D\n</Location>\n</VirtualHost>\n"
    )
    main, first, second = loaded(resolve_collected(collected(text), InterpretOptions()))
    assert main.ciphers == main.wrong == ()
    assert [one.arguments for one in first.ciphers] == ["C"]
    assert [why for _, why in first.wrong] == [
        "SSLCARevocationCheck chain needs SSLCARevocationFile or SSLCARevocationPath, and none is there"
    ]
    assert [one.arguments for one in second.ciphers] == ["A", "TLSv1.3 B"]
    assert second.wrong == ()
