"""A configuration file as apacheconfig's writable tree, for editing.

apacheconfig's own lexer is not httpd's (it takes ``#`` in mid-line for a comment, continues lines that httpd does
not, and is shared by all its loaders), so its grammar is fed here from :mod:`.lines`. Every byte of the file is in
some token, so the tree's dump is the file; names know their place. Source: apacheconfig 0.3.2.

A section's start or end whose other half stands elsewhere (:mod:`.pairing`) is a line like a comment for the grammar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from threading import Lock
from typing import Any, Final, Protocol, cast

from apacheconfig.error import ApacheConfigError
from apacheconfig.flavors import NATIVE_APACHE
from apacheconfig.parser import make_parser
from apacheconfig.wloader import ListNode

from auditor.surfaces.httpd.lines import LogicalLine, read_lines
from auditor.surfaces.httpd.pairing import pair
from auditor.surfaces.httpd.words import BLANKS

_HEAD: Final = re.compile(r"(\S+)(\s*)", re.ASCII)
_TOKENS: Final = (
    "HASHCOMMENT",
    "CCOMMENT",
    "APACHEINCLUDE",
    "APACHEINCLUDEOPTIONAL",
    "INCLUDE",
    "OPEN_TAG",
    "CLOSE_TAG",
    "OPEN_CLOSE_TAG",
    "OPTION_AND_VALUE",
    "OPTION_AND_VALUE_NOSTRIP",
    "NEWLINE",
    "WHITESPACE",
)
_TOO_DEEP: Final = "sections nest too deep for the grammar"


class TreeError(Exception):
    """The file has no tree, or the edit cannot be made in it. Holds the reason; never leaves this package."""


class Placed(str):
    """Text of a token with its place: ``offset`` in bytes from the start of the file, and physical lines."""

    __slots__ = ("last_line", "line", "offset")

    offset: int
    line: int
    last_line: int


def _placed(text: str, offset: int, line: LogicalLine) -> Placed:
    placed = Placed(text)
    placed.offset, placed.line, placed.last_line = offset, line.line, line.last_line
    return placed


class Token:
    """A token as ply wants it."""

    __slots__ = ("lexer", "lexpos", "lineno", "type", "value")

    def __init__(self, kind: str, value: object, line: int, offset: int) -> None:
        self.type, self.value, self.lineno, self.lexpos = kind, value, line, offset
        self.lexer: object = None


class HttpdLexer:
    """The tokens of one file by httpd's rules. Blanks between two items are one token, as the grammar needs."""

    tokens = _TOKENS

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)

    def token(self) -> Token | None:
        """The next token, or None at the end."""
        return next(self._tokens, None)

    def input(self, text: str) -> None:
        """Starts over with another text."""
        self._tokens = _tokens(text)


def _tokens(text: str, *, half: bool = False) -> Iterator[Token]:
    """Tokens in order; together they are the text. ``half``: it is known to be one half of a section."""
    blank_from = 0
    lines = read_lines(text.encode("latin-1"))
    lone = frozenset() if half else pair(lines, text).halves
    for line in lines:
        raw = text[line.start : line.end]
        body = raw.strip(BLANKS)
        if not body:
            continue
        start = line.start + len(raw) - len(raw.lstrip(BLANKS))
        if start > blank_from:
            yield _blank(text[blank_from:start], line, blank_from)
        blank_from = start + len(body)
        if not line.text or line.comment or "\0" in body or line.line in lone:
            yield Token("HASHCOMMENT", _placed(body, start, line), line.line, start)
        elif body.startswith("</"):
            yield from _close(body, start, line)
        elif body.startswith("<"):
            yield from _open(body, start, line)
        else:
            yield Token("OPTION_AND_VALUE", _parts(body, start, line), line.line, start)
    if blank_from < len(text):
        last = LogicalLine("", "", "", text.count("\n") + 1, 0, 0, 0)
        yield _blank(text[blank_from:], last, blank_from)


def _blank(text: str, line: LogicalLine, offset: int) -> Token:
    return Token("NEWLINE" if "\n" in text else "WHITESPACE", text, line.line, offset)


def _parts(body: str, start: int, line: LogicalLine) -> tuple[str, ...]:
    """Name, blanks and value; the name alone where nothing follows."""
    match = _HEAD.match(body)
    name, blanks = (match[1], match[2]) if match else (body, "")
    value = body[len(name) + len(blanks) :]
    placed = _placed(name, start, line)
    return (placed, blanks, value) if value else (placed,)


def _open(body: str, start: int, line: LogicalLine) -> Iterator[Token]:
    """A section's start up to its last ``>``; what stands behind it is kept as if it were a comment."""
    end = body.rfind(">")
    if end < 0:
        raise TreeError(f"line {line.line}: the section's start has no closing '>'")
    inner = body[1:end]
    match = _HEAD.match(inner)
    name, blanks = (match[1], match[2]) if match else (inner, "")
    value = inner[len(name) + len(blanks) :]
    placed = _placed(name, start + 1, line)
    parts = (placed, blanks, value) if value or blanks else (placed,)
    yield Token("OPEN_TAG", parts, line.line, start)
    yield from _behind(body, end + 1, start, line)


def _close(body: str, start: int, line: LogicalLine) -> Iterator[Token]:
    end = body.find(">")
    if end < 0:
        raise TreeError(f"line {line.line}: the section's end has no closing '>'")
    yield Token("CLOSE_TAG", _placed(body[2:end], start + 2, line), line.line, start)
    yield from _behind(body, end + 1, start, line)


def _behind(body: str, end: int, start: int, line: LogicalLine) -> Iterator[Token]:
    rest = body[end:]
    text = rest.lstrip(BLANKS)
    if not text:
        return
    if len(text) < len(rest):
        yield _blank(rest[: len(rest) - len(text)], line, start + end)
    yield Token("HASHCOMMENT", _placed(text, start + len(body) - len(text), line), line.line, start)


class _Production(Protocol):
    def __getitem__(self, index: int) -> Any: ...
    def __setitem__(self, index: int, value: object) -> None: ...
    def __len__(self) -> int: ...


class _Grammar(make_parser(**NATIVE_APACHE)):  # type: ignore[misc] # a class made at run time
    """apacheconfig's grammar with tables built once, and contents that grow by appending."""

    def p_contents(self, p: _Production) -> None:
        """contents : contents whitespace
        | contents miditem
        | whitespace
        | startitem
        """  # noqa: D205, D400, D403, D415 - ply reads the grammar's rule here
        if len(p) == 3:
            p[1].append(p[2])
            p[0] = p[1]
        else:
            p[0] = ["contents", p[1]]

    def parse(self, text: str) -> Any:
        with _LOCK:  # the engine keeps its stacks on itself
            return self.engine.parse(lexer=HttpdLexer(text))


_LOCK: Final = Lock()


@cache
def _grammar() -> Any:
    with _LOCK:
        return _Grammar(HttpdLexer(""), start="contents")


class ConfigTree:
    """One file as a tree."""

    def __init__(self, content: bytes) -> None:
        """Parses a file.

        Errors:
            TreeError: its sections do not match, or it nests too deep.
        """
        self._text = content.decode("latin-1")
        self._root = _parsed(self._text)
        if self.dump() != content:
            raise TreeError("the tree does not give the file back byte by byte")

    def dump(self) -> bytes:
        """The file's bytes."""
        return b"" if self._root is None else cast(str, self._root.dump()).encode("latin-1")

    def replace(self, start: int, end: int, new: bytes) -> None:
        """Puts new lines in the place of the lines between two byte offsets.

        Whole siblings are replaced, or nothing by new siblings, or the line that starts a section by another start of
        such a section; or all of the file.

        Errors:
            TreeError: the lines are no such thing, or the new ones are not.
        """
        text = new.decode("latin-1")
        if self._root is None or (start, end) == (0, len(self._text)):
            self._root = _parsed(text)
            return
        try:
            if not self._replace_in(self._root, 0, start, end, text):
                raise TreeError("the lines begin or end inside of a section that they do not hold as a whole")
        except RecursionError as error:
            raise TreeError(_TOO_DEEP) from error

    def _replace_in(self, parent: Any, begins: int, start: int, end: int, text: str) -> bool:
        """Replaces inside one list of siblings, or further in; False where the place is not in it."""
        spans = _spans(parent, begins)
        finish = spans[-1][2] if spans else begins
        finish += len(parent.trailing_whitespace)
        if not begins <= start <= end <= finish:
            return False
        for node, opens, closes in spans:
            if opens <= start and end <= closes and node.typestring == "block" and not opens == start == end:
                inside = opens + len(_tag_text(node))
                if self._replace_in(node, inside, start, end, text):
                    return True
            whole_line = self._text.rfind("\n", 0, opens) + 1 == start
            if whole_line and node.typestring == "block" and end == self._line_end(opens + len(_tag_text(node))):
                _replace_tag(node, self._text[start:end], text)
                return True
        inner = [index for index, (_, opens, closes) in enumerate(spans) if start <= opens and closes <= end]
        before = [index for index, (_, _, closes) in enumerate(spans) if closes <= start]
        first = inner[0] if inner else len(before)
        last = inner[-1] + 1 if inner else first
        if any(opens < end and closes > start for index, (_, opens, closes) in enumerate(spans) if index not in inner):
            return False
        self._swap(parent, spans, begins, first, last, start, end, text)
        return True

    def _swap(
        self, parent: Any, spans: Sequence[Any], begins: int, first: int, last: int, start: int, end: int, text: str
    ) -> None:
        """Takes siblings out, puts new ones in, and shares out the blanks around them."""
        from_here = spans[first - 1][2] if first else begins
        blanks_before = self._text[from_here:start]
        to_here = (
            spans[last][1]
            if last < len(spans)
            else (spans[-1][2] if spans else begins) + len(parent.trailing_whitespace)
        )
        blanks_behind = self._text[end:to_here]
        if blanks_before.strip(BLANKS) or blanks_behind.strip(BLANKS):
            raise TreeError("the lines share a line with something else")
        if pair(read_lines(text.encode("latin-1")), text).halves:
            raise TreeError("the new text opens or closes a section of the lines around it")
        for _ in range(first, last):
            parent.remove(first)
        added = _parsed(text) if text.strip(BLANKS) else None
        if added is None:
            _set_blanks(parent, first, blanks_before + text + blanks_behind)
            return
        new = list(added)
        pieces = [(node.whitespace, _bare(node)) for node in new]
        _set_blanks(parent, first, added.trailing_whitespace + blanks_behind)
        for index, (blanks, bare) in enumerate(pieces):
            following = list(parent)[first + index].whitespace if first + index < len(parent) else None
            node = parent.add(first + index, bare)
            node.whitespace = (blanks_before if index == 0 else "") + blanks
            if following is not None:  # add() may have put a line end of its own there
                list(parent)[first + index + 1].whitespace = following

    def _line_end(self, position: int) -> int:
        found = self._text.find("\n", position)
        return len(self._text) if found < 0 else found + 1


def _parsed(text: str) -> Any:
    """The tree of a text; None for one without a byte, which the grammar does not have."""
    if not text:
        return None
    grammar = _grammar()
    try:
        return ListNode(grammar.parse(text), grammar)
    except ApacheConfigError as error:
        raise TreeError(f"its sections do not match: {str(error)[:200]}") from error
    except RecursionError as error:
        raise TreeError(_TOO_DEEP) from error


def _spans(parent: Any, begins: int) -> list[tuple[Any, int, int]]:
    """Each child with the offsets where it starts, blanks excluded, and ends."""
    spans = []
    position = begins
    for node in parent:
        length = len(node.dump())
        spans.append((node, position + len(node.whitespace), position + length))
        position += length
    return spans


def _bare(node: Any) -> str:
    """A node's text without the blanks in front."""
    return cast(str, node.dump())[len(node.whitespace) :]


def _tag_text(node: Any) -> str:
    """The text of a section's start, brackets included."""
    arguments = node.arguments
    name = node.tag
    bare = _bare(node)
    end = 1 + len(name)
    if arguments is not None:
        end = bare.index(arguments, end) + len(arguments) if arguments else bare.index(">", end)
    return bare[: end + 1]


def _replace_tag(node: Any, old: str, text: str) -> None:
    """Gives a section another start; its name, and the blanks around it, stay as they are in the tree."""
    text, behind = _cut_behind(text)
    old, old_behind = _cut_behind(old)
    if behind != old_behind:
        raise TreeError("what stands behind the section's start would change")
    tags = [token for token in _tokens(text, half=True) if token.type not in ("NEWLINE", "WHITESPACE")]
    if len(tags) != 1 or tags[0].type != "OPEN_TAG":
        raise TreeError("a section's start can only be replaced by one start of a section")
    parts = cast(tuple[str, ...], tags[0].value)
    if parts[0] != node.tag:
        raise TreeError("the section would get another name than its end has")
    lead, old_body = text[: text.index("<")], old[old.index("<") :]
    if len(parts) != 3 or node.arguments is None:
        raise TreeError("a section's start without arguments cannot be changed")
    written = old_body[1 + len(node.tag) : old_body.rindex(">")]
    if written[: len(written) - len(node.arguments)] != parts[1]:
        raise TreeError("the blanks behind the section's name would change")
    node.arguments = parts[2]
    node.whitespace = node.whitespace[: node.whitespace.rfind("\n") + 1] + lead


def _cut_behind(text: str) -> tuple[str, str]:
    """A section's start up to its last bracket, and what stands behind that."""
    end = text.rfind(">") + 1
    return text[:end], text[end:]


def _set_blanks(parent: Any, index: int, blanks: str) -> None:
    """Sets what stands in front of the child of that index, or at the list's end."""
    if index < len(parent):
        list(parent)[index].whitespace = blanks
    else:
        parent.trailing_whitespace = blanks
