"""The fleet's key: it turns secrets into keyed digests and stays outside every repository."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from auditor.errors import InputError, StoreError
from auditor.model.secret import Sealer

if TYPE_CHECKING:
    from auditor.services.fleet import Fleet

KEY_BYTES: Final = 32


def key_path(fleet_id: str, environment: Mapping[str, str]) -> Path:
    """Where the key of a fleet is looked for: ``AUDITOR_KEY_FILE``, else below ``XDG_CONFIG_HOME`` or ``HOME``.

    Errors:
        InputError: the environment says nothing of the three.
    """
    if named := environment.get("AUDITOR_KEY_FILE"):
        return Path(named)
    if config := environment.get("XDG_CONFIG_HOME"):
        return Path(config, "auditor", "keys", f"{fleet_id}.key")
    if home := environment.get("HOME"):
        return Path(home, ".config", "auditor", "keys", f"{fleet_id}.key")
    raise InputError(
        "it is not known where the fleet's key is: neither HOME nor XDG_CONFIG_HOME is set",
        next_step="Set AUDITOR_KEY_FILE to the file that holds it.",
    )


def create_key(path: Path) -> Sealer:
    """Makes a new key at a path where none stands, readable by its owner alone, and gives its sealer.

    Errors:
        StoreError: it cannot be written.
        InputError: a file stands there already.
    """
    key = secrets.token_bytes(KEY_BYTES)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(file, 0o600)
            os.write(file, key.hex().encode("ascii") + b"\n")
            os.fsync(file)
        finally:
            os.close(file)
    except FileExistsError as error:
        raise InputError(f"a key stands at {path} already", untouched="It was left as it is.") from error
    except OSError as error:
        raise StoreError(
            f"the fleet's key cannot be written to {path}: {error.strerror}",
            next_step="Set AUDITOR_KEY_FILE to a place that can be written to.",
        ) from error
    return Sealer(key)


def read_key(path: Path) -> Sealer:
    """The sealer of the key in a file: 32 bytes, plain or in hexadecimal.

    Errors:
        InputError: there is none, others may read it, or it is no key.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise InputError(
            f"the fleet's key is not at {path}",
            next_step="Copy the key file from where `auditor init` was run, or set AUDITOR_KEY_FILE to it.\n"
            "  Without it no state can be compared with those of the store.",
        ) from error
    except OSError as error:
        raise InputError(f"the fleet's key at {path} cannot be read: {error.strerror}") from error
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"the fleet's key at {path} is not a file")
        if status.st_mode & 0o077:
            raise InputError(
                f"the fleet's key at {path} is open to others (mode {stat.S_IMODE(status.st_mode):04o}): not used",
                next_step=f"Run:  chmod 600 {path}",
            )
        if status.st_uid not in (os.geteuid(), 0):
            raise InputError(f"the fleet's key at {path} belongs to another user: not used")
        content = os.read(file, 4096)
    finally:
        os.close(file)
    return Sealer(_key_of(content, path))


def _key_of(content: bytes, path: Path) -> bytes:
    if len(content) == KEY_BYTES:
        return content
    try:
        key = bytes.fromhex(content.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise InputError(f"{path} holds no key: {KEY_BYTES} bytes, plain or as hexadecimal digits, are expected")
    return key


def sealer_for(fleet: Fleet | None, environment: Mapping[str, str]) -> Sealer:
    """The fleet's sealer; without a fleet one with a key of the moment, whose digests are compared with nothing.

    Errors:
        InputError: the key is missing, open to others, or not the one that the fleet's digests were made with.
    """
    if fleet is None:
        return Sealer(secrets.token_bytes(KEY_BYTES))
    path = key_path(fleet.id, environment)
    sealer = read_key(path)
    if fleet.key_id and sealer.key_id != fleet.key_id:
        raise InputError(
            f"the key at {path} is {sealer.key_id}, the fleet's is {fleet.key_id}: "
            "every secret would seem changed, so nothing is compared",
            where=str(fleet.file),
            next_step="Copy the fleet's key file from where `auditor init` was run, or set AUDITOR_KEY_FILE to it.",
        )
    return sealer
