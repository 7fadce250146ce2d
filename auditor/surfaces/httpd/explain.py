"""For a URL: which virtual host, route, proxy worker and setting govern, and what a time-out will look like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import msgspec

from auditor.errors import InputError
from auditor.surfaces.httpd import beyond, effective
from auditor.surfaces.httpd.answer import Answer, ChainEntry, Governed, OnTimeout, seconds_or_none
from auditor.surfaces.httpd.directive import Resolved
from auditor.surfaces.httpd.durations import atoi
from auditor.surfaces.httpd.effective import first_word
from auditor.surfaces.httpd.governing import Governing, Limit, Model, build_model
from auditor.surfaces.httpd.mapping import Mapped, PathMap, map_path
from auditor.surfaces.httpd.marks import timeout_mark
from auditor.surfaces.httpd.request_path import RequestPath, request_path
from auditor.surfaces.httpd.route_resources import balancer_flag, describe
from auditor.surfaces.httpd.routes import Route
from auditor.surfaces.httpd.servers import Server, readable, split_servers
from auditor.surfaces.httpd.sharing import Shared, Sharing
from auditor.surfaces.httpd.understanding import features
from auditor.surfaces.httpd.versions import behaviours
from auditor.surfaces.httpd.vhosts import VirtualHosts
from auditor.surfaces.httpd.workers import ProxyWorker, is_balancer
from auditor.surfaces.httpd.worlds import VERSION_CAUSE, World, worlds
from auditor.surfaces.interface import InterpretOptions

_MAX_HELD: Final = 200_000
"""Routes that are kept in memory with what governs them; beyond, they are found out again."""
_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def explain(resolved: Resolved, url: str, version: str = "", options: InterpretOptions | None = None) -> Answer:
    """The answer for one URL; see :class:`Explainer`."""
    return Explainer(resolved, version, options).explain(url)


class Explainer:
    """A configuration that is asked about URLs. What does not depend on the URL is found out once, where it is needed.

    ``version`` is httpd's, where the collection names it; ``options`` go before it.
    """

    def __init__(self, resolved: Resolved, version: str = "", options: InterpretOptions | None = None) -> None:
        version = (options.httpd_version if options else "") or version
        ways = worlds(resolved, behaviours(version, features(resolved)))
        made: dict[int, tuple[Server, ...]] = {}

        def asked(world: World) -> _Asked:
            key = id(world.directives)
            replaced = msgspec.structs.replace(resolved, directives=world.directives)
            servers = made[key] = made.get(key) or split_servers(replaced)
            return _Asked(build_model(replaced, world.behaviour, servers))

        self._first = asked(ways.first)
        self._others = (
            ([asked(world) for world in ways.by_version], VERSION_CAUSE),
            ([asked(world) for world in ways.by_doubt], ways.doubt_cause),
        )
        self._too_many = ways.too_many

    @property
    def model(self) -> Model:
        """The configuration where every condition that cannot be decided holds."""
        return self._first.model

    def explain(self, url: str) -> Answer:
        """The answer for a URL.

        Where an unknown conditional or the version could change the answer, ``undetermined`` says so.

        Errors:
            InputError: the text is no URL that a browser could ask for.
        """
        first = self._first.answer(url)
        doubts = list(first.undetermined)
        for others, cause in self._others:
            for other in others:
                answer = other.answer(url)
                if _essence(answer) != _essence(first):
                    doubts.append(_difference(first, answer, cause))
                    break
        if self._too_many:
            doubts.append("more conditionals cannot be decided than can be tried: name modules with --module")
        return msgspec.structs.replace(first, undetermined=tuple(dict.fromkeys(doubts)))


def _essence(answer: Answer) -> tuple[object, ...]:
    return (
        answer.virtual_host,
        answer.proxied,
        answer.mapped_by,
        answer.worker,
        answer.read_timeout_s,
        answer.connect_timeout_s,
        answer.on_timeout.status if answer.on_timeout else None,
    )


def _difference(one: Answer, other: Answer, cause: str) -> str:
    if one.virtual_host != other.virtual_host:
        what = f"the virtual host may also be {other.virtual_host}"
    elif one.proxied != other.proxied:
        what = "whether it is proxied is not certain"
    elif one.read_timeout_s != other.read_timeout_s:
        shown = "no limit" if other.read_timeout_s is None else f"{other.read_timeout_s:g} s"
        what = f"the read time-out may also be {shown}"
    else:
        what = "the answer is not certain"
    return f"{what}: {cause}"


def split_url(url: str) -> tuple[str, int, str]:
    """Host, port and path of a URL, the path as written.

    Errors:
        InputError: it is none.
    """
    example = "A URL looks like  https://shop.example/api/orders"
    if any(letter <= " " or letter == "\x7f" for letter in url):
        raise InputError(f"{url!r} holds a blank or a control character", next_step="Write a blank as %20.")
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f"{url!r} is not a URL: {error}", next_step=example) from error
    scheme = parts.scheme.lower()
    if not host or scheme not in _PORTS:
        raise InputError(f"{url!r} is not a URL of a web server", next_step=example)
    return host, port if port is not None else _PORTS[scheme], parts.path or "/"


class _Asked:
    """One model that is asked about URLs."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.hosts = VirtualHosts(model.servers)
        self._places: dict[str, PathMap] = {}
        self._shares: dict[str, Sharing] = {}
        self._held = 0

    def answer(self, url: str) -> Answer:
        """The answer in this model."""
        host, port, written = split_url(url)
        choice = self.hosts.choose(host, port)
        server = choice.server
        asked = self._request_path(server, written)
        mapped = Mapped(note=asked.refused) if asked.refused else map_path(self._place(server), asked.path)
        doubts = (*choice.doubts, *beyond.proxied_by_host(self.model, server), *mapped.doubts)
        if mapped.route is None:
            if not mapped.note:
                doubts += tuple(beyond.perhaps_proxied(self.model, server, by_name=choice.by_name))
            return Answer(
                url=url,
                virtual_host=readable(server.name),
                virtual_host_source=server.source,
                proxied=False,
                why_not=readable(mapped.note) or "no ProxyPass, RewriteRule [P] or proxy handler takes this path",
                undetermined=tuple(readable(doubt) for doubt in doubts),
            )
        return self._proxied(url, server, mapped.route, mapped, doubts)

    def _place(self, server: Server) -> PathMap:
        found = self._places.get(server.name)
        if found is None:
            found = self._places[server.name] = PathMap(self.model, server)
        return found

    def _request_path(self, server: Server, written: str) -> RequestPath:
        encoded = effective.inherited(server, self.model.main, "allowencodedslashes")
        return request_path(
            written,
            encoded_slashes=first_word(encoded).lower() if encoded is not None else "off",
            merge_slashes=self.model.behaviour.merges_slashes and self.model.flag(server, "mergeslashes", True),
        )

    def _proxied(self, url: str, server: Server, route: Route, mapped: Mapped, doubts: tuple[str, ...]) -> Answer:
        targets = self.model.targets(server, mapped.url)
        answer = Answer(
            url=url,
            virtual_host=readable(server.name),
            virtual_host_source=server.source,
            proxied=True,
            mapped_by=readable(f"{route.directive.name} {route.fake}"),
            mapped_by_source=route.directive.source,
            route=self._sharing(server).name(route),
            target_url=readable(mapped.url),
            balancer=self._balancer_name(server, mapped.url),
            undetermined=tuple(readable(doubt) for doubt in doubts),
        )
        if not targets:
            cause = f"nothing can be said of {readable(mapped.url)}: no such balancer, no member, or no absolute URL"
            return msgspec.structs.replace(answer, undetermined=(*answer.undetermined, cause))
        longest = max(targets, key=lambda one: one.read.seconds)
        others = (
            ()
            if len(targets) == 1
            else tuple((readable(one.back_end.url), seconds_or_none(one.read.seconds)) for one in targets)
        )
        worker = longest.worker
        return msgspec.structs.replace(
            answer,
            worker=readable(worker.name) if worker is not None else None,
            worker_source=worker.definition.source if worker is not None else None,
            shared_with=self._shared(server, route, worker),
            read_timeout_s=seconds_or_none(longest.read.seconds),
            connect_timeout_s=None if longest.connect is None else seconds_or_none(longest.connect.seconds),
            read_governed_by=governed(longest.read),
            connect_governed_by=None if longest.connect is None else governed(longest.connect),
            connect_note=_connect_note(longest),
            chain=self._chain(server, route, longest),
            on_timeout=self._mark(server, longest),
            members=others,
        )

    def _sharing(self, server: Server) -> Sharing:
        found = self._shares.get(server.name)
        if found is None:
            if self._held > _MAX_HELD:
                self._shares.clear()
                self._held = 0
            found = self._shares[server.name] = Sharing(self.model, server)
            self._held += found.size
        return found

    def _balancer_name(self, server: Server, url: str) -> str | None:
        found = self.model.balancer(server, url) if is_balancer(url) else None
        return None if found is None else f"{found.server} {readable(found.name)}"

    def _shared(self, server: Server, route: Route, worker: ProxyWorker | None) -> Shared:
        """Other routes of the server that the same worker governs."""
        if worker is None or worker.balancer is not None:
            return ()
        return self._sharing(server).others(worker, route)

    def _mark(self, server: Server, governing: Governing) -> OnTimeout:
        worker = governing.worker
        balancer = worker.balancer if worker is not None else None
        mark = timeout_mark(
            self.model.protocol(server, governing.back_end.scheme),
            self.model.behaviour,
            ping=worker is not None and "ping" in worker.parameters,
            fail_on_timeout=balancer is not None and balancer_flag(balancer, "failontimeout", False),
        )
        if governing.read.seconds == 0:
            return OnTimeout(503, (), "Timeout 0 answers at once, before any back end can", 0)
        seconds = seconds_or_none(governing.read.seconds * mark.times)
        text = " ".join(filter(None, (mark.text, _ping_text(governing))))
        return OnTimeout(mark.status, mark.log_ids, text, seconds)

    def _chain(self, server: Server, route: Route, governing: Governing) -> tuple[ChainEntry, ...]:
        """Every setting considered, strongest first, with those that are written but do not count."""
        worker, read = governing.worker, governing.read
        entries = [*self._lost(route, worker, read)]
        limits = self.model.chain(server, worker, governing.back_end.scheme)
        entries.extend(_entry(limit, governs=limit is limits[0]) for limit in limits)
        if worker is not None and worker.timeout is None:
            entries.insert(len(entries) - len(limits), ChainEntry("timeout= of the worker", False, "not set", ""))
        if not any(limit.scope in ("ProxyTimeout", "ProxyTimeout at definition") for limit in limits):
            entries.insert(len(entries) - 1, ChainEntry("ProxyTimeout", False, "not set", ""))
        entries.extend(self._ineffective(server, limits))
        entries.extend(self._connecting(route, worker, governing))
        return tuple(entries)

    def _connecting(self, route: Route, worker: ProxyWorker | None, governing: Governing) -> Iterator[ChainEntry]:
        """``connectiontimeout=``, which goes before all of the others for connecting alone."""
        connect = governing.connect
        if connect is None:
            return
        yield from self._lost(route, worker, connect, "connectiontimeout")
        if connect.setting.startswith("connectiontimeout="):
            yield _entry(connect, governs=True)

    def _lost(
        self, route: Route, worker: ProxyWorker | None, governs: Limit, key: str = "timeout"
    ) -> Iterator[ChainEntry]:
        """A time on the route's own line, where it does not govern."""
        own = next((one for one in route.parameters if one.key == key), None)
        if own is None or (governs.directive is route.directive and governs.setting == own.written):
            return
        if route.balancer is not None:
            reason = "on a balancer it is the wait for a usable member, never a read time-out"
            if key != "timeout":
                reason = "it is for the members of a balancer; on the balancer it does nothing"
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

    def _ineffective(self, server: Server, limits: tuple[Limit, ...]) -> Iterator[ChainEntry]:
        """ProxyTimeout and Timeout that stand in the server or the main server and are not even reached."""
        shown = {id(limit.directive) for limit in limits if limit.directive is not None}
        for one in (server,) if server.is_main else (server, self.model.main):
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
    if governs and limit.unit_dropped:
        reason = f"its unit is dropped: {limit.seconds:g} s"
    return ChainEntry(setting, is_set, "governs" if governs else "not reached", reason, source)


def _maker(worker: ProxyWorker) -> str:
    return describe(Limit(0, "worker", "", worker.definition))


def governed(limit: Limit) -> Governed:
    """The setting that governs, as the answer carries it."""
    if limit.directive is None:
        return Governed("default" if limit.scope == "default" else "fixed", limit_text(limit), None)
    value = limit.setting.partition(" ")[2] if " " in limit.setting else limit.setting
    return Governed(limit.directive.name.lstrip("<"), readable(value), limit.directive.source)


def limit_text(limit: Limit) -> str:
    """The seconds of a default, or what is fixed."""
    return f"{limit.seconds:g}" if limit.scope == "default" else limit.setting


def _ping_text(governing: Governing) -> str:
    """What comes first of a back end that does not even answer the ping."""
    seconds = governing.worker.interval("ping") if governing.worker is not None else None
    if governing.back_end.scheme != "ajp" or not seconds:
        return ""
    return f"Where the ping itself is not answered: status 503 after {2 * seconds:g} s, AH01012 and AH00897."


def _connect_note(governing: Governing) -> str:
    if governing.connect is None:
        return "a Unix socket has none"
    if governing.connect.setting.startswith("connectiontimeout="):
        return ""
    if governing.connect.seconds != governing.read.seconds:
        return "no connectiontimeout= is set"
    return "falls back to the read time-out"
