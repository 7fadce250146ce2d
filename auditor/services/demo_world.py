"""The small world of the demo: a folder of its own, a sample httpd with a back end, a virtual iLO, two SSH keys.

Everything listens on loopback, lives below one folder, and is ended by process id when the demo ends.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from auditor.errors import CollectError, InputError, RefusedError

MARK: Final = ".auditor-demo"
_MODULE_FOLDERS: Final = ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules")


def make_folder(folder: Path) -> Path:
    """An empty folder for the demo; one that an earlier demo made is cleared.

    Errors:
        InputError: something else stands there; it is left alone.
    """
    folder = folder.absolute()
    if folder.exists():
        if not folder.is_dir() or (any(folder.iterdir()) and not (folder / MARK).exists()):
            raise InputError(
                f"{folder} is not empty and was not made by the demo",
                untouched="Nothing was changed.",
                next_step="Name another folder:  auditor demo --folder FOLDER",
            )
        shutil.rmtree(folder)
    try:
        folder.mkdir(parents=True)
        (folder / MARK).touch()
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror}", next_step="Name another folder.") from error
    return folder


def free_port() -> int:
    """A loopback port on which nobody listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_httpd() -> tuple[Path, Path] | None:
    """The httpd binary at hand and its folder of modules, or None."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    binary = next((found for name in ("apache2", "httpd") if (found := shutil.which(name, path=path))), None)
    modules = next((Path(place) for place in _MODULE_FOLDERS if Path(place, "mod_proxy.so").exists()), None)
    return (Path(binary), modules) if binary and modules else None


class _Answer(BaseHTTPRequestHandler):
    """The back end of the sample's routes: answers every GET at once."""

    def do_GET(self) -> None:
        body = b"back end\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the demo tells its own story."""


@contextlib.contextmanager
def back_ends(numbers: Sequence[int]) -> Iterator[int]:
    """HTTP back ends at 127.0.0.N, all on one port; gives the port."""
    port = free_port()
    servers = [ThreadingHTTPServer((f"127.0.0.{number}", port), _Answer) for number in numbers]
    threads = [threading.Thread(target=server.serve_forever, daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield port
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()


@contextlib.contextmanager
def running_httpd(command: list[str], pid_file: Path, port: int) -> Iterator[None]:
    """The httpd, started by its own command and stopped by it; its configuration names ``pid_file``."""
    done = subprocess.run([*command, "-k", "start"], capture_output=True, text=True, timeout=30, check=False)
    # httpd listens before it has written its pid file.
    if done.returncode != 0 or not _within(10, lambda: pid_file.exists() and _listens(port)):
        raise CollectError(f"the sample httpd does not start: {done.stderr.strip() or 'it does not listen'}")
    pid = int(pid_file.read_text())
    try:
        yield
    finally:
        subprocess.run([*command, "-k", "stop"], capture_output=True, timeout=30, check=False)
        if not _within(5, lambda: not Path(f"/proc/{pid}").exists()):
            os.kill(pid, signal.SIGTERM)


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True)
class RunningIlo:
    """A virtual iLO in a process of its own: where it is and how to log in."""

    url: str
    cafile: str
    username: str
    password: str

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        """One request by Python's own HTTPS client, so that the demo's proof does not rest on the auditor's."""
        request = urllib.request.Request(  # noqa: S310 - always the loopback https URL of our own process
            self.url + path, method=method, data=None if body is None else json.dumps(body).encode()
        )
        credentials = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {credentials}")
        request.add_header("Content-Type", "application/json")
        context = ssl.create_default_context(cafile=self.cafile)
        with urllib.request.urlopen(request, context=context, timeout=30) as answer:  # noqa: S310 - as above
            text = answer.read()
        return dict(json.loads(text)) if text else {}


@contextlib.contextmanager
def running_ilo(generation: str = "ilo5") -> Iterator[RunningIlo]:
    """``auditor simulate`` in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "auditor", "simulate", generation, "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        line = process.stdout.readline() if process.stdout is not None else ""
        if not line:
            raise CollectError("the virtual iLO did not start")
        said = json.loads(line)
        yield RunningIlo(said["url"], said["cafile"], said["username"], said["password"])
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def make_key(folder: Path, who: str) -> Path:
    """A new Ed25519 key pair without a passphrase; gives the private key's path.

    Errors:
        RefusedError: OpenSSH's ssh-keygen is not here.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    key = folder / who
    try:
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", who, "-f", str(key)], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise RefusedError("ssh-keygen is needed to sign plans", next_step="Install OpenSSH's client.") from error
    return key


def allowed_signer(key: Path, who: str) -> str:
    """The line of the approvers file that lets this key sign plans."""
    algorithm, public = key.with_suffix(".pub").read_text().split()[:2]
    return f'{who} namespaces="auditor-plan" {algorithm} {public}\n'
