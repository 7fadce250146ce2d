"""Which package each file of a tree belongs to, as the machine's package manager says. Pure.

``dpkg-query -S`` and ``rpm -qf`` decide. What neither could be asked of is unknown, never "no package's".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final, get_args

import msgspec

from auditor.model.ownership import Handling, PackageFile
from auditor.model.snapshot import Collected, Fact
from auditor.surfaces.httpd.machine.answer import Answer, Part

FILES: Final = "package_files"
UNKNOWN: Final = "package_files_unknown"
NOT_ASKED: Final = "the package manager of its machine was not asked"

_HANDLINGS: Final = frozenset(get_args(Handling))
_DEB: Final = re.compile(r"(?P<packages>[^ /:,]+(?::[a-z0-9]+)?(?:, [^ /:,]+(?::[a-z0-9]+)?)*): (?P<path>/.*)")
_DIVERTED: Final = re.compile(r"(?:local diversion|diversion by \S+) (?:from|to): (?P<path>/.*)")
_CONFFILE: Final = re.compile(r"\s*(?P<path>/.*?) (?P<sum>[0-9a-f]{32}|newconffile)(?P<more>(?: [a-z-]+)*)\s*")
_UCF: Final = re.compile(r"\s*(?P<package>\S+)\s+(?P<path>/.*?)\s*")
_RPM: Final = re.compile(r"-(?P<flags>\S*) (?P<package>\S+) (?P<path>/.*)")
_RPM_END: Final = re.compile(r"status (?P<status>\S+) (?P<count>\d+)")
_ELSEWHERE: Final = "rpm knows it by another name of the same place, or did not say"
_DIVERTS: Final = "its name is diverted (dpkg-divert)"
_ABSENT: Final = "the package manager was asked about files that are there, and those of the tree"


class Owners(msgspec.Struct, frozen=True):
    """By absolute path whose a file is, as far as it is a package's or not known; or why none of it is known."""

    files: dict[str, PackageFile]
    unknown: str = ""


def owners_of(answer: Answer, asked: Iterable[str]) -> Owners:
    """What the machine answers to the part ``owners``. ``asked`` are the files that are there, by absolute path."""
    if answer.part("owners").status != "ok":
        return Owners({}, NOT_ASKED)
    deb, rpm = answer.part("deb-files"), answer.part("rpm-files")
    if {deb.status, rpm.status} == {"absent"}:
        return Owners({}, "no package manager was found there")
    found: dict[str, PackageFile] = {}
    if rpm.status != "absent":
        end = _RPM_END.fullmatch(rpm.lines[-1]) if rpm.lines else None
        if end is None or end["status"] != "0":
            return Owners({}, f"rpm {_failed(end['status'] if end else '')}")
        if end["count"] != "0":  # on Debian it is there to unpack foreign packages, and knows of none
            found |= _rpms(rpm, frozenset(answer.part("rpm-unowned").lines), asked)
        elif deb.status == "absent":
            return Owners({}, "rpm knows of no package there")
    if deb.status != "absent":
        conffiles = answer.part("deb-conffiles")
        for part in (deb, conffiles):
            if part.status != "ok":
                return Owners({}, f"dpkg-query {_failed(part.status)}")
        found |= _debs(deb, conffiles, answer.part("ucf-files"))
    return Owners(found)


def owner_facts(owners: Owners, name: Callable[[str], str]) -> list[Fact]:
    """The same as facts; ``name`` turns a path into the name that documents bear.

    Each of :data:`FILES` is ``HANDLING MANAGER PACKAGE NAME``, with ``-`` for what is not known.
    """
    if owners.unknown:
        return [Fact(UNKNOWN, owners.unknown, "asked in vain")]
    listed = (
        f"{one.handling} {one.manager or '-'} {one.package or '-'} {name(path)}" for path, one in owners.files.items()
    )
    return [Fact(FILES, tuple(sorted(listed)), "package manager")]


class OwnedFiles:
    """Whose the files of a collection are."""

    def __init__(self, collected: Collected) -> None:
        unknown, listed = collected.fact(UNKNOWN), collected.fact(FILES)
        self._why = str(unknown) if unknown else "" if isinstance(listed, tuple) else NOT_ASKED
        self._found: dict[str, PackageFile] = {}
        self._present = frozenset(document.name for document in collected.documents)
        for text in listed if isinstance(listed, tuple) else ():
            handling, manager, package, name = (*text.split(" ", 3), "", "", "")[:4]
            if handling in _HANDLINGS and manager in ("rpm", "dpkg") and name:
                self._found[name] = msgspec.convert(_named(handling, manager, package), PackageFile)

    def of(self, name: str) -> PackageFile:
        """Whose the file of that name is."""
        if self._why:
            return PackageFile("unknown", why=self._why)
        if "\n" in name:
            return PackageFile("unknown", why="the package manager cannot be asked about such a name")
        if name in self._found:
            return self._found[name]
        if name.startswith("/") and name not in self._present:
            return PackageFile("unknown", why=_ABSENT)
        return PackageFile("none")


def _named(handling: str, manager: str, package: str) -> dict[str, str]:
    if handling == "unknown":
        return {"handling": handling, "manager": manager, "why": _DIVERTS if manager == "dpkg" else _ELSEWHERE}
    return {"handling": handling, "manager": manager, "package": package}


def _rpms(part: Part, unowned: frozenset[str], asked: Iterable[str]) -> dict[str, PackageFile]:
    found: dict[str, PackageFile] = {}
    for line in part.lines:
        match = _RPM.fullmatch(line)
        if match is None:
            continue
        flags, package, path = match["flags"], match["package"], match["path"]
        before = found.get(path)
        if before is not None and before.package != package:
            found[path] = PackageFile("shared", f"{before.package},{package}", "rpm")
        elif before is None:
            found[path] = PackageFile(_rpm_handling(flags), package, "rpm")
    for path in asked:
        if path not in found and path not in unowned and "\n" not in path:
            found[path] = PackageFile("unknown", manager="rpm")
    return found


def _rpm_handling(flags: str) -> Handling:
    if "g" in flags:
        return "ghost"
    if "c" not in flags:
        return "plain"
    return "noreplace" if "n" in flags else "config"


def _debs(files: Part, conffiles: Part, ucf: Part) -> dict[str, PackageFile]:
    found: dict[str, PackageFile] = {}
    for line in ucf.lines:
        if match := _UCF.fullmatch(line):
            found[match["path"]] = PackageFile("ucf", match["package"], "dpkg")
    kept = {match["path"]: match["more"].split() for line in conffiles.lines if (match := _CONFFILE.fullmatch(line))}
    diverted = {match["path"] for line in files.lines if (match := _DIVERTED.fullmatch(line))}
    listed = [match for line in files.lines if (match := _DEB.fullmatch(line))]
    folders = {match["path"].rpartition("/")[0] for match in listed}
    for match in listed:
        path = match["path"]
        if path in folders:
            continue
        packages = [one.partition(":")[0] for one in match["packages"].split(", ")]
        if path in diverted:
            found[path] = PackageFile("unknown", manager="dpkg")
        elif path in kept:
            handling: Handling = "obsolete" if "obsolete" in kept[path] else "conffile"
            found[path] = PackageFile(handling, packages[0], "dpkg")
        else:
            several = len(set(packages)) > 1
            found[path] = PackageFile("shared" if several else "plain", ",".join(packages), "dpkg")
    return found


def _failed(status: str) -> str:
    told = {"timed out": "took too long", "124": "took too long", "143": "took too long", "refused": "was refused"}
    return told.get(status, f"failed ({status or 'no answer'})")
