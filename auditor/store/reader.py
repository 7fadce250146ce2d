"""Reads snapshots: targets, collections and the commits that changed them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from auditor.errors import InputError, StoreError
from auditor.model.snapshot import Collected, Gap
from auditor.store.documents import WHOLE, entries_of, facts_of, gaps_of
from auditor.store.names import DOCUMENTS, FACTS, GAPS, Path, decode, split_target, target_path, to_bytes, unseen_path
from auditor.store.objects import LINK, Entry
from auditor.store.process import Repository
from auditor.store.writer import tree_of

_TRAILER: Final = re.compile(r"([A-Z][A-Za-z]*(?:-[A-Za-z]+)*): (.*)")


WHOLE_FLEET: Final = "fleet"
"""The trailer ``Scope`` of a run that looked at every target of the inventory."""

_STEPS_BACK: Final = 400


class Snapshot(msgspec.Struct, frozen=True):
    """A commit of the store. ``trailers`` are in order; a name may stand several times."""

    revision: str
    run_at: str
    subject: str
    trailers: tuple[tuple[str, str], ...] = ()
    parent: str = ""

    def trailer(self, name: str) -> str:
        """The first trailer of that name, or nothing."""
        return next((value for key, value in self.trailers if key == name), "")


def snapshot_of(repository: Repository, revision: str) -> Snapshot:
    """What a commit says of itself."""
    found = repository.object(revision)
    if found is None or found[1] != "commit":
        raise StoreError(f"the store {repository.path} has no commit {revision}")
    head, _, message = found[2].decode("utf-8", "replace").partition("\n\n")
    parent = next((line[7:] for line in head.splitlines() if line.startswith("parent ")), "")
    paragraphs = message.strip().split("\n\n")
    last = paragraphs[-1].splitlines() if len(paragraphs) > 1 else []
    trailers = tuple((match[1], match[2]) for line in last if (match := _TRAILER.fullmatch(line)))
    run_at = next((value for name, value in trailers if name == "Run-At"), "")
    return Snapshot(found[0], run_at, message.splitlines()[0] if message else "", trailers, parent)


def targets(repository: Repository, revision: str) -> tuple[str, ...]:
    """The targets whose state a revision holds, sorted."""
    return tuple(sorted(_names(repository, revision, "hosts")))


def _names(repository: Repository, revision: str, root: str) -> Iterator[str]:
    tree = bytes.fromhex(tree_of(repository, revision))
    top = repository.walk(tree, (root,))
    if top is None:
        return
    for shard in repository.tree(top.id).values():
        for host, entry in repository.tree(shard.id).items():
            for surface in repository.tree(entry.id):
                name = surface.removesuffix(".json") if root == "unseen" else surface
                yield f"{decode(host)}/{decode(name)}"


def unseen(repository: Repository, revision: str) -> Mapping[str, tuple[Gap, ...]]:
    """The targets that were not seen when last tried, as of a revision, with the reason."""
    found = {name: unseen_gaps(repository, revision, name) for name in sorted(_names(repository, revision, "unseen"))}
    return {name: gaps for name, gaps in found.items() if gaps}


def unseen_gaps(repository: Repository, revision: str, target: str) -> tuple[Gap, ...]:
    """Why a target was not seen when last tried, as of a revision; empty: it was."""
    entry = _entry(repository, revision, unseen_path(target))
    return () if entry is None else _decoded(repository, target, lambda: gaps_of(repository.content(entry.id)))


def _entry(repository: Repository, revision: str, path: Path) -> Entry | None:
    return repository.walk(bytes.fromhex(tree_of(repository, revision)), path)


def target_tree(repository: Repository, revision: str, target: str) -> bytes | None:
    """The id of the target's folder in a revision, or None where it is not there."""
    try:
        entry = _entry(repository, revision, target_path(target))
    except ValueError as error:
        raise InputError(str(error), next_step="A target is named like  web1/httpd") from error
    return None if entry is None else entry.id


def read(repository: Repository, revision: str, target: str) -> Collected:
    """A target as a revision holds it.

    Where it was not seen when last tried, the last state seen is given with a gap on the whole target.

    Errors:
        InputError: the revision does not know the target.
        StoreError: the store is damaged.
    """
    tree = target_tree(repository, revision, target)
    missed = unseen_gaps(repository, revision, target)
    _, surface = split_target(target)
    surface = surface.partition("@")[0]
    if tree is None:
        if missed:
            return Collected(target, surface, (), gaps=missed)
        raise _unknown(repository, revision, target)
    collected = read_tree(repository, tree, target)
    if not missed:
        return collected
    told = Gap(
        WHOLE,
        missed[0].cause,
        "it was not seen when this snapshot was taken; what stands here is the last state that was",
        next_step=missed[0].next_step,
    )
    return msgspec.structs.replace(collected, gaps=(told, *collected.gaps))


def read_tree(repository: Repository, tree: bytes, target: str) -> Collected:
    """The collection that a target's folder holds."""
    surface = split_target(target)[1].partition("@")[0]
    folders: dict[Path, Mapping[str, Entry]] = {(): repository.tree(tree)}

    def folder(path: Path) -> Mapping[str, Entry]:
        if path not in folders:
            entry = folder(path[:-1]).get(path[-1])
            if entry is None or entry.mode != "40000":
                raise ValueError(f"the folder {'/'.join(path)} is missing")
            folders[path] = repository.tree(entry.id)
        return folders[path]

    def content(path: Path) -> bytes:
        entry = folder(path[:-1]).get(path[-1])
        if entry is None:
            raise ValueError(f"{'/'.join(path)} is missing")
        body = repository.content(entry.id)
        if entry.mode == LINK:
            return b""
        return body

    def whole() -> Collected:
        documents = tuple(
            msgspec.structs.replace(document, content=content(at)) for document, at in entries_of(content((DOCUMENTS,)))
        )
        return Collected(target, surface, documents, facts_of(content((FACTS,))), gaps_of(content((GAPS,))))

    try:
        return whole()
    except (ValueError, msgspec.MsgspecError) as error:
        raise StoreError(
            f"the store {repository.path} is damaged: {target}: {error}",
            untouched="Nothing was changed.",
            next_step=f"Look:  git -C {repository.path} fsck",
        ) from error


def _decoded(repository: Repository, target: str, reading: Callable[[], tuple[Gap, ...]]) -> tuple[Gap, ...]:
    try:
        return reading()
    except (ValueError, msgspec.MsgspecError) as error:
        raise StoreError(f"the store {repository.path} is damaged: {target}: {error}") from error


def _unknown(repository: Repository, revision: str, target: str) -> InputError:
    known = targets(repository, revision)
    close = difflib.get_close_matches(target, known, 1)
    has = ", ".join(known[:10]) + (f" and {len(known) - 10} more" if len(known) > 10 else "")
    return InputError(
        f"the snapshot {revision[:12]} has no target {target!r}" + (f"; did you mean {close[0]}?" if close else ""),
        next_step=f"It has: {has}" if known else "It has none.",
    )


def examined_before(repository: Repository, revision: str, target: str) -> Snapshot | None:
    """The last snapshot before a revision in which the target was surely seen, or None within 400 snapshots."""
    at = snapshot_of(repository, revision).parent
    for _ in range(_STEPS_BACK):
        if not at:
            return None
        one = snapshot_of(repository, at)
        asked = one.trailer("Scope") == WHOLE_FLEET or ("Target", target) in one.trailers
        if asked and not unseen_gaps(repository, at, target):
            return one
        at = one.parent
    return None


def log(repository: Repository, reference: str, path: Path = (), *, limit: int = 0) -> Iterator[Snapshot]:
    """The commits of a branch, newest first; with a path only those that changed what stands there."""
    arguments = ["--first-parent", "--format=%H", *([f"--max-count={limit}"] if limit else []), reference, "--"]
    if path:
        arguments.append("/".join(to_bytes(part).decode("utf-8", "surrogateescape") for part in path))
    for line in repository.lines("log", *arguments):
        yield snapshot_of(repository, line.decode("ascii"))
