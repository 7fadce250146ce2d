"""Resources of the main server and the virtual hosts."""

from __future__ import annotations

from collections.abc import Sequence

from auditor.model.resource import Resource, make_resource
from auditor.model.value import Undetermined, Version
from auditor.surfaces.httpd import effective
from auditor.surfaces.httpd.attributes import Attributes, listed, source_of
from auditor.surfaces.httpd.capacity import written_limit
from auditor.surfaces.httpd.client_side import idle_timeout
from auditor.surfaces.httpd.durations import atoi, drops_unit
from auditor.surfaces.httpd.effective import first_word
from auditor.surfaces.httpd.governing import Model
from auditor.surfaces.httpd.hops import NO_MPM, Hops
from auditor.surfaces.httpd.logs import access_logs
from auditor.surfaces.httpd.request_time import counting, is_loaded, stages
from auditor.surfaces.httpd.route_resources import RouteResources, VisibleRoute
from auditor.surfaces.httpd.servers import Server, readable, server_host
from auditor.surfaces.httpd.words import split_words
from auditor.surfaces.httpd.worlds import VERSION_CAUSE


class ServerResources:
    """Servers as resources. ``version`` is what is known of the machine; empty: not known."""

    def __init__(self, model: Model, version: str, hops: Hops) -> None:
        self.model = model
        self.version = version
        self.hops = hops
        self.modules = dict(model.resolved.modules)
        self.defaults, self.firsts = hops.hosts.default_for(), hops.firsts

    def resource(self, server: Server, routes: RouteResources, every: Sequence[VisibleRoute]) -> Resource:
        """One server, with its routes; ``every`` are those of all servers."""
        out = Attributes()
        self._names(out, server)
        self._time_outs(out, server, routes)
        self._client(out, server)
        self._logs(out, server)
        self.hops.server(out, server)
        out.flag("proxy_requests", self.model.flag(server, "proxyrequests", False))
        out.names("routes", [one.name for one in routes.routes])
        for name, directive, default in (
            ("trace_enable", "traceenable", "on"),
            ("server_signature", "serversignature", "off"),
        ):
            found = effective.inherited(server, self.model.main, directive)
            out.text(name, first_word(found).lower() if found else default, source_of(found))
        if server.is_main:
            self.hops.load(out, every)
            self._process(out, server)
            return make_resource("httpd.server", server.name, out.items)
        self._virtual_host(out, server, routes)
        return make_resource("httpd.vhost", server.name, out.items, server.source)

    def _names(self, out: Attributes, server: Server) -> None:
        name = server.argument("servername")
        if name:
            out.text("server_name", server_host(name), source_of(server.last("servername")))
        root = effective.inherited(server, self.model.main, "documentroot")
        if root is not None:
            out.text("document_root", first_word(root), root.source)

    def _time_outs(self, out: Attributes, server: Server, routes: RouteResources) -> None:
        timeout = effective.timeout(server, self.model.main, self.model.behaviour)
        note = "httpd's default" if timeout.directive is None else "the main server's" if timeout.inherited else ""
        out.seconds("timeout", timeout.seconds, source_of(timeout.directive), note)
        own = server.last("timeout")
        if own is not None:
            written = first_word(own)
            out.text("timeout_written", written, own.source)
            out.flag("timeout_valid", atoi(written) >= 1 and not drops_unit(written), own.source)
            out.flag("timeout_inherits", not server.is_main and atoi(written) == 0, own.source)
        out.flag("timeout_unit_dropped", own is not None and drops_unit(first_word(own)), source_of(own))
        proxy = effective.proxy_timeout(server, self.model.main)
        if proxy is not None:
            note = "the main server's" if proxy.inherited else ""
            out.seconds("proxy_timeout", proxy.seconds, source_of(proxy.directive), note)
        own = server.last("proxytimeout")
        if own is not None:
            out.text("proxy_timeout_written", first_word(own), own.source)
        out.flag("proxy_timeout_unit_dropped", own is not None and drops_unit(first_word(own)), source_of(own))
        out.names("proxy_timeout_missed_by", routes.missing_proxy_timeout(), source_of(own))

    def _client(self, out: Attributes, server: Server) -> None:
        main = self.model.main
        keep = effective.inherited(server, main, "keepalive")
        out.flag("keep_alive", first_word(keep).lower() != "off", source_of(keep))
        self._idle(out, server)
        count = effective.inherited(server, main, "maxkeepaliverequests")
        out.number("max_keep_alive_requests", atoi(first_word(count)) if count else 100, source_of(count))
        self._request_read_timeout(out, server)

    def _idle(self, out: Attributes, server: Server) -> None:
        by_name = (self.model.behaviour.named_keep_alive,) if self.version else (True, False)
        firsts = self.firsts.get(server.name, (server,))
        found = [[idle_timeout(self.model, first, server, by_name=way) for first in firsts] for way in by_name]
        seconds, wait, counts = found[0][0]
        if len({one[0] for one in found[0]}) > 1:
            out.add("keep_alive_timeout", Undetermined("it depends on the address to which the client connects"))
        elif len({one[0] for way in found for one in way}) > 1:
            out.add("keep_alive_timeout", Undetermined(VERSION_CAUSE))
        else:
            other = "" if counts is server or counts.is_main else f"of {counts.name}, the first of the address"
            out.seconds("keep_alive_timeout", seconds, source_of(wait), other if wait else "httpd's default")

    def _request_read_timeout(self, out: Attributes, server: Server) -> None:
        _, written = stages(self.model, server)
        firsts, known = self.firsts.get(server.name, ()), bool(self.version)
        if written:
            out.text("request_read_timeout", " ".join(one.arguments for one in written), written[-1].source)
        loaded = is_loaded(self.model, written)
        for name in ("header", "body"):
            found = counting(self.model, server, firsts, name, version_known=known)
            if loaded and len({one.longest for one in found}) > 1:
                cause = VERSION_CAUSE if len(firsts) < 2 else "it depends on the address to which the client connects"
                out.add(f"request_read_timeout_{name}", Undetermined(cause))
            elif loaded:
                out.seconds(f"request_read_timeout_{name}", found[0].longest, source_of(found[0].directive))
            elif loaded is False:
                out.seconds(f"request_read_timeout_{name}", -1, None, "mod_reqtimeout is not loaded")
            else:
                out.add(f"request_read_timeout_{name}", Undetermined(_compiled_in("reqtimeout")))

    def _logs(self, out: Attributes, server: Server) -> None:
        main = self.model.main
        level = effective.inherited(server, main, "loglevel")
        words = split_words(level.arguments) if level else ()
        general = [word for word in words if ":" not in word]
        out.text("log_level", general[-1].lower() if general else "warn", source_of(level))
        out.add("log_level_modules", listed([word for word in words if ":" in word]), source_of(level))
        error = effective.inherited(server, main, "errorlog")
        out.text("error_log", first_word(error) if error else "logs/error_log", source_of(error))
        out.names("access_logs", [readable(log.path) for log in access_logs(server, main)])

    def _process(self, out: Attributes, server: Server) -> None:
        resolved = self.model.resolved
        if self.version:
            out.add("version", Version(self.version.partition("-")[0]))
        else:
            out.add("version", Undetermined("the version of httpd is not known: give --httpd-version"))
        if self.hops.mpm:
            out.text("mpm", self.hops.mpm)
        else:
            out.add("mpm", Undetermined(NO_MPM))
        listens = server.plain.get("listen", [])
        out.add("listen", listed([first_word(one) for one in listens]), source_of(listens[0] if listens else None))
        out.text("server_root", resolved.server_root, source_of(server.last("serverroot")))
        for name in ("user", "group"):
            if server.last(name) is not None:
                out.text(name, server.argument(name), source_of(server.last(name)))
        tokens = server.last("servertokens")
        out.text("server_tokens", first_word(tokens).lower() if tokens else "full", source_of(tokens))
        workers = written_limit(server)
        if workers is not None:
            out.number("max_request_workers", atoi(first_word(workers)), workers.source)
        track = server.last("logiotrackttfb")
        out.flag("track_first_byte", first_word(track).lower() == "on", source_of(track))
        if "unique_id_module" in self.modules or resolved.modules_known:
            out.flag("request_ids", "unique_id_module" in self.modules)
        else:
            out.add("request_ids", Undetermined(_compiled_in("unique_id")))

    def _virtual_host(self, out: Attributes, server: Server, routes: RouteResources) -> None:
        out.add("addresses", listed(server.addresses), server.source)
        limit = server.last("requestreadtimeout")
        out.flag("own_request_read_timeout", limit is not None, source_of(limit))
        aliases = server.plain.get("serveralias", [])
        out.add("server_aliases", listed(server.words("serveralias")), source_of(aliases[0] if aliases else None))
        out.names("default_for", self.defaults.get(server.name, []))
        tls = effective.inherited(server, self.model.main, "sslengine")
        out.flag("tls", first_word(tls).lower() in ("on", "optional"), source_of(tls))
        off = effective.inherited(server, self.model.main, "proxypassinherit")
        inherits = [one.name for one in routes.routes if one.inherited]
        ineffective = first_word(off).lower() == "off" and bool(inherits)
        out.flag("inherit_off_ineffective", ineffective, source_of(off))
        out.names("inherited_routes", inherits)


def _compiled_in(module: str) -> str:
    """That nothing says whether a module is there, and what would."""
    return (
        f"whether mod_{module} is compiled in is not known: if it is, give --module {module}_module,"
        " or run where the server is"
    )
