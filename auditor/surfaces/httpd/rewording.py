"""New text for the physical lines of one directive; everything but the part asked for stays byte for byte."""

from __future__ import annotations

import re
from typing import Final

from auditor.surfaces.httpd.words import BLANKS, next_word, split_words

# Files are held as latin-1, where str's own notion of blanks takes bytes of UTF-8 letters for blanks: ASCII's alone.
_HEAD: Final = re.compile(r"\s*(?:\\\r?\n\s*)*[^\s\\]+", re.ASCII)
_END: Final = re.compile(r"[ \t]*(\r?\n)?\Z")


def physical_lines(content: str) -> list[str]:
    """Physical lines with their ends; only a line feed ends one, as for httpd."""
    lines = [f"{line}\n" for line in content.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def line_end(text: str) -> str:
    """The line end a text uses: of its last line where it has one."""
    return "\r\n" if text.endswith("\r\n") else "\n"


def with_parameter(raw: str, key: str, value: str) -> str:
    """A directive's lines with ``key=value``: in place of the last such word (the one that counts), else at the end."""
    found = list(re.finditer(rf"(?<=[\s\"']){re.escape(key)}=([^\s\"'\\]*)", raw, re.IGNORECASE | re.ASCII))
    if found:
        start, end = found[-1].span(1)
        return f"{raw[:start]}{value}{raw[end:]}"
    tail = _end(raw).start()
    return f"{raw[:tail]} {key}={value}{raw[tail:]}"


def without_parameter(raw: str, key: str) -> str:
    """A directive's lines without ``key=value``."""
    return re.sub(rf"[ \t]+[\"']?{re.escape(key)}=[^\s\"'\\]*[\"']?", "", raw, flags=re.IGNORECASE | re.ASCII)


def with_arguments(raw: str, arguments: str) -> str:
    """A directive's lines with other arguments, on one line."""
    head = _HEAD.match(raw)
    if head is None:
        return raw
    gap = re.match(r"[ \t]+", raw[head.end() :])
    end = _end(raw)
    return f"{head[0]}{gap[0] if gap else ' '}{arguments}{raw[end.start() :]}"


def with_first_word(raw: str, word: str, arguments: str) -> str:
    """A directive's lines with another first argument; ``arguments`` are those it has."""
    if not split_words(arguments):
        return with_arguments(raw, word)
    tail = next_word(arguments)[1]
    return with_arguments(raw, f"{word} {tail}".rstrip(BLANKS))


def quoted(text: str) -> str:
    """A word in double quotes, as httpd reads it back."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _end(raw: str) -> re.Match[str]:
    found = _END.search(raw)
    assert found is not None  # noqa: S101 - the pattern matches the empty end
    return found
