"""Signatures by the real ssh-keygen."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from auditor.errors import RefusedError
from auditor.model.plan import Disruption
from auditor.plan.approvals import Bad, Keygen, Signer, Subject, Verdict, judge
from auditor.plan.rules import ApprovalRules, Emergency, Group
from auditor.plan.signers import Signers, read_signers

PLAN, OTHER = "ab" * 32, "cd" * 32


class People:
    """Keys of people, made when first named, and the file of allowed signers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keygen = Keygen(dict(os.environ))

    def key(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True, timeout=30
            )
        return path

    def line(self, name: str, key: str = "", options: str = 'namespaces="auditor-plan"') -> str:
        return f"{name} {options} {self.key(key or name).with_suffix('.pub').read_text().strip()}\n"

    def signers(self, *lines: str) -> Signers:
        return read_signers("".join(lines).encode())

    def judge(
        self,
        signers: Signers,
        author: bytes | None,
        *approvals: bytes,
        required: int = 1,
        emergencies: tuple[bytes, ...] = (),
        rules: ApprovalRules | None = None,
        disruption: Disruption = "reload",
        rehearsal: str = "",
    ) -> Verdict:
        def named(signatures: tuple[bytes, ...]) -> tuple[tuple[str, bytes], ...]:
            return tuple((f"a{number}", one) for number, one in enumerate(signatures))

        subject = Subject(PLAN, "ops1", disruption, author, named(approvals), named(emergencies), rehearsal)
        return judge(subject, signers=signers, rules=rules or ApprovalRules(required), keygen=self.keygen)


@pytest.fixture
def people(tmp_path: Path, ssh_keygen: str) -> People:
    return People(tmp_path)


def test_the_author_and_another_are_enough(people: People) -> None:
    signers = people.signers(people.line("ops1"), people.line("lead1"))
    author, lead = (people.keygen.sign(PLAN, people.key(name)) for name in ("ops1", "lead1"))
    verdict = people.judge(signers, author, lead)
    assert verdict.enough
    assert verdict.author is not None
    assert (verdict.author.name, [one.name for one in verdict.approvers]) == ("ops1", ["lead1"])
    assert verdict.author.key.startswith("SHA256:")


def test_the_author_does_not_approve_the_own_plan_by_any_name_or_key(people: People) -> None:
    signers = people.signers(people.line("ops1"), people.line("lead1", key="ops1"), people.line("OPS1", key="second"))
    author, second = people.keygen.sign(PLAN, people.key("ops1")), people.keygen.sign(PLAN, people.key("second"))
    verdict = people.judge(signers, author, author, second)
    assert verdict.reasons == ("it has 0 of 1 approvals",)
    assert all("author's" in line for line in verdict.set_aside)


def test_one_person_counts_once(people: People) -> None:
    signers = people.signers(people.line("ops1"), people.line("lead1"), people.line("lead2", key="lead1"))
    author, lead = (people.keygen.sign(PLAN, people.key(name)) for name in ("ops1", "lead1"))
    verdict = people.judge(signers, author, lead, lead, required=2)
    assert verdict.reasons == ("it has 1 of 2 approvals",)


BOTH = 'namespaces="auditor-plan,auditor-emergency"'
HARDWARE = ApprovalRules(groups=(Group("hardware", ("hw1", "hw2"), 1, "reboot"),))


@pytest.mark.parametrize(("disruption", "enough"), [("reload", True), ("iLO reset", True), ("reboot", False)])
def test_a_group_has_to_approve_what_disrupts_as_much_as_it_is_for(
    people: People, disruption: Disruption, enough: bool
) -> None:
    signers = people.signers(*(people.line(name) for name in ("ops1", "lead1", "hw1")))
    author, lead, hardware = (people.keygen.sign(PLAN, people.key(name)) for name in ("ops1", "lead1", "hw1"))
    verdict = people.judge(signers, author, lead, rules=HARDWARE, disruption=disruption)
    assert verdict.enough == enough
    if not enough:
        assert verdict.reasons == ("it has 0 of 1 approvals of the group hardware (hw1, hw2), which a reboot needs",)
    assert people.judge(signers, author, hardware, rules=HARDWARE, disruption=disruption).enough


def test_where_the_rules_ask_for_a_rehearsal_an_approval_signs_its_record_too(people: People) -> None:
    rules = ApprovalRules(rehearsal=True)
    signers = people.signers(people.line("ops1"), people.line("lead1"))
    author, bare = (people.keygen.sign(PLAN, people.key(name)) for name in ("ops1", "lead1"))
    both = people.keygen.sign(f"{PLAN} {'ab' * 32}", people.key("lead1"))
    assert people.judge(signers, author, both, rules=rules, rehearsal="ab" * 32).enough
    found = people.judge(signers, author, bare, rules=rules, rehearsal="ab" * 32)
    assert not found.enough
    assert "does not sign the rehearsal" in found.set_aside[0]
    assert not people.judge(signers, author, both, rules=rules, rehearsal="cd" * 32).enough, "another record"
    assert not people.judge(signers, author, both).enough, "no rule asks for it: the id alone is signed"


@pytest.mark.parametrize(
    ("emergency", "who", "enough"),
    [
        ("never", "duty1", False), ("another", "duty1", True), ("another", "ops1", False), ("anyone", "ops1", True),
        ("anyone", "lead1", False),
    ],
)  # fmt: skip
def test_an_emergency_is_for_those_whom_rules_and_signers_allow_it(
    people: People, emergency: Emergency, who: str, enough: bool
) -> None:
    lines = (people.line("ops1", options=BOTH), people.line("duty1", options=BOTH), people.line("lead1"))
    author = people.keygen.sign(PLAN, people.key("ops1"))
    signature = people.keygen.sign(PLAN, people.key(who), "auditor-emergency")
    rules = ApprovalRules(2, HARDWARE.groups, emergency)
    verdict = people.judge(people.signers(*lines), author, emergencies=(signature,), rules=rules, disruption="reboot")
    assert verdict.enough == enough
    assert (verdict.emergency is not None) == enough
    assert not verdict.reviewed
    assert enough or "emergency/a0.sig does not count" in verdict.set_aside[0]


def test_neither_kind_of_approval_passes_for_the_other(people: People) -> None:
    signers = people.signers(people.line("ops1"), people.line("duty1", options=BOTH))
    author = people.keygen.sign(PLAN, people.key("ops1"))
    normal = people.keygen.sign(PLAN, people.key("duty1"))
    alone = people.keygen.sign(PLAN, people.key("duty1"), "auditor-emergency")
    rules = ApprovalRules(emergency="another")
    assert not people.judge(signers, author, alone, rules=rules).enough
    assert not people.judge(signers, author, emergencies=(normal,), rules=ApprovalRules(2, (), "another")).enough


def test_whoever_approved_in_the_emergency_does_not_review_it(people: People) -> None:
    signers = people.signers(people.line("ops1"), people.line("duty1", options=BOTH), people.line("lead1"))
    author, own, other = (people.keygen.sign(PLAN, people.key(name)) for name in ("ops1", "duty1", "lead1"))
    alone = (people.keygen.sign(PLAN, people.key("duty1"), "auditor-emergency"),)
    rules = ApprovalRules(emergency="another")
    assert not people.judge(signers, author, own, emergencies=alone, rules=rules).reviewed
    assert people.judge(signers, author, own, other, emergencies=alone, rules=rules).reviewed


def test_authorship_is_no_mere_claim(people: People) -> None:
    signers = people.signers(people.line("ops1"), people.line("lead1"), people.line("lead2"))
    lead, other = (people.keygen.sign(PLAN, people.key(name)) for name in ("lead1", "lead2"))
    assert "has not signed" in people.judge(signers, None, lead).reasons[0]
    assert '"lead2" signed as author' in people.judge(signers, other, lead).reasons[0]


def test_what_does_not_count_says_why(people: People) -> None:
    signers = people.signers(
        people.line("ops1"),
        people.line("lead1"),
        people.line("late", options='namespaces="auditor-plan",valid-before="20200101"'),
    )
    author = people.keygen.sign(PLAN, people.key("ops1"))
    wrong_space = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-n", "git", "-f", str(people.key("lead1"))],
        input=PLAN.encode(),
        capture_output=True,
        check=True,
        timeout=30,
    ).stdout
    line_end = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-n", "auditor-plan", "-f", str(people.key("lead1"))],
        input=PLAN.encode() + b"\n",
        capture_output=True,
        check=True,
        timeout=30,
    ).stdout
    bad = [
        b"garbage",
        b"",
        wrong_space,
        line_end,
        people.keygen.sign(OTHER, people.key("lead1")),
        people.keygen.sign(PLAN, people.key("late")),
        people.keygen.sign(PLAN, people.key("stranger")),
        people.keygen.sign(PLAN, people.key("lead1")).replace(b"A", b"B"),
    ]
    verdict = people.judge(signers, author, *bad)
    assert verdict.reasons == ("it has 0 of 1 approvals",)
    assert len(verdict.set_aside) == len(bad)


def test_a_trusted_authority_signs_for_others(people: People) -> None:
    subprocess.run(
        [
            "ssh-keygen",
            "-q",
            "-s",
            str(people.key("authority")),
            "-I",
            "x",
            "-n",
            "lead1",
            f"{people.key('lead1')}.pub",
        ],
        check=True,
        timeout=30,
        capture_output=True,
    )
    line = people.line("*", key="authority", options='cert-authority,namespaces="auditor-plan"')
    signature = people.keygen.sign(PLAN, people.folder / "lead1-cert.pub")
    found = people.keygen.verify(PLAN, signature, people.signers(line))
    assert isinstance(found, Signer)
    assert found.name == "lead1"
    assert isinstance(people.keygen.verify(PLAN, signature, people.signers(people.line("ops1"))), Bad)


def test_signing_leaves_no_file_and_asks_nothing(people: People) -> None:
    key = people.key("lead1")
    before = sorted(people.folder.iterdir())
    people.keygen.sign(PLAN, key)
    people.keygen.sign(PLAN, key)
    assert sorted(people.folder.iterdir()) == before
    with pytest.raises(RefusedError, match="did not sign"):
        people.keygen.sign(PLAN, people.folder / "missing")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("OpenSSH_7.4p1, OpenSSL 1.0.2k", "OpenSSH 7.4"),
        ("OpenSSH_8.8p1", "OpenSSH 8.8"),
        ("Dropbear", "cannot be told"),
    ],
)
def test_an_old_openssh_is_refused_in_words(tmp_path: Path, answer: str, why: str) -> None:
    fake = tmp_path / "ssh"
    fake.write_text(f"#!/bin/sh\necho '{answer}' >&2\n")
    fake.chmod(0o755)
    with pytest.raises(RefusedError, match=why):
        Keygen({"PATH": "/usr/bin:/bin"}, version_program=str(fake)).check_version()
    with pytest.raises(RefusedError, match="not installed"):
        Keygen({}, version_program=str(tmp_path / "none")).check_version()


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFHcQoGxTYdXD2zTRbVJPGEbPgcbhfHvYK3u0DyIyo4V"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"lead1 {KEY}", "any purpose"),
        (f'lead1 namespaces="git" {KEY}', "any purpose"),
        (f'lead1 namespaces="*" {KEY}', "any purpose"),
        (f'* namespaces="auditor-plan" {KEY}', "wildcard"),
        (f'lead?,x namespaces="auditor-plan" {KEY}', "wildcard"),
        (f'!lead1 namespaces="auditor-plan" {KEY}', "wildcard"),
        ('lead1 namespaces="auditor-plan" ssh-ed25519 AAAA', "not of the type"),
        ('lead1 namespaces="auditor-plan" ssh-ed25519 ===', "base64"),
        (f'lead1 namespaces="auditor-plan",touch="x" {KEY}', "unknown option"),
        (f'lead1 namespaces="auditor-plan",namespaces="git" {KEY}', "twice"),
        ("lead1", "PRINCIPAL"),
        ("lead1 \x00\xff", "PRINCIPAL"),
    ],
)
def test_a_line_that_allows_too_much_is_not_used(line: str, why: str) -> None:
    good = f'lead2 namespaces="auditor-plan" {KEY}\n'
    signers = read_signers(f"# people\n\n{line}\n{good}".encode())
    assert [(one.line, why in one.why) for one in signers.bad_lines] == [(3, True)], signers.bad_lines
    assert signers.principals == ("lead2",)
    assert signers.content.count(b"\n") == 1


def test_the_shipped_form_of_a_line_is_good() -> None:
    signers = read_signers(f'a@b.example,c namespaces="auditor-plan",valid-after="20200101" {KEY} who\n'.encode())
    assert signers.bad_lines == ()
    assert signers.principals == ("a@b.example", "c")
