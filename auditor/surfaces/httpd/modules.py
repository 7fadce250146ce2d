"""Names of modules: the identifier LoadModule uses and the source file IfModule may ask for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from auditor.surfaces.httpd.words import BLANKS

BUILT_IN: Final = {
    "debian": tuple(
        f"{name}_module" for name in ("core", "http", "log_config", "logio", "so", "unixd", "version", "watchdog")
    ),
    "rhel": ("core_module", "http_module", "so_module"),
}
"""What the packages of a layout compile in, by identifier; elsewhere the builder decided."""

_ALWAYS: Final = ("core_module", "http_module", "so_module")

_SOURCES: Final = {
    "core_module": "core.c",
    "http_module": "http_core.c",
    "mpm_event_module": "event.c",
    "mpm_worker_module": "worker.c",
    "mpm_prefork_module": "prefork.c",
    "ldap_module": "util_ldap.c",
    "mod_shib": "mod_shib.cpp",
}
_IDENTIFIERS: Final = {source: identifier for identifier, source in _SOURCES.items()}


def source_file(identifier: str) -> str:
    """The source file's name that a module bears, which IfModule compares: ``mod_proxy.c`` of ``proxy_module``."""
    return _SOURCES.get(identifier) or f"mod_{identifier.removesuffix('_module')}.c"


def identifier_of(name: str) -> str:
    """The identifier for any way of naming a module: ``proxy``, ``mod_proxy``, ``mod_proxy.c``, ``proxy_module``."""
    name = name.strip(BLANKS)
    if name in _IDENTIFIERS:
        return _IDENTIFIERS[name]
    stem = _stem(name)
    return f"{stem}_module"


def compiled_in(names: Iterable[str]) -> tuple[str, ...]:
    """The identifiers of all compiled-in modules, where these are named (in any way) and the core is understood."""
    return tuple(dict.fromkeys((*_ALWAYS, *map(identifier_of, names))))


def _stem(name: str) -> str:
    """What a module's names have in common."""
    for suffix in (".so", ".c", ".cpp", ".cc"):
        name = name.removesuffix(suffix)
    return name.removeprefix("mod_").removesuffix("_module")


def names_module(asked: str, identifier: str) -> bool | None:
    """Whether ``<IfModule asked>`` means a module; None where the module's source file may bear another ending."""
    if asked in (identifier, source_file(identifier)):
        return True
    if identifier not in _SOURCES and asked.endswith((".cpp", ".cc")) and _stem(asked) == _stem(identifier):
        return None
    return False
