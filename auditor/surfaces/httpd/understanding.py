"""Resources that rest on the whole configuration being understood, in every world that could matter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from auditor.model.resource import Resource
from auditor.model.snapshot import Gap
from auditor.surfaces.httpd.declared import Declared
from auditor.surfaces.httpd.directive import Resolved
from auditor.surfaces.httpd.governing import Model, build_model
from auditor.surfaces.httpd.handlers import never_starts
from auditor.surfaces.httpd.hops import Hops
from auditor.surfaces.httpd.logs import log_resources
from auditor.surfaces.httpd.route_resources import RouteResources
from auditor.surfaces.httpd.server_resources import ServerResources
from auditor.surfaces.httpd.since import refused_directives
from auditor.surfaces.httpd.versions import behaviours
from auditor.surfaces.httpd.vocabulary import invalid_commands
from auditor.surfaces.httpd.worker_resources import WorkerResources
from auditor.surfaces.httpd.worlds import World, loaded_in, reconcile, worlds

UNDERSTOOD: Final = ("httpd.server", "httpd.vhost", "httpd.route", "httpd.worker", "httpd.balancer", "httpd.log")
"""The kinds that rest on the whole configuration being understood."""

_Refusal: TypeAlias = tuple[str, str, tuple[str, ...]]
_ROUTING: Final = ("httpd.route", "httpd.worker", "httpd.balancer")

MAX_INHERITED: Final = 20_000
MAX_REFUSED: Final = 1_000

_WEB_SOCKET: Final = re.compile(r"\bwss?://")


def features(resolved: Resolved) -> frozenset[str]:
    """What a configuration uses that behaves differently from version to version."""
    found = set()
    quiet: set[str] = set()
    telling: list[str] = []
    for directive in resolved.directives:
        if directive.name in quiet:
            continue
        name = directive.name.lower()
        if name not in _TELLING:
            quiet.add(directive.name)
            continue
        telling.append(directive.arguments)
        if name.startswith("proxypass") and directive.within and directive.within[-1].name.lower() == "location":
            found.add("location")
        if name.startswith("scriptalias"):
            found.add("cgi")
        if name == "proxypassmatch" or (name == "proxypass" and directive.arguments.startswith("~")):
            found.add("match")
    written = "\n".join(telling)
    text = f"\n{written.lower()}"
    holds = {
        "fcgi": "fcgi://" in text,
        "handler": "\nproxy:" in text or '\n"proxy:' in text,
        "ws": ("ws://" in text or "wss://" in text) and _WEB_SOCKET.search(text) is not None,
        "unix": "unix:" in text,
        "http2": "h2://" in text or "h2c://" in text,
        "logs": "}T" in written or "%^" in written,
    }
    if "cgi-script" in text:
        found.add("cgi")
    return frozenset(found | {feature for feature, there in holds.items() if there})


_TELLING: Final = frozenset(
    """addhandler balancermember customlog logformat proxypass proxypassmatch proxyset rewriterule scriptalias
    scriptaliasmatch sethandler""".split()  # noqa: SIM905 - a list of words
)


def understood(
    resolved: Resolved, version: str, mpm: str, declared: Declared | None = None
) -> tuple[list[Resource], list[Gap]]:
    """The resources that rest on merging servers and routes, in every world that could matter."""
    ways = worlds(resolved, behaviours(version, features(resolved)))
    model = _model(resolved, ways.first)
    known = (version, mpm, declared or Declared())
    first = model_resources(model, *known)
    models = [model]
    others = []
    for one in ways.others:
        other = _model(resolved, one)
        models.append(other)
        others.append((model_resources(other, *known), one.cause))
    gaps = list(refusals(resolved, models))
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
    return reconcile(first, others), gaps


def refusals(resolved: Resolved, models: Sequence[Model]) -> tuple[Gap, ...]:
    """The lines that httpd would not start with, as gaps: what else is said of the configuration then never holds.

    ``models`` are of all worlds, the first first; what only some of them refuse is undetermined.
    """
    certain: dict[_Refusal, int] = {}
    for model in models:
        here: list[_Refusal] = [(str(line.source), why, _ROUTING) for line, why in model.routes.refused()]
        refused = refused_directives(model.resolved.directives, model.behaviour)
        here += [(str(line.source), why, UNDERSTOOD) for line, why in (*refused, *never_starts(model))]
        for one in dict.fromkeys(here):
            certain[one] = certain.get(one, 0) + 1
    lines = [(*one, count == len(models)) for one, count in certain.items()]
    lines += [(str(one.source), why, UNDERSTOOD, sure) for one, why, sure in invalid_commands(resolved)]
    return tuple(
        Gap(
            what=place,
            cause="malformed" if sure else "undetermined",
            detail=why if sure else f"{why}, where the conditions around it hold that cannot be decided",
            next_step="Correct the line; httpd's own check (httpd -t) names it too."
            if sure
            else "Name the version with --httpd-version, definitions with --define, or run on the host.",
            kinds=kinds,
        )
        for place, why, kinds, sure in lines[:MAX_REFUSED]
    )


def _model(resolved: Resolved, world: World) -> Model:
    return build_model(in_world(resolved, world), world.behaviour)


def in_world(resolved: Resolved, world: World) -> Resolved:
    """The configuration as it is in one world: its directives, and the modules that these load."""
    return msgspec.structs.replace(resolved, directives=world.directives, modules=loaded_in(resolved, world))


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
