"""The use case "approve": a signature of an allowed signer who is not the author."""

from __future__ import annotations

from pathlib import Path

import msgspec

from auditor.errors import InputError, RefusedError
from auditor.model.event import EventKind
from auditor.plan.approvals import Bad, Signer
from auditor.plan.build import check_plan, moment_of
from auditor.plan.folder import StoredPlan, read_plan, write_signature
from auditor.plan.rehearsal import digest_of
from auditor.plan.rules import ApprovalRules
from auditor.plan.signers import EMERGENCY, NAMESPACE, Signers
from auditor.services.changes.desk import Desk, moment, plan_event, subject_of


class Approved(msgspec.Struct, frozen=True):
    """An approval that counts: by whom, where it stands, how many of those needed there are now, what is missing.

    ``emergency`` says that it is one of an emergency; ``reviewed`` that the plan needs no review any more.
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
    if review and not stored.emergencies:
        raise RefusedError(f"plan {stored.id[:8]} was approved in no emergency.", untouched="Nothing was signed.")
    if not review and moment_of(stored.plan.expires) <= desk.clock():
        raise RefusedError(
            f"plan {stored.id[:8]} expired on {stored.plan.expires}.",
            untouched="Nothing was signed.",
            next_step="Plan again:  auditor plan …",
        )
    rules = desk.rules()
    if emergency:
        _refuse_emergency(rules, reason)
    signer, signature = _signed(desk, stored, key, rules, emergency=emergency)
    path = write_signature(stored.folder, signer.name, signature, desk.acts, emergency=emergency)
    verdict = desk.verdict(read_plan(desk.fleet.plans_path, stored.id))
    kind: EventKind = "emergency approved" if emergency else "reviewed" if review else "approved"
    counted = f"{len(verdict.approvers)} of {verdict.required} approvals; SSH key {signer.key}"
    text = f"{reason.strip()}; SSH key {signer.key}" if emergency else counted
    desk.append(plan_event(kind, stored.id, stored.plan, moment(desk), actor=signer.name, text=text[:1000]))
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
    )


def _refuse_emergency(rules: ApprovalRules, reason: str) -> None:
    if rules.emergency == "never":
        raise RefusedError(
            "the rules allow no approval of an emergency.",
            untouched="Nothing was signed.",
            next_step="They are  approvals: emergency:  in auditor.yaml on the default branch.",
        )
    if not reason.strip():
        raise InputError(
            "an emergency needs a reason", next_step='Say why:  auditor approve … --emergency --reason "…"'
        )


def _signed(
    desk: Desk, stored: StoredPlan, key: Path, rules: ApprovalRules, *, emergency: bool
) -> tuple[Signer, bytes]:
    signers = desk.signers()
    text, namespace = (stored.id, EMERGENCY) if emergency else (subject_of(stored).signed(rules), NAMESPACE)
    if not emergency and not stored.emergencies and rules.rehearsal and not digest_of(stored):
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
    return found, signature


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
