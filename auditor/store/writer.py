"""Writes a snapshot: object ids first, then only what differs goes through ``git fast-import``.

Targets are streamed; nothing of a target is held once the next one comes, but the names of what changed. The writer's
lock is held only for the end, when the commit is made on the tip as it then stands, so a collection that takes an hour
keeps nobody from writing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import IO, Final, Literal

import msgspec

from auditor.errors import RefusedError, StoreError
from auditor.model.snapshot import Collected, Gap
from auditor.store import lock
from auditor.store.documents import build, encode_lines, lasting_gaps, was_seen
from auditor.store.importer import NOBODY, Importer
from auditor.store.names import DOCUMENTS, FACTS, GAPS, Path, decode, target_path, to_bytes, unseen_path
from auditor.store.objects import BLOB, Difference, Entry, blob_id, differences
from auditor.store.process import Repository
from auditor.store.times import epoch, stamp

SNAPSHOTS: Final = "refs/heads/snapshots"
AGREED: Final = "refs/heads/agreed"
WAIT_S: Final = 30.0
_OURS: Final = frozenset({(DOCUMENTS,), (FACTS,), (GAPS,)})
_NAMED: Final = 20
_TOLD: Final = 500
_REMEMBERED: Final = 500_000

Status = Literal["new", "changed", "unchanged", "not seen"]
Agree = Literal["new", "all", "none"]


class TargetWritten(msgspec.Struct, frozen=True):
    """What a snapshot did with one target.

    ``added``, ``changed`` and ``removed`` are places of documents, sorted; all may be empty though the status is
    ``changed``, where only owner, mode, facts or gaps changed. ``agreed`` says that this state is now the agreed one.
    """

    target: str
    status: Status
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    agreed: bool = False

    @property
    def documents(self) -> int:
        """How many documents differ from the snapshot before."""
        return len(self.added) + len(self.changed) + len(self.removed)


class WriteResult(msgspec.Struct, frozen=True):
    """A written snapshot. ``unchanged``: its tree is identical with that of the snapshot before.

    ``revision`` and ``tree`` are object ids; ``before`` is the snapshot before, empty for the first.
    """

    revision: str
    tree: str
    unchanged: bool
    targets: tuple[TargetWritten, ...]
    before: str = ""
    run_at: str = ""

    @property
    def seen(self) -> int:
        """How many targets were seen."""
        return sum(1 for target in self.targets if target.status != "not seen")


class Session:
    """One snapshot being written: :meth:`add` each target, then :meth:`commit`; leaving it otherwise writes nothing."""

    def __init__(self, repository: Repository, *, agree: Agree, wait_s: float = WAIT_S) -> None:
        self._repository = repository
        self._agree = agree
        self._wait_s = wait_s
        self._stack = ExitStack()
        self._importer: Importer | None = None
        self._base = _Known(repository, repository.tip(SNAPSHOTS))
        self._agreed = _Known(repository, repository.tip(AGREED))
        self._changes: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=4 * 1024 * 1024)  # noqa: SIM115 - closed below
        self._stack.callback(self._changes.close)
        self._agreements: dict[str, bytes] = {}
        self._written: dict[str, TargetWritten] = {}
        self._sent: set[bytes] = set()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        if self._importer is not None:
            self._importer.abort()
            self._importer = None
        self._stack.close()

    def add(self, collected: Collected) -> TargetWritten:
        """Writes one target's objects and says what changed.

        Errors:
            StoreError: the target came twice, or two of its documents claim one place.
        """
        name = collected.target
        if name in self._written:
            raise StoreError(f"{name} was collected twice in one run", untouched="Nothing was written.")
        try:
            result = self._seen(collected) if was_seen(collected) else self._not_seen(collected)
        except ValueError as error:
            raise StoreError(f"{name} cannot be stored: {error}", untouched="Nothing was written.") from error
        self._written[name] = result
        return result

    def _seen(self, collected: Collected) -> TargetWritten:
        name = collected.target
        at, noted = target_path(name), unseen_path(name)
        tree, blobs = build(collected)
        base = self._base.entry(at)
        if self._base.entry(noted) is not None:
            self._changes.write(b"D %s\n" % _join(noted))
        found: list[Difference] = []
        if base is None or base.id != tree.id:
            before = {} if base is None else self._repository.tree(base.id)
            found = list(differences(before, tree.entries, self._repository.children))
            # The folder as it was when we compared, then the differences: right on whatever tip there will be.
            root = _join(at)
            self._changes.write(b"D %s\n" % root if base is None else b"M 040000 %s %s\n" % (_hex(base.id), root))
            for one in found:
                self._changes.write(_change((*at, *one.path), one))
                if one.after:
                    self._blob(blobs[one.after[1]], one.after[1])
        agreed = self._agree == "all" or (self._agree == "new" and self._agreed.entry(at) is None)
        if agreed:
            self._agreements[name] = tree.id
        status: Status = "new" if base is None else "changed" if found else "unchanged"
        documents = [one for one in found if one.path not in _OURS]
        return TargetWritten(
            name,
            status,
            added=_places(one for one in documents if one.before is None),
            changed=_places(one for one in documents if one.before and one.after),
            removed=_places(one for one in documents if one.after is None),
            gaps=collected.gaps,
            agreed=agreed,
        )

    def _not_seen(self, collected: Collected) -> TargetWritten:
        at = unseen_path(collected.target)
        content = encode_lines(lasting_gaps(collected))
        blob = blob_id(content)
        before = self._base.entry(at)
        if before is None or before.id != blob:
            self._blob(content, blob)
            self._changes.write(b"M %s %s %s\n" % (BLOB.encode(), _hex(blob), _join(at)))
        return TargetWritten(collected.target, "not seen", gaps=collected.gaps)

    def _blob(self, content: bytes, blob: bytes) -> None:
        if blob in self._sent:
            return
        if len(self._sent) >= _REMEMBERED:  # only an economy: what is sent twice is stored once
            self._sent.clear()
        self._import().blob(content)
        self._sent.add(blob)

    def _import(self) -> Importer:
        if self._importer is None:
            self._stack.enter_context(lock.importing(self._repository.path, self._wait_s))
            self._importer = self._repository.importer()
        return self._importer

    def commit(self, now: datetime, trailers: Sequence[tuple[str, str]] = ()) -> WriteResult:
        """Commits what was added; ``now`` is the time of the run.

        Errors:
            RefusedError: another process is writing.
            StoreError: the store could not be written to; it is as it was before.
        """
        if not self._written:
            raise RefusedError("there is nothing to write: no target was looked at", untouched="Nothing was changed.")
        with lock.writing(self._repository.path, self._wait_s):
            return self._commit(now, trailers)

    def _commit(self, now: datetime, trailers: Sequence[tuple[str, str]]) -> WriteResult:
        repository = self._repository
        before, agreed_before = repository.tip(SNAPSHOTS), repository.tip(AGREED)
        targets = tuple(self._written[name] for name in sorted(self._written))
        importer = self._import()
        self._changes.seek(0)
        message = _message(targets, now, trailers)
        revision = importer.commit(1, parent=before, date=epoch(now), message=message, changes=iter(self._changes))
        moves = [(SNAPSHOTS, revision, before)]
        if self._agree == "new" and agreed_before != self._agreed.commit:  # somebody agreed to something meanwhile
            known = _Known(repository, agreed_before)
            self._agreements = {
                name: tree for name, tree in self._agreements.items() if known.entry(target_path(name)) is None
            }
        if self._agreements:
            words = _agreed_message(tuple(sorted(self._agreements)), revision, now)
            changes = agreements(self._agreements)
            agreed = importer.commit(2, parent=agreed_before, date=epoch(now), message=words, changes=changes)
            moves.append((AGREED, agreed, agreed_before))
        self._importer = None
        try:
            importer.finish()
        except BaseException:
            importer.abort()
            raise
        repository.move(moves)
        tree = tree_of(repository, revision)
        unchanged = before != NOBODY and tree == tree_of(repository, before)
        return WriteResult(revision, tree, unchanged, targets, "" if before == NOBODY else before, run_at=stamp(now))


def agreements(trees: Mapping[str, bytes]) -> Iterator[bytes]:
    """The changes of a commit by which these folders become the agreed ones."""
    for name, tree in sorted(trees.items()):
        yield b"M 040000 %s %s\n" % (_hex(tree), _join(target_path(name)))


def agree(repository: Repository, trees: Mapping[str, bytes], revision: str, now: datetime, wait_s: float) -> str:
    """Makes these folders, which the store holds, the agreed ones, and gives the commit."""
    path = repository.path
    with lock.writing(path, wait_s), lock.importing(path, wait_s):
        before = repository.tip(AGREED)
        known = _Known(repository, before)
        if all((entry := known.entry(target_path(name))) and entry.id == tree for name, tree in trees.items()):
            return before
        importer = repository.importer()
        try:
            message = _agreed_message(tuple(sorted(trees)), revision, now)
            changes = agreements(trees)
            commit = importer.commit(1, parent=before, date=epoch(now), message=message, changes=changes)
            importer.finish()
        except BaseException:
            importer.abort()
            raise
        repository.move([(AGREED, commit, before)])
        return commit


def tree_of(repository: Repository, commit: str) -> str:
    """The id of a commit's tree."""
    found = repository.object(f"{commit}^{{tree}}")
    if found is None:
        raise StoreError(f"the store {repository.path} is damaged: {commit} has no tree")
    return found[0]


class _Known:
    """The folders of one commit, read as far as asked for; no more than a name and an id of each host is kept."""

    def __init__(self, repository: Repository, commit: str) -> None:
        self._repository = repository
        self.commit = commit
        self._folders: dict[Path, Mapping[str, Entry]] = {}

    def entry(self, path: Path) -> Entry | None:
        """The entry at the path, or None."""
        if self.commit == NOBODY:
            return None
        *folder, name = path
        return self._folder(tuple(folder)).get(name)

    def _folder(self, path: Path) -> Mapping[str, Entry]:
        known = self._folders.get(path)
        if known is not None:
            return known
        if not path:
            entries: Mapping[str, Entry] = self._repository.tree(bytes.fromhex(tree_of(self._repository, self.commit)))
        else:
            entry = self._folder(path[:-1]).get(path[-1])
            entries = {} if entry is None or entry.mode != "40000" else self._repository.tree(entry.id)
        if len(path) < 3:
            self._folders[path] = entries
        return entries


def _hex(identity: bytes) -> bytes:
    return identity.hex().encode("ascii")


def _join(path: Path) -> bytes:
    return b"/".join(to_bytes(part) for part in path)


def _change(path: Path, difference: Difference) -> bytes:
    if difference.after is None:
        return b"D %s\n" % _join(path)
    mode, blob = difference.after
    return b"M %s %s %s\n" % (mode.encode("ascii"), _hex(blob), _join(path))


def _places(found: Iterator[Difference]) -> tuple[str, ...]:
    return tuple(sorted("/".join(decode(part) for part in one.path) for one in found))


def _one_line(text: str, limit: int = 200) -> str:
    clean = "".join(one if one.isprintable() else " " for one in text)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def _message(targets: Sequence[TargetWritten], now: datetime, trailers: Sequence[tuple[str, str]]) -> str:
    unseen = [target for target in targets if target.status == "not seen"]
    counts = [
        f"{count} {word}"
        for word in ("new", "changed", "unchanged", "not seen")
        if (count := sum(1 for target in targets if target.status == word))
    ]
    lines = [f"Snapshot of {len(targets)} target{'' if len(targets) == 1 else 's'}: {', '.join(counts)}", ""]
    for target in unseen[:_TOLD]:
        gap = target.gaps[0]
        lines.append(_one_line(f"{target.target} not seen, {gap.cause}: {gap.detail or 'no reason given'}"))
    if unseen:
        lines.append("")
    lines.append(f"Run-At: {stamp(now)}")
    lines.append(f"Coverage: {len(targets) - len(unseen)}/{len(targets)}")
    lines.extend(f"Not-Seen: {_one_line(target.target)} ({target.gaps[0].cause})" for target in unseen[:_NAMED])
    if len(unseen) > _NAMED:
        lines.append(f"Not-Seen-More: {len(unseen) - _NAMED}")
    lines.extend(f"{name}: {_one_line(value)}" for name, value in trailers)
    return "\n".join(lines) + "\n"


def _agreed_message(targets: Sequence[str], revision: str, now: datetime) -> str:
    head = targets[0] if len(targets) == 1 else f"{len(targets)} targets"
    named = [f"Target: {_one_line(name)}" for name in targets[:_NAMED]]
    if len(targets) > _NAMED:
        named.append(f"Targets-More: {len(targets) - _NAMED}")
    return "\n".join(
        [f"Agree to {_one_line(head)}", "", f"Run-At: {stamp(now)}", f"Agreed-From: {revision}", *named, ""]
    )
