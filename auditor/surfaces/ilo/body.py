"""Redfish bodies: decoding hostile JSON within bounds, JSON pointers, comparing and judging URIs."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Final, TypeAlias, cast
from urllib.parse import unquote, urlsplit

import msgspec

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Body: TypeAlias = "dict[str, Json]"

MAX_DEPTH: Final = 40
MAX_NODES: Final = 300_000
MAX_URI: Final = 400
_ROOT: Final = "/redfish/v1"
_HOLDERS: Final = (dict, list)
_ENCODER: Final = json.JSONEncoder(sort_keys=True, ensure_ascii=False, allow_nan=False)
"""Without indenting, which only Python's slow writer does."""
_SEGMENT: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@{}\- ]+")


class MalformedError(ValueError):
    """A body is no JSON object within bounds; the text says what is wrong with it."""


def decode(raw: bytes) -> Body:
    """The JSON object in ``raw``.

    Errors:
        MalformedError: it is no JSON, no object, nested too deeply, or holds too many values.
    """
    try:
        decoded = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise MalformedError(f"no JSON: {str(error)[:120]}") from error
    if not isinstance(decoded, dict):
        raise MalformedError("no JSON object")
    if len(raw) > MAX_NODES or raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:  # else it cannot be beyond the bounds
        _measure(decoded)
    return decoded


def _measure(whole: Json) -> None:
    """Refuses what is nested too deeply or holds too many values; level by level, so without recursion."""
    level: list[Json] = [whole]
    nodes = 1
    for _ in range(MAX_DEPTH):
        below: list[Json] = []
        for value in level:
            if isinstance(value, dict):
                nodes += len(value)
                below += [one for one in value.values() if type(one) in _HOLDERS]
            elif isinstance(value, list):
                nodes += len(value)
                below += [one for one in value if type(one) in _HOLDERS]
        if nodes > MAX_NODES:
            raise MalformedError(f"more than {MAX_NODES} values")
        if not below:
            return
        level = below
    raise MalformedError(f"nested more than {MAX_DEPTH} deep")


def canonical(body: Json) -> bytes:
    """The one way a body is written: keys sorted, indented by one, UTF-8, a line feed at the end."""
    text = _ENCODER.encode(body).encode("utf-8", "backslashreplace")
    try:
        return msgspec.json.format(text, indent=1) + b"\n"
    except (msgspec.DecodeError, RecursionError):  # half a surrogate pair, which is no JSON to msgspec
        text = json.dumps(body, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False).encode(
            "utf-8", "backslashreplace"
        )
        return text + b"\n"


def at(body: Json, pointer: str) -> Json:
    """The value at a JSON pointer (RFC 6901), or None where there is none."""
    found, value = find(body, pointer)
    return value if found else None


def find(body: Json, pointer: str) -> tuple[bool, Json]:
    """Whether there is a value at a JSON pointer, and the value; ``null`` is a value."""
    value = body
    for name in _names(pointer):
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isascii() and name.isdigit() and int(name[:6]) < len(value):
            value = value[int(name[:6])]
        else:
            return False, None
    return True, value


@lru_cache(maxsize=1024)
def _names(pointer: str) -> tuple[str, ...]:
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])


def escape(name: str) -> str:
    """A member's name as a token of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def nest(members: tuple[tuple[str, Json], ...]) -> Body:
    """The body that sets these members: pointers become nested objects."""
    whole: Body = {}
    for pointer, value in members:
        tokens = [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]
        inner = whole
        for token in tokens[:-1]:
            inner = cast(Body, inner.setdefault(token, {}))
        inner[tokens[-1]] = value
    return whole


def link(body: Json, pointer: str) -> str | None:
    """The URI of the resource linked at a pointer: a path below the Redfish root of this very service, or None.

    A link to another origin, outside the root, with ``..``, control characters or a query is none. iLO 4 writes some
    as ``href``.
    """
    value = at(body, pointer)
    if isinstance(value, dict):
        value = value.get("@odata.id" if "@odata.id" in value else "href" if "href" in value else "extref")
    return path_of(value) if isinstance(value, str) else None


def path_of(uri: str) -> str | None:
    """A URI as a path below the Redfish root, as the service spelled it without its fragment; None where it is none."""
    return _path_of(uri) if len(uri) <= MAX_URI else None


@lru_cache(maxsize=4096)
def _path_of(uri: str) -> str | None:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme or parts.netloc or parts.query:
        return None
    segments = [unquote(segment) for segment in parts.path.strip("/").split("/")]
    if any(segment in (".", "..") or not _SEGMENT.fullmatch(segment) for segment in segments):
        return None
    return parts.path if same_path(parts.path, _ROOT) or key_of(parts.path).startswith(f"{_ROOT}/") else None


def key_of(uri: str) -> str:
    """What two spellings of one path have in common: no case, no trailing slash, no fragment."""
    return _key_of(uri) if len(uri) <= MAX_URI else _without_spelling(uri)


def _without_spelling(uri: str) -> str:
    return uri.split("#", 1)[0].rstrip("/").casefold()


_key_of = lru_cache(maxsize=8192)(_without_spelling)


def same_path(one: str, other: str) -> bool:
    """Whether two URIs name one resource: iLO compares neither case nor the trailing slash."""
    return key_of(one) == key_of(other)


@lru_cache(maxsize=4096)
def store_path_of(uri: str) -> str:
    """Where the document of a URI stands in the store: in lower case, so that a change of case renames nothing.

    Only letters, digits and ``._-`` are kept; any other character becomes ``%`` and two hexadecimal digits a byte.
    """
    segments = [unquote(segment) for segment in key_of(uri).strip("/").split("/") if segment]
    kept = ["".join(_kept(character) for character in segment) for segment in segments]
    return "/".join(f"%2E{segment[1:]}" if segment.startswith(".") else segment for segment in kept) + ".json"


def _kept(character: str) -> str:
    if character.isascii() and (character.isalnum() or character in "._-"):
        return character
    return "".join(f"%{byte:02X}" for byte in character.encode())
