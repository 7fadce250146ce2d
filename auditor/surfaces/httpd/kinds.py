"""The kinds of resource of an httpd, with every attribute a rule, baseline or wish may name.

Names stay the same when lines move: ``shop.example:443 /api`` (route), ``shop.example:443 http://10.0.0.5:8080/``
(worker), ``main`` (the main server), ``shop.example:443 > ProxyPass /api`` (directive); ``#2`` marks a repetition.
"""

from __future__ import annotations

from typing import Final

from auditor.model.resource import AttributeSpec, AttributeType, KindSpec
from auditor.surfaces.httpd.hop_kinds import ROUTE_HOPS, SERVER_HOPS, SERVER_LOAD, WORKER_HOPS
from auditor.surfaces.httpd.plain_kinds import DIRECTIVE, FILE, LOG, MODULE, PACKAGE


def _attribute(name: str, type_: AttributeType, meaning: str, *, settable: bool = False) -> AttributeSpec:
    return AttributeSpec(name, type_, meaning, settable)


# What the main server and a virtual host have in common.
_SERVER_SETTINGS: Final = (
    _attribute("server_name", "text", "ServerName without its port; absent where none is written."),
    _attribute("document_root", "text", "DocumentRoot in effect."),
    _attribute(
        "timeout",
        "duration",
        "Timeout in effect: the longest wait for one read or write, and the last fallback of every proxied route; "
        "a virtual host's 0 means the main server's; -1 is no limit.",
        settable=True,
    ),
    _attribute("timeout_written", "text", "The argument of this server's own Timeout; absent where it has none."),
    _attribute(
        "timeout_valid",
        "boolean",
        "False where this server's own Timeout is written so that httpd takes it for something else: not a number "
        "(means 0), 0, negative, or with a unit that is dropped. Absent where it has none.",
    ),
    _attribute("timeout_unit_dropped", "boolean", "Whether Timeout is written with a unit, which httpd drops."),
    _attribute(
        "timeout_inherits",
        "boolean",
        "Whether a virtual host's own Timeout of 0 (or of no number) silently means the main server's.",
    ),
    _attribute(
        "proxy_timeout",
        "duration",
        "ProxyTimeout in effect when a request is served (the virtual host's, else the main server's); absent: none.",
        settable=True,
    ),
    _attribute("proxy_timeout_written", "text", "The argument of this server's own last ProxyTimeout."),
    _attribute("proxy_timeout_unit_dropped", "boolean", "Whether ProxyTimeout has a unit, which httpd drops."),
    _attribute(
        "proxy_timeout_missed_by",
        "list",
        "Routes of this server whose worker was made before the last ProxyTimeout was read and keeps an earlier one.",
    ),
    _attribute("keep_alive", "boolean", "KeepAlive in effect."),
    _attribute(
        "keep_alive_timeout",
        "duration",
        "KeepAliveTimeout in effect: the wait for the next request. Before 2.4.13 not its own where a virtual host is "
        "found by name.",
        settable=True,
    ),
    _attribute("max_keep_alive_requests", "number", "MaxKeepAliveRequests in effect; 0 is written for no limit."),
    _attribute("log_level", "text", "The LogLevel of modules that have none of their own, lower-case."),
    _attribute("log_level_modules", "list", "LogLevels of single modules, as written (``proxy:debug``)."),
    _attribute("request_read_timeout", "text", "RequestReadTimeout's arguments in effect; absent where none."),
    _attribute(
        "request_read_timeout_header",
        "duration",
        "The longest time a client may take for the header of a request; no limit where mod_reqtimeout is not loaded "
        "or says 0.",
    ),
    _attribute(
        "request_read_timeout_body",
        "duration",
        "The time a client may take for the body before its rate counts; no limit where mod_reqtimeout is not loaded "
        "or says 0.",
    ),
    _attribute("error_log", "text", "Where the error log goes."),
    _attribute("access_logs", "list", "Where the access logs that are written for this server's requests go."),
    _attribute("proxy_requests", "boolean", "Whether ProxyRequests makes it a forward proxy."),
    _attribute("routes", "list", "Names of the proxied routes, inherited ones included."),
    _attribute("trace_enable", "text", "TraceEnable in effect, lower-case."),
    _attribute("server_signature", "text", "ServerSignature in effect, lower-case."),
    *SERVER_HOPS,
)

SERVER: Final = KindSpec(
    "httpd.server",
    "The main server: settings outside every virtual host, and what the whole process has once.",
    (
        *_SERVER_SETTINGS,
        _attribute("version", "version", "The version of httpd."),
        _attribute("mpm", "text", "The processing module: event, worker or prefork."),
        _attribute("listen", "list", "The Listen directives' addresses."),
        _attribute("server_root", "text", "ServerRoot."),
        _attribute("user", "text", "The user the children run as."),
        _attribute("group", "text", "The group the children run as."),
        _attribute("server_tokens", "text", "ServerTokens, lower-case."),
        _attribute(
            "max_request_workers",
            "number",
            "MaxRequestWorkers (or its older name MaxClients) as written; absent: none.",
        ),
        *SERVER_LOAD,
        _attribute("track_first_byte", "boolean", "Whether LogIOTrackTTFB makes the first-byte field available."),
        _attribute(
            "request_ids", "boolean", "Whether mod_unique_id is loaded, so that a request can be named to the back end."
        ),
        _attribute(
            "running",
            "boolean",
            "Whether a running server was started from this tree; absent where that was not asked (copies, archives).",
        ),
        _attribute(
            "changed_not_loaded",
            "list",
            "Files that the running server reads and that were changed after it loaded its configuration; folders "
            "(ending with /) in which names came or went, unless a changed file in it is named already.",
        ),
        _attribute(
            "restart_needed",
            "list",
            "What is written and that only another start brings into force, with what runs; absent while files wait to "
            "be loaded and nothing is proven.",
        ),
        _attribute(
            "replaced_code",
            "list",
            "Program, modules and libraries that the running server uses and that were replaced or removed on disk.",
        ),
    ),
)

VHOST: Final = KindSpec(
    "httpd.vhost",
    "A virtual host.",
    (
        *_SERVER_SETTINGS,
        _attribute("addresses", "list", "The addresses of <VirtualHost>, as written."),
        _attribute("own_request_read_timeout", "boolean", "Whether it has a RequestReadTimeout of its own."),
        _attribute("server_aliases", "list", "ServerAlias names, as written."),
        _attribute("default_for", "list", "The addresses for which it answers requests of unknown names."),
        _attribute("tls", "boolean", "Whether SSLEngine is on."),
        _attribute(
            "inherit_off_ineffective",
            "boolean",
            "Whether ProxyPassInherit Off is written while the main server's ProxyPass lines still apply.",
        ),
        _attribute("inherited_routes", "list", "Routes that come from the main server's ProxyPass lines."),
    ),
)

ROUTE: Final = KindSpec(
    "httpd.route",
    "A path that is proxied (or excluded from it): ProxyPass, ProxyPassMatch, RewriteRule [P], SetHandler proxy:.",
    (
        _attribute("server", "text", "The server it belongs to: ``main`` or the virtual host's name."),
        _attribute("path", "text", "The path, or the regular expression, as written."),
        _attribute("match", "text", "How it is matched: prefix, regex, location, rewrite or handler."),
        _attribute("excluded", "boolean", "Whether it ends the search without proxying (``!``)."),
        _attribute("url", "text", "Where it goes, as written."),
        _attribute("scheme", "text", "The protocol spoken, lower-case: http, https, h2c, fcgi, ajp, balancer …"),
        _attribute(
            "served",
            "boolean",
            "Whether a loaded module speaks its protocol; absent where the configuration loads no module at all.",
        ),
        _attribute("missing_module", "text", "The module that its protocol wants and that is not loaded."),
        _attribute("socket", "text", "The Unix socket it names; absent where none."),
        _attribute("host", "text", "The host it names, lower-case; absent for a balancer."),
        _attribute("port", "number", "The port it names or its protocol's."),
        _attribute("worker", "text", "Name of the proxy worker that governs it; absent for the generic one."),
        _attribute("generic_worker", "boolean", "Whether no worker matches: no reuse, ProxyTimeout or Timeout rule."),
        _attribute("balancer", "text", "Name of the balancer it goes through; absent where none."),
        _attribute(
            "read_timeout",
            "duration",
            "How long one read from the back end may stall, in effect; of a balancer's members the longest.",
            settable=True,
        ),
        _attribute(
            "connect_timeout",
            "duration",
            "How long connecting may take, in effect; of a balancer's members the longest.",
            settable=True,
        ),
        _attribute("own_timeout", "duration", "What timeout= on its own line would mean; absent where none."),
        _attribute("own_timeout_written", "text", "timeout= on its own line, as written."),
        _attribute(
            "own_timeout_ignored",
            "boolean",
            "Whether timeout= on its own line has no effect on the read time-out, because another worker or another "
            "setting governs.",
        ),
        _attribute(
            "own_timeout_is_wait",
            "boolean",
            "Whether timeout= on its own line goes to a balancer, where it is the wait for a usable member and never "
            "a read time-out.",
        ),
        _attribute(
            "timeout_unit_dropped", "boolean", "Whether the setting that governs is written with a unit httpd drops."
        ),
        _attribute("ignored_parameters", "list", "Parameters on its line that httpd ignores, as written."),
        _attribute(
            "lost_parameters", "list", "Those of them whose value the worker that governs does not have; no timeout=."
        ),
        _attribute("governed_by", "text", "The setting that governs the read time-out, as written; or ``default``."),
        _attribute(
            "governed_by_scope",
            "text",
            "Where that setting stands: worker, balancer member, ProxyTimeout at definition, ProxyTimeout, Timeout, "
            "fixed or default.",
        ),
        _attribute(
            "missed_proxy_timeout",
            "boolean",
            "Whether the same server has a ProxyTimeout below that its worker, made earlier, does not take.",
        ),
        _attribute(
            "also_governed_by",
            "list",
            "Proxy workers with a longer URL that govern part of what lies below its own.",
        ),
        _attribute("shared_with", "list", "Other routes of the same server that share its worker."),
        _attribute(
            "captured_by_prefix",
            "boolean",
            "Whether its worker is another route's that matches only as a string, not at a path's segment "
            "(/app takes /apple).",
        ),
        _attribute(
            "captured_to_effect",
            "boolean",
            "Whether that worker also sets something that the route's own line does not say alike.",
        ),
        _attribute(
            "governed_by_main", "boolean", "Whether a worker of the main server governs a virtual host's own route."
        ),
        _attribute("overridden_by_proxyset", "boolean", "Whether ProxySet or <Proxy> overrides timeout= on its line."),
        _attribute("socket_ignored", "boolean", "Whether its Unix socket is ignored for that of another route."),
        _attribute("inherited_from_main", "boolean", "Whether the main server's line makes this route."),
        _attribute("inherit_off_ineffective", "boolean", "Whether it is inherited in spite of ProxyPassInherit Off."),
        _attribute(
            "escapes_own_timeout",
            "boolean",
            "Whether timeout= of its ProxyPassMatch fails to apply: always before 2.4.47, for short URLs since.",
        ),
        _attribute(
            "fixed_fcgi_limit",
            "boolean",
            "Whether mod_proxy_fcgi's fixed 30 seconds govern (before 2.4.7, no timeout= on the worker).",
        ),
        _attribute("on_timeout_status", "number", "The status a client gets when the read time-out strikes."),
        _attribute("on_timeout_log_ids", "list", "The identifiers in the error log when it strikes."),
        _attribute("fails_over", "boolean", "Whether a read time-out is tried again on another member (AJP, GET)."),
        _attribute("ping", "duration", "ping= of its worker; absent where none."),
        _attribute("retry", "duration", "How long a failed back end is left alone (retry=)."),
        _attribute(
            "retry_ineffective",
            "boolean",
            "Whether retry= says less than it seems: forcerecovery retries at once when every member is in error.",
        ),
        _attribute("reuse", "boolean", "Whether connections to the back end are reused."),
        _attribute("ttl", "duration", "How long an idle connection may be reused (ttl=); absent where none."),
        _attribute(
            "tunnel_limit",
            "duration",
            "How long a ws:// tunnel may be idle; no limit at all before 2.4.47. Absent for other protocols.",
        ),
        *ROUTE_HOPS,
        _attribute("shadowed_by", "text", "The earlier route that takes every request of this one; absent: none."),
    ),
)

WORKER: Final = KindSpec(
    "httpd.worker",
    "A proxy worker: one back end with its pool and time-outs, as ProxyPass, BalancerMember or <Proxy> makes it.",
    (
        _attribute("server", "text", "The server it belongs to: ``main`` or the virtual host's name."),
        _attribute("url", "text", "Its name as httpd compares it: scheme and host lower-case, no default port."),
        _attribute("scheme", "text", "Its protocol, lower-case."),
        _attribute("host", "text", "Its host, lower-case."),
        _attribute("port", "number", "Its port."),
        _attribute("socket", "text", "Its Unix socket; absent where none."),
        _attribute("balancer", "text", "The balancer whose member it is; absent where none."),
        _attribute("defined_by", "text", "The directive that made it."),
        _attribute("timeout", "duration", "Its own time-out, ProxyTimeout taken over included; absent where none."),
        _attribute("timeout_written", "text", "timeout= as written; absent where none.", settable=True),
        _attribute("timeout_unit_dropped", "boolean", "Whether timeout= has a unit, which httpd drops."),
        _attribute("timeout_from_proxy_timeout", "boolean", "Whether it took ProxyTimeout over when it was made."),
        _attribute(
            "connection_timeout", "duration", "connectiontimeout=, units honoured; absent where none.", settable=True
        ),
        _attribute("ping", "duration", "ping=; absent where none."),
        _attribute("acquire", "duration", "acquire=: the wait for a free connection; no limit where none."),
        _attribute("retry", "duration", "retry=, or httpd's 60 seconds."),
        _attribute("ttl", "duration", "ttl=; absent where none."),
        _attribute("max", "number", "max=; absent: as many as threads in a child."),
        _attribute("reuse", "boolean", "Whether its connections are reused."),
        *WORKER_HOPS,
        _attribute("routes", "list", "The routes it governs."),
        _attribute("captures_beyond_segment", "list", "Routes it takes only because its name is a string prefix."),
        _attribute("ignored_parameters", "list", "Parameters of other lines that share it and are ignored."),
        _attribute("socket_shared_with", "list", "Other sockets named with the same URL, which are never used."),
        _attribute("overridden_by_main", "boolean", "Whether the main server's worker of the same name wins."),
        _attribute("proxyset_overrides", "boolean", "Whether ProxySet or <Proxy> changed what ProxyPass set."),
    ),
)

BALANCER: Final = KindSpec(
    "httpd.balancer",
    "A balancer and its members.",
    (
        _attribute("server", "text", "The server it belongs to: ``main`` or the virtual host's name."),
        _attribute("url", "text", "Its URL, lower-case."),
        _attribute("members", "list", "The members' URLs, in order."),
        _attribute("member_count", "number", "How many members it has."),
        _attribute(
            "refuses_for",
            "duration",
            "For how long every request is refused once all members are in error: 0 with forcerecovery, else the "
            "shortest retry= among them. Absent where it has no member.",
        ),
        _attribute("members_lost", "list", "Members that are never used: the main server's balancer has the name."),
        _attribute("hot_spares", "list", "Members that serve only when no other can (status=+H)."),
        _attribute("routes", "list", "The routes that go through it."),
        _attribute("method", "text", "lbmethod=, or byrequests."),
        _attribute("wait_timeout", "duration", "timeout=: the wait for a usable member; absent where none."),
        _attribute(
            "wait_set_apart",
            "boolean",
            "Whether that timeout= stands in ProxySet or <Proxy>, where no ProxyPass shows it; absent where none.",
        ),
        _attribute("force_recovery", "boolean", "forcerecovery: retry all at once when every member is in error."),
        _attribute("fail_on_timeout", "boolean", "failontimeout: a member that timed out is put in error."),
        _attribute("fail_on_status", "list", "failonstatus: answers that put a member in error."),
        _attribute("max_attempts", "number", "maxattempts: how often a request is tried again on other members."),
        _attribute(
            "retry_without_effect",
            "boolean",
            "Whether forcerecovery is on while members set a retry= above 0, which is nothing once all are in error.",
        ),
        _attribute("member_read_timeouts", "list", "The members' read time-outs, in order."),
        _attribute("members_differ", "boolean", "Whether the members' read time-outs differ."),
        _attribute("sticky_session", "text", "stickysession=; absent where none."),
    ),
)

KINDS: Final = (SERVER, VHOST, ROUTE, WORKER, BALANCER, LOG, MODULE, DIRECTIVE, FILE, PACKAGE)
