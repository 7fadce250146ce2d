"""The forms of explain."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from auditor.model.value import show_seconds
from auditor.report.escape import one_line
from auditor.report.interface import WIDTH, Style
from auditor.report.json import gap_json, write, write_line
from auditor.report.layout import entry, pad, paint, paragraph, width_of
from auditor.report.messages import Words
from auditor.report.outline import source_text

if TYPE_CHECKING:
    from auditor.model.snapshot import Gap
    from auditor.services.explain import Answers, Asking, OwnTimeout
    from auditor.surfaces.httpd.answer import Answer, ChainEntry, Failure, Governed

_NAME: Final = 20
_RIGHT: Final = 26
_SETTING: Final = 28
_VERDICT: Final = 22
_OTHERS: Final = 5
_PHASE: Final = 24
_STATUS: Final = 19


def explain_json(found: Answers, style: Style) -> str:
    """The answers as ``auditor.explain/v1``."""
    from auditor.surfaces.httpd.answer import answer_json

    return write(
        {
            "format": "auditor.explain/v1",
            "auditor_version": style.version,
            "target": found.target,
            "complete": found.complete,
            "answers": [answer_json(answer) for answer in found.answers],
            "gaps": [gap_json(gap) for gap in found.gaps],
        }
    )


def explain_json_pieces(asking: Asking, urls: Iterable[str], style: Style) -> Iterator[str]:
    """The same document for any number of URLs, in pieces: an answer a line, ``complete`` and ``gaps`` at its end."""
    from auditor.surfaces.httpd.answer import answer_json

    head = {"format": "auditor.explain/v1", "auditor_version": style.version, "target": asking.target}
    yield write_line(head)[:-1] + ', "answers": ['
    between = "\n"
    for url in urls:
        yield between + write_line(answer_json(asking.answer(url)))
        between = ",\n"
    tail = {"gaps": [gap_json(gap) for gap in asking.gaps], "complete": asking.complete}
    yield "\n], " + write_line(tail)[1:] + "\n"


def show_explain_pieces(asking: Asking, urls: Iterable[str], style: Style) -> Iterator[str]:
    """The same for any number of URLs, each as it is answered; without the plans that would change something."""
    words = Words(style.lang)
    between = ""
    for url in urls:
        yield between + "\n".join(_answer(asking.answer(url), words, style)) + "\n"
        between = "\n"
    if asking.gaps:
        yield f"\n{_gaps(asking.gaps, words)}\n"


def show_explain(found: Answers, style: Style) -> str:
    """Each URL: what governs, how it came about, what a time-out looks like."""
    words = Words(style.lang)
    blocks = [
        "\n".join([*_answer(answer, words, style), *_own_timeout(own, words)])
        for answer, own in zip_longest(found.answers, found.own)
    ]
    if found.gaps:
        blocks.append(_gaps(found.gaps, words))
    return "\n\n".join(blocks) + "\n"


def _gaps(gaps: Iterable[Gap], words: Words) -> str:
    lines = [words("check.not_seen")]
    for gap in gaps:
        detail = one_line(gap.detail)
        cause = words(f"cause.{gap.cause}")
        lines.append(entry(one_line(gap.what), f"{cause}: {detail}" if detail else cause))
        if gap.next_step:
            lines.append(f"      {one_line(words.said(gap.next_step))}")
    return "\n".join(lines)


def _answer(answer: Answer, words: Words, style: Style) -> Iterable[str]:
    yield paint(one_line(answer.url), "bold", on=style.colour)
    host_source = source_text(answer.virtual_host_source)
    yield _row(words("explain.virtual_host"), one_line(answer.virtual_host), host_source)
    if answer.virtual_host_note:
        yield paragraph(one_line(words.said(answer.virtual_host_note)), 2 + _NAME)
    if not answer.proxied and not answer.run_by:
        yield _row(words("explain.mapped_by"), words("explain.not_proxied"), "")
        yield paragraph(one_line(words.said(answer.why_not)), 2 + _NAME)
        yield from _failures(answer, words)
        yield from _undetermined(answer, words)
        return
    yield _row(words("explain.mapped_by"), one_line(answer.mapped_by or ""), source_text(answer.mapped_by_source))
    if answer.balancer:
        yield _row(words("explain.balancer"), one_line(answer.balancer), "")
    if answer.run_by:
        yield _row(words("explain.run_by"), answer.run_by, "")
    else:
        worker = one_line(answer.worker) if answer.worker else words("explain.generic")
        yield _row(words("explain.worker"), worker, source_text(answer.worker_source))
    if answer.shared_with:
        shared = ", ".join(f"{one_line(name)} ({source_text(source)})" for name, source in answer.shared_with)
        yield paragraph(words("explain.shared", routes=shared), 2 + _NAME)
    yield ""
    yield from _timeouts(answer, words)
    if answer.chain:
        yield ""
        yield f"  {words('explain.chain')}"
        for one in answer.chain:
            yield from _link(one, words)
    yield from _strikes(answer, words)
    yield from _failures(answer, words)
    yield from _undetermined(answer, words)


def _row(label: str, text: str, source: str) -> str:
    """A label, a text and, at the right, where it stands; on two lines where it does not fit."""
    head = f"  {pad(label, _NAME)}"
    if not source:
        return paragraph(f"{head.strip()}", 2) if not text else head + paragraph(text, 2 + _NAME).lstrip(" ")
    if width_of(head) + max(_RIGHT, width_of(text)) + 2 + width_of(source) <= WIDTH:
        return f"{head}{pad(text, _RIGHT)}  {source}"
    return head + paragraph(text, 2 + _NAME).lstrip(" ") + "\n" + _place(source, 2 + _NAME)


def _place(source: str, column: int) -> str:
    """A place on a line of its own: never broken, since it is copied; further left where it would not fit."""
    return " " * max(4, min(column, WIDTH - width_of(source))) + source


def _timeouts(answer: Answer, words: Words) -> Iterable[str]:
    for key, seconds, governed, note in (
        ("explain.read", answer.read_timeout_s, answer.read_governed_by, ""),
        ("explain.connect", answer.connect_timeout_s, answer.connect_governed_by, answer.connect_note),
    ):
        if governed is None and answer.run_by:
            continue
        if governed is None:
            yield _row(words(key), words("explain.unknown"), "")
            continue
        shown = words("explain.no_limit") if seconds is None else show_seconds(seconds)
        text = f"{pad(shown, 9)} {_governed(governed, words)}"
        yield _row(words(key), text, source_text(governed.source))
        if note:
            yield paragraph(one_line(words.said(note)), 2 + _NAME)
    for index, (url, seconds) in enumerate(answer.members):
        shown = words("explain.no_limit") if seconds is None else show_seconds(seconds)
        text = f"{pad(shown, 9)} {one_line(url)}"
        yield f"  {pad(words('explain.members') if index == 0 else '', _NAME)}{text}"


def _governed(governed: Governed, words: Words) -> str:
    if governed.directive == "default":
        return words("explain.default")
    return one_line(f"{governed.directive} {governed.value}".strip())


def _link(one: ChainEntry, words: Words) -> Iterable[str]:
    reason = one_line(words.said(one.reason))
    verdict = words(f"verdict.{one.verdict}")
    text = f"{verdict}: {reason}" if reason else verdict
    source = source_text(one.source)
    setting = one_line(one.setting)
    column = 4 + _SETTING
    head = f"    {pad(setting, _SETTING)}"
    if width_of(setting) + 2 > _SETTING:  # too long to stand beside its verdict
        yield paragraph(setting, 4, 6)
        head = " " * column
    if column + max(_VERDICT, width_of(text)) + 2 + width_of(source) <= WIDTH:
        yield f"{head}{pad(text, _VERDICT)}  {source}".rstrip()
        return
    yield head + paragraph(text, column).lstrip(" ")
    if source:
        yield _place(source, column)


def _strikes(answer: Answer, words: Words) -> Iterable[str]:
    mark = answer.on_timeout
    if mark is None or answer.read_governed_by is None:
        return
    yield ""
    if answer.read_timeout_s is None:
        yield paragraph(words("explain.never"), 2)
        return
    ids = words("explain.and").join(mark.log_ids)
    key = "explain.strikes" if ids else "explain.strikes_plain"
    after = show_seconds(answer.read_timeout_s if mark.seconds is None else mark.seconds)
    if mark.status is None:
        yield paragraph(words("explain.strikes_unknown", after=after), 2)
    else:
        yield paragraph(words(key, status=mark.status, after=after, ids=ids), 2)
    if mark.text:
        yield paragraph(one_line(words.said(mark.text)), 2)


def _failures(answer: Answer, words: Words) -> Iterable[str]:
    """Every other way to fail, then what a client is held to: how it looks, and what bounds it."""
    client = [one for one in answer.failures if one.when.startswith("client ")]
    others = [one for one in answer.failures if one not in client and one.when != "read"]
    told = {answer.on_timeout.text} if answer.on_timeout is not None else set()
    for key, found in (("explain.failures", others), ("explain.client", client)):
        if found:
            yield ""
            yield f"  {words(key)}"
            for one in found:
                yield from _failure(one, answer, words)
                if one.text and one.text not in told:
                    yield paragraph(one_line(words.said(one.text)), 4 + _PHASE)
                told.add(one.text)


def _failure(one: Failure, answer: Answer, words: Words) -> Iterable[str]:
    if one.seconds is None:
        after = words("explain.no_limit")
    else:
        after = words("explain.after", after=show_seconds(one.seconds)) if one.seconds else words("explain.at_once")
    status = words("explain.no_answer") if one.status is None else str(one.status)
    head = f"    {pad(words(f'when.{one.when}'), _PHASE)}{pad(f'{status} {after}', _STATUS)}"
    column = 4 + _PHASE + _STATUS
    notes = [", ".join(one.log_ids)] if one.log_ids else []
    if one.fails_over:
        notes.append(words("explain.member_by_member"))
    by = one.governed_by
    if by in (answer.read_governed_by, answer.connect_governed_by):  # they stand above already
        by = None
    governs = "" if by is None else _bound(by, words)
    if governs and not notes:
        notes, governs = [governs], ""
    yield (head + paragraph("; ".join(notes), column).lstrip(" ")).rstrip()
    if governs:
        yield paragraph(governs, column)
    if by is not None and by.source is not None:
        yield _place(source_text(by.source), column)


def _bound(by: Governed, words: Words) -> str:
    """What bounds a failure: directive and value; a compiled default said to be one."""
    if by.directive != "default":
        return one_line(f"{by.directive} {by.value}".strip())
    written = by.value if " " in by.value else f"Timeout {by.value}"
    return one_line(f"{written}, {words('explain.default')}")


def _own_timeout(own: OwnTimeout | None, words: Words) -> Iterable[str]:
    """The command that would give the route the time-out its own line asks for in vain, and what else it changes."""
    if own is None:
        return
    key = "explain.own_shared" if own.others else "explain.own"
    value = show_seconds(own.seconds)
    yield ""
    yield paragraph(words(key, route=one_line(own.address.name), value=value), 2)
    yield f"    auditor plan --set {shlex.quote(one_line(f'{own.address}={own.seconds}s'))}"
    shown = [one_line(name) for name in own.others[:_OTHERS]]
    if own.others:
        more = words("explain.own_more", count=len(own.others) - _OTHERS) if len(own.others) > _OTHERS else ""
        yield paragraph(", ".join([*shown, *filter(None, (more,))]), 6)


def _undetermined(answer: Answer, words: Words) -> Iterable[str]:
    if answer.notes:
        yield ""
        yield f"  {words('explain.notes')}"
        yield from (paragraph(one_line(words.said(text)), 4, 6) for text in answer.notes)
    if answer.undetermined:
        yield ""
        yield f"  {words('explain.undetermined')}"
        yield from (paragraph(one_line(words.said(text)), 4, 6) for text in answer.undetermined)
