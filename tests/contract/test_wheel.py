"""What is installed is whole: a wheel, unpacked where no checkout is near, checks with the shipped rules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD = "import sys, hatchling.build; print(hatchling.build.build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run([sys.executable, "-c", BUILD, str(folder)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.strip().splitlines()[-1]


def test_rules_baselines_and_every_file_of_the_package_are_inside(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        inside = {name: packed.read(name) for name in packed.namelist()}
    expected = {f"auditor/_shipped/{kind}/{path.name}": path for kind in ("policies", "baselines")
                for path in (ROOT / kind).glob("*.yaml")}  # fmt: skip
    assert len(expected) >= 6
    for path in (ROOT / "auditor").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            expected[path.relative_to(ROOT).as_posix()] = path
    assert [name for name, path in expected.items() if inside.get(name) != path.read_bytes()] == []
    others = {name for name in inside if name not in expected and ".dist-info/" not in name}
    assert others == set()


def test_it_says_what_it_is_and_which_python_it_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        (metadata,) = (packed.read(name).decode() for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
        (points,) = (packed.read(name).decode() for name in packed.namelist() if name.endswith("entry_points.txt"))
    assert "Name: httpd-ilo-auditor\n" in metadata
    assert "Requires-Python: <3.14,>=3.11\n" in metadata
    assert "auditor = auditor.cli:main\n" in points
    assert "[auditor.surfaces]\n" in points


def test_it_checks_with_the_shipped_rules_far_from_any_checkout(wheel: Path, tmp_path: Path) -> None:
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments], cwd=elsewhere, env=environment, capture_output=True, text=True
        )

    assert run("-c", "import auditor; print(auditor.__file__)").stdout.startswith(str(site))
    done = run("-m", "auditor", "check", str(site / "auditor/services/sample/httpd"), "--format", "json")
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["summary"]["rules"] >= 37
