"""The forms of an alert test."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.alert import ChannelProof, ProofReport, TargetProof
from auditor.report.escape import one_line
from auditor.report.interface import Style
from auditor.report.json import write
from auditor.report.layout import pad, paint, paragraph
from auditor.report.messages import Words

_COLOURS = {"arrived": "good", "not arrived": "high", "not tested": "medium", "not set up": "faint"}


def show_proofs(report: ProofReport, style: Style) -> str:
    """Each target with what became of its test alerts; then what arrived and proves nothing."""
    words = Words(style.lang)
    lines: list[str] = []
    for target in report.targets:
        lines += [paint(one_line(target.target), "bold", on=style.colour), *_target(target, words, style), ""]
    if report.strangers:
        lines.append(words("alerts.strangers"))
        for one in report.strangers:
            source = f" {one_line(one.source)}" if one.source else ""
            lines.append(paragraph(f"{one.count} × {one.channel}{source}: {one_line(words.said(one.why))}", 2, 4))
        lines.append("")
    lines += [paragraph(words.said(one)) for one in report.warnings]
    lines.append(_summary(report, words))
    return "\n".join(lines) + "\n"


def _target(target: TargetProof, words: Words, style: Style) -> Iterator[str]:
    if target.failure:
        yield paragraph(one_line(words.said(target.failure)), 2, 4)
        if target.next_step:
            yield paragraph(one_line(words.said(target.next_step)), 4)
    for proof in target.channels:
        if target.failure and proof.state == "not tested":
            continue
        yield from _proof(proof, words, style)


def _proof(proof: ChannelProof, words: Words, style: Style) -> Iterator[str]:
    state = words(f"alerts.{proof.state}", seconds=f"{proof.seconds or 0:.1f}", via=one_line(proof.via))
    yield f"  {pad(proof.channel, 7)} {paint(state, _COLOURS[proof.state], on=style.colour)}"
    if proof.text:
        yield paragraph(one_line(words.said(proof.text)), 10)
    if proof.state == "not arrived":
        sends = one_line(", ".join(proof.destinations)) or words("alerts.nowhere")
        yield paragraph(words("alerts.places", sends=sends, via=one_line(proof.via)), 10)
    if proof.next_step:
        yield paragraph(one_line(words.said(proof.next_step)), 10)


def _summary(report: ProofReport, words: Words) -> str:
    states = [proof.state for target in report.targets for proof in target.channels]
    failed = sum(1 for target in report.targets if target.failure)
    counts = {name: states.count(name) for name in ("arrived", "not arrived", "not tested")}
    text = words(
        "alerts.summary",
        arrived=counts["arrived"],
        lost=counts["not arrived"],
        untested=counts["not tested"],
        failed=failed,
        seconds=f"{report.waited_s:.0f}",
    )
    recorded = any(target.recorded for target in report.targets)
    return f"{paragraph(text)}\n{paragraph(words('alerts.recorded' if recorded else 'alerts.not recorded'))}"


def proofs_json(report: ProofReport, style: Style) -> str:
    """The report as ``auditor.alerts/v1``."""
    return write(
        {
            "format": "auditor.alerts/v1",
            "auditor_version": style.version,
            "time": report.time,
            "waited_s": round(report.waited_s, 3),
            "complete": report.complete,
            "targets": [
                {
                    "target": target.target,
                    "failure": target.failure,
                    "next_step": target.next_step,
                    "recorded": target.recorded,
                    "channels": [
                        {
                            "channel": proof.channel,
                            "state": proof.state,
                            "accepted": proof.accepted,
                            "status": proof.code,
                            "seconds": None if proof.seconds is None else round(proof.seconds, 3),
                            "destinations": list(proof.destinations),
                            "watched": proof.via,
                            "text": proof.text,
                            "next_step": proof.next_step,
                        }
                        for proof in target.channels
                    ],
                }
                for target in report.targets
            ],
            "strangers": [
                {"channel": one.channel, "source": one.source, "why": one.why, "count": one.count}
                for one in report.strangers
            ],
            "warnings": list(report.warnings),
        }
    )
