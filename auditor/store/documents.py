"""A collection as files of its target's folder, and back. Pure.

Beside the documents stand ``documents.json`` (name, place, mode, owner, group, link, fingerprint, selinux),
``facts.json`` and ``gaps.json``; each holds one entry a line, so that a difference reads well. Nothing in them changes
by itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec

from auditor.model.snapshot import Collected, Document, Fact, Gap
from auditor.store.names import DOCUMENTS, FACTS, GAPS, Path, place, to_bytes
from auditor.store.objects import BLOB, EXECUTABLE, LINK, Tree, blob_id

WHOLE: Final = "whole target"
_PASSING: Final = frozenset({"timed out", "unreachable"})
"""Causes whose words differ from night to night; only the cause itself is kept."""


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    name: str
    store_path: str
    mode: int | None = None
    owner: str = ""
    group: str = ""
    link: str = ""
    fingerprint: str = ""
    selinux: str = ""


_T = TypeVar("_T")
_encoder: Final = msgspec.json.Encoder()


def _line(value: object) -> bytes:
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:  # a file name that is not UTF-8, which Python keeps as surrogates
        return json.dumps(msgspec.to_builtins(value), separators=(",", ":")).encode("ascii")


def encode_lines(values: Sequence[object]) -> bytes:
    """A JSON array with one element a line."""
    return b"[\n" + b",\n".join(_line(value) for value in values) + b"\n]\n" if values else b"[]\n"


def decode_lines(content: bytes, item: type[_T]) -> tuple[_T, ...]:
    """The elements of a JSON array, validated.

    Errors:
        ValueError: the bytes are not such an array.
    """
    shape: Any = tuple[item, ...]  # type: ignore[valid-type]  # a type made at run time
    try:
        decoded: tuple[_T, ...] = msgspec.json.decode(content, type=shape)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:  # surrogates are no JSON to msgspec; Python's reader takes them
        decoded = msgspec.convert(json.loads(content), type=shape)
    return decoded


def lasting(gap: Gap) -> Gap:
    """The gap without what differs from night to night."""
    return Gap(gap.what, gap.cause, kinds=gap.kinds, complete=gap.complete) if gap.cause in _PASSING else gap


def lasting_gaps(collected: Collected) -> list[Gap]:
    """The collection's gaps without what differs from night to night, sorted, each once."""
    gaps = {lasting(gap) for gap in collected.gaps}
    return sorted(gaps, key=lambda gap: (gap.what, gap.cause, gap.detail))


def was_seen(collected: Collected) -> bool:
    """Whether anything of the target was seen: an unreachable target must never pass for an empty one."""
    return bool(collected.documents) or not any(gap.what == WHOLE for gap in collected.gaps)


def mode_of(document: Document) -> str:
    """The document's mode in a git tree."""
    if document.link:
        return LINK
    return EXECUTABLE if document.mode is not None and document.mode & 0o111 else BLOB


def build(collected: Collected) -> tuple[Tree, dict[bytes, bytes]]:
    """The target's folder, its ids computed, and the content of each blob by id.

    Errors:
        ValueError: two documents claim one place.
    """
    tree = Tree()
    blobs: dict[bytes, bytes] = {}

    def put(path: Path, mode: str, content: bytes) -> None:
        blob = blob_id(content)
        blobs[blob] = content
        tree.put(path, mode, blob)

    places = place([document.store_path for document in collected.documents])
    for document in collected.documents:
        content = to_bytes(document.link) if document.link else document.content
        put(places[document.store_path], mode_of(document), content)
    entries = [
        _Entry(one.name, one.store_path, one.mode, one.owner, one.group, one.link, one.fingerprint, one.selinux)
        for one in sorted(collected.documents, key=lambda document: document.name)
    ]
    put((DOCUMENTS,), BLOB, encode_lines(entries))
    facts = sorted(collected.facts, key=lambda fact: fact.name)
    put((FACTS,), BLOB, encode_lines(facts))
    put((GAPS,), BLOB, encode_lines(lasting_gaps(collected)))
    tree.seal()
    return tree, blobs


def entries_of(content: bytes) -> tuple[tuple[Document, Path], ...]:
    """The documents that ``documents.json`` names, contents still empty, with their places.

    Errors:
        ValueError: the bytes are not such a file.
    """
    entries = decode_lines(content, _Entry)
    places = place([entry.store_path for entry in entries])
    return tuple(
        (
            Document(
                one.name, one.store_path, b"", one.mode, one.owner, one.group, one.link, one.fingerprint, one.selinux
            ),
            places[one.store_path],
        )
        for one in entries
    )


def facts_of(content: bytes) -> tuple[Fact, ...]:
    """The facts of ``facts.json``."""
    return decode_lines(content, Fact)


def gaps_of(content: bytes) -> tuple[Gap, ...]:
    """The gaps of ``gaps.json``."""
    return decode_lines(content, Gap)
