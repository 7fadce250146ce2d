"""The forms of doctor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from auditor.model.diagnosis import Diagnosis, DoctorCheck, TargetDiagnosis
from auditor.report.escape import one_line, visible
from auditor.report.interface import Style
from auditor.report.json import Json, write
from auditor.report.layout import advice, entry, pad, paint, paragraph
from auditor.report.messages import Words

_STATE = 10


def show_diagnosis(diagnosis: Diagnosis, style: Style) -> str:
    """What is there and what is missing, what that costs, and the lines that grant it."""
    words = Words(style.lang)
    lines = [paint(words("doctor.here"), "bold", on=style.colour), *_checks(diagnosis.here, words)]
    for target in diagnosis.targets:
        name = visible(target.target)
        head = words("doctor.as", target=name, user=visible(target.user)) if target.user else name
        lines += ["", paint(head, "bold", on=style.colour), *_checks(target.checks, words)]
        lines += _grants(target, words)
        if target.trees and style.verbose:
            lines.append(paragraph(words("doctor.trees", trees=", ".join(map(visible, target.trees))), 2, 4))
    missing = sum(one.state == "missing" for one in _every(diagnosis))
    verdict = words("doctor.verdict.missing", n=words.number(missing)) if missing else words("doctor.verdict.ok")
    return "\n".join([*lines, "", paragraph(verdict, 0, 2)]) + "\n"


def _every(diagnosis: Diagnosis) -> Iterator[DoctorCheck]:
    yield from diagnosis.here
    for target in diagnosis.targets:
        yield from target.checks


def _checks(checks: Iterable[DoctorCheck], words: Words) -> Iterator[str]:
    for check in checks:
        state = pad(words(f"doctor.state.{check.state}"), _STATE)
        yield entry(words(f"doctor.name.{check.name}"), f"{state}{one_line(words.said(check.detail), 400)}".rstrip())
        if check.state == "missing":
            yield paragraph(words("doctor.costs", costs=words(f"doctor.cost.{check.name}")), 6, 8)
            yield from advice(words.said(check.next_step), 6)


def _grants(target: TargetDiagnosis, words: Words) -> Iterator[str]:
    for key, lines in (("doctor.read", target.read_lines), ("doctor.change", target.change_lines)):
        if lines:
            yield paragraph(words(key, user=visible(target.user)), 2, 4)
            yield from (f"    {line}" for line in lines)  # whole, so that it can be copied
    if target.read_lines or target.change_lines:
        yield paragraph(words("doctor.root"), 4, 4)


def diagnosis_json(diagnosis: Diagnosis, style: Style) -> str:
    """The diagnosis as ``auditor.doctor/v1``."""
    words = Words("en")
    return write(
        {
            "format": "auditor.doctor/v1",
            "auditor_version": style.version,
            "complete": diagnosis.complete,
            "here": [_check(one, words) for one in diagnosis.here],
            "targets": [
                {
                    "target": one.target,
                    "user": one.user,
                    "checks": [_check(check, words) for check in one.checks],
                    "sudoers": {"read": list(one.read_lines), "change": list(one.change_lines)},
                    "trees": list(one.trees),
                }
                for one in diagnosis.targets
            ],
        }
    )


def _check(check: DoctorCheck, words: Words) -> Json:
    return {
        "name": check.name,
        "state": check.state,
        "detail": check.detail,
        "next_step": check.next_step,
        "costs": words(f"doctor.cost.{check.name}"),
    }
