"""What is taken without being read is never refused when it is read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from auditor.model.source import FileSource
from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.routes import read_routes, surely_accepted
from auditor.surfaces.httpd.servers import MAIN, Server
from auditor.surfaces.httpd.versions import Behaviour

VERSIONS = ((2, 4, 1), (2, 4, 6), (2, 4, 7), (2, 4, 25), (2, 4, 48), (2, 4, 999))
PARAMETERS = (
    *("timeout=30", "timeout=0", "retry=1", "ttl=5", "connectiontimeout=5", "max=3", "min=1", "smax=2", "ping=1"),
    *("timeout=5s", "nocanon", "keepalive=On", "upgrade=websocket", "TTL=3", "nosuch=1", "timeout=123456789"),
)
URLS = (
    "http://a:80/x",
    "https://b-c.d",
    "!",
    "http://a:0/",
    "ws://x/",
    "http:/x",
    "balancer://b",
    "HTTP://a/",
    "http://",
)
PATHS = ("/", "/a/b", "a", "/a?b", '"/a"', "", "~ /x", "/a\\b")
LINES = st.one_of(
    st.tuples(
        st.just("ProxyPass"),
        st.tuples(
            st.sampled_from(PATHS),
            st.sampled_from(URLS),
            st.lists(st.sampled_from(PARAMETERS), max_size=3).map(" ".join),
        ).map(lambda parts: " ".join(parts).strip()),
    ),
    st.tuples(st.sampled_from(["ProxyTimeout", "proxytimeout"]), st.sampled_from(["5", "0", "x", "600"])),
    st.tuples(st.sampled_from(["ProxySet", "BalancerMember"]), st.sampled_from(URLS)),
)


@given(lines=st.lists(LINES, max_size=4), version=st.sampled_from(VERSIONS))
def test_lines_that_look_plain_are_never_refused(lines: list[tuple[str, str]], version: tuple[int, int, int]) -> None:
    server = Server(MAIN, None)
    for number, (name, arguments) in enumerate(lines, 1):
        server.all.append(Directive(name, arguments, FileSource("httpd.conf", number, number)))
    if surely_accepted(server):
        assert read_routes(server, Behaviour(version)).refused == []
