"""Scripts that httpd runs itself: which module does, what bounds the wait for their output, and what that looks like.

Source: ``cgid_handler`` and ``cgi_handler``, ``fcgid_handler`` and ``get_cmd_options`` of mod_fcgid. Measured on 2.4.71
and mod_fcgid 2.3.9. mod_proxy's settings are not for them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import msgspec

from auditor.surfaces.httpd import effective
from auditor.surfaces.httpd.answer import ChainEntry, Failure, Governed, seconds_or_none
from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.durations import atoi, parse_interval
from auditor.surfaces.httpd.file_places import FilePlace, Settings, handler_line, not_tried
from auditor.surfaces.httpd.governing import Model
from auditor.surfaces.httpd.marks import Mark
from auditor.surfaces.httpd.servers import Server, readable
from auditor.surfaces.httpd.versions import NEWEST, Behaviour
from auditor.surfaces.httpd.words import split_words

_HANDLERS: Final = {"cgi-script": ("cgid", "cgi"), "fcgid-script": ("fcgid",)}
_OWN: Final = {"cgid": "cgidscripttimeout", "cgi": "cgiscripttimeout"}
_NAMES: Final = ("sethandler", "addhandler", "fcgidwrapper", *_OWN.values())
_FCGID: Final = ("fcgidiotimeout", "ipccommtimeout")
_FCGID_DEFAULT: Final = 40
_SAYS: Final = 'The log says "Script timed out before returning headers", without an identifier.'


class Script(msgspec.Struct, frozen=True):
    """A script that a URL names: the module that runs it, the line that says so, and the limit of each read."""

    module: str
    by: Directive
    chain: tuple[ChainEntry, ...]
    seconds: float
    governed: Governed
    behaviour: Behaviour = NEWEST

    def failures(self) -> Iterator[Failure]:
        """How it fails."""
        shown = f'The log says "mod_fcgid: read data timeout in {self.seconds:g} seconds", without an identifier.'
        read = {"cgid": Mark(504, (), _SAYS), "cgi": Mark(504, ("AH01220",)), "fcgid": Mark(500, (), shown)}
        flushed = ("AH02550",) if self.behaviour.cgid_flush_logged else ()
        body = {"cgid": Mark(200, ("AH00574", *flushed)), "cgi": Mark(200, ("AH00574", "AH01220"))}
        waited = 1 if self.module == "fcgid" else self.behaviour.cgi_waits
        for when, marks, waits in (("read", read, waited), ("mid-body", body, 1)):
            mark = marks.get(self.module)
            if mark is not None:
                seconds = seconds_or_none(self.seconds * waits)
                yield Failure(when, seconds, mark.status, mark.log_ids, self.governed, mark.text)


class Scripts:
    """The scripts of one server."""

    def __init__(self, model: Model, server: Server) -> None:
        self.model = model
        self.server = server
        self.runs = any(model.loads(f"{name}_module", unknown=False) for names in _HANDLERS.values() for name in names)
        self.settings = Settings(model, server, _NAMES) if self.runs else None

    def find(self, path: str, place: FilePlace) -> tuple[Script | None, tuple[str, ...]]:
        """The script that a path and its file name (None: none, or httpd runs none), and what makes it uncertain."""
        if self.settings is None:
            return None, ()
        counting = list(self.settings.counting(path, place.file))
        may_run = any(_named(one) in _HANDLERS for one, _ in counting) or bool(self.settings.script_aliases)
        doubts = list(not_tried(place)) if may_run else []
        found = _handler(place, place.file or path, counting, doubts)
        if found is None:
            return None, tuple(doubts)
        handler, by = found
        names = [one for one in _HANDLERS[handler] if self.model.loads(f"{one}_module", unknown=False)]
        if not names:
            return None, ()
        if len(names) > 1:
            doubts.append("mod_cgid and mod_cgi are both loaded: the one that is loaded last runs the scripts")
        if names[0] == "fcgid":
            limits = self._fcgid(self._program(place, counting, doubts))
        else:
            limits = self._cgi(names[0], counting, doubts)
        seconds, governed, chain = _first(list(limits))
        return Script(names[0], by, chain, seconds, governed, self.model.behaviour), tuple(doubts)

    def _cgi(self, module: str, counting: list[tuple[Directive, bool]], doubts: list[str]) -> Iterator[_Limit]:
        name = _OWN[module]
        behaviour = self.model.behaviour
        if module == "cgid" and not behaviour.cgid_timeout:
            yield _Limit(math.inf, "fixed", "no limit of mod_cgid", None)
        if behaviour.cgid_timeout if module == "cgid" else behaviour.cgi_timeout:
            for directive, certain in reversed(counting):
                seconds = parse_interval(effective.first_word(directive)) or 0
                if directive.name.lower() == name and not certain:
                    doubts.append(f"{readable(directive.name)} ({directive.source}) may count for this file")
                elif directive.name.lower() == name and seconds > 0:
                    yield _Limit(seconds, directive.name, effective.first_word(directive), directive)
        yield from self._timeout()

    def _timeout(self) -> Iterator[_Limit]:
        timeout = effective.timeout(self.server, self.model.main, self.model.behaviour)
        seconds = math.inf if timeout.seconds < 0 else timeout.seconds
        name = timeout.directive.name if timeout.directive is not None else "default"
        yield _Limit(seconds, name, timeout.written or f"{timeout.seconds}", timeout.directive)

    def _program(self, place: FilePlace, counting: list[tuple[Directive, bool]], doubts: list[str]) -> str:
        """The program whose FcgidCmdOptions count: that of a wrapper for the file's ending, else the file."""
        ending = f".{place.file.rpartition('.')[2]}"
        found: dict[str, str] = {}
        for directive, certain in counting:
            words = split_words(directive.arguments)
            if directive.name.lower() != "fcgidwrapper" or not words:
                continue
            of = words[1] if len(words) > 1 and words[1].lower() != "virtual" else ""
            if of not in ("", ending) and place.file:
                continue
            if certain and place.file and " " not in words[0]:
                found[of] = words[0]
            elif any("iotimeout" in one.arguments.lower() for one in self._options()):
                doubts.append(f"FcgidWrapper ({directive.source}) may start a program that FcgidCmdOptions are for")
        return found.get(ending) or found.get("") or place.file

    def _options(self) -> list[Directive]:
        servers = (self.server,) if self.server.is_main else (self.server, self.model.main)
        return [directive for one in servers for directive in one.plain.get("fcgidcmdoptions", ())]

    def _fcgid(self, program: str) -> Iterator[_Limit]:
        servers = (self.server,) if self.server.is_main else (self.server, self.model.main)
        for directive in self._options():
            words = split_words(directive.arguments)
            lowered = [word.lower() for word in words]
            if words and words[0] == program and "iotimeout" in lowered[:-1]:
                written = words[lowered.index("iotimeout") + 1]
                yield _Limit(atoi(written), directive.name, f"IOTimeout {written}", directive)
        for one in servers:
            own = [directive for name in _FCGID for directive in one.plain.get(name, ())]
            if own:
                last = max(own, key=lambda directive: one.all.index(directive))
                yield _Limit(atoi(effective.first_word(last)), last.name, effective.first_word(last), last)
        yield _Limit(_FCGID_DEFAULT, "default", f"FcgidIOTimeout {_FCGID_DEFAULT}", None)


class _Limit(msgspec.Struct, frozen=True):
    seconds: float
    name: str
    written: str
    directive: Directive | None


def _first(limits: list[_Limit]) -> tuple[float, Governed, tuple[ChainEntry, ...]]:
    """What governs, and the chain of all that could."""
    entries = []
    for index, one in enumerate(limits):
        source = one.directive.source if one.directive is not None else None
        shown = f"{one.name} {one.written}"
        if one.directive is None:
            shown = one.written if one.name == "fixed" else f"{one.written}, httpd's default"
        entries.append(
            ChainEntry(readable(shown), one.directive is not None, "not reached" if index else "governs", "", source)
        )
    first = limits[0]
    source = first.directive.source if first.directive is not None else None
    return first.seconds, Governed(first.name, readable(first.written), source), tuple(entries)


def _handler(
    place: FilePlace, path: str, counting: list[tuple[Directive, bool]], doubts: list[str]
) -> tuple[str, Directive] | None:
    """The handler of scripts that a file has, and the line that gives it."""
    alias = place.alias
    given, unsure = handler_line(
        counting, path, alias if alias is not None and alias.name.lower().startswith("scriptalias") else None
    )
    handler = _named(given)
    doubts += [
        f"{readable(one.name)} ({one.source}) may count for this file"
        for one in unsure
        if handler in _HANDLERS or _named(one) in _HANDLERS
    ]
    return None if given is None or handler not in _HANDLERS else (handler, given)


def _named(line: Directive | None) -> str:
    """The handler that a line names."""
    if line is None:
        return ""
    return "cgi-script" if line.name.lower().startswith("scriptalias") else effective.first_word(line).lower()
