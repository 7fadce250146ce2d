"""Approvals attacked: by whoever may push a branch, craft a plan by hand, or put files beside a plan."""

from __future__ import annotations

import asyncio
import errno
import shutil
import subprocess
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from auditor.errors import AuditorError, InputError, RefusedError, StoreError
from auditor.model.plan import Origin
from auditor.model.rehearsal import Rehearsal
from auditor.plan.approvals import Signer
from auditor.plan.build import PlanRequest, build_plan
from auditor.plan.folder import read_plan, write_author_signature, write_plan, write_signature
from auditor.plan.rehearsal import write_rehearsal
from auditor.services.changes import Desk, apply_plan, approve_plan, rehearse_plan, show_plan
from auditor.services.changes.desk import approval_event
from auditor.services.emergencies import unreviewed
from auditor.services.ledger_check import verify_ledger
from auditor.store import Store
from auditor.transport.acts import Acts
from tests.fakes.fleets import TestFleet
from tests.fakes.plans import proposal

pytestmark = pytest.mark.integration

HOSTS = "  web1:\n    httpd: {tree: /nowhere}\n"


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.invalid", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, check=True, timeout=30)
    return done.stdout.decode().strip()


@pytest.fixture
def server(tmp_path: Path, ssh_keygen: str) -> TestFleet:
    """The fleet as its server has it."""
    return TestFleet(tmp_path / "server", HOSTS, required=2).make()


@pytest.fixture
def clone(server: TestFleet, tmp_path: Path) -> TestFleet:
    """An operator's clone of it."""
    git(tmp_path, "clone", "-q", str(server.root), "clone")
    return TestFleet(tmp_path / "clone", HOSTS, server.environment)


def evil(server: TestFleet, old: str, new: str) -> None:
    """Pushes a branch that says something else, and lets a stranger sign."""
    git(server.root, "checkout", "-q", "-b", "evil")
    file = server.root / "auditor.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    stranger = (server.root / "approvers").read_text().replace("lead1 ", "stranger ")
    (server.root / "approvers").write_text(stranger)
    (server.root / "others").write_text(stranger)
    server.commit("evil")
    git(server.root, "checkout", "-q", "main")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("default_branch: main", "default_branch: evil"),
        ("approvers: approvers ", "approvers: others "),
        ("required: 2 ", "required: 1 "),
    ],
)
def test_a_branch_under_review_cannot_say_which_branch_counts_nor_which_file(
    server: TestFleet, clone: TestFleet, old: str, new: str
) -> None:
    evil(server, old, new)
    git(clone.root, "fetch", "-q", "origin")
    git(clone.root, "checkout", "-q", "evil")
    signers = clone.desk().signers()
    assert signers.principals == ("ops1", "lead1")
    assert signers.read_from.startswith("refs/remotes/origin/main at ")
    assert clone.desk().rules().required == 2


def test_the_protected_branch_itself_may_name_another_one(server: TestFleet, clone: TestFleet) -> None:
    git(server.root, "branch", "release")
    file = server.root / "auditor.yaml"
    file.write_text(file.read_text().replace("default_branch: main", "default_branch: release"))
    (server.root / "approvers").write_text("")
    server.commit("what counts is on release")
    git(clone.root, "fetch", "-q", "origin")
    signers = clone.desk().signers()
    assert signers.read_from.startswith("refs/remotes/origin/release at ")
    assert signers.principals == ("ops1", "lead1")


def test_a_link_of_the_work_tree_does_not_lead_to_another_file(server: TestFleet, clone: TestFleet) -> None:
    (server.root / "trust").mkdir()
    (server.root / "trust/approvers").write_text((server.root / "approvers").read_text())
    (server.root / "sample").mkdir()
    (server.root / "sample/approvers").write_text("")
    file = server.root / "auditor.yaml"
    file.write_text(file.read_text().replace("approvers: approvers ", "approvers: trust/approvers "))
    server.commit("in a folder")
    git(clone.root, "pull", "-q")
    git(clone.root, "rm", "-q", "-r", "trust")
    (clone.root / "trust").symlink_to("sample")
    assert clone.desk().signers().principals == ("ops1", "lead1")


def test_a_clone_that_does_not_know_the_servers_default_branch_says_how_to_ask(clone: TestFleet) -> None:
    git(clone.root, "remote", "set-head", "origin", "--delete")
    with pytest.raises(RefusedError, match="not known which branch of origin") as refused:
        clone.desk().signers()
    assert "git remote set-head origin --auto" in str(refused.value)


def test_no_tag_and_no_local_branch_passes_for_the_servers(clone: TestFleet) -> None:
    git(clone.root, "tag", "refs/remotes/origin/main")
    git(clone.root, "update-ref", "-d", "refs/remotes/origin/main")
    with pytest.raises(RefusedError, match="no branch 'main' of origin"):
        clone.desk().signers()


def test_replaced_objects_do_not_count(clone: TestFleet) -> None:
    (clone.root / "approvers").write_text("")
    blob = git(clone.root, "hash-object", "-w", "approvers")
    git(clone.root, "replace", git(clone.root, "rev-parse", "origin/main:approvers"), blob)
    assert clone.desk().signers().principals == ("ops1", "lead1")


BOTH = 'namespaces="auditor-plan,auditor-emergency"'


def emergency_fleet(folder: Path, *names: str, rules: str = "emergency: another") -> TestFleet:
    """A fleet whose rules allow emergencies, with more people."""
    fleet = TestFleet(folder / "fleet", HOSTS).make()
    lines = [(fleet.root / "approvers").read_text()]
    for name in names:
        path = fleet.key(name.replace("/", "-"))
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)
        lines.append(f"{name} {BOTH} {path.with_suffix('.pub').read_text()}")
    (fleet.root / "approvers").write_text("".join(lines))
    file = fleet.root / "auditor.yaml"
    file.write_text(file.read_text().replace("approvals:\n", f"approvals:\n  {rules}\n", 1))
    fleet.commit("rules and people")
    return fleet


def planned(fleet: TestFleet, reason: str = "why") -> str:
    """A plan of ops1's, signed."""
    desk = fleet.desk()
    origin = Origin("set", ("x",), key_id=desk.sealer.key_id)
    plan = build_plan([proposal("web1/httpd")], PlanRequest(reason, "ops1", origin, desk.clock()))
    identity = write_plan(desk.fleet.plans_path, plan)
    write_author_signature(desk.fleet.plans_path / identity, desk.keygen.sign(identity, fleet.key("ops1")))
    return identity


def later(fleet: TestFleet, hours: float) -> Desk:
    desk = fleet.desk()
    return replace(desk, clock=lambda: desk.clock() + timedelta(hours=hours))


def test_an_emergency_signed_elsewhere_is_recorded_before_anything_rests_on_it(tmp_path: Path, ssh_keygen: str) -> None:
    fleet = emergency_fleet(tmp_path, "duty1")
    plan = planned(fleet)
    desk = fleet.desk()
    signature = desk.keygen.sign(plan, fleet.key("duty1"), "auditor-emergency")
    write_signature(desk.fleet.plans_path / plan, "x", signature, emergency=True)
    assert unreviewed(desk.fleet, fleet.environment) == ()
    with suppress(AuditorError):
        asyncio.run(apply_plan(desk, plan))  # there is no such tree: what counts is what is known by then
    assert 'was approved by "duty1" alone' in unreviewed(desk.fleet, fleet.environment)[0]
    found = verify_ledger(fleet.desk())
    assert (found.altered, found.signatures) == ((), 2)


def test_an_approval_signed_elsewhere_is_recorded_too(tmp_path: Path, ssh_keygen: str) -> None:
    fleet = emergency_fleet(tmp_path)
    plan = planned(fleet)
    desk = fleet.desk()
    write_signature(desk.fleet.plans_path / plan, "x", desk.keygen.sign(plan, fleet.key("lead1")))
    for _ in range(2):
        with suppress(AuditorError):
            asyncio.run(apply_plan(fleet.desk(), plan))
    assert [event.actor for event in desk.events(plan) if event.kind == "approved"] == ["lead1"]
    assert verify_ledger(fleet.desk()).altered == ()


def test_people_who_approved_in_the_emergency_do_not_review_each_other(tmp_path: Path, ssh_keygen: str) -> None:
    fleet = emergency_fleet(tmp_path, "duty1", "duty2", "duty3")
    plan = planned(fleet)
    signature = fleet.desk().keygen.sign(plan, fleet.key("duty2"), "auditor-emergency")
    write_signature(fleet.root / "plans" / plan, "duty2", signature, emergency=True)
    with pytest.raises(RefusedError, match="no emergency is needed"):
        approve_plan(fleet.desk(), plan, fleet.key("duty1"), emergency=True, reason="fire")
    for name in ("duty2", "ops1"):
        with pytest.raises(RefusedError, match=r"cannot (review|approve)"):
            approve_plan(fleet.desk(), plan, fleet.key(name), review=True)
    by_hand = fleet.desk().keygen.sign(plan, fleet.key("duty1"), "auditor-emergency")
    write_signature(fleet.root / "plans" / plan, "duty1", by_hand, emergency=True)
    with pytest.raises(RefusedError, match="cannot review"):
        approve_plan(fleet.desk(), plan, fleet.key("duty1"), review=True)
    assert not asyncio.run(show_plan(fleet.desk(), plan)).reviewed
    approve_plan(fleet.desk(), plan, fleet.key("duty3"), review=True)
    assert asyncio.run(show_plan(fleet.desk(), plan)).reviewed


def test_whoever_approved_alone_does_not_review_it_once_the_signature_is_taken_away(
    tmp_path: Path, ssh_keygen: str
) -> None:
    fleet = emergency_fleet(tmp_path, "duty1")
    plan = planned(fleet)
    made = approve_plan(fleet.desk(), plan, fleet.key("duty1"), emergency=True, reason="fire")
    Path(made.file).unlink()
    with pytest.raises(RefusedError, match="cannot review"):
        approve_plan(fleet.desk(), plan, fleet.key("duty1"))
    assert len(unreviewed(fleet.desk().fleet, fleet.environment)) == 1
    assert "signature is gone" in verify_ledger(fleet.desk()).altered[0]


def test_an_emergency_is_reviewed_when_it_has_what_it_would_have_needed(tmp_path: Path, ssh_keygen: str) -> None:
    fleet = emergency_fleet(tmp_path, "duty1", "hw1", rules="groups: {hardware: {members: [hw1], at_least: reload}}")
    file = fleet.root / "auditor.yaml"
    file.write_text(file.read_text().replace("approvals:\n", "approvals:\n  emergency: anyone\n", 1))
    fleet.commit("emergencies")
    plan = planned(fleet)
    approve_plan(fleet.desk(), plan, fleet.key("duty1"), emergency=True, reason="fire")
    approve_plan(fleet.desk(), plan, fleet.key("lead1"), review=True)
    assert len(unreviewed(fleet.desk().fleet, fleet.environment)) == 1, "the group has not"
    reviewed = approve_plan(later(fleet, 24 * 30), plan, fleet.key("hw1"), review=True)
    assert (reviewed.reviewed, reviewed.missing) == (True, ())
    assert unreviewed(fleet.desk().fleet, fleet.environment) == ()
    assert verify_ledger(fleet.desk()).altered == ()


def test_garbage_beside_a_plan_makes_no_emergency_of_it(tmp_path: Path, ssh_keygen: str) -> None:
    fleet = emergency_fleet(tmp_path)
    plan = planned(fleet)
    write_signature(fleet.root / "plans" / plan, "x", b"garbage", emergency=True)
    with pytest.raises(RefusedError, match="in no emergency"):
        approve_plan(later(fleet, 24 * 30), plan, fleet.key("lead1"), review=True)
    assert not list((fleet.root / "plans" / plan).glob("approvals/*"))


def test_somebody_who_is_called_author_is_an_approver_like_any_other(tmp_path: Path, ssh_keygen: str) -> None:
    fleet = emergency_fleet(tmp_path, "author")
    plan = planned(fleet)
    assert approve_plan(fleet.desk(), plan, fleet.key("author")).missing == ()


def test_names_that_look_alike_as_files_have_a_file_each(tmp_path: Path, ssh_keygen: str) -> None:
    fleet = emergency_fleet(tmp_path, "team/a", "team:a")
    plan = planned(fleet)
    for number, name in enumerate(("team/a", "team:a"), 1):
        path = fleet.key(name.replace("/", "-"))
        assert approve_plan(fleet.desk(), plan, path).approvals == number


def test_a_link_beside_a_plan_is_not_followed(tmp_path: Path, ssh_keygen: str) -> None:
    fleet = emergency_fleet(tmp_path)
    plan = planned(fleet)
    folder = fleet.root / "plans" / plan
    (folder / "approvals").mkdir()
    (folder / "approvals/lead1.sig").symlink_to("/dev/zero")
    (folder / "approvals/lead2.sig").symlink_to(folder / "author.sig")
    assert [content for _, content in read_plan(fleet.root / "plans", plan).approvals] == [b"", b""]
    content = (folder / "plan.json").read_bytes()
    (folder / "plan.json").unlink()
    (folder / "elsewhere").write_bytes(content)
    (folder / "plan.json").symlink_to("elsewhere")
    with pytest.raises(InputError, match="cannot be read"):
        read_plan(fleet.root / "plans", plan)


def test_a_rehearsal_made_again_is_no_alteration_of_what_was_approved_before(tmp_path: Path, ssh_keygen: str) -> None:
    fleet = emergency_fleet(tmp_path, rules="rehearsal: required")
    plan = planned(fleet)
    for number in range(2):
        rehearsal = Rehearsal(plan, f"2026-11-22T12:00:0{number}Z", "ops1", "1", ())
        write_rehearsal(fleet.root / "plans" / plan, rehearsal, Acts())
        approve_plan(fleet.desk(), plan, fleet.key("lead1"))
        assert verify_ledger(fleet.desk()).altered == ()
    write_rehearsal(fleet.root / "plans" / plan, Rehearsal(plan, "2026-11-22T12:01:00Z", "ops1", "1", ()), Acts())
    assert verify_ledger(fleet.desk()).altered == (), "it is good for the record that was approved"


@pytest.mark.parametrize(("sealed", "verified"), [(True, True), (False, False)])
def test_a_key_that_expired_since_is_judged_by_the_time_of_a_sealed_entry(
    tmp_path: Path, ssh_keygen: str, sealed: bool, verified: bool
) -> None:
    fleet = emergency_fleet(tmp_path)
    plan = planned(fleet)
    stored = read_plan(fleet.root / "plans", plan)
    desk = fleet.desk()
    signature = desk.keygen.sign(plan, fleet.key("lead1"))
    signer = desk.keygen.verify(plan, signature, desk.signers())
    assert isinstance(signer, Signer)
    write_signature(stored.folder, "lead1", signature)
    event = approval_event("approved", stored, "2020-06-01T00:00:00Z", signer, "1 of 1", plan)
    with Store.open(desk.fleet.store_path) as store:
        store.append_event(event, desk.sealer if sealed else None)
    approvers = fleet.root / "approvers"
    limited = 'lead1 namespaces="auditor-plan",valid-before="20210101" '
    approvers.write_text(approvers.read_text().replace('lead1 namespaces="auditor-plan" ', limited))
    fleet.commit("lead1 until 2021")
    found = verify_ledger(fleet.desk())
    assert found.altered == ()
    assert (found.unverified == ()) == verified, found
    assert "no allowed signer's" in asyncio.run(show_plan(fleet.desk(), plan)).set_aside[0], "it approves nothing now"


def test_an_approval_of_one_fleets_plan_counts_in_no_other(tmp_path: Path, ssh_keygen: str) -> None:
    fleet = emergency_fleet(tmp_path)
    plan = planned(fleet)
    approve_plan(fleet.desk(), plan, fleet.key("lead1"))
    other = TestFleet(tmp_path / "other/fleet", HOSTS).make()
    (other.root / "approvers").write_text((fleet.root / "approvers").read_text())
    other.commit("the same people")
    shutil.copytree(fleet.root / "plans", other.root / "plans", dirs_exist_ok=True)
    with pytest.raises(RefusedError, match="made with the fleet key"):
        asyncio.run(apply_plan(other.desk(), plan))


class _FullAtTheRecord(Acts):
    def reached(self, act: str, path: str) -> None:
        if act == "create" and "rehearsal.json" in path:
            raise OSError(errno.ENOSPC, "No space left on device", path)


def test_a_rehearsal_that_cannot_be_recorded_is_no_mistake_of_whoever_asked(tmp_path: Path, ssh_keygen: str) -> None:
    fleet = emergency_fleet(tmp_path)
    plan = planned(fleet)
    with pytest.raises(StoreError, match="the record cannot be written: No space left on device") as full:
        asyncio.run(rehearse_plan(replace(fleet.desk(), acts=_FullAtTheRecord()), plan))
    assert "Free some space" in str(full.value)
