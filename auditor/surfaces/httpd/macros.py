"""Macros of mod_macro: definition, and substitution of their parameters at a Use."""

from __future__ import annotations

import msgspec

from auditor.surfaces.httpd.lines import LogicalLine
from auditor.surfaces.httpd.words import split_words

MAX_SUBSTITUTED = 8192
"""Bytes of a line in a macro's body at which mod_macro gives up."""


class MacroError(Exception):
    """A definition or use that httpd refuses. Holds the reason; never leaves this package."""


class Macro(msgspec.Struct, frozen=True):
    """A macro: its parameters, and its body without comments as (text, line, last line) of the file that defines it."""

    name: str
    parameters: tuple[str, ...]
    body: tuple[LogicalLine, ...]
    file: str


def macro_head(arguments: str) -> tuple[str, tuple[str, ...]]:
    """Lower-case name and parameters from what stands before the ``>`` of ``<Macro``.

    Errors:
        MacroError: no name, an empty or a repeated parameter.
    """
    words = split_words(arguments)
    if not words or not words[0]:
        raise MacroError("the macro has no name")
    parameters = [word for word in words[1:] if word.lower() not in ("/ignoreemptyargs", "/ignorebadnesting")]
    if "" in parameters:
        raise MacroError(f"macro {words[0]!r} has an empty parameter")
    if len(set(parameters)) != len(parameters):
        raise MacroError(f"macro {words[0]!r} names a parameter twice")
    return words[0].lower(), tuple(parameters)


def substituted(macro: Macro, values: tuple[str, ...]) -> tuple[tuple[str, LogicalLine], ...]:
    """The body's lines with the parameters replaced, each with the line it came from.

    Errors:
        MacroError: another number of values than parameters, or a line that grows too long.
    """
    if len(values) != len(macro.parameters):
        raise MacroError(f"macro {macro.name!r} takes {len(macro.parameters)} arguments, {len(values)} are given")
    pairs = tuple(zip(macro.parameters, values, strict=True))
    return tuple((_substitute(line.text, pairs, macro.name), line) for line in macro.body)


def _substitute(text: str, pairs: tuple[tuple[str, str], ...], name: str) -> str:
    """One line: the leftmost parameter first, the longest where two start together; ``@`` ones come in quotes."""
    position = 0
    while True:
        best = -1
        chosen = ("", "")
        for parameter, value in pairs:
            found = text.find(parameter, position)
            if found >= 0 and (best < 0 or found < best or (found == best and len(parameter) > len(chosen[0]))):
                best, chosen = found, (parameter, value)
        if best < 0:
            return text
        parameter, value = chosen
        inserted = value
        if parameter.startswith("@") and parameter != value:
            inserted = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        text = text[:best] + inserted + text[best + len(parameter) :]
        if len(text) >= MAX_SUBSTITUTED:
            raise MacroError(f"a line of macro {name!r} grows beyond {MAX_SUBSTITUTED} bytes")
        # As mod_macro does: beyond the value, which for a quoted one is still inside the quotes.
        position = best + len(value)
