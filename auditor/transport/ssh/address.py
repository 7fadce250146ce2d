"""Whom to log in to, and how the system's OpenSSH client is called for it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from auditor.errors import InputError
from auditor.transport.ssh.script import COMMAND

_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?")
_USER: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._+-]{0,63})")

_OPTIONS: Final = (
    # Older clients do not know some of the options below.
    "IgnoreUnknown=RemoteCommand,UpdateHostKeys,PermitRemoteOpen",
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    # A banner is not printed then: what stands on standard error are the client's own words.
    "LogLevel=ERROR",
    "RequestTTY=no",
    "RemoteCommand=none",
    "ControlMaster=no",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "VisualHostKey=no",
    "EscapeChar=none",
)


@dataclass(frozen=True)
class Patience:
    """Seconds: for connecting, for the first answer, between two signs of life and how many may be missing."""

    connect_s: int = 10
    answer_s: float = 40.0
    alive_s: int = 5
    alive_missing: int = 3


@dataclass(frozen=True)
class SshAddress:
    """A machine: host (a name of ssh_config too), user and port where they are not left to ssh_config.

    ``sudo`` reads as root, by ``sudo -n``. ``config`` is an ssh_config that is used instead of the user's own.
    ``inside`` are a folder there and the one at whose place it stands for this connection alone, in namespaces of its
    own.

    Errors:
        InputError: host, user or port could be taken for something else by ``ssh``.
    """

    host: str
    user: str = ""
    port: int = 0
    sudo: bool = False
    config: str = ""
    inside: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (_HOST.fullmatch(self.host) or _is_ipv6(self.host)):
            raise InputError(
                f"{self.host!r} is no host that is read over SSH", next_step="Letters, digits, dots, dashes: ssh://web1"
            )
        if self.user and not _USER.fullmatch(self.user):
            raise InputError(f"{self.user!r} is no user's name", next_step="Set the user in ssh_config, or in the URI.")
        if not 0 <= self.port <= 65535:
            raise InputError(f"{self.port} is no port", next_step="A number from 1 to 65535.")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ssh://{self.user + '@' if self.user else ''}{host}{f':{self.port}' if self.port else ''}"

    @property
    def account(self) -> str:
        """Whom a message calls the one that logs in."""
        return self.user or "the account that logs in"

    def place(self) -> tuple[str, ...]:
        """The words of ``ssh`` that say where to, without options of ours."""
        words: list[str] = []
        if self.config:
            words += ["-F", self.config]
        if self.user:
            words += ["-l", self.user]
        if self.port:
            words += ["-p", str(self.port)]
        return tuple(words)

    def command(self, patience: Patience) -> tuple[str, ...]:
        """The whole command line. Nothing of it is seen by a shell here; there, a constant line is."""
        options = (
            *_OPTIONS,
            f"ConnectTimeout={patience.connect_s}",
            f"ServerAliveInterval={patience.alive_s}",
            f"ServerAliveCountMax={patience.alive_missing}",
        )
        settings = (word for option in options for word in ("-o", option))
        return ("ssh", "-T", *settings, *self.place(), "--", self.host, COMMAND)

    def by_hand(self, command: str) -> str:
        """The same login as a person would try it."""
        return shlex.join(("ssh", *self.place(), self.host)) + f" {command}"


def _is_ipv6(host: str) -> bool:
    try:
        return IPv6Address(host).scope_id is None
    except AddressValueError:
        return False
