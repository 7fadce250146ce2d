"""What is said of a running httpd: what it has loaded, what needs another start, which code it runs."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected, Fact
from auditor.model.target import LocalTree, Target
from auditor.model.value import Boolean, Many, Text, Undetermined, Value
from auditor.surfaces.httpd.collect import collect
from auditor.surfaces.httpd.resources import interpret
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from tests import servers
from tests.running import Site

pytestmark = pytest.mark.integration
SEALER = Sealer(b"a key of the tests, 32 bytes long")


@pytest.fixture
def site(tmp_path: Path, httpd: Path) -> Iterator[Site]:
    found = Site(tmp_path / "httpd")
    yield found
    found.stop()


@pytest.fixture(autouse=True)
def no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed does not matter here, and asking takes longest."""
    monkeypatch.setattr("auditor.surfaces.httpd.machine.survey.Survey._packages", nothing)


async def nothing(*_: object) -> list[Fact]:
    return []


def collected(site: Site) -> Collected:
    return asyncio.run(collect(Target("web1", "httpd", LocalTree(str(site.root))), CollectOptions(SEALER)))


def value(site: Site, name: str) -> Value | None:
    server = interpret(collected(site), InterpretOptions()).find("httpd.server", "main")
    assert server is not None
    return server.value(name)


def listed(site: Site, name: str) -> list[str]:
    found = value(site, name)
    assert isinstance(found, Many), found
    return [one.value for one in found.items if isinstance(one, Text)]


def test_an_edited_file_is_not_loaded_until_the_reload(site: Site) -> None:
    site.start()
    assert value(site, "running") == Boolean(True)
    assert listed(site, "changed_not_loaded") == []
    site.edit("conf.d/shop.conf", "60", "90")
    assert listed(site, "changed_not_loaded") == ["conf.d/shop.conf"]
    site.reload()
    assert listed(site, "changed_not_loaded") == []
    assert listed(site, "restart_needed") == []


def test_a_file_that_came_went_or_was_put_in_place_with_an_old_time_is_seen(site: Site, tmp_path: Path) -> None:
    site.start()
    new = site.root / "conf.d" / "new.conf"
    new.write_text("Timeout 30\n")
    assert listed(site, "changed_not_loaded") == ["conf.d/new.conf"]
    site.reload()
    new.unlink()
    assert listed(site, "changed_not_loaded") == ["conf.d/"]
    site.reload()
    old = tmp_path / "old.conf"
    old.write_text("Timeout 10\n")
    os.utime(old, (1_000_000_000, 1_000_000_000))
    old.rename(site.root / "conf.d" / "shop.conf")
    assert listed(site, "changed_not_loaded") == ["conf.d/shop.conf"]


def test_a_link_into_the_tree_counts_where_it_stands(site: Site) -> None:
    (site.root / "available").mkdir()
    (site.root / "available" / "one.conf").write_text("Timeout 20\n")
    site.start()
    (site.root / "conf.d" / "one.conf").symlink_to("../available/one.conf")
    assert listed(site, "changed_not_loaded") == ["conf.d/one.conf"]
    site.reload()
    assert listed(site, "changed_not_loaded") == []


def test_an_optional_file_and_a_folder_that_go_are_seen(site: Site) -> None:
    extra = site.root / "extra"
    extra.mkdir()
    (extra / "one.conf").write_text("Timeout 20\n")
    more = site.root / "more"
    more.mkdir()
    (more / "two.conf").write_text("Timeout 21\n")
    lines = "IncludeOptional extra/one.conf\nIncludeOptional more/*.conf\nIncludeOptional nowhere/at/all/*.conf\n"
    site.edit("httpd.conf", "IncludeOptional conf.d/*.conf\n", f"IncludeOptional conf.d/*.conf\n{lines}")
    site.start()
    assert listed(site, "changed_not_loaded") == []
    (extra / "one.conf").unlink()
    assert listed(site, "changed_not_loaded") == ["extra/"]
    site.reload()
    assert listed(site, "changed_not_loaded") == []
    shutil.rmtree(more)
    assert listed(site, "changed_not_loaded") == ["./"]
    site.reload()
    assert listed(site, "changed_not_loaded") == []


def test_a_name_that_cannot_be_asked_about_is_not_taken_for_loaded(site: Site) -> None:
    (site.root / "conf.d" / "two\nlines.conf").write_text("Timeout 20\n")
    site.start()
    assert isinstance(value(site, "changed_not_loaded"), Undetermined)


def test_a_certificate_that_was_renewed_is_not_loaded_until_the_reload(site: Site) -> None:
    certificate = site.root / "web1.pem"
    certificate.write_text("-----BEGIN CERTIFICATE-----\n")
    site.edit(
        "httpd.conf",
        "ServerLimit 4",
        f"ServerLimit 4\n<IfModule ssl_module>\nSSLCertificateFile {certificate}\n</IfModule>",
    )
    site.start()
    certificate.write_text("-----BEGIN CERTIFICATE-----\nrenewed\n")
    assert listed(site, "changed_not_loaded") == []  # ssl is not loaded, so nothing reads it
    site.edit("httpd.conf", "<IfModule ssl_module>", "<IfModule !ssl_module>")
    assert listed(site, "changed_not_loaded") == ["httpd.conf", "web1.pem"]


def test_a_touched_file_cannot_be_told_from_a_changed_one(site: Site) -> None:
    site.start()
    (site.root / "conf.d" / "shop.conf").touch()
    assert listed(site, "changed_not_loaded") == ["conf.d/shop.conf"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("ServerLimit 4", "ServerLimit 6", "ServerLimit 6 is written, 4 runs"),
        ("ServerLimit 4\n", "ServerLimit 4\nThreadLimit 32\nThreadsPerChild 8\n", "ThreadLimit 32 is written, 64 runs"),
        ("ListenBacklog 100", "ListenBacklog 50", "ListenBacklog 50 is written, 100 runs"),
        ("ListenBacklog 100\n", "", "ListenBacklog is not written (511), 100 runs"),
    ],
)
@pytest.mark.parametrize("how", ["graceful", "restart"])
def test_what_a_reload_leaves_needs_another_start(site: Site, old: str, new: str, said: str, how: str) -> None:
    site.start()
    site.edit("httpd.conf", old, new)
    site.reload(how)
    assert listed(site, "restart_needed") == [said]
    assert listed(site, "changed_not_loaded") == []
    site.reload(how)  # however often
    assert listed(site, "restart_needed") == [said]
    site.stop()
    site.start()
    assert listed(site, "restart_needed") == []


@pytest.mark.parametrize("mpm", ["prefork", "worker"])
def test_every_mpm_says_what_it_refused(tmp_path: Path, httpd: Path, mpm: str) -> None:
    site = Site(tmp_path / "httpd", mpm)
    try:
        site.start()
        site.edit("httpd.conf", "ServerLimit 4", "ServerLimit 6")
        site.reload()
        assert listed(site, "restart_needed") == ["ServerLimit 6 is written, 4 runs"]
    finally:
        site.stop()


def test_a_limit_that_was_put_back_needs_nothing(site: Site) -> None:
    site.start()
    site.edit("httpd.conf", "ServerLimit 4", "ServerLimit 6")
    site.reload()
    site.edit("httpd.conf", "ServerLimit 6", "ServerLimit 4")
    site.reload()
    assert listed(site, "restart_needed") == []


def test_another_mpm_and_another_pid_file_are_seen_before_the_reload_that_they_would_break(site: Site) -> None:
    site.start()
    event, worker = servers.load_modules("mpm_event"), servers.load_modules("mpm_worker")
    site.edit("httpd.conf", event, worker)
    assert listed(site, "restart_needed") == ["MPM worker is written, event runs"]
    site.edit("httpd.conf", worker, event)
    site.edit("httpd.conf", f"PidFile {site.pid_file}", "PidFile other.pid")
    assert listed(site, "restart_needed") == ["PidFile other.pid is written, and does not name the server"]


def test_without_its_log_what_was_refused_is_undetermined(site: Site) -> None:
    site.start()
    site.edit("conf.d/shop.conf", "60", "90")
    site.reload()
    assert listed(site, "restart_needed") == []
    (site.root / "logs/error.log").write_text("")
    found = value(site, "restart_needed")
    assert isinstance(found, Undetermined)
    assert found.cause == "the error log does not show the last reload"


def test_a_log_that_was_rotated_is_read_in_both_its_files(site: Site) -> None:
    site.start()
    site.edit("httpd.conf", "ServerLimit 4", "ServerLimit 6")
    (site.root / "logs/error.log").rename(site.root / "logs/error.log.1")
    site.reload()
    assert listed(site, "restart_needed") == ["ServerLimit 6 is written, 4 runs"]


def test_code_that_was_replaced_on_disk_is_seen(site: Site) -> None:
    directory = servers.modules_directory()
    assert directory is not None
    own = site.root / "mod_authz_core.so"
    shutil.copy(directory / "mod_authz_core.so", own)
    site.edit("httpd.conf", f"{directory}/mod_authz_core.so", str(own))
    site.start()
    assert listed(site, "replaced_code") == []
    fresh = site.root / "fresh.so"
    shutil.copy(own, fresh)
    fresh.rename(own)
    assert listed(site, "replaced_code") == [str(own)]
    site.stop()
    site.start()
    assert listed(site, "replaced_code") == []


def test_a_server_that_does_not_run_has_no_state(site: Site) -> None:
    location = LocalTree(str(site.root), server=tuple(site.command))
    seen = asyncio.run(collect(Target("web1", "httpd", location), CollectOptions(SEALER)))
    server = interpret(seen, InterpretOptions()).find("httpd.server", "main")
    assert server is not None
    assert server.value("running") == Boolean(False)
    assert server.value("changed_not_loaded") is None
    assert server.value("restart_needed") is None


def test_a_copy_of_a_running_tree_is_not_taken_for_it(site: Site, tmp_path: Path) -> None:
    site.start()
    copy = tmp_path / "copy"
    shutil.copytree(site.root, copy)
    seen = asyncio.run(collect(Target("web2", "httpd", LocalTree(str(copy))), CollectOptions(SEALER)))
    assert seen.fact("running") is None
    assert seen.fact("packages") is None


def test_each_of_several_servers_answers_for_its_own_tree(site: Site, tmp_path: Path) -> None:
    other = Site(tmp_path / "other")
    try:
        site.start()
        other.start()
        site.edit("conf.d/shop.conf", "60", "90")
        assert listed(site, "changed_not_loaded") == ["conf.d/shop.conf"]
        assert listed(other, "changed_not_loaded") == []
        other.stop()
        assert value(site, "running") == Boolean(True)
        assert collected(other).fact("running") is None
    finally:
        other.stop()


def test_an_unchanged_machine_says_the_same_at_another_time(site: Site) -> None:
    site.start()
    first = collected(site)
    site.reload()
    assert collected(site) == first
    site.stop()
    site.start()
    assert collected(site) == first


def test_definitions_of_the_command_line_count(site: Site) -> None:
    site.edit("conf.d/shop.conf", "Timeout 60", "<IfDefine BLUE>\nTimeout 33\n</IfDefine>")
    site.command += ["-D", "BLUE"]
    site.start()
    assert collected(site).fact("defines") == ("BLUE",)
    server = interpret(collected(site), InterpretOptions()).find("httpd.server", "main")
    assert server is not None
    assert str(server.get("timeout").source) == "conf.d/shop.conf:2"  # type: ignore[union-attr]


def test_directives_of_the_command_line_stand_in_no_file_and_are_a_gap(site: Site) -> None:
    site.command += ["-c", "Define token pl4nted-s3cret-31"]
    site.start()
    seen = collected(site)
    assert [gap.what for gap in seen.gaps] == ["command line"]
    assert "-c Define" in seen.gaps[0].detail
    assert "pl4nted" not in str(seen)
