"""How often a balancer tries, and how long that takes in all."""

from __future__ import annotations

from auditor.surfaces.httpd.durations import atoi
from auditor.surfaces.httpd.workers import Balancer, forces_recovery


def attempts(balancer: Balancer) -> int:
    """How often one request is sent to a member, one after the other, where each gives 503.

    Source: ``proxy_handler``: maxattempts= counts what comes after the first; unset, every member is tried once. With
    forcerecovery a member is tried again once all are in error.
    """
    written = balancer.parameters.get("maxattempts")
    members = len(balancer.members.workers)
    most = members if written is None else max(0, atoi(written.value)) + 1
    return max(1, most if forces_recovery(balancer) else min(most, members))


def in_turn(waits: list[float], times: int) -> float:
    """The longest that waiting a number of times may take in all; the longest waits stand first, and all recur."""
    if not waits or not times:
        return 0.0
    rounds, rest = divmod(times, len(waits))
    return (rounds * sum(waits) if rounds else 0.0) + sum(waits[:rest])
