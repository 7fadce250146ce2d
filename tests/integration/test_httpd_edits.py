"""Before and after an edit the real httpd's own dump differs in that directive, and in nothing else."""

from __future__ import annotations

import random
import re
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from auditor.errors import RefusedError
from auditor.surfaces.httpd import operations
from auditor.surfaces.httpd.directive import Resolved
from auditor.surfaces.httpd.lines import read_lines
from tests import referee
from tests.fakes.odd_files import ENCODED, in_encoding, with_line_ends
from tests.fakes.odd_trees import OddTree
from tests.integration.test_httpd_referee import CORPUS, place

pytestmark = pytest.mark.integration

SEEDS = range(1, 151)
MARK = "the-edit-s-own"
OPERATIONS = ("change", "remove", "comment out", "insert")
Entry = tuple[str, str, str]


def entries(dump: list[referee.Line]) -> list[Entry]:
    """httpd's dump without line numbers, which move."""
    return [(re.sub(r"line \d+", "line", file), name, arguments) for file, _, name, arguments in dump]


def concerned(resolved: Resolved, root: Path, file: str, line: int) -> set[int]:
    """The places in the dump at which the directive of that line stands: one for each time that it is read.

    A file may be read by several names, through links.
    """
    real = (root / file).resolve()
    dumped = [one for one in resolved.directives if one.name.lower() not in referee.CARRIED_OUT_WHILE_READING]
    return {
        at for at, one in enumerate(dumped) if one.source.line == line and (root / one.source.file).resolve() == real
    }


def trial(seed: int, folder: Path) -> str:
    """What came of one edit of one tree; a sentence beginning with ``wrong`` where it is not as it should be."""
    chance = random.Random(seed)
    root = folder / f"tree{seed}"
    make_tree(seed, root, chance)
    variables = {**referee.environment(root / "logs"), "FROM_ENVIRONMENT": "two words"}
    defines = tuple((root / "defines").read_text().split()) if (root / "defines").exists() else ()
    before, refusal = referee.dump(root, "httpd.conf", variables, defines)
    if refusal:
        return "httpd refuses the tree"
    resolved = referee.read(root, "httpd.conf", variables, defines)
    files = sorted({one.source.file for one in resolved.directives if one.name.lower() == "passenv"})
    if not files:
        return "no directive to change"
    file = chance.choice(files)
    content = (root / file).read_bytes()
    one = chance.choice([line for line in read_lines(content) if line.name.lower() == "passenv"])
    operation = OPERATIONS[seed % len(OPERATIONS)]
    try:
        match operation:
            case "change":
                edit = operations.change_word(content, one.line, 0, f"{MARK} \\", file)
            case "remove":
                edit = operations.remove(content, one.line, file)
            case "comment out":
                edit = operations.comment_out(content, one.line, file)
            case _:
                edit = operations.insert_after(content, one.line, f"PassEnv {MARK}", file)
    except RefusedError as error:
        return f"refused: {error.what}"
    changed = operations.carry_out(content, edit)
    (root / file).write_bytes(changed)
    after, refusal = referee.dump(root, "httpd.conf", variables, defines)
    if refusal:
        return f"wrong: seed {seed}: httpd refuses what it accepted before {operation}: {refusal[-300:]}"
    places = concerned(resolved, root, file, one.line)
    said = compare(operation, entries(before), entries(after), places)
    if said:
        return f"wrong: seed {seed}, {operation} at {file}:{one.line}: {said}"
    if referee.flattened(referee.read(root, "httpd.conf", variables, defines), root) != after:
        return f"wrong: seed {seed}: we read the edited tree otherwise than httpd"
    if operations.carry_out(changed, operations.undone(edit)) != content:
        return f"wrong: seed {seed}: the way back does not give the same bytes"
    return f"done: {operation}" if places else f"done where nothing is in force: {operation}"


def compare(operation: str, before: list[Entry], after: list[Entry], places: set[int]) -> str:
    """What differs beside the directive's own entries; empty where nothing does."""
    others = [one for at, one in enumerate(before) if at not in places]
    new = [one for one in after if MARK in one[2]]
    old = [one for one in after if MARK not in one[2]]
    match operation:
        case "change":
            rest, count = others, len(places)
        case "insert":
            rest, count = before, len(places)
        case _:
            rest, count = others, 0
    if old != rest:
        at = next(
            (n for n, pair in enumerate(zip(old, rest, strict=False)) if pair[0] != pair[1]), min(len(old), len(rest))
        )
        return f"another directive differs: {old[at : at + 1]} against {rest[at : at + 1]}"
    return "" if len(new) == count else f"{len(new)} entries are new, not {count}"


def make_tree(seed: int, root: Path, chance: random.Random) -> None:
    """An odd tree, every third one of the corpus, in one of the encodings and with other line ends."""
    cases = sorted(path.name for path in CORPUS.iterdir())
    if seed % 3 == 0:
        shutil.copytree(CORPUS / cases[seed // 3 % len(cases)], root, symlinks=True)
        (root / "logs").mkdir()
        place(root)
        return
    OddTree(seed).write(root)
    encoding = sorted(ENCODED)[seed % len(ENCODED)]
    for path in sorted(root.rglob("*")):
        if path.is_file():
            content = in_encoding(path.read_bytes(), encoding, chance) if seed % 2 else path.read_bytes()
            path.write_bytes(with_line_ends(content, chance.choice(("lf", "crlf", "mixed", "open")), chance))


def test_httpd_reads_one_directive_otherwise_and_nothing_else(httpd: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda seed: trial(seed, tmp_path), SEEDS))
    found = Counter(said)
    print(found)
    assert [one for one in said if one.startswith("wrong")] == []
    assert sum(found[f"done: {operation}"] for operation in OPERATIONS) >= 70, found
    assert min(found[f"done: {operation}"] for operation in OPERATIONS) >= 12, found
