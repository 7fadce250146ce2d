"""A small plan on one httpd tree, and a transaction that can fail at any of its calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from auditor.errors import ApplyError, RefusedError
from auditor.model.plan import (
    AttributeIs,
    Cohort,
    DirectiveEdit,
    Effect,
    Origin,
    Plan,
    Proposal,
    Step,
    Wave,
)
from auditor.model.resource import Address, Attribute, make_resource
from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected, Gap, Interpretation
from auditor.model.value import Duration, Many, Value
from auditor.plan.conditions import Seen

SEALER = Sealer(b"k" * 32)
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ADDRESS = Address("", "httpd.server", "main", "timeout")


def edit_step(identity: str = "1", before: float = 60, after: float = 30) -> Step:
    """A step that sets the main server's Timeout."""
    change = DirectiveEdit("httpd.conf", 3, 3, f"Timeout {before:g}\n", f"Timeout {after:g}\n")
    undo = DirectiveEdit("httpd.conf", 3, 3, change.after, change.before)
    return Step(
        identity,
        "a shorter time-out",
        change,
        undo,
        "reload",
        (AttributeIs(ADDRESS, Duration(before)),),
        (AttributeIs(ADDRESS, Duration(after)),),
    )


def effect(before: float = 60, after: float = 30) -> Effect:
    """What that step does."""
    return Effect(ADDRESS, Duration(before), Duration(after), asked=True)


def proposal(target: str) -> Proposal:
    """The step, proposed for a target."""
    return Proposal(target, (edit_step(),), (effect(),))


def plan_for(*targets: str, waves: tuple[Wave, ...] = ()) -> Plan:
    """A plan of that step for targets."""
    return Plan(
        reason="a shorter time-out",
        author="ops1",
        created="2026-11-22T11:00:00Z",
        expires="2026-11-25T11:00:00Z",
        origin=Origin("set", ("x",), key_id=SEALER.key_id),
        waves=waves or (Wave("all", targets),),
        cohorts=(Cohort(targets, (edit_step(),), (effect(),)),),
    )


@dataclass
class FakeHost:
    """A machine with two settings. ``fail`` names the calls that fail; ``side_effect`` changes what was not asked.

    ``forgets``: it takes nothing back and does not say so. ``gaps`` are what cannot be seen of it, ``waiting`` which
    files its server has not loaded.
    """

    timeout: float = 60
    other: float = 5
    fail: frozenset[str] = frozenset()
    side_effect: bool = False
    forgets: bool = False
    gaps: tuple[Gap, ...] = ()
    waiting: Value = field(default_factory=lambda: Many(()))
    calls: list[str] = field(default_factory=list)

    async def look(self) -> Seen:
        """What is seen of it."""
        values: list[Attribute] = [
            Attribute("timeout", _seconds(self.timeout)),
            Attribute("keep_alive_timeout", _seconds(self.other)),
            Attribute("changed_not_loaded", self.waiting),
        ]
        resource = make_resource("httpd.server", "main", values)
        collected = Collected("web1/httpd", "httpd", ())
        return Seen(collected, Interpretation("web1/httpd", "httpd", (resource,), self.gaps))


def _seconds(value: float) -> Value:
    return Duration(value)


@dataclass
class FakeTransaction:
    """Sets the host's time-out, forward or back."""

    host: FakeHost
    wanted: float
    previous: float

    async def prepare(self) -> tuple[str, ...]:
        self.host.calls.append("prepare")
        if "prepare" in self.host.fail:
            raise RefusedError("the check says no.", next_step="Correct line 7.")
        return ("checked",)

    async def perform(self) -> tuple[str, ...]:
        self.host.calls.append("perform")
        if "perform" in self.host.fail:
            self.host.timeout = -1  # half done
            raise ApplyError("it broke midway.")
        if "bug" in self.host.fail:
            self.host.timeout = -1
            raise ZeroDivisionError("a fault of ours")
        if "no effect" not in self.host.fail:
            self.host.timeout = self.wanted
        if self.host.side_effect:
            self.host.other = 99
        return ("set",)

    async def take_back(self) -> tuple[str, ...]:
        self.host.calls.append("take back")
        if "take back" in self.host.fail:
            raise ApplyError("it cannot be restored.")
        if not self.host.forgets:
            self.host.timeout = self.previous
        if "lie" not in self.host.fail:
            self.host.other = 5
        return ("restored",)

    async def finish(self) -> None:
        self.host.calls.append("finish")
