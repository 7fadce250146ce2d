"""Certificates and keys that mod_ssl loads at a reload, by server. Pure.

What ends a running server was tried on httpd 2.4.71: a certificate file of which any block is damaged, a key that is
none or another's, a server with SSLEngine and no certificate, a file of authorities or of a chain with a damaged block,
a list of authorities without any, stapling without its cache, ciphers of which OpenSSL knows none, no version of TLS,
revocation that is checked without a list, a key of tickets that is too short. An expired certificate does not.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from auditor.surfaces.httpd.directive import Directive, Resolved
from auditor.surfaces.httpd.words import as_path, split_words

if TYPE_CHECKING:
    from cryptography import x509

CERTIFICATE: Final = "sslcertificatefile"
KEY: Final = "sslcertificatekeyfile"
_CHAIN: Final = "sslcertificatechainfile"
_AUTHORITIES: Final = {"sslcacertificatefile": "sslengine", "sslproxycacertificatefile": "sslproxyengine"}
_LISTS: Final = {"sslcarevocationfile": "sslengine", "sslproxycarevocationfile": "sslproxyengine"}
_CIPHERS: Final = {"sslciphersuite": "sslengine", "sslproxyciphersuite": "sslproxyengine"}
_PROTOCOLS: Final = {"sslprotocol": "sslengine", "sslproxyprotocol": "sslproxyengine"}
_CHECKED: Final = {
    "sslcarevocationcheck": ("sslengine", ("SSLCARevocationFile", "SSLCARevocationPath")),
    "sslproxycarevocationcheck": ("sslproxyengine", ("SSLProxyCARevocationFile", "SSLProxyCARevocationPath")),
}
_UNTOLD: Final = ("sslopensslconfcmd", "sslfips")
TICKET_BYTES: Final = 48
"""What is read of an SSLSessionTicketKeyFile."""
_TLS: Final = frozenset({"tlsv1", "tlsv1.1", "tlsv1.2", "tlsv1.3"})
_OF_REQUESTS: Final = frozenset(
    {"directory", "directorymatch", "location", "locationmatch", "files", "filesmatch", "if", "elseif", "else"}
)
_BEGIN: Final = tuple(b"-----BEGIN %sCERTIFICATE-----" % kind for kind in (b"", b"X509 ", b"TRUSTED "))


class Pair(NamedTuple):
    """A certificate's directive with that of its key; the same twice where the key stands in the certificate's file."""

    certificate: Directive
    key: Directive


class Loaded(NamedTuple):
    """What one server loads: pairs, other files, and what keeps it from starting whatever stands in them."""

    pairs: tuple[Pair, ...] = ()
    chains: tuple[Directive, ...] = ()
    authorities: tuple[Directive, ...] = ()
    lists: tuple[Directive, ...] = ()
    tickets: tuple[Directive, ...] = ()
    ciphers: tuple[Directive, ...] = ()
    untold: tuple[Directive, ...] = ()
    wrong: tuple[tuple[Directive, str], ...] = ()


def loaded(resolved: Resolved) -> Iterator[Loaded]:
    """What each server loads that speaks TLS, the main server first."""
    servers: dict[str, list[Directive]] = {"": []}
    for one in resolved.directives:
        servers.setdefault(_server(one), []).append(one)
    main = servers[""]
    managed = any(name == "md_module" for name, _ in resolved.modules)
    for own in servers.values():
        yield _loaded(own, main, managed)


def _loaded(own: list[Directive], main: list[Directive], managed: bool) -> Loaded:
    engine = _last(own, "sslengine") or _last(main, "sslengine")
    if own is main and not _says(_last(main, "sslengine"), "on", "optional"):
        engine = None
    proxying = _last(own, "sslproxyengine") or _last(main, "sslproxyengine")
    on = {"sslengine": _says(engine, "on", "optional"), "sslproxyengine": _says(proxying, "on")}
    authorities, lists = (
        tuple(one for name, what in table.items() if on[what] for one in _named(own, name) or _named(main, name))
        for table in (_AUTHORITIES, _LISTS)
    )
    ciphers = tuple(
        one for name, what in _CIPHERS.items() if on[what] for one in _last_of_each(_lasting(own, main, name))
    )
    wrong = list(_unserved(own, main, on))
    if not on["sslengine"] or engine is None:
        return Loaded(authorities=authorities, lists=lists, ciphers=ciphers, wrong=tuple(wrong))
    certificates = _named(own, CERTIFICATE) or _named(main, CERTIFICATE)
    keys = _named(own, KEY) or _named(main, KEY)
    if not certificates and not managed:
        wrong.append((engine, "no certificate is configured for it"))
    stapling = _last(own, "sslusestapling") or _last(main, "sslusestapling")
    if stapling is not None and _says(stapling, "on") and _last(main, "sslstaplingcache") is None:
        wrong.append((stapling, "stapling needs an SSLStaplingCache"))
    pairs = tuple(Pair(one, keys[at] if at < len(keys) else one) for at, one in enumerate(certificates))
    chains = _named(own, _CHAIN) or _named(main, _CHAIN)
    tickets = _lasting(own, main, "sslsessionticketkeyfile")[-1:]
    untold = tuple(
        one for name in _UNTOLD for one in (*_named(own, name), *_named(main, name)) if not _says(one, "off")
    )
    return Loaded(pairs, chains, authorities, lists, tickets, ciphers, untold, tuple(wrong))


def _unserved(own: list[Directive], main: list[Directive], on: Mapping[str, bool]) -> Iterator[tuple[Directive, str]]:
    """Settings with which no connection could be served at all, so that the server ends."""
    for name, what in _PROTOCOLS.items():
        found = _lasting(own, main, name)[-1:] if on[what] else ()
        if found and not found[0].doubts and not _versions(found[0]):
            yield found[0], f"{found[0].name} {found[0].arguments} leaves no version of TLS"
    for name, (what, lists) in _CHECKED.items():
        found = _lasting(own, main, name)[-1:] if on[what] else ()
        checks = found and not found[0].doubts and split_words(found[0].arguments.lower())[:1] != ("none",)
        if checks and not any(_named(server, one.lower()) for one in lists for server in (own, main)):
            yield found[0], f"{found[0].name} {found[0].arguments} needs {' or '.join(lists)}, and none is there"


def _versions(directive: Directive) -> frozenset[str]:
    """The versions of TLS that SSLProtocol leaves; each word adds, takes away, or stands for itself alone."""
    left: frozenset[str] = frozenset()
    for word in split_words(directive.arguments.lower()):
        name = word.lstrip("+-")
        named = _TLS if name == "all" else frozenset({name}) & _TLS
        if not named and name not in ("sslv2", "sslv3"):
            return _TLS  # nothing that this knows
        left = left - named if word.startswith("-") else left | named if word.startswith("+") else named
    return left


def _lasting(own: list[Directive], main: list[Directive], name: str) -> tuple[Directive, ...]:
    """What a server has of a setting, its own before the main server's; what counts per request alone left out."""
    for server in (own, main):
        found = (one for one in _named(server, name) if not any(s.name.lower() in _OF_REQUESTS for s in one.within))
        if kept := tuple(found):
            return kept
    return ()


def _last_of_each(found: tuple[Directive, ...]) -> tuple[Directive, ...]:
    """The last list of ciphers, and the last of suites of TLS 1.3."""
    return tuple({ciphers_of(one)[1]: one for one in found if not one.doubts}.values())


def ciphers_of(directive: Directive) -> tuple[str, bool]:
    """What SSLCipherSuite or its like gives to OpenSSL, and whether as suites of TLS 1.3."""
    words = split_words(directive.arguments)
    return (words[-1] if words else ""), len(words) > 1 and words[0].lower() == "tlsv1.3"


def certificates_of(content: bytes, *, least: int = 1) -> list[x509.Certificate]:
    """The certificates of a PEM file, the server's own first.

    Errors:
        ValueError: one is damaged, or there are fewer than ``least``; the reason as the end of a sentence.
    """
    from cryptography import x509

    count = sum(content.count(begin) for begin in _BEGIN)
    try:
        found = x509.load_pem_x509_certificates(content) if count else []
    except ValueError as error:
        raise ValueError("the certificate cannot be read: it is no PEM certificate") from error
    if len(found) != count:
        raise ValueError("one of its certificates cannot be read: it is cut off or no plain PEM certificate")
    if count < least:
        raise ValueError("the certificate cannot be read: it is no PEM certificate")
    return found


def check_list(content: bytes) -> None:
    """Whether a file holds a revocation list.

    Errors:
        ValueError: it holds none that can be read.
    """
    from cryptography import x509

    try:
        x509.load_pem_x509_crl(content)
    except ValueError as error:
        raise ValueError("the revocation list cannot be read: it is no PEM list") from error


def misgivings(certificate: x509.Certificate, now: datetime.datetime) -> Iterator[str]:
    """What a server starts with nevertheless, and clients will not like. ``now`` is UTC."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if certificate.not_valid_after_utc < now:
        yield f"it expired on {certificate.not_valid_after_utc:%Y-%m-%d}"
    if certificate.not_valid_before_utc > now:
        yield f"it is valid from {certificate.not_valid_before_utc:%Y-%m-%d} only"
    key = certificate.public_key()
    if isinstance(key, RSAPublicKey) and key.key_size < 2048:
        yield f"its RSA key has {key.key_size} bits, which OpenSSL may refuse"


def path_of(directive: Directive, server_root: str) -> str:
    """The file that a directive names."""
    import posixpath

    words = split_words(directive.arguments)
    return posixpath.join(server_root, as_path(words[0] if words else ""))


def _server(directive: Directive) -> str:
    return next((f"{one.source} {one.arguments}" for one in directive.within if one.name.lower() == "virtualhost"), "")


def _named(directives: list[Directive], name: str) -> tuple[Directive, ...]:
    return tuple(one for one in directives if one.name.lower() == name)


def _last(directives: list[Directive], name: str) -> Directive | None:
    found = _named(directives, name)
    return found[-1] if found else None


def _says(directive: Directive | None, *values: str) -> bool:
    return directive is not None and directive.arguments.strip("\"' ").lower() in values
