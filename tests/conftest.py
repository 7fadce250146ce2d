"""Fixtures that several rooms share."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from auditor.transport import local_shell
from tests import servers
from tests.fakes.packages import wrapper
from tests.ssh_server import SshServer
from tests.unsynced import unsynced

settings.register_profile("default", deadline=None, max_examples=60)
settings.load_profile("default")


def pytest_configure() -> None:
    """A shell starts what runs in its background with SIGINT ignored, and so would be every process of the tests."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With CI set no test is passed over: whatever skips it is a failure there."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped although CI is set: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def httpd() -> Path:
    """The real httpd's binary."""
    found = servers.httpd_binary()
    if found is None or servers.modules_directory() is None:
        servers.missing("httpd")
    return found


@pytest.fixture
def debian_tree(tmp_path: Path) -> Path:
    """A copy of Debian's own configuration tree, links kept."""
    found = servers.debian_tree()
    if found is None:
        servers.missing("Debian's httpd tree")
    copy = tmp_path / "debian" / "apache2"
    shutil.copytree(found, copy, symlinks=True)
    return copy


@pytest.fixture(scope="session")
def empty_lists(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A search path with this machine's package managers, whose lists are empty."""
    folder = tmp_path_factory.mktemp("packages")
    wrappers = {"dpkg-query": f"--admindir={folder}/dpkg", "rpm": f"--dbpath={folder}/rpm"}
    for place in ("dpkg/info", "dpkg/updates", "bin"):
        (folder / place).mkdir(parents=True)
    (folder / "dpkg/status").touch()
    for name, option in wrappers.items():
        if found := shutil.which(name):
            wrapper(folder / "bin" / name, f'exec {found} {option} "$@"')
    return f"{folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@pytest.fixture
def no_packages(empty_lists: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No package brought what is on this machine: to compare what they brought takes most of the time of a look."""
    monkeypatch.setitem(local_shell._ENVIRONMENT, "PATH", empty_lists)


@pytest.fixture(scope="session")
def ssh_keygen() -> str:
    """OpenSSH's key tool, new enough to sign and verify."""
    found = shutil.which("ssh-keygen")
    if found is None:
        servers.missing("ssh-keygen")
    return found


@pytest.fixture
def ssh_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshServer]:
    """A running sshd that knows the host ``web1``; the auditor's client uses its ssh_config."""
    with SshServer(tmp_path / "web1") as server:
        monkeypatch.setenv("AUDITOR_SSH_CONFIG", str(server.config))
        yield server


@pytest.fixture(autouse=True)
def unsynced_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for the disk, but those of power cuts."""
    unsynced(monkeypatch)


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the keys and settings of whoever runs it."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / ".local/state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("AUDITOR_ILO_USERNAME", "AUDITOR_ILO_PASSWORD", "AUDITOR_KEY_FILE", "GIT_DIR", "AUDITOR_SSH_CONFIG"):
        monkeypatch.delenv(name, raising=False)
