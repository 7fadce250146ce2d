"""What a pull request changes, on a tree that need not be as the repository says."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from auditor.errors import InputError
from auditor.model.plan import DirectiveEdit, FileChange, LinkChange, Proposal
from auditor.model.snapshot import Collected, Document
from auditor.services.changes.by_difference import steps_of_difference
from auditor.store.difference import Difference, read_difference
from auditor.surfaces.httpd.secrets import seal_text
from auditor.surfaces.httpd.surface import SURFACE
from auditor.surfaces.interface import InterpretOptions
from tests.fakes.plans import SEALER
from tests.unit.surfaces.httpd.trees import MAIN, collected

Files = Mapping[str, str]
SECRET = 'RequestHeader set Authorization "Bearer s3cr3t-t0ken-0001"\n'
BASE = {MAIN: "Listen 80\nTimeout 60\nKeepAlive On\nIncludeOptional on/*.conf\n", "on/a.conf": "Timeout 5\n"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    run(tmp_path, "init", "-q", "-b", "main")
    return tmp_path


def run(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=ops", "-c", "user.email=ops@example.org")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, timeout=60)


def commit(folder: Path, files: Files, links: Files | None = None, tag: str = "") -> None:
    """A commit whose folder ``etc`` holds this and nothing else, beside a file that is none of the tree's."""
    run(folder, "rm", "-rq", "--ignore-unmatch", ".")
    (folder / "etc").mkdir(exist_ok=True)
    (folder / "README").write_text(tag)
    for name, text in files.items():
        (folder / "etc" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "etc" / name).write_text(text, encoding="utf-8", newline="")
    for name, text in (links or {}).items():
        (folder / "etc" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "etc" / name).symlink_to(text)
    run(folder, "add", "-A")
    run(folder, "commit", "-qm", tag)
    run(folder, "tag", tag)


def live(files: Files, *more: Document) -> Collected:
    made = collected(files)
    seen = []
    for one in made.documents:
        sealed = seal_text(one.content, SEALER)
        digest = SEALER.fingerprint(one.content) if sealed != one.content else ""
        seen.append(
            msgspec.structs.replace(one, content=sealed, mode=0o640, owner="root", group="www", fingerprint=digest)
        )
    documents = tuple(sorted((*seen, *more), key=lambda one: one.name))
    return msgspec.structs.replace(made, documents=documents)


def planned(difference: Difference, now: Collected) -> Proposal:
    return steps_of_difference(difference, now, SURFACE, InterpretOptions(), SEALER)


def test_only_what_differs_becomes_steps(repository: Path) -> None:
    commit(repository, BASE | {"on/old.conf": "KeepAlive Off\n"}, tag="one")
    after = BASE | {MAIN: BASE[MAIN].replace("Timeout 60", "Timeout 30"), "on/new.conf": "# new\nProxyTimeout 7\n"}
    commit(repository, after, {"on/led.conf": "a.conf"}, tag="two")
    difference = read_difference(repository / "etc", "one..two")
    assert [one.name for one in difference.files] == [MAIN, "on/led.conf", "on/new.conf", "on/old.conf"]
    made = planned(difference, live(BASE | {"on/old.conf": "KeepAlive Off\n"}))
    assert made.refusals == ()
    changes = [step.change for step in made.steps]
    assert [type(one) for one in changes] == [FileChange, LinkChange, DirectiveEdit, FileChange]
    create, link, edit, delete = changes
    assert isinstance(create, FileChange)
    assert create.after is not None
    assert (create.after.content, create.after.mode) == ("# new\nProxyTimeout 7\n", 0o640)
    assert (create.after.owner, create.after.group) == ("root", "www"), "as the file beside it"
    assert isinstance(link, LinkChange)
    assert link.after == "a.conf"
    assert isinstance(edit, DirectiveEdit)
    assert (edit.file, edit.line, edit.before, edit.after) == (MAIN, 2, "Timeout 60\n", "Timeout 30\n")
    assert isinstance(delete, FileChange)
    assert (delete.file, delete.after) == ("on/old.conf", None)
    assert {"httpd.file", "httpd.server"} <= {one.address.kind for one in made.effects}
    assert made.steps[2].why == f"{MAIN}:2 as at {difference.new[:12]}"


def test_a_target_that_differs_elsewhere_is_changed_where_the_difference_is(repository: Path) -> None:
    commit(repository, BASE, tag="one")
    commit(repository, BASE | {MAIN: BASE[MAIN].replace("KeepAlive On", "KeepAlive Off")}, tag="two")
    now = live(BASE | {MAIN: f"# by hand\n{BASE[MAIN]}{SECRET}"})
    made = planned(read_difference(repository / "etc", "one..two"), now)
    (step,) = made.steps
    assert isinstance(step.change, DirectiveEdit)
    assert (step.change.line, step.change.before, step.change.after) == (4, "KeepAlive On\n", "KeepAlive Off\n")
    assert step.postconditions == (), "nobody has seen the bytes that come of it"


def test_what_is_there_already_is_said(repository: Path) -> None:
    commit(repository, BASE, tag="one")
    after = BASE | {MAIN: "Listen 81\n", "on/b.conf": "Timeout 6\n"}
    commit(repository, after, tag="two")
    made = planned(read_difference(repository / "etc", "one..two"), live(after))
    assert (made.steps, made.refusals) == ((), ())
    assert [note.split(" as at")[0] for note in made.notes] == [f"already so: {MAIN}", "already so: on/b.conf"]


@pytest.mark.parametrize(
    ("after", "now", "why"),
    [
        (
            {MAIN: BASE[MAIN].replace("60", "30")},
            {MAIN: BASE[MAIN].replace("60", "45")},
            "line 2 before the difference",
        ),
        (
            {MAIN: BASE[MAIN].replace("60", "30")},
            {MAIN: BASE[MAIN].replace("80", "81")},
            "line 2 before the difference",
        ),
        ({"on/a.conf": ""}, {"on/a.conf": "Timeout 9\n"}, "line 1 before"),
        ({"on/new.conf": "Timeout 1\n"}, {"on/new.conf": "Timeout 2\n"}, "something else stands there"),
        ({"own.key": "x"}, {}, "a private key"),
        ({"on/new.conf": "\0"}, {}, "no text"),
        ({"on/new.conf": SECRET}, {}, "a secret that no live line holds"),
        ({"off/new.conf": "Timeout 1\n"}, {}, "its directory is not there"),
    ],
)
def test_what_has_no_certain_place_is_refused_by_name(repository: Path, after: Files, now: Files, why: str) -> None:
    commit(repository, BASE, tag="one")
    commit(repository, BASE | after, tag="two")
    made = planned(read_difference(repository / "etc", "one..two"), live(BASE | now))
    assert made.steps == ()
    assert why in made.refusals[0]
    assert made.refusals[0].startswith(next(iter(after)))


def test_a_secret_that_the_repository_holds_is_never_in_the_plan(repository: Path) -> None:
    commit(repository, BASE | {"on/s.conf": SECRET}, tag="one")
    commit(repository, BASE | {"on/s.conf": f"Timeout 7\n{SECRET}", "on/t.conf": SECRET}, tag="two")
    made = planned(read_difference(repository / "etc", "one..two"), live(BASE | {"on/s.conf": SECRET}))
    assert [type(step.change) for step in made.steps] == [FileChange, DirectiveEdit]
    assert b"s3cr3t" not in msgspec.json.encode(made)
    assert b"auditor-secret" in msgspec.json.encode(made.steps[0])


def test_three_dots_mean_since_it_branched_off(repository: Path) -> None:
    commit(repository, BASE, tag="one")
    run(repository, "checkout", "-qb", "topic")
    commit(repository, BASE | {"on/b.conf": "Timeout 6\n"}, tag="two")
    run(repository, "checkout", "-q", "main")
    commit(repository, BASE | {MAIN: "Listen 81\n"}, tag="three")
    names = [one.name for one in read_difference(repository / "etc", "main...topic").files]
    assert names == ["on/b.conf"]
    assert len(read_difference(repository / "etc", "main..topic").files) == 2


@pytest.mark.parametrize("words", ["one", "..one", "one..", "one..gone", "--output=x..one", "one..-x", ""])
def test_what_is_no_difference_is_told(repository: Path, words: str) -> None:
    commit(repository, BASE, tag="one")
    with pytest.raises(InputError, match=r"is no difference|no revision"):
        read_difference(repository / "etc", words)


def test_a_folder_that_neither_commit_has_is_told(repository: Path, tmp_path: Path) -> None:
    commit(repository, BASE, tag="one")
    (repository / "other").mkdir()
    with pytest.raises(InputError, match="has the folder other"):
        read_difference(repository / "other", "one..one")
    with pytest.raises(InputError, match="in no git repository"):
        read_difference(Path("/"), "one..one")
