"""From wish to rollback on a real httpd of another machine, over a real sshd."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.errors import AuditorError, RefusedError
from auditor.plan.outcome import failure_of
from auditor.surfaces.httpd.carry_out import server
from auditor.surfaces.httpd.carry_out.far.machine import FarMachine
from auditor.surfaces.httpd.carry_out.far.machine import script as carrying
from auditor.surfaces.httpd.carry_out.machine import Pairs
from auditor.transport.ssh.connection import SshConnection
from tests import servers
from tests.fakes.far_sites import FarSite
from tests.fakes.sites import ROUTE, planned_line
from tests.ssh_server import USER, SshServer

pytestmark = pytest.mark.integration


@pytest.fixture
def site(
    ssh_server: SshServer, tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FarSite]:
    monkeypatch.setattr(server, "SETTLE_S", 0.3)
    with FarSite(ssh_server, tmp_path / "site") as made:
        yield made


def test_a_wish_is_planned_approved_applied_and_rolled_back(site: FarSite) -> None:
    site.snapshot()
    before, generation = site.files(), site.generation()
    file = site.root / "conf.d/api.conf"
    os.chown(file, 12, 34)
    status = file.stat()
    made = site.propose(f"{ROUTE}=60s")
    site.approve(made.id)
    report = site.apply(made.id)
    assert [one.outcome for one in report.outcomes] == ["applied"], report
    changed = site.files()
    assert [name for name in before if before[name] != changed[name]] == [str(file)]
    assert b"caf\xe9's route\r\n" in file.read_bytes()
    assert b"timeout=60\r\n" in file.read_bytes()
    assert b"pl4nted-s3cret-77" in file.read_bytes()
    now = file.stat()
    assert (now.st_mode, now.st_uid, now.st_gid) == (status.st_mode, 12, 34)
    assert site.generation() == generation + 1
    texts = [text for text, held in report.outcomes[0].checks if held]
    assert any(f"generation {generation} → {generation + 1}" in text for text in texts)
    assert any("private mount" in text for text in texts)
    assert ("nothing else changed", True) in report.outcomes[0].checks
    with pytest.raises(RefusedError, match="used once"):
        site.apply(made.id)
    for path in (site.state, *site.state.rglob("*")):
        assert path.is_file() or path.stat().st_mode & 0o077 == 0, path
    assert not (site.state / "plans" / made.id / "stage").exists()

    assert [one.outcome for one in site.rollback(made.id).outcomes] == ["rolled back"]
    assert site.files() == before
    assert (file.stat().st_mode, file.stat().st_uid) == (status.st_mode, 12)
    assert site.generation() == generation + 2
    with pytest.raises(RefusedError, match="rolled back"):
        site.apply(made.id)
    kinds = [event.kind for event in site.fleet.desk().events(made.id)]
    assert (kinds.count("applied"), kinds.count("rolled back")) == (1, 1)
    for path in site.fleet.root.rglob("*"):
        assert not path.is_file() or b"pl4nted-s3cret-77" not in path.read_bytes(), path


def test_extended_attributes_and_acl_stay(site: FarSite) -> None:
    file = site.root / "conf.d/api.conf"
    acl = bytes.fromhex("0200000001000600ffffffff02000400d204000004000400ffffffff10000600ffffffff20000400ffffffff")
    kept = {"user.note": b"mine", "system.posix_acl_access": acl}  # and user 1234 may read
    try:
        for name, value in kept.items():
            os.setxattr(file, name, value)
    except OSError:
        pytest.skip("this file system keeps no extended attributes or no ACL")
    made = site.propose(f"{ROUTE}=60s")
    site.approve(made.id)
    assert site.apply(made.id).outcomes[0].outcome == "applied"
    assert {name: os.getxattr(file, name) for name in os.listxattr(file)} == kept
    assert site.rollback(made.id).outcomes[0].outcome == "rolled back"
    assert {name: os.getxattr(file, name) for name in os.listxattr(file)} == kept


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("NoSuchDirective on", "refuses the staged tree: .*NoSuchDirective"),
        ("Listen 127.0.0.1:{taken}", "cannot be listened on: Address already in use"),
        ('CustomLog "|/nonexistent/rotate" common', "is not there"),
        ("PidFile /run/other.pid", "stop and start"),
    ],
)
def test_what_would_end_the_server_is_found_there_before_anything_is_touched(
    site: FarSite, line: str, why: str
) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        plan = planned_line(site, line.format(taken=held.getsockname()[1]))
        site.approve(plan)
        before, generation = site.files(), site.generation()
        outcome = site.apply(plan).outcomes[0]
    assert outcome.outcome == "refused", outcome
    assert re.search(why, outcome.text), outcome.text
    assert (site.files(), site.generation()) == (before, generation)


def test_a_change_that_the_server_dies_of_is_taken_back_and_the_server_brought_back(
    site: FarSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = site.propose(f"{ROUTE}=60s")
    site.approve(made.id)
    before = site.files()
    original = server.HttpdServer.reload

    async def reload(self: server.HttpdServer) -> None:
        await original(self)
        monkeypatch.setattr(server.HttpdServer, "reload", original)
        site.run('p=$(cat /run/httpd.pid); kill "$p"; while kill -0 "$p" 2>/dev/null; do sleep 0.05; done')

    monkeypatch.setattr(server.HttpdServer, "reload", reload)
    outcome = site.apply(made.id).outcomes[0]
    assert outcome.outcome == "taken back", outcome
    assert site.files() == before
    assert site.alive()
    assert [event.kind for event in site.fleet.desk().events(made.id)][-1] == "taken back"


def test_a_lock_that_somebody_else_holds_there_is_a_refusal_that_names_them(site: FarSite) -> None:
    made = site.propose(f"{ROUTE}=60s")
    site.approve(made.id)
    before = site.files()
    site.state.mkdir(mode=0o700)
    with (site.state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711 another:/srv/fleet\n")
        lock.flush()
        outcome = site.apply(made.id).outcomes[0]
    assert outcome.outcome == "refused", outcome
    assert "web1/httpd is locked by process 4711 there (another:/srv/fleet)" in outcome.text
    assert site.files() == before


def test_a_file_that_was_edited_by_hand_since_is_not_overwritten(site: FarSite) -> None:
    made = site.propose(f"{ROUTE}=60s")
    site.approve(made.id)
    assert site.apply(made.id).outcomes[0].outcome == "applied"
    file = site.root / "conf.d/api.conf"
    file.write_bytes(file.read_bytes() + b"# by hand\n")
    now = site.files()
    outcome = site.rollback(made.id).outcomes[0]
    assert outcome.outcome == "refused", outcome
    assert "its bytes were changed since the plan was applied" in outcome.text
    assert site.files() == now


def test_a_connection_that_is_cut_at_any_round_trip_is_found_again(
    site: FarSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = site.files()
    original = SshConnection.run
    trips: list[str] = []
    cut_at = [0]

    async def run(self: SshConnection, script: str, arguments: tuple[str, ...] = (), **how: object) -> bytes:
        if script is not carrying() and "-k" not in arguments:
            return await original(self, script, arguments, **how)  # type: ignore[arg-type]
        trips.append(arguments[0])
        if len(trips) != cut_at[0]:
            return await original(self, script, arguments, **how)  # type: ignore[arg-type]
        asked = asyncio.ensure_future(original(self, script, arguments, **how))  # type: ignore[arg-type]
        await asyncio.sleep(0)  # the request is under way
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        return await asked

    monkeypatch.setattr(SshConnection, "run", run)
    made = site.propose(f"{ROUTE}=60s")
    site.approve(made.id)
    assert site.apply(made.id).outcomes[0].outcome == "applied"
    assert site.rollback(made.id).outcomes[0].outcome == "rolled back"
    assert trips[:6] == ["open", "read", "stage", "real", "keep", "replace"]
    assert {"read", "kept", "bytes"} <= set(trips[6:])
    for number, verb in enumerate(("replace", site.command[0])):
        trips.clear()
        cut_at[0] = 1 + ["open", "read", "stage", "real", "keep", "replace", site.command[0]].index(verb)
        made = site.propose(f"{ROUTE}={61 + number}s")
        site.approve(made.id)
        logins = site.far.logins()
        outcome = site.apply(made.id).outcomes[0]
        assert outcome.outcome == "applied", (verb, outcome)
        assert trips[cut_at[0] - 1 : cut_at[0] + 1] == [verb, verb], "it was not asked again"
        assert site.far.logins() > logins
        cut_at[0] = 0
        assert site.rollback(made.id).outcomes[0].outcome == "rolled back"
        assert site.files() == before


def test_a_machine_that_cannot_be_reached_any_more_needs_a_person_until_the_next_command_takes_back(
    site: FarSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = site.files()
    made = site.propose(f"{ROUTE}=60s")
    site.approve(made.id)
    original = FarMachine.replace
    known_hosts = site.far.known_hosts.read_text()

    async def replace(self: FarMachine, pairs: Pairs) -> None:
        await original(self, pairs)
        site.far.known_hosts.write_text("")  # no way back in
        await self.shell.close()

    with monkeypatch.context() as patch:
        patch.setattr(FarMachine, "replace", replace)
        report = site.apply(made.id)
    failure = failure_of(report)
    assert report.outcomes[0].outcome == "incomplete", report
    assert "its host key is not known here" in report.outcomes[0].text
    assert failure is not None
    assert failure.exit_code == 6
    assert site.files() != before
    assert [event.kind for event in site.fleet.desk().events(made.id)][-1] == "incomplete"

    site.far.known_hosts.write_text(known_hosts)
    assert [one.outcome for one in site.rollback(made.id).outcomes] == ["taken back"]
    assert site.files() == before
    assert [event.kind for event in site.fleet.desk().events(made.id)][-1] == "taken back"


def test_an_account_that_owns_tree_and_server_needs_no_root(
    ssh_server: SshServer, tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SETTLE_S", 0.3)
    with FarSite(ssh_server, tmp_path / "site", user=USER) as site:
        before, generation = site.files(), site.generation()
        refused = planned_line(site, "NoSuchDirective on")
        site.approve(refused)
        outcome = site.apply(refused).outcomes[0]
        assert outcome.outcome == "refused", outcome
        assert "the server refuses the staged tree" in outcome.text
        assert site.files() == before

        made = site.propose(f"{ROUTE}=60s")
        site.approve(made.id)
        outcome = site.apply(made.id).outcomes[0]
        assert outcome.outcome == "applied", outcome
        assert any("the staged tree (a copy)" in text for text, held in outcome.checks if held)
        assert site.generation() == generation + 1
        assert site.rollback(made.id).outcomes[0].outcome == "rolled back"
        assert site.files() == before

        (site.root / "conf.d/api.conf").chmod(0o644)
        os.chown(site.root / "conf.d/api.conf", 0, 0)
        other = site.propose(f"{ROUTE}=50s")
        site.approve(other.id)
        outcome = site.apply(other.id).outcomes[0]
        assert outcome.outcome == "refused", outcome
        assert "conf.d/api.conf: it cannot be replaced with the mode and owner that it has" in outcome.text


def test_sudo_changes_what_the_account_may_not(
    ssh_server: SshServer, tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/usr/bin/sudo").exists():
        servers.missing("sudo")
    monkeypatch.setattr(server, "SETTLE_S", 0.3)
    pam = "auth sufficient pam_permit.so\naccount sufficient pam_permit.so\nsession sufficient pam_permit.so\n"
    ssh_server.put("/etc/pam.d/sudo", pam)
    ssh_server.put("/etc/sudoers", f"root ALL=(ALL) ALL\n{USER} ALL=(root) NOPASSWD: /bin/sh\n", mode=0o440)
    ssh_server.host("low", user=USER)
    with FarSite(ssh_server, tmp_path / "site") as site:
        file = site.fleet.root / "auditor.yaml"
        file.write_text(file.read_text().replace("ssh: web1\n", "ssh: low\n      sudo: true\n"))
        before = site.files()
        made = site.propose(f"{ROUTE}=60s")
        site.approve(made.id)
        assert site.apply(made.id).outcomes[0].outcome == "applied"
        assert site.rollback(made.id).outcomes[0].outcome == "rolled back"
        assert site.files() == before

        again = site.propose(f"{ROUTE}=50s")
        site.approve(again.id)
        ssh_server.put("/etc/sudoers", "root ALL=(ALL) ALL\n", mode=0o440)
        with pytest.raises(AuditorError, match="sudo -n is refused"):
            site.apply(again.id)
        assert site.files() == before
