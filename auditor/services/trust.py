"""The use case "trust": the certificates that iLOs show are compared with what a person knows of them, and pinned."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

import msgspec

from auditor.errors import InputError, StoreError
from auditor.model.target import IloEndpoint, Target
from auditor.services.pins import pin_path
from auditor.surfaces.ilo.pins import Pin, normal_fingerprint, pin_text, read_pin
from auditor.surfaces.ilo.remembered import forget
from auditor.surfaces.ilo.trust import Certificate, shown_certificate
from auditor.transport.executor import run_bounded

if TYPE_CHECKING:
    from auditor.services.fleet import Fleet

AT_ONCE: Final = 16
_HTTPS: Final = 443

Verdict = Literal["pinned", "replaced", "kept", "other fingerprint", "not agreed", "not reached"]
"""``pinned``: new; ``replaced``: in place of another; ``kept``: it was pinned already; ``other fingerprint``: it is not
the one that was asked for; ``not agreed``: nobody vouched for it; ``not reached``: no certificate was shown."""


class Candidate(msgspec.Struct, frozen=True):
    """An iLO with the certificate that it shows, or why it shows none, and the pin that it has, where it has one."""

    target: Target
    url: str
    path: Path
    shown: Certificate | None
    problem: str = ""
    pin: Pin | None = None

    @property
    def is_pinned(self) -> bool:
        """Whether what it shows is what is pinned."""
        return self.pin is not None and self.shown is not None and self.pin.raw == self.shown.raw


class Judged(msgspec.Struct, frozen=True):
    """What became of one candidate; ``wanted`` is the fingerprint that somebody vouched for, empty where nobody did."""

    candidate: Candidate
    verdict: Verdict
    wanted: str = ""


class TrustReport(msgspec.Struct, frozen=True):
    """What became of each iLO, in order of name. ``folder`` is where pins are kept: ``shared`` in a repository."""

    judged: tuple[Judged, ...]
    folder: Path
    shared: bool = False


Agree = Callable[[Candidate], bool]
"""Asks a person whether the certificate is the right one."""


def ilos_of(targets: Iterable[Target]) -> tuple[Target, ...]:
    """The iLOs among targets, in order of name.

    Errors:
        InputError: there is none.
    """
    found = tuple(sorted((one for one in targets if isinstance(one.location, IloEndpoint)), key=lambda one: one.name))
    if not found:
        raise InputError(
            "none of these targets is an iLO",
            next_step="Certificates are pinned of iLOs. The keys of hosts that are read over SSH are kept by OpenSSH: "
            "docs/ssh.md.",
        )
    return found


async def look(targets: Sequence[Target], folder: Path) -> tuple[Candidate, ...]:
    """What each iLO shows, in order of name. Nothing is sent to any, no name and no password either.

    A pin that cannot be read counts as none: it is about to be replaced, by somebody who sees what is shown now.
    """
    found = [done async for done in run_bounded(targets, lambda one: _look(one, folder), at_once=AT_ONCE)]
    candidates = [done.result for done in found if done.result is not None]
    if failed := next((done.error for done in found if done.error is not None), None):
        raise failed
    return tuple(sorted(candidates, key=lambda one: one.target.name))


async def _look(target: Target, folder: Path) -> Candidate:
    url = target.location.url if isinstance(target.location, IloEndpoint) else ""
    parts = urlsplit(url)
    path = pin_path(folder, url)
    shown = await shown_certificate(parts.hostname or "", parts.port or _HTTPS)
    pin = None
    with contextlib.suppress(InputError):
        pin = read_pin(path)
    if isinstance(shown, str):
        return Candidate(target, url, path, None, shown, pin)
    return Candidate(target, url, path, shown, "", pin)


def judge(candidate: Candidate, wanted: str, agree: Agree | None) -> Judged:
    """What is to become of a candidate: without the right fingerprint or a person's word nothing is pinned."""
    shown = candidate.shown
    if shown is None:
        return Judged(candidate, "not reached", wanted)
    if wanted and wanted != shown.fingerprint:
        return Judged(candidate, "other fingerprint", wanted)
    if candidate.is_pinned:
        return Judged(candidate, "kept", wanted)
    if not wanted and not (agree is not None and agree(candidate)):
        return Judged(candidate, "not agreed", wanted)
    return Judged(candidate, "replaced" if candidate.pin is not None else "pinned", wanted)


def write_pin(judged: Judged, now: datetime, by: str, fleet: Fleet | None = None) -> None:
    """Writes the pin of a candidate that is to be pinned, whole or not at all.

    What a fleet remembers of the iLO is forgotten: another certificate may be another machine.

    Errors:
        StoreError: it cannot be written.
    """
    candidate = judged.candidate
    if judged.verdict not in ("pinned", "replaced") or candidate.shown is None:
        return
    text = pin_text(candidate.shown, candidate.url, now.date().isoformat(), by)
    try:
        candidate.path.parent.mkdir(parents=True, exist_ok=True)
        _replace(candidate.path, text.encode())
        if fleet is not None:
            forget(fleet.state_path, candidate.target.name)
    except OSError as error:
        raise StoreError(
            f"the certificate of {candidate.target.name} could not be pinned in {candidate.path}: {error.strerror}",
            untouched="What was pinned before stays.",
        ) from error


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:80]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)  # it is public, and a repository's
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


# What is pinned already


class Kept(msgspec.Struct, frozen=True):
    """A file with a pin; ``problem`` says what is wrong with it where it cannot be used."""

    path: Path
    pin: Pin | None
    problem: str = ""


def kept_in(folder: Path) -> tuple[Kept, ...]:
    """Every pin of a folder, in order of file name.

    Errors:
        StoreError: the folder cannot be read.
    """
    found = []
    try:
        paths = sorted(folder.glob("*.pem")) if folder.is_dir() else []
    except OSError as error:
        raise StoreError(f"{folder} cannot be read: {error.strerror}") from error
    for path in paths:
        try:
            found.append(Kept(path, read_pin(path)))
        except InputError as error:
            found.append(Kept(path, None, error.what))
    return tuple(found)


def remove(targets: Sequence[Target], folder: Path) -> tuple[Path, ...]:
    """Removes the pins of these iLOs, and gives the files that are gone.

    Errors:
        InputError: one of them has none; then all stay.
        StoreError: one cannot be removed.
    """
    paths = {one.name: pin_path(folder, one.location.url) for one in targets if isinstance(one.location, IloEndpoint)}
    lacking = [name for name, path in paths.items() if not path.exists()]
    if lacking:
        raise InputError(
            f"{', '.join(lacking)}: nothing is pinned",
            untouched="Nothing was removed.",
            next_step="See what is:  auditor trust --list",
        )
    for path in paths.values():
        try:
            path.unlink()
        except OSError as error:
            raise StoreError(f"{path} cannot be removed: {error.strerror}") from error
    return tuple(paths.values())


# Fingerprints that a person brings


class Listed(msgspec.Struct, frozen=True):
    """A line of a list of fingerprints: which iLO, which certificate, and where that stands."""

    word: str
    fingerprint: str
    where: str


def read_fingerprint(text: str, where: str = "--fingerprint") -> str:
    """A SHA-256 fingerprint in any of the ways in which it is written, as we write it.

    Errors:
        InputError: it is none.
    """
    found = normal_fingerprint(text)
    if not found:
        raise InputError(
            f"{text[:120]!r} is no SHA-256 fingerprint",
            where=where,
            next_step="It has 32 bytes in hexadecimal:  SHA256:4B:0F:…",
        )
    return found


def read_list(name: str, content: bytes) -> tuple[Listed, ...]:
    """The lines ``HOST FINGERPRINT`` of a file, in order; empty lines and those that begin with ``#`` are left out.

    Errors:
        InputError: a line is none, or two say different things of one iLO; every such line is named.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is no text", next_step="One iLO a line:  HOST FINGERPRINT") from error
    found: dict[str, Listed] = {}
    mistakes: list[InputError] = []
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{name}:{number}"
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        word, *rest = line.split(maxsplit=1)
        try:
            one = Listed(word, read_fingerprint("".join(rest).partition("#")[0], where), where)
            before = found.setdefault(word.casefold(), one)
            if before.fingerprint != one.fingerprint:
                raise InputError(f"{word} has another fingerprint in {before.where}", where=where)
        except InputError as error:
            mistakes.append(error)
    if not found and not mistakes:
        raise InputError(f"{name} names no iLO", next_step="One iLO a line:  HOST FINGERPRINT")
    if mistakes:
        raise InputError.gather(mistakes)
    return tuple(found.values())


def wanted_of(targets: Sequence[Target], listed: Sequence[Listed]) -> Mapping[str, str]:
    """The fingerprint that a list has for each target, by the target's name; those that it has none for are left out.

    A line names an iLO as the inventory does (``web1``, ``web1/ilo``), or by its address.
    """
    by_word = {one.word.casefold(): one.fingerprint for one in listed}
    found = {}
    for target in targets:
        names = words_for(target)
        if fingerprint := next((by_word[name] for name in names if name in by_word), None):
            found[target.name] = fingerprint
    return found


def words_for(target: Target) -> tuple[str, ...]:
    """The words that may stand for an iLO in a list, in small letters."""
    address = target.location.url.removeprefix("https://") if isinstance(target.location, IloEndpoint) else ""
    plain = (target.name, target.host, address, address.removesuffix(f":{_HTTPS}"), f"ilo://{address}")
    return tuple(dict.fromkeys(name.casefold() for name in plain))


def targets_listed(listed: Sequence[Listed], fleet: Fleet | None, folder: Path) -> tuple[Target, ...]:
    """The iLOs that a list names: those of the inventory by their names there, all others by their address.

    Errors:
        InputError: a word is neither; every such line is named.
    """
    from auditor.services.inventory import resolve_targets

    known = {
        word: target
        for target in (fleet.targets if fleet is not None else ())
        if isinstance(target.location, IloEndpoint)
        for word in words_for(target)
    }
    found: dict[str, Target] = {}
    mistakes: list[InputError] = []
    for one in listed:
        target = known.get(one.word.casefold())
        try:
            address = one.word if "://" in one.word else f"ilo://{one.word}"
            [target] = [target] if target else resolve_targets([address], fleet, pins=folder)
            found[target.name] = target
        except InputError as error:
            mistakes.append(InputError(error.what, where=one.where, next_step=error.next_step))
    if mistakes:
        raise InputError.gather(mistakes)
    return tuple(found.values())
