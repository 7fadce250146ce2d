"""The far side of the tests over SSH is a machine of its own, and leaves nothing behind."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.ssh_server import USER, SshServer

pytestmark = pytest.mark.integration


def test_the_far_side_has_an_etc_of_its_own_and_accounts_with_and_without_rights(ssh_server: SshServer) -> None:
    ssh_server.put("/etc/httpd/conf/httpd.conf", "Timeout 60\n")
    ssh_server.put("/etc/httpd/conf/secret.conf", "Timeout 61\n", mode=0o600)
    ssh_server.host("web1-low", user=USER)

    def ask(host: str, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["ssh", "-F", ssh_server.config, host, command], capture_output=True, text=True)

    assert ask("web1", "cat /etc/httpd/conf/*").stdout == "Timeout 60\nTimeout 61\n"
    assert ask("web1-low", "cat /etc/httpd/conf/httpd.conf").stdout == "Timeout 60\n"
    assert ask("web1-low", "cat /etc/httpd/conf/secret.conf").returncode == 1
    assert not Path("/etc/httpd/conf/secret.conf").exists()
    assert ssh_server.logins() == 3
