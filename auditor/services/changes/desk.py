"""What every change service needs: the fleet, its key, its clock, its targets, and who is told."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from auditor.errors import AuditorError, CollectError, InputError
from auditor.model.event import Event, EventEffect, EventKind
from auditor.model.plan import (
    DirectiveEdit,
    FileChange,
    FirmwareUpdate,
    LinkChange,
    OutcomeOf,
    PackageVersions,
    Plan,
    RedfishCreate,
    RedfishDelete,
    Step,
)
from auditor.model.secret import Sealer
from auditor.model.target import LocalTree, SshTree, Target
from auditor.plan.approvals import Keygen, Signer, Subject, Verdict, judge
from auditor.plan.build import cohort_of, disruption_of, stamp
from auditor.plan.conditions import Seen
from auditor.plan.folder import StoredPlan
from auditor.plan.foreseen import filled_in, moved_by_firmware
from auditor.plan.rehearsal import digest_of
from auditor.plan.rules import ApprovalRules
from auditor.plan.signers import Signers, read_signers
from auditor.services.approval_settings import Settings
from auditor.services.fleet import Fleet
from auditor.services.inventory import resolve_targets
from auditor.services.keys import sealer_for
from auditor.services.observe import Observed, observe
from auditor.surfaces.interface import CollectOptions, InterpretOptions, Observe, ignore
from auditor.surfaces.registry import surface
from auditor.transport.account import login_of
from auditor.transport.acts import Acts
from auditor.transport.log_ins import LogIns


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Desk:
    """The fleet with all that changes to it need; ``targets`` are the inventory's, by name.

    ``cafile`` verifies every iLO, where one was given. ``observe`` is told what is being done; ``tell`` what a person
    has to know afterwards, whether or not anybody looked on.
    """

    fleet: Fleet
    sealer: Sealer
    targets: Mapping[str, Target]
    environment: Mapping[str, str]
    clock: Callable[[], datetime] = now
    observe: Observe = ignore
    acts: Acts = Acts()  # noqa: RUF009 - it holds no state
    log_ins: LogIns = field(default_factory=LogIns)
    cafile: str = ""
    tell: Observe = ignore

    @property
    def deadlines(self) -> Path:
        """Where this controller keeps the deadlines that it holds for its targets."""
        return self.fleet.state_path / "deadlines"

    @property
    def journals(self) -> Path:
        """Where journals are kept."""
        return self.fleet.state_path / "journal"

    @property
    def login(self) -> str:
        """The login name of whoever runs this."""
        return login_of(self.environment)

    @property
    def holder(self) -> str:
        """Who locks a target: this fleet on this machine, of which one run at a time is alive."""
        return " ".join(f"{platform.node()}:{self.fleet.root.resolve()}".split())

    @property
    def keygen(self) -> Keygen:
        """OpenSSH's key tool with this environment."""
        return Keygen(self.environment)

    def collect_options(self) -> CollectOptions:
        """How targets are collected."""
        return CollectOptions(self.sealer, self.environment, observe=self.observe, log_ins=self.log_ins)

    def target(self, name: str) -> Target:
        """A target of the inventory.

        Errors:
            InputError: the inventory does not name it.
        """
        if name not in self.targets:
            parts = [one for one in sorted(self.targets) if one.startswith(f"{name}/")]
            raise InputError(
                f"{name} is a host, and not one thing to change" if parts else f"{name} is not in the inventory",
                where=str(self.fleet.file),
                next_step=f"Say what of it is meant:  {'  '.join(parts)}" if parts else None,
            )
        return self.targets[name]

    async def observed(self, target: Target) -> Observed:
        """One look at a target.

        Errors:
            CollectError: nothing of it can be seen.
        """
        async for one in observe([target], self.fleet, self.collect_options(), InterpretOptions()):
            if one.seen:
                return one
            gap = one.collected.gaps[0]
            raise CollectError(
                f"{target.name} cannot be read: {(gap.detail or gap.cause).rstrip('.')}.",
                cause=gap.cause,
                next_step=gap.next_step or None,
            )
        raise CollectError(f"{target.name} cannot be read.")

    async def look(self, target: Target) -> Seen:
        """One look at a target, as the apply machine wants it."""
        one = await self.observed(target)
        return Seen(one.collected, one.interpretation)

    def signers(self) -> Signers:
        """Who may sign, as the protected default branch says.

        Errors:
            RefusedError: the branch or the file is not there.
            InputError: what the branch's ``auditor.yaml`` says of approvals cannot be used.
            StoreError: the fleet repository cannot be read.
        """
        from auditor.store.fleet_repository import read_protected

        settings = self._settings()
        found = read_protected(self.fleet.root, settings.approvers, settings.branch)
        return read_signers(found.content, str(found))

    def verdict(self, stored: StoredPlan) -> Verdict:
        """What the signatures beside a plan are worth now.

        Errors:
            RefusedError, StoreError: they cannot be verified here.
        """
        return judge(subject_of(stored), signers=self.signers(), rules=self.rules(), keygen=self.keygen)

    def rules(self) -> ApprovalRules:
        """How plans must be approved, as the protected default branch says.

        Errors:
            RefusedError: the branch does not have the file.
            InputError: its rules cannot be used.
            StoreError: the fleet repository cannot be read.
        """
        return self._settings().rules

    def _settings(self) -> Settings:
        """What the protected branch says of approvals; ``branch`` is that branch.

        Nothing of it comes from the work tree, not even which branch counts: that is origin's default branch, or the
        one that ``auditor.yaml`` names there. Without an origin the branch that the work tree names is all there is.
        """
        from auditor.store.fleet_repository import default_branch

        first = default_branch(self.fleet.root, self.fleet.default_branch)
        settings = self._settings_on(first)
        if settings.branch in ("", first):
            return msgspec.structs.replace(settings, branch=first)
        return msgspec.structs.replace(self._settings_on(settings.branch), branch=settings.branch)

    def _settings_on(self, branch: str) -> Settings:
        from auditor.policy.document import load_document
        from auditor.services.approval_settings import settings_in
        from auditor.services.fleet_values import ValueReader
        from auditor.store.fleet_repository import read_protected

        found = read_protected(self.fleet.root, self.fleet.file, branch)
        document = load_document(f"{self.fleet.file} on {found.ref}", found.content)
        return settings_in(document, ValueReader(self.fleet.file))

    def append(self, event: Event) -> None:
        """Appends an event to the ledger.

        Errors:
            StoreError, RefusedError: the store cannot be written to.
        """
        from auditor.store import Store

        with Store.open(self.fleet.store_path) as store:
            store.append_event(event, self.sealer)

    def events(self, plan_id: str) -> tuple[Event, ...]:
        """The ledger's events of a plan.

        Errors:
            StoreError: the store cannot be read.
        """
        from auditor.store import Store

        with Store.open(self.fleet.store_path) as store:
            return store.events(plan=plan_id)


def open_desk(
    fleet: Fleet,
    environment: Mapping[str, str],
    *,
    cafile: str = "",
    clock: Callable[[], datetime] = now,
    observe: Observe = ignore,
    tell: Observe | None = None,
) -> Desk:
    """A desk for a fleet. ``cafile`` verifies every iLO, whatever the inventory says. Without ``tell``, ``observe`` is.

    Errors:
        InputError: the fleet's key is missing or another.
    """
    sealer = sealer_for(fleet, environment)
    targets = resolve_targets(["all"], fleet, cafile=cafile) if fleet.targets else ()
    by_name = {target.name: target for target in targets}
    given = str(Path(cafile).resolve()) if cafile else ""
    return Desk(fleet, sealer, by_name, environment, clock, observe, cafile=given, tell=tell or observe)


def subject_of(stored: StoredPlan) -> Subject:
    """A plan as its signatures are judged."""
    plan = stored.plan
    heaviest = disruption_of([step for cohort in plan.cohorts for step in cohort.steps])
    return Subject(
        stored.id,
        plan.author,
        heaviest,
        stored.author_signature,
        stored.approvals,
        stored.emergencies,
        digest_of(stored),
    )


def plan_event(kind: EventKind, stored_id: str, plan: Plan, time: str, *, actor: str, text: str) -> Event:
    """An event of a plan as a whole."""
    targets = tuple(sorted(target for cohort in plan.cohorts for target in cohort.targets))
    return Event(kind, time, plan=stored_id, actor=actor, targets=targets, text=text)


def approval_event(kind: EventKind, stored: StoredPlan, time: str, signer: Signer, text: str, signed: str) -> Event:
    """An event of somebody's approval, with the key and with what exactly was signed."""
    event = plan_event(kind, stored.id, stored.plan, time, actor=signer.name, text=f"{text}; SSH key {signer.key}")
    return msgspec.structs.replace(event, detail=(("key", signer.key), ("signed", signed)))


def target_event(kind: EventKind, stored_id: str, plan: Plan, time: str, outcome: OutcomeOf, actor: str) -> Event:
    """An event of a plan on one target, with what it changed there."""
    cohort = cohort_of(plan, outcome.target)
    back = kind == "rolled back"
    effects = tuple(
        EventEffect(
            msgspec.structs.replace(effect.address, target=outcome.target),
            effect.after if back else effect.before,
            effect.before if back else effect.after,
        )
        for effect in cohort.effects
    )
    documents = {f"{outcome.target}:{_document_of(step)}" for step in cohort.steps}
    changed = kind in ("applied", "rolled back")
    return Event(
        kind,
        time,
        plan=stored_id,
        actor=actor,
        targets=(outcome.target,),
        text=outcome.text[:1000],
        effects=effects if changed else (),
        documents=tuple(sorted(documents)) if changed else (),
    )


def _document_of(step: Step) -> str:
    match step.change:
        case DirectiveEdit(file=name) | FileChange(file=name) | LinkChange(link=name):
            return name
        case RedfishCreate(collection=name) | RedfishDelete(collection=name):
            return name
        case PackageVersions():
            return "packages"
        case FirmwareUpdate(uris=names):
            return names[0] if names else ""
        case other:
            return other.uri


def traces_of(plan: Plan, target: Target) -> frozenset[tuple[str, str, str]]:
    """What a change leaves by itself on a target: the digest of an edited file, the word of the last POST.

    Of a member that a plan makes, also what the plan does not say of it: an iLO fills that in.
    What a running server has loaded and would need another start for follows from every edit, and is no setting.
    """
    found = {("ilo.bios", "", name) for name in ("pending", "verdict", "rejected")}
    found |= {("httpd.server", "", name) for name in ("changed_not_loaded", "restart_needed")}
    cohort = cohort_of(plan, target.name)
    if any(isinstance(step.change, PackageVersions) for step in cohort.steps):
        found |= _PACKAGE_TRACES
    found |= filled_in(cohort, surface(target.surface).kinds) | moved_by_firmware(cohort)
    if isinstance(target.location, SshTree):
        found |= _traces_there(plan, target, target.location.path)
        return frozenset(found) | _traces_of_whole(plan, target)
    if not isinstance(target.location, LocalTree):
        return frozenset(found)
    root = Path(target.location.path).resolve()
    for step in cohort_of(plan, target.name).steps:
        if isinstance(step.change, DirectiveEdit):
            real = (root / step.change.file).resolve()
            name = real.relative_to(root).as_posix() if real.is_relative_to(root) else str(real)
            found |= {("httpd.file", one, "digest") for one in (name, step.change.file)}
    return frozenset(found) | _traces_of_whole(plan, target)


def _traces_of_whole(plan: Plan, target: Target) -> frozenset[tuple[str, str, str]]:
    """Of whole files and links: their bytes are read back by themselves, their label is the system's to give.

    So is whose a new link is.
    """
    found: set[tuple[str, str, str]] = set()
    for step in cohort_of(plan, target.name).steps:
        if isinstance(step.change, FileChange | LinkChange):
            whose = ("mode", "owner", "group") if isinstance(step.change, LinkChange) else ()
            found |= {("httpd.file", _document_of(step), what) for what in ("digest", "selinux", *whose)}
    return frozenset(found)


def _traces_there(plan: Plan, target: Target, root: str) -> frozenset[tuple[str, str, str]]:
    """A plan names files of another machine by what they really are, so that no link need be followed."""
    names = (step.change.file for step in cohort_of(plan, target.name).steps if isinstance(step.change, DirectiveEdit))
    both = {one for name in names for one in (name, name.removeprefix(f"{root.rstrip('/')}/"))}
    return frozenset(("httpd.file", one, "digest") for one in both)


_PACKAGE_TRACES: Final = frozenset(
    {
        ("httpd.package", "", "changed_files"),
        ("httpd.file", "", ""),
        ("httpd.server", "", "version"),
    }
)
"""What packages change beside their versions: files, which are compared and told by themselves, and the release."""


def moment(desk: Desk) -> str:
    """The present time as events and plans write it."""
    return stamp(desk.clock())


def told(error: AuditorError) -> str:
    """An error's first line."""
    return str(error).split("\n", 1)[0]
