"""Resources of single directives, named so that they stay the same when lines move."""

from __future__ import annotations

from typing import Final

from auditor.model.resource import Resource, make_resource
from auditor.model.value import Undetermined
from auditor.surfaces.httpd.attributes import Attributes
from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.servers import Server, readable
from auditor.surfaces.httpd.units import dropped_units, misread
from auditor.surfaces.httpd.words import split_words

# How many words, beside the directive's name, say which one it is; the others are its value.
_KEY_WORDS: Final = {
    "alias": 1,
    "aliasmatch": 1,
    "addhandler": 1,
    "addtype": 1,
    "balancermember": 1,
    "browsermatch": 1,
    "customlog": 1,
    "define": 1,
    "errordocument": 1,
    "header": 2,
    "include": 1,
    "includeoptional": 1,
    "listen": 1,
    "loadmodule": 1,
    "proxypass": 1,
    "proxypassmatch": 1,
    "proxypassreverse": 1,
    "redirect": 1,
    "redirectmatch": 1,
    "requestheader": 2,
    "rewritecond": 2,
    "rewriterule": 1,
    "scriptalias": 1,
    "setenv": 1,
    "setenvif": 2,
    "setenvifnocase": 2,
}
_FIRST_HEADER_WORDS: Final = frozenset({"always", "onsuccess"})


def directive_names(servers: tuple[Server, ...]) -> dict[str, tuple[Server, Directive]]:
    """Every directive by the name of its resource, in httpd's order within each server."""
    found: dict[str, tuple[Server, Directive]] = {}
    taken: dict[str, int] = {}
    for server in servers:
        prefix: dict[int, str] = {}
        for directive in server.all:
            start = prefix.get(id(directive.within))
            if start is None:
                start = prefix[id(directive.within)] = _prefix(server, directive)
            base = f"{start}{_label(directive)}"
            number = taken[base] = taken.get(base, 0) + 1
            found[base if number == 1 else f"{base} #{number}"] = (server, directive)
    return found


def directive_resources(servers: tuple[Server, ...]) -> list[Resource]:
    """Every directive that httpd carries out."""
    return [_resource(name, server, one) for name, (server, one) in directive_names(servers).items()]


def _prefix(server: Server, directive: Directive) -> str:
    parts = [readable(f"<{one.name} {one.arguments}>") for one in directive.within if one.name.lower() != "virtualhost"]
    return " > ".join([server.name, *parts, ""])


def _label(directive: Directive) -> str:
    """The directive's name with the words that say which one it is."""
    name = directive.name.lower()
    if name.startswith("<"):
        return readable(f"{directive.name} {directive.arguments}>")
    if name == "logformat":
        words = split_words(directive.arguments)
        return readable(f"{directive.name} {words[1]}") if len(words) > 1 else directive.name
    count = _KEY_WORDS.get(name, 0)
    if count == 0:
        return directive.name
    words = split_words(directive.arguments)
    if name in ("header", "requestheader") and words and words[0].lower() in _FIRST_HEADER_WORDS:
        count += 1
    if name == "proxypass" and words[:1] == ("~",):
        count += 1
    return readable(" ".join([directive.name, *words[:count]]))


def _resource(name: str, server: Server, directive: Directive) -> Resource:
    source = directive.source
    out = Attributes()
    out.text("directive", directive.name, source)
    out.text("arguments", directive.arguments, source)
    context = [f"<{one.name} {one.arguments}>" for one in directive.within]
    out.text("context", " > ".join(context), source)
    out.text("server", server.name)
    dropped = dropped_units(directive)
    out.flag("unit_dropped", bool(dropped), source)
    if dropped:
        out.names("dropped_units", [part for part, _ in dropped], source)
    meaning = "; ".join(text for _, text in dropped) or misread(directive)
    if meaning:
        out.text("meaning", meaning, source)
    if directive.doubts:
        out.add("present", Undetermined("; ".join(f"{one.text}: {one.cause}" for one in directive.doubts)), source)
    else:
        out.flag("present", True, source)
    return make_resource("httpd.directive", name, out.items, source)
