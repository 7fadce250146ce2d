"""What an iLO answers: status, body, messages, and where it sends a request on to. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from yarl import URL

from auditor.errors import InputError
from auditor.model.target import IloEndpoint
from auditor.surfaces.ilo.body import Body, Json, MalformedError, at, decode, path_of

_LONGEST_PAUSE_S: Final = 5.0

Header = Callable[[str], str | None]


class Answer(msgspec.Struct, frozen=True):
    """What the iLO answered: status, body (empty where there was none), ETag, and the ids of its messages.

    ``messages`` are message ids without version (``Base.LicenseKeyRequired``), in order; ``location`` is the path of
    a created resource, or empty. ``error`` is what is wrong with a body that is no JSON object, else empty.
    """

    status: int
    body: Body
    etag: str = ""
    location: str = ""
    messages: tuple[str, ...] = ()
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether the status is a success."""
        return 200 <= self.status < 300

    @property
    def is_resource(self) -> bool:
        """Whether the body says something of a resource: it is not empty, and no error that is called a success."""
        return any(not name.startswith("@") and name != "error" for name in self.body)

    def says(self, message: str) -> bool:
        """Whether one of the messages has this last name, for example ``LicenseKeyRequired``."""
        return any(one.rsplit(".", 1)[-1] == message for one in self.messages)


def base_url(endpoint: IloEndpoint) -> URL:
    """The address of an iLO.

    Errors:
        InputError: it is none.
    """
    try:
        url = URL(endpoint.url)
        usable = url.scheme == "https" and url.host and not url.user and not url.query_string and not url.fragment
    except ValueError:
        usable = False
    if not usable or url.path not in ("", "/"):
        raise InputError(f"{endpoint.url!r} is no iLO's address", next_step="It looks like  https://web1-ilo[:PORT]")
    return url


def with_slash(path: str, location: str | None, base: str) -> str | None:
    """The path with a slash where that, on this origin, is all that a redirect asks for."""
    if not location:
        return None
    uri, mark, query = path.partition("?")
    try:
        asked = URL(base).join(URL(location))
        same = asked.origin() == URL(base).origin()
    except ValueError:
        return None
    wanted = uri.rstrip("/") + "/"
    return f"{wanted}{mark}{query}" if same and asked.path == wanted and uri != wanted else None


def answer_of(status: int, content: bytes, header: Header) -> Answer:
    """An answer from its parts; ``header`` gives a header's value, or None."""
    body: Body = {}
    error = ""
    if content:
        try:
            body = decode(content)
        except MalformedError as malformed:
            error = str(malformed)
    location = header("Location") or ""
    try:
        location = path_of(URL(location).path) or "" if location else ""
    except ValueError:
        location = ""
    etag = header("ETag") or ""
    return Answer(status, body, etag[:200], location, _messages(body), error)


def _messages(body: Body) -> tuple[str, ...]:
    if "error" not in body and "@Message.ExtendedInfo" not in body:
        return ()
    listed: list[Json] = []
    for pointer in ("/error/@Message.ExtendedInfo", "/@Message.ExtendedInfo"):
        found = at(body, pointer)
        if isinstance(found, list):
            listed += found
    ids = [one["MessageId"] for one in listed[:50] if isinstance(one, dict) and "MessageId" in one]
    return tuple(_without_version(one) for one in ids if isinstance(one, str))


def _without_version(message: str) -> str:
    """``iLO.2.14.LicenseKeyRequired`` as ``iLO.LicenseKeyRequired``."""
    parts = message[:120].split(".")
    return f"{parts[0]}.{parts[-1]}" if len(parts) > 1 else parts[0]


def listed(messages: tuple[str, ...]) -> str:
    """The first messages behind a comma; empty where there are none."""
    return f", {', '.join(messages[:3])}" if messages else ""


def pause_of(value: str | None) -> float | None:
    """Seconds of a Retry-After header, bounded; its form as a date is not used by an iLO."""
    if value is None or not value.isascii() or not value.isdigit():
        return None
    return min(float(value[:6]), _LONGEST_PAUSE_S)
