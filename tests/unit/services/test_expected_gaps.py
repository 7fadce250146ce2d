"""Gaps that the inventory declares: still shown, never a pass, and not what makes a run incomplete."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.cli import main
from auditor.errors import InputError
from auditor.evidence.compare import State, compare
from auditor.model.finding import CheckReport
from auditor.model.resource import Resource
from auditor.model.snapshot import Cause, Collected, ExpectedGap, Gap, Interpretation
from auditor.model.target import LocalTree, Target
from auditor.model.value import Duration
from auditor.policy.rules import load_policy
from auditor.services.check import run_check
from auditor.services.expected_gaps import Expectation, Expectations
from auditor.services.fleet import load_fleet
from tests.unit.policy.kinds import KINDS, route, rule

TODAY = date(2026, 11, 22)
POLICY = load_policy([("own.yaml", rule("self.read_timeout <= duration('60s')"))], KINDS)
WHOLE = Gap("whole target", "unreachable", "cannot reach it", "Check the network.")
GOOD = route(read_timeout=Duration(30))


def expectation(target: str = "web9", *, days: int = 10, **more: Any) -> Expectation:
    given_ = {"reason": "in repair", "owner": "ops", "file": "auditor.yaml", "line": 7, **more}
    return Expectation(target, expires=TODAY + timedelta(days=days), **given_)


@dataclass(frozen=True)
class Seen:
    target: Target
    collected: Collected
    interpretation: Interpretation


def seen(host: str, *gaps: Gap, resources: tuple[Resource, ...] = ()) -> Seen:
    target = Target(host, "httpd", LocalTree("/etc/httpd"), groups=("all", "standby"))
    interpretation = Interpretation(target.name, "httpd", resources, gaps)
    return Seen(target, Collected(target.name, "httpd", (), (), gaps), interpretation)


def check(*observed: Seen, expected: tuple[Expectation, ...] = ()) -> CheckReport:
    async def stream() -> AsyncIterator[Seen]:
        for one in observed:
            yield one

    return asyncio.run(run_check(stream(), POLICY, (), TODAY, expected=Expectations(expected, TODAY)))


def test_a_machine_in_repair_does_not_make_the_run_incomplete() -> None:
    observed = (seen("web1", resources=(GOOD,)), seen("web9", WHOLE))
    assert not check(*observed).complete
    report = check(*observed, expected=(expectation(),))
    assert report.complete
    web9 = report.targets[1]
    assert [(gap.what, gap.counts, gap.complete) for gap in web9.gaps] == [("whole target", False, False)]
    assert [(one.outcome, one.expected) for one in web9.results] == [("not evaluated", True)]
    assert "as expected until 2026-12-02 (ops: in repair)" in web9.results[0].reason
    assert report.notes == ()


@pytest.mark.parametrize("word", ["web9", "web*", "web9/httpd", "*/httpd", "standby", "all"])
def test_hosts_targets_groups_and_patterns_are_meant(word: str) -> None:
    assert check(seen("web9", WHOLE), expected=(expectation(word),)).complete


@pytest.mark.parametrize("word", ["web", "web90", "web9/ilo", "standb", "*9/ilo"])
def test_nobody_else_is(word: str) -> None:
    assert not check(seen("web9", WHOLE), expected=(expectation(word),)).complete


def test_only_what_was_declared_is_expected() -> None:
    named = expectation(what="whole target", causes=("unreachable", "timed out"))
    assert check(seen("web9", WHOLE), expected=(named,)).complete
    for other in (Gap("whole target", "refused", "no"), Gap("conf/httpd.conf", "unreachable", "no")):
        assert not check(seen("web9", other, resources=(GOOD,)), expected=(named,)).complete


def test_a_part_that_is_expected_does_not_excuse_examining_nothing() -> None:
    part = Gap("conf.d/x.conf", "not permitted", "no", kinds=("httpd.route",))
    assert not check(seen("web9", part), expected=(expectation(),)).complete


def test_the_last_day_counts_and_the_next_day_it_is_over() -> None:
    assert check(seen("web9", WHOLE), expected=(expectation(days=0),)).complete
    report = check(seen("web9", WHOLE), expected=(expectation(days=-1),))
    assert not report.complete
    assert report.targets[0].gaps == (WHOLE,)
    [note] = report.notes
    assert note.startswith("auditor.yaml:7: the gap expected on web9 was expected until 2026-11-21; it counts again")


def test_what_did_not_occur_is_said_and_harms_nothing() -> None:
    report = check(seen("web9", resources=(GOOD,)), expected=(expectation(), expectation("web8")))
    assert report.complete
    [note] = report.notes
    assert (
        note == "auditor.yaml:7: the gap expected on web9 did not occur: it is expected until 2026-12-02 (owner: ops)"
    )
    [note] = check(seen("web9", resources=(GOOD,)), expected=(expectation(days=-1),)).notes
    assert "take the entry out" in note


CAUSES = st.sampled_from(get_args(Cause))
GAPS = st.lists(
    st.builds(Gap, st.sampled_from(["whole target", "a", "b"]), CAUSES, kinds=st.sampled_from([(), ("httpd.route",)])),
    max_size=4,
)
ENTRIES = st.lists(
    st.builds(
        expectation,
        st.sampled_from(["web9", "web1", "*"]),
        days=st.integers(-2, 2),
        what=st.sampled_from(["", "a", "w*"]),
        causes=st.lists(CAUSES, max_size=2).map(tuple),
    ),
    max_size=4,
)


@given(GAPS, ENTRIES)
def test_no_declaration_turns_anything_into_a_pass(gaps: list[Gap], entries: list[Expectation]) -> None:
    observed = seen("web9", *gaps, resources=(GOOD,))
    plain, told = check(observed), check(observed, expected=tuple(entries))
    outcomes = [[result.outcome for result in one.targets[0].results] for one in (plain, told)]
    assert outcomes[0] == outcomes[1]
    covered = all(
        any(one.concerns(observed.target) and one.covers(gap) and one.expires >= TODAY for one in entries)
        for gap in gaps
    )
    assert told.complete == covered
    if plain.complete:
        assert told.complete


def test_what_an_expected_gap_hides_is_expected_not_to_be_compared() -> None:
    part = Gap("conf.d/x.conf", "not permitted", "no", kinds=("httpd.route",))
    expected = ExpectedGap(*(getattr(part, name) for name in Gap.__struct_fields__), owner="ops", until="2026-12-02")
    for gap, counts in ((part, True), (expected, False)):
        before, now = seen("web9", resources=(GOOD,)), seen("web9", gap)
        drift = compare(State(before.collected, before.interpretation), State(now.collected, now.interpretation))
        assert drift.changes == ()
        derived = [one for one in drift.gaps if one != gap]
        assert derived
        assert [one.counts for one in drift.gaps] == [counts] * len(drift.gaps)


# The inventory

HEAD = "format: auditor.fleet/v1\nfleet: {id: fleet-1, key_id: 00abcdef}\n"
HOSTS = "hosts:\n  web1: {groups: [front], httpd: {tree: web1}}\n  web9: {httpd: {tree: web9}}\n"
FULL = "{target: web9, what: whole*, cause: [absent], reason: standby, owner: ops, expires: 2027-01-31, ticket: OPS-7}"


def test_entries_are_read_with_their_place(tmp_path: Path) -> None:
    (tmp_path / "auditor.yaml").write_text(f"{HEAD}{HOSTS}expected_gaps:\n  - {FULL}\n")
    assert load_fleet(tmp_path).expected_gaps == (
        Expectation("web9", "standby", "ops", date(2027, 1, 31), "whole*", ("absent",), "OPS-7", "auditor.yaml", 7),
    )


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{target: web9, reason: standby, owner: ops}", "an expected gap needs expires"),
        ("{reason: standby, owner: ops, expires: 2027-01-31}", "needs target"),
        ("{}", "needs target, reason, owner, expires"),
        ("web9", "a mapping is expected"),
        (FULL.replace("2027-01-31", "2027-02-30"), "is not a day"),
        (FULL.replace("2027-01-31", "soon"), "is not a day"),
        (FULL.replace("target: web9", "target: wbe9"), "did you mean web9"),
        (FULL.replace("target: web9", "target: db*"), "no target of the inventory is 'db*'"),
        (FULL.replace("absent", "gone"), "there is no cause 'gone'"),
        (FULL.replace("what:", "waht:"), "did you mean what"),
        (FULL.replace("[absent]", "{absent: 1}"), "a list is expected"),
    ],
)
def test_mistakes_have_their_line(written: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "auditor.yaml").write_text(f"{HEAD}{HOSTS}expected_gaps:\n  - {written}\n")
    with pytest.raises(InputError) as caught:
        load_fleet(tmp_path)
    assert told in str(caught.value)
    assert "auditor.yaml:7" in str(caught.value)


# The commands


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A fleet of a server that is there and a standby without one."""
    monkeypatch.chdir(tmp_path)
    conf = tmp_path / "web1/conf"
    conf.mkdir(parents=True)
    (conf / "httpd.conf").write_text('ServerRoot "/etc/httpd"\nServerName web1\nTimeout 60\n')
    assert main(["init", "fleet"]) == 0
    file = tmp_path / "fleet/auditor.yaml"
    hosts = "".join(f"  {name}: {{httpd: {{tree: ../{name}, httpd_version: 2.4.62}}}}\n" for name in ("web1", "web9"))
    file.write_text(file.read_text().replace("hosts: {}\n", f"hosts:\n{hosts}"))
    monkeypatch.chdir(tmp_path / "fleet")
    capsys.readouterr()
    return file


def declare(file: Path, until: date) -> None:
    entry = f"{{target: web9, reason: standby of web1, owner: team-ops, expires: {until}}}"
    written = file.read_text().partition("\nexpected_gaps:")[0]
    file.write_text(f"{written}\nexpected_gaps:\n  - {entry}\n")


def report(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = main([*words, "--format", "json"])
    return code, json.loads(capsys.readouterr().out)


def test_every_command_knows_what_is_expected(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # what web1's files alone cannot tell (its modules) is no matter here: only web9 is looked at for completeness
    today = date.today()
    code, told = report(capsys, "snapshot")
    assert (code, told["complete"], told["coverage"]) == (3, False, {"seen": 1, "targets": 2})
    declare(fleet, today + timedelta(days=900))
    code, told = report(capsys, "snapshot")
    assert (code, told["complete"], told["coverage"]) == (0, True, {"seen": 1, "targets": 2})
    [gap] = told["targets"][1]["gaps"]
    assert gap["expected"]["owner"] == "team-ops"
    code, told = report(capsys, "drift")
    assert (code, told["complete"], [one["seen"] for one in told["targets"]]) == (0, True, [True, False])
    code, told = report(capsys, "check", "web9")
    assert (code, told["complete"]) == (0, True)
    assert {result["outcome"] for result in told["targets"][0]["results"]} == {"not evaluated"}
    assert main(["check", "web9"]) == 0
    said = capsys.readouterr().out
    assert "Nothing was examined: this is no pass." in said
    assert "Not seen, as expected" in said
    assert "team-ops: standby of web1" in said
    declare(fleet, today - timedelta(days=900))
    for command in ("snapshot", "drift"):
        code, told = report(capsys, command)
        assert (code, told["complete"]) == (3, False)
        assert any("it counts again" in note for note in told.get("notes", told.get("warnings", [])))
    assert report(capsys, "check", "web1", "web9")[0] == 3


def test_the_store_knows_nothing_of_it(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report(capsys, "snapshot")
    _, before = report(capsys, "snapshot")
    declare(fleet, date(2099, 1, 1))
    _, after = report(capsys, "snapshot")
    assert before["tree"] == after["tree"]
    git = ["git", "-C", ".auditor/store.git", "cat-file", "--batch", "--batch-all-objects"]
    kept = subprocess.run(git, capture_output=True, check=True, timeout=60).stdout
    assert b"team-ops" not in kept
    assert b"standby of" not in kept
