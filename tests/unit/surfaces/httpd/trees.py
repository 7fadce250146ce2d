"""Small configurations as text, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.model.resource import Resource
from auditor.model.snapshot import Collected, Document, Fact, Interpretation
from auditor.model.value import Boolean, Duration, Many, NoLimit, Number, Text, Undetermined, Value, show
from auditor.surfaces.httpd.answer import Answer
from auditor.surfaces.httpd.explain import explain
from auditor.surfaces.httpd.resolving import known_version, resolve_collected
from auditor.surfaces.httpd.resources import interpret
from auditor.surfaces.interface import InterpretOptions

MAIN = "conf/httpd.conf"


def collected(
    text: str | Mapping[str, str], *, version: str = "2.4.62", built_in: tuple[str, ...] | None = ()
) -> Collected:
    """A collection of one main file, or of several files by name."""
    files = {MAIN: text} if isinstance(text, str) else dict(text)
    facts = [Fact("main_file", MAIN), Fact("root", "/etc/httpd"), Fact("server_root", "/etc/httpd")]
    if version:
        facts.append(Fact("version", version))
    if built_in is not None:
        facts.append(Fact("builtin_modules", built_in))
    documents = (Document(name, f"files/{name}", body.encode()) for name, body in sorted(files.items()))
    return Collected("web1/httpd", "httpd", tuple(documents), tuple(sorted(facts, key=lambda fact: fact.name)))


def meaning(text: str | Mapping[str, str], *, version: str = "2.4.62", **options: object) -> Interpretation:
    """What a configuration means."""
    built_in = options.pop("built_in", ())
    assert built_in is None or isinstance(built_in, tuple)
    return interpret(collected(text, version=version, built_in=built_in), InterpretOptions(**options))  # type: ignore[arg-type]


def ask(text: str | Mapping[str, str], url: str, *, version: str = "2.4.62") -> Answer:
    """The answer for a URL."""
    seen = collected(text, version=version)
    options = InterpretOptions()
    return explain(resolve_collected(seen, options), url, known_version(seen, options), options)


def one(interpretation: Interpretation, kind: str, name: str) -> Resource:
    """A resource that must be there."""
    found = interpretation.find(kind, name)
    assert found is not None, [resource.name for resource in interpretation.of_kind(kind)]
    return found


def route(interpretation: Interpretation, name: str) -> Resource:
    """A route that must be there."""
    return one(interpretation, "httpd.route", name)


def plain(value: Value | None) -> object:
    """A value as Python has it: seconds, numbers, flags, texts; the class where it is neither."""
    match value:
        case None:
            return None
        case Duration(seconds):
            return seconds
        case Number(number):
            return number
        case Boolean(flag):
            return flag
        case Text(text):
            return text
        case Many(items):
            return [plain(item) for item in items]
        case NoLimit() | Undetermined():
            return type(value)
    return show(value)


def of(resource: Resource, *names: str) -> object:
    """One attribute's plain value, or several as a tuple."""
    values = tuple(plain(resource.value(name)) for name in names)
    return values[0] if len(values) == 1 else values
