"""Object ids that agree with git's own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from auditor.store.objects import BLOB, LINK, Entry, Tree, blob_id, differences, parse_tree


def git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    return subprocess.run(["git", *arguments], cwd=folder, input=given, capture_output=True, check=True).stdout


def test_the_id_of_a_blob_is_the_one_git_gives(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", ".")
    assert git(tmp_path, "hash-object", "--stdin", given=b"Timeout 60\r\n\0").decode().strip() == (
        blob_id(b"Timeout 60\r\n\0").hex()
    )


def test_the_id_of_a_tree_is_the_one_git_gives_whatever_the_order_of_names(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", ".")
    blob = bytes.fromhex(git(tmp_path, "hash-object", "-w", "--stdin", given=b"x").decode().strip())
    tree = Tree()
    # git sorts a folder as if its name ended in a slash: a.b, a/, a0
    for path in [("a0",), ("a", "z"), ("a.b",), ("設定",), ("a-b", "c")]:
        tree.put(path, LINK if path == ("a0",) else BLOB, blob)
    tree.seal()

    def made(folder: Tree) -> str:
        lines = []
        for name, one in folder.entries.items():
            kind, identity = ("040000 tree", made(one.tree)) if one.tree else (f"{one.mode} blob", one.id.hex())
            lines.append(f"{kind} {identity}\t{name}\0")
        return git(tmp_path, "mktree", "-z", given="".join(lines).encode()).decode().strip()

    assert made(tree) == tree.id.hex()
    body = git(tmp_path, "cat-file", "tree", tree.id.hex())
    assert {name: (one.mode, one.id) for name, one in parse_tree(body).items()} == {
        name: (one.mode, one.id) for name, one in tree.entries.items()
    }


def test_a_tree_that_ends_early_is_an_error() -> None:
    with pytest.raises(ValueError, match="ends in the middle"):
        parse_tree(b"100644 a\0" + b"x" * 19)


def built(*files: tuple[str, bytes]) -> Tree:
    tree = Tree()
    for path, content in files:
        tree.put(tuple(path.split("/")), BLOB, blob_id(content))
    tree.seal()
    return tree


def children(entry: Entry) -> dict[str, Entry]:
    assert entry.tree is not None
    return entry.tree.entries


def test_differences_name_what_came_went_and_changed_and_skip_equal_folders() -> None:
    before = built(("same/a", b"1"), ("dir/x", b"1"), ("dir/y", b"1"), ("gone", b"1"), ("was-file", b"1"))
    after = built(("same/a", b"1"), ("dir/x", b"2"), ("dir/y", b"1"), ("new", b"1"), ("was-file/b", b"1"))
    opened: list[bytes] = []

    def watched(entry: Entry) -> dict[str, Entry]:
        opened.append(entry.id)
        return children(entry)

    found = {
        "/".join(one.path): (one.before is not None, one.after is not None)
        for one in differences(before.entries, after.entries, watched)
    }
    assert found == {
        "dir/x": (True, True),
        "gone": (True, False),
        "new": (False, True),
        "was-file": (True, False),
        "was-file/b": (False, True),
    }
    assert before.entries["same"].id not in opened
