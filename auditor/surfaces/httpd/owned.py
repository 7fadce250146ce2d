"""What a plan's steps mean to the packages whose files they change. Pure."""

from __future__ import annotations

import posixpath
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from auditor.model.plan import Change, DirectiveEdit, FileChange, LinkChange, Proposal, Step
from auditor.model.snapshot import Collected
from auditor.surfaces.httpd.directive import Directive, Resolved
from auditor.surfaces.httpd.machine.owners import OwnedFiles
from auditor.surfaces.httpd.resolving import resolve_collected
from auditor.surfaces.httpd.words import as_path, split_words
from auditor.surfaces.interface import InterpretOptions

_OWN: Final = "zz-local.conf"
_OVERWRITTEN: Final = frozenset({"plain", "shared"})


def with_owners(proposal: Proposal, collected: Collected, options: InterpretOptions) -> Proposal:
    """The proposal, each step with whose file it changes; a note warns of each that an update will overwrite."""
    owned = OwnedFiles(collected)
    steps: list[Step] = []
    notes = list(proposal.notes)
    resolved: Resolved | None = None
    for step in proposal.steps:
        name = _changed(step.change)
        if not name:
            steps.append(step)
            continue
        step = msgspec.structs.replace(step, package=owned.of(name))
        steps.append(step)
        if isinstance(step.package, msgspec.UnsetType) or step.package.handling not in _OVERWRITTEN:
            continue
        resolved = resolved or resolve_collected(collected, options)
        note = _warning(step.change, name, step.package.package, _Reading(resolved, collected))
        if note not in notes:
            notes.append(note)
    return msgspec.structs.replace(proposal, steps=tuple(steps), notes=tuple(notes))


def _changed(change: Change) -> str:
    match change:
        case DirectiveEdit(file=name) | FileChange(file=name) | LinkChange(link=name):
            return name
        case _:
            return ""


def _warning(change: Change, name: str, package: str, reading: _Reading) -> str:
    if isinstance(change, FileChange | LinkChange) and _goes(change):
        return f"{name} is no configuration file of its package {package}: the next update brings it back"
    warning = f"{name} is no configuration file of its package {package}: the next update overwrites this change"
    if isinstance(change, DirectiveEdit) and (place := reading.own_file(change, name)):
        own, include = place
        return (
            f"{warning}; a line of your own in {own}, which is read after it ({include.source}), would stay, where the "
            "later line governs"
        )
    return warning


def _goes(change: FileChange | LinkChange) -> bool:
    return change.after is None


class _Reading:
    """The order in which httpd reads the files of a tree."""

    def __init__(self, resolved: Resolved, collected: Collected) -> None:
        self._resolved = resolved
        self._root = str(collected.fact("root") or resolved.server_root).rstrip("/") + "/"

    def own_file(self, edit: DirectiveEdit, name: str) -> tuple[str, Directive] | None:
        """A file of one's own, read after the changed lines, in the server's own context; None: there is none."""
        names = (name, *edit.links)
        mine = [(number, one) for number, one in enumerate(self._resolved.directives) if one.source.file in names]
        changed = [pair for pair in mine if edit.line <= pair[1].source.line <= max(edit.last_line, edit.line)]
        if not changed or any(one.within or one.name.startswith("<") or one.macro for _, one in changed):
            return None
        last, read_as = changed[-1][0], changed[-1][1].source.file
        found: list[tuple[str, Directive]] = []
        for number, one in enumerate(self._resolved.directives):
            folder, pattern = self._searched(one)
            own = posixpath.join(folder, _OWN)
            if not fnmatchcase(_OWN, pattern) or own in self._resolved.files:
                continue
            beside = posixpath.dirname(read_as) == folder and fnmatchcase(posixpath.basename(read_as), pattern)
            if number > last or beside:
                found.append((own, one))
        # Of Debian's directories those of modules and sites are not for this.
        return min(found, key=lambda place: not place[0].startswith("conf"), default=None)

    def _searched(self, one: Directive) -> tuple[str, str]:
        """The folder below the root, and the wildcard, that an Include of the server itself searches; else empty."""
        if one.name.lower() not in ("include", "includeoptional") or one.within or one.doubts or one.macro:
            return "", ""
        words = split_words(one.arguments)
        path = posixpath.normpath(posixpath.join(self._resolved.server_root, as_path(words[0]) if words else ""))
        folder, pattern = posixpath.split(path.removeprefix(self._root))
        below = path.startswith(self._root) and folder and "*" not in folder
        return (folder, pattern) if below and "*" in pattern else ("", "")
