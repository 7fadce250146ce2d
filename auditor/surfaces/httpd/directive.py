"""Directives as httpd sees them once includes, definitions and conditionals are resolved."""

from __future__ import annotations

import msgspec

from auditor.model.snapshot import Gap
from auditor.model.source import FileSource


class Section(msgspec.Struct, frozen=True, gc=False):
    """An enclosing section such as ``<VirtualHost *:443>``.

    ``name`` is as written (compare without case), ``arguments`` the text up to the last ``>``, variables expanded.
    """

    name: str
    arguments: str
    source: FileSource


class Doubt(msgspec.Struct, frozen=True, gc=False):
    """A conditional that cannot be decided from what was collected.

    ``text`` is the section as written (``<IfModule mod_x.c>``), ``cause`` a sentence for people.
    """

    text: str
    cause: str
    source: FileSource


class Directive(msgspec.Struct, frozen=True, gc=False):
    """One directive in the flattened order.

    ``name`` is as written (httpd compares without case); ``arguments`` is the rest of the logical line, continued
    lines joined as httpd joins them, outer blanks removed, ``${}`` expanded; ``written`` is the same before expansion.
    ``within`` are the enclosing sections, outermost first; conditionals that are true are left out, ``<If>`` (decided
    per request) stays in. ``doubts`` are the enclosing conditionals that could not be decided.
    ``source`` is relative to the tree's root where the file lies below it; ``last_line`` is what httpd's own dumps
    print. ``macro`` names the macro it came from, else empty; the source is then inside the macro's definition and
    ``used_at`` holds the lines that used it, outermost first.

    The start of a section is a directive too, with its ``<`` as part of the name (``<Proxy``) and the arguments up to
    the last ``>``: an empty section counts, and the place where it starts. Text is latin-1, a character a byte.
    """

    name: str
    arguments: str
    source: FileSource
    within: tuple[Section, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    written: str = ""
    macro: str = ""
    used_at: tuple[FileSource, ...] = ()


class Resolved(msgspec.Struct, frozen=True):
    """A whole configuration in httpd's order.

    ``directives`` holds everything that httpd would carry out, LoadModule, Define and Include themselves included.
    ``modules`` are the identifiers loaded (``proxy_module``) with the file that LoadModule names, built-in ones with
    an empty file; ``modules_known`` is False where built-in modules cannot be known.
    ``defines`` are the names defined at the end, with their values. ``gaps`` are includes that could not be read.
    ``files`` are the names of the files that were read, as sources give them, each once.
    """

    directives: tuple[Directive, ...]
    server_root: str
    main_file: str
    modules: tuple[tuple[str, str], ...] = ()
    modules_known: bool = True
    defines: tuple[tuple[str, str], ...] = ()
    gaps: tuple[Gap, ...] = ()
    files: tuple[str, ...] = ()
