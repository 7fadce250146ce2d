"""Every way in which a login or a connection fails has its own cause, sentence and next step, and nothing is left."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from auditor.errors import CollectError, InputError
from auditor.model.snapshot import Collected, Gap
from auditor.model.target import SshTree, Target
from auditor.surfaces.httpd.collect import WHOLE_TARGET, collect
from auditor.surfaces.interface import CollectOptions
from auditor.transport.ssh.address import Patience, SshAddress
from auditor.transport.ssh.connection import SshConnection
from tests import servers
from tests.fakes.plans import SEALER
from tests.far_shells import far_shell
from tests.ssh_server import SshServer, make_key

pytestmark = pytest.mark.integration


@pytest.fixture
def site(ssh_server: SshServer) -> SshServer:
    """A server with a tree."""
    ssh_server.put("/etc/httpd/conf/httpd.conf", "ServerName web1.example\nInclude conf.d/*.conf\n")
    for number in range(30):
        ssh_server.put(f"/etc/httpd/conf.d/v{number:02}.conf", "ProxyTimeout 60\n" * 200)
    return ssh_server


def over_ssh(host: str = "web1", **named: object) -> Collected:
    target = Target(host, "httpd", SshTree(host, "/etc/httpd", **named))  # type: ignore[arg-type]
    return asyncio.run(collect(target, CollectOptions(SEALER, environment=dict(os.environ))))


def missed(host: str = "web1", **named: object) -> Gap:
    """The only gap of a target of which nothing was seen."""
    collected = over_ssh(host, **named)
    assert (collected.documents, collected.facts) == ((), ())
    (gap,) = collected.gaps
    assert gap.what == WHOLE_TARGET
    assert gap.next_step
    return gap


def test_the_right_key_and_login_read_the_tree(site: SshServer) -> None:
    collected = over_ssh()
    assert (len(collected.documents), collected.gaps) == (31, ())


def test_an_unknown_host_key_is_told_with_how_to_compare_it_and_is_not_added(site: SshServer) -> None:
    site.known_hosts.write_text("")
    gap = missed()
    assert gap.cause == "not trusted"
    assert "its host key is not known here" in gap.detail
    assert "ssh-keyscan" in gap.next_step
    assert "ssh-keygen -lf" in gap.next_step
    assert site.known_hosts.read_text() == ""
    assert site.logins() == 0


def test_a_changed_host_key_is_told_apart_with_its_place(site: SshServer, tmp_path: Path) -> None:
    other = site.known_host(make_key(tmp_path / "other"))
    site.known_hosts.write_text(other)
    gap = missed()
    assert gap.cause == "not trusted"
    assert "is not the one that is known" in gap.detail
    assert f"{site.known_hosts}:1" in gap.detail
    assert "ssh-keygen -R" in gap.next_step
    assert site.known_hosts.read_text() == other
    assert site.logins() == 0


def test_a_refused_login_is_not_tried_again_in_the_same_run(site: SshServer, tmp_path: Path) -> None:
    site.host("wrong", IdentityFile=str(make_key(tmp_path / "wrong")), IdentityAgent="none")
    options = CollectOptions(SEALER, environment=dict(os.environ))
    trees = [SshTree("wrong", path) for path in ("/etc/httpd", "/etc/other", "/etc/third")]

    async def run() -> list[Collected]:
        targets = [Target("wrong", "httpd", tree, f"i{number}") for number, tree in enumerate(trees)]
        return await asyncio.gather(*(collect(target, options) for target in targets))

    gaps = [one.gaps[0] for one in asyncio.run(run())]
    assert [gap.cause for gap in gaps] == ["refused"] * 3
    assert "Permission denied (publickey)" in gaps[0].detail
    assert site.log.read_bytes().count(b"Connection from") == 1


def test_a_closed_port(site: SshServer) -> None:
    site.host("closed", port=servers.free_port())
    gap = missed("closed")
    assert (gap.cause, "the connection was refused" in gap.detail) == ("unreachable", True)


def test_a_name_that_is_not_there(site: SshServer) -> None:
    site.host("nowhere", HostName="nowhere.invalid")
    gap = missed("nowhere")
    assert (gap.cause, "there is no machine of this name" in gap.detail) == ("unreachable", True)


@pytest.mark.parametrize("patience", [Patience(connect_s=1), Patience(answer_s=1)])
def test_a_black_hole_is_given_up(site: SshServer, patience: Patience) -> None:
    """It listens and never says a word. Both the client's own time-out and ours end it."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen()
        site.host("hole", port=hole.getsockname()[1])

        async def run() -> None:
            connection = SshConnection(SshAddress("hole", config=str(site.config)), patience)
            try:
                await connection.open({})
            finally:
                await connection.close()

        with pytest.raises(CollectError) as caught:
            asyncio.run(run())
    assert caught.value.cause == "timed out"
    assert "no answer" in caught.value.what or "it does not answer" in caught.value.what


def test_an_ssh_config_that_cannot_be_used(site: SshServer) -> None:
    with site.config.open("a") as file:
        file.write("NoSuchOption yes\n")
    assert missed().cause == "malformed"


def test_no_client_here(site: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    gap = missed()
    assert (gap.cause, "there is no `ssh` here" in gap.detail) == ("unsupported", True)


def test_an_account_without_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SshServer(tmp_path / "web1", shell="/usr/sbin/nologin") as server:
        monkeypatch.setenv("AUDITOR_SSH_CONFIG", str(server.config))
        gap = missed()
    assert (gap.cause, "no POSIX shell answers" in gap.detail) == ("unsupported", True)
    assert "not available" in gap.detail


def test_what_a_login_prints_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A banner that looks like an error, and a shell that greets on both streams."""
    shell = tmp_path / "greeting"
    shell.write_text(
        '#!/bin/sh\necho "Welcome"; echo "Permission denied (" >&2; printf "no line feed"\nexec /bin/sh "$@"\n'
    )
    shell.chmod(0o755)
    banner = tmp_path / "banner"
    banner.write_text("Host key verification failed.\nPermission denied (publickey).\n")
    with SshServer(tmp_path / "web1", shell=str(shell), settings=[f"Banner {banner}"]) as server:
        monkeypatch.setenv("AUDITOR_SSH_CONFIG", str(server.config))
        server.put("/etc/httpd/conf/httpd.conf", "ServerName web1.example\n")
        assert len(over_ssh().documents) == 1
        server.host("closed", port=servers.free_port())
        assert missed("closed").cause == "unreachable"


def test_settings_of_the_users_own_that_would_get_in_the_way_do_not(site: SshServer, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    site.host(
        "meddled",
        RemoteCommand=f"touch {trace}",
        RequestTTY="force",
        PermitLocalCommand="yes",
        LocalCommand=f"touch {trace}",
        StrictHostKeyChecking="no",
        ControlMaster="auto",
        ControlPath=f"/tmp/{tmp_path.name[-40:]}-%n",
        ControlPersist="yes",
        LocalForward=f"127.0.0.1:{servers.free_port()} 127.0.0.1:1",
        LogLevel="DEBUG",
    )
    assert len(over_ssh("meddled").documents) == 31
    assert not trace.exists()
    assert clients(site) == []
    site.known_hosts.write_text("")
    assert missed("meddled").cause == "not trusted"


# A connection that is cut


class CuttingProxy:
    """Hands on what is sent, up to a number of bytes from the server; then it closes both sides or waits for ``go``."""

    def __init__(self, port: int, allowed: int, *, waits: bool = False) -> None:
        self.behind, self.allowed, self.waits = port, allowed, waits
        self.handed_on = 0
        self.go = threading.Event()
        self._sockets = [socket.socket()]
        self._sockets[0].bind(("127.0.0.1", 0))
        self._sockets[0].listen()
        self.port = int(self._sockets[0].getsockname()[1])
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._sockets[0].accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.behind))
            self._sockets += [client, server]
            self._start(self._hand_on, client, server, False)
            self._start(self._hand_on, server, client, True)

    def _hand_on(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        try:
            while piece := source.recv(16384):
                self.handed_on += len(piece) if counted else 0
                if self.handed_on > self.allowed and counted:
                    if not self.waits:
                        sink.sendall(piece[: max(len(piece) - (self.handed_on - self.allowed), 0)])
                        break
                    self.go.wait()
                sink.sendall(piece)
        except OSError:
            pass
        for one in (source, sink):
            self._shut(one)

    def _shut(self, one: socket.socket) -> None:
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def __enter__(self) -> CuttingProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.go.set()
        for one in self._sockets:
            self._shut(one)
        for thread in self._threads:
            thread.join()
        for one in self._sockets:
            one.close()


def test_wherever_the_connection_is_cut_nothing_of_the_tree_counts(site: SshServer) -> None:
    with CuttingProxy(site.port, 1 << 40) as whole:
        site.host("whole", port=whole.port)
        assert len(over_ssh("whole").documents) == 31
        total = whole.handed_on
    assert total > 100_000
    for eighth in range(24):
        allowed = total * eighth // 24 + eighth
        with CuttingProxy(site.port, allowed) as cut:
            site.host(f"cut{eighth}", port=cut.port)
            gap = missed(f"cut{eighth}")
        assert gap.cause == "unreachable", (allowed, total, gap)
    assert site.falls_quiet()


def test_a_connection_that_falls_silent_is_given_up(site: SshServer) -> None:
    with CuttingProxy(site.port, 1 << 40) as whole:
        site.host("whole", port=whole.port)
        over_ssh("whole")
        total = whole.handed_on
    with CuttingProxy(site.port, total // 2, waits=True) as cut:
        site.host("silent", port=cut.port)
        target = Target("silent", "httpd", SshTree("silent", "/etc/httpd"))
        options = CollectOptions(SEALER, environment=dict(os.environ), deadline_s=3)
        collected = asyncio.run(collect(target, options))
    assert [(gap.what, gap.cause) for gap in collected.gaps] == [(WHOLE_TARGET, "timed out")]
    assert collected.documents == ()


def test_a_file_that_becomes_a_fifo_holds_nothing_up_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is swapped between being looked at and being opened, which no check can rule out."""
    far_shell(tmp_path / "far", "dash")
    there = tmp_path / "far/there"
    (there / "cat").unlink()
    (there / "cat").write_text(
        "#!/bin/sh\nPATH=/usr/bin:/bin; f=/etc/httpd/conf.d/a.conf\n"
        '[ -p "$f" ] || { rm "$f" && mkfifo "$f"; }\nexec cat "$@"\n'
    )
    (there / "cat").chmod(0o755)
    with SshServer(tmp_path / "web1", path=str(there)) as server:
        server.put("/etc/httpd/conf/httpd.conf", "Include conf.d/*.conf\n")
        server.put("/etc/httpd/conf.d/a.conf", "Timeout 60\n")
        monkeypatch.setenv("AUDITOR_SSH_CONFIG", str(server.config))
        options = CollectOptions(SEALER, environment=dict(os.environ), deadline_s=3)
        collected = asyncio.run(collect(Target("web1", "httpd", SshTree("web1", "/etc/httpd")), options))
        assert [(gap.what, gap.cause) for gap in collected.gaps] == [(WHOLE_TARGET, "timed out")]
        assert server.falls_quiet()


# What is left


@contextmanager
def running(site: SshServer, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", "import sys; from auditor.cli import main; sys.exit(main())", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=site.folder)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def waits(condition: Callable[[], bool]) -> bool:
    """Whether it comes true in time."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def clients(site: SshServer) -> list[str]:
    """The ssh processes here that use the server's ssh_config."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = line.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"ssh") and os.fsencode(site.config) in words:
            found.append(line.parent.name)
    return found


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_no_process_here_or_there(site: SshServer, end: signal.Signals) -> None:
    with CuttingProxy(site.port, 20_000, waits=True) as slow:
        site.host("slow", port=slow.port)
        with running(site, "check", "ssh://slow/etc/httpd") as process:
            assert waits(lambda: slow.handed_on > 20_000)
            assert len(clients(site)) == 1
            process.send_signal(end)
            _, errors = process.communicate(timeout=20)
            assert b"Traceback" not in errors
            assert b"Warning" not in errors
            assert process.returncode == (130 if end == signal.SIGINT else -end)
            if end != signal.SIGINT:  # who dies so cannot tidy up; its client ends with the next byte that comes
                slow.go.set()
            assert waits(lambda: not clients(site))
    assert site.falls_quiet()


def test_a_tree_that_is_not_there_is_an_input_error(site: SshServer) -> None:
    with pytest.raises(InputError, match="does not exist"):
        asyncio.run(
            collect(
                Target("web1", "httpd", SshTree("web1", "/etc/none")),
                CollectOptions(SEALER, environment=dict(os.environ)),
            )
        )
