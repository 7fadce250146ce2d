"""Declared values, found for a server, a route or a back end: the strongest level first, then the closest name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from auditor.model.declared import LEVELS, About, Declaration, What
from auditor.model.resource import Resource
from auditor.model.snapshot import Gap
from auditor.model.value import Boolean, Raw, Text, show
from auditor.surfaces.httpd.workers import BackEnd, lower_authority, parse_back_end

UNMATCHED_KIND = "declaration"
"""No kind of resource: a declaration that fits nothing hides none, yet the audit is not complete."""


class _Ranked:
    """Declarations of one thing, each with its rank, the strongest lowest: by name, and patterns in order."""

    def __init__(self) -> None:
        self.exact: dict[str, tuple[int, Declaration]] = {}
        self.patterns: list[tuple[int, str, Declaration]] = []


def _rank(found: tuple[int, Declaration]) -> int:
    return found[0]


class Declared:
    """What is declared of one target.

    A target's own words count before its host's, those before its groups', and the fleet's last; on one level a name
    counts before a pattern, a pattern before what is said of the whole server, and a later line before an earlier one.
    """

    def __init__(self, declarations: Iterable[Declaration] = ()) -> None:
        self._found: dict[tuple[About, What], _Ranked] = {}
        every = list(declarations)
        if not every:
            return
        # Rules bring the YAML reader, which an audit without an inventory need not load.
        from auditor.policy.globs import glob_matches, is_pattern, literal

        self._matches: Callable[[str, str], bool] = glob_matches
        order = sorted(every, key=lambda one: (LEVELS.index(one.level), is_pattern(one.pattern), -one.source.line))
        for rank, one in enumerate(order):
            pattern = _plain(one.pattern) if one.about == "back end" else one.pattern
            ranked = self._found.setdefault((one.about, one.what), _Ranked())
            if is_pattern(pattern):
                ranked.patterns.append((rank, pattern, one))
            else:
                ranked.exact.setdefault(literal(pattern), (rank, one))

    def __bool__(self) -> bool:
        return bool(self._found)

    def of_server(self, what: What) -> Declaration | None:
        """What is declared of the whole server."""
        return self._find("server", what, ("",))

    def of_route(self, what: What, name: str) -> Declaration | None:
        """What is declared of a route, by name or for the whole server."""
        own, whole = self._find("route", what, (name,)), self.of_server(what)
        if own is None or whole is None:
            return own or whole
        return own if LEVELS.index(own.level) <= LEVELS.index(whole.level) else whole

    def of_back_end(self, what: What, back_end: BackEnd) -> Declaration | None:
        """What is declared of a back end; a pattern without a path speaks of all that host and port serve."""
        return self._find("back end", what, back_end_names(back_end)) if ("back end", what) in self._found else None

    def _find(self, about: About, what: What, names: Sequence[str]) -> Declaration | None:
        """The strongest declaration that fits one of the names."""
        ranked = self._found.get((about, what))
        if ranked is None:
            return None
        best = min((found for name in names if (found := ranked.exact.get(name))), key=_rank, default=None)
        for rank, pattern, one in ranked.patterns:
            if best is not None and best[0] < rank:
                break
            if any(self._matches(pattern, name) for name in names):
                return one
        return best[1] if best is not None else None

    def unmatched(self, resources: Iterable[Resource]) -> list[Gap]:
        """The declarations of this very host that fit no route and no back end: most likely a slip of the pen.

        What a group or the fleet declares need not concern every host.
        """
        own = {
            (one.about, one.pattern): one
            for ranked in self._found.values()
            for one in (*(one for _, one in ranked.exact.values()), *(one for _, _, one in ranked.patterns))
            if one.pattern and one.level in ("target", "host")
        }
        if not own:
            return []
        from auditor.policy.globs import is_pattern, literal

        routes: set[str] = set()
        back_ends: set[str] = set()
        for resource in resources:
            if resource.value("excluded") == Boolean(True):
                continue
            if resource.kind == "httpd.route":
                routes.add(resource.name)
            if resource.kind in ("httpd.route", "httpd.worker"):
                back_ends.update(_names_of(resource))
        gaps = []
        for (about, pattern), one in sorted(own.items(), key=lambda item: item[1].source.line):
            names, written = (routes, pattern) if about == "route" else (back_ends, _plain(pattern))
            if literal(written) not in names and not (
                is_pattern(written) and any(self._matches(written, name) for name in names)
            ):
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
