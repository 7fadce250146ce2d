"""The use case "approve": a signature of an allowed signer who is not the author."""

from __future__ import annotations

from pathlib import Path

import msgspec

from auditor.errors import InputError, RefusedError
from auditor.model.event import EventKind
from auditor.plan.approvals import Bad, Signer, Verdict
from auditor.plan.build import check_plan, moment_of
from auditor.plan.folder import StoredPlan, read_plan, write_signature
from auditor.plan.rehearsal import digest_of
from auditor.plan.signers import EMERGENCY, NAMESPACE, Signers
from auditor.services.changes.desk import Desk, approval_event, moment, subject_of


class Approved(msgspec.Struct, frozen=True):
    """An approval that counts: by whom, where it stands, how many of those needed there are now, what is missing.

    ``emergency`` says that it is one of an emergency; ``reviewed`` that the plan needs no review any more;
    ``carried_out`` that the plan was applied already.
    """

    plan: str
    approver: str
    key: str
    file: str
    approvals: int
    required: int
    missing: tuple[str, ...] = ()
    emergency: bool = False
    reviewed: bool = True
    carried_out: bool = False


def approve_plan(
    desk: Desk, words: str, key: Path, *, emergency: bool = False, reason: str = "", review: bool = False
) -> Approved:
    """Signs the plan that the words name with a private key's file, or its ``.pub`` where an agent holds the key.

    ``emergency`` with a ``reason``: alone, where the rules allow that; each report tells of it until it is reviewed.
    ``review``: afterwards, a plan that was approved so. The signature is verified before it is kept.

    Errors:
        InputError: there is no such plan, or it was damaged; an emergency without a reason.
        RefusedError: expired, the key is no allowed signer's, or the author's, or OpenSSH is too old.
        StoreError: the approval stands beside the plan, but the ledger could not be written to.
    """
    stored = read_plan(desk.fleet.plans_path, words)
    check_plan(stored.plan)
    alone = _Alone.of(desk, stored)
    if review and not alone:
        raise RefusedError(f"plan {stored.id[:8]} was approved in no emergency.", untouched="Nothing was signed.")
    if not review and moment_of(stored.plan.expires) <= desk.clock():
        raise RefusedError(
            f"plan {stored.id[:8]} expired on {stored.plan.expires}.",
            untouched="Nothing was signed.",
            next_step="Plan again:  auditor plan …",
        )
    if emergency:
        _refuse_emergency(desk, stored, reason)
    signer, signature, text = _signed(desk, stored, key, alone, emergency=emergency)
    path = write_signature(stored.folder, signer.name, signature, desk.acts, emergency=emergency)
    verdict = desk.verdict(read_plan(desk.fleet.plans_path, stored.id))
    reviewed: EventKind = "reviewed" if alone and verdict.reviewed else "approved"
    counted = f"{len(verdict.approvers)} of {verdict.required} approvals"
    desk.append(
        approval_event(
            "emergency approved" if emergency else reviewed,
            stored,
            moment(desk),
            signer,
            " ".join(reason.split())[:900] if emergency else counted,
            text,
        )
    )
    return Approved(
        stored.id,
        signer.name,
        signer.key,
        str(path),
        len(verdict.approvers),
        verdict.required,
        verdict.reasons,
        emergency,
        verdict.reviewed,
        any(one.kind in ("applied", "rolled back") for one in desk.events(stored.id)),
    )


def record_found(desk: Desk, stored: StoredPlan, verdict: Verdict) -> None:
    """Records the approvals that count and of which the ledger does not tell: they were put beside the plan elsewhere.

    Errors:
        StoreError: the ledger cannot be written to, so nothing may rest on them.
    """
    kinds = ("approved", "reviewed", "emergency approved")
    known = {(one.kind == kinds[2], one.actor) for one in desk.events(stored.id) if one.kind in kinds}
    text = subject_of(stored).signed(desk.rules(), emergency=bool(verdict.emergencies))
    for emergency, signers in ((False, verdict.approvers), (True, verdict.emergencies)):
        for signer in signers:
            if (emergency, signer.name) not in known:
                kind: EventKind = "emergency approved" if emergency else "approved"
                signed = stored.id if emergency else text
                desk.append(approval_event(kind, stored, moment(desk), signer, "found beside the plan", signed))


class _Alone(msgspec.Struct, frozen=True):
    """Who approved a plan in an emergency: proven by signatures that count now, and named by the ledger."""

    proven: tuple[Signer, ...]
    named: frozenset[str]

    @classmethod
    def of(cls, desk: Desk, stored: StoredPlan) -> _Alone:
        events = desk.events(stored.id)
        names = {one.actor.casefold() for one in events if one.kind == "emergency approved"}
        return cls(desk.verdict(stored).emergencies if stored.emergencies else (), frozenset(names))

    def __bool__(self) -> bool:
        return bool(self.proven or self.named)

    def has(self, found: Signer) -> bool:
        """Whether somebody is one of them."""
        names = {name.casefold() for name in found.principals}
        return bool(names & self.named) or any(found.same_person(one) for one in self.proven)


def _refuse_emergency(desk: Desk, stored: StoredPlan, reason: str) -> None:
    if desk.rules().emergency == "never":
        raise RefusedError(
            "the rules allow no approval of an emergency.",
            untouched="Nothing was signed.",
            next_step="They are  approvals: emergency:  in auditor.yaml on the default branch.",
        )
    if not reason.strip():
        raise InputError(
            "an emergency needs a reason", next_step='Say why:  auditor approve … --emergency --reason "…"'
        )
    if desk.verdict(stored).enough:
        raise RefusedError(
            f"plan {stored.id[:8]} has every approval that it needs: no emergency is needed for it.",
            untouched="Nothing was signed.",
            next_step=f"Carry it out:  auditor apply {stored.id[:8]}",
        )


def _signed(desk: Desk, stored: StoredPlan, key: Path, alone: _Alone, *, emergency: bool) -> tuple[Signer, bytes, str]:
    """Who signed, the signature, and what was signed."""
    signers, rules = desk.signers(), desk.rules()
    text, namespace = stored.id, EMERGENCY
    if not emergency:
        text, namespace = subject_of(stored).signed(rules, emergency=bool(alone)), NAMESPACE
        if not alone and rules.rehearsal and not digest_of(stored):
            raise RefusedError(
                f"plan {stored.id[:8]} was not rehearsed, and the rules ask for that: approvals sign the record too.",
                untouched="Nothing was signed.",
                next_step=f"Rehearse it:  auditor rehearse {stored.id[:8]}",
            )
    signature = desk.keygen.sign(text, key, namespace)
    found = desk.keygen.verify(text, signature, signers, namespace)
    if isinstance(found, Bad):
        raise RefusedError(
            f"the key {key} cannot approve: {found.why} (read from {signers.read_from}).",
            untouched="Nothing was signed.",
            next_step=f"Who may is in {desk.fleet.approvers_file.name}, committed on {desk.fleet.default_branch}.",
        )
    if not (emergency and rules.emergency == "anyone"):
        _refuse_author(desk, stored, signers, found)
    if not emergency and alone.has(found):
        raise RefusedError(
            f'"{found.name}" approved plan {stored.id[:8]} in the emergency and cannot review it.',
            untouched="Nothing was signed.",
            next_step="Somebody else has to, who is not the author either.",
        )
    return found, signature, text


def _refuse_author(desk: Desk, stored: StoredPlan, signers: Signers, found: Signer) -> None:
    """Refuses the author."""
    writer = None
    if stored.author_signature is not None:
        author = desk.keygen.verify(stored.id, stored.author_signature, signers)
        writer = None if isinstance(author, Bad) else author
    if stored.plan.author.casefold() in {name.casefold() for name in found.principals} or (
        writer is not None and found.same_person(writer)
    ):
        raise RefusedError(
            f'"{found.name}" is the author of plan {stored.id[:8]} and cannot approve it.',
            untouched="Nothing was signed.",
            next_step="Somebody else has to.",
        )
