"""What a reload ends a server for by its configuration alone, and its own check lets through. Pure.

Each was tried on httpd 2.4.71: modules that look for another one after the check, a balancer whose method is in a
module that is not loaded, no Listen at all, a log that goes to a facility that syslog does not have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from auditor.surfaces.httpd.directive import Directive, Resolved
from auditor.surfaces.httpd.words import split_words

MODULES: Final = {
    "proxy_balancer_module": ("slotmem_shm_module", "AH01177"),
    "heartmonitor_module": ("slotmem_shm_module", "AH02284"),
    "auth_form_module": ("session_module", "AH02617"),
    "authnz_ldap_module": ("ldap_module", "AH01749"),
}
"""Modules that end the server where another one is not loaded, with what the log then says."""
_USUAL_METHOD: Final = "lbmethod_byrequests_module"
_BALANCER: Final = re.compile(r"balancer://([^/\s\"'>]+)", re.IGNORECASE)
_METHOD: Final = re.compile(r"\blbmethod=", re.IGNORECASE)
_FACILITIES: Final = frozenset(
    (
        *("auth", "authpriv", "cron", "daemon", "ftp", "kern", "lpr", "mail", "news", "syslog", "user", "uucp"),
        *(f"local{number}" for number in range(8)),
    )
)


class Ending(NamedTuple):
    """Why the server would end, and the directive that makes it (None: one that is missing)."""

    directive: Directive | None
    why: str
    certain: bool = True


def endings(after: Resolved) -> Iterator[Ending]:
    """What ends the server, in no order; what a conditional leaves open is left out."""
    loaded = {name for name, _ in after.modules}
    for name, (other, log_id) in MODULES.items():
        if name in loaded and other not in loaded and (by := _loading(after, name)):
            why = f"{name} ends the server without {other}, which is not loaded ({log_id})"
            yield Ending(by, why, after.modules_known)
    if "proxy_balancer_module" in loaded and _USUAL_METHOD not in loaded:
        yield from _balancers(after)
    if not after.gaps and not any(one.name.lower() == "listen" for one in after.directives):
        yield Ending(None, "no Listen is left, and a server that listens nowhere ends")
    for one in after.directives:
        if one.name.lower() == "errorlog" and not one.doubts and (why := _facility(one)):
            yield Ending(one, why)


def _loading(after: Resolved, name: str) -> Directive | None:
    found = (one for one in after.directives if one.name.lower() == "loadmodule" and not one.doubts)
    return next((one for one in found if split_words(one.arguments)[:1] == (name,)), None)


def _balancers(after: Resolved) -> Iterator[Ending]:
    """Balancers of no written method: the usual one is a module of its own."""
    used: dict[str, Directive] = {}
    written: set[str] = set()
    for one in after.directives:
        name = one.name.lower()
        section = next((part.arguments for part in one.within if part.name.lower() == "proxy"), "")
        text = f"{section} {one.arguments}" if name in ("proxyset", "balancermember") else one.arguments
        if name not in ("proxypass", "proxypassmatch", "<proxy", "proxyset", "balancermember"):
            continue
        for match in _BALANCER.finditer(text):
            if name != "proxyset" and not one.doubts:
                used.setdefault(match[1].lower(), one)
            if _METHOD.search(one.arguments) or one.doubts:
                written.add(match[1].lower())
    for balancer, one in used.items():
        if balancer not in written:
            why = f"balancer://{balancer} ends the server without {_USUAL_METHOD}, which is not loaded (AH02432)"
            yield Ending(one, why, after.modules_known)


def _facility(one: Directive) -> str:
    word = (split_words(one.arguments) or ("",))[0]
    kind, colon, rest = word.partition(":")
    if kind.lower() != "syslog" or not colon or "${" in rest:
        return ""
    facility = rest.partition(":")[0]
    return "" if not facility or facility.lower() in _FACILITIES else f"syslog has no facility {facility}"
