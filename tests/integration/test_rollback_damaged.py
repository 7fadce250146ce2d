"""Rolling back on a real httpd whose files somebody has damaged since, here and over a real sshd."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditor.errors import EXIT_PERSON_NEEDED, EXIT_REFUSED
from auditor.plan.outcome import failure_of
from auditor.services.changes import ToWay, apply_plan
from auditor.surfaces.httpd.carry_out import server
from tests import servers
from tests.fakes.far_sites import FarSite
from tests.fakes.sites import Site
from tests.running import until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_packages")]
EDITED, MADE = "conf.d/api.conf", "conf.d/limits.conf"


@pytest.fixture
def site(
    request: pytest.FixtureRequest, tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    monkeypatch.setattr(server, "SETTLE_S", 0.3)
    far = request.param != "here"
    made = FarSite(request.getfixturevalue("ssh_server"), tmp_path / "site") if far else Site(tmp_path)
    tree = "/etc/httpd" if far else str(made.root)
    modules = servers.modules_directory()
    assert modules is not None
    shutil.copy(modules / "mod_info.so", made.root / "mod_info.so")
    (made.root / "more.conf").write_text("Timeout 61\n")
    (made.root / "conf.d/more.conf").write_text(
        f"Include {tree}/more.conf\nLoadModule info_module {tree}/mod_info.so\n"
    )
    (made.root / MADE).write_text("LimitRequestLine 4000\n")
    (made.root / EDITED).write_bytes(b"ProxyPass /api http://127.0.0.1:9/ timeout=300\r\n")
    with made if isinstance(made, FarSite) else made.server:
        yield made


def applied(site: Site) -> tuple[str, dict[str, bytes]]:
    """A plan that edits a line, makes a file and removes a link; and the files before it."""
    (site.root / "conf.d/link.conf").symlink_to("../more.conf")
    revision = site.snapshot()
    edited = (site.root / EDITED).read_bytes()
    (site.root / "conf.d/link.conf").unlink()
    (site.root / MADE).unlink()
    (site.root / EDITED).write_bytes(edited.replace(b"timeout=300", b"timeout=20"))
    before = site.files()
    plan = site.propose(way=ToWay(revision, ("web1/httpd",))).id
    site.approve(plan)
    report = asyncio.run(apply_plan(site.fleet.desk(), plan))
    assert [one.outcome for one in report.outcomes] == ["applied"], report
    assert (site.root / "conf.d/link.conf").is_symlink()
    return plan, before


def broken(site: Site) -> None:
    (site.root / "conf.d/broken.conf").write_text("Nonsense <<<\n")


def without_module(site: Site) -> None:
    (site.root / "mod_info.so").unlink()


def end(site: Site) -> None:
    """The server does not run any more, and could not be started."""
    if isinstance(site, FarSite):
        site.run('p=$(cat /run/httpd.pid); kill "$p"; while kill -0 "$p" 2>/dev/null; do sleep 0.05; done')
    else:
        process = int((site.folder / "httpd.pid").read_text())
        os.kill(process, signal.SIGTERM)
        until(lambda: not servers.runs(process))


@pytest.mark.parametrize(
    ("site", "damage", "why", "runs"),
    [
        ("here", broken, "Invalid command 'Nonsense'", True),
        ("over SSH", without_module, "cannot open shared object file", False),
    ],
    indirect=["site"],
)
def test_what_the_plan_changed_goes_back_and_what_somebody_broke_is_told(
    site: Site, damage: Callable[[Site], None], why: str, runs: bool
) -> None:
    plan, before = applied(site)
    damage(site)
    now, generation = site.files(), site.generation()
    if not runs:
        end(site)
    report = site.rollback(plan)
    assert [one.outcome for one in report.outcomes] == ["rolled back"], report
    failure = failure_of(report)
    assert failure is not None
    assert failure.exit_code == EXIT_PERSON_NEEDED
    assert why in failure.what
    assert "not reloaded: the server's own check fails, as it did before" in failure.what
    others = {name: content for name, content in now.items() if not name.endswith((EDITED, MADE, "link.conf"))}
    assert site.files() == {**{name: before[name] for name in before if name.endswith(EDITED)}, **others}
    if runs:
        assert site.generation() == generation, "a server that would end of it is not reloaded"


@pytest.mark.parametrize("site", ["here", "over SSH"], indirect=True)
def test_a_server_that_would_end_of_what_somebody_did_is_not_reloaded(site: Site) -> None:
    plan, before = applied(site)
    damage = site.root / "conf.d/log.conf"
    damage.write_text('CustomLog "|/nonexistent/rotate" common\n')
    generation = site.generation()
    report = site.rollback(plan)
    assert [one.outcome for one in report.outcomes] == ["rolled back"], report
    failure = failure_of(report)
    assert failure is not None
    assert failure.exit_code == EXIT_PERSON_NEEDED
    assert "the server would end at the reload" in failure.what
    assert "/nonexistent/rotate" in failure.what
    assert site.generation() == generation, "it serves, and was not reloaded"
    damage.unlink()
    assert site.files() == before


def appended(site: Site) -> None:
    with (site.root / EDITED).open("ab") as file:
        file.write(b"# by hand\n")


def removed(site: Site) -> None:
    (site.root / EDITED).unlink()
    (site.root / MADE).unlink()


@pytest.mark.parametrize(
    ("site", "damage", "file", "why"),
    [
        (
            "over SSH",
            appended,
            EDITED,
            "its bytes were changed since the plan was applied; rolling back would overwrite that",
        ),
        ("here", removed, EDITED, "it was removed since the plan was applied"),
    ],
    indirect=["site"],
)
def test_what_somebody_did_to_the_plans_own_files_refuses_and_says_how_to_go_back_all_the_same(
    site: Site, damage: Callable[[Site], None], file: str, why: str
) -> None:
    plan, before = applied(site)
    damage(site)
    now = site.files()
    report = site.rollback(plan)
    failure = failure_of(report)
    assert failure is not None
    assert failure.exit_code == EXIT_REFUSED
    assert f"{file}: {why}" in failure.what
    assert f"Back all the same:  auditor rollback --to {plan[:8]} web1/httpd" in failure.what
    assert site.files() == now

    again = site.propose(way=ToWay(plan, ("web1/httpd",))).id
    site.approve(again)
    assert [one.outcome for one in site.apply(again).outcomes] == ["applied"]
    assert site.files() == before
