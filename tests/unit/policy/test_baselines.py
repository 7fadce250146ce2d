from __future__ import annotations

import pytest

from auditor.errors import InputError
from auditor.model.drift import AttributeChange
from auditor.model.policy import Baseline
from auditor.model.resource import Resource
from auditor.model.snapshot import Gap
from auditor.model.target import LocalTree, Target
from auditor.model.value import Boolean, Duration, Many, NoLimit, Number, Text, Undetermined, Value, Version, texts
from auditor.policy.baselines import compare_baseline, examines, load_baseline, unasked
from tests.unit.policy.kinds import KINDS, bios, route, seen

WEB1 = Target("web1", "httpd", LocalTree("/etc/httpd"), groups=("all", "proxies"))


def _baseline(resources: str, head: str = "groups: [proxies]") -> Baseline:
    text = f"format: auditor.baseline/v1\nname: agreed\n{head}\nresources:\n{resources}"
    return load_baseline("b.yaml", text.encode(), KINDS)


def _values(values: str, name: str = "*", kind: str = "httpd.route") -> Baseline:
    return _baseline(f"  - kind: {kind}\n    name: '{name}'\n    values: {values}\n")


def _changes(baseline: Baseline, *resources: Resource, gaps: tuple[Gap, ...] = ()) -> list[AttributeChange]:
    return list(compare_baseline([baseline], WEB1, seen(*resources, gaps=gaps)))


@pytest.mark.parametrize(
    ("values", "found", "as_agreed"),
    [
        ("{read_timeout: 60s}", Duration(60), True),
        ("{read_timeout: 1m}", Duration(60), True),
        ("{read_timeout: {exactly: 60s}}", Duration(61), False),
        ("{read_timeout: {at_least: 60s}}", Duration(61), True),
        ("{read_timeout: {at_least: 60s}}", NoLimit(), True),
        ("{read_timeout: {at_least: 60s}}", Duration(59), False),
        ("{read_timeout: no limit}", NoLimit(), True),
        ("{read_timeout: {one_of: [10s, 60s]}}", Duration(10), True),
        ("{read_timeout: {one_of: [10s, 60s]}}", Duration(11), False),
        ("{read_timeout: unmanaged}", Undetermined("odd"), True),
    ],
)
def test_an_agreed_duration(values: str, found: Value, as_agreed: bool) -> None:
    assert (_changes(_values(values), route(read_timeout=found)) == []) is as_agreed


@pytest.mark.parametrize(
    ("values", "found", "as_agreed"),
    [
        ("{version: '2.10'}", Version("2.10"), True),
        ("{version: 2.10}", Version("2.10"), True),
        ("{version: '2.4.6'}", Version("2.4.7"), False),
        ("{version: {at_least: 2.4.6}}", Version("2.4.10"), True),
        ("{version: U46 v2.34}", Version("U46 v2.34 (04/08/2020)"), True),
    ],
)
def test_an_agreed_version(values: str, found: Value, as_agreed: bool) -> None:
    assert (_changes(_values(values), route(version=found)) == []) is as_agreed


def test_newer_than_exactly_is_reported_with_both_values_and_the_baseline() -> None:
    (change,) = _changes(_values("{version: '2.4.6'}"), route(version=Version("2.4.62")))
    assert (change.before, change.after, change.agreed_by) == (Version("2.4.6"), Version("2.4.62"), "agreed")
    assert str(change.address) == 'web1/httpd:httpd.route["shop /api"].version'
    assert str(change.after_source) == "conf.d/shop.conf:1"


@pytest.mark.parametrize(
    ("values", "found", "age"),
    [
        ("{version: U46 v2.34}", "U46 v2.40 (06/01/2025)", "newer"),
        ("{version: U46 v2.34}", "U46 v1.80 (07/05/2023)", "older"),
        ("{version: {at_least: 1.14.00}}", "1.13.00 Jan 02 2025", "older"),
        ("{version: {one_of: ['2.00', '2.10']}}", "2.20", "newer"),
        ("{version: {one_of: ['2.00', '2.20']}}", "2.10", ""),
        ("{version: U46 v2.34}", "U58 v2.44", ""),
        ("{version: HPG7}", "HPG8", ""),
    ],
)
def test_a_version_not_as_agreed_is_newer_or_older_only_where_that_is_plain(values: str, found: str, age: str) -> None:
    (change,) = _changes(_values(values), route(version=Version(found)))
    assert (change.after, change.age) == (Version(found), age)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ("{version: {at_least: HPG7}}", Version("HPG8")),
        ("{version: {at_least: U46 v2.34}}", Version("U58 v2.44")),
        ("{version: iLO 6 v1.66}", Version("1.66 Dec 13 2024")),
        ("{version: {one_of: [iLO 6 v1.60, iLO 6 v1.66]}}", Version("1.66 Dec 13 2024")),
        ("{read_timeout: 60s}", Undetermined("needs the version")),
        ("{read_timeout: {one_of: [60s]}}", Undetermined("needs the version")),
        ("{members: [a]}", Many((Undetermined("odd"),))),
    ],
)
def test_what_cannot_be_compared_is_neither_agreement_nor_proven_drift(values: str, found: Value) -> None:
    name = values[1:].split(":", 1)[0]
    (change,) = _changes(_values(values), route(**{name: found}))
    assert isinstance(change.after, Undetermined)


def test_values_of_an_open_kind_are_taken_as_written() -> None:
    baseline = _values("{BootMode: Uefi, Hyper: Yes, Count: 3, Flag: true, Text: '3'}", "1", "ilo.bios")
    good = bios(BootMode=Text("Uefi"), Hyper=Text("Yes"), Count=Number(3), Flag=Boolean(True), Text=Text("3"))
    target = Target("web1", "ilo", LocalTree("/"), groups=("proxies",))
    assert compare_baseline([baseline], target, seen(good, target="web1/ilo")) == ()


def test_what_is_agreed_and_not_there_is_removed_or_hidden() -> None:
    baseline = _values("{read_timeout: 60s}", "shop /api")
    (gone,) = _changes(baseline, route("other", read_timeout=Duration(60)))
    assert (gone.kind, gone.after) == ("removed", None)
    (hidden,) = _changes(baseline, gaps=(Gap("conf.d/x.conf", "not permitted"),))
    assert isinstance(hidden.after, Undetermined)
    (absent,) = _changes(baseline, route("shop /api"))
    assert absent.after is None


def test_a_resource_that_is_gone_is_one_change() -> None:
    baseline = _values("{read_timeout: 60s, connect_timeout: 5s}", "shop /api")
    changes = _changes(baseline, route("other", read_timeout=Duration(60)))
    assert [(str(change.address), change.kind) for change in changes] == [
        ('web1/httpd:httpd.route["shop /api"]', "removed")
    ]


def test_a_pattern_asks_nothing_where_there_is_nothing_and_says_so_where_something_may_be_hidden() -> None:
    baseline = _values("{read_timeout: 60s}")
    assert _changes(baseline) == []
    (hidden,) = _changes(baseline, gaps=(Gap("conf.d/x.conf", "not permitted"),))
    assert isinstance(hidden.after, Undetermined)


BOTH = (
    "  - kind: httpd.route\n    name: 'shop*'\n    values: {read_timeout: 60s}\n"
    "  - kind: httpd.route\n    name: 'old*'\n    values: {read_timeout: 9s}\n"
)


def test_a_pattern_that_fits_nothing_is_not_asked_however_much_else_is_compared() -> None:
    baseline, found = _baseline(BOTH), seen(route(read_timeout=Duration(60)))
    assert examines([baseline], WEB1, found)
    ((name, agreed),) = unasked([baseline], WEB1, found)
    assert (name, agreed.kind, agreed.name, agreed.line) == ("agreed", "httpd.route", "old*", 10)
    # One entry however many of its values are agreed; an exact name, and what may be hidden, are told otherwise.
    assert len(unasked([_values("{read_timeout: 60s, connect_timeout: 5s}")], WEB1, seen())) == 1
    assert unasked([_values("{read_timeout: 60s}", "shop /api")], WEB1, seen()) == ()
    assert unasked([_values("{read_timeout: unmanaged}")], WEB1, seen()) == ()
    assert unasked([baseline], WEB1, seen(gaps=(Gap("conf.d/x.conf", "not permitted"),))) == ()
    assert unasked([_values("{BootMode: Uefi}", "*", "ilo.bios")], WEB1, found) == ()


@pytest.mark.parametrize(
    ("agreement", "there", "expected"),
    [
        ("exactly", ["a", "b"], []),
        ("exactly", ["a"], [("removed", "b")]),
        ("exactly", ["a", "b", "c"], [("added", "c")]),
        ("at_least", ["a", "b", "c"], []),
        ("at_least", ["c"], [("removed", "a"), ("removed", "b")]),
    ],
)
def test_which_resources_there_are_can_be_agreed(
    agreement: str, there: list[str], expected: list[tuple[str, str]]
) -> None:
    baseline = _baseline(f"  - kind: httpd.route\n    names: {{{agreement}: [a, b]}}\n")
    changes = _changes(baseline, *(route(name, scheme=Text("http")) for name in there))
    assert [(change.kind, change.address.name) for change in changes] == expected


def test_an_exact_name_counts_before_a_pattern_and_a_later_baseline_before_an_earlier() -> None:
    both = _baseline(
        "  - kind: httpd.route\n    name: shop /api\n    values: {read_timeout: 99s}\n"
        "  - kind: httpd.route\n    values: {read_timeout: 60s}\n"
    )
    assert _changes(both, route(read_timeout=Duration(99)), route("other", read_timeout=Duration(60))) == []
    later = _values("{read_timeout: 10s}")
    (change,) = compare_baseline([both, later], WEB1, seen(route(read_timeout=Duration(99))))
    assert change.before == Duration(10)


@pytest.mark.parametrize(
    ("head", "counts"),
    [
        ("groups: [proxies]", True),
        ("groups: ['prox*']", True),
        ("groups: [all]", True),
        ("hosts: [web1]", True),
        ("groups: [databases]\nhosts: ['db*']", False),
    ],
)
def test_a_baseline_counts_for_its_groups_and_hosts(head: str, counts: bool) -> None:
    baseline = _baseline("  - kind: httpd.route\n    values: {read_timeout: 60s}\n", head)
    assert bool(_changes(baseline, route(read_timeout=Duration(1)))) is counts


def test_a_baseline_of_another_surface_asks_nothing() -> None:
    assert _changes(_values("{BootMode: Uefi}", "1", "ilo.bios"), route()) == []


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ("  - kind: httpd.rout\n    values: {a: 1}\n", 'unknown kind "httpd.rout"; did you mean httpd.route?'),
        ("  - kind: httpd.route\n    values: {read_timout: 1s}\n", "did you mean read_timeout?"),
        (
            "  - kind: httpd.route\n    values: {read_timeout: 60}\n",
            "b.yaml:6:28: resources[0].values.read_timeout: a dur",
        ),
        ("  - kind: httpd.route\n    values: {read_timeout: {exactly: 1s, at_least: 2s}}\n", "give one of exactly"),
        ("  - kind: httpd.route\n    values: {read_timeout: {exactl: 1s}}\n", "did you mean exactly?"),
        ("  - kind: httpd.route\n    values: {read_timeout: {one_of: []}}\n", "one_of needs a list"),
        ("  - kind: httpd.route\n    values: {scheme: {at_least: http}}\n", "at_least means nothing for scheme"),
        ("  - kind: httpd.route\n    values: {excluded: maybe}\n", "true or false is expected"),
        ("  - kind: httpd.route\n    values: {members: a}\n", "a list is expected"),
        ("  - kind: httpd.route\n    values: {key: hunter2}\n", "a secret's value is never written down"),
        ("  - kind: httpd.route\n    values: {scheme: }\n", "a value is missing"),
        ("  - kind: httpd.route\n", "it agrees nothing"),
        ("  - kind: httpd.route\n    names: {}\n", "give either exactly or at_least"),
    ],
)
def test_a_mistake_is_named(resources: str, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        _baseline(resources)
    assert expected in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_baseline_for_nobody_is_a_mistake() -> None:
    with pytest.raises(InputError, match="it names no group and no host"):
        _baseline("  - kind: httpd.route\n    values: {max: 1}\n", "description: for nobody")


def test_lists_are_agreed_in_their_order() -> None:
    baseline = _values("{members: [a, b]}")
    assert _changes(baseline, route(members=texts("a", "b"))) == []
    assert len(_changes(baseline, route(members=texts("b", "a")))) == 1
