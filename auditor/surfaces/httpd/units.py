"""Times whose unit httpd throws away without a word."""

from __future__ import annotations

from typing import Final

from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.durations import atoi, drops_unit, is_plain
from auditor.surfaces.httpd.servers import readable
from auditor.surfaces.httpd.words import split_words

_WHOLE: Final = frozenset(
    """timeout proxytimeout gracefulshutdowntimeout fcgidiotimeout fcgidconnecttimeout fcgidbusytimeout
    fcgididletimeout fcgidprocesslifetime ipccommtimeout ipcconnecttimeout busytimeout idletimeout processlifetime
    ldapconnectiontimeout ldaptimeout sslsessioncachetimeout sslocsprespondertimeout""".split()  # noqa: SIM905 - read as a list of words
)
_KEYED: Final = frozenset({"proxypass", "proxypassmatch", "balancermember", "proxyset", "<proxy", "<proxymatch"})
_WHOLE_KEYS: Final = frozenset({"timeout", "retry", "ttl"})


def dropped_units(directive: Directive) -> tuple[tuple[str, str], ...]:
    """The parts of a directive whose unit is thrown away, as written, each with what httpd takes it for."""
    name = directive.name.lower()
    if name in _WHOLE:
        words = split_words(directive.arguments)
        if words and drops_unit(words[0]):
            return ((readable(words[0]), _meaning(f"{directive.name} {words[0]}", words[0])),)
        return ()
    if name not in _KEYED:
        return ()
    found = []
    for word in split_words(directive.arguments):
        key, equals, value = word.partition("=")
        if equals and key.lower() in _WHOLE_KEYS and drops_unit(value):
            found.append((readable(word), _meaning(word, value)))
    return tuple(found)


def misread(directive: Directive) -> str:
    """What httpd takes a Timeout that is no number for; empty where it reads as it is written."""
    words = split_words(directive.arguments)
    if directive.name.lower() == "timeout" and words and not is_plain(words[0]) and not drops_unit(words[0]):
        return _meaning(f"Timeout {words[0]}", words[0]) if atoi(words[0]) == 0 else ""
    return ""


def _meaning(written: str, value: str) -> str:
    return f"{readable(written)} means {atoi(value)} s"
