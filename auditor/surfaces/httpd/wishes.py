"""What a wish about an httpd amounts to: which lines to change, and how. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from auditor.model.plan import Wish
from auditor.model.value import Boolean, Duration, NoLimit, Number, Text, Value, Version, show
from auditor.surfaces.httpd import rewording
from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.directive_resources import directive_names
from auditor.surfaces.httpd.durations import parse_interval
from auditor.surfaces.httpd.governing import Governing, Limit, Model
from auditor.surfaces.httpd.logs import AccessLog, access_logs
from auditor.surfaces.httpd.route_resources import VisibleRoute, visible_routes, worker_name
from auditor.surfaces.httpd.servers import Server, readable
from auditor.surfaces.httpd.words import split_words
from auditor.surfaces.httpd.workers import ProxyWorker

_SERVER_TIMES: Final = {
    "timeout": "Timeout",
    "proxy_timeout": "ProxyTimeout",
    "keep_alive_timeout": "KeepAliveTimeout",
}


class RefusedWish(Exception):  # noqa: N818 - an answer, caught in propose
    """A wish that cannot be fulfilled; holds a sentence. It never leaves this package."""


class LineChange(msgspec.Struct, frozen=True, gc=False):
    """New text for physical lines: ``rewrite`` gets them as they are; a ``before`` of no lines inserts."""

    file: str
    line: int
    last_line: int
    rewrite: Callable[[str], str]
    why: str


def changes_for(model: Model, wish: Wish) -> list[LineChange]:
    """The changes that fulfil a wish, none where it is so already.

    Errors:
        RefusedWish: it cannot be fulfilled; the sentence says why and what can be done.
    """
    address = wish.address
    match address.kind:
        case "httpd.route" if address.attribute in ("read_timeout", "connect_timeout"):
            return _route(model, wish)
        case "httpd.worker" if address.attribute in ("timeout_written", "connection_timeout"):
            return _worker(model, wish)
        case "httpd.directive" if address.attribute == "arguments":
            return _directive(model, wish)
        case "httpd.server" | "httpd.vhost" if address.attribute in _SERVER_TIMES:
            return _server(model, wish)
        case "httpd.log" if address.attribute == "format":
            return _log(model, wish)
    raise RefusedWish(
        f"{address} cannot be asked for. What can: a route's read_timeout and connect_timeout, a worker's "
        "timeout_written and connection_timeout, a directive's arguments, a server's or virtual host's timeout, "
        "proxy_timeout and keep_alive_timeout, a log's format."
    )


# Values


def seconds_of(value: Value | None, what: str) -> float:
    """A wanted time in seconds."""
    match value:
        case Duration(seconds):
            return float(seconds)
        case Number(number):
            return float(number)
        case Text(text):
            interval = parse_interval(text)
            if interval is not None:
                return interval
        case NoLimit():
            raise RefusedWish(f"{what}: httpd has no way to write 'no limit' here")
        case None:
            raise RefusedWish(f"{what}: say which time is wanted; its absence cannot be asked for here")
    raise RefusedWish(f"{what}: {show(value)!r} is no time")


def whole_seconds(value: Value | None, what: str) -> str:
    """A wanted time as ``timeout=`` takes it: whole seconds, at least one."""
    seconds = seconds_of(value, what)
    if seconds != int(seconds) or seconds < 1:
        raise RefusedWish(f"{what}: httpd takes whole seconds here, at least 1; {seconds:g} s cannot be written")
    return str(int(seconds))


def fine_time(value: Value | None, what: str) -> str:
    """A wanted time where httpd honours units: whole seconds, or milliseconds with ``ms``."""
    seconds = seconds_of(value, what)
    if seconds == int(seconds) and seconds >= 1:
        return str(int(seconds))
    milliseconds = round(seconds * 1000)
    if milliseconds < 1:
        raise RefusedWish(f"{what}: httpd takes a millisecond at least")
    return f"{milliseconds}ms"


def configured_text(value: Value | None, what: str) -> str:
    """A wanted text as the configuration holds it (bytes as latin-1), on one line."""
    if not isinstance(value, Text | Version | Number | Boolean):
        raise RefusedWish(f"{what}: a text is wanted")
    text = show(value)
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text):
        raise RefusedWish(f"{what}: a directive stands on one line and holds no control characters")
    if text.endswith("\\"):
        raise RefusedWish(f"{what}: a backslash at the end would take the next line into the directive")
    return text.encode("utf-8").decode("latin-1")


# Kinds


def _route(model: Model, wish: Wish) -> list[LineChange]:
    one = _find_route(model, wish.address.name)
    what = str(wish.address)
    if one.route.excluded or not one.targets:
        raise RefusedWish(f"{what}: {one.unclear or 'nothing is proxied here'}; there is no time-out to change")
    reading = wish.address.attribute == "read_timeout"
    wanted = whole_seconds(wish.value, what) if reading else fine_time(wish.value, what)
    seconds = parse_interval(wanted)
    found: list[LineChange] = []
    for target in one.targets:
        limit = target.read if reading else target.connect
        if limit is None:
            raise RefusedWish(f"{what}: a Unix socket has no connect time-out")
        if limit.seconds != seconds or limit.unit_dropped:
            found.append(_target_change(target, limit, wanted, what, reading=reading))
    return _distinct(found)


def _target_change(target: Governing, limit: Limit, wanted: str, what: str, *, reading: bool) -> LineChange:
    """The change at one back end: on the line that governs, or on the line that made its worker."""
    key = "timeout" if reading else "connectiontimeout"
    worker = target.worker
    if worker is not None:
        own = worker.parameters.get(key)
        place = own.directive if own is not None else worker.definition
        return _parameter_change(place, key, wanted, what)
    if limit.directive is None:
        raise RefusedWish(
            f"{what}: no line of its own governs it (httpd's default does): ask for the virtual host's proxy_timeout"
        )
    if not reading:
        raise RefusedWish(f"{what}: no proxy worker of its own; a connect time-out can only be set on one")
    return _word_change(limit.directive, wanted, what)


def _worker(model: Model, wish: Wish) -> list[LineChange]:
    what = str(wish.address)
    worker = _find_worker(model, wish.address.name)
    key = "timeout" if wish.address.attribute == "timeout_written" else "connectiontimeout"
    own = worker.parameters.get(key)
    if wish.value is None:
        if own is None:
            return []
        _check_place(own.directive, what)
        return [
            LineChange(
                own.directive.source.file,
                own.directive.source.line,
                own.directive.source.last_line,
                lambda raw: rewording.without_parameter(raw, key),
                f"{own.written} removed",
            )
        ]
    wanted = whole_seconds(wish.value, what) if key == "timeout" else fine_time(wish.value, what)
    if own is not None and own.value == wanted:
        return []
    return [_parameter_change(own.directive if own is not None else worker.definition, key, wanted, what)]


def _directive(model: Model, wish: Wish) -> list[LineChange]:
    what = str(wish.address)
    found = directive_names(model.servers).get(wish.address.name)
    if found is None:
        raise RefusedWish(f"{what}: there is no such directive")
    directive = found[1]
    _check_place(directive, what)
    source = directive.source
    if wish.value is None:
        return [LineChange(source.file, source.line, source.last_line, lambda _: "", f"{directive.name} removed")]
    wanted = configured_text(wish.value, what).strip()
    if wanted == directive.arguments:
        return []
    return [
        LineChange(
            source.file,
            source.line,
            source.last_line,
            lambda raw: rewording.with_arguments(raw, wanted),
            readable(f"{directive.name} {wanted}"),
        )
    ]


def _server(model: Model, wish: Wish) -> list[LineChange]:
    what = str(wish.address)
    server = model.by_name.get(wish.address.name)
    if server is None:
        raise RefusedWish(f"{what}: there is no such server")
    name = _SERVER_TIMES[wish.address.attribute]
    own = server.last(name.lower())
    if wish.value is None:
        return [_removal(one, what) for one in server.plain.get(name.lower(), ())]
    wanted = fine_time(wish.value, what) if name == "KeepAliveTimeout" else whole_seconds(wish.value, what)
    if own is None:
        return [_insertion(model, server, f"{name} {wanted}", what)]
    words = split_words(own.arguments)
    return [] if words[:1] == (wanted,) else [_word_change(own, wanted, what)]


def _log(model: Model, wish: Wish) -> list[LineChange]:
    what = str(wish.address)
    wanted = configured_text(wish.value, what)
    for server in model.servers:
        for log in access_logs(server, model.main):
            if f"{server.name} {readable(log.path)}" != wish.address.name:
                continue
            return [] if log.format == wanted else [_format_change(log, wanted, what)]
    raise RefusedWish(f"{what}: there is no such access log")


def _format_change(log: AccessLog, wanted: str, what: str) -> LineChange:
    """Another format, where its text stands: in LogFormat or in CustomLog itself."""
    holder = log.holder
    if holder is None:
        raise RefusedWish(f"{what}: its format is httpd's own; name a LogFormat in {log.directive.name} first")
    _check_place(holder, what)
    source, inline = holder.source, holder is log.directive
    words = split_words(holder.arguments)
    arguments = " ".join([words[0], rewording.quoted(wanted), *words[2:]])

    def rewrite(raw: str) -> str:
        if inline:
            return rewording.with_arguments(raw, arguments)
        return rewording.with_first_word(raw, rewording.quoted(wanted), holder.arguments)

    why = f"the format {readable(log.nickname)}" if log.nickname else f"the format of {readable(log.path)}"
    return LineChange(source.file, source.line, source.last_line, rewrite, why)


# Places


def _find_route(model: Model, name: str) -> VisibleRoute:
    for server in model.servers:
        if name.startswith(f"{server.name} "):
            for one in visible_routes(model, server):
                if one.name == name:
                    return one
    raise RefusedWish(f"there is no route {name!r}")


def _find_worker(model: Model, name: str) -> ProxyWorker:
    for found in model.routes.values():
        balancers = found.workers.balancers.values()
        for worker in (*found.workers.workers.workers, *(one for b in balancers for one in b.members.workers)):
            if worker_name(worker) == name:
                return worker
    raise RefusedWish(f"there is no proxy worker {name!r}")


def _check_place(directive: Directive, what: str) -> None:
    if directive.macro:
        raise RefusedWish(
            f"{what}: {directive.source} stands in the macro {directive.macro}, which may be used elsewhere too: "
            "change the macro by hand"
        )
    if directive.name.startswith("<"):
        raise RefusedWish(f"{what}: {directive.source} is the head of a section: change it by hand")


def _parameter_change(directive: Directive, key: str, value: str, what: str) -> LineChange:
    _check_place(directive, what)
    source = directive.source
    return LineChange(
        source.file,
        source.line,
        source.last_line,
        lambda raw: rewording.with_parameter(raw, key, value),
        readable(f"{key}={value} on {directive.name} {' '.join(split_words(directive.arguments)[:1])}").rstrip(),
    )


def _word_change(directive: Directive, value: str, what: str) -> LineChange:
    _check_place(directive, what)
    source = directive.source
    return LineChange(
        source.file,
        source.line,
        source.last_line,
        lambda raw: rewording.with_first_word(raw, value, directive.arguments),
        f"{directive.name} {value}",
    )


def _removal(directive: Directive, what: str) -> LineChange:
    _check_place(directive, what)
    source = directive.source
    return LineChange(source.file, source.line, source.last_line, lambda _: "", f"{directive.name} removed")


def _insertion(model: Model, server: Server, text: str, what: str) -> LineChange:
    """A new line at the head of a server, before every line that it could concern."""
    if server.section is not None:
        if any(one.macro for one in server.all):
            raise RefusedWish(f"{what}: the virtual host comes from a macro: change the macro by hand")
        place = server.section.source
        return LineChange(
            place.file, place.last_line + 1, place.last_line, lambda raw: f"    {text}{rewording.line_end(raw)}", text
        )
    first = next((one for one in server.all if not one.within and one.source.file == model.resolved.main_file), None)
    if first is None:
        raise RefusedWish(f"{what}: {model.resolved.main_file} holds no line to put it before")
    line = first.source.line
    return LineChange(first.source.file, line, line - 1, lambda raw: f"{text}{rewording.line_end(raw)}", text)


def _distinct(changes: Iterable[LineChange]) -> list[LineChange]:
    found: dict[tuple[str, int, str], LineChange] = {}
    for one in changes:
        found.setdefault((one.file, one.line, one.why), one)
    return list(found.values())
