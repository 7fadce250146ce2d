"""Package versions by plan: real apt and dnf on roots of their own, and a real httpd that their tree configures."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.errors import RefusedError
from auditor.model.plan import ApplyReport, OutcomeOf
from auditor.services.changes import (
    Judged,
    Proposed,
    SetWay,
    ToWay,
    apply_plan,
    approve_plan,
    propose_plan,
    rehearse_plan,
    rollback_plan,
    show_plan,
)
from auditor.services.check import default_policy
from auditor.services.snapshot import take_snapshot
from auditor.surfaces.httpd.carry_out import server
from auditor.transport import local_shell
from tests import servers
from tests.fakes.fleets import TestFleet
from tests.fakes.package_worlds import CONF, AptWorld, RpmWorld
from tests.running import next_tick, until
from tests.ssh_server import SshServer

pytestmark = [pytest.mark.integration, pytest.mark.skipif(os.geteuid() != 0, reason="packages are root's")]

OLD, NEW = "2.4.1-1", "2.4.2-1"


class Host:
    """A machine with its packages, the httpd whose tree they bring, and the fleet that knows it."""

    def __init__(self, folder: Path, world: AptWorld | RpmWorld, far: SshServer | None = None) -> None:
        self.folder, self.world, self.tree, self.far = folder, world, world.tree, far
        self.port = servers.free_port()
        binary = servers.httpd_binary()
        self.command = f"{binary} -d {self.tree} -f {self.tree}/httpd.conf"
        for version in (OLD, NEW):
            self.publish(version)
        world.install((world.httpd, OLD), (world.tools, OLD))
        (self.tree / "httpd.conf").write_text(self.main(OLD) + "# ours\n")
        self.server = servers.RunningHttpd(self.tree, "httpd.conf", folder / "httpd.pid", wait_port=self.port)
        words = ", ".join(self.server.command)
        where = f"      ssh: {far.name}\n" if far else ""
        hosts = (
            f"  web1:\n    httpd:\n{where}      tree: {self.tree}\n      main_file: httpd.conf\n"
            f"      server: [{words}]\n"
            f"      state_dir: {folder}/state\n      environment: {{PATH: '{world.path()}'}}\n"
        )
        more = {"AUDITOR_SSH_CONFIG": str(far.config)} if far else {}
        self.fleet = TestFleet(folder / "fleet", hosts).make(more)

    def main(self, version: str) -> str:
        modules = servers.load_modules("mpm_prefork", "authz_core")
        return (
            f"# {version}\n{modules}ServerName web1.example\nListen 127.0.0.1:{self.port}\nStartServers 1\n"
            f"User nobody\nGroup nogroup\nPidFile {self.folder}/httpd.pid\nErrorLog {self.folder}/error.log\n"
            f"IncludeOptional {self.tree}/conf.d/*.conf\n"
        )

    def publish(self, version: str, extra: str = "", script: str = "") -> None:
        """A release of the two packages; the second half of its configuration nobody has changed."""
        world = self.world
        equal = "= " if world.kind == "rpm" else "(= "
        depends = f"{world.tools} {equal}{version}{'' if world.kind == 'rpm' else ')'}"
        files = {f"{CONF}/httpd.conf": self.main(version), f"{CONF}/conf.d/own.conf": f"# {version}\n{extra}"}
        world.publish(world.tools, version, {})
        world.publish(world.httpd, version, files, depends, script)

    def wishes(self, version: str) -> SetWay:
        return SetWay(
            tuple(
                f'web1/httpd:httpd.package["{name}"].version={version}' for name in (self.world.httpd, self.world.tools)
            )
        )

    def propose(self, way: SetWay | ToWay, **more: object) -> Proposed:
        judged_by = Judged(default_policy(("httpd",)))
        key = self.fleet.key("ops1")
        desk = self.fleet.desk()
        made = propose_plan(desk, way, reason="why", author="ops1", judged_by=judged_by, key=key, **more)  # type: ignore[arg-type]
        return asyncio.run(made)

    def approved(self, version: str = NEW) -> str:
        plan = self.propose(self.wishes(version)).id
        approve_plan(self.fleet.desk(), plan, self.fleet.key("lead1"))
        return plan

    def apply(self, plan: str) -> OutcomeOf:
        return only(asyncio.run(apply_plan(self.fleet.desk(), plan)))

    def rollback(self, plan: str) -> OutcomeOf:
        return only(asyncio.run(rollback_plan(self.fleet.desk(), plan)))

    def versions(self) -> set[str]:
        return {self.world.installed(name) for name in (self.world.httpd, self.world.tools)}

    def entries(self) -> dict[str, tuple[int, bytes]]:
        return {
            str(path.relative_to(self.tree)): (stat.S_IMODE(path.stat().st_mode), path.read_bytes())
            for path in sorted(self.tree.rglob("*"))
            if path.is_file()
        }

    def loads(self) -> int:
        """How often the server has said that it is up, which it does once its PidFile is written."""
        return (self.folder / "error.log").read_text().count("resuming normal operations")

    def pid(self) -> str:
        return (self.folder / "httpd.pid").read_text()


def only(report: ApplyReport) -> OutcomeOf:
    (found,) = report.outcomes
    return found


@pytest.fixture(params=[(AptWorld, False), (RpmWorld, False)], ids=["apt", "dnf"])
def host(
    request: pytest.FixtureRequest, tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Host]:
    monkeypatch.setattr(server, "SETTLE_S", 0.3)
    kind, over_ssh = request.param
    world = kind(tmp_path / "world")
    (tmp_path / "world").mkdir()
    if not over_ssh:
        monkeypatch.setitem(local_shell._ENVIRONMENT, "PATH", world.path())
    if world.kind == "rpm":
        world.wrap("dpkg-query", "false")
    world.make()
    if not over_ssh:
        made = Host(tmp_path, world)
        with made.server:
            yield made
        return
    with SshServer(tmp_path / "far", path=world.path(), packages=True) as far:
        made = Host(tmp_path, world, far)
        started = f"{made.command} -k start </dev/null >/dev/null 2>&1"
        subprocess.run(["ssh", "-F", str(far.config), far.name, started], check=True, timeout=30)
        yield made


over_ssh = pytest.mark.parametrize("host", [(AptWorld, True)], ids=["apt over SSH"], indirect=True)


def slowly(host: Host) -> Path:
    """Has the package manager take its time; gives the file that is there once it has begun."""
    wrapper = host.world.bin / ("dpkg" if host.world.kind == "apt" else "dnf")
    gate = host.folder / "gate"
    waits = f'case "$*" in *--unpack*|*"-y install"*) : > {gate}; sleep 2 ;; esac\nexec'
    wrapper.write_text(wrapper.read_text().replace("exec", waits))
    return gate


def test_packages_go_forward_and_back_with_their_tree_and_the_server(host: Host) -> None:
    before, pid = host.entries(), host.pid()
    plan = host.approved()
    assert host.versions() == {f"{OLD} installed"}
    outcome = host.apply(plan)
    assert outcome.outcome == "applied", outcome
    assert host.versions() == {f"{NEW} installed"}
    assert host.pid() != pid, "the server runs what is installed now"
    assert host.server.alive()
    told = " ".join(text for text, _ in outcome.checks)
    assert "changed by the packages: conf.d/own.conf" in told
    beside = "httpd.conf.dpkg-dist" if host.world.kind == "apt" else "httpd.conf.rpmnew"
    assert f"left beside, since somebody had changed the file: {beside}" in told
    assert "stopped; started" in told
    assert host.entries()["httpd.conf"] == before["httpd.conf"]

    outcome = host.rollback(plan)
    assert outcome.outcome == "rolled back", outcome
    assert host.versions() == {f"{OLD} installed"}
    assert all(held for _, held in outcome.checks), outcome.checks
    assert host.entries() == before
    assert host.server.alive()
    with pytest.raises(RefusedError, match="was rolled back"):
        host.apply(plan)


by_apt = pytest.mark.parametrize("host", [(AptWorld, False)], ids=["apt"], indirect=True)
"""Where dnf would show nothing else; its scripts would need a whole system in the root."""


@by_apt
def test_scripts_that_start_the_server_anew_are_enough(host: Host) -> None:
    host.publish("2.4.3-1", script=f"{host.command} -k stop; sleep 1; {host.command} -k start")
    outcome = host.apply(host.approved("2.4.3-1"))
    assert outcome.outcome == "applied", outcome
    assert "by the packages' own scripts; started" in " ".join(text for text, _ in outcome.checks)


@by_apt
def test_what_changes_an_effective_value_is_taken_back(host: Host) -> None:
    host.publish("2.4.3-1", extra="Timeout 7\n")
    before = host.entries()
    outcome = host.apply(host.approved("2.4.3-1"))
    assert outcome.outcome == "taken back", outcome
    assert "timeout" in outcome.text
    assert "which the plan does not list" in outcome.text
    assert host.versions() == {f"{OLD} installed"}
    assert host.entries() == before


@by_apt
def test_a_release_whose_configuration_the_server_refuses_is_taken_back(host: Host) -> None:
    host.publish("2.4.3-1", extra="NoSuchDirective on\n")
    before = host.entries()
    outcome = host.apply(host.approved("2.4.3-1"))
    assert outcome.outcome == "taken back", outcome
    assert "NoSuchDirective" in outcome.text
    assert host.versions() == {f"{OLD} installed"}
    assert host.entries() == before
    assert host.server.alive()


def test_packages_that_the_plan_does_not_name_refuse_it_before_anything_is_changed(host: Host) -> None:
    way = SetWay((f'web1/httpd:httpd.package["{host.world.httpd}"].version={NEW}',))
    plan = host.propose(way).id
    approve_plan(host.fleet.desk(), plan, host.fleet.key("lead1"))
    outcome = host.apply(plan)
    assert outcome.outcome == "refused", outcome
    assert f"{host.world.tools} {NEW} comes" in outcome.text
    assert host.versions() == {f"{OLD} installed"}


@by_apt
def test_without_a_way_back_it_takes_a_consent(host: Host) -> None:
    host.world.withdraw(host.world.tools, OLD)
    outcome = host.apply(host.approved())
    assert outcome.outcome == "refused", outcome
    assert f"there is no way back: no repository offers {host.world.tools} {OLD} any more" in outcome.text
    plan = host.propose(host.wishes(NEW), consents=("packages",)).id
    approve_plan(host.fleet.desk(), plan, host.fleet.key("lead1"))
    outcome = host.apply(plan)
    assert outcome.outcome == "applied", outcome
    assert host.versions() == {f"{NEW} installed"}


@by_apt
def test_what_is_not_offered_or_not_as_planned_is_refused(host: Host) -> None:
    outcome = host.apply(host.approved("9.9.9-1"))
    assert outcome.outcome == "refused", outcome
    assert f"no repository offers {host.world.httpd} 9.9.9-1 (offered: {OLD}, {NEW})" in outcome.text
    plan = host.approved()
    host.world.install((host.world.httpd, NEW), (host.world.tools, NEW))
    report = asyncio.run(apply_plan(host.fleet.desk(), plan))
    assert [one.outcome for one in report.outcomes] == ["already"]
    with pytest.raises(RefusedError, match="read as installed"):
        host.propose(SetWay(('web1/httpd:httpd.package["nginx"].version=1.0-1',)))
    mixed = SetWay((*host.wishes(OLD).settings, 'web1/httpd:httpd.server["main"].timeout=30s'))
    with pytest.raises(RefusedError, match="a plan of its own"):
        host.propose(mixed)


@by_apt
def test_a_rollback_refuses_to_overwrite_what_somebody_changed_since(host: Host) -> None:
    plan = host.approved()
    assert host.apply(plan).outcome == "applied"
    (host.tree / "conf.d/own.conf").write_text("# somebody's\n")
    outcome = host.rollback(plan)
    assert outcome.outcome == "refused", outcome
    assert "conf.d/own.conf changed since the packages did" in outcome.text
    assert host.versions() == {f"{NEW} installed"}


@by_apt
def test_as_it_was_brings_the_versions_back_and_it_is_shown(host: Host) -> None:
    desk = host.fleet.desk()
    revision = asyncio.run(take_snapshot(desk.fleet, desk.fleet.targets, desk.collect_options())).revision
    host.world.install((host.world.httpd, NEW), (host.world.tools, NEW))
    (host.tree / "conf.d/own.conf").write_text(f"# {OLD}\n")
    files = host.propose(ToWay(revision, ("web1/httpd",)))
    assert any("packages are not as they were then" in note for note in files.plan.notes)
    made = host.propose(ToWay(revision, ("web1/httpd",), packages=True))
    (cohort,) = made.plan.cohorts
    assert [step.id for step in cohort.steps] == ["packages"]
    shown = asyncio.run(show_plan(host.fleet.desk(), made.id))
    assert dict(shown.in_sum.counts) == {"stop and start": 1}
    rehearsed = asyncio.run(rehearse_plan(host.fleet.desk(), made.id))
    assert [one.outcome for one in rehearsed.targets] == ["not rehearsed"]
    approve_plan(host.fleet.desk(), made.id, host.fleet.key("lead1"))
    assert host.apply(made.id).outcome == "applied"
    assert host.versions() == {f"{OLD} installed"}


@by_apt
def test_a_run_that_is_killed_in_the_midst_is_taken_back_by_the_next(host: Host) -> None:
    """The package manager is not killed with it: it is waited for, then the versions of before are brought back."""
    before = host.entries()
    plan = host.approved()
    gate = slowly(host)
    driver = (
        "import sys; from auditor.transport import local_shell; from auditor.cli import main; "
        "local_shell._ENVIRONMENT['PATH'] = sys.argv.pop(1); sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", driver, host.world.path(), "apply", plan]
    with subprocess.Popen(
        command, cwd=host.fleet.root, env=host.fleet.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        until(gate.exists)
        process.kill()
    outcome = host.rollback(plan)
    assert outcome.outcome == "taken back", outcome
    assert host.versions() == {f"{OLD} installed"}
    assert host.entries() == before
    assert host.server.alive()


@by_apt
def test_a_second_run_of_a_plan_keeps_the_tree_as_that_run_finds_it(host: Host) -> None:
    """What somebody changed after the first one was taken back is not lost by a rollback of the second."""
    host.publish("2.4.3-1", extra="NoSuchDirective on\n")
    plan = host.approved("2.4.3-1")
    assert host.apply(plan).outcome == "taken back"
    host.publish("2.4.3-1")
    (host.tree / "httpd.conf").write_text(host.main(OLD) + "# ours, and later\n")
    loads = host.loads()
    next_tick(host.folder)
    subprocess.run([*host.server.command, "-k", "graceful"], check=True, timeout=30)  # else it would be loaded along
    until(lambda: host.loads() > loads)
    before = host.entries()
    assert host.apply(plan).outcome == "applied"
    assert host.rollback(plan).outcome == "rolled back"
    assert host.entries() == before


@by_apt
def test_a_package_manager_that_is_killed_in_the_midst_is_mended_and_taken_back(host: Host) -> None:
    once = host.folder / "once"
    host.publish("2.4.3-1", script=f"[ -e {once} ] || {{ : > {once}; kill -9 $PPID; }}")
    before = host.entries()
    outcome = host.apply(host.approved("2.4.3-1"))
    assert once.exists()
    assert outcome.outcome == "taken back", outcome
    assert host.versions() == {f"{OLD} installed"}
    assert host.entries() == before
    assert host.server.alive()


@over_ssh
def test_over_ssh_packages_go_forward_and_back(host: Host) -> None:
    before = host.entries()
    plan = host.approved()
    outcome = host.apply(plan)
    assert outcome.outcome == "applied", outcome
    assert host.versions() == {f"{NEW} installed"}
    assert "stopped; started" in " ".join(text for text, _ in outcome.checks)
    outcome = host.rollback(plan)
    assert outcome.outcome == "rolled back", outcome
    assert host.versions() == {f"{OLD} installed"}
    assert host.entries() == before


@over_ssh
def test_a_connection_that_is_lost_meanwhile_changes_nothing_about_it(host: Host) -> None:
    plan = host.approved()
    gate = slowly(host)

    async def story() -> ApplyReport:
        applying = asyncio.ensure_future(apply_plan(host.fleet.desk(), plan))
        while not gate.exists():
            assert not applying.done(), applying.result()
            await asyncio.sleep(0.02)
        cut(host)
        return await applying

    outcome = only(asyncio.run(story()))
    assert outcome.outcome == "applied", outcome
    assert host.versions() == {f"{NEW} installed"}


def cut(host: Host) -> None:
    """Ends the clients of this test's far side, and nobody else's."""
    assert host.far is not None
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                words = (process / "cmdline").read_bytes().split(b"\0")
                if words[0].endswith(b"ssh") and str(host.far.config).encode() in words:
                    os.kill(int(process.name), signal.SIGKILL)
