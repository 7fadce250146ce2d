"""New text for the physical lines of one directive; everything but the part asked for stays byte for byte. Pure.

Whatever is written is read again: a directive whose other words would change is refused.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from auditor.surfaces.httpd.lines import read_lines
from auditor.surfaces.httpd.places import encoded, joined, places
from auditor.surfaces.httpd.words import BLANKS, readable

_INDENT: Final = re.compile(r"[ \t\v\f]*")


class WordingError(Exception):
    """The words cannot be written into these lines. Holds the reason; never leaves this package."""


def physical_lines(content: str) -> list[str]:
    """Physical lines with their ends; only a line feed ends one, as for httpd."""
    lines = [f"{line}\n" for line in content.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def line_end(text: str) -> str:
    """The line end a text uses: of its first line; a line feed where it has none."""
    at = text.find("\n")
    return "\r\n" if at > 0 and text[at - 1] == "\r" else "\n"


def indentation(raw: str) -> str:
    """The blanks at the beginning of a line."""
    found = _INDENT.match(raw)
    return found[0] if found else ""


def with_word(raw: str, index: int, value: str) -> str:
    """A directive's lines with another argument of that index; one behind the last is appended.

    Quotes stay, and come where the value needs them.

    Errors:
        WordingError: there is no such argument, or httpd would not read the lines so.
    """
    found = places(raw)
    if index == len(found) - 1:
        return _appended(raw, encoded(value), value)
    if not 0 <= index < len(found) - 1:
        raise WordingError(f"it has {len(found) - 1} arguments, not {index + 1}")
    return _with(raw, {index + 1: value})


def with_parameter(raw: str, key: str, value: str) -> str:
    """A directive's lines with ``key=value``: in place of the last such argument (which counts), else at the end.

    Errors:
        WordingError: httpd would not read the lines so.
    """
    index = parameter_index(raw, key)
    if index < 0:
        return _appended(raw, encoded(f"{key}={value}"), f"{key}={value}")
    place = places(raw)[index + 1]
    at = place.text.index("=") + 1
    new = place.text[:at] + value
    head = raw[place.inner : place.inner + at]
    if place.quote or encoded(new) != new or head != place.text[:at]:
        return _with(raw, {index + 1: new})
    return _read_back(raw, raw[: place.inner + at] + value + raw[place.inner_end :], {index + 1: new})


def parameter_index(raw: str, key: str) -> int:
    """The index of the last argument ``key=…``; -1 where there is none."""
    start = f"{key.lower()}="
    found = [index for index, one in enumerate(places(raw)[1:]) if one.text.lower().startswith(start)]
    return found[-1] if found else -1


def without_parameter(raw: str, key: str) -> str:
    """A directive's lines without any ``key=…``.

    Errors:
        WordingError: httpd would not read the lines so.
    """
    start = f"{key.lower()}="
    words = places(raw)
    new, kept = raw, []
    for before, one in reversed(list(pairwise(words))):
        if one.text.lower().startswith(start):
            new = new[: before.end] + new[one.end :]
        else:
            kept.append(one.text)
    return _same(raw, new, [words[0].text, *reversed(kept)])


def with_arguments(raw: str, arguments: str, now: str | None = None) -> str:
    """A directive's lines with these arguments.

    Only the words that differ are written anew, where their number is the same; else all, on one line. ``arguments``
    are as httpd holds them, quotes included; a present word that is not UTF-8 may stand there as people read it, its
    bytes escaped. ``now`` are the present ones, where variables make them another text than the lines have.

    Errors:
        WordingError: httpd would not read the lines so.
    """
    old = places(raw)
    if not old:
        raise WordingError("there is no directive")
    present = _spoken(raw)
    arguments = _with_bytes(arguments, present)
    new = _spoken(f"x {arguments}")
    expanded = present if now is None else _spoken(f"x {now}")
    if len(new) == len(present) == len(expanded):
        changed, wanted = raw, [one.text for one in old]
        for index in range(len(new) - 1, 0, -1):
            if new[index] not in (expanded[index], present[index]):
                changed = changed[: old[index].start] + new[index] + changed[old[index].end :]
                wanted[index] = places(f"x {new[index]}")[1].text
        return _same(raw, changed, wanted)
    gap = raw[old[0].end : old[1].start] if len(old) > 1 else " "
    gap = " " if gap.strip(" \t") else gap
    changed = raw[: old[0].end] + (f"{gap}{arguments}" if arguments else "") + raw[old[-1].end :]
    return _same(raw, changed, [old[0].text, *(one.text for one in places(f"x {arguments}")[1:])])


def commented(raw: str) -> str:
    """Lines as comments: a ``#`` in front of the first letter of each physical line.

    Errors:
        WordingError: httpd would still carry something out.
    """
    new = "".join(
        f"{indentation(line)}#{line[len(indentation(line)) :]}" if line.strip(BLANKS) else line
        for line in physical_lines(raw)
    )
    if any(one.name for one in read_lines(new.encode("latin-1"))):
        raise WordingError("not all of it would be a comment")
    return new


def _with_bytes(arguments: str, present: list[str]) -> str:
    """The arguments with the bytes of words that are there already and that people can only read escaped."""
    escaped = {readable(word): word for word in present if "\\x" in readable(word) and "\\x" not in word}
    line = f"x {arguments}"
    for one in reversed(places(line)):
        found = escaped.get(line[one.start : one.end])
        if found is not None:
            line = line[: one.start] + found + line[one.end :]
    return line[2:]


def same_arguments(one: str, other: str) -> bool:
    """Whether two texts of arguments differ in nothing but the blanks between words."""
    return _spoken(f"x {one}") == _spoken(f"x {other}")


def _spoken(raw: str) -> list[str]:
    """A directive's words with their quotes, as httpd joins them: without the line ends of continued ones."""
    return [joined(raw[one.start : one.end])[0] for one in places(raw)]


def _with(raw: str, values: dict[int, str]) -> str:
    words = places(raw)
    new = raw
    for index in sorted(values, reverse=True):
        one = words[index]
        new = new[: one.start] + encoded(values[index], one.quote) + new[one.end :]
    return _read_back(raw, new, values)


def _appended(raw: str, text: str, value: str) -> str:
    words = places(raw)
    if not words:
        raise WordingError("there is no directive")
    end = words[-1].end
    return _same(raw, f"{raw[:end]} {text}{raw[end:]}", [*(one.text for one in words), value])


def _read_back(raw: str, new: str, values: dict[int, str]) -> str:
    return _same(raw, new, [values.get(index, one.text) for index, one in enumerate(places(raw))])


def _same(raw: str, new: str, wanted: list[str]) -> str:
    """The new lines, where httpd reads these words from them and takes no more of the file in than before."""
    if [one.text for one in places(new)] != wanted:
        raise WordingError("httpd would read other words than these")
    if _closed(raw) and not _closed(new):
        raise WordingError("it would end in a backslash (byte 5C), and httpd would take the next line in")
    return new


def _closed(raw: str) -> bool:
    """Whether the lines are one logical line, and what stands behind them is another."""
    text = raw if raw.endswith("\n") else f"{raw}\n"
    return [one.text for one in read_lines(f"{text}Z\n".encode("latin-1"))][1:] == ["Z"]
