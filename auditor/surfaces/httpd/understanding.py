"""Resources that rest on the whole configuration being understood, in every world that could matter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from auditor.model.resource import Resource
from auditor.model.snapshot import Gap
from auditor.surfaces.httpd.declared import Declared
from auditor.surfaces.httpd.directive import Resolved
from auditor.surfaces.httpd.governing import Model, build_model
from auditor.surfaces.httpd.hops import Hops
from auditor.surfaces.httpd.logs import log_resources
from auditor.surfaces.httpd.refusals import UNDERSTOOD as UNDERSTOOD
from auditor.surfaces.httpd.refusals import features, in_world, refusals, refused_by
from auditor.surfaces.httpd.route_resources import RouteResources
from auditor.surfaces.httpd.server_resources import ServerResources
from auditor.surfaces.httpd.versions import behaviours
from auditor.surfaces.httpd.worker_resources import WorkerResources
from auditor.surfaces.httpd.worlds import World, reconcile, worlds

_MAKES_ROUTES: Final = ("proxypass", "proxypassmatch", "balancermember", "rewriterule", "sethandler", "addhandler")
MAX_HOSTS: Final = 20_000
MAX_ROUTES: Final = 40_000
MAX_INHERITED: Final = 20_000


def understood(
    resolved: Resolved, version: str, mpm: str, declared: Declared | None = None
) -> tuple[list[Resource], list[Gap]]:
    """The resources that rest on merging servers and routes, in every world that could matter."""
    if too_large := _too_large(resolved):
        return [], [too_large, *refusals(resolved, ())]
    ways = worlds(resolved, behaviours(version, features(resolved)))
    known = (version, mpm, declared or Declared())
    model = _model(resolved, ways.first)
    refused = [refused_by(model)]

    def others() -> Iterator[tuple[list[Resource], str]]:
        # One world after the other: together they would fill the memory.
        for one in ways.others:
            other = _model(resolved, one)
            refused.append(refused_by(other))
            yield model_resources(other, *known), one.cause

    found = reconcile(model_resources(model, *known), others())
    gaps = list(refusals(resolved, refused))
    if _too_many_inherited(model):
        gaps.append(
            Gap(
                what="inherited routes",
                cause="too large",
                detail="the main server's ProxyPass lines times the virtual hosts are more routes than are followed",
                next_step="Ask for one URL with  auditor explain.",
                kinds=("httpd.route",),
            )
        )
    if ways.too_many:
        gaps.append(
            Gap(
                what="conditional sections",
                cause="undetermined",
                detail="more conditionals cannot be decided than can be tried both ways",
                next_step="Name the loaded modules with --module, definitions with --define, or run on the host.",
                kinds=UNDERSTOOD,
            )
        )
    return found, gaps


def _too_large(resolved: Resolved) -> Gap | None:
    """Why a configuration is not understood as a whole: its routes and virtual hosts would fill the memory."""
    names = Counter(directive.name.lower() for directive in resolved.directives)
    hosts, routes = names["<virtualhost"], sum(names[name] for name in _MAKES_ROUTES)
    if hosts <= MAX_HOSTS and routes <= MAX_ROUTES:
        return None
    return Gap(
        what="whole configuration",
        cause="too large",
        detail=f"{hosts:,} virtual hosts and {routes:,} lines that proxy; more than {MAX_HOSTS:,} or {MAX_ROUTES:,} are"
        " not understood together",
        next_step="Ask for one URL with  auditor explain.",
        kinds=UNDERSTOOD,
    )


def _model(resolved: Resolved, world: World) -> Model:
    return build_model(in_world(resolved, world), world.behaviour)


def model_resources(model: Model, version: str, mpm: str, declared: Declared) -> list[Resource]:
    """Servers, virtual hosts, routes, proxy workers, balancers and logs of one model."""
    hops = Hops(model, mpm, declared, version_known=bool(version))
    makers = ServerResources(model, version, hops)
    inherited = not _too_many_inherited(model)
    found: list[Resource] = []
    by_server = [(server, RouteResources(model, server, hops, inherited=inherited)) for server in model.servers]
    every = [one for _, routes in by_server for one in routes.routes]
    for server, routes in by_server:
        found += routes.resources()
        found.append(makers.resource(server, routes, every))
    found += WorkerResources(model, every, hops).resources()
    found += log_resources(model)
    return found


def _too_many_inherited(model: Model) -> bool:
    """Whether the main server's lines would make more routes in the virtual hosts than are followed."""
    main = model.main_routes
    return (len(main.aliases) + len(main.locations)) * (len(model.servers) - 1) > MAX_INHERITED
