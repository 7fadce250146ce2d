"""Starting a program that outlives this one: the end of the command, of the terminal and of the login."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from auditor.errors import RefusedError

SYSTEMD: Final = Path("/run/systemd/system")
_READY_WITHIN_S: Final = 60.0
_SAID: Final = 400


def start_outliving(command: Sequence[str], environment: Mapping[str, str], unit: str) -> str:
    """Starts a program that ends with 0 once it goes on in the background; says what keeps it alive.

    The program has a session of its own and, where systemd runs and the account is root, the scope ``unit`` of
    systemd's, which no logout ends. Both inherit the environment, so that what is secret in it is written nowhere: not
    into a file, a command line or a unit.

    Errors:
        RefusedError: it cannot be started, or says itself that it cannot go on.
    """
    tool = shutil.which("systemd-run", path=environment.get("PATH")) if _by_systemd() else None
    if tool and not _started([tool, "--scope", f"--unit={unit}", *command], environment):
        return "by a process of its own in a scope of systemd's"
    if said := _started(command, environment):
        raise RefusedError(f"a process that outlives this command cannot be started here: {said}.")
    return "by a process of its own"


def _by_systemd() -> bool:
    return SYSTEMD.is_dir() and os.geteuid() == 0


def _started(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Why it did not start; empty where it did."""
    try:
        done = subprocess.run(
            list(command),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            timeout=_READY_WITHIN_S,
            check=False,
        )
    except OSError as error:
        return f"{command[0]}: {error.strerror or error}"
    except subprocess.TimeoutExpired:
        return f"it was not ready within {_READY_WITHIN_S:g} s"
    if done.returncode == 0:
        return ""
    said = " ".join(done.stderr.decode("utf-8", "replace").split())[-_SAID:].rstrip(".")
    return said or f"it ended with {done.returncode}"
