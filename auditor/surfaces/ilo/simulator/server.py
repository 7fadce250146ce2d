"""A virtual iLO on loopback: TLS, faults, and what :mod:`.service` and :mod:`.state` do.

It binds to 127.0.0.1 only. It is served from a personality, from a folder of JSON bodies, or from a snapshot's
documents; what was split off as volatile, or replaced as secret, is then missing or a digest.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
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
from aiohttp.http_exceptions import HttpProcessingError

from auditor.errors import InputError
from auditor.surfaces.ilo.body import Body
from auditor.surfaces.ilo.simulator import spoiling
from auditor.surfaces.ilo.simulator.accounts import Accounts
from auditor.surfaces.ilo.simulator.alerts import Alerts
from auditor.surfaces.ilo.simulator.certificate import CertificateKind, make_certificates
from auditor.surfaces.ilo.simulator.faults import Faults
from auditor.surfaces.ilo.simulator.service import Service
from auditor.surfaces.ilo.simulator.sessions import Sessions
from auditor.surfaces.ilo.simulator.sources import load
from auditor.surfaces.ilo.simulator.state import IloState
from auditor.surfaces.ilo.simulator.update import Updates

_MAX_UPLOAD: Final = 64 * 1024 * 1024


def _is_news(record: logging.LogRecord) -> bool:
    """A request that is no HTTP is a client's doing, answered with 400, and not to be logged as an error."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_LOG: Final = logging.getLogger(__name__)
_LOG.addFilter(_is_news)

OnReady = Callable[[str, str, str, str], None]
"""Told URL, authority file, user name and password once the server listens."""


class VirtualIlo:
    """A virtual iLO; use it as an asynchronous context manager.

    ``source`` is a personality (``ilo5``, ``ilo6``, ``ilo7``), a folder of JSON bodies, or bodies by URI. While it
    runs, :attr:`url` and :attr:`cafile` reach it; :attr:`state` is what it knows, :attr:`faults` what it does wrong,
    :attr:`accounts` who may log in, :attr:`alerts` how it sends test alerts, :attr:`requests` what it was asked (method
    and path with query).

    ``session_limit`` sessions at once; one ends after ``session_idle_s`` seconds without a request.
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
        session_idle_s: float = 1800.0,
        honour_if_match: bool = True,
        expand: bool = True,
        slash_redirects: bool = False,
        etags: bool = True,
        certificate: CertificateKind = "good",
        update_stage_s: float = 0.02,
    ) -> None:
        self.username = username
        self.password = password or secrets.token_urlsafe(12)
        self.accounts = Accounts(username, self.password)
        self.updates = Updates(stage_s=update_stage_s)
        self.alerts = Alerts()
        parts = (self.accounts.part, self.updates.part, self.alerts.part)
        self.state = IloState(load(source), post_s=post_s, ilo_reset_s=ilo_reset_s, parts=parts)
        self.faults = Faults()
        self.requests: list[tuple[str, str]] = []
        self._sessions = Sessions(session_limit, session_idle_s, self.state.clock)
        self._service = Service(
            self.state, self.accounts, self._sessions, expand=expand, etags=etags, honour_if_match=honour_if_match
        )
        self._slash_redirects = slash_redirects
        self._certificate = certificate
        self.url = ""
        self.cafile = ""
        self._port = port
        self._dropped = 0
        self._folder: Path | None = None
        self._runner: web.AppRunner | None = None

    @property
    def sessions(self) -> dict[str, str]:
        """The open sessions' names by token."""
        return self._sessions.open

    @property
    def opened_sessions(self) -> int:
        """How many sessions were opened so far."""
        return self._sessions.opened

    @property
    def refused_logins(self) -> int:
        """How many log-ins were refused so far."""
        return self._service.refused_logins

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
        self._runner = web.AppRunner(
            application, access_log=None, logger=_LOG, shutdown_timeout=0.2, handler_cancellation=True
        )
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
        if self._slash_redirects and not request.path.endswith("/"):
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
        answer = await self._service.answer(request)
        return answer if fault is None else await spoiling.made_of(fault, request, answer)


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
