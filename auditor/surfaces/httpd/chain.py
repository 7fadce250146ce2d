"""Every setting that could govern a URL's time-outs, strongest first, and what became of each."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.surfaces.httpd.answer import ChainEntry
from auditor.surfaces.httpd.durations import atoi
from auditor.surfaces.httpd.effective import first_word
from auditor.surfaces.httpd.governing import Governing, Limit, Model
from auditor.surfaces.httpd.route_resources import describe
from auditor.surfaces.httpd.routes import Route
from auditor.surfaces.httpd.servers import Server, readable
from auditor.surfaces.httpd.workers import ProxyWorker


def chain_of(model: Model, server: Server, route: Route, governing: Governing) -> tuple[ChainEntry, ...]:
    """Every setting considered, strongest first, with those that are written but do not count."""
    worker, read = governing.worker, governing.read
    entries = [*_lost(route, worker, read)]
    limits = model.chain(server, worker, governing.back_end.scheme)
    entries.extend(_entry(limit, governs=limit is limits[0]) for limit in limits)
    if worker is not None and worker.timeout is None:
        entries.insert(len(entries) - len(limits), ChainEntry("timeout= of the worker", False, "not set", ""))
    if not any(limit.scope in ("ProxyTimeout", "ProxyTimeout at definition") for limit in limits):
        entries.insert(len(entries) - 1, ChainEntry("ProxyTimeout", False, "not set", ""))
    entries.extend(_ineffective(model, server, limits))
    entries.extend(_connecting(route, worker, governing))
    return tuple(entries)


def _connecting(route: Route, worker: ProxyWorker | None, governing: Governing) -> Iterator[ChainEntry]:
    """``connectiontimeout=``, which goes before all of the others for connecting alone."""
    connect = governing.connect
    if connect is None:
        return
    yield from _lost(route, worker, connect, "connectiontimeout")
    if connect.setting.startswith("connectiontimeout="):
        yield _entry(connect, governs=True)


def _lost(route: Route, worker: ProxyWorker | None, governs: Limit, key: str = "timeout") -> Iterator[ChainEntry]:
    """A time on the route's own line, where it does not govern."""
    own = next((one for one in route.parameters if one.key == key), None)
    if own is None or (governs.directive is route.directive and governs.setting == own.written):
        return
    if route.balancer is not None:
        reason = "on a balancer it is the wait for a usable member, never a read time-out"
        if key != "timeout":
            reason = "it is for the members of a balancer; httpd does not start with it here"
    elif worker is None:
        reason = "no proxy worker matches this URL, the generic one serves it"
    elif worker.definition is route.directive:
        reason = f"overridden by {describe(governs)}"
    elif worker.server != route.server:
        reason = f"the main server's proxy worker {readable(worker.name)} comes first"
    else:
        made = _maker(worker)
        reason = f"the worker was made by {made}"
    setting = f"{readable(own.written)} on {readable(route.fake)}"
    yield ChainEntry(setting, True, "ignored", reason, own.directive.source)


def _ineffective(model: Model, server: Server, limits: tuple[Limit, ...]) -> Iterator[ChainEntry]:
    """ProxyTimeout and Timeout that stand in the server or the main server and are not even reached."""
    shown = {id(limit.directive) for limit in limits if limit.directive is not None}
    for one in (server,) if server.is_main else (server, model.main):
        for name in ("proxytimeout", "timeout"):
            found = one.plain.get(name, ())
            for index, directive in enumerate(found):
                if id(directive) in shown:
                    continue
                value = first_word(directive)
                if index < len(found) - 1:
                    reason = f"a later {directive.name} of the same server replaces it"
                elif not one.is_main and name == "timeout" and atoi(value) == 0:
                    reason = "0 in a virtual host means the main server's"
                else:
                    reason = "the virtual host has its own" if one.is_main else ""
                yield ChainEntry(readable(f"{directive.name} {value}"), True, "ignored", reason, directive.source)


def _entry(limit: Limit, *, governs: bool) -> ChainEntry:
    setting = readable(limit.setting)
    if limit.scope in ("worker", "balancer member"):
        setting = f"{setting} on {describe(limit).removeprefix('ProxyPass ')}"
    elif limit.scope == "default":
        setting = f"Timeout, httpd's default of {limit.seconds:g} s"
    elif limit.scope == "ProxyTimeout at definition":
        setting = f"{setting}, in force where the worker was made"
    source = limit.directive.source if limit.directive is not None else None
    is_set = limit.scope != "default"
    reason = ""
    if limit.unit_dropped:
        reason = f"its unit is dropped: {limit.seconds:g} s"
    return ChainEntry(setting, is_set, "governs" if governs else "not reached", reason, source)


def _maker(worker: ProxyWorker) -> str:
    return describe(Limit(0, "worker", "", worker.definition))
