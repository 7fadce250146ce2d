from __future__ import annotations

from datetime import date

import pytest

from auditor.errors import InputError
from auditor.model.policy import Waiver
from auditor.policy.rules import load_policy
from auditor.policy.waivers import doubtful_waivers, load_waivers
from tests.unit.policy.kinds import KINDS, rule

GOOD = b"""format: auditor.waivers/v1
waivers:
  - rule: TEST-RULE-001
    scope: web1/httpd
    owner: ops
    reason: the report takes minutes
    expires: 2026-12-31
    ticket: OPS-12
"""


def test_a_waiver_is_read_with_its_place() -> None:
    assert load_waivers("waivers.yaml", GOOD) == (
        Waiver(
            "TEST-RULE-001",
            "web1/httpd",
            "ops",
            "the report takes minutes",
            "2026-12-31",
            "OPS-12",
            "waivers.yaml",
            3,
        ),
    )


@pytest.mark.parametrize("content", [b"format: auditor.waivers/v1\nwaivers: []\n", b"[]\n"])
def test_no_waiver_is_a_file_too(content: bytes) -> None:
    assert load_waivers("waivers.yaml", content) == ()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"2026-12-31", b"2026-02-30", "waivers.yaml:7:14: waivers[0].expires: '2026-02-30' is not a day"),
        (b"2026-12-31", b"soon", "'soon' is not a day"),
        (b"    owner: ops\n", b"", '"owner" is missing'),
        (b"reason: the report takes minutes", b"reason: ''", "text is expected, and nothing is there"),
        (b"scope:", b"scop:", 'unknown key "scop"; did you mean scope?'),
        (b"waivers/v1", b"waiver/v1", "did you mean auditor.waivers/v1?"),
    ],
)
def test_a_mistake_is_named(old: bytes, new: bytes, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        load_waivers("waivers.yaml", GOOD.replace(old, new))
    assert expected in str(caught.value)


def test_a_waiver_that_does_not_count_is_said() -> None:
    policy = load_policy([("own.yaml", rule("self.max > 1"))], KINDS)
    waivers = (
        *load_waivers("waivers.yaml", GOOD),
        *load_waivers("waivers.yaml", GOOD.replace(b"2026-12-31", b"2025-12-31")),
        *load_waivers("waivers.yaml", GOOD.replace(b"RULE-001", b"RULE-002")),
        *load_waivers("waivers.yaml", GOOD.replace(b"TEST-RULE-001", b"TEST-*")),
    )
    assert doubtful_waivers(waivers, policy, date(2026, 11, 22)) == (
        "waivers.yaml:3: the waiver of TEST-RULE-001 on web1/httpd expired on 2025-12-31; the rule is enforced "
        "(owner: ops)",
        'waivers.yaml:3: the waiver names a rule that does not exist, "TEST-RULE-002"; did you mean TEST-RULE-001?',
    )
