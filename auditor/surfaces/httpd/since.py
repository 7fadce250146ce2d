"""Which version of httpd 2.4 brought which directive and parameter: an older one does not start with them.

Source: ``set_worker_param``, ``set_balancer_param`` and the command tables of all modules of every tag from 2.4.1 to
2.4.62, but those of mod_md. A distribution may have added some to its package of an earlier version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.servers import readable
from auditor.surfaces.httpd.versions import Behaviour, Number, parse_version
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
_DIRECTIVES: Final = """
2.4.7: authbasicusedigestalgorithm luahooklog
2.4.8: directorycheckhandler sslopensslconfcmd
2.4.10: authnzfcgicheckauthnprovider authnzfcgidefineprovider cgidscripttimeout deflateinflatelimitrequestbody
  deflateinflateratioburst deflateinflateratiolimit sslocspuserequestnonce
2.4.11: mergetrailers sslsessiontickets substitutemaxlinelength
2.4.13: cgipassauth logiotrackttfb
2.4.17: h2altsvc h2altsvcmaxage h2direct h2maxsessionstreams h2maxworkeridleseconds h2maxworkers h2minworkers
  h2serializeheaders h2sessionextrafiles h2streammaxmemsize h2windowsize listencoresbucketsratio memcacheconnttl
  protocols protocolshonororder substituteinheritbefore
2.4.18: h2moderntlsonly h2push h2pushpriority h2tlscooldownsecs h2tlswarmupsize h2upgrade qualifyredirecturl
2.4.19: globallog h2pushdiarysize sslocspproxyurl
2.4.21: cgivar proxyhcexpr proxyhctemplate proxyhctpsize
2.4.24: h2copyfiles h2earlyhints h2pushresource httpprotocoloptions registerhttpmethod
2.4.26: brotlialteretag brotlicompressionmaxinputblock brotlicompressionquality brotlicompressionwindow
  brotlifilternote proxyfcgibackendtype proxyfcgisetenvif sslocspnoverify sslocsprespondercertificatefile
2.4.30: regexdefaultoptions remoteipproxyprotocol remoteipproxyprotocolexceptions
2.4.34: <ifdirective <iffile <ifsection
2.4.39: h2padding mergeslashes redisconnpoolttl redistimeout
2.4.40: proxy100continue
2.4.41: sessionexpiryupdateinterval
2.4.42: cookiehttponly cookiesamesite cookiesecure
2.4.47: flushmaxpipelined flushmaxthreshold h2outputbuffering readbuffersize
2.4.48: proxywebsocketfallbacktoproxyhttp
2.4.49: <luahookpretranslatename luahookpretranslatename stricthostcheck
2.4.50: checkbasenamematch
2.4.52: tlscertificate tlsciphersprefer tlscipherssuppress tlsclientca tlsclientcertificate tlsengine
  tlshonorclientorder tlsoptions tlsprotocol tlsproxyca tlsproxyciphersprefer tlsproxycipherssuppress
  tlsproxyengine tlsproxymachinecertificate tlsproxyprotocol tlssessioncache tlsstrictsni tlsusername
2.4.55: davlockdiscovery h2streamtimeout
2.4.58: aliaspreservepath davbasepath deflatealteretag h2earlyhint h2maxdataframelen h2proxyrequests
  h2websockets redirectrelative
2.4.59: cgiscripttimeout
"""
_GONE: Final[dict[str, Number]] = {
    "h2altsvc": (2, 4, 55),
    "h2altsvcmaxage": (2, 4, 55),
    "sslpkcs7certificatefile": (2, 4, 8),
}
_BY_RHEL: Final = {
    "mergetrailers": 30,
    "secret": 62,
    "httpprotocoloptions": 63,
    "sslsessiontickets": 78,
    "mergeslashes": 90,
}
"""The releases of RHEL 7's package of 2.4.6 that brought what is of a later version."""
_NEVER: Final = 10_000
_SECTIONS: Final[Number] = (2, 4, 34)
_RAW: Final[Number] = (2, 4, 35)
_OPTIONAL: Final[Number] = (2, 4, 30)


@cache
def brought_with() -> Mapping[str, Number]:
    """The version that brought a directive, by its name in lower case; those that every 2.4 has are not there."""
    found: dict[str, Number] = {}
    for line in _DIRECTIVES.strip().replace("\n  ", " ").split("\n"):
        version, _, names = line.partition(":")
        number = parse_version(version)
        assert number is not None  # noqa: S101 - the table above
        found.update(dict.fromkeys(names.split(), number))
    return MappingProxyType(found)


def refused_section(name: str, written: str, arguments: str, version: str) -> str:
    """Why httpd does not start with a conditional (``<iffile``) as a later version takes it; empty where it does."""
    number = parse_version(version)
    if number is None:
        return ""
    if name in ("<iffile", "<ifdirective", "<ifsection") and (
        reason := _too_new(f"{written}>", _SECTIONS, Behaviour(number))
    ):
        return reason
    if name == "<ifversion" or len(split_words(arguments)) == 1:
        return ""
    return _too_new(f"a {written}> with quotes or blanks", _RAW, Behaviour(number))


def refused_optional(version: str) -> str:
    """Why httpd does not start with an IncludeOptional whose file or directory is absent; empty where it does."""
    number = parse_version(version)
    return "" if number is None else _too_new("a name that leads nowhere", _OPTIONAL, Behaviour(number))


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
    since = brought_with().get(name)
    if since is not None:
        return _too_new(readable(directive.name), since, behaviour)
    gone = _GONE.get(name)
    if gone is not None and behaviour.known and behaviour.version >= gone:
        return f"{readable(directive.name)} went with {_shown(gone)}: httpd does not start"
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
    if behaviour.since(since, _BY_RHEL.get(what.rstrip("=").lower(), _NEVER)):
        return ""
    return f"{what} came with {_shown(since)}: httpd {_shown(behaviour.version)} as released does not start"


def _shown(number: Number) -> str:
    return ".".join(str(part) for part in number)
