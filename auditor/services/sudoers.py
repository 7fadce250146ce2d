"""Lines for sudoers that let an account read, or change, and nothing that needs no right of root. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

READING: Final = ("check", "drift", "explain", "snapshot", "doctor")
CHANGING: Final = ("apply", "rollback")
_USER: Final = re.compile(r"[A-Za-z0-9_][\w.-]*(?:\\[\w.-]+)?", re.ASCII)
_PROGRAM: Final = re.compile(r"/[\w./+-]+", re.ASCII)


def shell_line(user: str) -> str:
    """What ``sudo: true`` needs on a machine that is read over SSH: a shell as root, so no less than root."""
    return f"{_account(user)} ALL=(root) NOPASSWD: /bin/sh"


def command_line(user: str, program: str, commands: Iterable[str]) -> str:
    """The auditor's own commands as root, with any arguments; ``program`` is an absolute path."""
    return f"{_account(user)} ALL=(root) NOPASSWD: {', '.join(f'{program} {one} *' for one in commands)}"


def can_be_written(user: str, program: str = "/bin/sh") -> bool:
    """Whether these names mean in sudoers what they are: plain letters, digits, ``_ . -``, and a domain in front."""
    plain = bool(_USER.fullmatch(user) and _PROGRAM.fullmatch(program)) and user not in ("ALL", "Defaults")
    return plain and not ("." in user and user.replace(".", "").isdecimal())  # which sudoers takes for an address


def _account(user: str) -> str:
    """A user's name as sudoers takes it; a number is a user's id."""
    return f"#{user}" if user.isdecimal() else user.replace("\\", "\\\\")
