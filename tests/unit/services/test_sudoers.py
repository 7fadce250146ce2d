"""Lines for sudoers, judged by sudo's own check."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.services import sudoers
from tests import servers


@pytest.fixture(scope="module")
def visudo() -> str:
    found = shutil.which("visudo", path="/usr/sbin:/usr/bin:/sbin")
    if found is None:
        servers.missing("visudo")
    return found


def accepted(visudo: str, line: str, folder: Path) -> str:
    """Nothing, or what visudo says against the line."""
    file = folder / "sudoers"
    file.write_text(f"{line}\n", encoding="utf-8")
    file.chmod(0o440)
    done = subprocess.run([visudo, "-c", "-f", str(file)], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("user", ["audit", "1000", "audit.team", "DOM\\audit", "_audit-1"])
@pytest.mark.parametrize("program", ["/usr/local/bin/auditor", "/opt/audit-1.2+b/bin/auditor"])
def test_every_line_is_valid(visudo: str, user: str, program: str, tmp_path: Path) -> None:
    assert sudoers.can_be_written(user, program)
    lines = [sudoers.command_line(user, program, commands) for commands in (sudoers.READING, sudoers.CHANGING)]
    assert accepted(visudo, "\n".join([*lines, sudoers.shell_line(user)]), tmp_path) == ""


def test_a_line_grants_what_it_says(visudo: str) -> None:
    line = sudoers.command_line("audit", "/usr/local/bin/auditor", sudoers.CHANGING)
    assert line == ("audit ALL=(root) NOPASSWD: /usr/local/bin/auditor apply *, /usr/local/bin/auditor rollback *")
    assert sudoers.shell_line("1000") == "#1000 ALL=(root) NOPASSWD: /bin/sh"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.sampled_from("aZ09_.-\\ALDefaults@#%+!"), min_size=1, max_size=9))
def test_no_name_breaks_out_of_its_line(visudo: str, tmp_path: Path, user: str) -> None:
    if sudoers.can_be_written(user):
        line = sudoers.shell_line(user)
        assert "\n" not in line
        assert accepted(visudo, line, tmp_path) == "", line


@pytest.mark.parametrize("user", ["", "a\nroot ALL=(ALL) ALL", "a/b", "a\x07", "a b", "ALL", "%wheel", "a,b", "a!"])
def test_a_name_that_sudoers_cannot_hold_is_not_written(user: str) -> None:
    assert not sudoers.can_be_written(user)
