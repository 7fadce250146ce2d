"""Settings in effect for a server, merged from the main server and the virtual host as httpd merges them."""

from __future__ import annotations

import msgspec

from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.durations import atoi
from auditor.surfaces.httpd.servers import Server
from auditor.surfaces.httpd.versions import Behaviour
from auditor.surfaces.httpd.words import split_words


class Setting(msgspec.Struct, frozen=True, gc=False):
    """A setting in effect: seconds (negative: no limit) and the directive that says so; None is a compiled default.

    ``inherited`` says that the main server's directive counts for a virtual host.
    """

    seconds: int
    directive: Directive | None
    inherited: bool = False

    @property
    def written(self) -> str:
        """The directive's first argument, or empty."""
        return first_word(self.directive)


def first_word(directive: Directive | None) -> str:
    """The first word of a directive's arguments; empty where there is none."""
    words = split_words(directive.arguments) if directive else ()
    return words[0] if words else ""


def timeout(server: Server, main: Server, behaviour: Behaviour) -> Setting:
    """``r->server->timeout``: the virtual host's Timeout unless that is 0, else the main server's, else the default.

    Source: ``set_timeout`` (``atoi``, unchecked) and ``ap_fixup_virtual_hosts``.
    """
    own = server.last("timeout")
    if own is not None:
        seconds = atoi(first_word(own))
        if server.is_main or seconds != 0:
            return Setting(seconds, own)
    if server.is_main:
        return Setting(behaviour.default_timeout, None)
    inherited = timeout(main, main, behaviour)
    return Setting(inherited.seconds, inherited.directive, inherited=True)


def proxy_timeout(server: Server, main: Server) -> Setting | None:
    """ProxyTimeout when a request is served: the virtual host's, else the main server's, else None.

    Source: ``merge_proxy_config``. A value below 1 keeps httpd from starting and is no setting here.
    """
    for one in (server,) if server.is_main else (server, main):
        own = one.last("proxytimeout")
        if own is not None and atoi(first_word(own)) >= 1:
            return Setting(atoi(first_word(own)), own, inherited=one is not server)
    return None


def inherited(server: Server, main: Server, name: str) -> Directive | None:
    """The last directive of a name that counts for a server where the own replaces the main server's."""
    return server.last(name) or (None if server.is_main else main.last(name))
