"""What the logs record: LogFormat, CustomLog, TransferLog, ErrorLog and ErrorLogFormat understood.

Source: mod_log_config, mod_logio and ``server/log.c``. A field that a version refuses, or takes for something else
without a word, is named.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from auditor.model.resource import Resource, make_resource
from auditor.surfaces.httpd import effective
from auditor.surfaces.httpd.attributes import Attributes, source_of
from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.governing import Model
from auditor.surfaces.httpd.servers import Server, readable
from auditor.surfaces.httpd.versions import Behaviour
from auditor.surfaces.httpd.words import split_words

COMMON: Final = '%h %l %u %t "%r" %>s %b'
"""The format httpd uses where none is given; its nickname is CLF."""

_FIELD: Final = re.compile(r"%(?:%|(?P<status>!?[\d,]*)(?P<which>[<>]?)(?:\{(?P<argument>[^}]*)\})?(?P<letter>\^..|.))")
_ERROR_FIELD: Final = re.compile(r"%(?:%|(?P<flags>[-+\d]*)(?:\{(?P<argument>[^}]*)\})?(?P<letter>.))")
_FINE_TIMES: Final = ("msec", "usec", "msec_frac", "usec_frac")


class Field(msgspec.Struct, frozen=True, gc=False):
    """One field of a format: its letter (``D``, ``^FB``) and argument."""

    letter: str
    argument: str = ""

    def __str__(self) -> str:
        return f"%{{{self.argument}}}{self.letter}" if self.argument else f"%{self.letter}"


def access_fields(text: str) -> tuple[Field, ...]:
    """The fields of a LogFormat, in order."""
    return tuple(Field(found["letter"], found["argument"] or "") for found in _FIELD.finditer(text) if found["letter"])


def error_fields(text: str) -> tuple[Field, ...]:
    """The fields of an ErrorLogFormat, in order."""
    return tuple(
        Field(found["letter"], found["argument"] or "")
        for found in _ERROR_FIELD.finditer(text)
        if found["letter"] and found["letter"] not in " %"
    )


class AccessFormat(msgspec.Struct, frozen=True, gc=False):
    """What one access log's format records, for one behaviour of httpd."""

    fields: tuple[Field, ...]
    behaviour: Behaviour
    tracks_first_byte: bool

    def has(self, *letters: str) -> bool:
        """Whether any of these letters is a field, whatever its argument."""
        return any(field.letter in letters for field in self.fields)

    @property
    def fine_duration(self) -> bool:
        """Whether the time taken is written finer than in seconds."""
        return any(
            field.letter == "D"
            or (field.letter == "T" and field.argument in ("ms", "us") and self.behaviour.finer_logs)
            for field in self.fields
        )

    @property
    def first_byte(self) -> bool:
        """Whether the time to the first byte is written."""
        return self.behaviour.finer_logs and self.tracks_first_byte and self.has("^FB")

    @property
    def begins(self) -> bool:
        """Whether the start is written in milliseconds or finer; the end does not serve."""
        return any(
            field.letter == "t" and field.argument.removeprefix("begin:") in _FINE_TIMES for field in self.fields
        )

    @property
    def misunderstood(self) -> tuple[str, ...]:
        """Fields this version refuses or takes for something else."""
        wrong = []
        for field in self.fields:
            if field.letter == "T" and field.argument in ("ms", "us") and not self.behaviour.finer_logs:
                wrong.append(f"{field} prints seconds before 2.4.13")
            elif field.letter.startswith("^") and field.letter not in ("^FB", "^ti", "^to"):
                wrong.append(f"{field} is not known to httpd 2.4: it does not start")
            elif field.letter == "^FB" and not self.behaviour.finer_logs:
                wrong.append(f"{field} is not known before 2.4.13: httpd does not start")
        return tuple(wrong)


class AccessLog(msgspec.Struct, frozen=True, gc=False):
    """One CustomLog or TransferLog with its format: text, nickname, and the directive that holds the text."""

    directive: Directive
    path: str
    format: str
    nickname: str
    missing: bool
    holder: Directive | None
    conditional: bool


def access_logs(server: Server, main: Server) -> tuple[AccessLog, ...]:
    """The access logs written for a server's requests: its own, or the main server's where it has none."""
    own = server.plain.get("customlog") or server.plain.get("transferlog")
    owner = server if own or server.is_main else main
    directives = [directive for name in ("customlog", "transferlog") for directive in owner.plain.get(name, ())]
    if owner is not main:
        directives += main.plain.get("globallog", [])
    else:
        directives += owner.plain.get("globallog", [])
    return tuple(log for directive in directives if (log := _access_log(directive, owner, main)) is not None)


def _access_log(directive: Directive, server: Server, main: Server) -> AccessLog | None:
    words = split_words(directive.arguments)
    if not words:
        return None
    if directive.name.lower() == "transferlog":
        holder = _default_format(server) or _default_format(main)
        text = split_words(holder.arguments)[0] if holder else COMMON
        return AccessLog(directive, words[0], text, "", False, holder, False)
    named = words[1] if len(words) > 1 and not words[1].startswith(("env=", "expr=")) else ""
    conditional = any(word.startswith(("env=", "expr=")) for word in words[1:])
    if not named:
        holder = _default_format(server) or _default_format(main)
        text = split_words(holder.arguments)[0] if holder else COMMON
        return AccessLog(directive, words[0], text, "", False, holder, conditional)
    if "%" in named:
        return AccessLog(directive, words[0], named, "", False, directive, conditional)
    holder = _nickname(server, named) or _nickname(main, named)
    if holder is not None:
        text = split_words(holder.arguments)[0]
        return AccessLog(directive, words[0], text, named, False, holder, conditional)
    if named == "CLF":
        return AccessLog(directive, words[0], COMMON, named, False, None, conditional)
    return AccessLog(directive, words[0], named, named, True, directive, conditional)


def _default_format(server: Server) -> Directive | None:
    """The last LogFormat without a nickname."""
    unnamed = [one for one in server.plain.get("logformat", ()) if len(split_words(one.arguments)) == 1]
    return unnamed[-1] if unnamed else None


def _nickname(server: Server, name: str) -> Directive | None:
    """The last LogFormat of that nickname."""
    found = None
    for one in server.plain.get("logformat", ()):
        words = split_words(one.arguments)
        if len(words) > 1 and words[1] == name:
            found = one
    return found


def log_resources(model: Model) -> list[Resource]:
    """Every log that a server itself declares, and the main server's error log where none is declared."""
    found: list[Resource] = []
    taken: dict[str, int] = {}
    for server in model.servers:
        logs = access_logs(server, model.main) if server.is_main or _declares(server) else ()
        for log in logs:
            if log.directive.name.lower() == "globallog" and not server.is_main:
                continue
            found.append(_access_resource(model, server, log, _unique(taken, f"{server.name} {readable(log.path)}")))
        if server.is_main or server.last("errorlog") is not None:
            path = server.argument("errorlog") or "logs/error_log"
            found.append(_error_resource(model, server, path, _unique(taken, f"{server.name} {readable(path)}")))
    return found


def _declares(server: Server) -> bool:
    return bool(server.plain.get("customlog") or server.plain.get("transferlog"))


def _unique(taken: dict[str, int], name: str) -> str:
    taken[name] = taken.get(name, 0) + 1
    return name if taken[name] == 1 else f"{name} #{taken[name]}"


def _access_resource(model: Model, server: Server, log: AccessLog, name: str) -> Resource:
    source, holder = log.directive.source, source_of(log.holder)
    tracks = effective.inherited(server, model.main, "logiotrackttfb")
    form = AccessFormat(access_fields(log.format), model.behaviour, effective.first_word(tracks).lower() == "on")
    out = Attributes()
    out.text("server", server.name)
    out.text("kind", "access")
    out.text("path", log.path, source)
    out.flag("piped", log.path.startswith("|"), source)
    out.text("format", log.format, holder)
    out.text("format_name", log.nickname or None, source)
    out.flag("format_missing", log.missing, source)
    out.flag("conditional", log.conditional, source)
    duration = form.has("D", "T")
    out.flag("records_duration", duration, holder)
    out.flag("duration_in_seconds_only", duration and not form.fine_duration, holder)
    out.flag("records_first_byte", form.first_byte, holder)
    out.flag("records_worker", Field("e", "BALANCER_WORKER_NAME") in form.fields, holder)
    out.flag("records_request_id", any(one.letter == "L" and one.argument != "c" for one in form.fields), holder)
    out.flag("records_begin", form.begins, holder)
    out.flag("records_bytes", form.has("I") and form.has("O"), holder)
    out.flag("records_connection_state", form.has("X"), holder)
    out.flag("records_process", form.has("P"), holder)
    out.flag("records_vhost", form.has("v", "V"), holder)
    out.flag("records_client", form.has("h", "a"), holder)
    out.flag("valid_for_version", not form.misunderstood, holder)
    out.names("misunderstood", form.misunderstood, holder)
    return make_resource("httpd.log", name, out.items, source)


def _error_resource(model: Model, server: Server, path: str, name: str) -> Resource:
    declared = server.last("errorlog")
    source = source_of(declared)
    form = _error_format(server) or _error_format(model.main)
    out = Attributes()
    out.text("server", server.name)
    out.text("kind", "error")
    out.text("path", path, source)
    out.flag("piped", path.startswith("|"), source)
    if form is None:
        # httpd's own format: time with microseconds, module and level, process, client; no request id.
        for key, flag in (("microseconds", True), ("process", True), ("client", True), ("request_id", False)):
            out.flag(f"records_{key}", flag)
        out.flag("valid_for_version", True)
        return make_resource("httpd.log", name, out.items, source)
    text = split_words(form.arguments)[0]
    fields = error_fields(text)
    holder = form.source
    out.text("format", text, holder)
    out.flag("records_microseconds", any(one.letter == "t" and "u" in one.argument for one in fields), holder)
    out.flag("records_process", any(one.letter == "P" for one in fields), holder)
    out.flag("records_client", any(one.letter == "a" for one in fields), holder)
    out.flag("records_request_id", any(one.letter == "L" and one.argument != "c" for one in fields), holder)
    out.flag("valid_for_version", True, holder)
    return make_resource("httpd.log", name, out.items, source)


def _error_format(server: Server) -> Directive | None:
    """The last ErrorLogFormat that is the line's own (not one for a connection or a request)."""
    plain = [
        one
        for one in server.plain.get("errorlogformat", ())
        if (words := split_words(one.arguments)) and words[0].lower() not in ("connection", "request")
    ]
    return plain[-1] if plain else None
