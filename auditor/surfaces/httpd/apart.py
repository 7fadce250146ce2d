"""A proxy worker of a route's own, where a wish about the route would change others that share its worker. Pure.

A ProxyPass whose URL begins with that of an earlier one shares the earlier one's worker; ahead of it, it makes one of
its own, and httpd takes the longest that fits. Source: ``add_pass`` and ``ap_proxy_get_worker``.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.plan import Wish
from auditor.surfaces.httpd import operations, rewording
from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.governing import Model
from auditor.surfaces.httpd.route_resources import VisibleRoute, visible_routes
from auditor.surfaces.httpd.routes import Route
from auditor.surfaces.httpd.wanted import RefusedWish, fine_time, whole_seconds
from auditor.surfaces.httpd.wishes import LineChange, find_route
from auditor.surfaces.httpd.words import split_words
from auditor.surfaces.httpd.workers import ProxyWorker


def apart(model: Model, wish: Wish) -> list[LineChange]:
    """The changes, in the order in which they have to be made, that give the route a worker of its own.

    Where the route's own line made the shared worker, the others get workers of theirs, with what governs them now.

    Errors:
        RefusedWish: they cannot be separated; the sentence says why.
    """
    one = find_route(model, wish.address.name)
    worker = _shared(one)
    reading = wish.address.attribute == "read_timeout"
    key = "timeout" if reading else "connectiontimeout"
    what = str(wish.address)
    wanted = whole_seconds(wish.value, what) if reading else fine_time(wish.value, what)
    if one.route.directive is not worker.definition:
        return _moved([one.route], worker, key, wanted)
    _refuse_borrowers(model, worker, one)
    others = [route for route in _sharing(model, worker) if route.directive is not worker.definition]
    moves = _moved(others, worker, key, None)
    line = worker.definition.source
    change = LineChange(
        line.file,
        line.line,
        lambda content: operations.change_parameter(content, line.line, key, wanted, line.file),
        f"{key}={wanted} on {worker.definition.name} {one.route.fake}",
    )
    return [*moves[: len(others)], change, *moves[len(others) :]]


def _shared(one: VisibleRoute) -> ProxyWorker:
    worker = one.targets[0].worker if len(one.targets) == 1 else None
    if worker is None or worker.balancer is not None:
        raise RefusedWish("only a route with one proxy worker can be given another")
    return worker


def _sharing(model: Model, worker: ProxyWorker) -> Iterator[Route]:
    """The routes whose lines found this worker, each line once."""
    seen: set[int] = set()
    for server in model.servers:
        for one in visible_routes(model, server, inherited=False):
            if one.route.worker is worker and id(one.route.directive) not in seen:
                seen.add(id(one.route.directive))
                yield one.route


def _refuse_borrowers(model: Model, worker: ProxyWorker, asked: VisibleRoute) -> None:
    """Refuses where a route is served by the worker although no line of its own found it: none can be moved."""
    for server in model.servers:
        for one in visible_routes(model, server, inherited=False):
            served = any(target.worker is worker for target in one.targets)
            if served and one.route.worker is not worker and one.route is not asked.route:
                raise RefusedWish(
                    f"{one.route.directive.source} names no worker, so the one whose URL fits serves it: "
                    f"{worker.definition.source}"
                )


def _moved(routes: list[Route], worker: ProxyWorker, key: str, wanted: str | None) -> list[LineChange]:
    """The lines of routes taken out, last one first, then put ahead of the worker's, the longest URL first of all."""
    for route in routes:
        _refuse_fixed(route, worker)
    taken = [_taken(route) for route in sorted(routes, key=lambda one: _place(one.directive), reverse=True)]
    put = [
        _put(route, worker, _text(route, worker, key, wanted))
        for route in sorted(routes, key=lambda one: len(one.real))
    ]
    return [*taken, *put]


def _refuse_fixed(route: Route, worker: ProxyWorker) -> None:
    line, first = route.directive, worker.definition
    if line.name.lower() != "proxypass" or route.section is not None:
        raise RefusedWish(f"{line.source} is no plain ProxyPass line")
    if first.name.lower() != "proxypass":
        raise RefusedWish(f"{first.source} makes the worker that they share")
    if line.macro or first.macro or _scopes(line) != _scopes(first):
        raise RefusedWish(f"{line.source} stands in another section or macro than {first.source}")
    if route.real.rstrip("/") == (_url(first) or "").rstrip("/"):
        raise RefusedWish(f"{line.source} has the same URL as {first.source}")
    if any(one.directive is line for one in worker.parameters.values()):
        raise RefusedWish(f"{line.source} sets parameters for all that share its worker")
    if any(one.by_section for one in worker.parameters.values()):
        raise RefusedWish("a <Proxy> section sets parameters for the worker that they share")


def _scopes(line: Directive) -> list[tuple[str, str, int]]:
    return [(section.name.lower(), section.source.file, section.source.line) for section in line.within]


def _url(line: Directive) -> str | None:
    words = split_words(line.arguments)
    return words[1] if len(words) > 1 else None


def _place(line: Directive) -> tuple[str, int]:
    return line.source.file, line.source.line


def _text(route: Route, worker: ProxyWorker, key: str, wanted: str | None) -> str:
    """The route's line with all that its worker had until now, and the wanted value.

    What stands on the line and was ignored so far must not begin to count.
    """
    text = f"{route.directive.name} {route.directive.arguments}"
    for parameter in (*route.parameters, *route.ignored):
        if parameter.key not in worker.parameters and not (parameter.key == key and wanted is not None):
            text = rewording.without_parameter(text, parameter.key)
    for parameter in worker.parameters.values():
        text = rewording.with_parameter(text, parameter.key, parameter.value)
    return text if wanted is None else rewording.with_parameter(text, key, wanted)


def _taken(route: Route) -> LineChange:
    source = route.directive.source
    return LineChange(
        source.file,
        source.line,
        lambda content: operations.remove(content, source.line, source.file),
        f"ProxyPass {route.fake} moved",
    )


def _put(route: Route, worker: ProxyWorker, text: str) -> LineChange:
    source = worker.definition.source
    return LineChange(
        source.file,
        source.line,
        lambda content: operations.insert_before(content, source.line, text, source.file),
        f"ProxyPass {route.fake} ahead of the line whose proxy worker it shared",
    )
