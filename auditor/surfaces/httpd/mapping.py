"""Which route maps a request's path, and to which URL.

Source: ``proxy_trans``, ``ap_proxy_trans_match`` and ``alias_match``. Rewrite rules of the server come first, then the
last matching <Location> with a ProxyPass, then the main server's ProxyPass lines, then the virtual host's own, each in
file order; ``!`` ends the search. A handler proxies only what nothing before it mapped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from auditor.surfaces.httpd import regexes
from auditor.surfaces.httpd.directive import Directive, Section
from auditor.surfaces.httpd.effective import first_word
from auditor.surfaces.httpd.governing import Model
from auditor.surfaces.httpd.path_index import PathIndex, one_slash
from auditor.surfaces.httpd.routes import Route, back_end_of, rewrite_flags
from auditor.surfaces.httpd.servers import Server
from auditor.surfaces.httpd.words import split_words

_MAX_RULES: Final = 10_000
_REWRITING: Final = frozenset({"rewritecond", "rewriterule"})
_WILD: Final = frozenset("*?[")


class Mapped(msgspec.Struct):
    """How a path is mapped: the route (None: not proxied), the URL it becomes, and what makes that uncertain."""

    route: Route | None = None
    url: str = ""
    doubts: list[str] = []
    note: str = ""


class _Rule(msgspec.Struct, frozen=True, gc=False):
    """A RewriteRule taken apart. ``expression`` None cannot be tried; ``conditional``: a RewriteCond stands before."""

    directive: Directive
    words: tuple[str, ...]
    flags: dict[str, str]
    expression: re.Pattern[str] | None
    negated: bool
    conditional: bool


class PathMap:
    """How one server maps paths. What does not depend on the path is found out once."""

    def __init__(self, model: Model, server: Server) -> None:
        own, main = model.routes[server.name], model.main_routes
        self.server = server
        self.rules = tuple(_rules(model, server))
        both = (own,) if server.is_main else (main, own)
        locations = [route for one in both for route in one.locations if route.section is not None]
        self.locations = PathIndex(reversed(locations), _plain_location)
        self.aliases = [PathIndex(one.aliases, _plain_alias) for one in both]
        self.handlers = [
            *reversed([one for one in own.rewrites if one.section is not None]),
            *(route for one in reversed(both) for route in reversed(one.handlers)),
        ]
        self.rewrites = {id(route.directive): route for one in both for route in reversed(one.rewrites)}


def _plain_alias(route: Route) -> str | None:
    """The path of a ProxyPass, where trying it has no other effect than to match or not."""
    if route.pattern or ("interpolate" in route.flags and "${" in route.real):
        return None
    return one_slash(route.fake)


def _plain_location(route: Route) -> str | None:
    """The path of a <Location>, where it is no pattern."""
    section = route.section
    words = split_words(section.arguments) if section is not None else ()
    if section is None or section.name.lower() == "locationmatch" or not words or words[0] == "~":
        return None
    return None if _WILD & set(words[0]) else words[0]


def alias_length(path: str, fake: str) -> int:
    """How many characters of a path a ProxyPass path takes; 0 where it does not match.

    It matches whole segments; any number of slashes stands for one.
    """
    at = index = 0
    while index < len(fake) and at < len(path):
        if fake[index] == "/":
            if path[at] != "/":
                return 0
            while index < len(fake) and fake[index] == "/":
                index += 1
            while at < len(path) and path[at] == "/":
                at += 1
        elif fake[index] != path[at]:
            return 0
        else:
            index, at = index + 1, at + 1
    if index != len(fake) or not fake:
        return 0
    if fake[-1] != "/" and at < len(path) and path[at] != "/":
        return 0
    return at


def map_path(place: PathMap, path: str) -> Mapped:
    """How a server maps a decoded path."""
    mapped = Mapped()
    if len(path) > regexes.MAX_SUBJECT:
        mapped.doubts.append(f"the path has {len(path)} characters; more than {regexes.MAX_SUBJECT} are not tried")
        return mapped
    path = _rewritten(place, path, mapped)
    if mapped.route is not None or mapped.note:
        return mapped
    for route in _tried(place, path, mapped):
        url = _target(route, path, mapped)
        if url is None:
            continue
        if route.excluded:
            mapped.note = f"{route.directive.name} {route.fake} ! excludes it from proxying"
            mapped.route = None
            return _handled(place, path, mapped)
        mapped.route, mapped.url = route, url
        return mapped
    return _handled(place, path, mapped)


def _tried(place: PathMap, path: str, mapped: Mapped) -> Iterator[Route]:
    for route in place.locations.candidates(path):
        if route.section is None:
            continue
        matches = location_matches(route.section, path)
        if matches is None:
            mapped.doubts.append(f"<{route.section.name} {route.section.arguments}> cannot be tried here")
        elif matches:
            yield route
            break
    for aliases in place.aliases:
        yield from aliases.candidates(path)


def _target(route: Route, path: str, mapped: Mapped) -> str | None:
    """The URL that a route makes of a path, or None where it does not match."""
    real = back_end_of(route)[0]
    if "interpolate" in route.flags and "${" in route.real:
        mapped.doubts.append(f"{route.directive.name} {route.fake} takes its URL from the environment (interpolate)")
    if not route.pattern:
        length = alias_length(path, route.fake)
        return f"{real}{path[length:]}" if length else None
    expression = regexes.compiled(route.fake)
    if expression is None:
        mapped.doubts.append(f"the pattern {route.fake} of {route.directive.name} cannot be tried here")
        return None
    match = expression.search(path)
    if match is None:
        return None
    url = regexes.substituted(real, match)
    return url if url != real else f"{real}{path}"


def location_matches(section: Section, path: str) -> bool | None:
    """Whether a <Location> holds a path; None where its pattern cannot be tried."""
    words = split_words(section.arguments)
    if not words:
        return False
    pattern = section.name.lower() == "locationmatch"
    if words[0] == "~" and len(words) > 1:
        pattern, words = True, words[1:]
    if pattern:
        expression = regexes.compiled(words[0])
        return None if expression is None else expression.search(path) is not None
    if _WILD & set(words[0]):
        return None
    place = words[0]
    path = re.sub(r"/{2,}", "/", path)
    if not path.startswith(place):
        return False
    return place.endswith("/") or len(path) == len(place) or path[len(place)] == "/"


def _rewritten(place: PathMap, path: str, mapped: Mapped) -> str:
    """The path after the server's rewrite rules; sets the route where one of them proxies."""
    for rule in place.rules:
        words, flags = rule.words, rule.flags
        if rule.expression is None:
            mapped.doubts.append(f"the pattern of RewriteRule {words[0]} cannot be tried here")
            continue
        match = rule.expression.search(path)
        if (match is None) != rule.negated:
            continue
        if rule.conditional:
            mapped.doubts.append(f"RewriteRule {words[0]} depends on its RewriteCond, decided per request")
            continue
        if not _apply(place, rule, match, mapped):
            return path
        if words[1] != "-":
            path = _new_path(words[1], match, mapped) or path
        if {"l", "last", "end"} & flags.keys():
            break
        if {"n", "next", "c", "chain", "s", "skip"} & flags.keys():
            mapped.doubts.append(f"RewriteRule {words[0]} has a flag (N, C or S) that is not followed")
    return path


def _apply(place: PathMap, rule: _Rule, match: re.Match[str] | None, mapped: Mapped) -> bool:
    """Carries out what ends the rules: a proxied, redirected or refused request. True: go on."""
    words, flags = rule.words, rule.flags
    if {"p", "proxy"} & flags.keys():
        mapped.route = place.rewrites.get(id(rule.directive))
        mapped.url = regexes.substituted(words[1], match) if match else words[1]
        if re.search(r"%\d|%\{|\$\{", mapped.url):
            mapped.doubts.append(f"the URL of RewriteRule {words[0]} holds variables, decided per request")
        return False
    for flag, what in (("f", "refused"), ("forbidden", "refused"), ("g", "gone"), ("gone", "gone")):
        if flag in flags:
            mapped.note = f"RewriteRule {words[0]}: {what}"
            return False
    if {"r", "redirect"} & flags.keys() or re.match(r"[a-z][a-z0-9+.-]*://", words[1], re.IGNORECASE):
        mapped.note = f"RewriteRule {words[0]} redirects"
        return False
    return True


def _new_path(template: str, match: re.Match[str] | None, mapped: Mapped) -> str | None:
    path = regexes.substituted(template, match) if match else template
    if re.search(r"%\d|%\{|\$\{", path):
        mapped.doubts.append("a RewriteRule makes a path of variables, decided per request")
        return None
    return path.partition("?")[0]


def _rules(model: Model, server: Server) -> Iterator[_Rule]:
    """The rewrite rules of a server with their conditions, in order; the main server's where it inherits them."""
    own = list(_own_rules(server))
    options = {word.lower() for word in server.words("rewriteoptions")}
    inherits = not server.is_main and options & {"inherit", "inheritbefore"}
    others = list(_own_rules(model.main)) if inherits else []
    first, second = (others, own) if "inheritbefore" in options else (own, others)
    for directive, conditions in (*first, *second)[:_MAX_RULES]:
        words = split_words(directive.arguments)
        flags = rewrite_flags(words[2]) if len(words) > 2 else {}
        if len(words) < 2:
            continue
        negated, pattern = words[0].startswith("!"), words[0].removeprefix("!")
        expression = regexes.compiled(pattern, ignore_case=bool({"nc", "nocase"} & flags.keys()))
        yield _Rule(directive, words, flags, expression, negated, bool(conditions))


def _own_rules(server: Server) -> Iterator[tuple[Directive, list[Directive]]]:
    if not rewrites(server):
        return
    conditions: list[Directive] = []
    level = 0 if server.is_main else 1
    for directive in server.everywhere(_REWRITING):
        if len(directive.within) > level:
            continue
        if directive.name.lower() == "rewritecond":
            conditions.append(directive)
        else:
            yield directive, conditions
            conditions = []


def rewrites(server: Server) -> bool:
    """Whether RewriteEngine is on for the server itself; it is not taken over from the main server."""
    return first_word(server.last("rewriteengine")).lower() == "on"


def _handled(place: PathMap, path: str, mapped: Mapped) -> Mapped:
    """A handler that proxies, where nothing mapped the path before."""
    for route in place.handlers:
        verdict = _handler_matches(route, path)
        if verdict is None:
            mapped.doubts.append(_depends(route))
        elif verdict:
            mapped.route, mapped.note = route, ""
            mapped.url = back_end_of(route)[0]
            return mapped
    return mapped


def _depends(route: Route) -> str:
    """Why a handler or a rule of a section cannot be tried against a path alone."""
    sections = [one for one in route.directive.within if one.name.lower() in ("if", "elseif", "else")]
    if sections:
        section = sections[0]
        written = f"<{section.name} {section.arguments}>".replace(" >", ">")
        return f"{route.directive.name} ({route.directive.source}) stands in {written}, decided per request"
    place = f"<{route.section.name} {route.section.arguments}>" if route.section else route.fake
    return f"{route.directive.name} in {place} ({route.directive.source}) depends on the file the request names"


def _handler_matches(route: Route, path: str) -> bool | None:
    section = route.section
    if section is None:
        return True
    if len([one for one in route.directive.within if one.name.lower() != "virtualhost"]) > 1:
        return None
    match section.name.lower():
        case "location" | "locationmatch" if route.match == "handler":
            return location_matches(section, path)
        case "location" | "locationmatch":
            return None if location_matches(section, path) is not False else False
        case "filesmatch" | "files":
            return file_matches(section, path)
    return None


def file_matches(section: Section, path: str) -> bool | None:
    """Whether a <Files> holds the file that a path names; None where that cannot be said."""
    words = split_words(section.arguments)
    name = path.rpartition("/")[2]
    if not words or not name:  # a directory's index may lead to such a file
        return None
    if section.name.lower() == "filesmatch" or (words[0] == "~" and len(words) > 1):
        expression = regexes.compiled(words[-1])
        return None if expression is None else expression.search(name) is not None
    if _WILD & set(words[0]):
        return None
    return True if words[0] == name else None if "." in path.rpartition("/")[0] else False
