"""Where a user's state is kept, and locks."""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
from pathlib import Path

import pytest

from auditor.errors import RefusedError
from auditor.transport.lock import hold, state_home


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"XDG_STATE_HOME": "/var/state", "HOME": "/home/ops"}, "/var/state"),
        ({"HOME": "/home/ops"}, "/home/ops/.local/state"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/home/ops"}, "/home/ops/.local/state"),
    ],
)
def test_state_is_kept_where_the_environment_says(environment: dict[str, str], place: str) -> None:
    assert state_home(environment) == Path(place)


def test_a_service_without_home_keeps_it_in_its_account_s_home_and_not_in_root_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = pwd.getpwuid(os.geteuid())
    account = pwd.struct_passwd((*own[:5], "/srv/auditor", own.pw_shell))
    monkeypatch.setattr(pwd, "getpwuid", lambda number: account)
    assert state_home({}) == Path("/srv/auditor/.local/state")


def test_an_account_without_an_entry_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(number: int) -> pwd.struct_passwd:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", none)
    assert state_home({}) == Path("/.local/state")


def test_a_full_disk_hinders_no_lock_and_a_file_system_without_locks_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(os, "pwrite", full)
    lock = tmp_path / "lock"
    with (
        hold(lock, "the fleet", "x"),
        pytest.raises(RefusedError, match="the fleet is locked"),
        hold(lock, "the fleet", "y"),
    ):
        pass
    monkeypatch.setattr(fcntl, "flock", none)
    refused = pytest.raises(RefusedError, match="the fleet cannot be locked here: No locks available")
    with refused, hold(lock, "the fleet", "z"):
        pass
