"""Whatever fails at any act or request of an apply: the iLO is as before or after, and the ledger says which."""

from __future__ import annotations

import asyncio
import errno
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from auditor.errors import EXIT_PERSON_NEEDED, AuditorError, RefusedError
from auditor.plan.journal import journal_path
from auditor.services.changes import apply_plan, rollback_plan
from auditor.services.ledger_check import verify_ledger
from auditor.surfaces.ilo.carry_out import line
from auditor.surfaces.ilo.simulator.faults import Fault, FaultKind, Faults
from auditor.surfaces.ilo.simulator.server import VirtualIlo, run_in_thread
from tests.crashes.sample import some
from tests.fakes.acts import CountingActs, FailingAt
from tests.ilo_kills import Site
from tests.integration.test_controller_cut import Scene
from tests.virtual_ilo import PASSWORD, USERNAME

pytestmark = pytest.mark.integration

NUMBERS: Final = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS, errno.EACCES)
HOWS: Final[tuple[tuple[FaultKind, bool], ...]] = (
    ("drop", False),
    ("lost reply", False),
    ("cut", False),
    ("busy", False),
    ("expired", False),
    ("drop", True),
    ("lost reply", True),
)
MADE = tuple(
    f'web1/ilo:ilo.snmp_destination["10.9.0.9"].{rest}'
    for rest in ("present=true", "protocol=SNMPv3Trap", "security_name=alerts")
)


@pytest.fixture
def scene(tmp_path: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(line, "BACK_WITHIN_S", 0.2)
    monkeypatch.setattr(line, "SHOWN_WITHIN_S", 0.2)
    ilo = VirtualIlo("ilo5", USERNAME, PASSWORD, session_limit=10_000)
    with run_in_thread(ilo):
        yield Scene(tmp_path, ilo, *MADE)


class At(Faults):
    """One fault at a request, counted from 0, or from it on. ``asked`` are the methods of all requests."""

    def __init__(self, at: int = -1, kind: FaultKind = "drop", *, ever: bool = False) -> None:
        super().__init__()
        self.at, self.kind, self.ever = at, kind, ever
        self.asked: list[str] = []

    def take(self, method: str, path: str) -> Fault | None:
        number = len(self.asked)
        self.asked.append(method)
        hit = number == self.at or (self.ever and 0 <= self.at <= number)
        return Fault(self.kind) if hit else None


class Tried:
    """Applies of one plan, each with something that fails, each followed by a command that takes it back."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.held = Site(scene.ilo, scene.folder)
        self.before = self.held.state()
        apply = asyncio.run(apply_plan(scene.fleet.desk(), scene.plan))
        assert apply.outcomes[0].outcome == "applied"
        self.after = self.held.state()
        self.rolled_back()

    def rolled_back(self) -> None:
        """Takes back what stands or was left, and sees to it that there is a plan that can be applied."""
        scene = self.scene
        try:
            outcome = asyncio.run(rollback_plan(scene.fleet.desk(), scene.plan)).outcomes[0].outcome
        except RefusedError as error:
            outcome = "refused"
            self.refusal = error.what
        assert self.held.state() == self.before
        found = verify_ledger(scene.fleet.desk())
        assert (found.altered, found.unverified) == ((), ())
        if outcome == "rolled back":  # which is not applied again
            scene.plan = asyncio.run(scene._planned())
        elif outcome == "refused":
            assert "never applied" in self.refusal or "was taken back" in self.refusal

    def told(self) -> Counter[str]:
        """What the ledger says became of the plan, how often. Within one second it knows no order."""
        return Counter(one for one in self.scene.kinds() if one not in ("planned", "approved"))


def test_a_controller_s_disk_that_fails_at_any_act(scene: Scene) -> None:
    """Its journal, its locks: the disk is full, broken, or may not be written to any more, at one act or from it on."""
    tried, counted = Tried(scene), CountingActs()
    asyncio.run(apply_plan(replace(scene.fleet.desk(), acts=counted), scene.plan))
    tried.rolled_back()
    applied = 0
    points = [(at, number) for at in range(len(counted.names)) for number in NUMBERS]
    for at, number in some(points, 8):
        acts, before = FailingAt(at, number, ever=number != errno.EIO), tried.told()
        try:
            outcome = asyncio.run(apply_plan(replace(scene.fleet.desk(), acts=acts), scene.plan)).outcomes[0].outcome
        except AuditorError as error:
            outcome = type(error).__name__
        when = f"{errno.errorcode[number]} at act {at}: {outcome}"
        assert acts.struck, when
        now = tried.held.state()
        assert now in (tried.before, tried.after) or outcome == "incomplete", when
        if outcome == "applied":
            assert now == tried.after, when
            assert tried.told() - before == {"applied": 1}, when
            applied += 1
        tried.rolled_back()
    assert applied, "what is only tidied up may fail"


def test_a_network_that_fails_at_any_request(scene: Scene) -> None:
    """One request or answer is lost, or all from one on; the session is forgotten; the iLO is busy."""
    tried, seen = Tried(scene), At()
    scene.ilo.faults = seen
    asyncio.run(apply_plan(scene.fleet.desk(), scene.plan))
    scene.ilo.faults = Faults()
    tried.rolled_back()
    writes = [number for number, method in enumerate(seen.asked) if method != "GET"]
    near = sorted({number + by for number in writes for by in (-1, 0, 1) if 0 <= number + by < len(seen.asked)})
    assert len(near) > 10
    outcomes = set()
    for at, (kind, ever) in some([(at, how) for at in near for how in HOWS], 8):
        scene.ilo.faults, before = At(at, kind, ever=ever), tried.told()
        try:
            outcome = asyncio.run(apply_plan(scene.fleet.desk(), scene.plan)).outcomes[0].outcome
        except AuditorError as error:
            outcome = type(error).__name__
        scene.ilo.faults = Faults()
        when, now = f"{kind} at request {at}{' and ever after' * ever}: {outcome}", tried.held.state()
        outcomes.add(outcome)
        if outcome == "applied":
            assert now == tried.after, when
        elif outcome != "incomplete":
            assert now == tried.before, when
        if not outcome.endswith("Error"):
            assert tried.told() - before == {outcome: 1}, when
        tried.rolled_back()
    assert "applied" in outcomes
    assert len(outcomes) > 1


def test_a_journal_that_was_altered_stops_everything_and_one_that_breaks_off_does_not(scene: Scene) -> None:
    """What a disk may leave is a last line that breaks off; anything else is no power cut's work, and a person's."""
    tried = Tried(scene)
    asyncio.run(apply_plan(scene.fleet.desk(), scene.plan))
    path = journal_path(scene.fleet.desk().journals, scene.plan, "web1/ilo")
    lines = path.read_bytes().splitlines(keepends=True)
    end = next(number for number, line in enumerate(lines) if b'"act":"outcome"' in line)
    for altered in (lines[:2] + lines[3:end], [*lines[:2], lines[2][:40], *lines[3:end]]):
        path.write_bytes(b"".join(altered))
        for act in (apply_plan, rollback_plan):
            with pytest.raises(AuditorError, match="the journal of a change to web1/ilo is damaged") as caught:
                asyncio.run(act(scene.fleet.desk(), scene.plan))
            assert caught.value.exit_code == EXIT_PERSON_NEEDED
        assert tried.held.state() == tried.after
    path.write_bytes(b"".join(lines[:end]) + lines[end][:40])
    assert asyncio.run(rollback_plan(scene.fleet.desk(), scene.plan)).outcomes[0].outcome == "taken back"
    assert tried.held.state() == tried.before
