"""An httpd that runs as a service of systemd, on another machine; systemd itself is a stand-in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.services.changes import apply_plan, confirm_plan
from auditor.surfaces.httpd.carry_out import server
from tests.fakes.far_sites import FarSite
from tests.fakes.sites import ROUTE, planned_line
from tests.running import until
from tests.ssh_server import SshServer

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_packages")]
UNIT = "httpd.service"

_SYSTEMCTL = """#!/bin/sh
# Its one service is the httpd whose command stands in /etc/units/command; its processes are those of its own group.
echo "systemctl $*" >>/etc/units/log
lives() { p=; read -r p 2>/dev/null </run/httpd.pid; [ -n "$p" ] && kill -0 "$p" 2>/dev/null && [ -e "/run/unit.$p" ]; }
case "$1 $2" in
"show -p") if lives; then echo "MainPID=$p"; else echo MainPID=0; fi ;;
"is-active httpd.service") lives ;;
"stop httpd.service") if lives; then kill "$p"; while kill -0 "$p" 2>/dev/null; do sleep 0.05; done; fi ;;
"start httpd.service")
    [ ! -e /etc/units/fails ] || { echo "Job for httpd.service failed." >&2; exit 1; }
    # It may be told of a failed start alone.
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin sh /etc/units/command || exit 1
    until lives 2>/dev/null || [ -s /run/httpd.pid ]; do sleep 0.05; done
    read -r p </run/httpd.pid
    echo "0::/system.slice/httpd.service" >/etc/units/group
    mount --bind /etc/units/group "/proc/$p/cgroup" && : >"/run/unit.$p" ;;
*) exit 1 ;;
esac
"""


@pytest.fixture
def site(tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FarSite]:
    monkeypatch.setattr(server, "SETTLE_S", 0.3)
    with SshServer(tmp_path / "web1", path="/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin") as far:
        far.put("/usr/local/sbin/systemctl", _SYSTEMCTL, 0o755)
        made = FarSite(far, tmp_path / "site")
        far.put("/etc/units/command", f"{' '.join(made.command)} -k start </dev/null >/dev/null 2>&1\n")
        made.run("systemctl start httpd.service")
        until(made.answers)
        yield made


def _told(site: FarSite) -> list[str]:
    """What systemctl was told to do so far, questions left out."""
    lines = (site.far.etc / "units/log").read_text().splitlines()[1:]
    return [
        line.removeprefix("systemctl ") for line in lines if line.split()[1] in ("start", "stop", "reload", "restart")
    ]


def _is_of_the_unit(site: FarSite) -> bool:
    return "httpd.service" in site.run('cat "/proc/$(cat /run/httpd.pid)/cgroup"')


def test_it_is_stopped_and_started_as_its_service_and_reloaded_by_its_own_command(site: FarSite) -> None:
    before, pid = site.files(), site.run("cat /run/httpd.pid")
    light = site.propose(f"{ROUTE}=60s").id
    site.approve(light)
    assert site.apply(light).outcomes[0].outcome == "applied"
    assert _told(site) == []
    assert site.run("cat /run/httpd.pid") == pid

    made = site.propose('web1/httpd:httpd.directive["main > ListenBacklog"].arguments=77').id
    site.approve(made)
    outcome = site.apply(made).outcomes[0]
    assert outcome.outcome == "applied", outcome
    assert _told(site) == [f"stop {UNIT}", f"start {UNIT}"]
    assert _is_of_the_unit(site)
    assert site.rollback(made).outcomes[0].outcome == "rolled back"
    assert _told(site)[2:] == [f"stop {UNIT}", f"start {UNIT}"]
    assert site.rollback(light).outcomes[0].outcome == "rolled back"
    assert site.files() == before


def test_one_that_died_of_the_reload_is_started_as_its_service(site: FarSite, monkeypatch: pytest.MonkeyPatch) -> None:
    before = site.files()
    made = site.propose(f"{ROUTE}=60s").id
    site.approve(made)
    original = server.HttpdServer.reload

    async def reload(self: server.HttpdServer) -> None:
        await original(self)
        monkeypatch.setattr(server.HttpdServer, "reload", original)
        site.run('p=$(cat /run/httpd.pid); kill "$p"; while kill -0 "$p" 2>/dev/null; do sleep 0.05; done')

    monkeypatch.setattr(server.HttpdServer, "reload", reload)
    assert site.apply(made).outcomes[0].outcome == "taken back"
    assert site.files() == before
    assert _told(site) == [f"start {UNIT}"]
    assert _is_of_the_unit(site)


def test_a_service_that_does_not_start_is_a_failure_and_a_later_command_finishes(site: FarSite) -> None:
    before = site.files()
    made = site.propose('web1/httpd:httpd.directive["main > ListenBacklog"].arguments=77').id
    site.approve(made)
    (site.far.etc / "units/fails").touch()
    outcome = site.apply(made).outcomes[0]
    assert outcome.outcome == "incomplete", outcome
    assert f"systemctl start {UNIT} failed: Job for httpd.service failed" in outcome.text
    assert site.files() == before
    (site.far.etc / "units/fails").unlink()
    assert [one.outcome for one in site.rollback(made).outcomes] == ["taken back"]
    until(site.answers)
    assert _is_of_the_unit(site)


class Ended(BaseException):
    """The controller's process is gone."""


def test_what_was_ended_between_stop_and_start_is_started_as_its_service_by_the_next_command(
    site: FarSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = site.files()
    made = site.propose('web1/httpd:httpd.directive["main > ListenBacklog"].arguments=77').id
    site.approve(made)

    async def start(self: server.HttpdServer, unit: str = "") -> None:
        raise Ended

    with monkeypatch.context() as patch:
        patch.setattr(server.HttpdServer, "start", start)
        with pytest.raises(Ended):
            site.apply(made)
    assert _told(site) == [f"stop {UNIT}"]
    assert not site.answers()
    assert [one.outcome for one in site.rollback(made).outcomes] == ["taken back"]
    assert site.files() == before
    assert _told(site) == [f"stop {UNIT}", f"start {UNIT}"]
    assert site.answers()
    assert _is_of_the_unit(site)


def test_one_that_is_not_the_main_process_of_the_service_is_none_of_it(site: FarSite) -> None:
    site.run("systemctl stop httpd.service")
    site.run(f"{' '.join(site.command)} -k start </dev/null >/dev/null 2>&1")
    until(site.answers)
    site.run('mount --bind /etc/units/group "/proc/$(cat /run/httpd.pid)/cgroup"')
    assert _is_of_the_unit(site)
    told = _told(site)
    made = planned_line(site, "ListenBacklog 77", "stop and start")
    site.approve(made)
    site.apply(made)
    assert _told(site) == told
    until(site.answers)


def test_what_nobody_confirms_starts_a_service_that_ended_as_a_service(site: FarSite) -> None:
    before = site.files()
    plan = site.propose(f"{ROUTE}=60s").id
    site.approve(plan)
    report = asyncio.run(apply_plan(site.fleet.desk(), plan, confirm_within_s=600))
    assert [one.outcome for one in report.outcomes] == ["applied"], report
    site.run('p=$(cat /run/httpd.pid); kill "$p"; while kill -0 "$p" 2>/dev/null; do sleep 0.05; done')
    site.run(f'p=$(cat /etc/auditor/plans/{plan}/revert/pid); kill $(cat "/proc/$p/task/$p/children")')
    until(lambda: (site.state / "plans" / plan / "revert/reverted").exists())
    assert site.files() == before
    assert _told(site) == [f"start {UNIT}"]
    assert _is_of_the_unit(site)
    report = asyncio.run(confirm_plan(site.fleet.desk(), plan))
    assert [one.outcome for one in report.outcomes] == ["taken back"], report
    assert (f"the server had ended and was started as {UNIT}", True) in report.outcomes[0].checks
