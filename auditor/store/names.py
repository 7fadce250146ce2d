"""Names in the store's trees: any host, surface and document name, hostile ones too, as safe path components.

The encoding is one-to-one, so two names never meet: what git or a checkout could misread becomes ``%XX``; ``%`` alone
stands for an empty component, and a ``%`` at the end marks a document that stands where a folder does.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

MAX_DEPTH: Final = 48
"""Components of a document's path; what lies deeper is folded into the last one."""

DOCUMENTS: Final = "documents.json"
FACTS: Final = "facts.json"
GAPS: Final = "gaps.json"
_RESERVED: Final = frozenset({DOCUMENTS, FACTS, GAPS})
_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+=,-]*", re.ASCII)
_UNSAFE: Final = frozenset('%/\\"')

Path = tuple[str, ...]


def _escape(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in to_bytes(text))


def to_bytes(text: str) -> bytes:
    """The bytes of a name: UTF-8, with the bytes that Python keeps as surrogates restored."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


@lru_cache(maxsize=65536)
def encode(component: str) -> str:
    """One component as it stands in a tree: never ``.``, ``..``, ``.git`` or a spelling of it, never a control."""
    if _PLAIN.fullmatch(component):
        return component
    if not component:
        return "%"
    text = "".join(
        one if one.isprintable() and one not in _UNSAFE and not "\ud800" <= one <= "\udfff" else _escape(one)
        for one in component
    )
    lowered = text.lower()
    if text in (".", "..") or lowered.startswith(".git"):
        return "%2E" + text[1:]
    if lowered.startswith("git~"):
        return text[:3] + "%7E" + text[4:]
    return text


def decode(component: str) -> str:
    """The name that :func:`encode` was given."""
    return "" if component == "%" else unquote_to_bytes(component).decode("utf-8", "surrogateescape")


@lru_cache(maxsize=65536)
def encode_path(store_path: str) -> Path:
    """A document's path as components, bounded in depth."""
    parts = store_path.split("/")
    if len(parts) > MAX_DEPTH:
        parts = [*parts[: MAX_DEPTH - 1], "/".join(parts[MAX_DEPTH - 1 :])]
    return tuple(encode(part) for part in parts)


def place(store_paths: Iterable[str]) -> dict[str, Path]:
    """Where each document stands below its target's folder.

    A document at the place of a folder (a symbolic link to one), and whatever stands where a file of ours does, gets
    a ``%`` at its end.

    Errors:
        ValueError: a path stands twice.
    """
    paths = list(store_paths)
    placed = {path: _beside_ours(encode_path(path)) for path in paths}
    if len(placed) != len(paths):
        twice = next(path for index, path in enumerate(paths) if path in paths[:index])
        raise ValueError(f"two documents claim the place {twice!r}")
    folders = {parts[:depth] for parts in set(placed.values()) for depth in range(1, len(parts))}
    return {path: (*parts[:-1], parts[-1] + "%") if parts in folders else parts for path, parts in placed.items()}


def _beside_ours(parts: Path) -> Path:
    return (parts[0] + "%", *parts[1:]) if parts[0] in _RESERVED else parts


def shard(host: str) -> str:
    """Two hexadecimal digits, so that no folder lists ten thousand hosts."""
    return hashlib.sha256(to_bytes(host)).hexdigest()[:2]


def split_target(target: str) -> tuple[str, str]:
    """Host and ``surface[@instance]`` of a target's name.

    Errors:
        ValueError: it is not a target's name.
    """
    host, slash, surface = target.rpartition("/")
    if not slash or not host or not surface:
        raise ValueError(f"{target!r} is not the name of a target (HOST/SURFACE)")
    return host, surface


def target_path(target: str) -> Path:
    """Where the last state seen of a target stands."""
    host, surface = split_target(target)
    return ("hosts", shard(host), encode(host), encode(surface))


def unseen_path(target: str) -> Path:
    """Where it is noted that the last attempt to see a target failed."""
    host, surface = split_target(target)
    return ("unseen", shard(host), encode(host), encode(surface) + ".json")
