"""Replies of the virtual iLO as HTTP answers."""

from __future__ import annotations

from aiohttp import web

from auditor.surfaces.ilo.body import Body, Json
from auditor.surfaces.ilo.simulator.parts import Message, Reply


def answer_of(reply: Reply) -> web.Response:
    """A reply as an answer: its body, or its messages as extended information."""
    headers = {"Location": reply.location} if reply.location else None
    body = reply.body if reply.body is not None else extended(reply.messages)
    return web.json_response(body, status=reply.status, headers=headers)


def extended(messages: tuple[Message, ...]) -> Body:
    """The body that holds messages as iLO writes them."""
    entries: list[Json] = [{"MessageId": name, "MessageArgs": list(arguments)} for name, arguments in messages]
    return {
        "error": {
            "code": "iLO.0.10.ExtendedInfo",
            "message": "See @Message.ExtendedInfo",
            "@Message.ExtendedInfo": entries,
        }
    }
