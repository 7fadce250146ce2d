"""Inserting, removing and commenting out, asked for as on the command line, on a real httpd."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.errors import InputError, RefusedError
from auditor.model.plan import ApplyReport
from auditor.surfaces.httpd.carry_out import server
from tests.fakes.sites import Site

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_packages")]
KEEP_ALIVE = 'web1/httpd:httpd.directive["main > KeepAliveTimeout"].arguments'
START = 'web1/httpd:httpd.directive["main > StartServers"]'
HEADER = 'web1/httpd:httpd.directive["main > RequestHeader set Authorization"].present'
STATUS = 'web1/httpd:httpd.directive["main > <Location /server-status> > SetEnv x"].arguments'
PASS = 'web1/httpd:httpd.directive["main > ProxyPass /api"].arguments'


@pytest.fixture
def site(tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(server, "SETTLE_S", 0.3)
    made = Site(tmp_path)
    with made.server:
        yield made


def applied(site: Site, *settings: str) -> tuple[str, ApplyReport]:
    made = site.propose(*settings)
    site.approve(made.id)
    return made.id, site.apply(made.id)


def test_four_operations_are_one_reload_and_are_rolled_back(site: Site) -> None:
    before, generation = site.files(), site.generation()
    plan, report = applied(
        site,
        f"{KEEP_ALIVE}=3",
        f"{START}.arguments=null",
        f"{HEADER}=false",
        f"{PASS}=/api http://127.0.0.1:9/ timeout=7",
    )
    assert [one.outcome for one in report.outcomes] == ["applied"], report
    main, api = (site.files()[str(site.root / name)] for name in ("httpd.conf", "conf.d/api.conf"))
    assert main == before[str(site.root / "httpd.conf")].replace(b"StartServers 1\n", b"") + b"KeepAliveTimeout 3\n"
    assert api == before[str(site.root / "conf.d/api.conf")].replace(b"timeout=300", b"timeout=7").replace(
        b"RequestHeader", b"#RequestHeader"
    )
    assert b"pl4nted-s3cret-77" in api
    assert site.generation() == generation + 1
    assert [one.outcome for one in site.rollback(plan).outcomes] == ["rolled back"]
    assert site.files() == before


def test_what_the_real_server_refuses_of_an_insertion_is_never_live(site: Site) -> None:
    before = site.files()
    _, report = applied(site, STATUS.replace("SetEnv x", "NoSuch") + "=on")
    assert [one.outcome for one in report.outcomes] == ["refused"]
    assert "NoSuch" in report.outcomes[0].text
    assert site.files() == before


@pytest.mark.parametrize(
    ("setting", "error", "says"),
    [
        (f"{START}.present=perhaps", InputError, "true or false"),
        (f"{START}.present=null", RefusedError, "true or false is wanted"),
        (f"{START}.arguments=5 \\", RefusedError, "backslash"),
        (f"{HEADER.replace('main', 'none')}=true", RefusedError, "no such directive"),
        (f"{KEEP_ALIVE.replace('main', 'none')}=3", RefusedError, "no such server or section"),
        (f"{START}.context=x", InputError, "What can be set of httpd.directive: arguments, present"),
    ],
)
def test_what_cannot_be_is_said_and_no_plan_is_written(
    site: Site, setting: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        site.propose(setting)
    assert list((site.fleet.root / "plans").glob("*/plan.json")) == []


def test_a_file_of_shift_jis_keeps_every_other_byte_and_what_it_swallows(site: Site) -> None:
    file = site.root / "conf.d/api.conf"
    file.write_bytes(
        "# 予定表\r\nTimeout 5\r\n# ソ\n\nProxyPass /api http://127.0.0.1:9/ \\\r\n\ttimeout=300\n"
        "RequestHeader set X-Plan 予定\n# 能".encode("cp932")
    )
    before = site.files()
    plan, report = applied(
        site,
        f"{PASS}=/api http://127.0.0.1:9/ timeout=7",
        START.replace("StartServers", "KeepAlive") + ".arguments=Off",
    )
    assert [one.outcome for one in report.outcomes] == ["applied"], report
    after = site.files()
    assert after[str(file)] == before[str(file)].replace(b"timeout=300", b"timeout=7")
    main = str(site.root / "httpd.conf")
    assert after[main] == before[main] + b"KeepAlive Off\n"
    assert [one.outcome for one in site.rollback(plan).outcomes] == ["rolled back"]
    assert site.files() == before
