"""What a server is started with: a reload does not change it, so that a plan that does stops and starts the server."""

from __future__ import annotations

import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.services.changes import ToWay
from auditor.surfaces.httpd.carry_out import server
from tests.fakes.sites import Site, planned_line
from tests.running import until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_packages")]


@pytest.fixture
def site(tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """It was started with the WORD of its envvars, as Debian's start script would."""
    monkeypatch.setattr(server, "SETTLE_S", 0.3)
    made = Site(tmp_path)
    (made.root / "envvars").write_text("export WORD=one\n")
    (made.root / "conf.d/word.conf").write_text('Header always set X-Word "${WORD}"\n')
    monkeypatch.setenv("WORD", "one")
    with made.server:
        until(lambda: _word(made) == "one")
        monkeypatch.delenv("WORD")
        yield made


def _word(site: Site) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{site.port}/server-status?auto", timeout=5) as answer:
            return str(answer.headers["X-Word"])
    except OSError:
        return ""


@pytest.mark.parametrize("verb", ["graceful", "restart"])
def test_neither_a_reload_nor_a_restart_changes_what_it_was_started_with(
    site: Site, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORD", "two")
    generation = site.generation()
    subprocess.run([*site.server.command, "-k", verb], check=True, timeout=60, capture_output=True)
    until(lambda: _word(site) != "" and site.generation() != generation)
    assert _word(site) == "one"


def test_variables_come_and_go_by_a_stop_and_start_and_are_checked_before_it(site: Site) -> None:
    first = site.files()
    (site.root / "envvars").write_text(f"export WORD=two\nexport LATER={site.folder}\n")
    (site.root / "conf.d/log.conf").write_text('CustomLog "${LATER}/later.log" common\n')
    second, revision = site.files(), site.snapshot()
    (site.root / "conf.d/log.conf").unlink()
    (site.root / "envvars").write_text("export WORD=one\n")
    assert site.files() == first

    made = site.propose(way=ToWay(revision, ("web1/httpd",)))
    ways = {step.id: step.disruption for step in made.plan.cohorts[0].steps}
    assert [way for name, way in ways.items() if "envvars" in name] == ["stop and start"]
    assert made.plan.notes == ("web1/httpd: envvars: a running server keeps the LATER, WORD of its start",)
    site.approve(made.id)
    outcome = site.apply(made.id).outcomes[0]
    assert outcome.outcome == "applied", outcome
    assert site.files() == second
    assert _word(site) == "two"
    assert (site.folder / "later.log").exists()
    assert [one.outcome for one in site.rollback(made.id).outcomes] == ["rolled back"]
    assert site.files() == first
    assert _word(site) == "one"


@pytest.mark.parametrize(
    ("text", "way", "why"),
    [
        ("export WORD=two", "reload", "keeps the WORD of its start, and the plan is for a reload"),
        ("export APACHE_ARGUMENTS='-D TLS'", "stop and start", "only httpd's start script uses APACHE_ARGUMENTS"),
    ],
)
def test_what_would_not_take_effect_is_refused(site: Site, text: str, way: str, why: str) -> None:
    before, generation = site.files(), site.generation()
    made = planned_line(site, text, way, file="envvars")  # type: ignore[arg-type]
    site.approve(made)
    outcome = site.apply(made).outcomes[0]
    assert outcome.outcome == "refused", outcome
    assert why in outcome.text
    assert (site.files(), site.generation(), _word(site)) == (before, generation, "one")


@pytest.mark.parametrize(
    ("more", "line", "why"),
    [
        ("defines: [TLS]", "<IfDefine TLS>\nTimeout 61\n</IfDefine>", "started with no -D TLS, and its own check"),
        ("environment: {WORD: two}", "Timeout 61", "started with another WORD, and its own check"),
        ("environment: {OTHER: x}", "Header always set X-Other ${OTHER}", "started with no OTHER, and its own check"),
    ],
)
def test_a_server_that_was_started_otherwise_than_it_is_checked_is_not_reloaded(
    site: Site, more: str, line: str, why: str
) -> None:
    file = site.fleet.root / "auditor.yaml"
    kept = f"      state_dir: {site.folder}/state\n"
    file.write_text(file.read_text().replace(kept, f"{kept}      {more}\n"))
    before, generation = site.files(), site.generation()
    made = planned_line(site, line)
    site.approve(made)
    outcome = site.apply(made).outcomes[0]
    assert outcome.outcome == "refused", outcome
    assert why in outcome.text
    assert (site.files(), site.generation()) == (before, generation)
