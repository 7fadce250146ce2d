"""Before and after an edit the real httpd's own dump differs in that directive, and in nothing else."""

from __future__ import annotations

import asyncio
import random
import re
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from auditor.errors import RefusedError
from auditor.model.snapshot import Fact
from auditor.model.target import LocalTree, Target
from auditor.surfaces.httpd import operations
from auditor.surfaces.httpd.collect import collect
from auditor.surfaces.httpd.directive import Resolved
from auditor.surfaces.httpd.lines import LogicalLine, read_lines
from auditor.surfaces.httpd.pairing import pair
from auditor.surfaces.httpd.resolving import resolve_collected
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from tests import referee
from tests.fakes.odd_files import ENCODED, in_encoding, with_line_ends
from tests.fakes.odd_trees import OddTree
from tests.integration.test_httpd_referee import CORPUS, place

pytestmark = pytest.mark.integration

SEEDS = range(1, 241)
MARK = "the-edit-s-own"
OPERATIONS = ("change", "remove", "comment out", "insert", "remove section", "comment out section")
SECTIONS = frozenset({"<location", "<locationmatch", "<files", "<directory", "<if", "<proxy", "<virtualhost"})
INSIDE = SECTIONS | {"passenv", "redirect", "browsermatch", ""}
Entry = tuple[str, str, str]


def entries(dump: list[referee.Line]) -> list[Entry]:
    """httpd's dump without line numbers, which move."""
    return [(re.sub(r"line \d+", "line", file), name, arguments) for file, _, name, arguments in dump]


def read(root: Path, variables: dict[str, str], defines: tuple[str, ...], machine: tuple[Fact, ...]) -> Resolved:
    """The tree as we read it, with what this machine's httpd says of itself, asked once for all trees."""
    target = Target("web1", "httpd", LocalTree(str(root), main_file="httpd.conf"))
    seen = asyncio.run(collect(target, CollectOptions(referee.SEALER)))
    facts = {fact.name: fact for fact in (*seen.facts, *machine)}
    seen = msgspec.structs.replace(seen, facts=tuple(facts[name] for name in sorted(facts)))
    return resolve_collected(seen, InterpretOptions("", tuple((one, "") for one in defines), tuple(variables.items())))


def candidates(path: Path, operation: str) -> list[tuple[LogicalLine, int]]:
    """What can be asked for in a file, each with its last line: directives, or sections of nothing but such."""
    content = path.read_bytes()
    lines = read_lines(content)
    if not operation.endswith("section"):
        return [(one, one.line) for one in lines if one.name.lower() == "passenv"]
    found = []
    for start, end in pair(lines, content.decode("latin-1")).ends.items():
        held = [one for one in lines if start <= one.line <= end.line]
        names = {one.name.lower() for one in held if one.name[:2] != "</"}
        if held[0].name.lower() in SECTIONS and names <= INSIDE:
            found.append((held[0], end.line))
    return found


def concerned(resolved: Resolved, root: Path, file: str, lines: range) -> set[int]:
    """The places in the dump at which the directives of those lines stand: one for each time that each is read.

    A file may be read by several names, through links.
    """
    real = (root / file).resolve()
    dumped = [one for one in resolved.directives if one.name.lower() not in referee.CARRIED_OUT_WHILE_READING]
    return {
        at for at, one in enumerate(dumped) if one.source.line in lines and (root / one.source.file).resolve() == real
    }


def trial(seed: int, folder: Path, machine: tuple[Fact, ...]) -> str:
    """What came of one edit of one tree; a sentence beginning with ``wrong`` where it is not as it should be."""
    chance = random.Random(seed)
    root = folder / f"tree{seed}"
    make_tree(seed, root, chance)
    variables = {**referee.environment(root / "logs"), "FROM_ENVIRONMENT": "two words"}
    defines = tuple((root / "defines").read_text().split()) if (root / "defines").exists() else ()
    before, refusal = referee.dump(root, "httpd.conf", variables, defines)
    if refusal:
        return "httpd refuses the tree"
    resolved = read(root, variables, defines, machine)
    if any(not doubt.text.startswith("${") for one in resolved.directives for doubt in one.doubts):
        return "a conditional is left open, so that the dump's lines are not those that we read"
    operation = chance.choice(OPERATIONS)
    files = sorted({one.source.file for one in resolved.directives if (root / one.source.file).is_file()})
    found = [(file, line, end) for file in files for line, end in candidates(root / file, operation)]
    if not found:
        return "no directive to change"
    file, one, end = chance.choice(found)
    content = (root / file).read_bytes()
    try:
        match operation:
            case "change":
                edit = operations.change_word(content, one.line, 0, f"{MARK} \\", file)
            case "remove" | "remove section":
                edit = operations.remove(content, one.line, file)
            case "comment out" | "comment out section":
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
    places = concerned(resolved, root, file, range(one.line, end + 1))
    said = compare(operation, entries(before), entries(after), places)
    if said:
        return f"wrong: seed {seed}, {operation} at {file}:{one.line}: {said}"
    if referee.flattened(read(root, variables, defines, machine), root) != after:
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
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/httpd.conf").write_text("ServerName x\n")
    asked = referee.collected(tmp_path / "empty", "httpd.conf", referee.environment(tmp_path)).facts
    machine = tuple(fact for fact in asked if fact.name in ("builtin_modules", "version"))
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda seed: trial(seed, tmp_path, machine), SEEDS))
    found = Counter(said)
    assert [one for one in said if one.startswith("wrong")] == []
    assert sum(found[f"done: {operation}"] for operation in OPERATIONS) >= 100, found
    assert min(found[f"done: {operation}"] for operation in OPERATIONS) >= 6, found
