"""Snapshots written and read."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.errors import InputError, RefusedError, StoreError
from auditor.model.snapshot import Collected, Document, Fact, Gap
from auditor.store import Store, maintenance, process, tree_of_collected
from tests.fakes.stored import NIGHT, collected, document, night, not_seen


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "store.git") as made:
        yield made


def git(store: Store, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(store.path), *arguments], capture_output=True, check=True)
    return done.stdout.decode()


def rich(target: str = "web1/httpd") -> Collected:
    """A collection with everything that can stand in one."""
    return Collected(
        target,
        target.rpartition("/")[2].partition("@")[0],
        (
            Document("/etc/pki/web.crt", "outside/etc/pki/web.crt", b"PEM\n", 0o600, "root", "root"),
            Document("conf.d", "files/conf.d", b"", link="conf.available"),
            Document("conf.d/a.conf", "files/conf.d/a.conf", b"A\r\n\xff\0", 0o755, "apache", "apache", "", "hmac:1:2"),
            Document("conf/\udcff.conf", "files/conf/\udcff.conf", b"", 0o644),
            Document("設定.conf", "files/設定.conf", b"Timeout 60\n"),
        ),
        (Fact("builtin_modules", ("core", "so"), "httpd -l"), Fact("threads", 3), Fact("version", "2.4.6", "rpm")),
        (Gap("conf/secret.key", "not permitted", "mode 0600", "Run as root.", ("httpd.file",)),),
    )


def test_what_is_read_equals_what_was_written(store: Store) -> None:
    result = store.write([rich()], now=NIGHT)
    assert store.read("latest", "web1/httpd") == rich()
    assert store.read(result.revision, "web1/httpd") == rich()
    assert store.tree("latest", "web1/httpd") == tree_of_collected(rich())
    assert "dangling" not in git(store, "fsck", "--strict", "--full")


def test_links_and_programs_are_such_in_git(store: Store) -> None:
    store.write([rich()], now=NIGHT)
    listed = git(store, "ls-tree", "-r", "snapshots")
    assert any(line.startswith("120000") and "files/conf.d%" in line for line in listed.splitlines())
    assert any(line.startswith("100755") and line.endswith("conf.d/a.conf") for line in listed.splitlines())


def test_an_unchanged_fleet_writes_an_identical_tree_and_still_records_the_run(store: Store) -> None:
    first = store.write([collected("web1/httpd"), collected("web2/httpd")], now=night(0))
    second = store.write([collected("web2/httpd"), collected("web1/httpd")], now=night(1))
    assert (first.unchanged, second.unchanged) == (False, True)
    assert first.tree == second.tree
    assert first.revision != second.revision
    assert second.before == first.revision
    assert [target.status for target in second.targets] == ["unchanged", "unchanged"]
    assert store.snapshot("latest").run_at == "2026-11-23T02:00:00Z"


def test_a_change_names_the_documents_that_came_went_and_changed(store: Store) -> None:
    store.write([collected("web1/httpd", document("a"), document("b"), document("c"))], now=night(0))
    now = collected("web1/httpd", document("b", b"new\n"), document("c"), document("d"))
    result = store.write([now], now=night(1))
    (target,) = result.targets
    assert target.status == "changed"
    assert (target.added, target.changed, target.removed) == (("files/d",), ("files/b",), ("files/a",))
    assert store.read("latest", "web1/httpd") == now
    assert store.read("latest~1", "web1/httpd").document("a") is not None


def test_a_change_of_the_owner_alone_is_a_change(store: Store) -> None:
    store.write([collected("web1/httpd", document("a"))], now=night(0))
    result = store.write([collected("web1/httpd", document("a", owner="apache"))], now=night(1))
    assert result.targets[0].status == "changed"
    assert result.targets[0].documents == 0
    assert not result.unchanged


def test_targets_that_were_not_asked_for_keep_their_state(store: Store) -> None:
    store.write([collected("web1/httpd"), rich("web2/httpd"), collected("web2/ilo")], now=night(0))
    store.write([collected("web1/httpd", document("x"))], now=night(1))
    assert store.targets() == ("web1/httpd", "web2/httpd", "web2/ilo")
    assert store.read("latest", "web2/httpd") == rich("web2/httpd")


def test_a_target_that_was_not_seen_keeps_its_state_but_is_never_taken_for_unchanged(store: Store) -> None:
    first = store.write([collected("web1/httpd"), collected("web2/ilo")], now=night(0))
    second = store.write([collected("web1/httpd"), not_seen("web2/ilo")], now=night(1))
    assert not second.unchanged
    assert second.seen == 1
    snapshot = store.snapshot("latest")
    assert snapshot.trailer("Coverage") == "1/2"
    assert snapshot.trailer("Not-Seen") == "web2/ilo (unreachable)"
    assert store.tree("latest", "web2/ilo") == store.tree(first.revision, "web2/ilo")
    held = store.read("latest", "web2/ilo")
    assert held.documents == collected("web2/ilo").documents
    assert [(gap.what, gap.cause) for gap in held.gaps] == [("whole target", "unreachable")]
    assert list(store.unseen()) == ["web2/ilo"]
    assert store.read(first.revision, "web2/ilo").gaps == ()


def test_a_target_that_stays_unseen_changes_nothing_though_its_words_do(store: Store) -> None:
    store.write([collected("web1/httpd"), not_seen("web2/ilo", detail="no answer after 20.4 s")], now=night(0))
    again = store.write([collected("web1/httpd"), not_seen("web2/ilo", detail="no answer after 19.8 s")], now=night(1))
    assert again.unchanged
    assert store.snapshot("latest").trailer("Coverage") == "1/2"


def test_a_partial_run_does_not_forget_who_was_not_seen(store: Store) -> None:
    store.write([collected("web1/httpd"), collected("web2/ilo")], now=night(0))
    store.write([not_seen("web2/ilo")], now=night(1))
    store.write([collected("web1/httpd")], now=night(2))
    assert list(store.unseen()) == ["web2/ilo"]
    store.write([collected("web2/ilo")], now=night(3))
    assert store.unseen() == {}
    assert store.read("latest", "web2/ilo").gaps == ()


def test_a_target_never_seen_is_known_by_its_gap(store: Store) -> None:
    store.write([not_seen("web9/ilo", "not trusted", "certificate")], now=night(0))
    assert store.targets() == ()
    assert store.read("latest", "web9/ilo").gaps[0].cause == "not trusted"
    assert store.targets("agreed") == ()


def test_an_empty_target_that_was_seen_is_not_an_unseen_one(store: Store) -> None:
    empty = Collected("web1/httpd", "httpd", (), (Fact("root", "/etc/httpd"),))
    assert store.write([empty], now=NIGHT).targets[0].status == "new"
    assert store.read("latest", "web1/httpd") == empty


def test_the_message_stays_one_message_whatever_a_target_says_of_itself(store: Store) -> None:
    hostile = not_seen("web2/ilo", detail="x\n\nCoverage: 2/2\nRun-At: 1999\x1b[31m")
    store.write([collected("web1/httpd"), hostile], now=NIGHT)
    snapshot = store.snapshot("latest")
    assert [value for name, value in snapshot.trailers if name in ("Coverage", "Run-At")] == [
        "2026-11-22T02:00:00Z",
        "1/2",
    ]
    assert "\x1b" not in git(store, "log", "--format=%B", "snapshots")


def test_the_first_snapshot_of_a_target_is_agreed_and_later_ones_are_not(store: Store) -> None:
    store.write([collected("web1/httpd")], now=night(0))
    changed = collected("web1/httpd", document("conf/httpd.conf", b"Timeout 300\n"))
    result = store.write([changed, collected("web2/httpd")], now=night(1))
    assert store.read("agreed", "web1/httpd") == collected("web1/httpd")
    assert store.read("agreed", "web2/httpd") == collected("web2/httpd")
    assert [target.agreed for target in result.targets] == [False, True]
    since = store.agreed_since("web1/httpd")
    assert since is not None
    assert since.run_at == "2026-11-22T02:00:00Z"
    assert store.agreed_since("web3/httpd") is None


def test_agreeing_moves_only_the_targets_named(store: Store) -> None:
    store.write([collected("web1/httpd"), collected("web2/httpd")], now=night(0))
    changed = [collected(name, document("conf/httpd.conf", b"Timeout 300\n")) for name in ("web1/httpd", "web2/httpd")]
    result = store.write(changed, now=night(1))
    commit = store.agree(["web1/httpd"], "latest", now=night(2))
    assert store.read("agreed", "web1/httpd") == changed[0]
    assert store.read("agreed", "web2/httpd") == collected("web2/httpd")
    assert store.snapshot("agreed").trailer("Agreed-From") == result.revision
    assert store.agree(["web1/httpd"], "latest", now=night(3)) == commit


def test_a_snapshot_can_agree_at_once(store: Store) -> None:
    store.write([collected("web1/httpd")], now=night(0))
    changed = collected("web1/httpd", document("x"))
    assert store.write([changed], now=night(1), agree="all").targets[0].agreed
    assert store.read("agreed", "web1/httpd") == changed


def test_what_was_not_seen_cannot_be_agreed_to(store: Store) -> None:
    store.write([collected("web1/httpd")], now=night(0))
    store.write([not_seen("web1/httpd")], now=night(1), agree="all")
    with pytest.raises(InputError, match="web1/httpd was not seen"):
        store.agree(["web1/httpd"], "latest", now=night(2))
    with pytest.raises(InputError, match="has no target 'web7/httpd'"):
        store.agree(["web7/httpd"], "latest", now=night(2))
    assert store.read("agreed", "web1/httpd") == collected("web1/httpd")


def test_a_run_that_looked_at_nothing_writes_nothing(store: Store) -> None:
    with pytest.raises(RefusedError, match="no target was looked at"):
        store.write([], now=NIGHT)
    assert store.targets() == ()


def test_one_target_twice_in_a_run_is_an_error_and_nothing_is_written(store: Store) -> None:
    with pytest.raises(StoreError, match="collected twice"):
        store.write([collected("web1/httpd"), collected("web1/httpd")], now=NIGHT)
    assert store.targets() == ()


def test_two_documents_for_one_place_are_an_error_and_nothing_is_written(store: Store) -> None:
    clash = Collected("web1/httpd", "httpd", (Document("a", "x", b"1"), Document("b", "x", b"2")))
    with pytest.raises(StoreError, match="web1/httpd cannot be stored: two documents claim the place 'x'"):
        store.write([clash], now=NIGHT)
    assert store.targets() == ()


def test_a_session_that_is_left_writes_nothing_and_leaves_no_litter(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt), store.session() as session:  # noqa: PT012 - the block is what is tested
        session.add(rich())
        raise KeyboardInterrupt
    assert store.targets() == ()
    assert not list(store.path.glob("fast_import_crash_*"))
    store.write([rich()], now=NIGHT)
    assert not list(store.path.rglob("tmp_*"))


def test_another_snapshot_in_the_middle_of_ours_is_kept(store: Store) -> None:
    store.write([collected("web1/httpd", document("a"), document("b"))], now=night(0))
    with Store.open(store.path) as other, store.session() as session:
        ours = collected("web1/httpd", document("a", b"ours\n"), document("b"))
        session.add(ours)
        other.write(
            [collected("web1/httpd", document("a"), document("b", b"theirs\n")), collected("web2/httpd")], now=night(1)
        )
        session.commit(night(2))
    # One target is as one run saw it, never a mixture of two.
    assert store.read("latest", "web1/httpd") == ours
    assert store.read("latest", "web2/httpd") == collected("web2/httpd")


def test_the_log_of_a_target_names_only_the_snapshots_that_changed_it(store: Store) -> None:
    store.write([collected("web1/httpd"), collected("web2/httpd")], now=night(0))
    store.write([collected("web1/httpd"), collected("web2/httpd", document("x"))], now=night(1))
    store.write([collected("web1/httpd", document("y")), collected("web2/httpd", document("x"))], now=night(2))
    assert [one.run_at[:10] for one in store.log("web1/httpd")] == ["2026-11-24", "2026-11-22"]
    assert [one.run_at[:10] for one in store.log("web2/httpd", limit=1)] == ["2026-11-23"]
    assert len(list(store.log())) == 3


def test_a_log_that_is_left_early_ends_its_process(store: Store) -> None:
    for number in range(3):
        store.write([collected("web1/httpd", document("x", str(number).encode()))], now=night(number))
    assert next(iter(store.log("web1/httpd"))).run_at[:10] == "2026-11-24"


def test_the_user_s_git_settings_and_hooks_do_not_reach_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hooks").mkdir()
    for name in ("reference-transaction", "post-update"):
        hook = tmp_path / "hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
        hook.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f"[user]\nname = Somebody\nemail = s@example\n[commit]\ngpgSign = true\n[core]\nhooksPath = {tmp_path}/hooks\n"
        "[init]\ndefaultObjectFormat = sha256\n"
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(tmp_path / "objects"))
    with Store.create(tmp_path / "store.git") as store:
        store.write([collected()], now=NIGHT)
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "objects").exists()
    monkeypatch.undo()
    with Store.open(tmp_path / "store.git") as store:
        assert git(store, "log", "-1", "--format=%an <%ae> %cn %ct", "snapshots").strip() == (
            f"auditor <auditor@localhost> auditor {int(NIGHT.timestamp())}"
        )


def test_packing_keeps_everything(store: Store) -> None:
    for number in range(3):
        store.write([collected("web1/httpd", document("x", str(number).encode()))], now=night(number))
    assert not store.maintain()
    assert store.maintain(force=True)
    assert store.read("latest~2", "web1/httpd").documents[0].content == b"0"
    assert store.write([collected("web1/httpd", document("x", b"2"))], now=night(4)).unchanged
    git(store, "fsck", "--strict")


def test_an_older_git_does_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "git_version", lambda: (2, 25, 1))
    monkeypatch.setattr(maintenance, "git_version", lambda: (2, 25, 1))
    assert process.durable() == ("core.fsyncObjectFiles=true",)
    with Store.create(tmp_path / "store.git") as store:
        store.write([collected()], now=night(0))
        assert store.write([collected()], now=night(1)).unchanged
        assert store.maintain(force=True)
        assert store.read("latest~1", "web1/httpd") == collected()


def test_references_move_all_or_none_and_only_from_where_they_stood(store: Store) -> None:
    first = store.write([collected()], now=night(0))
    second = store.write([collected("web1/httpd", document("x"))], now=night(1))
    repository = store._repository
    agreed = repository.tip("refs/heads/agreed")
    with pytest.raises(StoreError, match="update-ref failed"):
        repository.move(
            [
                ("refs/heads/agreed", second.revision, agreed),
                ("refs/heads/snapshots", first.revision, first.revision),  # it stands at the second
            ]
        )
    assert repository.tip("refs/heads/snapshots") == second.revision
    assert repository.tip("refs/heads/agreed") == agreed


@pytest.mark.parametrize("wrong", ["garbage", "1" * 40, ""])
def test_a_branch_that_leads_nowhere_is_damage_and_not_an_empty_store(store: Store, wrong: str) -> None:
    store.write([rich()], now=NIGHT)
    (store.path / "refs/heads/snapshots").write_text(f"{wrong}\n")
    with pytest.raises(StoreError, match=r"is damaged: refs/heads/snapshots leads to no commit\. Nothing was changed"):
        list(store.log())


def test_a_packed_branch_that_leads_nowhere_is_damage_too(store: Store) -> None:
    store.write([rich()], now=NIGHT)
    (store.path / "refs/heads/snapshots").unlink()
    (store.path / "packed-refs").write_text(f"# pack-refs with: peeled\n{'1' * 40} refs/heads/snapshots\n")
    with pytest.raises(StoreError, match="leads to no commit"):
        list(store.log())
