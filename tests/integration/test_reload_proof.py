"""A reload counts only when another generation serves, and lives: on real servers, which must be alive afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from auditor.errors import ApplyError
from auditor.model.plan import OutcomeOf
from auditor.model.target import LocalTree
from auditor.plan.outcome import failure_of
from auditor.surfaces.httpd.carry_out import server
from auditor.surfaces.httpd.carry_out.asking import Request, ask_here
from tests import servers
from tests.fakes.far_sites import FarSite
from tests.fakes.sites import ROUTE, Site, planned_line
from tests.running import until
from tests.ssh_server import SshServer

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_packages")]

NOBODY = "does not answer on .* any more|and no child of it lives by them|every new child of the server ended within"
ENDS_ITS_SERVER = "#!/bin/sh\nsleep 0.5\nkill -TERM $PPID\nexec cat >/dev/null\n"
ENDS_CHILDREN = r"""#!/bin/sh
spared=" $(cat {folder}/spared 2>/dev/null) "
while kill -0 $PPID; do
    for c in $(cat /proc/$PPID/task/$PPID/children); do
        case $spared in *" $c "*) continue ;; esac
        [ "$(cat /proc/$c/comm)" = "$(cat /proc/$PPID/comm)" ] && kill -9 $c
    done
    sleep 0.02
done 2>/dev/null
"""


@pytest.fixture
def site(tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(server, "SETTLE_S", 1.0)
    monkeypatch.setattr(server, "_APPEAR_S", 3.0)
    made = Site(tmp_path)
    with made.server:
        yield made


def _again(site: Site, *changes: tuple[str, str]) -> None:
    """The server with another main file, started anew."""
    main = site.root / "httpd.conf"
    text = main.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    site.server.__exit__()
    main.write_text(text)
    site.server.__enter__()
    until(lambda: _answers(site))


_CLOSED = ("SetHandler server-status", "Require all denied")
"""What keeps mod_status from telling a generation, as on most servers."""


def _program(site: Site, text: str) -> str:
    """A plan whose log is written by a program of these lines."""
    program = site.folder / "logger"
    program.write_text(text.replace("{folder}", str(site.folder)))
    program.chmod(0o755)
    return planned_line(site, f'CustomLog "|{program}" "%t"')


def _taken_back(site: Site, plan: str) -> OutcomeOf:
    """The outcome of an apply that must have been taken back, with the server serving as before."""
    files, pid = site.files(), _pid(site)
    site.approve(plan)
    report = site.apply(plan)
    outcome = report.outcomes[0]
    assert outcome.outcome == "taken back", outcome
    failure = failure_of(report)
    assert failure is not None
    assert failure.exit_code == 5
    assert site.files() == files
    assert site.server.alive()
    assert _answers(site)
    return outcome if _pid(site) == pid else OutcomeOf(outcome.target, outcome.outcome, f"{outcome.text}; anew")


def _pid(site: Site) -> int:
    path = site.folder / "httpd.pid"
    until(lambda: path.exists() and path.read_text().strip() != "")
    return int(path.read_text())


def _answers(site: Site) -> bool:
    """Whether a child answers; a server that starts opens its port once more in between."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", site.port), timeout=5) as connection:
        connection.sendall(b"OPTIONS * HTTP/1.0\r\n\r\n")
        return connection.recv(100).startswith(b"HTTP/1.1 200")
    return False


@pytest.mark.parametrize("mpm", ["prefork", "worker", "event"])
def test_a_server_that_its_new_files_end_a_little_later_is_brought_back(site: Site, mpm: str) -> None:
    _again(site, _CLOSED, ("mpm_prefork", f"mpm_{mpm}"))
    outcome = _taken_back(site, _program(site, ENDS_ITS_SERVER))
    assert "the server ended" in outcome.text
    assert outcome.text.endswith("anew")


def test_a_server_whose_children_all_die_is_not_reloaded_although_its_parent_lives(site: Site) -> None:
    _again(site, _CLOSED, ("mpm_prefork", "mpm_event"))
    outcome = _taken_back(site, _program(site, ENDS_CHILDREN))
    assert re.search(NOBODY, outcome.text)
    assert not outcome.text.endswith("anew")


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A back end that takes connections and says nothing."""
    with socket.socket() as backend:
        backend.bind(("127.0.0.1", 0))
        backend.listen()
        backend.settimeout(20)
        yield backend


def _hang(site: Site, done: threading.Event) -> threading.Thread:
    """A request that an old child still serves after a reload."""

    def ask() -> None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", site.port)) as connection:
            connection.sendall(b"GET /slow HTTP/1.0\r\n\r\n")
            done.wait(60)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_old_children_that_still_serve_prove_nothing_and_hinder_nothing(
    site: Site, silent: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SETTLE_S", 0.5)
    slow = f"ProxyPass /slow http://127.0.0.1:{silent.getsockname()[1]}/"
    _again(site, _CLOSED, ("Timeout 60", f"Timeout 60\n{slow}"))
    done = threading.Event()
    asking = _hang(site, done)
    try:
        held, _ = silent.accept()
        pid = _pid(site)
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        (site.folder / "spared").write_text(children)
        outcome = _taken_back(site, _program(site, ENDS_CHILDREN))
        assert re.search(NOBODY, outcome.text)
        old = set(children.split()) & set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        assert old, "one still serves the request from before"

        made = site.propose(f"{ROUTE}=60s")
        site.approve(made.id)
        report = site.apply(made.id)
        assert report.outcomes[0].outcome == "applied", report
        assert any("its PidFile was written anew" in text for text, _ in report.outcomes[0].checks)
    finally:
        done.set()
        asking.join()
        held.close()
        site.server.let_nobody_finish()


def test_children_that_came_by_themselves_are_no_reload(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SETTLE_S", 0.2)
    _again(site, _CLOSED)
    original = server.HttpdServer.reload

    async def swallowed(self: server.HttpdServer) -> None:
        monkeypatch.setattr(server.HttpdServer, "reload", original)
        pid = _pid(site)
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)  # the parent starts others in their place, of the same generation

    monkeypatch.setattr(server.HttpdServer, "reload", swallowed)
    made = site.propose(f"{ROUTE}=60s")
    assert "the server shows no new generation" in _taken_back(site, made.id).text


def test_children_that_died_before_too_hinder_nothing_and_are_said(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SETTLE_S", 0.3)
    monkeypatch.setattr(server, "_APPEAR_S", 1.0)

    async def nobody(*_: object) -> tuple[frozenset[tuple[str, int]], None]:
        return frozenset(), None  # one that is asked in the moment of its life could answer

    monkeypatch.setattr(server, "answers_of", nobody)
    inventory = site.fleet.root / "auditor.yaml"
    inventory.write_text("".join(one for one in inventory.read_text().splitlines(True) if "probe:" not in one))
    anew, kept = planned_line(site, "# one", "stop and start"), planned_line(site, "# two", file="conf.d/api.conf")
    for plan in (anew, kept):
        site.approve(plan)
    site.server.__exit__()
    (site.folder / "logger").write_text(ENDS_CHILDREN.replace("{folder}", str(site.folder)).replace("0.02", "0.1"))
    (site.folder / "logger").chmod(0o755)
    (site.root / "conf.d/log.conf").write_text(f'CustomLog "|{site.folder}/logger" "%t"\n')
    site.server.__enter__()
    before, original = site.files(), server.HttpdServer.reload

    async def swallowed(self: server.HttpdServer) -> None:
        monkeypatch.setattr(server.HttpdServer, "reload", original)

    monkeypatch.setattr(server.HttpdServer, "reload", swallowed)
    report = site.apply(kept)
    assert report.outcomes[0].outcome == "taken back", report
    assert "the server shows no new generation" in report.outcomes[0].text
    assert site.files() == before
    outcome = site.apply(anew).outcomes[0]
    assert outcome.outcome == "applied", outcome
    for checks in (report.outcomes[0].checks, outcome.checks):
        assert any(text.endswith("ended within 0.3 s, as before") and not held for text, held in checks)


def test_a_parent_that_does_not_react_is_not_reloaded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SETTLE_S", 0.2)
    monkeypatch.setattr(server, "_APPEAR_S", 1.0)
    original, pid = server.HttpdServer.reload, _pid(site)

    async def busy(self: server.HttpdServer) -> None:
        os.kill(pid, signal.SIGSTOP)
        await original(self)
        monkeypatch.setattr(server.HttpdServer, "reload", awake)

    async def awake(self: server.HttpdServer) -> None:
        os.kill(pid, signal.SIGCONT)
        await original(self)

    monkeypatch.setattr(server.HttpdServer, "reload", busy)
    try:
        made = site.propose(f"{ROUTE}=60s")
        assert "the server shows no new generation" in _taken_back(site, made.id).text
    finally:
        os.kill(pid, signal.SIGCONT)


def test_an_address_that_is_new_and_answers_nobody_is_noticed(site: Site) -> None:
    port = servers.free_port()
    (target,) = site.fleet.desk().targets.values()
    assert isinstance(target.location, LocalTree)

    async def deaf(requests: Sequence[Request]) -> list[bytes]:
        answers = await ask_here(requests)
        return [b"" if one[0][1] == port else answer for one, answer in zip(requests, answers, strict=True)]

    running = server.HttpdServer(target.location, 0.2, asker=deaf)

    async def reload() -> None:
        before = await running.running()
        main = site.root / "httpd.conf"
        main.write_text(f"{main.read_text()}Listen 127.0.0.1:{port}\n")
        await running.reload()
        await running.prove(before)

    with pytest.raises(ApplyError, match=f"does not answer on 127.0.0.1:{port} though it listens there now"):
        asyncio.run(reload())


def test_over_ssh_what_ends_the_server_or_its_children_is_taken_back_there(
    ssh_server: SshServer, tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SETTLE_S", 1.0)
    monkeypatch.setattr(server, "_APPEAR_S", 3.0)
    with FarSite(ssh_server, tmp_path / "site") as site:
        for text, why in ((ENDS_ITS_SERVER, "the server ended"), (ENDS_CHILDREN, NOBODY)):
            ssh_server.put("/opt/logger", text.replace("{folder}", "/opt"), mode=0o755)
            plan = planned_line(site, 'CustomLog "|/opt/logger" "%t"')
            site.approve(plan)
            before = site.files()
            outcome = site.apply(plan).outcomes[0]
            assert outcome.outcome == "taken back", outcome
            assert re.search(why, outcome.text), outcome.text
            assert site.files() == before
            assert site.alive()
            assert site.answers()
