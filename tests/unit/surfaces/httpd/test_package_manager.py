"""What the far side says of a tree and its packages is believed only where it is said to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from auditor.errors import ApplyError, CollectError
from auditor.surfaces.httpd.carry_out.package_manager import PackageManager, TreeChanges
from auditor.transport.local_shell import LocalShell


async def _environment() -> Mapping[str, str]:
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


class Cut:
    """A shell whose connection is lost after so many bytes of the answer."""

    def __init__(self, said: bytes) -> None:
        self.said = said

    async def run(self, *_: object, **__: object) -> bytes:
        return self.said


def manager(shell: object, folder: Path) -> PackageManager:
    return PackageManager(shell, str(folder / "own"), str(folder / "tree"), "apt", _environment)  # type: ignore[arg-type]


WHOLE = b"compared\nchanged\ta.conf\ngone\tb.conf\nend\n"


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_a_comparison_that_is_cut_off_is_not_taken_for_fewer_changes(length: int, tmp_path: Path) -> None:
    assert asyncio.run(manager(Cut(WHOLE), tmp_path).changes("x")) == TreeChanges(("a.conf",), ("b.conf",))
    try:
        found = asyncio.run(manager(Cut(WHOLE[:length]), tmp_path).changes("x"))
    except CollectError:
        return
    assert found is None


def test_a_tree_is_compared_to_its_end_and_without_its_tools_not_at_all(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a.conf").write_text("a")
    (tree / "b.conf").write_text("b")
    real = manager(LocalShell(), tmp_path)
    assert asyncio.run(real.keep_tree("forward-1")) == ""
    assert asyncio.run(real.changes("forward-1")) == TreeChanges()
    (tree / "a.conf").write_text("later")
    assert asyncio.run(real.changes("forward-1")) == TreeChanges(("a.conf",))
    differ = tmp_path / "own/packages/forward-1/facts.differ"
    differ.unlink()
    differ.mkdir()  # nothing can be written there
    with pytest.raises(CollectError):
        asyncio.run(real.changes("forward-1"))


def test_a_tree_that_cannot_be_remembered_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    asyncio.run(manager(Cut(b"marked\n"), tmp_path).mark("forward-1"))
    with pytest.raises(ApplyError, match="cannot be remembered"):
        asyncio.run(manager(Cut(b""), tmp_path).mark("forward-1"))
    (tmp_path / "own/packages/forward-1/facts.new").mkdir(parents=True)
    with pytest.raises(CollectError):
        asyncio.run(manager(LocalShell(), tmp_path).mark("forward-1"))
