"""Where a directive that is not there yet belongs, by the name that its resource is to have. Pure."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from auditor.model.source import FileSource
from auditor.surfaces.httpd.directive_resources import directive_names
from auditor.surfaces.httpd.governing import Model

_NAME: Final = re.compile(r"[A-Za-z][\w.:-]*", re.ASCII)


class NoContextError(Exception):
    """The name says no place. Holds a sentence; never leaves this package."""


class Context(msgspec.Struct, frozen=True):
    """A place for a directive of that name: the end of the section that starts at ``section``, or of the main file."""

    directive: str
    section: FileSource | None


def context_of(model: Model, name: str) -> Context:
    """The place that a name such as ``shop.example:443 > <Location /a> > SetEnv x`` says.

    Errors:
        NoContextError: there is no such server or section, or several; or the name names no directive.
    """
    found: dict[str, list[FileSource | None]] = {}
    for server in model.servers:
        found.setdefault(f"{server.name} > ", []).append(server.source)
    for label, (_, directive) in directive_names(model.servers).items():
        if directive.name.startswith("<"):
            plain = re.sub(r" #\d+\Z", "", label)
            found.setdefault(f"{plain} > ", []).append(directive.source)
    prefix = max((one for one in found if name.startswith(one)), key=len, default="")
    if not prefix:
        raise NoContextError("there is no such server or section to put it into")
    label = name[len(prefix) :]
    match = _NAME.match(label)
    if match is None or label[match.end() : match.end() + 1] not in ("", " "):
        raise NoContextError(f"{label!r} is no directive, and no section of that name is there")
    sections = list(dict.fromkeys(found[prefix]))
    if len(sections) > 1:
        places = ", ".join(str(one) for one in sections)
        raise NoContextError(f"several sections are called {prefix.removesuffix(' > ')}: {places}")
    return Context(match[0], sections[0])
