"""What a command did beside what it was asked for is told to whoever reads its output later, without a terminal."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from auditor.cli.carrying_out import carry_out
from auditor.model.plan import ApplyReport, Direction, OutcomeOf
from auditor.plan.outcome import recovered_text
from auditor.services.changes import Desk
from auditor.services.init import init_fleet

PLAN = "ab" * 32


@pytest.mark.parametrize("quiet", [False, True])
def test_it_stands_on_standard_error_and_not_in_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, quiet: bool
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    init_fleet(tmp_path / "fleet", dict(os.environ))

    async def run(desk: Desk, plan: str, **_: object) -> ApplyReport:
        desk.observe("reading web1")
        desk.tell("web1/httpd: plan cdcdcdcd: nobody confirmed it,\nit took the change back")
        return ApplyReport(plan, "forward", (OutcomeOf("web1/httpd", "applied", "done"),))

    carry_out(run, PLAN, ["json"], None, tmp_path / "fleet", "en", quiet)
    said = capsys.readouterr()
    assert said.err == "web1/httpd: plan cdcdcdcd: nobody confirmed it, it took the change back\n"
    assert json.loads(said.out)["outcomes"][0]["outcome"] == "applied"


@pytest.mark.parametrize(
    ("direction", "outcome", "said"),
    [
        ("forward", OutcomeOf("web1/ilo", "taken back", ""), "it was taken back, as before"),
        ("back", OutcomeOf("web1/ilo", "taken back", ""), "it is as the plan left it again"),
        ("back", OutcomeOf("web1/ilo", "rolled back", ""), "rolled back"),
    ],
)
def test_a_recovered_run_is_told_with_its_plan_and_what_stands(
    direction: Direction, outcome: OutcomeOf, said: str
) -> None:
    text = recovered_text(PLAN, outcome, direction)
    assert text == f"web1/ilo: a run of plan abababab was ended midway; {said}"
