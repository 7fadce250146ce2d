from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date

from auditor.model.finding import CheckReport
from auditor.model.policy import Waiver
from auditor.model.resource import Attribute, Resource, make_resource
from auditor.model.snapshot import Collected, Fact, Gap, Interpretation
from auditor.model.target import LocalTree, Target
from auditor.model.value import Duration, Text, Version
from auditor.policy.baselines import load_baseline
from auditor.policy.rules import load_policy
from auditor.services.check import (
    default_policy,
    host_facts_of,
    kinds_of,
    run_check,
    shipped_baseline_files,
    shipped_policy_files,
    shipped_rule_ids,
)
from tests.unit.policy.kinds import KINDS, route, rule

TODAY = date(2026, 11, 22)
POLICY = load_policy([("own.yaml", rule("self.read_timeout <= duration('60s')"))], KINDS)


@dataclass(frozen=True)
class _Seen:
    target: Target
    collected: Collected
    interpretation: Interpretation


def _seen(host: str, *resources: Resource, gaps: tuple[Gap, ...] = (), facts: tuple[Fact, ...] = ()) -> _Seen:
    target = Target(host, "httpd", LocalTree("/etc/httpd"), groups=("all", "proxies"))
    return _Seen(
        target,
        Collected(target.name, "httpd", (), facts, gaps),
        Interpretation(target.name, "httpd", resources, gaps),
    )


def _check(*seen: _Seen, policy: object = POLICY, waivers: tuple[Waiver, ...] = ()) -> CheckReport:
    async def stream() -> AsyncIterator[_Seen]:
        for one in seen:
            yield one

    return asyncio.run(run_check(stream(), policy, waivers, TODAY))  # type: ignore[arg-type]  # a LoadedPolicy


GOOD = route(read_timeout=Duration(30))
BAD = route(read_timeout=Duration(90))


def test_findings_of_all_targets_come_in_order_of_their_names() -> None:
    report = _check(_seen("web2", BAD), _seen("web1", BAD), _seen("web3", GOOD))
    assert [target.target for target in report.targets] == ["web1/httpd", "web2/httpd", "web3/httpd"]
    assert [finding.address.target for finding in report.findings] == ["web1/httpd", "web2/httpd"]
    assert (report.rules, report.complete) == (1, True)


def test_a_check_of_nothing_is_never_complete() -> None:
    no_rule = load_policy([("own.yaml", b"format: auditor.policy/v1\nrules: []\n")], KINDS)
    other_surface = load_policy([("own.yaml", rule("size(self.pending) == 0", kind="ilo.bios"))], KINDS)
    assert _check(_seen("web1", GOOD)).complete
    assert not _check().complete
    assert not _check(_seen("web1")).complete
    assert not _check(_seen("web1", GOOD), policy=no_rule).complete
    assert not _check(_seen("web1", GOOD), policy=other_surface).complete
    assert not _check(_seen("web1", GOOD), _seen("web2")).complete


def test_what_was_not_seen_makes_a_check_incomplete() -> None:
    assert not _check(_seen("web1", GOOD, gaps=(Gap("x.conf", "not permitted", kinds=("httpd.log",)),))).complete
    assert not _check(_seen("web1", BAD, route("other"))).complete
    assert not _check(_seen("web1", GOOD), _seen("web2", gaps=(Gap("whole target", "unreachable"),))).complete
    assert _check(_seen("web1", GOOD, gaps=(Gap("feature", "licence", complete=True),))).complete


def test_waivers_that_do_not_count_are_noted() -> None:
    lapsed = Waiver("TEST-RULE-001", "*", "ops", "why", "2025-01-01")
    report = _check(_seen("web1", BAD), waivers=(lapsed,))
    assert len(report.findings) == 1
    assert "expired on 2025-01-01" in report.notes[0]


def test_a_waiver_of_a_rule_that_is_not_asked_now_is_no_mistake() -> None:
    ids = shipped_rule_ids()
    assert set(ids) == {rule.id for rule in load_policy(shipped_policy_files(), kinds_of()).rules}
    waivers = tuple(Waiver(one, "*", "ops", "why", "2030-01-01") for one in ("ILO-ALERT-001", "ILO-ALERT-999"))
    (note,) = _check(_seen("web1", BAD), waivers=waivers).notes
    assert 'names a rule that does not exist, "ILO-ALERT-999"' in note


def test_rules_may_ask_what_is_known_of_the_host() -> None:
    server = make_resource(
        "httpd.server", "main", [Attribute("version", Version("2.4.62")), Attribute("mpm", Text("event"))]
    )
    told = host_facts_of(_seen("web1", server, facts=(Fact("version", "2.4.6"),)))
    assert (told.httpd_version, told.mpm, told.groups, told.target) == (
        "2.4.62",
        "event",
        ("all", "proxies"),
        "web1/httpd",
    )
    assert host_facts_of(_seen("web1", facts=(Fact("version", "2.4.6"),))).httpd_version == "2.4.6"


def test_the_shipped_rules_load_alone_for_one_surface_and_together_for_all() -> None:
    httpd, ilo = default_policy(["httpd"]), default_policy(["ilo"])
    together = load_policy(shipped_policy_files(), kinds_of())
    assert {rule.kind.split(".")[0] for rule in httpd.rules} == {"httpd"}
    assert {rule.kind.split(".")[0] for rule in ilo.rules} == {"ilo"}
    assert len(together.rules) == len(httpd.rules) + len(ilo.rules)
    assert [name for name, _ in shipped_policy_files(["ilo"])] == [
        "policies/ilo-alerting.yaml",
        "policies/ilo-firmware-bios.yaml",
    ]


def test_the_shipped_baselines_load() -> None:
    loaded = [load_baseline(name, content, kinds_of()).name for name, content in shipped_baseline_files()]
    assert loaded == ["ilo5-server", "rhel7-reverse-proxy"]
