from __future__ import annotations

from datetime import date

import pytest

from auditor.model.finding import RuleResult
from auditor.model.policy import Waiver, Wording
from auditor.model.resource import Resource
from auditor.model.snapshot import Gap
from auditor.model.source import FileSource
from auditor.model.value import (
    Boolean,
    Duration,
    Many,
    NoLimit,
    Number,
    Secret,
    Text,
    Undetermined,
    Value,
    Version,
    texts,
)
from auditor.policy.evaluate import HostFacts, evaluate
from auditor.policy.rules import load_policy
from tests.unit.policy.kinds import KINDS, bios, route, rule, seen

HOST = HostFacts("web1", target="web1/httpd", surface="httpd", groups=("all", "proxies"), httpd_version="2.4.6")
TODAY = date(2026, 11, 22)
BOUND = "self.read_timeout <= duration('60s')"


def _ask(
    content: bytes,
    *resources: Resource,
    gaps: tuple[Gap, ...] = (),
    host: HostFacts = HOST,
    waivers: tuple[Waiver, ...] = (),
    known: frozenset[str] = frozenset(),
    target: str = "web1/httpd",
) -> RuleResult:
    policy = load_policy([("own.yaml", content)], KINDS)
    checked = evaluate(policy, seen(*resources, gaps=gaps, target=target), host, waivers, TODAY, known)
    return checked.results[0]


def _outcome(expression: str, where: str = "", **values: Value) -> str:
    return _ask(rule(expression, where=where), route(**values)).outcome


@pytest.mark.parametrize(
    ("expression", "values", "outcome"),
    [
        (BOUND, {"read_timeout": Duration(60)}, "pass"),
        (BOUND, {"read_timeout": Duration(60.001)}, "fail"),
        (BOUND, {"read_timeout": NoLimit()}, "fail"),
        ("self.read_timeout > duration('2000000h')", {"read_timeout": NoLimit()}, "pass"),
        (
            "self.read_timeout < self.connect_timeout",
            {"read_timeout": Duration(1e300), "connect_timeout": NoLimit()},
            "pass",
        ),
        ("self.max < 1000000000", {"max": NoLimit()}, "fail"),
        ("self.max <= 1.5", {"max": Number(1)}, "pass"),
        ("self.max < 1000000000", {"max": Number(10**30)}, "fail"),
        ("self.max > -1", {"max": Number(-(10**400))}, "fail"),
        ("self.scheme.endsWith('x')", {"scheme": Text("日本 \ud800 x")}, "pass"),
        ("self.scheme in ['http', 'https']", {"scheme": Text("http")}, "pass"),
        ("self.scheme.matches('^h2?')", {"scheme": Text("h2c")}, "pass"),
        ("self.members.all(m, m.startsWith('a'))", {"members": texts("a", "b")}, "fail"),
        ("self.members.exists(m, m == 'b')", {"members": texts("a", "b")}, "pass"),
        ("size(self.members) == 0", {"members": Many(())}, "pass"),
        ("version_at_least(self.version, '2.4.7')", {"version": Version("2.4.6")}, "fail"),
        ("version_at_least(self.version, '2.4.7')", {"version": Version("2.4.10")}, "pass"),
        ("version_is(self.version, 'v2.4.6')", {"version": Version("2.4.6")}, "pass"),
        (
            "self.key == self.other_key",
            {"key": Secret("auditor-secret:1:2"), "other_key": Secret("auditor-secret:1:3")},
            "fail",
        ),
        ("host.name == 'web1' && 'proxies' in host.groups", {"max": Number(1)}, "pass"),
        ("version_at_least(host.httpd_version, '2.4')", {"max": Number(1)}, "pass"),
        ("self.excluded ? true : self.max > 1", {"excluded": Boolean(False), "max": Number(1)}, "fail"),
    ],
)
def test_an_answer(expression: str, values: dict[str, Value], outcome: str) -> None:
    assert _outcome(expression, **values) == outcome


@pytest.mark.parametrize(
    ("expression", "values", "reason"),
    [
        (BOUND, {"scheme": Text("http")}, "it has no read_timeout"),
        (BOUND, {"read_timeout": Undetermined("needs the version")}, "read_timeout is undetermined: needs the version"),
        ("self.scheme == 'http' || " + BOUND, {"scheme": Text("http")}, "it has no read_timeout"),
        ("self.scheme == 'ws' && " + BOUND, {"scheme": Text("http")}, "it has no read_timeout"),
        (
            "!has(self.read_timeout) || " + BOUND,
            {"read_timeout": Undetermined("odd")},
            "read_timeout is undetermined: odd",
        ),
        ("has(self.read_timeout)", {"read_timeout": Undetermined("odd")}, "read_timeout is undetermined: odd"),
        ("has(self.max) || " + BOUND + " || self.max > 1", {"read_timeout": Duration(1)}, "it has no max"),
        (
            "(has(self.max) || self.scheme == 'http') && (self.scheme == 'http' || self.max > 1)",
            {"scheme": Text("http")},
            "it has no max",
        ),
        ("self.members.all(m, m == 'a')", {"members": Many(())}, "its members is empty"),
        ("self.members.exists(m, m == 'a')", {"members": Many(())}, "its members is empty"),
        ("!self.members.exists(m, m == 'a')", {"members": Many(())}, "its members is empty"),
        (
            "self.members.all(m, m == 'a')",
            {"members": Many((Text("a"), Undetermined("odd")))},
            "members is undetermined",
        ),
        ("self.members[3] == 'a'", {"members": texts("a")}, "it could not be worked out"),
        ("self.max / 0 == 1", {"max": Number(1)}, "it could not be worked out"),
        ("self.members.all(m, m > 1)", {"members": texts("a")}, "it could not be worked out"),
        (BOUND, {"read_timeout": Text("60s")}, "read_timeout cannot be judged: it is text, not a duration"),
        ("self.scheme == 'x'", {"scheme": NoLimit()}, "scheme cannot be judged"),
        ("version_at_least(self.version, '2')", {"version": Version("HPG7")}, "have no plain order"),
        (
            "self.max == 1 || version_at_least(self.version, '2')",
            {"max": Number(2), "version": Version("HPG7")},
            "have no plain order",
        ),
        (
            "!version_at_least(self.version, '2')",
            {"version": Version("HPG7")},
            "have no plain order",
        ),
        ("host.mpm == 'event'", {"max": Number(1)}, "the MPM is not known: give --module mpm_event_module"),
    ],
)
def test_what_cannot_be_answered_is_no_pass(expression: str, values: dict[str, Value], reason: str) -> None:
    result = _ask(rule(expression), route(**values))
    assert result.outcome == "not evaluated"
    assert reason in result.reason
    assert result.not_evaluated[0][0].name == "shop /api"
    assert not result.findings


@pytest.mark.parametrize(
    ("expression", "values", "outcome"),
    [
        ("!has(self.read_timeout) || " + BOUND, {"scheme": Text("http")}, "pass"),
        ("has(self.read_timeout) && " + BOUND, {"scheme": Text("http")}, "fail"),
        ("has(self.read_timeout) ? " + BOUND + " : true", {"scheme": Text("http")}, "pass"),
        ("!(has(self.read_timeout) && has(self.max)) || self.max > 1", {"max": Number(0)}, "pass"),
        ("size(self.members) == 0 || self.members.all(m, m == 'a')", {"members": Many(())}, "pass"),
        ("self.members.size() > 0 && self.members.all(m, m == 'a')", {"members": Many(())}, "fail"),
        ("'read_timeout' in self ? " + BOUND + " : true", {"scheme": Text("http")}, "pass"),
        ("!has(host.mpm) || host.mpm == 'event'", {"max": Number(1)}, "pass"),
    ],
)
def test_a_guard_lets_an_absence_be_judged(expression: str, values: dict[str, Value], outcome: str) -> None:
    assert _outcome(expression, **values) == outcome


def test_what_where_has_asked_for_need_not_be_asked_again() -> None:
    assert _outcome(BOUND, "has(self.read_timeout)", scheme=Text("http")) == "not applicable"
    assert _outcome(BOUND, "has(self.read_timeout)", read_timeout=Duration(90)) == "fail"


def test_a_selection_that_cannot_be_decided_is_not_passed_over() -> None:
    assert _outcome("self.max > 1", "self.scheme == 'http'", max=Number(2)) == "not evaluated"


def test_an_open_kind_is_asked_by_any_name() -> None:
    content = rule("self['Odd-Name'] == 3 && self.BootMode == 'Uefi'", kind="ilo.bios")
    good = bios(**{"Odd-Name": Number(3), "BootMode": Text("Uefi")})
    assert _ask(content, good, target="web1/ilo").outcome == "pass"
    assert _ask(content, bios(BootMode=Text("Uefi")), target="web1/ilo").outcome == "not evaluated"


# --- targets ----------------------------------------------------------------------------------------------------

HIDING = Gap("conf.d/secret.conf", "not permitted", "it is root's", kinds=("httpd.route",))


def test_without_a_resource_a_rule_is_not_applicable_unless_a_gap_may_hide_one() -> None:
    assert _ask(rule(BOUND)).outcome == "not applicable"
    hidden = _ask(rule(BOUND), gaps=(HIDING,))
    assert hidden.outcome == "not evaluated"
    assert "conf.d/secret.conf was not seen: it is root's" in hidden.reason
    elsewhere = Gap("x", "refused", kinds=("httpd.log",))
    by_design = Gap("y", "licence", complete=True)
    assert _ask(rule(BOUND), gaps=(elsewhere, by_design)).outcome == "not applicable"


def test_a_gap_turns_a_pass_into_not_evaluated_and_leaves_a_failure() -> None:
    good, bad = route("a", read_timeout=Duration(1)), route("b", read_timeout=Duration(99))
    assert _ask(rule(BOUND), good, gaps=(HIDING,)).outcome == "not evaluated"
    assert _ask(rule(BOUND), good, gaps=(Gap("whole target", "unreachable"),)).outcome == "not evaluated"
    assert _ask(rule(BOUND), good, bad, gaps=(HIDING,)).outcome == "fail"


def test_the_worst_resource_decides() -> None:
    good, bad = route("a", read_timeout=Duration(1)), route("b", read_timeout=Duration(99))
    open_ = route("c", read_timeout=Undetermined("odd"))
    assert _ask(rule(BOUND), good, open_).outcome == "not evaluated"
    result = _ask(rule(BOUND), good, bad, open_)
    assert (result.outcome, result.examined) == ("fail", 3)
    assert [finding.address.name for finding in result.findings] == ["b"]
    assert [address.name for address, _ in result.not_evaluated] == ["c"]


def test_rules_of_another_surface_are_left_out() -> None:
    policy = load_policy([("f", rule("size(self.pending) == 0", kind="ilo.bios"))], KINDS)
    assert evaluate(policy, seen(route()), HOST).results == ()


# --- findings ---------------------------------------------------------------------------------------------------


def test_a_finding_shows_the_place_its_message_speaks_of_first_and_the_others_as_evidence() -> None:
    content = rule(
        "self.excluded || " + BOUND,
        where="self.scheme == 'http'",
        message="{name} on {host}: {read_timeout}, {connect_timeout} {{sic}}",
        more="  remedy: {read_timeout: 60s}\n  remedy_safe: true\n",
    )
    bad = route(scheme=Text("http"), read_timeout=NoLimit(), excluded=Boolean(False))
    (finding,) = _ask(content, bad).findings
    assert finding.message == "shop /api on web1: no limit, not set {sic}"
    assert finding.source == FileSource("conf.d/shop.conf", 2, 2)
    assert [(str(one.source), one.text) for one in finding.evidence] == [
        ("conf.d/shop.conf:3", "excluded = no"),
        ("conf.d/shop.conf:99", "httpd.route shop /api"),
    ]
    assert [(str(address), value) for address, value in finding.remedies] == [
        ('web1/httpd:httpd.route["shop /api"].read_timeout', Duration(60))
    ]
    assert finding.remedy_safe


def test_what_only_selects_is_no_evidence() -> None:
    content = rule(BOUND, where="!self.excluded && self.scheme == 'http'", message="{read_timeout}")
    bad = route(scheme=Text("http"), read_timeout=NoLimit(), excluded=Boolean(False))
    (finding,) = _ask(content, bad).findings
    assert [one.text for one in finding.evidence] == ["httpd.route shop /api"]


JAPANESE = """  ja:
    title: 上限
    message: '{name} は {host} で {read_timeout}、{connect_timeout}、{excluded}、{members}、{scheme}'
    rationale: 占有されます
"""


def test_a_finding_says_it_in_japanese_too_where_the_rule_does() -> None:
    bad = route(scheme=Text("no limit"), read_timeout=NoLimit(), excluded=Boolean(False), members=Many(()))
    result = _ask(rule(BOUND, more=JAPANESE), bad)
    assert result.ja == Wording("上限")
    assert result.findings[0].ja == Wording(
        "上限", "shop /api は web1 で 無制限、未設定、いいえ、なし、no limit", "占有されます"
    )
    without = _ask(rule(BOUND), bad)
    assert (without.ja, without.findings[0].ja) == (None, None)


def test_a_fingerprint_survives_moved_lines_and_other_values() -> None:
    one = _ask(rule(BOUND), route(read_timeout=Duration(99))).findings[0]
    moved = _ask(rule(BOUND), route(scheme=Text("x"), read_timeout=NoLimit())).findings[0]
    other = _ask(rule(BOUND), route("shop /other", read_timeout=Duration(99))).findings[0]
    assert one.source != moved.source
    assert one.fingerprint == moved.fingerprint != other.fingerprint
    assert len(one.fingerprint) == 16


def test_a_finding_known_before_is_marked() -> None:
    bad = route(read_timeout=Duration(99))
    first = _ask(rule(BOUND), bad).findings[0]
    again = _ask(rule(BOUND), bad, route("new", read_timeout=Duration(99)), known=frozenset({first.fingerprint}))
    assert {finding.address.name: finding.known for finding in again.findings} == {"shop /api": True, "new": False}


# --- waivers ----------------------------------------------------------------------------------------------------


def _waiver(scope: str, expires: str = "2026-11-22", name: str = "TEST-RULE-001") -> Waiver:
    return Waiver(name, scope, "ops", "agreed", expires, "OPS-12")


@pytest.mark.parametrize(
    "scope",
    [
        "web1",
        "web*",
        "web1/httpd",
        'web1/httpd:httpd.route["shop /api"]',
        '*httpd.route["shop *"]',
        'web1/httpd:httpd.route["shop /api"].read_timeout',
        "*",
    ],
)
def test_a_waiver_covers_its_scope_to_the_end_of_its_last_day(scope: str) -> None:
    result = _ask(rule(BOUND), route(read_timeout=Duration(99)), waivers=(_waiver(scope),))
    assert (result.outcome, result.findings, len(result.waived)) == ("waived", (), 1)
    assert result.reason == "waived until 2026-11-22 by ops, ticket OPS-12: agreed"


@pytest.mark.parametrize("waiver", [_waiver("web2"), _waiver("web1", name="OTHER-*"), _waiver('*["shop /ap"]')])
def test_a_waiver_of_something_else_does_not_count(waiver: Waiver) -> None:
    assert _ask(rule(BOUND), route(read_timeout=Duration(99)), waivers=(waiver,)).outcome == "fail"


def test_an_expired_waiver_is_enforced_and_said() -> None:
    result = _ask(rule(BOUND), route(read_timeout=Duration(99)), waivers=(_waiver("*", "2026-11-21"),))
    assert result.outcome == "fail"
    assert result.reason == "the waiver by ops expired on 2026-11-21; the rule is enforced"


def test_what_is_not_waived_still_fails() -> None:
    bad = (route("a", read_timeout=Duration(99)), route("b", read_timeout=Duration(99)))
    result = _ask(rule(BOUND), *bad, waivers=(_waiver('*["a"]'),))
    assert (result.outcome, len(result.findings), len(result.waived)) == ("fail", 1, 1)
