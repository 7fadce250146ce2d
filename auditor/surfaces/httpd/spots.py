"""Where a value that httpd sees stands: on its own line, in a macro's body, or where the macro is used. Pure."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from auditor.model.source import FileSource
from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.lines import LogicalLine, read_lines, tag_arguments
from auditor.surfaces.httpd.macros import MacroError, macro_head
from auditor.surfaces.httpd.pairing import pair
from auditor.surfaces.httpd.places import places
from auditor.surfaces.httpd.rewording import parameter_index
from auditor.surfaces.httpd.words import readable

Read = Callable[[str], bytes]
"""A file's bytes by the name that a source gives it."""


class NoSpotError(Exception):
    """The value stands at no single place. Holds a sentence; never leaves this package."""


class Spot(msgspec.Struct, frozen=True):
    """A place of a value: the line on which its directive starts, and the argument's index (0 is the first).

    ``key`` is set where the value is that of ``key=…``. ``macro`` names the macro in whose body the line stands.
    """

    source: FileSource
    index: int
    key: str = ""
    macro: str = ""


class _Body(msgspec.Struct, frozen=True):
    """A line inside a macro's body: the macro's name and parameters, and the line's text in the file."""

    name: str
    parameters: tuple[str, ...]
    raw: str


def spot_of(read: Read, directive: Directive, index: int, key: str = "") -> Spot:
    """The place of one argument, or of ``key=…``; a value that is a macro's parameter stands where the macro is used.

    Errors:
        NoSpotError: the value is made of a parameter and other text, or comes out of a parameter with others.
    """
    source, uses = directive.source, list(directive.used_at)
    while uses:
        body = _body(read, source)
        words = places(body.raw)[1:]
        if key and (index := parameter_index(body.raw, key)) < 0 and _says(directive, key):
            raise NoSpotError(f"{key}= comes out of a parameter of the macro {body.name} ({source}) with other words")
        value = words[index].text if 0 <= index < len(words) else ""
        value = value[len(key) + 1 :] if key else value
        held = [one for one in body.parameters if one in value]
        if not held:
            return Spot(source, index, key, body.name)
        if value not in body.parameters:
            raise NoSpotError(
                f"{readable(value)} in the macro {body.name} ({source}) is a parameter and more: "
                f"change it by hand, there or at {uses[-1]}"
            )
        index, key, source = body.parameters.index(value) + 1, "", uses.pop()
    return Spot(source, index, key)


def macro_around(read: Read, source: FileSource) -> str:
    """The macro in whose body a line stands; empty where in none."""
    found = _around(read_lines(read(source.file)), read(source.file).decode("latin-1"), source.line)
    return found[-1][0] if found else ""


def _says(directive: Directive, key: str) -> bool:
    return parameter_index(f"{directive.name} {directive.arguments}", key) >= 0


def _body(read: Read, source: FileSource) -> _Body:
    content = read(source.file)
    text, lines = content.decode("latin-1"), read_lines(content)
    macros = _around(lines, text, source.line)
    line = next((one for one in lines if one.line == source.line), None)
    if line is None or len(macros) != 1:
        raise NoSpotError(f"{source} stands in a macro that is defined in another: change it by hand")
    return _Body(*macros[0], text[line.start : line.end])


def _around(lines: tuple[LogicalLine, ...], text: str, line: int) -> list[tuple[str, tuple[str, ...]]]:
    """The macros, outermost first, between whose start and end a line stands."""
    found = []
    ends = pair(lines, text).ends
    for one in lines:
        end = ends.get(one.line)
        if one.name.lower() == "<macro" and end is not None and one.line < line < end.line:
            try:
                found.append(macro_head(tag_arguments(one.arguments) or ""))
            except MacroError as error:
                raise NoSpotError(f"the macro around line {line}: {error}") from error
    return found
