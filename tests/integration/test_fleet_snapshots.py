"""A whole fleet, for real: Debian's tree, the sample tree, an archive and a virtual iLO, night after night."""

from __future__ import annotations

import asyncio
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from auditor.services.drift import run_drift
from auditor.services.fleet import Fleet, load_fleet
from auditor.services.history import history
from auditor.services.init import init_fleet
from auditor.services.inventory import resolve_targets
from auditor.services.keys import sealer_for
from auditor.services.observe import Observed, observe
from auditor.services.snapshot import SnapshotReport, take_snapshot
from auditor.surfaces.ilo.simulator import motion
from auditor.surfaces.ilo.simulator.server import VirtualIlo, run_in_thread
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from tests.fakes.stored import night
from tests.servers import ROOT
from tests.virtual_ilo import PASSWORD, USERNAME

pytestmark = pytest.mark.integration

SAMPLE = ROOT / "auditor/services/sample/httpd"


class Nights:
    """A fleet whose nights are run one by one."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        self.environment = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "AUDITOR_ILO_USERNAME": USERNAME,
            "AUDITOR_ILO_PASSWORD": PASSWORD,
        }
        init_fleet(root, self.environment)
        self.template = (root / "auditor.yaml").read_text(encoding="utf-8")

    def fleet(self, hosts: str) -> Fleet:
        (self.root / "auditor.yaml").write_text(
            self.template.replace("hosts: {}", f"hosts:\n{hosts}"), encoding="utf-8"
        )
        return load_fleet(self.root)

    def options(self, fleet: Fleet) -> CollectOptions:
        return CollectOptions(sealer_for(fleet, self.environment), self.environment, 30.0)

    def run(self, fleet: Fleet, number: int, *words: str) -> SnapshotReport:
        targets = resolve_targets(words or ("all",), fleet)
        return asyncio.run(take_snapshot(fleet, targets, self.options(fleet), now=night(number)))

    def seen(self, fleet: Fleet, *words: str) -> list[Observed]:
        async def all_of() -> list[Observed]:
            targets = resolve_targets(words, fleet)
            return [one async for one in observe(targets, fleet, self.options(fleet), InterpretOptions())]

        return asyncio.run(all_of())


@contextmanager
def virtual_ilo() -> Iterator[VirtualIlo]:
    with run_in_thread(VirtualIlo("ilo5", USERNAME, PASSWORD)) as ilo:
        yield ilo


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path / "fleet", tmp_path / "home")


def hosts(debian_tree: Path, archive: Path, ilo: VirtualIlo) -> str:
    return (
        f"  deb1: {{httpd: {{tree: {debian_tree}}}}}\n"
        f"  el7: {{groups: [proxies], httpd_instances: {{blue: {{tree: {SAMPLE}}}, old: {{archive: {archive}}}}},"
        f" ilo: {{url: '{ilo.url}', cafile: {ilo.cafile}}}}}\n"
    )


def test_an_unchanged_fleet_is_identical_night_after_night(nights: Nights, debian_tree: Path, tmp_path: Path) -> None:
    archive = tmp_path / "old.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(SAMPLE, "etc/httpd")
    trees = set()
    for number in range(3):
        with virtual_ilo() as ilo:  # another port, certificate and clock each night
            report = nights.run(nights.fleet(hosts(debian_tree, archive, ilo)), number)
        trees.add(report.tree)
        assert report.unchanged is (number > 0), [target for target in report.targets if target.status != "unchanged"]
    assert len(trees) == 1
    assert [target.target for target in report.targets] == ["deb1/httpd", "el7/httpd@blue", "el7/httpd@old", "el7/ilo"]


def test_a_snapshot_means_what_the_live_target_means(nights: Nights, debian_tree: Path, tmp_path: Path) -> None:
    archive = tmp_path / "old.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(SAMPLE, "etc/httpd")
    with virtual_ilo() as ilo:
        fleet = nights.fleet(hosts(debian_tree, archive, ilo))
        nights.run(fleet, 0)
        live = {one.target.name: one.interpretation.resources for one in nights.seen(fleet, "all")}
    stored = {one.target.name: one.interpretation.resources for one in nights.seen(fleet, "snapshot:latest:all")}
    assert live.keys() == stored.keys()
    for name, resources in live.items():
        assert resources, name
        assert stored[name] == resources, name


def test_an_ilo_that_is_gone_is_not_seen_and_keeps_its_state(nights: Nights, debian_tree: Path) -> None:
    with virtual_ilo() as ilo:
        fleet = nights.fleet(
            f"  deb1: {{httpd: {{tree: {debian_tree}}}, ilo: {{url: '{ilo.url}', cafile: {ilo.cafile}}}}}\n"
        )
        cafile = Path(ilo.cafile).read_bytes()
        first = nights.run(fleet, 0)
    Path(ilo.cafile).parent.mkdir(parents=True, exist_ok=True)
    Path(ilo.cafile).write_bytes(cafile)
    second = nights.run(fleet, 1)
    Path(ilo.cafile).unlink()
    Path(ilo.cafile).parent.rmdir()
    assert first.coverage == "2/2"
    assert second.coverage == "1/2"
    assert not second.unchanged
    assert [one.status for one in second.targets] == ["unchanged", "not seen"]
    (held,) = nights.seen(fleet, "snapshot:latest:deb1/ilo")
    assert held.collected.documents
    assert held.interpretation.gaps[0].what == "whole target"


def test_a_hand_edit_is_in_the_history_of_its_address(nights: Nights, debian_tree: Path) -> None:
    fleet = nights.fleet(f"  deb1: {{httpd: {{tree: {debian_tree}}}}}\n")
    nights.run(fleet, 0)
    main = debian_tree / "apache2.conf"
    main.write_text(main.read_text().replace("Timeout 300", "Timeout 45"))
    report = nights.run(fleet, 1)
    assert [one.changed for one in report.targets] == [("files/apache2.conf",)]
    whole = history(fleet, "deb1/httpd", limit=1)[0]
    assert whole.documents == ("apache2.conf",)
    mine = [one for one in whole.changes if one.address.kind == "httpd.directive" and one.address.attribute]
    assert mine
    assert all(one.attribution.hand == "out of band" for one in mine)
    (entry, *_) = history(fleet, str(mine[0].address))
    assert entry.run_at == "2026-11-23T02:00:00Z"
    assert entry.seen_before == "2026-11-22T02:00:00Z"


def test_a_night_without_change_asks_an_ilo_for_its_directory_alone(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks = motion._CLOCKS | motion._READINGS | {"CurrentPowerOnTimeSeconds"}
    monkeypatch.setattr(motion, "_CLOCKS", clocks)

    def gets(ilo: VirtualIlo) -> list[str]:
        asked = [path for method, path in ilo.requests if method == "GET"]
        ilo.requests.clear()
        return asked

    with virtual_ilo() as ilo:
        fleet = nights.fleet(f"  web1: {{ilo: {{url: '{ilo.url}', cafile: {ilo.cafile}}}}}\n")
        first = nights.run(fleet, 0)
        whole = gets(ilo)
        second = nights.run(fleet, 1)
        assert (second.tree, second.complete) == (first.tree, True)
        assert gets(ilo) == ["/redfish/v1/ResourceDirectory"]
        asyncio.run(run_drift(fleet, fleet.targets, nights.options(fleet), InterpretOptions(), now=night(1)))
        assert gets(ilo) == ["/redfish/v1/ResourceDirectory"]
        nights.seen(fleet, "all")  # looked at for another purpose: never from memory
        assert len(gets(ilo)) >= len(whole) - 1
        nights.template += "reading: {full_read_hours: 0}\n"
        assert nights.run(nights.fleet(f"  web1: {{ilo: {{url: '{ilo.url}', cafile: {ilo.cafile}}}}}\n"), 2).unchanged
        kept = [path for path in whole if "registrystore" in path]  # the attribute registry, whose name is its version
        assert len(kept) == 1
        assert sorted([*gets(ilo), *kept]) == sorted(whole)
