"""From wish to rollback on a real httpd."""

from __future__ import annotations

import asyncio
import datetime
import errno
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from auditor.errors import RefusedError
from auditor.plan.journal import journal_path, read_entries
from auditor.services.changes import (
    ToWay,
    apply_plan,
    approve_plan,
    show_plan,
)
from auditor.surfaces.httpd.carry_out import server, stage
from auditor.transport import local_shell
from auditor.transport.lock import hold
from tests import servers
from tests.fakes.acts import CountingActs, FailingAt, KilledAt
from tests.fakes.acts import Killed as KilledError
from tests.fakes.sites import ROUTE, Site, planned_line

pytestmark = pytest.mark.integration
TIMEOUT = 'web1/httpd:httpd.server["main"].timeout'


@pytest.fixture
def site(
    tmp_path: Path, httpd: Path, ssh_keygen: str, no_packages: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    monkeypatch.setattr(server, "SETTLE_S", 0.3)  # one test below waits as long as operators do
    made = Site(tmp_path)
    with made.server:
        yield made


def test_a_wish_is_planned_approved_applied_and_rolled_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(local_shell._ENVIRONMENT, "PATH", "/usr/sbin:/usr/bin:/sbin:/bin")  # this machine's packages
    site.snapshot()
    before = site.files()
    generation = site.generation()
    made = site.propose(f"{ROUTE}=60s")
    assert made.signed
    assert made.warnings == ()
    assert (Path(made.folder) / "plan.json").read_bytes()[-1:] == b"}"

    with pytest.raises(RefusedError, match="0 of 1 approvals"):
        site.apply(made.id)
    with pytest.raises(RefusedError, match="is the author"):
        approve_plan(site.fleet.desk(), made.id[:8], site.fleet.key("ops1"))
    assert site.files() == before
    site.approve(made.id)

    report = site.apply(made.id)
    assert [one.outcome for one in report.outcomes] == ["applied"], report
    changed = site.files()
    assert [name for name in before if before[name] != changed[name]] == [str(site.root / "conf.d/api.conf")]
    assert b"caf\xe9's route\r\n" in changed[str(site.root / "conf.d/api.conf")]
    assert b"pl4nted-s3cret-77" in changed[str(site.root / "conf.d/api.conf")]
    assert site.generation() == generation + 1
    assert any(f"generation {generation} → {generation + 1}" in text for text, _ in report.outcomes[0].checks)
    assert (ROUTE.split(":", 1)[1] + " is 60 s", True) in report.outcomes[0].checks

    assert b"timeout=60\r\n" in site.agreed("conf.d/api.conf")

    with pytest.raises(RefusedError, match="used once"):
        site.apply(made.id)
    assert [one.outcome for one in site.rollback(made.id).outcomes] == ["rolled back"]
    assert site.files() == before
    assert b"timeout=300\r\n" in site.agreed("conf.d/api.conf")
    assert site.generation() == generation + 2
    with pytest.raises(RefusedError, match="rolled back"):
        site.apply(made.id)
    with pytest.raises(RefusedError, match="rolled back already"):
        site.rollback(made.id)

    kinds = [event.kind for event in site.fleet.desk().events(made.id)]
    assert kinds.count("refused") == 4
    assert (
        kinds.count("planned") == kinds.count("approved") == kinds.count("applied") == kinds.count("rolled back") == 1
    )
    for path in site.fleet.root.rglob("*"):
        assert not path.is_file() or b"pl4nted-s3cret-77" not in path.read_bytes(), path


def test_a_server_that_ends_a_second_after_the_reload_is_noticed_and_brought_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SETTLE_S", 3.0)
    made = site.propose(f"{ROUTE}=60s")
    site.approve(made.id)
    before = site.files()
    ended: list[int] = []
    original = server.HttpdServer.reload

    async def reload(self: server.HttpdServer) -> None:
        await original(self)
        if not ended:
            ended.append(int((site.folder / "httpd.pid").read_text()))
            threading.Timer(1.2, os.kill, (ended[0], 15)).start()

    monkeypatch.setattr(server.HttpdServer, "reload", reload)
    report = site.apply(made.id)
    assert [one.outcome for one in report.outcomes] == ["taken back"], report
    assert "ended" in report.outcomes[0].text or "answer" in report.outcomes[0].text
    assert site.files() == before
    assert site.server.alive()
    assert site.generation() == 1, "a server that was started anew"


def test_a_hand_edit_between_plan_and_apply_is_a_refusal(site: Site) -> None:
    made = site.propose(f"{ROUTE}=60s")
    site.approve(made.id)
    path = site.root / "conf.d/api.conf"
    path.write_bytes(path.read_bytes().replace(b"timeout=300", b"timeout=299"))
    before = site.files()
    with pytest.raises(RefusedError, match="changed since the plan was made") as caught:
        site.apply(made.id)
    assert "Nothing was changed" in str(caught.value)
    assert site.files() == before
    shown = asyncio.run(show_plan(site.fleet.desk(), made.id[:6], look=True))
    assert shown.stale
    assert shown.approvers[0].name == "lead1"


def test_other_drift_does_not_become_agreed_by_an_apply(site: Site) -> None:
    site.snapshot()
    main = site.root / "httpd.conf"
    main.write_bytes(main.read_bytes().replace(b"StartServers 1", b"StartServers 2"))
    made = site.propose(f"{ROUTE}=60s")
    site.approve(made.id)
    assert site.apply(made.id).outcomes[0].outcome == "applied"
    assert b"StartServers 1" in site.agreed("httpd.conf")
    assert any("drifted otherwise" in line for line in site.fleet.told)


def test_two_runs_at_once(site: Site) -> None:
    made = site.propose(f"{ROUTE}=60s")
    site.approve(made.id)
    with (
        hold(site.fleet.root / ".auditor/lock", "the fleet", "plan 12345678, forward"),
        pytest.raises(RefusedError, match="the fleet is locked by process") as caught,
    ):
        site.apply(made.id)
    assert "12345678" in str(caught.value)


def test_a_changed_byte_voids_the_approval_and_an_approval_covers_no_other_plan(site: Site) -> None:
    made = site.propose(f"{ROUTE}=60s")
    other = site.propose(f"{ROUTE}=61s")
    site.approve(made.id)
    folder, second = Path(made.folder), Path(other.folder)
    (second / "approvals").mkdir()
    (second / "approvals/lead1.sig").write_bytes((folder / "approvals/lead1.sig").read_bytes())
    with pytest.raises(RefusedError, match="0 of 1"):
        site.apply(other.id)
    content = (folder / "plan.json").read_bytes()
    (folder / "plan.json").write_bytes(content.replace(b"=60", b"=61"))
    with pytest.raises(Exception, match="do not have the id"):
        site.apply(made.id)


def test_who_may_approve_is_not_read_from_the_work_tree(site: Site) -> None:
    made = site.propose(f"{ROUTE}=60s")
    key = site.folder / "intruder"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    approvers = site.fleet.root / "approvers"
    approvers.write_text(approvers.read_text() + f'me namespaces="auditor-plan" {key.with_suffix(".pub").read_text()}')
    with pytest.raises(RefusedError, match="no allowed signer"):
        approve_plan(site.fleet.desk(), made.id, key)
    subprocess.run(["git", "checkout", "-qb", "topic"], cwd=site.fleet.root, check=True)
    site.fleet.commit("let me in")
    with pytest.raises(RefusedError, match="no allowed signer"):
        approve_plan(site.fleet.desk(), made.id, key)


def test_an_expired_plan_is_refused_and_still_shown(site: Site) -> None:
    made = site.propose(f"{ROUTE}=60s")
    site.approve(made.id)
    later = lambda: datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC)  # noqa: E731
    desk = replace(site.fleet.desk(), clock=later)
    with pytest.raises(RefusedError, match="expired"):
        asyncio.run(apply_plan(desk, made.id))
    assert any("expired" in reason for reason in asyncio.run(show_plan(desk, made.id)).reasons)


def test_an_ended_run_is_taken_back_by_the_next_command(site: Site) -> None:
    made = site.propose(f"{ROUTE}=60s")
    site.approve(made.id)
    before = site.files()
    from auditor.surfaces.httpd.carry_out import transaction

    class Ended(KilledAt):
        """Ends the process at the reload: the file is replaced, the server not told."""

        def reached(self, act: str, path: str) -> None:
            if act == "reload":
                self.at = 0
            super().reached(act, path)

    original = transaction.HttpdTransaction.prepare

    async def prepare(self: transaction.HttpdTransaction) -> tuple[str, ...]:
        self.machine.acts = Ended(10_000)  # type: ignore[attr-defined]
        return await original(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transaction.HttpdTransaction, "prepare", prepare)
        with pytest.raises(KilledError):
            site.apply(made.id)
    assert site.files() != before
    report = site.rollback(made.id)
    assert [one.outcome for one in report.outcomes] == ["taken back"]
    assert site.files() == before
    assert site.apply(made.id).outcomes[0].outcome == "applied"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("Listen 127.0.0.1:{taken}", "cannot be listened on"),
        ('CustomLog "|/nonexistent/rotate" common', "is not there"),
        ("PidFile {folder}/other.pid", "stop and start"),
        ("NoSuchDirective on", "refuses the staged tree|refuses the new files"),
    ],
)
def test_what_would_end_the_server_is_found_before_anything_is_touched(site: Site, line: str, why: str) -> None:
    import socket

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        new = line.format(taken=held.getsockname()[1], folder=site.folder)
        made = planned_line(site, new)
        site.approve(made)
        before = site.files()
        try:
            report = site.apply(made)
            text = report.outcomes[0].text
            assert report.outcomes[0].outcome in ("refused", "taken back")
        except RefusedError as error:
            text = str(error)
        import re

        assert re.search(why, text), text
    assert site.files() == before
    assert site.server.alive()


def test_a_garbage_certificate_and_a_foreign_key_are_found(site: Site) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "web1.example")])
    day = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, keys[0].public_key(), 7, day, day + datetime.timedelta(days=3650))
        .sign(keys[0], hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    (site.folder / "good.crt").write_bytes(certificate)
    (site.folder / "garbage.crt").write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    for number, key in enumerate(keys):
        (site.folder / f"{number}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    ssl = servers.load_modules("ssl").strip()
    for certificate_file, key_file, why in (
        ("garbage.crt", "0.key", "no PEM certificate"),
        ("good.crt", "1.key", "does not belong"),
    ):
        port = servers.free_port()
        block = (
            f"{ssl}\nListen 127.0.0.1:{port}\n<VirtualHost 127.0.0.1:{port}>\nSSLEngine on\n"
            f"SSLCertificateFile {site.folder}/{certificate_file}\nSSLCertificateKeyFile {site.folder}/{key_file}\n"
            "</VirtualHost>"
        )
        made = planned_line(site, block)
        site.approve(made)
        before = site.files()
        report = site.apply(made)
        assert report.outcomes[0].outcome == "refused"
        assert why in report.outcomes[0].text
        assert site.files() == before
        assert site.server.alive()


def test_as_it_was_then(site: Site) -> None:
    revision = site.snapshot()
    before = site.files()
    path = site.root / "conf.d/api.conf"
    path.write_bytes(path.read_bytes().replace(b"timeout=300", b"timeout=20").replace(b"# the", b"Timeout 5\r\n# The"))
    made = site.propose(way=ToWay(revision, ("web1/httpd",)))
    site.approve(made.id)
    report = site.apply(made.id)
    assert report.outcomes[0].outcome == "applied", report
    assert site.files() == before


def test_the_private_mount_is_what_checks_here(site: Site) -> None:
    servers.private_mounts()
    made = site.propose(f"{ROUTE}=60s")
    site.approve(made.id)
    texts = [text for text, _ in site.apply(made.id).outcomes[0].checks]
    assert any("private mount" in text for text in texts)


def _with_probe(site: Site, url: str) -> None:
    file = site.fleet.root / "auditor.yaml"
    probe = f"http://127.0.0.1:{site.port}/server-status"
    file.write_text(file.read_text().replace(f"probe: {probe}\n", f"probe: {url}\n"))


def test_a_probe_that_fails_beforehand_refuses_and_never_hinders_the_way_back(site: Site) -> None:
    before, generation = site.files(), site.generation()
    refused, made = site.propose(f"{ROUTE}=61s").id, site.propose(f"{ROUTE}=60s").id
    site.approve(refused)
    site.approve(made)
    dead = f"http://127.0.0.1:{servers.free_port()}/"
    healthy = (site.fleet.root / "auditor.yaml").read_text()
    _with_probe(site, dead)
    report = site.apply(refused)
    assert [one.outcome for one in report.outcomes] == ["refused"], report
    assert f"the probe {dead} gets no answer: Connection refused, before anything is changed" in report.outcomes[0].text
    assert (site.files(), site.generation()) == (before, generation)

    (site.fleet.root / "auditor.yaml").write_text(healthy)
    assert site.apply(made).outcomes[0].outcome == "applied"
    _with_probe(site, dead)
    report = site.rollback(made)
    assert report.outcomes[0].outcome == "rolled back", report
    assert any(text.endswith("Connection refused, as before") for text, _ in report.outcomes[0].checks)
    assert site.files() == before


def test_a_change_that_ends_the_probe_s_answers_is_taken_back(site: Site) -> None:
    before = site.files()
    made = site.propose(f"{ROUTE}=60s").id
    site.approve(made)
    answers = iter(("", "the probe answers 503", ""))  # before, after the reload, after taking back

    def probe(self: server.HttpdServer) -> tuple[str, str]:
        return "", next(answers)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server.HttpdServer, "_probe", probe)
        report = site.apply(made)
    assert (report.outcomes[0].outcome, report.outcomes[0].text) == ("taken back", "the probe answers 503"), report
    assert site.files() == before


@pytest.mark.parametrize("where", ["_ledger", "_agree"])
def test_a_run_that_ended_before_it_was_recorded_is_recorded_by_the_next(site: Site, where: str) -> None:
    from auditor.services.changes.run import PlanRun

    site.snapshot()
    agreed = site.agreed("conf.d/api.conf")
    made = site.propose(f"{ROUTE}=60s")
    site.approve(made.id)

    def ended(*_: object) -> None:
        raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PlanRun, where, ended)
        with pytest.raises(KilledError):
            site.apply(made.id)
    assert b"timeout=60" in site.files()[str(site.root / "conf.d/api.conf")]
    assert site.agreed("conf.d/api.conf") == agreed

    with pytest.raises(RefusedError, match="used once"):
        site.apply(made.id)
    assert b"timeout=60" in site.agreed("conf.d/api.conf")
    events = site.fleet.desk().events(made.id)
    assert [one.kind for one in events].count("applied") == 1
    with pytest.raises(RefusedError, match="used once"):
        site.apply(made.id)
    entries = read_entries(journal_path(site.fleet.desk().journals, made.id, "web1/httpd"))
    assert [one.act for one in entries].count("recorded") == 1, "what is recorded is not recorded again"


def test_a_hand_edit_after_an_unrecorded_run_does_not_become_agreed(site: Site) -> None:
    from auditor.services.changes.run import PlanRun

    site.snapshot()
    agreed = site.agreed("conf.d/api.conf")
    made = site.propose(f"{ROUTE}=60s")
    site.approve(made.id)

    def ended(*_: object) -> None:
        raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PlanRun, "_agree", ended)
        with pytest.raises(KilledError):
            site.apply(made.id)
    file = site.root / "conf.d/api.conf"
    file.write_bytes(file.read_bytes().replace(b"timeout=60", b"timeout=7"))
    with pytest.raises(RefusedError, match="used once"):
        site.apply(made.id)
    assert site.agreed("conf.d/api.conf") == agreed


def test_what_somebody_adds_after_it_was_verified_does_not_become_agreed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from auditor.services.changes.run import PlanRun

    made = site.propose(f"{ROUTE}=60s")
    site.approve(made.id)
    original, file = PlanRun._ledger, site.root / "conf.d/api.conf"

    def and_somebody(*arguments: Any) -> None:
        file.write_bytes(file.read_bytes() + b"# later\n")
        original(*arguments)

    monkeypatch.setattr(PlanRun, "_ledger", and_somebody)
    assert site.apply(made.id).outcomes[0].outcome == "applied"
    assert b"timeout=60" in site.agreed("conf.d/api.conf")
    assert b"# later" not in site.agreed("conf.d/api.conf")


def test_without_private_mounts_a_copy_of_a_tree_with_relative_includes_is_checked(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a user other than root can do; the real httpd says which files it read."""
    main = site.root / "httpd.conf"
    text = main.read_text().replace(f"ServerRoot {site.root}\n", "").replace(f"{site.root}/conf.d", "conf.d")
    main.write_text(text)
    monkeypatch.setattr(stage, "os", SimpleNamespace(geteuid=lambda: 65534, scandir=os.scandir, path=os.path))
    before = site.files()
    made = site.propose(f"{ROUTE}=60s")
    site.approve(made.id)
    report = site.apply(made.id)
    assert report.outcomes[0].outcome == "applied", report
    assert any("staged tree (a copy)" in text for text, _ in report.outcomes[0].checks)
    assert site.rollback(made.id).outcomes[0].outcome == "rolled back"
    assert site.files() == before


@pytest.mark.parametrize(
    ("number", "part"),
    [(errno.ENOSPC, 0.3), (errno.ENOSPC, 0.6), (errno.ENOSPC, 0.75), (errno.EIO, 0.5), (errno.EIO, 0.8)],
)
def test_a_disk_that_fails_under_a_real_server_is_taken_back(site: Site, number: int, part: float) -> None:
    from auditor.surfaces.httpd.carry_out import transaction

    before = site.files()
    made = site.propose(f"{ROUTE}=60s", f"{TIMEOUT}=45s")
    site.approve(made.id)
    original = transaction.HttpdTransaction.prepare
    acts: list[CountingActs | FailingAt] = []

    def with_acts(found: CountingActs | FailingAt) -> object:
        async def prepare(self: transaction.HttpdTransaction) -> tuple[str, ...]:
            self.machine.acts = found  # type: ignore[attr-defined]
            acts.append(found)
            return await original(self)

        return prepare

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transaction.HttpdTransaction, "prepare", with_acts(CountingActs()))
        assert site.apply(made.id).outcomes[0].outcome == "applied"
    assert site.rollback(made.id).outcomes[0].outcome == "rolled back"
    counted = acts[0]
    assert isinstance(counted, CountingActs)

    again = site.propose(f"{ROUTE}=61s", f"{TIMEOUT}=46s")
    site.approve(again.id)
    fault = FailingAt(int(part * len(counted.names)), number, ever=number == errno.ENOSPC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transaction.HttpdTransaction, "prepare", with_acts(fault))
        outcome = site.apply(again.id).outcomes[0]
    assert fault.struck, "the fault never struck"
    assert outcome.outcome in ("refused", "taken back", "incomplete"), outcome
    if outcome.outcome == "incomplete":  # the full disk hinders taking back, too; there is room by now
        assert site.rollback(again.id).outcomes[0].outcome == "taken back"
    assert site.files() == before
    assert site.server.alive()


def test_rolling_back_shows_the_later_edits_that_it_would_overwrite(site: Site) -> None:
    made = site.propose(f"{ROUTE}=60s")
    site.approve(made.id)
    site.apply(made.id)
    path = site.root / "conf.d/api.conf"
    path.write_bytes(
        path.read_bytes().replace(b"timeout=60", b"timeout=61").replace(b"pl4nted-s3cret-77", b"an0ther-s3cret-88")
        + b"# by hand\r\n"
    )
    now = site.files()
    (outcome,) = site.rollback(made.id).outcomes
    said = outcome.text
    assert outcome.outcome == "refused"
    assert "would overwrite that" in said
    assert "conf.d/api.conf:2 - ProxyPass /api http://127.0.0.1:9/ timeout=60" in said
    assert "conf.d/api.conf:2 + ProxyPass /api http://127.0.0.1:9/ timeout=61" in said
    assert "conf.d/api.conf:4 + # by hand" in said
    assert "s3cret" not in said
    assert "auditor-secret:" in said
    assert site.files() == now
