"""What holds for any rules, values and fleets."""

from __future__ import annotations

import string
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import InputError
from auditor.model.resource import Attribute, Resource, make_resource
from auditor.model.snapshot import Interpretation
from auditor.model.target import LocalTree, Target
from auditor.model.value import (
    Boolean,
    Duration,
    Many,
    NoLimit,
    Number,
    Text,
    Undetermined,
    Value,
    Version,
)
from auditor.policy.baselines import compare_baseline
from auditor.policy.document import load_document
from auditor.policy.evaluate import HostFacts, evaluate
from auditor.policy.expression import ExpressionError, parse
from auditor.policy.rules import load_policy
from auditor.policy.versions import compare_versions
from auditor.services.adopt import AdoptReport, adopt
from auditor.services.check import kinds_of
from tests.unit.policy.kinds import KINDS, route, rule, seen

ALL_KINDS = kinds_of()
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
DURATION: st.SearchStrategy[Value] = st.one_of(
    st.integers(0, 10**6).map(lambda n: Duration(float(n))),
    st.integers(0, 10**6).map(lambda n: Duration(n / 1000)),
    st.just(NoLimit()),
)
SCALAR: st.SearchStrategy[Value] = st.one_of(
    TEXT.map(Text), st.integers(-(10**9), 10**9).map(Number), st.booleans().map(Boolean)
)


# --- rules ------------------------------------------------------------------------------------------------------

TERMS = (
    "self.read_timeout <= duration('60s')",
    "self.max > 1",
    "self.excluded",
    "self.scheme == 'http'",
    "self.members.all(m, m == 'a')",
    "self.members.exists(m, m == 'a')",
    "has(self.max)",
    "has(self.read_timeout)",
    "size(self.members) > 0",
    "version_at_least(self.version, '2.4')",
    "true",
)
EXPRESSION = st.recursive(
    st.sampled_from(TERMS),
    lambda inner: st.one_of(
        inner.map(lambda one: f"!({one})"),
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(
            lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})"
        ),
        st.tuples(inner, inner, inner).map(lambda parts: f"(({parts[0]}) ? ({parts[1]}) : ({parts[2]}))"),
    ),
    max_leaves=6,
)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "read_timeout": DURATION,
        "max": st.integers(0, 3).map(Number),
        "excluded": st.booleans().map(Boolean),
        "scheme": st.sampled_from(["http", "ws"]).map(Text),
        "members": st.lists(st.sampled_from(["a", "b"]).map(Text), max_size=2).map(lambda items: Many(tuple(items))),
        "version": st.sampled_from(["2.4.6", "HPG7"]).map(Version),
    },
)


@given(EXPRESSION, VALUES, st.data())
def test_what_is_unknown_never_decides(expression: str, values: dict[str, Value], data: st.DataObject) -> None:
    """An attribute that is named and undetermined makes the rule not evaluated, whatever else holds."""
    policy = load_policy([("f", rule(expression))], KINDS)
    used = policy.compiled[0].condition.uses.attributes
    if not used:
        return
    hidden = data.draw(st.sampled_from(used))
    resource = route(**{**values, hidden: Undetermined("not seen")})
    (result,) = evaluate(policy, seen(resource), HostFacts("web1")).results
    assert result.outcome == "not evaluated"


def _answer(expression: str, values: dict[str, Value]) -> bool | None:
    """What a plain reading of the expression gives: None where a part of it that is reached cannot be answered."""
    names: dict[str, Any] = {}
    for key, value in values.items():
        match value:
            case NoLimit():
                names[key] = float("inf")
            case Duration(seconds):
                names[key] = seconds
            case Many(items):
                names[key] = [item.value for item in items if isinstance(item, Text)]
            case Version(text):
                names[key] = text
            case Number(plain) | Boolean(plain) | Text(plain):
                names[key] = plain

    class Unanswered(Exception):
        pass

    def get(key: str) -> Any:
        if key not in names:
            raise Unanswered
        return names[key]

    def some(key: str) -> list[str]:
        if not get(key):
            raise Unanswered
        return list(names[key])

    def version() -> bool:
        if get("version") == "HPG7":
            raise Unanswered
        return True

    terms = dict(
        zip(
            TERMS,
            (
                lambda: get("read_timeout") <= 60,
                lambda: get("max") > 1,
                lambda: get("excluded"),
                lambda: get("scheme") == "http",
                lambda: all(one == "a" for one in some("members")),
                lambda: any(one == "a" for one in some("members")),
                lambda: "max" in names,
                lambda: "read_timeout" in names,
                lambda: len(get("members")) > 0,
                version,
                lambda: True,
            ),
            strict=True,
        )
    )
    python = expression
    for number, term in enumerate(TERMS):
        python = python.replace(term, f"T[{number}]()") if term != "true" else python.replace("(true)", "(T[10]())")
    if python == "true":
        return True
    python = python.replace("&&", " and ").replace("||", " or ").replace("!", " not ")
    while "?" in python:
        return None
    try:
        return bool(eval(python, {"T": list(terms.values())}))  # the text is made of the terms above
    except Unanswered:
        return None


@given(EXPRESSION.filter(lambda text: "?" not in text), VALUES)
def test_an_answer_that_is_given_is_the_plain_one(expression: str, values: dict[str, Value]) -> None:
    """Pass and fail agree with a plain reading; only "not evaluated" may be more careful than it."""
    policy = load_policy([("f", rule(expression))], KINDS)
    (result,) = evaluate(policy, seen(route(**values)), HostFacts("web1")).results
    if result.outcome != "not evaluated":
        assert result.outcome == ("pass" if _answer(expression, values) else "fail")


def _place_of_mistake(text: str) -> int | None:
    try:
        parse(text)
    except ExpressionError as error:
        return error.offset
    return None


@given(st.text(string.printable, max_size=60))
def test_any_text_is_an_expression_or_a_mistake_with_a_place(text: str) -> None:
    offset = _place_of_mistake(text)
    assert offset is None or 0 <= offset <= len(text)


def _file_of_mistake(content: bytes) -> str:
    try:
        load_document("own.yaml", content)
    except InputError as error:
        return error.where or "nowhere"
    return "own.yaml"


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_any_bytes_are_a_document_or_a_mistake(content: bytes) -> None:
    assert _file_of_mistake(content).startswith("own.yaml")


FAMILY = st.sampled_from(["", "iLO 5 v", "iLO 6 v", "U46 v", "P89 ", "NEC "])
NUMBERS = st.lists(st.integers(0, 120), min_size=1, max_size=5).map(lambda parts: ".".join(map(str, parts)))
SUFFIX = st.sampled_from(
    ["", "-7", "-99.el7", "-97.el7", " Build 7", " Build 12", " (04/08/2020)", " May 28 2025", " 2025-05-28", " (a)"]
)
OPAQUE = [
    "HPG7",
    "0x15",
    "0x16",
    "96.00.AF.00.02",
    "1.3 0",
    "P89 (10/16/2020)",
    "05/21/2018",
    "2018-05-22",
    "",
    "\u0663",
]
VERSION = st.one_of(
    st.tuples(FAMILY, NUMBERS, SUFFIX).map("".join),
    st.sampled_from(OPAQUE),
    st.text("0123456789.vUx -/()", max_size=12),
)


@given(VERSION, VERSION)
def test_versions_are_ordered_both_ways_alike(left: str, right: str) -> None:
    there, back = compare_versions(left, right), compare_versions(right, left)
    assert (there is None and back is None) or (there is not None and back is not None and there == -back)
    assert compare_versions(left, left) == 0


@given(FAMILY, st.lists(st.tuples(NUMBERS, SUFFIX), min_size=3, max_size=3))
def test_the_order_of_versions_is_transitive(family: str, rest: list[tuple[str, str]]) -> None:
    one, two, three = (family + "".join(each) for each in rest)
    first, second = compare_versions(one, two), compare_versions(two, three)
    if first is not None and first == second:
        assert compare_versions(one, three) == first
    if first == 0:  # equal versions are alike to every third one
        assert compare_versions(one, three) == second


@given(FAMILY, st.lists(st.lists(st.integers(10, 99), min_size=1, max_size=5), min_size=2, max_size=6))
def test_numbers_of_one_family_are_totally_ordered(family: str, versions: list[list[int]]) -> None:
    def written(numbers: list[int]) -> str:
        return family + ".".join(map(str, numbers))

    ordered = sorted(versions)
    for older, newer in pairwise(ordered):
        assert compare_versions(written(older), written(newer)) == (0 if older == newer else -1)


@given(st.permutations(["", "iLO 5 v", "iLO 6 v", "U46 v"]), NUMBERS, NUMBERS)
def test_versions_of_two_families_have_no_order(families: list[str], left: str, right: str) -> None:
    assert compare_versions(families[0] + left, families[1] + right) is None


# --- adopting ---------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["shop /api", "*:80 /", 'odd "name" #1', "^/img/(.*)$", "日本 /x"])


@st.composite
def hosts(draw: st.DrawFn) -> list[Interpretation]:
    """A group of hosts of one surface that mostly agree."""
    surface = draw(st.sampled_from(["httpd", "ilo"]))
    routes = draw(st.dictionaries(NAMES, st.tuples(DURATION, TEXT.map(Text)), min_size=1, max_size=3))
    bios = draw(st.dictionaries(st.sampled_from(["BootMode", "Odd-Name", "x y", "on", "#"]), SCALAR, min_size=1))
    found = []
    for number in range(draw(st.integers(1, 5))):
        resources: list[Resource] = []
        if surface == "httpd":
            for name, (duration, text) in routes.items():
                own = draw(DURATION) if draw(st.booleans()) else duration
                attributes = [Attribute("read_timeout", own), Attribute("url", text)]
                resources.append(make_resource("httpd.route", name, attributes))
            if draw(st.booleans()):
                resources.append(make_resource("httpd.module", draw(NAMES), [Attribute("built_in", Boolean(True))]))
        else:
            values = {key: draw(SCALAR) if draw(st.booleans()) else value for key, value in bios.items()}
            resources.append(make_resource("ilo.bios", "1", [Attribute(key, value) for key, value in values.items()]))
            destinations = draw(st.sets(NAMES, max_size=2))
            protocol = [Attribute("protocol", Text("SNMPv3Trap"))]
            resources += (make_resource("ilo.snmp_destination", name, protocol) for name in destinations)
        ordered = tuple(sorted(resources, key=lambda one: (one.kind, one.name)))
        found.append(Interpretation(f"web{number}/{surface}", surface, ordered))
    return found


def _adopted(found: list[Interpretation]) -> AdoptReport | None:
    """The baseline, or None where the hosts have nothing in common: then it says so."""
    try:
        return adopt("proxies", found, ALL_KINDS)
    except InputError as error:
        if "nothing in common" in error.what:
            return None
        raise


@given(hosts())
def test_who_is_no_outlier_is_as_adopted_and_who_is_one_is_not(found: list[Interpretation]) -> None:
    report = _adopted(found)
    if report is None:
        return
    outliers = {outlier.address.target for outlier in report.outliers if outlier.agreed is not None}
    for one in found:
        host, surface = one.target.split("/")
        target = Target(host, surface, LocalTree("/"), groups=("all", "proxies"))
        changes = compare_baseline([report.baseline], target, one)
        added = any(change.kind == "added" for change in changes)
        assert bool(changes) == (one.target in outliers or added)
        assert added <= (one.target in {outlier.address.target for outlier in report.outliers})
