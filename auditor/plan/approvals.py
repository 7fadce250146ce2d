"""Signatures over a plan's id, made and verified by OpenSSH's ``ssh-keygen -Y`` (8.9 or later).

The signed bytes are the 64 digits of the id, without a line end. A signature holds no time: whether a plan or a key
has expired is decided now, by the verifier's own clock, never by what the signature's maker says.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from auditor.errors import RefusedError
from auditor.plan.signers import NAMESPACE, Signers

_NEEDED: Final = (8, 9)
_DEADLINE_S: Final = 120
_GOOD: Final = re.compile(rf'Good "{NAMESPACE}" signature for (?P<who>\S+) with \S+ key (?P<key>SHA256:\S+)')
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
    signatures that do not count, with why.
    """

    author: Signer | None
    approvers: tuple[Signer, ...]
    required: int
    reasons: tuple[str, ...]
    set_aside: tuple[str, ...] = ()

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

    def sign(self, identity: str, key: Path) -> bytes:
        """A signature over a plan's id, by a private key's file, or by its ``.pub`` where an agent holds the key.

        Errors:
            RefusedError: OpenSSH is too old, there is no such key, or it could not sign.
        """
        self.check_version()
        # By standard input: ssh-keygen asks before it overwrites the signature of a named file, and then answers 0.
        done = self._run([self.program, "-Y", "sign", "-n", NAMESPACE, "-f", str(key)], identity.encode())
        if done.returncode or not done.stdout.startswith(_ARMOR):
            why = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise RefusedError(
                f"the key {key} did not sign: {why[-1][:300] if why else 'no reason was given'}.",
                untouched="Nothing was signed.",
                next_step="Give a key file without a passphrase, or its .pub with the key in an ssh-agent.",
            )
        return done.stdout

    def verify(self, identity: str, signature: bytes, signers: Signers) -> Signer | Bad:
        """Who signed this id, or why the signature does not count.

        Errors:
            RefusedError: OpenSSH is missing.
        """
        if not signature.startswith(_ARMOR):
            return Bad("it is not an SSH signature")
        with tempfile.TemporaryDirectory(prefix="auditor-") as folder:
            allowed, file = Path(folder, "approvers"), Path(folder, "signature")
            allowed.write_bytes(signers.content)
            file.write_bytes(signature)
            try:
                found = self._run([self.program, "-Y", "find-principals", "-f", str(allowed), "-s", str(file)], b"")
                names = tuple(dict.fromkeys(found.stdout.decode("utf-8", "replace").split()))
                if found.returncode or not names:
                    return Bad("its key is no allowed signer's, or is not valid today")
                done = self._run(
                    [
                        self.program,
                        "-Y",
                        "verify",
                        "-f",
                        str(allowed),
                        "-I",
                        names[0],
                        "-n",
                        NAMESPACE,
                        "-s",
                        str(file),
                    ],
                    identity.encode(),
                )
            except FileNotFoundError as error:
                raise _too_old("OpenSSH is not installed here") from error
        good = _GOOD.search(done.stdout.decode("utf-8", "replace"))
        if done.returncode or good is None:
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


def judge(
    identity: str,
    author: str,
    author_signature: bytes | None,
    approvals: Sequence[tuple[str, bytes]],
    *,
    signers: Signers,
    required: int,
    keygen: Keygen,
) -> Verdict:
    """What the signatures beside a plan are worth: the author's, and those of enough others.

    Errors:
        RefusedError: OpenSSH is missing or too old.
    """
    keygen.check_version()
    reasons: list[str] = []
    set_aside = [str(line) for line in signers.bad_lines]
    writer = _author(identity, author, author_signature, signers, keygen, reasons)
    counted: list[Signer] = []
    for name, signature in approvals:
        found = keygen.verify(identity, signature, signers)
        if isinstance(found, Bad):
            set_aside.append(f"approvals/{name}.sig does not count: {found.why}")
        elif _is_author(found, author, writer):
            set_aside.append(f"approvals/{name}.sig does not count: it is the author's")
        elif any(found.same_person(other) for other in counted):
            set_aside.append(f"approvals/{name}.sig does not count: {found.name} has approved already")
        else:
            counted.append(found)
    if len(counted) < required:
        reasons.append(f"it has {len(counted)} of {required} approvals")
    return Verdict(writer, tuple(counted), required, tuple(reasons), tuple(set_aside))


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
