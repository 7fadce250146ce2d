"""What a read time-out looks like: the status a client gets and the identifiers in the error log.

Measured on 2.4.71 at the default LogLevel, back ends that hang before they answer.
"""

from __future__ import annotations

import msgspec

from auditor.surfaces.httpd.versions import Behaviour


class TimeoutMark(msgspec.Struct, frozen=True, gc=False):
    """``status`` None and ``known`` False: not known for this protocol. ``text`` adds what the numbers do not say.

    ``times`` is how often httpd waits before it gives up.
    """

    status: int | None
    log_ids: tuple[str, ...] = ()
    text: str = ""
    known: bool = True
    times: int = 1


def timeout_mark(
    scheme: str, behaviour: Behaviour, *, ping: bool = False, fail_on_timeout: bool = False
) -> TimeoutMark:
    """The mark of a read time-out before the answer's header."""
    match scheme:
        case "http" | "https":
            ids = ("AH01102", "AH00898")
            return TimeoutMark(502, (*ids, "AH02460") if fail_on_timeout else ids)
        case "fcgi":
            return TimeoutMark(behaviour.fcgi_timeout_status, ("AH01075",))
        case "ajp":
            ajp_ids = ("AH01030", "AH00992", "AH00878")
            if ping:
                return TimeoutMark(504, ajp_ids)
            return TimeoutMark(503, ajp_ids, "a GET is tried again on another member; other methods give 500")
        case "scgi":
            return TimeoutMark(504, ("AH00860",))
        case "uwsgi":
            return TimeoutMark(500, (), "nothing is written to the error log")
        case "h2" | "h2c":
            return TimeoutMark(503, (), "It is tried twice; nothing is written to the error log.", times=2)
    return TimeoutMark(None, (), f"what httpd does then is not known for {scheme}", known=False)
