from __future__ import annotations

import msgspec
import pytest

from auditor.errors import InputError, RefusedError
from auditor.model.finding import CheckReport, Finding, RuleResult, TargetCheck
from auditor.model.policy import Rule
from auditor.model.resource import Address, AttributeSpec, KindSpec
from auditor.model.value import Boolean, Duration, Many, NoLimit, Number, Text, Value
from auditor.services.changes.wishes import (
    by_target,
    findings_of,
    parse_secret_before,
    parse_setting,
    rule_named,
    unknown_of,
    wishes_of_findings,
)

KINDS = (
    KindSpec(
        "httpd.route",
        "",
        (
            AttributeSpec("read_timeout", "duration", "", True),
            AttributeSpec("reuse", "boolean", "", True),
            AttributeSpec("port", "number", "", True),
            AttributeSpec("note", "text", "", True),
            AttributeSpec("hosts", "list", "", True),
            AttributeSpec("key", "secret", "", True),
            AttributeSpec("fixed", "text", ""),
        ),
    ),
    KindSpec("ilo.bios", "", (), open=True),
    KindSpec("ilo.snmp_destination", "", (AttributeSpec("protocol", "text", "", True),), made=True),
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("read_timeout=60s", Duration(60)),
        ("read_timeout=1m30s", Duration(90)),
        ("read_timeout=no limit", NoLimit()),
        ("reuse=on", Boolean(True)),
        ("port=8443", Number(8443)),
        ("note=a = b", Text("a = b")),
        ('note="x\\ny"', Text("x\ny")),
        ('hosts=["a","b"]', Many((Text("a"), Text("b")))),
        ("note=null", None),
    ],
)
def test_a_value_is_read_by_the_attributes_type(text: str, value: Value | None) -> None:
    wish = parse_setting(f'web1/httpd:httpd.route["a=b /x"].{text}', KINDS)
    assert wish.value == value
    assert wish.address.name == "a=b /x"


def test_an_open_kind_takes_any_attribute() -> None:
    assert parse_setting('web1/ilo:ilo.bios["1"].BootMode=Uefi', KINDS).value == Text("Uefi")


@pytest.mark.parametrize(("text", "value"), [("true", Boolean(True)), ("false", Boolean(False)), ("null", None)])
def test_a_resource_that_a_plan_may_make_is_asked_for_by_its_presence(text: str, value: Value | None) -> None:
    wish = parse_setting(f'web1/ilo:ilo.snmp_destination["10.9.0.9"].present={text}', KINDS)
    assert (wish.address.attribute, wish.value) == ("present", value)
    with pytest.raises(InputError, match="has no attribute 'present'"):
        parse_setting(f'web1/httpd:httpd.route["x"].present={text}', KINDS)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nonsense", "ADDRESS=VALUE"),
        ('httpd.route["x"].read_timeout=1s', "ADDRESS=VALUE"),
        ('web1/httpd:httpd.route["x"]=1', "ADDRESS=VALUE"),
        ('web1/httpd:httpd.rout["x"].read_timeout=1s', "no kind"),
        ('web1/httpd:httpd.route["x"].read_timout=1s', "Did you mean read_timeout"),
        ('web1/httpd:httpd.route["x"].fixed=1', "cannot be set"),
        ('web1/httpd:httpd.route["x"].key=hunter22', "say where it comes from"),
        ('web1/httpd:httpd.route["x"].read_timeout=soon', "soon"),
        ('web1/httpd:httpd.route["x"].reuse=perhaps', "perhaps"),
        ('web1/httpd:httpd.route["x"].hosts=[', "hosts"),
    ],
)
def test_what_cannot_be_understood_says_what_to_do(text: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        parse_setting(text, KINDS)
    assert "hunter22" not in str(caught.value)


def rule(*remedy: tuple[str, Value]) -> Rule:
    return Rule("R-1", "t", "high", "httpd.route", "true", "m", remedy=remedy)


def report(*names: str) -> CheckReport:
    findings = tuple(
        Finding("R-1", "t", "high", Address("web1/httpd", "httpd.route", name), "m", "0" * 16) for name in names
    )
    result = RuleResult("R-1", "t", "high", "web1/httpd", "fail", len(names), findings=findings)
    return CheckReport((TargetCheck("web1/httpd", "httpd", (result,)),), 1, True)


def test_a_rules_remedy_is_asked_for_where_it_finds_something() -> None:
    found = rule_named("r-1", [rule(("read_timeout", Duration(60)))])
    wishes = wishes_of_findings(found, findings_of(found, report("a", "b")))
    assert [(wish.address.name, wish.address.attribute, wish.value) for wish in wishes] == [
        ("a", "read_timeout", Duration(60)),
        ("b", "read_timeout", Duration(60)),
    ]


def test_a_rule_without_remedy_or_finding_makes_no_plan() -> None:
    with pytest.raises(RefusedError, match="no remedy"):
        rule_named("R-1", [rule()])
    by_hand = msgspec.structs.replace(rule(), by_hand="ask the owner")
    with pytest.raises(RefusedError, match="R-1 is put right by hand: ask the owner"):
        rule_named("R-1", [by_hand])
    with pytest.raises(RefusedError, match="finds nothing"):
        findings_of(rule(("x", Text("y"))), report())
    with pytest.raises(InputError, match="no rule"):
        rule_named("R-2", [rule()])


def test_where_a_rule_could_not_be_evaluated_it_is_not_said_to_find_nothing() -> None:
    place = Address("web1/httpd", "httpd.route", "b")
    base = report("a")
    partly = msgspec.structs.replace(base.targets[0].results[0], not_evaluated=((place, "its time-out is not known"),))
    wholly = RuleResult("R-1", "t", "high", "web2/httpd", "not evaluated", reason="routes could not be read")
    targets = (
        msgspec.structs.replace(base.targets[0], results=(partly,)),
        TargetCheck("web2/httpd", "httpd", (wholly, msgspec.structs.replace(wholly, rule="R-2"))),
    )
    found = msgspec.structs.replace(base, targets=targets)
    unknown = (
        'R-1 could not be evaluated at web1/httpd:httpd.route["b"]: its time-out is not known',
        "R-1 could not be evaluated on web2/httpd: routes could not be read",
    )
    assert unknown_of(rule(("x", Text("y"))), found) == unknown
    nothing = msgspec.structs.replace(found, targets=targets[1:])
    with pytest.raises(RefusedError, match=r"finds nothing .* R-1 could not be evaluated on web2/httpd: routes could"):
        findings_of(rule(("x", Text("y"))), nothing)


def test_a_remedy_may_be_of_another_kind_s_resource_of_the_same_name() -> None:
    found = rule(("httpd.worker.timeout_written", Duration(60)))
    (wish,) = wishes_of_findings(found, findings_of(found, report("a")))
    assert str(wish.address) == 'web1/httpd:httpd.worker["a"].timeout_written'


def test_one_address_is_asked_for_once() -> None:
    wish = parse_setting('web1/httpd:httpd.route["x"].read_timeout=1s', KINDS)
    assert by_target([wish]) == {"web1/httpd": (wish,)}
    with pytest.raises(InputError, match="twice"):
        by_target([wish, wish])


def test_where_secrets_come_from_is_said_again_by_the_plans_origin() -> None:
    from auditor.services.changes.ways import SetWay

    way = SetWay(("a=1", "b=env:NEW"), ("b=env:OLD",))
    assert SetWay.of(way.words) == way
    assert SetWay.of(("a=1",)) == SetWay(("a=1",))


def test_a_secret_is_wished_for_by_its_place_and_what_else_was_written_is_never_repeated() -> None:
    wish = parse_setting('web1/httpd:httpd.route["x"].key=env:KEY', KINDS)
    assert wish.secret is not None
    assert (wish.secret.place, wish.secret.before) == ("env:KEY", False)
    old = parse_secret_before('web1/httpd:httpd.route["x"].key=file:/run/key', KINDS)
    assert old.secret is not None
    assert (old.secret.place, old.secret.before) == ("file:/run/key", True)
    assert by_target([wish, old]) == {"web1/httpd": (wish, old)}
    for text in ('web1/httpd:httpd.route["x"].key=hunter22', 'httpd.route["x"].passphrase=hunter22',
                 'web1/httpd:httpd.route[x].community=hunter22', "auth_passphrase=hunter22"):  # fmt: skip
        for parse in (parse_setting, parse_secret_before):
            with pytest.raises(InputError) as caught:
                parse(text, KINDS)
            assert "hunter22" not in str(caught.value)
    with pytest.raises(InputError, match="holds no secret"):
        parse_secret_before('web1/httpd:httpd.route["x"].note=env:KEY', KINDS)


def test_a_list_that_is_none_is_refused_with_how_it_is_written() -> None:
    with pytest.raises(InputError, match="a list is expected, as JSON writes it") as caught:
        parse_setting('web1/httpd:httpd.route["a /"].hosts=Alert', KINDS)
    asked = 'web1/httpd:httpd.route["a /"].hosts=["Alert"]'
    assert asked in str(caught.value)
    assert parse_setting(asked, KINDS).value == Many((Text("Alert"),))
