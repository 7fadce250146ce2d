"""A baseline that comes with the auditor is named without its path; a path without a fleet has no groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.cli import main
from auditor.services.sample import SAMPLE


def test_a_shipped_baseline_judges_a_tree_without_a_fleet(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["drift", str(SAMPLE), "--baseline", "rhel7-reverse-proxy", "--httpd-version", "2.4.6"]) == 1
    told = capsys.readouterr().out
    assert "agreed in rhel7-reverse-proxy" in told
    assert "proxy time-out  30 s → 120 s" in told
    assert "conf/httpd.conf:93" in told


def test_a_file_of_the_same_name_comes_first_and_another_name_is_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ilo5-server").write_text("nothing of a baseline\n")
    assert main(["drift", str(SAMPLE), "--baseline", "ilo5-server"]) == 2
    assert main(["drift", str(SAMPLE), "--baseline", "no-such"]) == 2
    told = capsys.readouterr().err
    assert "ilo5-server:1" in told
    assert "no-such" in told


NOTHING = """format: auditor.baseline/v1
name: nothing
groups: [all]
resources:
  - kind: {kind}
    name: "{name}"
    values: {{{values}}}
"""


@pytest.mark.parametrize(
    "named",
    [
        "ilo5-server",
        NOTHING.format(kind="httpd.route", name="*", values="read_timeout: unmanaged"),
        NOTHING.format(kind="httpd.balancer", name="no-such*", values="force_recovery: false"),
    ],
    ids=["of another surface", "unmanaged", "a pattern that nothing matches"],
)
def test_a_baseline_that_says_nothing_of_the_tree_is_no_agreement(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if "\n" in named:
        (tmp_path / "own.yaml").write_text(named)
        named = "own.yaml"
    assert main(["drift", str(SAMPLE), "--baseline", named]) == 3
    assert "nothing was compared" in " ".join(capsys.readouterr().out.split())
