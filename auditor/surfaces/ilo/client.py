"""The Redfish connection to one iLO: verified, bounded, one log-in and one log-out.

Wraps the DMTF library's asynchronous client, which refuses other origins and follows no redirect. Added here: bodies
are bounded, reads are repeated within limits (writes never), a refused credential is tried once in a run, an expired
session is renewed once, and every failure is a :class:`CollectError` that says what to do. Nothing is logged.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self

import msgspec
from redfish.aio import AsyncRedfishClient, AsyncRestResponse, RedfishError, RedfishTimeoutError

from auditor.errors import CollectError
from auditor.model.target import IloEndpoint
from auditor.surfaces.ilo.answers import Answer, answer_of, base_url, listed, pause_of, with_slash
from auditor.surfaces.ilo.body import Body, link, path_of
from auditor.surfaces.ilo.failures import (
    failed,
    is_expired,
    is_refusal,
    no_session,
    not_tried,
    session_lost,
    unsuccessful,
)
from auditor.surfaces.ilo.pins import Pin
from auditor.surfaces.ilo.places import Places
from auditor.surfaces.ilo.wire import Wire
from auditor.surfaces.ilo.wire_failures import failure_of, trusted
from auditor.transport.log_ins import LogIn, LogIns

ROOT: Final = "/redfish/v1/"
_SESSIONS: Final = "/redfish/v1/SessionService/Sessions"

_CONNECTIONS: Final = 4
_AT_FIRST: Final = 2
"""A third and fourth handshake cost an iLO, and this side, more than they save, unless its answers are slow."""
_SLOW_S: Final = 1.0
_READ_TRIES: Final = 3
_LATE_TRIES: Final = 2
_LOG_OUT_S: Final = 10.0


class Credentials(msgspec.Struct, frozen=True):
    """A user's name and password."""

    username: str
    password: str

    def __repr__(self) -> str:  # neither may reach a log by way of a traceback
        return "Credentials(…)"


def credentials_of(endpoint: IloEndpoint, environment: Mapping[str, str]) -> Credentials:
    """The credentials that the endpoint names.

    Errors:
        CollectError: one of the variables is not set.
    """
    missing = [name for name in (endpoint.username_env, endpoint.password_env) if not environment.get(name)]
    if missing:
        raise CollectError(
            f"no credentials for {endpoint.url}: {' and '.join(missing)} not set. Not read.",
            cause="refused",
            next_step=f"Set {' and '.join(missing)} in the environment.",
        )
    return Credentials(environment[endpoint.username_env], environment[endpoint.password_env])


class IloClient:
    """One iLO, logged in. Use it as an asynchronous context manager; it always logs out, even when cancelled.

    ``request_s`` bounds one request in seconds. ``sessions`` is where this iLO let us log in before, which spares
    the look at its service root; it is not used where the certificate is not verified. :attr:`gets` counts the GET
    requests sent, those repeated included; :attr:`sessions` is where the log-in was; :attr:`root` is the service root
    as it was shown before the log-in, empty where it was not looked at. ``log_ins`` are those of the whole run.
    :attr:`lost` says why nothing more can be read: the iLO ended the renewed session too. :attr:`waiting` says that it
    has not tried to log in, since another iLO has not yet answered to the same credentials.
    """

    def __init__(
        self,
        endpoint: IloEndpoint,
        credentials: Credentials,
        *,
        request_s: float = 30.0,
        sessions: str = "",
        log_ins: LogIns | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.gets = 0
        self.lost: CollectError | None = None
        self.waiting = False
        self.root: Body = {}
        self.sessions = sessions if endpoint.verify else ""
        self._credentials = credentials
        self._log_ins = log_ins or LogIns()
        self._request_s = request_s
        self._places = Places(_AT_FIRST, _CONNECTIONS, slow_s=min(_SLOW_S, request_s / 4), late_s=request_s)
        self._renewing = asyncio.Lock()
        self._renewed = False
        self._refused: CollectError | None = None
        self._http: Wire | None = None
        self._redfish: AsyncRedfishClient | None = None
        self._session = self._token = ""
        self._pin: Pin | None = None

    async def __aenter__(self) -> Self:
        base, (certificate, self._pin) = base_url(self.endpoint), trusted(self.endpoint)
        self._http = Wire(base, certificate, most=_CONNECTIONS, connect_s=min(10.0, self._request_s))
        try:
            await self._log_in()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def get(self, uri: str, *, expand: bool = False) -> Answer:
        """The resource at ``uri``; with ``expand``, its members one level deep (never through links).

        Repeated, a few times, where the iLO is busy or the connection fails.

        Errors:
            CollectError: with the cause ``absent``, ``not permitted``, ``licence``, ``timed out``, ``malformed``,
                ``too large``, ``refused``, ``not trusted`` or ``unreachable``.
        """
        if self.lost is not None:
            raise self.lost
        answer = await self._read(f"{uri}?$expand=." if expand else uri)
        if is_expired(answer):
            self.lost = self.lost or session_lost(self.endpoint)
            raise self.lost
        if not answer.ok:
            raise unsuccessful(self.endpoint.url, uri, answer)
        if answer.error:
            raise failed(self.endpoint.url, uri, answer.error, "malformed")
        if not answer.is_resource:  # a success without a resource: nothing was seen
            what = f"no resource in the answer{listed(answer.messages)}" if answer.body else "an empty answer"
            raise failed(self.endpoint.url, uri, what, "malformed")
        return answer

    @property
    def session(self) -> str:
        """Where the own session stands as a resource; empty where the iLO did not say."""
        return self._session

    async def patch(self, uri: str, body: Body, *, etag: str = "") -> Answer:
        """Sends a PATCH once, with ``If-Match`` where an ETag is given; any status is an answer.

        Errors:
            CollectError: no answer came. Whether the iLO acted is then unknown: read again, never repeat.
        """
        return await self._write("PATCH", uri, body, etag)

    async def post(self, uri: str, body: Body) -> Answer:
        """Sends a POST once; any status is an answer.

        Errors:
            CollectError: no answer came. Whether the iLO acted is then unknown: read again, never repeat.
        """
        return await self._write("POST", uri, body)

    async def delete(self, uri: str) -> Answer:
        """Sends a DELETE once; any status is an answer. Errors as for :meth:`post`."""
        return await self._write("DELETE", uri, None)

    async def upload(self, uri: str, form: Callable[[str], tuple[bytes, str]]) -> Answer:
        """Sends a form once; ``form`` gives its bytes and type for the session's key. Errors as for :meth:`post`."""
        content, kind = form(self._token)
        headers = {"Content-Type": kind, "Cookie": f"sessionKey={self._token}"}
        return _answer(await self._send(self._client(), "POST", uri, content, headers))

    async def log_in_again(self) -> None:
        """Logs in anew after the iLO dropped its sessions (its own reset).

        Errors:
            CollectError: as on entering.
        """
        self.lost = None
        await self._forget()
        await self._log_in()

    async def is_known(self) -> bool:
        """Whether the iLO still knows this session; asked once and never renewed. A reset of the iLO ends every one.

        Errors:
            CollectError: it gives no answer.
        """
        return _answer(await self._send(self._client(), "GET", f"{ROOT}Managers", None)).status != 401

    # -- reading and writing ------------------------------------------------------------------------------------

    async def _read(self, path: str) -> Answer:
        for attempt in range(1, _READ_TRIES + 1):
            self.gets += 1
            try:
                answer = await self._ask("GET", path)
            except CollectError as error:
                tries = {"timed out": _LATE_TRIES, "unreachable": _READ_TRIES}.get(error.cause, 1)
                if attempt >= tries:
                    raise
                await asyncio.sleep(0.2 * attempt)
                continue
            status, pause = answer
            if status.status != 503 or attempt == _READ_TRIES:
                return status
            await asyncio.sleep(pause if pause is not None else 0.2 * attempt)
        raise AssertionError("the last attempt returns or raises")

    async def _write(self, method: str, uri: str, body: Body | None, etag: str = "") -> Answer:
        answer, _ = await self._ask(method, uri, body, {"If-Match": etag} if etag else None)
        return answer

    async def _ask(
        self, method: str, path: str, body: Body | None = None, headers: dict[str, str] | None = None
    ) -> tuple[Answer, float | None]:
        """One request, renewed once where the session has ended, redirected once to the same path with a slash."""
        if self._refused:
            raise self._refused
        client = self._client()
        raw = await self._send(client, method, path, body, headers)
        if raw.status == 308 and (slashed := with_slash(path, raw.getheader("Location"), self.endpoint.url)):
            path = slashed
            raw = await self._send(client, method, path, body, headers)
        answer = _answer(raw)
        if is_expired(answer) and await self._renew(client):
            raw = await self._send(self._client(), method, path, body, headers)
            answer = _answer(raw)
        return answer, pause_of(raw.getheader("Retry-After"))

    async def _send(
        self,
        client: AsyncRedfishClient,
        method: str,
        path: str,
        body: Body | bytes | None,
        headers: dict[str, str] | None = None,
    ) -> AsyncRestResponse:
        uri, _, query = path.partition("?")
        args = dict([query.split("=", 1)]) if query else None

        async def ask() -> AsyncRestResponse:
            if method == "GET":
                return await client.get(uri, args=args, headers=headers)
            if method == "PATCH":
                return await client.patch(uri, body=body, headers=headers)
            if method == "POST":
                return await client.post(uri, body=body, headers=headers)
            return await client.delete(uri, headers=headers)

        try:
            return await self._places.run(ask)
        except (TimeoutError, RedfishTimeoutError):  # the latter where connecting alone took too long
            failure = self._late(uri)
        except RedfishError as error:
            failure = await failure_of(self.endpoint, uri, error.__cause__ or error, self._pin)
        except ValueError as error:  # a header or status line that no client can make sense of
            failure = failed(self.endpoint.url, uri, f"no HTTP answer ({str(error)[:120]})", "malformed")
        raise failure  # on its own: aiohttp's errors hold the request with its token

    # -- the session --------------------------------------------------------------------------------------------

    async def _log_in(self) -> None:
        client = AsyncRedfishClient(str(base_url(self.endpoint)), session=self._http)
        name, password = self._credentials.username, self._credentials.password
        # Whoever waits for a turn shows meanwhile that it answers: an iLO that is away must hold up nobody.
        known = "" if self._log_ins.is_contended(name, password) else self.sessions
        sessions = known or link(await self._root(client), "/Links/Sessions") or _SESSIONS
        self.waiting = True
        async with self._log_ins.turn(name, password, self.endpoint.url) as one:
            self.waiting = False
            if one.refused_by:
                self._refused = not_tried(self.endpoint, one.refused_by)
                raise self._refused
            answer = await self._begin_session(client, sessions, one)
        if known and answer.status in (404, 405):  # sessions are elsewhere now
            self.sessions = ""
            return await self._log_in()
        if not answer.ok or self._redfish is None or answer.says("PasswordChangeRequired"):
            self._refused = no_session(self.endpoint, answer, self._redfish is not None)
            raise self._refused
        self.sessions = sessions

    async def _begin_session(self, client: AsyncRedfishClient, sessions: str, one: LogIn) -> Answer:
        """Logs in, and waits for the answer even when cancelled: a session whose token nobody knows would stay open."""
        asking = asyncio.ensure_future(self._ask_for_session(client, sessions, one))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            await asyncio.wait({asking}, timeout=_LOG_OUT_S)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            raise

    async def _ask_for_session(self, client: AsyncRedfishClient, sessions: str, one: LogIn) -> Answer:
        asked: Body = {"UserName": self._credentials.username, "Password": self._credentials.password}
        raw = await self._send(client, "POST", sessions, asked)
        if raw.status == 308 and (slashed := with_slash(sessions, raw.getheader("Location"), self.endpoint.url)):
            raw = await self._send(client, "POST", slashed, asked)
        answer = _answer(raw)
        token = raw.getheader("X-Auth-Token")
        if is_refusal(answer):
            one.refused()
        elif answer.ok and token:
            one.accepted()
            self._token = token
            self._session = answer.location or path_of(str(answer.body.get("@odata.id", ""))) or ""
            self._redfish = AsyncRedfishClient(str(base_url(self.endpoint)), session=self._http, session_key=token)
        return answer

    async def _root(self, client: AsyncRedfishClient) -> Body:
        """The service root, which needs no log-in: shows whether this is Redfish before a password is sent."""
        for attempt in range(1, _READ_TRIES + 1):
            self.gets += 1
            raw = await self._send(client, "GET", ROOT, None)
            if raw.status != 503 or attempt == _READ_TRIES:
                break
            await asyncio.sleep(pause_of(raw.getheader("Retry-After")) or 0.2 * attempt)
        answer = _answer(raw)
        if answer.status >= 500:  # an iLO that fails at the moment is an iLO
            raise unsuccessful(self.endpoint.url, ROOT, answer)
        if answer.status != 401 and (not answer.ok or answer.error or "RedfishVersion" not in answer.body):
            raise CollectError(
                f"{self.endpoint.url} does not speak Redfish (status {answer.status} at {ROOT}). Not supported.",
                cause="unsupported",
                next_step="Supported are iLO 5, 6 and 7. EXPRESSSCOPE Engine and other controllers cannot be read.",
            )
        self.root = answer.body if answer.ok else {}
        return answer.body

    async def _renew(self, used: AsyncRedfishClient) -> bool:
        """Logs in again, once, where the session used has ended. False where that would not help."""
        async with self._renewing:
            if self._redfish is not used:
                return True
            if self._renewed:
                return False
            self._renewed = True
            await self._forget()
            await self._log_in()
            return True

    async def _forget(self) -> None:
        """Ends the session, where there is one. A failure is no news: it ends by itself after 30 minutes."""
        client, self._redfish = self._redfish, None
        session, self._session = self._session, ""
        if client is None or not session:
            return
        with contextlib.suppress(CollectError, TimeoutError):
            async with asyncio.timeout(_LOG_OUT_S):
                raw = await self._send(client, "DELETE", session, None)
                if raw.status == 308 and (slashed := with_slash(session, raw.getheader("Location"), self.endpoint.url)):
                    await self._send(client, "DELETE", slashed, None)

    async def _close(self) -> None:
        """Logs out and closes; a cancellation waits for it, so that no session is left on the iLO."""
        closing = asyncio.ensure_future(self._log_out_and_close())
        cancelled: asyncio.CancelledError | None = None
        while not closing.done():
            try:
                await asyncio.shield(closing)
            except asyncio.CancelledError as error:
                cancelled = error
        closing.result()
        if cancelled is not None:
            raise cancelled

    async def _log_out_and_close(self) -> None:
        await self._forget()
        if self._http is not None:
            await self._http.close()
            self._http = None

    def _client(self) -> AsyncRedfishClient:
        if self._redfish is None:
            raise CollectError(f"{self.endpoint.url}: not logged in", cause="refused")
        return self._redfish

    def _late(self, uri: str) -> CollectError:
        return failed(self.endpoint.url, uri, f"no answer within {self._request_s:g} s", "timed out")


def _answer(raw: AsyncRestResponse) -> Answer:
    return answer_of(raw.status, raw.read, raw.getheader)
