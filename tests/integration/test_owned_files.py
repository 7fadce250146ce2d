"""Whose a file is, and what an update makes of a change of it: as real package managers say and do."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from auditor.cli.forms import changes
from auditor.model.ownership import PackageFile
from auditor.report.interface import Style
from auditor.services.changes import Proposed
from auditor.services.changes.show import show_plan
from auditor.surfaces.httpd.machine.asking import Paths, Tree, ask
from auditor.surfaces.httpd.machine.owners import owners_of
from auditor.transport import local_shell
from auditor.transport.local_shell import LocalShell
from tests.fakes.far_sites import FarSite
from tests.fakes.packages import NAME, Debs, Packages, Rpms, wrapper
from tests.fakes.sites import ROUTE, Site
from tests.ssh_server import SshServer

pytestmark = pytest.mark.integration
OF_RPM = {
    "kept.conf": "%config(noreplace)",
    "replaced.conf": "%config",
    "plain.conf": "",
    "odd [x]*.conf": "",
}
OF_DPKG = {"kept.conf": "conffile", "plain.conf": "", "odd [x]*.conf": "", "left.conf": "conffile"}


def asked(packages: Packages, tree: Path) -> dict[str, PackageFile]:
    """What the machine says of every file of the tree, by name."""
    files = tuple(str(path) for path in sorted(tree.rglob("*")) if path.is_file())
    shell = LocalShell(environment={"PATH": f"{packages.tools}:/usr/bin:/bin", "LC_ALL": "C"})
    answer = asyncio.run(ask(shell, ("owners",), Tree(str(tree), "httpd.conf"), Paths(owned=files)))
    owners = owners_of(answer, files)
    assert owners.unknown == ""
    return {path.removeprefix(f"{tree}/"): one for path, one in owners.files.items() if path.startswith(f"{tree}/")}


def test_rpm_says_whose_a_file_is_and_does_what_is_said(tmp_path: Path) -> None:
    tree = tmp_path / "httpd"
    packages = Rpms(tmp_path / "packages", tree, {name: kind for name, kind in OF_RPM.items() if "[" not in name})
    packages.update(1)
    (tree / "own.conf").write_text("Timeout 60\n")
    (tree / "kept.conf").write_text("Timeout 1\n")
    (tree / "replaced.conf").write_text("Timeout 2\n")
    (tree / "plain.conf").write_text("Timeout 3\n")
    found = asked(packages, tree)
    assert {name: (one.handling, one.package, one.manager) for name, one in found.items()} == {
        "kept.conf": ("noreplace", NAME, "rpm"),
        "replaced.conf": ("config", NAME, "rpm"),
        "plain.conf": ("plain", NAME, "rpm"),
    }
    packages.update(2)
    assert (tree / "kept.conf").read_text() == "Timeout 1\n"
    assert (tree / "kept.conf.rpmnew").read_text() == "# 2 kept.conf\n"
    assert (tree / "replaced.conf").read_text() == "# 2 replaced.conf\n"
    assert (tree / "replaced.conf.rpmsave").read_text() == "Timeout 2\n"
    assert (tree / "plain.conf").read_text() == "# 2 plain.conf\n"
    assert sorted(one.name for one in tree.glob("plain*")) == ["plain.conf"]
    for name in ("kept.conf", "replaced.conf", "plain.conf"):
        (tree / name).unlink()
    assert {name for name, one in asked(packages, tree).items() if one.package} == set(found)  # also what is gone
    packages.update(3)
    assert all((tree / name).read_text() == f"# 3 {name}\n" for name in found)  # each is brought back


def test_dpkg_says_whose_a_file_is_and_does_what_is_said(tmp_path: Path) -> None:
    tree = tmp_path / "httpd"
    packages = Debs(tmp_path / "packages", tree, OF_DPKG)
    packages.update(1)
    (tree / "own.conf").write_text("Timeout 60\n")
    (tree / "kept.conf").write_text("Timeout 1\n")
    (tree / "plain.conf").write_text("Timeout 3\n")
    found = asked(packages, tree)
    assert {name: (one.handling, one.package, one.manager) for name, one in found.items()} == {
        "kept.conf": ("conffile", NAME, "dpkg"),
        "left.conf": ("conffile", NAME, "dpkg"),
        "plain.conf": ("plain", NAME, "dpkg"),
        "odd [x]*.conf": ("plain", NAME, "dpkg"),
    }
    (tree / "left.conf").write_text("Timeout 4\n")
    packages.update(2, without=("left.conf",))
    assert (tree / "kept.conf").read_text() == "Timeout 1\n"
    assert (tree / "kept.conf.dpkg-dist").read_text() == "# 2 kept.conf\n"
    assert (tree / "plain.conf").read_text() == "# 2 plain.conf\n"
    assert asked(packages, tree)["left.conf"].handling == "obsolete"
    (tree / "kept.conf").unlink()
    (tree / "plain.conf").unlink()
    assert asked(packages, tree)["kept.conf"].handling == "conffile"
    packages.update(3, without=("left.conf",))
    assert not (tree / "kept.conf").exists()
    assert (tree / "plain.conf").read_text() == "# 3 plain.conf\n"
    assert (tree / "left.conf").read_text() == "Timeout 4\n"


@pytest.fixture(params=["rpm", "dpkg"])
def site(
    request: pytest.FixtureRequest, tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[Site, str]:
    made = Site(tmp_path / "site")
    config, kind = {"rpm": ("%config(noreplace)", Rpms), "dpkg": ("conffile", Debs)}[request.param]
    packages = kind(tmp_path / "packages", made.root, {"conf.d/api.conf": config, "conf.d/plain.conf": ""})
    before = (made.root / "conf.d/api.conf").read_bytes()
    (made.root / "conf.d/api.conf").unlink()
    packages.update(1)
    (made.root / "conf.d/api.conf").write_bytes(before)
    (made.root / "conf.d/plain.conf").write_text("LimitRequestLine 4000\n")
    monkeypatch.setitem(local_shell._ENVIRONMENT, "PATH", f"{packages.tools}:/usr/sbin:/usr/bin:/sbin:/bin")
    return made, request.param


def shown(site: Site, made: Proposed, lang: str = "en") -> str:
    style = Style(version="1", lang=lang)  # type: ignore[arg-type]
    text = changes.show_plan(asyncio.run(show_plan(site.fleet.desk(), made.id[:8])), style)
    return ("" if lang == "ja" else " ").join(text.split())


def test_a_plan_says_whose_the_file_is_that_it_changes(site: tuple[Site, str]) -> None:
    here, manager = site
    made = here.propose(f"{ROUTE}=30s", 'web1/httpd:httpd.directive["main > LimitRequestLine"].arguments=5000')
    api, plain = made.plan.cohorts[0].steps
    kept = "noreplace" if manager == "rpm" else "conffile"
    assert api.package == PackageFile(kept, NAME, manager)  # type: ignore[arg-type]
    assert plain.package == PackageFile("plain", NAME, manager)  # type: ignore[arg-type]
    beside = ".rpmnew" if manager == "rpm" else ".dpkg-dist"
    text = shown(here, made)
    assert f"of the package {NAME}" in text
    assert f"as {beside}" in text
    assert "OVERWRITES this change" in text
    assert "a line of your own in conf.d/zz-local.conf" in text
    japanese = shown(here, made, "ja")
    assert "次の更新でこの変更は上書きされ" in japanese
    assert beside in japanese
    assert "overwrites" not in japanese


def test_over_ssh_the_package_manager_over_there_is_asked(tmp_path: Path, httpd: Path, ssh_keygen: str) -> None:
    far = SshServer(tmp_path / "far", path="/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    there = FarSite(far, tmp_path / "site")
    packages = Rpms(tmp_path / "packages", Path("/etc/httpd"), {"conf.d/api.conf": "%config", "conf.d/gone.conf": ""})
    before = (there.root / "conf.d/api.conf").read_bytes()
    (there.root / "conf.d/api.conf").unlink()
    shutil.copy(packages.build(1), far.put("/usr/local/one.rpm"))
    with far:
        there.run("rpm --dbpath /usr/local/db -i /usr/local/one.rpm")
        wrapper(far.put("/usr/local/bin/rpm"), 'exec /usr/bin/rpm --dbpath /usr/local/db "$@"')
        (there.root / "conf.d/api.conf").write_bytes(before)
        made = there.propose(f"{ROUTE}=30s")
    (step,) = made.plan.cohorts[0].steps
    assert step.package == PackageFile("config", NAME, "rpm")


def test_a_package_manager_that_does_not_answer_leaves_it_unknown(
    tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Site(tmp_path / "site")
    none = tmp_path / "none"
    none.mkdir()
    for name in ("rpm", "dpkg-query"):
        (none / name).write_text("#!/bin/sh\nexit 127\n")
        (none / name).chmod(0o755)
    monkeypatch.setitem(local_shell._ENVIRONMENT, "PATH", f"{none}:/usr/sbin:/usr/bin:/sbin:/bin")
    made = here.propose(f"{ROUTE}=30s")
    (step,) = made.plan.cohorts[0].steps
    assert isinstance(step.package, PackageFile)
    assert step.package.handling == "unknown"
    assert "which package it belongs to is not known" in shown(here, made)
