"""The use case "history": which snapshots changed something, when, from what to what, and by whose hand."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from auditor.errors import InputError
from auditor.evidence.attribution import attribute_drift
from auditor.evidence.compare import State, compare
from auditor.model.drift import AttributeChange, ChangeKind, TargetDrift, TextChange
from auditor.model.event import Event
from auditor.model.resource import Address, parse_address
from auditor.model.snapshot import Collected, Interpretation
from auditor.model.target import StoredSnapshot, Target
from auditor.policy.document import suggestion
from auditor.services.fleet import Fleet
from auditor.services.observe import WHOLE, interpret_options_for
from auditor.store import Snapshot, Store
from auditor.surfaces.interface import InterpretOptions
from auditor.surfaces.registry import surface

FORMAT = "auditor.history/v1"


class Asked(msgspec.Struct, frozen=True):
    """What is asked about: an address (attribute or resource), a document of a target, or a whole target."""

    target: str
    address: Address | None = None
    document: str = ""


class HistoryEntry(msgspec.Struct, frozen=True):
    """One snapshot that changed what is asked about.

    ``revision`` was taken at ``run_at``; ``seen_before`` is when it was last seen otherwise (empty: never before, or
    not known). ``documents`` are the names of documents that changed, sorted; ``changes`` what that meant, each with
    its hand; ``text_changes`` the lines. ``kind`` says whether it appeared, vanished or changed.
    """

    revision: str
    run_at: str
    kind: ChangeKind
    seen_before: str = ""
    documents: tuple[str, ...] = ()
    changes: tuple[AttributeChange, ...] = ()
    text_changes: tuple[TextChange, ...] = ()


def parse_asked(text: str, known: tuple[str, ...]) -> Asked:
    """Reads ``web1/httpd`` (``web1`` where it has but one target), ``web1/httpd:conf.d/shop.conf`` or an address.

    Errors:
        InputError: it is none of them, or the store does not know the target.
    """
    if '["' in text:
        address = parse_address(text)
        asked = Asked(address.target, address)
    else:
        named = next((name for name in sorted(known, key=len, reverse=True) if text.startswith(name + ":")), "")
        asked = Asked(named, document=text[len(named) + 1 :]) if named else Asked(text)
    of_host = tuple(name for name in known if name.rpartition("/")[0] == asked.target)
    if len(of_host) == 1:
        return Asked(of_host[0])
    if of_host:
        raise InputError(f"{asked.target} has several targets", next_step=f"Ask for one of  {', '.join(of_host)}")
    if asked.target not in known:
        what = "the address names no target" if not asked.target else f"no snapshot holds {asked.target!r}"
        raise InputError(
            what + suggestion(asked.target, known),
            next_step="Ask for  web1/httpd,  web1/httpd:conf.d/shop.conf  or  "
            'web1/httpd:httpd.route["shop.example:443 /api"].read_timeout',
        )
    return asked


def history(
    fleet: Fleet, what: str, *, interpret_options: InterpretOptions | None = None, limit: int = 0
) -> tuple[HistoryEntry, ...]:
    """The snapshots that changed it, newest first; at most ``limit`` of them (0: all).

    Errors:
        InputError: it names nothing that a snapshot holds.
        StoreError: the store cannot be read.
    """
    found: list[HistoryEntry] = []
    with Store.open(fleet.store_path) as store:
        asked = parse_asked(what, store.targets())
        reading = _Reading(store, fleet, asked, interpret_options or InterpretOptions())
        for entry in reading.entries():
            found.append(entry)
            if limit and len(found) >= limit:
                break
        if not found and not reading.known:
            raise InputError(
                f"no snapshot of {asked.target} holds {asked.document or asked.address}",
                next_step=f"See what it holds:  auditor history {asked.target}",
            )
    return tuple(found)


class _Reading:
    """Walks the commits that changed a target, newest first; each state is read once."""

    def __init__(self, store: Store, fleet: Fleet, asked: Asked, options: InterpretOptions) -> None:
        self._store = store
        self._fleet = fleet
        self._asked = asked
        self._options = options
        self._ledger: tuple[Event, ...] | None = None
        self.known = not (asked.address or asked.document)

    def entries(self) -> Iterator[HistoryEntry]:
        """The entries, newest first."""
        later: tuple[Snapshot, State] | None = None
        for snapshot in self._store.log(self._asked.target):
            if not self._store.tree(snapshot.revision, self._asked.target):
                continue
            state = self._state(self._store.read(snapshot.revision, self._asked.target))
            if later is not None and (entry := self._entry(later, state)):
                yield entry
            later = (snapshot, state)
        if later is not None and (entry := self._entry(later, None)):
            yield entry

    def _entry(self, later: tuple[Snapshot, State], earlier: State | None) -> HistoryEntry | None:
        snapshot, state = later
        before, after = None if earlier is None else earlier.collected, state.collected
        documents = _changed_documents(before, after)
        asked = self._asked
        if asked.document:
            self.known = self.known or after.document(asked.document) is not None
            if asked.document not in documents:
                return None
            documents = (asked.document,)
        seen = None if before is None else self._store.examined_before(snapshot.revision, asked.target)
        drift = self._drift(snapshot, earlier, state, "" if seen is None else seen.run_at)
        changes = tuple(change for change in drift.changes if _concerns(asked, change))
        texts = tuple(one for one in drift.text_changes if not asked.document or one.document == asked.document)
        if asked.address is not None:
            self.known = self.known or bool(changes)
            if not changes:
                return None
            texts = ()
        return HistoryEntry(
            snapshot.revision,
            snapshot.run_at,
            _kind(asked, changes, before, after),
            "" if seen is None else seen.run_at,
            documents,
            changes if before is not None or asked.address is not None else (),
            texts,
        )

    def _drift(self, snapshot: Snapshot, earlier: State | None, later: State, since: str) -> TargetDrift:
        if earlier is None:
            target, kind = later.collected.target, later.collected.surface
            nothing = State(Collected(target, kind, ()), Interpretation(target, kind, ()))
            return TargetDrift(target, kind, seen=True) if self._asked.address is None else compare(nothing, later)
        drift = compare(earlier, later)
        return attribute_drift(drift, self._events(), since=since, until=snapshot.run_at, plan=snapshot.trailer("Plan"))

    def _events(self) -> tuple[Event, ...]:
        if self._ledger is None:
            self._ledger = self._store.events(target=self._asked.target)
        return self._ledger

    def _state(self, collected: Collected) -> State:
        """What a stored state means, whether or not the target was seen on the night of its commit."""
        host, _, name = collected.target.rpartition("/")
        kind, _, instance = name.partition("@")
        target = Target(host, kind, StoredSnapshot("", collected.target), instance)
        known = msgspec.structs.replace(collected, gaps=tuple(gap for gap in collected.gaps if gap.what != WHOLE))
        options = interpret_options_for(target, self._options, self._fleet)
        return State(known, surface(kind).interpret(known, options))


def _changed_documents(before: Collected | None, after: Collected) -> tuple[str, ...]:
    old = {one.name: one for one in before.documents} if before is not None else {}
    new = {one.name: one for one in after.documents}
    return tuple(name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name))


def _concerns(asked: Asked, change: AttributeChange) -> bool:
    if asked.document:
        sources = (change.before_source, change.after_source)
        return any(
            source is not None and asked.document in (getattr(source, "file", ""), getattr(source, "uri", ""))
            for source in sources
        )
    if asked.address is None:
        return True
    if (change.address.kind, change.address.name) != (asked.address.kind, asked.address.name):
        return False
    attribute = asked.address.attribute
    return not attribute or not change.address.attribute or change.address.attribute == attribute


def _kind(asked: Asked, changes: tuple[AttributeChange, ...], before: Collected | None, after: Collected) -> ChangeKind:
    if asked.document:
        if before is None or before.document(asked.document) is None:
            return "added"
        return "removed" if after.document(asked.document) is None else "changed"
    if asked.address is None:
        return "added" if before is None else "changed"
    kinds = {change.kind for change in changes}
    return kinds.pop() if len(kinds) == 1 else "changed"
