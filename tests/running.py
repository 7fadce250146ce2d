"""A real httpd on loopback whose tree a test edits, reloads and starts again."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests import servers


class Site:
    """A small tree and the server that runs it. Close it with :meth:`stop`."""

    def __init__(self, folder: Path, mpm: str = "event") -> None:
        self.root = folder
        (folder / "conf.d").mkdir(parents=True)
        self.main = folder / "httpd.conf"
        (folder / "logs").mkdir()
        self.pid_file = folder / "logs" / "httpd.pid"
        self.port = servers.free_port()
        self.main.write_text(
            f"ServerRoot {folder}\n{servers.load_modules(f'mpm_{mpm}', 'authz_core')}"
            f"ServerName web1.example\nListen 127.0.0.1:{self.port}\nPidFile {self.pid_file}\n"
            f"User nobody\nGroup nogroup\nErrorLog logs/error.log\n"
            f"ServerLimit 4\nStartServers 1\nListenBacklog 100\nIncludeOptional conf.d/*.conf\n"
        )
        (folder / "conf.d" / "shop.conf").write_text("Timeout 60\n")
        binary = servers.httpd_binary()
        assert binary is not None
        self.command = [str(binary), "-d", str(folder), "-f", "httpd.conf"]
        self._pid = 0

    def pid(self) -> int:
        """The parent's process."""
        return int(self.pid_file.read_text())

    def start(self) -> None:
        """Starts the server and waits until it says that it serves."""
        self._do("start")
        self._pid = self.pid()

    def reload(self, how: str = "graceful") -> None:
        """Reloads, and waits until the server says that it is done."""
        self._do(how)

    def stop(self) -> None:
        """Ends the server, if it runs, and waits for it."""
        if self._pid and servers.runs(self._pid):
            os.kill(self._pid, 15)
            until(lambda: not servers.runs(self._pid))
        self._pid = 0

    def edit(self, name: str, old: str, new: str) -> None:
        """Changes a file of the tree in place."""
        path = self.root / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def _do(self, what: str) -> None:
        next_tick(self.root.parent)
        before = self._loads()
        done = subprocess.run([*self.command, "-k", what], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        # Said after the pid file was written, which is written in two steps.
        until(lambda: self._loads() > before)

    def _loads(self) -> int:
        log = self.root / "logs" / "error.log"
        return log.read_text().count("resuming normal operations") if log.exists() else 0


def until(holds: Callable[[], bool]) -> None:
    """Waits for something that has to come."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def next_tick(folder: Path) -> None:
    """Waits until what is written now is dated later than what is written already.

    A reload takes less time than a tick of the clock that dates files, and what bears the same time as the PidFile
    may not have been loaded with it.
    """
    tick = folder / "tick"

    def moment() -> int:
        tick.touch()
        return tick.stat().st_mtime_ns

    written = moment()
    until(lambda: moment() > written)
