"""One step of a plan for people: where, what it changes, with a difference, and how it is taken back."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import unified_diff
from itertools import islice

from auditor.cli.forms.packages import package_lines
from auditor.model.plan import (
    BiosAttributes,
    DirectiveEdit,
    FileChange,
    FirmwareUpdate,
    LinkChange,
    ManagerReset,
    NoUndo,
    PackageVersions,
    RedfishCreate,
    RedfishDelete,
    RedfishPatch,
    Step,
)
from auditor.report.escape import one_line, visible
from auditor.report.layout import pad, paragraph, width_of
from auditor.report.messages import Words


def step_lines(step: Step, words: Words) -> Iterable[str]:
    """The lines of one step, indented below its target."""
    disruption = words(f"disruption.{step.disruption}")
    head = f"    {visible(step.id)}  {_place(step)}"
    if width_of(head) + width_of(disruption) + 2 <= 80:
        yield pad(head, 80 - width_of(disruption)) + disruption
    else:
        yield head
        yield f"      {disruption}"
    if step.why:
        yield paragraph(one_line(step.why), 6)
    if isinstance(step.change, DirectiveEdit) and step.change.links:
        yield paragraph(words("plan.links", links=one_line(", ".join(step.change.links))), 6)
    yield from package_lines(step, words)
    yield from _change(step, words)
    if isinstance(step.undo, NoUndo):
        yield paragraph(words("plan.no_undo", reason=one_line(step.undo.reason)), 6)
    else:
        yield paragraph(words(_undo_text(step)), 6)
        yield from (f"      {one_line(line)}" for line in _way_back(step))
        if isinstance(step.undo, RedfishPatch | RedfishCreate):
            yield from _secrets(step.undo, words, "")


def _undo_text(step: Step) -> str:
    match step.undo:
        case DirectiveEdit():
            return "plan.undo_bytes"
        case FileChange() | LinkChange():
            return "plan.undo_whole"
        case PackageVersions():
            return "plan.undo_packages"
        case RedfishDelete():
            return "plan.undo_made"
        case RedfishCreate():
            return "plan.undo_removed"
        case _:
            return "plan.undo_values"


def _way_back(step: Step) -> Iterable[str]:
    """What the way back does beyond the step reversed: attributes of a BIOS driven along, an older artefact."""
    match step.change, step.undo:
        case BiosAttributes(), BiosAttributes():
            asked = {name for name, _ in step.change.attributes}
            yield from (f"{name} = {value}" for name, value in step.undo.attributes if name not in asked)
        case _, FirmwareUpdate():
            yield f"{step.undo.file}  {step.undo.version}  SHA-256 {step.undo.sha256[:16]}…"


def _place(step: Step) -> str:
    change = step.change
    match change:
        case DirectiveEdit():
            last = f"-{change.last_line}" if change.last_line >= change.line else ""  # lines put ahead of that one
            return one_line(f"{change.file}:{change.line}{last}")
        case FileChange():
            return one_line(change.file)
        case LinkChange():
            return one_line(change.link)
        case PackageVersions():
            return "apt" if change.manager == "apt" else "dnf, yum"
        case RedfishPatch() | BiosAttributes() | ManagerReset():
            return one_line(change.uri)
        case RedfishCreate():
            return one_line(change.collection)
        case RedfishDelete():
            return one_line(change.uri or change.collection)
        case FirmwareUpdate():
            return one_line(change.file)


def _change(step: Step, words: Words) -> Iterable[str]:
    change = step.change
    match change:
        case DirectiveEdit():
            yield from (f"      - {line}" for line in _lines(change.before))
            yield from (f"      + {line}" for line in _lines(change.after))
        case FileChange():
            yield from _whole(change, words)
        case LinkChange():
            yield from (f"      - → {one_line(text)}" for text in (change.before,) if text is not None)
            yield from (f"      + → {one_line(text)}" for text in (change.after,) if text is not None)
        case PackageVersions():
            yield paragraph(words("plan.packages"), 6)
        case RedfishPatch():
            yield from (f"      {one_line(pointer)} = {one_line(value)}" for pointer, value in change.members)
            yield from _secrets(change, words, "")
        case FirmwareUpdate():
            yield f"      {one_line(change.version)}  SHA-256 {change.sha256[:16]}…"
        case RedfishCreate() | RedfishDelete():
            sign = "+" if isinstance(change, RedfishCreate) else "-"
            yield from (f"      {sign} {one_line(pointer)} = {one_line(value)}" for pointer, value in change.members)
            if isinstance(change, RedfishCreate):
                yield from _secrets(change, words, "+ ")
        case BiosAttributes():
            yield from (f"      {one_line(name)} = {one_line(value)}" for name, value in change.attributes)


def _secrets(part: RedfishPatch | RedfishCreate, words: Words, sign: str) -> Iterable[str]:
    """Where each secret comes from, and whether it has to be the one that was there when the plan was made."""
    for one in part.secrets:
        held = words("plan.secret_known" if one.digest else "plan.secret_unknown")
        said = words("plan.secret", place=one_line(one.place))
        yield paragraph(f"{sign}{one_line(one.pointer)}: {said}, {held}", 6, 8)


def _whole(change: FileChange, words: Words) -> Iterable[str]:
    """What becomes of a whole file: that it comes or goes, its mode and owner, and the lines that differ."""
    before, after = change.before, change.after
    what = "plan.file_created" if before is None else "plan.file_deleted" if after is None else "plan.file_replaced"
    access = [f"{one.mode:04o} {one_line(one.owner)}:{one_line(one.group)}" for one in (before, after) if one]
    yield paragraph(words(what, access=" → ".join(dict.fromkeys(access))), 6)
    old, new = (_lines(one.content) if one else [] for one in (before, after))
    for line in islice(unified_diff(old, new, n=2, lineterm=""), 2, None):
        yield f"      {line[0]} {line[1:]}" if line[0] in "+- " else "      …"


def _lines(text: str) -> list[str]:
    """A step's lines (bytes as latin-1 text) as a person reads them."""
    shown = text.encode("latin-1", "backslashreplace").decode("utf-8", "backslashreplace")
    return [visible(line) for line in shown.rstrip("\n").split("\n")] if shown else []
