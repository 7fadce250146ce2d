"""How a back end fails a request, one way after the other: after how many seconds, with which status and log ids.

Source: ``proxy_handler`` (what is tried again), ``ap_proxy_connect_backend``, ``ap_proxy_tunnel_create``, and the
handlers of the protocols. Which member a balancer takes first is not ours to say: where every member fails alike the
total does not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Final

import msgspec

from auditor.surfaces.httpd import marks
from auditor.surfaces.httpd.answer import Failure, Governed, seconds_or_none
from auditor.surfaces.httpd.balancing import (
    attempts,
    balancer_flag,
    forces_recovery,
    in_turn,
    retry_seconds,
    runs_out,
    waits,
)
from auditor.surfaces.httpd.durations import atoi
from auditor.surfaces.httpd.governing import Governing, Limit, Model
from auditor.surfaces.httpd.handlers import unserved
from auditor.surfaces.httpd.marks import NO_MEMBER, Mark
from auditor.surfaces.httpd.servers import Server, readable
from auditor.surfaces.httpd.workers import Balancer


def failures(
    model: Model, server: Server, targets: tuple[Governing, ...], longest: Governing, *, query: bool
) -> Iterator[Failure]:
    """Every way in which the back end can fail a request, in the order of a request's life.

    ``targets`` are all that could serve it, ``longest`` is the one with the longest read time-out. ``query`` says
    that the URL has one: AJP then sends nothing twice.
    """
    for one in _Failures(model, server, targets, longest, query).all():
        yield one if model.behaviour.log_identifiers else msgspec.structs.replace(one, log_ids=())


_RETRY: Final = 60
_EACH_ADDRESS: Final = "It is that long for every address that the name has."


class _Failures:
    def __init__(
        self, model: Model, server: Server, targets: tuple[Governing, ...], longest: Governing, query: bool
    ) -> None:
        self.model = model
        self.server = server
        self.targets = targets
        self.longest = longest
        self.query = query
        self.scheme = model.protocol(server, longest.back_end.scheme)
        worker = longest.worker
        self.balancer: Balancer | None = worker.balancer if worker is not None else None
        self.ping = worker.interval("ping") if worker is not None else None

    def all(self) -> Iterator[Failure]:
        missing = unserved(self.model, self.server, self.longest.back_end.scheme)
        if missing or (self.balancer is not None and unserved(self.model, self.server, "balancer")):
            yield self._unserved(missing)
            return
        if self.longest.connect is not None and self.longest.connect.seconds == 0:
            yield from self._at_once(self.longest.connect)
            return
        yield from self._connecting()
        handshake = marks.handshake_mark(self.scheme)
        if handshake is not None:
            yield self._failure("handshake", handshake, self._bounded())
        yield from self._pinging()
        closed = marks.closed_mark(self.scheme, self.model.behaviour, repeatable=not self.query)
        if closed is not None:
            yield self._again("closed", closed, lambda _: 0, None)
        yield from self._reading()
        body = marks.body_mark(self.scheme)
        if body is not None:
            yield self._failure("mid-body", body, self.longest.read)
            unlogged = self.scheme in ("http", "https") and not self.model.behaviour.cut_body_logged
            yield Failure("cut", 0, body.status, () if unlogged else body.log_ids)
        if self.scheme in ("http", "https", "ws", "wss"):
            yield from self._tunnel()
        yield from self._no_member()

    def _bounded(self) -> Limit:
        """What bounds a read that no module's own limit is for."""
        limits = self.model.chain(self.server, self.longest.worker, self.longest.back_end.scheme)
        return next(one for one in limits if one.scope != "fixed")

    def _at_once(self, limit: Limit) -> Iterator[Failure]:
        """With Timeout 0 no connection is waited for, so none comes about."""
        mark = self._connect_mark(unix=False)
        text = "Timeout 0 answers at once, before any back end can."
        for when in ("refused", "connect", "read"):
            yield Failure(when, 0, mark.status, mark.log_ids, governed(limit), text)

    def _connecting(self) -> Iterator[Failure]:
        unix = self.longest.connect is None
        mark = self._connect_mark(unix=unix)
        yield self._again("refused", mark, lambda _: 0, None)
        yield from self._in_error()
        if self.longest.connect is not None:
            slowest = max((one for one in self.targets if one.connect), key=_connect_seconds)
            if any(not _is_address(one.back_end.host) for one in self.targets):
                mark = msgspec.structs.replace(mark, text=f"{mark.text} {_EACH_ADDRESS}".strip())
            yield self._again("connect", mark, _connect_seconds, slowest.connect)

    def _unserved(self, missing: str | None) -> Failure:
        """No loaded module speaks the protocol; a balancer's own is asked for first."""
        balancer = self.balancer is not None and unserved(self.model, self.server, "balancer")
        mark = marks.no_handler_mark(self.model.behaviour, member=self.balancer is not None and not balancer)
        module = (balancer or missing or "").removesuffix("_module")
        return Failure("no module", 0, mark.status, mark.log_ids, text=f"mod_{module} is not loaded.")

    def _connect_mark(self, *, unix: bool) -> Mark:
        worker = self.longest.worker
        ignores = worker is None or "I" in worker.status
        member = self.balancer is not None and not ignores
        return marks.connect_mark(self.scheme, self.model.behaviour, unix=unix, member=member, generic=ignores)

    def _in_error(self) -> Iterator[Failure]:
        """Once no connection came about, a proxy worker of earlier versions is not tried for ``retry=`` seconds."""
        worker = self.longest.worker
        if worker is None or self.balancer is not None or not self.model.behaviour.plain_errors:
            return
        if "I" in worker.status:
            return
        retry = worker.parameters.get("retry")
        if retry is not None and atoi(retry.value) == 0:
            return
        by = Governed("default", f"retry={_RETRY}", None)
        if retry is not None:
            by = Governed(retry.directive.name.lstrip("<"), readable(retry.written), retry.directive.source)
        mark = marks.in_error_mark()
        yield Failure("in error", 0, mark.status, mark.log_ids, by, mark.text)

    def _reading(self) -> Iterator[Failure]:
        for when, repeatable in (("read", not self.query), ("read, not GET", False)):
            if when != "read" and self.scheme != "ajp":
                continue
            mark = marks.timeout_mark(
                self.scheme,
                self.model.behaviour,
                ping=bool(self.ping),
                fail_on_timeout=self.balancer is not None and balancer_flag(self.balancer, "failontimeout", False),
                repeatable=repeatable,
            )
            yield self._again(when, mark, lambda one: one.read.seconds, self.longest.read)

    def _pinging(self) -> Iterator[Failure]:
        mark = marks.ping_mark(self.scheme)
        slowest = max(self.targets, key=_ping_seconds)
        seconds, worker = _ping_seconds(slowest), slowest.worker
        if mark is None or not seconds or worker is None:
            return
        parameter = worker.parameters["ping"]
        yield self._again("ping", mark, _ping_seconds, Limit(seconds, "worker", parameter.written, parameter.directive))

    def _tunnel(self) -> Iterator[Failure]:
        worker = self.longest.worker
        if self.scheme in ("ws", "wss"):
            plain = marks.plain_request_mark(self.model.behaviour)
            if plain is not None:
                yield Failure("no upgrade", 0, plain.status, plain.log_ids, text=plain.text)
        upgraded = self.model.behaviour.upgrades and worker is not None and worker.text("upgrade") is not None
        if self.longest.back_end.scheme not in ("ws", "wss") and not upgraded:
            return
        limit = self.model.tunnel_limit(self.server, self.longest)
        yield Failure("idle tunnel", seconds_or_none(limit.seconds), 101, (), governed(limit))

    def _no_member(self) -> Iterator[Failure]:
        """Every member is in error already, and none is tried again at once."""
        balancer = self.balancer
        if balancer is None or forces_recovery(balancer):
            return
        wait = balancer.parameters.get("timeout")
        by = None if wait is None else Governed(wait.directive.name, wait.written, wait.directive.source)
        yield Failure("no member", waits(balancer), 503, (NO_MEMBER,), by)

    def _failure(self, when: str, mark: Mark, limit: Limit) -> Failure:
        seconds = seconds_or_none(limit.seconds * mark.times)
        return Failure(when, seconds, mark.status, mark.log_ids, governed(limit), mark.text)

    def _again(self, when: str, mark: Mark, seconds: Callable[[Governing], float], limit: Limit | None) -> Failure:
        """A failure after which a balancer may try the next member: the seconds of all attempts together."""
        each = sorted((seconds(one) * mark.times for one in self.targets), reverse=True)
        total, fails_over, ids, text = seconds(self.longest) * mark.times, False, mark.log_ids, mark.text
        if self.balancer is not None and mark.status == 503:
            times = attempts(self.balancer)
            fails_over = times > 1
            total = in_turn(each, times)
            # A member that is left alone for less than that may be tried over and over.
            again = [seconds(one) * mark.times for one in self.targets if retry_seconds(one.worker) < total]
            worst = max(total, times * max(again, default=0.0))
            if len(set(each)) > 1 and (times % len(each) or worst > total):
                total = worst
                text = f"{text} At the most: it depends on which members are tried.".strip()
            if runs_out(self.balancer):
                total, ids = total + waits(self.balancer), (*ids, NO_MEMBER)
        by = None if limit is None else governed(limit)
        return Failure(when, seconds_or_none(total), mark.status, ids, by, text, fails_over)


def _ping_seconds(one: Governing) -> float:
    return (one.worker.interval("ping") or 0) if one.worker is not None else 0


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _connect_seconds(one: Governing) -> float:
    return 0 if one.connect is None else one.connect.seconds


def governed(limit: Limit) -> Governed:
    """The setting that governs, as the answer carries it."""
    if limit.directive is None:
        return Governed("default" if limit.scope == "default" else "fixed", limit_text(limit), None)
    value = limit.setting.partition(" ")[2] if " " in limit.setting else limit.setting
    return Governed(limit.directive.name.lstrip("<"), readable(value), limit.directive.source)


def limit_text(limit: Limit) -> str:
    """The seconds of a default, or what is fixed."""
    return f"{limit.seconds:g}" if limit.scope == "default" else limit.setting
