"""Installed packages, and what of their files is no longer as delivered. Pure."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from auditor.surfaces.httpd.machine.answer import Answer, Part

_LINE: Final = re.compile(r"^(?P<flags>[A-Za-z0-9.?]{8,9}|missing)\s+(?:(?P<kind>[cdglr])\s+)?(?P<path>/.*)$")
_DIGEST: Final = 2
_MEANINGS: Final = (("5", "content"), ("S", "size"), ("M", "mode"), ("U", "owner"), ("G", "group"), ("L", "link"))


_IN_VAIN: Final = {
    "absent": "the tool is missing",
    "refused": "refused",
    "timed out": "it took too long",
    "without sums": "the list of sums that it was delivered with is not there",
}
_NOT_SEEN: Final = re.compile(r" \([A-Z][A-Za-z ]+\)$")
"""Behind a path that rpm calls missing: why it could not be looked at."""
_LEFT_OUT: Final = re.compile(r"/usr/share/(?:doc|info|lintian|locale|man)/")
"""Where files may be missing by the system's own settings (dpkg's path-exclude, for small images)."""


class Packages(msgspec.Struct, frozen=True):
    """What is installed, as ``NAME VERSION``, and what of it was changed.

    ``verified`` are the names of packages whose files were all compared; ``changed`` are ``NAME PATH: what``, for
    files that are no configuration, ``configuration`` the configuration files that are not as delivered (paths);
    ``unverified`` are ``NAME: why``. ``how`` names the tool.
    """

    installed: tuple[str, ...]
    how: str
    owner: str = ""
    verified: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    configuration: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()


def packages_of(answer: Answer) -> Packages | None:
    """What the machine's package tool says; None where it has none or it failed."""
    debs, rpms = answer.part("debs"), answer.part("rpms")
    if debs.lines:
        installed = [_deb(line) for line in debs.lines]
        owner = answer.part("deb-owner").text.partition(":")[0].split(",")[0]
        return _verified([one for one in installed if one], "dpkg", owner, answer.about("deb-verify"))
    if rpms.status == "ok" and rpms.lines:
        installed = [line for line in rpms.lines if " " in line]
        part = answer.part("rpm-owner")
        owner = part.text if part.status == "ok" and " " not in part.text else ""
        return _verified(installed, "rpm", owner, answer.about("rpm-verify"))
    return None


def failure(answer: Answer) -> str:
    """Why what is installed was not told, or not all of it; empty where it was, or there is no package tool."""
    # dpkg-query ends with 1 where one of the names asked for is not installed.
    for tool, part, good in (
        ("dpkg-query", answer.part("debs"), ("ok", "absent", "1")),
        ("rpm", answer.part("rpms"), ("ok", "absent")),
    ):
        if part.status not in good:
            what = {"timed out": "took too long", "refused": "was refused"}.get(part.status, f"failed ({part.status})")
            return f"{tool} {what}"
    return ""


def _deb(line: str) -> str:
    state, _, rest = line.partition(" ")
    return rest.strip() if state[1:2] == "i" else ""


def _verified(installed: list[str], how: str, owner: str, parts: dict[str, Part]) -> Packages:
    verified, changed, configuration, unverified = [], [], [], []
    for name, part in parts.items():
        every = [found for line in part.lines if (found := _LINE.match(line))]
        files = [found for found in every if not _hidden(found)]
        reason = _unread(part, every)
        if reason:
            unverified.append(f"{name}: {reason}")
        else:
            verified.append(name)
        for found in files:
            what = _what(found["flags"])
            if what and found["kind"] == "c":
                configuration.append(found["path"])
            elif what and found["kind"] is None and not (what == "missing" and _LEFT_OUT.match(found["path"])):
                changed.append(f"{name} {found['path']}: {what}")
    return Packages(
        tuple(sorted(set(installed))),
        how,
        owner,
        tuple(sorted(verified)),
        tuple(sorted(changed)),
        tuple(sorted(set(configuration))),
        tuple(sorted(unverified)),
    )


def _unread(part: Part, files: list[re.Match[str]]) -> str:
    """Why a package's files were not all compared; empty where they were."""
    if part.status in _IN_VAIN:
        return _IN_VAIN[part.status]
    if part.status != "ok" and not part.lines:
        return "the tool failed"
    if any(_hidden(found) or (found["flags"] != "missing" and found["flags"][_DIGEST] == "?") for found in files):
        return "a file may not be read by this user"
    return "" if len(files) == len(part.lines) else "the tool said more than it is known to say"


def _hidden(found: re.Match[str]) -> bool:
    return found["flags"] == "missing" and bool(_NOT_SEEN.search(found["path"]))


def _what(flags: str) -> str:
    if flags == "missing":
        return "missing"
    return ", ".join(meaning for flag, meaning in _MEANINGS if flag in flags)
