"""Files as they were: line by line where that can be proven, else as a whole."""

from __future__ import annotations

import msgspec
import pytest

from auditor.model.plan import DirectiveEdit, FileChange, LinkChange, NothingAt, Proposal, WholeFile
from auditor.model.snapshot import Collected, Document, Gap
from auditor.model.value import Duration
from auditor.services.changes.restore import restore_files
from auditor.surfaces.httpd.fileset import NOT_READ
from auditor.surfaces.httpd.operations import carry_out
from auditor.surfaces.httpd.surface import SURFACE
from auditor.surfaces.httpd.whole_files import MOST_BYTES, undone_whole
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


def documents(*made: Document, gaps: tuple[Gap, ...] = ()) -> Collected:
    tree = collected("Listen 80\nIncludeOptional on/*.conf\n")
    main = (msgspec.structs.replace(one, mode=0o640, owner="root", group="www") for one in tree.documents)
    return msgspec.structs.replace(tree, documents=(*main, *made), gaps=gaps)


def proposed(then: Collected, now: Collected) -> Proposal:
    return restore_files(then, now, SURFACE, InterpretOptions(), SEALER)


FILE = Document("on/a.conf", "files/on/a.conf", b"Timeout 5\n", 0o600, "www", "www")
OTHER = Document("on/b.conf", "files/on/b.conf", b"KeepAlive Off\n", 0o644, "root", "root")
LINK = Document("on/c.conf", "files/on/c.conf", b"", link="../b.conf")


def test_what_came_and_went_is_taken_up_with_its_effects() -> None:
    made = proposed(documents(FILE, LINK), documents(OTHER))
    assert made.refusals == ()
    assert [type(one.change) for one in made.steps] == [FileChange, LinkChange, FileChange]
    create, link, delete = (one.change for one in made.steps)
    assert isinstance(create, FileChange)
    assert isinstance(link, LinkChange)
    assert isinstance(delete, FileChange)
    assert create.before is None
    assert create.after == WholeFile("Timeout 5\n", SEALER.fingerprint(b"Timeout 5\n"), 0o600, "www", "www")
    assert (link.before, link.after) == (None, "../b.conf")
    assert delete.before is not None
    assert delete.after is None
    assert made.steps[0].preconditions == (NothingAt("on/a.conf"),)
    assert made.steps[2].postconditions == (NothingAt("on/b.conf"),)
    changed = {(one.address.kind, one.address.name, one.address.attribute): one.after for one in made.effects}
    assert changed["httpd.server", "main", "timeout"] == Duration(5.0)
    assert changed["httpd.file", "on/b.conf", "mode"] is None
    assert [one.change for one in proposed(documents(OTHER), documents(FILE, LINK)).steps] == [
        undone_whole(one.change) for one in reversed(made.steps) if isinstance(one.change, FileChange | LinkChange)
    ]


def test_a_mode_or_an_owner_that_changed_is_brought_back() -> None:
    (step,) = proposed(documents(FILE), documents(msgspec.structs.replace(FILE, mode=0o644, owner="ops"))).steps
    assert isinstance(step.change, FileChange)
    assert step.change.after is not None
    assert (step.change.after.mode, step.change.after.owner) == (0o600, "www")


def test_a_mode_that_changed_beside_the_lines_is_brought_back_with_them() -> None:
    now = msgspec.structs.replace(FILE, content=FILE.content + b"UseCanonicalName On\n", mode=0o666, owner="ops")
    made = proposed(documents(FILE), documents(now))
    (step,) = made.steps
    assert isinstance(step.change, FileChange)
    assert step.change.after is not None
    assert (step.change.after.content.encode("latin-1"), step.change.after.mode) == (FILE.content, 0o600)
    large = msgspec.structs.replace(FILE, content=b"# x\n" * (MOST_BYTES // 4) + b"# 1\n")
    edited = msgspec.structs.replace(large, content=large.content[:-4] + b"# 2\n", mode=0o666)
    left = proposed(documents(large), documents(edited))
    assert any("its mode and owner are left as they are now: " in one for one in left.refusals), left.refusals


@pytest.mark.parametrize(
    ("then", "now", "why"),
    [
        (documents(msgspec.structs.replace(FILE, content=NOT_READ)), documents(OTHER), "a private key"),
        (documents(OTHER), documents(msgspec.structs.replace(FILE, content=NOT_READ), OTHER), "a private key"),
        (documents(FILE), documents(), "its directory is not there"),
        (documents(msgspec.structs.replace(FILE, name="/srv/a.conf")), documents(OTHER), "outside of the tree"),
        (documents(LINK), documents(msgspec.structs.replace(OTHER, name="on/c.conf")), "a link on one side"),
        (
            documents(gaps=(Gap("on", "not permitted"),)),
            documents(FILE),
            "whether it was there then was not seen",
        ),
        (documents(msgspec.structs.replace(FILE, content=b"#" * (MOST_BYTES + 1))), documents(OTHER), "larger than"),
        (
            documents(msgspec.structs.replace(FILE, content=f"Define x {SEALER.seal(b'1')}\n".encode())),
            documents(OTHER),
            "a secret that no live line holds",
        ),
    ],
)
def test_what_no_plan_can_bring_back_is_refused_by_name(then: Collected, now: Collected, why: str) -> None:
    made = proposed(then, now)
    assert any(why in one for one in made.refusals), made.refusals
    assert all(":" in one for one in made.refusals)


def test_a_file_of_very_many_lines_is_replaced_as_a_whole() -> None:
    page = msgspec.structs.replace(FILE, name="on/words.txt", content=b"x\n" * 20_001)
    (step,) = proposed(documents(page), documents(msgspec.structs.replace(page, content=b"y\n"))).steps
    assert isinstance(step.change, FileChange)


def test_what_a_reload_is_not_enough_for_is_said_of_the_step() -> None:
    limits = msgspec.structs.replace(FILE, name="on/limits.conf", content=b"ServerLimit 9\n")
    made = proposed(documents(FILE, limits), documents(OTHER))
    assert {one.id: one.disruption for one in made.steps} == {
        "on/a.conf": "reload",
        "on/b.conf": "reload",
        "on/limits.conf": "stop and start",
    }
    assert any(note.startswith("ServerLimit 9 needs a stop and start") for note in made.notes)


def test_each_step_names_file_and_line() -> None:
    proposal, _ = restored("Listen 80\nTimeout 60\n", "Listen 80\nTimeout 6\n")
    assert [step.why for step in proposal.steps] == [f"{MAIN}:2 as it was"]


def test_a_file_outside_of_the_tree_is_restored_through_a_link_alone() -> None:
    def seen(content: bytes, *links: str) -> Collected:
        tree = collected("Listen 80\n")
        outside = Document("/srv/shared/a.conf", "outside/srv/shared/a.conf", content)
        linked = (Document(name, f"files/{name}", b"", link="/srv/shared/a.conf") for name in links)
        return msgspec.structs.replace(tree, documents=(outside, *tree.documents, *linked))

    def linked(*links: str) -> Proposal:
        then, now = seen(b"Timeout 5\n", *links), seen(b"Timeout 6\n", *links)
        return restore_files(then, now, SURFACE, InterpretOptions(), SEALER)

    (step,) = linked("on/a.conf", "on/b.conf").steps
    assert isinstance(step.change, DirectiveEdit)
    assert (step.change.file, step.change.links) == ("/srv/shared/a.conf", ("on/a.conf", "on/b.conf"))
    assert linked().steps == ()
    assert "lies outside of the tree" in linked().refusals[0]
