"""The question before a test alert is sent, at a terminal."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.cli import main
from auditor.services import alert_proof


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], int]:
    """Runs the command, with an answer at the terminal; what would send says that it was reached."""

    async def sending(*_: object) -> None:
        raise AssertionError("reached")

    monkeypatch.setattr(alert_proof, "prove", sending)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def run(text: str) -> int:
        monkeypatch.setattr(sys, "stdin", _Terminal(text))
        return main(["alerts", "test", "ilo://web1-ilo.example"])

    return run


@pytest.mark.parametrize("text", ["", "\n", "n\n", "no\n", "yesterday\n", "はい\n"])
def test_only_a_yes_sends(text: str, answered: Callable[[str], int], capsys: pytest.CaptureFixture[str]) -> None:
    assert answered(text) == 4
    told = capsys.readouterr().err
    assert "can open a real service call at the vendor" in told
    assert "Nothing was sent." in told


@pytest.mark.parametrize("text", ["y\n", "Yes\n", " YES \n"])
def test_a_yes_sends(text: str, answered: Callable[[str], int], capsys: pytest.CaptureFixture[str]) -> None:
    assert answered(text) == 70  # the stand-in for sending fails
    assert "reached" in capsys.readouterr().err
