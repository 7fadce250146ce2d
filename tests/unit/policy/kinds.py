"""A small kind to try rules on, and ways to make its resources."""

from __future__ import annotations

from auditor.model.resource import Attribute, AttributeSpec, KindSpec, Resource, make_resource
from auditor.model.snapshot import Gap, Interpretation
from auditor.model.source import FileSource
from auditor.model.value import Value

ROUTE = KindSpec(
    "httpd.route",
    "A route.",
    (
        AttributeSpec("scheme", "text", "Protocol."),
        AttributeSpec("read_timeout", "duration", "Read time-out.", settable=True),
        AttributeSpec("connect_timeout", "duration", "Connect time-out.", settable=True),
        AttributeSpec("excluded", "boolean", "Excluded."),
        AttributeSpec("members", "list", "Members."),
        AttributeSpec("max", "number", "Most connections.", settable=True),
        AttributeSpec("version", "version", "Version."),
        AttributeSpec("key", "secret", "Key."),
        AttributeSpec("other_key", "secret", "Another key."),
    ),
)
BIOS = KindSpec("ilo.bios", "BIOS.", (AttributeSpec("pending", "list", "Pending."),), open=True)
KINDS = (ROUTE, BIOS)


def route(name: str = "shop /api", **values: Value) -> Resource:
    """A route whose n-th attribute stands on line n."""
    attributes = [
        Attribute(key, value, FileSource("conf.d/shop.conf", line, line))
        for line, (key, value) in enumerate(values.items(), 1)
    ]
    return make_resource("httpd.route", name, attributes, FileSource("conf.d/shop.conf", 99, 99))


def bios(**values: Value) -> Resource:
    """A BIOS."""
    return make_resource("ilo.bios", "1", [Attribute(key, value) for key, value in values.items()])


def seen(*resources: Resource, gaps: tuple[Gap, ...] = (), target: str = "web1/httpd") -> Interpretation:
    """What was found on a target."""
    ordered = tuple(sorted(resources, key=lambda one: (one.kind, one.name)))
    return Interpretation(target, target.split("/")[1], ordered, gaps)


def rule(
    expression: str,
    *,
    where: str = "",
    message: str = "{name} is wrong",
    rule_id: str = "TEST-RULE-001",
    kind: str = "httpd.route",
    more: str = "",
) -> bytes:
    """A file with one rule."""
    where_line = f"  where: |-\n    {where}\n" if where else ""
    return (
        "format: auditor.policy/v1\nrules:\n"
        f"- id: {rule_id}\n  title: A rule\n  severity: high\n  kind: {kind}\n{where_line}"
        f"  assert: |-\n    {expression}\n  message: |-\n    {message}\n{more}"
    ).encode()
