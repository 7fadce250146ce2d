"""How old a proof is, from the ledger of a real store, and what the rule's attributes say of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auditor.model.alert import ChannelProof, ProofReport, ProofState, TargetProof
from auditor.model.target import IloEndpoint, Target
from auditor.model.value import NoLimit, Number, Undetermined, Value, show, texts
from auditor.services.alert_record import Proofs, ages, announce, proofs_of, record
from auditor.services.fleet import Fleet, load_fleet
from auditor.store import Store

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
TARGET = Target("web1", "ilo", IloEndpoint("https://web1-ilo.example"))


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    (tmp_path / "auditor.yaml").write_text(
        "format: auditor.fleet/v1\nfleet: {id: f, key_id: 00abcdef}\nhosts:\n"
        "  web1: {ilo: {url: 'https://web1-ilo.example'}}\n"
    )
    found = load_fleet(tmp_path)
    found.store_path.parent.mkdir(parents=True, exist_ok=True)
    Store.create(found.store_path).close()
    return found


def report(**states: ProofState) -> ProofReport:
    channels = tuple(ChannelProof(name, state) for name, state in states.items())  # type: ignore[arg-type]
    return ProofReport("2026-11-22T02:00:00Z", 1.0, (TargetProof("web1/ilo", channels),))


def test_a_proof_is_remembered_and_only_what_arrived_counts(fleet: Fleet) -> None:
    for days, states in (
        (100, {"snmp": "arrived", "mail": "arrived"}),
        (3, {"snmp": "arrived", "mail": "not arrived"}),
    ):
        done = record(fleet, report(**states), NOW - timedelta(days=days), "ops1")  # type: ignore[arg-type]
        assert done.targets[0].recorded
    proofs = proofs_of(fleet, NOW)
    assert proofs.unknown == ""
    assert {channel: (NOW - moment).days for (_, channel), moment in proofs.last.items()} == {"snmp": 3, "mail": 100}


def test_what_was_asked_for_and_not_finished_leaves_a_trace_and_proves_nothing(fleet: Fleet) -> None:
    announce(fleet, [TARGET], NOW, "ops1")
    with Store.open(fleet.store_path) as store:
        (event,) = store.events(kind="alert tested")
    assert (event.targets, event.actor, event.detail) == (("web1/ilo",), "ops1", (("state", "asked for"),))
    assert proofs_of(fleet, NOW).last == {}


def test_a_proof_from_the_future_or_long_ago_counts_for_nothing(fleet: Fleet) -> None:
    for days in (-1, 401):
        record(fleet, report(snmp="arrived"), NOW - timedelta(days=days), "")
    assert proofs_of(fleet, NOW).last == {}


def test_a_channel_that_is_not_set_up_is_not_recorded(fleet: Fleet) -> None:
    assert not record(fleet, report(mail="not set up"), NOW, "").targets[0].recorded


def test_a_ledger_that_cannot_be_read_is_undetermined_and_never_a_proof(fleet: Fleet, tmp_path: Path) -> None:
    fleet.store_path.rename(tmp_path / "elsewhere.git")
    proofs = proofs_of(fleet, NOW)
    assert proofs.unknown
    assert all(isinstance(one.value, Undetermined) for one in ages(texts("snmp 10.9.0.4"), "web1/ilo", proofs, NOW))


@pytest.mark.parametrize(
    ("ways", "days", "oldest", "told"),
    [
        (["snmp 10.9.0.4"], {"snmp": 0}, Number(0), "snmp today"),
        (
            ["snmp 10.9.0.4", "snmp 10.9.0.5", "mail a"],
            {"snmp": 3, "mail": 1},
            Number(3),
            "snmp 3 days ago, mail 1 day ago",
        ),
        (["snmp 10.9.0.4", "event https://a"], {"snmp": 3}, NoLimit(), "snmp 3 days ago, event never"),
        (["syslog 10.9.0.4"], {"snmp": 3}, NoLimit(), "syslog never"),
    ],
)
def test_the_way_that_was_proven_longest_ago_counts(
    ways: list[str], days: dict[str, int], oldest: Value, told: str
) -> None:
    proofs = Proofs({("web1/ilo", channel): NOW - timedelta(days=number) for channel, number in days.items()})
    found = {one.name: one.value for one in ages(texts(*ways), "web1/ilo", proofs, NOW)}
    assert found["alert_proven_days"] == oldest
    assert show(found["alert_proofs"]) == told


def test_a_machine_without_any_way_is_left_to_the_rule_about_that() -> None:
    assert ages(texts(), "web1/ilo", Proofs({}), NOW) == []


@pytest.mark.parametrize(
    ("days", "oldest"),
    [
        ({"snmp": 3}, Undetermined("mail a@b.example: whether it is licensed")),
        ({"snmp": 3, "mail": 120}, Number(120)),
        ({"mail": 1}, NoLimit()),
    ],
)
def test_a_way_that_is_not_sure_and_was_never_proven_leaves_open_whether_all_are(
    days: dict[str, int], oldest: Value
) -> None:
    proofs = Proofs({("web1/ilo", channel): NOW - timedelta(days=number) for channel, number in days.items()})
    unsure = texts("mail a@b.example: whether it is licensed")
    found = {one.name: one.value for one in ages(texts("snmp 10.9.0.4"), "web1/ilo", proofs, NOW, unsure)}
    assert found["alert_proven_days"] == oldest
