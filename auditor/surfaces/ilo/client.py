"""The Redfish connection to one iLO: verified, bounded, one log-in and one log-out.

Wraps the DMTF library's asynchronous client, which refuses other origins and follows no redirect. Added here: bodies
are bounded, reads are repeated within limits (writes never), a refused credential is tried once, an expired session
is renewed once, and every failure is a :class:`CollectError` that says what to do. Nothing is logged.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import aiohttp
import msgspec
from aiohttp.hdrs import CONTENT_ENCODING
from redfish.aio import (
    AsyncRedfishClient,
    AsyncRestResponse,
    RedfishConnectionError,
    RedfishError,
    RedfishTimeoutError,
)
from yarl import URL

from auditor.errors import CollectError, InputError
from auditor.model.snapshot import Cause
from auditor.model.target import IloEndpoint
from auditor.surfaces.ilo.body import Body, Json, MalformedError, at, decode, link, path_of
from auditor.surfaces.ilo.trust import shown_certificate, tls_context

ROOT: Final = "/redfish/v1/"
_SESSIONS: Final = "/redfish/v1/SessionService/Sessions"

MAX_BODY: Final = 8 * 1024 * 1024
_CHUNK: Final = 65_536
_CONNECTIONS: Final = 2
"""At most four are wise; a third and fourth handshake cost an iLO, and this side, more than they save in a read."""
_READ_TRIES: Final = 3
_LATE_TRIES: Final = 2
_LONGEST_PAUSE_S: Final = 5.0
_LOG_OUT_S: Final = 10.0


class TooLargeError(aiohttp.ClientPayloadError):
    """A body is longer than allowed; reading stopped there."""


class _BoundedResponse(aiohttp.ClientResponse):
    """A response whose body is read up to :data:`MAX_BODY` bytes, after any compression was undone."""

    async def read(self) -> bytes:
        told = self.content_length
        if self._body is None and told is not None and told <= MAX_BODY and CONTENT_ENCODING not in self.headers:
            return await super().read()  # it holds no more than is told
        if self._body is None:
            kept = bytearray()
            async for chunk in self.content.iter_chunked(_CHUNK):
                kept += chunk
                if len(kept) > MAX_BODY:
                    self.close()
                    raise TooLargeError(f"more than {MAX_BODY} bytes")
            self._body = bytes(kept)
        return self._body


class Answer(msgspec.Struct, frozen=True):
    """What the iLO answered: status, body (empty where there was none), ETag, and the ids of its messages.

    ``messages`` are message ids without version (``Base.LicenseKeyRequired``), in order; ``location`` is the path of
    a created resource, or empty. ``error`` is what is wrong with a body that is no JSON object, else empty.
    """

    status: int
    body: Body
    etag: str = ""
    location: str = ""
    messages: tuple[str, ...] = ()
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether the status is a success."""
        return 200 <= self.status < 300

    def says(self, message: str) -> bool:
        """Whether one of the messages has this last name, for example ``LicenseKeyRequired``."""
        return any(one.rsplit(".", 1)[-1] == message for one in self.messages)


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
    requests sent, those repeated included; :attr:`sessions` is where the log-in was.
    """

    def __init__(
        self, endpoint: IloEndpoint, credentials: Credentials, *, request_s: float = 30.0, sessions: str = ""
    ) -> None:
        self.endpoint = endpoint
        self.gets = 0
        self.sessions = sessions if endpoint.verify else ""
        self._credentials = credentials
        self._request_s = request_s
        self._places = asyncio.Semaphore(_CONNECTIONS)  # waiting for one must not count as the iLO's slowness
        self._renewing = asyncio.Lock()
        self._renewed = False
        self._refused: CollectError | None = None
        self._http: aiohttp.ClientSession | None = None
        self._redfish: AsyncRedfishClient | None = None
        self._session = ""

    async def __aenter__(self) -> Self:
        url = _base_url(self.endpoint)
        context = tls_context(self.endpoint.cafile, verify=self.endpoint.verify)
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit_per_host=_CONNECTIONS, limit=_CONNECTIONS),
            response_class=_BoundedResponse,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._request_s, sock_connect=min(10.0, self._request_s)),
            trust_env=False,
        )
        # aiohttp has no public word for it, and would send a DELETE again whose answer was lost.
        self._http._retry_connection = False
        self._redfish = AsyncRedfishClient(str(url), session=self._http)
        logging_in = asyncio.ensure_future(self._log_in())
        try:
            await asyncio.shield(logging_in)
        except asyncio.CancelledError:
            # A log-in that is under way is waited for: otherwise its session would stay open, nobody knowing its token.
            await asyncio.wait({logging_in}, timeout=_LOG_OUT_S)
            logging_in.cancel()
            await asyncio.gather(logging_in, return_exceptions=True)
            await self._close()
            raise
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
        answer = await self._read(f"{uri}?$expand=." if expand else uri)
        if not answer.ok:
            raise self._unsuccessful(uri, answer)
        if answer.error:
            raise CollectError(f"{self._name(uri)}: {answer.error}", cause="malformed")
        if not answer.body:  # a success without a resource: nothing was seen
            raise CollectError(f"{self._name(uri)}: an empty answer", cause="malformed")
        return answer

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

    async def log_in_again(self) -> None:
        """Logs in anew after the iLO dropped its sessions (its own reset).

        Errors:
            CollectError: as on entering.
        """
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
        if raw.status == 308 and (slashed := _with_slash(path, raw.getheader("Location"), self.endpoint.url)):
            path = slashed
            raw = await self._send(client, method, path, body, headers)
        if raw.status == 401 and await self._renew(client):
            raw = await self._send(self._client(), method, path, body, headers)
        return _answer(raw), _pause(raw.getheader("Retry-After"))

    async def _send(
        self,
        client: AsyncRedfishClient,
        method: str,
        path: str,
        body: Body | None,
        headers: dict[str, str] | None = None,
    ) -> AsyncRestResponse:
        uri, _, query = path.partition("?")
        args = dict([query.split("=", 1)]) if query else None
        try:
            async with self._places:
                if method == "GET":
                    return await client.get(uri, args=args, headers=headers)
                if method == "PATCH":
                    return await client.patch(uri, body=body, headers=headers)
                if method == "POST":
                    return await client.post(uri, body=body, headers=headers)
                return await client.delete(uri, headers=headers)
        except RedfishError as error:
            raise await self._failed(uri, error) from error
        except (ValueError, UnicodeError) as error:  # a header or status line that no client can make sense of
            raise CollectError(f"{self._name(uri)}: no HTTP answer ({str(error)[:120]})", cause="malformed") from error

    # -- the session --------------------------------------------------------------------------------------------

    async def _log_in(self) -> None:
        client = AsyncRedfishClient(str(_base_url(self.endpoint)), session=self._http)
        known = self.sessions
        sessions = known or link(await self._root(client), "/Links/Sessions") or _SESSIONS
        asked: Body = {"UserName": self._credentials.username, "Password": self._credentials.password}
        raw = await self._send(client, "POST", sessions, asked)
        if raw.status == 308 and (slashed := _with_slash(sessions, raw.getheader("Location"), self.endpoint.url)):
            raw = await self._send(client, "POST", slashed, asked)
        answer = _answer(raw)
        if known and answer.status in (404, 405):  # sessions are elsewhere now
            self.sessions = ""
            return await self._log_in()
        token = raw.getheader("X-Auth-Token")
        if not answer.ok or not token or answer.says("PasswordChangeRequired"):
            self._refused = self._no_session(answer, bool(token))
            raise self._refused
        self.sessions = sessions
        self._session = answer.location or path_of(str(answer.body.get("@odata.id", ""))) or ""
        self._redfish = AsyncRedfishClient(str(_base_url(self.endpoint)), session=self._http, session_key=token)

    async def _root(self, client: AsyncRedfishClient) -> Body:
        """The service root, which needs no log-in: shows whether this is Redfish before a password is sent."""
        for attempt in range(1, _READ_TRIES + 1):
            self.gets += 1
            raw = await self._send(client, "GET", ROOT, None)
            if raw.status != 503 or attempt == _READ_TRIES:
                break
            await asyncio.sleep(_pause(raw.getheader("Retry-After")) or 0.2 * attempt)
        answer = _answer(raw)
        if answer.status == 503:
            raise self._unsuccessful(ROOT, answer)
        if answer.status != 401 and (not answer.ok or answer.error or "RedfishVersion" not in answer.body):
            raise CollectError(
                f"{self.endpoint.url} does not speak Redfish (status {answer.status} at {ROOT}). Not supported.",
                cause="unsupported",
                next_step="Supported are iLO 5, 6 and 7. EXPRESSSCOPE Engine and other controllers cannot be read.",
            )
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
                if raw.status == 308 and (
                    slashed := _with_slash(session, raw.getheader("Location"), self.endpoint.url)
                ):
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

    # -- words for failures -------------------------------------------------------------------------------------

    def _name(self, uri: str) -> str:
        return f"{self.endpoint.url.rstrip('/')}{uri}"

    def _no_session(self, answer: Answer, has_token: bool) -> CollectError:
        if answer.says("PasswordChangeRequired"):
            why, do = "the iLO asks for another password first", "Change it in the iLO's web interface."
        elif answer.ok and not has_token:
            return CollectError(
                f"{self.endpoint.url}: the log-in's answer holds no token. Not read.", cause="malformed"
            )
        elif answer.status in (400, 401, 403):
            why = f"the log-in was refused (status {answer.status})"
            do = (
                f"Check {self.endpoint.username_env} and {self.endpoint.password_env}; it was tried once only, "
                "since accounts are locked and log-ins delayed."
            )
        else:
            why = f"the log-in failed (status {answer.status}{_listed(answer.messages)})"
            do = "The iLO may have too many sessions: close some, or wait until they end."
        cause = "refused" if answer.status in (400, 401, 403) or answer.ok else "unreachable"
        return CollectError(f"{self.endpoint.url}: {why}. Not read.", cause=cause, next_step=do)

    def _unsuccessful(self, uri: str, answer: Answer) -> CollectError:
        cause: Cause = "unreachable"
        if answer.says("LicenseKeyRequired"):
            cause = "licence"
        elif answer.status in (404, 410):
            cause = "absent"
        elif answer.status == 403:
            cause = "not permitted"
        elif answer.status == 401:
            cause = "refused"
        elif 300 <= answer.status < 400:
            cause = "unsupported"
        return CollectError(f"{self._name(uri)}: status {answer.status}{_listed(answer.messages)}", cause=cause)

    async def _failed(self, uri: str, error: RedfishError) -> CollectError:
        under = error.__cause__
        if isinstance(error, RedfishTimeoutError):
            return CollectError(f"{self._name(uri)}: no answer within {self._request_s:g} s", cause="timed out")
        if isinstance(under, TooLargeError):
            return CollectError(f"{self._name(uri)}: the body holds {under}", cause="too large")
        if isinstance(under, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError)):
            return await self._not_trusted(under)
        if isinstance(error, RedfishConnectionError) and isinstance(under, aiohttp.ClientConnectorError):
            return CollectError(
                f"cannot reach {self.endpoint.url}: {_reason(under)}. Not read.",
                cause="unreachable",
                next_step="Check name, port and network.",
            )
        if isinstance(under, aiohttp.ClientResponseError):
            return CollectError(f"{self._name(uri)}: no HTTP answer ({_reason(under)})", cause="malformed")
        return CollectError(
            f"{self._name(uri)}: the connection failed ({_reason(under or error)})", cause="unreachable"
        )

    async def _not_trusted(self, error: aiohttp.ClientError) -> CollectError:
        url = _base_url(self.endpoint)
        shown = await shown_certificate(url.host or "", url.port or 443)
        detail = f'issuer "{shown.issuer}", fingerprint {shown.fingerprint}' if shown else _reason(error)
        verdict = getattr(getattr(error, "certificate_error", None), "verify_message", "")
        why = f"{verdict}; {detail}" if verdict else detail
        return CollectError(
            f"cannot reach {self.endpoint.url}: certificate not trusted ({why}). Not read.",
            cause="not trusted",
            next_step="Give the authority that signed it: --cafile FILE, or cafile: of the host's ilo in auditor.yaml. "
            "Compare the fingerprint with the one that the iLO's web interface shows before you trust the certificate "
            "itself.",
        )


def _base_url(endpoint: IloEndpoint) -> URL:
    try:
        url = URL(endpoint.url)
        usable = url.scheme == "https" and url.host and not url.user and not url.query_string and not url.fragment
    except ValueError:
        usable = False
    if not usable or url.path not in ("", "/"):
        raise InputError(f"{endpoint.url!r} is no iLO's address", next_step="It looks like  https://web1-ilo[:PORT]")
    return url


def _with_slash(path: str, location: str | None, base: str) -> str | None:
    """The path with a slash where that, on this origin, is all that a redirect asks for."""
    if not location:
        return None
    uri, mark, query = path.partition("?")
    try:
        asked = URL(base).join(URL(location))
        same = asked.origin() == URL(base).origin()
    except ValueError:
        return None
    wanted = uri.rstrip("/") + "/"
    return f"{wanted}{mark}{query}" if same and asked.path == wanted and uri != wanted else None


def _answer(raw: AsyncRestResponse) -> Answer:
    body: Body = {}
    error = ""
    if raw.read:
        try:
            body = decode(raw.read)
        except MalformedError as malformed:
            error = str(malformed)
    location = raw.getheader("Location") or ""
    try:
        location = path_of(URL(location).path) or "" if location else ""
    except ValueError:
        location = ""
    etag = raw.getheader("ETag") or ""
    return Answer(raw.status, body, etag[:200], location, _messages(body), error)


def _messages(body: Body) -> tuple[str, ...]:
    listed: list[Json] = []
    for pointer in ("/error/@Message.ExtendedInfo", "/@Message.ExtendedInfo"):
        found = at(body, pointer)
        if isinstance(found, list):
            listed += found
    ids = [one["MessageId"] for one in listed[:50] if isinstance(one, dict) and "MessageId" in one]
    return tuple(_without_version(one) for one in ids if isinstance(one, str))


def _without_version(message: str) -> str:
    """``iLO.2.14.LicenseKeyRequired`` as ``iLO.LicenseKeyRequired``."""
    parts = message[:120].split(".")
    return f"{parts[0]}.{parts[-1]}" if len(parts) > 1 else parts[0]


def _listed(messages: tuple[str, ...]) -> str:
    return f", {', '.join(messages[:3])}" if messages else ""


def _pause(value: str | None) -> float | None:
    """Seconds of a Retry-After header, bounded; its form as a date is not used by an iLO."""
    if value is None or not value.isascii() or not value.isdigit():
        return None
    return min(float(value[:6]), _LONGEST_PAUSE_S)


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:200]
