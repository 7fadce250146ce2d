"""What somebody does by hand between planning and applying refuses the plan, by file and line."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.errors import RefusedError
from auditor.services.changes import Proposed, ToWay
from auditor.services.changes.show import show_plan
from auditor.surfaces.httpd.carry_out import server
from tests.fakes.far_sites import FarSite
from tests.fakes.sites import ROUTE, Site
from tests.running import until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_packages")]
Plan = Callable[[Site], Proposed]
FILE = "conf.d/api.conf"


@pytest.fixture(params=["here", "over SSH"])
def site(
    request: pytest.FixtureRequest, tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> Site:
    """A site whose server need not run: nothing is to reach it."""
    monkeypatch.setattr(server, "SETTLE_S", 0.3)
    if request.param == "here":
        made = Site(tmp_path)
    else:
        made = FarSite(request.getfixturevalue("ssh_server"), tmp_path / "site")
    path = made.root / "conf.d/plain.conf"
    path.write_bytes(b"# limits\nLimitRequestLine 4000\n<Location /x>\n  Header set X y\n</Location>\n# end\n")
    (made.root / "conf.d/led.off").symlink_to("plain.conf")
    return made


def by_address(*settings: str) -> Plan:
    return lambda site: site.propose(*(f"web1/httpd:{one}" for one in settings))


def to_before(change: Callable[[Path], None], name: str = "conf.d/plain.conf") -> Plan:
    """A plan that brings a file back as it was before it was changed so."""

    def plan(site: Site) -> Proposed:
        revision = site.snapshot()
        change(site.root / name)
        return site.propose(way=ToWay(revision, ("web1/httpd",)))

    return plan


def appended(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"# by hand\n")


def in_front(path: Path) -> None:
    path.write_bytes(b"# by hand\n" + path.read_bytes())


def led_elsewhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("api.conf")


def other_mode(path: Path) -> None:
    path.chmod(0o600)


def rewritten(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"4000", b"5000"))


def unlinked(path: Path) -> None:
    path.unlink()


def put_there(path: Path) -> None:
    path.write_bytes(b"LimitRequestLine 7000\n")


PLAIN = 'httpd.directive["main > LimitRequestLine"].arguments'
INSERTED = 'httpd.directive["main > <Location /x> > SetEnv A"].arguments=A b'
CASES: dict[str, tuple[Plan, str, Callable[[Path], None], str]] = {
    "edit": (by_address(f"{PLAIN}=3000"), "conf.d/plain.conf", rewritten, "conf.d/plain.conf:2 changed"),
    "edit, elsewhere": (by_address(f"{PLAIN}=3000"), "conf.d/plain.conf", appended, "conf.d/plain.conf:7 changed"),
    "edit, secret": (lambda site: site.propose(f"{ROUTE}=60s"), FILE, in_front, f"{FILE}:1 changed"),
    "insert": (by_address(INSERTED), "conf.d/plain.conf", in_front, "conf.d/plain.conf:1 changed"),
    "remove": (by_address(f"{PLAIN}=null"), "conf.d/plain.conf", rewritten, "conf.d/plain.conf:2 changed"),
    "delete": (
        by_address('httpd.file["conf.d/led.off"].present=false', 'httpd.file["conf.d/plain.conf"].present=false'),
        "conf.d/plain.conf",
        rewritten,
        "conf.d/plain.conf:2 changed",
    ),
    "create": (to_before(unlinked), "conf.d/plain.conf", put_there, "conf.d/plain.conf is there"),
    "link": (
        by_address('httpd.file["conf.d/led.off"].present=false'),
        "conf.d/led.off",
        led_elsewhere,
        "conf.d/led.off is a link to api.conf",
    ),
    "mode alone": (to_before(other_mode), "conf.d/plain.conf", rewritten, "conf.d/plain.conf:2 changed"),
}


def entries(site: Site) -> dict[str, tuple[int, bytes | str]]:
    return {
        str(path): (path.lstat().st_mode, os.readlink(path) if path.is_symlink() else path.read_bytes())
        for path in sorted(site.root.rglob("*"))
        if not path.is_dir()
    }


FAR = ("edit", "delete")
CHOSEN = [("over SSH" if case in FAR else "here", case) for case in sorted(CASES)]


@pytest.mark.parametrize(("site", "case"), CHOSEN, indirect=["site"])
def test_a_file_that_somebody_changed_meanwhile_refuses_by_file_and_line(site: Site, case: str) -> None:
    plan, name, by_hand, why = CASES[case]
    made = plan(site)
    site.approve(made.id)  # also between approving and applying
    by_hand(site.root / name)
    before = entries(site)
    with pytest.raises(RefusedError) as caught:
        site.apply(made.id)
    assert f"web1/httpd changed since the plan was made: {why}" in caught.value.what
    assert caught.value.untouched == "Nothing was changed."
    assert entries(site) == before
    if case == "insert":
        shown = asyncio.run(show_plan(site.fleet.desk(), made.id[:8], look=True))
        assert any(why in one for one in shown.stale), shown.stale


@pytest.mark.parametrize("site", ["here"], indirect=True)
def test_mode_and_owner_that_somebody_changed_meanwhile_refuse(site: Site) -> None:
    made = to_before(other_mode)(site)
    site.approve(made.id)
    path = site.root / "conf.d/plain.conf"
    path.chmod(0o604)
    with pytest.raises(RefusedError, match=r'\["conf.d/plain.conf"\]\.mode is 0604, not 0600'):
        site.apply(made.id)
    path.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(path, 0, 1)
        report = site.apply(made.id)
        assert [one.outcome for one in report.outcomes] == ["refused"]
        assert "its owner is 0:1 by number, and the plan names root:root" in report.outcomes[0].text


DROPPED = "conf.d/zz.conf"


def dropped(site: Site, text: str) -> None:
    (site.root / DROPPED).write_text(text)


def worker_wide(site: Site) -> Proposed:
    """A plan with a consequence: two routes take the server's own time-out."""
    path = site.root / FILE
    path.write_bytes(b"ProxyPass /a http://127.0.0.1:9/a\nProxyPass /b http://127.0.0.1:9/b\n")
    made = site.propose('web1/httpd:httpd.server["main"].timeout=30s')
    assert any(not one.asked and one.address.attribute == "read_timeout" for one in made.plan.cohorts[0].effects)
    return made


@pytest.mark.parametrize("site", ["here"], indirect=True)
def test_a_file_that_came_meanwhile_and_governs_what_the_plan_promised_refuses(site: Site) -> None:
    made = worker_wide(site)
    site.approve(made.id)
    dropped(site, "ProxyTimeout 45\n")
    before = entries(site)
    with pytest.raises(RefusedError, match=r"read_timeout is 45 s, not 60 s \(conf\.d/zz\.conf:1\)"):
        site.apply(made.id)
    assert entries(site) == before
    dropped(site, "Timeout 45\n")
    with pytest.raises(RefusedError, match=r"timeout is 45 s, not 60 s"):
        site.apply(made.id)


@pytest.mark.parametrize("site", ["here"], indirect=True)
def test_an_effect_that_does_not_come_is_taken_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    made = worker_wide(site)
    site.approve(made.id)
    from auditor.surfaces.httpd.carry_out.local import LocalMachine

    replace = LocalMachine.replace

    async def and_somebody(self: LocalMachine, pairs: object) -> None:
        await replace(self, pairs)  # type: ignore[arg-type]
        dropped(site, "ProxyTimeout 60\n")  # each route stays at its 60 s, which no comparison with before shows

    monkeypatch.setattr(LocalMachine, "replace", and_somebody)
    before = entries(site)
    with site.server:
        report = site.apply(made.id)
    # Ours is taken back; that the other file is still there is for a person to see to.
    assert [one.outcome for one in report.outcomes] == ["incomplete"], report
    assert "read_timeout was to become 30 s, and is 60 s (conf.d/zz.conf:1)" in report.outcomes[0].text
    assert {name: entry for name, entry in entries(site).items() if not name.endswith(DROPPED)} == before


@pytest.mark.parametrize("site", ["here"], indirect=True)
def test_what_somebody_changed_in_another_file_is_not_loaded_along(site: Site) -> None:
    other = site.root / "conf.d/plain.conf"
    with site.server:
        rewritten(other)  # before the plan was made: that is drift, and no conflict
        made = site.propose(f"{ROUTE}=60s")
        site.approve(made.id)
        appended(other)
        dropped(site, "Header set Z z\n")
        before = entries(site)
        with pytest.raises(RefusedError) as caught:
            site.apply(made.id)
        assert "conf.d/plain.conf:7 changed, and the plan's reload would load that" in caught.value.what
        assert "conf.d/zz.conf:1 is new, and the plan's reload would load that" in caught.value.what
        assert entries(site) == before
        subprocess.run([*site.server.command, "-k", "graceful"], check=True)  # somebody stands by the edits
        until(lambda: site.generation() == 2)
        report = site.apply(made.id)
    assert [one.outcome for one in report.outcomes] == ["applied"], report
