"""The ledger: one JSON file an event on the branch ``ledger``, appended and never changed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from auditor.errors import StoreError
from auditor.model.event import FORMAT, Event
from auditor.model.secret import Sealer
from auditor.store import lock
from auditor.store.importer import NOBODY
from auditor.store.ledger_chain import LEDGER, seal_of
from auditor.store.process import Repository
from auditor.store.times import epoch
from auditor.store.writer import tree_of

_RANK: Final = {name: number for number, name in enumerate(("planned", "approved", "applied", "confirmed"))} | {
    "refused": 9
}
"""The order of events of one second: as they can follow one another, so that a refusal stands behind its reason."""
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


def encode_event(event: Event) -> bytes:
    """The event's file: ``auditor.event/v1``, keys sorted, one trailing line end."""
    body = {"format": FORMAT, **msgspec.to_builtins(event)}
    return msgspec.json.format(msgspec.json.encode(body, order="sorted"), indent=1) + b"\n"


def decode_event(content: bytes) -> Event:
    """Reads an event's file.

    Errors:
        ValueError: it is none, or of a version that this auditor does not know.
    """
    body: Any = msgspec.json.decode(content)
    if not isinstance(body, dict) or body.pop("format", None) != FORMAT:
        raise ValueError(f"not an event of format {FORMAT}")
    return msgspec.convert(body, Event)


def id_of(event: Event) -> str:
    """An event's id: the first 12 hexadecimal digits of the SHA-256 of what it says."""
    return hashlib.sha256(encode_event(msgspec.structs.replace(event, id=""))).hexdigest()[:12]


def path_of(event: Event) -> tuple[str, ...]:
    """Where an event's file stands: by month, its name ``TIME-KIND-ID.json``."""
    compact = event.time.replace("-", "").replace(":", "")
    return ("events", event.time[:4], event.time[5:7], f"{compact}-{event.kind.replace(' ', '-')}-{event.id}.json")


def append(repository: Repository, event: Event, wait_s: float, sealer: Sealer | None = None) -> Event:
    """Appends an event and gives it with its id. The same event twice is one event. ``sealer`` seals its commit.

    Errors:
        RefusedError: another process is writing.
        StoreError: the store could not be written to.
    """
    if not _TIME.fullmatch(event.time):
        raise ValueError(f"an event's time is UTC in whole seconds with Z, not {event.time!r}")
    event = msgspec.structs.replace(event, id=id_of(event))
    content, path = encode_event(event), path_of(event)
    with lock.writing(repository.path, wait_s), lock.importing(repository.path, wait_s):
        before = repository.tip(LEDGER)
        if before != NOBODY and repository.walk(bytes.fromhex(tree_of(repository, before)), path) is not None:
            return event
        seal = seal_of(sealer, before, content) if sealer else ""
        importer = repository.importer()
        try:
            change = b"M 100644 inline %s\ndata %d\n%s\n" % ("/".join(path).encode("ascii"), len(content), content)
            date = epoch(datetime.strptime(event.time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC))
            commit = importer.commit(1, parent=before, date=date, message=_message(event, seal), changes=iter([change]))
            importer.finish()
        except BaseException:
            importer.abort()
            raise
        repository.move([(LEDGER, commit, before)])
    return event


def _message(event: Event, seal: str) -> str:
    subject = f"{event.kind}: plan {event.plan[:12]}" if event.plan else event.kind
    return f"{subject}\n\nRun-At: {event.time}\nEvent: {event.id}\n" + (f"Seal: {seal}\n" if seal else "")


def events(
    repository: Repository, *, plan: str = "", target: str = "", since: str = "", until: str = "", kind: str = ""
) -> Iterator[Event]:
    """The events in order of time: of a plan (an id or its start), a target, a kind, a span of UTC stamps.

    The span's ends are part of it.

    Errors:
        StoreError: the ledger is damaged.
    """
    tip = repository.tip(LEDGER)
    if tip == NOBODY:
        return
    top = repository.walk(bytes.fromhex(tree_of(repository, tip)), ("events",))
    if top is None:
        return
    for year, in_year in sorted(repository.tree(top.id).items()):
        if (since and year < since[:4]) or (until and year > until[:4]):
            continue
        for month, in_month in sorted(repository.tree(in_year.id).items()):
            span = f"{year}-{month}"
            if (since and span < since[:7]) or (until and span > until[:7]):
                continue
            for name, entry in sorted(repository.tree(in_month.id).items(), key=lambda item: _order(item[0])):
                if kind and _kind(name) != kind:
                    continue
                event = _read(repository, name, entry.id)
                if (since and event.time < since) or (until and event.time > until):
                    continue
                if (not plan or event.plan.startswith(plan)) and (not target or target in event.targets):
                    yield event


def _order(name: str) -> tuple[str, int, str]:
    """The place of an event's file: ``TIME-KIND-ID.json``; a kind's blanks are hyphens."""
    return name.partition("-")[0], _RANK.get(_kind(name), len(_RANK)), name


def _kind(name: str) -> str:
    return name.partition("-")[2].rpartition("-")[0].replace("-", " ")


def _read(repository: Repository, name: str, blob: bytes) -> Event:
    try:
        return decode_event(repository.content(blob))
    except (ValueError, msgspec.MsgspecError) as error:
        raise StoreError(
            f"the ledger of the store {repository.path} cannot be read: {name}: {error}",
            next_step="Was it written by a newer auditor? Else look:  git fsck",
        ) from error
