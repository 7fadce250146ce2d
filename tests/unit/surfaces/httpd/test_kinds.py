from __future__ import annotations

import msgspec
import pytest

from auditor.model.declared import Declaration
from auditor.model.resource import Resource
from auditor.model.snapshot import Fact, FactValue
from auditor.model.source import InventorySource
from auditor.model.value import Boolean, Duration, Many, NoLimit, Number, Raw, Secret, Text, Undetermined, Version
from auditor.surfaces.httpd.kinds import KINDS
from auditor.surfaces.httpd.resources import interpret
from auditor.surfaces.httpd.surface import SURFACE
from auditor.surfaces.interface import InterpretOptions
from auditor.surfaces.registry import surface
from tests.unit.surfaces.httpd.trees import collected, meaning

FULL = """ServerRoot /etc/httpd
Listen 80
ServerTokens Prod
User apache
Group apache
Timeout 90
LoadModule reqtimeout_module modules/mod_reqtimeout.so
LoadModule mpm_event_module modules/mod_mpm_event.so
MaxRequestWorkers 100
LogFormat "%h %D %^FB" timed
ErrorLogFormat "[%{cu}t] [rid:%L] %M"
CustomLog logs/access_log timed
<VirtualHost *:80>
  ServerName a.example
  ServerAlias b.example
  DocumentRoot /srv
  Timeout 30s
  ProxyTimeout 20
  RequestReadTimeout header=10-20 body=5
  ProxyPass /x !
  ProxyPass /a http://b.example/ timeout=500ms ping=2 ttl=30 max=5 acquire=200 retry=3
  ProxyPass /a2 http://b.example/two connectiontimeout=1
  ProxyPass /s unix:/run/s.sock|fcgi://localhost/srv
  ProxyPass /w ws://c.example/ connectiontimeout=500ms
  ProxyPassMatch ^/m(/.*)$ http://d.example$1 timeout=4
  <Proxy balancer://p>
    BalancerMember ajp://e.example:8009 route=1 status=+H
    ProxySet stickysession=ID timeout=3 failonstatus=500,503
  </Proxy>
  ProxyPass /b balancer://p
  RewriteEngine On
  RewriteRule ^/r/(.*)$ http://f.example/$1 [P]
  <FilesMatch "\\.php$">
    SetHandler "proxy:unix:/run/php.sock|fcgi://localhost"
  </FilesMatch>
</VirtualHost>
"""
DECLARED = (
    *(
        Declaration("fleet", "server", "", what, 60.0, InventorySource("auditor.yaml", 7))
        for what in ("front_timeout", "front_keep_alive", "arrivals", "upload_size", "upload_rate")
    ),
    Declaration("fleet", "route", "*", "arrivals", 5.0, InventorySource("auditor.yaml", 8)),
    Declaration("fleet", "back end", "*", "timeout", 30.0, InventorySource("auditor.yaml", 9)),
    Declaration("fleet", "back end", "*", "keep_alive", 30.0, InventorySource("auditor.yaml", 9)),
)
CLASSES = {
    "text": (Text, Raw),
    "number": (Number, NoLimit),
    "boolean": (Boolean,),
    "duration": (Duration, NoLimit),
    "version": (Version,),
    "list": (Many,),
    "secret": (Secret,),
}


STATE: dict[str, FactValue] = {
    "running": True,
    "changed_not_loaded": ("httpd.conf",),
    "replaced_code": ("/usr/sbin/httpd",),
    "refused_limits": ("ServerLimit 16",),
    "packages": ("httpd 2.4.62-1",),
    "packages_verified": ("httpd",),
    "packages_changed": ("httpd /usr/sbin/httpd: content",),
    "package_configuration_changed": ("/etc/httpd/conf/httpd.conf",),
}


def resources() -> tuple[Resource, ...]:
    seen = collected(FULL)
    state = tuple(Fact(name, value) for name, value in STATE.items())
    running = interpret(msgspec.structs.replace(seen, facts=(*seen.facts, *state)), InterpretOptions())
    return (
        *running.resources,
        *meaning(FULL).resources,
        *meaning(FULL, version="", built_in=None).resources,
        *meaning(FULL.replace("Workers 100", "Workers 110"), declared=DECLARED).resources,
        *meaning("ServerName one.example", declared=DECLARED).resources,
    )


def test_every_attribute_is_described_and_has_the_type_it_is_said_to_have() -> None:
    kinds = {kind.name: kind for kind in KINDS}
    for resource in resources():
        for attribute in resource.attributes:
            spec = kinds[resource.kind].get(attribute.name)
            assert spec is not None, (resource.kind, attribute.name)
            assert isinstance(attribute.value, (*CLASSES[spec.type], Undetermined)), (resource.kind, attribute)


@pytest.mark.parametrize(
    "kind",
    ["httpd.server", "httpd.route", "httpd.worker", "httpd.balancer", "httpd.log", "httpd.package"],
)
def test_what_is_described_occurs(kind: str) -> None:
    described = {spec.name for one in KINDS if one.name == kind for spec in one.attributes}
    seen = {attribute.name for resource in resources() if resource.kind == kind for attribute in resource.attributes}
    rare = {
        "group",
        "shadowed_by",
        "timeout_inherits",
        "request_read_timeout",
        "server_name",
        "document_root",
        "socket",
    }
    assert described - seen <= rare | {"proxy_timeout", "proxy_timeout_written", "format_name"}


def test_resources_are_sorted_and_unique_and_a_second_reading_gives_the_same() -> None:
    seen = meaning(FULL)
    keys = [(one.kind, one.name) for one in seen.resources]
    assert keys == sorted(set(keys))
    assert meaning(FULL) == seen


def test_names_stay_when_lines_move() -> None:
    moved = meaning(FULL.replace("Listen 80\n", "# a comment\n\nListen 80\n"))
    assert [one.name for one in moved.resources] == [one.name for one in meaning(FULL).resources]


def test_the_registry_finds_the_surface() -> None:
    assert surface("httpd") is SURFACE
    assert SURFACE.kinds is KINDS
