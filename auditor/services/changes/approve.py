"""The use case "approve": a signature of an allowed signer who is not the author."""

from __future__ import annotations

from pathlib import Path

import msgspec

from auditor.errors import RefusedError
from auditor.plan.approvals import Bad, Signer
from auditor.plan.build import check_plan, moment_of
from auditor.plan.folder import StoredPlan, read_plan, write_signature
from auditor.services.changes.desk import Desk, moment, plan_event


class Approved(msgspec.Struct, frozen=True):
    """An approval that counts: by whom, where it stands, and how many of those needed there are now."""

    plan: str
    approver: str
    key: str
    file: str
    approvals: int
    required: int
    missing: tuple[str, ...] = ()


def approve_plan(desk: Desk, words: str, key: Path) -> Approved:
    """Signs the plan that the words name with a private key's file, or its ``.pub`` where an agent holds the key.

    The signature is verified before it is kept.

    Errors:
        InputError: there is no such plan, or it was damaged.
        RefusedError: expired, the key is no allowed signer's, or the author's, or OpenSSH is too old.
        StoreError: the approval stands beside the plan, but the ledger could not be written to.
    """
    stored = read_plan(desk.fleet.plans_path, words)
    check_plan(stored.plan)
    if moment_of(stored.plan.expires) <= desk.clock():
        raise RefusedError(
            f"plan {stored.id[:8]} expired on {stored.plan.expires}.",
            untouched="Nothing was signed.",
            next_step="Plan again:  auditor plan …",
        )
    signer, signature = _signed(desk, stored, key)
    path = write_signature(stored.folder, signer.name, signature, desk.acts)
    verdict = desk.verdict(read_plan(desk.fleet.plans_path, stored.id))
    text = f"{len(verdict.approvers)} of {verdict.required} approvals; SSH key {signer.key}"
    desk.append(plan_event("approved", stored.id, stored.plan, moment(desk), actor=signer.name, text=text))
    return Approved(
        stored.id, signer.name, signer.key, str(path), len(verdict.approvers), verdict.required, verdict.reasons
    )


def _signed(desk: Desk, stored: StoredPlan, key: Path) -> tuple[Signer, bytes]:
    signers = desk.signers()
    signature = desk.keygen.sign(stored.id, key)
    found = desk.keygen.verify(stored.id, signature, signers)
    if isinstance(found, Bad):
        raise RefusedError(
            f"the key {key} cannot approve: {found.why} (read from {signers.read_from}).",
            untouched="Nothing was signed.",
            next_step=f"Who may is in {desk.fleet.approvers_file.name}, committed on {desk.fleet.default_branch}.",
        )
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
    return found, signature
