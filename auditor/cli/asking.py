"""Questions to the person at the terminal."""

from __future__ import annotations

import sys

from auditor.cli import streams


def can_ask() -> bool:
    """Whether somebody sits there who can answer."""
    return sys.stdin is not None and sys.stdin.isatty()


def agrees(question: str) -> bool:
    """Whether the person says yes; the question goes to standard error, so that no report holds it."""
    streams.write_part(question)
    answer = sys.stdin.readline(16)
    return answer.strip().casefold() in ("y", "yes")
