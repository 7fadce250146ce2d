"""The Redfish protocol of a virtual iLO: who asks, what the request may do, and the answer.

Source: DSP0266 1.20 for what iLO does not document. Where the two differ, iLO is followed.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from auditor.surfaces.ilo.body import Body, Json, MalformedError, decode, key_of
from auditor.surfaces.ilo.simulator import sessions as of_sessions
from auditor.surfaces.ilo.simulator import well_known
from auditor.surfaces.ilo.simulator.accounts import Accounts
from auditor.surfaces.ilo.simulator.answers import answer_of
from auditor.surfaces.ilo.simulator.parts import Reply, Upload, message
from auditor.surfaces.ilo.simulator.query import view
from auditor.surfaces.ilo.simulator.sessions import Sessions
from auditor.surfaces.ilo.simulator.state import ROOT, IloState

_SESSIONS: Final = key_of(of_sessions.COLLECTION)
_METHODS: Final = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
_MAX_JSON: Final = 1024 * 1024


class Service:
    """Answers requests. ``expand``, ``etags`` and ``honour_if_match`` say what of the protocol there is."""

    def __init__(
        self,
        state: IloState,
        accounts: Accounts,
        sessions: Sessions,
        *,
        expand: bool = True,
        etags: bool = True,
        honour_if_match: bool = True,
    ) -> None:
        self.refused_logins = 0
        self._state, self._accounts, self._sessions = state, accounts, sessions
        self._expand, self._etags, self._honour_if_match = expand, etags, honour_if_match

    async def answer(self, request: web.Request) -> web.Response:
        """The answer to a request."""
        key, method = key_of(request.path), request.method
        if request.headers.get("OData-Version", "4.0") != "4.0":
            return answer_of(Reply(412, (message("Base.1.4.HeaderInvalid", "OData-Version"),)))
        if method not in _METHODS:
            return answer_of(Reply(501, (message("Base.1.4.OperationNotAllowed"),)))
        if method in ("GET", "HEAD") and (document := self._document(key)):
            return document
        if method == "POST" and key in (_SESSIONS, f"{_SESSIONS}/members"):
            return await self._log_in(request)
        user = self._user(request)
        if user is None and not (key == ROOT and method in ("GET", "HEAD")):
            return self._unauthorised("Base.1.4.NoValidSession")
        if user is not None:
            own = self._sessions.user_at(request.path) == user
            if refusal := self._accounts.refusal(self._state, user, method, request.path, own):
                return answer_of(refusal)
        return await self._serve(request)

    async def _serve(self, request: web.Request) -> web.Response:
        allow = self._allowed(request.path)
        if request.method == "OPTIONS" and allow:
            return web.Response(status=204, headers={"Allow": ", ".join(allow), "OData-Version": "4.0"})
        if allow and request.method not in allow:
            return answer_of(Reply(405, (message("Base.1.4.OperationNotAllowed"),)), allow=allow)
        if request.method in ("GET", "HEAD"):
            return self._get(request, allow)
        if not self._matches(request):
            return answer_of(Reply(412, (message("Base.1.4.PreconditionFailed"),)))
        return answer_of(await self._change(request), allow=allow)

    async def _change(self, request: web.Request) -> Reply:
        if request.method == "DELETE":
            if self._sessions.end(request.path):
                return Reply(200, (message("Base.1.4.Success"),))
            reply = self._state.delete(request.path)
            self._sessions.keep(self._accounts.users())
            return reply
        if request.method == "POST" and request.content_type == "multipart/form-data":
            return self._state.receive(request.path, await _form(request))
        body = await _json(request)
        if isinstance(body, Reply):
            return body
        if not self._matches(request):  # another request may have changed it while this one's body came
            return Reply(412, (message("Base.1.4.PreconditionFailed"),))
        if request.method == "POST":
            return self._state.create(request.path, body)
        return self._state.patch(request.path, body)

    # -- reading --------------------------------------------------------------------------------------------------

    def _document(self, key: str) -> web.Response | None:
        if key == "/redfish":
            return answer_of(Reply(200, body=well_known.versions()))
        if key == key_of(well_known.ODATA):
            return answer_of(Reply(200, body=well_known.odata(self._state.read(ROOT) or {})))
        if key == key_of(well_known.METADATA):
            content = well_known.metadata(self._state.types())
            return web.Response(body=content, content_type="application/xml", headers={"OData-Version": "4.0"})
        return None

    def _read(self, uri: str) -> Body | None:
        body = self._sessions.body_at(uri) or self._state.read(uri)
        user = self._sessions.user_at(uri)
        if body is not None and user is not None:
            body["Oem"] = {"Hpe": self._accounts.privileges(self._state, user)}
        if body is not None and not self._etags:
            body.pop("@odata.etag", None)
        return body

    def _get(self, request: web.Request, allow: tuple[str, ...]) -> web.Response:
        body = self._read(request.path)
        if body is None:
            return answer_of(Reply(404, (message("Base.1.4.ResourceMissingAtURI", request.path),)))
        etag = str(body.get("@odata.etag", ""))
        if etag and _names(request.headers.get("If-None-Match", ""), etag):
            return web.Response(status=304, headers={"ETag": etag, "OData-Version": "4.0"})
        features: Json = (self._state.read(ROOT) or {}).get("ProtocolFeaturesSupported") if self._expand else None
        if not self._expand:
            body.pop("ProtocolFeaturesSupported", None)
        answer = answer_of(view(body, request.query, features, self._read), allow=allow)
        answer.enable_compression()
        return answer

    def _allowed(self, uri: str) -> tuple[str, ...]:
        if key_of(uri) == _SESSIONS:
            return ("GET", "HEAD", "OPTIONS", "POST")
        if self._sessions.body_at(uri) is not None:
            return ("GET", "HEAD", "OPTIONS", "DELETE")
        return self._state.allowed(uri)

    def _matches(self, request: web.Request) -> bool:
        wanted = request.headers.get("If-Match", "")
        shown = self._read(request.path)
        if not wanted or shown is None or not (self._honour_if_match and self._etags):
            return True
        return _names(wanted, str(shown.get("@odata.etag", "")))

    # -- who asks -------------------------------------------------------------------------------------------------

    async def _log_in(self, request: web.Request) -> web.Response:
        body = await _json(request)
        if isinstance(body, Reply):
            return answer_of(body)
        user = str(body.get("UserName", ""))
        if not self._accounts.known(self._state, user, str(body.get("Password", ""))):
            self.refused_logins += 1
            return self._unauthorised("Base.1.4.UnauthorizedLoginAttempt")
        begun = self._sessions.begin(user)
        if begun is None:
            return answer_of(Reply(503, (message("Base.1.4.SessionLimitExceeded"),)))
        token, name = begun
        account = self._accounts.account_of(self._state, user) or {}
        must = account.get("PasswordChangeRequired") is True
        told = (message("Base.1.4.PasswordChangeRequired", str(account["@odata.id"])),) if must else ()
        place = f"{request.url.origin()}{of_sessions.COLLECTION}/{name}"
        answer = answer_of(Reply(201, told, of_sessions.session_body(name, user), place))
        answer.headers["X-Auth-Token"] = token
        return answer

    def _user(self, request: web.Request) -> str | None:
        """Who asks, or None for nobody who is known."""
        if (token := request.headers.get("X-Auth-Token")) is not None:
            return self._sessions.user_of(token)
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if scheme.casefold() != "basic" or self._basic() == "Disabled":
            return None
        try:
            username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            return None
        return username if self._accounts.known(self._state, username, password) else None

    def _basic(self) -> Json:
        return (self._state.of_role("account_service") or {}).get("HTTPBasicAuth", "Enabled")

    def _unauthorised(self, name: str) -> web.Response:
        answer = answer_of(Reply(401, (message(name),)))
        if self._basic() == "Enabled":
            answer.headers["WWW-Authenticate"] = 'Basic realm="iLO"'
        return answer


def _names(header: str, etag: str) -> bool:
    """Whether a condition's ETags name this one, weakly compared."""
    asked = [one.strip().removeprefix("W/") for one in header.split(",")]
    return "*" in asked or etag.removeprefix("W/") in asked


async def _json(request: web.Request) -> Body | Reply:
    raw = await request.read()
    if len(raw) > _MAX_JSON:
        return Reply(413, (message("Base.1.4.GeneralError"),))
    try:
        return decode(raw)
    except MalformedError:
        return Reply(400, (message("Base.1.4.MalformedJSON"),))


async def _form(request: web.Request) -> Mapping[str, Upload]:
    """The fields of a form that was sent."""
    fields: dict[str, Upload] = {}
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            fields[name] = Upload(value.file.read(), value.filename)
        else:
            fields[name] = Upload(value.encode() if isinstance(value, str) else bytes(value))
    return fields
