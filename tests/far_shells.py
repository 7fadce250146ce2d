"""Far sides without a network: an ``ssh`` first in PATH that runs what it is asked to in a shell of this machine.

Each has a PATH of its own that holds nothing but the tools of one kind of machine: Debian's with dash, with bash,
busybox's applets alone, and RHEL 7's, where every option is refused that its older tools lack.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests import servers

KINDS: Final = ("dash", "bash", "busybox", "rhel7")
TOOLS: Final = ("find", "xargs", "stat", "readlink", "sha256sum", "cat", "grep", "head")

RHEL7: Final = {
    # coreutils 8.22: stat has no --cached (8.31), head no -z (8.25), sha256sum no -z (8.25), timeout no -v (8.29)
    "stat": "-L -c -f -t",
    "readlink": "-f -e -m -n -z",
    "chown": "-R -h",
    "head": "-c -n",
    "sha256sum": "-b -c -t",
    "cat": "-A -n -v",
    "timeout": "-s -k",
    # findutils 4.5.11: find has no -files0-from (4.9), xargs no -o (4.7)
    "find": "-H -L -P -mindepth -maxdepth -type -name -path -prune -print -print0 -printf -ls -o",
    "xargs": "-0 -n -r -s -I -P",
    # grep 2.20
    "grep": "-q -e -l -E -F -a -i -v -c -s",
    # coreutils 8.22: sync takes no file (8.24), so that it ignores them; util-linux 2.23
    "cp": "-a -p -r -f",
    "mv": "-f -T -fT",
    "rm": "-f -r -rf",
    "mkdir": "-p -m",
    "chmod": "-R",
    "sync": "-",
    "ln": "-s -f -T",
    "flock": "-n -x -s -u",
    "env": "-i -u",
    "sed": "-n -e -r",
    "id": "-u -g -n",
    "ls": "-l -d -ld -n -a",
    "tr": "-d",
    "date": "-u",
    "sleep": "-",
    "setsid": "-c -w",
}
WAITING: Final = ("date", "sleep", "setsid")
"""What a change that has to be confirmed needs, too."""
CHANGING: Final = ("cp", "mv", "rm", "mkdir", "chmod", "chown", "sync", "ln", "flock", "env", "sed", "id", "ls", "tr")
"""What changing needs beside what reading does."""
"""The short options of RHEL 7's tools that the script may use; any other, and every long one, is refused."""


@dataclass(frozen=True)
class FarShell:
    """A stand-in for ``ssh``: pass ``environment`` to the connection that opens it.

    ``refusals`` names each call that the tools refused, one a line.
    """

    environment: Mapping[str, str]
    refusals: Path


def far_shell(
    folder: Path, kind: str, *, user: int | None = None, without: str = "", more: tuple[str, ...] = ()
) -> FarShell:
    """A stand-in of a kind; ``user`` is the number of the account that is logged in to, ``without`` a missing tool.

    ``more`` are tools beside those that reading needs. The shell that answers last is the process in ``here/pid``.
    """
    there, here = folder / "there", folder / "here"
    refusals = folder / "refusals"
    for place in (there, here):
        place.mkdir(parents=True)
    refusals.touch()
    refusals.chmod(0o666)
    shell = _busybox(there, more) if kind == "busybox" else _gnu(there, refusals, kind, more)
    if without:
        (there / without).unlink()
    login = f"{shutil.which('setpriv')} --reuid={user} --regid={user} --clear-groups " if user is not None else ""
    _script(
        here / "ssh",
        f'while [ "$#" -gt 1 ]; do shift; done\nexport PATH={there}; unset LC_ALL\necho "$$" >{here}/pid\n'
        f'exec {login}{shell} -c "$1"\n',
    )
    return FarShell({"PATH": str(here)}, refusals)


def _script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)


def _busybox(there: Path, more: tuple[str, ...]) -> str:
    binary = shutil.which("busybox")
    if binary is None:
        servers.missing("busybox")
    for name in subprocess.run([binary, "--list"], capture_output=True, text=True, check=True).stdout.split():
        (there / name).symlink_to(binary)
    flock = shutil.which("flock")
    if "flock" in more and flock and not (there / "flock").exists():  # Alpine's busybox has it, Debian's leaves it out
        (there / "flock").symlink_to(flock)
    return str(there / "sh")


def _gnu(there: Path, refusals: Path, kind: str, more: tuple[str, ...]) -> str:
    shell = "/bin/bash" if kind in ("bash", "rhel7") else "/bin/dash"
    (there / "sh").symlink_to(shell)
    for tool in (*TOOLS, *more, "timeout", "true"):
        found = shutil.which(tool)
        assert found is not None
        if kind != "rhel7" or tool == "true":
            (there / tool).symlink_to(found)
            continue
        allowed = "|".join(RHEL7[tool].split()) or "-"
        takes_words = tool in ("timeout", "xargs", "env", "setsid")  # what comes after is a command of its own
        _script(
            there / tool,
            "for word do\n  case $word in\n"
            + ("  [!-]*) break ;;\n" if takes_words else "")
            + f"  {allowed} | --) ;;\n  -----BEGIN*) ;;\n"
            + f'  -*) echo "{tool} $*" >>{refusals}; echo "{tool}: unrecognized option $word" >&2; exit 2 ;;\n'
            + f'  esac\ndone\nexec {found} "$@"\n',
        )
    return str(there / "sh")
