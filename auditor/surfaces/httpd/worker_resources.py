"""Resources of proxy workers and balancers."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from auditor.model.resource import Resource, make_resource
from auditor.surfaces.httpd.attributes import Attributes, source_of
from auditor.surfaces.httpd.balancing import balancer_flag, forces_recovery
from auditor.surfaces.httpd.durations import atoi
from auditor.surfaces.httpd.governing import Model
from auditor.surfaces.httpd.hops import Hops
from auditor.surfaces.httpd.route_resources import VisibleRoute, beyond_segment, worker_name
from auditor.surfaces.httpd.servers import readable
from auditor.surfaces.httpd.workers import Balancer, Parameter, ProxyWorker, is_balancer


class WorkerResources:
    """The proxy workers and balancers of a configuration, with the routes that each governs."""

    def __init__(self, model: Model, routes: Iterable[VisibleRoute], hops: Hops) -> None:
        self.model = model
        self.hops = hops
        self.routes: dict[int, list[VisibleRoute]] = defaultdict(list)
        self.beyond: dict[int, list[str]] = defaultdict(list)
        for one in routes:
            for target in one.targets:
                if target.worker is None:
                    continue
                key = id(target.worker)
                self.routes[key].append(one)
                if target.worker.balancer is None and beyond_segment(target.worker, target.back_end):
                    self.beyond[key].append(one.name)
            if one.targets and is_balancer(one.route.real):
                balancer = model.balancer(one.server, one.route.real)
                if balancer is not None:
                    self.routes[id(balancer)].append(one)

    def resources(self) -> list[Resource]:
        """Workers and balancers, names made unique."""
        found: list[Resource] = []
        taken: dict[tuple[str, str], int] = {}
        for server in self.model.servers:
            workers = self.model.routes[server.name].workers
            members = [one for balancer in workers.balancers.values() for one in balancer.members.workers]
            made = [self._worker(one) for one in (*workers.workers.workers, *members)]
            made += [self._balancer(one) for one in workers.balancers.values()]
            for resource in made:
                key = (resource.kind, resource.name)
                taken[key] = taken.get(key, 0) + 1
                if taken[key] > 1:
                    resource = Resource(
                        resource.kind, f"{resource.name} #{taken[key]}", resource.attributes, resource.source
                    )
                found.append(resource)
        return found

    def _worker(self, worker: ProxyWorker) -> Resource:
        out = Attributes()
        back_end, made = worker.back_end, worker.definition.source
        out.text("server", worker.server)
        out.text("url", back_end.name, made)
        out.text("scheme", back_end.scheme)
        out.text("host", back_end.host)
        out.number("port", back_end.port)
        out.text("socket", back_end.socket or None, made)
        if worker.balancer is not None:
            out.text("balancer", f"{worker.balancer.server} {worker.balancer.name}", worker.balancer.definition.source)
        out.text("defined_by", worker.definition.name.lstrip("<"), made)
        self._times(out, worker)
        out.flag("reuse", worker.reuses(), made)
        self.hops.worker(out, worker)
        found = self.routes[id(worker)]
        out.names("routes", [one.name for one in found])
        out.names("captures_beyond_segment", self.beyond[id(worker)])
        out.names("ignored_parameters", [readable(one.written) for one in worker.ignored])
        others = dict.fromkeys(one for one in worker.sockets if one and one != back_end.socket)
        out.names("socket_shared_with", [readable(one) for one in others])
        out.flag("overridden_by_main", self._overridden(worker))
        changed = [one for one in worker.parameters.values() if one.by_section]
        overrides = bool(worker.overridden) and any(
            one.key in {gone.key for gone in worker.overridden} for one in changed
        )
        shadowed = worker.definer == "Proxy" and bool(worker.ignored)
        out.flag("proxyset_overrides", overrides or shadowed)
        return make_resource("httpd.worker", worker_name(worker), out.items, made)

    def _times(self, out: Attributes, worker: ProxyWorker) -> None:
        own = worker.timeout
        out.flag("timeout_unit_dropped", worker.timeout_unit_dropped, source_of(own.directive if own else None))
        out.flag("timeout_from_proxy_timeout", own is None and worker.proxy_timeout is not None)
        if own is not None:
            out.text("timeout_written", own.value, own.directive.source)
            out.seconds("timeout", atoi(own.value), own.directive.source)
        elif worker.proxy_timeout is not None:
            taken = worker.proxy_timeout
            out.seconds("timeout", atoi(taken.arguments), taken.source, "ProxyTimeout read before it was made")
        for key, name, unit in (
            ("connectiontimeout", "connection_timeout", "s"),
            ("ping", "ping", "s"),
            ("acquire", "acquire", "ms"),
        ):
            if key in worker.parameters:
                out.seconds(name, worker.interval(key, unit), worker.parameters[key].directive.source)
        if "acquire" not in worker.parameters:
            out.seconds("acquire", -1)
        retry = worker.parameters.get("retry")
        out.seconds("retry", atoi(retry.value) if retry else 60, source_of(retry.directive if retry else None))
        if "ttl" in worker.parameters:
            out.seconds("ttl", atoi(worker.parameters["ttl"].value), worker.parameters["ttl"].directive.source)
        if "max" in worker.parameters:
            out.number("max", atoi(worker.parameters["max"].value), worker.parameters["max"].directive.source)

    def _overridden(self, worker: ProxyWorker) -> bool:
        server = self.model.by_name[worker.server]
        if server.is_main or not self.model.inherits_workers(server):
            return False
        if worker.balancer is not None:
            return worker.balancer.name in self.model.main_routes.workers.balancers
        return self.model.main_routes.workers.workers.named(worker.name)

    def _balancer(self, balancer: Balancer) -> Resource:
        out = Attributes()
        made = balancer.definition.source
        members = balancer.members.workers
        server = self.model.by_name[balancer.server]
        lost = self.model.inherits_workers(server) and balancer.name in self.model.main_routes.workers.balancers
        out.text("server", balancer.server)
        out.text("url", balancer.name, made)
        urls = [readable(one.back_end.url) for one in members]
        out.names("members", urls, made)
        out.names("members_lost", urls if lost else [], made)
        out.names("hot_spares", [readable(one.back_end.url) for one in members if _is_spare(one)])
        out.names("routes", [one.name for one in self.routes[id(balancer)]])
        self._parameters(out, balancer)
        retries = [found for one in members if (found := one.parameters.get("retry")) and atoi(found.value) > 0]
        place = source_of(retries[0].directive if retries else None)
        out.flag("retry_without_effect", bool(retries) and forces_recovery(balancer), place)
        limits = [target.read.seconds for target in self.model.members(server, balancer)]
        out.names("member_read_timeouts", [_shown(one) for one in limits])
        out.flag("members_differ", len(set(limits)) > 1)
        self.hops.balancer(out, balancer)
        return make_resource("httpd.balancer", f"{balancer.server} {readable(balancer.name)}", out.items, made)

    def _parameters(self, out: Attributes, balancer: Balancer) -> None:
        def place(key: str) -> Parameter | None:
            return balancer.parameters.get(key)

        method, wait, sticky = place("lbmethod"), place("timeout"), place("stickysession")
        out.text("method", method.value if method else "byrequests", source_of(method.directive if method else None))
        if wait is not None:
            out.seconds("wait_timeout", atoi(wait.value), wait.directive.source)
            out.flag("wait_set_apart", wait.directive.name.lower() in ("proxyset", "<proxy"), wait.directive.source)
        for key, name, default in (
            ("forcerecovery", "force_recovery", True),
            ("failontimeout", "fail_on_timeout", False),
        ):
            found = place(key)
            out.flag(name, balancer_flag(balancer, key, default), source_of(found.directive if found else None))
        statuses = place("failonstatus")
        out.names("fail_on_status", re.split(r"[,;]", statuses.value) if statuses else [])
        attempts = place("maxattempts")
        count = atoi(attempts.value) if attempts else max(len(balancer.members.workers) - 1, 0)
        out.number("max_attempts", count, source_of(attempts.directive if attempts else None))
        if sticky is not None:
            out.text("sticky_session", sticky.value, sticky.directive.source)


def _is_spare(worker: ProxyWorker) -> bool:
    status = worker.text("status")
    return status is not None and re.search(r"\+?[Hh]", status) is not None and "-H" not in status.upper()


def _shown(seconds: float) -> str:
    return "no limit" if seconds < 0 or seconds == float("inf") else f"{seconds:g} s"
