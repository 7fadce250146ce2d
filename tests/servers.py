"""The real servers that tests run on loopback, and what to do where one is missing."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent

_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
_RANDOM = random.SystemRandom()  # what seeds the other one would give all tests the same ports

BUILT_IN = frozenset({"core", "so", "http", "unixd", "log_config", "logio", "version", "watchdog"})
"""Modules that Debian compiles in; loading one is an error."""


def missing(what: str) -> NoReturn:
    """Skips the test on a laptop; with CI set, a missing server is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing: see tools/setup-servers", pytrace=False)
    pytest.skip(f"{what} is missing (make test sets it up where it has the right to)")


def private_mounts() -> None:
    """Skips the test for those who may not mount; root with CI set is expected to be able to."""
    allowed = os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0
    if allowed:
        return
    if os.geteuid() == 0:
        missing("the right to a private mount")
    pytest.skip("a private mount is root's")


def httpd_binary() -> Path | None:
    """The httpd at hand, or None."""
    for name in ("apache2", "httpd"):
        found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if found:
            return Path(found)
    return None


def modules_directory() -> Path | None:
    """Where that httpd's loadable modules are, or None."""
    for path in ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules"):
        if Path(path, "mod_proxy.so").exists():
            return Path(path)
    return None


def fcgid_module() -> Path:
    """mod_fcgid, which is in a package of its own, only unpacked here."""
    places = [modules_directory() or Path("/"), ROOT / ".tools/fcgid/usr/lib/apache2/modules"]
    found = next((path for place in places if (path := place / "mod_fcgid.so").exists()), None)
    if found is None:
        missing("mod_fcgid")
    return found


def debian_tree() -> Path | None:
    """Debian's own configuration tree as packaged, never to be written to, or None."""
    for path in (ROOT / ".tools/debian/etc/apache2", Path("/etc/apache2")):
        if (path / "apache2.conf").exists():
            return path
    return None


def load_modules(*names: str) -> str:
    """LoadModule lines for modules by short name (``proxy_http``), those compiled in left out."""
    directory = modules_directory()
    return "".join(f"LoadModule {name}_module {directory}/mod_{name}.so\n" for name in names if name not in BUILT_IN)


def free_port() -> int:
    """A loopback port that nobody listens on at the moment.

    It is none that the system gives to outgoing connections: one of those would take it before the server that is to
    have it, or while that is started again.
    """
    first = int(_OUTGOING.read_text().split()[0]) if _OUTGOING.exists() else 32768
    while True:
        port = _RANDOM.randrange(10_000, max(first, 11_000))
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def runs(pid: int | str) -> bool:
    """Whether a process runs; one that has ended is listed until somebody has asked how, which may take seconds."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError):
        return False
    return state not in "ZX"


class RunningHttpd:
    """A real httpd started from ``root`` (``-d``) with ``main_file``.

    Its configuration must set PidFile and listen on loopback.

    ``command`` is what starts it, without ``-t`` or ``-k``: what an inventory calls ``server``.
    """

    def __init__(self, root: Path, main_file: str, pid_file: Path, *, wait_port: int) -> None:
        binary = httpd_binary()
        assert binary is not None
        self.command = [str(binary), "-d", str(root), "-f", str(root / main_file)]
        self.pid_file = pid_file
        self.wait_port = wait_port

    def __enter__(self) -> RunningHttpd:
        done = subprocess.run([*self.command, "-k", "start"], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        self._wait(listening=True)
        # It listens before it has written its PidFile, and who finds none would not stop it.
        deadline = time.monotonic() + 10
        while not (self.pid_file.exists() and self.pid_file.read_text().strip()):
            assert time.monotonic() < deadline, f"httpd wrote no {self.pid_file}"
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        if self.pid_file.exists():
            pid = int(self.pid_file.read_text())
            subprocess.run([*self.command, "-k", "stop"], capture_output=True, timeout=30, check=False)
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline and runs(pid):
                time.sleep(0.02)
            if runs(pid):  # a configuration that -k stop cannot read
                os.kill(pid, 15)

    def let_nobody_finish(self) -> None:
        """Ends its child processes at once: those that wait for a back end would hold up the stop for ten seconds."""
        if not self.pid_file.exists():
            return
        pid = int(self.pid_file.read_text())
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(pid, signal.SIGTERM)
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)

    def alive(self) -> bool:
        """Whether the parent process runs."""
        return self.pid_file.exists() and runs(self.pid_file.read_text().strip() or "none")

    def _wait(self, *, listening: bool) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if (probe.connect_ex(("127.0.0.1", self.wait_port)) == 0) == listening:
                    return
            time.sleep(0.02)
        raise AssertionError(f"httpd does not listen on {self.wait_port}")
