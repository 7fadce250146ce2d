"""Where a fleet repository is: found before anything of it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FILE_NAME: Final = "auditor.yaml"


def find_fleet(start: Path) -> Path | None:
    """The nearest ``auditor.yaml`` at or above a folder, or None."""
    folder = start.absolute()
    for place in (folder, *folder.parents):
        if (place / FILE_NAME).is_file():
            return place / FILE_NAME
    return None
