"""SNMP traps as an iLO sends them, by the field's library."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from pysnmp.hlapi.v3arch import asyncio as snmp
from pysnmp.proto.rfc1902 import Integer32, OctetString

_TEST_TRAP: Final = "1.3.6.1.4.1.232.0.11003"
_SYS_NAME: Final = "1.3.6.1.2.1.1.5.0"
_FLAGS: Final = "1.3.6.1.4.1.232.11.2.11.1.0"
_DATA: Final = "1.3.6.1.4.1.232.11.2.8.1.0"
_AUTH: Final = {
    "MD5": snmp.usmHMACMD5AuthProtocol,
    "SHA": snmp.usmHMACSHAAuthProtocol,
    "SHA256": snmp.usmHMAC192SHA256AuthProtocol,
}
_PRIVACY: Final = {"DES": snmp.usmDESPrivProtocol, "AES": snmp.usmAesCfb128Protocol}


class TrapUser(msgspec.Struct, frozen=True):
    """The v3 user that a trap is signed and encrypted as; protocols as the iLO names them, engine id in hex."""

    name: str
    auth: str
    auth_passphrase: str
    privacy: str
    privacy_passphrase: str
    engine_id: str


class Trap(msgspec.Struct, frozen=True):
    """One trap: where it goes, the sender's name, and its community or v3 user (None: v1 with the community)."""

    host: str
    port: int
    sys_name: str
    community: str = ""
    user: TrapUser | None = None
    confirmed: bool = False


class TrapSender:
    """Sends traps. An engine is kept as long as it runs: its clock must never go back for a receiver."""

    def __init__(self) -> None:
        self._engines: dict[str, Any] = {}

    async def send(self, trap: Trap) -> None:
        """Sends it once; what becomes of it is not known, as with any trap."""
        credentials: Any = snmp.CommunityData(trap.community, mpModel=0)  # noqa: S508 - iLOs send v1
        if (user := trap.user) is not None:
            credentials = snmp.UsmUserData(
                user.name,
                user.auth_passphrase,
                user.privacy_passphrase,
                authProtocol=_AUTH[user.auth],
                privProtocol=_PRIVACY[user.privacy],
            )
        await snmp.send_notification(
            self._engine(user.engine_id if user else ""),
            credentials,
            await snmp.UdpTransportTarget.create((trap.host, trap.port)),
            snmp.ContextData(),
            "inform" if trap.confirmed else "trap",
            snmp.NotificationType(snmp.ObjectIdentity(_TEST_TRAP)).add_varbinds(
                (_SYS_NAME, OctetString(trap.sys_name)),
                (_FLAGS, Integer32(0)),
                (_DATA, OctetString("Test trap")),
            ),
            lookupMib=False,
        )

    def close(self) -> None:
        """Closes every engine."""
        for engine in self._engines.values():
            engine.close_dispatcher()
        self._engines.clear()

    def _engine(self, engine_id: str) -> Any:
        if engine_id not in self._engines:
            engine = snmp.SnmpEngine()
            if engine_id:  # given to its constructor, the id would leave a file in the system's temporary folder
                (own,) = engine.get_mib_builder().import_symbols("__SNMP-FRAMEWORK-MIB", "snmpEngineID")
                own.syntax = own.syntax.clone(bytes.fromhex(engine_id.removeprefix("0x")))
                engine.snmpEngineID = own.syntax
            self._engines[engine_id] = engine
        return self._engines[engine_id]
