"""RequestReadTimeout in effect: how long a client may take for TLS, for the header and for the body of a request."""

from __future__ import annotations

import math
import re
from typing import Final

import msgspec

from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.governing import Model
from auditor.surfaces.httpd.servers import Server
from auditor.surfaces.httpd.words import split_words

_VALUE: Final = re.compile(r"\s*(\d+)(?:-(\d+))?(?:,minrate=(\d+))?", re.IGNORECASE)


class Stage(msgspec.Struct, frozen=True):
    """The limit of one stage: ``first`` seconds, then a second more for each ``rate`` bytes, up to ``most``.

    ``first`` 0 is no limit at all; ``most`` and ``rate`` 0 are none. ``written`` is the value as it stands in
    ``directive``; None is mod_reqtimeout's default.
    """

    written: str
    first: int
    most: int = 0
    rate: int = 0
    directive: Directive | None = None

    @property
    def longest(self) -> float:
        """The limit as one number: the upper one where there are two; infinite where there is none."""
        return float(self.most or self.first) or math.inf

    def cut_after(self, rate: float) -> float:
        """Seconds after which a client that sends ``rate`` bytes a second is cut, however much it has to send.

        Source: ``extend_timeout`` of mod_reqtimeout: what has come moves the end by its bytes over MinRate.
        """
        if not self.first:
            return math.inf
        end = math.inf if self.rate and rate >= self.rate else float(self.first)
        if self.rate and rate < self.rate:
            end = self.first * self.rate / (self.rate - rate)
        return min(end, self.most) if self.most else end


DEFAULTS: Final = {
    "handshake": Stage("0", 0),
    "header": Stage("20-40,MinRate=500", 20, 40, 500),
    "body": Stage("20,MinRate=500", 20, 0, 500),
}
"""What mod_reqtimeout of 2.4 does as soon as it is loaded."""


def stages(model: Model, server: Server) -> tuple[dict[str, Stage], tuple[Directive, ...]]:
    """The limits by stage, and the directives that count, in order.

    Later directives replace earlier ones stage by stage; the virtual host's stages replace the main server's.
    """
    written = (
        *(() if server.is_main else model.main.plain.get("requestreadtimeout", ())),
        *server.plain.get("requestreadtimeout", ()),
    )
    found = dict(DEFAULTS if model.behaviour.request_limits else dict.fromkeys(DEFAULTS, Stage("0", 0)))
    known = found.keys() if model.behaviour.handshake_limit else found.keys() - {"handshake"}
    for directive in written:
        for word in split_words(directive.arguments):
            stage, _, value = word.partition("=")
            numbers = _VALUE.match(value)
            if stage.lower() in known and numbers is not None:
                first, most, rate = (int(one[:9]) if one else 0 for one in numbers.groups())
                found[stage.lower()] = Stage(value, first, most, rate, directive)
    return found, written


def counting(
    model: Model, server: Server, firsts: tuple[Server, ...], stage: str, *, version_known: bool
) -> tuple[Stage, ...]:
    """The limits that may count for a server's requests: one where that is certain.

    ``firsts`` are the first servers of its addresses: theirs count for the header, and before 2.4.44 for the body too.
    Where all stages of such a server are off, mod_reqtimeout is not on the connection at all.
    """
    ways = (model.behaviour.named_body_limit,) if version_known else (True, False)
    found: dict[tuple[int, int, int], Stage] = {}
    for by_name in ways:
        for first in firsts or (server,):
            limits, _ = stages(model, first)
            if not any(limit.first for limit in limits.values()):
                limit = Stage("0", 0, directive=limits[stage].directive)
            elif stage == "body" and by_name:
                limit = stages(model, server)[0][stage]
            else:
                limit = limits[stage]
            found.setdefault((limit.first, limit.most, limit.rate), limit)
    return tuple(found.values())


def is_loaded(model: Model, written: tuple[Directive, ...]) -> bool | None:
    """Whether mod_reqtimeout is there; None where that is not known."""
    if written or any(name == "reqtimeout_module" for name, _ in model.resolved.modules):
        return True
    return False if model.resolved.modules_known else None
