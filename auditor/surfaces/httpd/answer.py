"""The answer for one URL: who answers, what governs, how it came about, what a time-out will look like."""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec

from auditor.model.source import FileSource

Verdict = Literal["governs", "ignored", "not reached", "not set"]


class Governed(msgspec.Struct, frozen=True, gc=False):
    """The setting that governs: the directive's name (``default`` for a compiled default), the value as written."""

    directive: str
    value: str
    source: FileSource | None


class ChainEntry(msgspec.Struct, frozen=True, gc=False):
    """One setting that could govern the read time-out, strongest first: what became of it, and why.

    ``setting`` is as written (``timeout=300 on /app``) or the name of what is not set.
    """

    setting: str
    set: bool
    verdict: Verdict
    reason: str
    source: FileSource | None = None


class OnTimeout(msgspec.Struct, frozen=True, gc=False):
    """What a read time-out looks like, and after how many seconds (None: never); ``text`` adds what they do not say."""

    status: int | None
    log_ids: tuple[str, ...]
    text: str = ""
    seconds: float | None = None


class Failure(msgspec.Struct, frozen=True, gc=False):
    """One way in which a back end or a client fails a request, and what that looks like.

    ``when`` is ``no module`` (none speaks the protocol), ``refused``, ``in error`` (since it was refused before),
    ``connect`` (no connection in time), ``handshake`` (TLS), ``ping``, ``closed`` (without an answer), ``read`` (no
    answer in time), ``mid-body`` (it stops there), ``cut`` (it ends there), ``no upgrade`` (no WebSocket handshake),
    ``idle tunnel``, ``no member``, or the client's ``client handshake``, ``client header``, ``client body`` and
    ``client idle``. ``seconds`` until the client has its answer, attempts on other members included; None: never.
    ``status`` 200 and 101 were sent before; None: none is sent, or it is not known.
    """

    when: str
    seconds: float | None
    status: int | None
    log_ids: tuple[str, ...]
    governed_by: Governed | None = None
    text: str = ""
    fails_over: bool = False


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The answer for one URL.

    Seconds are numbers; with ``proxied`` true, None means without limit unless ``undetermined`` says why it is not
    known. A URL that is not proxied has neither worker nor time-outs, and ``why_not`` says what ends it; a script that
    httpd runs itself has a read time-out and ``run_by``, the module. ``notes`` say what may end a request otherwise
    while the time-outs stay.
    ``worker`` is the name httpd compares, or None for the generic one. ``also`` is one answer for each further
    member where a balancer's members differ; the time-outs above are then the longest.
    """

    url: str
    virtual_host: str
    proxied: bool
    mapped_by: str | None = None
    worker: str | None = None
    read_timeout_s: float | None = None
    connect_timeout_s: float | None = None
    read_governed_by: Governed | None = None
    connect_governed_by: Governed | None = None
    chain: tuple[ChainEntry, ...] = ()
    on_timeout: OnTimeout | None = None
    undetermined: tuple[str, ...] = ()
    # What people are told beside.
    virtual_host_source: FileSource | None = None
    mapped_by_source: FileSource | None = None
    route: str = ""
    target_url: str = ""
    worker_source: FileSource | None = None
    shared_with: tuple[tuple[str, FileSource], ...] = ()
    members: tuple[tuple[str, float | None], ...] = ()
    balancer: str | None = None
    why_not: str = ""
    connect_note: str = ""
    failures: tuple[Failure, ...] = ()
    run_by: str = ""
    virtual_host_note: str = ""
    notes: tuple[str, ...] = ()


def seconds_or_none(seconds: float) -> float | None:
    """Seconds as JSON has them: None is without limit, whole numbers are integers."""
    if seconds < 0 or math.isinf(seconds):
        return None
    return int(seconds) if seconds == int(seconds) else seconds


def _source(source: FileSource | None) -> dict[str, Any] | None:
    return None if source is None else {"file": source.file, "line": source.line, "last_line": source.last_line}


def _governed(one: Governed | None) -> dict[str, Any] | None:
    return None if one is None else {"directive": one.directive, "value": one.value, "source": _source(one.source)}


def answer_json(answer: Answer) -> dict[str, Any]:
    """One entry of ``answers`` in ``auditor.explain/v1``."""
    mark = answer.on_timeout
    return {
        "url": answer.url,
        "virtual_host": answer.virtual_host,
        "virtual_host_note": answer.virtual_host_note or None,
        "mapped_by": answer.mapped_by,
        "worker": answer.worker,
        "read_timeout_s": answer.read_timeout_s,
        "connect_timeout_s": answer.connect_timeout_s,
        "read_governed_by": _governed(answer.read_governed_by),
        "connect_governed_by": _governed(answer.connect_governed_by),
        "chain": [
            {
                "setting": entry.setting,
                "set": entry.set,
                "verdict": entry.verdict,
                "reason": entry.reason,
                "source": _source(entry.source),
            }
            for entry in answer.chain
        ],
        "on_timeout": None
        if mark is None
        else {"status": mark.status, "log_ids": list(mark.log_ids), "after_s": mark.seconds},
        "undetermined": list(answer.undetermined),
        "notes": list(answer.notes),
        "proxied": answer.proxied,
        "run_by": answer.run_by or None,
        "route": answer.route or None,
        "balancer": answer.balancer,
        "shared_with": [name for name, _ in answer.shared_with],
        "members": [{"url": url, "read_timeout_s": seconds} for url, seconds in answer.members],
        "failures": [_failure(one) for one in answer.failures],
    }


def _failure(one: Failure) -> dict[str, Any]:
    return {
        "when": one.when,
        "after_s": one.seconds,
        "status": one.status,
        "log_ids": list(one.log_ids),
        "fails_over": one.fails_over,
        "governed_by": _governed(one.governed_by),
        "note": one.text or None,
    }
