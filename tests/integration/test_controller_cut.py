"""The controller's machine loses its power at any call of an apply, and comes up in any state that leaves its disk in.

The iLO keeps what was sent to it. What the next command does must be right by the iLO, and the ledger tell the truth.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import RefusedError
from auditor.plan.journal import journal_path
from auditor.services.changes import Judged, SetWay, apply_plan, approve_plan, propose_plan, rollback_plan
from auditor.services.check import default_policy
from auditor.services.ledger_check import verify_ledger
from auditor.surfaces.ilo.simulator.server import VirtualIlo, run_in_thread
from tests.crashes.disk import Disk, State
from tests.crashes.sample import EVERY, some
from tests.crashes.trace import traced
from tests.fakes.fleets import TestFleet
from tests.virtual_ilo import PASSWORD, SNMP, USERNAME

pytestmark = pytest.mark.integration


class Scene:
    """A fleet of one virtual iLO, and an approved plan for it."""

    def __init__(self, folder: Path, ilo: VirtualIlo, *more: str) -> None:
        self.folder, self.ilo, self.more = folder, ilo, more
        hosts = f"  web1:\n    ilo: {{url: '{ilo.url}', cafile: {ilo.cafile}}}\n"
        login = {"AUDITOR_ILO_USERNAME": USERNAME, "AUDITOR_ILO_PASSWORD": PASSWORD}
        self.fleet = TestFleet(folder / "fleet", hosts).make({**login, "XDG_STATE_HOME": str(folder / "state")})
        self.first = self.location
        self.sent: list[tuple[float, str]] = []
        self.plan = asyncio.run(self._planned())

    async def _planned(self) -> str:
        made = await propose_plan(
            self.fleet.desk(),
            SetWay(('web1/ilo:ilo.snmp["1"].location=rack 7', *self.more)),
            reason="why",
            author="ops1",
            judged_by=Judged(default_policy(("ilo",))),
            key=self.fleet.key("ops1"),
        )
        approve_plan(self.fleet.desk(), made.id, self.fleet.key("lead1"))
        return made.id

    @property
    def location(self) -> str:
        return str(self.ilo.state.get(SNMP)["Location"])

    def note(self, patch: pytest.MonkeyPatch) -> None:
        """Notes when the iLO was changed to what."""
        original = self.ilo.state.patch

        def noted(*arguments: Any, **named: Any) -> Any:
            answer = original(*arguments, **named)
            self.sent.append((time.time(), self.location))
            return answer

        patch.setattr(self.ilo.state, "patch", noted)

    def states(self) -> list[tuple[str, State, str]]:
        """Each different state of the controller's disk at an apply, and what the iLO holds then."""
        disk = Disk(self.fleet.root)
        traced(lambda: (asyncio.run(apply_plan(self.fleet.desk(), self.plan)), None)[1], disk, self.folder)
        assert Disk(self.fleet.root).whole().listed() == disk.whole().listed(), "the trace missed something"
        found: dict[str, tuple[str, State, str]] = {}
        for at in range(len(disk.acts) + 1):
            before = disk.times[at - 1] if at else 0.0
            after = disk.times[at] if at < len(disk.acts) else float("inf")
            for number, (word, state) in enumerate(disk.states(at, 1, 2)):
                held = [said for when, said in self.sent if when <= (before if number % 2 else after)]
                location = held[-1] if held else self.first
                key = f"{state.listed()}{location}"
                found.setdefault(key, (f"{word} at act {at} of {len(disk.acts)}", state, location))
        return list(found.values())

    def kinds(self) -> list[str]:
        """What the ledger says became of the plan, in order."""
        return [one.kind for one in self.fleet.desk().events(self.plan)]


@pytest.fixture
def scene(tmp_path: Path, ssh_keygen: str) -> Iterator[Scene]:
    ilo = VirtualIlo("ilo5", USERNAME, PASSWORD, session_limit=10_000)
    with run_in_thread(ilo):
        yield Scene(tmp_path, ilo)


def test_what_the_disk_holds_after_a_power_cut_is_enough_to_take_back_and_to_tell_the_truth(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        scene.note(patch)
        states = scene.states()
    early = states if EVERY else states[:40]  # the journal's own; what follows is the store
    tried = set[str]()
    for when, state, location in [*some(early, 8), *([] if EVERY else some(states[40:], 5))]:
        state.write(scene.fleet.root)
        scene.ilo.state.set(SNMP, "/Location", location)
        try:
            outcome = asyncio.run(rollback_plan(scene.fleet.desk(), scene.plan)).outcomes[0].outcome
        except RefusedError as error:
            outcome = "refused" if "never applied" in error.what else error.what
        tried.add(outcome)
        assert scene.location == scene.first, when
        kinds = scene.kinds()
        assert kinds[-1] == outcome, when
        assert kinds.count("applied") == (outcome == "rolled back"), when
        found = verify_ledger(scene.fleet.desk())
        assert (found.altered, found.unverified) == ((), ()), when
    assert tried == {"refused", "taken back", "rolled back"}


def test_what_was_said_to_be_done_is_on_disk(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once an apply has answered, a power cut takes neither the journal nor the ledger's word of it."""
    with monkeypatch.context() as patch:
        scene.note(patch)
        last = [state for when, state, _ in scene.states() if when.startswith("all lost")][-1]
    last.write(scene.fleet.root)
    assert scene.kinds()[-1] == "applied"
    assert verify_ledger(scene.fleet.desk()).altered == ()
    with pytest.raises(RefusedError, match="used once"):
        asyncio.run(apply_plan(scene.fleet.desk(), scene.plan))
    assert journal_path(scene.fleet.desk().journals, scene.plan, "web1/ilo").exists()
