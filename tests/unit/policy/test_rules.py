from __future__ import annotations

import pytest

from auditor.errors import InputError
from auditor.model.value import Duration, NoLimit
from auditor.policy.rules import load_policy
from tests.unit.policy.kinds import KINDS, rule


def _error(*contents: bytes) -> str:
    with pytest.raises(InputError) as caught:
        load_policy([(f"own{n}.yaml", content) for n, content in enumerate(contents)], KINDS)
    return str(caught.value)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("self.read_timout <= duration('60s')", 'unknown attribute "read_timout" of httpd.route; did you mean read_'),
        ("self.read_timeout <= 60", 'a duration and a number do not go together; write a duration as duration("60s")'),
        ("self.read_timeout == '60s'", "a duration and text do not go together"),
        ("self.read_timeout <= duration('1d')", "'1d' is no duration"),
        ("self.scheme.matches('[')", "is no regular expression"),
        ("self.max", "the expression gives a number, not true or false"),
        ("self.excluded == 'true'", "a truth value and text do not go together; write true or false without quotes"),
        ("self.excluded < true", "has no order"),
        ("self.version >= '2.4.6'", "versions are compared by version_at_least"),
        ("self.key == 'secret'", "a secret is only compared with a secret"),
        ("selff.max == 1", "unknown variable 'selff'; did you mean self?"),
        ("max == 1", "did you mean self.max?"),
        ("host.nam == 'x'", "unknown member 'nam' of host; did you mean name?"),
        ("self.scheme.startswith('h')", "unknown function startswith(); did you mean startsWith?"),
        ("self.scheme.startsWith('h', 'i')", "startsWith() takes 2 values, not 3"),
        ("self.scheme.all(x, true)", "all() needs a list, and this is text"),
        ("self.members.filter(x, true).all(x, true)", "all() is asked of an attribute"),
        ("self.members.all(true)", "all() is written as list.all(x, …)"),
        ("has(self)", "has() is written as has(self.attribute)"),
        ("self.max > ", "a value is expected at the end"),
        ("self.max > 1)", "an operator is expected before ')'"),
        ("self.max > 'x", "a text that is not closed"),
        ("self.max > 1 && #", "'#' means nothing here"),
        ("self.max = 1", "'=' means nothing here; write =="),
        ("self.excluded & true", "'&' means nothing here; write &&"),
        ("{'a': 1}.a == 1", "maps are not supported"),
        ("self == self", "self is used by its members"),
        ("self.max.min == 1", "attributes have no members"),
        ("self.max + 'a' == 1", "do not go together"),
        ("(" * 60 + "true" + ")" * 60, "nested deeper than 40"),
        ("!" * 60 + "true", "too many signs"),
        (" && ".join(["true"] * 60), "more than 40 terms"),
        ("true " + "|" * 9000, "longer than 8,000"),
    ],
)
def test_a_mistake_in_an_expression_is_named(expression: str, expected: str) -> None:
    assert expected in _error(rule(expression))


def test_mistakes_in_the_japanese_text_are_named_like_those_in_the_english() -> None:
    text = _error(rule("true", more="  ja:\n    titel: x\n    message: '{nme} {'\n"), rule("true", more="  ja: x\n"))
    assert 'unknown key "titel"; did you mean title?' in text
    assert '"title" is missing' in text
    assert 'rules[0].ja.message: unknown attribute "nme" of httpd.route; did you mean name?' in text
    assert "rules[0].ja: a mapping with title, message, rationale, by_hand is expected, not text" in text


def test_a_mistake_in_an_expression_has_line_and_column_in_the_file() -> None:
    content = rule("self.scheme == 'http' &&\n    self.read_timout > duration('1s')")
    assert "own0.yaml:9:10: rules[0].assert: unknown attribute" in _error(content)


def test_an_open_kind_takes_any_attribute() -> None:
    policy = load_policy([("f", rule("self.BootMode == 'Uefi' && self['Odd Name'] > 1", kind="ilo.bios"))], KINDS)
    assert policy.compiled[0].condition.uses.attributes == ("BootMode", "Odd Name")


def test_all_mistakes_of_all_files_come_at_once() -> None:
    message = _error(
        b"rules:\n- id: x\n  titel: T\n  severity: hihg\n  kind: httpd.rout\n",
        b"format: auditor.policy/v2\nrules: 3\n",
        b"- 3\n",
        b"a: [\n",
    )
    for expected in (
        'own0.yaml:1:1: "format" is missing',
        '"titel"; did you mean title?',
        '"title" is missing',
        '"assert" is missing',
        '"message" is missing',
        "'x' is not an id",
        '"hihg" is not known; did you mean high?',
        'unknown kind "httpd.rout"; did you mean httpd.route?',
        'own1.yaml:1:9: format: "auditor.policy/v2" is not known',
        "own1.yaml:2:8: rules: a list is expected, not a number",
        "own2.yaml:1:3: [0]: a mapping with id, title",
        "own3.yaml:2:1: not valid YAML",
    ):
        assert expected in message


def test_an_id_stands_once_in_all_files() -> None:
    assert "own1.yaml:3:3: rules[0]: rule TEST-RULE-001 exists already (own0.yaml:3)" in _error(
        rule("self.max > 1"), rule("self.max > 2")
    )


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("{nam} is wrong", 'unknown attribute "nam" of httpd.route; did you mean name?'),
        ("{name is wrong", "a lone '{'"),
        ("{} is wrong", 'unknown attribute ""'),
    ],
)
def test_a_mistake_in_a_message_is_named(message: str, expected: str) -> None:
    assert expected in _error(rule("self.max > 1", message=message))


def test_a_remedy_is_read_by_the_type_of_its_attribute() -> None:
    policy = load_policy(
        [("f", rule("self.max > 1", more="  remedy: {read_timeout: 1m30s, connect_timeout: no limit}\n"))], KINDS
    )
    assert policy.rules[0].remedy == (("read_timeout", Duration(90)), ("connect_timeout", NoLimit()))


@pytest.mark.parametrize(
    ("remedy", "expected"),
    [
        ("{read_timeout: 60}", "a duration such as 60s"),
        ("{read_timout: 60s}", "did you mean read_timeout?"),
        ("{scheme: http}", "httpd.route's scheme cannot be set by a plan"),
    ],
)
def test_a_remedy_that_no_plan_could_carry_out_is_refused(remedy: str, expected: str) -> None:
    assert expected in _error(rule("self.max > 1", more=f"  remedy: {remedy}\n"))


def test_the_digest_is_of_the_contents_wherever_they_lie() -> None:
    one, two = rule("self.max > 1"), rule("self.max > 2", rule_id="TEST-RULE-002")
    first = load_policy([("a/x.yaml", one), ("a/y.yaml", two)], KINDS)
    moved = load_policy([("b/2.yaml", two), ("b/1.yaml", one)], KINDS)
    changed = load_policy([("a/x.yaml", one + b"#\n"), ("a/y.yaml", two)], KINDS)
    assert first.digest == moved.digest != changed.digest
