"""Whole files and links of a tree as steps of a plan: created, replaced, led elsewhere, removed. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from auditor.errors import RefusedError
from auditor.model.plan import (
    Change,
    Condition,
    DirectiveEdit,
    DocumentIs,
    FileChange,
    LinkChange,
    LinkIs,
    NothingAt,
    Step,
    WholeFile,
)
from auditor.model.secret import SEALED, Sealer
from auditor.model.snapshot import Collected, Document, Fact
from auditor.surfaces.httpd.activation import heaviest, needed, sentence, unknown
from auditor.surfaces.httpd.envvars import ENVVARS
from auditor.surfaces.httpd.fileset import NOT_READ
from auditor.surfaces.httpd.resolving import resolve_collected, started_anew
from auditor.surfaces.interface import InterpretOptions

MOST_BYTES: Final = 1024 * 1024
"""Bytes that a whole file may have in a plan: people read it before they approve."""
_FOLDERS: Final = "empty_directories"


def whole_step(now: Document | None, then: Document | None, collected: Collected, sealer: Sealer, why: str) -> Step:
    """The step by which what stands at a name becomes another; None: nothing stands there.

    ``collected`` is the tree as it is now. A file without mode or owner (of an archive, or of a repository) gets those
    of what stands there, else of a file beside it.

    Errors:
        RefusedError: no plan can do that, with the reason.
    """
    name = _name(now, then)
    if _outside(name):
        raise _refused(name, "it lies outside of the tree; whole files are changed inside of it alone")
    if any(one is not None and one.content == NOT_READ for one in (now, then)):
        raise _refused(name, "it is a private key or another file that is never read; no plan holds it")
    if then is not None and now is None and not has_folder(collected, posixpath.dirname(name)):
        raise _refused(name, "its directory is not there, and a plan makes none")
    if now is not None and then is not None and bool(now.link) != bool(then.link):
        raise _refused(name, "it is a link on one side and a file on the other; remove it first")
    is_link = bool((now or then or _NONE).link)
    change: Change
    if is_link:
        change = LinkChange(name, now.link if now else None, then.link if then else None)
    else:
        change = _file_change(name, now, then, collected, sealer)
    is_now, was_then = (_condition(name, one, sealer) for one in (now, then))
    return Step(name, why, change, undone_whole(change), "reload", (is_now,), (was_then,))


def as_made(step: Step, document: Document | None) -> Document | None:
    """The document as it will be collected once the step is done. Whose a new link is, the system says."""
    if document is None:
        return None
    change = step.change
    if isinstance(change, FileChange) and change.after is not None:
        given = change.after
        return msgspec.structs.replace(document, mode=given.mode, owner=given.owner, group=given.group)
    return msgspec.structs.replace(document, mode=None, owner="", group="")


def undone_whole(change: FileChange | LinkChange) -> FileChange | LinkChange:
    """The change that brings back what stood there."""
    return msgspec.structs.replace(change, before=change.after, after=change.before)


def in_order(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The steps so that nothing is led to before it is there, nor gone while something leads to it.

    Edits keep their order among themselves.
    """
    return tuple(sorted(steps, key=lambda step: rank(step.change)))


def rank(change: Change) -> int:
    """Where a change stands in that order."""
    match change:
        case FileChange():
            return 4 if change.after is None else 0
        case LinkChange():
            return 3 if change.after is None else 1
        case _:
            return 2


def activated(
    steps: Sequence[Step], now: Collected, after: Collected, options: InterpretOptions
) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """The steps, each with what makes it take effect, and notes on why that is more than a reload, or is not known."""
    before, later = resolve_collected(now, options), resolve_collected(after, options)
    found = needed(before, later)
    variables = started_anew(now, after, options)
    files = {one.directive.source.file for one in found} | ({ENVVARS} if variables else set())
    fits = [step for step in steps if _place(step.change) in files] or list(steps)
    way = "stop and start" if variables else heaviest(found)
    notes = [sentence(one) for one in found]
    notes += [f"{ENVVARS}: a running server keeps the {', '.join(variables)} of its start"] if variables else []
    notes += [f"whether a reload is enough for {name}, its module's manual says" for name in unknown(before, later)]
    made = (msgspec.structs.replace(step, disruption=way) if step in fits else step for step in steps)
    return tuple(made), tuple(dict.fromkeys(notes))


def _place(change: Change) -> str:
    match change:
        case DirectiveEdit(file=name) | FileChange(file=name) | LinkChange(link=name):
            return name
        case _:
            return ""


def with_document(collected: Collected, name: str, document: Document | None) -> Collected:
    """The collection as it will be with another document of that name, or without one."""
    others = [one for one in collected.documents if one.name != name]
    documents = sorted([*others, document] if document else others, key=lambda one: one.name)
    after = msgspec.structs.replace(collected, documents=tuple(documents))
    folder = posixpath.dirname(name)
    if document is not None or not folder or _outside(name) or has_folder(after, folder):
        return after
    empty = after.fact(_FOLDERS)
    folders = sorted({*(empty if isinstance(empty, tuple) else ()), folder})
    facts = [one for one in after.facts if one.name != _FOLDERS]
    facts.append(Fact(_FOLDERS, tuple(folders), "found"))
    return msgspec.structs.replace(after, facts=tuple(sorted(facts, key=lambda one: one.name)))


def has_folder(collected: Collected, folder: str) -> bool:
    """Whether a directory of the tree is there, as far as was seen."""
    if not folder:
        return True
    empty = collected.fact(_FOLDERS)
    seen = [one.name for one in collected.documents] + [one.what for one in collected.gaps]
    seen += empty if isinstance(empty, tuple) else ()
    return any(one == folder or one.startswith(f"{folder}/") for one in seen) and not any(
        one.name == folder for one in collected.documents
    )


def like_beside(name: str, collected: Collected) -> Document | None:
    """The file that a new one takes its mode and owner from: one beside it with its suffix, else any, else the main."""
    folder, suffix = posixpath.dirname(name), posixpath.splitext(name)[1]
    files = [one for one in collected.documents if not one.link and one.mode is not None and one.content != NOT_READ]
    beside = [one for one in files if posixpath.dirname(one.name) == folder and one.name != name]
    main = [one for one in files if one.name == collected.fact("main_file")]
    return next(iter([*(one for one in beside if one.name.endswith(suffix)), *beside, *main]), None)


def _file_change(
    name: str, now: Document | None, then: Document | None, collected: Collected, sealer: Sealer
) -> FileChange:
    if then is not None:
        if len(then.content) > MOST_BYTES:
            raise _refused(name, f"it is larger than the {MOST_BYTES} bytes that a plan holds of a file")
        if lacking := _lacking(then.content, collected.documents):
            raise _refused(name, f"it holds {lacking} that no live line holds; put it there by hand")
        if not then.fingerprint and SEALED.search(then.content):
            raise _refused(name, "it holds a secret, and its true bytes are not known; change it by hand")
        like = now or like_beside(name, collected)
        mode = then.mode if then.mode is not None else like.mode if like else None
        if mode is None:
            raise _refused(name, "which mode it is to have is not known: no file stands beside it")
        owner, group = (then.owner, then.group) if then.owner else (like.owner, like.group) if like else ("", "")
        then = msgspec.structs.replace(then, mode=mode, owner=owner, group=group)
    return FileChange(name, _whole(now, sealer), _whole(then, sealer))


def _lacking(content: bytes, documents: Sequence[Document]) -> str:
    """The secrets that nowhere in the tree stand now, in words; empty where there are none."""
    wanted = {match[0] for match in SEALED.finditer(content)}
    missing = [one for one in wanted if not any(one in document.content for document in documents)]
    return "" if not missing else "a secret" if len(missing) == 1 else f"{len(missing)} secrets"


def _whole(document: Document | None, sealer: Sealer) -> WholeFile | None:
    if document is None:
        return None
    return WholeFile(
        document.content.decode("latin-1"),
        _digest(document, sealer),
        document.mode if document.mode is not None else 0o644,
        document.owner,
        document.group,
    )


def _condition(name: str, document: Document | None, sealer: Sealer) -> Condition:
    if document is None:
        return NothingAt(name)
    return LinkIs(name, document.link) if document.link else DocumentIs(name, _digest(document, sealer))


def _digest(document: Document, sealer: Sealer) -> str:
    return document.fingerprint or sealer.fingerprint(document.content)


def _name(now: Document | None, then: Document | None) -> str:
    return (now or then or _NONE).name


_NONE: Final = Document("", "", b"")


def _outside(name: str) -> bool:
    return not name or name.startswith("/") or ".." in name.split("/")


def _refused(name: str, why: str) -> RefusedError:
    return RefusedError(f"{why}.", where=name, untouched="No plan was written.")
