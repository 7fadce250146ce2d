"""Proxy workers and balancers as httpd makes them while it reads a configuration, and how it finds one again.

Source: ``add_pass``, ``add_member``, ``set_proxy_param``, ``proxysection``, ``ap_proxy_define_worker_ex`` and
``ap_proxy_get_worker_ex``. Workers live in the server that defines them; a request sees the main server's, then the
virtual host's, and takes the longest name that its URL starts with, as text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import msgspec

from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.durations import atoi, drops_unit, parse_interval
from auditor.surfaces.httpd.versions import Behaviour

PORTS: Final = {
    "http": 80,
    "https": 443,
    "h2c": 80,
    "h2": 443,
    "ws": 80,
    "wss": 443,
    "ftp": 21,
    "ajp": 8009,
    "fcgi": 8000,
    "scgi": 4000,
}
_REFERENCE: Final = re.compile(r"\$\d")
_REFERENCE_AS_PORT: Final = re.compile(r"://[^/]*:\d*\$")


class BackEnd(msgspec.Struct, frozen=True, gc=False):
    """A proxy URL taken apart. ``name`` is what httpd compares; ``url`` is without the ``unix:…|`` in front."""

    name: str
    url: str
    scheme: str
    host: str
    port: int | None
    path: str
    socket: str = ""


@lru_cache(maxsize=8192)
def parse_back_end(written: str, *, pattern: bool = False) -> BackEnd | None:
    """A proxy URL taken apart, or None where httpd would refuse it ("URL must be absolute!").

    ``pattern`` allows ``$1`` right behind the port, as ProxyPassMatch does.
    """
    socket, url = "", written
    if written[:5].lower() == "unix:" and "|" in written:
        socket, url = written[5:].split("|", 1)
        socket = socket.removeprefix("//") if socket.startswith("///") else socket
    scheme, separator, rest = url.partition("://")
    if not separator or not scheme or not scheme[0].isalpha():
        return None
    authority, slash, tail = rest.partition("/")
    dollars = ""
    if pattern and (found := _REFERENCE.search(authority)) and ":" in authority[: found.start()]:
        authority, dollars = authority[: found.start()], authority[found.start() :]
    host, port = _host_and_port(authority)
    if not host:
        if not socket:
            return None
        host = "localhost"
    scheme = scheme.lower()
    path = f"{dollars}{slash}{tail}"
    default = PORTS.get(scheme)
    shown = f":{port}" if port is not None and port != default else ""
    user = authority[: authority.rfind("@") + 1].lower()  # part of the name, and of no request's URL
    return BackEnd(f"{scheme}://{user}{host}{shown}{path}", url, scheme, host, port or default, path, socket)


def _host_and_port(authority: str) -> tuple[str, int | None]:
    authority = authority.rpartition("@")[2].lower()
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d{0,5}))?", authority)
    if found is None:
        return authority, None
    return found[1], int(found[2]) if found[2] else None


def lower_authority(url: str) -> tuple[str, int]:
    """The URL with scheme and host in lower case, and the length of that part."""
    start = url.find("://")
    slash = url.find("/", start + 3)
    end = len(url) if slash < 0 else slash
    return url[:end].lower() + url[end:], end


class Parameter(msgspec.Struct, frozen=True, gc=False):
    """``key=value`` of a proxy worker or balancer, with the directive that set it."""

    key: str
    value: str
    directive: Directive

    @property
    def written(self) -> str:
        """``timeout=500ms``."""
        return f"{self.key}={self.value}"

    @property
    def by_section(self) -> bool:
        """Whether ProxySet or <Proxy> set it, not ProxyPass or BalancerMember."""
        return self.directive.name.lower() in ("proxyset", "<proxy", "<proxymatch")


Parameters = dict[str, Parameter]

_LEAST: Final = {"timeout": 1, "ttl": 1, "retry": 0}
_UNITS: Final = {"connectiontimeout": "s", "ping": "s", "acquire": "ms"}


def accepted(parameter: Parameter) -> bool:
    """Whether httpd takes a time of a proxy worker at all."""
    if parameter.key in _LEAST:
        return atoi(parameter.value) >= _LEAST[parameter.key]
    if parameter.key in _UNITS:
        seconds = parse_interval(parameter.value, _UNITS[parameter.key])
        return seconds is not None and seconds >= 0.001
    return True


class ProxyWorker(msgspec.Struct, eq=False):
    """One back end with its pool.

    ``proxy_timeout`` is the ProxyTimeout that was in force when ProxyPass or BalancerMember made it; ``ignored`` are
    parameters of lines that share it, ``sockets`` the Unix sockets of such lines.
    """

    server: str
    back_end: BackEnd
    definition: Directive
    definer: str
    matchable: bool
    balancer: Balancer | None = None
    parameters: Parameters = {}
    proxy_timeout: Directive | None = None
    ignored: list[Parameter] = []
    overridden: list[Parameter] = []
    sockets: list[str] = []

    @property
    def name(self) -> str:
        """The name httpd compares."""
        return self.back_end.name

    def set(self, parameter: Parameter) -> None:
        """Sets a parameter, as the last one to do so."""
        before = self.parameters.get(parameter.key)
        if before is not None and before.directive is not parameter.directive:
            self.overridden.append(before)
        self.parameters[parameter.key] = parameter

    def text(self, key: str) -> str | None:
        """A parameter's value as written."""
        found = self.parameters.get(key)
        return None if found is None else found.value

    def interval(self, key: str, unit: str = "s") -> float | None:
        """A parameter whose unit httpd honours, in seconds."""
        written = self.text(key)
        return None if written is None else parse_interval(written, unit)

    @property
    def timeout(self) -> Parameter | None:
        """``timeout=``, where it is one httpd takes (at least a second)."""
        found = self.parameters.get("timeout")
        return found if found is not None and atoi(found.value) >= 1 else None

    @property
    def timeout_unit_dropped(self) -> bool:
        """Whether its ``timeout=`` has a unit that is thrown away."""
        found = self.timeout
        return found is not None and drops_unit(found.value)

    @property
    def status(self) -> frozenset[str]:
        """The letters that ``status=`` sets: D disabled, S stopped, H hot standby, R spare, I, E, N."""
        letters: set[str] = set()
        clears = False
        for letter in (self.text("status") or "").upper():
            if letter in "+-":
                clears = letter == "-"
            elif clears:
                letters.discard(letter)
            else:
                letters.add(letter)
        return frozenset(letters)

    @property
    def out_of_service(self) -> bool:
        """Whether it is disabled or stopped: it serves nothing until somebody switches it on."""
        return bool({"D", "S"} & self.status)

    def reuses(self) -> bool:
        """Whether connections are kept for the next request."""
        for key, wanted in (("disablereuse", "off"), ("enablereuse", "on")):
            if key in self.parameters:
                return self.parameters[key].value.lower() == wanted
        return self.back_end.scheme != "fcgi" and not (self.matchable and _REFERENCE.search(self.name))


class WorkerSet:
    """The proxy workers of one server or one balancer, found by the longest name that a URL starts with."""

    def __init__(self) -> None:
        self.workers: list[ProxyWorker] = []
        self._by_name: dict[str, ProxyWorker] = {}
        self._lengths: dict[str, list[int]] = {}
        self._patterns: dict[str, list[ProxyWorker]] = {}  # by what stands before the first $n
        self._pattern_lengths: list[int] = []
        self._rank: dict[int, int] = {}
        self._sorted: list[str] | None = None

    def add(self, worker: ProxyWorker) -> None:
        """Adds one; of two with the same name the earlier is found."""
        self._rank[id(worker)] = len(self.workers)
        self.workers.append(worker)
        if worker.matchable:
            start = _pieces(worker.name)[0]
            self._patterns.setdefault(start, []).append(worker)
            if len(start) not in self._pattern_lengths:
                self._pattern_lengths.append(len(start))
            return
        name = worker.name
        if name in self._by_name:
            return
        self._by_name[name] = worker
        self._sorted = None
        authority = name[: lower_authority(name)[1]]
        lengths = self._lengths.setdefault(authority, [])
        if len(name) not in lengths:
            lengths.append(len(name))
            lengths.sort(reverse=True)

    def find(self, url: str, *, prefixes: bool = True, patterns: bool = True) -> ProxyWorker | None:
        """The worker with the longest name that the URL (without ``unix:…|``) starts with; the earliest of equals."""
        url, end = lower_authority(url)
        best: ProxyWorker | None = None
        if prefixes:
            for length in self._lengths.get(url[:end], ()):
                best = self._by_name.get(url[:length]) if length <= len(url) else None
                if best is not None:
                    break
        if patterns:
            for length in self._pattern_lengths:
                for worker in self._patterns.get(url[:length], ()):
                    if (best is None or self._goes_before(worker, best)) and pattern_matches(url, worker.name, end):
                        best = worker
        return best

    def _goes_before(self, pattern: ProxyWorker, best: ProxyWorker) -> bool:
        """Whether a pattern's worker is found before another: the longer name, of equal lengths the one made first."""
        if len(pattern.name) != len(best.name):
            return len(pattern.name) > len(best.name)
        return self._rank[id(pattern)] < self._rank[id(best)]

    def named(self, name: str) -> bool:
        """Whether there is a worker of exactly that name."""
        return name in self._by_name

    def deeper(self, url: str) -> Iterator[ProxyWorker]:
        """The workers whose names start with the URL and go on, in order of name."""
        if self._sorted is None:
            self._sorted = sorted(self._by_name)
        start = lower_authority(url)[0]
        for index in range(bisect_right(self._sorted, start), len(self._sorted)):
            name = self._sorted[index]
            if not name.startswith(start):
                return
            yield self._by_name[name]


@lru_cache(maxsize=8192)
def _pieces(name: str) -> tuple[str, ...]:
    """What stands in a name before, between and behind its ``$n``."""
    return tuple(piece.replace("\\\\", "\\") for piece in re.split(r"(?:\$\d)+", name))


def pattern_matches(url: str, name: str, authority: int) -> bool:
    """Whether the name of a ProxyPassMatch worker, where ``$n`` stands for anything, is at the start of a URL.

    The name must not be longer than the URL, ``$1`` counting two, nor shorter than scheme and host.
    """
    if not authority <= len(name) <= len(url):
        return False
    pieces = _pieces(name)
    if not url.startswith(pieces[0]):
        return False
    position = len(pieces[0])
    for index, piece in enumerate(pieces[1:], 1):
        if not piece:
            if index == len(pieces) - 1:
                return True
            continue
        position = url.find(piece, position)
        if position < 0:
            return False
        position += len(piece)
    return True


class Balancer(msgspec.Struct, eq=False):
    """A balancer with its members, as one server defines it."""

    server: str
    name: str
    definition: Directive
    parameters: Parameters = {}
    members: WorkerSet = msgspec.field(default_factory=WorkerSet)


def balancer_name(written: str) -> str:
    """``balancer://name`` in lower case, without what follows the name."""
    return lower_authority(written)[0][: lower_authority(written)[1]]


def is_balancer(written: str) -> bool:
    """Whether a proxy URL names a balancer."""
    return written[:11].lower() == "balancer://"


class ServerWorkers:
    """What one server defines: its proxy workers, balancers and the ProxyTimeout read so far."""

    def __init__(self, server: str, behaviour: Behaviour) -> None:
        self.server = server
        self.behaviour = behaviour
        self.workers = WorkerSet()
        self.balancers: dict[str, Balancer] = {}
        self.proxy_timeout: Directive | None = None

    def pass_to(
        self, written: str, parameters: tuple[Parameter, ...], directive: Directive, *, regex: bool
    ) -> tuple[ProxyWorker | None, Balancer | None, tuple[Parameter, ...], bool]:
        """ProxyPass or ProxyPassMatch: the worker or balancer, the ignored parameters, whether the worker is new."""
        if is_balancer(written):
            balancer = self.balancer(written, directive)
            for parameter in parameters:
                balancer.parameters[parameter.key] = parameter
            return None, balancer, (), False
        back_end = parse_back_end(written, pattern=regex)
        if back_end is None or (not self.behaviour.dollar_workers and _REFERENCE_AS_PORT.search(back_end.url)):
            return None, None, (), False
        matchable = self._matchable(back_end, regex=regex)
        typed = self.behaviour.typed_lookup
        worker = self.workers.find(back_end.url, prefixes=not (typed and regex), patterns=not typed or regex)
        if worker is None:
            if matchable and self.behaviour.cut_names:
                back_end = parse_back_end(written.partition("$")[0]) or back_end
            worker = self._define(self.workers, back_end, directive, "ProxyPass", matchable)
            worker.proxy_timeout = self.proxy_timeout
            for parameter in parameters:
                worker.set(parameter)
            return worker, None, (), True
        worker.ignored.extend(parameters)
        worker.sockets.append(back_end.socket)
        return worker, None, parameters, False

    def add_member(self, name: str, written: str, parameters: tuple[Parameter, ...], directive: Directive) -> bool:
        """BalancerMember; whether it makes a proxy worker, since only then its parameters are looked at."""
        balancer = self.balancer(name, directive)
        back_end = parse_back_end(written)
        if back_end is None:
            return False
        worker = balancer.members.find(back_end.url)
        if worker is not None:
            worker.ignored.extend(parameters)
            worker.sockets.append(back_end.socket)
            return False
        worker = self._define(balancer.members, back_end, directive, "BalancerMember", matchable=False)
        worker.balancer = balancer
        worker.proxy_timeout = self.proxy_timeout
        for parameter in parameters:
            worker.set(parameter)
        return True

    def set_parameters(
        self, written: str, parameters: tuple[Parameter, ...], directive: Directive, *, define: bool, regex: bool
    ) -> bool:
        """ProxySet or <Proxy URL key=value>; False where httpd would refuse it for want of the worker."""
        if is_balancer(written):
            if not define and balancer_name(written) not in self.balancers:
                return False
            balancer = self.balancer(written, directive)
            for parameter in parameters:
                balancer.parameters[parameter.key] = parameter
            return True
        back_end = parse_back_end(written, pattern=regex)
        if back_end is None:
            return False
        typed = self.behaviour.typed_lookup and define
        worker = self.workers.find(back_end.url, prefixes=not (typed and regex), patterns=not typed or regex)
        if worker is None:
            if not define:
                return False
            matchable = self._matchable(back_end, regex=regex)
            worker = self._define(self.workers, back_end, directive, "Proxy", matchable)
        for parameter in parameters:
            worker.set(parameter)
        return True

    def balancer(self, written: str, directive: Directive) -> Balancer:
        """The server's balancer of that name, made where it is not there."""
        name = balancer_name(written)
        if name not in self.balancers:
            self.balancers[name] = Balancer(self.server, name, directive)
        return self.balancers[name]

    def _matchable(self, back_end: BackEnd, *, regex: bool) -> bool:
        if self.behaviour.typed_lookup:
            return regex
        return self.behaviour.dollar_workers and regex and (self.behaviour.cut_names or "$" in back_end.name)

    def _define(
        self, workers: WorkerSet, back_end: BackEnd, directive: Directive, definer: str, matchable: bool
    ) -> ProxyWorker:
        worker = ProxyWorker(self.server, back_end, directive, definer, matchable)
        workers.add(worker)
        return worker


def find_merged(main: WorkerSet | None, own: WorkerSet, url: str) -> ProxyWorker | None:
    """The worker for a request's URL among the main server's and the own; of equal names the main server's."""
    ours = own.find(url)
    theirs = main.find(url) if main is not None and main is not own else None
    if ours is None or theirs is None:
        return ours or theirs
    return ours if len(ours.name) > len(theirs.name) else theirs
