"""Which module of httpd 2.4 brings which directive.

A directive that no loaded module brings is refused ("Invalid command"), so httpd does not start. Source: the list that
``mod_info`` of 2.4.71 gives with every module loaded; other MPMs and mod_cgi by their sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from auditor.surfaces.httpd.directive import Directive, Resolved
from auditor.surfaces.httpd.servers import readable
from auditor.surfaces.httpd.words import split_words

# Known to 2.2 and refused since: a tree of unknown version may hold them.
_FORMER: Final = frozenset(
    """acceptmutex authauthoritative authdefaultauthoritative authzdefaultauthoritative authzldapauthoritative
    authzuserauthoritative cookielog lockfile rewritelock rewritelog rewriteloglevel sslmutex""".split()  # noqa: SIM905 - read as a list of words
)

_TABLE: Final = """
access_compat: allow deny order satisfy
actions: action script
alias: alias aliasmatch aliaspreservepath redirect redirectmatch redirectpermanent redirectrelative redirecttemp
  scriptalias scriptaliasmatch
allowmethods: allowmethods
asis:
auth_basic: authbasicauthoritative authbasicfake authbasicprovider authbasicusedigestalgorithm
auth_digest: authdigestalgorithm authdigestdomain authdigestnccheck authdigestnoncelifetime authdigestprovider
  authdigestqop authdigestshmemsize
auth_form: authformauthoritative authformbody authformdisablenostore authformfakebasicauth authformlocation
  authformloginrequiredlocation authformloginsuccesslocation authformlogoutlocation authformmethod authformmimetype
  authformpassword authformprovider authformsitepassphrase authformsize authformusername
authn_anon: anonymous anonymous_logemail anonymous_mustgiveemail anonymous_nouserid anonymous_verifyemail
authn_core: <authnprovideralias authname authtype
authn_dbd: authdbduserpwquery authdbduserrealmquery
authn_dbm: authdbmtype authdbmuserfile
authn_file: authuserfile
authn_socache: authncachecontext authncacheenable authncacheprovidefor authncachesocache authncachetimeout
authnz_fcgi: authnzfcgicheckauthnprovider authnzfcgidefineprovider
authnz_ldap: authldapauthorizeprefix authldapbindauthoritative authldapbinddn authldapbindpassword
  authldapcharsetconfig authldapcompareasuser authldapcomparednonserver authldapdereferencealiases
  authldapgroupattribute authldapgroupattributeisdn authldapinitialbindasuser authldapinitialbindpattern
  authldapmaxsubgroupdepth authldapremoteuserattribute authldapremoteuserisdn authldapsearchasuser
  authldapsubgroupattribute authldapsubgroupclass authldapurl
authz_core: <authzprovideralias <requireall <requireany <requirenone authmerging authzsendforbiddenonfailure require
authz_dbd: authzdbdlogintoreferer authzdbdquery authzdbdredirectquery
authz_dbm: authdbmgroupfile authzdbmtype
authz_groupfile: authgroupfile
authz_host:
authz_owner:
authz_user:
autoindex: addalt addaltbyencoding addaltbytype adddescription addicon addiconbyencoding addiconbytype defaulticon
  fancyindexing headername indexheadinsert indexignore indexignorereset indexoptions indexorderdefault indexstylesheet
  readmename
brotli: brotlialteretag brotlicompressionmaxinputblock brotlicompressionquality brotlicompressionwindow
  brotlifilternote
bucketeer:
buffer: buffersize
cache_disk: cachedirlength cachedirlevels cachemaxfilesize cacheminfilesize cachereadsize cachereadtime cacheroot
cache: cachedefaultexpire cachedetailheader cachedisable cacheenable cacheheader cacheignorecachecontrol
  cacheignoreheaders cacheignorenolastmod cacheignorequerystring cacheignoreurlsessionidentifiers cachekeybaseurl
  cachelastmodifiedfactor cachelock cachelockmaxage cachelockpath cachemaxexpire cacheminexpire cachequickhandler
  cachestaleonerror cachestoreexpired cachestorenostore cachestoreprivate
cache_socache: cachesocache cachesocachemaxsize cachesocachemaxtime cachesocachemintime cachesocachereadsize
  cachesocachereadtime
case_filter_in: casefilterin
case_filter: casefilter
cern_meta: metadir metafiles metasuffix
cgi: cgiscripttimeout scriptlog scriptlogbuffer scriptloglength
cgid: cgidscripttimeout scriptlog scriptlogbuffer scriptloglength scriptsock
charset_lite: charsetdefault charsetoptions charsetsourceenc
core: <directory <directorymatch <else <elseif <files <filesmatch <if <ifdefine <ifdirective <iffile <ifmodule
  <ifsection <limit <limitexcept <location <locationmatch <virtualhost acceptfilter acceptpathinfo accessfilename
  adddefaultcharset allowencodedslashes allowoverride allowoverridelist cgipassauth cgivar contentdigest
  coredumpdirectory defaultruntimedir defaulttype define documentroot enablemmap enablesendfile error errordocument
  errorlog errorlogformat extendedstatus fileetag flushmaxpipelined flushmaxthreshold forcetype hostnamelookups
  httpprotocoloptions include includeoptional limitinternalrecursion limitrequestbody limitrequestfields
  limitrequestfieldsize limitrequestline limitxmlrequestbody loglevel maxconnectionsperchild maxmemfree
  maxrangeoverlaps maxrangereversals maxranges maxrequestsperchild mergeslashes mergetrailers mutex namevirtualhost
  options pidfile port protocol protocols protocolshonororder qualifyredirecturl readbuffersize regexdefaultoptions
  registerhttpmethod rlimitcpu rlimitmem rlimitnproc scoreboardfile seerequesttail serveradmin serveralias servername
  serverpath serverroot serversignature servertokens sethandler setinputfilter setoutputfilter stricthostcheck
  threadstacksize timeout traceenable undefine usecanonicalname usecanonicalphysicalport
data:
dav_fs: davlockdb
dav_lock: davgenericlockdb
dav: dav davbasepath davdepthinfinity davlockdiscovery davmintimeout
dbd: dbdexptime dbdinitsql dbdkeep dbdmax dbdmin dbdparams dbdpersist dbdpreparesql dbdriver
deflate: deflatealteretag deflatebuffersize deflatecompressionlevel deflatefilternote deflateinflatelimitrequestbody
  deflateinflateratioburst deflateinflateratiolimit deflatememlevel deflatewindowsize
dialup: modemstandard
dir: directorycheckhandler directoryindex directoryindexredirect directoryslash fallbackresource
dumpio: dumpioinput dumpiooutput
echo: protocolecho
env: passenv setenv unsetenv
expires: expiresactive expiresbytype expiresdefault
ext_filter: extfilterdefine extfilteroptions
file_cache: cachefile mmapfile
filter: addoutputfilterbytype filterchain filterdeclare filterprotocol filterprovider filtertrace
headers: header requestheader
heartbeat: heartbeataddress
heartmonitor: heartbeatlisten heartbeatmaxservers heartbeatstorage
http2: h2copyfiles h2direct h2earlyhint h2earlyhints h2maxdataframelen h2maxheaderblocklen h2maxsessionstreams
  h2maxstreamerrors h2maxworkeridleseconds h2maxworkers h2minworkers h2moderntlsonly h2outputbuffering h2padding
  h2proxyrequests h2push h2pushdiarysize h2pushpriority h2pushresource h2serializeheaders h2sessionextrafiles
  h2streammaxmemsize h2streamtimeout h2tlscooldownsecs h2tlswarmupsize h2upgrade h2websockets h2windowsize
http: keepalive keepalivetimeout maxkeepaliverequests
ident: identitycheck identitychecktimeout
imagemap: imapbase imapdefault imapmenu
include: ssiendtag ssierrormsg ssietag ssilastmodified ssilegacyexprparser ssistarttag ssitimeformat ssiundefinedecho
  xbithack
info: addmoduleinfo
lbmethod_bybusyness:
lbmethod_byrequests:
lbmethod_bytraffic:
lbmethod_heartbeat: heartbeatstorage
ldap: ldapcacheentries ldapcachettl ldapconnectionpoolttl ldapconnectiontimeout ldaplibrarydebug ldapopcacheentries
  ldapopcachettl ldapreferralhoplimit ldapreferrals ldapretries ldapretrydelay ldapsharedcachefile ldapsharedcachesize
  ldaptimeout ldaptrustedclientcert ldaptrustedglobalcert ldaptrustedmode ldapverifyservercert
log_config: bufferedlogs customlog globallog logformat transferlog
log_debug: logmessage
log_forensic: forensiclog
logio: logiotrackttfb
lua: <luahookaccesschecker <luahookauthchecker <luahookcheckuserid <luahookfixups <luahookmaptostorage
  <luahookpretranslatename <luahooktranslatename <luahooktypechecker <luaquickhandler luaauthzprovider luacodecache
  luahookinsertfilter luahooklog luainherit luainputfilter luamaphandler luaoutputfilter luapackagecpath
  luapackagepath luaroot luascope
macro: <macro macroignorebadnesting macroignoreemptyargs undefmacro use
md: <mdomain <mdomainset mdactivationdelay mdbaseserver mdcacertificatefile mdcachallenges mdcertificateagreement
  mdcertificateauthority mdcertificatecheck mdcertificatefile mdcertificatekeyfile mdcertificateprotocol
  mdcertificatestatus mdchallengedns01 mdchallengedns01version mdcheckinterval mdcontactemail mddrivemode
  mdexternalaccountbinding mdhttpproxy mdhttpproxycacertificatefile mdinitialdelay mdmatchnames mdmember mdmembers
  mdmessagecmd mdmuststaple mdnotifycmd mdomain mdportmap mdprivatekeys mdprofile mdprofilemandatory mdrenewmode
  mdrenewviaari mdrenewwindow mdrequirehttps mdretrydelay mdretryfailover mdserverstatus mdstapleothers mdstapling
  mdstaplingkeepresponse mdstaplingrenewwindow mdstoredir mdstorelocks mdwarnwindow
mime_magic: mimemagicfile
mime: addcharset addencoding addhandler addinputfilter addlanguage addoutputfilter addtype defaultlanguage
  modmimeusepathinfo multiviewsmatch removecharset removeencoding removehandler removeinputfilter removelanguage
  removeoutputfilter removetype typesconfig
mpm_event: asyncrequestworkerfactor gracefulshutdowntimeout listen listenbacklog listencoresbucketsratio
  listentcpdeferaccept maxclients maxrequestworkers maxsparethreads minsparethreads receivebuffersize sendbuffersize
  serverlimit startservers threadlimit threadsperchild
mpm_prefork: gracefulshutdowntimeout listen listenbacklog listencoresbucketsratio listentcpdeferaccept maxclients
  maxrequestworkers maxspareservers minspareservers receivebuffersize sendbuffersize serverlimit startservers
mpm_worker: gracefulshutdowntimeout listen listenbacklog listencoresbucketsratio listentcpdeferaccept maxclients
  maxrequestworkers maxsparethreads minsparethreads receivebuffersize sendbuffersize serverlimit startservers
  threadlimit threadsperchild
negotiation: cachenegotiateddocs forcelanguagepriority languagepriority
proxy_ajp:
proxy_balancer:
proxy_connect: allowconnect
proxy_express: proxyexpressdbmfile proxyexpressdbmtype proxyexpressenable
proxy_fcgi: proxyfcgibackendtype proxyfcgisetenvif
proxy_fdpass:
proxy_ftp: proxyftpdircharset proxyftpescapewildcards proxyftplistonwildcard
proxy_hcheck: proxyhcexpr proxyhctemplate proxyhctpsize
proxy_html: proxyhtmlbufsize proxyhtmlcharsetout proxyhtmldoctype proxyhtmlenable proxyhtmlevents proxyhtmlextended
  proxyhtmlfixups proxyhtmlinterp proxyhtmllinks proxyhtmlmeta proxyhtmlstripcomments proxyhtmlurlmap
proxy_http2:
proxy_http:
proxy: <proxy <proxymatch balancergrowth balancerinherit balancermember balancerpersist noproxy proxy100continue
  proxyaddheaders proxybadheader proxyblock proxydomain proxyerroroverride proxyiobuffersize proxymaxforwards
  proxypass proxypassinherit proxypassinterpolateenv proxypassmatch proxypassreverse proxypassreversecookiedomain
  proxypassreversecookiepath proxypreservehost proxyreceivebuffersize proxyremote proxyremotematch proxyrequests
  proxyset proxysourceaddress proxystatus proxytimeout proxyvia
proxy_scgi: proxyscgiinternalredirect proxyscgisendfile
proxy_uwsgi:
proxy_wstunnel: proxywebsocketfallbacktoproxyhttp
ratelimit:
reflector: reflectorheader
remoteip: remoteipheader remoteipinternalproxy remoteipinternalproxylist remoteipproxiesheader remoteipproxyprotocol
  remoteipproxyprotocolexceptions remoteiptrustedproxy remoteiptrustedproxylist
reqtimeout: requestreadtimeout
request: keptbodysize
rewrite: rewritebase rewritecond rewriteengine rewritemap rewriteoptions rewriterule
sed: inputsed outputsed
session_cookie: sessioncookiename sessioncookiename2 sessioncookieremove
session_crypto: sessioncryptocipher sessioncryptodriver sessioncryptopassphrase sessioncryptopassphrasefile
session_dbd: sessiondbdcookiename sessiondbdcookiename2 sessiondbdcookieremove sessiondbddeletelabel
  sessiondbdinsertlabel sessiondbdperuser sessiondbdselectlabel sessiondbdupdatelabel
session: session sessionenv sessionexclude sessionexpiryupdateinterval sessionheader sessioninclude sessionmaxage
setenvif: browsermatch browsermatchnocase setenvif setenvifexpr setenvifnocase
slotmem_plain:
slotmem_shm:
so: loadfile loadmodule
socache_dbm:
socache_memcache: memcacheconnttl
socache_redis: redisconnpoolttl redistimeout
socache_shmcb:
speling: checkbasenamematch checkcaseonly checkspelling
ssl: sslcacertificatefile sslcacertificatepath sslcadnrequestfile sslcadnrequestpath sslcarevocationcheck
  sslcarevocationfile sslcarevocationpath sslcertificatechainfile sslcertificatefile sslcertificatekeyfile
  sslciphersuite sslcompression sslcryptodevice sslengine sslfips sslhonorcipherorder sslinsecurerenegotiation ssllog
  sslloglevel sslocspdefaultresponder sslocspenable sslocspnoverify sslocspoverrideresponder sslocspproxyurl
  sslocsprespondercertificatefile sslocsprespondertimeout sslocspresponsemaxage sslocspresponsetimeskew
  sslocspuserequestnonce sslopensslconfcmd ssloptions sslpassphrasedialog sslprotocol sslproxycacertificatefile
  sslproxycacertificatepath sslproxycarevocationcheck sslproxycarevocationfile sslproxycarevocationpath
  sslproxycheckpeercn sslproxycheckpeerexpire sslproxycheckpeername sslproxyciphersuite sslproxyengine
  sslproxymachinecertificatechainfile sslproxymachinecertificatefile sslproxymachinecertificatepath sslproxyprotocol
  sslproxyverify sslproxyverifydepth sslrandomseed sslrenegbuffersize sslrequire sslrequiressl sslsessioncache
  sslsessioncachetimeout sslsessionticketkeyfile sslsessiontickets sslsrpunknownuserseed sslsrpverifierfile
  sslstaplingcache sslstaplingerrorcachetimeout sslstaplingfaketrylater sslstaplingforceurl
  sslstaplingrespondertimeout sslstaplingresponsemaxage sslstaplingresponsetimeskew sslstaplingreturnrespondererrors
  sslstaplingstandardcachetimeout sslstrictsnivhostcheck sslusername sslusestapling sslverifyclient sslverifydepth
  sslvhostsnipolicy
status:
substitute: substitute substituteinheritbefore substitutemaxlinelength
suexec: suexecusergroup
systemd: idleshutdown
unique_id:
unixd: chrootdir group suexec user
userdir: userdir
usertrack: cookiedomain cookieexpires cookiehttponly cookiename cookiesamesite cookiesecure cookiestyle cookietracking
version: <ifversion
vhost_alias: virtualdocumentroot virtualdocumentrootip virtualscriptalias virtualscriptaliasip
watchdog: watchdoginterval
xml2enc: xml2encalias xml2encdefault xml2startparse
"""


@cache
def brought_by() -> Mapping[str, tuple[str, ...]]:
    """The modules, by identifier, that bring a directive, by its name in lower case (a section's with its ``<``)."""
    found: dict[str, tuple[str, ...]] = {}
    for module, names in _modules().items():
        for name in names:
            found[name] = (*found.get(name, ()), module)
    return MappingProxyType(found)


@cache
def known_modules() -> frozenset[str]:
    """The identifiers of the modules whose directives are all known."""
    return frozenset(_modules())


@cache
def _modules() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in _TABLE.strip().replace("\n  ", " ").split("\n"):
        name, _, directives = line.partition(":")
        found[f"{name}_module"] = tuple(directives.split())
    return MappingProxyType(found)


def invalid_commands(resolved: Resolved) -> Iterator[tuple[Directive, str, bool]]:
    """Directives that httpd would not know, each name or module once, with the reason, and whether that is certain.

    It is not where a conditional that cannot be decided loads the module, or holds the directive. Nothing is said
    where the modules are not known, as in a part of a configuration that loads none. A name that no module of the table
    brings may be one of a module of others, where such a module is loaded.
    """
    loads: dict[str, list[frozenset[str]]] = {}
    for one in resolved.directives:
        if one.name.lower() == "loadmodule" and (words := split_words(one.arguments)):
            loads.setdefault(words[0], []).append(frozenset(doubt.text for doubt in one.doubts))
    if not loads or not resolved.modules_known:
        return
    there = loads.keys() | {name for name, _ in resolved.modules}
    certain = {name for name, _ in resolved.modules} | {name for name, under in loads.items() if frozenset() in under}
    all_known = there <= _modules().keys()
    table, said = brought_by(), set(_FORMER)
    missed: set[tuple[tuple[str, ...], bool]] = set()
    settled: set[str] = set()  # names as written that cannot be missing, or were said to be
    for directive in resolved.directives:
        if directive.name in settled:
            continue
        name = directive.name.lower()
        modules = table.get(name)
        sure = not directive.doubts
        if modules is None or name in said or not certain.isdisjoint(modules):
            settled.add(directive.name)
        if modules is None:
            if all_known and name not in said and not name.startswith("</"):
                said.add(name)
                yield directive, f"no loaded module knows {readable(directive.name)}: httpd does not start", sure
        elif name not in said and certain.isdisjoint(modules) and (modules, sure) not in missed:
            # A line under the very conditions that load the module always finds it.
            here = {doubt.text for doubt in directive.doubts}
            if any(under <= here for module in modules for under in loads.get(module, ())):
                continue
            missed.add((modules, sure))
            belongs = " or ".join(modules)
            reason = f"{directive.name} belongs to {belongs}, which is not loaded: httpd does not start"
            yield directive, reason, sure and there.isdisjoint(modules)
