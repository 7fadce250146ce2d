"""What makes a changed configuration take effect: a reload, a restart, or a stop and start. Pure.

A graceful reload is enough for nearly everything. What it is not enough for stands in :data:`NEEDS`; each entry was
tried on httpd 2.4.71 (event, prefork), where the value before and after each way was read from the running server.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from auditor.model.plan import DISRUPTIONS, Disruption
from auditor.surfaces.httpd.directive import Directive, Resolved
from auditor.surfaces.httpd.vocabulary import brought_by
from auditor.surfaces.httpd.words import split_words

ANY: Final = ("", "*", "0.0.0.0", "::")  # noqa: S104 - compared, not bound
"""Addresses of a Listen that mean every address."""


class Need(NamedTuple):
    """What a directive's change needs, why a reload is not enough, and where that is known from."""

    disruption: Disruption
    why: str
    source: str


_FIRST: Final = "the server keeps the value of its first start"
NEEDS: Final[dict[str, Need]] = {
    "serverlimit": Need("stop and start", _FIRST, "AH00501 and AH00179 at a reload; a restart keeps it too (run)"),
    "threadlimit": Need("stop and start", _FIRST, "AH00506 at a reload; a restart keeps it without a word (run)"),
    "listenbacklog": Need("stop and start", "sockets that are open keep theirs", "ss shows the old one (run)"),
    "scoreboardfile": Need("stop and start", "the scoreboard stays where it is", "the parent's memory map (run)"),
    "pidfile": Need("stop and start", "-k finds no process by the new name", "it tries to start another (run)"),
    "listen": Need(
        "stop and start",
        "the server itself still holds the port when it opens the new address, and ends",
        "AH00072 at a reload and at a restart (run)",
    ),
    "loadmodule": Need(
        "stop and start",
        "a running server that reads another MPM ends",
        '"The MPM cannot be changed during restart", at a reload and at a restart (run)',
    ),
}
"""By the directive's name in lower case. ``listen`` counts where a port is opened on another address, and
``loadmodule`` where the module is an MPM; other changes of these need a reload."""


class Endpoint(msgspec.Struct, frozen=True):
    """Where a Listen listens: the host as written, without brackets (empty: every address), and the port."""

    host: str
    port: int

    def overlaps(self, other: Endpoint) -> bool:
        """Whether one of two sockets cannot be opened while the other is."""
        if self.port != other.port or self == other:
            return False
        hosts = {self.host, other.host}
        if hosts & {"", "*"}:
            return True
        families = {":" in host for host in hosts}
        return len(families) == 1 and bool(hosts & set(ANY))


class Needed(NamedTuple):
    """A changed directive, and what its change needs."""

    directive: Directive
    need: Need


def added(before: Sequence[Directive], after: Sequence[Directive]) -> list[Directive]:
    """The directives of ``after`` that are not in ``before``, counted."""
    left = Counter(_key(directive) for directive in before)
    found: list[Directive] = []
    for directive in after:
        if left[_key(directive)] > 0:
            left[_key(directive)] -= 1
        else:
            found.append(directive)
    return found


def needed(before: Resolved, after: Resolved) -> tuple[Needed, ...]:
    """Every changed directive that a reload is not enough for."""
    new, gone = added(before.directives, after.directives), added(after.directives, before.directives)
    found = [Needed(one, NEEDS[one.name.lower()]) for one in (*new, *gone) if _kept(one, before, after)]
    held = listened(gone)
    moved = [one for one in new if (here := endpoint(one)) and any(here.overlaps(old) for old in held)]
    return (*found, *(Needed(one, NEEDS["listen"]) for one in moved))


def unknown(before: Resolved, after: Resolved) -> tuple[str, ...]:
    """The changed directives of modules that are none of httpd's own: what they need is not known. Sorted."""
    known = brought_by()
    changed = (*added(before.directives, after.directives), *added(after.directives, before.directives))
    return tuple(sorted({one.name for one in changed if one.name.lower() not in known}, key=str.lower))


def heaviest(found: Sequence[Needed]) -> Disruption:
    """What makes all of it take effect; a reload where nothing asks for more."""
    return max((one.need.disruption for one in found), key=DISRUPTIONS.index, default="reload")


def sentence(one: Needed) -> str:
    """Why a change needs more than a reload."""
    return f"{one.directive.name} {one.directive.arguments} needs a {one.need.disruption}: {one.need.why}"


def is_mpm(directive: Directive) -> bool:
    """Whether a LoadModule loads a multi-processing module."""
    return directive.name.lower() == "loadmodule" and bool(re.match(r"mpm_\w+_module\b", directive.arguments))


def listened(directives: Sequence[Directive]) -> list[Endpoint]:
    """Where the Listens among them listen."""
    return [found for one in directives if (found := endpoint(one)) is not None]


def endpoint(directive: Directive) -> Endpoint | None:
    """Where a Listen listens; None for others, and where it cannot be read."""
    if directive.name.lower() != "listen":
        return None
    words = split_words(directive.arguments)
    host, _, port = (words[0] if words else "").rpartition(":")
    if not port.isdigit() or not port.isascii() or not 0 < int(port[:6]) < 65536:
        return None
    host = host.strip("[]").lower()
    return Endpoint("" if host == "*" else host, int(port))


def _kept(directive: Directive, before: Resolved, after: Resolved) -> bool:
    """Whether a running server keeps what this changed directive said before, or ends with what it says now."""
    name = directive.name.lower()
    if name in ("listen", "loadmodule") or name not in NEEDS:
        return is_mpm(directive)
    old, new = (_last(name, one) for one in (before, after))
    return old is None or new is None or old != new


def _last(name: str, resolved: Resolved) -> tuple[str, ...] | None:
    """The words of the one that counts; None where that is not known, or none stands there."""
    found = [one for one in resolved.directives if one.name.lower() == name]
    return None if not found or any(one.doubts for one in found) else split_words(found[-1].arguments)


def _key(directive: Directive) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    within = tuple((section.name.lower(), section.arguments) for section in directive.within)
    return directive.name.lower(), directive.arguments, within
