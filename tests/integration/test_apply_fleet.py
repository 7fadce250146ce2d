"""One plan on several hosts: what becomes of the others when one of them cannot be helped."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from auditor.errors import EXIT_PERSON_NEEDED, IncompleteError
from auditor.plan.folder import read_plan
from auditor.plan.journal import OUTCOME, journal_path
from auditor.plan.outcome import failure_of
from auditor.services.changes import Judged, SetWay, apply_plan, approve_plan, propose_plan, rollback_plan
from auditor.services.check import default_policy
from auditor.surfaces.ilo.carry_out import line
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from tests.fakes.fleets import TestFleet
from tests.virtual_ilo import PASSWORD, SNMP, USERNAME

pytestmark = pytest.mark.integration


class Fleet:
    """A fleet of two virtual iLOs."""

    def __init__(self, folder: Path, ilos: dict[str, VirtualIlo]) -> None:
        hosts = "".join(
            f"  {host}:\n    ilo: {{url: '{ilo.url}', cafile: {ilo.cafile}}}\n" for host, ilo in ilos.items()
        )
        login = {"AUDITOR_ILO_USERNAME": USERNAME, "AUDITOR_ILO_PASSWORD": PASSWORD}
        self.fleet = TestFleet(folder / "fleet", hosts).make(login)

    async def plan(self, *hosts: str) -> str:
        settings = tuple(f'{host}/ilo:ilo.snmp["1"].location=rack 7' for host in hosts)
        made = await propose_plan(
            self.fleet.desk(),
            SetWay(settings),
            reason="why",
            author="ops1",
            judged_by=Judged(default_policy(("ilo",))),
            key=self.fleet.key("ops1"),
        )
        approve_plan(self.fleet.desk(), made.id, self.fleet.key("lead1"))
        return made.id

    def end_midway(self, plan: str, target: str) -> None:
        """Leaves the journal as a run leaves it that was killed before it could write its outcome."""
        path = journal_path(self.fleet.desk().journals, plan, target)
        lines = path.read_bytes().splitlines(keepends=True)
        end = next(number for number, line in enumerate(lines) if json.loads(line)["act"] == OUTCOME)
        path.write_bytes(b"".join(lines[:end]))


def test_a_host_that_cannot_be_taken_back_stops_only_what_concerns_it(
    tmp_path: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "BACK_WITHIN_S", 0.5)
    monkeypatch.setattr(line, "SHOWN_WITHIN_S", 0.5)

    async def story() -> None:
        async with VirtualIlo("ilo5", USERNAME, PASSWORD) as one, VirtualIlo("ilo6", USERNAME, PASSWORD) as two:
            fleet = Fleet(tmp_path, {"web1": one, "web2": two})
            before = [ilo.state.get(SNMP)["Location"] for ilo in (one, two)]
            both = await fleet.plan("web1", "web2")
            await apply_plan(fleet.fleet.desk(), both)
            assert {ilo.state.get(SNMP)["Location"] for ilo in (one, two)} == {"rack 7"}
            fleet.end_midway(both, "web1/ilo")
            one.faults.add("drop")

            report = await rollback_plan(fleet.fleet.desk(), both)
            assert {out.target: out.outcome for out in report.outcomes} == {
                "web1/ilo": "incomplete",
                "web2/ilo": "rolled back",
            }
            error = failure_of(report)
            assert error is not None
            assert error.exit_code == EXIT_PERSON_NEEDED
            assert two.state.get(SNMP)["Location"] == before[1]

            other = await fleet.plan("web2")
            await apply_plan(fleet.fleet.desk(), other)  # it does not concern web1
            assert any("a person is needed on web1/ilo" in told for told in fleet.fleet.told)
            with pytest.raises(IncompleteError, match="web1/ilo was ended"):
                await apply_plan(fleet.fleet.desk(), both)

            one.faults.clear()
            report = await rollback_plan(fleet.fleet.desk(), both)
            assert [(out.target, out.outcome) for out in report.outcomes] == [("web1/ilo", "taken back")]
            assert one.state.get(SNMP)["Location"] == before[0]

    asyncio.run(story())


def test_waves_and_the_sites_own_commands_stand_in_the_plan_and_run_around_each_change(
    tmp_path: Path, ssh_keygen: str
) -> None:
    async def story() -> None:
        async with VirtualIlo("ilo5", USERNAME, PASSWORD) as one, VirtualIlo("ilo6", USERNAME, PASSWORD) as two:
            fleet = Fleet(tmp_path, {"web1": one, "web2": two})
            tool = fleet.fleet.root / "drain"
            tool.write_text(f'#!/bin/sh\necho "$@ password:${{AUDITOR_ILO_PASSWORD-unset}}" >> {tmp_path}/ran\n')
            tool.chmod(0o755)
            file = fleet.fleet.root / "auditor.yaml"
            file.write_text(
                f"{file.read_text()}\napply:\n  waves: [1, 100%]\n  stop_after: 1\n"
                "  before: [./drain, '{host}', '{direction}']\n  after: [./drain, back, '{target}']\n"
            )
            plan = await fleet.plan("web1", "web2")
            stored = read_plan(fleet.fleet.root / "plans", plan).plan
            assert [(wave.targets, wave.stop_after) for wave in stored.waves] == [
                (("web1/ilo",), 1),
                (("web2/ilo",), 1),
            ]
            assert stored.around.after[1:] == ("back", "{target}")
            tool.write_text(tool.read_text() + "test $1 != web2\n")
            report = await apply_plan(fleet.fleet.desk(), plan)
            assert [out.outcome for out in report.outcomes] == ["applied", "refused"]
            assert "ended with exit code 1" in report.outcomes[1].text
            assert two.state.get(SNMP)["Location"] != "rack 7"
            ran = (tmp_path / "ran").read_text().splitlines()
            assert ran == [
                f"{words} password:unset"
                for words in ("web1 forward", "back web1/ilo", "web2 forward", "back web2/ilo")
            ]

    asyncio.run(story())
