from __future__ import annotations

import pytest

from auditor.errors import InputError
from auditor.services.explain import Asking
from auditor.surfaces.httpd.answer import answer_json
from auditor.surfaces.httpd.explain import explain
from auditor.surfaces.httpd.resolving import resolve_collected
from auditor.surfaces.interface import InterpretOptions
from tests.unit.surfaces.httpd.trees import MAIN, ask, collected

SHOP = """Listen 80
Timeout 60
ProxyTimeout 120
<VirtualHost *:80>
ServerName shop.example
ProxyPass /app http://10.0.0.5:8080/ timeout=300
ProxyPass /api http://10.0.0.5:8080/api timeout=60
ProxyPass /app/static !
ProxyPass / http://10.0.0.9/ connectiontimeout=2
</VirtualHost>
"""


def test_a_shared_worker_is_told_with_its_whole_chain() -> None:
    answer = ask(SHOP, "http://shop.example/api/orders?x=1")
    assert (answer.virtual_host, answer.mapped_by, answer.worker) == (
        "shop.example:80",
        "ProxyPass /api",
        "http://10.0.0.5:8080/",
    )
    assert (answer.read_timeout_s, answer.connect_timeout_s, answer.connect_note) == (
        300,
        300,
        "falls back to the read time-out",
    )
    assert [(entry.setting, entry.verdict) for entry in answer.chain] == [
        ("timeout=60 on /api", "ignored"),
        ("timeout=300 on /app", "governs"),
        ("ProxyTimeout 120", "not reached"),
        ("Timeout 60", "not reached"),
    ]
    assert [(name, source.line) for name, source in answer.shared_with] == [("/app", 6)]


def test_the_first_line_that_matches_whole_segments_maps() -> None:
    assert ask(SHOP, "http://shop.example/app/static/x").mapped_by == "ProxyPass /app"
    assert ask(SHOP, "http://shop.example/application").mapped_by == "ProxyPass /"
    assert ask(SHOP, "http://shop.example//app//x").mapped_by == "ProxyPass /app"


@pytest.mark.parametrize(
    ("lines", "path", "mapped", "undetermined"),
    [
        ("ProxyPass /a/no !\nProxyPass /a http://b/", "/a/no/x", None, False),
        ("ProxyPass /a/no !\nProxyPass /a http://b/", "/a/yes", "ProxyPass /a", False),
        ("ProxyPassMatch ^/x/.*\\.gif$ http://b", "/x/1.gif", "ProxyPassMatch ^/x/.*\\.gif$", False),
        ("ProxyPassMatch (a+)+$ http://b", "/aaa", None, True),
        ("<Location /l>\nProxyPass http://b/\n</Location>\nProxyPass /l http://c/", "/l/x", "ProxyPass /l", False),
        ("<Location /l>\nProxyPass http://b/\n</Location>", "/lx", None, False),
        ("RewriteEngine On\nRewriteRule ^/r/(.*) http://b/$1 [P]", "/r/x", "RewriteRule ^/r/(.*)", False),
        ("RewriteRule ^/r/(.*) http://b/$1 [P]", "/r/x", None, False),
        (
            "RewriteEngine On\nRewriteCond %{HTTP:X} y\nRewriteRule ^/r/ http://b/ [P]\nProxyPass /r http://c/",
            "/r/x",
            "ProxyPass /r",
            True,
        ),
        ("RewriteEngine On\nRewriteRule ^/old /new [PT]\nProxyPass /new http://b/", "/old/x", "ProxyPass /new", False),
        ("RewriteEngine On\nRewriteRule ^/old(.*) /new$1\nProxyPass /new http://b/", "/old/x", None, False),
        ("RewriteEngine On\nRewriteRule ^/old - [L]\nProxyPass /old http://b/", "/old/x", "ProxyPass /old", False),
        ("RewriteEngine On\nRewriteRule ^/r http://else/ [R]\nProxyPass /r http://c/", "/r", None, False),
        ('<FilesMatch "\\.php$">\nSetHandler "proxy:fcgi://b:9000"\n</FilesMatch>', "/i.php", "SetHandler", False),
        ('<FilesMatch "\\.php$">\nSetHandler "proxy:fcgi://b:9000"\n</FilesMatch>', "/", None, True),
        ('<FilesMatch "\\.php$">\nSetHandler "proxy:fcgi://b:9000"\n</FilesMatch>', "/i.html", None, False),
        ('<Directory /srv>\nSetHandler "proxy:fcgi://b:9000"\n</Directory>', "/i.php", None, True),
        ('<LocationMatch "^/l/.*">\nProxyPass http://b/\n</LocationMatch>', "/l/x", "ProxyPass ^/l/.*", False),
        ('<LocationMatch "^/l">\nProxyPass http://b/\n</LocationMatch>', "/l", None, False),
        ("ProxyPass /a%20b http://b/", "/a%20b", None, False),
        ('ProxyPass "/a b" http://b/', "/a%20b", "ProxyPass /a b", False),
    ],
)
def test_mapping(lines: str, path: str, mapped: str | None, undetermined: bool) -> None:
    answer = ask(f"Listen 80\n{lines}\n", f"http://x.example{path}")
    shown = answer.mapped_by
    assert shown.startswith(mapped) if mapped and shown else shown is mapped, shown
    assert answer.proxied is (mapped is not None)
    assert bool(answer.undetermined) is undetermined


def test_the_last_location_that_holds_the_path_wins_and_beats_the_lines() -> None:
    text = """Listen 80
<Location />
ProxyPass http://one/ timeout=1
</Location>
<Location /a>
ProxyPass http://two/ timeout=2
</Location>
ProxyPass /a http://three/ timeout=3
"""
    assert ask(text, "http://x/a/b").read_timeout_s == 2
    assert ask(text, "http://x/b").read_timeout_s == 1


def test_members_that_differ_are_listed_and_the_longest_is_told() -> None:
    text = """Listen 80
<Proxy balancer://p>
BalancerMember http://one timeout=3
BalancerMember http://two timeout=9
</Proxy>
ProxyPass /a balancer://p/x timeout=30
"""
    answer = ask(text, "http://x/a")
    assert (answer.read_timeout_s, answer.balancer) == (9, "main balancer://p")
    assert answer.members == (("http://one", 3), ("http://two", 9))
    assert answer.chain[0].reason == "on a balancer it is the wait for a usable member, never a read time-out"


def test_a_balancer_without_members_is_undetermined() -> None:
    answer = ask("Listen 80\nProxyPass /a balancer://p\n", "http://x/a")
    assert answer.proxied
    assert answer.undetermined


def test_no_limit_is_null_and_a_default_has_no_source() -> None:
    unlimited = answer_json(ask("Listen 80\nTimeout -1\nProxyPass /a http://b/\n", "http://x/a"))
    default = answer_json(ask("Listen 80\nProxyPass /a http://b/\n", "http://x/a"))
    assert unlimited["read_timeout_s"] is None
    assert unlimited["undetermined"] == []
    assert unlimited["read_governed_by"]["directive"] == "Timeout"
    assert default["read_governed_by"] == {"directive": "default", "value": "60", "source": None}


def test_an_unknown_version_is_named_where_it_matters() -> None:
    text = "Listen 80\nProxyPass /a fcgi://b:9000/\nProxyTimeout 5\nProxyPass /h http://b/\n"
    answer = ask(text, "http://x/a", version="")
    assert any("--httpd-version" in sentence for sentence in answer.undetermined)
    assert ask(text, "http://x/h", version="").undetermined == ()


def test_a_port_without_listen_is_said() -> None:
    assert "no Listen for port 8080" in ask(SHOP, "http://shop.example:8080/app").undetermined[0]


@pytest.mark.parametrize("url", ["ftp://x/", "http://", "http://[x/", "http://x:99999/", "/path"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(InputError):
        ask(SHOP, url)


def test_a_connect_time_out_of_its_own_chain_is_not_said_to_follow_the_read_time_out() -> None:
    """Before 2.4.7 mod_proxy_fcgi fixes the read time-out alone."""
    text = "Listen 80\nTimeout 60\nProxyPass /a fcgi://b:9000/\n"
    answer = ask(text, "http://x/a", version="2.4.6")
    assert (answer.read_timeout_s, answer.connect_timeout_s) == (30, 60)
    assert answer.connect_note == "no connectiontimeout= is set"


HOST = """Listen 80
LoadModule proxy_module m.so
<VirtualHost *:80>
ServerName a.example
DocumentRoot /srv/www
{lines}
</VirtualHost>
"""


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("<Directory /srv>\nAllowOverride All\n</Directory>", "AllowOverride All for /srv (conf/httpd.conf:7)"),
        ("<Directory /srv/www/a>\nAllowOverride Limit FileInfo\n</Directory>", "AllowOverride Limit FileInfo"),
        ("<Directory ~ ^/s>\nAllowOverrideList RewriteRule\n</Directory>", "AllowOverrideList RewriteRule"),
        ("Alias /a /opt/x\n<Directory /opt>\nAllowOverride All\n</Directory>", "AllowOverride All for /opt"),
        ("Alias /x /opt/x\n<Directory /opt>\nAllowOverride All\n</Directory>", ""),
        ("<Directory /srv>\nAllowOverride None\n</Directory>", ""),
        ("<Directory /srv>\nAllowOverride Limit AuthConfig\n</Directory>", ""),
        ("<Directory /var/www>\nAllowOverride All\n</Directory>", ""),
        ("<Directory /srv>\nAllowOverride All\n</Directory>\nProxyPass /a http://b/", ""),
        ("ProxyExpressEnable On", "ProxyExpressEnable"),
        ("ProxyRequests On", ""),
        ("RewriteEngine On\nRewriteMap m txt:/m\nRewriteRule ^/a http://${m:x}/ [P]", "holds variables"),
    ],
)
def test_what_may_proxy_beside_the_lines_read_is_said(lines: str, said: str) -> None:
    answer = ask(HOST.format(lines=lines), "http://a.example/a")
    assert bool(answer.undetermined) == bool(said), answer.undetermined
    assert said in " ".join(answer.undetermined)


def test_a_forward_proxy_may_proxy_a_host_that_is_none_of_its_own() -> None:
    text = HOST.format(lines="ProxyRequests On")
    assert "forward proxy" in " ".join(ask(text, "http://other.example/a").undetermined)


def test_connecting_has_its_own_place_in_the_chain() -> None:
    text = SHOP.replace("api timeout=60", "api timeout=60 connectiontimeout=5")
    answer = ask(text, "http://shop.example/api/x")
    last = answer.chain[-1]
    assert (last.setting, last.verdict, last.reason) == (
        "connectiontimeout=5 on /api",
        "ignored",
        "the worker was made by ProxyPass /app",
    )
    last = ask(SHOP, "http://shop.example/x").chain[-1]
    assert (last.setting, last.verdict) == ("connectiontimeout=2 on /", "governs")


def test_a_time_out_that_is_tried_twice_strikes_after_twice_the_time() -> None:
    mark = ask("Listen 80\nProxyPass /a h2c://b/ timeout=3\n", "http://x/a").on_timeout
    assert mark is not None
    assert (mark.status, mark.seconds) == (503, 6)
    answer = ask("Listen 80\nProxyPass /a ajp://b/ timeout=3 ping=2\n", "http://x/a")
    ping = next(one for one in answer.failures if one.when == "ping")
    assert (ping.status, ping.seconds, ping.log_ids) == (503, 4, ("AH01012", "AH00897"))


def test_websocket_is_spoken_by_the_module_of_http_since_2_4_47() -> None:
    text = "Listen 80\nProxyPass /a ws://b/ timeout=3\n"
    for version, lines, status in (("2.4.62", "", 502), ("2.4.46", "", None), ("2.4.62", "{}Off\n", None)):
        own = lines.format("ProxyWebsocketFallbackToProxyHttp ")
        mark = ask(text + own, "http://x/a", version=version).on_timeout
        assert mark is not None
        assert mark.status == status


ONE_ROUTE = "ServerName x\nListen 80\nProxyPassMatch ^/a//b http://10.0.0.1/ timeout=5\n"


def test_before_2_4_39_several_slashes_are_not_one() -> None:
    assert ask(ONE_ROUTE, "http://x/a//b", version="2.4.38").proxied
    assert not ask(ONE_ROUTE, "http://x/a//b", version="2.4.39").proxied
    assert ask(ONE_ROUTE + "MergeSlashes Off\n", "http://x/a//b", version="2.4.39").proxied


@pytest.mark.parametrize("url", ["http://x/a b", "http://x/a\nb", "\thttp://x/", "http://x\x7f/", "ftp://x/", ""])
def test_what_no_browser_would_ask_for_is_said(url: str) -> None:
    with pytest.raises(InputError):
        ask(ONE_ROUTE, url)


HOSTS = """Listen 80
<VirtualHost 10.0.0.2:80>
ServerName two.example
</VirtualHost>
{more}"""
WILD = "<VirtualHost *:80>\nServerName any.example\n</VirtualHost>\n"


def test_an_address_where_nobody_bears_the_name_is_told() -> None:
    answer = ask(HOSTS.format(more=WILD), "http://any.example/")
    assert (answer.virtual_host, answer.undetermined) == ("any.example:80", ())
    assert answer.virtual_host_note == "answered by two.example:80 where the name leads to 10.0.0.2"


def test_the_main_server_may_answer_at_an_address_of_nobody() -> None:
    assert "main" in " ".join(ask(HOSTS.format(more=""), "http://nobody.example/").undetermined)
    assert ask(HOSTS.format(more=WILD), "http://10.0.0.3/").virtual_host == "any.example:80"


def test_until_the_host_is_named_the_first_virtual_host_of_the_address_counts() -> None:
    text = (
        "Listen 80\n<VirtualHost *:80>\nServerName first\nTimeout 7\n</VirtualHost>\n"
        "<VirtualHost 10.0.0.2:80>\nServerName other\nTimeout 9\n</VirtualHost>\n"
        "<VirtualHost 10.0.0.2:80 *:80>\nServerName x.example\nTimeout 3\n</VirtualHost>\n"
    )
    header = next(one for one in ask(text, "http://x.example/").failures if one.when == "client header")
    assert header.seconds == 7
    assert "first, other" in header.text.replace(":80", "")


@pytest.mark.parametrize(
    "lines",
    [
        '<FilesMatch "\\.php$">\nSetHandler "proxy:fcgi://b:9000"\n</FilesMatch>',
        "LoadModule cgid_module m.so\nScriptAlias /a /srv/www/cgi",
    ],
)
def test_a_htaccess_file_may_say_otherwise_of_what_a_file_serves(lines: str) -> None:
    allowed = "\n<Directory /srv/www>\nAllowOverride All\n</Directory>"
    for more, certain in (("", True), (allowed, False)):
        answer = ask(HOST.format(lines=lines + more), "http://a.example/a/i.php")
        assert (answer.undetermined == ()) is certain
        assert ".htaccess" in " ".join(answer.undetermined) or certain
    mapped = ask(HOST.format(lines=f"ProxyPass /a http://b/{allowed}"), "http://a.example/a/i.php")
    assert mapped.undetermined == ()


def test_a_path_that_becomes_part_of_the_host_is_told() -> None:
    """ProxyPass with a slash behind one of its paths only is a common slip."""
    text = 'Listen 80\nProxyPass /a/ http://back\nProxyPass /b/ http://back:8080\nProxyPass /c/ "unix:/s|http://back"\n'
    assert "makes backx of the host back" in " ".join(ask(text, "http://x.example/a/x").undetermined)
    assert "makes backx of the host back" in " ".join(ask(text, "http://x.example/c/x").undetermined)
    answer = ask(text, "http://x.example/b/x")
    assert (answer.proxied, answer.undetermined) == (False, ())
    assert "http://back:8080x of it, which is no URL" in answer.why_not
    assert ask(text, "http://x.example/a/").undetermined == ()


@pytest.mark.parametrize(("host", "told"), [("back.example", True), ("10.0.0.5", False), ("[2001:db8::1]", False)])
def test_connecting_takes_its_time_for_every_address_of_a_name(host: str, told: bool) -> None:
    answer = ask(f"Listen 80\nProxyPass /a http://{host}/ connectiontimeout=2\n", "http://x.example/a")
    connect = next(one for one in answer.failures if one.when == "connect")
    assert connect.seconds == 2
    assert ("every address" in connect.text) is told


UNTRIED = "(a+)+$"
PHP = '<FilesMatch "\\.php$">\nSetHandler "proxy:fcgi://b:9000"\n</FilesMatch>'


@pytest.mark.parametrize(
    ("lines", "path", "said"),
    [
        (f"RedirectMatch {UNTRIED} http://else/\n{PHP}", "/aaa.php", "RedirectMatch (conf/httpd.conf:6)"),
        (f"AliasMatch {UNTRIED} /opt/x.php\n{PHP}", "/aaa.html", "AliasMatch (conf/httpd.conf:6)"),
        (f"RedirectMatch {UNTRIED} http://else/", "/aaa.php", ""),
        (f"AliasMatch {UNTRIED} /opt/x\nProxyPass /a http://b/", "/aaa", ""),
        (f"LoadModule cgid_module m.so\nAliasMatch {UNTRIED} /opt/x\nScriptAlias /a /cgi", "/aaa", "AliasMatch"),
        ("LoadModule cgid_module m.so\n<Directory ~ x>\nSetHandler cgi-script\n</Directory>", "/aaa", "SetHandler"),
        (f"VirtualDocumentRoot /v/%0\n<Directory /v/a>\n{PHP}\n</Directory>", "/a.php", "depends on the file"),
        (f"UserDir public_html\n<Directory /home>\n{PHP}\n</Directory>", "/~joe/a.php", "depends on the file"),
        (f"UserDir public_html\n<Directory /home>\n{PHP}\n</Directory>", "/joe/a.php", ""),
    ],
)
def test_a_file_that_cannot_be_named_leaves_open_what_serves_it(lines: str, path: str, said: str) -> None:
    answer = ask(HOST.format(lines=lines), f"http://a.example{path}")
    assert bool(answer.undetermined) == bool(said), answer.undetermined
    assert said in " ".join(answer.undetermined)


@pytest.mark.parametrize(
    ("lines", "path", "asked"),
    [
        ("", "/a/b.html", "a file /srv/www/.htaccess, /srv/www/a/.htaccess may hold"),
        ("AccessFileName .own .more", "/b.html", "a file /srv/www/.own, /srv/www/.more may hold"),
        ("", "/", "a file /srv/www/.htaccess may hold"),
        ("Alias /x /srv/www", "/x", "a file /srv/www/.htaccess may hold"),
        ("Alias /a /srv/other", "/a/b.html", ""),
        ("<Directory /srv/www/>\nAllowOverride None\n</Directory>", "/a/b.html", ""),
        ("<Directory /srv/www/a>\nAllowOverride None\n</Directory>", "/a/b.html", "/srv/www/.htaccess"),
    ],
)
def test_the_files_on_the_way_to_the_one_that_is_served_are_named(lines: str, path: str, asked: str) -> None:
    allowed = "<Directory /srv/www>\nAllowOverride All\n</Directory>\n"
    answer = ask(HOST.format(lines=allowed + lines), f"http://a.example{path}")
    assert bool(answer.undetermined) == bool(asked), answer.undetermined
    assert asked in " ".join(answer.undetermined)


@pytest.mark.parametrize(
    ("line", "open_"), [("BalancerPersist On\n", True), ("BalancerPersist Off\n", False), ("", False)]
)
def test_members_that_were_saved_may_have_other_time_outs(line: str, open_: bool) -> None:
    lines = "<Proxy balancer://p>\nBalancerMember http://b timeout=5\n</Proxy>\nProxyPass /a balancer://p/\n"
    doubts = ask(f"Listen 80\n{line}{lines}", "http://x/a/").undetermined
    assert any("BalancerPersist" in doubt for doubt in doubts) is open_


@pytest.mark.parametrize("condition", ["IfModule mod_of_others.c", "IfModule !mod_of_others.c"])
def test_a_doubt_of_one_way_alone_is_told(condition: str) -> None:
    handler = '<FilesMatch "\\.php$">\nSetHandler "proxy:fcgi://localhost"\n</FilesMatch>\n'
    lines = f"<{condition}>\nFallbackResource /index.php\n</IfModule>\n"
    seen = collected(f"Listen 80\nDocumentRoot /srv\n{lines}{handler}", built_in=None)
    answer = explain(resolve_collected(seen, InterpretOptions()), "http://x/y", "2.4.62")
    assert any("FallbackResource" in doubt for doubt in answer.undetermined)


TREE = """Listen 80
LoadModule proxy_module m.so
DocumentRoot /etc/httpd/site
<Directory /etc/httpd/site>
AllowOverride All
</Directory>
"""


@pytest.mark.parametrize(
    ("more", "path", "said"),
    [
        ({}, "/a/b.html", ""),
        ({"site/a/.htaccess": "SetHandler x"}, "/a/b.html", "/etc/httpd/site/a/.htaccess, which is there, may hold"),
        ({"site/a/.htaccess": "SetHandler x"}, "/b.html", ""),
        ({"site/v1.2/.htaccess": "SetHandler x"}, "/v1.2", "/etc/httpd/site/v1.2/.htaccess, which is there, may hold"),
        ({"site/a/.htaccess": "SetHandler x"}, "/%E8%A1%A8/b.html", ""),
        ({"site/表/.htaccess": "SetHandler x"}, "/%E8%A1%A8/b.html", "/etc/httpd/site/表/.htaccess, which is there,"),
    ],
)
def test_folders_that_were_all_seen_answer_for_themselves(more: dict[str, str], path: str, said: str) -> None:
    options = InterpretOptions()
    asking = Asking("web1/httpd", collected({MAIN: TREE, **more}), options)
    answer = asking.answer(f"http://x.example{path}")
    assert bool(answer.undetermined) == bool(said), answer.undetermined
    assert said in " ".join(answer.undetermined)
    away = Asking("web1/httpd", collected(TREE.replace("/etc/httpd/site", "/srv/www")), options)
    assert "a file /srv/www/.htaccess" in " ".join(away.answer("http://x.example/b.html").undetermined)


def test_names_in_doubts_are_readable() -> None:
    lines = "ErrorDocument 502 /表/x\nProxyPass /表 http://b/\nProxyRemote * http://表/"
    told = " ".join(ask(f"Listen 80\n{lines}\n", "http://x.example/%E8%A1%A8/a").undetermined)
    assert "ErrorDocument 502 /表/x" in told
    assert "ProxyRemote * http://表/" in told
