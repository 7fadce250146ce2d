"""The commands for a change that has to be confirmed, with their exit codes, on a real httpd over a real sshd."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.cli import main
from auditor.surfaces.httpd.carry_out import server
from tests.fakes.far_sites import FarSite
from tests.fakes.sites import ROUTE
from tests.ssh_server import SshServer

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.usefixtures("no_packages")]


def test_apply_show_and_confirm_tell_what_became_of_it(
    ssh_server: SshServer,
    tmp_path: Path,
    httpd: Path,
    ssh_keygen: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "SETTLE_S", 0.3)

    def run(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main(list(words))
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    with FarSite(ssh_server, tmp_path / "site") as site:
        before = site.files()
        monkeypatch.chdir(site.fleet.root)
        plan = site.propose(f"{ROUTE}=60s").id
        site.approve(plan)
        site.fleet.commit("a plan, approved")
        code, said = run("apply", plan, "--confirm-within", "soon")
        assert (code, "is no time from 30 s to 7 days" in said) == (2, True)

        code, said = run("apply", plan, "--confirm-within", "10m")
        assert code == 0, said
        assert "taken back by itself in 600 s unless it is confirmed" in said
        assert f"Keep it:  auditor confirm {plan[:8]}" in said
        code, said = run("show", plan)
        assert code == 0
        assert "unless it is confirmed" in said
        assert f"auditor confirm {plan[:8]}" in said
        revert = f"/etc/auditor/plans/{plan}/revert"
        site.run(f"sh {revert}/revert.sh {revert} 0")  # as the timer does
        assert site.files() == before
        code, said = run("confirm", plan, "--lang", "ja")
        assert code == 5, said
        assert "took it back by itself" in said
        code, said = run("confirm", plan)
        assert code == 4, said
        assert f"nothing of plan {plan[:8]} waits to be confirmed" in said
        code, said = run("history", "--verify")
        assert code == 0, said

        assert run("apply", plan, "--confirm-within", "10m")[0] == 0
        code, said = run("confirm", plan)
        assert (code, "confirmed, stays" in said) == (0, True), said
        assert site.files() != before
        assert run("history", "--verify")[0] == 0
