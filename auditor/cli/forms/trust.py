"""The forms of trust."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.report.escape import one_line, visible
from auditor.report.interface import Style
from auditor.report.json import Json, write
from auditor.report.layout import entry, paint, paragraph
from auditor.report.messages import Words

if TYPE_CHECKING:
    from auditor.services.trust import Candidate, Judged, Kept, TrustReport
    from auditor.surfaces.ilo.trust import Certificate

_LABEL = 15


def question(candidate: Candidate, style: Style) -> str:
    """What an iLO shows, and whether it is to be trusted."""
    words = Words(style.lang)
    return "\n".join(["", *_candidate(candidate, words, style), words("trust.ask")])


def show_trust(report: TrustReport, style: Style) -> str:
    """What became of each iLO, and where pins are kept."""
    words = Words(style.lang)
    lines: list[str] = []
    for one in report.judged:
        lines += _candidate(one.candidate, words, style)
        if one.verdict == "other fingerprint":
            lines.append(entry(words("trust.wanted"), one.wanted, 2, _LABEL))
        good = one.verdict in ("pinned", "replaced", "kept")
        lines += [f"  {paint(words(f'trust.verdict.{one.verdict}'), 'good' if good else 'high', on=style.colour)}", ""]
    verdicts = {one.verdict for one in report.judged}
    if any(one.verdict == "not agreed" for one in report.judged):
        lines.append(paragraph(words("trust.how"), 0, 2))
    if any(one.candidate.pin is not None and one.verdict.startswith(("other", "not a")) for one in report.judged):
        lines.append(paragraph(words("trust.changed_how"), 0, 2))
    if verdicts & {"pinned", "replaced"}:
        lines.append(words("trust.kept_in", folder=visible(str(report.folder))))
        lines += [paragraph(words("trust.commit"), 0, 2)] if report.shared else []
    return "\n".join(lines).rstrip() + "\n"


def _candidate(candidate: Candidate, words: Words, style: Style) -> Iterator[str]:
    name = visible(f"{candidate.target.name}  {candidate.url}")
    yield paint(name, "bold", on=style.colour)
    if candidate.shown is None:
        yield f"  {one_line(candidate.problem, 200)}"
    else:
        yield from _certificate(candidate.shown, words)
    if candidate.pin is not None and not candidate.is_pinned:
        since = candidate.pin.since or "?"
        told = words("trust.since", fingerprint=candidate.pin.fingerprint, since=since)
        yield entry(words("trust.before"), told, 2, _LABEL)


def _certificate(shown: Certificate, words: Words) -> Iterator[str]:
    if shown.valid_until:
        yield entry(words("trust.subject"), one_line(shown.subject, 200), 2, _LABEL)
        yield entry(words("trust.issuer"), one_line(shown.issuer, 200), 2, _LABEL)
        dates = words("trust.dates", start=shown.valid_from, end=shown.valid_until)
        yield entry(words("trust.valid"), dates, 2, _LABEL)
    else:
        yield entry(words("trust.subject"), words("trust.unread"), 2, _LABEL)
    yield f"  {words('trust.fingerprint')}"
    yield f"    {shown.fingerprint}"  # whole, so that it can be compared and copied


def trust_json(report: TrustReport, style: Style) -> str:
    """What became of each iLO, as ``auditor.trust/v1``."""
    return _document(style, report.folder, [_judged(one) for one in report.judged])


def _judged(one: Judged) -> Json:
    candidate = one.candidate
    return {
        "target": candidate.target.name,
        "url": candidate.url,
        "verdict": one.verdict,
        "problem": candidate.problem,
        "told": one.wanted,
        "file": str(candidate.path),
        "certificate": _certificate_json(candidate.shown) if candidate.shown else None,
        "pinned_before": candidate.pin.fingerprint if candidate.pin else None,
        "pinned_since": candidate.pin.since if candidate.pin else None,
    }


def _certificate_json(shown: Certificate) -> Json:
    return {
        "fingerprint": shown.fingerprint,
        "subject": shown.subject,
        "issuer": shown.issuer,
        "valid_from": shown.valid_from,
        "valid_until": shown.valid_until,
    }


def show_kept(kept: Iterable[Kept], folder: Path, today: str, style: Style) -> str:
    """Every pin: the file, the certificate, who trusts it since when, and what is wrong with it."""
    words = Words(style.lang)
    lines: list[str] = []
    for one in kept:
        lines.append(paint(visible(one.path.name), "bold", on=style.colour))
        if one.pin is None:
            lines += [f"  {paint(one_line(one.problem, 300), 'high', on=style.colour)}", ""]
            continue
        certificate = one.pin.certificate
        lines += _certificate(certificate, words)
        if one.pin.since:
            told = "trust.by" if one.pin.by else "trust.from"
            lines.append(f"  {words(told, since=one.pin.since, by=visible(one.pin.by))}")
        if certificate.valid_until and certificate.valid_until < today:
            lines.append(f"  {words('trust.expired', end=certificate.valid_until)}")
        lines.append("")
    return "\n".join(lines or [words("trust.none", folder=visible(str(folder)))]).rstrip() + "\n"


def kept_json(kept: Iterable[Kept], folder: Path, style: Style) -> str:
    """Every pin, as ``auditor.trust/v1``."""
    listed: list[Json] = [
        {
            "file": str(one.path),
            "problem": one.problem,
            "certificate": _certificate_json(one.pin.certificate) if one.pin else None,
            "pinned_since": one.pin.since if one.pin else None,
            "by": one.pin.by if one.pin else None,
        }
        for one in kept
    ]
    return _document(style, folder, listed)


def show_removed(paths: Iterable[Path], style: Style) -> str:
    """Which files are gone."""
    words = Words(style.lang)
    return "".join(f"{words('trust.removed', path=visible(str(path)))}\n" for path in paths)


def removed_json(paths: Iterable[Path], folder: Path, style: Style) -> str:
    """Which files are gone, as ``auditor.trust/v1``."""
    return _document(style, folder, [{"file": str(path), "verdict": "removed"} for path in paths])


def _document(style: Style, folder: Path, certificates: list[Json]) -> str:
    return write(
        {
            "format": "auditor.trust/v1",
            "auditor_version": style.version,
            "folder": str(folder),
            "certificates": certificates,
        }
    )
