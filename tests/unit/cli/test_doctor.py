"""``auditor doctor``: what is missing, what it costs, how it is said."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from auditor.cli import main
from auditor.cli.forms.doctor import diagnosis_json, show_diagnosis
from auditor.model.diagnosis import Diagnosis, DoctorCheck, TargetDiagnosis
from auditor.report.interface import LANGUAGES, Style
from auditor.report.layout import width_of
from auditor.report.messages import Words
from tests import servers

NAMES = (
    *("git", "ssh", "signing", "httpd", "fleet", "key", "store"),
    *("reach", "tree", "program", "processes", "loaded", "limits", "sockets", "memory", "packages", "tools", "sudo"),
    *("certificate", "credentials"),
    *("log_in", "reading", "seen", "ilo_settings", "bios_settings", "server_restart", "licence"),
)
LINE = "audit ALL=(root) NOPASSWD: /bin/sh"
MISSING = Diagnosis(
    (DoctorCheck("git", "ok", "/usr/bin/git"), DoctorCheck("httpd", "without")),
    (
        TargetDiagnosis(
            "web1/httpd",
            "audit",
            (
                DoctorCheck("reach", "ok"),
                DoctorCheck("memory", "missing", "it may not be read", "Set  sudo: true  for it."),
            ),
            (LINE,),
        ),
    ),
)


def test_without_a_target_it_looks_at_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--format", "json"])
    said = json.loads(capsys.readouterr().out)
    assert said["format"] == "auditor.doctor/v1"
    assert said["targets"] == []
    assert [one["name"] for one in said["here"]] == ["git", "ssh", "signing", "httpd"]
    assert code == (0 if said["complete"] else 3)


def test_a_copy_of_a_tree_is_not_asked_what_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "httpd.conf").write_text("Timeout 60\n")
    assert main(["doctor", str(tmp_path), "--format", "json"]) == 3
    said = json.loads(capsys.readouterr().out)
    checks = {one["name"]: one["state"] for one in said["targets"][0]["checks"]}
    assert checks["processes"] == "without"
    assert checks["program"] == "missing"
    assert main(["doctor", str(tmp_path / "nowhere")]) == 2


def test_an_ilo_that_does_not_answer_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDITOR_ILO_USERNAME", "audit")
    monkeypatch.delenv("AUDITOR_ILO_PASSWORD", raising=False)
    assert main(["doctor", f"ilo://127.0.0.1:{servers.free_port()}", "--format", "json"]) == 3
    (target,) = json.loads(capsys.readouterr().out)["targets"]
    assert [(one["name"], one["state"]) for one in target["checks"]] == [
        ("reach", "missing"),
        ("credentials", "missing"),
    ]
    assert target["checks"][1]["detail"] == "AUDITOR_ILO_PASSWORD"


def test_what_is_missing_says_what_it_costs_and_what_grants_it() -> None:
    text = show_diagnosis(MISSING, Style())
    assert "memory map            MISSING   it may not be read" in text
    assert "costs: HTTPD-STATE-003, the MPM that runs" in text
    assert f"\n    {LINE}\n" in text
    assert text.endswith("1 missing: what depends on it is not examined, and never passes.\n")
    assert not MISSING.complete


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_fits_80_columns_but_for_a_line_to_copy(lang: str) -> None:
    every = tuple(DoctorCheck(name, "missing", "words " * 30, "do " * 40) for name in NAMES)
    target = TargetDiagnosis("web1/httpd", "audit", every, (LINE,), (LINE * 4,))
    text = show_diagnosis(Diagnosis(every, (target,)), Style(lang=lang))  # type: ignore[arg-type]
    assert all(width_of(line) <= 80 for line in text.splitlines() if LINE not in line)
    assert (LINE * 4) in text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_check_has_its_words(name: str, lang: str) -> None:
    words = Words(lang)  # type: ignore[arg-type]
    assert 0 < width_of(words(f"doctor.name.{name}")) <= 20  # what stands behind it is aligned
    assert words(f"doctor.cost.{name}")


def test_foreign_text_is_made_harmless() -> None:
    evil = Diagnosis((DoctorCheck("git", "ok", "\x1b[31mred\n"),), ())
    assert "\x1b" not in show_diagnosis(evil, Style())
    assert "\x1b" not in diagnosis_json(evil, Style())


def test_a_store_that_cannot_be_written_to_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["init", str(tmp_path / "fleet")]) == 0
    capsys.readouterr()

    def store() -> tuple[int, dict[str, str]]:
        code = main(["doctor", "--fleet", str(tmp_path / "fleet"), "--format", "json"])
        return code, next(one for one in json.loads(capsys.readouterr().out)["here"] if one["name"] == "store")

    assert store()[1]["state"] == "ok"
    may = os.access  # a test may run as root, whom no permission keeps from writing
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and may(path, mode))
    code, found = store()
    assert (code, found["state"]) == (3, "missing")
    assert "cannot be written to" in json.dumps(found)
