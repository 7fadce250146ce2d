"""What commands need before the work begins: the fleet, the targets, the options of collecting and interpreting."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from auditor.cli import streams
from auditor.cli.options import pairs
from auditor.errors import InputError
from auditor.model.target import IloEndpoint, Target
from auditor.surfaces.interface import CollectOptions, InterpretOptions

if TYPE_CHECKING:
    from auditor.model.secret import Sealer
    from auditor.services.fleet import Fleet


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """A moment as reports carry it: UTC, whole seconds, ``Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fleet_or_none(folder: Path | None) -> Fleet | None:
    """The fleet repository named, else the one around the present folder, else None.

    Errors:
        InputError: the one named is none, or its file cannot be used.
    """
    from auditor.services.fleet_place import find_fleet

    if folder is None and find_fleet(Path.cwd()) is None:
        return None
    from auditor.services.fleet import load_fleet

    return fleet_of(folder) if folder is not None else load_fleet(Path.cwd())


def fleet_of(folder: Path | None) -> Fleet:
    """The fleet repository named, else the one around the present folder.

    Errors:
        InputError: there is none, or its file cannot be used.
    """
    from auditor.services.fleet import load_fleet

    if folder is not None and not folder.is_dir():
        raise InputError(f"--fleet {folder}: there is no such folder", next_step="Make one:  auditor init")
    return load_fleet(folder if folder is not None else Path.cwd())


def targets_of(words: Sequence[str] | None, fleet: Fleet | None, cafile: Path | None) -> tuple[Target, ...]:
    """The targets that words mean; without words the whole inventory.

    Errors:
        InputError: a word means nothing, or there is neither a word nor an inventory.
    """
    from auditor.services.inventory import resolve_targets
    from auditor.services.pins import user_pins

    if not words and fleet is None:
        raise InputError(
            "no target is named, and there is no fleet repository here",
            next_step="Name a path:  auditor check /etc/httpd   or make a fleet repository:  auditor init",
        )
    pins = user_pins(os.environ)
    found = resolve_targets(words or ("all",), fleet, cafile=cafile_text(cafile), pins=pins)
    warn_of_unverified(found)
    return found


def warn_of_unverified(targets: Iterable[Target]) -> None:
    """Says on standard error, always, whose certificate the inventory says not to verify."""
    for one in targets:
        if isinstance(one.location, IloEndpoint) and not one.location.verify:
            streams.write_error(f"WARNING: the certificate of {one.name} is not verified, as the inventory says\n")


def cafile_text(cafile: Path | None) -> str:
    """``--cafile`` as services take it; empty where it was not given."""
    return str(cafile.expanduser()) if cafile else ""


def collecting(sealer: Sealer, say: Callable[[str], None], *, full: bool = False) -> CollectOptions:
    """How targets are collected: credentials from this process's environment, progress told to ``say``.

    With ``full`` nothing that was remembered is used.
    """
    options = CollectOptions(sealer=sealer, environment=dict(os.environ), observe=say)
    return structs.replace(options, full_after_s=0.0) if full else options


def interpreting(
    version: str,
    defines: list[str] | None,
    environment: list[str] | None,
    modules: list[str] | None,
    *,
    no_other_modules: bool = False,
) -> InterpretOptions:
    """What a person knows better than the collection.

    Errors:
        InputError: a definition or variable is not written as such, or the version is none.
    """
    if version and re.fullmatch(r"\d{1,4}(\.\d{1,4}){0,2}(-\d[\w.]{0,60})?", version, re.ASCII) is None:
        next_step = "Write it like  2.4.6  or, of RHEL 7's package, 2.4.6-99.el7"
        raise InputError(f"--httpd-version {version!r} is not a version", next_step=next_step)
    return InterpretOptions(
        httpd_version=version,
        defines=pairs(defines, "--define"),
        environment=pairs(environment, "--env", value_needed=True),
        modules=tuple(modules or ()),
        no_other_modules=no_other_modules,
    )


def read_file(path: Path, option: str, limit: int = 16 << 20) -> bytes:
    """The bytes of a file that an option names.

    Errors:
        InputError: it is absent, unreadable or larger than ``limit`` bytes.
    """
    try:
        with path.expanduser().open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise InputError(f"{option} {path}: {error.strerror}") from error
    if len(content) > limit:
        raise InputError(f"{option} {path} is larger than {limit >> 20} MiB")
    return content


def read_list(path: Path, option: str, limit: int = 64 << 20) -> bytes:
    """The bytes of a list that an option names; ``-`` is standard input.

    Errors:
        InputError: it is absent, unreadable or larger than ``limit`` bytes.
    """
    if str(path) != "-":
        return read_file(path, option, limit)
    content = sys.stdin.buffer.read(limit + 1) if sys.stdin is not None else b""
    if len(content) > limit:
        raise InputError(f"{option} -: standard input is larger than {limit >> 20} MiB")
    return content
