"""Whatever a tree holds, the command line ends in words: no traceback, and within a bound of memory."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.fakes import hostile_trees

MEMORY: Final = 1 << 30
"""Bytes of address space; the largest configurations that are still understood need up to two of these."""


BOTH: Final = """
import sys
from auditor.cli import main
print(main(["check", sys.argv[1]]), main(["explain", sys.argv[1], "http://a.example/a/b"]))
"""


@pytest.mark.parametrize("name", hostile_trees.TREES)
def test_a_hostile_tree_ends_in_words(name: str, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    hostile_trees.write(root, hostile_trees.TREES[name]())
    done = subprocess.run(
        [sys.executable, "-c", BOTH, str(root)],
        capture_output=True,
        timeout=600,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )
    said = (done.stdout + done.stderr).decode("utf-8")
    assert done.returncode == 0, said[-2000:]
    *lines, codes = done.stdout.decode("utf-8").splitlines()
    assert set(codes.split()) <= {"0", "1", "2", "3", "4"}
    assert "Traceback" not in said
    assert "Internal fault" not in said
    assert "\x1b[31m" not in said
    assert lines
    assert max(map(len, said.splitlines())) < 100_000
