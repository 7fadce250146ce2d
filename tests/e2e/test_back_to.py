"""``rollback --to``: back to a state of the store when the live configuration is broken, with httpd up or down."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditor.cli import main
from auditor.errors import EXIT_INPUT, EXIT_OK, EXIT_REFUSED
from auditor.surfaces.httpd.carry_out import server
from tests.fakes.sites import ROUTE, Site
from tests.running import until

pytestmark = [pytest.mark.e2e, pytest.mark.integration]

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def site(tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(server, "SETTLE_S", 0.3)
    made = Site(tmp_path)
    monkeypatch.chdir(made.fleet.root)
    with made.server:
        yield made


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main(list(words))
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return command


def alone(site: Site) -> None:
    """The rules let one person act alone in an emergency."""
    file = site.fleet.root / "auditor.yaml"
    file.write_text(file.read_text().replace("approvals:\n", "approvals:\n  emergency: anyone\n", 1))
    approvers = site.fleet.root / "approvers"
    approvers.write_text(approvers.read_text().replace('"auditor-plan"', '"auditor-plan,auditor-emergency"'))
    site.fleet.commit("emergencies")


NIGHT = ("--emergency", "--reason", "all shops are down")


def back(site: Site, to: str, *more: str) -> tuple[str, ...]:
    return ("rollback", "--to", to, *more, "--author", "ops1", "--key", str(site.fleet.key("ops1")))


def broken(site: Site) -> dict[str, bytes]:
    """Somebody's edit in the night, by which httpd does not start any more."""
    before = site.files()
    path = site.root / "conf.d/api.conf"
    path.write_bytes(path.read_bytes() + b"<VirtualHost\nNoSuchDirective on\n")
    (site.root / "conf.d/late.conf").write_bytes(b"Include /nowhere/at/all.conf\n")
    return before


def test_a_running_server_goes_back_from_a_configuration_that_it_would_refuse(site: Site, run: Run) -> None:
    alone(site)
    revision = site.snapshot()
    before, generation = broken(site), site.generation()
    code, said = run(*back(site, revision[:12], "web1/httpd", *NIGHT))
    assert code == EXIT_OK, said
    assert "conf.d/late.conf" in said
    assert "nothing else changed" in said
    assert site.files() == before
    assert site.generation() == generation + 1, said


def test_a_server_that_does_not_start_any_more_is_started_again(site: Site, run: Run) -> None:
    alone(site)
    revision = site.snapshot()
    before = broken(site)
    os.kill(int((site.folder / "httpd.pid").read_text()), signal.SIGTERM)
    until(lambda: not site.server.alive())
    code, said = run(*back(site, revision[:12], "web1/httpd", *NIGHT))
    assert site.files() == before, said
    assert code == EXIT_OK, said
    assert f"does not run (no process by {site.folder}/httpd.pid)" in " ".join(said.split())


def test_where_approvals_are_needed_the_plan_is_written_and_waits(site: Site, run: Run) -> None:
    revision = site.snapshot()
    before = broken(site)
    after = site.files()
    code, said = run(*back(site, revision[:12], "web1/httpd"))
    assert code == EXIT_REFUSED, said
    assert "0 of 1 approvals" in said
    assert site.files() == after
    plan = said.split("Plan ")[1].split()[0]
    assert f"auditor approve {plan} --key FILE" in said
    code, said = run(*back(site, revision[:12], "web1/httpd", *NIGHT))
    assert (code, "the rules allow no" in said) == (EXIT_REFUSED, True), said
    assert site.files() == after
    assert run("approve", plan, "--key", str(site.fleet.key("lead1")))[0] == EXIT_OK
    code, said = run("apply", plan)
    assert code == EXIT_OK, said
    assert site.files() == before


def test_back_to_what_a_plan_found_and_the_plan_s_history(site: Site, run: Run) -> None:
    alone(site)
    before = site.files()
    plan = site.propose(f"{ROUTE}=60s").id
    site.approve(plan)
    assert run("apply", plan)[0] == EXIT_OK
    assert site.files() != before
    code, said = run(*back(site, plan[:8], *NIGHT))
    assert code == EXIT_OK, said
    assert site.files() == before

    code, said = run("history", plan[:8])
    assert code == EXIT_OK, said
    for word in ("planned", "approved", "applied"):
        assert f"{word} web1/httpd" in said, said
    assert "EMERGENCY" in said  # that of the way back waits for its review
    assert f'Plan {plan[:8]}  "why"' in said
    code, said = run("history", plan[:8], "--lang", "ja")
    assert "適用 web1/httpd" in said
    (site.fleet.root / "plans" / plan / "plan.json").unlink()
    code, said = run("history", plan[:8])
    assert code == EXIT_OK, said
    assert "the plan itself cannot be read here" in said
    assert "applied web1/httpd" in said


def test_what_is_no_plan_and_no_revision_is_told(site: Site, run: Run) -> None:
    assert run("rollback")[0] == EXIT_INPUT
    assert run("rollback", "one", "two")[0] == EXIT_INPUT
    assert run(*back(site, "latest", "web1/httpd", "--emergency"))[0] == EXIT_INPUT
    assert run("rollback", "deadbeef00", *NIGHT)[0] == EXIT_INPUT
    code, said = run(*back(site, "deadbeef00", "web1/httpd"))
    assert code == EXIT_INPUT, said
    assert "no snapshot" in said
    assert run("history", "deadbeef00")[0] == EXIT_INPUT
