"""Errors as one sentence, for outcomes and journals."""

from __future__ import annotations

import asyncio

from auditor.errors import AuditorError


def refusal(error: BaseException) -> str:
    """Why a target refused, and what the person can do about it."""
    next_step = error.next_step if isinstance(error, AuditorError) else None
    return f"{in_words(error)}. {next_step.rstrip('.')}" if next_step else in_words(error)


def in_words(error: BaseException) -> str:
    """An error in words: ours speak for themselves, others say what they are."""
    if isinstance(error, AuditorError):
        return (f"{error.where}: {error.what}" if error.where else error.what).rstrip(".")
    if isinstance(error, asyncio.CancelledError | KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
    return f"an internal fault ({type(error).__name__}: {error})"
