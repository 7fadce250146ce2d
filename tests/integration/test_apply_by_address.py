"""Files and links that are deleted and brought back by address on a real httpd, here and over SSH."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.errors import RefusedError
from auditor.model.plan import FileChange, LinkChange
from auditor.surfaces.httpd.carry_out import server
from tests.fakes.far_sites import FarSite
from tests.fakes.sites import Site

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_packages")]
NOBODY = 0xFFFFFFFF
# Version 2; owner rw, user 1 r, group r, mask r, others none.
ACL = b"\x02\0\0\0" + b"".join(
    struct.pack("<HHI", tag, bits, who)
    for tag, bits, who in ((1, 6, NOBODY), (2, 4, 1), (4, 4, NOBODY), (16, 4, NOBODY), (32, 0, NOBODY))
)
Entries = dict[str, tuple[int, int, int, bytes | str, dict[str, bytes]]]


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
    (site.root / "available/shop.conf").write_bytes(b"ProxyPass /shop http://127.0.0.1:9/ timeout=20\n")
    (site.root / "conf.d/shop.conf").symlink_to("../available/shop.conf")
    old = site.root / "conf.d/old.conf"
    old.write_bytes(b"# the caf\xe9's\r\nProxyPass /old http://127.0.0.1:9/old timeout=9\r\n")
    old.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(old, 0, 65534)
    os.setxattr(old, "user.note", b"kept")
    os.setxattr(old, "system.posix_acl_access", ACL)


def entries(site: Site) -> Entries:
    found: Entries = {}
    for path in sorted(site.root.rglob("*")):
        status = path.lstat()
        content: bytes | str = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        names = [] if path.is_symlink() else os.listxattr(path)
        attributes = {name: os.getxattr(path, name) for name in names}
        mode = stat.S_IFMT(status.st_mode) | stat.S_IMODE(status.st_mode)
        found[path.relative_to(site.root).as_posix()] = mode, status.st_uid, status.st_gid, content, attributes
    return found


def carried_out(site: Site, plan: str) -> None:
    site.approve(plan)
    report = site.apply(plan)
    assert [one.outcome for one in report.outcomes] == ["applied"], report
    assert ("nothing else changed", True) in report.outcomes[0].checks
    assert all(held for _, held in report.outcomes[0].checks), report.outcomes[0].checks


def test_a_file_goes_by_address_and_all_of_it_is_rolled_back(site: Site) -> None:
    first, generation = entries(site), site.generation()
    made = site.propose('web1/httpd:httpd.file["conf.d/old.conf"].present=false')
    (cohort,) = made.plan.cohorts
    (step,) = cohort.steps
    assert isinstance(step.change, FileChange)
    assert step.change.after is None
    gone = {str(one.address): one.after for one in cohort.effects}
    assert gone['httpd.route["main /old"].read_timeout'] is None
    assert gone['httpd.file["conf.d/old.conf"].mode'] is None
    carried_out(site, made.id)
    assert entries(site) == {name: entry for name, entry in first.items() if name != "conf.d/old.conf"}
    assert site.generation() == generation + 1
    assert [one.outcome for one in site.rollback(made.id).outcomes] == ["rolled back"]
    assert entries(site) == first  # extended attributes too, from the backup on the target
    assert site.generation() == generation + 2


@pytest.mark.parametrize("site", ["here"], indirect=True)
def test_a_deleted_file_comes_back_by_address(site: Site) -> None:
    first = entries(site)["conf.d/old.conf"]
    made = site.propose('web1/httpd:httpd.file["conf.d/old.conf"].present=false')
    site.approve(made.id)
    assert site.apply(made.id).outcomes[0].outcome == "applied"
    again = site.propose('web1/httpd:httpd.file["conf.d/old.conf"].present=true')
    carried_out(site, again.id)
    assert entries(site)["conf.d/old.conf"][:4] == first[:4]
    assert [one.outcome for one in site.rollback(again.id).outcomes] == ["rolled back"]
    assert "conf.d/old.conf" not in entries(site)


@pytest.mark.parametrize("site", ["here"], indirect=True)
def test_links_go_come_and_lead_elsewhere_by_address(site: Site) -> None:
    first = entries(site)
    gone = site.propose('web1/httpd:httpd.file["conf.d/shop.conf"].present=false')
    assert isinstance(gone.plan.cohorts[0].steps[0].change, LinkChange)
    carried_out(site, gone.id)
    assert entries(site) == {name: entry for name, entry in first.items() if name != "conf.d/shop.conf"}
    back = site.propose('web1/httpd:httpd.file["conf.d/shop.conf"].present=true')
    carried_out(site, back.id)
    assert entries(site) == first
    led = site.propose('web1/httpd:httpd.file["conf.d/more.conf"].link=../available/shop.conf')
    carried_out(site, led.id)
    assert entries(site)["conf.d/more.conf"][3] == "../available/shop.conf"
    assert [one.outcome for one in site.rollback(led.id).outcomes] == ["rolled back"]
    assert entries(site) == first


@pytest.mark.parametrize("site", ["here"], indirect=True)
def test_a_file_that_a_line_includes_by_its_name_is_not_planned_away(site: Site) -> None:
    main = site.root / "httpd.conf"
    main.write_text(main.read_text().replace("Timeout 60\n", "Timeout 60\nInclude available/shop.conf\n"))
    with pytest.raises(RefusedError, match=r"httpd\.conf:\d+ \(Include available/shop\.conf\) names it"):
        site.propose('web1/httpd:httpd.file["available/shop.conf"].present=false')


@pytest.mark.parametrize("site", ["here"], indirect=True)
def test_what_no_state_of_the_store_holds_is_not_made(site: Site) -> None:
    with pytest.raises(RefusedError, match="no state of the store holds it"):
        site.propose('web1/httpd:httpd.file["conf.d/never.conf"].present=true')
