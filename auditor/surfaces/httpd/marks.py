"""What a failure of a back end looks like: the status a client gets and the identifiers in the error log.

Measured on 2.4.71 at the default LogLevel with back ends that hang, refuse, reset, close and stop half-way.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from auditor.surfaces.httpd.versions import Behaviour

Phase = Literal["read", "mid-body", "connect", "refused", "closed", "handshake", "ping"]

MEMBER_DISABLED: Final = "AH00959"
NO_MEMBER: Final = "AH01170"
_CONNECT_IDS: Final = {
    "http": "AH01114",
    "https": "AH01114",
    "fcgi": "AH01079",
    "ajp": "AH00896",
    "scgi": "AH00866",
    "uwsgi": "AH10101",
    "ws": "AH02452",
    "wss": "AH02452",
}
_AJP: Final = ("AH01030", "AH00992", "AH00878")
_HTTP: Final = ("AH01102", "AH00898")
_AJP_LOG: Final = "AH01030 goes to the main server's error log."


class Mark(msgspec.Struct, frozen=True, gc=False):
    """``status`` None and ``known`` False: not known for this protocol. ``text`` adds what the numbers do not say.

    ``times`` is how often httpd waits before it gives up. A member of a balancer that gives 503 is in error, and the
    next one is tried.
    """

    status: int | None
    log_ids: tuple[str, ...] = ()
    text: str = ""
    known: bool = True
    times: int = 1


def timeout_mark(
    scheme: str,
    behaviour: Behaviour,
    *,
    ping: bool = False,
    fail_on_timeout: bool = False,
    repeatable: bool = True,
) -> Mark:
    """The mark of a read time-out before the answer's header.

    ``repeatable`` is a request that AJP may send twice: GET, PUT, DELETE or OPTIONS without body and query.
    """
    match scheme:
        case "http" | "https":
            return Mark(502, (*_HTTP, "AH02460") if fail_on_timeout else _HTTP)
        case "fcgi":
            return Mark(behaviour.fcgi_timeout_status, ("AH01075",))
        case "ajp":
            return Mark(504 if ping else 503 if repeatable else 500, _AJP, _AJP_LOG)
        case "scgi":
            return Mark(504, ("AH00860",))
        case "uwsgi":
            return Mark(500, (), "Nothing is written to the error log.")
        case "h2" | "h2c":
            times = behaviour.h2_attempts
            text = f"It is tried {'twice' if times == 2 else f'{times} times'}; nothing is written to the error log."
            return Mark(503, (), text, times=times) if behaviour.h2_limit else Mark(None)
    return Mark(None, (), f"what httpd does then is not known for {scheme}", known=False)


def body_mark(scheme: str) -> Mark | None:
    """The mark of an answer that stops or ends in its body: the client has its 200 already."""
    match scheme:
        case "http" | "https":
            return Mark(200, ("AH01110",))
        case "fcgi":
            return Mark(200, ("AH01075",))
        case "scgi":
            return Mark(200, ("AH00574",))
        case "ajp":
            return Mark(200, ("AH01030", "AH00992", "AH00893"), _AJP_LOG)
        case "uwsgi":
            return Mark(200)
    return None


def slow_client_mark(scheme: str, behaviour: Behaviour) -> Mark | None:
    """The mark of a client whose body does not come; None where that is not noticed before the back end asks for it."""
    status = behaviour.slow_body_status
    text = "" if behaviour.known else "Before 2.4.24 the status is 400."
    blamed = f"It looks like a fault of the back end. {text}".strip()
    match scheme:
        case "http" | "https":
            return Mark(status, ("AH01095",), blamed)
        case "fcgi":
            return Mark(behaviour.slow_fcgi_body_status, ("AH01075",), blamed)
        case "scgi":
            return Mark(500, ("AH00859",)) if behaviour.scgi_body_noticed else Mark(503, ("AH00858",), blamed)
        case "uwsgi":
            return Mark(500, ("AH10099",)) if behaviour.scgi_body_noticed else Mark(503, ("AH10098",), blamed)
        case "":
            own = (
                ""
                if behaviour.slow_body_ends_all
                else "A redirect or an error that httpd sends itself keeps its status."
            )
            return Mark(status, (), f"{text} {own}".strip())
    return None


def connect_mark(scheme: str, behaviour: Behaviour, *, unix: bool, member: bool, generic: bool = False) -> Mark:
    """The mark of a connection that is refused, or not there in time.

    ``member``: of a balancer; ``generic``: of a proxy worker that is never put in error, as the one that no line
    defines.
    """
    own = _CONNECT_IDS.get(scheme)
    ids = ("AH02454" if unix else "AH00957", *((own,) if own else ()))
    times = behaviour.h2_connects if scheme in ("h2", "h2c") else 1
    disabled = member or (behaviour.plain_errors and not generic)
    return Mark(503, (*ids, MEMBER_DISABLED) if disabled else ids, times=times)


def closed_mark(scheme: str, behaviour: Behaviour, *, repeatable: bool = True) -> Mark | None:
    """The mark of a back end that closes or resets before it answers."""
    match scheme:
        case "http" | "https":
            return Mark(502, _HTTP)
        case "fcgi":
            return Mark(503, ("AH01067", "AH01075") if behaviour.fcgi_header_logged else ("AH01075",))
        case "ajp":
            return Mark(503 if repeatable else 500, _AJP, _AJP_LOG)
        case "scgi":
            return Mark(500, ("AH00860",))
        case "uwsgi":
            return Mark(500)
        case "h2" | "h2c":
            return Mark(503)
        case "ws" | "wss":
            return Mark(None, (), "The connection is closed without an answer.")
    return None


def handshake_mark(scheme: str) -> Mark | None:
    """The mark of a TLS handshake that is not answered: not that of an answer which does not come."""
    match scheme:
        case "https":
            return Mark(500, ("AH01084", "AH01097", "AH00898"))
        case "wss":
            return Mark(500, ("AH01084", "AH00898"))
    return None


def in_error_mark() -> Mark:
    """The mark of a proxy worker that is no member of a balancer and in error since the last connection."""
    return Mark(503, ("AH00940",), "The child process that saw the failure tries no connection for so long.")


def plain_request_mark(behaviour: Behaviour) -> Mark | None:
    """The mark of a request to mod_proxy_wstunnel that is no WebSocket handshake; None where it is let through."""
    if behaviour.websocket_choice:
        return Mark(None, (), "A request that is no WebSocket handshake is not proxied at all.")
    return Mark(500, ("AH01144",), "Of a request that is no handshake.") if behaviour.strict_websockets else None


def no_handler_mark(behaviour: Behaviour, *, member: bool) -> Mark:
    """The mark of a URL whose protocol no loaded module speaks. ``member``: of a balancer."""
    if member and not behaviour.handlerless_members_fail:
        return Mark(503, ("AH00934",))
    return Mark(500, ("AH01144",))


def ping_mark(scheme: str) -> Mark | None:
    """The mark of a ping that is not answered."""
    match scheme:
        case "http" | "https":
            return Mark(503, _HTTP, "Only a request with a body is preceded by it.")
        case "ajp":
            return Mark(503, ("AH01012", "AH00897"), times=2)
    return None
