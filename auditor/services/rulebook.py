"""Writes ``docs/rules.md`` anew from the shipped rules: ``python -m auditor.services.rulebook``."""

from __future__ import annotations

from pathlib import Path

from auditor.policy.rulebook import write_rulebook
from auditor.policy.rules import load_policy
from auditor.services.check import kinds_of, shipped_policy_files


def rulebook() -> str:
    """The text of ``docs/rules.md`` as it should stand."""
    return write_rulebook(load_policy(shipped_policy_files(), kinds_of()))


if __name__ == "__main__":
    (Path(__file__).resolve().parent.parent.parent / "docs" / "rules.md").write_text(rulebook(), encoding="utf-8")
