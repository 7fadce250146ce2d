"""Declared values, found for a server, a route or a back end: the strongest level first, then the closest name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from auditor.model.declared import LEVELS, About, Declaration, What
from auditor.model.resource import Resource
from auditor.model.snapshot import Gap
from auditor.model.value import Raw, Text, show
from auditor.surfaces.httpd.workers import BackEnd, lower_authority, parse_back_end

UNMATCHED_KIND = "declaration"
"""No kind of resource: a declaration that fits nothing hides none, yet the audit is not complete."""


class Declared:
    """What is declared of one target.

    A target's own words count before its host's, those before its groups', and the fleet's last; on one level a name
    counts before a pattern, a pattern before what is said of the whole server, and a later line before an earlier one.
    """

    def __init__(self, declarations: Iterable[Declaration] = ()) -> None:
        self._found: dict[tuple[About, What], list[Declaration]] = defaultdict(list)
        every = list(declarations)
        if not every:
            return
        # Rules bring the YAML reader, which an audit without an inventory need not load.
        from auditor.policy.globs import glob_matches, is_pattern

        self._matches: Callable[[str, str], bool] = glob_matches
        for one in sorted(every, key=lambda one: (LEVELS.index(one.level), is_pattern(one.pattern), -one.source.line)):
            self._found[one.about, one.what].append(one)

    def __bool__(self) -> bool:
        return bool(self._found)

    def of_server(self, what: What) -> Declaration | None:
        """What is declared of the whole server."""
        return next(iter(self._found.get(("server", what), ())), None)

    def of_route(self, what: What, name: str) -> Declaration | None:
        """What is declared of a route, by name or for the whole server."""
        own = next((one for one in self._found.get(("route", what), ()) if self._matches(one.pattern, name)), None)
        whole = self.of_server(what)
        if own is None or whole is None:
            return own or whole
        return own if LEVELS.index(own.level) <= LEVELS.index(whole.level) else whole

    def of_back_end(self, what: What, back_end: BackEnd) -> Declaration | None:
        """What is declared of a back end; a pattern without a path speaks of all that host and port serve."""
        found = self._found.get(("back end", what))
        if not found:
            return None
        names = back_end_names(back_end)
        return next((one for one in found if self._fits(one.pattern, names)), None)

    def _fits(self, pattern: str, names: Sequence[str]) -> bool:
        written = _plain(pattern)
        return any(self._matches(written, name) for name in names)

    def unmatched(self, resources: Iterable[Resource]) -> list[Gap]:
        """The declarations of this very host that fit no route and no back end: most likely a slip of the pen.

        What a group or the fleet declares need not concern every host.
        """
        own = {
            (one.about, one.pattern): one
            for found in self._found.values()
            for one in found
            if one.pattern and one.level in ("target", "host")
        }
        if not own:
            return []
        routes: list[str] = []
        back_ends: list[str] = []
        for resource in resources:
            if resource.kind == "httpd.route":
                routes.append(resource.name)
            if resource.kind in ("httpd.route", "httpd.worker"):
                back_ends += _names_of(resource)
        gaps = []
        for (about, pattern), one in sorted(own.items(), key=lambda item: item[1].source.line):
            names = routes if about == "route" else back_ends
            if not self._fits(pattern, names) and not any(self._matches(pattern, name) for name in names):
                gaps.append(_gap(one))
        return gaps


def back_end_names(back_end: BackEnd) -> tuple[str, ...]:
    """The names under which a back end may be declared: its host and port, its URL, its socket."""
    explicit = f"{back_end.scheme}://{back_end.host}:{back_end.port}"
    bare = back_end.name[: len(back_end.name) - len(back_end.path)] if back_end.path else back_end.name
    names = [bare, explicit, back_end.name, f"{explicit}{back_end.path}"]
    if back_end.socket:
        names = [f"unix:{back_end.socket}", f"unix:{back_end.socket}|{back_end.name}"]
    return tuple(dict.fromkeys(name.rstrip("/") for name in names))


def _plain(pattern: str) -> str:
    """A pattern with scheme and host in lower case, as names have them, without a slash at its end."""
    return (lower_authority(pattern)[0] if "://" in pattern else pattern).rstrip("/")


def _names_of(resource: Resource) -> tuple[str, ...]:
    url, socket = resource.value("url"), resource.value("socket")
    if not isinstance(url, Text | Raw):
        return ()
    written = show(url)
    if isinstance(socket, Text | Raw) and not written.startswith("unix:"):
        written = f"unix:{show(socket)}|{written}"
    back_end = parse_back_end(written, pattern=True)
    return () if back_end is None else back_end_names(back_end)


def _gap(one: Declaration) -> Gap:
    kind = "route" if one.about == "route" else "back end"
    return Gap(
        what=f"what {one.source} declares",
        cause="absent",
        detail=f"no {kind} here is called {one.pattern!r}, so nothing was judged by it",
        next_step="Correct the name; a pattern has *. What is meant for several hosts is declared by their group.",
        kinds=(UNMATCHED_KIND,),
    )
