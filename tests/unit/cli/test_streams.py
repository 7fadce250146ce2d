"""Where reports go, and what happens when they cannot."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from auditor.cli import reporting, streams
from auditor.errors import InputError, StoreError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "web1"
    (root / "conf").mkdir(parents=True)
    (root / "conf/httpd.conf").write_text('ServerRoot "/etc/httpd"\nListen 80\nServerName web1\nTimeout 300\n')
    return root


def auditor(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, its standard error no terminal."""
    return subprocess.run(
        [sys.executable, "-m", "auditor", *map(str, words)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
        check=False,
    )


def test_a_report_file_is_replaced_as_a_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("older")
    path.chmod(0o640)
    streams.write_file(path, "newer \ud800\n")
    assert path.read_text() == "newer \\ud800\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in tmp_path.iterdir()] == ["report.json"]


def test_a_new_report_file_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        streams.write_file(tmp_path / "report", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "report").stat().st_mode & 0o777 == 0o640


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("older")
    (tmp_path / "link").symlink_to("real")
    streams.write_file(tmp_path / "link", "newer")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "newer"


def test_a_full_disk_is_said_with_the_path() -> None:
    with pytest.raises(StoreError, match="/dev/full"):
        streams.write_file(Path("/dev/full"), "x" * 10)


def test_a_failed_write_leaves_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report"
    path.write_text("older")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        streams.write_file(path, "newer")
    assert path.read_text() == "older"
    assert [one.name for one in tmp_path.iterdir()] == ["report"]


def test_outputs_are_checked_before_the_work_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    for word, said in (
        ("yaml", "no report format"),
        ("json:", "no path"),
        (f"json:{tmp_path}/none/report", "does not exist"),
        (f"json:{tmp_path}/folder", "is a folder"),
    ):
        with pytest.raises(InputError, match=said):
            reporting.outputs([word], quiet=False)
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(InputError, match="no right to write"):
        reporting.outputs([f"json:{tmp_path}/report"], quiet=False)


def test_two_reports_for_one_place_are_refused(tmp_path: Path) -> None:
    for words in (["json", "sarif"], [f"json:{tmp_path}/a", f"sarif:{tmp_path}/a"], ["json:-", "table"]):
        with pytest.raises(InputError, match="two reports"):
            reporting.outputs(words, quiet=False)


def test_the_table_goes_to_standard_output_unless_another_report_does(tmp_path: Path) -> None:
    def kinds(words: list[str], *, quiet: bool = False) -> list[str]:
        return [one.format for one in reporting.outputs(words, quiet=quiet) if one.path is None]

    assert kinds([]) == ["table"]
    assert kinds(["json"]) == ["json"]
    assert kinds([f"html:{tmp_path}/r.html"]) == ["table"]
    assert kinds([f"html:{tmp_path}/r.html"], quiet=True) == []
    assert kinds([], quiet=True) == []


def test_several_reports_of_one_check_agree(tree: Path, tmp_path: Path) -> None:
    done = auditor("check", tree, "-f", f"json:{tmp_path}/r.json", "-f", f"sarif:{tmp_path}/r.sarif", "-f", "table")
    found = json.loads((tmp_path / "r.json").read_text())
    sarif = json.loads((tmp_path / "r.sarif").read_text())
    rules = {result["ruleId"] for result in sarif["runs"][0]["results"]}
    failed = {one["rule"] for one in found["targets"][0]["results"] if one["outcome"] == "fail"}
    assert rules == failed
    assert failed
    for rule in failed:
        assert rule in done.stdout
    assert done.stderr == ""


def test_output_is_utf8_whatever_the_locale(tree: Path) -> None:
    done = auditor("check", tree, "--lang", "ja", LC_ALL="C", LANG="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert "ルール" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_gone_away_is_no_fault(tree: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [sys.executable, "-m", "auditor", "check", str(tree), "--verbose"], stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    _, err = process.communicate(timeout=60)
    assert err == b""
    assert process.returncode in (1, 3)


def test_standard_output_that_is_full_is_said(tree: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "auditor", "check", str(tree)], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 3
    assert b"standard output could not be written" in done.stderr
    assert b"Traceback" not in done.stderr


def test_colour_needs_a_terminal_and_no_no_color(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert streams.colour_wanted(Terminal())  # type: ignore[arg-type]
    monkeypatch.setenv("NO_COLOR", "1")
    assert not streams.colour_wanted(Terminal())  # type: ignore[arg-type]
    assert "\x1b" not in auditor("check", tree).stdout


def test_ctrl_c_ends_with_a_word(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _WAITING], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted" in err
    assert "Traceback" not in err


_WAITING = """
import asyncio, sys
import auditor.cli.run as run

async def forever():
    print("ready", flush=True)
    await asyncio.sleep(60)

run._parse = lambda _: lambda: asyncio.run(forever())
sys.exit(run.run([]))
"""


@pytest.mark.parametrize(
    "words", [("--version",), ("--help",), ("check", "TREE"), ("check", "TREE", "--format", "json")]
)
@pytest.mark.parametrize("redirection", [">/dev/full", ">&-"])
def test_an_output_that_cannot_be_written_is_said_and_incomplete(
    tree: Path, words: tuple[str, ...], redirection: str
) -> None:
    command = [sys.executable, "-m", "auditor", *(str(tree) if word == "TREE" else word for word in words)]
    done = subprocess.run(["sh", "-c", f'"$@" {redirection}', "sh", *command], capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    assert "standard output could not be written" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_file_names_are_utf8_whatever_the_locale_says(tree: Path) -> None:
    (tree / "conf/店舗.conf").write_text("ProxyPass /a http://b/ timeout=500ms\n")
    with (tree / "conf/httpd.conf").open("a") as file:
        file.write("Include conf/*舗.conf\n")
    done = auditor(
        "check", tree, "--format", "json", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING=""
    )
    assert done.returncode in (0, 1, 3), done.stderr
    assert json.loads(done.stdout)["format"] == "auditor.check/v1"
    assert "conf/店舗.conf" in done.stdout
