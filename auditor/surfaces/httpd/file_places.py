"""The file that a path names and the per-directory settings that count for it, as far as files alone can tell.

Source: ``translate_alias_redir`` of mod_alias (own lines first, then the main server's), ``ap_directory_walk``,
``ap_file_walk`` and ``ap_location_walk``: settings of the server, then of directories, files, locations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

import msgspec

from auditor.surfaces.httpd import regexes
from auditor.surfaces.httpd.directive import Directive, Section
from auditor.surfaces.httpd.effective import first_word
from auditor.surfaces.httpd.governing import Model
from auditor.surfaces.httpd.sections import alias_length, holds
from auditor.surfaces.httpd.servers import Server
from auditor.surfaces.httpd.words import split_words

_ALIASES: Final = frozenset({"alias", "aliasmatch", "scriptalias", "scriptaliasmatch"})
_REDIRECTS: Final = frozenset({"redirect", "redirectmatch", "redirectpermanent", "redirecttemp"})
_ELSEWHERE: Final = ("virtualdocumentroot", "virtualdocumentrootip")
_STATUSES: Final = frozenset({"permanent", "temp", "seeother", "gone"})
_CONDITIONS: Final = frozenset({"if", "elseif", "else", "limit", "limitexcept"})
_Kind = Literal["server", "directory", "files", "location", "condition"]
_ORDER: Final = {"server": 0, "directory": 1, "files": 2, "location": 3, "condition": 4}


class FilePlace(msgspec.Struct, frozen=True):
    """The file that a path names, empty: nobody can say. ``base`` is the directory that surely is above it.

    ``alias`` is the line that maps it; None: DocumentRoot. ``untried`` are lines that might map the path before, or
    redirect it, and whose pattern cannot be tried.
    """

    file: str
    base: str = ""
    alias: Directive | None = None
    untried: tuple[Directive, ...] = ()


class Settings:
    """Settings of one server that may stand in directories, files and locations; ``nested``: only those that do."""

    def __init__(self, model: Model, server: Server, names: Iterable[str], *, nested: bool = False) -> None:
        wanted = frozenset(names)
        self.server = server
        self.main = model.main
        servers = (model.main,) if server.is_main else (model.main, server)
        found = ((one, tuple(_sections(one))) for each in servers for one in each.everywhere(wanted))
        self.found = [one for one in found if one[1] or not nested]
        # The own lines first, then the main server's; a redirect goes before every alias.
        self.redirects, self.aliases = (
            [one for each in reversed(servers) for one in each.everywhere(names) if not _sections(one)]
            for names in (_REDIRECTS, _ALIASES)
        )
        self.script_aliases = [one for one in self.aliases if one.name.lower().startswith("script")]

    def place(self, path: str) -> FilePlace | None:
        """The file of a path; None where a redirect takes it."""
        untried: list[Directive] = []
        for directive in self.redirects:
            taken = redirects(directive.name.lower(), split_words(directive.arguments), path)
            if taken:
                return None
            if taken is None:
                untried.append(directive)
        for directive in self.aliases:
            words = split_words(directive.arguments)
            name = directive.name.lower()
            if len(words) > 1 and name.endswith("match") and regexes.compiled(words[0], path) is None:
                # Whether it maps the path is not known, so the file is not.
                return FilePlace("", untried=(*untried, directive))
            if len(words) > 1 and (file := _aliased(name, words, path)) is not None:
                base = "" if name.endswith("match") else words[1].rstrip("/")
                return FilePlace(file, base, directive, tuple(untried))
        if path.startswith("/~") and any(one.plain.get("userdir") for one in (self.server, self.main)):
            return FilePlace("")
        return msgspec.structs.replace(self.below_root(path), untried=tuple(untried))

    def below_root(self, path: str) -> FilePlace:
        """The file of a path that no Alias maps: below DocumentRoot, unless its place goes by the host's name."""
        if any(one.plain.get(name) for one in (self.server, self.main) for name in _ELSEWHERE):
            return FilePlace("")
        root = first_word(self.server.last("documentroot")) or first_word(self.main.last("documentroot"))
        return FilePlace(f"{root.rstrip('/')}{path}", root.rstrip("/")) if root.startswith("/") else FilePlace("")

    def counting(self, path: str, file: str) -> Iterator[tuple[Directive, bool]]:
        """The settings that count for a path and its file, weakest first; False: whether it counts is not certain."""
        order: list[tuple[int, int, int, Directive, bool]] = []
        for index, (directive, sections) in enumerate(self.found):
            verdicts = [holds(one, path, file) for one in sections]
            if False in verdicts:
                continue
            kind, depth = _rank(sections)
            order.append((_ORDER[kind], depth, index, directive, None not in verdicts))
        for _, _, _, directive, certain in sorted(order, key=lambda one: one[:3]):
            yield directive, certain


def _sections(directive: Directive) -> list[Section]:
    return [one for one in directive.within if one.name.lower() != "virtualhost"]


def _rank(sections: Sequence[Section]) -> tuple[_Kind, int]:
    """The kind of place that decides when a setting is merged, and how deep a directory is."""
    names = [one.name.lower() for one in sections]
    if _CONDITIONS & set(names):
        return "condition", 0
    if any(name.startswith("location") for name in names):
        return "location", 0
    if any(name.startswith("files") for name in names):
        return "files", 0
    for one in sections:
        if one.name.lower().startswith("directory"):
            words = split_words(one.arguments)
            return "directory", words[0].rstrip("/").count("/") if words else 0
    return "server", 0


def redirects(name: str, words: tuple[str, ...], path: str) -> bool | None:
    """Whether a Redirect (lower-case name, its words) takes a path; None where its pattern cannot be tried."""
    if words and (words[0].isdigit() or words[0].lower() in _STATUSES):
        words = words[1:]
    if not words:
        return False
    if name == "redirectmatch":
        expression = regexes.compiled(words[0], path)
        return None if expression is None else expression.search(path) is not None
    return bool(alias_length(path, words[0]))


def _aliased(name: str, words: tuple[str, ...], path: str) -> str | None:
    """The file that an Alias makes of a path; None where it does not match."""
    if name.endswith("match"):
        expression = regexes.compiled(words[0], path)
        match = expression.search(path) if expression is not None else None
        return regexes.substituted(words[1], match) if match is not None else None
    length = alias_length(path, words[0])
    return f"{words[1]}{path[length:]}" if length else None


def in_files(directive: Directive) -> bool:
    """Whether it stands in a section of directories or files."""
    return any(one.name.lower().startswith(("directory", "files")) for one in directive.within)


def not_tried(place: FilePlace) -> Iterator[str]:
    """Why the file of a path is not certain: a pattern before it cannot be tried."""
    for one in place.untried:
        yield f"{one.name} ({one.source}): its pattern cannot be tried here, and it may take the path"


def depends(directive: Directive) -> str:
    """Why a setting of a section cannot be tried against a path alone."""
    for one in directive.within:
        if one.name.lower() in _CONDITIONS:
            written = f"<{one.name} {one.arguments}>".replace(" >", ">")
            return f"{directive.name} ({directive.source}) stands in {written}, decided per request"
    section = directive.within[-1] if directive.within else None
    place = f" in <{section.name} {section.arguments}>" if section is not None else ""
    return f"{directive.name}{place} ({directive.source}) depends on the file the request names"


def handler_line(
    counting: Sequence[tuple[Directive, bool]], file: str, given: Directive | None = None
) -> tuple[Directive | None, list[Directive]]:
    """The line that gives a file its handler, and those that may do so instead, which is not certain.

    ``given`` is the line that does before any other: a ScriptAlias. AddHandler goes by what stands behind the full
    stops of the file's name; SetHandler goes before, and its ``None`` takes it back.
    """
    unsure: list[Directive] = []
    parts = set(file.rpartition("/")[2].lower().split(".")[1:])
    for name in ("addhandler", "sethandler"):
        before = given
        for directive, certain in counting:
            words = split_words(directive.arguments)
            if directive.name.lower() != name or not words:
                continue
            if name == "addhandler" and not parts & {word.lower().lstrip(".") for word in words[1:]}:
                continue
            if not certain:
                unsure.append(directive)
            else:
                given = before if name == "sethandler" and words[0].lower() == "none" else directive
    return given, unsure
