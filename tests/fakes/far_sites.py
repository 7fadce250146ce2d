"""A running httpd with a proxied route on another machine, and the fleet that changes it over SSH."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests import servers
from tests.fakes.fleets import TestFleet
from tests.fakes.sites import Site
from tests.running import until
from tests.ssh_server import USER, SshServer


class FarSite(Site):
    """Its tree is ``/etc/httpd`` over there, its state folder ``/etc/auditor``; ``root`` and ``state`` are these here.

    ``more`` are further lines of the host's httpd in the inventory, ``user`` logs in.
    """

    def __init__(self, server: SshServer, folder: Path, *more: str, user: str = "root") -> None:
        self.far, self.folder = server, folder
        self.alias = server.name if user == "root" else server.host("low", user=user)
        self.port = servers.free_port()
        self.root, self.state = server.here("/etc/httpd"), server.here("/etc/auditor")
        run = "/run" if user == "root" else "/opt/run"
        self.pid_file = f"{run}/httpd.pid"
        account = "User nobody\nGroup nogroup\n" if user == "root" else ""
        root = "ServerRoot /etc/httpd\n" if user == "root" else ""
        include = "/etc/httpd/conf.d" if user == "root" else "conf.d"
        modules = servers.load_modules("mpm_prefork", "authz_core", "proxy", "proxy_http", "status", "headers")
        server.put(
            "/etc/httpd/httpd.conf",
            f"{modules}ServerName web1.example\nListen 127.0.0.1:{self.port}\nPidFile {self.pid_file}\n"
            f"ErrorLog {run}/error.log\n{root}{account}Timeout 60\nStartServers 1\n"
            "DocumentRoot /etc/httpd\n<Location /server-status>\nSetHandler server-status\n</Location>\n"
            f"IncludeOptional {include}/*.conf\n",
        )
        server.put(
            "/etc/httpd/conf.d/api.conf",
            b"# the caf\xe9's route\r\n"
            b"ProxyPass /api http://127.0.0.1:9/ timeout=300\r\n"
            b'RequestHeader set Authorization "Bearer pl4nted-s3cret-77"\r\n',
            0o640,
        )
        binary = servers.httpd_binary()
        assert binary is not None
        self.command = [str(binary), "-d", "/etc/httpd", "-f", "/etc/httpd/httpd.conf"]
        words = "".join(f"      {line}\n" for line in ("state_dir: /etc/auditor", *more))
        hosts = (
            f"  web1:\n    httpd:\n      ssh: {self.alias}\n      tree: /etc/httpd\n      main_file: httpd.conf\n"
            f"      server: [{', '.join(self.command)}]\n{words}"
        )
        self.fleet = TestFleet(folder / "fleet", hosts).make({"AUDITOR_SSH_CONFIG": str(server.config)})

    def run(self, command: str, host: str = "") -> str:
        """What a command over there says, run as root where no other login is named."""
        words = ["ssh", "-F", str(self.far.config), host or self.far.name, command]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def alive(self) -> bool:
        """Whether the server's parent process runs."""
        return self.run(f'kill -0 "$(cat {self.pid_file})" 2>/dev/null && echo yes; true').strip() == "yes"

    def __enter__(self) -> Self:
        if self.alias != self.far.name:
            self.run(f"mkdir /opt/run; chown -R {USER}: /etc/httpd /opt/run; install -d -m 700 -o {USER} /etc/auditor")
        self.run(f"{' '.join(self.command)} -k start </dev/null >/dev/null 2>&1", self.alias)
        until(lambda: self.generation() == 1 if self.answers() else False)
        return self

    def answers(self) -> bool:
        """Whether it answers."""
        try:
            return self.generation() > 0
        except OSError:
            return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """It ends with the far side."""
