"""Asks an iLO what the account that is logged in may do."""

from __future__ import annotations

from auditor.errors import CollectError
from auditor.surfaces.ilo.body import Body, key_of, link
from auditor.surfaces.ilo.client import ROOT, IloClient
from auditor.surfaces.ilo.diagnosis import Rights, granted_by, granted_in
from auditor.surfaces.ilo.links import member_uris

_MOST_ACCOUNTS = 16


async def rights_of(client: IloClient, user: str) -> Rights:
    """What the account may do, as its own session says, else its account or its role; nothing is raised for a refusal.

    An account of a directory is none of the iLO's own: its session alone tells.
    """
    session = await _body(client, client.session)
    account = await _account(client, user)
    role = str(account.get("RoleId", ""))[:80]
    granted = granted_in(session)
    if granted is None:
        granted = granted_in(account)
    if granted is None and role:
        granted = granted_by(await _role(client, role))
    return Rights(user, role, granted)


async def _account(client: IloClient, user: str) -> Body:
    accounts = await _service(client, "/Accounts")
    for uri in member_uris(accounts)[:_MOST_ACCOUNTS]:
        found = await _body(client, uri)
        if found.get("UserName") == user:
            return found
    return {}


async def _role(client: IloClient, role: str) -> Body:
    for uri in member_uris(await _service(client, "/Roles"))[:_MOST_ACCOUNTS]:
        if key_of(uri).rpartition("/")[2] == role.casefold():
            return await _body(client, uri)
    return {}


async def _service(client: IloClient, pointer: str) -> Body:
    root = client.root or await _body(client, ROOT)
    service = await _body(client, link(root, "/AccountService") or "")
    return await _body(client, link(service, pointer) or "")


async def _body(client: IloClient, uri: str) -> Body:
    if not uri:
        return {}
    try:
        return (await client.get(uri)).body
    except CollectError:
        return {}
