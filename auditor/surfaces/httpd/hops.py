"""The hops in front of httpd and behind it, beside httpd's own limits: what rules on their order compare.

What is declared (:mod:`auditor.model.declared`) is set beside what the configuration says, so that each rule stays one
comparison. Nothing is computed of what is not declared: the attribute is then absent and the rule does not apply.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from auditor.model.declared import Declaration
from auditor.model.value import Number, Text, Undetermined, show_seconds
from auditor.surfaces.httpd.attributes import Attributes, source_of
from auditor.surfaces.httpd.balancing import attempts, balancer_flag, forces_recovery, in_turn
from auditor.surfaces.httpd.capacity import MPMS, Capacity, capacity, capacity_whatever_mpm
from auditor.surfaces.httpd.declared import Declared
from auditor.surfaces.httpd.durations import atoi, seconds_value
from auditor.surfaces.httpd.governing import Governing, Model
from auditor.surfaces.httpd.marks import Mark, timeout_mark
from auditor.surfaces.httpd.request_time import counting, is_loaded, stages
from auditor.surfaces.httpd.servers import Server, readable
from auditor.surfaces.httpd.vhosts import VirtualHosts
from auditor.surfaces.httpd.workers import Balancer, ProxyWorker

if TYPE_CHECKING:
    from auditor.surfaces.httpd.route_resources import VisibleRoute

NO_MPM: Final = (
    "no MPM is loaded as a module and the compiled-in one is not known: give --module mpm_event_module (or worker,"
    " prefork), or run where the server is"
)
_WHOSE_LIMIT: Final = (
    "whose RequestReadTimeout counts depends on the address to which the client connects, or on the version of httpd:"
    " give --httpd-version"
)
_NO_REQTIMEOUT: Final = (
    "whether mod_reqtimeout is compiled in is not known: if it is, give --module reqtimeout_module, or run where the"
    " server is"
)
_PREFORK: Final = "prefork keeps one connection a process and heeds neither ttl= nor max="


class Stall(NamedTuple):
    """What a back end that answers nothing does to the server: workers it holds at most, seconds until none is left.

    Both may be infinite: held without end, never full.
    """

    held: float
    full_after: float


def stall(rate: float, hold: float, workers: int, pool: float = math.inf, wait: float = math.inf) -> Stall:
    """The effect of requests that come ``rate`` a second and hold a worker for ``hold`` seconds each.

    ``pool`` is how many connections to the back end there are (infinite: as many as workers), ``wait`` how long a
    request waits for one. All workers count as free.

    Source: Little's law, L = λW; ``ap_proxy_acquire_connection`` for what the pool does.
    """
    reached = rate * hold
    held = reached if reached <= pool else pool + rate * wait
    if held < workers:
        return Stall(held, math.inf)
    if workers <= reached:
        return Stall(held, workers / rate)
    # More wait for a connection than are let go, and what waits adds up.
    return Stall(held, hold + (workers - reached) / (rate - pool / hold))


class Hops:
    """The attributes about hops of one model's servers, routes, proxy workers and balancers."""

    def __init__(self, model: Model, mpm: str, declared: Declared, *, version_known: bool) -> None:
        self.model = model
        self.version_known = version_known
        self.declared = declared
        modules = {name for name, _ in model.resolved.modules}
        self.mpm = next((name for name in MPMS if f"mpm_{name}_module" in modules), mpm)
        main = model.main
        self.capacity = capacity(main, self.mpm) if self.mpm in MPMS else capacity_whatever_mpm(main)

    @cached_property
    def hosts(self) -> VirtualHosts:
        """The virtual hosts by address."""
        return VirtualHosts(self.model.servers)

    @cached_property
    def firsts(self) -> dict[str, tuple[Server, ...]]:
        """For each server the first ones of its addresses."""
        return self.hosts.firsts()

    # --- servers ---

    def server(self, out: Attributes, server: Server) -> None:
        """Of a server: what waits in front of it; of the main server also how many requests it serves at once."""
        front = self.declared.of_server("front_keep_alive")
        if front is not None and (not server.is_main or len(self.model.servers) == 1):
            _declared_seconds(out, "front_keep_alive", front)
        if server.is_main:
            self._capacity(out)

    def _capacity(self, out: Attributes) -> None:
        found = self.capacity
        if found is None:
            out.add("request_workers", Undetermined(NO_MPM))
            return
        out.add("request_workers", Number(found.workers), source_of(found.written), found.cut_by)
        if found.written is not None and found.cut_by:
            out.add("request_workers_cut_by", Text(found.cut_by), found.written.source)

    def load(self, out: Attributes, routes: Sequence[VisibleRoute]) -> None:
        """Of the main server: what all its requests would do if the slowest back end took them and stalled."""
        rate = self.declared.of_server("arrivals")
        if rate is None:
            return
        holds = [(self._hold(one), one) for one in routes if one.targets]
        unclear = next((one for one in routes if not one.targets and not one.route.excluded), None)
        if unclear is not None:
            _arrivals(out, rate)
            out.add("workers_held", Undetermined(f"{unclear.name}: {_unclear(unclear)}"))
            return
        if not holds:
            return
        hold, slowest = max(holds, key=lambda pair: pair[0])
        _arrivals(out, rate)
        out.text("slowest_route", slowest.name, slowest.route.directive.source)
        out.seconds("slowest_hold", hold)
        self._stall(out, rate, hold)

    # --- routes ---

    def route(self, out: Attributes, one: VisibleRoute) -> None:
        """Of a route that is proxied."""
        if not self.declared:
            return
        self._front(out, one)
        self._back_ends(out, one)
        self._upload(out, one)
        rate = self.declared.of_route("arrivals", one.name)
        if rate is not None and rate.about == "route":
            _arrivals(out, rate)
            if self.capacity is not None:
                out.number("workers", self.capacity.workers, source_of(self.capacity.written))
            else:
                out.add("workers", Undetermined(NO_MPM))
            if one.targets:
                self._stall(out, rate, self._hold(one), one)
            else:
                out.add("workers_held", Undetermined(_unclear(one)))

    def _front(self, out: Attributes, one: VisibleRoute) -> None:
        front = self.declared.of_route("front_timeout", one.name)
        if front is None:
            return
        _declared_seconds(out, "front_timeout", front)
        governing = one.governing
        if governing is None:
            out.add("longest_wait", Undetermined(_unclear(one)))
            out.add("longest_wait_parts", Undetermined(_unclear(one)))
            return
        seconds, parts = self._longest_wait(one)
        place = source_of(governing.read.directive)
        out.seconds("longest_wait", seconds, place, parts)
        out.add("longest_wait_parts", Text(parts), place)

    def _longest_wait(self, one: VisibleRoute) -> tuple[float, str]:
        """The longest that httpd may take to answer for a back end that does not, and what it is made of.

        Of a balancer's members, as many as are tried: each may have to be waited for while connecting.
        """
        connects = sorted((_seconds(target.connect.seconds) for target in one.targets if target.connect), reverse=True)
        balancer = _balancer(one)
        tried, wait = 1, 0.0
        if balancer is not None:
            tried = attempts(balancer)
            found = balancer.parameters.get("timeout")
            wait = float(atoi(found.value)) if found else 0.0
        read = self._reading(one)
        connect = in_turn(connects, tried)
        parts = [f"read {show_seconds(read)}" if math.isfinite(read) else "read no limit"]
        parts += [f"connect {show_seconds(connect)}"] if connects and math.isfinite(connect) else []
        parts += [f"wait for a member {show_seconds(wait)}"] if wait else []
        attempted = f"; {tried} attempts" if tried > 1 else ""
        return read + connect + wait, " + ".join(parts) + attempted

    def _hold(self, one: VisibleRoute) -> float:
        """How long a request may hold a worker: reading or connecting, not both, for one stalled back end."""
        connects = [_seconds(target.connect.seconds) for target in one.targets if target.connect]
        return max(self._reading(one), max(connects, default=0.0))

    def _reading(self, one: VisibleRoute) -> float:
        """How long httpd reads in vain from back ends that do not answer: once or twice, from one member or in turn."""
        marks = [(target, read_mark(self.model, one.server, target)) for target in one.targets]
        reads = sorted((_seconds(target.read.seconds) * mark.times for target, mark in marks), reverse=True)
        return in_turn(reads, max((tries(mark, _balancer(one)) for _, mark in marks), default=1))

    def _back_ends(self, out: Attributes, one: VisibleRoute) -> None:
        """The back end with the least to spare: of a balancer's members each is set beside its own read time-out."""
        pairs: list[tuple[float, Declaration, Governing]] = []
        for target in one.targets:
            found = self.declared.of_back_end("timeout", target.back_end)
            if found is None and target.worker is not None:
                found = self.declared.of_back_end("timeout", target.worker.back_end)
            if found is not None:
                pairs.append((_spare(_seconds(target.read.seconds), found.value), found, target))
        if not pairs:
            return
        _, declared, target = min(pairs, key=lambda pair: pair[0])
        _declared_seconds(out, "backend_timeout", declared)
        out.seconds("backend_read_timeout", target.read.seconds, source_of(target.read.directive), target.read.setting)

    def _upload(self, out: Attributes, one: VisibleRoute) -> None:
        size = self.declared.of_route("upload_size", one.name)
        rate = self.declared.of_route("upload_rate", one.name)
        if size is None or rate is None:
            return
        out.add("upload_size", Number(round(size.value)), size.source, _origin(size))
        out.add("upload_rate", Number(round(rate.value)), rate.source, _origin(rate))
        out.seconds("upload_time", _round(size.value / rate.value), size.source)
        _, written = stages(self.model, one.server)
        firsts = self.firsts.get(one.server.name, ())
        limits = counting(self.model, one.server, firsts, "body", version_known=self.version_known)
        cuts = {limit.cut_after(rate.value) for limit in limits}
        loaded = is_loaded(self.model, written)
        if loaded is None:
            out.add("upload_cut_after", Undetermined(_NO_REQTIMEOUT))
        elif not loaded:
            out.seconds("upload_cut_after", math.inf, None, "mod_reqtimeout is not loaded")
        elif len(cuts) > 1:
            out.add("upload_cut_after", Undetermined(_WHOSE_LIMIT))
        else:
            body = limits[0]
            note = "" if body.directive is not None else "mod_reqtimeout's default: body=20,MinRate=500"
            out.seconds("upload_cut_after", _round(body.cut_after(rate.value)), source_of(body.directive), note)

    # --- exhaustion ---

    def _stall(self, out: Attributes, rate: Declaration, hold: float, one: VisibleRoute | None = None) -> None:
        found = self.capacity
        if found is None:
            out.add("workers_held", Undetermined(NO_MPM))
            return
        pool, wait = self._pool(one, found) if one is not None else (math.inf, math.inf)
        effect = stall(rate.value, hold, found.workers, pool, wait)
        held = math.ceil(effect.held) if math.isfinite(effect.held) else effect.held
        source = source_of(one.governing.read.directive if one is not None and one.governing else None)
        note = f"{rate.value:g}/s × {hold:g} s" if math.isfinite(hold) else "no time-out lets one go"
        if math.isfinite(pool):
            note += f"; max= leaves {pool:g} connections"
        out.count("workers_held", held, source, note)
        out.seconds(
            "full_after", _round(effect.full_after), source, f"{found.workers} workers, all of them free before"
        )

    def _pool(self, one: VisibleRoute, found: Capacity) -> tuple[float, float]:
        """Connections to a route's back ends in all processes, and how long a request waits for one."""
        workers = [target.worker for target in one.targets]
        if found.threads == 1:
            return math.inf, math.inf
        pool = wait = 0.0
        for worker in workers:
            most = worker.text("max") if worker is not None else None
            if worker is None or most is None or atoi(most) < 1:
                return math.inf, math.inf
            pool += min(atoi(most), found.threads) * found.processes
            seconds = worker.interval("acquire", "ms")
            wait += math.inf if seconds is None else seconds
        return pool, wait

    # --- proxy workers and balancers ---

    def worker(self, out: Attributes, worker: ProxyWorker) -> None:
        """Of a proxy worker: for how long it reuses an idle connection, beside how long the back end keeps it."""
        keeps = self.declared.of_back_end("keep_alive", worker.back_end)
        if keeps is None:
            return
        _declared_seconds(out, "backend_keep_alive", keeps)
        ttl = worker.parameters.get("ttl")
        ttl_seconds = float(atoi(ttl.value)) if ttl is not None else math.inf
        place = source_of(ttl.directive if ttl is not None else worker.definition)
        if not worker.reuses():
            out.seconds("idle_reuse", 0, place, "connections are not reused")
            out.flag("reset_race", False, place)
            return
        by_mpm = {
            ttl_seconds if mpm != "prefork" else math.inf for mpm in ([self.mpm] if self.mpm in MPMS else list(MPMS))
        }
        if len(by_mpm) > 1:
            out.add("idle_reuse", Undetermined(NO_MPM))
            out.add("reset_race", Undetermined(NO_MPM))
            return
        reuse = by_mpm.pop()
        out.seconds("idle_reuse", reuse, place, _PREFORK if ttl is not None and reuse != ttl_seconds else "")
        asks_first = worker.back_end.scheme == "ajp" and "ping" in worker.parameters
        never = keeps.value == 0 or math.isinf(keeps.value)
        out.flag("reset_race", not (asks_first or never or reuse < keeps.value), place)

    def balancer(self, out: Attributes, balancer: Balancer) -> None:
        """Of a balancer: for how long it refuses every request once all its members are in error."""
        members = balancer.members.workers
        out.number("member_count", len(members))
        if not members:
            return
        forced = balancer.parameters.get("forcerecovery")
        if forces_recovery(balancer):
            out.seconds("refuses_for", 0, source_of(forced.directive if forced else None), "forcerecovery is on")
            return
        retries = [(float(atoi(one.value)) if (one := worker.parameters.get("retry")) else 60.0) for worker in members]
        note = f"the shortest retry= of its members; {readable(forced.written)}" if forced else ""
        out.seconds("refuses_for", min(retries), source_of(forced.directive if forced else None), note)


def read_mark(model: Model, server: Server, governing: Governing) -> Mark:
    """What a read time-out of a GET looks like at one back end."""
    worker = governing.worker
    balancer = worker.balancer if worker is not None else None
    return timeout_mark(
        model.protocol(server, governing.back_end.scheme),
        model.behaviour,
        ping=worker is not None and "ping" in worker.parameters,
        fail_on_timeout=balancer is not None and balancer_flag(balancer, "failontimeout", False),
    )


def tries(mark: Mark, balancer: Balancer | None) -> int:
    """How many members get a request of which each reading runs out of time: the next one's turn comes with 503."""
    return attempts(balancer) if balancer is not None and mark.status == 503 else 1


def _declared_seconds(out: Attributes, name: str, declared: Declaration) -> None:
    out.add(name, seconds_value(declared.value), declared.source, _origin(declared))


def _arrivals(out: Attributes, rate: Declaration) -> None:
    out.add("arrival_rate", Number(rate.value), rate.source, _origin(rate))
    out.add("arrival_rate_from", Text(_origin(rate)), rate.source)


def _origin(declared: Declaration) -> str:
    return f"measured: {declared.measured}" if declared.measured else "declared"


def _balancer(one: VisibleRoute) -> Balancer | None:
    worker = one.targets[0].worker if one.targets else None
    return worker.balancer if worker is not None else None


def _unclear(one: VisibleRoute) -> str:
    return readable(one.unclear or f"what governs {one.route.real} is not known")


def _seconds(seconds: float) -> float:
    """Seconds with no limit as infinity."""
    return math.inf if seconds < 0 else float(seconds)


def _spare(read: float, behind: float) -> float:
    """How much longer httpd waits than the back end may take; two without limit have nothing to spare."""
    return 0.0 if math.isinf(read) and math.isinf(behind) else read - behind


def _round(seconds: float) -> float:
    """Seconds to a tenth, shorter ones to a thousandth; infinity stays."""
    return seconds if math.isinf(seconds) else round(seconds, 1 if seconds >= 1 else 3)
