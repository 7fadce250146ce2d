"""Resources of proxied routes."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Final

import msgspec

from auditor.model.resource import Resource, make_resource
from auditor.model.value import Boolean, Text, Undetermined, Value
from auditor.surfaces.httpd import effective, regexes
from auditor.surfaces.httpd.attributes import MAX_NAMES, Attributes, source_of
from auditor.surfaces.httpd.balancing import forces_recovery
from auditor.surfaces.httpd.durations import atoi, parse_interval
from auditor.surfaces.httpd.governing import Governing, Limit, Model, with_path
from auditor.surfaces.httpd.handlers import not_known, unserved
from auditor.surfaces.httpd.hops import Hops, read_mark, tries
from auditor.surfaces.httpd.rewriting import inherited_routes, rules_count
from auditor.surfaces.httpd.routes import Route, back_end_of
from auditor.surfaces.httpd.servers import Server, readable
from auditor.surfaces.httpd.words import split_words
from auditor.surfaces.httpd.workers import (
    BackEnd,
    Parameter,
    Parameters,
    ProxyWorker,
    is_balancer,
    lower_authority,
    parse_back_end,
)

_REFERENCE: Final = re.compile(r"[$%]\d|[$%]\{[^}]*\}")


class VisibleRoute(msgspec.Struct, eq=False):
    """A route as one server's requests see it: an own line, or one of the main server's."""

    route: Route
    server: Server
    name: str
    inherited: bool
    targets: tuple[Governing, ...] = ()
    probe: str = ""
    unclear: str = ""

    @property
    def governing(self) -> Governing | None:
        """What governs longest: of a balancer's members the one with the longest read time-out."""
        return max(self.targets, key=lambda one: one.read.seconds, default=None)


def visible_routes(model: Model, server: Server, *, inherited: bool = True) -> list[VisibleRoute]:
    """The routes of a server, own ones first, then those of the main server's lines, with what governs each.

    ``inherited`` False leaves the latter out.
    """
    own = [VisibleRoute(route, server, route.name, inherited=False) for route in model.routes[server.name].all()]
    own = [one for one in own if rules_count(model, one.server, one.route)]
    taken = {one.name for one in own}
    found = list(own)
    if inherited and not server.is_main:
        for route in inherited_routes(model, server):
            shown = f"RewriteRule {route.fake}" if route.match == "rewrite" else route.fake
            name = base = f"{server.name} {readable(shown)}"
            number = 1
            while name in taken:
                number += 1
                name = f"{base} #{number}"
            taken.add(name)
            found.append(VisibleRoute(route, server, name, inherited=True))
    for one in found:
        _fill(model, one)
    return found


def _fill(model: Model, one: VisibleRoute) -> None:
    route = one.route
    if route.excluded:
        return
    if is_balancer(route.real):
        one.probe = route.real
    else:
        probe = probe_url(route)
        if probe is None:
            one.unclear = f"the back end of {readable(route.real)} is decided per request"
            return
        one.probe = probe
    one.targets = model.targets(one.server, one.probe)


def probe_url(route: Route) -> str | None:
    """A URL like those the route makes, or None where even its host is decided per request."""
    url, _ = back_end_of(route)
    if not route.pattern or not _REFERENCE.search(url):
        return url
    start = url.find("://") + 3
    slash = url.find("/", start)
    end = len(url) if slash < 0 else slash
    authority = url[start:end]
    found = _REFERENCE.search(authority)
    if start < 3 or (found is not None and found.start() == 0) or (found and "{" in found[0]):
        return None
    if found is not None:  # "http://host:8080$1", where $1 begins with the slash
        if _REFERENCE.sub("", authority[found.start() :]):
            return None
        return f"{url[: start + found.start()]}/{'x' * 24}{_REFERENCE.sub('x' * 24, url[end:])}"
    return _REFERENCE.sub("x" * 24, url)


class RouteResources:
    """The routes of one server as resources."""

    def __init__(self, model: Model, server: Server, hops: Hops, *, inherited: bool = True) -> None:
        self.model = model
        self.hops = hops
        self.server = server
        self.routes = visible_routes(model, server, inherited=inherited)
        self.by_worker: dict[int, list[VisibleRoute]] = defaultdict(list)
        for one in self.routes:
            for worker in {id(target.worker) for target in one.targets if target.worker is not None}:
                self.by_worker[worker].append(one)
        self._first: dict[str, VisibleRoute] = {}
        self._rank: dict[int, int] = {}

    def resources(self) -> list[Resource]:
        """Every route, in the order in which they are seen."""
        order = _tried_order(self.routes)
        self._rank = {id(one): rank for rank, one in enumerate(order)}
        for one in order:
            self._first.setdefault(one.route.fake, one)
        return [self._resource(one) for one in self.routes]

    def missing_proxy_timeout(self) -> list[str]:
        """Own routes whose worker keeps an earlier ProxyTimeout than the server's last."""
        return [one.name for one in self.routes if not one.inherited and self._misses(one)]

    def _resource(self, one: VisibleRoute) -> Resource:
        route, source = one.route, one.route.directive.source
        out = Attributes()
        out.text("server", one.server.name)
        out.text("path", route.fake, source)
        out.text("match", route.match)
        out.flag("excluded", route.excluded, source)
        out.flag("inherited_from_main", one.inherited)
        off = not self.model.flag(self.server, "proxypassinherit", True)
        out.flag("inherit_off_ineffective", one.inherited and off)
        shadow = self._shadow(one)
        if shadow is not None:
            out.add("shadowed_by", Text(shadow.name), shadow.route.directive.source)
        if not route.excluded:
            out.text("url", route.real, source)
            self._back_end(out, one)
            self._served(out, one)
            self._own_line(out, one)
            if one.unclear or not one.targets:
                self._unknown(out, one)
            else:
                self._time_outs(out, one)
                self._worker(out, one)
                self._marks(out, one)
            self.hops.route(out, one)
        return make_resource("httpd.route", one.name, out.items, source)

    def _back_end(self, out: Attributes, one: VisibleRoute) -> None:
        if is_balancer(one.route.real):
            out.text("scheme", "balancer")
            balancer = self.model.balancer(self.server, one.route.real)
            if balancer is not None:
                out.text("balancer", f"{balancer.server} {balancer.name}", balancer.definition.source)
            return
        back_end = parse_back_end(one.route.real, pattern=one.route.pattern)
        if back_end is None:
            return
        out.text("scheme", back_end.scheme)
        if not one.unclear:
            out.text("host", back_end.host)
            out.number("port", back_end.port)
        if back_end.socket:
            out.text("socket", back_end.socket, one.route.directive.source)

    def _served(self, out: Attributes, one: VisibleRoute) -> None:
        """Whether modules speak its protocol, and those of a balancer's members."""
        if not self.model.loads_modules or not one.targets:
            return
        schemes = dict.fromkeys(target.back_end.scheme for target in one.targets)
        if is_balancer(one.route.real):
            schemes = {"balancer": None, **schemes}
        missing = [unserved(self.model, self.server, scheme) for scheme in schemes]
        source = one.route.directive.source
        if found := next(filter(None, missing), ""):
            out.flag("served", False, source)
            out.text("missing_module", found, source)
        elif None in missing:
            out.add("served", Undetermined(not_known(self.model, self.server, schemes)), source)
        else:
            out.flag("served", True, source)

    def _own_line(self, out: Attributes, one: VisibleRoute) -> None:
        own = one.route.own_timeout
        source = one.route.directive.source
        if own is not None:
            out.text("own_timeout_written", own.value, source)
            out.seconds("own_timeout", atoi(own.value), source)
            out.flag("own_timeout_is_wait", is_balancer(one.route.real), source)
        out.names("ignored_parameters", [readable(parameter.written) for parameter in one.route.ignored], source)
        out.names("lost_parameters", [readable(parameter.written) for parameter in _lost(one)], source)

    def _unknown(self, out: Attributes, one: VisibleRoute) -> None:
        cause = one.unclear or (
            f"the balancer {one.route.real} has no member"
            if is_balancer(one.route.real)
            else f"{one.route.real} is no absolute URL"
        )
        for name in ("read_timeout", "connect_timeout", "governed_by", "worker", "on_timeout_status"):
            out.add(name, Undetermined(readable(cause)), one.route.directive.source)

    def _time_outs(self, out: Attributes, one: VisibleRoute) -> None:
        longest = one.governing
        if longest is None:
            return
        read = longest.read
        out.seconds("read_timeout", read.seconds, source_of(read.directive), self._note(one, longest))
        connect = max((target.connect for target in one.targets if target.connect), key=_seconds, default=None)
        if connect is not None:
            note = "" if connect.setting.startswith("connectiontimeout=") else "falls back to the read time-out"
            out.seconds("connect_timeout", connect.seconds, source_of(connect.directive), note)
        out.text("governed_by", read.setting, source_of(read.directive))
        out.text("governed_by_scope", read.scope, source_of(read.directive))
        out.flag("timeout_unit_dropped", read.unit_dropped, source_of(read.directive))
        out.flag("missed_proxy_timeout", self._misses(one), source_of(read.directive))
        out.flag("fixed_fcgi_limit", any(is_fixed_fcgi(target) for target in one.targets))
        own = one.route.own_timeout
        balanced = is_balancer(one.route.real)
        ignored = own is not None and not balanced and not _governs(own, read)
        out.flag("own_timeout_ignored", ignored, source_of(read.directive))
        worker = longest.worker
        by_section = worker is not None and (worker.definer == "Proxy" or _set_by_section(worker, read))
        out.flag("overridden_by_proxyset", ignored and by_section, source_of(read.directive))
        out.add("escapes_own_timeout", self._escapes(one), one.route.directive.source)

    def _note(self, one: VisibleRoute, governing: Governing) -> str:
        read = governing.read
        if len({target.read.seconds for target in one.targets}) > 1:
            return "the longest of the balancer's members; they differ"
        if read.scope == "default":
            return "httpd's default"
        if read.scope == "fixed":
            return read.setting
        if read.directive is one.route.directive:
            return "its own"
        setting, place = readable(read.setting), describe(read)
        return setting if setting.split(" ")[0] == place else f"{setting} of {place}"

    def _misses(self, one: VisibleRoute) -> bool:
        governing = one.governing
        if governing is None or governing.read.scope != "ProxyTimeout at definition" or governing.worker is None:
            return False
        last = self.model.by_name[governing.worker.server].last("proxytimeout")
        return last is not None and atoi(effective.first_word(last)) != governing.read.seconds

    def _worker(self, out: Attributes, one: VisibleRoute) -> None:
        governing = one.governing
        if governing is None:
            return
        worker = governing.worker
        out.flag("generic_worker", worker is None)
        shared: list[str] = []
        sharing = 0
        if worker is not None:
            if not is_balancer(one.route.real):
                out.text("worker", worker_name(worker), worker.definition.source)
                others = self.by_worker[id(worker)]
                shared = [other.name for other in others[: MAX_NAMES + 1] if other is not one]
                sharing = len(others) - 1
            out.flag("reuse", worker.reuses(), worker.definition.source)
            for key in ("ping", "ttl"):
                parameter = worker.parameters.get(key)
                if parameter is not None:
                    value = parse_interval(parameter.value) if key == "ping" else float(atoi(parameter.value))
                    out.seconds(key, value, parameter.directive.source)
        else:
            out.flag("reuse", False)
        out.names("shared_with", shared, total=sharing)
        captured = worker is not None and beyond_segment(worker, governing.back_end)
        out.flag("captured_by_prefix", captured)
        out.flag("captured_to_effect", captured and worker is not None and _sets_more(worker, one.route))
        out.flag("governed_by_main", worker is not None and not one.inherited and worker.server != self.server.name)
        socket = governing.back_end.socket or back_end_of(one.route)[1]
        out.flag("socket_ignored", bool(socket) and worker is not None and worker.back_end.socket != socket)
        self._retry(out, one, worker)
        deeper = [] if is_balancer(one.route.real) or one.route.pattern else self._deeper(governing)
        out.names("also_governed_by", [worker_name(other) for other in deeper])

    def _deeper(self, governing: Governing) -> list[ProxyWorker]:
        found = self.model.deeper_workers(self.server, with_path(governing.back_end))
        return [worker for _, worker in zip(range(60), found, strict=False) if worker is not governing.worker]

    def _retry(self, out: Attributes, one: VisibleRoute, worker: ProxyWorker | None) -> None:
        written = [parameter for target in one.targets if (parameter := _parameter(target.worker, "retry"))]
        balancer = worker.balancer if worker is not None else None
        if balancer is None:
            said = bool(written) and not self.model.behaviour.plain_errors
            out.flag("retry_ineffective", said, source_of(written[0].directive if written else None))
            return
        seconds = max((atoi(parameter.value) for parameter in written), default=60)
        out.seconds("retry", seconds, source_of(written[0].directive if written else None))
        out.flag("retry_ineffective", bool(written) and forces_recovery(balancer))

    def _marks(self, out: Attributes, one: VisibleRoute) -> None:
        governing = one.governing
        if governing is None:
            return
        worker = governing.worker
        balancer = worker.balancer if worker is not None else None
        scheme = governing.back_end.scheme
        mark = read_mark(self.model, self.server, governing)
        if mark.known:
            out.number("on_timeout_status", mark.status)
            out.names("on_timeout_log_ids", mark.log_ids)
        elif scheme not in ("ws", "wss"):
            out.add("on_timeout_status", Undetermined(mark.text))
        out.flag("fails_over", tries(mark, balancer) > 1)
        if scheme in ("ws", "wss"):
            out.seconds("tunnel_limit", self.model.tunnel_limit(self.server, governing).seconds)

    def _escapes(self, one: VisibleRoute) -> Value | None:
        """Whether ``timeout=`` of a ProxyPassMatch with ``$n`` fails to apply to some of its URLs."""
        route = one.route
        if not route.pattern or route.own_timeout is None or route.match == "rewrite":
            return None
        url, _ = back_end_of(route)
        if not re.search(r"\$\d", url):
            return Boolean(False)
        if not self.model.behaviour.dollar_workers:
            return Boolean(True)
        widths = regexes.least_widths(route.fake)
        if widths is None:
            return Undetermined(f"the pattern {readable(route.fake)} is too unusual to measure")
        shortest = re.sub(r"\$(\d)", lambda found: "x" * _width(widths, int(found[1])), url)
        return Boolean(len(shortest) < len(url))

    def _shadow(self, one: VisibleRoute) -> VisibleRoute | None:
        """The route that is tried before this one and takes every path of it; only plain paths are compared."""
        if one.route.match != "prefix":
            return None
        rank = self._rank[id(one)]
        takers = [self._first[path] for path in _taking(one.route.fake) if path in self._first]
        best = min(takers, key=lambda other: self._rank[id(other)], default=None)
        return best if best is not None and self._rank[id(best)] < rank else None


def _tried_order(routes: list[VisibleRoute]) -> list[VisibleRoute]:
    """Plain paths in the order in which httpd tries them: the main server's lines before the virtual host's."""
    plain = [one for one in routes if one.route.match == "prefix"]
    return [one for one in plain if one.inherited] + [one for one in plain if not one.inherited]


def _taking(fake: str) -> list[str]:
    """The paths whose ProxyPass takes everything that this path's would."""
    parts = fake.strip("/").split("/")
    found = ["/", fake]
    for count in range(1, len(parts) + 1):
        prefix = "/" + "/".join(parts[:count])
        if prefix != fake.rstrip("/"):
            found += [prefix, f"{prefix}/"]
        elif fake.endswith("/"):
            found.append(prefix)
    return found


def _width(widths: tuple[int, ...], group: int) -> int:
    return widths[group] if group < len(widths) else 0


def _lost(one: VisibleRoute) -> list[Parameter]:
    """The ignored parameters of a line whose values the worker does not have either; timeout= is told by itself."""
    worker = one.governing.worker if one.governing is not None else one.route.worker
    return [
        parameter
        for parameter in one.route.ignored
        if parameter.key != "timeout" and not (worker is not None and _says(worker.parameters, parameter))
    ]


def _sets_more(worker: ProxyWorker, route: Route) -> bool:
    """Whether a worker sets anything that the route's own line does not say alike."""
    own = {parameter.key: parameter for parameter in route.parameters}
    return not all(_says(own, parameter) for parameter in worker.parameters.values())


def _says(parameters: Parameters, parameter: Parameter) -> bool:
    found = parameters.get(parameter.key)
    return found is not None and found.value.lower() == parameter.value.lower()


def _seconds(limit: Limit | None) -> float:
    return limit.seconds if limit is not None else -1.0


def _parameter(worker: ProxyWorker | None, key: str) -> Parameter | None:
    return worker.parameters.get(key) if worker is not None else None


def _governs(own: Parameter, read: Limit) -> bool:
    return read.directive is own.directive and read.setting == own.written


def _set_by_section(worker: ProxyWorker, read: Limit) -> bool:
    found = worker.parameters.get("timeout")
    return found is not None and found.by_section and found.directive is read.directive


def is_fixed_fcgi(governing: Governing) -> bool:
    """Whether mod_proxy_fcgi's own 30 seconds govern."""
    return governing.read.scope == "fixed" and governing.back_end.scheme == "fcgi"


def beyond_segment(worker: ProxyWorker, back_end: BackEnd) -> bool:
    """Whether a worker's name ends inside a path segment of the URL: /app takes /apple."""
    if worker.matchable or worker.name.endswith("/"):
        return False
    url = lower_authority(with_path(back_end))[0]
    return len(url) > len(worker.name) and url[len(worker.name)] not in "/?"


def worker_name(worker: ProxyWorker) -> str:
    """The resource's name of a proxy worker."""
    within = f"{worker.balancer.name} " if worker.balancer is not None else ""
    return f"{worker.server} {within}{readable(worker.name)}"


def describe(read: Limit) -> str:
    """The place of a setting, for people: the directive that carries it."""
    directive = read.directive
    if directive is None:
        return "httpd itself"
    name = directive.name.lstrip("<")
    words = split_words(directive.arguments)
    if name.lower() in ("proxypass", "proxypassmatch", "balancermember", "proxy", "proxyset") and words:
        return readable(f"{name} {words[0]}")
    return name
