"""A real sshd on loopback whose far side is a machine of its own: its own ``/etc``, ``/opt`` and ``/usr/local``.

It runs in a private mount and process namespace, so the machine's own root is left alone, and all that it started
ends with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests import servers

USER = "watch"
"""An account without any right, beside root."""
_UID = 24680
_KEPT = ("ld.so.cache", "ld.so.conf", "alternatives", "pam.d", "security", "login.defs")
_ENDS_WITHIN_S = 20


def sshd_binary() -> Path | None:
    """OpenSSH's server, or None."""
    for path in (servers.ROOT / ".tools/sshd/usr/sbin/sshd", Path("/usr/sbin/sshd")):
        if path.exists():
            return path
    return None


def require_sshd() -> Path:
    """OpenSSH's server; the test is skipped (with CI set: fails) where it, its client or the rights are missing."""
    found = sshd_binary()
    if found is None or shutil.which("ssh") is None:
        servers.missing("OpenSSH's server or client")
    servers.private_mounts()
    return found


def make_key(path: Path) -> Path:
    """A new key pair without a passphrase."""
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)
    return path


class SshServer:
    """One sshd. ``etc``, ``opt`` and ``usr_local`` are folders here that stand at those places over there.

    ``config`` is the client's ssh_config: pass it with ``-F``, or as ``AUDITOR_SSH_CONFIG``. It knows the host
    ``name`` (root) and, by :meth:`host`, every other that a test wants.

    Args:
        folder: A folder of its own.
        name: What the client calls the host.
        shell: The accounts' login shell, and ``path`` their PATH.
        packages: Whether this machine's packages are those of the far side too; else it has none.
    """

    def __init__(
        self,
        folder: Path,
        name: str = "web1",
        *,
        shell: str = "/bin/sh",
        path: str = "/usr/sbin:/usr/bin:/sbin:/bin",
        settings: Sequence[str] = (),
        mounts: Mapping[Path, str] | None = None,
        packages: bool = False,
    ) -> None:
        self.binary = require_sshd()
        self.folder = folder
        self.name = name
        self.etc, self.opt, self.usr_local = folder / "etc", folder / "opt", folder / "local"
        self.config = folder / "ssh_config"
        self.known_hosts = folder / "known_hosts"
        self.port = servers.free_port()
        self.log = folder / "sshd.log"
        self._mounts = {self.etc: "/etc", self.opt: "/opt", self.usr_local: "/usr/local", **(mounts or {})}
        self._hidden = (
            () if packages else tuple(path for path in ("/var/lib/dpkg", "/var/lib/rpm") if Path(path).is_dir())
        )
        self._process: subprocess.Popen[bytes] | None = None
        for place in (folder, *self._mounts):
            place.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.host_key = make_key(folder / "keys/host")
        self.client_key = make_key(folder / "keys/client")
        self._accounts(shell)
        self._server_config(path, settings)
        self.known_hosts.write_text(self.known_host(self.host_key))
        self.config.write_text("")
        self.host(name)

    # Files

    def _accounts(self, shell: str) -> None:
        for name in _KEPT:
            source = Path("/etc", name)
            if source.is_dir():
                shutil.copytree(source, self.etc / name, symlinks=True, dirs_exist_ok=True)
            elif source.exists():
                shutil.copy(source, self.etc / name)
        (self.etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nshadow: files\nhosts: files\n")
        # Not at home: bash would read there, at each command, what this machine's root has in its .bashrc.
        own = [f"root:x:0:0:root:/:{shell}", f"{USER}:x:{_UID}:{_UID}::/:{shell}"]
        named = [line for line in Path("/etc/passwd").read_text().splitlines() if not line.startswith("root:")]
        if not any(line.startswith("sshd:") for line in named):
            named.append("sshd:x:74:74::/run/sshd:/usr/sbin/nologin")
        (self.etc / "passwd").write_text("\n".join([*own, *named]) + "\n")
        (self.etc / "group").write_text(Path("/etc/group").read_text() + f"{USER}:x:{_UID}:\n")

    def _server_config(self, path: str, settings: Sequence[str]) -> None:
        (self.etc / "ssh").mkdir(exist_ok=True)
        for name, source in (("host", self.host_key), ("authorized", self.client_key.with_suffix(".pub"))):
            shutil.copy(source, self.etc / "ssh" / name)
        (self.etc / "ssh/host").chmod(0o600)
        (self.etc / "ssh/authorized").chmod(0o644)
        lines = [
            *settings,
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            "HostKey /etc/ssh/host",
            "AuthorizedKeysFile /etc/ssh/authorized",
            "PidFile none",
            "StrictModes no",
            "PermitRootLogin yes",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "UsePAM no",
            "MaxStartups 100",
            "LogLevel VERBOSE",
            f"SetEnv PATH={path}",
        ]
        (self.etc / "ssh/sshd_config").write_text("\n".join(lines) + "\n")

    def known_host(self, key: Path) -> str:
        """The line of known_hosts that names a key as this server's."""
        kind, public = key.with_suffix(".pub").read_text().split()[:2]
        return f"[127.0.0.1]:{self.port} {kind} {public}\n"

    def host(self, alias: str, *, user: str = "root", port: int | None = None, **settings: str) -> str:
        """Adds a host to the client's configuration: this server under another name, with settings of ssh_config."""
        usual = {
            "HostName": "127.0.0.1",
            "Port": str(port or self.port),
            "User": user,
            "IdentityFile": str(self.client_key),
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": str(self.known_hosts),
            "GlobalKnownHostsFile": "/dev/null",
            "HostKeyAlias": f"[127.0.0.1]:{self.port}",
        }
        lines = "".join(f"  {name} {value}\n" for name, value in (usual | settings).items() if value)
        with self.config.open("a") as file:
            file.write(f"Host {alias}\n{lines}")
        return alias

    def put(self, path: str, content: str | bytes = b"", mode: int = 0o644) -> Path:
        """Writes a file at a path over there, below ``/etc``, ``/opt`` or ``/usr/local``; gives where it is here."""
        place = self.here(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        place.chmod(mode)
        return place

    def here(self, path: str) -> Path:
        """Where a path over there is here."""
        for place, mounted in self._mounts.items():
            if path == mounted or path.startswith(f"{mounted}/"):
                return place / path[len(mounted) + 1 :]
        raise ValueError(f"{path} is not of the far side alone")

    # Running

    def __enter__(self) -> SshServer:
        mounts = " && ".join(f'mount --bind "{here}" "{there}"' for here, there in self._mounts.items())
        script = (
            "mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/sshd && "
            + "".join(f"mount -t tmpfs tmpfs {path} && " for path in self._hidden)
            + mounts
            + ' && exec "$0" -D -e -f '
            "/etc/ssh/sshd_config"
        )
        environment = dict(os.environ)
        if (libraries := list(self.binary.parents[1].glob("lib/*/libwrap.so.0"))) and ".tools" in str(self.binary):
            environment["LD_LIBRARY_PATH"] = str(libraries[0].parent)
        command = [
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child=KILL",
            "--mount-proc",
            "--propagation",
            "private",
        ]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "sh", "-ec", script, str(self.binary)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
            )
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(_ENDS_WITHIN_S)

    def _wait(self) -> None:
        """Returns once it listens."""
        assert self._process is not None
        deadline = time.monotonic() + _ENDS_WITHIN_S
        while time.monotonic() < deadline:
            if b"Server listening" in self.log.read_bytes():
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"sshd does not listen:\n{self.log.read_text()}")

    def logins(self) -> int:
        """How many connections were accepted so far."""
        return self.log.read_bytes().count(b"Accepted publickey")

    def falls_quiet(self) -> bool:
        """Whether nothing runs over there any more, once what was left alone has ended."""
        deadline = time.monotonic() + _ENDS_WITHIN_S
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.02)
        return not self.processes()

    def processes(self) -> tuple[str, ...]:
        """The command lines of what runs over there, sshd itself left out."""
        assert self._process is not None
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                inside = os.readlink(folder / "ns/pid") == os.readlink(f"/proc/{self._process.pid}/ns/pid_for_children")
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
            except OSError:
                continue
            if inside and line and "sshd" not in line:
                found.append(line)
        return tuple(found)


if __name__ == "__main__":  # a look at it by hand: python -m tests.ssh_server FOLDER
    with SshServer(Path(sys.argv[1]).absolute()) as running:
        print(f"ssh -F {running.config} {running.name}", flush=True)
        sys.stdin.read()
