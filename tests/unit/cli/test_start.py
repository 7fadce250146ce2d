"""What a command loads: a person waits for every module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = ("aiohttp", "asyncio", "deepdiff", "git", "jinja2", "logging", "pydantic", "redfish", "rich", "ssl", "yaml")
SCRIPT = f"""
import sys
from auditor.cli.run import run
code = run(sys.argv[1:])
print(code, *(name for name in {HEAVY} if name in sys.modules), file=sys.stderr)
"""


def test_explaining_a_tree_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/httpd.conf").write_text("ServerName shop.example\nProxyPass /app http://10.0.0.5:8080/\n")
    words = ["explain", str(tmp_path), "http://shop.example/app", "--httpd-version", "2.4.62"]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stderr.split() == ["0"], done.stderr


def test_understanding_a_tree_loads_no_python_compiler_and_hides_nothing_for_good() -> None:
    script = """
import sys
import auditor.surfaces.httpd.explain, auditor.surfaces.httpd.resolving
print(*(name for name in ("inspect", "ast", "typing_extensions", "dataclasses") if name in sys.modules))
import typing_extensions
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
