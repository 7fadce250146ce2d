"""Verifying the ledger: every planted alteration is found, and nothing is found where there is none."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from auditor.cli.forms import changes
from auditor.errors import RefusedError
from auditor.model.event import Event
from auditor.plan.journal import OUTCOME
from auditor.report.interface import Style
from auditor.services.changes import Judged, SetWay, apply_plan, approve_plan, propose_plan, rollback_plan, show_plan
from auditor.services.check import default_policy
from auditor.services.emergencies import unreviewed
from auditor.services.ledger_check import verify_ledger
from auditor.store import Store
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from tests.fakes.fleets import TestFleet
from tests.virtual_ilo import PASSWORD, USERNAME, with_ilo

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> TestFleet:
    """A fleet in which one plan was applied and another rolled back."""
    folder = tmp_path_factory.mktemp("ledger")

    async def live(ilo: VirtualIlo) -> TestFleet:
        hosts = f"  web1:\n    ilo: {{url: '{ilo.url}', cafile: {ilo.cafile}}}\n"
        login = {"AUDITOR_ILO_USERNAME": USERNAME, "AUDITOR_ILO_PASSWORD": PASSWORD}
        fleet = TestFleet(folder / "fleet", hosts).make(login)
        for number in range(2):
            made = await propose_plan(
                fleet.desk(),
                SetWay((f'web1/ilo:ilo.snmp["1"].location=rack {number}',)),
                reason="why",
                author="ops1",
                judged_by=Judged(default_policy(("ilo",))),
                key=fleet.key("ops1"),
            )
            approve_plan(fleet.desk(), made.id, fleet.key("lead1"))
            await apply_plan(fleet.desk(), made.id)
        await rollback_plan(fleet.desk(), made.id)
        return fleet

    return with_ilo(live)


@pytest.fixture
def fleet(lived: TestFleet, tmp_path: Path) -> TestFleet:
    """A copy of it, to be tampered with; it was verified once."""
    shutil.copytree(lived.root.parent, tmp_path / "copy", symlinks=True)
    copy = TestFleet(tmp_path / "copy" / "fleet", lived.hosts, lived.environment)
    found = verify_ledger(copy.desk())
    assert (found.altered, found.unverified) == ((), ())
    return copy


def git(fleet: TestFleet, *words: str, given: bytes = b"") -> str:
    """Git on the store as somebody with the right to write to it runs it."""
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.invalid")
    command = ["git", "-C", str(fleet.root / ".auditor/store.git"), *identity, *words]
    return subprocess.run(command, input=given, capture_output=True, check=True, timeout=30).stdout.decode().strip()


def entries(fleet: TestFleet) -> list[str]:
    return git(fleet, "ls-tree", "-r", "--name-only", "ledger").splitlines()


def rewritten(fleet: TestFleet, change: Callable[[dict[str, str]], None]) -> None:
    """A commit on the ledger whose files are those before it, changed."""
    files = {path: git(fleet, "rev-parse", f"ledger:{path}") for path in entries(fleet)}
    change(files)
    index = fleet.root / "index"
    index.unlink(missing_ok=True)
    listed = "".join(f"100644 {blob} 0\t{path}\n" for path, blob in files.items())
    environment = ["env", f"GIT_INDEX_FILE={index}", "git", "-C", str(fleet.root / ".auditor/store.git")]
    subprocess.run([*environment, "update-index", "--index-info"], input=listed.encode(), check=True)
    tree = subprocess.run([*environment, "write-tree"], capture_output=True, check=True).stdout.decode().strip()
    commit = git(fleet, "commit-tree", tree, "-p", "ledger", "-m", "tidy")
    git(fleet, "update-ref", "refs/heads/ledger", commit)


def test_what_was_written_by_the_auditor_alone_is_verified(fleet: TestFleet) -> None:
    found = verify_ledger(fleet.desk())
    assert found.entries == found.sealed == len(entries(fleet)) == 7
    assert found.signatures == 4, "two authors and two approvals"
    assert found.since, "its tip was remembered the first time"


def other_actor(fleet: TestFleet) -> None:
    path = next(one for one in entries(fleet) if "-applied-" in one)
    content = git(fleet, "show", f"ledger:{path}").replace('"web1/ilo"', '"web9/ilo"')
    blob = git(fleet, "hash-object", "-w", "--stdin", given=content.encode() + b"\n")
    rewritten(fleet, lambda files: files.update({path: blob}))


def removed(fleet: TestFleet) -> None:
    path = next(one for one in entries(fleet) if "-rolled-back-" in one)
    rewritten(fleet, lambda files: files.pop(path) and None)


def cut_off(fleet: TestFleet) -> None:
    git(fleet, "update-ref", "refs/heads/ledger", "ledger~1")


def dropped_from_the_middle(fleet: TestFleet) -> None:
    tree = git(fleet, "rev-parse", "ledger^{tree}")
    message = git(fleet, "log", "-1", "--format=%B", "ledger")
    commit = git(fleet, "commit-tree", tree, "-p", "ledger~2", "-m", message)
    git(fleet, "update-ref", "refs/heads/ledger", commit)


def merged(fleet: TestFleet) -> None:
    tree = git(fleet, "rev-parse", "ledger^{tree}")
    commit = git(fleet, "commit-tree", tree, "-p", "ledger", "-p", "ledger~2", "-m", "merge")
    git(fleet, "update-ref", "refs/heads/ledger", commit)


def planted_without_the_key(fleet: TestFleet) -> None:
    plan = next(iter((fleet.root / "plans").iterdir())).name
    with Store.open(fleet.root / ".auditor/store.git") as store:
        store.append_event(Event("refused", "2026-11-22T02:00:00Z", plan=plan, targets=("web1/ilo",)))


def written_anew(fleet: TestFleet) -> None:
    with Store.open(fleet.root / ".auditor/store.git") as store:
        events = store.events()
    git(fleet, "update-ref", "-d", "refs/heads/ledger")
    with Store.open(fleet.root / ".auditor/store.git") as store:
        for event in events[:2] + events[3:]:  # even by somebody with the key
            store.append_event(event, fleet.desk().sealer)


def approval_gone(fleet: TestFleet) -> None:
    next((fleet.root / "plans").glob("*/approvals/*.sig")).unlink()


def author_gone(fleet: TestFleet) -> None:
    next((fleet.root / "plans").glob("*/author.sig")).unlink()


def approval_of_another_plan(fleet: TestFleet) -> None:
    one, two = sorted((fleet.root / "plans").glob("*/approvals/*.sig"))
    one.write_bytes(two.read_bytes())


def plan_changed(fleet: TestFleet) -> None:
    path = next((fleet.root / "plans").glob("*/plan.json"))
    path.write_bytes(path.read_bytes().replace(b"rack", b"rock"))


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (other_actor, "does more than add one entry"),
        (removed, "does more than add one entry"),
        (cut_off, "was written anew: it does not hold"),
        (dropped_from_the_middle, "does not stand on|more than add|seal"),
        (merged, "does not stand on the entry before it"),
        (planted_without_the_key, "it has no seal, and entries before it have one"),
        (written_anew, "was written anew"),
        (approval_gone, "its signature is gone"),
        (author_gone, "the author's signature of plan .* is gone"),
        (approval_of_another_plan, "not good for this plan"),
        (plan_changed, "bytes were changed"),
    ],
)
def test_each_planted_alteration_is_found(tamper: Callable[[TestFleet], None], said: str, fleet: TestFleet) -> None:
    tamper(fleet)
    found = verify_ledger(fleet.desk())
    assert any(re.search(said, one) for one in found.altered), found
    again = verify_ledger(fleet.desk())
    assert again.altered == found.altered, "what was found once is not forgotten"


def test_an_outcome_that_the_journal_recorded_and_the_ledger_lacks_is_found(fleet: TestFleet) -> None:
    git(fleet, "update-ref", "-d", "refs/heads/ledger")
    (fleet.root / ".auditor/ledger.json").unlink()
    found = verify_ledger(fleet.desk())
    assert sum("the ledger does not say so" in one for one in found.altered) == 3
    assert "nothing to verify" in found.unverified[0]


def test_journals_that_cannot_be_looked_for_are_not_verified(fleet: TestFleet) -> None:
    journals = fleet.desk().journals
    shutil.rmtree(journals)
    journals.symlink_to(journals)
    found = verify_ledger(fleet.desk())
    assert found.altered == ()
    assert any("journals cannot be looked for" in one for one in found.unverified), found


def test_a_plan_that_was_carried_out_elsewhere_is_not_shown_as_ready(fleet: TestFleet) -> None:
    """Its journal stands on the controller that applied it; the ledger tells of it everywhere."""
    shutil.rmtree(fleet.desk().journals)
    became = set[str]()
    for path in (fleet.root / "plans").glob("*/plan.json"):
        shown = asyncio.run(show_plan(fleet.desk(), path.parent.name))
        assert any("carried out already" in one for one in shown.reasons), shown.reasons
        became |= {what for _, what in shown.outcomes}
    assert became == {"applied", "rolled back"}


def test_a_ledger_written_anew_without_any_seal_is_not_verified(fleet: TestFleet) -> None:
    with Store.open(fleet.root / ".auditor/store.git") as store:
        events = store.events()
    git(fleet, "update-ref", "-d", "refs/heads/ledger")
    with Store.open(fleet.root / ".auditor/store.git") as store:
        for event in events:
            store.append_event(event)
    (fleet.root / ".auditor/ledger.json").unlink()  # as in a fresh clone
    found = verify_ledger(fleet.desk())
    assert found.sealed == 0
    assert any("7 entries bear no seal" in one for one in found.unverified), found


def test_a_key_that_may_not_sign_any_more_is_no_alteration_but_cannot_be_verified(fleet: TestFleet) -> None:
    approvers = fleet.root / "approvers"
    approvers.write_text(re.sub("(?m)^lead1.*\n", "", approvers.read_text()))
    fleet.commit("lead1 has left")
    found = verify_ledger(fleet.desk())
    assert found.altered == ()
    assert sum("no allowed signer" in one for one in found.unverified) == 2


def test_plans_that_are_not_here_cannot_be_verified(fleet: TestFleet) -> None:
    shutil.rmtree(fleet.root / "plans")
    found = verify_ledger(fleet.desk())
    assert found.altered == ()
    assert len(found.unverified) == 2


def test_the_command_says_it_in_its_exit_code(fleet: TestFleet) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "auditor", "history", "--verify", *words]
        return subprocess.run(
            command, cwd=fleet.root, env=fleet.environment, capture_output=True, text=True, check=False, timeout=60
        )

    done = run()
    assert done.returncode == 0
    assert "The ledger is as it was written" in done.stdout
    assert run("web1/ilo").returncode == 2
    approval_gone(fleet)
    assert run().returncode == 1
    assert "改変" in run("--lang", "ja").stdout


def test_a_planted_review_hides_no_emergency_from_a_report(fleet: TestFleet) -> None:
    desk = fleet.desk()
    plan = desk.events("")[0].plan
    desk.append(Event("emergency approved", "2026-11-22T10:00:00Z", plan=plan, actor="lead1", text="down; SSH key x"))
    (told,) = unreviewed(desk.fleet, fleet.environment)
    assert "was not reviewed yet" in told
    review = Event("reviewed", "2026-11-22T11:00:00Z", plan=plan, actor="lead2", text="fine; SSH key y")
    with Store.open(desk.fleet.store_path) as store:
        store.append_event(review)
    (told,) = unreviewed(desk.fleet, fleet.environment)
    assert "its review in the ledger bears no seal that counts" in told
    desk.append(msgspec.structs.replace(review, time="2026-11-22T12:00:00Z"))
    assert unreviewed(desk.fleet, fleet.environment) == ()


def test_a_run_that_was_ended_midway_is_shown_as_that_and_what_was_taken_back_as_ready(fleet: TestFleet) -> None:
    by_plan = {path.parent.name: path for path in fleet.desk().journals.glob("*/*.jsonl")}
    plan, path = next((name, path) for name, path in by_plan.items() if b"rolled back" not in path.read_bytes())
    lines = path.read_bytes().split(b"\0", 1)[0].splitlines(keepends=True)
    end = next(number for number, line in enumerate(lines) if json.loads(line)["act"] == OUTCOME)

    path.write_bytes(b"".join(lines[:end]))
    shown = asyncio.run(show_plan(fleet.desk(), plan))
    assert shown.reasons == ()
    assert shown.outcomes[0][1].startswith("under way, or ended midway"), shown.outcomes
    assert f"Next:  auditor rollback {plan[:8]}" in changes.show_plan(shown, Style())

    path.write_bytes(b"".join(lines[: end + 1]).replace(b'"applied"', b'"taken back"'))
    shown = asyncio.run(show_plan(fleet.desk(), plan))
    assert (shown.reasons, shown.outcomes) == ((), (("web1/ilo", "taken back"),))
    assert f"Next:  auditor apply {plan[:8]}" in changes.show_plan(shown, Style())

    path.write_bytes(b"".join(lines[: end + 1]).replace(b'"applied"', b'"incomplete"'))
    shown = asyncio.run(show_plan(fleet.desk(), plan))
    assert shown.reasons == ("it was carried out already: web1/ilo incomplete",)


def test_a_plan_in_another_name_than_the_keys_is_not_written(fleet: TestFleet) -> None:
    """Nobody could apply it, and its signature would look like an altered one ever after."""
    before = sorted((fleet.root / "plans").iterdir())
    tree = fleet.root.parent / "httpd"
    tree.mkdir()
    (tree / "httpd.conf").write_text("Timeout 60\n")
    file = fleet.root / "auditor.yaml"
    file.write_text(file.read_text().replace("hosts:\n", f"hosts:\n  web2:\n    httpd: {{tree: {tree}}}\n"))
    how = {"reason": "why", "judged_by": Judged(default_policy(("httpd",))), "key": fleet.key("ops1")}
    way = SetWay(('web2/httpd:httpd.server["main"].timeout=50s',))
    with pytest.raises(RefusedError, match='"ops1"\'s, and the plan would name "root"') as refused:
        asyncio.run(propose_plan(fleet.desk(), way, author="root", **how))  # type: ignore[arg-type]
    assert "No plan was written." in str(refused.value)
    assert "--author ops1" in str(refused.value)
    assert sorted((fleet.root / "plans").iterdir()) == before
    made = asyncio.run(propose_plan(fleet.desk(), way, author="ops1", **how))  # type: ignore[arg-type]
    assert (made.signed, made.warnings) == (True, ())
    assert verify_ledger(fleet.desk()).altered == ()
