"""Finding, among thousands of paths, the ones that can take a request: by what stands in the path, not one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

_One = TypeVar("_One")
_SLASHES = re.compile(r"/{2,}")


class PathIndex(Generic[_One]):
    """Things in the order in which they are tried, each with the path that it takes.

    ``path_of`` gives a thing's plain path, which takes whole segments and holds no run of slashes; None for what has
    to be tried on every request (a pattern). Of several things with one path only the first can ever be reached.
    """

    def __init__(self, things: Iterable[_One], path_of: Callable[[_One], str | None]) -> None:
        self._things = tuple(things)
        self._by_path: dict[str, int] = {}
        self._always: list[int] = []
        for index, one in enumerate(self._things):
            path = path_of(one)
            if path is None:
                self._always.append(index)
            else:
                self._by_path.setdefault(path, index)

    def candidates(self, path: str) -> list[_One]:
        """What may take a path, in order; whether it does is still to be asked."""
        if not self._by_path:
            return [self._things[index] for index in self._always]
        path = one_slash(path)
        found = [index for prefix in _prefixes(path) if (index := self._by_path.get(prefix)) is not None]
        if not found:
            return [self._things[index] for index in self._always]
        return [self._things[index] for index in sorted({*found, *self._always})]


def one_slash(path: str) -> str:
    """The path with every run of slashes as one."""
    return _SLASHES.sub("/", path) if "//" in path else path


def _prefixes(path: str) -> Iterable[str]:
    """The path itself, and what ends right before or behind a slash of it."""
    yield path
    slash = path.find("/")
    while slash >= 0:
        yield path[:slash]
        if slash + 1 < len(path):
            yield path[: slash + 1]
        slash = path.find("/", slash + 1)
