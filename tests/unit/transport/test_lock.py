"""Where a user's state is kept, and locks."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from auditor.transport.lock import state_home


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
