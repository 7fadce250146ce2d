"""The plan's bytes are a format that others keep: a change of them is a change of version."""

from __future__ import annotations

from pathlib import Path

from auditor.plan.document import decode_plan, encode_plan, plan_id
from tests.fakes.plans import plan_for

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "plans"
IDENTITY = "31c29d484fd096b8bcc5c9e309be5af9dad42e496344f28ce665a9629d1eb4a4"


def test_a_plan_written_before_is_read_and_written_the_same() -> None:
    content = (GOLDEN / "timeout.json").read_bytes()
    assert decode_plan(content) == plan_for("web1/httpd", "web2/httpd")
    assert encode_plan(plan_for("web1/httpd", "web2/httpd")) == content
    assert plan_id(plan_for("web1/httpd", "web2/httpd")) == IDENTITY
