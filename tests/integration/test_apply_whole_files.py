"""Whole files and links on a real httpd: as they were, rehearsed, applied, taken back."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.errors import RefusedError
from auditor.model.plan import FileChange, LinkChange
from auditor.services.changes import DiffWay, ToWay, apply_plan, confirm_plan, rehearse_plan
from auditor.surfaces.httpd.carry_out import server
from tests.fakes.far_sites import FarSite
from tests.fakes.sites import Site
from tests.running import until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_packages")]


@pytest.fixture(params=["here", "over SSH"])
def site(
    request: pytest.FixtureRequest, tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    monkeypatch.setattr(server, "SETTLE_S", 0.3)
    if request.param == "here":
        made = Site(tmp_path)
        prepare(made)
        with made.server:
            yield made
    else:
        there = FarSite(request.getfixturevalue("ssh_server"), tmp_path / "site")
        prepare(there)
        with there:
            yield there


def prepare(site: Site) -> None:
    (site.root / "available").mkdir(exist_ok=True)
    (site.root / "available/shop.conf").write_bytes(b"# shop\nProxyPass /shop http://127.0.0.1:9/ timeout=20\n")
    (site.root / "available/shop.conf").chmod(0o640)
    (site.root / "conf.d/shop.conf").symlink_to("../available/shop.conf")
    (site.root / "conf.d/limits.conf").write_bytes(b"LimitRequestLine 4000\n")


here_alone = pytest.mark.parametrize("site", ["here"], indirect=True)


def alive(site: Site) -> bool:
    return site.alive() if isinstance(site, FarSite) else site.server.alive()


def entries(site: Site) -> dict[str, tuple[int, bytes | str]]:
    found: dict[str, tuple[int, bytes | str]] = {}
    for path in sorted(site.root.rglob("*")):
        mode = path.lstat().st_mode
        content: bytes | str = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[path.relative_to(site.root).as_posix()] = stat.S_IFMT(mode) | stat.S_IMODE(mode), content
    return found


def altered(site: Site) -> dict[str, tuple[int, bytes | str]]:
    """What somebody did since: a file and a link removed, a link led elsewhere, two files put there."""
    (site.root / "conf.d/shop.conf").unlink()
    (site.root / "available/shop.conf").unlink()
    (site.root / "conf.d/limits.conf").unlink()
    (site.root / "available/other.conf").write_bytes(b"Timeout 5\n")
    (site.root / "conf.d/other.conf").symlink_to("../available/other.conf")
    return entries(site)


def test_files_and_links_are_brought_back_as_they_were_and_that_is_taken_back(site: Site) -> None:
    revision = site.snapshot()
    first = entries(site)
    second = altered(site)
    generation = site.generation()
    made = site.propose(way=ToWay(revision, ("web1/httpd",)))
    (cohort,) = made.plan.cohorts
    assert [type(one.change) for one in cohort.steps] == [FileChange, FileChange, LinkChange, LinkChange, FileChange]
    assert [one.id for one in cohort.steps] == [
        "available/shop.conf",
        "conf.d/limits.conf",
        "conf.d/shop.conf",
        "conf.d/other.conf",
        "available/other.conf",
    ]
    assert made.plan.notes == ()
    site.approve(made.id)
    rehearsed = asyncio.run(rehearse_plan(site.fleet.desk(), made.id[:8]))
    assert [one.outcome for one in rehearsed.targets] == ["passed"], rehearsed
    assert entries(site) == second
    report = site.apply(made.id)
    assert [one.outcome for one in report.outcomes] == ["applied"], report
    assert entries(site) == first
    assert site.generation() == generation + 1
    texts = [text for text, held in report.outcomes[0].checks if held]
    assert ("nothing else changed", True) in report.outcomes[0].checks
    assert ("nothing stands at conf.d/other.conf", True) in report.outcomes[0].checks
    if os.geteuid() == 0:
        assert any("private mount" in text for text in texts), texts
    assert all(held for _, held in report.outcomes[0].checks), report.outcomes[0].checks

    assert [one.outcome for one in site.rollback(made.id).outcomes] == ["rolled back"]
    assert entries(site) == second
    assert alive(site)


@here_alone
def test_a_file_that_came_meanwhile_is_not_overwritten(site: Site) -> None:
    revision = site.snapshot()
    altered(site)
    made = site.propose(way=ToWay(revision, ("web1/httpd",)))
    site.approve(made.id)
    (site.root / "conf.d/limits.conf").write_bytes(b"LimitRequestLine 5000\n")
    before = entries(site)
    with pytest.raises(RefusedError, match=r"conf\.d/limits\.conf is there"):
        site.apply(made.id)
    assert entries(site) == before


def test_what_the_server_would_refuse_is_refused_before_anything_is_changed(site: Site) -> None:
    (site.root / "conf.d/limits.conf").write_bytes(b"NoSuchDirective on\n")
    revision = site.snapshot()
    (site.root / "conf.d/limits.conf").unlink()
    made = site.propose(way=ToWay(revision, ("web1/httpd",)))
    site.approve(made.id)
    before, generation = entries(site), site.generation()
    outcome = site.apply(made.id).outcomes[0]
    assert outcome.outcome == ("refused" if os.geteuid() == 0 else "taken back"), outcome
    assert "NoSuchDirective" in outcome.text
    assert entries(site) == before
    assert alive(site)
    assert os.geteuid() != 0 or site.generation() == generation


@here_alone
def test_a_secret_that_is_nowhere_any_more_is_no_plan(site: Site) -> None:
    revision = site.snapshot()
    (site.root / "conf.d/api.conf").unlink()
    with pytest.raises(RefusedError, match=r"conf\.d/api\.conf: it holds a secret that no live line holds"):
        site.propose(way=ToWay(revision, ("web1/httpd",)))


def test_a_secret_that_moved_to_another_file_is_taken_from_there(site: Site) -> None:
    revision = site.snapshot()
    path = site.root / "conf.d/api.conf"
    first = entries(site)
    path.rename(site.root / "conf.d/moved.conf")
    made = site.propose(way=ToWay(revision, ("web1/httpd",)))
    site.approve(made.id)
    assert b"pl4nted-s3cret-77" not in (Path(made.folder) / "plan.json").read_bytes()
    assert [one.outcome for one in site.apply(made.id).outcomes] == ["applied"]
    assert entries(site) == first
    assert b"pl4nted-s3cret-77" in path.read_bytes()


def test_what_nobody_confirms_is_taken_back_by_the_target_itself(site: Site) -> None:
    revision = site.snapshot()
    first = entries(site)
    second = altered(site)
    plan = site.propose(way=ToWay(revision, ("web1/httpd",))).id
    site.approve(plan)
    generation = site.generation()
    report = asyncio.run(apply_plan(site.fleet.desk(), plan, confirm_within_s=4))
    assert [one.outcome for one in report.outcomes] == ["applied"], report
    if site.generation() == generation + 1:
        assert entries(site) == first
    until(lambda: site.generation() == generation + 2)
    assert entries(site) == second
    told = asyncio.run(confirm_plan(site.fleet.desk(), plan))
    assert [one.outcome for one in told.outcomes] == ["taken back"], told


@here_alone
def test_a_pull_request_s_difference_is_brought_to_the_target(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    (folder / "web").mkdir(parents=True)

    def commit(name: str) -> None:
        for words in (("add", "-A"), ("commit", "-qm", name), ("tag", name)):
            who = ("-c", "user.name=ops", "-c", "user.email=ops@example.org")
            subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, timeout=60)

    subprocess.run(["git", "init", "-q", str(folder)], check=True, capture_output=True, timeout=60)
    shutil.copytree(site.root / "conf.d", folder / "web/conf.d", symlinks=True)
    shutil.copytree(site.root / "available", folder / "web/available")
    commit("base")
    api = folder / "web/conf.d/api.conf"
    api.write_bytes(api.read_bytes().replace(b"timeout=300", b"timeout=45"))
    (folder / "web/conf.d/shop.conf").unlink()
    (folder / "web/available/blog.conf").write_bytes(b"ProxyPass /blog http://127.0.0.1:9/ timeout=11\n")
    (folder / "web/conf.d/blog.conf").symlink_to("../available/blog.conf")
    commit("topic")

    before, generation = entries(site), site.generation()
    made = site.propose(way=DiffWay("base..topic", folder / "web", ("web1/httpd",)))
    assert b"pl4nted-s3cret-77" not in (Path(made.folder) / "plan.json").read_bytes()
    site.approve(made.id)
    report = site.apply(made.id)
    assert [one.outcome for one in report.outcomes] == ["applied"], report
    assert all(held for _, held in report.outcomes[0].checks), report.outcomes[0].checks
    now = entries(site)
    assert b"timeout=45\r\n" in (site.root / "conf.d/api.conf").read_bytes()
    assert b"pl4nted-s3cret-77" in (site.root / "conf.d/api.conf").read_bytes()
    assert now["conf.d/blog.conf"][1] == "../available/blog.conf"
    assert now["available/blog.conf"][0] == now["available/shop.conf"][0], "mode as the file beside it"
    assert "conf.d/shop.conf" not in now
    assert site.generation() == generation + 1
    with pytest.raises(RefusedError, match="already so"):
        site.propose(way=DiffWay("base..topic", folder / "web", ("web1/httpd",)))
    assert [one.outcome for one in site.rollback(made.id).outcomes] == ["rolled back"]
    assert entries(site) == before
