"""The typed values an attribute can have."""

from __future__ import annotations

import base64
from typing import TypeAlias

import msgspec


class _Value(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type"):
    """Base of all values; JSON carries the type beside the value."""


class Text(_Value, frozen=True, tag="text"):
    """Unicode text."""

    value: str


class Number(_Value, frozen=True, tag="number"):
    """A count or measure without a unit of time."""

    value: int | float


class Boolean(_Value, frozen=True, tag="boolean"):
    """True or false."""

    value: bool


class Duration(_Value, frozen=True, tag="duration"):
    """A length of time in seconds, zero or positive."""

    seconds: float


class NoLimit(_Value, frozen=True, tag="no limit"):
    """No limit is set: compares as longer than any duration, larger than any number."""


class Version(_Value, frozen=True, tag="version"):
    """A version as its vendor writes it; compared by the vendor's rules, never as text."""

    text: str


class Secret(_Value, frozen=True, tag="secret"):
    """The keyed digest that stands for a secret, as :class:`auditor.model.secret.Sealer` writes it."""

    digest: str


class Raw(_Value, frozen=True, tag="bytes"):
    """Bytes that are not UTF-8, in base64."""

    base64: str


class Undetermined(_Value, frozen=True, tag="undetermined"):
    """The value cannot be known from what was collected; never a pass.

    ``cause`` is a sentence for people: what is missing and how to give it.
    """

    cause: str


class Many(_Value, frozen=True, tag="list"):
    """Values in the order in which they matter; empty means "none", which differs from an absent attribute."""

    items: tuple[Value, ...]


Value: TypeAlias = Text | Number | Boolean | Duration | NoLimit | Version | Secret | Raw | Undetermined | Many


def text_of(raw: bytes) -> Text | Raw:
    """Text where the bytes are UTF-8, else the bytes in base64."""
    try:
        return Text(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return Raw(base64.b64encode(raw).decode("ascii"))


def texts(*items: str) -> Many:
    """A list of texts."""
    return Many(tuple(Text(item) for item in items))


def show(value: Value) -> str:
    """The value as a person reads it: ``60 s``, ``no limit``, ``on``, ``undetermined``."""
    match value:
        case Text(text) | Version(text):
            return text
        case Number(number):
            return f"{number:g}" if isinstance(number, float) else str(number)
        case Boolean(flag):
            return "yes" if flag else "no"
        case Duration(seconds):
            return show_seconds(seconds)
        case NoLimit():
            return "no limit"
        case Secret(digest):
            return f"secret {digest.rsplit(':', 1)[-1][:8]}"
        case Raw(encoded):
            return base64.b64decode(encoded).decode("utf-8", "backslashreplace")
        case Undetermined():
            return "undetermined"
        case Many(items):
            return ", ".join(show(item) for item in items) or "none"


def show_seconds(seconds: float) -> str:
    """``60 s``, ``0.5 s``, ``20 ms``: seconds in the unit that needs no leading zeros."""
    if 0 < seconds < 0.1:
        return f"{seconds * 1000:g} ms"
    return f"{seconds:g} s"
