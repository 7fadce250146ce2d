"""Regular expressions of a configuration, tried with Python's engine where that is safe and means the same."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from auditor.surfaces.httpd.regex_cost import Cost

_MAX_PATTERN: Final = 1_000
MAX_SUBJECT: Final = 4_000
# What PCRE knows and Python does not, or reads in another way.
_FOREIGN: Final = re.compile(r"\\[GKRXCHhNQEvV]|\[\[[:.=]|\(\?[|&R+\d]|\(\*|\(\?P?>|\\[pP]")
_POSSESSIVE: Final = re.compile(r"[*+?}]\+")
_SIMPLE_GROUP: Final = re.compile(r"\((?!\?)")


class Expression:
    """An expression with what it may cost."""

    __slots__ = ("_cost", "search")

    def __init__(self, pattern: re.Pattern[str], cost: Cost) -> None:
        self.search = pattern.search
        self._cost = cost

    def may_try(self, text: str) -> bool:
        """Whether searching that text takes a bounded time."""
        return self._cost.allows(len(text))


def compiled(pattern: str, text: str = "", *, ignore_case: bool = False) -> Expression | None:
    """The expression, or None where it cannot be tried here on such a text: then say so, never guess."""
    found = _compiled(pattern, ignore_case)
    return found if found is not None and found.may_try(text) else None


@lru_cache(maxsize=4096)
def _compiled(pattern: str, ignore_case: bool) -> Expression | None:
    if len(pattern) > _MAX_PATTERN or _FOREIGN.search(pattern) or _POSSESSIVE.search(pattern):
        return None
    cost = Cost.of(pattern)
    if cost is None:
        return None
    pattern = re.sub(r"(?<!\\)\$(?=$|\))", r"\\Z", pattern) if "\\Z" not in pattern else pattern
    try:
        return Expression(re.compile(pattern, (re.IGNORECASE if ignore_case else 0) | re.ASCII), cost)
    except (re.error, OverflowError, RecursionError):
        return None


def substituted(template: str, match: re.Match[str]) -> str:
    """``$0`` to ``$9`` (and ``&``) of a ProxyPassMatch replaced, as ``ap_pregsub`` does."""

    def group(found: re.Match[str]) -> str:
        written = found[0]
        if written.startswith("\\"):
            return written[1:]
        number = 0 if written == "&" else int(written[1])
        return (match[number] or "") if number <= (match.re.groups or 0) else ""

    return re.sub(r"\\[$&]|\$\d|&", group, template)


@lru_cache(maxsize=1024)
def least_widths(pattern: str) -> tuple[int, ...] | None:
    """The least number of characters each group can match, the whole match first; None where that is not plain."""
    if len(pattern) > _MAX_PATTERN or _FOREIGN.search(pattern):
        return None
    try:
        return _Widths(pattern).run()
    except (IndexError, ValueError, RecursionError):
        return None


class _Widths:
    """A reader of the common part of regular expressions that adds up least widths."""

    def __init__(self, pattern: str) -> None:
        self.text = pattern
        self.at = 0
        self.groups: list[int] = [0]

    def run(self) -> tuple[int, ...]:
        self.groups[0] = self._alternatives()
        if self.at != len(self.text):
            raise ValueError(self.text)
        return tuple(self.groups)

    def _alternatives(self) -> int:
        best = self._sequence()
        while self.text[self.at : self.at + 1] == "|":
            self.at += 1
            best = min(best, self._sequence())
        return best

    def _sequence(self) -> int:
        total = 0
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            total += self._repeated(self._atom())
        return total

    def _atom(self) -> int:
        character = self.text[self.at]
        self.at += 1
        if character == "(":
            return self._group()
        if character == "[":
            return self._bracket()
        if character == "\\":
            escaped = self.text[self.at]
            self.at += 1
            if escaped.isdigit():
                raise ValueError(self.text)
            return 0 if escaped in "bBAzZ" else 1
        return 0 if character in "^$" else 1

    def _group(self) -> int:
        if self.text.startswith("?:", self.at):
            self.at += 2
            width = self._alternatives()
        elif self.text.startswith(("?=", "?!", "?<=", "?<!"), self.at):
            self.at += 2 + (self.text[self.at + 1] == "<")
            self._alternatives()
            width = 0
        elif self.text.startswith("?", self.at):
            raise ValueError(self.text)
        else:
            number = len(self.groups)
            self.groups.append(0)
            width = self.groups[number] = self._alternatives()
        if self.text[self.at] != ")":
            raise ValueError(self.text)
        self.at += 1
        return width

    def _bracket(self) -> int:
        self.at += self.text[self.at] == "^"
        self.at = self.text.index("]", self.at + 1) + 1
        return 1

    def _repeated(self, width: int) -> int:
        found = re.compile(r"[*?]|\+|\{(\d*)(?:,\d*)?\}").match(self.text, self.at)
        if found is None:
            return width
        self.at = found.end() + (self.text[found.end() : found.end() + 1] == "?")
        if found[0] == "+":
            return width
        return width * int(found[1] or 0) if found[1] is not None else 0
