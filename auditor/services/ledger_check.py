"""The use case "verify the ledger": whether it is as it was written, and signatures and journals say the same."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from auditor.errors import AuditorError, InputError
from auditor.model.event import Event
from auditor.plan.approvals import Bad, Keygen
from auditor.plan.folder import StoredPlan, file_name, read_plan
from auditor.plan.journal import journals_below, read_entries, runs_of
from auditor.plan.rehearsal import digest_of
from auditor.plan.signers import EMERGENCY, NAMESPACE, Signers
from auditor.services.changes.desk import Desk, moment, told
from auditor.store import Chain, Store

_STATE: Final = "ledger.json"
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
    signatures = _Signatures(desk, altered, unverified)
    signatures.look(events)
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

    def look(self, events: Iterable[Event]) -> None:
        """Looks at every event that a signature stands behind."""
        by_plan: dict[str, list[Event]] = {}
        for event in events:
            if event.plan:
                by_plan.setdefault(event.plan, []).append(event)
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

    def _of_plan(self, plan_id: str, events: list[Event]) -> None:
        try:
            stored = read_plan(self._desk.fleet.plans_path, plan_id)
        except InputError as error:
            folder = self._desk.fleet.plans_path / plan_id
            changed = (folder / "plan.json").exists()
            what = f"plan {plan_id[:8]}, of which the ledger tells: {told(error)}"
            (self._altered if changed else self._unverified).append(what)
            return
        for event in events:
            if event.kind in ("approved", "reviewed", "emergency approved"):
                self._approval(stored, event)
        if self._signers is not None and stored.author_signature is not None:
            what = f"the author's signature of plan {stored.id[:8]}"
            self._count(what, (stored.id,), stored.author_signature, stored.plan.author)

    def _approval(self, stored: StoredPlan, event: Event) -> None:
        what = f'the approval of plan {stored.id[:8]} by "{event.actor}" on {event.time}'
        emergency = event.kind == "emergency approved"
        signature = dict(stored.emergencies if emergency else stored.approvals).get(file_name(event.actor))
        if signature is None:
            self._altered.append(f"{what}: its signature is gone")
        elif self._signers is not None:
            # Whether the rules asked for a rehearsal when it was signed is not known any more.
            texts = (stored.id,) if emergency else (stored.id, f"{stored.id} {digest_of(stored)}")
            self._count(what, texts, signature, event.actor, EMERGENCY if emergency else NAMESPACE)

    def _count(
        self, what: str, texts: tuple[str, ...], signature: bytes, principal: str, namespace: str = NAMESPACE
    ) -> None:
        assert self._signers is not None  # noqa: S101 - asked by the callers
        tried = [self._keygen.verify(text, signature, self._signers, namespace) for text in texts]
        found = next((one for one in tried if not isinstance(one, Bad)), tried[0])
        if isinstance(found, Bad):
            no_signer = "no allowed signer" in found.why
            (self._unverified if no_signer else self._altered).append(f"{what}: {found.why}")
        elif principal.casefold() not in {name.casefold() for name in found.principals}:
            self._altered.append(f'{what}: it was signed by "{found.name}"')
        else:
            self.verified += 1


def _journals_say(desk: Desk, events: Iterable[Event], unverified: list[str]) -> Iterator[str]:
    """What the journals here say was recorded, and the ledger does not hold."""
    told_of = {(event.plan, target, event.kind) for event in events for target in event.targets}
    for plan_id, target, path in journals_below(desk.journals):
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
