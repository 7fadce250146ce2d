"""What will be once a plan stands, by its own effects."""

from __future__ import annotations

import asyncio

import msgspec

from auditor.model.plan import DirectiveEdit, Effect, Wish
from auditor.model.resource import Address, Attribute, make_resource, parse_address
from auditor.model.secret import Sealer
from auditor.model.snapshot import Interpretation
from auditor.model.target import LocalTree, Target
from auditor.model.value import Duration, Number, Text, Value
from auditor.plan.foreseen import foreseen
from auditor.services.sample import SAMPLE
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from auditor.surfaces.registry import surface


def effect(name: str, attribute: str, before: Value | None, after: Value | None) -> Effect:
    return Effect(Address("", "httpd.route", name, attribute), before, after, asked=False)


NOW = Interpretation(
    "web1/httpd",
    "httpd",
    (
        make_resource("httpd.route", "a", [Attribute("read_timeout", Duration(300)), Attribute("path", Text("/a"))]),
        make_resource("httpd.route", "b", [Attribute("path", Text("/b"))]),
    ),
)


def test_values_change_come_and_go() -> None:
    later = foreseen(
        NOW,
        [
            effect("a", "read_timeout", Duration(300), Duration(60)),
            effect("a", "retry", None, Number(5)),
            effect("b", "path", Text("/b"), None),
            effect("c", "path", None, Text("/c")),
        ],
    )
    assert [one.name for one in later.resources] == ["a", "c"], "one without attributes is gone, a new one is there"
    route = later.find("httpd.route", "a")
    assert route is not None
    assert {one.name: one.value for one in route.attributes} == {
        "path": Text("/a"),
        "read_timeout": Duration(60),
        "retry": Number(5),
    }
    assert foreseen(NOW, []) == NOW


def test_what_is_foreseen_is_what_a_second_reading_finds() -> None:
    face = surface("httpd")
    target = Target("web1", "httpd", LocalTree(str(SAMPLE), httpd_version="2.4.6"))
    collected = asyncio.run(face.collect(target, CollectOptions(Sealer(b"k" * 32))))
    options = InterpretOptions()
    now = face.interpret(collected, options)
    address = parse_address('web1/httpd:httpd.route["shop.example:443 /search"].read_timeout')
    proposal = face.propose((Wish(address, Duration(10)),), collected, options)
    ((step,), change) = proposal.steps, proposal.steps[0].change
    assert isinstance(change, DirectiveEdit)
    assert step.disruption == "reload"
    documents = tuple(
        msgspec.structs.replace(
            one, content=one.content.replace(change.before.encode("latin-1"), change.after.encode("latin-1"))
        )
        if one.name == change.file
        else one
        for one in collected.documents
    )
    later = face.interpret(msgspec.structs.replace(collected, documents=documents), options)
    assert later != now
    assert plain(foreseen(now, proposal.effects)) == plain(later)


def plain(interpretation: Interpretation) -> dict[tuple[str, str, str], Value]:
    """Every attribute's value, but for digests of files, which no effect foretells."""
    return {
        (resource.kind, resource.name, attribute.name): attribute.value
        for resource in interpretation.resources
        for attribute in resource.attributes
        if (resource.kind, attribute.name) != ("httpd.file", "digest")
    }
