"""Replies of the virtual iLO as HTTP answers."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from auditor.surfaces.ilo.body import Body, Json
from auditor.surfaces.ilo.simulator.parts import Message, Reply
from auditor.surfaces.ilo.simulator.well_known import schema_of


def answer_of(reply: Reply, *, allow: Iterable[str] = ()) -> web.Response:
    """A reply as an answer: its body, or its messages as extended information.

    A resource after a change has its messages as an annotation. ``allow`` are the methods that the resource takes.
    """
    headers = {"OData-Version": "4.0", "Cache-Control": "no-cache"}
    body = reply.body
    if body is None:
        body = _extended(reply.messages)
    elif reply.messages:
        body = {**body, "@Message.ExtendedInfo": _entries(reply.messages)}
    if reply.location:
        headers["Location"] = reply.location
    if etag := body.get("@odata.etag"):
        headers["ETag"] = str(etag)
    if type_ := body.get("@odata.type"):
        headers["Link"] = f"<{schema_of(str(type_))}>; rel=describedby"
    if methods := ", ".join(allow):
        headers["Allow"] = methods
    return web.json_response(body, status=reply.status, headers=headers)


def _entries(messages: tuple[Message, ...]) -> list[Json]:
    return [{"MessageId": name, "MessageArgs": list(arguments)} for name, arguments in messages]


def _extended(messages: tuple[Message, ...]) -> Body:
    """The body that holds messages as iLO writes them."""
    return {
        "error": {
            "code": "iLO.0.10.ExtendedInfo",
            "message": "See @Message.ExtendedInfo for more information.",
            "@Message.ExtendedInfo": _entries(messages),
        }
    }
