"""The commands for an iLO's change that has to be confirmed, with their exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.cli import main
from auditor.plan.held import holder_lives
from tests.fakes.held_ilos import LOCATION, held_ilo
from tests.running import until

pytestmark = [pytest.mark.e2e, pytest.mark.integration]


def test_apply_show_and_confirm_tell_who_takes_it_back_and_that_it_was(
    tmp_path: Path, ssh_keygen: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main(list(words))
        captured = capsys.readouterr()
        return code, " ".join((captured.out + captured.err).split())

    with held_ilo(tmp_path) as site:
        for name, value in site.fleet.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(site.fleet.root)
        before, plan = site.location, site.plan(LOCATION)
        inventory = site.fleet.root / "auditor.yaml"
        inventory.write_text(inventory.read_text().replace(f", cafile: {site.ilo.cafile}", ""))
        site.fleet.commit("a plan, approved, and an iLO whose authority only the command line names")

        words = ["apply", plan, "--confirm-within", "10m", "--cafile", site.ilo.cafile]
        command = [sys.executable, "-m", "auditor", *words]
        # Its process group is what a terminal hangs up on.
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
            said, _ = process.communicate(timeout=60)
        said = " ".join(said.split())
        assert process.returncode == 0, said
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, signal.SIGHUP)
        assert holder_lives(site.held(plan).folder.parent), "it outlives the command"
        assert "taken back by this controller in 600 s unless it is confirmed" in said
        assert f"Keep it: auditor confirm {plan[:8]}" in said
        code, said = run("show", plan)
        assert code == 0
        assert "taken back by this controller at 20" in said
        site.let_time_pass(plan)
        until(lambda: site.held(plan).state == "reverted")
        assert site.location == before
        code, said = run("show", plan)
        assert "so this controller took it back; the next command looks and records it" in said
        code, said = run("confirm", plan, "--lang", "ja", "--cafile", site.ilo.cafile)
        assert code == 5, said
        assert "this controller took it back by itself" in said
        assert "切り戻し・検証済み" in said
        code, said = run("history", "--verify")
        assert code == 0, said
