"""What is told of a disk that fails."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from auditor.transport.acts import Acts

FULL = Path("/dev/full")


def test_a_full_disk_is_told_with_the_file_that_found_it_full() -> None:
    descriptor = os.open(FULL, os.O_WRONLY)
    try:
        with pytest.raises(OSError, match="No space left") as full:
            Acts().write(descriptor, b"Timeout 60\n", FULL, 0)
        with pytest.raises(OSError, match="/dev/full") as unable:
            Acts().allocate(descriptor, 10, FULL)
    finally:
        os.close(descriptor)
    assert (full.value.errno, full.value.filename) == (errno.ENOSPC, str(FULL))
    assert unable.value.filename == str(FULL)
