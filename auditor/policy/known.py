"""Findings that were recorded before, so that only new ones fail a check."""

from __future__ import annotations

import json
from typing import Final

import msgspec

from auditor.errors import InputError
from auditor.model.finding import CheckReport

FORMAT: Final = "auditor.known/v1"


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    fingerprint: str
    rule: str = ""
    address: str = ""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    findings: list[_Entry]


def load_known(file: str, content: bytes) -> frozenset[str]:
    """The fingerprints of a file of known findings.

    Errors:
        InputError: it is not such a file.
    """
    try:
        found = msgspec.json.decode(content, type=_File)
    except msgspec.DecodeError as error:
        raise InputError(
            f"not a file of known findings: {error}", where=file, next_step="Write one anew from a check."
        ) from error
    if found.format != FORMAT:
        raise InputError(f"its format is {found.format!r}, not {FORMAT!r}", where=file)
    return frozenset(entry.fingerprint for entry in found.findings)


def record_known(report: CheckReport) -> bytes:
    """A file that makes every finding of this report known; waived ones are not recorded. Sorted, for reviews."""
    findings = sorted(
        ({"fingerprint": one.fingerprint, "rule": one.rule, "address": str(one.address)} for one in report.findings),
        key=lambda entry: (entry["rule"], entry["address"], entry["fingerprint"]),
    )
    text = json.dumps({"format": FORMAT, "findings": findings}, indent=2, ensure_ascii=False)
    return f"{text}\n".encode()
