"""How long the command takes to start, against Python's own start."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.benchmarks.timing import compare, cost_of_process, ratio_line


def run() -> str:
    """The two ratios, a line each."""
    auditor = str(Path(sys.executable).with_name("auditor"))
    lines = []
    for arguments, aim in ((["--version"], 1.5), (["--help"], 8.0)):
        ours, other = compare(
            lambda arguments=arguments: cost_of_process([auditor, *arguments]),  # type: ignore[misc]
            lambda: cost_of_process([sys.executable, "-c", "pass"]),
            runs=15,
        )
        lines.append(ratio_line(f"auditor {arguments[0]} against python -c pass", ours, other, aim))
    return "\n".join(lines)
