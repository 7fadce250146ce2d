"""Odd trees made at random: where httpd starts we read what it reads; where it does not, we never see a whole tree."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import pytest

from auditor.surfaces.httpd.directive import Resolved
from auditor.surfaces.httpd.refusals import refusals
from tests import referee
from tests.fakes.odd_trees import OddTree
from tests.servers import load_modules

pytestmark = pytest.mark.integration

SEEDS = range(1, 61)
SAME = "the same"


def verdict(seed: int, folder: Path) -> str:
    """What is wrong with our reading of one tree; empty where nothing is."""
    root = folder / f"tree{seed}"
    OddTree(seed, startable=seed % 6 != 0).write(root)
    variables = {**referee.environment(root / "logs"), "FROM_ENVIRONMENT": "two words"}
    theirs, refusal = referee.dump(root, "httpd.conf", variables)
    resolved = referee.read(root, "httpd.conf", variables)
    if refusal:
        known = resolved.gaps or refusals(resolved, ()) or _doubtful(resolved)
        return "" if known else f"seed {seed}: httpd refuses, we see no mistake: {refusal.splitlines()[-1][:300]}"
    if found := (*resolved.gaps, *refusals(resolved, ())):
        return "" if _doubtful(resolved) else f"seed {seed}: httpd accepts what we refuse: {found[0]}"
    if _doubtful(resolved):
        return ""
    ours = referee.flattened(resolved, root)
    if ours == theirs:
        return SAME
    at = next((n for n, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), -1)
    return f"seed {seed}: {len(ours)} lines against {len(theirs)}; {ours[at]} against {theirs[at]}"


def _doubtful(resolved: Resolved) -> bool:
    """Whether a conditional was left open (a variable that nobody defined is literal for both)."""
    return any(not doubt.text.startswith("${") for one in resolved.directives for doubt in one.doubts)


def test_any_odd_tree_reads_as_httpd_reads_it(httpd: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda seed: verdict(seed, tmp_path), SEEDS))
    assert "\n".join(one for one in found if one not in ("", SAME)) == ""
    assert found.count(SAME) >= 50, "too few trees were compared line by line"


BODIES = ("PassEnv m $a\n", "", "PassEnv m\n</Macro>\n<Macro o $a>\nUse m x\n", "<If true>\nPassEnv m\n</If>\n")
BEFORE = ("Use m A\n", "<IfModule !none>\nUse m A\n", "Use m A\nUse \\\nm B\n", 'Use m "A\\\\\\\\"\n')
LAST = ("PassEnv a", "PassEnv a \\\nmore", "PassEnv a\nPassEnv b", "</IfModule>", "Use m B", "#x")


@pytest.mark.parametrize("body", BODIES)
def test_a_last_line_without_its_end_is_lost_behind_a_macro_as_httpd_loses_it(
    httpd: Path, tmp_path: Path, body: str
) -> None:
    (tmp_path / "logs").mkdir()
    variables = referee.environment(tmp_path / "logs")
    (tmp_path / "httpd.conf").write_text(
        f"ServerRoot {tmp_path}\nServerName x\nPidFile logs/p\nErrorLog logs/e\nDefaultRuntimeDir logs\n"
        f"{load_modules('mpm_event', 'authz_core', 'env', 'macro')}Listen 127.0.0.1:8080\n"
        f"<Macro m $a>\n{body}</Macro>\nInclude part.conf\nPassEnv end\n"
    )
    compared = 0
    for before, last in product(BEFORE, LAST):
        (tmp_path / "part.conf").write_text(before + last)
        theirs, refusal = referee.dump(tmp_path, "httpd.conf", variables)
        resolved = referee.read(tmp_path, "httpd.conf", variables)
        if refusal:
            assert resolved.gaps, (before, last, refusal)
        elif resolved.gaps:  # the macro's last line is continued by a value
            assert {gap.cause for gap in resolved.gaps} == {"undetermined"}, (before, last)
        else:
            assert referee.flattened(resolved, tmp_path) == theirs, (before, last)
            compared += 1
    assert compared >= 12
