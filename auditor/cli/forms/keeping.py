"""The forms of init, snapshot and baseline adopt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from auditor.report.escape import one_line, visible
from auditor.report.interface import Style
from auditor.report.json import address_json, gap_json, source_json, value_json, waiting_json, write
from auditor.report.layout import advice, entry, in_short, paint, paragraph
from auditor.report.messages import Words
from auditor.report.outline import expected_text, source_text, value_text
from auditor.report.waiting import waiting_block

if TYPE_CHECKING:
    from auditor.model.snapshot import Gap
    from auditor.services.adopt import AdoptReport
    from auditor.services.adopted_text import NotAdopted, Outlier
    from auditor.services.init import InitReport
    from auditor.services.snapshot import SnapshotReport
    from auditor.store import TargetWritten

_FEW: Final = 10
"""Entries of a list that are shown without ``--verbose``."""


def show_init(report: InitReport) -> str:
    """What was made, where the key is, and the first steps."""
    lines = [f"Fleet repository {visible(report.root)}"]
    lines += [entry("made", visible(path), label_columns=10) for path in report.made]
    lines += [entry("kept", visible(path), label_columns=10) for path in report.kept]
    lines += [entry("key", f"{report.key_id} in {visible(report.key_file)}", label_columns=10), ""]
    lines += [paragraph(visible(note), 0, 2) for note in report.notes]
    lines += [
        "",
        "Next:",
        f"  edit {visible(report.root)}/auditor.yaml: name hosts and what of them is read",
        "  auditor snapshot     commits what is there; it becomes the agreed state",
        "  auditor check        findings",
        "  auditor drift        what is no longer as agreed",
    ]
    return "\n".join(lines) + "\n"


def show_snapshot(report: SnapshotReport, style: Style) -> str:
    """What the snapshot did with each target, what was not seen, and the coverage."""
    words = Words(style.lang)
    shown = [one for one in report.targets if style.verbose or one.status != "unchanged" or one.gaps]
    lines: list[str] = []
    for targets in _alike(shown):
        lines.append(_target_line(targets, words, style))
        lines += _documents(targets[0], words, style)
        lines += _gap_lines(targets[0].gaps, words)
    same = sum(one.status == "unchanged" for one in report.targets)
    if report.unchanged:
        whole = report.complete and report.seen == len(report.targets)
        part = "snapshot.identical_in_part" if report.seen else "snapshot.unseen"
        said = "snapshot.identical" if whole else part
        lines.append(paragraph(words(said, tree=report.tree[:12]), 0, 2))
    elif same:
        lines.append(words("snapshot.same", targets=words.count("target", same)))
    lines.append(words("drift.coverage", seen=words.number(report.seen), all=words.number(len(report.targets))))
    lines.append(words("snapshot.revision", revision=report.revision[:12], when=words.moment(report.run_at)))
    lines += waiting_block([(one.address.target, one) for one in report.waiting], words)
    lines += [paragraph(one_line(words.said(warning)), 0, 2) for warning in report.warnings]
    return "\n".join(lines) + "\n"


def _alike(targets: Iterable[TargetWritten]) -> Iterable[list[TargetWritten]]:
    """The targets one by one, but those together that were not seen for the same reasons."""
    found: dict[object, list[TargetWritten]] = {}
    for target in targets:
        unseen = target.status == "not seen" and not target.documents
        found.setdefault(target.gaps if unseen else target.target, []).append(target)
    return found.values()


def _target_line(targets: Sequence[TargetWritten], words: Words, style: Style) -> str:
    target = targets[0]
    status = words(f"snapshot.{target.status}")
    if target.status == "not seen":
        counts = any(gap.counts for gap in target.gaps) or not target.gaps
        status = paint(status, "high", on=style.colour) if counts else words("drift.expected")
    if target.documents:
        status = f"{status}, {words.count('document', target.documents)}"
    if target.agreed:
        status = f"{status}, {words('snapshot.agreed')}"
    return f"{in_short([one.target for one in targets], whole=style.verbose)}  {status}"


def _documents(target: TargetWritten, words: Words, style: Style) -> Iterable[str]:
    if target.status != "changed" and not style.verbose:
        return
    unsure = any(not gap.complete for gap in target.gaps)  # then what is missing may only not have been seen
    marked = [("+", one_line(one)) for one in target.added]
    marked += [("~", one_line(one)) for one in target.changed]
    marked += [
        ("?", words("snapshot.unsure", name=one_line(one))) if unsure else ("-", one_line(one))
        for one in target.removed
    ]
    shown = marked if style.verbose else marked[:_FEW]
    for mark, name in shown:
        yield f"  {mark} {name}"
    if len(marked) > len(shown):
        yield f"    +{len(marked) - len(shown)}; --verbose"


def _gap_lines(gaps: Iterable[Gap], words: Words) -> Iterable[str]:
    for gap in gaps:
        detail = one_line(gap.detail)
        cause = words(f"cause.{gap.cause}")
        yield entry(one_line(gap.what, 200), f"{cause}: {detail}" if detail else cause, 4)
        if expected := expected_text(gap, words):
            yield paragraph(expected, 6, 8)
        else:
            yield from advice(words.said(gap.next_step), 6)


def snapshot_json(report: SnapshotReport, style: Style) -> str:
    """The snapshot as ``auditor.snapshot/v1``."""
    return write(
        {
            "format": "auditor.snapshot/v1",
            "auditor_version": style.version,
            "revision": report.revision,
            "tree": report.tree,
            "before": report.before,
            "run_at": report.run_at,
            "unchanged": report.unchanged,
            "complete": report.complete,
            "coverage": {"seen": report.seen, "targets": len(report.targets)},
            "targets": [
                {
                    "target": one.target,
                    "status": one.status,
                    "agreed": one.agreed,
                    "added": list(one.added),
                    "changed": list(one.changed),
                    "removed": list(one.removed),
                    "gaps": [gap_json(gap) for gap in one.gaps],
                }
                for one in report.targets
            ],
            "waiting": [waiting_json(one) for one in report.waiting],
            "warnings": list(report.warnings),
        }
    )


def show_adopt(report: AdoptReport, file: str, style: Style) -> str:
    """What was adopted, who differs, what was not adopted, and what was not seen."""
    words = Words(style.lang)
    head = words(
        "adopt.adopted",
        values=words.number(report.adopted),
        targets=words.count("target", len(report.targets)),
        file=visible(file),
    )
    lines = [paragraph(head, 0, 2)]
    lines += _listed(words("adopt.outliers"), [_outlier(one, words) for one in report.outliers], style)
    lines += _listed(words("adopt.not_adopted"), [_not_adopted(one) for one in report.not_adopted], style)
    if report.not_seen:
        lines.append(words("check.not_seen"))
        lines += [entry(visible(target), one_line(why)) for target, why in report.not_seen]
    lines.append(words("adopt.next"))
    return "\n".join(lines) + "\n"


def _listed(title: str, texts: list[str], style: Style) -> list[str]:
    if not texts:
        return []
    shown = texts if style.verbose else texts[:_FEW]
    more = [f"  +{len(texts) - len(shown)}; --verbose"] if len(texts) > len(shown) else []
    return [f"{title} ({len(texts)})", *shown, *more]


def _outlier(one: Outlier, words: Words) -> str:
    absent = words("drift.absent")
    text = f"{value_text(one.value, absent)} ({words('adopt.others')} {value_text(one.agreed, absent)})"
    source = source_text(one.source)
    return f"  {one_line(str(one.address))}\n" + paragraph(f"{text}  {source}".rstrip(), 6)


def _not_adopted(one: NotAdopted) -> str:
    name = one_line(f"{one.kind} {one.name} {one.attribute}".rstrip())
    votes = "; ".join(f"{one_line(value)}: {len(targets)}" for value, targets in one.votes)
    return paragraph(f"{name}: {visible(one.reason)}" + (f" ({votes})" if votes else ""), 2, 6)


def adopt_json(report: AdoptReport, file: str, style: Style) -> str:
    """The adoption as ``auditor.adopt/v1``."""
    document: dict[str, Any] = {
        "format": "auditor.adopt/v1",
        "auditor_version": style.version,
        "group": report.group,
        "file": file,
        "adopted": report.adopted,
        "targets": list(report.targets),
        "outliers": [
            {
                "address": address_json(one.address),
                "value": value_json(one.value),
                "agreed": value_json(one.agreed),
                "source": source_json(one.source),
            }
            for one in report.outliers
        ],
        "not_adopted": [
            {
                "kind": one.kind,
                "name": one.name,
                "attribute": one.attribute,
                "reason": one.reason,
                "votes": [{"value": value, "targets": list(targets)} for value, targets in one.votes],
            }
            for one in report.not_adopted
        ],
        "not_seen": [{"target": target, "why": why} for target, why in report.not_seen],
    }
    return write(document)
