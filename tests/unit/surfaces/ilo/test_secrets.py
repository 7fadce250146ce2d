"""No secret leaves the collector: a corpus of planted ones, none of which may be found afterwards."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from auditor.model.value import Many, Secret
from auditor.surfaces.ilo.resources import interpret
from auditor.surfaces.ilo.secrets import is_secret_name, seal_body, seal_url
from auditor.surfaces.interface import InterpretOptions
from tests.virtual_ilo import SEALER, bodies, collection

MANIFEST = Path(__file__).parents[3] / "corpus/secrets/ilo/manifest.json"


def planted() -> tuple[dict[str, Any], list[str]]:
    """A personality with every secret of the manifest, and the texts that must not be found."""
    tree: dict[str, Any] = bodies()
    entries = json.loads(MANIFEST.read_text())["planted"]
    for entry in entries:
        body = tree.setdefault(
            entry["uri"], {"@odata.id": entry["uri"], "Id": entry["uri"].rsplit("/", 1)[-1], "Context": "x"}
        )
        *above, name = entry["pointer"].split("/")[1:]
        for token in above:
            body = body.setdefault(token, {})
        body[name] = entry["value"]
    subscriptions = tree["/redfish/v1/EventService/Subscriptions"]
    subscriptions["Members"] = [{"@odata.id": uri} for uri in tree if "/Subscriptions/" in uri]
    texts = re.findall(r"PLANTED[^\"@:?=/]*", json.dumps([entry["value"] for entry in entries]))
    assert len(set(texts)) >= 28
    return tree, texts


def test_no_planted_secret_is_in_documents_or_resources() -> None:
    tree, texts = planted()
    collected = collection(tree)
    interpretation = interpret(collected, InterpretOptions())
    everything = b"\n".join(document.content for document in collected.documents).decode() + repr(interpretation)
    assert [text for text in texts if text in everything] == []
    assert "PLANTED" not in everything
    assert everything.count("auditor-secret:") >= len(texts)


def test_secrets_are_digests_that_follow_their_value() -> None:
    tree, _ = planted()
    first = interpret(collection(tree), InterpretOptions())
    tree["/redfish/v1/Managers/1/SnmpService"]["ReadCommunities"][0] = "another"
    second = interpret(collection(tree), InterpretOptions())
    one, other = (each.find("ilo.snmp", "1").value("read_communities") for each in (first, second))
    assert isinstance(one, Many)
    assert isinstance(other, Many)
    assert one.items[0] != other.items[0]
    assert one.items[1] == other.items[1]
    assert all(isinstance(item, Secret) for item in one.items)


def test_sealing_twice_is_sealing_once() -> None:
    tree, _ = planted()
    for body in tree.values():
        once = seal_body(body, SEALER)
        assert seal_body(once, SEALER) == once


@pytest.mark.parametrize(
    "name",
    ["Password", "ProxyPassword", "LicenseKey", "TrapCommunity", "ReadCommunities", "X-Auth-Token", "UserEngineID",
     "AuthPassphrase", "SharedSecret", "PrivateKey", "AlertMailSMTPAuthPw"],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "UserName",
        "BootMode",
        "AlertDestination",
        "Name",
        "Description",
        "KeyboardLayout",
        "HotKeys",
        "KeyManagementType",
        "DeleteUnusedEncryptionKeys",
        "KeyPolicy",
    ],
)
def test_other_names_are_no_secrets(name: str) -> None:
    assert not is_secret_name(name)


def test_numbers_flags_empty_texts_and_choices_stay_readable() -> None:
    body = {"MinPasswordLength": 8, "Password": None, "LicenseKey": "", "EnforcePasswordComplexity": True,
            "Attributes": {"PasswordPolicy": "Enabled", "AdminPassword": "open sesame"}}  # fmt: skip
    sealed = seal_body(body, SEALER, enumerated=lambda name, _: name == "PasswordPolicy")
    assert {**sealed, "Attributes": None} == {**body, "Attributes": None}
    assert sealed["Attributes"]["PasswordPolicy"] == "Enabled"
    assert sealed["Attributes"]["AdminPassword"].startswith("auditor-secret:")


def test_a_password_that_looks_like_a_choice_is_sealed_also_where_no_registry_was_read() -> None:
    values = {"AdminPassword": "Welcome1", "PowerOnPassword": 4711, "SgxLePublicKeyWriteEnable": "Disabled"}
    sealed: Any = seal_body({"Attributes": values}, SEALER)["Attributes"]
    assert sealed["SgxLePublicKeyWriteEnable"] == "Disabled"
    assert all(sealed[name].startswith("auditor-secret:") for name in ("AdminPassword", "PowerOnPassword"))


def test_a_secret_that_is_written_as_a_number_is_sealed_as_its_text_is() -> None:
    numbers: Any = seal_body({"TrapCommunity": 12345, "ReadCommunities": [12345, ""], "PasswordAge": 90}, SEALER)
    texts: Any = seal_body({"TrapCommunity": "12345", "ReadCommunities": ["12345", ""], "PasswordAge": 90}, SEALER)
    assert numbers == texts
    assert numbers["PasswordAge"] == 90
    assert "12345" not in json.dumps(numbers)


def test_the_user_as_whom_the_ilo_logs_in_elsewhere_is_a_secret() -> None:
    body = {"LDAP": {"Authentication": {"Username": "cn=reader", "AuthenticationType": "UsernameAndPassword"}},
            "SMTP": {"Username": "alerts", "ServerAddress": "mail.example"}, "UserName": "Administrator"}  # fmt: skip
    sealed: Any = seal_body(body, SEALER)
    assert sealed["LDAP"]["Authentication"]["Username"].startswith("auditor-secret:")
    assert sealed["LDAP"]["Authentication"]["AuthenticationType"] == "UsernameAndPassword"
    assert sealed["SMTP"]["Username"].startswith("auditor-secret:")
    assert (sealed["SMTP"]["ServerAddress"], sealed["UserName"]) == ("mail.example", "Administrator")
    assert seal_body(sealed, SEALER) == sealed


def test_a_url_keeps_its_host_and_plain_path() -> None:
    assert (
        seal_url("https://events.example:8443/redfish/events", SEALER) == "https://events.example:8443/redfish/events"
    )
    sealed = seal_url("https://u:p@events.example/a?b=c", SEALER)
    assert "@events.example/a?auditor-secret:" in sealed
    assert "u:p" not in sealed


def test_actions_and_default_choices_stay_readable_and_secrets_below_attributes_do_not() -> None:
    body = {
        "Actions": {"#Bios.ChangePassword": {"target": "/redfish/v1/x", "Password": "open sesame"}},
        "BaseConfigs": [{"default": {"UefiShellPhysicalPresenceKeystroke": "Enabled", "AdminPassword": "open sesame"}}],
        "Attributes": {"Nested": {"Password": ["open sesame"]}, "PasswordList": ["open sesame"], "BootMode": "Uefi"},
    }
    chosen = "UefiShellPhysicalPresenceKeystroke"
    sealed: Any = seal_body(body, SEALER, enumerated=lambda name, _: name == chosen)  # type: ignore[arg-type]
    assert sealed["Actions"]["#Bios.ChangePassword"]["target"] == "/redfish/v1/x"
    assert sealed["BaseConfigs"][0]["default"][chosen] == "Enabled"
    assert sealed["Attributes"]["BootMode"] == "Uefi"
    assert "open sesame" not in json.dumps(sealed)
    assert seal_body(sealed, SEALER, enumerated=lambda name, _: name == chosen) == sealed
