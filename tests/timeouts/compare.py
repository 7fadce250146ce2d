"""Holds a case's expectation against what was measured, and what ``explain`` says against both."""

from __future__ import annotations

import math
from collections.abc import Iterator

from auditor.surfaces.httpd.answer import Answer, Failure, Governed
from tests.timeouts.cases import Case
from tests.timeouts.server import Outcome

EARLY, LATE = 0.1, 0.9
"""How far the measured seconds may be off: nothing that could govern instead is that near."""


def differences(case: Case, outcome: Outcome) -> Iterator[str]:
    """What differs, one sentence each, the case's name first."""
    for text in (*_measured(case, outcome), *_said(case, outcome.said)):
        yield f"{case.name}: {text}"


def is_late(case: Case, outcome: Outcome) -> bool:
    """Whether the end came later than is expected, and nothing but the clock says so of what was measured."""
    expected, seen = case.measured, outcome.measured
    same = (seen.status, seen.cut) == (expected.status, expected.cut)
    return same and expected.seconds is not None and expected.seconds + LATE <= seen.seconds < math.inf


def _measured(case: Case, outcome: Outcome) -> Iterator[str]:
    seen, expected = outcome.measured, case.measured
    if seen.status != expected.status or seen.cut != expected.cut:
        yield f"status {expected.status} is expected, {seen.status} came{', cut' if seen.cut else ''}"
    wanted = math.inf if expected.seconds is None else expected.seconds
    if not (seen.seconds == wanted or wanted - EARLY <= seen.seconds < wanted + LATE):
        yield f"{wanted:g} s are expected, it took {seen.seconds:.2f} s"
    if outcome.log_ids != tuple(sorted(expected.log)):
        yield f"{expected.log} are expected in its log, {outcome.log_ids} stand there"
    if missing := set(expected.main_log) - set(outcome.main_log_ids):
        yield f"{missing} are expected in the main server's log"


def _said(case: Case, answer: Answer) -> Iterator[str]:
    expected = case.explain
    doubts = " ".join(answer.undetermined)
    if expected.undetermined:
        if expected.undetermined not in doubts:
            yield f"explain does not say {expected.undetermined!r} but {doubts!r}"
        return
    if doubts:
        yield f"explain is not certain: {doubts}"
    for what, said, wanted in (
        ("read time-out", answer.read_timeout_s, expected.read),
        ("connect time-out", answer.connect_timeout_s, expected.connect),
        ("mapped by", answer.mapped_by, expected.mapped_by or answer.mapped_by),
        ("virtual host", answer.virtual_host, expected.virtual_host or answer.virtual_host),
    ):
        if said != wanted:
            yield f"explain's {what} is {said}, {wanted} is expected"
    if expected.when != "none":
        yield from _failure(case, answer)


def _failure(case: Case, answer: Answer) -> Iterator[str]:
    expected = case.explain
    found = {one.when: one for one in answer.failures}
    one = found.get(expected.when)
    if one is None:
        yield f"explain knows no failure {expected.when!r}, only {list(found)}"
        return
    if place(one.governed_by, case) != expected.governs and not expected.member:
        yield f"explain says that {place(one.governed_by, case)!r} governs, {expected.governs!r} is expected"
    if one.seconds is None and case.measured.seconds is None:  # it never strikes, so it leaves no mark
        return
    seconds = answer.members[expected.member - 1][1] if expected.member else one.seconds
    if (one.status, seconds) != (case.measured.status, case.measured.seconds):
        yield f"explain says status {one.status} after {seconds} s; {case.measured} is expected"
    ids = _ids(one, *(found[other] for other in expected.also))
    if ids != {*case.measured.log, *case.measured.main_log}:
        yield f"explain says {sorted(ids)} of the log; {case.measured} is expected"


def _ids(*failures: Failure) -> set[str]:
    return {identifier for one in failures for identifier in one.log_ids}


def place(governed: Governed | None, case: Case) -> str:
    """What governs, in one line: ``ProxyPass timeout=1 vhost.conf:1``."""
    if governed is None:
        return ""
    source = governed.source
    where = "" if source is None else f" {source.file.removeprefix(f'cases/{case.name}/')}:{source.line}"
    return f"{governed.directive} {governed.value}{where}"
