"""Help: every command has it, it fits 80 columns, and the overview is true without importing any command."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

from auditor import __version__
from auditor.cli import commands, main
from auditor.cli.app import COMMANDS, PARTS
from auditor.report.layout import width_of

_CALLS = [[], *([name] for name in COMMANDS), ["baseline", "adopt"]]


@pytest.mark.parametrize("words", _CALLS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_fits_80_columns(words: list[str], option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, option]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Usage: auditor")
    assert err == ""
    for line in out.splitlines():
        assert width_of(line) <= 80, line


def test_the_overview_names_every_command_module() -> None:
    there = {module.name for module in pkgutil.iter_modules(commands.__path__)}
    assert there == {name.replace("-", "_") for name in COMMANDS}
    assert sum(len(part) for _, part in PARTS) == len(COMMANDS)
    for name in there:
        assert importlib.import_module(f"auditor.cli.commands.{name}").app is not None


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_option_is_a_usage_error(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--no-such-option"]) == 2
    assert "--no-such-option" in capsys.readouterr().err


def test_a_mistyped_command_is_told_what_it_may_have_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chekc"]) == 2
    assert "Did you mean 'check'?" in capsys.readouterr().err


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert "auditor check /etc/httpd" in out + err


@pytest.mark.parametrize("words", [["--version"], ["--version", "check"]])
def test_version(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out == f"auditor {__version__}\n"


def _imported(words: list[str]) -> set[str]:
    """The top-level packages and our modules that a command line imports."""
    script = (
        "import sys; before = set(sys.modules)\n"
        "from auditor.cli import main\n"
        f"main({words!r})\n"
        "sys.stderr.write(' '.join(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_version_imports_no_library() -> None:
    assert _imported(["--version"]) <= {"auditor", "auditor.cli", "__future__"}


def test_help_imports_no_command_and_no_heavy_library() -> None:
    found = _imported(["--help"])
    assert not {name for name in found if name.startswith("auditor.cli.commands")}
    assert not found & {"rich", "msgspec", "git", "redfish", "aiohttp", "deepdiff", "jinja2", "yaml", "apacheconfig"}
