"""No content is read twice in one run: alike on many hosts, or beside another file that changed."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

import msgspec
import pytest

from auditor.model.plan import Wish
from auditor.model.resource import Address
from auditor.model.snapshot import Collected, Document, Fact
from auditor.model.value import Duration
from auditor.surfaces.httpd import lines
from auditor.surfaces.httpd.propose import propose
from auditor.surfaces.httpd.resources import interpret
from auditor.surfaces.interface import InterpretOptions

OPTIONS = InterpretOptions(httpd_version="2.4.62")
FILES = 20


@pytest.fixture
def read() -> Iterator[list[bytes]]:
    """The contents that are taken apart, one after the other; nothing is remembered from before."""
    seen: list[bytes] = []
    true = lines._read_lines

    def noted(content: bytes) -> tuple[lines.LogicalLine, ...]:
        seen.append(content)
        return true(content)

    with mock.patch.object(lines, "_read_lines", noted), mock.patch.object(lines, "_MEMORY", lines._Memory()):
        yield seen


def host(name: str) -> Collected:
    contents = {
        f"conf.d/{number:02}.conf": f"ProxyPass /a{number} http://10.0.0.{number}/\n" for number in range(FILES)
    }
    contents["httpd.conf"] = "ServerName a.example\nTimeout 60\nInclude conf.d/*.conf\n"
    documents = tuple(Document(one, f"files/{one}", text.encode()) for one, text in sorted(contents.items()))
    facts = (Fact("layout", "other"), Fact("main_file", "httpd.conf"), Fact("root", "/etc/httpd"))
    return Collected(name, "httpd", documents, facts)


def edited(collected: Collected, name: str, text: bytes) -> Collected:
    documents = tuple(
        msgspec.structs.replace(one, content=text) if one.name == name else one for one in collected.documents
    )
    return msgspec.structs.replace(collected, documents=documents)


def test_a_hundred_hosts_with_the_same_files_are_read_as_one(read: list[bytes]) -> None:
    for number in range(100):
        assert interpret(host(f"web{number}/httpd"), OPTIONS).resources
    assert len(read) == FILES + 1


def test_a_changed_file_reads_only_itself(read: list[bytes]) -> None:
    before = interpret(host("web1/httpd"), OPTIONS)
    read.clear()
    after = interpret(edited(host("web1/httpd"), "conf.d/07.conf", b"ProxyPass /b http://10.0.0.7/\n"), OPTIONS)
    assert read == [b"ProxyPass /b http://10.0.0.7/\n"]
    assert after.resources != before.resources


def test_a_proposal_reads_only_what_it_edits(read: list[bytes]) -> None:
    interpret(host("web1/httpd"), OPTIONS)
    read.clear()
    wish = Wish(Address("web1/httpd", "httpd.route", "main /a3", "read_timeout"), Duration(30))
    assert propose((wish,), host("web1/httpd"), OPTIONS).steps
    assert all(content.startswith(b"ProxyPass /a3 http://10.0.0.3/") for content in read)


def test_memory_is_bounded(read: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_REMEMBERED", 10_000)
    contents = [f"Timeout {number}\n".encode() * 10 for number in range(1_000, 1_020)]
    for content in contents:
        lines.read_lines(content)
    read.clear()
    lines.read_lines(contents[-1])
    assert read == []
    lines.read_lines(contents[0])
    assert read == [contents[0]]


def test_many_short_lines_are_not_remembered_for_the_few_bytes_that_they_are(
    read: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "_REMEMBERED", 1024 * 1024)
    for _ in range(2):
        lines.read_lines(b"\n" * 100_000)
    assert len(read) == 2
