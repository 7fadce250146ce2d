"""Wishes that a file of a tree goes, or comes back as it last stood. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator

from auditor.errors import RefusedError
from auditor.model.plan import FileChange, Step
from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected, Document
from auditor.surfaces.httpd.directive import Resolved
from auditor.surfaces.httpd.edited_files import links_to
from auditor.surfaces.httpd.envvars import ENVVARS
from auditor.surfaces.httpd.wanted import RefusedWish
from auditor.surfaces.httpd.whole_files import whole_step
from auditor.surfaces.httpd.words import as_path, split_words


def gone_file(document: Document, collected: Collected, sealer: Sealer | None) -> Step:
    """The step that deletes a file.

    Errors:
        RefusedWish: it cannot go.
    """
    name = document.name
    if name == collected.fact("main_file"):
        raise RefusedWish("it is the main file: without it there is no configuration")
    if name == ENVVARS and collected.fact("layout") == "debian":
        raise RefusedWish("the server is started with what it holds")
    return _step(document, None, collected, sealer, f"{name} goes")


def returned_file(document: Document, collected: Collected, sealer: Sealer | None) -> Step:
    """The step that makes a file again as it last stood.

    Errors:
        RefusedWish: it cannot be made.
    """
    return _step(None, document, collected, sealer, f"{document.name} is there again, as it last was")


def _step(now: Document | None, then: Document | None, collected: Collected, sealer: Sealer | None, why: str) -> Step:
    if sealer is None:
        raise RefusedWish("whole files need the fleet's key, which is not at hand here")
    try:
        return whole_step(now, then, collected, sealer, why)
    except RefusedError as error:
        raise RefusedWish(error.what.rstrip(".")) from error


def missed_by(
    steps: Iterable[Step], edited: Collection[str], before: Collected, after: Collected, resolved: Resolved
) -> list[str]:
    """Why files cannot go or come as the steps say, for what else stands there afterwards, a sentence each.

    ``edited`` are files whose lines the plan changes too, ``resolved`` is the tree afterwards.
    """
    found: list[str] = []
    for change in (step.change for step in steps):
        if not isinstance(change, FileChange):
            continue
        if change.file in edited:
            found.append(f"{change.file} comes or goes, and lines of it are changed too; plan one after the other")
        if change.after is None:
            found += _needing(change, before, after, resolved)
    return found


def _needing(change: FileChange, before: Collected, after: Collected, resolved: Resolved) -> Iterator[str]:
    name, document = change.file, before.document(change.file)
    places = list(_naming(name, after, resolved))
    if places:
        yield f"{name} cannot go: {', '.join(places)} names it; ask for that to go first, in the same plan"
    leading = links_to(before, document) if document is not None else ()
    left = [link for link in leading if (one := after.document(link)) is not None and one.link]
    if left:
        yield f"{name} cannot go: {', '.join(left)} leads to it; ask for that to go in the same plan"


def _naming(name: str, after: Collected, resolved: Resolved) -> Iterator[str]:
    """Where directives name the file itself; one that a wildcard finds is not missed."""
    path = posixpath.join(str(after.fact("root") or resolved.server_root), name)
    for one in resolved.directives:
        if one.name.startswith("<") or one.name.lower() == "includeoptional":
            continue
        for word in split_words(one.arguments):
            if posixpath.normpath(posixpath.join(resolved.server_root, as_path(word))) == path:
                yield f"{one.source} ({one.name} {word})"


def newly_refused(before: Resolved, after: Resolved) -> list[str]:
    """What httpd would not start with afterwards, and did before, a sentence each."""
    known = set(before.gaps)
    return [f"{gap.what}: {gap.detail}" for gap in after.gaps if gap not in known and gap.cause == "malformed"]
