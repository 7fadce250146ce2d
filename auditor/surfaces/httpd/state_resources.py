"""The running server, its packages and what packages left behind, as attributes. Pure.

What runs is compared with what is written here, so that a stored collection says the same as the present.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from auditor.model.resource import Resource, make_resource
from auditor.model.snapshot import Collected, FactValue
from auditor.model.source import FactSource, FileSource, Source
from auditor.model.value import Boolean, Undetermined
from auditor.surfaces.httpd.attributes import Attributes
from auditor.surfaces.httpd.directive import Directive, Resolved
from auditor.surfaces.httpd.durations import atoi
from auditor.surfaces.httpd.words import as_path, split_words

DEFAULT_BACKLOG: Final = 511
LEFTOVERS: Final = (
    ".rpmnew",
    ".rpmsave",
    ".rpmorig",
    ".dpkg-dist",
    ".dpkg-new",
    ".dpkg-old",
    ".dpkg-bak",
    ".ucf-dist",
    ".ucf-old",
)
"""Endings of what a package manager puts beside a file that somebody had changed."""

_LIMITS: Final = ("ServerLimit", "ThreadLimit")
_RESTARTS: Final = ("limits", "backlog", "mpm", "pid_file", "environment")


def with_state(resources: Iterable[Resource], collected: Collected, resolved: Resolved) -> list[Resource]:
    """The resources with what is known of the running server, of packages, and of what lies beside files."""
    state = _State(collected, resolved)
    resources = list(resources)
    read = {one.name for one in resources if one.kind == "httpd.file" and one.value("read") == Boolean(True)}
    leftovers = _leftovers(collected)
    beside = _beside(leftovers, read)
    changed = frozenset(_texts(collected.fact("package_configuration_changed")))
    root = str(collected.fact("root") or "/")
    out = []
    for resource in resources:
        if resource.kind == "httpd.server":
            resource = _more(resource, state.server())
        elif resource.kind == "httpd.package":
            resource = _more(resource, _package(resource.name, collected))
        elif resource.kind == "httpd.file" and resource.get("digest") is not None:
            more = Attributes()
            more.names("package_leftovers", beside.get(resource.name, []), resource.source)
            if resource.name in leftovers:
                more.text("leftover_of", leftovers[resource.name], resource.source)
                more.flag("leftover_alone", collected.document(leftovers[resource.name]) is None, resource.source)
            if posixpath.normpath(posixpath.join(root, resource.name)) in changed:
                more.flag("changed_since_package", True, resource.source)
            resource = _more(resource, more)
        out.append(resource)
    return out


def _more(resource: Resource, more: Attributes) -> Resource:
    if not more.items:
        return resource
    return make_resource(resource.kind, resource.name, [*resource.attributes, *more.items], resource.source)


def _texts(value: FactValue | None) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


# Files and packages


def _leftovers(collected: Collected) -> dict[str, str]:
    """By the name of what a package left, the file that it is a version of."""
    names = (document.name for document in collected.documents)
    return {
        name: name.removesuffix(ending)
        for name in names
        for ending in LEFTOVERS
        if name.endswith(ending) and posixpath.basename(name) != ending
    }


def _beside(leftovers: Mapping[str, str], read: Collection[str]) -> dict[str, list[str]]:
    """By the name of a file, what packages left beside it that httpd does not read."""
    found: dict[str, list[str]] = {}
    for name, of in leftovers.items():
        if name not in read:
            found.setdefault(of, []).append(name)
    return found


def _package(name: str, collected: Collected) -> Attributes:
    out = Attributes()
    source = FactSource("packages_verified", "verification")
    if name in _texts(collected.fact("packages_verified")):
        mine = [
            text[len(name) + 1 :] for text in _texts(collected.fact("packages_changed")) if text.startswith(f"{name} ")
        ]
        out.names("changed_files", mine, source)
        return out
    for text in _texts(collected.fact("packages_unverified")):
        if text.startswith(f"{name}: "):
            reason = text[len(name) + 2 :]
            out.add("changed_files", Undetermined(f"the files of {name} were not all compared: {reason}"), source)
    return out


# The running server


class _State:
    """What the facts say of the running server, against the configuration that is written."""

    def __init__(self, collected: Collected, resolved: Resolved) -> None:
        self._facts: Mapping[str, FactValue] = {fact.name: fact.value for fact in collected.facts}
        self._how = {fact.name: fact.how for fact in collected.facts}
        self._resolved = resolved
        self._unknown = dict(text.partition(": ")[::2] for text in self.texts("state_unknown"))

    def texts(self, name: str) -> tuple[str, ...]:
        return _texts(self._facts.get(name))

    def server(self) -> Attributes:
        """The attributes of the main server."""
        out = Attributes()
        if reason := self._unknown.get("running"):
            for name in ("running", "changed_not_loaded", "restart_needed", "replaced_code"):
                out.add(name, Undetermined(f"whether a server runs this tree could not be seen: {reason}"))
        elif self._facts.get("running") is False:
            out.flag("running", False, self._source("running"))
        elif self._facts.get("running") is True:
            out.flag("running", True, self._source("running"))
            self._loaded(out)
            self._restart(out)
            self._replaced(out)
        return out

    def _source(self, name: str) -> Source:
        return FactSource(name, self._how.get(name, ""))

    def _loaded(self, out: Attributes) -> None:
        changed = self.texts("changed_not_loaded")
        reason = self._unknown.get("changed_not_loaded")
        if reason and not changed:
            out.add("changed_not_loaded", Undetermined(reason))
            return
        first = next((name for name in changed if not name.endswith("/")), "")
        source = FileSource(first, 1, 1) if first else self._source("changed_not_loaded")
        out.names("changed_not_loaded", changed, source)

    def _replaced(self, out: Attributes) -> None:
        if reason := self._unknown.get("replaced_code"):
            out.add("replaced_code", Undetermined(reason))
        else:
            out.names("replaced_code", self.texts("replaced_code"), self._source("replaced_code"))

    def _restart(self, out: Attributes) -> None:
        """What only another start changes. While files wait to be loaded, what else would need one is not known."""
        needs = list(self._needs())
        reasons = [
            self._unknown[one]
            for one in ("limits", "backlog", "mpm", "pid_file", "environment")
            if one in self._unknown
        ]
        if needs:
            out.names("restart_needed", [text for text, _ in needs], next((place for _, place in needs if place), None))
        elif self.texts("changed_not_loaded") or "changed_not_loaded" in self._unknown:
            return
        elif reasons:
            out.add("restart_needed", Undetermined(reasons[0]))
        else:
            out.names("restart_needed", [])

    def _needs(self) -> Iterator[tuple[str, Source | None]]:
        yield from self._mpm()
        yield from self._limits()
        yield from self._backlog()
        yield from self._pid_file()
        for name in self.texts("environment_changed"):
            yield f"{name} was changed after the start", FileSource(name, 1, 1)

    def _mpm(self) -> Iterator[tuple[str, Source | None]]:
        runs = self._facts.get("running_mpm")
        written = [name[4:-7] for name, file in self._resolved.modules if name.startswith("mpm_") and file]
        if isinstance(runs, str) and len(written) == 1 and written[0] != runs:
            yield f"MPM {written[0]} is written, {runs} runs", self._place_of_module(f"mpm_{written[0]}_module")

    def _place_of_module(self, name: str) -> Source | None:
        return next((one.source for one in self._resolved.directives if one.arguments.startswith(f"{name} ")), None)

    def _limits(self) -> Iterator[tuple[str, Source | None]]:
        for text in self.texts("refused_limits"):
            name, _, runs = text.partition(" ")
            written = self._last(name) if name in _LIMITS else None
            if written is None:
                yield f"{name} is not written, {runs or 'another value'} runs", None
            elif not runs or atoi(_first_word(written)) != atoi(runs):
                yield f"{name} {_first_word(written)} is written, {runs or 'another value'} runs", written.source

    def _backlog(self) -> Iterator[tuple[str, Source | None]]:
        written = self._last("ListenBacklog")
        wanted = atoi(_first_word(written)) if written is not None else DEFAULT_BACKLOG
        most = self._facts.get("most_backlog")
        granted = min(wanted, most) if isinstance(most, int) else wanted
        for runs in self.texts("running_backlogs"):
            if runs != str(granted):
                said = f"ListenBacklog {wanted} is written" if written else f"ListenBacklog is not written ({wanted})"
                yield f"{said}, {runs} runs", written.source if written else None
                return

    def _pid_file(self) -> Iterator[tuple[str, Source | None]]:
        runs, default = self._facts.get("pid_file"), self._facts.get("default_pid_file")
        written = self._last("PidFile")
        name = as_path(_first_word(written)) if written is not None else default
        if not isinstance(runs, str) or not isinstance(name, str) or not name or "${" in name:
            return
        path = posixpath.normpath(posixpath.join(self._resolved.server_root, name))
        if _same(path, runs):
            return
        said = f"PidFile {name} {'is written' if written else 'is the default'}"
        yield (
            f"{said}, {f'the server has {runs}' if runs else 'and does not name the server'}",
            written.source if written else None,
        )

    def _last(self, name: str) -> Directive | None:
        found = [one for one in self._resolved.directives if not one.within and one.name.lower() == name.lower()]
        return found[-1] if found else None


def _same(one: str, other: str) -> bool:
    return (
        one.removeprefix("/var/run/") == other.removeprefix("/var/run/")
        or f"/var{one}" == other
        or one == f"/var{other}"
    )


def _first_word(directive: Directive) -> str:
    words = split_words(directive.arguments)
    return words[0] if words else ""
