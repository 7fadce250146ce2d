"""Whether a section or a ProxyPass path holds a request's path.

Source: ``alias_matches``, ``ap_location_walk`` and ``ap_file_walk``.
"""

from __future__ import annotations

import re
from typing import Final

from auditor.surfaces.httpd import regexes
from auditor.surfaces.httpd.directive import Section
from auditor.surfaces.httpd.words import split_words

WILD: Final = frozenset("*?[")


def alias_length(path: str, fake: str) -> int:
    """How many characters of a path a ProxyPass path takes; 0 where it does not match.

    It matches whole segments; any number of slashes stands for one.
    """
    at = index = 0
    while index < len(fake) and at < len(path):
        if fake[index] == "/":
            if path[at] != "/":
                return 0
            while index < len(fake) and fake[index] == "/":
                index += 1
            while at < len(path) and path[at] == "/":
                at += 1
        elif fake[index] != path[at]:
            return 0
        else:
            index, at = index + 1, at + 1
    if index != len(fake) or not fake:
        return 0
    if fake[-1] != "/" and at < len(path) and path[at] != "/":
        return 0
    return at


def location_matches(section: Section, path: str) -> bool | None:
    """Whether a <Location> holds a path; None where its pattern cannot be tried."""
    words = split_words(section.arguments)
    if not words:
        return False
    pattern = section.name.lower() == "locationmatch"
    if words[0] == "~" and len(words) > 1:
        pattern, words = True, words[1:]
    if pattern:
        expression = regexes.compiled(words[0], path)
        return None if expression is None else expression.search(path) is not None
    if WILD & set(words[0]):
        return None
    place = words[0]
    path = re.sub(r"/{2,}", "/", path)
    if not path.startswith(place):
        return False
    return place.endswith("/") or len(path) == len(place) or path[len(place)] == "/"


def file_matches(section: Section, path: str) -> bool | None:
    """Whether a <Files> holds the file that a path names; None where that cannot be said."""
    words = split_words(section.arguments)
    name = path.rpartition("/")[2]
    if not words or not name:  # a directory's index may lead to such a file
        return None
    if section.name.lower() == "filesmatch" or (words[0] == "~" and len(words) > 1):
        expression = regexes.compiled(words[-1], name)
        return None if expression is None else expression.search(name) is not None
    if WILD & set(words[0]):
        return None
    return True if words[0] == name else None if "." in path.rpartition("/")[0] else False


def holds(section: Section, path: str, file: str) -> bool | None:
    """Whether a section holds a path and its file (empty: not known); None where that cannot be said."""
    match section.name.lower():
        case "location" | "locationmatch":
            return location_matches(section, path)
        case "files" | "filesmatch":
            return file_matches(section, file or path)
        case "directory":
            words = split_words(section.arguments)
            if not words or not file or words[0] == "~" or WILD & set(words[0]):
                return None
            return f"{file}/".startswith(f"{words[0].rstrip('/')}/")
    return None
