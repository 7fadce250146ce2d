"""What a machine says of its running httpd comes over the same connection as its tree."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.model.snapshot import Collected
from auditor.model.target import SshTree, Target
from auditor.model.value import Boolean, Many, Text, Undetermined, Value
from auditor.surfaces.httpd.collect import collect
from auditor.surfaces.httpd.resources import interpret
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from tests import servers
from tests.fakes.plans import SEALER
from tests.running import until
from tests.ssh_server import USER, SshServer

pytestmark = pytest.mark.integration


class FarSite:
    """A real httpd that runs on the far side, from a tree of its own ``/etc``."""

    def __init__(self, server: SshServer, httpd: Path) -> None:
        self.server, self.httpd = server, httpd
        self.port = servers.free_port()
        server.put(
            "/etc/httpd/conf/httpd.conf",
            f"ServerRoot /etc/httpd\n{servers.load_modules('mpm_event', 'authz_core')}ServerName web1.example\n"
            f"Listen 127.0.0.1:{self.port}\nPidFile /run/httpd.pid\nErrorLog /run/error.log\n"
            "User nobody\nGroup nogroup\nStartServers 1\nIncludeOptional conf.d/*.conf\nInclude /opt/shared/*.conf\n",
        )
        server.put("/etc/httpd/conf.d/shop.conf", "Timeout 60\n")
        server.put("/opt/shared/common.conf", "KeepAliveTimeout 3\n")

    def run(self, command: str) -> str:
        """Runs a command over there, as root."""
        done = subprocess.run(
            ["ssh", "-F", self.server.config, "web1", command], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def control(self, what: str) -> None:
        """Starts, reloads or stops the server, and waits until it has said so by its pid file."""
        before = self.run("stat -c %Y%y /run/httpd.pid 2>/dev/null || echo none")
        self.run(f"{self.httpd} -d /etc/httpd -f conf/httpd.conf -k {what} </dev/null >/dev/null 2>&1")
        until(lambda: self.run("stat -c %Y%y /run/httpd.pid 2>/dev/null || echo none") != before)

    def collected(self, host: str = "web1", **named: object) -> Collected:
        target = Target(host, "httpd", SshTree(host, "/etc/httpd", **named))  # type: ignore[arg-type]
        return asyncio.run(collect(target, CollectOptions(SEALER, environment=dict(os.environ))))

    def value(self, name: str, host: str = "web1") -> Value | None:
        main = interpret(self.collected(host), InterpretOptions()).find("httpd.server", "main")
        assert main is not None
        return main.value(name)

    def changed(self) -> list[str]:
        """What is changed on disk and not loaded."""
        found = self.value("changed_not_loaded")
        assert isinstance(found, Many), found
        return [one.value for one in found.items if isinstance(one, Text)]


@pytest.fixture
def far(ssh_server: SshServer, httpd: Path) -> Iterator[FarSite]:
    site = FarSite(ssh_server, httpd)
    site.control("start")
    yield site
    site.control("stop")


def test_version_modules_and_what_is_not_loaded_are_asked_over_there(far: FarSite) -> None:
    collected = far.collected()
    said = far.run(f"{far.httpd} -v")
    assert collected.gaps == ()
    assert f"Apache/{collected.fact('version')} " in said
    assert collected.fact("mpm") == "event"
    assert far.value("running") == Boolean(True)
    assert far.changed() == []
    far.server.put("/etc/httpd/conf.d/shop.conf", "Timeout 90\n")
    far.server.put("/opt/shared/common.conf", "KeepAliveTimeout 5\n")
    assert far.changed() == ["/opt/shared/common.conf", "conf.d/shop.conf"]
    far.control("graceful")
    assert far.changed() == []


def test_what_the_account_may_not_see_of_the_server_is_undetermined(far: FarSite) -> None:
    far.server.host("low", user=USER)
    # Between the start of the parent and that of its children: without the pid file nobody knows whether it was read.
    far.server.put("/etc/httpd/conf.d/shop.conf", "Timeout 90\n")
    far.control("graceful")
    far.run("chmod 600 /run/httpd.pid; chmod 600 /run/error.log")
    unknown = far.collected("low").fact("state_unknown")
    assert isinstance(unknown, tuple)
    assert {text.partition(":")[0] for text in unknown} >= {"backlog", "changed_not_loaded", "replaced_code"}
    assert isinstance(far.value("changed_not_loaded", "low"), Undetermined)
    assert far.value("running", "low") == Boolean(True)


def test_a_tree_that_nothing_runs_says_so(ssh_server: SshServer) -> None:
    ssh_server.put("/etc/httpd/conf/httpd.conf", "ServerName web1.example\n")
    target = Target("web1", "httpd", SshTree("web1", "/etc/httpd"))
    collected = asyncio.run(collect(target, CollectOptions(SEALER, environment=dict(os.environ))))
    assert collected.gaps == ()
    assert collected.fact("running") in (False, None)
