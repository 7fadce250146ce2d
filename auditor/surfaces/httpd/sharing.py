"""The routes of one server by the proxy worker that governs them, for whoever asks about many of them."""

from __future__ import annotations

from auditor.model.source import FileSource
from auditor.surfaces.httpd.governing import Model
from auditor.surfaces.httpd.route_resources import visible_routes
from auditor.surfaces.httpd.routes import Route
from auditor.surfaces.httpd.servers import Server, readable
from auditor.surfaces.httpd.workers import ProxyWorker

Shared = tuple[tuple[str, FileSource], ...]
"""Paths of routes as written, each with the place of its line."""


class Sharing:
    """What shares what in one server, found out once. ``size`` is the number of its routes."""

    def __init__(self, model: Model, server: Server) -> None:
        seen = visible_routes(model, server)
        self.size = len(seen)
        self._names: dict[int, str] = {}
        routes: dict[int, list[Route]] = {}
        for one in seen:
            self._names.setdefault(id(one.route), one.name)
            for worker in {id(target.worker) for target in one.targets if target.worker is not None}:
                routes.setdefault(worker, []).append(one.route)
        self._paths: dict[int, Shared] = {
            worker: tuple((readable(one.fake), one.directive.source) for one in found)
            for worker, found in routes.items()
        }
        self._place = {(worker, id(one)): at for worker, found in routes.items() for at, one in enumerate(found)}

    def name(self, route: Route) -> str:
        """The name of a route in this server."""
        return self._names.get(id(route), route.name)

    def others(self, worker: ProxyWorker, route: Route) -> Shared:
        """The other routes that a proxy worker governs."""
        found = self._paths.get(id(worker), ())
        at = self._place.get((id(worker), id(route)))
        return found if at is None else found[:at] + found[at + 1 :]
