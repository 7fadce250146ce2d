"""The site's own commands around a change: when they run, and what follows from their failing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.errors import ApplyError, IncompleteError
from auditor.model.plan import ApplyReport, Wave
from auditor.plan.around import When
from auditor.plan.journal import FileJournal, journal_path
from auditor.plan.machine import Reach
from auditor.plan.outcome import failure_of
from tests.fakes.plans import FakeHost, plan_for
from tests.unit.plan.test_machine import PLAN, machine


class Site:
    """Hosts with commands around their changes; ``fail`` names those that fail."""

    def __init__(self, folder: Path, *fail: When, names: tuple[str, ...] = ("web1/httpd",)) -> None:
        self.hosts = {name: FakeHost() for name in names}
        self.fail = fail
        self.ran: list[tuple[str, When, float]] = []
        self.machine = machine(folder, plan_for(*names, waves=(Wave("all", names),)), self.hosts)
        self.machine.reach = {name: self._with_command(name, one) for name, one in self.machine.reach.items()}

    def _with_command(self, name: str, reach: Reach) -> Reach:
        async def run(when: When) -> str:
            self.ran.append((name, when, self.hosts[name].timeout))
            if when in self.fail:
                raise ApplyError(f"/site/{when} ended with exit code 3")
            return f"/site/{when}"

        return Reach(reach.begin, reach.look, reach.traces, run)

    def run(self) -> ApplyReport:
        return asyncio.run(self.machine.run())


def test_they_run_before_and_after_each_change(tmp_path: Path) -> None:
    site = Site(tmp_path)
    (outcome,) = site.run().outcomes
    assert site.ran == [("web1/httpd", "before", 60), ("web1/httpd", "after", 30)]
    assert outcome.outcome == "applied"
    assert ("command before: /site/before", True) in outcome.checks
    assert outcome.checks[-1] == ("command after: /site/after", True)


def test_a_command_before_that_fails_keeps_the_target_as_it_is(tmp_path: Path) -> None:
    site = Site(tmp_path, "before")
    report = site.run()
    assert report.outcomes[0].outcome == "refused"
    assert "command before it failed: /site/before ended with exit code 3" in report.outcomes[0].text
    assert site.hosts["web1/httpd"].calls.count("perform") == 0
    assert [when for _, when, _ in site.ran] == ["before", "after"], "it may have drained half"


def test_a_change_that_is_taken_back_is_put_into_service_again(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.hosts["web1/httpd"].fail = frozenset({"perform"})
    assert site.run().outcomes[0].outcome == "taken back"
    assert site.ran[-1] == ("web1/httpd", "after", 60)


def test_a_target_that_is_neither_stays_out_of_service(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.hosts["web1/httpd"].fail = frozenset({"perform", "take back"})
    assert site.run().outcomes[0].outcome == "incomplete"
    assert [when for _, when, _ in site.ran] == ["before"]


def test_a_command_after_that_fails_needs_a_person_and_stops_the_run(tmp_path: Path) -> None:
    site = Site(tmp_path, "after", names=("web1/httpd", "web2/httpd"))
    report = site.run()
    assert [one.outcome for one in report.outcomes] == ["applied", "not started"]
    failure = failure_of(report)
    assert isinstance(failure, IncompleteError)
    assert "the command after it failed: /site/after ended with exit code 3" in str(failure)
    assert "Put web1/httpd back into service by hand" in str(failure)


def test_a_run_that_was_killed_is_put_into_service_by_the_next(tmp_path: Path) -> None:
    journal = FileJournal(journal_path(tmp_path, PLAN, "web1/httpd"), PLAN, "web1/httpd", "forward").open()
    journal.begin()
    journal.intent("", "command before")
    journal.close()
    site = Site(tmp_path)
    outcome = asyncio.run(site.machine.recover("web1/httpd"))
    assert outcome is not None
    assert outcome.outcome == "taken back"
    assert [when for _, when, _ in site.ran] == ["after"]


def test_without_anything_to_change_they_do_not_run(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.hosts["web1/httpd"].timeout = 30
    assert site.run().outcomes[0].outcome == "already"
    assert site.ran == []


@pytest.mark.parametrize("left", ["", "the command after it failed: x"])
def test_a_good_end_needs_nobody(left: str, tmp_path: Path) -> None:
    report = Site(tmp_path).run()
    report = ApplyReport(report.plan, report.direction, (replace(report.outcomes[0], left=left),))
    assert (failure_of(report) is None) == (not left)
