"""What ``auditor.yaml`` says below ``alerts:``: where arrivals are watched for, and with whose pass phrases."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

import msgspec

from auditor.model.alert import CHANNELS, Channel
from auditor.policy.document import Item
from auditor.services.fleet_values import VARIABLE, ValueReader

LOOPBACK: Final = "127.0.0.1"
USUAL_WAIT_S: Final = 60
LONGEST_WAIT_S: Final = 3600
COMMUNITY: Final = "AUDITOR_SNMP_COMMUNITY"
"""The variable that holds a destination's community, unless another is named."""


class SnmpVariables(msgspec.Struct, frozen=True):
    """The environment variables that hold an SNMP v3 user's pass phrases."""

    auth_env: str = "AUDITOR_SNMP_AUTH"
    privacy_env: str = "AUDITOR_SNMP_PRIVACY"


class Ask(msgspec.Struct, frozen=True):
    """What is asked instead of a sink: a command (program and arguments), or a mailbox (Maildir or mbox)."""

    command: tuple[str, ...] = ()
    mailbox: str = ""


class AlertSettings(msgspec.Struct, frozen=True):
    """Where the sinks listen, how long is waited in seconds, and what is asked instead, by channel.

    ``ports`` are those that differ from the usual; ``certificate`` is a PEM file with its key (empty: made for the
    run); ``users`` are the variables by the name of an SNMP v3 user, ``communities`` those by an SNMP v1 destination.
    """

    listen: str = LOOPBACK
    ports: Mapping[Channel, int] = {}
    wait_s: int = USUAL_WAIT_S
    certificate: str = ""
    users: Mapping[str, SnmpVariables] = {}
    ask: Mapping[Channel, Ask] = {}
    communities: Mapping[str, str] = {}


def read_alerts(reader: ValueReader, item: Item | None) -> AlertSettings:
    """Reads the settings; mistakes are noted with the reader."""
    parts = reader.members(item, ["listen", "ports", "wait_s", "certificate", "snmp_users", "snmp_communities", "ask"])
    listen = reader.text(parts.get("listen"), LOOPBACK)
    if not is_address(listen):
        reader.wrong(parts.get("listen"), f"{listen!r} is no address", "Write one of this machine:  listen: 10.9.0.4")
    ports = reader.members(parts.get("ports"), list(CHANNELS))
    users: dict[str, SnmpVariables] = {}
    usual = SnmpVariables()
    for name, entry in reader.mapping(parts.get("snmp_users")):
        variables = reader.members(entry, ["auth_env", "privacy_env"])
        users[name] = SnmpVariables(
            reader.matching(variables.get("auth_env"), VARIABLE, usual.auth_env, "a variable's name"),
            reader.matching(variables.get("privacy_env"), VARIABLE, usual.privacy_env, "a variable's name"),
        )
    communities = {
        name: reader.matching(entry, VARIABLE, COMMUNITY, "a variable's name")
        for name, entry in reader.mapping(parts.get("snmp_communities"))
    }
    certificate = reader.existing(parts.get("certificate"))
    return AlertSettings(
        listen=listen,
        ports={cast(Channel, name): reader.count(port, 0, 1, 65535) for name, port in ports.items()},
        wait_s=reader.count(parts.get("wait_s"), USUAL_WAIT_S, 1, LONGEST_WAIT_S),
        certificate=str(certificate) if certificate else "",
        users=users,
        communities=communities,
        ask=_asked(reader, parts.get("ask")),
    )


def is_address(text: str) -> bool:
    """Whether it is an IP address, the only thing that a sink can be bound to without asking a name server."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _asked(reader: ValueReader, item: Item | None) -> dict[Channel, Ask]:
    found: dict[Channel, Ask] = {}
    for channel, entry in reader.members(item, list(CHANNELS)).items():
        parts = reader.members(entry, ["command", "mailbox"])
        if len(parts) != 1:
            reader.wrong(entry, "either a command or a mailbox is asked", "Write  {command: [tools/asked, '{host}']}")
        elif "command" in parts:
            before = len(reader.mistakes)
            if command := reader.command(parts["command"]):
                found[cast(Channel, channel)] = Ask(command)
            elif len(reader.mistakes) == before:
                reader.wrong(parts["command"], "no program is named", "Write  {command: [tools/asked, '{host}']}")
        elif channel != "mail":
            reader.wrong(parts["mailbox"], "a mailbox holds mails only")
        elif path := reader.text(parts["mailbox"], ""):
            found["mail"] = Ask(mailbox=str(reader.root / Path(path).expanduser()))
        else:
            reader.wrong(parts["mailbox"], "no mailbox is named")
    return found
