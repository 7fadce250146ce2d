"""``auditor what-if``: what else changes, before anything is planned."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.cli import main
from auditor.model.plan import Proposal, Wish
from auditor.model.resource import Address
from auditor.model.snapshot import Collected
from auditor.model.value import Boolean, Number, Text
from auditor.surfaces.ilo.registry import Setting, read_registry
from auditor.surfaces.ilo.resources import interpret
from auditor.surfaces.ilo.simulator.personalities import NAMES
from auditor.surfaces.ilo.simulator.server import VirtualIlo, run_in_thread
from auditor.surfaces.interface import InterpretOptions
from auditor.surfaces.registry import surface
from tests.fakes.fleets import TestFleet
from tests.virtual_ilo import BIOS, PASSWORD, PENDING, SNMP, USERNAME, bodies, collected_from

pytestmark = pytest.mark.integration

SAMPLE = Path("auditor/services/sample/httpd").absolute()


@pytest.fixture
def ilo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[VirtualIlo]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITOR_ILO_USERNAME", USERNAME)
    monkeypatch.setenv("AUDITOR_ILO_PASSWORD", PASSWORD)
    with run_in_thread(VirtualIlo("ilo7", USERNAME, PASSWORD)) as started:
        yield started


def asked(ilo: VirtualIlo, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    """The exit code and the only answer."""
    capsys.readouterr()
    place = ilo.url.replace("https", "ilo")
    code = main(["what-if", place, *words, "--cafile", ilo.cafile, "--format", "json", "--quiet"])
    return code, json.loads(capsys.readouterr().out)["answers"][0]


def changes(answer: Any, *, asked: bool = False) -> dict[str, tuple[Any, Any]]:
    return {
        one["address"]["attribute"]: (one["before"]["value"], one["after"]["value"])
        for one in answer["changes"]
        if one["asked"] is asked
    }


def test_what_else_changes_with_a_profile_is_told_and_nothing_is_written(
    ilo: VirtualIlo, capsys: pytest.CaptureFixture[str]
) -> None:
    code, answer = asked(ilo, capsys, "WorkloadProfile=LowLatency")
    assert (code, answer["complete"], answer["disruption"]) == (0, True, "reboot")
    assert changes(answer, asked=True) == {"WorkloadProfile": ("GeneralPowerEfficientCompute", "LowLatency")}
    assert changes(answer)["ProcTurbo"] == ("Enabled", "Disabled")
    assert len(changes(answer)) == 6
    whole = 'ilo.bios["1"].WorkloadProfile=LowLatency'
    assert asked(ilo, capsys, whole) == (code, answer)
    assert asked(ilo, capsys, f"{answer['target']}:{whole}") == (code, answer)
    assert not {method for method, _ in ilo.requests} - {"GET", "POST", "DELETE"}
    assert [path for method, path in ilo.requests if method == "POST"] == ["/redfish/v1/SessionService/Sessions"] * 3
    assert not list(Path().iterdir())


def test_what_a_profile_unlocks_is_told(ilo: VirtualIlo, capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = asked(ilo, capsys, "WorkloadProfile=Custom", "PowerRegulator=OsControl")
    assert code == 0
    unlocked = {one["address"]["attribute"] for one in answer["limits"] if one["after"]["value"] is False}
    assert "PowerRegulator" in unlocked
    assert {one["aspect"] for one in answer["limits"]} == {"locked"}


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("WorkloadProfile=Fast", "must be one of GeneralPowerEfficientCompute"),
        ("WorklodProfile=Custom", "did you mean WorkloadProfile?"),
        ("DramRapl=-1", "must be between 0 and 5000000"),
        ("PowerRegulator=OsControl", "is locked while WorkloadProfile is GeneralPowerEfficientCompute"),
        ("TpmState=NotPresent", "is read-only"),
        ('ilo.bios["2"].BootMode=Uefi', "there are 1"),
    ],
)
def test_what_would_be_refused_says_why_and_ends_with_4(
    ilo: VirtualIlo, capsys: pytest.CaptureFixture[str], word: str, why: str
) -> None:
    code, answer = asked(ilo, capsys, word)
    assert code == 4
    assert why in answer["refusals"][0]
    assert answer["changes"] == []


def test_a_secret_on_the_command_line_is_not_told_again(ilo: VirtualIlo, capsys: pytest.CaptureFixture[str]) -> None:
    place, registry = next((uri, ilo.state.get(uri)) for uri in ilo.state.uris() if "registrystore" in uri)
    described = {"AttributeName": "AdminPassword", "Type": "String", "MaxLength": 32}
    attributes = registry["RegistryEntries"]["Attributes"]  # type: ignore[index, call-overload]
    ilo.state.set(place, "/RegistryEntries/Attributes", [*attributes, described])  # type: ignore[misc]
    for uri in (BIOS, PENDING):
        ilo.state.set(uri, "/Attributes/AdminPassword", "")
    code, answer = asked(ilo, capsys, "AdminPassword=open-sesame")
    assert code == 4
    assert "is kept as a secret" in answer["refusals"][0]
    assert answer["asked"][0]["after"]["type"] == "secret"
    assert "open-sesame" not in json.dumps(answer)


def test_what_is_not_decided_is_incomplete(ilo: VirtualIlo, capsys: pytest.CaptureFixture[str]) -> None:
    place, registry = next((uri, ilo.state.get(uri)) for uri in ilo.state.uris() if "registrystore" in uri)
    strange = {
        "Type": "Map",
        "Dependency": {
            "MapFrom": [{"MapFromAttribute": "BootMode", "MapFromProperty": "CurrentValue",
                         "MapFromCondition": "LIKE", "MapFromValue": "Legacy"}],
            "MapToAttribute": "AutoPowerOn", "MapToProperty": "CurrentValue", "MapToValue": "AlwaysPowerOn",
        },
    }  # fmt: skip
    dependencies = registry["RegistryEntries"]["Dependencies"]  # type: ignore[index, call-overload]
    ilo.state.set(place, "/RegistryEntries/Dependencies", [*dependencies, strange])  # type: ignore[misc]
    code, answer = asked(ilo, capsys, "BootMode=LegacyBios")
    assert (code, answer["complete"]) == (3, False)
    (open_,) = answer["undecided"]
    assert (open_["address"]["attribute"], open_["about"], open_["why"]) == (
        "AutoPowerOn", "value", "a condition is AND LIKE",
    )  # fmt: skip
    assert asked(ilo, capsys, "PowerOnDelay=15Sec")[0] == 0


def test_an_ilo_that_cannot_be_read_is_incomplete_and_a_gap_that_hides_nothing_of_it_is_not(
    ilo: VirtualIlo, capsys: pytest.CaptureFixture[str]
) -> None:
    ilo.state.remove(SNMP)
    assert asked(ilo, capsys, "WorkloadProfile=Custom")[0] == 0
    ilo.state.remove(PENDING)
    code, answer = asked(ilo, capsys, "WorkloadProfile=Custom")
    assert code == 4
    assert "pending settings could not be read" in answer["refusals"][0]
    assert answer["complete"] is False
    assert main(["what-if", "ilo://127.0.0.1:1", "BootMode=Uefi", "--cafile", ilo.cafile]) == 3


def test_settings_of_the_ilo_tell_what_they_do_to_the_ways_of_alerts(
    ilo: VirtualIlo, capsys: pytest.CaptureFixture[str]
) -> None:
    code, answer = asked(ilo, capsys, 'ilo.snmp["1"].alerts_enabled=false')
    assert (code, answer["disruption"]) == (0, "none")
    assert [one["address"]["attribute"] for one in answer["changes"] if not one["asked"]] == ["alert_channels"]


@pytest.mark.parametrize(
    ("asked", "told", "left"),
    [
        # /api is served by the worker of /app, and gets one of its own.
        (
            'httpd.route["shop.example:443 /app"].read_timeout=60s',
            {("shop.example:443 /app", "read_timeout"): True, ("shop.example:443 /api", "shared_with"): False},
            ("shop.example:443 /api", "read_timeout"),
        ),
        (
            'httpd.server["main"].timeout=45s',
            {("main", "timeout"): True, ("shop.example:443", "timeout"): False},
            ("shop.example:443 /app", "read_timeout"),
        ),
    ],
)
def test_of_an_httpd_all_that_changes_along_is_told(
    capsys: pytest.CaptureFixture[str], asked: str, told: dict[tuple[str, str], bool], left: tuple[str, str]
) -> None:
    assert main(["what-if", str(SAMPLE), "--httpd-version", "2.4.62", "--format", "json", "--quiet", asked]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["answers"]
    changes = {(one["address"]["name"], one["address"]["attribute"]): one["asked"] for one in answer["changes"]}
    assert {key: changes.get(key) for key in told} == told
    assert left not in changes
    assert answer["disruption"] == "reload"


def test_a_stored_state_and_a_whole_group_can_be_asked_about(
    ilo: VirtualIlo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"ilo: {{url: '{ilo.url}', cafile: {ilo.cafile}}}"
    fleet = TestFleet(tmp_path / "fleet", f"  web1:\n    {place}\n  web2:\n    {place}\n").make()
    monkeypatch.chdir(fleet.root)
    assert main(["snapshot", "--quiet"]) == 0
    answers = {}
    for word in ("all", "snapshot:latest:web1/ilo", "web2"):
        capsys.readouterr()
        assert main(["what-if", word, "WorkloadProfile=LowLatency", "--format", "json", "--quiet"]) == 0
        answers[word] = json.loads(capsys.readouterr().out)["answers"]
    assert [one["target"] for one in answers["all"]] == ["web1/ilo", "web2/ilo"]
    (stored,) = answers["snapshot:latest:web1/ilo"]
    live = answers["all"][0]
    assert changes(stored) == changes(live) != {}
    assert main(["what-if", "web1", "WorkloadProfile=LowLatency", "--quiet", "--format", "table"]) == 0
    told = capsys.readouterr().out
    assert """auditor plan --set 'web1/ilo:ilo.bios["1"].WorkloadProfile=LowLatency'""" in told


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nonsense"], "is not ADDRESS=VALUE"),
        (["WorkloadProfile=Custom"], "is about none of what"),
        (['httpd.nokind["x"].y=1'], "there is no kind"),
        (['httpd.server["main"].timeout=60s', 'httpd.server["main"].timeout=61s'], "is asked for twice"),
        (['web9/httpd:httpd.server["main"].timeout=60s'], "is about none of what"),
        (['httpd.server["main"].timeout=soon'], "soon"),
        ([], "Missing argument"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["what-if", str(SAMPLE), *words]) == 2
    assert says in capsys.readouterr().err


# -- our own simulation against what a virtual iLO shows after its POST ------------------------------------------------


def _shown(collected: Collected) -> dict[str, Any]:
    (bios,) = [one for one in interpret(collected, InterpretOptions()).resources if one.kind == "ilo.bios"]
    return {one.name: one.value for one in bios.attributes}


def _wish(name: str, value: Setting) -> Wish:
    given = Boolean(value) if isinstance(value, bool) else Number(value) if isinstance(value, int) else Text(str(value))
    return Wish(Address("web1/ilo", "ilo.bios", "1", name), given)


def _settable(personality: str) -> st.SearchStrategy[dict[str, Setting]]:
    """Up to four settings of one personality, each allowed by its registry or nearly so."""
    tree = bodies(personality)
    registry = read_registry(next(body for body in tree.values() if "RegistryEntries" in body))
    there: Any = tree[BIOS]["Attributes"]
    found = [
        st.tuples(st.just(name), st.sampled_from(rule.values) if rule.values else st.integers(-1, 40))
        for name, rule in registry.rules.items()
        if name in there and rule.type in ("Enumeration", "Integer")
    ]
    driven = st.tuples(st.just("WorkloadProfile"), st.sampled_from(registry.rules["WorkloadProfile"].values or ()))
    return st.lists(driven | st.one_of(found), min_size=1, max_size=4).map(dict)


@given(st.data())
@settings(max_examples=6)
def test_what_is_foretold_is_what_the_ilo_shows_after_the_reset(data: st.DataObject) -> None:
    personality = data.draw(st.sampled_from(NAMES))
    wanted = data.draw(_settable(personality))

    async def run() -> tuple[Proposal, Collected, Collected, Collected]:
        async with VirtualIlo(personality, USERNAME, PASSWORD, post_s=0.0) as ilo:
            before = await collected_from(ilo)
            wishes = tuple(_wish(name, value) for name, value in wanted.items())
            foretold = surface("ilo").propose(wishes, before, InterpretOptions())
            ilo.state.patch(PENDING, {"Attributes": dict(wanted)})
            waiting = await collected_from(ilo)
            ilo.state.start_post()
            return foretold, before, waiting, await collected_from(ilo)

    foretold, before, waiting, after = asyncio.run(run())
    was, is_ = _shown(before), _shown(after)
    assert {**_shown(waiting), "pending": was["pending"]} == was
    if foretold.refusals:
        assert is_["verdict"] != Text("applied")
        return
    assert {one.about for one in foretold.undecided} <= {"lock"}  # a virtual POST overrules nothing
    differs = {name: (was.get(name), is_[name]) for name in is_ if is_[name] != was.get(name) and name != "verdict"}
    assert differs == {one.address.attribute: (one.before, one.after) for one in foretold.effects
                       if one.address.kind == "ilo.bios"}  # fmt: skip
