"""What a plan disrupts in sum: how many reloads, resets and reboots, and for about how long. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from auditor.model.plan import DISRUPTIONS, Disruption, Plan, Step

USUAL_S: Final[Mapping[Disruption, int]] = MappingProxyType(
    {"reload": 5, "restart": 10, "stop and start": 20, "iLO reset": 180, "reboot": 480}
)
"""Seconds that each lasts where the fleet says nothing else: assumptions, on the long side.

Those of httpd hold the three seconds after which a server must still answer. How long POST lasts, only the machine
knows.
"""

_BY_HARDWARE: Final = ("iLO reset", "reboot")


class DisruptionSum(msgspec.Struct, frozen=True):
    """How often each disruption happens, lightest first, and for how many seconds targets are disrupted in all.

    ``seconds`` adds up the targets', so it does not become less where several are changed at once. ``pauses_s`` are
    what the plan waits between its waves. Both rest on how long each takes by assumption or by the fleet's own figures.
    """

    counts: tuple[tuple[Disruption, int], ...]
    seconds: int
    pauses_s: int = 0


def disruptions_of(steps: Sequence[Step]) -> tuple[Disruption, ...]:
    """What one target goes through: one start of httpd serves all its steps; an iLO's reset and a reboot are two."""
    found = {step.disruption for step in steps} - {"none"}
    heaviest = max(found - set(_BY_HARDWARE), key=DISRUPTIONS.index, default=None)
    return tuple(one for one in DISRUPTIONS if one == heaviest or (one in found and one in _BY_HARDWARE))


def disruption_sum(plan: Plan, lasts: Mapping[Disruption, int] = USUAL_S) -> DisruptionSum:
    """What all targets go through together; ``lasts`` are the seconds that each lasts."""
    counted = Counter(_each(plan))
    counts = tuple((one, counted[one]) for one in DISRUPTIONS if counted[one])
    pauses = sum(wave.pause_s for wave in plan.waves[:-1])
    return DisruptionSum(counts, sum(lasts.get(one, USUAL_S[one]) * number for one, number in counts), pauses)


def _each(plan: Plan) -> Iterable[Disruption]:
    for cohort in plan.cohorts:
        for one in disruptions_of(cohort.steps):
            yield from (one for _ in cohort.targets)
