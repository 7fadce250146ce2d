"""Symbolic links in a real httpd's tree: what they lead to is changed, and they stay what they are."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from auditor.cli.forms import changes as forms
from auditor.errors import RefusedError
from auditor.model.plan import DirectiveEdit
from auditor.report.interface import Style
from auditor.services.changes import show_plan
from auditor.surfaces.httpd.carry_out import server
from tests.fakes.sites import ROUTE, Site

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_packages")]
Arrange = Callable[[Site, Path], Path]
Start = Callable[[Arrange], AbstractContextManager[tuple[Site, Path]]]


@pytest.fixture
def start(tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Starts a server after its tree was arranged; gives the real file that is to be changed."""
    monkeypatch.setattr(server, "SETTLE_S", 0.3)

    @contextmanager
    def started(arrange: Arrange) -> Iterator[tuple[Site, Path]]:
        site = Site(tmp_path)
        (site.root / "sites-available").mkdir()
        real = arrange(site, site.root / "conf.d/api.conf")
        with site.server:
            yield site, real

    return started


def moved(link: Path, to: Path, target: str) -> Path:
    """The file goes to another place, and a link stands in its own."""
    link.rename(to)
    link.symlink_to(target)
    return to


def simple(site: Site, file: Path) -> Path:
    return moved(file, site.root / "sites-available/api.conf", "../sites-available/api.conf")


def chain(site: Site, file: Path) -> Path:
    (site.root / "sites-enabled").mkdir()
    (site.root / "sites-enabled/api.conf").symlink_to(site.root / "sites-available/api.conf")
    return moved(file, site.root / "sites-available/api.conf", "../sites-enabled/api.conf")


def two(site: Site, file: Path) -> Path:
    real = simple(site, file)
    (site.root / "conf.d/other.conf").symlink_to("api.conf")
    return real


def outside(site: Site, file: Path) -> Path:
    (site.folder / "shared").mkdir()
    return moved(file, site.folder / "shared/api.conf", str(site.folder / "shared/api.conf"))


def folder(site: Site, file: Path) -> Path:
    (site.root / "conf-available").mkdir()
    file.rename(site.root / "conf-available/api.conf")
    file.parent.rmdir()
    file.parent.symlink_to("conf-available")
    return site.root / "conf-available/api.conf"


def state(site: Site) -> dict[str, tuple[str, bytes]]:
    """Every link's text and every file's bytes below the site's folder, its own records left out."""
    found = {}
    for place in (site.root, site.folder / "shared"):
        for path in sorted(place.rglob("*")):
            link = os.readlink(path) if path.is_symlink() else ""
            content = path.read_bytes() if path.is_file() and not link else b""
            found[str(path)] = (link, content)
    return found


@pytest.mark.parametrize(
    ("arrange", "name", "links"),
    [
        (simple, "sites-available/api.conf", ("conf.d/api.conf",)),
        (chain, "sites-available/api.conf", ("conf.d/api.conf",)),
        (two, "sites-available/api.conf", ("conf.d/api.conf", "conf.d/other.conf")),
        (outside, "", ("conf.d/api.conf",)),
        (folder, "conf-available/api.conf", ("conf.d/api.conf",)),
    ],
    ids=lambda one: one.__name__ if callable(one) else None,
)
def test_a_links_target_is_changed_and_rolled_back_and_the_link_stays(
    start: Start, arrange: Arrange, name: str, links: tuple[str, ...]
) -> None:
    with start(arrange) as (site, real):
        before, generation = state(site), site.generation()
        made = site.propose(f"{ROUTE}=60s")
        (step,) = made.plan.cohorts[0].steps
        assert isinstance(step.change, DirectiveEdit)
        assert (step.change.file, step.change.links) == (name or str(real), links)
        for link in links:
            assert any(link in note and (name or str(real)) in note for note in made.plan.notes)
        shown = forms.show_plan(asyncio.run(show_plan(site.fleet.desk(), made.id)), Style())
        assert f"{name or real}:2-2" in shown
        assert f"the server reads it by {', '.join(links)}" in " ".join(shown.split())
        site.approve(made.id)
        assert [one.outcome for one in site.apply(made.id).outcomes] == ["applied"]
        after = state(site)
        assert [path for path in before if before[path] != after[path]] == [str(real)]
        assert after[str(real)][1] == before[str(real)][1].replace(b"timeout=300", b"timeout=60")
        assert site.generation() == generation + 1
        assert [one.outcome for one in site.rollback(made.id).outcomes] == ["rolled back"]
        assert state(site) == before
        assert site.generation() == generation + 2


def elsewhere(site: Site, real: Path) -> None:
    (site.root / "conf.d/api.conf").unlink()
    (site.root / "sites-available/new.conf").write_bytes(real.read_bytes())
    (site.root / "conf.d/api.conf").symlink_to("../sites-available/new.conf")


def hard_linked(site: Site, real: Path) -> None:
    os.link(real, site.root / "sites-available/second.conf")


def dangling(site: Site, real: Path) -> None:
    real.rename(real.with_name("gone"))


@pytest.mark.parametrize(
    ("arrange", "spoil", "why"),
    [
        (simple, elsewhere, r"conf\.d/api\.conf leads to \.\./sites-available/new\.conf"),
        (outside, elsewhere, "could not be read, or is not there"),
        (simple, hard_linked, "2 hard links"),
        (outside, hard_linked, "2 hard links"),
        (simple, dangling, "could not be read|is not there|No such file"),
    ],
    ids=lambda one: one.__name__ if callable(one) else None,
)
def test_a_link_that_leads_elsewhere_by_now_is_a_refusal(
    start: Start, arrange: Arrange, spoil: Callable[[Site, Path], None], why: str
) -> None:
    with start(arrange) as (site, real):
        made = site.propose(f"{ROUTE}=60s")
        site.approve(made.id)
        spoil(site, real)
        before = state(site)
        try:
            report = site.apply(made.id)
        except RefusedError as error:
            said = str(error)
        else:
            assert [one.outcome for one in report.outcomes] == ["refused"]
            said = report.outcomes[0].text
        assert re.search(why, said), said
        assert state(site) == before
        assert site.server.alive()


def test_a_link_that_leads_nowhere_is_no_place_for_a_plan(start: Start) -> None:
    with start(simple) as (site, real):
        dangling(site, real)
        with pytest.raises(RefusedError, match="no such resource"):
            site.propose(f"{ROUTE}=60s")
