"""Approvals attacked: by whoever may push a branch, craft a plan by hand, or put files beside a plan."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from auditor.errors import RefusedError
from tests.fakes.fleets import TestFleet

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
