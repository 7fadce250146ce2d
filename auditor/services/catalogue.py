"""The fleet's firmware catalogue: its files read, and the artefacts that are there compared with their digests."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from auditor.errors import InputError
from auditor.model.catalogue import Catalogue, CatalogueVersion
from auditor.model.plan import FirmwareUpdate, Step

if TYPE_CHECKING:
    from auditor.services.fleet import Fleet

MAX_CATALOGUE: Final = 2_000_000
MAX_ARTEFACT: Final = 8 << 30
_BLOCK: Final = 1 << 20


def fleet_catalogue(fleet: Fleet | None) -> Catalogue | None:
    """The fleet's catalogue, its artefacts compared; None where there is no fleet, or it names none.

    Errors:
        InputError: a file cannot be read or used, or an artefact that is there is not the one that is catalogued.
    """
    return load_catalogue_files(fleet.catalogue_files) if fleet is not None and fleet.catalogue_files else None


def load_catalogue_files(paths: Sequence[Path]) -> Catalogue:
    """The catalogue of these files. An artefact that is not there is no mistake: it may be kept elsewhere.

    Errors:
        InputError: as of :func:`auditor.policy.catalogue.load_catalogue`; an artefact that cannot be read, is no plain
            file below the catalogue's folder, is larger than 8 GiB or has another SHA-256.
    """
    from auditor.policy.catalogue import load_catalogue

    catalogue = load_catalogue([(str(path), _content(path)) for path in paths])
    mistakes = list(_wrong_artefacts(catalogue))
    if mistakes:
        raise InputError.gather(mistakes)
    return catalogue


def artefact_path(version: CatalogueVersion) -> Path | None:
    """Where a version's artefact stands, whether it is there or not; None where it has none."""
    return Path(version.file).parent / version.artefact.file if version.artefact else None


def artefacts_of(fleet: Fleet, steps: Sequence[Step]) -> dict[str, Path]:
    """The files that a plan's firmware steps may need and that are at hand, by their SHA-256.

    Errors:
        InputError: as of :func:`load_catalogue_files`.
    """
    if not any(isinstance(step.change, FirmwareUpdate) for step in steps):
        return {}
    found: dict[str, Path] = {}
    for component in (fleet_catalogue(fleet) or Catalogue(())).components:
        for version in component.versions:
            path = artefact_path(version)
            if path is not None and version.artefact is not None and path.exists():
                found[version.artefact.sha256] = path
    return found


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_CATALOGUE + 1)  # the reader of documents says what is too large
    except OSError as error:
        raise InputError(f"the firmware catalogue cannot be read: {error.strerror}", where=str(path)) from error


def _wrong_artefacts(catalogue: Catalogue) -> Iterator[InputError]:
    digests: dict[Path, str | InputError] = {}
    for version in (version for component in catalogue.components for version in component.versions):
        path = artefact_path(version)
        if path is None or version.artefact is None:
            continue
        where = f"{version.file}:{version.line}"
        if path not in digests:
            digests[path] = _digest(path, Path(version.file).parent, where)
        found = digests[path]
        if isinstance(found, InputError):
            yield found
        elif found not in ("", version.artefact.sha256):
            yield InputError(
                f"{version.artefact.file} is not the artefact of {version.version}: its SHA-256 is {found}",
                where=where,
                next_step="Fetch it again from the vendor, and compare with the digest that the vendor states.",
            )


def _digest(path: Path, folder: Path, where: str) -> str | InputError:
    """The SHA-256 of an artefact, read in blocks; empty where it is not there."""
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            return InputError(f"{path} leads out of the catalogue's folder", where=where)
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):  # a device or a pipe could be read for ever
            return InputError(f"{path} is no plain file", where=where)
        if about.st_size > MAX_ARTEFACT:
            return InputError(f"{path} is larger than {MAX_ARTEFACT >> 30} GiB", where=where)
        digest, left = hashlib.sha256(), MAX_ARTEFACT
        with path.open("rb") as file:
            while left > 0 and (block := file.read(min(_BLOCK, left))):
                digest.update(block)
                left -= len(block)
        return digest.hexdigest()
    except FileNotFoundError:
        return ""
    except (OSError, RuntimeError) as error:  # a circle of links is a RuntimeError until Python 3.12
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return InputError(f"{path} cannot be read: {reason}", where=where)
