"""File name patterns of Include, by the rules of ``apr_fnmatch`` with ``APR_FNM_PERIOD``."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from auditor.surfaces.httpd.fileset import FileSet

MAX_DEPTH: Final = 128
"""httpd's own limit of nested directories."""


_EVERYTHING: Final = "**"
"""Stands for a whole directory where it is asked what is known of it."""


class TooDeepError(Exception):
    """Directories nest deeper than httpd follows. Holds the path; never leaves this package."""


class NoMatchError(Exception):
    """A wildcard without a match, or a directory that cannot be looked into. Holds (pattern, directory)."""


def byte_order(path: str) -> bytes:
    """The sort key that httpd's ``strcmp`` amounts to."""
    return os.fsencode(path)


def has_wildcard(path: str) -> bool:
    """Whether httpd takes the path for a pattern: ``*``, ``?`` or a closed ``[…]``, none of them escaped."""
    bracket = False
    position = 0
    while position < len(path):
        character = path[position]
        if character in "*?" or (character == "]" and bracket):
            return True
        if character == "[":
            bracket = True
        elif character == "\\":
            position += 1
        position += 1
    return False


@lru_cache(maxsize=512)
def pattern(text: str) -> re.Pattern[str]:
    """One path component's pattern. A leading full stop must be matched by a full stop in the pattern."""
    pieces = [""]  # what stands between the stars
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if character == "*":
            pieces.append("")
            continue
        if character == "?":
            expression = "[^/]"
        elif character == "[" and (closed := _bracket(text, position)):
            expression, position = closed
        else:
            if character == "\\" and position < len(text):
                character = text[position]
                position += 1
            expression = re.escape(character)
        pieces[-1] += expression
    head = "" if text.startswith((".", "\\.")) else r"(?!\.)"
    return re.compile(head + with_stars(pieces, "[^/]"), re.DOTALL)


def with_stars(pieces: Sequence[str], any_one: str) -> str:
    """An expression for pieces with stars between them, tried in a time that grows with the text and no faster.

    Of what stands between two stars the first place that fits is as good as any: nothing is tried again.
    """
    first, *rest = pieces
    if not rest:
        return first
    middle = "".join(f"(?>{any_one}*?{piece})" for piece in rest[:-1] if piece)
    return f"{first}{middle}{any_one}*{rest[-1]}"


def _bracket(text: str, start: int) -> tuple[str, int] | None:
    """The expression for a bracket whose ``[`` stands before ``start``, and where it ends; None where it is open."""
    negated = text[start : start + 1] in ("!", "^")
    position = start + negated
    end = text.find("]", position + 1)
    if end < 0:
        return None
    members, pieces = text[position:end], []
    index = 0
    while index < len(members):
        if members[index + 1 : index + 2] == "-" and index + 2 < len(members):
            low, high = members[index], members[index + 2]
            if low <= high:
                pieces.append(f"{re.escape(low)}-{re.escape(high)}")
            index += 3
        else:
            pieces.append(re.escape(members[index]))
            index += 1
    if not pieces:
        return ("[^/]" if negated else "(?!)"), end + 1
    return f"[{'^' if negated else ''}{''.join(pieces)}]", end + 1


def included_files(files: FileSet, path: str, *, optional: bool) -> Iterator[str]:
    """The files that an Include of a normalised absolute path reads, in httpd's order.

    A path without a wildcard is given as it is, or where it is a directory all that stands below, sorted by byte.
    Wildcards may stand in directories too; only true directories, not links, are then looked into.

    Errors:
        NoMatchError: a wildcard that matches nothing, and not ``optional``; after all known files, a directory of
            which it is not known what else matches.
        TooDeepError: directories nest too deep.
    """
    if not has_wildcard(path):
        yield from _below(files, path, optional, 0)
    else:
        yield from _walk(files, "/", path.strip("/").split("/"), optional)


def _walk(files: FileSet, base: str, parts: list[str], optional: bool) -> Iterator[str]:
    while parts and not has_wildcard(parts[0]):
        base = posixpath.join(base, parts[0])
        parts = parts[1:]
    if not parts:
        yield from _below(files, base, optional, 0)
        return
    wanted, rest = pattern(parts[0]), parts[1:]
    matched = [one for one in files.list(base) if wanted.fullmatch(one.name) and (not rest or one.directory)]
    if not matched and not optional:
        raise NoMatchError(parts[0], base)
    for found in sorted((posixpath.join(base, one.name) for one in matched), key=byte_order):
        if rest:
            yield from _walk(files, found, rest, optional)
        else:
            yield from _below(files, found, optional, 0)
    # A collection knows of a directory outside of the tree what it was asked for: this very pattern, or nothing.
    if files.standing(posixpath.join(base, parts[0])) == "unknown":
        raise NoMatchError(parts[0], base)


def _below(files: FileSet, path: str, optional: bool, depth: int) -> Iterator[str]:
    """The path itself, or everything below it."""
    standing = files.standing(path)
    if standing == "directory":
        if depth >= MAX_DEPTH:
            raise TooDeepError(path)
        names = sorted((posixpath.join(path, one.name) for one in files.list(path)), key=byte_order)
        for name in names:
            yield from _below(files, name, optional, depth + 1)
        if files.standing(posixpath.join(path, _EVERYTHING)) == "unknown":
            raise NoMatchError(_EVERYTHING, path)
    elif not (optional and standing == "absent" and files.gap(path) is None):
        yield path
