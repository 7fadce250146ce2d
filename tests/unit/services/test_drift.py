"""Drift of a fleet: against the agreed state, against a revision, against baselines; what was not seen is said."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditor.errors import InputError
from auditor.model.drift import DriftReport
from auditor.model.policy import AgreedValue, Baseline
from auditor.model.target import LocalTree, Target
from auditor.model.value import Boolean, Duration
from auditor.services.drift import run_drift
from auditor.services.fleet import Fleet, load_fleet
from auditor.services.init import init_fleet
from auditor.services.keys import sealer_for
from auditor.services.snapshot import take_snapshot
from auditor.surfaces.interface import CollectOptions, InterpretOptions

NOW = datetime(2026, 11, 22, 22, 14, 5, tzinfo=UTC)
_CONF = """\
ServerRoot "/etc/httpd"
LoadModule proxy_module modules/mod_proxy.so
LoadModule proxy_http_module modules/mod_proxy_http.so
ServerName web
Timeout 60
ProxyPass /app http://10.0.0.5:8080/ timeout={timeout}
ProxyPass /api http://10.0.0.5:8080/ timeout=60
"""


class World:
    """A fleet of two trees."""

    def __init__(self, folder: Path) -> None:
        self.environment = {"HOME": str(folder / "home"), "PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1"}
        self.trees = {name: folder / name for name in ("web1", "web2")}
        for tree in self.trees.values():
            (tree / "conf").mkdir(parents=True)
        self.write("web1", 60)
        self.write("web2", 60)
        root = folder / "fleet"
        init_fleet(root, self.environment)
        file = root / "auditor.yaml"
        hosts = "".join(f"  {name}: {{groups: [web], httpd: {{tree: {tree}}}}}\n" for name, tree in self.trees.items())
        file.write_text(file.read_text().replace("hosts: {}\n", f"hosts:\n{hosts}"))
        self.fleet: Fleet = load_fleet(root)
        self.collect = CollectOptions(sealer_for(self.fleet, self.environment))

    def write(self, name: str, timeout: int) -> None:
        (self.trees[name] / "conf/httpd.conf").write_text(_CONF.format(timeout=timeout))

    def snapshot(self) -> str:
        return asyncio.run(take_snapshot(self.fleet, self.fleet.targets, self.collect, now=NOW)).revision

    def drift(self, **options: object) -> DriftReport:
        interpret = InterpretOptions(httpd_version="2.4.6")
        asked = {"now": NOW, **options}
        return asyncio.run(run_drift(self.fleet, self.fleet.targets, self.collect, interpret, **asked))  # type: ignore[arg-type]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def _attributes(report: DriftReport, target: str) -> dict[str, tuple[object, object]]:
    found = next(one for one in report.targets if one.target == target)
    return {f"{one.address.name}.{one.address.attribute}": (one.before, one.after) for one in found.changes}


def test_a_target_with_no_agreed_state_is_said_and_incomplete(world: World) -> None:
    report = world.drift()
    assert not report.complete
    assert [one.target for one in report.targets] == ["web1/httpd", "web2/httpd"]
    for one in report.targets:
        assert one.changes == ()
        (gap,) = one.gaps
        assert "nothing was agreed" in gap.detail
        assert f"auditor snapshot {one.target} --agree" in gap.next_step


def test_nothing_changed(world: World) -> None:
    world.snapshot()
    report = world.drift()
    assert report.complete
    assert report.taken_at == "2026-11-22T22:14:05Z"
    assert all(one.seen and not one.changes and not one.text_changes for one in report.targets)
    assert report.targets[0].since == "2026-11-22T22:14:05Z"


def test_an_edit_shows_with_its_effects_and_by_whose_hand(world: World) -> None:
    world.snapshot()
    world.write("web1", 300)
    report = world.drift()
    assert report.complete
    found = _attributes(report, "web1/httpd")
    for route in ("main /app", "main /api"):
        assert found[f"{route}.read_timeout"] == (Duration(60), Duration(300))
    web1 = report.targets[0]
    (cause,) = [one for one in web1.changes if one.address.kind == "httpd.directive"]
    assert cause.attribution.hand == "out of band"
    assert {one.effect_of for one in web1.changes if one is not cause} == {cause.address}
    assert web1.text_changes[0].after_line == 6
    assert _attributes(report, "web2/httpd") == {}


def test_since_and_at_compare_states_of_the_store(world: World) -> None:
    first = world.snapshot()
    world.write("web1", 300)
    second = world.snapshot()
    world.write("web1", 120)
    agreed = _attributes(world.drift(), "web1/httpd")
    since = _attributes(world.drift(since=second), "web1/httpd")
    between = _attributes(world.drift(since=first, at=second), "web1/httpd")
    key = "main /app.read_timeout"
    assert agreed[key] == (Duration(60), Duration(120))
    assert since[key] == (Duration(300), Duration(120))
    assert between[key] == (Duration(60), Duration(300))


def test_a_target_that_is_gone_is_not_seen_and_counts(world: World) -> None:
    world.snapshot()
    (world.trees["web2"] / "conf/httpd.conf").unlink()
    (world.trees["web2"] / "conf").rmdir()
    world.trees["web2"].rmdir()
    report = world.drift()
    assert not report.complete
    assert [one.seen for one in report.targets] == [True, False]
    assert report.targets[1].gaps


def test_a_baseline_is_compared_too_and_what_it_leaves_out_is_no_drift(world: World) -> None:
    world.snapshot()
    world.write("web1", 300)
    agreed = AgreedValue("httpd.server", "main", "timeout", "exactly", (Duration(30),))
    unmanaged = AgreedValue("httpd.route", "*", "read_timeout", "unmanaged", ())
    baseline = Baseline("web", (agreed, unmanaged), groups=("web",))
    report = world.drift(baselines=(baseline,))
    found = _attributes(report, "web1/httpd")
    assert found["main.timeout"] == (Duration(30), Duration(60))
    assert not [key for key in found if key.endswith(".read_timeout")]
    assert [one.agreed_by for one in report.targets[1].changes] == ["web"]


def test_without_a_fleet_a_baseline_is_enough_and_a_revision_is_not(world: World) -> None:
    target = Target("web1", "httpd", LocalTree(str(world.trees["web1"])))
    interpret = InterpretOptions(httpd_version="2.4.6")
    baseline = Baseline("own", (AgreedValue("httpd.server", "main", "timeout", "exactly", (Duration(30),)),), ("all",))

    def run(**options: object) -> DriftReport:
        return asyncio.run(run_drift(None, [target], world.collect, interpret, now=NOW, **options))  # type: ignore[arg-type]

    assert not run().complete
    report = run(baselines=(baseline,))
    assert report.complete
    assert [one.agreed_by for one in report.targets[0].changes] == ["own"]
    with pytest.raises(InputError, match="--since"):
        run(since="yesterday")


def test_a_pattern_of_a_baseline_that_fits_nothing_is_said_and_incomplete(world: World) -> None:
    world.snapshot()
    met = AgreedValue("httpd.server", "main", "keep_alive", "exactly", (Boolean(True),))
    unmet = AgreedValue("httpd.balancer", "*", "force_recovery", "exactly", (Boolean(False),), "b.yaml", 7)
    report = world.drift(baselines=(Baseline("web", (met,), groups=("web",)),))
    assert report.complete
    report = world.drift(baselines=(Baseline("web", (met, unmet), groups=("web",)),))
    assert not report.complete
    told = [(gap.what, gap.detail) for target in report.targets for gap in target.gaps if "balancer" in gap.what]
    said = "web agrees on values of it (b.yaml:7), and there is none here: nothing was compared"
    assert set(told) == {("httpd.balancer *", said)}


def test_no_target_is_incomplete(world: World) -> None:
    world.snapshot()
    report = asyncio.run(run_drift(world.fleet, (), world.collect, InterpretOptions(), now=NOW))
    assert not report.complete
