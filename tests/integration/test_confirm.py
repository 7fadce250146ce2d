"""Changes that have to be confirmed, on a real httpd of this machine and of another over a real sshd."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import RefusedError
from auditor.model.plan import ApplyReport
from auditor.plan.outcome import failure_of
from auditor.services.changes import apply_plan, confirm_plan, show_plan
from auditor.surfaces.httpd.carry_out import server
from auditor.transport.ssh.connection import SshConnection
from tests.fakes.far_sites import FarSite
from tests.fakes.sites import ROUTE, Site
from tests.running import until
from tests.ssh_server import SshServer

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_packages")]


@pytest.fixture(params=["here", "over SSH"])
def site(
    request: pytest.FixtureRequest, tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    monkeypatch.setattr(server, "SETTLE_S", 0.3)
    if request.param == "here":
        made = Site(tmp_path)
        with made.server:
            yield made
    else:
        far: SshServer = request.getfixturevalue("ssh_server")
        with FarSite(far, tmp_path / "site") as there:
            yield there


def applied(site: Site, seconds: int = 600) -> str:
    plan = site.propose(f"{ROUTE}=60s").id
    site.approve(plan)
    report = asyncio.run(apply_plan(site.fleet.desk(), plan, confirm_within_s=seconds))
    assert [one.outcome for one in report.outcomes] == ["applied"], report
    assert any(f"taken back by itself in {seconds} s" in text for text, _ in report.outcomes[0].checks)
    return plan


def confirm(site: Site, plan: str) -> ApplyReport:
    return asyncio.run(confirm_plan(site.fleet.desk(), plan))


def let_time_pass(site: Site, plan: str) -> None:
    """The time is over: what waits for that on the target ends its sleep."""
    if isinstance(site, FarSite):
        site.run(f'p=$(cat /etc/auditor/plans/{plan}/revert/pid); kill $(cat "/proc/$p/task/$p/children")')
        return
    process = (site.folder / "state/plans" / plan / "revert/pid").read_text().strip()
    for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
        os.kill(int(child), signal.SIGTERM)


def kinds(site: Site, plan: str) -> list[str]:
    return [event.kind for event in site.fleet.desk().events(plan) if event.kind not in ("planned", "approved")]


def test_what_is_confirmed_in_time_stays(site: Site) -> None:
    site.snapshot()
    agreed, generation = site.agreed("conf.d/api.conf"), site.generation()
    plan = applied(site)
    assert b"timeout=60" in (site.root / "conf.d/api.conf").read_bytes()
    assert site.agreed("conf.d/api.conf") == agreed, "it is agreed once it is confirmed"
    shown = asyncio.run(show_plan(site.fleet.desk(), plan))
    assert "unless it is confirmed" in shown.outcomes[0][1]
    other = site.propose(f"{ROUTE}=50s").id
    site.approve(other)
    with pytest.raises(RefusedError, match=f"for plan {plan[:8]} to be confirmed; it still waits"):
        site.apply(other)

    report = confirm(site, plan)
    assert [one.outcome for one in report.outcomes] == ["confirmed"], report
    assert failure_of(report) is None
    assert b"timeout=60" in site.agreed("conf.d/api.conf")
    assert kinds(site, plan) == ["applied", "confirmed"]
    with pytest.raises(RefusedError, match=r"nothing of plan .* waits to be confirmed"):
        confirm(site, plan)
    assert site.generation() == generation + 1
    assert site.rollback(plan).outcomes[0].outcome == "rolled back"


def test_what_nobody_confirms_is_taken_back_by_the_target_itself_and_the_next_command_tells(site: Site) -> None:
    site.snapshot()
    before, generation = site.files(), site.generation()
    agreed = site.agreed("conf.d/api.conf")
    plan = applied(site)
    let_time_pass(site, plan)
    until(lambda: site.generation() == generation + 2)
    assert site.files() == before
    report = confirm(site, plan)
    assert [one.outcome for one in report.outcomes] == ["taken back"], report
    assert "so web1/httpd took it back by itself at 20" in report.outcomes[0].text
    assert ("reloaded", True) in report.outcomes[0].checks
    failure = failure_of(report)
    assert failure is not None
    assert failure.exit_code == 5
    assert kinds(site, plan) == ["applied", "taken back"]
    assert site.agreed("conf.d/api.conf") == agreed
    assert site.apply(plan).outcomes[0].outcome == "applied", "it was never confirmed, so it may be tried again"


@pytest.mark.parametrize("site", ["over SSH"], indirect=True)
def test_rolling_back_what_waits_ends_the_waiting(site: Site) -> None:
    before = site.files()
    plan = applied(site)
    assert [one.outcome for one in site.rollback(plan).outcomes] == ["rolled back"]
    assert site.files() == before
    assert kinds(site, plan) == ["applied", "rolled back"]
    with pytest.raises(RefusedError, match="nothing of plan"):
        confirm(site, plan)


@pytest.mark.parametrize("site", ["here"], indirect=True)
def test_a_configuration_that_does_not_parse_hinders_no_taking_back(site: Site) -> None:
    before, generation = site.files(), site.generation()
    plan = applied(site)
    broken = site.root / "conf.d/broken.conf"
    broken.write_text("Nonsense <<<\n")
    let_time_pass(site, plan)
    file = site.root / "conf.d/api.conf"
    until(lambda: file.read_bytes() == before[str(file)])
    until(lambda: any((_state(site) / "plans" / plan / "revert").glob("reverted")))
    assert site.generation() == generation + 1, "a server that would end of it is not reloaded"
    report = confirm(site, plan)
    assert report.outcomes[0].outcome == "taken back", report
    assert any(
        "not reloaded: the server's own check fails" in text and not ok for text, ok in report.outcomes[0].checks
    )


@pytest.mark.parametrize("site", ["here"], indirect=True)
def test_what_somebody_has_edited_since_is_left_and_needs_a_person(site: Site) -> None:
    plan = applied(site)
    file = site.root / "conf.d/api.conf"
    file.write_bytes(file.read_bytes() + b"# by hand\n")
    let_time_pass(site, plan)
    until(lambda: any((_state(site) / "plans" / plan / "revert").glob("reverted")))
    assert file.read_bytes().endswith(b"# by hand\n")
    shown = asyncio.run(show_plan(site.fleet.desk(), plan, look=True))
    assert shown.outcomes == (("web1/httpd", "incomplete"),)
    assert kinds(site, plan) == ["applied", "incomplete"]
    event = site.fleet.desk().events(plan)[-1]
    assert "1 of its files had been changed since and were left" in event.text


@pytest.mark.parametrize("site", ["over SSH"], indirect=True)
def test_a_run_that_is_cut_off_for_good_is_taken_back_by_the_target(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = site.files()
    plan = site.propose(f"{ROUTE}=60s").id
    site.approve(plan)

    async def reload(self: server.HttpdServer) -> None:
        raise Ended

    with monkeypatch.context() as patch:
        patch.setattr(server.HttpdServer, "reload", reload)
        with pytest.raises(Ended):
            asyncio.run(apply_plan(site.fleet.desk(), plan, confirm_within_s=600))
    assert site.files() != before
    let_time_pass(site, plan)
    until(lambda: site.files() == before)
    until(lambda: any((_state(site) / "plans" / plan / "revert").glob("reverted")))
    assert [one.outcome for one in confirm(site, plan).outcomes] == ["taken back"]
    assert kinds(site, plan) == ["taken back"]


@dataclass
class Cut:
    """The network, lost for good before or after the answer to a request; the known hosts stand for it."""

    far: SshServer
    verb: str = ""
    late: bool = False
    lost: bool = False
    _known: str = ""

    def patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        original, known = SshConnection.run, self.far.known_hosts.read_text()

        async def run(ssh: SshConnection, script: str, arguments: tuple[str, ...] = (), **how: Any) -> bytes:
            cut = bool(self.verb) and not self.lost and self.verb in (*arguments[:1], *({"-k"} & {*arguments}))
            if cut and not self.late:
                await self._lose(ssh)
            answer = await original(ssh, script, arguments, **how)
            if cut:
                await self._lose(ssh)
                answer = await original(ssh, script, arguments, **how)
            return answer

        self._known = known
        monkeypatch.setattr(SshConnection, "run", run)

    async def _lose(self, ssh: SshConnection) -> None:
        self.lost = True
        self.far.known_hosts.write_text("")
        assert ssh._process is not None
        os.killpg(ssh._process.pid, signal.SIGKILL)
        await ssh._process.wait()

    def mend(self) -> None:
        self.far.known_hosts.write_text(self._known)
        self.verb, self.lost = "", False


@pytest.mark.parametrize("site", ["over SSH"], indirect=True)
def test_a_network_that_is_lost_at_any_point_ends_with_the_files_of_before(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(site, FarSite)
    before = site.files()
    cut = Cut(site.far)
    cut.patch(monkeypatch)
    points = (("arm", False), ("arm", True), ("replace", True), ("-k", True))
    for number, (verb, late) in enumerate(points):
        plan = site.propose(f"{ROUTE}={60 + number}s").id
        site.approve(plan)
        cut.verb, cut.late = verb, late
        (outcome,) = asyncio.run(apply_plan(site.fleet.desk(), plan, confirm_within_s=600)).outcomes
        assert cut.lost, verb
        armed = (_state(site) / "plans" / plan / "revert/pending").exists()
        assert armed == ((verb, late) != ("arm", False)), "it is armed before anything is changed"
        assert outcome.outcome == ("refused" if verb == "arm" else "incomplete"), (verb, outcome)
        assert "its host key is not known here" in outcome.text, outcome
        assert (site.files() != before) == (verb == "-k" or (verb, late) == ("replace", True)), verb
        cut.mend()
        if armed and verb != "arm":
            let_time_pass(site, plan)
            until((_state(site) / "plans" / plan / "revert/reverted").exists)
            assert site.files() == before
        if verb == "arm":
            (again,) = asyncio.run(apply_plan(site.fleet.desk(), plan, confirm_within_s=600)).outcomes
            assert again.outcome == "applied", again
            cut.verb, cut.late = "confirm", late
            (unheard,) = confirm(site, plan).outcomes
            assert unheard.outcome == "refused"
            cut.mend()
            (heard,) = confirm(site, plan).outcomes
            assert heard.outcome == "confirmed"
            assert kinds(site, plan)[-2:] == ["applied", "confirmed"]
            assert site.rollback(plan).outcomes[0].outcome == "rolled back"
        else:
            (told,) = confirm(site, plan).outcomes
            assert told.outcome == "taken back", told
            assert kinds(site, plan) == ["incomplete", "taken back"]
        assert site.files() == before, verb


class Ended(BaseException):
    """The controller's process is gone."""


def _state(site: Site) -> Path:
    return site.state if isinstance(site, FarSite) else site.folder / "state"


def test_a_state_folder_on_another_file_system_is_refused(
    tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SETTLE_S", 0.3)
    elsewhere = Path("/dev/shm") / f"auditor-{tmp_path.name}"
    if not elsewhere.parent.is_dir() or elsewhere.parent.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    site = Site(tmp_path)
    file = site.fleet.root / "auditor.yaml"
    file.write_text(file.read_text().replace(f"state_dir: {tmp_path}/state", f"state_dir: {elsewhere}"))
    try:
        with site.server:
            before = site.files()
            plan = site.propose(f"{ROUTE}=60s").id
            site.approve(plan)
            report = asyncio.run(apply_plan(site.fleet.desk(), plan, confirm_within_s=600))
            assert report.outcomes[0].outcome == "refused", report
            assert "is not on its file system" in report.outcomes[0].text
            assert site.files() == before
    finally:
        import shutil

        shutil.rmtree(elsewhere, ignore_errors=True)


_SYSTEMD_RUN = """#!/bin/sh
# As version 219 of RHEL 7 has it.
echo "systemd-run $*" >>/etc/units/log
while :; do
    case $1 in
    --unit=*) unit=${1#*=} ;;
    --on-active=*) secs=${1#*=} ;;
    --timer-property=AccuracySec=1s) ;;
    -*) echo "unknown option $1" >&2; exit 1 ;;
    /*) break ;;
    *) echo "Command must be an absolute path" >&2; exit 1 ;;
    esac
    shift
done
timer=/etc/units/$unit.timer
[ ! -e "$timer" ] || { echo "Unit $unit.timer already exists." >&2; exit 1; }
touch "$timer"
wait='until [ -e /etc/units/over ]; do sleep 0.05; done
[ -e "$2" ] || exit
rm -f "$2"; shift 2
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"'
setsid sh -c "$wait" sh "$secs" "$timer" "$@" >/dev/null 2>&1 </dev/null &
"""
_SYSTEMCTL = """#!/bin/sh
echo "systemctl $*" >>/etc/units/log
case $1 in
is-active) [ -e "/etc/units/$2" ] ;;
stop) rm -f "/etc/units/$2" ;;
enable) [ -e "/etc/systemd/system/$2" ] && touch "/etc/units/$2.enabled" ;;
disable) rm -f "/etc/units/$2.enabled" ;;
daemon-reload) ;;
*) exit 1 ;;
esac
"""


@pytest.fixture
def with_systemd(tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FarSite]:
    """A machine over SSH on which a stand-in for systemd runs."""
    monkeypatch.setattr(server, "SETTLE_S", 0.3)
    with SshServer(tmp_path / "web1", path="/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin") as far:
        far.put("/usr/local/sbin/systemd-run", _SYSTEMD_RUN, 0o755)
        far.put("/usr/local/sbin/systemctl", _SYSTEMCTL, 0o755)
        with FarSite(far, tmp_path / "site") as made:
            made.run("mkdir -p /run/systemd/system /etc/systemd/system /etc/units")
            yield made


def test_systemd_starts_the_taking_back_and_a_unit_for_the_boot_stands_ready(with_systemd: FarSite) -> None:
    site = with_systemd
    before = site.files()
    plan = applied(site)
    unit = f"auditor-revert-{plan[:16]}"
    called = (site.far.etc / "units/log").read_text()
    (site.far.etc / "units/over").touch()  # the time is
    assert f"systemd-run --unit={unit} --on-active=600 --timer-property=AccuracySec=1s /bin/sh /etc/auditor/" in called
    until(lambda: (site.state / "plans" / plan / "revert/reverted").exists())
    assert site.files() == before
    assert [one.outcome for one in confirm(site, plan).outcomes] == ["taken back"]
    assert not (site.far.etc / f"systemd/system/{unit}-boot.service").exists()
    assert not (site.far.etc / f"units/{unit}-boot.service.enabled").exists()


def test_a_machine_that_boots_before_the_confirmation_starts_with_the_files_of_before(with_systemd: FarSite) -> None:
    site = with_systemd
    before = site.files()
    plan = applied(site)
    unit = site.far.etc / f"systemd/system/auditor-revert-{plan[:16]}-boot.service"
    text = unit.read_text()
    pending = f"/etc/auditor/plans/{plan}/revert/pending"
    assert f"ConditionPathExists=|{pending}" in text
    assert "Before=httpd.service apache2.service" in text
    assert "WantedBy=multi-user.target" in text
    assert (site.far.etc / f"units/{unit.name}.enabled").exists()
    assert site.files() != before

    site.run('p=$(cat /run/httpd.pid); kill "$p"; while kill -0 "$p" 2>/dev/null; do sleep 0.05; done')
    site.run("rm -f /etc/units/*.timer")  # a boot leaves no transient timer
    command = next(line for line in text.splitlines() if line.startswith("ExecStart=")).partition("=")[2]
    site.run(f"env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin {command}")
    assert site.files() == before
    site.run(f"{' '.join(site.command)} -k start </dev/null >/dev/null 2>&1")
    until(site.answers)
    report = confirm(site, plan)
    assert [one.outcome for one in report.outcomes] == ["taken back"], report
    assert ("the server was not told", True) in report.outcomes[0].checks
    assert not unit.exists()
