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

from tests.timeouts.cases import CORPUS, Case, load_cases
from tests.timeouts.compare import differences, is_late
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


def wrong_ones(cases: list[Case], folder: Path, version: str) -> dict[str, list[str]]:
    """What differs, by the case's name; whatever came late is measured once more, by servers that have less to do.

    A machine that is busy with something else is late now here and now there; a wrong answer is late every time.
    """
    place = folder / f"of-{len(cases)}"
    place.mkdir()
    place.chmod(0o755)
    found = outcomes(cases, place, version)
    wrong = {case.name: list(differences(case, found[case.name])) for case in cases}
    late = [case for case in cases if wrong[case.name] and is_late(case, found[case.name])]
    if late and len(late) < len(cases):
        wrong |= wrong_ones(late, folder, version)
    return wrong


def test_every_case_comes_as_expected_and_as_explained(httpd: Path, folder: Path) -> None:
    cases = load_cases()
    assert len(cases) >= 80
    wrong = wrong_ones(cases, folder, version_of(httpd))
    assert "\n".join(text for texts in wrong.values() for text in texts) == ""


def test_every_folder_is_a_case() -> None:
    folders = {path.name for path in CORPUS.iterdir() if path.is_dir() and not path.name.startswith("_")}
    assert folders == {case.name for case in load_cases()}


@pytest.mark.parametrize("seed", [20, 21])
def test_virtual_hosts_made_at_random_wait_as_long_as_explained(httpd: Path, folder: Path, seed: int) -> None:
    found = random_outcomes(seed, 60, folder / "first", version_of(httpd))
    certain = [one for one in found if not one.said.undetermined]
    assert len(certain) > len(found) * 0.9
    wrong = {one.place: text for one in certain if (text := one.difference())}
    if wrong:  # the same once more: a busy machine is late elsewhere
        again = random_outcomes(seed, 60, folder / "again", version_of(httpd))
        wrong = {one.place: text for one in again if one.place in wrong and (text := one.difference())}
    assert "\n".join(wrong.values()) == ""
