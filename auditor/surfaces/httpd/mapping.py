"""Which route maps a request's path, and to which URL.

Source: ``proxy_trans``, ``ap_proxy_trans_match`` and ``alias_match``. Rewrite rules of the server come first, then the
last matching <Location> with a ProxyPass, then the main server's ProxyPass lines, then the virtual host's own, each in
file order; ``!`` ends the search. A handler proxies only what nothing before it mapped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from auditor.surfaces.httpd import regexes
from auditor.surfaces.httpd.detours import Detours
from auditor.surfaces.httpd.file_places import FilePlace, Settings, depends, handler_line, not_tried
from auditor.surfaces.httpd.governing import Model
from auditor.surfaces.httpd.path_index import PathIndex, one_slash
from auditor.surfaces.httpd.rewriting import DirectoryRules, rewrite, server_rules
from auditor.surfaces.httpd.routes import Route, back_end_of
from auditor.surfaces.httpd.sections import WILD, alias_length, location_matches
from auditor.surfaces.httpd.servers import Server
from auditor.surfaces.httpd.words import split_words

_MAX_KNOWN: Final = 100
"""Paths of error pages, indexes and the like that a server remembers."""


class Mapped(msgspec.Struct):
    """How a path is mapped: the route (None: not proxied), the URL it becomes, and what makes that uncertain.

    ``note`` says what keeps it from being proxied. ``place`` is the file that the path, as it is by then, names; None
    where no file serves it.
    """

    route: Route | None = None
    url: str = ""
    doubts: list[str] = []
    note: str = ""
    path: str = ""
    place: FilePlace | None = None


class PathMap:
    """How one server maps paths. What does not depend on the path is found out once."""

    def __init__(self, model: Model, server: Server) -> None:
        own, main = model.routes[server.name], model.main_routes
        self.rules = server_rules(model, server)
        both = (own,) if server.is_main else (main, own)
        locations = [route for one in both for route in one.locations if route.section is not None]
        self.locations = PathIndex(reversed(locations), _plain_location)
        self.aliases = [PathIndex(one.aliases, _plain_alias) for one in both]
        behind = model.behaviour.lines_behind_location
        self.behind = tuple(route for one in both for route in one.aliases) if behind else ()
        self.blind_sockets = not model.behaviour.sockets_find_workers
        self.settings = Settings(model, server, ("sethandler", "addhandler"))
        self.directory_rules = DirectoryRules(model, server)
        self.handlers = {id(route.directive): route for one in both for route in one.handlers}
        self.proxies = bool(self.handlers) or any(one.rewrites or one.locations or one.aliases for one in both)
        self._proxied: dict[str, bool] = {}
        self.detours = Detours(model, server)
        self.early = tuple(
            route for one in both for route in (*one.locations, *one.aliases) if "mapping" in route.flags
        )
        self.rewrites = {id(route.directive): route for one in both for route in reversed(one.rewrites)}

    def is_proxied(self, path: str) -> bool:
        """Whether a path is handed to a back end, or may be."""
        known = self._proxied.get(path)
        if known is None:
            found = map_path(self, path, follow=False)
            known = found.route is not None or bool(found.doubts)
            if len(self._proxied) < _MAX_KNOWN:
                self._proxied[path] = known
        return known

    def error_pages(self, mapped: Mapped, statuses: frozenset[int]) -> Iterator[str]:
        """Why a request that fails with one of these statuses may wait for a back end once more."""
        file = "" if mapped.place is None else mapped.place.file
        return self.detours.of_failure(mapped.path, file, statuses, self.is_proxied, by_line=mapped.place is None)


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
    return None if WILD & set(words[0]) else words[0]


def map_path(place: PathMap, path: str, *, follow: bool = True) -> Mapped:
    """How a server maps a decoded path. ``follow``: what may lead it elsewhere is looked for."""
    mapped = Mapped(path=path)
    if len(path) > regexes.MAX_SUBJECT:
        mapped.doubts.append(f"the path has {len(path)} characters; more than {regexes.MAX_SUBJECT} are not tried")
        return mapped
    _map(place, path, mapped)
    if place.early:
        mapped.doubts += _mapped_early(place, path, mapped)
    if not follow:
        return mapped
    route, file = mapped.route, mapped.place
    if file is not None and place.proxies:
        handlers = frozenset(place.handlers)
        mapped.doubts += place.detours.of_file(mapped.path, file, place.settings, handlers, place.is_proxied)
    if route is not None:
        by_line = route.match in ("prefix", "regex", "location")
        mapped.doubts += place.detours.of_route(path, file.file if file else "", by_line=by_line)
        mapped.doubts += place.directory_rules.of_proxied(path) if by_line else ()
    return mapped


def _mapped_early(place: PathMap, path: str, mapped: Mapped) -> Iterator[str]:
    """Lines with ``mapping=`` are tried before any rule rewrites, and against the path as it was asked."""
    for route in place.early:
        if ";" in path or ((place.rules or route is not mapped.route) and _target(route, path, mapped) is not None):
            written = f"{route.directive.name} {route.fake} ({route.directive.source})"
            yield f"{written} has mapping=: it is tried before all others, and against the path as it was asked"
            return
        if route is mapped.route:
            return


def _map(place: PathMap, path: str, mapped: Mapped) -> Mapped:
    rewritten = rewrite(place.rules, path, mapped.doubts)
    if rewritten.proxied is not None:
        mapped.route, mapped.url = place.rewrites.get(id(rewritten.proxied)), rewritten.path
        return mapped
    if rewritten.ended:
        mapped.note = rewritten.ended
        return mapped
    if rewritten.to_file:  # no line of mod_proxy or mod_alias is asked any more
        return _handled(place, path, place.settings.below_root(rewritten.path), mapped)
    asked, path = path, rewritten.path
    for route in _tried(place, asked, path, mapped):
        url = _target(route, path, mapped)
        if url is None:
            continue
        if not route.excluded:
            mapped.route, mapped.url = route, url
            stopped = _behind(place, path, mapped) if route.match == "location" else None
            if stopped is None:
                return mapped
            route, mapped.route = stopped, None
        mapped.note = f"{route.directive.name} {route.fake} ! excludes it from proxying"
        break
    found = place.settings.place(path)
    if found is None:
        mapped.note = mapped.note or "a Redirect takes it"
        return mapped
    return _handled(place, path, found, mapped)


def _tried(place: PathMap, asked: str, path: str, mapped: Mapped) -> Iterator[Route]:
    """The routes in httpd's order. Locations are looked for before any rule rewrites what was asked."""
    for route in place.locations.candidates(asked):
        if route.section is None:
            continue
        matches = location_matches(route.section, asked)
        if matches is None:
            mapped.doubts.append(f"<{route.section.name} {route.section.arguments}> cannot be tried here")
        elif matches:
            yield route
            break
    for aliases in place.aliases:
        yield from aliases.candidates(path)


def _behind(place: PathMap, path: str, mapped: Mapped) -> Route | None:
    """Tries the lines behind a <Location> that took the path, in 2.4.24 and 2.4.25: the last that matches counts.

    The line that excludes the path ends it and is what comes back.
    """
    for route in place.behind:
        url = _target(route, path, mapped)
        if url is not None and route.excluded:
            return route
        if url is not None:
            mapped.route, mapped.url = route, url
    return None


def _target(route: Route, path: str, mapped: Mapped) -> str | None:
    """The URL that a route makes of a path, or None where it does not match."""
    real = back_end_of(route)[0]
    if "interpolate" in route.flags and "${" in route.real:
        mapped.doubts.append(f"{route.directive.name} {route.fake} takes its URL from the environment (interpolate)")
    if not route.pattern:
        length = alias_length(path, route.fake)
        return f"{real}{path[length:]}" if length else None
    expression = regexes.compiled(route.fake, path)
    if expression is None:
        mapped.doubts.append(f"the pattern {route.fake} of {route.directive.name} cannot be tried here")
        return None
    match = expression.search(path)
    if match is None:
        return None
    url = regexes.substituted(real, match)
    return url if url != real else f"{real}{path}"


def _handled(place: PathMap, path: str, file: FilePlace, mapped: Mapped) -> Mapped:
    """A rule of a directory, else a handler that proxies, where nothing mapped the path before."""
    mapped.path, mapped.place = path, file
    done = place.directory_rules.apply(path, file, mapped.doubts) if place.proxies else None
    if done is not None and done[1].proxied is not None:
        mapped.route, mapped.url, mapped.note = place.rewrites.get(id(done[1].proxied)), done[1].path, ""
        return mapped
    if done is not None and done[1].ended:
        mapped.note = done[1].ended
        return mapped
    line, unsure = handler_line(tuple(place.settings.counting(path, file.file)), file.file or path)
    found = place.handlers.get(id(line))
    mapped.doubts += [depends(one) for one in unsure if found is not None or id(one) in place.handlers]
    if place.handlers:
        mapped.doubts += not_tried(file)
    if found is not None:
        if place.blind_sockets and back_end_of(found)[1]:
            mapped.doubts.append("2.4.10 finds no proxy worker for the Unix socket of a handler, so that none governs")
        mapped.route, mapped.note = found, ""
        mapped.url = f"{back_end_of(found)[0]}{file.file or path}"
    return mapped
