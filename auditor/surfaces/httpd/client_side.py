"""How long a client may take, and what it sees then: its request's header and body, and an idle connection.

Source: mod_reqtimeout (defaults count as soon as it is loaded), ``ap_process_http_sync_connection`` and
``event_post_read_request``. Until a request has named its host in its header, the first virtual host of the address
counts; the name in a TLS handshake changes nothing in that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from auditor.surfaces.httpd import effective
from auditor.surfaces.httpd.answer import Failure, Governed, seconds_or_none
from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.durations import parse_interval
from auditor.surfaces.httpd.effective import Setting, first_word
from auditor.surfaces.httpd.governing import Model
from auditor.surfaces.httpd.marks import Mark, slow_client_mark
from auditor.surfaces.httpd.request_time import Stage, stages
from auditor.surfaces.httpd.servers import Server, readable

_KEEP_ALIVE: Final = 5


def client_failures(
    model: Model, firsts: tuple[Server, ...], server: Server, protocol: str, *, tls: bool
) -> Iterator[Failure]:
    """What a client is held to.

    ``firsts`` are the first servers of the addresses, which count until the host is known; ``protocol`` is the back
    end's, empty where the request is not proxied.
    """
    ways = [tuple(_held(model, first, server, protocol, tls=tls)) for first in firsts]
    for failures in zip(*ways, strict=False):
        one = failures[0]
        if len({(other.seconds, other.status) for other in failures}) > 1:
            names = ", ".join(readable(first.name) for first in firsts)
            text = (
                f"It depends on the address that the client connects to: the first virtual host there counts ({names})."
            )
            one = msgspec.structs.replace(one, text=text)
        yield one


def _held(model: Model, first: Server, server: Server, protocol: str, *, tls: bool) -> Iterator[Failure]:
    if tls:
        yield _slow(model, first, _in_force(model, first), "handshake", Mark(None))
    in_force = _in_force(model, first)
    header = _slow(model, first, in_force, "header", Mark(408))
    # What never waits takes an unfinished header for a whole one.
    yield header if header.seconds != 0 else msgspec.structs.replace(header, status=400)
    mark = slow_client_mark(protocol, model.behaviour)
    if mark is not None:
        counts = server if model.behaviour.named_body_limit else first
        yield _slow(model, server, None if in_force is None else stages(model, counts)[0], "body", mark)
    yield _idle(model, first, server)


def _in_force(model: Model, first: Server) -> Mapping[str, Stage] | None:
    """What mod_reqtimeout does on the connection; None where it is not loaded, or all of it is off for that server."""
    if not model.loads("reqtimeout_module", unknown=False):
        return None
    found, _ = stages(model, first)
    return found if any(stage.first for stage in found.values()) else None


def _slow(model: Model, server: Server, in_force: Mapping[str, Stage] | None, stage: str, mark: Mark) -> Failure:
    """A client that stops in the middle of a stage: RequestReadTimeout or Timeout, whichever is over first."""
    when = f"client {stage}"
    timeout = effective.timeout(server, model.main, model.behaviour)
    seconds = math.inf if timeout.seconds < 0 else timeout.seconds
    if in_force is not None:
        found = in_force[stage]
        if found.first and found.first <= seconds:
            by = _governed(found.directive, f"{stage}={found.written}")
            return Failure(when, found.first, mark.status, mark.log_ids, by, mark.text)
    return Failure(when, seconds_or_none(seconds), mark.status, mark.log_ids, _timeout(timeout), mark.text)


def _governed(directive: Directive | None, written: str) -> Governed:
    if directive is None:
        return Governed("default", f"RequestReadTimeout {written}", None)
    return Governed(directive.name, readable(written), directive.source)


def _timeout(timeout: Setting) -> Governed:
    if timeout.directive is None:
        return Governed("default", f"{timeout.seconds}", None)
    return Governed(timeout.directive.name, readable(timeout.written), timeout.directive.source)


def _idle(model: Model, first: Server, server: Server) -> Failure:
    """When an idle connection is closed: at once with KeepAlive Off, else after KeepAliveTimeout."""
    switch = effective.inherited(server, model.main, "keepalive")
    if switch is not None and first_word(switch).lower() == "off":
        by = Governed(switch.name, readable(first_word(switch)), switch.source)
        return Failure("client idle", 0, None, (), by, "The connection is closed behind every answer.")
    seconds, directive, counts = idle_timeout(model, first, server, by_name=model.behaviour.named_keep_alive)
    text = ""
    if counts is not server and counts is not model.main:
        text = f"Of {readable(counts.name)}, the first virtual host of the address."
    if directive is None:
        return Failure("client idle", seconds, None, (), Governed("default", f"KeepAliveTimeout {seconds:g}", None))
    by = Governed(directive.name, readable(first_word(directive)), directive.source)
    return Failure("client idle", seconds, None, (), by, text)


def idle_timeout(
    model: Model, first: Server, server: Server, *, by_name: bool
) -> tuple[float, Directive | None, Server]:
    """KeepAliveTimeout in effect for a server: seconds, the directive, and the server whose own it is.

    ``first`` is the first server of the address; ``by_name`` says whether one's own counts that is found by name.
    """
    own = server.last("keepalivetimeout") is not None and not server.is_main
    counts = server if own and by_name else first
    if not by_name and model.loads("mpm_event_module", unknown=False):
        counts = model.main
    seconds, directive = _keep_alive(model, counts)
    return seconds, directive, counts


def _keep_alive(model: Model, server: Server) -> tuple[float, Directive | None]:
    """A server's KeepAliveTimeout: 0 in a virtual host is the main server's."""
    for one in (server,) if server.is_main else (server, model.main):
        found = one.last("keepalivetimeout")
        seconds = parse_interval(first_word(found)) if found is not None else None
        if seconds is not None and (seconds or one.is_main):
            return seconds_or_none(seconds) or 0, found
    return _KEEP_ALIVE, None
