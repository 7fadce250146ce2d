"""Following symbolic links by name, for places whose links the operating system cannot follow for us."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import Final

MAX_LINKS: Final = 40
"""The kernel's own limit."""


def follow(path: str, link_of: Callable[[str], str | None], exists: Callable[[str], bool]) -> str | None:
    """The absolute path with every link followed, or None where it dangles or loops.

    Args:
        path: An absolute POSIX path.
        link_of: A link's text for a path whose parents are no links, None where it is no link.
        exists: Whether anything stands at such a path.
    """
    done = "/"
    todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    links = 0
    while todo:
        part = todo.pop()
        if part == "..":
            done = posixpath.dirname(done)
            continue
        here = posixpath.join(done, part)
        link = link_of(here)
        if link is None:
            done = here
            continue
        links += 1
        if links > MAX_LINKS:
            return None
        if link.startswith("/"):
            done = "/"
        todo += [piece for piece in reversed(link.split("/")) if piece not in ("", ".")]
    return done if done == "/" or exists(done) else None
