"""Attribute registries by version on the auditor's own disk: one download serves every machine with that BIOS.

Like what is remembered of an iLO (:mod:`auditor.surfaces.ilo.remembered`) it saves requests and is never the truth:
whatever is wrong with a file means that the registry is read from the iLO.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, cast

import msgspec

from auditor.model.secret import Sealer
from auditor.surfaces.ilo.body import Body, MalformedError, at, canonical, decode
from auditor.surfaces.ilo.remembered import read_sealed, rules, write_sealed
from auditor.surfaces.interface import CollectOptions

FORMAT: Final = "auditor.ilo-registry/v1"
MAX_BYTES: Final = 4 * 1024 * 1024
MAX_FILES: Final = 32
MAX_AGE_S: Final = 30 * 86_400.0
_FOLDER: Final = ("ilo", "registries")
_VERSIONED: Final = re.compile(r"\.v\d+_\d+_\d+$", re.IGNORECASE)


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A registry under its name and the ETag by which it is listed (mostly none): by which rules and when it was read.

    ``read_at`` is in seconds since the epoch.
    """

    format: str
    rules: str
    name: str
    etag: str
    read_at: float
    content: bytes


def is_shared(name: str, body: Body | None = None) -> bool:
    """Whether a registry is the same on every machine: its name holds its version; and the body is one of that name."""
    if not _VERSIONED.search(name):
        return False
    if body is None:
        return True
    own = body.get("Id")
    attributes = at(body, "/RegistryEntries/Attributes")
    filled = isinstance(attributes, list) and bool(attributes)
    return filled and isinstance(own, str) and own.casefold() == name.casefold()


class KeptRegistries:
    """The registries kept below the auditor's state folder."""

    def __init__(self, state: Path, sealer: Sealer) -> None:
        self._folder = state.joinpath(*_FOLDER)
        self._sealer = sealer

    def place_of(self, name: str, etag: str = "") -> Path:
        """The file of a registry; its name tells nothing that a file system could stumble over."""
        told = f"{name.casefold()}\0{etag}".encode("utf-8", "surrogatepass")
        return self._folder / hashlib.sha256(told).hexdigest()[:32]

    def read(self, name: str, etag: str = "") -> Body | None:
        """The registry of that name, or None where none is kept, it is too old, or it cannot be relied on."""
        payload = read_sealed(self.place_of(name, etag), self._sealer, MAX_BYTES)
        if payload is None:
            return None
        try:
            kept = msgspec.msgpack.decode(payload, type=_Kept)
            ours = (kept.format, kept.rules, kept.name, kept.etag) == (FORMAT, rules(), name.casefold(), etag)
            if not ours or not 0 <= time.time() - kept.read_at < MAX_AGE_S:
                return None
            body = decode(kept.content)
        except (msgspec.DecodeError, RecursionError, ValueError, MalformedError):
            return None
        return body if is_shared(name, body) else None

    def write(self, name: str, body: Body, etag: str = "") -> None:
        """Keeps a registry; one that is too large is not kept, and the oldest go where there are too many.

        Errors:
            OSError: the state folder cannot be written to.
        """
        kept = _Kept(FORMAT, rules(), name.casefold(), etag, time.time(), canonical(body))
        payload = msgspec.msgpack.encode(kept)
        if len(payload) > MAX_BYTES // 2:
            return
        write_sealed(self.place_of(name, etag), self._sealer, payload)
        files = sorted(self._folder.iterdir(), key=lambda one: one.lstat().st_mtime_ns, reverse=True)
        for old in files[MAX_FILES:]:
            with contextlib.suppress(OSError):
                old.unlink()


async def shared_registry(
    name: str, etag: str, options: CollectOptions, ask: Callable[[], Awaitable[tuple[Body | None, str]]]
) -> Body | None:
    """The registry of that name: as another target of the run read it, as it was kept, else as this target gives it.

    What this target gives is shared and kept only where it is the registry of that name, and bears the ``etag`` by
    which the target lists it; that is empty where it lists none.
    """
    given: Body | None = None

    async def get() -> Body | None:
        nonlocal given
        kept = KeptRegistries(options.keep, options.sealer) if options.keep else None
        found = await asyncio.to_thread(kept.read, name, etag) if kept else None
        if found is not None:
            return found
        given, own = await ask()
        if given is None or not is_shared(name, given) or etag not in ("", own):
            return None
        if kept:
            try:
                await asyncio.to_thread(kept.write, name, given, etag)
            except OSError as error:
                options.observe(f"the attribute registry is not kept: {error.strerror or error}")
        return given

    return cast("Body | None", await options.shared.get(f"{name.casefold()}\0{etag}", get)) or given
