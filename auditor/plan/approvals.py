"""Signatures over a plan's id, made and verified by OpenSSH's ``ssh-keygen -Y`` (8.9 or later).

The signed bytes are the 64 digits of the id, without a line end; where the rules ask for a rehearsal, an approval signs
the id, a blank and the SHA-256 of the rehearsal's record. An approval of an emergency is signed for another purpose
(namespace), so that neither passes for the other. A signature holds no time: whether a plan or a key has expired is
decided now, by the verifier's own clock, never by what the signature's maker says.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from auditor.errors import RefusedError
from auditor.model.plan import Disruption
from auditor.plan.rules import ApprovalRules, Group
from auditor.plan.signers import EMERGENCY, NAMESPACE, Signers

_NEEDED: Final = (8, 9)
_DEADLINE_S: Final = 120
_GOOD: Final = re.compile(r'Good "(?P<space>[a-z-]+)" signature for (?P<who>\S+) with \S+ key (?P<key>SHA256:\S+)')
_ARMOR: Final = b"-----BEGIN SSH SIGNATURE-----"


@dataclass(frozen=True)
class Signer:
    """Who made a good signature: every principal of the key's line, the one verified first, and the key."""

    principals: tuple[str, ...]
    key: str

    @property
    def name(self) -> str:
        """The principal that was verified."""
        return self.principals[0]

    def same_person(self, other: Signer) -> bool:
        """One key under two names is one person, and so are two keys under one name."""
        mine = {name.casefold() for name in self.principals}
        return self.key == other.key or bool(mine & {name.casefold() for name in other.principals})

    def __str__(self) -> str:
        return f'"{self.name}", SSH key {self.key}'


@dataclass(frozen=True)
class Bad:
    """A signature that does not count, and why."""

    why: str


@dataclass(frozen=True)
class Verdict:
    """What the signatures beside a plan are worth.

    ``reasons`` are sentences that say why the plan may not be applied; none means that it may. ``set_aside`` are
    signatures that do not count, with why. ``groups`` are those that it needs, with how many of each approved.
    ``emergencies`` are who approved it in an emergency, where the rules allow that; it then needs nobody else until it
    is reviewed. ``reviewed`` says whether it has what it would have needed without.
    """

    author: Signer | None
    approvers: tuple[Signer, ...]
    required: int
    reasons: tuple[str, ...]
    set_aside: tuple[str, ...] = ()
    groups: tuple[tuple[Group, int], ...] = ()
    emergencies: tuple[Signer, ...] = ()
    reviewed: bool = True

    @property
    def emergency(self) -> Signer | None:
        """Who approved it in an emergency; the first of several."""
        return self.emergencies[0] if self.emergencies else None

    @property
    def enough(self) -> bool:
        """Whether the plan may be applied as far as signatures go."""
        return not self.reasons


@dataclass(frozen=True)
class Keygen:
    """OpenSSH's key tool. ``environment`` is what it runs with (agent, home, path)."""

    environment: Mapping[str, str] = field(default_factory=dict)
    program: str = "ssh-keygen"
    version_program: str = "ssh"

    def check_version(self) -> str:
        """The version of OpenSSH at hand.

        Errors:
            RefusedError: it is missing, cannot be told, or older than 8.9.
        """
        try:
            done = self._run([self.version_program, "-V"], b"")
        except FileNotFoundError as error:
            raise _too_old("OpenSSH is not installed here") from error
        text = (done.stderr + done.stdout).decode("utf-8", "replace").strip()
        match = re.search(r"OpenSSH[_ ](?:for_Windows_)?(\d+)\.(\d+)", text)
        if match is None:
            raise _too_old(f"the version of OpenSSH cannot be told from {text[:60]!r}")
        if (int(match[1]), int(match[2])) < _NEEDED:
            raise _too_old(f"this is OpenSSH {match[1]}.{match[2]}")
        return f"{match[1]}.{match[2]}"

    def sign(self, signed: str, key: Path, namespace: str = NAMESPACE) -> bytes:
        """A signature over a text, by a private key's file, or by its ``.pub`` where an agent holds the key.

        Errors:
            RefusedError: OpenSSH is too old, there is no such key, or it could not sign.
        """
        self.check_version()
        # By standard input: ssh-keygen asks before it overwrites the signature of a named file, and then answers 0.
        done = self._run([self.program, "-Y", "sign", "-n", namespace, "-f", str(key)], signed.encode())
        if done.returncode or not done.stdout.startswith(_ARMOR):
            why = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise RefusedError(
                f"the key {key} did not sign: {why[-1][:300] if why else 'no reason was given'}.",
                untouched="Nothing was signed.",
                next_step="Give a key file without a passphrase, or its .pub with the key in an ssh-agent.",
            )
        return done.stdout

    def verify(
        self,
        signed: str,
        signature: bytes,
        signers: Signers,
        namespace: str = NAMESPACE,
        at: datetime | None = None,
    ) -> Signer | Bad:
        """Who signed this text for this purpose, or why the signature does not count.

        ``at`` is when its key must have been valid; usually now. It must come from no one but us.

        Errors:
            RefusedError: OpenSSH is missing.
        """
        if not signature.startswith(_ARMOR):
            return Bad("it is not an SSH signature")
        with tempfile.TemporaryDirectory(prefix="auditor-") as folder:
            allowed, file = Path(folder, "approvers"), Path(folder, "signature")
            allowed.write_bytes(signers.content)
            file.write_bytes(signature)
            when = ["-O", f"verify-time={at.astimezone():%Y%m%d%H%M%S}"] if at else []
            about = ["-f", str(allowed), "-s", str(file), *when]
            try:
                found = self._run([self.program, "-Y", "find-principals", *about], b"")
                names = tuple(dict.fromkeys(found.stdout.decode("utf-8", "replace").split()))
                if found.returncode or not names:
                    return Bad("its key is no allowed signer's, or is not valid today")
                command = [self.program, "-Y", "verify", *about, "-I", names[0], "-n", namespace]
                done = self._run(command, signed.encode())
            except FileNotFoundError as error:
                raise _too_old("OpenSSH is not installed here") from error
        good = _GOOD.search(done.stdout.decode("utf-8", "replace"))
        if done.returncode or good is None or good["space"] != namespace:
            why = (done.stderr + done.stdout).decode("utf-8", "replace").strip().splitlines()
            reason = why[-1][:200] if why else "no reason was given"
            return Bad(f"it is not good for this plan: {reason}")
        return Signer(names, good["key"])

    def _run(self, command: Sequence[str], given: bytes) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                list(command),
                input=given,
                capture_output=True,
                timeout=_DEADLINE_S,
                check=False,
                env={**self.environment, "LC_ALL": "C"},
            )
        except subprocess.TimeoutExpired as error:
            raise RefusedError(
                f"{command[0]} did not answer within {_DEADLINE_S} seconds.", untouched="Nothing was changed."
            ) from error


def _too_old(what: str) -> RefusedError:
    return RefusedError(
        f"{what}; plans are signed and verified by OpenSSH 8.9 or later.",
        untouched="Nothing was changed.",
        next_step="Run this command where  ssh -V  says 8.9 or later.",
    )


class Subject(msgspec.Struct, frozen=True):
    """What is judged: a plan's id, author and disruption with the signatures beside it, unverified.

    ``rehearsal`` is the SHA-256 of its rehearsal's record, empty where there is none.
    """

    identity: str
    author: str
    disruption: Disruption
    author_signature: bytes | None
    approvals: tuple[tuple[str, bytes], ...] = ()
    emergencies: tuple[tuple[str, bytes], ...] = ()
    rehearsal: str = ""

    def signed(self, rules: ApprovalRules, *, emergency: bool) -> str:
        """What an approval signs. A plan that was approved in an ``emergency`` need not have been rehearsed."""
        with_record = rules.rehearsal and (self.rehearsal or not emergency)
        return f"{self.identity} {self.rehearsal}" if with_record else self.identity


def judge(subject: Subject, *, signers: Signers, rules: ApprovalRules, keygen: Keygen) -> Verdict:
    """What the signatures beside a plan are worth: the author's, and those of enough others, of the right groups.

    Errors:
        RefusedError: OpenSSH is missing or too old.
    """
    keygen.check_version()
    reasons: list[str] = []
    set_aside = [str(line) for line in signers.bad_lines]
    writer = _author(subject.identity, subject.author, subject.author_signature, signers, keygen, reasons)
    alone = _emergencies(subject, writer, signers, rules, keygen, set_aside)
    counted = _counted(subject, writer, alone, signers, rules, keygen, set_aside)
    groups = tuple(
        (group, sum(group.has(one.principals) for one in counted))
        for group in rules.groups
        if group.concerns(subject.disruption)
    )
    lacking = _lacking(len(counted), groups, rules, subject.disruption)
    if not alone:
        reasons += lacking
    return Verdict(writer, tuple(counted), rules.required, tuple(reasons), tuple(set_aside), groups, alone, not lacking)


def _counted(
    subject: Subject,
    writer: Signer | None,
    alone: tuple[Signer, ...],
    signers: Signers,
    rules: ApprovalRules,
    keygen: Keygen,
    set_aside: list[str],
) -> list[Signer]:
    text = subject.signed(rules, emergency=bool(alone))
    counted: list[Signer] = []
    for name, signature in subject.approvals:
        found = keygen.verify(text, signature, signers)
        if isinstance(found, Bad):
            why = found.why
            if rules.rehearsal and not isinstance(keygen.verify(subject.identity, signature, signers), Bad):
                why = "it does not sign the rehearsal, and the rules ask for that"
            set_aside.append(f"approvals/{name}.sig does not count: {why}")
        elif _is_author(found, subject.author, writer):
            set_aside.append(f"approvals/{name}.sig does not count: it is the author's")
        elif any(found.same_person(one) for one in alone):
            set_aside.append(f"approvals/{name}.sig does not count: {found.name} approved it in the emergency")
        elif any(found.same_person(other) for other in counted):
            set_aside.append(f"approvals/{name}.sig does not count: {found.name} has approved already")
        else:
            counted.append(found)
    return counted


def _lacking(
    count: int, groups: tuple[tuple[Group, int], ...], rules: ApprovalRules, disruption: Disruption
) -> list[str]:
    """Which approvals are still missing, a sentence each."""
    lacking = [] if count >= rules.required else [f"it has {count} of {rules.required} approvals"]
    for group, have in groups:
        if have < group.required:
            people = ", ".join(group.members)
            lacking.append(
                f"it has {have} of {group.required} approvals of the group {group.name} ({people}), "
                f"which a {disruption} needs"
            )
    return lacking


def _emergencies(
    subject: Subject,
    writer: Signer | None,
    signers: Signers,
    rules: ApprovalRules,
    keygen: Keygen,
    set_aside: list[str],
) -> tuple[Signer, ...]:
    """Who approved in an emergency, as far as the rules allow it."""
    allowed: list[Signer] = []
    for name, signature in subject.emergencies:
        found = keygen.verify(subject.identity, signature, signers, EMERGENCY)
        if rules.emergency == "never":
            why = "the rules allow no approval of an emergency"
        elif isinstance(found, Bad):
            why = found.why
        elif rules.emergency == "another" and _is_author(found, subject.author, writer):
            why = "it is the author's"
        else:
            allowed.append(found)
            continue
        set_aside.append(f"emergency/{name}.sig does not count: {why}")
    return tuple(allowed)


def _author(
    identity: str, author: str, signature: bytes | None, signers: Signers, keygen: Keygen, reasons: list[str]
) -> Signer | None:
    """The author, proven by signature; else None, with a reason added."""
    if signature is None:
        reasons.append(f'its author "{author}" has not signed it')
        return None
    found = keygen.verify(identity, signature, signers)
    if isinstance(found, Bad):
        reasons.append(f"the author's signature does not count: {found.why}")
        return None
    if author.casefold() not in {name.casefold() for name in found.principals}:
        reasons.append(f'it says that "{author}" is its author, but "{found.name}" signed as author')
        return None
    return found


def _is_author(found: Signer, author: str, writer: Signer | None) -> bool:
    return author.casefold() in {name.casefold() for name in found.principals} or (
        writer is not None and found.same_person(writer)
    )
