"""What a server reads of a tree that was collected: the files whose times tell whether it was loaded. Pure."""

from __future__ import annotations

import posixpath
from typing import Final

from auditor.surfaces.httpd.directive import Directive, Resolved
from auditor.surfaces.httpd.gather import Gathered
from auditor.surfaces.httpd.machine.facts import Reading
from auditor.surfaces.httpd.resolving import SYSCONFIG
from auditor.surfaces.httpd.secretnames import KEY_FILE_DIRECTIVES
from auditor.surfaces.httpd.words import as_path, split_words

_CERTIFICATES: Final = frozenset(
    {
        "sslcertificatefile",
        "sslcertificatechainfile",
        "sslcacertificatefile",
        "sslcarevocationfile",
        "sslproxycacertificatefile",
        "sslproxymachinecertificatefile",
        "sslproxymachinecertificatechainfile",
    }
)
"""Directives whose files are read when the configuration is loaded, and not again."""


def reading_of(gathered: Gathered, resolved: Resolved, environment_files: tuple[str, ...]) -> Reading:
    """The configuration, certificates and keys that are read at loading, the folders searched, the environment."""
    files = {path for path in gathered.asked if path in gathered.files or path in gathered.gaps}
    files |= _named(resolved, _CERTIFICATES | KEY_FILE_DIRECTIVES)
    searched = gathered.searched | _optional_places(resolved)
    files |= searched & gathered.gaps.keys()
    environment = {path for path in (*SYSCONFIG, *environment_files) if path in gathered.files}
    envvars = posixpath.join(gathered.root, "envvars")
    environment |= {envvars} & gathered.files.keys()
    return Reading(
        files=tuple(sorted(files - environment)),
        folders=tuple(sorted(searched - files)),
        environment=tuple(sorted(environment)),
        error_log=_error_log(resolved),
        name=gathered.name,
        root=gathered.root,
        links=tuple(sorted(gathered.crossed)),
    )


def _optional_places(resolved: Resolved) -> set[str]:
    """Where files stand that may come and go without an error: those that IncludeOptional names one by one."""
    return {
        posixpath.dirname(posixpath.normpath(posixpath.join(resolved.server_root, as_path(word))))
        for directive in resolved.directives
        if directive.name.lower() == "includeoptional"
        for word in split_words(directive.arguments)[:1]
        if not any(one in word for one in "*?[") and "${" not in word
    }


def pid_file_of(resolved: Resolved) -> str:
    """PidFile as configured; empty where it is not."""
    return as_path(_first_word(_last(resolved, "pidfile")))


def _error_log(resolved: Resolved) -> str:
    """The main server's error log, absolute; empty where it is no file."""
    written = as_path(_first_word(_last(resolved, "errorlog"))) or "logs/error_log"
    if written.startswith(("|", "syslog")) or "${" in written:
        return ""
    return posixpath.normpath(posixpath.join(resolved.server_root, written))


def _named(resolved: Resolved, directives: frozenset[str]) -> set[str]:
    return {
        posixpath.normpath(posixpath.join(resolved.server_root, as_path(word)))
        for directive in resolved.directives
        if directive.name.lower() in directives
        for word in split_words(directive.arguments)[:1]
        if "${" not in word and ":" not in word
    }


def _last(resolved: Resolved, name: str) -> Directive | None:
    found = [one for one in resolved.directives if not one.within and one.name.lower() == name]
    return found[-1] if found else None


def _first_word(directive: Directive | None) -> str:
    words = split_words(directive.arguments) if directive is not None else ()
    return words[0] if words else ""
