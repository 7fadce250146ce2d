"""A virtual iLO on loopback: TLS, sessions, ``$expand``, ETags, and everything that :mod:`.state` does.

It binds to 127.0.0.1 only. It is served from a personality, from a folder of JSON bodies, or from a snapshot's
documents; what was split off as volatile, or replaced as secret, is then missing or a digest.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import secrets
import shutil
import signal
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self, cast

from aiohttp import web

from auditor.errors import InputError
from auditor.surfaces.ilo.body import Body, MalformedError, decode, key_of
from auditor.surfaces.ilo.simulator import spoiling
from auditor.surfaces.ilo.simulator.alerts import Alerts
from auditor.surfaces.ilo.simulator.answers import answer_of
from auditor.surfaces.ilo.simulator.certificate import CertificateKind, make_certificates
from auditor.surfaces.ilo.simulator.faults import Faults
from auditor.surfaces.ilo.simulator.parts import Part, Reply, Upload
from auditor.surfaces.ilo.simulator.sources import load
from auditor.surfaces.ilo.simulator.state import ROOT, IloState
from auditor.surfaces.ilo.simulator.update import Updates

_SESSIONS: Final = f"{ROOT}/sessionservice/sessions"
_MAX_UPLOAD: Final = 64 * 1024 * 1024
_PARTS: Final[tuple[Part, ...]] = ()

OnReady = Callable[[str, str, str, str], None]
"""Told URL, authority file, user name and password once the server listens."""


class VirtualIlo:
    """A virtual iLO; use it as an asynchronous context manager.

    ``source`` is a personality (``ilo5``, ``ilo6``, ``ilo7``), a folder of JSON bodies, or bodies by URI. While it
    runs, :attr:`url` and :attr:`cafile` reach it; :attr:`state` is what it knows, :attr:`faults` what it does wrong,
    :attr:`alerts` how it sends test alerts,
    :attr:`requests` what it was asked (method and path with query), :attr:`sessions` the open ones' tokens.

    ``honour_if_match``: a PATCH whose ``If-Match`` names another ETag is refused with 412. ``expand``: ``$expand`` is
    offered. ``slash_redirects``: paths without a trailing slash are answered 308, as iLO 5 before 1.40 does.
    ``etags``: resources have ETags, and 304 is answered. ``certificate``: what is wrong with the one it shows.
    ``update_stage_s`` is how long a stage of an update takes; :attr:`updates` is the update service.
    """

    def __init__(
        self,
        source: str | Path | Mapping[str, Body] = "ilo5",
        username: str = "auditor",
        password: str = "",
        *,
        port: int = 0,
        post_s: float = 0.3,
        ilo_reset_s: float = 0.5,
        session_limit: int = 10,
        honour_if_match: bool = True,
        expand: bool = True,
        slash_redirects: bool = False,
        etags: bool = True,
        certificate: CertificateKind = "good",
        update_stage_s: float = 0.02,
    ) -> None:
        self.username = username
        self.password = password or secrets.token_urlsafe(12)
        self.updates = Updates(stage_s=update_stage_s)
        self.alerts = Alerts()
        parts = (*_PARTS, self.updates.part, self.alerts.part)
        self.state = IloState(load(source), post_s=post_s, ilo_reset_s=ilo_reset_s, parts=parts)
        self.faults = Faults()
        self.requests: list[tuple[str, str]] = []
        self.sessions: dict[str, str] = {}
        self.refused_logins = 0
        self.opened_sessions = 0
        self.session_limit = session_limit
        self.honour_if_match = honour_if_match
        self.expand = expand
        self.slash_redirects = slash_redirects
        self.etags = etags
        self._certificate = certificate
        self.url = ""
        self.cafile = ""
        self._port = port
        self._dropped = 0
        self._folder: Path | None = None
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="virtual-ilo-"))
        try:
            await self._start(self._folder)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _start(self, folder: Path) -> None:
        cafile, server_file = make_certificates(folder, self._certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server_file)
        application = web.Application(client_max_size=_MAX_UPLOAD)
        application.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=context).start()
        except OSError as error:
            raise InputError(
                f"the virtual iLO cannot listen on 127.0.0.1:{self._port}: {error.strerror or error}",
                next_step="Choose another port, or 0 for any free one.",
            ) from error
        self._port = int(self._runner.addresses[0][1])
        self.url = f"https://127.0.0.1:{self._port}"
        self.cafile = str(cafile)

    async def _stop(self) -> None:
        await self.alerts.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    # -- serving --------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path_qs))
        if not self.state.available():  # a resetting iLO answers nothing
            return spoiling.drop(request)
        if self.slash_redirects and not request.path.endswith("/"):
            return web.Response(status=308, headers={"Location": request.path + "/"})
        fault = self.faults.take(request.method, request.path_qs)
        if fault is not None:
            if fault.kind == "expired":
                self.sessions.clear()
            spoiled = await spoiling.instead(fault, request)
            if spoiled is not None:
                return spoiled
        if self._dropped != self.state.dropped_sessions:
            self._dropped = self.state.dropped_sessions
            self.sessions.clear()
        answer = await self._serve(request)
        return answer if fault is None else await spoiling.made_of(fault, request, answer)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        key = key_of(request.path)
        if request.method == "POST" and key == _SESSIONS:
            return await self._log_in(request)
        if key != ROOT and not self._authorised(request):
            return answer_of(Reply(401, (("Base.1.4.NoValidSession", ()),)))
        if key.startswith(f"{_SESSIONS}/"):
            return self._session(request, key)
        if request.method in ("GET", "HEAD"):
            return self._get(request)
        if request.method not in ("PATCH", "POST", "DELETE"):
            return answer_of(Reply(405))
        if request.method == "DELETE":
            return answer_of(self.state.delete(request.path))
        if request.method == "POST" and request.content_type == "multipart/form-data":
            return answer_of(self.state.receive(request.path, await _form(request)))
        try:
            body = decode(await request.read())
        except MalformedError:
            return answer_of(Reply(400, (("Base.1.4.MalformedJSON", ()),)))
        if request.method == "POST":
            return answer_of(self.state.create(request.path, body))
        return self._patch(request, body)

    def _get(self, request: web.Request) -> web.StreamResponse:
        wants = request.query.get("$expand") is not None and self.expand
        body = self.state.read(request.path, expand=wants)
        if body is None:
            return answer_of(Reply(404, (("Base.1.4.ResourceMissingAtURI", (request.path,)),)))
        if not self.expand:
            body.pop("ProtocolFeaturesSupported", None)
        if not self.etags:
            body.pop("@odata.etag", None)
        etag = str(body.get("@odata.etag", ""))
        if etag and request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        response = web.json_response(body, headers={"ETag": etag} if etag else None)
        response.enable_compression()
        return response

    def _patch(self, request: web.Request, body: Body) -> web.StreamResponse:
        wanted = request.headers.get("If-Match")
        shown = self.state.read(request.path)
        if self.honour_if_match and wanted and shown and wanted not in ("*", shown.get("@odata.etag")):
            return answer_of(Reply(412, (("Base.1.4.PreconditionFailed", ()),)))
        return answer_of(self.state.patch(request.path, body))

    # -- sessions -------------------------------------------------------------------------------------------------

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        try:
            body = decode(await request.read())
        except MalformedError:
            return answer_of(Reply(400, (("Base.1.4.MalformedJSON", ()),)))
        if not self._known(str(body.get("UserName", "")), str(body.get("Password", ""))):
            self.refused_logins += 1
            return answer_of(Reply(401, (("Base.1.4.UnauthorizedLoginAttempt", ()),)))
        if len(self.sessions) >= self.session_limit:
            return answer_of(Reply(503, (("Base.1.4.SessionLimitExceeded", ()),)))
        token, name = secrets.token_hex(16), f"{self.username}{secrets.token_hex(4)}"
        self.sessions[token] = name
        self.opened_sessions += 1
        location = f"{self.url}{ROOT}/SessionService/Sessions/{name}"
        reply: Body = {"@odata.id": f"{ROOT}/SessionService/Sessions/{name}", "Id": name, "UserName": self.username}
        return web.json_response(reply, status=201, headers={"X-Auth-Token": token, "Location": location})

    def _session(self, request: web.Request, key: str) -> web.StreamResponse:
        token = next((one for one, name in self.sessions.items() if key == f"{_SESSIONS}/{name.casefold()}"), None)
        if token is None:
            return answer_of(Reply(404))
        if request.method == "DELETE":
            del self.sessions[token]
            return answer_of(Reply(200, (("Base.1.4.Success", ()),)))
        return web.json_response({"@odata.id": request.path, "UserName": self.username})

    def _authorised(self, request: web.Request) -> bool:
        if (token := request.headers.get("X-Auth-Token")) is not None:
            return token in self.sessions
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if scheme.casefold() != "basic":
            return False
        try:
            username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            return False
        return self._known(username, password)

    def _known(self, username: str, password: str) -> bool:
        return username == self.username and hmac.compare_digest(password.encode(), self.password.encode())


async def _form(request: web.Request) -> dict[str, Upload]:
    """The fields of a form that was sent."""
    fields: dict[str, Upload] = {}
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            fields[name] = Upload(value.file.read(), value.filename)
        else:
            fields[name] = Upload(value.encode() if isinstance(value, str) else bytes(value))
    return fields


# -- running ------------------------------------------------------------------------------------------------------


def serve(ilo: VirtualIlo, on_ready: OnReady) -> None:
    """Serves until SIGINT or SIGTERM; prints nothing. ``on_ready`` is told once it listens.

    Errors:
        InputError: the port cannot be listened on.
    """

    async def run() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        try:
            async with ilo:
                on_ready(ilo.url, ilo.cafile, ilo.username, ilo.password)
                await stopped.wait()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    asyncio.run(run())


@contextlib.contextmanager
def run_in_thread(ilo: VirtualIlo) -> Iterator[VirtualIlo]:
    """Runs a virtual iLO on a thread of its own, for code that is not asynchronous."""
    ready, stop = threading.Event(), threading.Event()
    failure: list[BaseException] = []

    async def run() -> None:
        async with ilo:
            ready.set()
            while not stop.is_set():
                await asyncio.sleep(0.02)

    def main() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:  # handed to the thread that waits
            failure.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=main, name="virtual-ilo", daemon=True)
    thread.start()
    ready.wait()
    try:
        if failure:
            raise cast(Exception, failure[0])
        yield ilo
    finally:
        stop.set()
        thread.join()
