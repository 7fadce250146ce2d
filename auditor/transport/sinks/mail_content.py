"""The readable parts of a mail, whatever it is made of."""

from __future__ import annotations

import email
import email.errors
import email.policy
from email.message import EmailMessage
from typing import Final

LARGEST: Final = 1024 * 1024
"""The longest mail that is looked at, in bytes."""


def mail_texts(content: bytes) -> tuple[str, ...]:
    """A mail's headers that name a machine, and its text."""
    try:
        mail = email.message_from_bytes(content[:LARGEST], policy=email.policy.default)
        assert isinstance(mail, EmailMessage)  # noqa: S101 - what this policy makes
        heads = [str(mail.get(name, "")) for name in ("From", "Subject", "Message-ID")]
        body = mail.get_body(("plain", "html"))
        text = body.get_content() if body is not None else ""
    except (email.errors.MessageError, LookupError, ValueError, TypeError, AttributeError, IndexError, RecursionError):
        return (content.decode("utf-8", "replace"),)
    return (*heads, *_pieces(text if isinstance(text, str) else ""))


def _pieces(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]
