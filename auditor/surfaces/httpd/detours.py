"""What leads a request away from where its path leads: internal redirects, names that are negotiated, variables.

Whether it does depends on files and headers, so it is named as a doubt, and only where a back end comes into play or
falls out of it. Source: ``fixup_dflt`` and ``fixup_dir`` of mod_dir, ``action_handler``, ``fixup_redir`` of mod_alias,
``handle_multi``, ``ap_proxy_trans_match`` (``no-proxy``, ``mapping=``), ``ap_proxy_checkproxyblock2``, ``ap_die``, and
``directory_walk`` for what stands behind a file's name. Measured on 2.4.71.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from auditor.surfaces.httpd import regexes
from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.effective import first_word
from auditor.surfaces.httpd.file_places import FilePlace, Settings, handler_line, in_files, redirects
from auditor.surfaces.httpd.governing import Model
from auditor.surfaces.httpd.servers import Server
from auditor.surfaces.httpd.words import split_words

IsProxied = Callable[[str], bool]
"""Whether a path of the same server is, or may be, handed to a back end."""

_MAX_SEGMENTS: Final = 64
_VARIABLES: Final = frozenset({"setenvif", "setenvifnocase", "setenvifexpr", "browsermatch", "browsermatchnocase"})
_NO_PROXY: Final = "no-proxy"


class Detours:
    """What may lead the requests of one server elsewhere. What does not depend on the path is found out once."""

    def __init__(self, model: Model, server: Server) -> None:
        self.model = model
        self.ways = Settings(model, server, ("fallbackresource", "action", "script", "directoryindex"))
        self.options = Settings(model, server, ("options",))
        self.pages = Settings(model, server, ("errordocument",))
        self.taken = Settings(model, server, ("removehandler",))
        self.redirects = Settings(
            model, server, ("redirect", "redirectmatch", "redirectpermanent", "redirecttemp"), nested=True
        )
        both = (model.main,) if server.is_main else (model.main, server)
        self.variables = [
            one for each in both for one in each.everywhere(_VARIABLES) if _NO_PROXY in one.arguments.lower()
        ]
        self.blocks = [one for each in both for one in each.plain.get("proxyblock", ())]

    def of_file(
        self, path: str, place: FilePlace, settings: Settings, handlers: frozenset[int], is_proxied: IsProxied
    ) -> Iterator[str]:
        """What may hand a file's request to a back end that no line of its own hands there, or to another.

        ``settings`` are those that give handlers, ``handlers`` those of them (by identity) that proxy.
        """
        yield from self._led_on(path, place, is_proxied)
        if not handlers:
            return
        found = handler_line(tuple(settings.counting(path, place.file)), place.file or path)[0]
        if found is None or id(found) not in handlers:
            yield from self._negotiated(path, place)
        yield from self._behind_a_name(path, place, settings, handlers, found)
        if found is not None and id(found) in handlers and found.name.lower() == "addhandler":
            yield from self._taken_away(path, place)

    def _led_on(self, path: str, place: FilePlace, is_proxied: IsProxied) -> Iterator[str]:
        indexes: list[str] = []
        fallback: list[Directive] = []
        for directive, certain in self.ways.counting(path, place.file):
            words = split_words(directive.arguments)
            match directive.name.lower():
                case "fallbackresource":
                    fallback = [directive] if certain else [*fallback, directive]
                case "action" | "script" if len(words) > 1 and is_proxied(f"{words[1]}{path}"):
                    yield f"{_shown(directive)}: a request that it is for goes on there, and to a back end"
                case "directoryindex":
                    indexes += words
        for directive in fallback:
            resource = first_word(directive)
            if resource.startswith("/") and is_proxied(resource):
                yield f"{_shown(directive)}: a request for what is no file goes on there, and to a back end"
        if path.endswith("/") and self.model.loads("dir_module"):
            for index in dict.fromkeys(indexes or ("index.html",)):
                if is_proxied(index if index.startswith("/") else f"{path}{index}"):
                    yield f"where {path} is a directory, its index {index} goes to a back end"
                    return

    def _negotiated(self, path: str, place: FilePlace) -> Iterator[str]:
        """MultiViews looks for files whose names go on."""
        found: Directive | None = None
        for directive, certain in self.options.counting(path, place.file):
            words = [word.lower() for word in split_words(directive.arguments)]
            if {"multiviews", "+multiviews"} & set(words):
                found = directive
            elif certain and ("-multiviews" in words or not all(word[0] in "+-" for word in words)):
                found = None
        if found is not None and self.model.loads("negotiation_module"):
            yield f"{_shown(found)}: MultiViews may choose a file whose name goes on, and whose handler proxies"

    def _behind_a_name(
        self, path: str, place: FilePlace, settings: Settings, handlers: frozenset[int], found: Directive | None
    ) -> Iterator[str]:
        """``/index.php/more``: where ``index.php`` is a file, its handler takes it all."""
        segments = path.split("/")
        root = place.file[: -len(path)] if place.file.endswith(path) else ""
        for count in range(2, min(len(segments), _MAX_SEGMENTS)):
            start = "/".join(segments[:count])
            file = f"{root}{start}" if root else ""
            other = handler_line(tuple(settings.counting(path, file)), file or start)[0]
            if other is not found and id(other) in handlers:
                yield f"where {start} is a file, what follows is no part of its name: another handler counts"
                return

    def _taken_away(self, path: str, place: FilePlace) -> Iterator[str]:
        endings = set(place.file.rpartition("/")[2].lower().split(".")[1:])
        for directive, _ in self.taken.counting(path, place.file):
            if endings & {word.lower().lstrip(".") for word in split_words(directive.arguments)}:
                yield f"{_shown(directive)} takes the handler away where it counts"
                return

    def of_route(self, path: str, file: str, *, by_line: bool) -> Iterator[str]:
        """What may keep a proxied request from its back end. ``by_line``: ProxyPass maps it, no rule or handler."""
        for directive in self.variables if by_line else ():
            if self._may_set(directive, path):
                yield f"{_shown(directive)}: a request for which no-proxy is set is not proxied (since 2.4.26)"
                break
        for directive, _ in _counting(self.redirects, path, file, by_line=by_line):
            words = split_words(directive.arguments)
            if len(words) == 1 or redirects(directive.name.lower(), words, path) is not False:
                yield f"{_shown(directive)} redirects before any back end is asked"
                break
        if self.blocks:
            yield f"{_shown(self.blocks[0])}: a back end that it names is refused with 403"

    def _may_set(self, directive: Directive, path: str) -> bool:
        words = split_words(directive.arguments)
        if len(words) < 3 or words[0].lower() != "request_uri":
            return True
        expression = regexes.compiled(words[1], ignore_case=directive.name.lower().endswith("nocase"))
        return expression is None or expression.search(path) is not None

    def of_failure(
        self, path: str, file: str, statuses: frozenset[int], is_proxied: IsProxied, *, by_line: bool
    ) -> Iterator[str]:
        """Error pages that come from a back end themselves, for some statuses."""
        pages: dict[int, list[Directive]] = {}
        for directive, certain in _counting(self.pages, path, file, by_line=by_line):
            status = first_word(directive)
            if status.isdigit() and int(status) in statuses:
                before = [] if certain else pages.get(int(status), [])
                pages[int(status)] = [*before, directive]
        for directive in dict.fromkeys(one for some in pages.values() for one in some):
            page = (*split_words(directive.arguments), "", "")[1].partition("?")[0]
            if page.startswith("/") and is_proxied(page):
                yield f"{_shown(directive)}: that page comes from a back end too, and may wait as long again"
                return


def _counting(settings: Settings, path: str, file: str, *, by_line: bool) -> Iterator[tuple[Directive, bool]]:
    """The settings that count; those of directories and files do not for what a line proxies: no file is looked for."""
    for directive, certain in settings.counting(path, file):
        if not (by_line and in_files(directive)):
            yield directive, certain


def _shown(directive: Directive) -> str:
    return f"{directive.name} {directive.arguments} ({directive.source})"
