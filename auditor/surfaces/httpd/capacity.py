"""How many requests are served at once: the arithmetic of the processing modules.

Source: ``event_check_config``, ``worker_check_config`` and ``prefork_check_config`` with the defaults of their
``pre_config``; every case was compared with what httpd 2.4.71 says at its start.
"""

from __future__ import annotations

from typing import Final

import msgspec

from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.durations import atoi
from auditor.surfaces.httpd.effective import first_word
from auditor.surfaces.httpd.servers import Server

MPMS: Final = ("event", "worker", "prefork")
_MOST_THREADS: Final = 20_000
_MOST_SERVERS: Final = {"event": 20_000, "worker": 20_000, "prefork": 200_000}


class Capacity(msgspec.Struct, frozen=True):
    """``workers`` serve requests, at most, in ``processes`` of ``threads`` each.

    ``written`` is MaxRequestWorkers (or MaxClients) where one stands; ``cut_by`` says what makes ``workers`` another
    number than is written; empty: nothing does.
    """

    workers: int
    processes: int
    threads: int
    written: Directive | None
    cut_by: str = ""


def written_limit(main: Server) -> Directive | None:
    """MaxRequestWorkers or its older name, whichever stands last: to httpd they are one directive."""
    new, old = main.last("maxrequestworkers"), main.last("maxclients")
    if new is None or old is None:
        return new or old
    return next(one for one in reversed(main.all) if one is new or one is old)


def capacity(main: Server, mpm: str) -> Capacity:
    """The capacity with one of :data:`MPMS`."""
    return _prefork(main) if mpm == "prefork" else _threaded(main, mpm)


def capacity_whatever_mpm(main: Server) -> Capacity | None:
    """The capacity where it is the same with every processing module, else None."""
    found = [capacity(main, mpm) for mpm in MPMS]
    return found[0] if len({(one.workers, one.processes) for one in found}) == 1 else None


def _number(main: Server, name: str, usual: int) -> int:
    found = main.last(name)
    return usual if found is None else atoi(first_word(found))


def _servers(main: Server, mpm: str, usual: int) -> int:
    return max(1, min(_number(main, "serverlimit", usual), _MOST_SERVERS[mpm]))


def _prefork(main: Server) -> Capacity:
    limit = written_limit(main)
    servers = _servers(main, "prefork", 256)
    wanted = 256 if limit is None else atoi(first_word(limit))
    workers = max(1, min(wanted, servers))
    cut = f"ServerLimit {servers}" if workers < wanted else "it is below 1" if workers > wanted else ""
    return Capacity(workers, workers, 1, limit, cut)


def _threaded(main: Server, mpm: str) -> Capacity:
    limit = written_limit(main)
    servers = _servers(main, mpm, 16)
    most = max(1, min(_number(main, "threadlimit", 64), _MOST_THREADS))
    threads = max(1, min(_number(main, "threadsperchild", 25), most))
    wanted = 400 if limit is None else atoi(first_word(limit))
    processes = max(wanted, threads) // threads
    workers = min(processes, servers) * threads
    cut = ""
    if processes > servers:
        cut = f"ServerLimit {servers} × ThreadsPerChild {threads}"
    elif workers < wanted:
        cut = f"whole processes of ThreadsPerChild {threads}"
    elif workers > wanted:
        cut = f"one process has ThreadsPerChild {threads}"
    return Capacity(workers, min(processes, servers), threads, limit, cut)
