"""The fixed texts about gaps that the inventory declares, in English and Japanese."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "gap.expected": ("expected until {until} ({owner}: {reason})", "{until} まで想定内 ({owner}: {reason})"),
    "check.expected_gaps": ("Not seen, as expected (does not count)", "想定内の未収集 (判定に影響しません)"),
    "drift.expected": ("not seen, as expected", "未収集 (想定内)"),
}
