"""The change plan: one canonical document, its steps, and the journal of its execution.

The document is ``auditor.plan/v1``; its identity is the SHA-256 of its canonical JSON (keys sorted, no white space,
UTF-8). Nothing in it is filled in later: approvals, signatures, journal and rehearsal stand beside it and name its id.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from auditor.model.ownership import PackageFile
from auditor.model.resource import Address
from auditor.model.value import Value

FORMAT = "auditor.plan/v1"

Disruption = Literal["none", "reload", "restart", "stop and start", "iLO reset", "reboot"]
DISRUPTIONS: tuple[Disruption, ...] = ("none", "reload", "restart", "stop and start", "iLO reset", "reboot")


class DirectiveEdit(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="httpd.edit"
):
    """Replaces the physical lines ``line`` to ``last_line`` (one-based) of one file.

    ``before`` and ``after`` are the lines' bytes as latin-1 text, line ends included, with secrets as keyed digests;
    an empty ``after`` removes them, an empty ``before`` (``last_line`` = ``line`` - 1) inserts in front of ``line``.
    A secret that stands in both is taken from the live file where its digest matches; else the step is refused.
    ``links`` are the symbolic links of the tree by which the server reads the file, sorted: each must still lead to
    ``file``, which is what is replaced. A file outside of the tree (an absolute path) is reached by them alone.
    """

    file: str
    line: int
    last_line: int
    before: str
    after: str
    links: tuple[str, ...] = ()


class WholeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of one file, ``content`` as latin-1 text with secrets as keyed digests.

    ``digest`` is the keyed digest of its true bytes, ``mode`` holds permission bits; ``owner`` and ``group`` are names,
    or numbers where there are none.
    """

    content: str
    digest: str
    mode: int
    owner: str
    group: str


class FileChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="httpd.file"):
    """Creates, replaces or deletes one whole file of the tree; None: nothing stands there.

    A created file has the label that its directory gives and no access list; one that is replaced keeps its own. A
    secret of the new bytes is taken from the live files, where one holds it; else the step is refused.
    """

    file: str
    before: WholeFile | None
    after: WholeFile | None


class LinkChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="httpd.link"):
    """Creates or removes one symbolic link of the tree, or leads it elsewhere.

    ``before`` and ``after`` are the link's text; None: nothing stands there.
    """

    link: str
    before: str | None
    after: str | None


class SecretFrom(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A secret that a member of a Redfish resource takes when the plan is applied; its value stands in no plan.

    ``pointer`` is a JSON pointer, ``place`` where it is read then (``env:NAME`` or ``file:/PATH``). ``digest`` is its
    keyed digest, so that only the secret that was reviewed is used; empty where it was not at hand when planning.
    """

    pointer: str
    place: str
    digest: str = ""


class PackageVersions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="httpd.packages"):
    """Brings installed packages to exact versions, all in one transaction of the machine's package manager.

    ``packages`` are (name, version before, version after), sorted, versions as the manager writes them (dpkg's, or
    rpm's ``VERSION-RELEASE``). ``manager`` is the family: ``apt``, or ``rpm`` for dnf and yum.
    """

    manager: Literal["apt", "rpm"]
    packages: tuple[tuple[str, str, str], ...]


class RedfishPatch(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="ilo.patch"
):
    """PATCHes members of one Redfish resource. ``members`` are JSON pointers with JSON-encoded values, sorted.

    Members that the way back leaves as they are only say which resource is meant: they are compared, and not sent.
    """

    uri: str
    members: tuple[tuple[str, str], ...]
    secrets: tuple[SecretFrom, ...] = ()


class BiosAttributes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="ilo.bios"):
    """Sets BIOS attributes by the pending settings, resets the system, waits for POST and reads the verdict.

    ``attributes`` are names with JSON-encoded values, in the order of dependency.
    """

    uri: str
    settings_uri: str
    attributes: tuple[tuple[str, str], ...]


class RedfishCreate(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="ilo.create"
):
    """POSTs a member to a Redfish collection, unless one that says the same is there.

    ``members`` are JSON pointers with JSON-encoded values, sorted. They are also what the member is known by
    afterwards: where it stands is the iLO's choice, and stands in the journal. Its secrets it is not known by.
    """

    collection: str
    members: tuple[tuple[str, str], ...]
    secrets: tuple[SecretFrom, ...] = ()


class RedfishDelete(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="ilo.delete"
):
    """DELETEs the one member of a Redfish collection that says this.

    ``uri`` is where it stood when the plan was made; empty for one that the plan itself makes.
    """

    collection: str
    members: tuple[tuple[str, str], ...]
    uri: str = ""


class FirmwareUpdate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="ilo.firmware"):
    """Installs a version of a component through the iLO's repository and update task queue.

    ``uris`` are the component's members of the firmware inventory, all of which the artefact is for. ``file`` and
    ``sha256`` name the artefact as the fleet's catalogue does.
    """

    uris: tuple[str, ...]
    file: str
    sha256: str
    version: str


class ManagerReset(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="ilo.reset"):
    """Resets the iLO itself, so that settings take effect which were stored before."""

    uri: str


Change: TypeAlias = (
    DirectiveEdit
    | FileChange
    | LinkChange
    | PackageVersions
    | RedfishPatch
    | BiosAttributes
    | RedfishCreate
    | RedfishDelete
    | FirmwareUpdate
    | ManagerReset
)


class NoUndo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="none"):
    """The step cannot be taken back; it needs a consent of its own."""

    reason: str


Undo: TypeAlias = Change | NoUndo


class DocumentIs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="document"):
    """A document's true bytes have this keyed digest."""

    document: str
    fingerprint: str


class AttributeIs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="attribute"):
    """An attribute has this value; ``value`` None means: the attribute or its resource is absent.

    ``address.target`` is empty: the condition holds for each target of the cohort.
    """

    address: Address
    value: Value | None


class NothingAt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="nothing"):
    """Nothing stands at a name of the tree: no file, no directory, no link."""

    name: str


class LinkIs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="link"):
    """A symbolic link of the tree has this text."""

    name: str
    text: str


Condition: TypeAlias = DocumentIs | AttributeIs | NothingAt | LinkIs


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change to each target of its cohort.

    ``why`` is for people. ``preconditions`` are read again just before the step, ``postconditions`` after it.
    ``package`` says of a step that changes a file or link whose that was when the plan was made.
    """

    id: str
    why: str
    change: Change
    undo: Undo
    disruption: Disruption
    preconditions: tuple[Condition, ...]
    postconditions: tuple[Condition, ...]
    package: PackageFile | msgspec.UnsetType = msgspec.UNSET


class Effect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An attribute that the plan changes, asked for or as a consequence; ``address.target`` is empty."""

    address: Address
    before: Value | None
    after: Value | None
    asked: bool


class Cohort(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Targets that change alike: they share the steps, in order, and the effects."""

    targets: tuple[str, ...]
    steps: tuple[Step, ...]
    effects: tuple[Effect, ...]


class Wave(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Targets that are changed in one go; the plan stops when more than ``stop_after`` of them failed.

    ``at_once`` is left out where they are changed one after the other.
    """

    name: str
    targets: tuple[str, ...]
    stop_after: int = 0
    pause_s: int = 0
    at_once: int | msgspec.UnsetType = msgspec.UNSET

    @property
    def many(self) -> int:
        """How many of them are changed at once."""
        return 1 if self.at_once is msgspec.UNSET else self.at_once


class Commands(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The site's own commands around the change of each target (drain it, silence its alarms), each with arguments.

    ``{host}``, ``{target}``, ``{plan}`` and ``{direction}`` in arguments are filled in. A ``before`` that fails keeps
    the target from being changed; ``after`` runs where ``before`` was begun and the target is as planned or as before.
    ``deadline_s`` bounds each, in seconds.
    """

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    deadline_s: int = 300


class Probe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A GET that is sent before and after the change of each target, from where the plan is applied.

    ``{host}`` in ``url`` and ``host`` (sent as Host, where it is named) is filled in. The answer must have ``status``
    afterwards; 0: the one that it had before.
    """

    url: str
    host: str = ""
    status: int = 0

    def on(self, host: str) -> Probe:
        """The probe of one host."""
        return Probe(self.url.replace("{host}", host), self.host.replace("{host}", host), self.status)


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the plan came from: the way and its arguments, and the states it was made against.

    ``snapshot`` is the revision of the store that holds the states it was made against, ``policy`` and ``baseline``
    are digests, ``key_id`` names the key of every keyed digest in the plan.
    """

    way: Literal["rule", "baseline", "set", "to", "diff"]
    arguments: tuple[str, ...]
    snapshot: str = ""
    policy: str = ""
    baseline: str = ""
    key_id: str = ""


class FindingRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finding by rule and address."""

    rule: str
    address: Address


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change plan. Times are UTC, ISO 8601 with ``Z``, whole seconds.

    ``targets`` of waves and cohorts are the same set. ``irreversible_consents`` are ids of steps without undo that
    the author consented to, one by one.
    """

    reason: str
    author: str
    created: str
    expires: str
    origin: Origin
    waves: tuple[Wave, ...]
    cohorts: tuple[Cohort, ...]
    fixes: tuple[FindingRef, ...] = ()
    introduces: tuple[FindingRef, ...] = ()
    irreversible_consents: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    commands: Commands | msgspec.UnsetType = msgspec.UNSET  # left out where there are none
    probes: tuple[Probe, ...] | msgspec.UnsetType = msgspec.UNSET
    format: Literal["auditor.plan/v1"] = "auditor.plan/v1"

    @property
    def around(self) -> Commands:
        """The commands around each change; empty ones where the plan has none."""
        return Commands() if self.commands is msgspec.UNSET else self.commands

    @property
    def asked(self) -> tuple[Probe, ...]:
        """The probes; none where the plan has none."""
        return () if self.probes is msgspec.UNSET else self.probes


class SecretPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a secret that is wished for comes from, with its keyed digest and length where it is at hand (else 0).

    ``before``: it is the one that stands there now, by which the change can be taken back.
    """

    place: str
    digest: str = ""
    length: int = 0
    before: bool = False


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A wanted value at an address; ``value`` None asks for the absence of what stands there.

    Of a secret, ``secret`` says where it comes from, and ``value`` is its keyed digest, or undetermined.
    """

    address: Address
    value: Value | None
    secret: SecretPlace | None = None


Aspect = Literal["locked", "hidden", "least", "most", "step", "shortest", "longest"]


class Limit(msgspec.Struct, frozen=True):
    """What may be set of an attribute, where that becomes another; ``why`` names what decides it, for people.

    Values are booleans for ``locked`` and ``hidden``, else numbers; None: no such bound. ``address.target`` is empty.
    """

    address: Address
    aspect: Aspect
    before: Value | None
    after: Value | None
    why: str = ""


class Allowed(msgspec.Struct, frozen=True):
    """What an attribute that is asked for may be set to as things stand, for people."""

    address: Address
    text: str


class Undecided(msgspec.Struct, frozen=True):
    """What a proposal cannot tell: what about which attribute, and why, as the end of a sentence.

    An address without an attribute means any. ``form``: whether the value asked for is well-formed.
    """

    address: Address
    about: Literal["value", "lock", "hidden", "bounds", "form"]
    why: str


class Proposal(msgspec.Struct, frozen=True):
    """What a surface proposes for wishes on one target: steps in order, every effect, and what it cannot do.

    ``refusals`` are sentences; a proposal with refusals and no steps makes no plan, nor does one that is
    ``undecided`` about a value: an effect could be missing.
    """

    target: str
    steps: tuple[Step, ...]
    effects: tuple[Effect, ...]
    refusals: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    allowed: tuple[Allowed, ...] = ()
    undecided: tuple[Undecided, ...] = ()


Direction = Literal["forward", "back"]


class JournalEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a journal, on disk before the act it announces.

    ``mark`` is ``intent`` before an act, ``done`` after it, ``failed`` where it failed; ``act`` names it (``prepare``,
    ``replace``, ``reload``, ``patch``, ``reset``, ``verify``, ``outcome``…); ``detail`` holds what taking back needs.
    """

    sequence: int
    time: str
    plan: str
    target: str
    direction: Direction
    step: str
    act: str
    mark: Literal["intent", "done", "failed"]
    detail: tuple[tuple[str, str], ...] = ()


TargetOutcome = Literal[
    "applied", "already", "confirmed", "refused", "taken back", "incomplete", "not started", "rolled back"
]


class OutcomeOf(msgspec.Struct, frozen=True):
    """What became of one target, with a sentence and the checks that were made (text, whether it held).

    ``left`` says what a person still has to do there although the target itself is as ``outcome`` says.
    """

    target: str
    outcome: TargetOutcome
    text: str = ""
    checks: tuple[tuple[str, bool], ...] = ()
    left: str = ""


class ApplyReport(msgspec.Struct, frozen=True):
    """What became of a plan, target by target, in the order of its waves.

    ``confirm_within_s`` are the seconds after which its targets take it back unless it is confirmed; 0: they do not.
    """

    plan: str
    direction: Direction
    outcomes: tuple[OutcomeOf, ...]
    confirm_within_s: int = 0
