"""What a reload is not enough for, on a real httpd: that it is so and said, and that apply does what it takes."""

from __future__ import annotations

import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from auditor.surfaces.httpd.activation import NEEDS
from auditor.surfaces.httpd.carry_out import server
from tests import servers
from tests.fakes.sites import Site, planned_line

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_packages")]


@pytest.fixture
def site(tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(server, "SETTLE_S", 0.3)
    made = Site(tmp_path)
    with made.server:
        _pid(made)  # it listens before it writes its PidFile
        yield made


def _status(site: Site) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{site.port}/server-status?auto", timeout=5) as answer:
        return str(answer.read().decode())


def _field(site: Site, name: str) -> str:
    return next(line for line in _status(site).splitlines() if line.startswith(f"{name}: ")).partition(": ")[2]


def _slots(site: Site) -> str:
    return str(len(_field(site, "Scoreboard")))


def _backlog(site: Site) -> str:
    told = subprocess.run(["ss", "-ltnH", f"sport = :{site.port}"], capture_output=True, text=True, check=True)
    return told.stdout.split()[2]


def _mpm(site: Site) -> str:
    return _field(site, "ServerMPM").lower()


def _pid(site: Site) -> int:
    files = (site.folder / "httpd.pid", site.folder / "other.pid")
    deadline = time.monotonic() + 10
    while True:  # a server that was just started writes it a little later than it answers its command
        said = next((path.read_text().strip() for path in files if path.exists()), "")
        if said or time.monotonic() > deadline:
            return int(said)
        time.sleep(0.02)


def _pid_file(site: Site) -> str:
    return ", ".join(name for name in ("httpd.pid", "other.pid") if (site.folder / name).exists())


def _scoreboard(site: Site) -> str:
    maps = Path(f"/proc/{_pid(site)}/maps").read_text()
    return "named" if "/ShM." in maps or f"{site.folder}/scoreboard" in maps else "anonymous"


def _addresses(site: Site) -> str:
    told = subprocess.run(["ss", "-ltnH", f"sport = :{site.port}"], capture_output=True, text=True, check=True)
    return "all" if "127.0.0.1" not in told.stdout else "one"


class Case(NamedTuple):
    """A directive's change: lines before (the last is replaced) and after, wishes for it, and what shows its value."""

    before: str
    after: str
    wishes: tuple[str, ...]
    look: Callable[[Site], str]
    old: str
    new: str
    mpm: str = "prefork"


_EVENT = servers.load_modules("mpm_event").strip()
_PREFORK = servers.load_modules("mpm_prefork").strip()
CASES = {
    "serverlimit": Case(
        "MaxRequestWorkers 256\nServerLimit 256",
        "ServerLimit 300\nMaxRequestWorkers 300",
        ('"main > ServerLimit"].arguments=300', '"main > MaxRequestWorkers"].arguments=300'),
        _slots,
        "256",
        "300",
    ),
    "threadlimit": Case(
        "ThreadsPerChild 32\nMaxRequestWorkers 64\nThreadLimit 32",
        "ThreadLimit 40\nThreadsPerChild 40\nMaxRequestWorkers 80",
        (
            '"main > ThreadLimit"].arguments=40',
            '"main > ThreadsPerChild"].arguments=40',
            '"main > MaxRequestWorkers"].arguments=80',
        ),
        _slots,
        "64",
        "80",
        "event",
    ),
    "listenbacklog": Case(
        "ListenBacklog 100", "ListenBacklog 200", ('"main > ListenBacklog"].arguments=200',), _backlog, "100", "200"
    ),
    "scoreboardfile": Case(
        "",
        "ScoreBoardFile {folder}/scoreboard",
        ('"main > ScoreBoardFile"].arguments={folder}/scoreboard',),
        _scoreboard,
        "anonymous",
        "named",
    ),
    "pidfile": Case(
        "",
        "PidFile {folder}/other.pid",
        ('"main > PidFile"].arguments={folder}/other.pid',),
        _pid_file,
        "httpd.pid",
        "other.pid",
    ),
    "listen": Case(
        "Listen 127.0.0.1:{port}",
        "Listen {port}",
        ('"main > Listen 127.0.0.1:{port}"].arguments=null', '"main > Listen {port}"].arguments={port}'),
        _addresses,
        "one",
        "all",
    ),
    "loadmodule": Case(
        _PREFORK,
        _EVENT,
        (
            '"main > LoadModule mpm_prefork_module"].arguments=null',
            f'"main > LoadModule mpm_event_module"].arguments={_EVENT.partition(" ")[2]}',
        ),
        _mpm,
        "prefork",
        "event",
    ),
}


def test_every_directive_of_the_table_is_tried() -> None:
    assert CASES.keys() == NEEDS.keys()


def _prepared(site: Site, case: Case) -> tuple[str, str]:
    """The running server with the lines before; gives the lines after, and the one that they take the place of."""
    before, after = (text.format(folder=site.folder, port=site.port) for text in (case.before, case.after))
    main = site.root / "httpd.conf"
    if before and before not in main.read_text():
        main.write_text(main.read_text().replace("mpm_prefork", f"mpm_{case.mpm}") + f"{before}\n")
        site.server.__exit__()
        site.server.__enter__()
    return after, before.rpartition("\n")[2]


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_plan_for_a_reload_is_refused_and_one_for_more_is_applied_and_read(site: Site, name: str) -> None:
    case = CASES[name]
    after, instead_of = _prepared(site, case)
    assert case.look(site) == case.old
    files, pid = site.files(), _pid(site)

    light = planned_line(site, after, instead_of=instead_of)
    site.approve(light)
    outcome = site.apply(light).outcomes[0]
    assert outcome.outcome == "refused"
    assert "needs a stop and start" in outcome.text
    assert "the plan is for a reload" in outcome.text
    assert (site.files(), _pid(site), case.look(site)) == (files, pid, case.old)

    wishes = (f"web1/httpd:httpd.directive[{wish}".format(folder=site.folder, port=site.port) for wish in case.wishes)
    made = site.propose(*wishes)
    assert {step.disruption for step in made.plan.cohorts[0].steps} >= {"stop and start"}
    site.approve(made.id)
    report = site.apply(made.id)
    assert report.outcomes[0].outcome == "applied", report.outcomes[0].text
    assert _pid(site) != pid
    assert case.look(site) == case.new
    if name in ("pidfile", "loadmodule"):
        assert site.rollback(made.id).outcomes[0].outcome == "rolled back"
        assert site.files() == files
        assert case.look(site) == case.old
