"""Secrets in httpd's files, replaced by keyed digests where they stand.

The lines stay the same in number and order, every word stays a word, and what was sealed once is left alone. Comments
are read as if they were in force: a password does not become harmless by a ``#``. Private keys are not sealed but
never kept; see :func:`holds_private_key` and :func:`key_file_names`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

import msgspec

from auditor.model.secret import SEALED, Sealer
from auditor.surfaces.httpd.clues import HASHED, HINT, KEY_FILE, PASSWORD_FILE, SECRET, TEACHES, clues
from auditor.surfaces.httpd.lines import LogicalLine, joined, read_lines
from auditor.surfaces.httpd.secretnames import (
    HEADERS,
    KEY_FILE_DIRECTIVES,
    NAME_AND_VALUE,
    PARAMETERS,
    PASSWORD_FILE_DIRECTIVES,
    SENSITIVE,
    secret_positions,
    sensitive_assignment,
)
from auditor.surfaces.httpd.words import BLANKS

PRIVATE_KEY: Final = "-----BEGIN [A-Z0-9 ]*PRIVATE KEY"
"""What a line of a file with a private key matches, as Python and as ``grep`` understand it."""
_PRIVATE_KEY: Final = re.compile(PRIVATE_KEY.encode())
_WORD: Final = re.compile(
    r"""[ \t\n\v\f\r]*(?:"((?:[^"\\]|\\.)*)"?|'((?:[^'\\]|\\.)*)'?|([^ \t\n\v\f\r]+))""", re.DOTALL
)
# Only ASCII's blanks end a value: read as latin-1, a letter of UTF-8 may hold a byte that str takes for a blank.
# No expression starts with a run of any length: tried from each of its characters, a long one would take for ever.
_URL: Final = re.compile(r"(?<=[a-zA-Z0-9+.-])://[^\s/:@\"']*:([^\s/\"']+)@", re.ASCII)
_ASSIGNED: Final = re.compile(
    r"(?<![\w.-])([\w.-]++)[ \t]?[=:][ \t]?(?:'([^'\n]*)'|\\?\"([^\"\\\n]*)\\?\"|([^ \t\n\v\f\r,;&\"'\])}>]+))"
)
_SCHEME: Final = re.compile(r"\b(?:Basic|Bearer)[ \t]+([A-Za-z0-9+/._~-]{6,}={0,2})", re.IGNORECASE)
_COMPARED: Final = re.compile(r"(%\{[^{}]*+\})[^'\"%]*?(['\"])([^'\"]{4,})\2")
_LITERAL: Final = re.compile(r"[A-Za-z0-9+/=_-]{6}")
# What is looked up when needed is no secret itself: ${NAME}, $1, %{NAME}e, (a pattern), exec:program.
_LOOKED_UP: Final = re.compile(
    r"\$\{[^}]*\}|[$%]\d|(?:(?:Basic|Bearer) )?%\{[^}]*\}[A-Za-z]*|exec:.*|expr=.*|builtin|[.^*+?$()\[\]\\]*",
    re.IGNORECASE | re.DOTALL,
)
_VARIABLE: Final = re.compile(r"\$\{([^}:]+)\}")
_HASHED: Final = re.compile(
    r"^[^:\s#<]+:((?:\$apr1\$|\$2[abxy]\$|\$[156y]\$|\{SHA\})\S+)$|^(?!\S*auditor-secret:)[^:\s#<]+:[^:\n]+:([0-9a-f]{32})$",
    re.MULTILINE | re.ASCII,
)
_SEALED_END: Final = re.compile(SEALED.pattern + rb"\Z")
_DIGEST_USER: Final = re.compile(rb"([^:]*:[^:]*):([0-9a-f]{32})")
_ROUNDS: Final = 8


class Known(msgspec.Struct, frozen=True):
    """What the files together say of names that hold secrets.

    ``variables`` (lower case) stand where a secret is asked for; ``macros`` gives, by lower-case name, the positions
    of parameters that do; ``parameters`` are all parameters' names.
    """

    variables: frozenset[str] = frozenset()
    macros: Mapping[str, frozenset[int]] = {}
    parameters: frozenset[str] = frozenset()


class Word(msgspec.Struct, frozen=True, gc=False):
    """A word of a line: its text between the quotes, as written, and where that stands."""

    text: str
    start: int
    end: int


def word_spans(text: str) -> tuple[Word, ...]:
    """The words of a line with their places, the directive's name first."""
    found = []
    position = 0
    while match := _WORD.match(text, position):
        group = match.lastindex or 3
        found.append(Word(match[group], *match.span(group)))
        position = match.end()
    return tuple(found)


def holds_private_key(content: bytes) -> bool:
    """Whether a file holds a private key; such content is not kept in any form."""
    return b"-----BEGIN" in content and _PRIVATE_KEY.search(content) is not None


def key_file_names(contents: Iterable[bytes]) -> frozenset[str]:
    """The arguments, as written, that name key files in any of the files, comments included."""
    return _named_files(contents, KEY_FILE_DIRECTIVES, KEY_FILE)


def password_file_names(contents: Iterable[bytes]) -> frozenset[str]:
    """The arguments, as written, that name files of users and their passwords."""
    return _named_files(contents, PASSWORD_FILE_DIRECTIVES, PASSWORD_FILE)


def _named_files(contents: Iterable[bytes], directives: frozenset[str], clue: int) -> frozenset[str]:
    named: set[str] = set()
    for content in contents:
        if not clues(content) & clue:
            continue
        for line in read_lines(content):
            words = word_spans(_uncommented(line.text))
            if words and words[0].text.lower() in directives:
                named.update(word.text.rpartition("#")[2] for word in words[1:])
    return frozenset(named)


def learn(contents: Iterable[bytes]) -> Known:
    """What several files together say: a macro or variable may carry a secret from one file to another."""
    read = [read_lines(content) for content in contents if clues(content) & TEACHES]
    every = [line for lines in read for line in lines]
    lines = [
        _uncommented(line.text)
        for line in every
        if "$" in line.text or "@" in line.text or "%" in line.text or "acro" in line.text.lower()
    ]
    lines += [_uncommented(line.text) for line in every if line.name.lower() == "use" and "$" not in line.text]
    known = Known()
    for _ in range(_ROUNDS):
        grown = _learn_once(lines, known)
        if grown == known:
            break
        known = grown
    return known


def _learn_once(lines: list[str], known: Known) -> Known:
    """One round: what stands where a secret is asked for, given what was learned before."""
    variables, parameters = set(known.variables), set(known.parameters)
    macros = {name: set(positions) for name, positions in known.macros.items()}
    inside: tuple[str, dict[str, int]] | None = None
    for text in lines:
        words = word_spans(text)
        name = words[0].text.lower() if words else ""
        if name.startswith("<macro") and len(words) > 1:
            own = {word.text.removesuffix(">"): index for index, word in enumerate(words[2:])}
            own.pop("", None)
            inside = (words[1].text.removesuffix(">").lower(), own)
            parameters.update(own)
            held = macros.setdefault(inside[0], set())
            held.update(index for parameter, index in own.items() if SENSITIVE.search(parameter))
        elif name == "</macro>":
            inside = None
        for start, end in _candidates(text, known):
            value = text[start:end]
            variables.update(found.lower() for found in _VARIABLE.findall(value))
            if inside is not None:
                macros[inside[0]].update(index for parameter, index in inside[1].items() if parameter in value)
    return Known(
        frozenset(variables),
        {name: frozenset(positions) for name, positions in macros.items()},
        frozenset(parameters),
    )


def seal_text(content: bytes, sealer: Sealer, known: Known | None = None) -> bytes:
    """The file with every secret replaced. ``known`` comes from :func:`learn` over all files."""
    known = known or Known()
    learned = bool(known.variables or any(known.macros.values()))
    seen = clues(content)
    clue, hashed = bool(seen & SECRET), bool(seen & HASHED)
    if not clue and not learned and not hashed:
        return content
    continued = joined(content) is not content
    text = content.decode("latin-1")
    hints = [match.start() for match in HINT.finditer(text)] if clue else []
    if learned:
        hints = sorted(
            [
                *hints,
                *(
                    match.start()
                    for match in _telling(known.variables, macros=any(known.macros.values())).finditer(text.lower())
                ),
            ]
        )
    if not hints and not continued and not (hashed and _HASHED.search(text)):
        return content
    pieces: list[str] = []
    done = 0
    following = iter(hints)
    hint = next(following, -1)
    for line in read_lines(content):
        while 0 <= hint < line.start:
            hint = next(following, -1)
        # A word that is continued on the next line is no hint in either.
        if not line.text or not (line.start <= hint < line.end or line.last_line > line.line):
            continue
        for start, end, value in _replacements(text, line, sealer, known):
            pieces += (text[done:start], value)
            done = end
    pieces.append(text[done:])
    sealed = "".join(pieces)
    return _HASHED.sub(lambda match: _seal_group(match, sealer), sealed).encode("latin-1")


@lru_cache(maxsize=8)
def _telling(variables: frozenset[str], *, macros: bool) -> re.Pattern[str]:
    """What stands, in lower case, in every line where something that was learned counts."""
    words = [re.escape(name) for name in sorted(variables)]
    return re.compile("|".join([*words, "use"] if macros else words))


def seal_password_file(content: bytes, sealer: Sealer) -> bytes:
    """A file of users and passwords with everything behind the name (and a digest file's realm) replaced."""
    return b"\n".join(_sealed_user(line, sealer) for line in content.split(b"\n"))


def _sealed_user(line: bytes, sealer: Sealer) -> bytes:
    """One line of such a file."""
    body = line.rstrip(b"\r")
    done = _SEALED_END.search(body)
    if done is not None and sealer.seal(done[0]).encode() == done[0]:
        return line
    digest = _DIGEST_USER.fullmatch(body)
    name, _, secret = (digest[1], b":", digest[2]) if digest else body.partition(b":")
    return name + b":" + sealer.seal(secret).encode() + line[len(body) :] if secret else line


def _seal_group(match: re.Match[str], sealer: Sealer) -> str:
    """A match with its last group sealed."""
    group = match.lastindex or 1
    start, end = match.span(group)
    offset = match.start()
    whole = match[0]
    return whole[: start - offset] + sealer.seal(match[group].encode("latin-1")) + whole[end - offset :]


def _uncommented(text: str) -> str:
    return text.lstrip("#" + BLANKS) if text.startswith("#") else text


def _replacements(text: str, line: LogicalLine, sealer: Sealer, known: Known) -> Iterator[tuple[int, int, str]]:
    """What to replace in the file's text for one line: (start, end, by what), in order."""
    body = _uncommented(line.text)
    raw = text[line.start : line.end]
    at = raw.find(body)
    places = range(line.start + at, line.start + at + len(body)) if at >= 0 else _places(raw, line, len(line.text))
    if at < 0:
        places = places[len(line.text) - len(body) :]
    for start, end in _merged(_candidates(body, known), body, sealer.key_id):
        value = body[start:end]
        if _exempt(value, known):
            continue
        sealed = sealer.seal(value.encode("latin-1"))
        first = start
        for index in range(start + 1, end + 1):
            # A value that is continued on the next physical line is emptied there, so that the lines stay.
            if index == end or places[index] != places[index - 1] + 1:
                yield places[first], places[index - 1] + 1, sealed
                first, sealed = index, ""


def _places(raw: str, line: LogicalLine, length: int) -> list[int]:
    """For each character of a continued line's text, where it stands in the file."""
    places: list[int] = []
    position = 0
    pieces = raw.split("\n")
    for number, piece in enumerate(pieces, 1):
        nul = piece.find("\0")
        places += range(line.start + position, line.start + position + (nul if nul >= 0 else len(piece)))
        position += len(piece) + 1
        if nul < 0 and number < len(pieces) and places:
            # As when reading: of two backslashes the first continues the line, too, where an empty line follows.
            cut = len(places) - (raw[places[-1] - line.start] == "\r")
            if cut and raw[places[cut - 1] - line.start] == "\\":
                del places[cut - 1 :]
    joined = "".join(raw[place - line.start] for place in places)
    lead = len(joined) - len(joined.lstrip(BLANKS))
    return places[lead : lead + length]


def _merged(spans: Iterable[tuple[int, int]], text: str, key_id: str) -> list[tuple[int, int]]:
    """Spans neither overlapping nor touching, joined where they did; none that holds what this key sealed before."""
    sealed = [match.span() for match in SEALED.finditer(text.encode("latin-1")) if match[1].decode() == key_id]
    merged: list[tuple[int, int]] = []
    for start, end in sorted(set(spans)):
        if start >= end or any(low < end and start < high for low, high in sealed):
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _exempt(value: str, known: Known) -> bool:
    """Whether what stands where a secret is asked for is none: looked up elsewhere, or a macro's parameter."""
    # A parameter without the usual prefix may be any word, a password too.
    return _LOOKED_UP.fullmatch(value) is not None or (value[:1] in "$%@" and value in known.parameters)


def _candidates(text: str, known: Known) -> Iterator[tuple[int, int]]:
    """Where secrets may stand in one line, the comment sign removed."""
    words = word_spans(text)
    if not words:
        return
    name = words[0].text.lower().removesuffix(">")
    if len(words) > 1 and words[1].text not in ("=", ":"):
        yield from (_inner(words[position]) for position in secret_positions(name, len(words) - 1))
    if name in NAME_AND_VALUE and len(words) > 2:
        variable = words[1].text
        if sensitive_assignment(variable, words[2].text) or variable.lower() in known.variables:
            yield from map(_inner, words[2:])
    elif name in PARAMETERS:
        yield from _parameter_values(words)
    elif name in HEADERS:
        yield from _header_values(words)
    elif name == "use" and len(words) > 2:
        held = known.macros.get(words[1].text.lower(), frozenset())
        yield from (_inner(words[2 + index]) for index in held if 2 + index < len(words))
    elif name in ("rewritecond", "setenvif", "setenvifnocase") and len(words) > 2:
        yield from _patterns(words)
    if name in HEADERS or name.startswith(("setenv", "rewrite")):
        yield from (match.span(1) for match in _SCHEME.finditer(text))
    yield from (match.span(1) for match in _URL.finditer(text))
    yield from _assigned(text, known)
    for match in _COMPARED.finditer(text):
        if SENSITIVE.search(match[1]):
            yield match.span(3)


def _inner(word: Word) -> tuple[int, int]:
    return word.start, word.end


def _parameter_values(words: tuple[Word, ...]) -> Iterator[tuple[int, int]]:
    """The values of ``name=value`` words with a telling name."""
    section = words[0].text.startswith("<")
    for word in words[1:]:
        name, equals, value = word.text.partition("=")
        # A quote in mid-word is none to httpd, but whoever wrote it meant one: _assigned() takes it so.
        if equals and value and value[0] not in "\"'" and re.fullmatch(r"!?[\w.-]+", name) and SENSITIVE.search(name):
            closing = section and word is words[-1] and word.text.endswith(">")
            yield word.start + len(name) + 1, word.end - closing
    if words[0].text.lower().startswith(("setenvif", "rewritecond")):
        yield from _patterns(words)


def _header_values(words: tuple[Word, ...]) -> Iterator[tuple[int, int]]:
    """The value of ``Header [condition] action name value`` where the header's name is telling."""
    rest = words[1:]
    if rest and rest[0].text.lower() in ("always", "onsuccess"):
        rest = rest[1:]
    if len(rest) < 3 or rest[0].text.lower() not in ("set", "setifempty", "add", "append", "merge", "edit", "edit*"):
        return
    header = rest[1].text
    cookie = words[0].text.lower() == "requestheader" and header.lower() == "cookie"
    if SENSITIVE.search(header) or cookie or "api-key" in header.lower():
        yield _inner(rest[3] if rest[0].text.lower().startswith("edit") and len(rest) > 3 else rest[2])


def _patterns(words: tuple[Word, ...]) -> Iterator[tuple[int, int]]:
    """A pattern that a telling header is compared with, where it is more than punctuation."""
    if SENSITIVE.search(words[1].text) and _LITERAL.search(words[2].text):
        yield _inner(words[2])


def _assigned(text: str, known: Known) -> Iterator[tuple[int, int]]:
    """Values behind ``name=`` or ``name:`` anywhere, as in DBDParams, property files, shell files and queries."""
    for match in _ASSIGNED.finditer(text):
        group = match.lastindex or 4
        value = match[group]
        if not value or value[0] in "(%$[.\\^{":
            continue
        if SENSITIVE.search(match[1]) or match[1].lower() in known.variables:
            yield match.span(group)
