"""What is said of a plan whose target changed since it was made."""

from __future__ import annotations

import pytest

from auditor.model.plan import DirectiveEdit, DocumentIs, Step
from auditor.model.snapshot import Collected, Document, Interpretation
from auditor.plan.conditions import Seen, stale
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
