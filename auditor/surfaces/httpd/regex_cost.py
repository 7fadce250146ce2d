"""What a regular expression may cost: Python's engine tries again and again, and has no limit of its own.

A bound on the number of tries is worked out from the expression alone; who would exceed it is not tried. Repetitions
that cannot give back what they took (``[^/]+/``) cost nothing beside the text that they take.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

MAX_STEPS: Final = 1_000_000_000
"""Characters that are looked at in all tries together, at worst: a second or two."""
_ALL: Final = (1 << 256) - 1
_DEPTH: Final = 40
_MANY: Final = 1 << 20


class _NotPlainError(Exception):
    """The expression holds what is not understood here; never leaves this module."""


def _mask(characters: str) -> int:
    mask = 0
    for character in characters:
        if ord(character) > 255:
            raise _NotPlainError
        mask |= 1 << ord(character)
    return mask


_DIGITS: Final = _mask("0123456789")
_WORD: Final = _mask("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_SPACE: Final = _mask(" \t\n\r\f\v")
_CLASSES: Final = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}


class _Set(msgspec.Struct, frozen=True):
    """One of some characters, as a mask."""

    mask: int


class _Nothing(msgspec.Struct, frozen=True):
    """A place and no text: an anchor, or a look ahead or behind at what it holds."""

    inside: _Choice | None = None


class _Again(msgspec.Struct, frozen=True):
    """What a group matched, once more."""


class _Choice(msgspec.Struct, frozen=True):
    """Alternatives, each a sequence of parts with how often they come at least and at most."""

    ways: tuple[tuple[tuple[_Part, int, int], ...], ...]


_Part: TypeAlias = _Set | _Nothing | _Again | _Choice


class _Ends(msgspec.Struct, frozen=True):
    """What may follow: the characters, and whether that may be nothing with more behind it that is not known."""

    first: int
    empty: bool


class _Tries(msgspec.Struct, frozen=True):
    """``power`` counts repetitions whose ends may be chosen, ``choices`` the ways of all other choices.

    ``first`` are the characters that it may start with, ``empty`` says that it may match nothing.
    """

    power: int
    choices: int
    first: int
    empty: bool

    @property
    def fixed(self) -> bool:
        """Whether there is one way to match it at most, and that takes something."""
        return not self.power and self.choices == 1 and not self.empty


def _tries(part: _Part, after: _Ends) -> _Tries:
    """What a part costs, given what follows."""
    match part:
        case _Set(mask):
            return _Tries(0, 1, mask, False)
        case _Nothing(inside):
            # It may fail whatever comes, and what stands before it is tried again.
            looked = _tries(inside, _Ends(_ALL, True)) if inside else _Tries(0, 1, 0, True)
            return _Tries(looked.power, looked.choices, _ALL, True)
        case _Again():
            return _Tries(1, 1, _ALL, True)
        case _Choice(ways):
            found = [_in_order(way, after) for way in ways]
    # Only alternatives that start alike can be tried one after the other at one place.
    alike = max(sum(bool(one.first & other.first) or one.empty or other.empty for other in found) for one in found)
    first = 0
    for one in found:
        first |= one.first
    return _Tries(
        max(one.power for one in found),
        min(_MANY, max(one.choices for one in found) * alike),
        first,
        any(one.empty for one in found),
    )


def _in_order(parts: tuple[tuple[_Part, int, int], ...], after: _Ends) -> _Tries:
    power, choices, first, empty = 0, 1, 0, True
    for part, least, most in reversed(parts):
        many = most > 1
        one = _tries(part, _Ends(_ALL, True) if many else after)
        if many and not one.fixed:
            raise _NotPlainError  # what varies is repeated: the ways to part a text grow without measure
        chosen = after.empty or bool(one.first & after.first) or (many and not isinstance(part, _Set))
        power += one.power + (many and most != least and chosen)
        choices = min(_MANY, choices * one.choices * (2 if (least, most) == (0, 1) and chosen else 1))
        skipped = one.empty or not least
        first = one.first | (first if skipped else 0)
        empty = empty and skipped
        after = _Ends(one.first | (after.first if skipped else 0), skipped and after.empty)
    return _Tries(power, choices, first, empty)


class Cost:
    """How the number of tries grows with the length of a text; ``None`` in :meth:`of` where it is not plain."""

    def __init__(self, power: int, choices: int) -> None:
        self._power = power
        self._choices = choices

    @classmethod
    def of(cls, expression: str) -> Cost | None:
        """The cost of searching with an expression; None where that is unbounded or not understood."""
        try:
            node = _tries(_Reader(expression.removeprefix("(?i)")).run(), _Ends(0, False))
        except (_NotPlainError, IndexError, ValueError, RecursionError):
            return None
        anchored = expression.removeprefix("(?i)").startswith("^") and "|" not in expression
        return cls(node.power + (not anchored), node.choices)

    def allows(self, length: int) -> bool:
        """Whether a text of that many characters may be tried."""
        return self._choices < _MANY and (length + 2) ** min(self._power + 1, 20) * self._choices <= MAX_STEPS


class _Reader:
    """Reads an expression from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def run(self) -> _Choice:
        found = self.alternatives()
        if self.at != len(self.text):
            raise _NotPlainError
        return found

    def alternatives(self) -> _Choice:
        self.depth += 1
        if self.depth > _DEPTH:
            raise _NotPlainError
        found = [self.sequence()]
        while self.text[self.at : self.at + 1] == "|":
            self.at += 1
            found.append(self.sequence())
        self.depth -= 1
        return _Choice(tuple(found))

    def sequence(self) -> tuple[tuple[_Part, int, int], ...]:
        parts = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            part = self.atom()
            least, most = self.quantifier()
            if (least, most) != (1, 1) and self.quantifier() != (1, 1):
                raise _NotPlainError
            parts.append((part, least, most))
        return tuple(parts)

    def quantifier(self) -> tuple[int, int]:
        """Least and most, (1, 1) where none stands here."""
        character = self.text[self.at : self.at + 1]
        if character in ("*", "+", "?") and character:
            self.at += 1
            least, most = {"*": (0, _MANY), "+": (1, _MANY), "?": (0, 1)}[character]
        elif character == "{" and (end := self.text.find("}", self.at)) > 0:
            low, comma, high = self.text[self.at + 1 : end].partition(",")
            if not low.isdecimal() or (high and not high.isdecimal()):
                raise _NotPlainError
            least = int(low)
            most = int(high) if high else _MANY if comma else least
            self.at = end + 1
        else:
            return 1, 1
        if self.text[self.at : self.at + 1] == "?":
            self.at += 1
        return least, most

    def atom(self) -> _Part:
        character = self.text[self.at]
        self.at += 1
        if character == "(":
            return self.group()
        if character == "[":
            return _Set(self.bracket())
        if character in "^$":
            return _Nothing()
        if character == "\\":
            return self.escaped()
        if character in "*+?{":
            raise _NotPlainError
        return _Set(_ALL if character == "." else _both(character))

    def escaped(self) -> _Part:
        character = self.text[self.at]
        self.at += 1
        if character in "bBAzZ":
            return _Nothing()
        return _Again() if character.isdigit() else _Set(self.of_class(character))

    def of_class(self, character: str) -> int:
        """The characters that a backslash and a letter stand for."""
        if character.lower() in _CLASSES:
            mask = _CLASSES[character.lower()]
            return mask if character.islower() else _ALL & ~mask
        if character in _CONTROLS:
            return _mask(_CONTROLS[character])
        if character.isalnum():
            raise _NotPlainError
        return _both(character)

    def group(self) -> _Part:
        look = False
        if self.text.startswith("?:", self.at):
            self.at += 2
        elif self.text.startswith(("?=", "?!"), self.at):
            self.at, look = self.at + 2, True
        elif self.text.startswith(("?<=", "?<!"), self.at):
            self.at, look = self.at + 3, True
        elif self.text.startswith("?", self.at):
            raise _NotPlainError
        inside = self.alternatives()
        if self.text[self.at] != ")":
            raise _NotPlainError
        self.at += 1
        if look:
            return _Nothing(inside)
        (way, *others) = inside.ways
        plain = not others and len(way) == 1 and way[0][1:] == (1, 1) and isinstance(way[0][0], _Set)
        return way[0][0] if plain else inside

    def bracket(self) -> int:
        negated = self.text[self.at] == "^"
        self.at += negated
        mask = 0
        first = True
        while first or self.text[self.at] != "]":
            first = False
            low = self.member()
            if self.text[self.at] == "-" and self.text[self.at + 1] != "]":
                self.at += 1
                high = self.member()
                start, end = (low & -low).bit_length() - 1, high.bit_length() - 1
                for code in range(start, end + 1):
                    mask |= _both(chr(code))
            else:
                mask |= low
        self.at += 1
        return _ALL & ~mask if negated else mask

    def member(self) -> int:
        character = self.text[self.at]
        self.at += 1
        if character == "\\":
            escaped = self.text[self.at]
            self.at += 1
            return _mask("\b") if escaped == "b" else self.of_class(escaped)
        return _both(character)


def _both(character: str) -> int:
    """A character in either case: who compares without case must not be told that the two differ."""
    return _mask(character) | _mask(character.swapcase()) if character.isascii() else _mask(character)
