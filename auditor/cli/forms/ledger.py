"""The forms of a verified ledger: a table for people, JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from auditor.report.escape import one_line
from auditor.report.interface import Style
from auditor.report.json import write
from auditor.report.layout import paint, paragraph
from auditor.report.messages import Words

if TYPE_CHECKING:
    from auditor.services.ledger_check import LedgerVerdict


def show_verdict(verdict: LedgerVerdict, style: Style) -> str:
    """What was verified, what was altered, and what could not be verified here."""
    words = Words(style.lang)
    state = "altered" if verdict.altered else "unverified" if verdict.unverified else "verified"
    colour = {"altered": "high", "unverified": "medium", "verified": "good"}[state]
    lines = [paint(words(f"ledger.{state}"), colour, on=style.colour)]
    counted = words("ledger.counted", n=verdict.entries, sealed=verdict.sealed, signatures=verdict.signatures)
    lines.append(paragraph(counted, 2))
    lines += [paragraph(f"✘ {one_line(one)}", 2, 4) for one in verdict.altered]
    lines += [paragraph(f"? {one_line(one)}", 2, 4) for one in verdict.unverified]
    if verdict.since:
        lines.append(paragraph(words("ledger.since", since=words.moment(verdict.since)), 2, 4))
    if verdict.tip:
        lines.append(f"  {words('ledger.tip', tip=verdict.tip)}")
    return "\n".join(lines) + "\n"


def verdict_json(verdict: LedgerVerdict, style: Style) -> str:
    """The verdict as ``auditor.ledger/v1``."""
    body: dict[str, Any] = msgspec.to_builtins(verdict)
    return write({"format": "auditor.ledger/v1", "auditor_version": style.version, **body})
