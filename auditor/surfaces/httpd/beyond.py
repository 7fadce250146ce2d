"""What may proxy or map a request beside the lines that are read: named, so that no answer is more certain than it is.

Source: ``xlate_name`` of mod_proxy_express, ``proxy_detect`` of mod_proxy, and the directory walk, which reads
``.htaccess`` where AllowOverride lets it hold RewriteRule or SetHandler (class FileInfo).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.effective import first_word
from auditor.surfaces.httpd.file_places import FilePlace
from auditor.surfaces.httpd.fileset import Standing
from auditor.surfaces.httpd.governing import Model
from auditor.surfaces.httpd.routes import Route
from auditor.surfaces.httpd.servers import Server
from auditor.surfaces.httpd.words import as_path, split_words
from auditor.surfaces.httpd.workers import is_balancer, parse_back_end

Stands = Callable[[str], Standing]
"""What stands at a path, as far as the collection knows."""

_PATTERN: Final = frozenset("*?[~")
_PROXYING: Final = frozenset({"rewriterule", "sethandler", "addhandler", "rewriteengine"})
_OVERRIDES: Final = frozenset({"allowoverride", "allowoverridelist"})
_MAX_NAMED: Final = 5
_MAX_LOOKED_FOR: Final = 64
_FALLBACK: Final = frozenset({"proxywebsocketfallbacktoproxyhttp"})
_PLACES: Final = {"documentroot": 0, "alias": 1, "scriptalias": 1}
_ANYWHERE: Final = frozenset({"aliasmatch", "scriptaliasmatch", "userdir", "virtualdocumentroot", "virtualscriptalias"})


def proxied_by_host(model: Model, server: Server) -> Iterator[str]:
    """mod_proxy_express goes before everything else, by a table of host names."""
    if model.flag(server, "proxyexpressenable", False):
        yield "ProxyExpressEnable: a host named in its table is proxied to what stands there, whatever the path"


def by_another_proxy(model: Model, server: Server) -> Iterator[str]:
    """ProxyRemote sends requests on through another proxy; after a 502 they are tried once more without it."""
    for one in (model.main,) if server.is_main else (server, model.main):
        for name in ("proxyremote", "proxyremotematch"):
            for directive in one.plain.get(name, ()):
                written = f"{directive.name} {directive.arguments}"
                yield (
                    f"{written} ({directive.source}): a request that goes through that proxy and ends in 502 is sent "
                    "once more without it, and may wait twice as long"
                )
                return


def another_host(route: Route, url: str) -> Iterator[str]:
    """A path without a slash between makes another host's name of the one that is written."""
    written, made = parse_back_end(route.real, pattern=True), parse_back_end(url, pattern=True)
    if route.pattern or is_balancer(url) or written is None or made is None or made.host == written.host:
        return
    yield (
        f"{route.directive.name} ({route.directive.source}) makes {made.host} of the host {written.host}: either both "
        "of its paths should end in a slash, or neither"
    )


def spoken_by_section(model: Model, server: Server, scheme: str) -> Iterator[str]:
    """ProxyWebsocketFallbackToProxyHttp may stand in a section, where it is for some paths alone."""
    if scheme not in ("ws", "wss") or not model.behaviour.websocket_choice:
        return
    for one in (model.main,) if server.is_main else (model.main, server):
        for directive in one.everywhere(_FALLBACK):
            if directive not in one.plain.get(directive.name.lower(), ()):
                section = directive.within[-1]
                yield (
                    f"{directive.name} ({directive.source}) in <{section.name} {section.arguments}> decides there "
                    "whether mod_proxy_wstunnel does the work, which knows no limit"
                )
                return


def perhaps_proxied(
    model: Model, server: Server, place: FilePlace | None, stands: Stands, *, by_name: bool
) -> Iterator[str]:
    """What may proxy a request that no line maps; ``place`` is its file."""
    if not by_name and model.flag(server, "proxyrequests", False):
        yield "ProxyRequests On: asked as a forward proxy, this server sends the request on to the host of the URL"
    if _has_proxy(model):
        yield from overridden_by_files(model, server, place, stands)


def overridden_by_files(model: Model, server: Server, file: FilePlace | None, stands: Stands) -> Iterator[str]:
    """What a ``.htaccess`` file may say otherwise of a request that a file serves: its handler, and rewriting.

    ``file`` is that file: only what lies on the way to it is read. The names that decide are told where it is known;
    those of which ``stands`` knows that they are absent decide nothing.
    """
    own = () if server.is_main else server.everywhere(_OVERRIDES)
    lines = (*model.main.everywhere(_OVERRIDES), *own)
    for directive in lines:
        if not _lets_files_proxy(directive) or _replaced(directive, lines):
            continue
        start = _literal_directory(directive)
        if start is None or file is None or not file.file:
            asked = "a .htaccess file there" if _may_hold(model, server, directive) else ""
        else:
            asked = _asked_for(model, server, start, file.file, stands)
        if asked:
            place = directive.within[-1].arguments if directive.within else "every directory"
            written = f"{directive.name} {directive.arguments} for {place}"
            yield f"{written} ({directive.source}): {asked} may hold RewriteRule [P] or SetHandler"
            return


def _literal_directory(directive: Directive) -> str | None:
    """The directory whose section it stands in, without a slash at its end; None: a pattern, or no such section."""
    section = directive.within[-1] if directive.within else None
    words = split_words(section.arguments) if section is not None else ()
    if section is None or section.name.lower() != "directory" or not words or _PATTERN & set(words[0]):
        return None
    return words[0].rstrip("/") if words[0].startswith("/") else None


def _replaced(directive: Directive, lines: tuple[Directive, ...]) -> bool:
    """Whether a later line of the same name for the same directory takes its place."""
    start = _literal_directory(directive)
    behind = lines[lines.index(directive) + 1 :]
    return start is not None and any(
        one.name.lower() == directive.name.lower() and _literal_directory(one) == start for one in behind
    )


def _asked_for(model: Model, server: Server, start: str, file: str, stands: Stands) -> str:
    """The names that httpd looks for from a directory on to a file; empty where it finds none of them.

    Those that are known to be there stand alone. The file may be a directory too.
    """
    if not f"{file}/".startswith(f"{start}/"):
        return ""
    names = server.words("accessfilename") or model.main.words("accessfilename") or (".htaccess",)
    steps = [one for one in file[len(start) + 1 :].split("/") if one]
    folders = [start, *(f"{start}/{'/'.join(steps[:count])}" for count in range(1, len(steps) + 1))]
    few = len(folders) * len(names) <= _MAX_LOOKED_FOR
    paths = [f"{folder}/{name}" for folder in folders[:_MAX_LOOKED_FOR] for name in names[:_MAX_LOOKED_FOR]]
    asked = {path: stands(as_path(path)) if few else "unknown" for path in paths[:_MAX_LOOKED_FOR]}
    found = [path for path, standing in asked.items() if standing != "absent"]
    if not found:
        return ""
    if there := [path for path in found if asked[path] == "file"]:
        return f"{', '.join(there[:_MAX_NAMED])}, which is there,"
    if "." in file.rpartition("/")[2]:  # most likely no directory: told last
        found = [path for path in found if not path.startswith(f"{file}/")] or found
    return f"a file {', '.join(found[:_MAX_NAMED])}{' …' if len(found) > _MAX_NAMED else ''}"


def _has_proxy(model: Model) -> bool:
    loaded = {name for name, _ in model.resolved.modules}
    return "proxy_module" in loaded or not model.resolved.modules_known


def _lets_files_proxy(directive: Directive) -> bool:
    words = [word.lower() for word in split_words(directive.arguments)]
    match directive.name.lower():
        case "allowoverride":
            return "all" in words or "fileinfo" in words
        case "allowoverridelist":
            return bool(_PROXYING & set(words))
    return False


def _may_hold(model: Model, server: Server, directive: Directive) -> bool:
    """Whether files that this server serves may lie in the directory of the section."""
    words = split_words(directive.within[-1].arguments) if directive.within else ()
    section = directive.within[-1].name.lower() if directive.within else ""
    if section != "directory" or not words or _PATTERN & set(words[0]):
        return True
    served: list[str] = []
    for one in (server, model.main):
        if _ANYWHERE & one.plain.keys():
            return True
        for name, position in _PLACES.items():
            for setting in one.plain.get(name, ()):
                arguments = split_words(setting.arguments)
                served += arguments[position : position + 1]
        if first_word(one.last("documentroot")):
            break
    else:
        return True  # the compiled-in document root
    if any(not place.startswith("/") or "${" in place for place in served):
        return True
    mine = words[0].rstrip("/") + "/"
    return any(_one_holds_the_other(mine, place.rstrip("/") + "/") for place in served)


def _one_holds_the_other(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
