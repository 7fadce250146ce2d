"""Sections that stand where httpd refuses them, and lines with a number of arguments that it refuses. Pure.

Source: the documentation's "Context" and "Syntax" of core and mod_proxy; measured on 2.4.71, each section in each
other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from auditor.surfaces.httpd.argument_counts import miscounted
from auditor.surfaces.httpd.directive import Directive, Resolved
from auditor.surfaces.httpd.words import readable, split_words

_DIRECTORY: Final = frozenset(
    """directory directorymatch location locationmatch files filesmatch if elseif else proxy proxymatch""".split()  # noqa: SIM905 - a list of words
)
_LOCATION: Final = frozenset({"location", "locationmatch"})
_HOST: Final = frozenset({"virtualhost"})
_NOT_WITHIN: Final = {
    "<virtualhost": _DIRECTORY | _HOST,
    **dict.fromkeys(("<directory", "<directorymatch", "<location", "<locationmatch"), _DIRECTORY),
    **dict.fromkeys(("<proxy", "<proxymatch"), _DIRECTORY),
    **dict.fromkeys(("<files", "<filesmatch"), _LOCATION),
}
_ONE_ARGUMENT: Final = frozenset(
    """<directory <directorymatch <location <locationmatch <files <filesmatch <proxymatch""".split()  # noqa: SIM905 - a list of words
)
_ARGUMENT: Final = _ONE_ARGUMENT - {"<proxymatch"} | {"<virtualhost", "<if", "<elseif"}
_TILDE: Final = frozenset({"<directory", "<directorymatch", "<location", "<files"})


def misplaced(resolved: Resolved) -> Iterator[tuple[Directive, str, bool]]:
    """Lines that httpd does not start with, with the reason, and whether no conditional in doubt is around them."""
    for one in resolved.directives:
        if one.name[:1] == "<":
            reason = _why(one)
        elif reason := miscounted(one.name.lower(), one.arguments):
            reason = f"{readable(one.name)} {reason}"
        if reason:
            yield one, f"{reason}: httpd does not start", not one.doubts


def _why(one: Directive) -> str:
    name = one.name.lower()
    shown = f"{readable(one.name)}>"
    forbidden = _NOT_WITHIN.get(name, ())
    for around in one.within:
        if around.name.lower() in forbidden:
            return f"{shown} cannot stand within <{readable(around.name)}>"
    if name in _ARGUMENT and not one.arguments:
        return f"{shown} needs an argument"
    if name in _ONE_ARGUMENT:
        words = split_words(one.arguments)
        most = 2 if name in _TILDE and words[:1] == ("~",) else 1
        if len(words) > most:
            return f"{shown} takes one argument, not {len(words)}"
    return ""
