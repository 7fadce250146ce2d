from __future__ import annotations

import errno
from pathlib import Path

import pytest

from auditor.errors import EXIT_PERSON_NEEDED, StoreError
from auditor.plan.journal import (
    FileJournal,
    JournalBusyError,
    is_busy,
    journal_path,
    journals_below,
    outcomes_of,
    read_entries,
    runs_of,
)
from tests.fakes.acts import CountingActs, FailingAt, Killed, KilledAt

PLAN = "ab" * 32


def journal(folder: Path, acts=None, direction="forward") -> FileJournal:  # type: ignore[no-untyped-def]
    path = journal_path(folder, PLAN, "web1/httpd@blue")
    return FileJournal(path, PLAN, "web1/httpd@blue", direction, acts or CountingActs())


def test_what_was_announced_is_read_again_in_order(tmp_path: Path) -> None:
    first = journal(tmp_path).open()
    first.begin()
    first.intent("1", "replace", file="a.conf")
    first.done("1", "replace")
    first.close()
    again = journal(tmp_path).open()
    entries = again.entries()
    again.close()
    assert [entry[:3] for entry in entries] == [
        ("", "run", "intent"),
        ("1", "replace", "intent"),
        ("1", "replace", "done"),
    ]
    assert entries[1][3] == {"file": "a.conf", "direction": "forward", "run": "1"}
    assert list(journals_below(tmp_path)) == [(PLAN, "web1/httpd@blue", first.path)]


def test_a_line_is_synced_before_intent_returns(tmp_path: Path) -> None:
    acts = CountingActs()
    opened = journal(tmp_path, acts).open()
    del acts.names[:]
    opened.intent("1", "replace")
    assert acts.names[-2:] == ["write", "sync"]
    opened.close()


def test_the_new_files_name_is_synced_too(tmp_path: Path) -> None:
    acts = CountingActs()
    journal(tmp_path, acts).open().close()
    assert "sync directory" in acts.names[acts.names.index("create") :]


def test_a_torn_line_announces_nothing_and_the_next_run_goes_on(tmp_path: Path) -> None:
    opened = journal(tmp_path).open()
    opened.begin()
    opened.acts = KilledAt(0, torn=True)
    with pytest.raises(Killed):
        opened.intent("1", "replace", file="a" * 300)
    assert opened.path.read_bytes().rstrip(b"\0").endswith(b"a")
    assert [entry.act for entry in read_entries(opened.path)] == ["run"]
    opened.close()  # as the kernel does
    again = journal(tmp_path).open()
    again.intent("1", "x")
    again.close()
    assert [entry.act for entry in read_entries(opened.path)] == ["run", "x"]


def test_a_line_that_could_not_be_synced_is_written_over(tmp_path: Path) -> None:
    opened = journal(tmp_path).open()
    opened.acts = FailingAt(0, errno.EIO, only=frozenset({"sync"}))
    with pytest.raises(StoreError, match="Input/output"):
        opened.intent("1", "a long name of an act that is longer than the next", file="b" * 200)
    opened.intent("1", "x")
    opened.close()
    assert [entry.act for entry in read_entries(opened.path)] == ["x"]


def test_space_for_taking_back_is_reserved(tmp_path: Path) -> None:
    opened = journal(tmp_path).open()
    opened.begin()
    opened.acts = FailingAt(0, errno.ENOSPC, only=frozenset({"allocate"}), ever=True)
    for number in range(20):
        opened.done("1", "restore", file=f"{number}")
    assert opened.path.stat().st_size >= 60_000
    opened.end("taken back")
    opened.acts = CountingActs()
    opened.close()
    assert opened.path.stat().st_size < 10_000


def test_a_full_disk_is_met_before_the_first_act(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No space"):
        journal(tmp_path, FailingAt(0, errno.ENOSPC, only=frozenset({"allocate"}))).open()


@pytest.mark.parametrize("spoil", [b"nonsense\n", b'{"sequence":1}\n'])
def test_damage_in_the_middle_is_an_error(tmp_path: Path, spoil: bytes) -> None:
    opened = journal(tmp_path).open()
    opened.begin()
    opened.end("applied")
    opened.close()
    opened.path.write_bytes(spoil + opened.path.read_bytes())
    with pytest.raises(StoreError, match="damaged") as caught:
        read_entries(opened.path)
    assert f"{opened.path}:1" in str(caught.value)
    assert "Compare web1/httpd@blue with its plan by hand" in str(caught.value)
    assert caught.value.exit_code == EXIT_PERSON_NEEDED


def test_a_missing_line_is_noticed(tmp_path: Path) -> None:
    opened = journal(tmp_path).open()
    for act in ("a", "b", "c"):
        opened.intent("1", act)
    opened.begin()
    opened.end("applied")
    opened.close()
    lines = opened.path.read_bytes().splitlines(keepends=True)
    opened.path.write_bytes(b"".join(lines[:1] + lines[2:]))
    with pytest.raises(StoreError, match="number 3"):
        read_entries(opened.path)


@pytest.mark.parametrize("blanked", [1, 2])
def test_a_hole_hides_no_act_behind_it(tmp_path: Path, blanked: int) -> None:
    """A block of the disk that reads as zeros: what stands behind it was announced, and is not forgotten."""
    opened = journal(tmp_path).open()
    opened.begin()
    for act in ("replace", "reload"):
        opened.intent("1", act)
    opened.close()
    content = opened.path.read_bytes()
    lines = content.splitlines(keepends=True)
    lines[blanked] = bytes(len(lines[blanked]))
    opened.path.write_bytes(b"".join(lines))
    if blanked == 2:  # a last line that is all zeros was never written
        assert len(read_entries(opened.path)) == 2
        return
    with pytest.raises(StoreError, match="line 3 stands behind a hole"):
        read_entries(opened.path)
    spoiled = opened.path.read_bytes()
    with pytest.raises(StoreError, match="behind a hole"):
        journal(tmp_path).open()
    assert opened.path.read_bytes() == spoiled


def test_a_folder_that_cannot_be_looked_into_is_not_one_without_journals(tmp_path: Path) -> None:
    assert list(journals_below(tmp_path / "none")) == []
    loop = tmp_path / "journal"
    loop.symlink_to(loop)  # refuses root too
    with pytest.raises(StoreError, match="journals cannot be looked for"):
        list(journals_below(loop))
    inner = tmp_path / "plans" / PLAN
    inner.parent.mkdir()
    inner.symlink_to(inner)
    with pytest.raises(StoreError, match="journals cannot be looked for"):
        list(journals_below(inner.parent))


def test_another_plans_journal_is_not_taken_for_ours(tmp_path: Path) -> None:
    opened = journal(tmp_path).open()
    opened.begin()
    opened.close()
    other = FileJournal(opened.path, "cd" * 32, "web1/httpd@blue", "forward")
    with pytest.raises(StoreError, match="another plan"):
        other.open()


def test_runs_and_their_outcomes(tmp_path: Path) -> None:
    opened = journal(tmp_path).open()
    for direction, outcome in (("forward", "refused"), ("forward", "applied"), ("back", "taken back"), ("back", "")):
        opened.direction = direction
        opened.begin()
        if outcome:
            opened.end(outcome)
    opened.close()
    runs = runs_of(read_entries(opened.path))
    assert [(run.direction, run.outcome, run.unfinished) for run in runs] == [
        ("forward", "refused", False),
        ("forward", "applied", False),
        ("back", "taken back", False),
        ("back", "", True),
    ]
    assert outcomes_of(runs[:3]) == ("applied",)
    assert outcomes_of(runs) == ("applied", "incomplete")


def test_a_journal_has_one_writer(tmp_path: Path) -> None:
    first = journal(tmp_path).open()
    first.begin()
    assert is_busy(first.path)
    with pytest.raises(JournalBusyError, match="is being changed or taken back at this moment"):
        journal(tmp_path).open()
    first.end("applied")
    first.close()
    assert not is_busy(first.path)
    assert journal(tmp_path).open().runs()[0].outcome == "applied"
