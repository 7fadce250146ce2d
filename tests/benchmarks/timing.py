"""CPU and wall time of whole processes, in turn, so that a machine whose speed drifts treats both alike."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """Seconds that one run took: of processor time (user and system, children included) and by the clock."""

    cpu: float
    wall: float


def cost_of_process(command: Sequence[str], environment: dict[str, str] | None = None) -> Cost:
    """Runs the command to its end, its output thrown away.

    Raises:
        RuntimeError: the command ended with an exit status other than 0 or 1.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    done = subprocess.run(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
        check=False,
    )
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}")
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Cost(cpu, wall)


def cost_of_call(call: Callable[[], object]) -> Cost:
    """Runs a function in this process, processes it waits for included."""
    before = _cpu()
    begun = time.perf_counter()
    call()
    return Cost(_cpu() - before, time.perf_counter() - begun)


def _cpu() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def compare(ours: Callable[[], Cost], other: Callable[[], Cost], runs: int = 7) -> tuple[list[Cost], list[Cost]]:
    """One warm-up of each, then both in turn, ``runs`` times."""
    ours(), other()
    pairs = [(ours(), other()) for _ in range(runs)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def ratio_line(what: str, ours: list[Cost], other: list[Cost], aim: float, *, by: str = "wall") -> str:
    """``what: 1.31 times (0.92 to 1.44); 25 ms against 19 ms; aim 1.5``: the median of the pairs' ratios."""
    first, second = [getattr(cost, by) for cost in ours], [getattr(cost, by) for cost in other]
    ratios = sorted(one / two for one, two in zip(first, second, strict=True))
    return (
        f"{what}: {statistics.median(ratios):.2f} times ({ratios[0]:.2f} to {ratios[-1]:.2f}); "
        f"{statistics.median(first) * 1000:.0f} ms against {statistics.median(second) * 1000:.0f} ms {by} time, "
        f"medians of {len(ratios)}; aim {aim:g}"
    )
