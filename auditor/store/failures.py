"""What the system and git say when they fail, in words that lead somewhere."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Final

from auditor.errors import StoreError

_FULL: Final = re.compile(r"No space left|Out of diskspace|Disk quota exceeded|File too large", re.IGNORECASE)
_DENIED: Final = re.compile(r"Permission denied|Read-only file system|insufficient permission", re.IGNORECASE)


def cannot_write(path: Path, error: OSError) -> StoreError:
    """The error for a store that the system does not let us write to."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(
            f"the disk that holds the store {path} is full",
            untouched="The store is as it was before.",
            next_step="Make room, then run the same command again.",
        )
    return StoreError(
        f"the store {path} cannot be written to: {error.strerror or error}",
        untouched="The store is as it was before.",
        next_step="Run as the user that owns the store, or set store.path in auditor.yaml.",
    )


def failure(store: Path, command: str, words: bytes) -> StoreError:
    """The error for a git process that failed, in words that lead somewhere."""
    text = words.decode("utf-8", "replace").strip()
    if _FULL.search(text):
        return cannot_write(store, OSError(28, "No space left on device"))
    if _DENIED.search(text):
        return cannot_write(store, OSError(13, "Permission denied"))
    lines = [line for line in text.splitlines() if line.strip()]
    first = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[0] if lines else "no reason")
    return StoreError(
        f"git {command} failed in the store {store}: {first[:300]}",
        untouched="The references of the store are as they were before.",
        next_step=f"Look:  git -C {store} fsck",
    )
