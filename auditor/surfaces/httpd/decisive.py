"""Which directives decide anything that is said beside themselves, so that a doubt about them is a doubt about that.

Everything decides unless it is known that nobody asks for it. A name that no module of the table brings may decide.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from auditor.surfaces.httpd.vocabulary import brought_by

_APART: Final = frozenset(
    f"{name}_module"
    for name in """access_compat actions allowmethods asis auth_basic auth_digest auth_form authn_anon authn_core
    authn_dbd authn_dbm authn_file authn_socache authnz_fcgi authnz_ldap authz_core authz_dbd authz_dbm authz_groupfile
    authz_host authz_owner authz_user autoindex brotli buffer cache cache_disk cache_socache case_filter case_filter_in
    cern_meta charset_lite data dav dav_fs dav_lock dbd deflate dialup dir dumpio echo env expires ext_filter file_cache
    filter headers heartbeat heartmonitor ident imagemap include info ldap log_debug log_forensic macro md mime
    mime_magic negotiation ratelimit reflector remoteip request sed session session_cookie
    session_crypto session_dbd setenvif socache_memcache socache_redis speling ssl status substitute suexec unique_id
    usertrack xml2enc""".split()  # noqa: SIM905 - read as a list of words
)
_ALL_THE_SAME: Final = frozenset(
    {
        "action",
        "addhandler",
        "browsermatch",
        "browsermatchnocase",
        "cachedisable",
        "cacheenable",
        "directoryindex",
        "fallbackresource",
        "ldapconnectiontimeout",
        "ldaptimeout",
        "options",
        "removehandler",
        "script",
        "setenvif",
        "setenvifexpr",
        "setenvifnocase",
        "sslengine",
        "sslocsprespondertimeout",
        "sslproxyengine",
        "sslsessioncachetimeout",
    }
)
"""Of these modules, what is asked for."""
_OF_THE_CORE: Final = frozenset(
    """<directory <directorymatch <else <elseif <files <filesmatch <if <limit <limitexcept <location <locationmatch
    adddefaultcharset contentdigest cgipassauth cgivar define enablemmap enablesendfile error fileetag forcetype include
    includeoptional options serveradmin setinputfilter setoutputfilter undefine use usecanonicalname
    usecanonicalphysicalport""".split()  # noqa: SIM905 - read as a list of words
)

_FAMILIES: Final = {
    name: family
    for family, names in {
        "logs": "customlog errorlog errorlogformat globallog logformat logiotrackttfb loglevel transferlog",
        "user": "user group",
        "signature": "serversignature servertokens traceenable",
    }.items()
    for name in names.split()
}


@cache
def decides(name: str) -> bool:
    """Whether a directive (lower-case name, a section's with its ``<``) decides anything beside itself."""
    if name in _ALL_THE_SAME:
        return True
    modules = brought_by().get(name)
    return modules is None or not (name in _OF_THE_CORE or _APART.issuperset(modules))


def family(name: str) -> str:
    """What a directive has a part in: nothing that is said rests on directives of two families, but on names."""
    return _FAMILIES.get(name, "")
