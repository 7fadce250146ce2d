"""Where pinned certificates are kept: in the fleet repository, reviewed like code, else in the user's own settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

FOLDER: Final = "trusted"
_HTTPS: Final = 443


def fleet_pins(root: Path) -> Path:
    """The folder of a fleet repository's pins."""
    return root / FOLDER


def user_pins(environment: Mapping[str, str]) -> Path | None:
    """The folder of a user's pins, for whoever has no fleet repository; None where the user has no home."""
    if config := environment.get("XDG_CONFIG_HOME"):
        return Path(config, "auditor", FOLDER)
    home = environment.get("HOME")
    return Path(home, ".config", "auditor", FOLDER) if home else None


def pin_path(folder: Path, url: str) -> Path:
    """The file for the pin of the iLO at this address; the port is left out where it is 443.

    Errors:
        ValueError: the address is none.
    """
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError(f"{url!r} names no host")
    host = quote(parts.hostname.replace(":", "-"), safe="")
    port = parts.port or _HTTPS
    return folder / (f"{host}.pem" if port == _HTTPS else f"{host}_{port}.pem")


def pin_of(folder: Path | None, url: str) -> str:
    """The file that holds the pin of the iLO at this address; empty where it has none."""
    if folder is None:
        return ""
    try:
        path = pin_path(folder, url)
        return str(path) if path.exists() or path.is_symlink() else ""
    except (OSError, ValueError):
        return ""
