"""Who is named as having run a command."""

from __future__ import annotations

import os
import pwd

import pytest

from auditor.transport.account import login_of


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"SUDO_USER": "ops1", "LOGNAME": "root", "USER": "root"}, "ops1"),
        ({"LOGNAME": "ops2"}, "ops2"),
        ({"LOGNAME": "", "USER": "ops3"}, "ops3"),
    ],
)
def test_the_environment_says_it(environment: dict[str, str], name: str) -> None:
    assert login_of(environment) == name


def test_without_a_word_of_the_environment_it_is_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    assert login_of({}) == pwd.getpwuid(os.getuid()).pw_name
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_001)
    assert login_of({}) == "4000000001"
