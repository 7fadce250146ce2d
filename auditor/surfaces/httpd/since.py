"""Which version of httpd 2.4 brought which directive and parameter: an older one does not start with them.

Source: ``set_worker_param`` and ``set_balancer_param`` of every tag from 2.4.1 to 2.4.62, and the modules' command
tables. A distribution may have added them to its package; that is for a person to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.servers import readable
from auditor.surfaces.httpd.versions import Behaviour, Number
from auditor.surfaces.httpd.words import split_words

_FIRST: Final[Number] = (2, 0, 0)
_WORKER: Final[dict[str, Number]] = {
    **dict.fromkeys(
        """acquire connectiontimeout disablereuse flusher flushpackets flushwait iobuffersize keepalive lbset loadfactor
        max min ping receivebuffersize redirect retry route smax status timeout ttl""".split(),  # noqa: SIM905 - a list of words
        _FIRST,
    ),
    "enablereuse": (2, 4, 11),
    **dict.fromkeys(("hcmethod", "hcpasses", "hcfails", "hcinterval", "hcuri", "hcexpr", "hctemplate"), (2, 4, 21)),
    "upgrade": (2, 4, 26),
    "responsefieldsize": (2, 4, 34),
    "secret": (2, 4, 42),
    "addressttl": (2, 4, 59),
}
_BALANCER: Final[dict[str, Number]] = {
    **dict.fromkeys(
        """failonstatus growth lbmethod maxattempts nofailover nonce scolonpathdelim stickysession timeout""".split(),  # noqa: SIM905 - a list of words
        _FIRST,
    ),
    "forcerecovery": (2, 4, 2),
    "stickysessionsep": (2, 4, 4),
    "failontimeout": (2, 4, 5),
}
_DIRECTIVES: Final[dict[str, Number]] = {
    "cgidscripttimeout": (2, 4, 10),
    "mergeslashes": (2, 4, 39),
    "proxywebsocketfallbacktoproxyhttp": (2, 4, 48),
    "h2streamtimeout": (2, 4, 55),
    "cgiscripttimeout": (2, 4, 59),
}


def refused_parameter(key: str, behaviour: Behaviour, *, balancer: bool) -> str:
    """Why httpd does not start with a parameter (lower-case) of a balancer or proxy worker; empty where it does."""
    since = (_BALANCER if balancer else _WORKER).get(key)
    if since is None:
        what = "balancer" if balancer else "proxy worker"
        return f"{readable(key)}= is no parameter of a {what}: httpd does not start"
    return _too_new(f"{key}=", since, behaviour)


def refused_directive(directive: Directive, behaviour: Behaviour) -> str:
    """Why httpd does not start with a directive of a later version; empty where it does."""
    name = directive.name.lower()
    since = _DIRECTIVES.get(name)
    if since is not None:
        return _too_new(readable(directive.name), since, behaviour)
    if name == "requestreadtimeout" and not behaviour.handshake_limit:
        for word in split_words(directive.arguments):
            if word.lower().startswith("handshake="):
                return _too_new("handshake= of RequestReadTimeout", (2, 4, 39), behaviour)
    return ""


def refused_directives(directives: tuple[Directive, ...], behaviour: Behaviour) -> Iterator[tuple[Directive, str]]:
    """Directives that this version does not know, with the reason."""
    quiet: set[str] = set()  # names as written
    for one in directives:
        if one.name in quiet:
            continue
        name = one.name.lower()
        if name not in _DIRECTIVES and name != "requestreadtimeout":
            quiet.add(one.name)
            continue
        reason = refused_directive(one, behaviour)
        if reason:
            yield one, reason


def _too_new(what: str, since: Number, behaviour: Behaviour) -> str:
    if behaviour.version >= since:
        return ""
    shown, own = (".".join(str(part) for part in number) for number in (since, behaviour.version))
    return f"{what} came with {shown}: httpd {own} as released does not start"
