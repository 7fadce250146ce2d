"""The Redfish protocol of the virtual iLO: log-in, accounts, conditions, query parameters, methods, documents."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import ssl
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from auditor.surfaces.ilo.collect import collect
from auditor.surfaces.ilo.simulator.personalities import build
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from auditor.surfaces.ilo.simulator.sessions import Sessions
from auditor.surfaces.ilo.simulator.sources import documents
from tests.virtual_ilo import BIOS, MANAGER, PASSWORD, PENDING, ROOT, SNMP, USERNAME, options, target, with_ilo

pytestmark = pytest.mark.integration

SESSIONS = f"{ROOT}/SessionService/Sessions"
ACCOUNTS = f"{ROOT}/AccountService/Accounts"


def basic(username: str = USERNAME, password: str = PASSWORD) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


class Said(msgspec.Struct):
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def says(self) -> list[str]:
        whole = self.body
        listed = whole.get("error", whole)["@Message.ExtendedInfo"]
        return [one["MessageId"].rsplit(".", 1)[-1] for one in listed]


class Client:
    """Any client: nothing of the auditor's own."""

    def __init__(self, ilo: VirtualIlo, session: aiohttp.ClientSession) -> None:
        self._ilo, self._session = ilo, session

    async def __call__(
        self, method: str, uri: str, body: object = None, *, headers: Mapping[str, str] | None = None
    ) -> Said:
        sent = dict(basic() if headers is None else headers)
        arguments = {} if body is None else {"json": body}
        async with self._session.request(
            method, self._ilo.url + uri, headers=sent, allow_redirects=False, **arguments
        ) as answer:
            return Said(answer.status, answer.headers.copy(), await answer.read())


def ask(act: Callable[[VirtualIlo, Client], Awaitable[None]], source: Any = "ilo5", **settings: object) -> None:
    async def run(ilo: VirtualIlo) -> None:
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=ilo.cafile))
        async with aiohttp.ClientSession(connector=connector) as session:
            await act(ilo, Client(ilo, session))

    with_ilo(run, source, **settings)


# -- log-in ---------------------------------------------------------------------------------------------------------


def test_a_session_is_a_resource_until_it_ends() -> None:
    async def act(ilo: VirtualIlo, client: Client) -> None:
        made = await client("POST", SESSIONS, {"UserName": USERNAME, "Password": PASSWORD}, headers={})
        assert made.status == 201
        place = made.headers["Location"]
        assert place.startswith(f"{ilo.url}{SESSIONS}/")
        uri = place.removeprefix(ilo.url)
        token = {"X-Auth-Token": made.headers["X-Auth-Token"]}
        assert (await client("GET", uri, headers=token)).body["UserName"] == USERNAME
        listed = (await client("GET", f"{SESSIONS}?$expand=.", headers=token)).body
        assert [one["@odata.id"] for one in listed["Members"]] == [uri]
        assert listed["Members"][0]["UserName"] == USERNAME
        assert (await client("DELETE", uri, headers=token)).status == 200
        assert (await client("GET", SNMP, headers=token)).says == ["NoValidSession"]
        assert (await client("DELETE", uri)).status == 404
        assert PASSWORD.encode() not in made.raw

    ask(act)


def test_sessions_are_as_many_as_may_be() -> None:
    async def act(ilo: VirtualIlo, client: Client) -> None:
        known = {"UserName": USERNAME, "Password": PASSWORD}
        answers = [await client("POST", SESSIONS, known, headers={}) for _ in range(3)]
        assert [one.status for one in answers] == [201, 201, 503]
        assert answers[2].says == ["SessionLimitExceeded"]
        assert (await client("GET", SNMP)).status == 200  # basic needs none
        await client("DELETE", answers[0].headers["Location"].removeprefix(ilo.url))
        assert (await client("POST", SESSIONS, known, headers={})).status == 201

    ask(act, session_limit=2)


def test_a_session_that_nobody_uses_ends() -> None:
    now = [100.0]
    sessions = Sessions(2, 30.0, lambda: now[0])
    first, second = sessions.begin("a"), sessions.begin("b")
    assert first is not None
    assert second is not None
    now[0] += 20
    assert sessions.user_of(first[0]) == "a"
    now[0] += 20
    assert sessions.user_of(second[0]) is None
    assert sessions.user_of(first[0]) == "a"
    assert sessions.begin("c") is not None
    now[0] += 31
    assert sessions.open != {}
    assert sessions.user_of(first[0]) is None
    assert sessions.open == {}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic(password="wrong"),
        basic("nobody"),
        {"Authorization": "Basic !"},
        {"Authorization": "Bearer x"},
        {"X-Auth-Token": "x"},
        {**basic(), "X-Auth-Token": "x"},
    ],
)
def test_strangers_see_the_root_alone(headers: dict[str, str]) -> None:
    async def act(_: VirtualIlo, client: Client) -> None:
        for open_ in ("/redfish", f"{ROOT}/", f"{ROOT}/odata", f"{ROOT}/$metadata"):
            assert (await client("GET", open_, headers=headers)).status == 200
        for method, uri in (("GET", SNMP), ("GET", f"{ROOT}/Nowhere"), ("PATCH", f"{ROOT}/"), ("OPTIONS", SNMP)):
            refused = await client(method, uri, {} if method == "PATCH" else None, headers=headers)
            assert (refused.status, refused.says) == (401, ["NoValidSession"])

    ask(act)


@pytest.mark.parametrize(
    ("setting", "status", "told"), [("Enabled", 200, True), ("Unadvertised", 200, False), ("Disabled", 401, False)]
)
def test_basic_is_offered_as_the_account_service_says(setting: str, status: int, told: bool) -> None:
    async def act(ilo: VirtualIlo, client: Client) -> None:
        ilo.state.set(f"{ROOT}/AccountService", "/HTTPBasicAuth", setting)
        assert (await client("GET", SNMP)).status == status
        assert ("WWW-Authenticate" in (await client("GET", SNMP, headers={})).headers) is told

    ask(act)


# -- accounts -------------------------------------------------------------------------------------------------------


def test_an_account_is_made_used_changed_and_removed() -> None:
    async def act(ilo: VirtualIlo, client: Client) -> None:
        made = await client("POST", ACCOUNTS, {"UserName": "op1", "Password": "first-of-op1", "RoleId": "Operator"})
        uri = made.headers["Location"]
        assert (made.status, made.body["RoleId"], made.body["Password"]) == (201, "Operator", None)
        op1 = basic("op1", "first-of-op1")
        assert (await client("GET", SNMP, headers=op1)).status == 200
        assert (await client("PATCH", SNMP, {"Contact": "x"}, headers=op1)).says == ["InsufficientPrivilege"]
        assert (await client("PATCH", PENDING, {"Attributes": {"AdminName": "x"}}, headers=op1)).status == 200
        assert (await client("PATCH", uri, {"Password": "second-of-op1"}, headers=op1)).status == 200
        assert (await client("GET", SNMP, headers=op1)).status == 401
        logged = await client("POST", SESSIONS, {"UserName": "op1", "Password": "second-of-op1"}, headers={})
        assert logged.status == 201
        assert (await client("PATCH", uri, {"Enabled": False})).status == 200
        assert (await client("GET", SNMP, headers=basic("op1", "second-of-op1"))).status == 401
        assert (await client("DELETE", uri)).status == 200
        assert ilo.sessions == {}
        assert b"of-op1" not in (await client("GET", f"{ACCOUNTS}?$expand=.")).raw

    ask(act)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"UserName": "op1"}, ["PropertyMissing"]),
        ({"UserName": "op1", "Password": "short"}, ["InvalidPasswordLength"]),
        ({"UserName": USERNAME, "Password": "long-enough"}, ["UserAlreadyExist"]),
        ({"UserName": "Administrator", "Password": "long-enough"}, ["UserAlreadyExist"]),
        ({"UserName": "op1", "Password": "long-enough", "RoleId": "King"}, ["PropertyValueNotInList"]),
        ({"UserName": "op1", "Password": 12345678}, ["PropertyValueTypeError"]),
        ({"UserName": "op1", "Password": "long-enough", "Hat": 1}, ["PropertyUnknown"]),
    ],
)
def test_an_account_that_cannot_be_is_refused(body: dict[str, object], says: list[str]) -> None:
    async def act(ilo: VirtualIlo, client: Client) -> None:
        before = ilo.state.get(ACCOUNTS)
        refused = await client("POST", ACCOUNTS, body)
        assert (refused.status, refused.says) == (400, says)
        assert ilo.state.get(ACCOUNTS) == before

    ask(act)


def test_who_must_change_the_password_can_do_nothing_else() -> None:
    async def act(_: VirtualIlo, client: Client) -> None:
        made = await client("POST", ACCOUNTS, {"UserName": "op1", "Password": "first-of-op1"})
        uri = made.headers["Location"]
        await client("PATCH", uri, {"PasswordChangeRequired": True})
        op1 = basic("op1", "first-of-op1")
        logged = await client("POST", SESSIONS, {"UserName": "op1", "Password": "first-of-op1"}, headers={})
        assert (logged.status, logged.says) == (201, ["PasswordChangeRequired"])
        refused = await client("GET", SNMP, headers=op1)
        assert (refused.status, refused.says) == (403, ["PasswordChangeRequired"])
        assert (await client("GET", uri, headers=op1)).status == 200
        assert (await client("PATCH", uri, {"Password": "second-of-op1"}, headers=op1)).status == 200
        assert (await client("GET", SNMP, headers=basic("op1", "second-of-op1"))).status == 200

    ask(act)


# -- conditions -----------------------------------------------------------------------------------------------------


def test_conditions_are_kept() -> None:
    async def act(ilo: VirtualIlo, client: Client) -> None:
        etag = (await client("GET", SNMP)).headers["ETag"]
        for named in (etag, f'"x", {etag}', etag.removeprefix("W/"), "*"):
            same = await client("GET", SNMP, headers={**basic(), "If-None-Match": named})
            assert (same.status, same.raw, same.headers["ETag"]) == (304, b"", etag)
        assert (await client("GET", SNMP, headers={**basic(), "If-None-Match": '"x"'})).status == 200
        stale = await client("PATCH", SNMP, {"Contact": "a"}, headers={**basic(), "If-Match": 'W/"0"'})
        assert (stale.status, stale.says) == (412, ["PreconditionFailed"])
        assert ilo.state.get(SNMP)["Contact"] == ""
        assert (await client("PATCH", SNMP, {"Contact": "a"}, headers={**basic(), "If-Match": etag})).status == 200
        assert (await client("PATCH", SNMP, {"Contact": "b"}, headers={**basic(), "If-Match": etag})).status == 412
        destination = f"{SNMP}/SNMPAlertDestinations/1"
        assert (await client("DELETE", destination, headers={**basic(), "If-Match": '"x"'})).status == 412
        assert destination in ilo.state.uris()

    ask(act)


def test_conditions_can_be_switched_off() -> None:
    async def unheeded(_: VirtualIlo, client: Client) -> None:
        assert (await client("GET", SNMP)).headers["ETag"]
        assert (await client("PATCH", SNMP, {"Contact": "a"}, headers={**basic(), "If-Match": '"x"'})).status == 200

    async def none_given(_: VirtualIlo, client: Client) -> None:
        shown = await client("GET", SNMP, headers={**basic(), "If-None-Match": "*"})
        assert shown.status == 200
        assert "ETag" not in shown.headers
        assert "@odata.etag" not in shown.body
        assert "@odata.etag" not in (await client("GET", f"{ROOT}/Managers?$expand=.")).body["Members"][0]

    ask(unheeded, honour_if_match=False)
    ask(none_given, etags=False)


# -- query parameters -----------------------------------------------------------------------------------------------


def test_members_and_links_are_expanded_one_level_deep() -> None:
    async def act(_: VirtualIlo, client: Client) -> None:
        whole = (await client("GET", f"{ROOT}/Managers?$expand=.($levels=1)")).body
        (manager,) = whole["Members"]
        assert manager["Model"] == "iLO 5"
        assert manager["NetworkProtocol"] == {"@odata.id": f"{MANAGER}/NetworkProtocol"}
        manager = (await client("GET", f"{MANAGER}?$expand=.")).body
        assert manager["NetworkProtocol"]["HostName"] == "sim-web1-ilo"
        assert manager["Links"]["ManagerForServers"] == [{"@odata.id": f"{ROOT}/Systems/1"}]
        assert manager["Oem"]["Hpe"]["Links"]["SNMPService"] == {"@odata.id": SNMP}

    ask(act)


def _offering(**expand: object) -> dict[str, Any]:
    tree = build("ilo5")
    tree[ROOT]["ProtocolFeaturesSupported"]["ExpandQuery"].update(expand)  # type: ignore[index, call-overload, union-attr]
    return tree


def test_a_service_that_offers_more_expands_more() -> None:
    async def act(_: VirtualIlo, client: Client) -> None:
        links = (await client("GET", f"{MANAGER}?$expand=~")).body
        assert links["Links"]["ManagerForServers"][0]["Id"] == "1"
        assert links["NetworkProtocol"] == {"@odata.id": f"{MANAGER}/NetworkProtocol"}
        both = (await client("GET", f"{MANAGER}?$expand=*")).body
        assert both["Links"]["ManagerForServers"][0]["Id"] == "1"
        assert both["NetworkProtocol"]["HostName"] == "sim-web1-ilo"
        deep = (await client("GET", f"{ROOT}/Managers?$expand=.($levels=2)")).body
        assert deep["Members"][0]["NetworkProtocol"]["HostName"] == "sim-web1-ilo"
        cycle = (await client("GET", f"{MANAGER}?$expand=*($levels=2)")).body
        assert cycle["Links"]["ManagerForServers"][0]["Id"] == "1"

    ask(act, _offering(Links=True, ExpandAll=True, MaxLevels=2))


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("$expand=*", 501, "QueryNotSupported"),
        ("$expand=~", 501, "QueryNotSupported"),
        ("$expand=.($levels=2)", 400, "QueryParameterOutOfRange"),
        ("$expand=.($levels=0)", 400, "QueryParameterOutOfRange"),
        ("$expand=.($levels=x)", 400, "QueryParameterValueTypeError"),
        ("$expand=", 400, "QueryParameterValueTypeError"),
        ("$filter=Id eq '1'", 501, "QueryNotSupported"),
        ("$top=1", 501, "QueryNotSupported"),
        ("$skip=1", 501, "QueryNotSupported"),
        ("$select=", 400, "QueryParameterValueTypeError"),
        ("$select=Id,,Name", 400, "QueryParameterValueTypeError"),
        ("only=1", 400, "QueryNotSupportedOnResource"),
        ("only&$select=Id", 400, "QueryCombinationInvalid"),
    ],
)
def test_a_query_that_is_not_offered_is_refused(query: str, status: int, says: str) -> None:
    async def act(_: VirtualIlo, client: Client) -> None:
        refused = await client("GET", f"{ROOT}/Managers?{query}")
        assert (refused.status, refused.says) == (status, [says])

    ask(act)


def test_what_is_selected_is_shown() -> None:
    async def act(_: VirtualIlo, client: Client) -> None:
        body = (await client("GET", f"{MANAGER}?$select=Model,Status/Health,Oem/Hpe/License/LicenseType,Nothing")).body
        assert {name: one for name, one in body.items() if not name.startswith("@")} == {
            "Model": "iLO 5",
            "Status": {"Health": "OK"},
            "Oem": {"Hpe": {"License": {"LicenseType": "Perpetual"}}},
        }
        assert body["@odata.id"] == MANAGER
        assert (await client("GET", f"{ROOT}/Managers?only")).body["Model"] == "iLO 5"
        assert (await client("GET", f"{ROOT}/Managers?$expand=.&$select=Name")).body["Name"] == "Managers"
        assert (await client("GET", f"{MANAGER}?unheard=of")).body["Model"] == "iLO 5"

    ask(act)


def test_an_old_firmware_passes_over_what_it_does_not_know() -> None:
    async def act(_: VirtualIlo, client: Client) -> None:
        for query in ("$expand=.", "$filter=x", "$select=Id", "only"):
            body = (await client("GET", f"{ROOT}/Managers?{query}")).body
            assert body["Members"] == [{"@odata.id": MANAGER}]
        assert "ProtocolFeaturesSupported" not in (await client("GET", f"{ROOT}/")).body

    ask(act, expand=False)


# -- methods, headers, documents ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "methods"),
    [
        (f"{ROOT}/", "GET, HEAD, OPTIONS"),
        (SNMP, "GET, HEAD, PATCH, OPTIONS"),
        (f"{SNMP}/SNMPAlertDestinations", "GET, HEAD, POST, OPTIONS"),
        (f"{SNMP}/SNMPAlertDestinations/1", "GET, HEAD, PATCH, DELETE, OPTIONS"),
        (SESSIONS, "GET, HEAD, OPTIONS, POST"),
        (ACCOUNTS, "GET, HEAD, POST, OPTIONS"),
        (f"{ACCOUNTS}/1", "GET, HEAD, PATCH, DELETE, OPTIONS"),
        (f"{ROOT}/AccountService/Roles/ReadOnly", "GET, HEAD, OPTIONS"),
        (f"{ROOT}/ResourceDirectory", "GET, HEAD, OPTIONS"),
        (f"{MANAGER}/Actions/Manager.Reset", "POST, OPTIONS"),
    ],
)
def test_each_resource_says_what_it_takes_and_takes_no_more(uri: str, methods: str) -> None:
    async def act(ilo: VirtualIlo, client: Client) -> None:
        told = await client("OPTIONS", uri)
        assert (told.status, told.headers["Allow"], told.raw) == (204, methods, b"")
        for method in {"GET", "PUT", "POST", "PATCH", "DELETE"} - set(methods.split(", ")):
            before = ilo.state.uris()
            refused = await client(method, uri, {})
            assert (refused.status, refused.headers["Allow"], refused.says) == (405, methods, ["OperationNotAllowed"])
            assert ilo.state.uris() == before

    ask(act)


def test_head_is_get_without_a_body() -> None:
    async def act(_: VirtualIlo, client: Client) -> None:
        seen, headed = await client("GET", SNMP), await client("HEAD", SNMP)
        assert (headed.status, headed.raw, headed.headers["ETag"]) == (200, b"", seen.headers["ETag"])
        assert headed.headers["Link"] == "</redfish/v1/SchemaStore/en/HpeiLOSnmpService.json/>; rel=describedby"
        assert headed.headers["OData-Version"] == "4.0"
        assert (await client("HEAD", f"{ROOT}/Nowhere")).status == 404

    ask(act)


def test_another_version_of_odata_is_refused() -> None:
    async def act(_: VirtualIlo, client: Client) -> None:
        assert (await client("GET", SNMP, headers={**basic(), "OData-Version": "4.0"})).status == 200
        refused = await client("GET", SNMP, headers={**basic(), "OData-Version": "4.1"})
        assert (refused.status, refused.says) == (412, ["HeaderInvalid"])

    ask(act)


def test_the_documents_beside_the_resources() -> None:
    async def act(ilo: VirtualIlo, client: Client) -> None:
        assert (await client("GET", "/redfish", headers={})).body == {"v1": "/redfish/v1/"}
        listed = (await client("GET", f"{ROOT}/odata", headers={})).body["value"]
        assert {one["name"]: one["url"] for one in listed}["Managers"] == f"{ROOT}/Managers"
        metadata = await client("GET", f"{ROOT}/$metadata", headers={})
        assert metadata.headers["Content-Type"].split(";")[0] == "application/xml"
        whole = ET.fromstring(metadata.raw)
        spaces = {one.get("Namespace") for one in whole.iter("{http://docs.oasis-open.org/odata/ns/edmx}Include")}
        for uri in ilo.state.uris():
            assert str(ilo.state.get(uri)["@odata.type"]).lstrip("#").rsplit(".", 1)[0] in spaces

    ask(act)


def test_a_body_of_no_use_is_refused() -> None:
    async def act(ilo: VirtualIlo, client: Client) -> None:
        async def sent(raw: str) -> Said:
            context = ssl.create_default_context(cafile=ilo.cafile)
            async with (
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
                session.patch(ilo.url + SNMP, data=io.BytesIO(raw.encode()), headers=basic()) as answer,
            ):
                return Said(answer.status, answer.headers.copy(), await answer.read())

        for raw in ("", "{", "[]", '{"a":' * 200 + "1" + "}" * 200):
            refused = await sent(raw)
            assert (refused.status, refused.says) == (400, ["MalformedJSON"])
        assert (await sent('{"Contact": "' + "x" * 2**20 + '"}')).status == 413
        assert (await client("PATCH", SNMP, {"@odata.id": "x"})).says == ["NoOperation"]
        assert (await client("PATCH", SNMP, {})).says == ["NoOperation"]

    ask(act)


def test_paths_are_compared_without_case_and_trailing_slash() -> None:
    async def act(_: VirtualIlo, client: Client) -> None:
        for uri in (BIOS, BIOS.rstrip("/"), BIOS.upper().replace("/REDFISH/V1", ROOT), f"{ROOT}/Systems/1/Bios"):
            assert (await client("GET", uri)).body["@odata.id"] == BIOS

    ask(act)


def test_a_reset_of_the_ilo_ends_its_sessions_and_answers_nobody_meanwhile() -> None:
    async def act(ilo: VirtualIlo, client: Client) -> None:
        made = await client("POST", SESSIONS, {"UserName": USERNAME, "Password": PASSWORD}, headers={})
        assert (await client("POST", f"{MANAGER}/Actions/Manager.Reset", {"ResetType": "ForceRestart"})).status == 200
        with pytest.raises(aiohttp.ClientError):
            await client("GET", f"{ROOT}/")
        while not ilo.state.available():
            await asyncio.sleep(0.01)
        token = {"X-Auth-Token": made.headers["X-Auth-Token"]}
        assert (await client("GET", SNMP, headers=token)).status == 401
        assert (await client("GET", SNMP)).status == 200

    ask(act, ilo_reset_s=0.2)


# -- sources --------------------------------------------------------------------------------------------------------


def test_a_folder_and_a_snapshot_are_served_as_they_are(tmp_path: Path) -> None:
    for uri, body in build("ilo6").items():
        file = tmp_path / "mockup" / uri.strip("/") / "index.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(body))
    (tmp_path / "mockup" / "notes.json").write_text("no JSON")

    async def read(ilo: VirtualIlo) -> dict[str, bytes]:
        collected = await collect(target(ilo), options())
        assert not collected.gaps
        return {one.name: one.content for one in collected.documents if one.name.startswith("/redfish/")}

    from_folder = with_ilo(read, str(tmp_path / "mockup"))
    from_personality = with_ilo(read, "ilo6")
    assert set(from_folder) == set(from_personality)

    served = documents(from_personality)
    assert "sim-trap-community" in json.dumps(build("ilo6"))
    assert "sim-trap-community" not in json.dumps(served)  # what is secret is served as its digest
    assert set(with_ilo(read, served)) == set(from_personality)  # type: ignore[arg-type]
