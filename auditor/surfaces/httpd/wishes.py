"""What a wish about an httpd amounts to: which lines to change, and how. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from auditor.model.plan import DirectiveEdit, Wish
from auditor.model.value import Boolean
from auditor.surfaces.httpd import operations
from auditor.surfaces.httpd.contexts import Context, NoContextError, context_of
from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.directive_resources import directive_names
from auditor.surfaces.httpd.durations import parse_interval
from auditor.surfaces.httpd.governing import Governing, Limit, Model
from auditor.surfaces.httpd.lines import read_lines
from auditor.surfaces.httpd.logs import AccessLog, access_logs
from auditor.surfaces.httpd.pairing import pair
from auditor.surfaces.httpd.route_resources import VisibleRoute, visible_routes, worker_name
from auditor.surfaces.httpd.servers import Server, readable
from auditor.surfaces.httpd.spots import NoSpotError, Read, macro_around, spot_of
from auditor.surfaces.httpd.wanted import RefusedWish, configured_text, fine_time, whole_seconds
from auditor.surfaces.httpd.words import split_words
from auditor.surfaces.httpd.workers import ProxyWorker

_SERVER_TIMES: Final = {
    "timeout": "Timeout",
    "proxy_timeout": "ProxyTimeout",
    "keep_alive_timeout": "KeepAliveTimeout",
}


class LineChange(msgspec.Struct, frozen=True):
    """One operation on one file, as sources name it.

    ``make`` gets the file's bytes and gives the edit, or refuses. ``line`` is where it is, ``why`` says what it does,
    and ``macro`` names the macro in whose body it is, so that every use of that changes.
    """

    file: str
    line: int
    make: Callable[[bytes], DirectiveEdit]
    why: str
    macro: str = ""


def changes_for(model: Model, wish: Wish, read: Read) -> list[LineChange]:
    """The changes that fulfil a wish, none where it is so already. ``read`` gives a file's bytes by its source's name.

    Errors:
        RefusedWish: it cannot be fulfilled; the sentence says why and what can be done.
    """
    asked = _Asked(model, wish, read)
    try:
        match wish.address.kind, wish.address.attribute:
            case "httpd.route", ("read_timeout" | "connect_timeout"):
                return asked.route()
            case "httpd.worker", ("timeout_written" | "connection_timeout"):
                return asked.worker()
            case "httpd.directive", "arguments":
                return asked.arguments()
            case "httpd.directive", "present":
                return asked.present()
            case (("httpd.server" | "httpd.vhost"), attribute) if attribute in _SERVER_TIMES:
                return asked.server_time()
            case "httpd.log", "format":
                return asked.log_format()
    except (NoSpotError, NoContextError) as error:
        raise RefusedWish(f"{wish.address}: {error}") from error
    raise RefusedWish(
        f"{wish.address} cannot be asked for. What can: a route's read_timeout and connect_timeout, a worker's "
        "timeout_written and connection_timeout, a directive's arguments and present, a server's or virtual host's "
        "timeout, proxy_timeout and keep_alive_timeout, a log's format."
    )


class _Asked(msgspec.Struct, frozen=True):
    """One wish about one configuration."""

    model: Model
    wish: Wish
    read: Read

    @property
    def what(self) -> str:
        """The address, as sentences name it."""
        return str(self.wish.address)

    def route(self) -> list[LineChange]:
        """A route's time-out, at each of its back ends."""
        one = find_route(self.model, self.wish.address.name)
        if one.route.excluded or not one.targets:
            raise RefusedWish(
                f"{self.what}: {one.unclear or 'nothing is proxied here'}; there is no time-out to change"
            )
        reading = self.wish.address.attribute == "read_timeout"
        wanted = whole_seconds(self.wish.value, self.what) if reading else fine_time(self.wish.value, self.what)
        seconds = parse_interval(wanted)
        found: list[LineChange] = []
        for target in one.targets:
            limit = target.read if reading else target.connect
            if limit is None:
                raise RefusedWish(f"{self.what}: a Unix socket has no connect time-out")
            if limit.seconds != seconds or limit.unit_dropped:
                found.append(self.target_change(target, limit, wanted, reading=reading))
        return _distinct(found)

    def target_change(self, target: Governing, limit: Limit, wanted: str, *, reading: bool) -> LineChange:
        """The change at one back end: on the line that governs, or on the line that made its worker."""
        key = "timeout" if reading else "connectiontimeout"
        worker = target.worker
        if worker is not None:
            own = worker.parameters.get(key)
            return self.parameter_change(own.directive if own is not None else worker.definition, key, wanted)
        if limit.directive is None:
            raise RefusedWish(
                f"{self.what}: no line of its own governs it (httpd's default does): ask for the virtual host's "
                "proxy_timeout"
            )
        if not reading:
            raise RefusedWish(f"{self.what}: no proxy worker of its own; a connect time-out can only be set on one")
        return self.word_change(limit.directive, 0, wanted)

    def worker(self) -> list[LineChange]:
        """A parameter of a proxy worker, or its absence."""
        worker = _find_worker(self.model, self.wish.address.name)
        key = "timeout" if self.wish.address.attribute == "timeout_written" else "connectiontimeout"
        own = worker.parameters.get(key)
        if self.wish.value is None:
            return [] if own is None else [self.parameter_removal(own.directive, key, own.written)]
        value = self.wish.value
        wanted = whole_seconds(value, self.what) if key == "timeout" else fine_time(value, self.what)
        if own is not None and own.value == wanted:
            return []
        return [self.parameter_change(own.directive if own is not None else worker.definition, key, wanted)]

    def arguments(self) -> list[LineChange]:
        """Other arguments of a directive, a new directive, or the removal of one."""
        found = directive_names(self.model.servers).get(self.wish.address.name)
        if self.wish.value is None:
            if found is None:
                return []
            self.refuse_loose_conditions(*found)
            return [self.removal(found[1])]
        wanted = configured_text(self.wish.value, self.what).strip()
        if found is None:
            return [self.new_directive(context_of(self.model, self.wish.address.name), wanted)]
        directive = found[1]
        return [] if wanted == directive.arguments else [self.arguments_change(directive, wanted)]

    def present(self) -> list[LineChange]:
        """A directive as a comment."""
        found = directive_names(self.model.servers).get(self.wish.address.name)
        match self.wish.value:
            case Boolean(True) if found is None:
                raise RefusedWish(f"{self.what}: there is no such directive; give its arguments to insert it")
            case Boolean(False) if found is not None:
                self.refuse_loose_conditions(*found)
                return [self.commenting_out(found[1])]
            case Boolean():
                return []
        raise RefusedWish(f"{self.what}: true or false is wanted; false comments the directive out")

    def refuse_loose_conditions(self, server: Server, directive: Directive) -> None:
        """Refuses to take a RewriteRule away from its RewriteConds: they would go on to the next one."""
        if directive.name.lower() != "rewriterule":
            return
        last: Directive | None = None
        for one in server.all:
            if one is directive:
                break
            if one.within == directive.within and one.name.lower() in ("rewriterule", "rewritecond"):
                last = one
        if last is not None and last.name.lower() == "rewritecond":
            raise RefusedWish(
                f"{self.what}: the RewriteCond at {last.source} belongs to it and would go on to the next RewriteRule: "
                "ask for it to go first, in the same plan"
            )

    def server_time(self) -> list[LineChange]:
        """A server's own time-out, or its absence."""
        server = self.model.by_name.get(self.wish.address.name)
        if server is None:
            raise RefusedWish(f"{self.what}: there is no such server")
        name = _SERVER_TIMES[self.wish.address.attribute]
        value, own = self.wish.value, server.last(name.lower())
        if value is None:
            return [self.removal(one) for one in server.plain.get(name.lower(), ())]
        wanted = fine_time(value, self.what) if name == "KeepAliveTimeout" else whole_seconds(value, self.what)
        if own is None:
            return [self.insertion(server, f"{name} {wanted}")]
        return [] if split_words(own.arguments)[:1] == (wanted,) else [self.word_change(own, 0, wanted)]

    def log_format(self) -> list[LineChange]:
        """An access log's format."""
        wanted = configured_text(self.wish.value, self.what, ends_line=False)
        for server in self.model.servers:
            for log in access_logs(server, self.model.main):
                if f"{server.name} {readable(log.path)}" == self.wish.address.name:
                    return [] if log.format == wanted else [self.format_change(log, wanted)]
        raise RefusedWish(f"{self.what}: there is no such access log")

    def format_change(self, log: AccessLog, wanted: str) -> LineChange:
        """Another format, where its text stands: in LogFormat or in CustomLog itself."""
        if log.holder is None:
            raise RefusedWish(f"{self.what}: its format is httpd's own; name a LogFormat in {log.directive.name} first")
        if "\\x" in readable(log.format) and "\\x" not in log.format:
            raise RefusedWish(f"{self.what}: its format holds bytes that are not UTF-8: change it by hand")
        why = f"the format {readable(log.nickname)}" if log.nickname else f"the format of {readable(log.path)}"
        return self.word_change(log.holder, 1 if log.holder is log.directive else 0, wanted, why)

    # Operations

    def parameter_change(self, directive: Directive, key: str, value: str) -> LineChange:
        """Another ``key=value``, on the directive's line, in its macro, or where that is used."""
        spot = spot_of(self.read, directive, -1, key)
        source = spot.source

        def make(content: bytes) -> DirectiveEdit:
            if spot.key:
                return operations.change_parameter(content, source.line, spot.key, value, source.file)
            return operations.change_word(content, source.line, spot.index, value, source.file)

        why = readable(f"{key}={value} on {directive.name} {' '.join(split_words(directive.arguments)[:1])}").rstrip()
        return LineChange(source.file, source.line, make, why, spot.macro)

    def parameter_removal(self, directive: Directive, key: str, written: str) -> LineChange:
        """No ``key=value`` any more; in a macro only where the parameter stands in its body."""
        spot = spot_of(self.read, directive, -1, key)
        source = spot.source
        if not spot.key:
            raise RefusedWish(f"{self.what}: {key}= is a parameter of a macro, used at {source}: change it by hand")
        return LineChange(
            source.file,
            source.line,
            lambda content: operations.drop_parameter(content, source.line, key, source.file),
            f"{written} removed",
            spot.macro,
        )

    def word_change(self, directive: Directive, index: int, value: str, why: str = "") -> LineChange:
        """Another argument, on the directive's line, in its macro, or where that is used."""
        spot = spot_of(self.read, directive, index)
        source = spot.source
        return LineChange(
            source.file,
            source.line,
            lambda content: operations.change_word(content, source.line, spot.index, value, source.file),
            why or readable(f"{directive.name} {value}"),
            spot.macro,
        )

    def arguments_change(self, directive: Directive, wanted: str) -> LineChange:
        """Other arguments; in a macro the one word that differs, where it stands."""
        if directive.macro:
            old, new = split_words(directive.arguments), split_words(wanted)
            differ = [index for index, pair_ in enumerate(zip(old, new, strict=False)) if pair_[0] != pair_[1]]
            if len(old) != len(new) or len(differ) != 1:
                raise RefusedWish(
                    f"{self.what}: {directive.source} stands in the macro {directive.macro}; only one of its arguments "
                    "can be changed at a time"
                )
            return self.word_change(directive, differ[0], new[differ[0]])
        source = directive.source
        return LineChange(
            source.file,
            source.line,
            lambda content: operations.change_arguments(content, source.line, wanted, directive.arguments, source.file),
            readable(f"{directive.name} {wanted}"),
        )

    def removal(self, directive: Directive) -> LineChange:
        """The directive goes, with all that it holds where it starts a section."""
        source = directive.source
        return LineChange(
            source.file,
            source.line,
            lambda content: operations.remove(content, source.line, source.file),
            f"{_shown(directive)} removed",
            directive.macro,
        )

    def commenting_out(self, directive: Directive) -> LineChange:
        """The directive becomes a comment, with all that it holds where it starts a section."""
        source = directive.source
        return LineChange(
            source.file,
            source.line,
            lambda content: operations.comment_out(content, source.line, source.file),
            f"{_shown(directive)} commented out",
            directive.macro,
        )

    def new_directive(self, context: Context, arguments: str) -> LineChange:
        """A new line at the end of its section, or of the main file."""
        text = f"{context.directive} {arguments}".rstrip()
        place = context.section
        if place is not None:
            return LineChange(
                place.file,
                place.line,
                lambda content: operations.insert_last(content, place.line, text, place.file),
                f"{readable(text)} inserted",
                macro_around(self.read, place),
            )
        file = self.model.resolved.main_file
        end = self.read(file).count(b"\n") + 1
        return LineChange(
            file, end, lambda content: operations.append(content, text, file), f"{readable(text)} inserted"
        )

    def insertion(self, server: Server, text: str) -> LineChange:
        """A new line at the head of a server, before every line that it could concern."""
        if server.section is not None:
            place = server.section.source
            return LineChange(
                place.file,
                place.line,
                lambda content: operations.insert_first(content, place.line, text, place.file),
                text,
                macro_around(self.read, place),
            )
        file = self.model.resolved.main_file
        first = self.first_line(server, file)
        if first is None:
            raise RefusedWish(f"{self.what}: {file} holds no line to put it before")
        line = first.source.line
        return LineChange(file, line, lambda content: operations.insert_before(content, line, text, file), text)

    def first_line(self, server: Server, file: str) -> Directive | None:
        """The first directive of the main file that no conditional holds."""
        content = self.read(file)
        ends, halves, _ = pair(read_lines(content), content.decode("latin-1"))
        held = {line for start, end in ends.items() for line in range(start, end.line + 1)}
        for one in server.all:
            line = one.source.line
            if one.within or one.macro or one.source.file != file or line in held:
                continue
            return None if any(half < line for half in halves) else one
        return None


def _shown(directive: Directive) -> str:
    return readable(f"{directive.name} {directive.arguments}>" if directive.name[:1] == "<" else directive.name)


# Places


def find_route(model: Model, name: str) -> VisibleRoute:
    """The route of that name.

    Errors:
        RefusedWish: there is none.
    """
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


def _distinct(changes: Iterable[LineChange]) -> list[LineChange]:
    found: dict[tuple[str, int, str], LineChange] = {}
    for one in changes:
        found.setdefault((one.file, one.line, one.why), one)
    return list(found.values())
