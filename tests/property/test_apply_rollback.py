"""Apply, then roll back: every byte, mode and link of a generated tree is as before."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import RefusedError
from auditor.model.plan import Direction, DirectiveEdit, Step
from tests.fakes.trees import FakeServer, World

argument = st.text(st.characters(codec="latin-1", exclude_categories=["Cc", "Zs"]), min_size=1, max_size=8)
directive = st.builds(lambda name, value: f"{name} {value}", st.sampled_from(["Timeout", "ServerAdmin"]), argument)
comment = argument.map(lambda text: f"# {text}")
ends = st.sampled_from(["\n", "\r\n"])


@st.composite
def trees(draw: st.DrawFn) -> tuple[dict[str, bytes], tuple[Step, ...]]:
    """Files, and one edit (replace, insert or remove a line) for some of their lines, the last line first."""
    files: dict[str, bytes] = {}
    steps: list[Step] = []
    for name in draw(st.lists(st.sampled_from(["a.conf", "conf.d/b.conf", "c.conf"]), min_size=1, unique=True)):
        end = draw(ends)
        lines = [f"{line}{end}" for line in draw(st.lists(directive | comment, min_size=1, max_size=6))]
        files[name] = "".join(lines).encode("latin-1")
        at = draw(st.integers(1, len(lines)))
        new = f"{draw(directive)}{end}"
        kind = draw(st.sampled_from(["replace", "insert", "remove"]))
        before, after = ("" if kind == "insert" else lines[at - 1]), ("" if kind == "remove" else new)
        change = DirectiveEdit(name, at, at - (kind == "insert"), before, after)
        undo = DirectiveEdit(name, at, at - (kind == "remove"), after, before)
        steps.append(Step(name, "why", change, undo, "reload", (), ()))
    return files, tuple(steps)


@given(trees())
@settings(max_examples=40)
def test_apply_then_rollback_is_identity(tree: tuple[dict[str, bytes], tuple[Step, ...]]) -> None:
    files, steps = tree
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "etc"
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        world = World(Path(folder), steps, FakeServer(root))
        before = world.state()
        try:
            _run(world, "forward")
        except RefusedError:
            assert world.state() == before
            return
        assert any(world.state()[name] != before[name] for name in files) or all(
            step.change.before == step.change.after for step in steps if isinstance(step.change, DirectiveEdit)
        )
        _run(world, "back")
        assert world.state() == before


def _run(world: World, direction: Direction) -> None:
    async def run() -> None:
        journal = world.journal(direction).open()
        transaction = world.transaction(journal)
        try:
            journal.begin()
            await transaction.prepare()
            await transaction.perform()
            journal.end("applied")
        finally:
            await transaction.finish()
            journal.close()

    asyncio.run(run())
