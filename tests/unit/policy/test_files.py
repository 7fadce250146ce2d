"""Files made from the code are current, and the shipped ones fit their schemas' keys."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from auditor.errors import InputError
from auditor.model.finding import CheckReport, RuleResult, TargetCheck
from auditor.model.resource import parse_address
from auditor.model.value import Duration
from auditor.policy.baselines import load_baseline
from auditor.policy.catalogue import load_catalogue
from auditor.policy.evaluate import HostFacts, evaluate
from auditor.policy.known import load_known, record_known
from auditor.policy.rules import load_policy
from auditor.policy.schema import FOLDER, FORMS, schema_of
from auditor.policy.waivers import covers, load_waivers
from auditor.services.check import kinds_of
from auditor.services.fleet import load_fleet
from auditor.services.rulebook import rulebook
from tests.unit.policy.kinds import KINDS, route, rule, seen

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", FORMS)
def test_the_schema_is_current(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_bytes() == schema_of(name), "python -m auditor.policy.schema"


def test_the_schema_says_what_a_rule_needs() -> None:
    rule_schema = json.loads(schema_of("policy"))["$defs"]["RuleForm"]
    assert set(rule_schema["required"]) == {"id", "title", "severity", "kind", "assert", "message"}
    assert rule_schema["additionalProperties"] is False


def test_the_rulebook_is_current() -> None:
    assert (ROOT / "docs" / "rules.md").read_text(encoding="utf-8") == rulebook(), "python -m auditor.services.rulebook"


def _report(*results: RuleResult) -> CheckReport:
    return CheckReport((TargetCheck("web1/httpd", "httpd", results),), len(results), complete=True)


def test_recorded_findings_are_known_afterwards() -> None:
    policy = load_policy([("own.yaml", rule("self.read_timeout <= duration('60s')"))], KINDS)
    bad = seen(route(read_timeout=Duration(99)))
    first = evaluate(policy, bad, HostFacts("web1")).results
    recorded = record_known(_report(*first))
    known = load_known("known.json", recorded)
    again = evaluate(policy, bad, HostFacts("web1"), known=known).results
    assert [finding.known for finding in again[0].findings] == [True]
    assert record_known(_report(*again)) == recorded


@pytest.mark.parametrize("content", [b"", b"[]", b'{"format": "auditor.known/v2", "findings": []}', b'{"format": 3}'])
def test_what_is_no_file_of_known_findings_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match=r"known\.json"):
        load_known("known.json", content)


def _blocks(document: str) -> list[bytes]:
    return [block.encode() for block in re.findall(r"```yaml\n(.*?)```", document, re.DOTALL)]


def test_the_examples_of_the_manual_load(tmp_path: Path) -> None:
    blocks = _blocks((ROOT / "docs" / "policy.md").read_text(encoding="utf-8"))
    rules, expected, declared, baseline, waivers, catalogue = blocks
    assert [one.id for one in load_policy([("policy.md", rules)], kinds_of()).rules] == ["OWN-TIMEOUT-001"]
    assert len(load_baseline("policy.md", baseline, kinds_of()).values) == 8
    (tmp_path / "auditor.yaml").write_bytes(b"format: auditor.fleet/v1\nfleet: {id: f}\n" + declared)
    assert len(load_fleet(tmp_path).declared["web1/httpd"]) == 10
    head = b"format: auditor.fleet/v1\nfleet: {id: f}\nhosts: {web9: {httpd: {tree: web9}}}\n"
    (tmp_path / "auditor.yaml").write_bytes(head + expected)
    assert [one.owner for one in load_fleet(tmp_path).expected_gaps] == ["team-ops"]
    assert [one.id for one in load_catalogue([("policy.md", catalogue)]).components] == ["sps", "ie"]
    (waiver,) = load_waivers("policy.md", waivers)
    address = parse_address('web1/httpd:httpd.route["shop.example:443 /report"].read_timeout')
    assert covers(waiver, "HTTPD-TIMEOUT-001", address)
