"""How many arguments a directive takes: httpd does not start with another number. Pure.

Source: the documentation's "Syntax" of the modules that every proxy loads; measured on 2.4.71. Directives that read
their line by themselves, or take one argument more in some version, are not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from auditor.surfaces.httpd.words import split_words

_TABLE: Final = """
1: acceptpathinfo adddefaultcharset allowencodedslashes asyncrequestworkerfactor balancergrowth chrootdir
  coredumpdirectory defaultlanguage defaulttype deflatealteretag deflatebuffersize deflatecompressionlevel
  deflateinflatelimitrequestbody deflateinflateratioburst deflateinflateratiolimit deflatememlevel deflatewindowsize
  directoryindexredirect documentroot enablemmap enablesendfile errorlog expiresdefault fallbackresource
  flushmaxpipelined flushmaxthreshold forcetype gracefulshutdowntimeout group hostnamelookups keepalivetimeout
  limitrequestbody limitrequestfields limitrequestfieldsize limitrequestline limitxmlrequestbody listenbacklog
  listencoresbucketsratio listentcpdeferaccept maxclients maxconnectionsperchild maxkeepaliverequests maxmemfree
  maxrangeoverlaps maxrangereversals maxranges maxrequestsperchild maxrequestworkers maxsparethreads minsparethreads
  namevirtualhost pidfile port protocol protocolshonororder proxybadheader proxydomain proxyfcgibackendtype
  proxyiobuffersize proxymaxforwards proxyreceivebuffersize proxysourceaddress proxystatus proxytimeout proxyvia
  readbuffersize receivebuffersize rewritebase scoreboardfile sendbuffersize serveradmin serverlimit servername
  serverpath serversignature servertokens sessionexclude sessionexpiryupdateinterval sessionheader sessioninclude
  sessionmaxage sethandler setinputfilter setoutputfilter sslcacertificatefile sslcacertificatepath
  sslcadnrequestfile sslcadnrequestpath sslcarevocationfile sslcarevocationpath sslcertificatechainfile
  sslcertificatefile sslcertificatekeyfile sslcryptodevice sslengine sslocspdefaultresponder sslocspproxyurl
  sslocsprespondercertificatefile sslocsprespondertimeout sslocspresponsemaxage sslocspresponsetimeskew
  sslpassphrasedialog sslproxycacertificatefile sslproxycacertificatepath sslproxycarevocationfile
  sslproxycarevocationpath sslproxymachinecertificatechainfile sslproxymachinecertificatefile
  sslproxymachinecertificatepath sslproxyverify sslproxyverifydepth sslsessioncache sslsessioncachetimeout
  sslsessionticketkeyfile sslsrpunknownuserseed sslsrpverifierfile sslstaplingcache sslstaplingerrorcachetimeout
  sslstaplingforceurl sslstaplingrespondertimeout sslstaplingresponsemaxage sslstaplingresponsetimeskew
  sslstaplingstandardcachetimeout sslusername sslverifyclient sslverifydepth sslvhostsnipolicy startservers
  threadlimit threadsperchild threadstacksize timeout traceenable transferlog typesconfig usecanonicalname
  usecanonicalphysicalport user watchdoginterval
2: acceptfilter aliasmatch cgivar errordocument expiresbytype filtertrace redirectpermanent redirecttemp
  scriptaliasmatch sslopensslconfcmd
1+: filterchain httpprotocoloptions loglevel multiviewsmatch noproxy passenv protocols proxyblock proxyerroroverride
  registerhttpmethod removecharset removeencoding removehandler removeinputfilter removelanguage removeoutputfilter
  removetype rewriteoptions unsetenv
2+: addcharset addencoding addhandler addinputfilter addlanguage addoutputfilter addoutputfilterbytype addtype
"""


@cache
def _counts() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for line in _TABLE.strip().replace("\n  ", " ").split("\n"):
        count, _, names = line.partition(":")
        found.update(dict.fromkeys(names.split(), count))
    return MappingProxyType(found)


def miscounted(name: str, arguments: str) -> str:
    """Why a directive, by its name in lower case, has too many or too few arguments; empty where it has not.

    An empty word counts as none where httpd says so.
    """
    count = _counts().get(name)
    if count is None:
        return ""
    words = split_words(arguments)
    wanted, more = int(count[0]), count.endswith("+")
    if len(words) < wanted or (count != "2+" and "" in words[:wanted]):
        return f"needs {count[0]} argument{'s' if wanted > 1 else ''}{' or more' if more else ''}"
    if not more and len(words) > wanted:
        return f"takes {wanted} argument{'s' if wanted > 1 else ''}, not {len(words)}"
    return ""
