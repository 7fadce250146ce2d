"""The path of a request as httpd compares it: escapes decoded, dots followed, slashes merged; or refused before.

Source: ``ap_process_request_internal`` and ``ap_normalize_path``; every rule was seen on httpd 2.4.71.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

_BROKEN_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_UNRESERVED: Final = re.compile(rb"%(?:3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|2[DEde]|5[Ff]|7[Ee])")
_ENCODED_SLASH: Final = re.compile(rb"%2[Ff]")
_SLASHES: Final = re.compile(rb"/{2,}")


class RequestPath(msgspec.Struct, frozen=True, gc=False):
    """A path (bytes as latin-1), or in ``refused`` why httpd answers by itself; ``path`` is then what was asked for."""

    path: str
    refused: str = ""


def request_path(written: str, *, encoded_slashes: str = "off", merge_slashes: bool = True) -> RequestPath:
    """The path that routes are compared with, from the path of a URL as written.

    ``encoded_slashes`` is AllowEncodedSlashes in lower case (``off``, ``on``, ``nodecode``).
    """
    raw = written.encode("utf-8", "surrogateescape")
    asked = raw.decode("latin-1")
    if _BROKEN_ESCAPE.search(raw):
        return RequestPath(asked, "status 400: a % in the path is not followed by two hexadecimal digits")
    plain = _without_dots(_UNRESERVED.sub(lambda found: unquote_to_bytes(found[0]), raw), merge_slashes)
    if plain is None:
        return RequestPath(asked, "status 400: the path leads above the root")
    if b"%00" in plain:
        return RequestPath(asked, "status 404: the path holds %00")
    if _ENCODED_SLASH.search(plain):
        if encoded_slashes not in ("on", "nodecode"):
            return RequestPath(asked, "status 404: the path holds %2F, and AllowEncodedSlashes is off")
        if encoded_slashes == "nodecode":
            plain = _ENCODED_SLASH.sub(b"%252F", plain)
    decoded = _without_dots(unquote_to_bytes(plain), merge_slashes)
    if decoded is None:
        return RequestPath(asked, "status 400: the path leads above the root")
    return RequestPath(decoded.decode("latin-1"))


def _without_dots(path: bytes, merge: bool) -> bytes | None:
    """The path with ``.`` and ``..`` followed; None where they lead above the root."""
    if merge:
        path = _SLASHES.sub(b"/", path)
    if b"/." not in path:
        return path
    kept: list[bytes] = []
    parts = path.split(b"/")[1:]
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == b"..":
            if not kept:
                return None
            kept.pop()
        elif part != b".":
            kept.append(part)
            continue
        if last:
            kept.append(b"")
    return b"/" + b"/".join(kept)
