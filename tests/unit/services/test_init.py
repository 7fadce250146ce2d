"""Making a fleet repository."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from auditor.errors import AuditorError, InputError, RefusedError
from auditor.policy.waivers import load_waivers
from auditor.services.check import shipped_policy_files
from auditor.services.fleet import load_fleet
from auditor.services.init import init_fleet
from auditor.services.keys import sealer_for
from auditor.store import Store


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}


def contents(root: Path) -> dict[str, bytes]:
    return {str(one.relative_to(root)): one.read_bytes() for one in root.rglob("*") if one.is_file()}


def test_a_fleet_repository_is_whole_and_usable(tmp_path: Path, environment: dict[str, str]) -> None:
    root = tmp_path / "fleet"
    report = init_fleet(root, environment)
    fleet = load_fleet(root)
    assert (fleet.id, fleet.key_id, fleet.targets) == (report.fleet_id, report.key_id, ())
    assert sealer_for(fleet, environment).key_id == report.key_id
    assert report.kept == ()
    for name in ("policies", "baselines", "plans", "waivers.yaml", "approvers", ".git", ".auditor/store.git"):
        assert (root / name).exists(), name
    assert fleet.waivers_file is not None
    assert load_waivers("waivers.yaml", fleet.waivers_file.read_bytes()) == ()
    with Store.open(fleet.store_path) as store:
        assert store.targets() == ()


def test_a_new_fleet_uses_every_shipped_policy(tmp_path: Path, environment: dict[str, str]) -> None:
    init_fleet(tmp_path / "fleet", environment)
    shipped = {Path(name).stem for name, _ in shipped_policy_files()}
    assert set(load_fleet(tmp_path / "fleet").policy_names) == shipped


def test_neither_store_nor_key_can_be_committed(tmp_path: Path, environment: dict[str, str]) -> None:
    root = tmp_path / "fleet"
    report = init_fleet(root, environment)
    subprocess.run(["git", "-C", str(root), "add", "-A"], check=True)
    listed = subprocess.run(["git", "-C", str(root), "ls-files"], capture_output=True, check=True).stdout.decode()
    assert "auditor.yaml" in listed.split()
    assert ".auditor" not in listed
    key = Path(report.key_file)
    assert not key.is_relative_to(root)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    secret = key.read_bytes().strip()
    assert not any(secret in content for content in contents(root).values())


def test_a_second_run_changes_nothing(tmp_path: Path, environment: dict[str, str]) -> None:
    root = tmp_path / "fleet"
    first = init_fleet(root, environment)
    (root / "auditor.yaml").write_text((root / "auditor.yaml").read_text() + "# ours\n")
    (root / "approvers").write_text("ops1 ssh-ed25519 AAAA\n")
    before = contents(root)
    again = init_fleet(root, environment)
    assert contents(root) == before
    assert again.made == ()
    assert (again.key_id, again.fleet_id) == (first.key_id, first.fleet_id)
    assert not any("names nobody" in note for note in again.notes)


def test_what_is_missing_is_made_again(tmp_path: Path, environment: dict[str, str]) -> None:
    root = tmp_path / "fleet"
    init_fleet(root, environment)
    (root / "approvers").unlink()
    (root / "plans/.gitkeep").unlink()
    (root / "plans").rmdir()
    report = init_fleet(root, environment)
    assert {Path(path).name for path in report.made} == {"approvers", "plans"}


def test_another_key_is_refused_and_none_is_made(tmp_path: Path, environment: dict[str, str]) -> None:
    init_fleet(tmp_path / "fleet", environment)
    elsewhere = {**environment, "HOME": str(tmp_path / "other")}
    with pytest.raises(InputError, match="Copy the key file"):
        init_fleet(tmp_path / "fleet", elsewhere)
    assert not (tmp_path / "other").exists()
    other = init_fleet(tmp_path / "fleet2", elsewhere)
    with pytest.raises(RefusedError, match="the fleet's is"):
        init_fleet(tmp_path / "fleet", {**environment, "AUDITOR_KEY_FILE": other.key_file})


def test_an_existing_repository_and_its_files_are_kept(tmp_path: Path, environment: dict[str, str]) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "fleet")], check=True)
    (tmp_path / "fleet/.gitignore").write_text("*.swp")
    (tmp_path / "fleet/policies").mkdir()
    (tmp_path / "fleet/policies/own.yaml").write_text("x")
    init_fleet(tmp_path / "fleet", environment)
    assert (tmp_path / "fleet/.gitignore").read_text() == "*.swp\n.auditor/\n"
    assert (tmp_path / "fleet/policies/own.yaml").read_text() == "x"


def test_a_fleet_in_a_folder_of_a_repository_makes_no_repository_of_its_own(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "mono")], check=True)
    report = init_fleet(tmp_path / "mono/ops/fleet", environment)
    assert not (tmp_path / "mono/ops/fleet/.git").exists()
    assert any("is kept in the git repository" in note for note in report.notes)


def test_a_calling_hook_s_git_settings_do_not_misplace_the_repository(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    hook = {"GIT_DIR": str(tmp_path / "elsewhere"), "GIT_WORK_TREE": str(tmp_path), "GIT_INDEX_FILE": "/nowhere"}
    init_fleet(tmp_path / "fleet", {**environment, **hook})
    assert (tmp_path / "fleet/.git/HEAD").read_text().strip() == "ref: refs/heads/main"
    assert not (tmp_path / "elsewhere").exists()


def test_places_that_cannot_hold_a_fleet_are_refused_and_left_alone(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    report = init_fleet(tmp_path / "fleet", environment)
    (tmp_path / "file").write_text("x")
    before = contents(tmp_path)
    for place in (
        tmp_path / "file",
        Path(report.store),
        Path(report.store) / "objects/x",
        tmp_path / "fleet/.git/x",
        tmp_path / "fleet/policies",
    ):
        with pytest.raises(AuditorError) as caught:
            init_fleet(place, environment)
        assert caught.value.untouched or caught.value.next_step
    assert contents(tmp_path) == before


def test_a_folder_that_the_repository_around_it_ignores_gets_its_own(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True, env=environment)
    (tmp_path / ".gitignore").write_text("/run/\n")
    root = tmp_path / "run" / "fleet"
    report = init_fleet(root, environment)
    assert str(root / ".git") in report.made
    assert not any("is kept in" in note for note in report.notes)
