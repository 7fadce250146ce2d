"""Which proxy worker and which setting govern a request, and how long they let it wait.

Source: ``ap_proxy_connect_backend``, ``merge_proxy_config``, ``ap_proxy_pre_request``, and ``dispatch`` of
mod_proxy_fcgi for its fixed limit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final, Literal

import msgspec

from auditor.surfaces.httpd import effective
from auditor.surfaces.httpd.directive import Directive, Resolved
from auditor.surfaces.httpd.durations import atoi, drops_unit
from auditor.surfaces.httpd.effective import Setting, first_word
from auditor.surfaces.httpd.routes import ServerRoutes, read_routes, surely_accepted
from auditor.surfaces.httpd.servers import Server, split_servers
from auditor.surfaces.httpd.versions import Behaviour
from auditor.surfaces.httpd.workers import (
    BackEnd,
    Balancer,
    ProxyWorker,
    WorkerSet,
    balancer_name,
    find_merged,
    is_balancer,
    parse_back_end,
)

_USER: Final = re.compile(r"(?<=://)[^@/]*@")

Scope = Literal[
    "worker", "balancer member", "ProxyTimeout at definition", "fixed", "ProxyTimeout", "Timeout", "default"
]


class Limit(msgspec.Struct, frozen=True, gc=False):
    """A time that governs: seconds (infinite: no limit), the kind of setting, and the directive that says so.

    ``setting`` is the part of the directive as written: ``timeout=300``, ``ProxyTimeout 120``; or ``default``.
    """

    seconds: float
    scope: Scope
    setting: str
    directive: Directive | None

    @property
    def unit_dropped(self) -> bool:
        """Whether the setting has a unit that httpd throws away (``connectiontimeout=`` honours its own)."""
        if self.setting.startswith("connectiontimeout="):
            return False
        value = self.setting.partition("=")[2] if "=" in self.setting else self.setting.partition(" ")[2]
        return self.directive is not None and drops_unit(value)


class Governing(msgspec.Struct, frozen=True, gc=False):
    """What governs at one back end. ``worker`` None is the generic one: no parameters, no reuse."""

    worker: ProxyWorker | None
    back_end: BackEnd
    read: Limit
    connect: Limit | None

    @property
    def standby(self) -> bool:
        """Whether it is a member that serves only where the others can not."""
        return self.worker is not None and bool({"H", "R"} & self.worker.status)


class Routes(Mapping[str, ServerRoutes]):
    """The routes of every server; a server's lines are read when it is first asked for."""

    def __init__(self, servers: tuple[Server, ...], behaviour: Behaviour) -> None:
        self._servers = {server.name: server for server in servers}
        self._behaviour = behaviour
        self._read: dict[str, ServerRoutes] = {}

    def __getitem__(self, name: str) -> ServerRoutes:
        found = self._read.get(name)
        if found is None:
            found = self._read[name] = read_routes(self._servers[name], self._behaviour)
        return found

    def refused(self) -> Iterator[tuple[Directive, str]]:
        """The directives about routes that httpd would not start with, with the reason, in order."""
        for name, server in self._servers.items():
            if name in self._read or not surely_accepted(server):
                yield from self[name].refused

    def __iter__(self) -> Iterator[str]:
        return iter(self._servers)

    def __len__(self) -> int:
        return len(self._servers)


class Model(msgspec.Struct, eq=False, dict=True):
    """A configuration as mod_proxy holds it once everything is read, for one behaviour of httpd."""

    resolved: Resolved
    behaviour: Behaviour
    servers: tuple[Server, ...]
    routes: Routes
    """By server name, each read when it is first asked for."""

    @property
    def main(self) -> Server:
        """The main server."""
        return self.servers[0]

    @cached_property
    def main_routes(self) -> ServerRoutes:
        """What the main server's own lines make."""
        return self.routes[self.main.name]

    @cached_property
    def by_name(self) -> dict[str, Server]:
        """The servers by name."""
        return {server.name: server for server in self.servers}

    def flag(self, server: Server, name: str, default: bool) -> bool:
        """An On/Off directive (lower-case name) in effect: the server's own, else the main server's."""
        found = effective.inherited(server, self.main, name)
        return default if found is None else first_word(found).lower() == "on"

    def protocol(self, server: Server, scheme: str) -> str:
        """The protocol whose module does the work: since 2.4.47 that of HTTP speaks WebSocket too, if not told off."""
        if scheme not in ("ws", "wss") or not self.behaviour.websocket_by_http or not self.loads("proxy_http_module"):
            return scheme
        if self.behaviour.websocket_choice and not self.flag(server, "proxywebsocketfallbacktoproxyhttp", True):
            return scheme
        return {"ws": "http", "wss": "https"}[scheme]

    def loads(self, module: str, *, unknown: bool = True) -> bool:
        """Whether a module is loaded; ``unknown`` where nothing is known of the modules."""
        if module in self._modules:
            return True
        return unknown if not self._modules or not self.resolved.modules_known else False

    @cached_property
    def loads_modules(self) -> bool:
        """Whether any line loads a module; a part of a configuration has none."""
        return any(one.name.lower() == "loadmodule" for one in self.resolved.directives)

    @cached_property
    def _modules(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.resolved.modules)

    def inherits_workers(self, server: Server) -> bool:
        """Whether a virtual host sees the main server's proxy workers and balancers."""
        if server.is_main:
            return False
        return self.flag(server, "balancerinherit", True) or self.flag(server, "proxypassinherit", True)

    def balancer(self, server: Server, written: str) -> Balancer | None:
        """The balancer that a request of a server uses: the main server's comes first, with its members alone."""
        name = balancer_name(written)
        if self.inherits_workers(server) and name in self.main_routes.workers.balancers:
            return self.main_routes.workers.balancers[name]
        return self.routes[server.name].workers.balancers.get(name)

    def find_worker(self, server: Server, url: str) -> ProxyWorker | None:
        """The proxy worker that governs a URL (without ``unix:…|``) in a server; None is the generic one."""
        return find_merged(self._main_workers(server), self.routes[server.name].workers.workers, url)

    def deeper_workers(self, server: Server, url: str) -> Iterator[ProxyWorker]:
        """Proxy workers whose names start with the URL and go on: they govern part of what lies below it."""
        main = self._main_workers(server)
        if main is not None:
            yield from main.deeper(url)
        yield from self.routes[server.name].workers.workers.deeper(url)

    def _main_workers(self, server: Server) -> WorkerSet | None:
        return self.main_routes.workers.workers if self.inherits_workers(server) else None

    def governing(self, server: Server, url: str) -> Governing | None:
        """What governs a request that is sent to a URL; None where the URL is no absolute one."""
        back_end = parse_back_end(url, pattern=True)
        if back_end is None:
            return None
        return self._govern(server, self.find_worker(server, with_path(back_end)), back_end)

    def members(self, server: Server, balancer: Balancer) -> tuple[Governing, ...]:
        """What governs at each member of a balancer that may serve, in order."""
        return tuple(
            self._govern(server, one, one.back_end) for one in balancer.members.workers if not one.out_of_service
        )

    def targets(self, server: Server, url: str) -> tuple[Governing, ...]:
        """What governs for a URL: one for a back end, one for each member of a balancer."""
        if is_balancer(url):
            balancer = self.balancer(server, url)
            return () if balancer is None else self.members(server, balancer)
        one = self.governing(server, url)
        return () if one is None else (one,)

    def _govern(self, server: Server, worker: ProxyWorker | None, back_end: BackEnd) -> Governing:
        read = self.chain(server, worker, back_end.scheme)[0]
        socket = worker.back_end.socket if worker is not None else back_end.socket
        return Governing(worker, back_end, read, None if socket else self._connect(server, worker))

    def chain(self, server: Server, worker: ProxyWorker | None, scheme: str) -> tuple[Limit, ...]:
        """The settings that can govern a read, strongest first; each that is set, and a default or fixed end."""
        found: list[Limit] = []
        if self.protocol(server, scheme) in ("ws", "wss"):
            found.append(Limit(math.inf, "fixed", "no limit of mod_proxy_wstunnel", None))
        if scheme in ("h2", "h2c") and not self.behaviour.h2_limit:
            found.append(Limit(math.inf, "fixed", "no limit of mod_proxy_http2", None))
        found.extend(_worker_limits(worker))
        if scheme == "fcgi" and self.behaviour.fixed_fcgi_limit:
            found.append(Limit(30, "fixed", "30 seconds of mod_proxy_fcgi", None))
        return (*found, *self.server_limits(server))

    def server_limits(self, server: Server) -> Iterator[Limit]:
        """ProxyTimeout where set, then Timeout or its default."""
        proxy = effective.proxy_timeout(server, self.main)
        if proxy is not None:
            yield _limit(proxy, "ProxyTimeout")
        timeout = effective.timeout(server, self.main, self.behaviour)
        if timeout.directive is None:
            yield Limit(timeout.seconds, "default", "default", None)
        else:
            yield _limit(timeout, "Timeout")

    def tunnel_limit(self, server: Server, governing: Governing) -> Limit:
        """How long a tunnel that switched protocols may be idle.

        It is the longer of the client's time-out and the back end's. Until 2.4.52 it is the shorter, and a client
        without one makes a tunnel without limit.
        """
        read = governing.read
        if self.protocol(server, governing.back_end.scheme) in ("ws", "wss"):
            return read
        setting = effective.timeout(server, self.main, self.behaviour)
        own = -1 if math.isinf(read.seconds) else read.seconds
        if self.behaviour.shorter_tunnels:
            if 0 <= own < setting.seconds:
                return read
        elif setting.seconds <= own:
            return read
        if setting.directive is None:
            return Limit(setting.seconds, "default", "default", None)
        return _limit(setting, "Timeout")

    def _connect(self, server: Server, worker: ProxyWorker | None) -> Limit:
        if worker is not None:
            seconds = worker.interval("connectiontimeout")
            if seconds is not None and seconds > 0:
                parameter = worker.parameters["connectiontimeout"]
                return Limit(seconds, _scope(worker), parameter.written, parameter.directive)
        return next(iter((*_worker_limits(worker), *self.server_limits(server))))


def _scope(worker: ProxyWorker) -> Scope:
    return "worker" if worker.balancer is None else "balancer member"


def _worker_limits(worker: ProxyWorker | None) -> Iterator[Limit]:
    if worker is None:
        return
    own = worker.timeout
    if own is not None:
        yield Limit(atoi(own.value), _scope(worker), own.written, own.directive)
    taken = worker.proxy_timeout
    if taken is not None:
        value = first_word(taken)
        yield Limit(atoi(value), "ProxyTimeout at definition", f"ProxyTimeout {value}", taken)


def _limit(setting: Setting, scope: Scope) -> Limit:
    name = setting.directive.name if setting.directive else scope
    seconds = math.inf if setting.seconds < 0 else setting.seconds
    return Limit(seconds, scope, f"{name} {setting.written}", setting.directive)


def with_path(back_end: BackEnd) -> str:
    """The URL as a request has it: a path is there; the default port, and a user's name and password, are not."""
    name = _USER.sub("", back_end.name, count=1)
    return name if back_end.path else f"{name}/"


def build_model(resolved: Resolved, behaviour: Behaviour, servers: tuple[Server, ...] | None = None) -> Model:
    """The model of a configuration without doubts, for one behaviour."""
    servers = servers if servers is not None else split_servers(resolved)
    return Model(resolved, behaviour, servers, Routes(servers, behaviour))
