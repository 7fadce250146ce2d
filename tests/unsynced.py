"""Tests do not wait for the disk: who loses no power cannot tell what was synced and what was not.

Those that lose it (:mod:`tests.crashes.trace`) sync all the same.
"""

from __future__ import annotations

import os
from typing import Final, Protocol

import pytest

_FSYNC: Final = os.fsync
OF_GIT: Final = "GIT_TEST_FSYNC"


class _File(Protocol):
    def fileno(self) -> int: ...


def unsynced(patch: pytest.MonkeyPatch) -> None:
    """Neither this process nor its git syncs."""
    patch.setattr(os, "fsync", _fsync)
    patch.setenv(OF_GIT, "0")


def synced() -> None:
    """This process and its git sync from here on."""
    os.fsync = _FSYNC
    os.environ.pop(OF_GIT, None)


def _fsync(descriptor: int | _File) -> None:
    """Fails as the real one does where nothing is open."""
    os.fstat(descriptor if isinstance(descriptor, int) else descriptor.fileno())
