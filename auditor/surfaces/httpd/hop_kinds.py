"""Attributes about the hops around httpd and about its load: see :mod:`auditor.surfaces.httpd.hops`.

Those that rest on a declaration are absent where nothing is declared.
"""

from __future__ import annotations

from typing import Final

from auditor.model.resource import AttributeSpec as _Spec

_LOAD: Final = (
    _Spec("arrival_rate", "number", "Declared or measured: requests a second."),
    _Spec("arrival_rate_from", "text", "declared, or how it was measured."),
    _Spec(
        "workers_held",
        "number",
        "How many workers hold at most, at that rate, on to a back end that answers nothing; no limit where nothing "
        "lets them go.",
    ),
    _Spec(
        "full_after",
        "duration",
        "Seconds until no worker is left then, all of them being free before; no limit: never.",
    ),
)

SERVER_HOPS: Final = (
    _Spec(
        "front_keep_alive",
        "duration",
        "Declared: how long the client or load balancer in front keeps an idle connection for its next request.",
    ),
)

SERVER_LOAD: Final = (
    _Spec(
        "request_workers",
        "number",
        "How many requests are served at once, as the MPM computes it from MaxRequestWorkers, ServerLimit, "
        "ThreadsPerChild and ThreadLimit, with their defaults.",
    ),
    _Spec(
        "request_workers_cut_by",
        "text",
        "What makes it another number than MaxRequestWorkers says; absent: nothing.",
    ),
    *_LOAD,
    _Spec("slowest_route", "text", "The route whose stalled back end holds a worker longest. Declared load."),
    _Spec("slowest_hold", "duration", "How long that route holds a worker. Declared load."),
)

ROUTE_HOPS: Final = (
    _Spec("front_timeout", "duration", "Declared: how long the client or load balancer in front waits."),
    _Spec(
        "longest_wait",
        "duration",
        "The longest until httpd answers for a back end that does not: connecting, reading, other members tried. "
        "Present where the hop in front is declared.",
    ),
    _Spec("longest_wait_parts", "text", "What that is made of: reading, connecting, waiting for a member."),
    _Spec("backend_timeout", "duration", "Declared: after how long the back end itself gives up."),
    _Spec(
        "backend_read_timeout",
        "duration",
        "The read time-out towards that back end; of a balancer's members the one with the least to spare.",
    ),
    *_LOAD,
    _Spec("workers", "number", "How many requests the server serves at once. Present where load is declared."),
    _Spec("upload_size", "number", "Declared: bytes of the largest upload."),
    _Spec("upload_rate", "number", "Declared: bytes a second of the slowest client that uploads."),
    _Spec("upload_time", "duration", "How long that upload takes such a client."),
    _Spec(
        "upload_cut_after",
        "duration",
        "When RequestReadTimeout cuts a client that sends at that rate; no limit: never.",
    ),
)

WORKER_HOPS: Final = (
    _Spec("backend_keep_alive", "duration", "Declared: how long the back end keeps an idle connection; 0: not at all."),
    _Spec(
        "idle_reuse",
        "duration",
        "For how long an idle connection is reused: ttl=, no limit without (and under prefork), 0 where none is "
        "reused. Present where the back end's keep-alive is declared.",
    ),
    _Spec(
        "reset_race",
        "boolean",
        "Whether a request may be sent down a connection that the back end is just closing: it is reused for no "
        "less time than the back end keeps it, and not asked first (AJP with ping=).",
    ),
)
