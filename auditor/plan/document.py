"""A plan as bytes: canonical JSON, whose SHA-256 is the plan's identity."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from auditor.errors import InputError
from auditor.model.plan import Plan

LIMIT: Final = 32 * 1024 * 1024
"""The largest plan that is read, in bytes: ten thousand targets in as many cohorts stay below it."""

_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_DECODER: Final = msgspec.json.Decoder(Plan)


def encode_plan(plan: Plan) -> bytes:
    """The canonical bytes of a plan: keys sorted, no white space, UTF-8, no line end.

    Errors:
        InputError: a value has no place in JSON (not a number, half a surrogate pair).
    """
    try:
        # Read back once, so that 60 and 60.0 in a field of seconds give the same bytes.
        return _ENCODER.encode(_DECODER.decode(_ENCODER.encode(plan)))
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError) as error:
        raise InputError(f"the plan cannot be written as JSON: {error}") from error


def decode_plan(content: bytes, where: str = "") -> Plan:
    """The plan that the bytes hold, read strictly: every field known, every type right, the bytes canonical.

    Errors:
        InputError: too large, malformed, an unknown format or field, or not in the canonical form.
    """
    if len(content) > LIMIT:
        raise InputError(f"the plan is larger than {LIMIT} bytes", where=where or None)
    try:
        plan = _DECODER.decode(content)
        canonical = encode_plan(plan)
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError) as error:
        raise InputError(
            f"this is not a change plan: {error}", where=where or None, next_step="Plan again:  auditor plan …"
        ) from error
    if canonical != content:
        raise InputError(
            "the plan is not in its canonical form: it was written or changed by something else.",
            where=where or None,
            next_step="Plan again:  auditor plan …",
        )
    return plan


def id_of(content: bytes) -> str:
    """The identity of a plan's canonical bytes: 64 hexadecimal digits of SHA-256."""
    return hashlib.sha256(content).hexdigest()


def plan_id(plan: Plan) -> str:
    """The identity of a plan."""
    return id_of(encode_plan(plan))
