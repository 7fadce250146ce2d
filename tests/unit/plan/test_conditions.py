"""What is said of a plan whose target changed since it was made."""

from __future__ import annotations

import pytest

from auditor.model.plan import AttributeIs, BiosAttributes, DirectiveEdit, DocumentIs, Step
from auditor.model.resource import Address, Attribute, make_resource
from auditor.model.snapshot import Collected, Document, Gap, Interpretation, Waiting
from auditor.model.value import Many, Text, Undetermined, Value
from auditor.plan.conditions import Seen, as_found, stale
from tests.fakes.plans import SEALER

PLANNED = b"a\nTimeout 60\nb\nProxyTimeout 10\nc\n"


def step(line: int, before: str, after: str) -> Step:
    change = DirectiveEdit("httpd.conf", line, line, before, after)
    is_planned = DocumentIs("httpd.conf", SEALER.fingerprint(PLANNED))
    undo = DirectiveEdit("httpd.conf", line, line, after, before)
    return Step(f"{line}", "why", change, undo, "reload", (is_planned,), ())


STEPS = (
    step(2, "Timeout 60\n", "Timeout 30\nKeepAlive On\n"),
    step(5, "ProxyTimeout 10\n", "ProxyTimeout 20\n"),  # counted as the first step leaves the file
)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (PLANNED, ()),
        (PLANNED.replace(b"60", b"61"), ("httpd.conf:2 changed",)),
        (PLANNED.replace(b"10", b"11"), ("httpd.conf:4 changed",)),
        (b"new\n" + PLANNED, ("httpd.conf:2 changed", "httpd.conf:4 changed")),
        (PLANNED + b"d\n", ("httpd.conf changed, though not in the lines of the plan",)),
        (b"", ("httpd.conf:2 changed", "httpd.conf:4 changed")),
        (None, ("httpd.conf could not be read, or is not there",)),
    ],
)
def test_a_changed_file_is_named_with_the_line(content: bytes | None, says: tuple[str, ...]) -> None:
    documents = () if content is None else (Document("httpd.conf", "files/httpd.conf", content),)
    seen = Seen(Collected("web1/httpd", "httpd", documents), Interpretation("web1/httpd", "httpd", ()))
    assert stale(STEPS, seen, SEALER) == says


@pytest.mark.parametrize(
    ("pending", "holds"),
    [
        (Many(()), True),
        (Many((Text("BootMode"),)), True),
        (Many((Text("BootMode"), Text("ProcTurbo"))), False),
        (Undetermined("a value is not readable"), False),
    ],
)
def test_after_taking_back_only_what_somebody_else_set_may_wait(pending: Value, holds: bool) -> None:
    """ProcTurbo is only set by the way back; what cannot be read is never taken for somebody else's."""
    undo = BiosAttributes("/bios", "/settings", (("WorkloadProfile", '"a"'), ("ProcTurbo", '"On"')))
    nothing = AttributeIs(Address("", "ilo.bios", "1", "pending"), Many(()))
    change = BiosAttributes("/bios", "/settings", (("WorkloadProfile", '"b"'),))
    steps = (Step("1", "why", change, undo, "reboot", (nothing,), ()),)
    names = [one.value for one in pending.items if isinstance(one, Text)] if isinstance(pending, Many) else ["BootMode"]
    waits = tuple(Waiting(Address("", "ilo.bios", "1", one), Text("now"), Text("then"), "reboot") for one in names)
    bios = make_resource("ilo.bios", "1", [Attribute("pending", pending)])
    seen = Seen(Collected("web1/ilo", "ilo", ()), Interpretation("web1/ilo", "ilo", (bios,), (), waits))
    (found,) = as_found(steps, seen, SEALER)
    assert found.holds is holds
    assert not holds or not names or "BootMode is now, and then waits" in found.sentence
    assert bool(stale(steps, seen, SEALER)) is bool(names), "and still refuses an apply"


def test_what_a_gap_hides_is_not_told_as_absent() -> None:
    is_on = AttributeIs(Address("", "ilo.bios", "1", "ProcTurbo"), Text("Enabled"))
    change = BiosAttributes("/bios", "/settings", (("ProcTurbo", '"Disabled"'),))
    steps = (Step("1", "why", change, change, "reboot", (is_on,), ()),)
    for gaps, says in (
        ((), "is absent, not Enabled"),
        ((Gap("/redfish/v1/Systems/1", "malformed"),), "cannot be seen: /redfish/v1/Systems/1: malformed"),
    ):
        seen = Seen(Collected("web1/ilo", "ilo", ()), Interpretation("web1/ilo", "ilo", (), gaps))
        assert stale(steps, seen, SEALER) == (f'ilo.bios["1"].ProcTurbo {says}',)
