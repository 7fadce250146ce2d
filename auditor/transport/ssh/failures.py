"""Why a machine was not read over SSH, told apart although ``ssh`` ends with 255 for nearly all of it. Pure.

How far it came is known from the marks of the far side, so only what failed before the login is read from the
client's words; those are the client's own (no banner is printed) and in English (it runs in the C locale).
"""

from __future__ import annotations

import re
from typing import Final, Literal

from auditor.errors import CollectError
from auditor.transport.ssh.address import SshAddress

Stage = Literal["connecting", "sudo", "starting", "reading"]
"""Waited for: a POSIX shell, the shell that sudo starts, the script, a reply."""

_CHANGED: Final = ("REMOTE HOST IDENTIFICATION HAS CHANGED", "REVOKED HOST KEY", "Host key for")
_UNKNOWN: Final = ("Host key verification failed", "host key is known for")
_OFFENDING: Final = re.compile(r"Offending (?:\w+ )?key in (\S+:\d+)")
_OWN_KEY: Final = "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"


def failure(address: SshAddress, stage: Stage, code: int | None, errors: str, said: str = "") -> CollectError:
    """The error of a connection that ended, with its cause, and what to do.

    Args:
        address: Whom it was about.
        stage: What was waited for.
        code: How ``ssh`` ended; None where it was ended from here.
        errors: What it wrote to standard error.
        said: What the far side wrote before its first mark.
    """
    if stage == "connecting":
        return _before_login(address, code, errors, said)
    if stage == "sudo" and code != 255:
        return _sudo(address, code, errors)
    if stage == "starting" and code != 255:
        return CollectError(
            f"{address}: the shell there does not run the script that reads: {_words(errors)}",
            cause="unsupported",
            next_step="A POSIX sh with printf, read and command -v is needed there; fetch an archive instead.",
        )
    return lost(address, errors)


def lost(address: SshAddress, errors: str = "") -> CollectError:
    """The error of a connection that ended in the middle."""
    told = f" ({_words(errors)})" if errors.strip() else ""
    return CollectError(
        f"{address}: the connection was lost while it was read{told}. What had come does not count.",
        cause="unreachable",
        next_step="Run it again; if it happens again, look at the network and at sshd's log there.",
    )


def silent(address: SshAddress, stage: Stage, seconds: float) -> CollectError:
    """The error of a machine that does not answer in time."""
    if stage == "connecting":
        what = f"{address}: no answer within {seconds:.0f} s: neither a login nor a refusal"
    else:
        what = f"{address}: logged in, but no reply within {seconds:.0f} s. What had come does not count."
    return CollectError(what, cause="timed out", next_step=f"Try it by hand:  {address.by_hand('true')}")


def no_client() -> CollectError:
    """The error of a machine without OpenSSH's client."""
    return CollectError(
        "there is no `ssh` here, and trees of other machines are read with it",
        cause="unsupported",
        next_step="Install OpenSSH's client: openssh-client (Debian) or openssh-clients (RHEL).",
    )


def lacking(address: SshAddress, tools: str) -> CollectError:
    """The error of a machine that lacks tools."""
    return CollectError(
        f"{address}: these tools are missing there: {', '.join(tools.split())}",
        cause="unsupported",
        next_step="Install them there (coreutils, findutils, grep, or busybox), or fetch an archive instead.",
    )


def _before_login(address: SshAddress, code: int | None, errors: str, said: str) -> CollectError:
    if code not in (255, None) and code >= 0:
        return CollectError(
            f"{address}: the login works, but no POSIX shell answers: {_words(errors or said)}",
            cause="unsupported",
            next_step=f"The account needs a shell that runs commands; try:  {address.by_hand('sh -c true')}",
        )
    if any(sign in errors for sign in _CHANGED):
        return _changed(address, errors)
    if any(sign in errors for sign in _UNKNOWN):
        return _unknown(address)
    for signs, what, cause, next_step in _CAUSES:
        if any(sign in errors for sign in signs):
            return CollectError(
                f"{address}: {what}: {_words(errors)}",
                cause=cause,
                next_step=next_step.format(trial=address.by_hand("true"), account=address.account),
            )
    return CollectError(
        f"{address}: no connection: {_words(errors)}",
        cause="unreachable",
        next_step=f"Try it by hand:  {address.by_hand('true')}",
    )


_TRIAL: Final = "Try it by hand:  {trial}"
_CAUSES: Final = (
    (
        ("Permission denied (", "Too many authentication failures", "No more authentication methods"),
        "the login was refused, and is not tried again",
        "refused",
        "A key in an agent, or one without a passphrase, must be accepted for {account}. " + _TRIAL,
    ),
    (("Could not resolve hostname",), "there is no machine of this name", "unreachable", "Correct the name. " + _TRIAL),
    (
        ("Connection refused",),
        "the connection was refused",
        "unreachable",
        "Is sshd running there, and on this port? " + _TRIAL,
    ),
    (("timed out",), "it does not answer", "timed out", "Is the machine up, and is there a firewall? " + _TRIAL),
    (
        ("no matching", "Unable to negotiate"),
        "the two sides have no algorithm in common",
        "unsupported",
        "Allow what the old server offers in your ssh_config, for this host alone. " + _TRIAL,
    ),
    (
        ("Bad configuration option", "Can't open user config file", "Bad owner or permissions on", "terminating"),
        "the ssh_config here cannot be used",
        "malformed",
        "Correct it. " + _TRIAL,
    ),
)


def _port_words(address: SshAddress) -> str:
    return f"-p {address.port} " if address.port else ""


def _unknown(address: SshAddress) -> CollectError:
    return CollectError(
        f"{address}: its host key is not known here, so it was not logged in to",
        cause="not trusted",
        next_step=f"Compare the fingerprints:  {_OWN_KEY}  (on its own console) and  "
        f"ssh-keyscan {_port_words(address)}{address.host} | ssh-keygen -lf -  (here). "
        "Where they agree, add the line of ssh-keyscan to ~/.ssh/known_hosts.",
    )


def _changed(address: SshAddress, errors: str) -> CollectError:
    found = _OFFENDING.search(errors)
    where = f" ({found[1]})" if found else ""
    named = f"[{address.host}]:{address.port}" if address.port else address.host
    return CollectError(
        f"{address}: its host key is not the one that is known{where}: it was set up anew, or somebody stands between. "
        "It was not logged in to",
        cause="not trusted",
        next_step=f"Compare first:  {_OWN_KEY}  (on its own console) and  "
        f"ssh-keyscan {_port_words(address)}{address.host} | ssh-keygen -lf -  (here). "
        f"Only where they agree:  ssh-keygen -R '{named}'  and add the new line of ssh-keyscan to ~/.ssh/known_hosts.",
    )


def _sudo(address: SshAddress, code: int | None, errors: str) -> CollectError:
    user = address.user or "USER"
    if code == 127:
        return CollectError(
            f"{address}: there is no sudo there",
            cause="unsupported",
            next_step="Log in as root, give read rights to the tree, or install sudo; then remove  sudo: true.",
        )
    untty = "must have a tty" in errors
    line = f"Defaults:{user} !requiretty" if untty else f"{user} ALL=(root) NOPASSWD: /bin/sh"
    return CollectError(
        f"{address}: sudo -n is refused there: {_words(errors)}",
        cause="not permitted",
        next_step=f"Add to its sudoers (visudo):  {line}   or give read rights to the tree and remove  sudo: true.",
    )


def _words(errors: str) -> str:
    """The line of the client or the shell that says most, printable and short."""
    lines = [line.strip() for line in errors.replace("\r", "\n").split("\n")]
    lines = [line for line in lines if line and not set(line) <= set("@*-= ")]
    telling = [line for line in lines if any(sign in line for signs, *_ in _CAUSES for sign in signs)]
    line = (telling or lines or ["it says nothing"])[-1]
    return "".join(one if one.isprintable() else "?" for one in line)[:300]
