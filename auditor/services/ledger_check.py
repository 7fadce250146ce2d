"""The use case "verify the ledger": whether it is as it was written, and signatures and journals say the same."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from auditor.errors import AuditorError, InputError, StoreError
from auditor.model.event import Event
from auditor.plan.approvals import Bad, Keygen, Signer
from auditor.plan.build import moment_of
from auditor.plan.folder import StoredPlan, file_name, read_plan
from auditor.plan.journal import journals_below, read_entries, runs_of
from auditor.plan.rehearsal import digest_of
from auditor.plan.signers import EMERGENCY, NAMESPACE, Signers
from auditor.services.changes.desk import Desk, moment, told
from auditor.store import Chain, Link, Store, may_lack_seal

_STATE: Final = "ledger.json"
_ALONE: Final = "emergency approved"
_OUTCOMES: Final = ("applied", "rolled back", "taken back")


class Remembered(msgspec.Struct, frozen=True):
    """The ledger's tip when it was last verified here, and when that was."""

    tip: str
    entries: int
    time: str


class LedgerVerdict(msgspec.Struct, frozen=True):
    """What verifying the ledger showed.

    ``entries`` were looked at, ``sealed`` of them bear the fleet's seal; ``signatures`` were verified. ``altered`` are
    sentences about what is not as it was written; ``unverified`` about what could not be verified here; ``since`` is
    when its tip was remembered that this ledger still holds (empty: never before).
    """

    tip: str
    entries: int
    sealed: int
    signatures: int
    altered: tuple[str, ...]
    unverified: tuple[str, ...]
    since: str = ""


def verify_ledger(desk: Desk) -> LedgerVerdict:
    """Verifies the whole ledger, and remembers its tip where nothing was found.

    Errors:
        StoreError: the store is damaged.
    """
    remembered = _remembered(desk)
    with Store.open(desk.fleet.store_path) as store:
        chain = store.ledger_chain(desk.sealer, remembered.tip if remembered else "")
    altered = [*_chain_says(chain, remembered)]
    unverified: list[str] = [] if chain.links else ["the ledger holds no entry, so there is nothing to verify"]
    events = [link.event for link in chain.links if link.event is not None]
    unsealed = sum(not one.sealed and not one.wrong and not may_lack_seal(one) for one in chain.links)
    if unsealed:
        unverified.append(f"{unsealed} entries bear no seal: anybody who may write to the store can have written them")
    signatures = _Signatures(desk, altered, unverified)
    signatures.look(chain.links)
    altered += _journals_say(desk, events, unverified)
    if chain.links and not altered:
        _remember(desk, Remembered(chain.tip, len(chain.links), moment(desk)))
    return LedgerVerdict(
        chain.tip,
        len(chain.links),
        sum(link.sealed for link in chain.links),
        signatures.verified,
        tuple(dict.fromkeys(altered)),
        tuple(dict.fromkeys(unverified)),
        remembered.time if remembered and chain.remembered else "",
    )


def _chain_says(chain: Chain, remembered: Remembered | None) -> Iterator[str]:
    if remembered and not chain.remembered:
        yield (
            f"the ledger was written anew: it does not hold {remembered.tip[:12]}, which ended its "
            f"{remembered.entries} entries on {remembered.time}"
        )
    for link in chain.links:
        what = f"{link.event.kind} {link.event.plan[:8]}".rstrip() if link.event else "an entry"
        when = f" of {link.event.time}" if link.event else ""
        yield from (f"{what}{when} (commit {link.commit[:12]}): {one}" for one in link.wrong)


class _Signatures:
    """Whether the signatures beside plans are there and good for what the ledger says of them."""

    def __init__(self, desk: Desk, altered: list[str], unverified: list[str]) -> None:
        self._desk, self._altered, self._unverified = desk, altered, unverified
        self.verified = 0
        self._signers: Signers | None = None
        self._keygen: Keygen = desk.keygen

    def look(self, links: Iterable[Link]) -> None:
        """Looks at every event that a signature stands behind."""
        by_plan: dict[str, list[tuple[Event, datetime | None]]] = {}
        for link in links:
            if link.event is not None and link.event.plan:
                # When it was signed is taken from what bears the fleet's seal, and from nothing else.
                at = moment_of(link.event.time) if link.sealed and not link.wrong else None
                by_plan.setdefault(link.event.plan, []).append((link.event, at))
        if not by_plan:
            return
        try:
            self._signers = self._desk.signers()
            self._keygen.check_version()
        except AuditorError as error:
            self._unverified.append(f"signatures cannot be verified here: {told(error)}")
            self._signers = None
        for plan_id, found in by_plan.items():
            self._of_plan(plan_id, found)

    def _of_plan(self, plan_id: str, events: list[tuple[Event, datetime | None]]) -> None:
        try:
            stored = read_plan(self._desk.fleet.plans_path, plan_id)
        except InputError as error:
            folder = self._desk.fleet.plans_path / plan_id
            changed = (folder / "plan.json").exists()
            what = f"plan {plan_id[:8]}, of which the ledger tells: {told(error)}"
            (self._altered if changed else self._unverified).append(what)
            return
        # Approving once more replaces the signature, for instance after another rehearsal: the last one stands there.
        last = {(event.kind == _ALONE, event.actor): (event, at) for event, at in events if _is_approval(event)}
        for event, at in last.values():
            self._approval(stored, event, at)
        if stored.author_signature is None and any(event.kind in _OUTCOMES for event, _ in events):
            self._altered.append(f"the author's signature of plan {stored.id[:8]}, which was carried out, is gone")
        if self._signers is not None and stored.author_signature is not None:
            what = f"the author's signature of plan {stored.id[:8]}"
            at = next((at for event, at in events if event.kind == "planned"), None)
            self._say(what, self._judged((stored.id,), stored.author_signature, stored.plan.author, NAMESPACE, at))

    def _approval(self, stored: StoredPlan, event: Event, at: datetime | None) -> None:
        what = f'the approval of plan {stored.id[:8]} by "{event.actor}" on {event.time}'
        emergency = event.kind == _ALONE
        beside = dict(stored.emergencies if emergency else stored.approvals)
        named = beside.get(file_name(event.actor))
        if not beside:
            self._altered.append(f"{what}: its signature is gone")
        elif self._signers is not None:
            detail = dict(event.detail)
            texts = (stored.id,) if emergency else (stored.id, f"{stored.id} {digest_of(stored)}")
            if detail.get("signed", "").split(" ")[0] == stored.id:
                texts = (detail["signed"],)
            space = EMERGENCY if emergency else NAMESPACE
            # One that was signed elsewhere may have any name.
            tried = [
                self._judged(texts, one, event.actor, space, at) for one in ([named] if named else beside.values())
            ]
            found = next((one for one in tried if isinstance(one, Signer)), tried[0] if named is not None else _GONE)
            if isinstance(found, Signer) and detail.get("key", found.key) != found.key:
                found = _Wrong(f"it was signed with {found.key}, and the ledger tells of {detail['key']}")
            self._say(what, found)

    def _judged(
        self, texts: tuple[str, ...], signature: bytes, principal: str, namespace: str, at: datetime | None
    ) -> Signer | Bad:
        assert self._signers is not None  # noqa: S101 - asked by the callers
        tried = [self._keygen.verify(text, signature, self._signers, namespace, at) for text in texts]
        found = next((one for one in tried if not isinstance(one, Bad)), tried[0])
        if isinstance(found, Signer) and principal.casefold() not in {name.casefold() for name in found.principals}:
            return _Wrong(f'it was signed by "{found.name}"')
        return found

    def _say(self, what: str, found: Signer | Bad) -> None:
        if isinstance(found, Signer):
            self.verified += 1
        else:
            no_signer = not isinstance(found, _Wrong) and "no allowed signer" in found.why
            (self._unverified if no_signer else self._altered).append(f"{what}: {found.why}")


class _Wrong(Bad):
    """A signature that is not the one that the ledger tells of."""


_GONE: Final = _Wrong("its signature is gone")


def _is_approval(event: Event) -> bool:
    return event.kind in ("approved", "reviewed", _ALONE)


def _journals_say(desk: Desk, events: Iterable[Event], unverified: list[str]) -> Iterator[str]:
    """What the journals here say was recorded, and the ledger does not hold."""
    told_of = {(event.plan, target, event.kind) for event in events for target in event.targets}
    try:
        journals = list(journals_below(desk.journals))
    except StoreError as error:
        unverified.append(told(error))
        return
    for plan_id, target, path in journals:
        try:
            runs = runs_of(read_entries(path))
        except AuditorError as error:
            unverified.append(f"a journal cannot be read: {told(error)}")
            continue
        for run in runs:
            if run.recorded and run.outcome in _OUTCOMES and (plan_id, target, run.outcome) not in told_of:
                when = run.ended.time if run.ended else "an unknown time"
                yield f"plan {plan_id[:8]} was {run.outcome} on {target} on {when}, and the ledger does not say so"


def _state(desk: Desk) -> Path:
    return desk.fleet.state_path / _STATE


def _remembered(desk: Desk) -> Remembered | None:
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(_state(desk).read_bytes(), type=Remembered)
    return None


def _remember(desk: Desk, seen: Remembered) -> None:
    try:
        desk.acts.make_directory(desk.fleet.state_path)
        desk.acts.store(_state(desk), msgspec.json.encode(seen))
    except OSError as error:
        desk.observe(f"the ledger's tip cannot be remembered: {error.strerror or error}")
