"""What changes on disk without a file's becoming newer, and which of several servers is asked about."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected
from auditor.model.target import LocalTree, Target
from auditor.model.value import Many, Text, Undetermined, Value
from auditor.surfaces.httpd.collect import collect
from auditor.surfaces.httpd.resources import interpret
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from tests import servers
from tests.integration.test_httpd_state import nothing
from tests.running import Site, until

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


def collected(root: Path) -> Collected:
    return asyncio.run(collect(Target("web1", "httpd", LocalTree(str(root))), CollectOptions(SEALER)))


def value(root: Path, name: str) -> Value | None:
    server = interpret(collected(root), InterpretOptions()).find("httpd.server", "main")
    assert server is not None
    return server.value(name)


def changed(root: Path, name: str = "changed_not_loaded") -> list[str]:
    found = value(root, name)
    assert isinstance(found, Many), found
    return [one.value for one in found.items if isinstance(one, Text)]


def include(site: Site, line: str) -> None:
    site.edit("httpd.conf", "IncludeOptional conf.d", f"{line}\nIncludeOptional conf.d")


def release(folder: Path, text: str) -> None:
    (folder / "web").mkdir(parents=True)
    (folder / "web" / "app.conf").write_text(text)


@pytest.mark.parametrize("line", ["Include {}/current/web/app.conf", "Include {}/current/web/*.conf"])
@pytest.mark.parametrize("place", ["outside", "httpd"])
def test_a_link_above_that_leads_to_another_release_is_seen(site: Site, tmp_path: Path, line: str, place: str) -> None:
    base = tmp_path / place
    release(base / "one", "KeepAliveTimeout 3\n")
    release(base / "two", "KeepAliveTimeout 9\n")
    (base / "current").symlink_to("one")
    include(site, line.format(base))
    site.start()
    assert changed(site.root) == []
    (base / "fresh").symlink_to("two")
    (base / "fresh").rename(base / "current")
    assert changed(site.root) == ["current" if place == "httpd" else str(base / "current")]
    site.reload()
    assert changed(site.root) == []


def test_a_link_that_is_reached_by_a_link_of_the_tree_is_seen(site: Site) -> None:
    release(site.root / "one", "KeepAliveTimeout 3\n")
    release(site.root / "two", "KeepAliveTimeout 9\n")
    (site.root / "current").symlink_to("one")
    (site.root / "conf.d" / "app.conf").symlink_to("../current/web/app.conf")
    site.start()
    assert changed(site.root) == []
    (site.root / "current").unlink()
    (site.root / "current").symlink_to("two")
    assert "current" in changed(site.root)


def test_a_tree_that_was_put_in_the_place_of_another_is_seen(site: Site, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    site.edit("httpd.conf", f"PidFile {site.pid_file}", f"PidFile {state}/httpd.pid")
    site.edit("httpd.conf", "ErrorLog logs/error.log", f"ErrorLog {state}/error.log")
    (site.root / "logs").rmdir()
    (site.root / "logs").symlink_to(state)
    fresh = tmp_path / "fresh"
    shutil.copytree(site.root, fresh, symlinks=True)
    (fresh / "conf.d" / "shop.conf").write_text("Timeout 90\n")
    site.start()
    assert changed(site.root) == []
    site.root.rename(tmp_path / "old")
    fresh.rename(site.root)
    assert changed(site.root) == ["./"]
    site.reload()
    assert changed(site.root) == []


def test_a_folder_that_was_put_in_the_place_of_another_is_seen(site: Site, tmp_path: Path) -> None:
    shutil.copytree(site.root / "conf.d", tmp_path / "fresh")
    (tmp_path / "fresh" / "shop.conf").write_text("Timeout 90\n")
    site.start()
    (site.root / "conf.d").rename(tmp_path / "old")
    (tmp_path / "fresh").rename(site.root / "conf.d")
    assert changed(site.root) == ["conf.d/"]


def test_what_went_from_a_folder_whose_date_was_put_back_is_seen(site: Site) -> None:
    (site.root / "conf.d" / "old.conf").write_text("KeepAliveTimeout 3\n")
    site.start()
    (site.root / "conf.d" / "old.conf").unlink()
    os.utime(site.root / "conf.d", (1_000_000_000, 1_000_000_000))
    assert changed(site.root) == ["conf.d/"]


def test_a_file_from_the_future_that_was_loaded_is_loaded(site: Site) -> None:
    later = 4_000_000_000
    os.utime(site.root / "conf.d" / "shop.conf", (later, later))
    site.start()
    assert changed(site.root) == []


def test_of_two_servers_of_one_tree_none_answers_for_the_other(site: Site) -> None:
    include(site, "<IfDefine !OTHER>")
    port = servers.free_port()
    other = site.root / "logs" / "other.pid"
    site.edit(
        "httpd.conf", "<IfDefine !OTHER>", f"<IfDefine OTHER>\nPidFile {other}\nListen 127.0.0.1:{port}\n</IfDefine>"
    )
    site.edit(
        "httpd.conf", f"Listen 127.0.0.1:{site.port}", f"<IfDefine !OTHER>\nListen 127.0.0.1:{site.port}\n</IfDefine>"
    )
    site.start()
    subprocess.run([*site.command, "-D", "OTHER", "-k", "start"], check=True, timeout=60)
    until(lambda: other.exists() and other.read_text().strip().isdigit())
    try:
        found = value(site.root, "changed_not_loaded")
        assert isinstance(found, Undetermined), found
        assert "2 servers" in found.cause
        assert isinstance(value(site.root, "running"), Undetermined)
        seen = collected(site.root)
        assert seen.fact("version")  # both run the same program
        (gap,) = (one for one in seen.gaps if one.what == "what runs this tree")
        assert "-f" in gap.next_step
    finally:
        pid = int(other.read_text())
        os.kill(pid, 15)
        until(lambda: not servers.runs(pid))


def test_a_server_of_another_root_directory_is_not_this_trees(site: Site, tmp_path: Path) -> None:
    """Its main file has the same name, but what it reads stands below its own root."""
    servers.private_mounts()
    jail = tmp_path / "jail"
    for name in ("usr", "lib", "lib64", "bin", "etc", "dev", "proc", "tmp"):
        (jail / name).mkdir(parents=True)
    own = jail / str(site.root).lstrip("/")
    shutil.copytree(site.root, own)
    mounts = "".join(
        f"[ -d /{one} ] && mount --rbind /{one} {jail}/{one}\n"
        for one in ("usr", "lib", "lib64", "bin", "etc", "dev", "proc")
    )
    main = own / "httpd.conf"
    main.write_text(main.read_text().replace(f":{site.port}\n", f":{servers.free_port()}\n"))
    command = " ".join(site.command)
    script = f"{mounts}exec chroot {jail} {command} -DFOREGROUND"
    process = subprocess.Popen(["unshare", "-m", "sh", "-c", script])
    try:
        until(lambda: (own / "logs/httpd.pid").exists() and (own / "logs/httpd.pid").read_text().strip().isdigit())
        assert collected(site.root).fact("running") in (False, None)
        site.start()
        site.edit("conf.d/shop.conf", "60", "90")
        assert changed(site.root) == ["conf.d/shop.conf"]
    finally:
        process.terminate()
        process.wait()


def test_a_server_of_another_process_namespace_that_reads_this_very_tree_is_not_overlooked(site: Site) -> None:
    servers.private_mounts()
    process = subprocess.Popen(["unshare", "-p", "--fork", "--kill-child", *site.command, "-DFOREGROUND"])
    try:
        until(lambda: site.pid_file.exists() and site.pid_file.read_text().strip().isdigit())
        found = value(site.root, "running")
        assert isinstance(found, Undetermined), found
        assert "container" in found.cause
    finally:
        process.kill()  # unshare passes no other signal on
        process.wait()
