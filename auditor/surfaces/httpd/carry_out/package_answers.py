"""What a package manager says of versions and of a transaction that was only tried. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Final

import msgspec

from auditor.errors import CollectError

Tool = str
_TRIED_APT: Final = re.compile(
    r"^(?P<verb>Inst|Remv) (?P<name>\S+?)(?::\S+)?(?: \[(?P<before>[^\]]*)\])?(?: \((?P<after>\S+)[^)]*\))?(?: .*)?$"
)
_SECTIONS: Final[Mapping[str, str]] = {
    "Installing": "in",
    "Installing dependencies": "in",
    "Installing for dependencies": "in",
    "Installing weak dependencies": "in",
    "Reinstalling": "in",
    "Upgrading": "in",
    "Updating": "in",
    "Updating for dependencies": "in",
    "Downgrading": "in",
    "Removing": "out",
    "Removing dependent packages": "out",
    "Removing unused dependencies": "out",
    "Removing for dependencies": "out",
}
"""Headings of dnf 4 and of yum 3, and whether what follows comes in or goes out."""
_PART: Final = re.compile(r"([0-9]+)|([A-Za-z]+)|(~)|(\^)")


class Offers(msgspec.Struct, frozen=True):
    """What is installed and what repositories offer.

    ``installed`` are versions by package, more than one where a transaction was broken off; ``unfinished`` are packages
    that are there by half; ``offered`` are versions by package.
    """

    tool: Tool
    installed: Mapping[str, tuple[str, ...]]
    unfinished: tuple[str, ...]
    offered: Mapping[str, frozenset[str]]


class Trial(msgspec.Struct, frozen=True):
    """What a transaction would do: (name, version) that come in, names that go; ``why`` it would not be done."""

    comes: frozenset[tuple[str, str]] = frozenset()
    goes: frozenset[str] = frozenset()
    why: str = ""


def offers_of(said: bytes) -> Offers:
    """The answer to ``look``.

    Errors:
        CollectError: it is none.
    """
    tool, parts = _parts(said)
    installed: dict[str, tuple[str, ...]] = {}
    unfinished: list[str] = []
    for line in parts.get("installed", ()):
        words = line.split()
        if len(words) == 3 and words[2] in _STATES:
            installed[words[0]] = (*installed.get(words[0], ()), words[1])
            unfinished += [words[0]] * (words[2] != "installed")
    audit = [line for line in parts.get("audit", ()) if line.startswith(" ")]
    unfinished += [line.split()[0] for line in audit if line.split()]
    lines = parts.get("offered", ())
    found = _madison(lines) if tool == "apt-get" else _listed(lines)
    offered: dict[str, frozenset[str]] = {}
    for name, version in found:
        offered[name] = offered.get(name, frozenset()) | {version}
    return Offers(tool, installed, tuple(dict.fromkeys(unfinished)), offered)


_STATES: Final = frozenset(
    {"installed", "half-installed", "half-configured", "unpacked", "triggers-awaited", "triggers-pending"}
)


def _parts(said: bytes) -> tuple[Tool, dict[str, tuple[str, ...]]]:
    lines = said.decode("utf-8", "replace").splitlines()
    if not lines or not lines[0].startswith("tool ") or lines[-1] != "part end":
        raise CollectError("what the package manager says ends early", cause="malformed")
    parts: dict[str, tuple[str, ...]] = {}
    name = ""
    for line in lines[1:]:
        if line.startswith("part "):
            name = line[5:]
            parts[name] = ()
        elif name:
            parts[name] = (*parts[name], line)
    return lines[0][5:], parts


def _madison(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        columns = [word.strip() for word in line.split("|")]
        if len(columns) == 3 and not columns[2].endswith("Sources"):
            yield columns[0], columns[1]


def _listed(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    """The available ones of ``list --showduplicates``. Long names stand on a line of their own, so words count."""
    words: list[str] = []
    on = False
    for line in lines:
        if line.rstrip().endswith("Packages"):
            on = line.startswith("Available")
        elif on:
            words += line.split()
    for name, version in zip(words[::3], words[1::3], strict=False):
        yield name.rpartition(".")[0], version.rpartition(":")[2]


def trial_of(said: bytes) -> Trial:
    """The answer to ``try``.

    Errors:
        CollectError: it is none.
    """
    tool, parts = _parts(said)
    lines = parts.get("trial", ())
    return _tried_by_apt(lines) if tool == "apt-get" else _tried_by_rpm(lines)


def _tried_by_apt(lines: tuple[str, ...]) -> Trial:
    wrong = [line[3:] for line in lines if line.startswith("E: ")]
    found = [one for line in lines if (one := _TRIED_APT.match(line))]
    comes = frozenset((one["name"], one["after"] or "") for one in found if one["verb"] == "Inst")
    goes = frozenset(one["name"] for one in found if one["verb"] == "Remv")
    why = "; ".join(wrong) or ("" if comes or goes else "it would change nothing")
    return Trial(comes, goes, why[:600])


def _tried_by_rpm(lines: tuple[str, ...]) -> Trial:
    """Its table, section by section. A row that is too long for a line goes on in the next, so words count."""
    rows: dict[str, list[str]] = {"in": [], "out": []}
    section, seen = "", False
    for line in lines:
        text = line.strip()
        if text == "Transaction Summary":
            section, seen = "", True
        elif line and not line.startswith(" ") and text.endswith(":"):
            section = _SECTIONS.get(text[:-1], "unknown" if rows["in"] or rows["out"] else "")
            if section == "unknown":
                return Trial(why=f"what {text} means is not known")
        elif section and line.startswith(" "):
            rows[section] += text.split()
    if not seen:
        wrong = [line for line in lines if line.startswith(("Error", "No ", "Nothing", "Problem"))]
        return Trial(why="; ".join(wrong)[:600] or "it says nothing of what it would do")
    words = rows["in"], rows["out"]
    if any(len(one) % 6 for one in words):
        return Trial(why="its table of what would change is not understood")
    comes = frozenset((one[0], one[2].rpartition(":")[2]) for one in _chunks(words[0]))
    return Trial(comes, frozenset(one[0] for one in _chunks(words[1])))


def _chunks(words: list[str]) -> Iterable[list[str]]:
    return (words[at : at + 6] for at in range(0, len(words), 6))


def rpm_order(left: str, right: str) -> int:
    """-1, 0 or 1 as rpm orders two ``VERSION-RELEASE``: version first, then release, part by part."""
    ours, theirs = left.rpartition("-"), right.rpartition("-")
    return _compared(ours[0] or ours[2], theirs[0] or theirs[2]) or _compared(ours[2], theirs[2])


def _compared(left: str, right: str) -> int:
    """By digits and letters in turn: a number is newer than letters, ``~`` older than the end, ``^`` newer than it."""
    if left == right:
        return 0
    for ours, theirs in zip_longest(_PART.finditer(left), _PART.finditer(right)):
        found = _of_parts(ours, theirs)
        if found:
            return found
    return 0


def _of_parts(ours: re.Match[str] | None, theirs: re.Match[str] | None) -> int:
    def rank(part: re.Match[str] | None) -> int:
        if part is None:  # the end: newer than ~, older than anything else
            return 1
        if part[3]:
            return 0
        if part[4]:
            return 2
        return 4 if part[1] else 3

    one, other = rank(ours), rank(theirs)
    if one != other:
        return 1 if one > other else -1
    if ours is None or theirs is None:
        return 0
    if ours[1] is not None:
        mine, its = int(ours[1]), int(theirs[1])
        return (mine > its) - (mine < its)
    return (ours[0] > theirs[0]) - (ours[0] < theirs[0])
