"""What httpd does differently from version to version, as far as it matters to what we say."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

import msgspec

Number: TypeAlias = tuple[int, int, int]

_VERSION: Final = re.compile(r"(?<![\d.])(\d{1,3})\.(\d{1,3})(?:\.(\d{1,4}))?(?![\d.]*\d)")


def parse_version(text: str) -> Number | None:
    """The three numbers of ``2.4.6``, ``Apache/2.4.62 (Debian)`` or ``httpd-2.4.6-99.el7``; None where there are none.

    ``2.4`` alone says too little and gives None.
    """
    found = _VERSION.search(text)
    if found is None or found[3] is None:
        return None
    return int(found[1]), int(found[2]), int(found[3])


_RHEL_7: Final = re.compile(r"(?<![\d.])2\.4\.6-(\d{1,4})\S*\.el7")


def parse_rhel_release(text: str) -> int | None:
    """The release of RHEL 7's package: 99 of ``httpd-2.4.6-99.el7``; None where the text is of something else."""
    found = _RHEL_7.search(text)
    return None if found is None else int(found[1])


class Behaviour(msgspec.Struct, frozen=True, gc=False):
    """How one version behaves. Boundaries come from the tagged sources of httpd 2.4.

    ``rhel`` is the release of RHEL 7's package of 2.4.6, which holds changes of later versions. Which release brought
    what stands in the package's own change log; it was not measured.
    """

    version: Number
    rhel: int | None = None

    def since(self, version: Number, rhel: int) -> bool:
        """Whether it holds what came with a version, or with a release of RHEL 7's package of 2.4.6."""
        return self.version >= version or (self.rhel is not None and self.rhel >= rhel)

    @property
    def default_timeout(self) -> int:
        """DEFAULT_TIMEOUT in seconds."""
        return 60 if self.version >= (2, 3, 0) else 300

    @property
    def fixed_fcgi_limit(self) -> bool:
        """mod_proxy_fcgi waits 30 s unless the proxy worker itself has a time-out (until 2.4.6)."""
        return not self.since((2, 4, 7), 34)

    @property
    def unix_sockets(self) -> bool:
        """``unix:`` in a proxy URL (since 2.4.8)."""
        return self.since((2, 4, 8), 31)

    @property
    def sockets_find_workers(self) -> bool:
        """Whether the URL behind the ``unix:`` of a handler finds a proxy worker (since 2.4.11)."""
        return self.since((2, 4, 11), 31)

    @property
    def handler_proxies(self) -> bool:
        """``SetHandler "proxy:…"`` (since 2.4.10; ignored before, the file itself is sent)."""
        return self.since((2, 4, 10), 24)

    @property
    def lines_behind_location(self) -> bool:
        """Whether ProxyPass lines are still tried once a <Location> took the path (2.4.24 and 2.4.25)."""
        return (2, 4, 24) <= self.version < (2, 4, 26)

    @property
    def plain_errors(self) -> bool:
        """Whether a proxy worker that is no member of a balancer is put in error, too (until 2.4.20)."""
        return self.version < (2, 4, 21)

    @property
    def handlerless_members_fail(self) -> bool:
        """Whether a member whose protocol no module speaks gives 500 (until 2.4.62; 2.4.71: it is never usable)."""
        return self.version < (2, 4, 63)

    @property
    def fcgi_timeout_status(self) -> int:
        """The status of a FastCGI read time-out (504 since 2.4.26)."""
        return 504 if self.version >= (2, 4, 26) else 503

    @property
    def merges_slashes(self) -> bool:
        """Whether several slashes of a request's path are one before anything is compared (since 2.4.39)."""
        return self.since((2, 4, 39), 90)

    @property
    def dollar_workers(self) -> bool:
        """Whether the proxy worker of a ProxyPassMatch with ``$n`` can match a request (since 2.4.47)."""
        return self.version >= (2, 4, 47)

    @property
    def cut_names(self) -> bool:
        """Whether the proxy worker of a ProxyPassMatch is named as far as its first ``$`` (2.4.47 and 2.4.48)."""
        return (2, 4, 47) <= self.version < (2, 4, 49)

    @property
    def typed_lookup(self) -> bool:
        """Whether ProxyPass and ProxyPassMatch look for proxy workers of their own sort only (since 2.4.49)."""
        return self.version >= (2, 4, 49)

    @property
    def websocket_by_http(self) -> bool:
        """Whether mod_proxy_http, where loaded, speaks WebSocket in mod_proxy_wstunnel's place (since 2.4.47)."""
        return self.version >= (2, 4, 47)

    @property
    def websocket_choice(self) -> bool:
        """``ProxyWebsocketFallbackToProxyHttp`` (since 2.4.48)."""
        return self.version >= (2, 4, 48)

    @property
    def upgrades(self) -> bool:
        """Whether ``upgrade=`` makes a tunnel of http:// (since 2.4.47; before, it is for ws:// alone)."""
        return self.version >= (2, 4, 47)

    @property
    def shorter_tunnels(self) -> bool:
        """Whether an idle tunnel of mod_proxy_http ends by the shorter of both time-outs (2.4.47 to 2.4.52)."""
        return self.version < (2, 4, 53)

    @property
    def strict_websockets(self) -> bool:
        """Whether mod_proxy_wstunnel turns down what is no WebSocket handshake (since 2.4.13)."""
        return self.version >= (2, 4, 13)

    @property
    def h2_attempts(self) -> int:
        """How often a request to an HTTP/2 back end is sent where no answer comes (2 times since 2.4.47)."""
        return 2 if self.version >= (2, 4, 47) else 5

    @property
    def h2_connects(self) -> int:
        """How often a connection to an HTTP/2 back end is tried (five times from 2.4.26 to 2.4.38)."""
        return 5 if (2, 4, 26) <= self.version < (2, 4, 39) else 1

    @property
    def h2_limit(self) -> bool:
        """Whether the wait for an HTTP/2 back end's answer has a limit at all (since 2.4.44)."""
        return self.version >= (2, 4, 44)

    @property
    def fcgi_header_logged(self) -> bool:
        """Whether a FastCGI back end that closes in silence is logged as a header not read (since 2.4.7)."""
        return self.version >= (2, 4, 7)

    @property
    def cut_body_logged(self) -> bool:
        """Whether an answer that ends before its Content-Length is logged (since 2.4.8)."""
        return self.version >= (2, 4, 8)

    @property
    def scgi_body_noticed(self) -> bool:
        """Whether mod_proxy_scgi and mod_proxy_uwsgi take a client's missing body for what it is (since 2.4.36)."""
        return self.version >= (2, 4, 36)

    @property
    def named_body_limit(self) -> bool:
        """Whether RequestReadTimeout's ``body=`` counts where a host is found by name (since 2.4.44)."""
        return self.version >= (2, 4, 44)

    @property
    def cgi_waits(self) -> int:
        """How often mod_cgi and mod_cgid wait for a script that says nothing (once since 2.4.60)."""
        return 1 if self.version >= (2, 4, 60) else 2

    @property
    def slow_body_ends_all(self) -> bool:
        """Whether a redirect or an error of httpd's own gives way to the status of a slow body (since 2.4.53)."""
        return self.version >= (2, 4, 53)

    @property
    def known(self) -> bool:
        """Whether it is the behaviour of a version that somebody named, not of whatever is newest."""
        return self.version[2] != NEWEST.version[2]

    @property
    def log_identifiers(self) -> bool:
        """Whether messages carry an identifier, AH00957 (since 2.4.0)."""
        return self.version >= (2, 3, 15)

    @property
    def request_limits(self) -> bool:
        """Whether mod_reqtimeout limits header and body as soon as it is loaded (since 2.4.0)."""
        return self.version >= (2, 3, 15)

    @property
    def slow_body_status(self) -> int:
        """The status where a client's body does not come in time (408 since 2.4.24)."""
        return 408 if self.version >= (2, 4, 24) else 400

    @property
    def slow_fcgi_body_status(self) -> int:
        """The same where mod_proxy_fcgi reads it (503 until 2.4.12)."""
        return self.slow_body_status if self.version >= (2, 4, 13) else 503

    @property
    def handshake_limit(self) -> bool:
        """``handshake=`` of RequestReadTimeout (since 2.4.39)."""
        return self.version >= (2, 4, 39)

    @property
    def named_keep_alive(self) -> bool:
        """Whether a virtual host's own KeepAliveTimeout counts where it is found by name (since 2.4.13)."""
        return self.version >= (2, 4, 13)

    @property
    def cgid_timeout(self) -> bool:
        """``CGIDScriptTimeout`` (since 2.4.10)."""
        return self.version >= (2, 4, 10)

    @property
    def cgid_flush_logged(self) -> bool:
        """Whether mod_cgid logs a cut answer as one that could not be flushed, too (2.4.10 to 2.4.18)."""
        return (2, 4, 10) <= self.version < (2, 4, 19)

    @property
    def cgi_timeout(self) -> bool:
        """``CGIScriptTimeout`` (since 2.4.59)."""
        return self.version >= (2, 4, 59)

    @property
    def finer_logs(self) -> bool:
        """``%{ms}T`` and ``%^FB`` (since 2.4.13)."""
        return self.version >= (2, 4, 13)


NEWEST: Final = Behaviour((2, 4, 999))

# One version on each side of every boundary, oldest first.
_SIDES: Final = {
    "fcgi": ((2, 4, 6), (2, 4, 25), (2, 4, 999)),
    "handler": ((2, 4, 9), (2, 4, 25), (2, 4, 999)),
    "match": ((2, 4, 46), (2, 4, 48), (2, 4, 999)),
    "ws": ((2, 4, 46), (2, 4, 47), (2, 4, 999)),
    "unix": ((2, 4, 6), (2, 4, 10), (2, 4, 999)),
    "http2": ((2, 4, 43), (2, 4, 46), (2, 4, 999)),
    "location": ((2, 4, 25), (2, 4, 999)),
    "cgi": ((2, 4, 9), (2, 4, 59), (2, 4, 999)),
    "logs": ((2, 4, 12), (2, 4, 999)),
}


def behaviours(version: str, features: frozenset[str]) -> tuple[Behaviour, ...]:
    """The behaviours to consider: one where the version is known, else one for each that could matter.

    ``version`` is text such as ``2.4.62``, or ``2.4.6-99.el7`` where the package's release is known, too.
    ``features`` are what the configuration uses, by the names above.
    """
    known = parse_version(version)
    if known is not None:
        return (Behaviour(known, parse_rhel_release(version)),)
    sides = sorted({side for feature in features for side in _SIDES[feature]} | {NEWEST.version}, reverse=True)
    return tuple(Behaviour(side) for side in sides)
