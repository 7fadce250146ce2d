"""Nothing that a person or an inventory writes becomes an option of ssh or shell text."""

from __future__ import annotations

import pytest

from auditor.errors import InputError
from auditor.transport.ssh.address import Patience, SshAddress
from auditor.transport.ssh.script import COMMAND


@pytest.mark.parametrize(
    "host",
    [
        "-oProxyCommand=x",
        "",
        ".",
        "a b",
        "a;b",
        "a$(b)",
        "a`b`",
        "a\nb",
        "a/b",
        "a'b",
        "web1%h",
        "日本",
        "x" * 254,
        "[::1]",
        "a:b",
    ],
)
def test_a_host_that_could_be_something_else_is_refused(host: str) -> None:
    with pytest.raises(InputError):
        SshAddress(host)


@pytest.mark.parametrize("user", ["-l", "a b", "a;b", "a\nb", "$(x)", "a@b", "x" * 65])
def test_a_user_that_could_be_something_else_is_refused(user: str) -> None:
    with pytest.raises(InputError):
        SshAddress("web1", user)


@pytest.mark.parametrize(
    "host", ["web1", "web-1.example.com", "10.0.0.1", "2001:db8::1", "web_1", "w", "web1.example."]
)
def test_the_host_comes_after_the_options_and_a_constant_line_last(host: str) -> None:
    words = SshAddress(host, "audit", 2222, config="/etc/own").command(Patience())
    assert words[-3:] == ("--", host, COMMAND)
    assert words[words.index("-F") + 1] == "/etc/own"
    assert {"BatchMode=yes", "StrictHostKeyChecking=yes", "ControlMaster=no"} <= set(words)


def test_it_is_called_as_people_write_it() -> None:
    assert str(SshAddress("2001:db8::1", "audit", 22)) == "ssh://audit@[2001:db8::1]:22"
    assert SshAddress("web1", config="/a b").by_hand("true") == "ssh -F '/a b' web1 true"
