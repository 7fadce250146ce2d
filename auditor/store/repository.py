"""The store as the services see it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from auditor.errors import InputError
from auditor.model.event import Event
from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected, Gap
from auditor.store import ledger, ledger_chain, maintenance, reader, revisions, writer
from auditor.store.documents import build
from auditor.store.importer import NOBODY
from auditor.store.ledger_chain import Chain
from auditor.store.names import target_path
from auditor.store.process import Repository
from auditor.store.reader import Snapshot
from auditor.store.writer import AGREED, SNAPSHOTS, WAIT_S, Agree, Session, WriteResult


class Store:
    """Snapshots, the agreed state and the ledger of events, in a bare git repository that only the auditor writes.

    Branch ``snapshots`` holds every snapshot, ``agreed`` each target's agreed state, ``ledger`` the events. Not for
    several threads at once; several processes may write, one after the other. Use it as a context manager.
    """

    def __init__(self, repository: Repository, wait_s: float = WAIT_S) -> None:
        self._repository = repository
        self._wait_s = wait_s

    @classmethod
    def open(cls, path: Path, *, wait_s: float = WAIT_S) -> Self:
        """The store at the path; a writer waits ``wait_s`` seconds for another.

        Errors:
            StoreError: there is none, or it is damaged.
        """
        return cls(Repository(path), wait_s)

    @classmethod
    def create(cls, path: Path) -> Self:
        """A new, empty store.

        Errors:
            StoreError: the place is taken or cannot be written to.
        """
        return cls(Repository.create(path))

    @property
    def path(self) -> Path:
        """Where the store stands."""
        return self._repository.path

    def close(self) -> None:
        """Ends every process."""
        self._repository.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Writing

    def session(self, *, agree: Agree = "new") -> Session:
        """A snapshot to be written target by target. ``agree``: which states become the agreed ones."""
        return Session(self._repository, agree=agree, wait_s=self._wait_s)

    def write(
        self,
        collected: Iterable[Collected],
        *,
        now: datetime,
        trailers: Sequence[tuple[str, str]] = (),
        agree: Agree = "new",
    ) -> WriteResult:
        """Writes one snapshot of the targets given; those not given keep their last state.

        Errors:
            RefusedError: another process is writing, or there was nothing to write.
            StoreError: the store could not be written to; it is as it was before.
        """
        with self.session(agree=agree) as session:
            for one in collected:
                session.add(one)
            return session.commit(now, trailers)

    def agree(self, targets: Iterable[str], revision: str, *, now: datetime) -> str:
        """Makes these targets' states at a revision the agreed ones, and gives the commit of ``agreed``.

        Errors:
            InputError: the revision does not know a target, or it was not seen then.
        """
        commit = self.resolve_revision(revision, now=now)
        trees: dict[str, bytes] = {}
        mistakes: list[InputError] = []
        for name in targets:
            tree = reader.target_tree(self._repository, commit, name)
            if tree is None:
                mistakes.append(InputError(f"the snapshot {commit[:12]} has no target {name!r}"))
            elif reader.unseen_gaps(self._repository, commit, name):
                mistakes.append(
                    InputError(
                        f"{name} was not seen when the snapshot {commit[:12]} was taken: nothing to agree to",
                        next_step=f"Take one:  auditor snapshot {name} --agree",
                    )
                )
            else:
                trees[name] = tree
        if mistakes:
            raise InputError.gather(mistakes)
        if not trees:
            raise InputError("no target was named to agree to")
        return writer.agree(self._repository, trees, commit, now, self._wait_s)

    # Reading

    def resolve_revision(self, text: str, *, now: datetime | None = None) -> str:
        """The commit that a person means: an id, ``latest``, ``latest~1``, ``agreed``, a day or a moment.

        Errors:
            InputError: there is none such.
        """
        return revisions.resolve(self._repository, text, now or datetime.now(UTC))

    def targets(self, revision: str = "latest") -> tuple[str, ...]:
        """The targets whose state a revision holds, sorted; none where there is no snapshot yet."""
        if revision in ("latest", "agreed"):
            commit = self._repository.tip(AGREED if revision == "agreed" else SNAPSHOTS)
            return () if commit == NOBODY else reader.targets(self._repository, commit)
        return reader.targets(self._repository, self.resolve_revision(revision))

    def read(self, revision: str, target: str) -> Collected:
        """A target as a revision holds it; where it was not seen then, with a gap on the whole target.

        Errors:
            InputError: there is no such revision, or it does not know the target.
            StoreError: the store is damaged.
        """
        return reader.read(self._repository, self.resolve_revision(revision), target)

    def unseen(self, revision: str = "latest") -> Mapping[str, tuple[Gap, ...]]:
        """The targets that were not seen when last tried, as of a revision, with the reason."""
        return reader.unseen(self._repository, self.resolve_revision(revision))

    def tree(self, revision: str, target: str) -> str:
        """The object id of a target's state in a revision; empty where it is not there.

        Equal ids mean equal bytes, owners, modes, facts and gaps. See :func:`tree_of_collected`.
        """
        tree = reader.target_tree(self._repository, self.resolve_revision(revision), target)
        return "" if tree is None else tree.hex()

    def snapshot(self, revision: str) -> Snapshot:
        """What a commit says of itself: when, coverage, who was not seen."""
        return reader.snapshot_of(self._repository, self.resolve_revision(revision))

    def log(self, target: str = "", *, branch: str = "snapshots", limit: int = 0) -> Iterator[Snapshot]:
        """The commits of ``snapshots``, ``agreed`` or ``ledger``, newest first; only those that changed the target.

        Streamed; ``limit`` 0 means all.
        """
        reference = f"refs/heads/{branch}"
        if self._repository.tip(reference) == NOBODY:
            return iter(())
        path = target_path(target) if target else ()
        return reader.log(self._repository, reference, path, limit=limit)

    def examined_before(self, revision: str, target: str) -> Snapshot | None:
        """The last snapshot before a revision in which the target was surely seen, or None where that is not known."""
        return reader.examined_before(self._repository, self.resolve_revision(revision), target)

    def agreed_since(self, target: str) -> Snapshot | None:
        """The commit by which the target's agreed state was agreed to, or None where nothing was agreed."""
        if self._repository.tip(AGREED) == NOBODY or not self.tree("agreed", target):
            return None
        return next(self.log(target, branch="agreed", limit=1), None)

    # Events

    def append_event(self, event: Event, sealer: Sealer | None = None) -> Event:
        """Appends an event to the ledger, on disk when it returns, and gives it with its id.

        ``sealer`` holds the fleet's key: without a seal the entry proves less.

        Errors:
            RefusedError: another process is writing.
            StoreError: the store could not be written to.
        """
        return ledger.append(self._repository, event, self._wait_s, sealer)

    def events(
        self, *, plan: str = "", target: str = "", since: str = "", until: str = "", kind: str = ""
    ) -> tuple[Event, ...]:
        """The ledger's events in order of time, of a plan (an id or its start), a target, a kind, a span of stamps."""
        return tuple(ledger.events(self._repository, plan=plan, target=target, since=since, until=until, kind=kind))

    def ledger_chain(self, sealer: Sealer | None, remembered: str = "") -> Chain:
        """The ledger's commits, each checked; see :func:`auditor.store.ledger_chain.read_chain`."""
        return ledger_chain.read_chain(self._repository, sealer, remembered)

    # Upkeep

    def maintain(self, *, force: bool = False) -> bool:
        """Packs the store where it is worth it and nobody is writing; whether it was packed."""
        return maintenance.maintain(self._repository, self._wait_s, force=force)

    def push(self, remote: str) -> None:
        """Pushes the three branches to a remote; never forces.

        Errors:
            StoreError: the remote did not take them.
        """
        maintenance.push(self._repository, remote)


def tree_of_collected(collected: Collected) -> str:
    """The object id that the collection would have in the store, for comparing without reading."""
    return build(collected)[0].id.hex()
