"""Files as they were: line by line where that can be proven, else as a whole."""

from __future__ import annotations

import msgspec
import pytest

from auditor.model.plan import DirectiveEdit, Proposal
from auditor.model.snapshot import Collected, Document
from auditor.services.changes.restore import restore_files
from auditor.surfaces.httpd.operations import carry_out
from auditor.surfaces.httpd.surface import SURFACE
from auditor.surfaces.interface import InterpretOptions
from tests.fakes.plans import SEALER
from tests.unit.surfaces.httpd.trees import MAIN, collected


def restored(then: str, now: str) -> tuple[Proposal, bytes]:
    proposal = restore_files(collected(then), collected(now), SURFACE, InterpretOptions(), SEALER)
    content = now.encode()
    for step in proposal.steps:
        assert isinstance(step.change, DirectiveEdit)
        content = carry_out(content, step.change)
    back = content
    for step in reversed(proposal.steps):
        assert isinstance(step.undo, DirectiveEdit)
        back = carry_out(back, step.undo)
    assert back == now.encode()
    return proposal, content


@pytest.mark.parametrize(
    ("then", "now", "lines"),
    [
        ("Listen 80\nTimeout 60\nKeepAlive On\n", "Listen 80\nTimeout 6\nKeepAlive On\nUseCanonicalName On\n", [4, 2]),
        ("Listen 80\n<Location /a>\nSetHandler x\n</Location>\n", "Listen 80\nSetHandler x\n", [1]),
        ("Listen 80\n<IfModule x>\nTimeout 5\n", "Listen 80\nTimeout 5\n", [1]),
        ("Listen 80\nTimeout 5 \\\n", "Listen 80\nTimeout 6\n", [2]),
        ("Listen 80", "Listen 80\nTimeout 6\n", [1]),
    ],
)
def test_the_bytes_are_those_of_then(then: str, now: str, lines: list[int]) -> None:
    proposal, content = restored(then, now)
    assert content == then.encode()
    assert [step.change.line for step in proposal.steps if isinstance(step.change, DirectiveEdit)] == lines
    assert proposal.refusals == ()


def test_each_step_names_file_and_line() -> None:
    proposal, _ = restored("Listen 80\nTimeout 60\n", "Listen 80\nTimeout 6\n")
    assert [step.why for step in proposal.steps] == [f"{MAIN}:2 as it was"]


def test_a_file_outside_of_the_tree_is_restored_through_a_link_alone() -> None:
    def seen(content: bytes, *links: str) -> Collected:
        tree = collected("Listen 80\n")
        outside = Document("/srv/shared/a.conf", "outside/srv/shared/a.conf", content)
        linked = (Document(name, f"files/{name}", b"", link="/srv/shared/a.conf") for name in links)
        return msgspec.structs.replace(tree, documents=(outside, *tree.documents, *linked))

    def proposed(*links: str) -> Proposal:
        then, now = seen(b"Timeout 5\n", *links), seen(b"Timeout 6\n", *links)
        return restore_files(then, now, SURFACE, InterpretOptions(), SEALER)

    (step,) = proposed("on/a.conf", "on/b.conf").steps
    assert isinstance(step.change, DirectiveEdit)
    assert (step.change.file, step.change.links) == ("/srv/shared/a.conf", ("on/a.conf", "on/b.conf"))
    assert proposed().steps == ()
    assert "lies outside of the tree" in proposed().refusals[0]
