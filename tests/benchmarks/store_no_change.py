"""A snapshot of 100 hosts on which nothing changed, against SHA-1 of the same bytes."""

from __future__ import annotations

import hashlib
import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from auditor.model.snapshot import Collected, Document, Fact
from auditor.store import Store
from tests.benchmarks.timing import Cost, compare, cost_of_call, ratio_line

HOSTS = 100
FILES = 60
FILE_BYTES = 7_100  # 60 of them are the 426 KB of a host


def host(number: int) -> Collected:
    """One synthetic host."""
    random_bytes = random.Random(number).randbytes
    documents = [
        Document(f"conf.d/{at:02}.conf", f"files/conf.d/{at:02}.conf", random_bytes(FILE_BYTES), 0o644, "root", "root")
        for at in range(FILES)
    ]
    return Collected(f"web{number}/httpd", "httpd", tuple(documents), (Fact("version", "2.4.6", "httpd -v"),))


def run() -> str:
    """The ratio, in a line; the store is opened and closed each time, as a nightly run does."""
    hosts = [host(number) for number in range(HOSTS)]
    night = [datetime(2026, 11, 22, 2, 0, tzinfo=UTC)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "store.git")
        with Store.create(path) as store:
            store.write(hosts, now=night[0])

        def snapshot() -> None:
            night[0] += timedelta(days=1)
            with Store.open(path) as store:
                result = store.write(hosts, now=night[0])
            if not result.unchanged:
                raise RuntimeError("the tree differs though nothing changed")

        def digest() -> None:
            for one in hosts:
                for document in one.documents:
                    hashlib.sha1(document.content, usedforsecurity=False).digest()

        def ours() -> Cost:
            return cost_of_call(snapshot)

        first, second = compare(ours, lambda: cost_of_call(digest), runs=9)
    return ratio_line(f"no-change snapshot of {HOSTS} hosts against SHA-1 of the same bytes", first, second, 4.0)
