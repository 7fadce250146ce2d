"""The ledger as a chain: one commit an event, each on the one before, nothing changed afterwards.

The ids of git's commits chain what they hold: whoever changes an entry changes every commit behind it. What they do
not show is a branch that was written anew as a whole. Two things do: the seal in each commit (an HMAC with the fleet's
key over the commit before and the entry), which cannot be made without the key, and a tip remembered elsewhere.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator
from typing import Final

import msgspec

from auditor.model.event import Event
from auditor.model.secret import Sealer
from auditor.store.importer import NOBODY
from auditor.store.process import Repository

LEDGER: Final = "refs/heads/ledger"
_SEAL: Final = re.compile(rb"^Seal: (hmac-sha256:([0-9a-f]{8}):[0-9a-f]{64})$", re.MULTILINE)
_ADDED: Final = re.compile(rb":000000 100644 0{40} ([0-9a-f]{40}) A\t([^\n]*)")
_BY_KEY_ALONE: Final = "alert tested"
"""Entries of this kind may have no seal: whoever tests alerts need not have the fleet's key."""


class Link(msgspec.Struct, frozen=True):
    """One commit: its entry (None where it holds none that can be read), and what is wrong with it, a sentence each."""

    commit: str
    event: Event | None
    sealed: bool
    wrong: tuple[str, ...] = ()


class Chain(msgspec.Struct, frozen=True):
    """The commits, oldest first; ``tip`` is empty where there is no ledger.

    ``remembered`` says whether the remembered tip is one of them, or that there was none.
    """

    tip: str
    links: tuple[Link, ...]
    remembered: bool = True


def seal_of(sealer: Sealer, before: str, content: bytes) -> str:
    """The seal of an entry that stands on the commit ``before``."""
    return sealer.fingerprint(b"ledger\0" + before.encode("ascii") + b"\0" + content)


def read_chain(repository: Repository, sealer: Sealer | None, remembered: str = "") -> Chain:
    """Every commit of the ledger, checked. ``sealer`` holds the fleet's key; without it no seal is checked.

    Errors:
        StoreError: the store is damaged.
    """
    tip = repository.tip(LEDGER)
    if tip == NOBODY:
        return Chain("", (), not remembered)
    links: list[Link] = []
    before, sealing = NOBODY, False
    for commit, parents, seconds, message, changes in _commits(repository):
        link = _link(repository, commit, message, changes, sealer if parents == before else None, before)
        wrong = list(link.wrong)
        if parents != before:
            wrong.insert(0, "it does not stand on the entry before it")
        if link.event is not None and not _same_moment(link.event, seconds):
            wrong.append("its commit is of another time than it says")
        if sealing and not link.sealed and not may_lack_seal(link):
            wrong.append("it has no seal, and entries before it have one")
        sealing = sealing or link.sealed
        links.append(msgspec.structs.replace(link, wrong=tuple(wrong)))
        before = commit
    return Chain(tip, tuple(links), not remembered or any(one.commit == remembered for one in links))


def may_lack_seal(link: Link) -> bool:
    """Whether an entry is one of those that may be written without the fleet's key."""
    return link.event is not None and link.event.kind == _BY_KEY_ALONE


def _commits(repository: Repository) -> Iterator[tuple[str, str, int, bytes, bytes]]:
    """Commit, parents (forty zeros for none), time, message and raw changes of each, oldest first."""
    arguments = ("--reverse", "--topo-order", "--root", "-m", "-r", "--raw", "--no-abbrev", "--no-renames")
    printed = repository.run("log", *arguments, "--format=%x00%H%x00%P%x00%ct%x00%B%x00", LEDGER)
    parts = printed.split(b"\0")[1:]
    for number in range(0, len(parts) - 4, 5):
        commit, parents, seconds, message, changes = parts[number : number + 5]
        yield commit.decode(), parents.decode() or NOBODY, int(seconds), message, changes


def _link(
    repository: Repository, commit: str, message: bytes, changes: bytes, sealer: Sealer | None, before: str
) -> Link:
    from auditor.store.ledger import decode_event, path_of

    lines = [line for line in changes.splitlines() if line]
    found = _ADDED.fullmatch(lines[0]) if len(lines) == 1 else None
    seal = _SEAL.search(message)
    if found is None:
        return Link(commit, None, seal is not None, (_other_than_adding(lines),))
    content = repository.content(bytes.fromhex(found[1].decode()))
    wrong: list[str] = []
    if seal is not None and sealer is not None:
        expected = seal_of(sealer, before, content)
        if seal[2].decode() != sealer.key_id:
            wrong.append(f"it was sealed with another key ({seal[2].decode()})")
        elif not hmac.compare_digest(expected, seal[1].decode()):
            wrong.append("its seal is not that of what it says now")
    try:
        event = decode_event(content)
    except (ValueError, msgspec.MsgspecError) as error:
        return Link(commit, None, seal is not None, (*wrong, f"it cannot be read: {error}"))
    if "/".join(path_of(event)).encode() != found[2] or not _has_own_id(event):
        wrong.append("its id is not that of what it says now")
    return Link(commit, event, seal is not None, tuple(wrong))


def _other_than_adding(lines: list[bytes]) -> str:
    names = ", ".join(line.rpartition(b"\t")[2].decode("utf-8", "replace").rpartition("/")[2] for line in lines[:3])
    return f"it does more than add one entry: {names}" if names else "it adds no entry"


def _has_own_id(event: Event) -> bool:
    from auditor.store.ledger import id_of

    return event.id == id_of(event)


def _same_moment(event: Event, seconds: int) -> bool:
    from datetime import UTC, datetime

    from auditor.store.times import stamp

    return stamp(datetime.fromtimestamp(seconds, UTC)) == event.time
