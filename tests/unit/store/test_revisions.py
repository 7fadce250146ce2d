"""Which snapshot a person means."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditor.errors import InputError
from auditor.store import Store
from auditor.store.revisions import is_revision
from tests.fakes.stored import collected, document, night

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Snapshots of 22, 23 and 24 November 2026, 02:00 UTC; the first is agreed."""
    with Store.create(Path(tmp_path_factory.mktemp("revisions"), "store.git")) as made:
        for number in range(3):
            made.write([collected("web1/httpd", document("x", str(number).encode()))], now=night(number))
        yield made


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("latest", 2),
        ("", 2),
        ("HEAD", 2),
        ("latest~1", 1),
        ("latest~2", 0),
        ("latest^", 1),
        ("2026-11-23", 1),
        ("2026-11-23T02:00Z", 1),
        ("2026-11-23T02:00:00Z", 1),
        ("2026-11-23 01:59", 0),
        ("2026-11-23T01:59Z", 0),
        ("2026-11-23T11:00+09:00", 1),
        ("2026-11-23T10:59+0900", 0),
        ("yesterday", 2),
        ("today", 2),
        ("2027-01-01", 2),
    ],
)
def test_a_revision_means_a_snapshot(store: Store, text: str, number: int) -> None:
    revision = store.resolve_revision(text, now=NOW)
    assert store.read(revision, "web1/httpd").documents[0].content == str(number).encode()


def test_the_start_of_an_id_is_enough(store: Store) -> None:
    whole = store.resolve_revision("latest~1")
    assert store.resolve_revision(whole[:10]) == whole
    assert store.resolve_revision(whole) == whole


def test_agreed_is_a_state_of_its_own(store: Store) -> None:
    assert store.read("agreed", "web1/httpd").documents[0].content == b"0"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2026-11-21", "no snapshot at or before 2026-11-21"),
        ("2026-02-30", "is not a date"),
        ("2026-11-22T25:00Z", "is not a date"),
        ("latest~9", "has no snapshot 'latest~9'"),
        ("deadbeef", "has no snapshot 'deadbeef'"),
        ("--output=/tmp/x", "is not a revision"),
        ("ledger", "is not a revision"),
        ("a\nb", "is not a revision"),
        (":/Snapshot", "is not a revision"),
        ("last tuesday", "is not a revision"),
    ],
)
def test_what_means_nothing_is_an_error_that_says_what_does(store: Store, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        store.resolve_revision(text, now=NOW)
    assert caught.value.next_step


def test_an_empty_store_says_what_to_do(tmp_path: Path) -> None:
    with Store.create(tmp_path / "store.git") as empty:
        for text in ("latest", "agreed", "2026-11-22"):
            with pytest.raises(InputError, match=r"no snapshot yet|nothing was agreed yet"):
                empty.resolve_revision(text, now=NOW)
        assert empty.targets() == ()
        assert list(empty.log()) == []


def test_an_unknown_target_is_named_with_what_there_is(store: Store) -> None:
    with pytest.raises(InputError, match="did you mean web1/httpd"):
        store.read("latest", "web1/htpd")


@pytest.mark.parametrize("text", ["latest", "agreed~1", "2026-11-22T02:00Z", "yesterday", "0123abcd"])
def test_the_form_of_a_revision_is_known(text: str) -> None:
    assert is_revision(text)
    assert not is_revision(text + ":web1")
