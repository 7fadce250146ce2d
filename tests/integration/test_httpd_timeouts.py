"""How a real httpd fails requests whose back end or client misbehaves, against what ``explain`` says; nothing is tuned.

Every case is a folder below ``tests/corpus/httpd/timeouts``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.timeouts.cases import CORPUS, load_cases
from tests.timeouts.compare import differences
from tests.timeouts.random_server import random_outcomes
from tests.timeouts.run import outcomes

pytestmark = pytest.mark.integration


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that httpd's own user may enter, as it may not enter pytest's."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def version_of(httpd: Path) -> str:
    said = subprocess.run([str(httpd), "-v"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"Apache/([\d.]+)", said)
    assert found is not None
    return found[1]


def test_every_case_comes_as_expected_and_as_explained(httpd: Path, folder: Path) -> None:
    cases = load_cases()
    assert len(cases) >= 80
    found = outcomes(cases, folder, version_of(httpd))
    wrong = [text for case in cases for text in differences(case, found[case.name])]
    assert "\n".join(wrong) == ""


def test_every_folder_is_a_case() -> None:
    folders = {path.name for path in CORPUS.iterdir() if path.is_dir() and not path.name.startswith("_")}
    assert folders == {case.name for case in load_cases()}


@pytest.mark.parametrize("seed", [20, 21])
def test_virtual_hosts_made_at_random_wait_as_long_as_explained(httpd: Path, folder: Path, seed: int) -> None:
    found = random_outcomes(seed, 60, folder, version_of(httpd))
    certain = [one for one in found if not one.said.undetermined]
    assert len(certain) > len(found) * 0.9
    assert "\n".join(text for one in certain if (text := one.difference())) == ""
