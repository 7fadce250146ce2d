"""Documents of machines that have the same attribute registry: made once, and right for each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from auditor.model.secret import Sealer
from auditor.surfaces.ilo.documents import as_documents

ONE, OTHER = Sealer(b"1" * 32), Sealer(b"2" * 32)
PLACE, BIOS = "/redfish/v1/RegistryStore/r", "/redfish/v1/Systems/1/Bios"


def registry(*, word: str = "Auto", secret: str = "hunter2", **more: Any) -> dict[str, Any]:
    attribute = {"AttributeName": "KeyMode", "Type": "Enumeration", "Value": [{"ValueName": word}], "Password": secret}
    return {"Id": "R.v1_0_0", "RegistryEntries": {"Attributes": [attribute], "Dependencies": []}, **more}


def made(sealer: Sealer, of: dict[str, Any], mode: str = "Auto") -> dict[str, Any]:
    documents, gaps = as_documents([(BIOS, {"Attributes": {"KeyMode": mode}}), (PLACE, of)], sealer)
    assert gaps == ()
    return {one.name: json.loads(one.content) for one in documents}


def password(found: dict[str, Any]) -> str:
    return str(found[PLACE]["RegistryEntries"]["Attributes"][0]["Password"])


def test_each_fleet_s_key_seals_its_own() -> None:
    secrets = [password(made(sealer, registry())) for sealer in (ONE, OTHER, ONE, OTHER)]
    assert secrets == [ONE.seal(b"hunter2"), OTHER.seal(b"hunter2")] * 2


@pytest.mark.parametrize("size", [1, 1_200_000])
def test_a_registry_that_is_another_in_one_thing_is_another(size: int) -> None:
    note = {"Note": "x" * size}
    assert password(made(ONE, registry(**note))) == ONE.seal(b"hunter2")
    assert password(made(ONE, registry(secret="hunter3", **note))) == ONE.seal(b"hunter3")
    assert made(ONE, registry(**note), "Auto")[BIOS] == {"Attributes": {"KeyMode": "Auto"}}
    assert made(ONE, registry(word="Off", **note), "Auto")[BIOS] == {"Attributes": {"KeyMode": ONE.seal(b"Auto")}}


def test_what_is_no_json_to_a_strict_reader_is_a_document_all_the_same() -> None:
    odd = registry(Note="\ud800", Number=10**30)
    assert made(ONE, odd)[PLACE]["Number"] == 10**30
    assert made(ONE, odd)[PLACE]["Note"] in ("\ud800", "\\ud800")
