"""Proxied routes: the lines that make them, in the order in which httpd tries them, and their proxy workers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from auditor.surfaces.httpd.directive import Directive, Section
from auditor.surfaces.httpd.durations import atoi
from auditor.surfaces.httpd.effective import first_word
from auditor.surfaces.httpd.servers import Server, readable
from auditor.surfaces.httpd.since import refused_parameter
from auditor.surfaces.httpd.versions import Behaviour
from auditor.surfaces.httpd.words import split_words
from auditor.surfaces.httpd.workers import (
    Balancer,
    Parameter,
    ProxyWorker,
    ServerWorkers,
    accepted,
    is_balancer,
    parse_back_end,
)

Match = Literal["prefix", "regex", "location", "rewrite", "handler"]

_FLAGS: Final = frozenset({"nocanon", "interpolate", "noquery", "mapping"})
_WILD: Final = frozenset("*?[")


class Route(msgspec.Struct, eq=False):
    """One line that proxies a path, or excludes it.

    ``fake`` is the path or pattern, ``real`` the URL as written (``!`` excludes). ``worker`` is the one that the line
    made or found while the configuration was read; ``made`` says which. ``section`` is the enclosing section of a
    location, handler or per-directory rule.
    """

    server: str
    match: Match
    fake: str
    real: str
    directive: Directive
    pattern: bool = False
    parameters: tuple[Parameter, ...] = ()
    section: Section | None = None
    worker: ProxyWorker | None = None
    balancer: Balancer | None = None
    ignored: tuple[Parameter, ...] = ()
    made: bool = False
    flags: frozenset[str] = frozenset()
    name: str = ""

    @property
    def excluded(self) -> bool:
        """Whether it ends the search without proxying."""
        return self.real == "!"

    @property
    def own_timeout(self) -> Parameter | None:
        """``timeout=`` on its own line."""
        return next((one for one in self.parameters if one.key == "timeout"), None)


class ServerRoutes(msgspec.Struct, eq=False):
    """What one server's own lines make: aliases of ProxyPass, locations, rewrite rules and handlers, each in order.

    ``refused`` are directives that httpd would not start with, with the reason.
    """

    server: Server
    workers: ServerWorkers
    aliases: list[Route] = []
    locations: list[Route] = []
    rewrites: list[Route] = []
    handlers: list[Route] = []
    refused: list[tuple[Directive, str]] = []

    def all(self) -> Iterator[Route]:
        """Every route, in the order in which httpd tries the kinds."""
        yield from self.rewrites
        yield from self.locations
        yield from self.aliases
        yield from self.handlers


def read_routes(server: Server, behaviour: Behaviour) -> ServerRoutes:
    """Reads one server's directives in order, as httpd's configuration phase does."""
    found = ServerRoutes(server, ServerWorkers(server.name, behaviour))
    reader = _Reader(found, behaviour)
    for directive in server.all:
        reader.read(directive)
    reader.finish()
    _name(found)
    return found


_MAKING: Final = frozenset(
    {"<proxy", "<proxymatch", "proxytimeout", "proxypass", "proxypassmatch", "balancermember", "proxyset"}
)
# Lines as most are: nothing of them is refused, whatever the version of httpd and the lines around.
_PLAIN_PASS: Final = re.compile(
    r"/[\w./-]*[ \t]+(?:!|https?://[a-z0-9][a-z0-9.-]*(?::[1-9]\d{0,4})?(?:/[\w./-]*)?"
    r"(?:[ \t]+(?:timeout|retry|ttl|connectiontimeout|max|min|smax)=[1-9]\d{0,8})*)",
    re.ASCII,
)
_PLAIN_SECONDS: Final = re.compile(r"[1-9]\d{0,8}", re.ASCII)


def surely_accepted(server: Server) -> bool:
    """Whether httpd certainly takes all of a server's lines about routes; told by their looks, without reading them."""
    level = 0 if server.is_main else 1
    for directive in server.everywhere(_MAKING):
        if len(directive.within) > level:
            return False
        plain = {"proxypass": _PLAIN_PASS, "proxytimeout": _PLAIN_SECONDS}.get(directive.name.lower())
        if plain is None or not plain.fullmatch(directive.arguments):
            return False
    return True


class _Reader:
    """Carries out one server's directives, in order."""

    def __init__(self, found: ServerRoutes, behaviour: Behaviour) -> None:
        self.found = found
        self.behaviour = behaviour
        self.opened: Directive | None = None

    def read(self, directive: Directive) -> None:
        if self.opened is not None and not _inside(directive, self.opened):
            self.finish()
        match directive.name.lower():
            case "<proxy" | "<proxymatch":
                self.finish()
                self.opened = directive
            case "proxytimeout":
                if len(directive.within) <= (0 if self.found.server.is_main else 1):
                    self._proxy_timeout(directive)
            case "proxypass":
                self._proxy_pass(directive, regex=False)
            case "proxypassmatch":
                self._proxy_pass(directive, regex=True)
            case "balancermember":
                self._member(directive)
            case "proxyset":
                self._proxy_set(directive)
            case "rewriterule":
                self._rewrite(directive)
            case "sethandler" | "addhandler":
                self._handler(directive)

    def finish(self) -> None:
        """Carries out the parameters of a <Proxy URL key=value> that ends, which httpd does after its contents."""
        opened, self.opened = self.opened, None
        words = split_words(opened.arguments) if opened is not None else ()
        if opened is None or len(words) < 2 or ":" not in words[0] or _WILD & set(words[0]):
            return
        name, parameters = _without_proxy(words[0]), _parameters(words[1:], opened)
        regex = opened.name.lower() == "<proxymatch"
        if self.found.workers.set_parameters(name, parameters, opened, define=True, regex=regex):
            self._check(parameters, balancer=is_balancer(name))

    def _proxy_timeout(self, directive: Directive) -> None:
        if atoi(first_word(directive)) >= 1:
            self.found.workers.proxy_timeout = directive
        else:
            self.found.refused.append((directive, "ProxyTimeout must be at least one second: httpd does not start"))

    def _proxy_pass(self, directive: Directive, *, regex: bool) -> None:
        words = list(split_words(directive.arguments))
        location = _section(directive, "location", "locationmatch")
        if location is None and any(one.name.lower() in _FILE_SECTIONS for one in directive.within):
            self.found.refused.append((directive, f"{directive.name} is not allowed in this section"))
            return
        pattern = regex
        if location is not None:
            fake = _location_path(location)
            pattern = pattern or _is_pattern(location)
        else:
            if words and words[0] == "~" and not regex:
                pattern = True
                words.pop(0)
            fake = words.pop(0) if words else ""
        if not words:
            self.found.refused.append((directive, f"{directive.name} names no URL: httpd does not start"))
            return
        real, rest = words[0], words[1:]
        parameters = _parameters(rest, directive)
        route = Route(
            server=self.found.server.name,
            match="location" if location is not None else "regex" if pattern else "prefix",
            fake=fake,
            real=real,
            directive=directive,
            pattern=pattern,
            parameters=parameters,
            section=location,
            flags=frozenset(key for word in rest if (key := word.lower().partition("=")[0]) in _FLAGS),
        )
        if not route.excluded:
            route.worker, route.balancer, route.ignored, route.made = self.found.workers.pass_to(
                real, parameters, directive, regex=pattern
            )
            if real[:5].lower() == "unix:" and not self.behaviour.unix_sockets:
                self.found.refused.append((directive, "unix: is not known before 2.4.8: httpd does not start"))
            mixed = route.worker is not None and not route.made and route.worker.matchable != pattern
            if mixed and self.behaviour.cut_names:  # AH10249
                return
            if route.made or route.balancer is not None:
                self._check(parameters, balancer=route.balancer is not None)
            if route.worker is None and route.balancer is None:
                self.found.refused.append((directive, f"{real} is no absolute URL: httpd does not start"))
        (self.found.aliases if location is None else self.found.locations).append(route)

    def _check(self, parameters: tuple[Parameter, ...], *, balancer: bool = False) -> None:
        """Names the parameters that httpd does not start with; those of a shared worker it does not even look at."""
        for one in parameters:
            reason = refused_parameter(one.key, self.behaviour, balancer=balancer)
            if not reason and not accepted(one):
                reason = f"{readable(one.written)} is refused: httpd does not start"
            if reason:
                self.found.refused.append((one.directive, reason))

    def _member(self, directive: Directive) -> None:
        words = split_words(directive.arguments)
        plain = [word for word in words if "=" not in word]
        section = _proxy_section(directive)
        name = split_words(section.arguments)[0] if section is not None and section.arguments else None
        if name is None and plain:
            name = plain.pop(0)
        if name is None or not plain:
            self.found.refused.append((directive, "BalancerMember names no balancer or no URL: httpd does not start"))
            return
        parameters = _parameters([word for word in words if "=" in word], directive)
        if self.found.workers.add_member(_without_proxy(name), plain[0], parameters, directive):
            self._check(parameters)

    def _proxy_set(self, directive: Directive) -> None:
        words = split_words(directive.arguments)
        section = _proxy_section(directive)
        if section is not None:
            named = split_words(section.arguments)
            name, rest = (_without_proxy(named[0]) if named else ""), words
        else:
            name, rest = (words[0] if words else ""), words[1:]
        regex = section is not None and section.name.lower() == "proxymatch"
        done = self.found.workers.set_parameters(
            name, _parameters(rest, directive), directive, define=section is not None, regex=regex
        )
        if done:
            self._check(_parameters(rest, directive), balancer=is_balancer(name))
        else:
            self.found.refused.append((directive, f"ProxySet can not find {name!r}: httpd does not start"))

    def _rewrite(self, directive: Directive) -> None:
        words = split_words(directive.arguments)
        if len(words) < 3 or not ({"p", "proxy"} & rewrite_flags(words[2]).keys()):
            return
        plain = len(directive.within) <= (0 if self.found.server.is_main else 1)
        self.found.rewrites.append(
            Route(
                server=self.found.server.name,
                match="rewrite",
                fake=words[0],
                real=words[1],
                directive=directive,
                pattern=True,
                section=None if plain else directive.within[-1],
                balancer=None,
            )
        )

    def _handler(self, directive: Directive) -> None:
        words = split_words(directive.arguments)
        if not words or words[0][:6].lower() != "proxy:" or not self.behaviour.handler_proxies:
            return
        section = directive.within[-1] if directive.within else None
        if section is not None and section.name.lower() == "virtualhost":
            section = None
        self.found.handlers.append(
            Route(
                server=self.found.server.name,
                match="handler",
                fake=f"<{section.name} {section.arguments}>" if section else " ".join(words[1:]) or "/",
                real=words[0][6:],
                directive=directive,
                section=section,
            )
        )


_FILE_SECTIONS: Final = frozenset({"directory", "directorymatch", "files", "filesmatch", "if", "elseif", "else"})


def rewrite_flags(text: str) -> dict[str, str]:
    """The flags of a RewriteRule, lower-case, with their values: ``[P,L]`` gives ``p`` and ``l``."""
    if not (text.startswith("[") and text.endswith("]")):
        return {}
    pairs = (part.strip().partition("=") for part in text[1:-1].split(","))
    return {key.lower(): value for key, _, value in pairs if key}


def _parameters(words: list[str] | tuple[str, ...], directive: Directive) -> tuple[Parameter, ...]:
    """``key=value`` words; of a key written twice the last counts, as in httpd's table."""
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key.lower() != "mapping":
            found[key.lower()] = Parameter(key.lower(), value, directive)
    return tuple(found.values())


def _section(directive: Directive, *names: str) -> Section | None:
    """The innermost enclosing section of one of these names."""
    return next((one for one in reversed(directive.within) if one.name.lower() in names), None)


def _inside(directive: Directive, opened: Directive) -> bool:
    """Whether a directive stands in the section that was opened."""
    return any(one.source == opened.source for one in directive.within)


def _proxy_section(directive: Directive) -> Section | None:
    """The <Proxy> or <ProxyMatch> that stands directly around."""
    if not directive.within:
        return None
    section = directive.within[-1]
    return section if section.name.lower() in ("proxy", "proxymatch") else None


def _without_proxy(name: str) -> str:
    return name[6:] if name[:6].lower() == "proxy:" else name


def _location_path(section: Section) -> str:
    words = split_words(section.arguments)
    if words and words[0] == "~":
        words = words[1:]
    return words[0] if words else "/"


def _is_pattern(section: Section) -> bool:
    """Whether ProxyPass takes the section's path for a regular expression: wherever a wildcard stands in it.

    A <LocationMatch> without one is compared as plain text, and so proxies nothing.
    """
    return re.search(r"[*?]|\[.*\]", _location_path(section)) is not None


def _name(found: ServerRoutes) -> None:
    taken: dict[str, int] = {}
    for route in found.all():
        label = {"rewrite": f"RewriteRule {route.fake}"}.get(route.match, route.fake)
        name = f"{found.server.name} {readable(label)}"
        taken[name] = taken.get(name, 0) + 1
        route.name = name if taken[name] == 1 else f"{name} #{taken[name]}"


def back_end_of(route: Route) -> tuple[str, str]:
    """The URL without its ``unix:…|``, and the socket."""
    parsed = parse_back_end(route.real, pattern=route.pattern)
    return (route.real, "") if parsed is None else (parsed.url, parsed.socket)
