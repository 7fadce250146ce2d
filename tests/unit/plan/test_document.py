from __future__ import annotations

import hashlib
import json

import msgspec
import pytest

from auditor.errors import InputError
from auditor.model.value import Duration, Number
from auditor.plan import document
from auditor.plan.document import decode_plan, encode_plan, plan_id
from tests.fakes.plans import ADDRESS, plan_for


def test_the_id_is_what_sha256sum_says_of_the_bytes_on_disk() -> None:
    content = encode_plan(plan_for("web1/httpd"))
    assert plan_id(plan_for("web1/httpd")) == hashlib.sha256(content).hexdigest()


def test_the_bytes_are_canonical_json() -> None:
    content = encode_plan(plan_for("web1/httpd"))
    again = json.dumps(json.loads(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert content == again
    assert json.loads(content)["format"] == "auditor.plan/v1"


def test_whole_and_decimal_seconds_are_one_plan() -> None:
    plan = plan_for("web1/httpd")
    whole = msgspec.structs.replace(plan, notes=("x",))
    cohort = msgspec.structs.replace(whole.cohorts[0], effects=(_effect(60),))
    decimal = msgspec.structs.replace(whole.cohorts[0], effects=(_effect(60.0),))
    one, other = (msgspec.structs.replace(whole, cohorts=(each,)) for each in (cohort, decimal))
    assert plan_id(one) == plan_id(other)


def _effect(seconds: float):  # type: ignore[no-untyped-def]
    from auditor.model.plan import Effect

    return Effect(ADDRESS, Duration(seconds), Number(3), asked=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"reason":', '"reason" :'),
        lambda text: text + "\n",
        lambda text: text.replace('"author":"ops1"', '"author":"ops1","author":"ops1"'),
        lambda text: text.replace("auditor.plan/v1", "auditor.plan/v2"),
        lambda text: text.replace('"notes":[]', '"notes":[],"own":1'),
        lambda text: text.replace('"httpd.edit"', '"shell"'),
        lambda text: text.replace('"line":3', '"line":"3"'),
        lambda text: text[:-5],
        lambda text: "[" * 100_000,
    ],
)
def test_what_no_builder_of_ours_writes_is_no_plan(change) -> None:  # type: ignore[no-untyped-def]
    changed = change(encode_plan(plan_for("web1/httpd")).decode())
    with pytest.raises(InputError, match=r"plan\.json") as caught:
        decode_plan(changed.encode(), "plans/x/plan.json")
    assert caught.value.exit_code == 2


def test_a_plan_beyond_the_bound_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "LIMIT", 100)
    with pytest.raises(InputError, match="larger"):
        decode_plan(encode_plan(plan_for("web1/httpd")))


def test_not_a_number_has_no_place_in_a_plan() -> None:
    plan = plan_for("web1/httpd")
    cohort = msgspec.structs.replace(plan.cohorts[0], effects=(_effect(float("nan")),))
    with pytest.raises(InputError):
        encode_plan(msgspec.structs.replace(plan, cohorts=(cohort,)))
