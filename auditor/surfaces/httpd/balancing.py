"""How often a balancer tries, and how long that takes in all."""

from __future__ import annotations

from typing import Final

from auditor.surfaces.httpd.durations import atoi
from auditor.surfaces.httpd.workers import Balancer, ProxyWorker

_RETRY: Final = 60


def balancer_flag(balancer: Balancer, key: str, default: bool) -> bool:
    """An On/Off parameter of a balancer."""
    found = balancer.parameters.get(key)
    return default if found is None else found.value.lower() == "on"


def forces_recovery(balancer: Balancer) -> bool:
    """Whether all members are tried at once when every one is in error (On unless written otherwise).

    A member that is disabled or stopped is not in error, and so keeps the others from being tried.
    """
    return balancer_flag(balancer, "forcerecovery", True) and not any(
        one.out_of_service for one in balancer.members.workers
    )


def attempts(balancer: Balancer) -> int:
    """How often one request is sent to a member, one after the other, where each gives 503.

    Source: ``proxy_handler``: maxattempts= counts what comes after the first; unset, every member is tried once. With
    forcerecovery a member is tried again once all are in error. A member with status=+I is never in error, so that
    nothing is tried after it.
    """
    usable = _usable(balancer)
    if usable and all("I" in one.status for one in usable):
        return 1
    most = _most(balancer)
    again = forces_recovery(balancer) or any(retry_seconds(one) == 0 for one in usable)
    return max(1, most if again else min(most, len(usable)))


def runs_out(balancer: Balancer) -> bool:
    """Whether one more member is looked for when every one is in error: the request waits, and the log says so."""
    usable = _usable(balancer)
    if forces_recovery(balancer) or any("I" in one.status or retry_seconds(one) == 0 for one in usable):
        return False
    return _most(balancer) > len(usable)


def retry_seconds(worker: ProxyWorker | None) -> int:
    """How many seconds a member in error is left alone: ``retry=``."""
    written = worker.text("retry") if worker is not None else None
    return _RETRY if written is None else max(0, atoi(written))


def waits(balancer: Balancer) -> int:
    """How many seconds a request waits for a usable member where there is none."""
    found = balancer.parameters.get("timeout")
    return atoi(found.value) if found is not None else 0


def _usable(balancer: Balancer) -> list[ProxyWorker]:
    return [one for one in balancer.members.workers if not one.out_of_service]


def _most(balancer: Balancer) -> int:
    """How often a member is looked for, the ones that serve nothing counted too."""
    written = balancer.parameters.get("maxattempts")
    return len(balancer.members.workers) if written is None else max(0, atoi(written.value)) + 1


def in_turn(waits: list[float], times: int) -> float:
    """The longest that waiting a number of times may take in all; the longest waits stand first, and all recur."""
    if not waits or not times:
        return 0.0
    rounds, rest = divmod(times, len(waits))
    return (rounds * sum(waits) if rounds else 0.0) + sum(waits[:rest])
