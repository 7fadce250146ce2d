"""A change is verified by the plan's probes and by its findings, on real servers; what fails is taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from auditor.errors import InputError
from auditor.model.plan import FindingRef, OutcomeOf, Plan, Probe
from auditor.plan.build import check_plan
from auditor.plan.folder import read_plan, write_author_signature, write_plan
from auditor.plan.outcome import failure_of
from auditor.services.changes import Judged, apply_plan
from auditor.services.check import default_policy
from auditor.services.fleet import load_fleet
from auditor.surfaces.httpd.carry_out import server
from tests.fakes.far_sites import FarSite
from tests.fakes.sites import ROUTE, Site
from tests.ssh_server import SshServer

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_packages")]


@pytest.fixture
def site(tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(server, "SETTLE_S", 0.2)
    made = Site(tmp_path)
    (made.root / "page").write_text("a page\n")
    with made.server:
        yield made


def _write(site: Site, plan: Plan) -> str:
    """A plan as somebody else's tool could have made it, signed by its author."""
    desk = site.fleet.desk()
    identity = write_plan(desk.fleet.plans_path, plan)
    stored = read_plan(desk.fleet.plans_path, identity)
    write_author_signature(stored.folder, desk.keygen.sign(identity, site.fleet.key("ops1")))
    return identity


def _apply(site: Site, plan: str) -> OutcomeOf:
    site.approve(plan)
    judged_by = Judged(default_policy(("httpd",)))
    report = asyncio.run(apply_plan(site.fleet.desk(), plan, judged_by=judged_by))
    failure = failure_of(report)
    assert (failure.exit_code if failure else 0) == {"applied": 0, "taken back": 5}[report.outcomes[0].outcome], report
    return report.outcomes[0]


def _probing(site: Site, *lines: str) -> None:
    file = site.fleet.root / "auditor.yaml"
    probes = "".join(f"    - {line}\n" for line in lines)
    file.write_text(f"{file.read_text()}apply:\n  probes:\n{probes}")
    site.fleet.commit("probes")


def test_a_url_that_answered_and_fails_afterwards_takes_the_change_back(site: Site) -> None:
    _probing(site, f"url: 'http://127.0.0.1:{site.port}/page'\n      host: shop.example")
    files, generation = site.files(), site.generation()
    made = site.propose('web1/httpd:httpd.directive["main > DocumentRoot"].arguments=/var')
    assert made.plan.asked == (Probe(f"http://127.0.0.1:{site.port}/page", "shop.example"),)
    outcome = _apply(site, made.id)
    assert outcome.outcome == "taken back", outcome
    assert f"probe http://127.0.0.1:{site.port}/page as shop.example: 404, and 200 before" in outcome.text
    assert site.files() == files
    assert site.server.alive()
    assert site.generation() == generation + 2
    harmless = site.propose(f"{ROUTE}=60s")
    outcome = _apply(site, harmless.id)
    assert outcome.outcome == "applied"
    assert any("as shop.example answers as it must" in text for text, held in outcome.checks if held)
    assert any("the rules find what the plan foresees" in text for text, held in outcome.checks if held)
    (rolled,) = site.rollback(harmless.id).outcomes
    assert (rolled.outcome, [text for text, held in rolled.checks if not held]) == ("rolled back", [])


def test_a_status_of_its_own_must_be_answered_whatever_it_was_before(site: Site) -> None:
    _probing(site, f"{{url: 'http://127.0.0.1:{site.port}/nowhere', host: '{{host}}', status: 200}}")
    outcome = _apply(site, site.propose(f"{ROUTE}=60s").id)
    assert outcome.outcome == "taken back"
    assert "/nowhere as web1: 404, not 200" in outcome.text


def test_over_ssh_a_probe_that_fails_takes_everything_of_that_host_back(
    ssh_server: SshServer, tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SETTLE_S", 0.2)
    with FarSite(ssh_server, tmp_path / "site") as site:
        _probing(site, f"url: http://127.0.0.1:{site.port}/httpd.conf")
        before = site.files()
        made = site.propose('web1/httpd:httpd.directive["main > DocumentRoot"].arguments=/opt', f"{ROUTE}=60s")
        outcome = _apply(site, made.id)
        assert outcome.outcome == "taken back", outcome
        assert "404, and 200 before" in outcome.text
        assert site.files() == before
        assert site.alive()


def test_a_finding_that_was_to_go_and_stays_is_a_failure(site: Site) -> None:
    made = site.propose(f"{ROUTE}=200s")
    found = next(one for one in _findings(site) if one.address.name == "main /api")
    files = site.files()
    plan = _write(site, msgspec.structs.replace(made.plan, fixes=(found,)))
    outcome = _apply(site, plan)
    assert outcome.outcome == "taken back", outcome
    assert f"{found.rule} is still found at" in outcome.text
    assert site.files() == files


def test_a_finding_that_nobody_foresaw_is_a_failure(site: Site) -> None:
    made = site.propose(f"{ROUTE}=60s")
    assert _apply(site, made.id).outcome == "applied"
    worse = site.propose(f"{ROUTE}=400s")
    assert worse.plan.introduces
    files = site.files()
    outcome = _apply(site, _write(site, msgspec.structs.replace(worse.plan, introduces=())))
    assert outcome.outcome == "taken back", outcome
    assert "which the plan does not foresee" in outcome.text
    assert site.files() == files
    outcome = _apply(site, worse.id)
    assert outcome.outcome == "applied", "the same change, and it is foreseen"


def test_rules_of_another_day_are_not_compared(site: Site) -> None:
    made = site.propose(f"{ROUTE}=400s")
    origin = msgspec.structs.replace(made.plan.origin, policy="0" * 64)
    outcome = _apply(site, _write(site, msgspec.structs.replace(made.plan, origin=origin, introduces=())))
    assert outcome.outcome == "applied", outcome
    assert any("no finding is compared" in text for text, held in outcome.checks if not held)


def _findings(site: Site) -> tuple[FindingRef, ...]:
    """What the rules find of the route as it is, by a plan that would fix it."""
    return site.propose(f"{ROUTE}=30s").plan.fixes


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{host: x}", "a probe needs a url"),
        ("{url: 'ftp://x/'}", "is no URL that starts with http:// or https://"),
        ("{url: 'http://me:pw@x/'}", "no credentials stand in a URL"),
        ("{url: 'http://x/', host: a b}", "is no host name"),
        ("{url: 'http://x/', status: 7}", "a number from 100 to 599"),
    ],
)
def test_what_is_no_probe_is_said_with_its_line(tmp_path: Path, ssh_keygen: str, line: str, why: str) -> None:
    site = Site(tmp_path)
    _probing(site, line)
    with pytest.raises(InputError, match=why):
        load_fleet(site.fleet.root / "auditor.yaml")


def test_a_plan_with_a_probe_of_another_kind_is_refused(site: Site) -> None:
    made = site.propose(f"{ROUTE}=60s")
    for probe in (Probe("file:///etc/shadow"), Probe("http://x/", "a\r\nb"), Probe("http://x/", status=7)):
        with pytest.raises(InputError, match="probe"):
            check_plan(msgspec.structs.replace(made.plan, probes=(probe,)))
