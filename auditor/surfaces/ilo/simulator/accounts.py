"""The accounts of a virtual iLO: who may log in, what a role may do, and how accounts are made, changed and removed."""

from __future__ import annotations

import hmac
from typing import Final

from auditor.surfaces.ilo.body import Body, Json, at, key_of
from auditor.surfaces.ilo.simulator.parts import Message, Part, Reply, message
from auditor.surfaces.ilo.simulator.state import IloState

_COLLECTION: Final = "/accountservice/accounts"
_SETTABLE: Final[dict[str, type]] = {
    "Password": str,
    "RoleId": str,
    "UserName": str,
    "Enabled": bool,
    "PasswordChangeRequired": bool,
}
_ROLES: Final = ("Administrator", "Operator", "ReadOnly")
_HOST: Final = frozenset({"HostBIOSConfigPriv", "HostNICConfigPriv", "HostStorageConfigPriv"})
_REMOTE: Final = frozenset({"RemoteConsolePriv", "VirtualMediaPriv", "VirtualPowerAndResetPriv"})
_GRANTED: Final[dict[str, frozenset[str]]] = {
    "Administrator": frozenset({"LoginPriv", "iLOConfigPriv", "UserConfigPriv", *_HOST, *_REMOTE}),
    "Operator": frozenset({"LoginPriv", *_HOST, *_REMOTE}),
    "ReadOnly": frozenset({"LoginPriv"}),
}
_OPERATORS_MAY: Final = ("/redfish/v1/systems", "/redfish/v1/chassis")


class Accounts:
    """The passwords by user name; what else an account is stands in the state. One administrator has no account."""

    def __init__(self, username: str, password: str) -> None:
        self.username = username
        self._passwords = {username: password}
        self.part = Part(
            creates={_COLLECTION: self._create}, deletes={_COLLECTION: self._delete}, patches={_COLLECTION: self._patch}
        )

    def admit(self, username: str, password: str) -> None:
        """Lets another administrator in who has no account, or gives somebody another password."""
        self._passwords[username] = password

    def known(self, state: IloState, username: str, password: str) -> bool:
        """Whether somebody may log in."""
        kept = self._passwords.get(username)
        if kept is None or not hmac.compare_digest(password.encode(), kept.encode()):
            return False
        account = self.account_of(state, username)
        return account is None or account.get("Enabled") is not False

    def users(self) -> frozenset[str]:
        """Everybody who may log in at all."""
        return frozenset(self._passwords)

    def account_of(self, state: IloState, username: str) -> Body | None:
        """The account with that user name; the administrator that is there from the start has none."""
        if username == self.username:
            return None
        return next((one for one in _accounts(state) if one.get("UserName") == username), None)

    def privileges(self, state: IloState, username: str) -> Body:
        """What a session says of its user's privileges."""
        account = self.account_of(state, username) or {"RoleId": "Administrator"}
        granted = _GRANTED.get(str(account.get("RoleId")), frozenset())
        listed: Body = {name: name in granted for name in sorted(_GRANTED["Administrator"])}
        return {"@odata.type": "#HpeiLOSession.v2_1_0.HpeiLOSession", "Privileges": listed}

    def refusal(self, state: IloState, username: str, method: str, uri: str, own_session: bool) -> Reply | None:
        """Why a user may not do this, or None where they may."""
        account = self.account_of(state, username)
        if account is None:
            return None
        own = key_of(uri) == key_of(str(account.get("@odata.id")))
        if account.get("PasswordChangeRequired") is True:
            may = (own and method in ("GET", "HEAD", "PATCH")) or own_session
            return None if may else Reply(403, (message("Base.1.4.PasswordChangeRequired", str(account["@odata.id"])),))
        role = account.get("RoleId")
        if role == "Administrator" or method in ("GET", "HEAD") or own_session or (own and method == "PATCH"):
            return None
        if role == "Operator" and key_of(uri).startswith(_OPERATORS_MAY):
            return None
        return Reply(403, (message("Base.1.4.InsufficientPrivilege"),))

    # -- changing -------------------------------------------------------------------------------------------------

    def _create(self, state: IloState, uri: str, body: Body) -> Reply:
        missing = [name for name in ("UserName", "Password") if not body.get(name)]
        if missing:
            return Reply(400, tuple(message("Base.1.4.PropertyMissing", name) for name in missing))
        whole: Body = {
            "@odata.type": "#ManagerAccount.v1_1_3.ManagerAccount",
            "Name": "User Account",
            "Password": None,
            "RoleId": "ReadOnly",
            "Enabled": True,
            "Locked": False,
            "PasswordChangeRequired": False,
        }
        refused = self._refused(state, body, {**whole, "UserName": ""}, "")
        if refused:
            return Reply(400, refused)
        username = str(body["UserName"])
        self._passwords[username] = str(body["Password"])
        number = 1 + max([int(str(one.get("Id"))) for one in _accounts(state) if str(one.get("Id")).isdigit()] or [0])
        place = f"{str(state.get(uri)['@odata.id']).rstrip('/')}/{number}"
        state.add(place, {**whole, **body, "Id": str(number), "Password": None})
        return Reply(201, (message("Base.1.4.Created"),), state.read(place), place)

    def _patch(self, state: IloState, uri: str, body: Body) -> Reply:
        account = state.get(uri)
        before = str(account.get("UserName"))
        refused = self._refused(state, body, account, before)
        if refused:
            return Reply(400, refused)
        for name, value in body.items():
            if name != "Password":
                state.set(uri, f"/{name}", value)
        after = str(body.get("UserName", before))
        if after != before and before in self._passwords:
            self._passwords[after] = self._passwords.pop(before)
        if "Password" in body:
            self._passwords[after] = str(body["Password"])
            if account.get("PasswordChangeRequired") is True and "PasswordChangeRequired" not in body:
                state.set(uri, "/PasswordChangeRequired", False)
        return Reply(200, (message("Base.1.4.AccountModified"),), state.read(uri))

    def _delete(self, state: IloState, uri: str, _: Body) -> Reply:
        self._passwords.pop(str(state.get(uri).get("UserName")), None)
        state.remove(uri)
        return Reply(200, (message("Base.1.4.AccountRemoved"),))

    def _refused(self, state: IloState, body: Body, account: Body, before: str) -> tuple[Message, ...]:
        """What an account cannot be set to; the account as it is, and its user name, are given."""
        found: list[Message] = []
        for name, value in body.items():
            if name not in _SETTABLE:
                found.append(message("Base.1.4.PropertyNotWritable" if name in account else _UNKNOWN, name))
            elif not isinstance(value, _SETTABLE[name]):
                found.append(message("Base.1.4.PropertyValueTypeError", str(value), name))
        if found:
            return tuple(found)
        if "RoleId" in body and body["RoleId"] not in _ROLES:
            found.append(message("Base.1.4.PropertyValueNotInList", str(body["RoleId"]), "RoleId"))
        if "Password" in body and len(str(body["Password"])) < _shortest(state):
            found.append(message("iLO.2.14.InvalidPasswordLength", str(_shortest(state)), "39"))
        taken = {self.username, *(str(one.get("UserName")) for one in _accounts(state))} - {before}
        if "UserName" in body and body["UserName"] in taken:
            found.append(message("iLO.2.14.UserAlreadyExist"))
        return tuple(found)


_UNKNOWN: Final = "Base.1.4.PropertyUnknown"


def _accounts(state: IloState) -> tuple[Body, ...]:
    return state.all_of_role("account")


def _shortest(state: IloState) -> int:
    length: Json = at(state.of_role("account_service") or {}, "/MinPasswordLength")
    return length if isinstance(length, int) else 0
