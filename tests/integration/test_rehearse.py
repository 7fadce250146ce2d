"""Rehearsing a plan on copies: a real httpd in a private mount, a virtual iLO made of a virtual iLO."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from auditor.errors import RefusedError
from auditor.model.rehearsal import Rehearsal
from auditor.model.secret import Sealer
from auditor.plan.folder import read_plan, write_plan
from auditor.services.changes import Judged, SetWay, propose_plan, rehearse_plan, show_plan
from auditor.services.check import default_policy
from auditor.surfaces.httpd.carry_out import server
from auditor.surfaces.httpd.carry_out.far import copying
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from tests.fakes.far_sites import FarSite
from tests.fakes.fleets import TestFleet
from tests.fakes.sites import ROUTE, Site
from tests.ssh_server import SshServer
from tests.virtual_ilo import PASSWORD, USERNAME, with_ilo

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_packages")]


@pytest.fixture
def site(tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(server, "SETTLE_S", 0.3)
    made = Site(tmp_path)
    with made.server:
        yield made


def rehearse(site: Site, plan: str) -> Rehearsal:
    return asyncio.run(rehearse_plan(site.fleet.desk(), plan[:8]))


def test_a_rehearsal_goes_forward_back_and_forward_and_touches_nothing(site: Site) -> None:
    made = site.propose(f"{ROUTE}=60s")
    before, generation = site.files(), site.generation()
    found = rehearse(site, made.id)
    assert [(one.target, one.outcome) for one in found.targets] == [("web1/httpd", "passed")], found
    texts = [text for text, held in found.targets[0].checks if held]
    assert any("private mount" in text and "own check passes" in text for text in texts), texts
    assert any(text.startswith("taken back: every value and byte") for text in texts)
    assert "forward: not reloaded: a rehearsal does not see the running server" in texts
    assert not any("does not run" in text for text in texts), "it runs"
    assert any(text.startswith("applied again: the same") for text in texts)
    assert any(text.startswith("forward") and "read_timeout" in text and "60 s" in text for text in texts)
    assert site.files() == before
    assert site.generation() == generation, "the running server was not told anything"
    assert not list((site.fleet.root / ".auditor").glob("rehearsal-*")), "no copy is left behind"
    record = json.loads((Path(made.folder) / "rehearsal.json").read_bytes())
    assert record["plan"] == made.id
    shown = asyncio.run(show_plan(site.fleet.desk(), made.id))
    assert shown.rehearsal == found
    assert "rehearsed" in [event.kind for event in shown.events]


def test_a_plan_whose_rehearsal_fails_is_void(site: Site) -> None:
    made = site.propose(f"{ROUTE}=60s")
    site.approve(made.id)
    path = site.root / "conf.d/api.conf"
    written = path.read_bytes()
    path.write_bytes(written.replace(b"timeout=300", b"timeout=299"))
    other = replace(site.fleet.desk(), sealer=Sealer(b"the key of another fleet, secret"))
    with pytest.raises(RefusedError, match="cannot be rehearsed: it was made with the fleet key"):
        asyncio.run(rehearse_plan(other, made.id[:8]))
    found = rehearse(site, made.id)
    assert [one.outcome for one in found.targets] == ["failed"]
    assert "conf.d/api.conf:2 changed" in found.targets[0].text
    path.write_bytes(written)
    with pytest.raises(RefusedError, match="its rehearsal failed"):
        site.apply(made.id)
    passed = rehearse(site, made.id)
    assert passed.outcome == "passed"
    assert site.apply(made.id).outcomes[0].outcome == "applied"
    with pytest.raises(RefusedError, match="cannot be rehearsed: it was applied already"):
        rehearse(site, made.id)
    assert asyncio.run(show_plan(site.fleet.desk(), made.id)).rehearsal == passed


def test_where_the_rules_ask_for_a_rehearsal_a_plan_without_one_is_refused(site: Site) -> None:
    file = site.fleet.root / "auditor.yaml"
    text = file.read_text()
    assert "approvals:\n" in text
    file.write_text(text.replace("approvals:\n", "approvals:\n  rehearsal: required\n"))
    site.fleet.commit("rehearse")
    made = site.propose(f"{ROUTE}=60s")
    with pytest.raises(RefusedError, match="was not rehearsed, and the rules ask"):
        site.approve(made.id)
    with pytest.raises(RefusedError, match="was not rehearsed, and the rules ask"):
        site.apply(made.id)
    rehearse(site, made.id)
    site.approve(made.id)
    rehearse(site, made.id)
    with pytest.raises(RefusedError, match="0 of 1 approvals"):
        site.apply(made.id)  # the record that was approved is another one
    site.approve(made.id)
    assert site.apply(made.id).outcomes[0].outcome == "applied"


def test_a_tree_whose_server_refuses_it_already_is_not_rehearsed(site: Site) -> None:
    made = site.propose(f"{ROUTE}=60s")
    broken = site.root / "conf.d/broken.conf"
    broken.write_text("NoSuchDirective on\n")
    found = rehearse(site, made.id)
    broken.unlink()
    assert [one.outcome for one in found.targets] == ["not rehearsed"]
    assert "before anything is changed" in found.targets[0].text


def test_where_no_private_mount_is_possible_the_record_says_not_rehearsed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = site.propose(f"{ROUTE}=60s")
    without = site.folder / "bin"
    without.mkdir()
    stub = without / "unshare"
    stub.write_text("#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2\nexit 1\n")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{without}:{os.environ['PATH']}")
    found = rehearse(site, made.id)
    assert [one.outcome for one in found.targets] == ["not rehearsed"]
    assert "Operation not permitted" in found.targets[0].text


def test_a_file_to_which_only_a_link_out_of_the_tree_leads_is_never_changed_by_a_rehearsal(site: Site) -> None:
    made = site.propose(f"{ROUTE}=60s")
    moved = site.folder / "elsewhere"
    (site.root / "conf.d").rename(moved)
    (site.root / "conf.d").symlink_to(moved)
    before = (moved / "api.conf").read_bytes()
    found = rehearse(site, made.id)
    assert [one.outcome for one in found.targets] == ["not rehearsed"], found
    assert "leads out of the tree" in found.targets[0].text
    assert (moved / "api.conf").read_bytes() == before


def test_a_plan_that_changes_more_than_it_lists_fails_its_rehearsal(site: Site) -> None:
    made = site.propose(f"{ROUTE}=60s")
    plans = site.fleet.root / "plans"
    plan = read_plan(plans, made.id).plan
    asked = tuple(one for one in plan.cohorts[0].effects if one.asked)
    assert len(asked) < len(plan.cohorts[0].effects)
    hushed = msgspec.structs.replace(plan, cohorts=(msgspec.structs.replace(plan.cohorts[0], effects=asked),))
    found = rehearse(site, write_plan(plans, hushed))
    assert [one.outcome for one in found.targets] == ["failed"]
    assert "which the plan does not list" in found.targets[0].text


def ilo_rehearsal(folder: Path, *settings: str, hidden: str = "") -> tuple[Rehearsal, list[tuple[str, str]]]:
    """A plan on a virtual iLO, rehearsed; and what that iLO was asked meanwhile. ``hidden`` is not given then."""

    async def act(ilo: VirtualIlo) -> tuple[Rehearsal, list[tuple[str, str]]]:
        hosts = f"  web1:\n    ilo: {{url: '{ilo.url}', cafile: {ilo.cafile}}}\n"
        login = {"AUDITOR_ILO_USERNAME": USERNAME, "AUDITOR_ILO_PASSWORD": PASSWORD}
        fleet = TestFleet(folder / "fleet", hosts).make(login)
        made = await propose_plan(
            fleet.desk(),
            SetWay(settings),
            reason="why",
            author="ops1",
            judged_by=Judged(default_policy(("ilo",))),
            key=fleet.key("ops1"),
        )
        ilo.requests.clear()
        if hidden:
            ilo.faults.add("malformed", hidden)
        return await rehearse_plan(fleet.desk(), made.id), list(ilo.requests)

    return with_ilo(act)


def test_an_ilo_is_rehearsed_on_a_virtual_one_with_dependencies_and_post(tmp_path: Path, ssh_keygen: str) -> None:
    settings = (
        'web1/ilo:ilo.bios["1"].WorkloadProfile=Virtualization-MaxPerformance',
        'web1/ilo:ilo.snmp["1"].location=rack 7',
    )
    found, asked = ilo_rehearsal(tmp_path, *settings)
    assert [one.outcome for one in found.targets] == ["passed"], found
    assert "virtual iLO" in found.targets[0].ran_on
    texts = [text for text, held in found.targets[0].checks if held]
    assert any("POST accepted" in text for text in texts), texts
    assert {method for method, path in asked if "Sessions" not in path} == {"GET"}, "the iLO itself is only read"


def test_an_ilo_of_which_a_part_cannot_be_read_is_not_rehearsed(tmp_path: Path, ssh_keygen: str) -> None:
    found, _ = ilo_rehearsal(tmp_path, 'web1/ilo:ilo.snmp["1"].location=rack 7', hidden="/DateTime")
    assert [one.outcome for one in found.targets] == ["not rehearsed"], found
    assert "cannot be read in full (/redfish/v1/Managers/1/DateTime" in found.targets[0].text


@pytest.fixture
def far(
    ssh_server: SshServer, tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FarSite]:
    monkeypatch.setattr(server, "SETTLE_S", 0.3)
    with FarSite(ssh_server, tmp_path / "site") as made:
        yield made


def rehearse_there(site: FarSite, plan: str) -> Rehearsal:
    return asyncio.run(rehearse_plan(site.fleet.desk(), plan[:8]))


def test_a_tree_over_ssh_is_rehearsed_on_its_own_machine_and_nothing_stays(
    far: FarSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "there"
    place.mkdir()
    monkeypatch.setattr(copying, "_COPY", copying._COPY.replace("${TMPDIR:-/var/tmp}", str(place)))
    made = far.propose(f"{ROUTE}=60s")
    before, generation = far.files(), far.generation()
    found = rehearse_there(far, made.id)
    assert [(one.target, one.outcome) for one in found.targets] == [("web1/httpd", "passed")], found
    assert "in a private mount at its own place" in found.targets[0].ran_on
    texts = [text for text, held in found.targets[0].checks if held]
    assert any("own check passes" in text for text in texts), texts
    assert any(text.startswith("taken back: every value and byte") for text in texts)
    assert far.files() == before
    assert far.generation() == generation
    assert list(place.iterdir()) == [], "no copy is left there"
    broken = far.root / "conf.d/broken.conf"
    broken.write_text("NoSuchDirective on\n")
    found = rehearse_there(far, made.id)
    assert [one.outcome for one in found.targets] == ["not rehearsed"], found
    assert "before anything is changed" in found.targets[0].text
    broken.unlink()
    assert list(place.iterdir()) == []


def test_where_the_far_machine_lets_nobody_mount_it_is_not_rehearsed(
    far: FarSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "there"
    place.mkdir()
    script = copying._COPY.replace("${TMPDIR:-/var/tmp}", str(place)).replace("unshare ", "false ")
    monkeypatch.setattr(copying, "_COPY", script)
    made = far.propose(f"{ROUTE}=60s")
    found = rehearse_there(far, made.id)
    assert [one.outcome for one in found.targets] == ["not rehearsed"]
    assert "no private mount is possible there" in found.targets[0].text
    assert list(place.iterdir()) == []
