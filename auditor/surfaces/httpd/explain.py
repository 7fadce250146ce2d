"""For a URL: which virtual host, route, proxy worker and setting govern, and what a time-out will look like."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

import msgspec

from auditor.errors import InputError
from auditor.surfaces.httpd import beyond, effective
from auditor.surfaces.httpd.answer import Answer, Failure, OnTimeout, seconds_or_none
from auditor.surfaces.httpd.asides import Asides
from auditor.surfaces.httpd.chain import chain_of
from auditor.surfaces.httpd.client_side import client_failures
from auditor.surfaces.httpd.directive import Resolved
from auditor.surfaces.httpd.effective import first_word
from auditor.surfaces.httpd.failures import failures, governed
from auditor.surfaces.httpd.file_places import FilePlace
from auditor.surfaces.httpd.governing import Governing, Model, build_model
from auditor.surfaces.httpd.handlers import not_known
from auditor.surfaces.httpd.mapping import Mapped, PathMap, map_path
from auditor.surfaces.httpd.refusals import features, in_world
from auditor.surfaces.httpd.request_path import RequestPath, request_path
from auditor.surfaces.httpd.routes import Route
from auditor.surfaces.httpd.scripts import Script, Scripts
from auditor.surfaces.httpd.servers import Server, readable, split_servers
from auditor.surfaces.httpd.sharing import Shared, Sharing
from auditor.surfaces.httpd.versions import behaviours
from auditor.surfaces.httpd.vhosts import Choice, VirtualHosts
from auditor.surfaces.httpd.workers import ProxyWorker, is_balancer
from auditor.surfaces.httpd.worlds import VERSION_CAUSE, World, worlds
from auditor.surfaces.interface import InterpretOptions

_MAX_HELD: Final = 200_000
"""Routes that are kept in memory with what governs them; beyond, they are found out again."""
_NO_PORT: Final = re.compile(r"(?i)(?!unix:)[^:/]+://(?:[^/]*@)?(?:\[[^\]]*\]|[^:/@\[]*):\d*[^/\d?][^@]*(?:/|$)")
_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def explain(resolved: Resolved, url: str, version: str = "", options: InterpretOptions | None = None) -> Answer:
    """The answer for one URL; see :class:`Explainer`."""
    return Explainer(resolved, version, options).explain(url)


class Explainer:
    """A configuration that is asked about URLs. What does not depend on the URL is found out once, where it is needed.

    ``version`` is httpd's, where the collection names it; ``options`` go before it. ``stands`` says what the
    collection knows of a path: whether a ``.htaccess`` file is there.
    """

    def __init__(
        self,
        resolved: Resolved,
        version: str = "",
        options: InterpretOptions | None = None,
        stands: beyond.Stands = lambda _: "unknown",
    ) -> None:
        version = (options.httpd_version if options else "") or version
        ways = worlds(resolved, behaviours(version, features(resolved)))
        made: dict[int, tuple[Server, ...]] = {}

        def asked(world: World) -> _Asked:
            key = id(world.directives)
            replaced = in_world(resolved, world)
            servers = made[key] = made.get(key) or split_servers(replaced)
            return _Asked(build_model(replaced, world.behaviour, servers), stands)

        self._first = asked(ways.first)
        self._others = [(asked(world), world.cause) for world in ways.others]
        self._too_many = ways.too_many

    @property
    def models(self) -> list[Model]:
        """The configuration in every world, first where each condition that cannot be decided holds."""
        return [self._first.model, *(other.model for other, _ in self._others)]

    def explain(self, url: str) -> Answer:
        """The answer for a URL.

        Where an unknown conditional or the version could change the answer, ``undetermined`` says so.

        Errors:
            InputError: the text is no URL that a browser could ask for.
        """
        first = self._first.answer(url)
        doubts = list(first.undetermined)
        found = set()
        for other, cause in self._others:
            if cause in found:
                continue
            answer = other.answer(url)
            if _essence(answer) != _essence(first):
                found.add(cause)
                doubts.append(_difference(first, answer, cause))
            elif cause != VERSION_CAUSE:  # alike, and yet what makes it uncertain may stand in one of the ways alone
                doubts += answer.undetermined
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
        (answer.on_timeout.status, answer.on_timeout.seconds) if answer.on_timeout else None,
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

    def __init__(self, model: Model, stands: beyond.Stands) -> None:
        self.model = model
        self.stands = stands
        self.hosts = VirtualHosts(model.servers)
        self.asides = Asides(model)
        self._places: dict[str, PathMap] = {}
        self._scripts: dict[str, Scripts] = {}
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
        by_text = mapped.route is None or mapped.route.pattern or mapped.route.match == "handler"
        if "//" in written and by_text and not self.model.behaviour.known:
            doubts = (*doubts, f"before 2.4.39 slashes are not merged: {VERSION_CAUSE}")
        if mapped.route is None or (_NO_PORT.match(mapped.url) and not is_balancer(mapped.url)):
            if not mapped.note and mapped.route is None:
                doubts += tuple(
                    beyond.perhaps_proxied(self.model, server, mapped.place, self.stands, by_name=choice.by_name)
                )
            script = None
            if mapped.place is not None and mapped.route is None:
                script, unsure = self._script(server, mapped.path, mapped.place)
                doubts += unsure
            if script is not None:
                doubts += tuple(beyond.overridden_by_files(self.model, server, mapped.place, self.stands))
                return self._run(url, choice, script, doubts)
            return Answer(
                url=url,
                virtual_host=readable(server.name),
                virtual_host_source=server.source,
                virtual_host_note=_elsewhere(choice),
                proxied=False,
                why_not=_why_not(mapped),
                undetermined=tuple(readable(doubt) for doubt in doubts),
                failures=self._client(url, choice, ""),
            )
        if mapped.place is not None:
            doubts += tuple(beyond.overridden_by_files(self.model, server, mapped.place, self.stands))
        doubts += tuple(beyond.another_host(mapped.route, mapped.url))
        doubts += tuple(beyond.by_another_proxy(self.model, server))
        doubts += tuple(beyond.spoken_by_section(self.model, server, mapped.url.partition(":")[0].lower()))
        return self._proxied(url, choice, mapped.route, mapped, doubts)

    def _script(self, server: Server, path: str, place: FilePlace) -> tuple[Script | None, tuple[str, ...]]:
        found = self._scripts.get(server.name)
        if found is None:
            found = self._scripts[server.name] = Scripts(self.model, server)
        return found.find(path, place)

    def _run(self, url: str, choice: Choice, script: Script, doubts: tuple[str, ...]) -> Answer:
        """The answer for a script that httpd runs itself."""
        found = tuple(script.failures())
        return Answer(
            url=url,
            virtual_host=readable(choice.server.name),
            virtual_host_source=choice.server.source,
            virtual_host_note=_elsewhere(choice),
            proxied=False,
            run_by=f"mod_{script.module}",
            mapped_by=readable(f"{script.by.name} {first_word(script.by)}"),
            mapped_by_source=script.by.source,
            read_timeout_s=seconds_or_none(script.seconds),
            read_governed_by=script.governed,
            chain=script.chain,
            on_timeout=_on_timeout(found[0]),
            failures=(*found, *self._client(url, choice, "")),
            undetermined=tuple(readable(doubt) for doubt in doubts),
        )

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

    def _proxied(self, url: str, choice: Choice, route: Route, mapped: Mapped, doubts: tuple[str, ...]) -> Answer:
        server = choice.server
        targets = self.model.targets(server, mapped.url)
        answer = Answer(
            url=url,
            virtual_host=readable(server.name),
            virtual_host_source=server.source,
            virtual_host_note=_elsewhere(choice),
            proxied=True,
            mapped_by=readable(f"{route.directive.name} {route.fake}"),
            mapped_by_source=route.directive.source,
            route=self._sharing(server).name(route),
            target_url=readable(mapped.url),
            balancer=self._balancer_name(server, mapped.url),
            undetermined=tuple(readable(doubt) for doubt in doubts),
        )
        if not targets:
            cause = (
                f"nothing can be said of {readable(mapped.url)}: no such balancer, no member that may serve, "
                "or no absolute URL"
            )
            return msgspec.structs.replace(answer, undetermined=(*answer.undetermined, cause))
        schemes = [one.back_end.scheme for one in targets]
        if doubt := not_known(self.model, server, ["balancer", *schemes] if is_balancer(mapped.url) else schemes):
            answer = msgspec.structs.replace(answer, undetermined=(*answer.undetermined, readable(doubt)))
        regular = [one for one in targets if not one.standby] or targets
        longest = max(regular, key=lambda one: one.read.seconds)
        found = tuple(
            failures(
                self.model,
                server,
                targets,
                longest,
                query=bool(urlsplit(url if "://" in url else f"http://{url}").query),
            )
        )
        statuses = frozenset(one.status for one in found if one.status is not None)
        pages = self._place(server).error_pages(mapped, statuses)
        balancer = self.model.balancer(server, mapped.url) if is_balancer(mapped.url) else None
        kept = () if balancer is None else tuple(self.asides.of_kept_state(balancer))
        others = (
            ()
            if len(targets) == 1
            else tuple((readable(one.back_end.url), seconds_or_none(one.read.seconds)) for one in targets)
        )
        worker = longest.worker
        return msgspec.structs.replace(
            answer,
            undetermined=(*answer.undetermined, *kept, *(readable(page) for page in pages)),
            notes=tuple(self.asides.of_request(server, mapped.path, balancer, targets, tls=_tls(url))),
            worker=readable(worker.name) if worker is not None else None,
            worker_source=worker.definition.source if worker is not None else None,
            shared_with=self._shared(server, route, worker),
            read_timeout_s=seconds_or_none(longest.read.seconds),
            connect_timeout_s=None if longest.connect is None else seconds_or_none(longest.connect.seconds),
            read_governed_by=governed(longest.read),
            connect_governed_by=None if longest.connect is None else governed(longest.connect),
            connect_note=_connect_note(longest),
            chain=chain_of(self.model, server, route, longest),
            on_timeout=next((_on_timeout(one) for one in found if one.when == "read"), None),
            members=others,
            failures=(*found, *self._client(url, choice, self.model.protocol(server, longest.back_end.scheme))),
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

    def _client(self, url: str, choice: Choice, protocol: str) -> tuple[Failure, ...]:
        return tuple(client_failures(self.model, choice.firsts, choice.server, protocol, tls=_tls(url)))


def _tls(url: str) -> bool:
    return url.lower().startswith(("https:", "wss:"))


def _elsewhere(choice: Choice) -> str:
    """Who answers where nobody bears the name."""
    others = [
        f"{readable(server.name)} where the name leads to {readable(address)}" for address, server in choice.elsewhere
    ]
    return "" if not others else f"answered by {', by '.join(others[:3])}{' …' if len(others) > 3 else ''}"


def _why_not(mapped: Mapped) -> str:
    """Why a path is not handed to a back end."""
    if mapped.route is not None:
        place = f"{mapped.route.directive.name} ({mapped.route.directive.source})"
        ended = f"{place} makes {mapped.url} of it, which is no URL: httpd answers 500. "
        return readable(ended) + "Either both of its paths should end in a slash, or neither."
    return readable(mapped.note) or "no ProxyPass, RewriteRule [P] or proxy handler takes this path"


def _on_timeout(failure: Failure) -> OnTimeout:
    return OnTimeout(failure.status, failure.log_ids, failure.text, failure.seconds)


def _connect_note(governing: Governing) -> str:
    if governing.connect is None:
        return "a Unix socket has none"
    if governing.connect.setting.startswith("connectiontimeout="):
        return ""
    if governing.connect.seconds != governing.read.seconds:
        return "no connectiontimeout= is set"
    return "falls back to the read time-out"
