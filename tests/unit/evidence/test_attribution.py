"""By whose hand a change came about."""

from __future__ import annotations

import msgspec
import pytest

from auditor.evidence.attribution import attribute_drift, attribution
from auditor.model.drift import AttributeChange, TargetDrift
from auditor.model.event import Event, EventEffect
from auditor.model.resource import Address
from auditor.model.source import FileSource
from auditor.model.value import Duration, Text, Value, Version

ROUTE = Address("web1/httpd", "httpd.route", "shop /api", "read_timeout")
SOURCE = FileSource("conf.d/shop.conf", 28, 28)
PLAN = "7c" * 32
MINUTE = Duration(60.0)


def change(address: Address = ROUTE, after: Value | None = MINUTE, **more: object) -> AttributeChange:
    return AttributeChange(address, "changed", Duration(300.0), after, SOURCE, SOURCE, **more)  # type: ignore[arg-type]


def event(kind: str = "applied", time: str = "2026-11-22T22:14:00Z", after: Value | None = MINUTE) -> Event:
    effects = (EventEffect(ROUTE, Duration(300.0), after),)
    return Event(kind, time, PLAN, "ops1", ("web1/httpd",), effects=effects)  # type: ignore[arg-type]


def test_a_value_that_a_plan_brought_is_the_plan_s() -> None:
    told = attribution(change(), [event()])
    assert (told.hand, told.reference) == ("plan", PLAN)
    assert "ops1" in told.text
    assert "7c7c7c" in told.text


def test_another_value_in_the_same_place_is_not_the_plan_s() -> None:
    assert attribution(change(after=Duration(120.0)), [event()]).hand == "out of band"


def test_another_place_or_machine_is_not_the_plan_s() -> None:
    elsewhere = [
        change(ROUTE.on("web2/httpd")),
        change(msgspec.structs.replace(ROUTE, name="shop /app")),
        change(msgspec.structs.replace(ROUTE, attribute="connect_timeout")),
    ]
    assert [attribution(one, [event()]).hand for one in elsewhere] == ["out of band"] * 3


@pytest.mark.parametrize(
    ("since", "until", "hand"),
    [
        ("", "", "plan"),
        ("2026-11-22T02:00:00Z", "2026-11-23T02:00:00Z", "plan"),
        ("2026-11-23T02:00:00Z", "", "out of band"),
        ("", "2026-11-22T02:00:00Z", "out of band"),
    ],
)
def test_only_the_time_in_question_counts(since: str, until: str, hand: str) -> None:
    assert attribution(change(), [event()], since=since, until=until).hand == hand


def test_the_snapshot_after_an_apply_belongs_to_its_plan_whatever_the_clock_says() -> None:
    assert attribution(change(), [event()], until="2026-11-22T02:00:00Z", plan=PLAN).hand == "plan"


def test_the_last_event_decides() -> None:
    back = event("rolled back", "2026-11-22T22:20:00Z", after=Duration(300.0))
    assert attribution(change(), [event(), back]).hand == "out of band", "60 s came back after it was taken back"
    assert attribution(change(after=Duration(300.0)), [event(), back]).hand == "plan"


def test_a_taking_back_does_not_deny_the_apply_before_it() -> None:
    back = event("rolled back", "2026-11-22T22:20:00Z", after=Duration(300.0))
    told = attribution(change(), [event(), back], until="2026-11-22T22:15:00Z", plan=PLAN)
    assert (told.hand, told.text.split()[0]) == ("plan", "by")


@pytest.mark.parametrize("kind", ["planned", "approved", "refused", "agreed", "incomplete"])
def test_an_event_that_changes_nothing_is_nobody_s_hand(kind: str) -> None:
    assert attribution(change(), [event(kind)]).hand == "out of band"


def test_a_file_counts_only_where_the_event_names_no_values() -> None:
    bare = Event(
        "applied", "2026-11-22T22:14:00Z", PLAN, targets=("web1/httpd",), documents=("web1/httpd:conf.d/shop.conf",)
    )
    assert attribution(change(), [bare]).hand == "plan"
    with_values = msgspec.structs.replace(bare, effects=event().effects)
    other = change(msgspec.structs.replace(ROUTE, name="another line of the file"))
    assert attribution(other, [with_values]).hand == "out of band"


def test_a_package_is_a_package_s_and_takes_the_version_with_it() -> None:
    package = AttributeChange(
        Address("web1/httpd", "httpd.package", "httpd", "version"), "changed", Version("2.4.6-97"), Version("2.4.6-99")
    )
    server = AttributeChange(Address("web1/httpd", "httpd.server", "main", "version"), "changed", Text("a"), Text("b"))
    both = attribute_drift(TargetDrift("web1/httpd", "httpd", True, (package, server)), [])
    assert [one.attribution.hand for one in both.changes] == ["package", "package"]
    alone = attribute_drift(TargetDrift("web1/httpd", "httpd", True, (server,)), [])
    assert alone.changes[0].attribution.hand == "out of band"


def test_an_effect_has_the_hand_of_its_cause() -> None:
    cause = change(Address("web1/httpd", "httpd.directive", "x", "arguments"), Text("60"))
    effect = change(effect_of=cause.address)
    events = [msgspec.structs.replace(event(), effects=(EventEffect(cause.address, None, Text("60")),))]
    drift = attribute_drift(TargetDrift("web1/httpd", "httpd", True, (cause, effect)), events)
    assert [one.attribution.hand for one in drift.changes] == ["plan", "plan"]


def test_the_digest_of_a_file_follows_only_when_all_of_the_file_is_the_plan_s() -> None:
    digest = AttributeChange(
        Address("web1/httpd", "httpd.file", "conf.d/shop.conf", "digest"), "changed", Text("1"), Text("2")
    )
    drift = attribute_drift(TargetDrift("web1/httpd", "httpd", True, (change(), digest)), [event()])
    assert drift.changes[1].attribution.hand == "plan"
    by_hand = change(msgspec.structs.replace(ROUTE, name="shop /app"))
    mixed = attribute_drift(TargetDrift("web1/httpd", "httpd", True, (change(), by_hand, digest)), [event()])
    assert [one.attribution.hand for one in mixed.changes] == ["plan", "out of band", "out of band"]
